"""``grinder state adopt-exchange``: what the venue holds becomes the session's, if one asks."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance.rest_records import AccountAnswer, PositionAnswer, TradeAnswer
from grinder_adapters.clock import SystemClock
from grinder_adapters.journal import JournalReader, survey
from grinder_adapters.local_venue.assembly import LOCAL_KEY, VenueOptions, assemble, generated
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.pacing import Pacer
from grinder_adapters.local_venue.server import VenueServer
from grinder_app.cli import run
from grinder_app.live.recovering import restore
from grinder_app.live.retelling import Reteller
from grinder_app.live.state_adopting import (
    Differences,
    UnbookedFillsError,
    adopt,
    fees_elsewhere,
    find_differences,
)
from grinder_app.live.state_audit import open_state
from grinder_core.contracts.control import AccountUpdate
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.contracts.event import Event
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.live.core import LiveCore
from grinder_core.numbers import ZERO
from grinder_core.venue.exchange.requests import NewOrder
from grinder_core.venue.exchange.vocabulary import OrderType
from tests.support.live_story import BEGAN_MS, LiveStory, a_story, live_config

D = Decimal
Capsys = pytest.CaptureFixture[str]


@frozen(kw_only=True)
class Held:
    """A venue that says what it is told to say."""

    held: dict[str, tuple[Decimal, Decimal]] = field(factory=dict)
    wallet: Decimal = D(10_000)
    made: tuple[TradeAnswer, ...] = ()

    async def positions(self) -> tuple[PositionAnswer, ...]:
        return tuple(
            PositionAnswer(
                symbol=symbol,
                position_side="BOTH",
                position_amt=qty,
                entry_price=price,
                mark_price=price,
                unrealized_pnl=ZERO,
                notional=qty * price,
                liquidation_price=ZERO,
                leverage=None,
                margin_type=None,
                update_ts=0,
            )
            for symbol, (qty, price) in self.held.items()
        )

    async def account(self) -> AccountAnswer:
        return AccountAnswer(
            wallet_balance=self.wallet,
            unrealized_pnl=ZERO,
            margin_balance=self.wallet,
            initial_margin=ZERO,
            maintenance_margin=ZERO,
            available_balance=self.wallet,
            assets=(),
        )

    async def trades(self, symbol: str, from_id: int) -> tuple[TradeAnswer, ...]:
        return tuple(t for t in self.made if t.symbol == symbol and t.trade_id >= from_id)


def a_trade(order_id: str, trade_id: int = 1, ts: int = 0, symbol: str = "AAAUSDT") -> TradeAnswer:
    return TradeAnswer(
        ts=ts,
        symbol=symbol,
        trade_id=trade_id,
        order_id=order_id,
        side=Side.BUY,
        position_side="BOTH",
        price=D(100),
        qty=D("0.1"),
        fee=ZERO,
        fee_asset="USDT",
        realized_pnl=ZERO,
        is_maker=True,
    )


def differences(core: LiveCore, venue: Held) -> Differences:
    return asyncio.run(find_differences(core, venue))


def taken_over(folder: Path, venue: Held) -> LiveCore:
    """Find and adopt, and return the session that a next start would find."""
    restored = restore(folder)
    assert restored.core is not None
    found = differences(restored.core, venue)
    now = restored.core.engine.hot.now
    journal = open_state(folder, "0.1.0", "", now)
    try:
        adopt(journal, restored.core, "", found, now)
    finally:
        journal.close()
    again = restore(folder).core
    assert again is not None
    return again


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> LiveCore:
    """A session with orders that rest."""
    folder = tmp_path_factory.mktemp("lived") / "sim"
    return a_story(folder, count=200).core


amounts = st.integers(-5_000, 5_000).map(lambda n: D(n) / 1_000)
prices = st.integers(1, 200_000).map(lambda n: D(n) / 1_000)
holdings = st.dictionaries(
    st.sampled_from(["AAAUSDT", "BBBUSDT", "ZZZUSDT"]), st.tuples(amounts, prices)
)
wallets = st.integers(1, 20_000).map(D)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("short") / "sim"
    a_story(folder, count=20)
    return folder


@settings(max_examples=15)
@given(holdings, wallets)
def test_afterwards_the_session_believes_what_the_venue_holds(
    short: Path, held: dict[str, tuple[Decimal, Decimal]], wallet: Decimal
) -> None:
    venue = Held(held=held, wallet=wallet)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "sim"
        shutil.copytree(short, folder)
        core = taken_over(folder, venue)
        assert survey(folder).is_sound
        with JournalReader(folder) as reader:
            found = Reteller().run(reader)
    assert found.parting is None
    engine = core.engine.hot
    for symbol in ("AAAUSDT", "BBBUSDT"):
        qty, price = held.get(symbol, (ZERO, ZERO))
        s = engine.symbols.get(symbol)
        assert (ZERO if s is None else s.ledger.qty) == qty
        if s is not None and qty:
            assert s.ledger.avg_entry_price == price
    assert "ZZZUSDT" not in engine.symbols
    assert engine.cash == wallet
    assert core.hot.has_started
    after = differences(core, venue)
    assert not after.is_any
    assert after.others == {s: q for s, (q, _) in held.items() if s == "ZZZUSDT" and q}


@settings(max_examples=25)
@given(holdings, wallets, holdings, wallets)
def test_a_token_stands_for_what_was_shown_and_nothing_else(
    lived: LiveCore,
    held: dict[str, tuple[Decimal, Decimal]],
    wallet: Decimal,
    later: dict[str, tuple[Decimal, Decimal]],
    richer: Decimal,
) -> None:
    one = differences(lived, Held(held=held, wallet=wallet))
    other = differences(lived, Held(held=later, wallet=richer))
    same = (one.positions, one.wallet) == (other.positions, other.wallet)
    assert (one.token == other.token) == same


def test_a_position_that_the_venue_does_not_hold_any_more_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "sim"
    a_story(folder, count=20)
    core = taken_over(folder, Held(held={"AAAUSDT": (D(2), D(99))}))
    found = differences(core, Held())
    assert [(one.symbol, one.believed, one.held) for one in found.positions] == [
        ("AAAUSDT", D(2), ZERO)
    ]
    assert taken_over(folder, Held()).engine.hot.symbols["AAAUSDT"].ledger.qty == 0


def test_nothing_may_leave_while_it_is_taken_over(tmp_path: Path) -> None:
    """Also where what is taken over trips a guard, which wants the entries out."""
    folder = tmp_path / "sim"
    a_story(folder, count=200)
    core = taken_over(folder, Held(held={"AAAUSDT": (D(500), D(400))}, wallet=D(10_000)))
    assert core.hot.latches
    assert core.hot.orchestrator.machine.state.value == "INIT"
    with JournalReader(folder) as reader:
        rows = [json.loads(r.body) for r in reader.rows() if r.kind == "ACTION"]
    assert all(row["status"] != "PLANNED" for row in rows[-6:])


def test_who_did_it_is_in_the_journal(tmp_path: Path) -> None:
    folder = tmp_path / "sim"
    a_story(folder, count=20)
    taken_over(folder, Held(held={"AAAUSDT": (D(2), D(99))}, wallet=D(9_000)))
    with JournalReader(folder) as reader:
        told = [json.loads(row.body) for row in reader.rows() if row.stream == "operator"]
    assert len(told) == 1
    assert told[0]["actor"]
    assert told[0]["wallet"] == "9000"
    assert told[0]["positions"][0]["held"] == "2"


def test_executions_of_own_orders_are_booked_by_a_start_and_not_taken_over(
    lived: LiveCore,
) -> None:
    order = next(iter(lived.engine.hot.symbols["AAAUSDT"].grid.live.values()))
    held = {"AAAUSDT": (D("0.1"), D(100))}
    with pytest.raises(UnbookedFillsError, match="AAAUSDT trade 1"):
        differences(lived, Held(held=held, made=(a_trade(order.order_id),)))
    foreign = differences(lived, Held(held=held, made=(a_trade("somebody's"),)))
    assert [one.symbol for one in foreign.positions] == ["AAAUSDT"]


def test_a_booked_execution_stands_in_nobodys_way(tmp_path: Path) -> None:
    core = a_story(tmp_path / "sim", count=200).core
    order = next(iter(core.engine.hot.symbols["AAAUSDT"].grid.live.values()))
    core.hot.fill_ids[order.client_order_id] = [7]
    assert not differences(core, Held(made=(a_trade(order.order_id, 7),))).positions
    with pytest.raises(UnbookedFillsError):
        differences(core, Held(made=(a_trade(order.order_id, 8),)))
    core.hot.trade_cursors["AAAUSDT"] = 8
    assert not differences(core, Held(made=(a_trade(order.order_id, 8),))).positions


def test_an_order_whose_venue_id_is_unknown_may_have_made_any_later_trade(tmp_path: Path) -> None:
    core = a_story(tmp_path / "sim", count=200).core
    grid = core.engine.hot.symbols["AAAUSDT"].grid
    name, order = next(iter(grid.live.items()))
    grid.live[name] = evolve(order, order_id="")
    before = a_trade("somebody's", ts=order.placed_ts - 1)
    assert not differences(core, Held(made=(before,))).positions
    after = a_trade("somebody's", ts=order.placed_ts)
    with pytest.raises(UnbookedFillsError, match="perhaps"):
        differences(core, Held(made=(after,)))


def a_fill(trade_id: int, fee: str, asset: str) -> OrderUpdate:
    return OrderUpdate(
        ts=BEGAN_MS, symbol="AAAUSDT", client_order_id="x", order_id="1", side=Side.BUY,
        state=OrderState.FILLED, last_price=D(100), last_qty=D("0.1"), filled_qty=D("0.1"),
        trade_id=trade_id, fee=D(fee), fee_asset=asset, fee_qty=D(1) if asset else ZERO,
    )  # fmt: skip


def test_fees_that_another_asset_paid_are_no_difference(tmp_path: Path) -> None:
    with LiveStory(tmp_path / "sim") as story:
        story.begin()
        story.market(20)
        for payload in (
            a_fill(1, "0.5", "BNB"),
            AccountUpdate(ts=BEGAN_MS, start=D(9_000)),
            a_fill(2, "0.03", "BNB"),
            a_fill(3, "0.04", "BNB"),
            a_fill(3, "0.04", "BNB"),
            a_fill(4, "0.9", ""),
        ):
            story.scribe.event(Event(story.now, payload, 0))
        core = story.core
    with JournalReader(tmp_path / "sim") as reader:
        paid = fees_elsewhere(reader)
    assert paid == D("0.07")
    core.hot.has_started = True
    venue = Held(wallet=core.engine.hot.cash + paid)
    assert not asyncio.run(find_differences(core, venue, paid)).is_any
    assert asyncio.run(find_differences(core, venue)).is_any


# -- the command, at an exchange -------------------------------------------------------------------


class Exchange:
    """The local exchange with a market, in a thread of its own; it outlives every live run."""

    def __enter__(self) -> Exchange:
        clock = SystemClock()
        self.venue = assemble(VenueOptions(deposit=D(10_000)))
        self.server = VenueServer(self.venue, clock)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result(10)
        market = generated(("ETHUSDT",), 5, clock.now_ms())
        feed = MarketFeed(self.venue, self.server.clock, Pacer())
        self._feeding = asyncio.run_coroutine_threadsafe(feed.run(market), self._loop)
        return self

    def __exit__(self, *error: object) -> None:
        self._feeding.cancel()
        asyncio.run_coroutine_threadsafe(self.server.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, work: Callable[[], Any]) -> Any:
        """Do something in the exchange's own thread."""

        async def done() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)

    def wait_for_a_book(self) -> None:
        """Wait until the market has begun."""

        async def begun() -> None:
            while self.venue.exchange.floor.books["ETHUSDT"].last is None:
                await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(begun(), self._loop).result(10)

    def buy_by_hand(self, qty: str) -> None:
        """The account's owner buys elsewhere."""
        now = self.server.clock.now_ms()
        order = NewOrder(
            symbol="ETHUSDT",
            side=Side.BUY,
            type=OrderType.MARKET,
            qty=D(qty),
            client_order_id="web_hand_1",
        )
        self.do(lambda: self.venue.exchange.place(LOCAL_KEY.account, order, now))

    def writes(self) -> list[str]:
        return self.do(lambda: [f"{r.method} {r.path}" for r in self.venue.log if r.is_write])


@pytest.fixture
def exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    monkeypatch.chdir(tmp_path)
    with Exchange() as made:
        yield made


def live(exchange: Exchange, seconds: str = "1") -> int:
    options = ["--armed", "--mode", "live_trade", "--exchange-port", "sim"]
    options += ["--symbols", "ETHUSDT", "--duration", seconds, "--json", "--no-http"]
    options += ["--rest-url", exchange.url, "--ws-url", exchange.url.replace("http", "ws", 1)]
    return run(["live", "run", *options])


def adopting(exchange: Exchange, capsys: Capsys, *options: str, code: int) -> dict[str, Any]:
    capsys.readouterr()
    command = ["state", "adopt-exchange", "--rest-url", exchange.url, "--json", *options]
    assert run(command) == code
    out = capsys.readouterr().out
    answer: dict[str, Any] = json.loads(out) if out else {}
    return answer


def test_a_position_that_nobody_explains_is_shown_confirmed_and_ours(
    exchange: Exchange, capsys: Capsys
) -> None:
    assert live(exchange) == 0
    assert adopting(exchange, capsys, code=0)["positions"] == []
    exchange.buy_by_hand("0.5")
    before = exchange.writes()
    shown = adopting(exchange, capsys, code=1)
    assert shown["is_adopted"] is False
    (difference,) = shown["positions"]
    assert (difference["symbol"], difference["believed"], difference["held"]) == (
        "ETHUSDT",
        "0",
        "0.5",
    )
    assert run(["state", "adopt-exchange", "--rest-url", exchange.url]) == 1
    assert f"--confirm {shown['token']}" in capsys.readouterr().out
    adopting(exchange, capsys, "--confirm", "0" * 16, code=2)
    assert adopting(exchange, capsys, code=1) == shown  # nothing was taken over
    assert adopting(exchange, capsys, "--confirm", shown["token"], code=0)["is_adopted"]
    assert adopting(exchange, capsys, code=0)["positions"] == []
    assert exchange.writes() == before
    capsys.readouterr()
    assert live(exchange, "4") == 0
    said = capsys.readouterr().out
    assert "recovery is done" in said
    assert run(["state", "show", "--json"]) == 0
    (symbol,) = json.loads(capsys.readouterr().out)["session"]["symbols"]
    assert D(symbol["qty"]) == D("0.5")
    assert run(["state", "verify"]) == 0
    assert run(["replay", "--journal", "var/state"]) == 0


def test_a_first_start_on_a_foreign_position_is_refused_until_it_is_taken_over(
    exchange: Exchange, capsys: Capsys
) -> None:
    exchange.wait_for_a_book()
    exchange.buy_by_hand("0.5")
    assert live(exchange, "5") == 1
    assert "adopt-exchange" in capsys.readouterr().err
    shown = adopting(exchange, capsys, code=1)
    assert shown["has_started"] is False
    adopting(exchange, capsys, "--confirm", shown["token"], code=0)
    assert live(exchange, "0.5") == 0


def test_what_cannot_be_asked_is_told(tmp_path: Path, capsys: Capsys) -> None:
    with LiveStory(tmp_path / "sim", live_config(("ETHUSDT",))) as story:
        story.begin()
    options = ["state", "adopt-exchange", "--state-dir", str(tmp_path)]
    assert run(options) == 2
    assert "ends with that process" in capsys.readouterr().err
    assert run([*options, "--rest-url", "http://127.0.0.1:9"]) == 4
    a_story(tmp_path / "paper", count=5)
    assert run([*options, "--port", "paper"]) == 2
    assert "holds nothing at a venue" in capsys.readouterr().err
    assert run(["state", "set-aside", "--state-dir", str(tmp_path), "--port", "sim",
                "--reason", "a test"]) == 0  # fmt: skip
    assert run([*options, "--port", "sim", "--rest-url", "http://127.0.0.1:9"]) == 2
    assert "holds no session yet" in capsys.readouterr().err
