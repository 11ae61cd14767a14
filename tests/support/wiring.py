"""What tests of the engine's wiring share: commands, books, a warm adaptive grid, what rests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from attrs import evolve

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.enums import ActionType, ExecutionEventType
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, L2Snapshot
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.contracts.plan import GridPlan
from grinder_core.engine.config import EngineConfig
from tests.support.factories import SYMBOL, Wire, mid_quote, roomy

D = Decimal
Resting = tuple[str, Decimal, Decimal, bool]


def command(ts: int, what: Command, symbol: str = "") -> Event:
    """An operator's command."""
    return Event(ts, Control(command=what, actor="test", symbol=symbol))


def a_depth(
    ts: int, *, bids: str | None = "10", asks: str | None = "10", symbol: str = SYMBOL, **more: Any
) -> Event:
    """A whole book with one level a side at 99.99 and 100.01, that much on each; None: empty."""
    levels = {
        "bids": () if bids is None else ((D("99.99"), D(bids)),),
        "asks": () if asks is None else ((D("100.01"), D(asks)),),
    }
    update_id = more.pop("update_id", None)
    now = more.pop("now", ts)
    return Event(now, L2Snapshot(ts=ts, symbol=symbol, **levels), update_id=update_id)


def a_change(ts: int, first: int, last: int, previous: int, **sides: Any) -> Event:
    """A change of the book on the futures' chain of update ids."""
    return Event(
        ts,
        DepthDiff(
            ts=ts,
            symbol=SYMBOL,
            first_update_id=first,
            last_update_id=last,
            prev_update_id=previous,
            **sides,
        ),
    )


def adaptive(**changes: Any) -> EngineConfig:
    """The adaptive grid on bars of a second; warm from the third second on."""
    values: dict[str, Any] = {
        "feature_engine_enabled": True,
        "adaptive_policy_enabled": True,
        "bar_interval_ms": 1_000,
        "period": 1,
    }
    return roomy(**{**values, **changes})


def warm_up(mid: str = "100", symbol: str = SYMBOL) -> list[Event]:
    """Quotes after which the features are warm: at a still price 4 levels a side, 5 bps apart."""
    return [mid_quote(ts, mid, symbol) for ts in (0, 1_000, 2_000)]


class Scripted:
    """A policy that returns what the test put in, around the mid; the last plan stays."""

    name = "scripted"

    def __init__(self, *plans: GridPlan) -> None:
        self.plans = list(plans)
        self.calls = 0

    def plan(self, context: PolicyContext) -> GridPlan:
        self.calls += 1
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        return evolve(plan, center_price=context.snapshot.mid_price)


def fed(wire: Wire, *events: Event) -> PaperOutput:
    """Feed events and return the last output so far."""
    for event in events:
        wire.feed(event)
    return wire.outputs[-1]


def resting(wire: Wire, symbol: str = SYMBOL) -> list[Resting]:
    """What rests at the venue, in the order it was placed."""
    book = wire.venue.books.get(symbol)
    orders = () if book is None else book.orders.values()
    return [(o.side.value, o.price, o.qty, o.reduce_only) for o in orders]


def reason_of(output: PaperOutput) -> str | None:
    """The reason of the planning gates, or None where they were not reached."""
    return None if output.gating_result is None else output.gating_result.reason.value


def kinds(output: PaperOutput) -> list[str]:
    """The actions of a turn."""
    return [action.action.value for action in output.actions]


def cancelled(output: PaperOutput) -> list[tuple[str, str | None]]:
    """Symbol and venue id of each order that a turn takes out."""
    return [(a.symbol, a.order_id) for a in output.actions if a.action is ActionType.CANCEL]


def skips(output: PaperOutput) -> list[tuple[Any, Any, Any]]:
    """Side, level and reason of what a turn left out."""
    return [
        (e.details["side"], e.details.get("level_id"), e.details["reason"])
        for e in output.events
        if e.type is ExecutionEventType.ORDER_SKIPPED
    ]
