"""What tests build: every factory fills the rest, so that a test sets only what it is about."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from grinder_core.contracts.control import TurnEnd
from grinder_core.contracts.enums import OrderState, Rearm, Side
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import OrderRecord, OrderUpdate
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.contracts.plan import GridPlan
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.engine import Engine, Output
from grinder_core.numbers import exact
from grinder_core.orders.grid_book import GridBook
from grinder_core.ports import Policy
from grinder_core.session.session import Session
from grinder_core.venue.sim import SimVenue

SYMBOL = "AAAUSDT"
D = Decimal


def a_snapshot(**changes: Any) -> Snapshot:
    """The example of CORE-02: mid 100, spread 20 bps."""
    values: dict[str, Any] = {
        "ts": 1000,
        "symbol": SYMBOL,
        "bid_price": D("99.9"),
        "ask_price": D("100.1"),
        "bid_qty": D(5),
        "ask_qty": D("7.5"),
        "last_price": D(100),
        "last_qty": D("0.2"),
    }
    return Snapshot(**{**values, **changes})


def quote(
    ts: int, bid: str | Decimal, ask: str | Decimal, symbol: str = SYMBOL, **changes: Any
) -> Event:
    """A SNAPSHOT event with a bid and an ask."""
    snapshot = a_snapshot(ts=ts, symbol=symbol, bid_price=D(bid), ask_price=D(ask), **changes)
    return Event(ts, snapshot)


def mid_quote(ts: int, mid: str | Decimal, symbol: str = SYMBOL, half_spread: str = "0") -> Event:
    """A SNAPSHOT event around a mid; locked unless a half spread is given."""
    return quote(ts, D(mid) - D(half_spread), D(mid) + D(half_spread), symbol)


def a_plan(**changes: Any) -> GridPlan:
    """Two levels a side, 10 bps apart, one unit each, around 100."""
    values: dict[str, Any] = {
        "center_price": D(100),
        "spacing_bps": 10,
        "levels_up": 2,
        "levels_down": 2,
        "size_schedule": (D(1), D(1)),
    }
    return GridPlan.flat(**{**values, **changes})


def a_book(**changes: Any) -> GridBook:
    """An empty book of our orders."""
    values: dict[str, Any] = {
        "symbol": SYMBOL,
        "rearm": Rearm.OPPOSITE,
        "tick_size": D("0.00000001"),
    }
    return GridBook(**{**values, **changes})


def an_order(**changes: Any) -> OrderRecord:
    """One resting BUY of a grid."""
    values: dict[str, Any] = {
        "client_order_id": "c1",
        "order_id": "PAPER_00000001",
        "symbol": SYMBOL,
        "side": Side.BUY,
        "level_id": 1,
        "price": D("99.9"),
        "qty": D(1),
        "state": OrderState.OPEN,
    }
    return OrderRecord(**{**values, **changes})


def an_update(**changes: Any) -> OrderUpdate:
    """The venue's acceptance of ``an_order``."""
    values: dict[str, Any] = {
        "ts": 1000,
        "symbol": SYMBOL,
        "client_order_id": "c1",
        "order_id": "PAPER_00000001",
        "side": Side.BUY,
        "state": OrderState.OPEN,
    }
    return OrderUpdate(**{**values, **changes})


def roomy(**changes: Any) -> EngineConfig:
    """Settings whose limits are far away, so that only what a test tightens can block."""
    values: dict[str, Any] = {
        "spacing_bps": 10,
        "levels": 3,
        "size_per_level": D(1),
        "max_notional_per_symbol": D(10**9),
        "max_notional_total": D(10**10),
        "daily_loss_limit": D(10**9),
        "max_orders_per_minute": 10**6,
        "cooldown_ms": 0,
        "max_spread_bps": 5_000,
        "prefilter_spread_max_bps": 5_000,
        "max_price_impact_bps": 9_000,
        "initial_capital": D(10_000),
    }
    return EngineConfig.flat(**{**values, **changes})


def play(
    events: Iterable[Event], config: EngineConfig | None = None, policy: Policy | None = None
) -> list[PaperOutput]:
    """Run a stream through a session and return its outputs."""
    outputs: list[PaperOutput] = []
    Session(config, policy, on_output=outputs.append, digest=False).run(events)
    return outputs


class Wire:
    """Engine and venue joined by hand, in the turn order of the design; keeps what passed.

    A second, plain reading of that order beside the session's own.
    """

    def __init__(self, config: EngineConfig, policy: Policy | None = None) -> None:
        self.engine = Engine(config, policy)
        self.venue = SimVenue(config.venue, config.risk.initial_capital)
        self.folded: list[Event] = []
        self.outputs: list[PaperOutput] = []
        self.effects: list[Output] = []

    def feed(self, event: Event) -> None:
        """One turn: market to the venue, decision, the venue's answers, end of turn."""
        payload = event.payload
        now = event.ts_ms
        ts = getattr(payload, "ts", now)
        if isinstance(payload, Snapshot):
            with exact():
                updates = list(self.venue.on_snapshot(payload, now))
            for update in updates:
                self._fold(Event(now, update, event.seq))
        elif type(payload) in self.venue.listens:
            with exact():
                updates = list(self.venue.on_market(payload, now, update_id=event.update_id))
            for update in updates:
                self._fold(Event(now, update, event.seq))
        outputs = self._fold(event)
        if any(not isinstance(output, PaperOutput) for output in outputs):
            self._answer(outputs, event, ts)
            with exact():
                updates = list(self.venue.end_of_turn(getattr(payload, "symbol", ""), now, ts))
            for update in updates:
                self._fold(Event(now, update, event.seq))
            outputs = self._fold(Event(now, TurnEnd(), event.seq))
        self._answer(outputs, event, ts)

    def _answer(self, outputs: tuple[Output, ...], event: Event, ts: int) -> None:
        for output in outputs:
            if isinstance(output, PaperOutput):
                self.outputs.append(output)
                continue
            self.effects.append(output)
            with exact():
                updates = list(self.venue.submit(output, event.ts_ms, ts))
            for update in updates:
                self._fold(Event(event.ts_ms, update, event.seq))

    def _fold(self, event: Event) -> tuple[Output, ...]:
        self.folded.append(event)
        return self.engine.step(event)


def walk(
    seed: int,
    count: int,
    *,
    symbol: str = SYMBOL,
    start: int = 10_000,
    tick: str = "0.01",
    move: int = 12,
    gap_ms: int = 200,
) -> Iterator[Event]:
    """A seeded random walk of quotes; half of them move no price, some jump.

    Args:
        start: First bid, in ticks.
        move: Largest ordinary move, in ticks.
    """
    draw = random.Random(seed)
    unit, ts, bid, spread = D(tick), 0, start, 2
    for seq in range(count):
        ts += draw.randint(1, 2 * gap_ms)
        if draw.random() < 0.5:
            bid = max(10, bid + draw.randint(-move, move))
            if draw.random() < 0.05:
                bid = max(10, bid + draw.randint(-10 * move, 10 * move))
            spread = draw.randint(1, 8)
        yield Event(
            ts,
            a_snapshot(
                ts=ts,
                symbol=symbol,
                bid_price=bid * unit,
                ask_price=(bid + spread) * unit,
                bid_qty=D(draw.randint(0, 1000)) / 8,
                ask_qty=D(draw.randint(0, 1000)) / 8,
            ),
            seq,
        )


def merged(*streams: Iterable[Event]) -> list[Event]:
    """Merge streams by time; equal times keep the order of the streams."""
    events = sorted((event for stream in streams for event in stream), key=lambda e: e.ts_ms)
    return [Event(event.ts_ms, event.payload, seq) for seq, event in enumerate(events)]
