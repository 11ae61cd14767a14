"""Orders and positions of both sides of a reconciliation, with everything that does not matter."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from grinder_core.contracts.enums import OrderState, Side
from grinder_core.reconcile.records import (
    ExpectedOrder,
    ObservedOrder,
    ObservedPosition,
    ObservedSource,
    VenueSnapshot,
)

SYMBOL = "AAAUSDT"


def is_ours(client_order_id: str) -> bool:
    return client_order_id.startswith("grinder_")


def nobody_asks(client_order_id: str) -> bool:
    """No request is in flight."""
    return False


def an_expected(name: str = "grinder_1", **changes: Any) -> ExpectedOrder:
    values: dict[str, Any] = {
        "client_order_id": name,
        "symbol": SYMBOL,
        "side": Side.BUY,
        "order_type": "LIMIT",
        "price": Decimal(100),
        "orig_qty": Decimal(2),
        "ts_created": 0,
    }
    return ExpectedOrder(**{**values, **changes})


def an_observed(name: str = "grinder_1", **changes: Any) -> ObservedOrder:
    values: dict[str, Any] = {
        "client_order_id": name,
        "symbol": SYMBOL,
        "order_id": f"venue_{name}",
        "side": Side.BUY,
        "order_type": "LIMIT",
        "price": Decimal(100),
        "orig_qty": Decimal(2),
        "executed_qty": Decimal(0),
        "avg_price": Decimal(0),
        "status": OrderState.OPEN,
        "ts_updated": 0,
        "ts_seen": 0,
        "source": ObservedSource.STREAM,
    }
    return ObservedOrder(**{**values, **changes})


def a_position(amt: str | Decimal, symbol: str = SYMBOL, **changes: Any) -> ObservedPosition:
    values: dict[str, Any] = {
        "symbol": symbol,
        "position_amt": Decimal(amt),
        "entry_price": Decimal(0),
        "unrealized_pnl": Decimal(0),
        "ts_updated": 0,
        "ts_seen": 0,
        "source": ObservedSource.STREAM,
    }
    return ObservedPosition(**{**values, **changes})


def a_snapshot(requested_ms: int, *shown: ObservedOrder | ObservedPosition) -> VenueSnapshot:
    return VenueSnapshot(
        requested_ms=requested_ms,
        orders=tuple(each for each in shown if isinstance(each, ObservedOrder)),
        positions=tuple(each for each in shown if isinstance(each, ObservedPosition)),
    )
