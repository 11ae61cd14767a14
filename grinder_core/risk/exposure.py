"""What an order does to the position, and which resting orders a drawdown may not leave alone.

CORE-28 and LIVE-12, read as one rule: without ``reduce_only`` an order counts as increasing,
whatever its side. Its quantity was measured against a position that may be smaller when it fills;
only the flag makes the venue look again.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from grinder_core.contracts.enums import RiskIntent, Side
from grinder_core.contracts.orders import OrderRecord
from grinder_core.numbers import exact


def risk_intent(side: Side, qty: Decimal, position: Decimal, *, reduce_only: bool) -> RiskIntent:
    """Say what an order does to the position (CORE-28, LIVE-12).

    Args:
        side: Of the order.
        qty: What may still fill, base asset; the remaining quantity of a resting order.
        position: Signed base quantity, long positive.
        reduce_only: Whether the venue may only shrink the position with it.

    Returns:
        ``REDUCE_RISK`` only for a reduce-only order against the position and no larger than it;
        else ``INCREASE_RISK``.

    Example:
        >>> risk_intent(Side.SELL, Decimal(1), Decimal(2), reduce_only=True).value
        'REDUCE_RISK'
        >>> risk_intent(Side.SELL, Decimal(1), Decimal(2), reduce_only=False).value
        'INCREASE_RISK'
    """
    against = position > 0 if side is Side.SELL else position < 0
    if reduce_only and against and qty <= position.copy_abs():
        return RiskIntent.REDUCE_RISK
    return RiskIntent.INCREASE_RISK


def orders_to_cancel(orders: Iterable[OrderRecord], position: Decimal) -> list[OrderRecord]:
    """Pick the resting orders of one symbol that the drawdown guard v1 cancels (CORE-28).

    Every order that counts as increasing goes. The reducing ones stay, best price for a fill
    first (SELL: lowest, BUY: highest), then by order id, as long as their remaining quantities
    together do not pass the position; the first that would pass it goes with all after it. So
    what stays cannot turn the position round, even at a venue that overlooks ``reduce_only``.

    Args:
        orders: Orders of one symbol; those in a final state are left out.
        position: Signed base quantity, long positive.

    Returns:
        The orders to cancel, in the order they were given.
    """
    live = [order for order in orders if not order.state.is_final]
    with exact():
        reducing = [order for order in live if _reduces(order, position)]
        room = position.copy_abs()
        staying = set()
        for order in sorted(reducing, key=_best_first):
            room -= order.qty - order.filled_qty
            if room < 0:
                break
            staying.add(order.client_order_id)
    return [order for order in live if order.client_order_id not in staying]


def _reduces(order: OrderRecord, position: Decimal) -> bool:
    remaining = order.qty - order.filled_qty
    intent = risk_intent(order.side, remaining, position, reduce_only=order.reduce_only)
    return intent is RiskIntent.REDUCE_RISK


def _best_first(order: OrderRecord) -> tuple[Decimal, str, str]:
    worse = order.price if order.side is Side.SELL else order.price.copy_negate()
    return worse, order.order_id, order.client_order_id
