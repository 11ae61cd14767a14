"""What the engine wants done in the world. Doing one twice is harmless: ids are deterministic."""

from __future__ import annotations

from attrs import frozen

from grinder_core.contracts.orders import OrderIntent


@frozen(kw_only=True)
class PlaceOrder:
    """Send one limit order; its fate comes back as ``OrderUpdate`` events."""

    client_order_id: str
    intent: OrderIntent


@frozen(kw_only=True)
class CancelOrder:
    """Cancel one order of ours."""

    client_order_id: str
    order_id: str
    symbol: str


Effect = PlaceOrder | CancelOrder
