"""What the engine wants done in the world. Doing one twice is harmless: ids are deterministic."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from grinder_core.contracts.enums import Side
from grinder_core.contracts.orders import OrderIntent


@frozen(kw_only=True)
class PlaceOrder:
    """Send one limit order; its fate comes back as ``OrderUpdate`` events.

    Attributes:
        generation: Orders of this symbol, side and level before it: it tells two orders of equal
            values apart (LIVE-04).
        replaces: Client id of the order of its level that goes in the same turn; empty: none.
        post_only: Whether the venue shall refuse it rather than let it take.
    """

    client_order_id: str
    intent: OrderIntent
    generation: int = 0
    replaces: str = ""
    post_only: bool = False


@frozen(kw_only=True)
class CancelOrder:
    """Cancel one order of ours."""

    client_order_id: str
    order_id: str
    symbol: str


@frozen(kw_only=True)
class Flatten:
    """Close a position at the market, reduce-only (CORE-28).

    Attributes:
        side, qty: Of the closing order; ``qty`` is the whole position, base asset.
        price: What it is expected to cost, quote currency; the venue decides.
        generation: As of ``PlaceOrder``; level 0.
    """

    client_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    generation: int = 0


Effect = PlaceOrder | CancelOrder | Flatten
