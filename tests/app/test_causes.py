"""``compare`` gives every difference of two runs of one market its cause."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.assembly import generated
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_app.runner.causes import Cause, Causes, Subject
from grinder_app.runner.venues import with_rules
from grinder_app.runner.walking import explain
from grinder_core.contracts.effects import CancelOrder, Effect
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.market import Snapshot
from grinder_core.engine.config import EngineConfig
from grinder_core.session.session import Session
from grinder_core.venue.exchange.in_process import ExchangeVenue
from grinder_core.venue.exchange.orders_of import rejection_of
from grinder_core.venue.sim import VenueEvent

START = 1_735_689_600_000
WANTED = {
    "spacing_bps": 2,
    "levels": 3,
    "notional_per_level": Decimal("300"),
    "recenter_bps": 15,
    "max_notional_per_symbol": Decimal("30000"),
    "max_notional_total": Decimal("60000"),
}


class Wrapped:
    """The exchange in process, with what a test puts between it and the engine."""

    def __init__(self, config: EngineConfig) -> None:
        self.inner = ExchangeVenue.of(config.venue, config.risk.initial_capital, LOCAL_SYMBOLS)
        self.listens = self.inner.listens

    def on_snapshot(self, snapshot: Snapshot, now: int) -> Sequence[VenueEvent]:
        return self.told(self.inner.on_snapshot(snapshot, now))

    def on_market(
        self, payload: Payload, now: int, *, update_id: int | None = None
    ) -> Sequence[VenueEvent]:
        return self.told(self.inner.on_market(payload, now, update_id=update_id))

    def submit(self, effect: Effect, now: int, ts: int) -> Sequence[VenueEvent]:
        return self.told(self.inner.submit(effect, now, ts))

    def end_of_turn(self, symbol: str, now: int, ts: int) -> Sequence[VenueEvent]:
        return ()

    def told(self, news: Sequence[VenueEvent]) -> Sequence[VenueEvent]:
        return news


class Late(Wrapped):
    """What the venue says comes some events of the market later."""

    def __init__(self, config: EngineConfig, delay: int) -> None:
        super().__init__(config)
        self.delay, self.waiting = delay, deque[list[VenueEvent]]([[]])

    def on_snapshot(self, snapshot: Snapshot, now: int) -> Sequence[VenueEvent]:
        super().on_snapshot(snapshot, now)
        return self.next()

    def on_market(
        self, payload: Payload, now: int, *, update_id: int | None = None
    ) -> Sequence[VenueEvent]:
        super().on_market(payload, now, update_id=update_id)
        return self.next()

    def told(self, news: Sequence[VenueEvent]) -> Sequence[VenueEvent]:
        self.waiting[-1].extend(news)
        return ()

    def next(self) -> Sequence[VenueEvent]:
        self.waiting.append([])
        return self.waiting.popleft() if len(self.waiting) > self.delay else ()


class Strict(Wrapped):
    """Refuses some orders that the other exchange takes."""

    def __init__(self, config: EngineConfig, dice: Random) -> None:
        super().__init__(config)
        self.dice = dice

    def submit(self, effect: Effect, now: int, ts: int) -> Sequence[VenueEvent]:
        if not isinstance(effect, CancelOrder) and self.dice.random() < 0.2:
            return (rejection_of(effect, "-2019", now),)
        return super().submit(effect, now, ts)


def market(seed: int) -> list[Event]:
    return list(generated(["BTCUSDT", "DOGEUSDT"], seed, START, duration_ms=15_000))


def outputs(path: Path, events: Iterable[Event], venue: Wrapped, config: EngineConfig) -> Path:
    lines: list[bytes] = []
    session = Session(config, venue=venue, on_line=lambda output, line: lines.append(line))
    session.run(events)
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def compared(folder: Path, seed: int, kind: str) -> Causes:
    config = with_rules(EngineConfig().with_values(WANTED), LOCAL_SYMBOLS)
    events, dice = market(seed), Random(seed)
    a = outputs(folder / "a.jsonl", events, Wrapped(config), config)
    if kind == "late":
        b = outputs(folder / "b.jsonl", events, Late(config, dice.randrange(1, 6)), config)
    elif kind == "strict":
        b = outputs(folder / "b.jsonl", events, Strict(config, dice), config)
    else:
        seen = [e for e in events if not isinstance(e.payload, Snapshot) or dice.random() < 0.97]
        b = outputs(folder / "b.jsonl", seen, Wrapped(config), config)
    return explain(a, b)


@pytest.mark.parametrize(
    ("kind", "causes"),
    [
        ("late", {Cause.LATENCY}),
        ("strict", {Cause.VENUE_ANSWER}),
        ("fewer", {Cause.DATA_ORDER}),
    ],
)
@given(seed=st.integers(0, 1_000))
@settings(max_examples=12)
def test_what_was_made_different_is_the_only_cause(
    tmp_path_factory: pytest.TempPathFactory, kind: str, causes: set[Cause], seed: int
) -> None:
    found = compared(tmp_path_factory.mktemp("runs"), seed, kind)
    assert {cause for cause, _ in found.counts} <= causes


def test_equal_runs_differ_in_nothing(tmp_path: Path) -> None:
    config = with_rules(EngineConfig().with_values(WANTED), LOCAL_SYMBOLS)
    a = outputs(tmp_path / "a.jsonl", market(3), Wrapped(config), config)
    found = explain(a, a)
    assert (found.findings, found.fills_only_a, found.fills_only_b) == ([], 0, 0)
    assert found.fills_equal > 0
    assert found.quotes_equal > 100


def test_a_decision_that_nothing_was_told_for_is_unexplained(tmp_path: Path) -> None:
    config = with_rules(EngineConfig().with_values(WANTED), LOCAL_SYMBOLS)
    other = config.with_values({"spacing_bps": 3})
    a = outputs(tmp_path / "a.jsonl", market(3), Wrapped(config), config)
    b = outputs(tmp_path / "b.jsonl", market(3), Wrapped(other), other)
    found = explain(a, b)
    assert found.unexplained > 0
    assert found.counts[Cause.UNEXPLAINED, Subject.DECISION] > 0


@pytest.mark.parametrize(
    ("kind", "cause"),
    [("late", Cause.LATENCY), ("strict", Cause.VENUE_ANSWER), ("fewer", Cause.DATA_ORDER)],
)
def test_something_made_different_is_found(tmp_path: Path, kind: str, cause: Cause) -> None:
    found = compared(tmp_path, 5, kind)
    assert found.firsts[cause].cause is cause
    assert found.fills_equal > 0
