"""What the session wants of the venue, one action each, and what became of it (LIVE-13)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from attrs import frozen

from grinder_core.codec import to_dict
from grinder_core.contracts.effects import CancelOrder, Effect, Flatten
from grinder_core.contracts.enums import RiskIntent, Side
from grinder_core.contracts.live import ActionStatus


@frozen(kw_only=True)
class LiveAction:
    """One action on one order.

    Attributes:
        action: ``PLACE``, ``REPLACE``, ``CANCEL`` or ``FLATTEN``.
        price, qty: ``None`` for a cancel.
        intent: What it does to the risk.
        status: ``PLANNED`` when it is handed on; the step that learns its end says which.
        reason: Why it did not reach its end: a gate, the router or the write; else empty.
        detail: What the reason measured, or the venue's code.
        route: What the router made of it; empty where it did not get that far.
        attempts: Requests that left for it.
    """

    action: str
    symbol: str
    client_order_id: str
    intent: RiskIntent
    status: ActionStatus
    side: Side | None = None
    price: Decimal | None = None
    qty: Decimal | None = None
    level_id: int = 0
    reason: str = ""
    detail: str = ""
    route: str = ""
    attempts: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, as its record has them."""
        return to_dict(self)


def action_of(effect: Effect, intent: RiskIntent, route: str = "") -> LiveAction:
    """Return the action that an effect stands for, planned.

    Args:
        route: What the router made of it.
    """
    if isinstance(effect, CancelOrder):
        return LiveAction(
            action="CANCEL",
            symbol=effect.symbol,
            client_order_id=effect.client_order_id,
            intent=intent,
            status=ActionStatus.PLANNED,
            route=route,
        )
    order = effect if isinstance(effect, Flatten) else effect.intent
    action, level_id = "FLATTEN", 0
    if not isinstance(effect, Flatten):
        action, level_id = "REPLACE" if effect.replaces else "PLACE", effect.intent.level_id
    return LiveAction(
        action=action,
        symbol=order.symbol,
        client_order_id=effect.client_order_id,
        intent=intent,
        status=ActionStatus.PLANNED,
        side=order.side,
        price=order.price,
        qty=order.qty,
        level_id=level_id,
        route=route,
    )


def symbol_of(effect: Effect) -> str:
    """Return the symbol that an effect is about."""
    return effect.symbol if isinstance(effect, CancelOrder | Flatten) else effect.intent.symbol


def op_of(effect: Effect) -> str:
    """Return the operation that an effect asks of the port, as ``WriteResult`` names it."""
    return "cancel" if isinstance(effect, CancelOrder) else "place"
