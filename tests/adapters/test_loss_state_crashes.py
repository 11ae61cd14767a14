"""LIVE-17: a service that reads trades, dies anywhere and starts again counts each trade once."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import CapturingLogger

from grinder_adapters.loss_state import LossStateFile
from grinder_core.contracts.enums import Side
from grinder_core.risk.loss_state import PersistedServiceState
from grinder_core.risk.loss_streak import LossStreaks, VenueTrade
from grinder_core.risk.settings import RiskSettings

D = Decimal
SYMBOLS = ("AAAUSDT", "BBBUSDT")
SETTINGS = RiskSettings(consec_loss_enabled=True, consec_loss_threshold=2)


class Crash(BaseException):
    """The process is gone; nothing may catch this."""


class Mortal:
    """Lets the process die at its nth moment; renames are two, before and after."""

    def __init__(self) -> None:
        self.moments_left: int | None = None
        self._replace = os.replace

    def moment(self) -> None:
        if self.moments_left is not None:
            self.moments_left -= 1
            if self.moments_left < 0:
                self.moments_left = None
                raise Crash

    def replace(self, source: Any, target: Any) -> None:
        self.moment()
        self._replace(source, target)
        self.moment()


class Service:
    """What a process does: restore, then read each symbol's trades and save after each batch."""

    def __init__(self, path: Path, mortal: Mortal) -> None:
        self.log = CapturingLogger()
        self._file, self._mortal = LossStateFile(path=path, log=self.log), mortal
        state = self._file.load()
        self.streaks = LossStreaks.of(SETTINGS) if state is None else state.restore(SETTINGS)

    def read(self, symbol: str, batch: list[VenueTrade], now: int) -> None:
        for count in range(1, len(batch) + 1):  # it may die between any two trades of a batch
            self._mortal.moment()
            self.streaks.on_trades(symbol, batch[:count])
        self._mortal.moment()
        self._file.save(PersistedServiceState.of(self.streaks, now))
        self._mortal.moment()


@st.composite
def venue_trades(draw: st.DrawFn) -> list[VenueTrade]:
    """Ids rise per symbol with gaps; most trades go in and out at a loss or a profit."""
    trades, last, ts = [], dict.fromkeys(SYMBOLS, 0), 1000
    for _ in range(draw(st.integers(1, 16))):
        symbol = draw(st.sampled_from(SYMBOLS))
        last[symbol] += draw(st.integers(1, 3))
        ts += draw(st.sampled_from((0, 1000)))
        side, qty = draw(st.sampled_from(Side)), D(draw(st.sampled_from((1, 1, 2))))
        trades.append(
            VenueTrade(
                trade_id=last[symbol], symbol=symbol, side=side, qty=qty, fee=D("0.01"), ts=ts,
                price=D(draw(st.integers(98, 102))),
            )
        )  # fmt: skip
    return trades


def straight(trades: list[VenueTrade]) -> LossStreaks:
    """One process that never dies and gets each trade alone."""
    streaks = LossStreaks.of(SETTINGS)
    for trade in trades:
        streaks.on_trades(trade.symbol, [trade])
    return streaks


def after_cursor(trades: list[VenueTrade], symbol: str, cursor: int, most: int) -> list[VenueTrade]:
    """What the venue answers: the next trades by id."""
    mine = [t for t in trades if t.symbol == symbol and t.trade_id > cursor]
    return sorted(mine, key=lambda trade: trade.trade_id)[:most]


@given(venue_trades(), st.lists(st.integers(0, 25), max_size=6), st.data())
@settings(max_examples=100)
def test_a_crash_between_any_two_trades_loses_none_and_counts_none_twice(
    trades: list[VenueTrade], crashes: list[int], data: st.DataObject
) -> None:
    """I-17.2: whatever moment it dies at, reading a batch or writing either of the two files."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        path, mortal = Path(name) / "losses.json", Mortal()
        patch.setattr(os, "replace", mortal.replace)
        patch.setattr(os, "fsync", lambda _: None)  # a process dies, not the machine
        now, done = 0, False
        while not done:
            mortal.moments_left = crashes.pop() if crashes else None
            try:
                service = Service(path, mortal)
                unread = True
                while unread:
                    unread = False
                    for symbol in SYMBOLS:
                        cursor = service.streaks.last_trade_ids.get(symbol, 0)
                        most = data.draw(st.integers(1, 3))
                        batch = after_cursor(trades, symbol, cursor, most)
                        known = [t for t in trades if t.symbol == symbol and t.trade_id <= cursor]
                        again = (
                            data.draw(st.lists(st.sampled_from(known), max_size=2)) if known else []
                        )
                        now += 1
                        if batch:
                            unread = True
                            service.read(symbol, data.draw(with_known(batch, again)), now)
                done = True
            except Crash:
                continue
        expected = straight(trades)
        assert service.streaks == expected
        mortal.moments_left = None
        again_started = Service(path, mortal)
        assert again_started.streaks == expected
        assert not [call for call in again_started.log.calls if "CORRUPT" in str(call)]


def with_known(
    batch: list[VenueTrade], again: list[VenueTrade]
) -> st.SearchStrategy[list[VenueTrade]]:
    """New trades in their order, known ones anywhere among them."""
    places = st.lists(st.integers(0, len(batch)), min_size=len(again), max_size=len(again))

    def mixed(where: list[int]) -> list[VenueTrade]:
        whole = list(batch)
        for place, trade in zip(where, again, strict=True):
            whole.insert(place, trade)
        return whole

    return places.map(mixed)


@given(venue_trades(), st.data())
@settings(max_examples=100)
def test_the_same_trades_again_in_any_order_change_nothing_not_even_the_file(
    trades: list[VenueTrade], data: st.DataObject
) -> None:
    """I-17.1, through a restart."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        path = Path(name) / "losses.json"
        first = Service(path, Mortal())
        for trade in trades:
            first.read(trade.symbol, [trade], 7)
        before = path.read_bytes()
        second = Service(path, Mortal())
        again = data.draw(st.lists(st.sampled_from(trades), max_size=12))
        for symbol in SYMBOLS:
            second.read(symbol, [trade for trade in again if trade.symbol == symbol], 7)
        assert second.streaks == first.streaks == straight(trades)
        assert path.read_bytes() == before
