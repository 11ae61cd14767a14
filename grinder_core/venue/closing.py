"""Closing positions at the market: the trader's flatten (CORE-37) and the venue's liquidation.

Both are reduce-only, take, and never rest. Called inside ``exact()``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import evolve

from grinder_core.contracts.enums import OrderState, Side
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.venue.fees import market_price
from grinder_core.venue.fills import Desk, expire, update
from grinder_core.venue.matching import MatchingBook, RestingOrder

AUTOCLOSE: Final = "autoclose-"  # how a venue's own closing orders begin their client ids
LIQUIDATION: Final = "liquidation"


def flatten(book: MatchingBook, order: RestingOrder, desk: Desk, ts: int) -> OrderUpdate:
    """Close at the order's price less slippage, never more than the position.

    Returns:
        FILLED, or EXPIRED where there is nothing for it to close.
    """
    qty = min(order.qty, book.reducible(order.side))
    if not qty:
        return expire(book, order, ts)
    price = market_price(order.side, order.price, desk.settings.market_slippage_bps)
    return desk.fill(book, evolve(order, qty=qty), price, qty, ts, takes=True)


def cancel_all(books: Iterable[MatchingBook], ts: int) -> list[OrderUpdate]:
    """Take every order off, because the account is being liquidated."""
    updates = []
    for book in books:
        for order in list(book.orders.values()):
            book.remove(order.order_id)
            updates.append(update(book, order, OrderState.CANCELLED, ts, reason=LIQUIDATION))
    return updates


def liquidate(book: MatchingBook, order_seq: int, desk: Desk, ts: int) -> OrderUpdate:
    """Fill the venue's own closing order at the mark and the liquidation fee.

    A loss beyond the wallet stays visible as a negative wallet: nobody's fund pays it here.
    """
    side = Side.SELL if book.position > 0 else Side.BUY
    price, qty = market_price(side, desk.clearing.mark(book), 0), abs(book.position)
    order = book.new_order(order_seq, f"{AUTOCLOSE}{order_seq}", side, price, qty, ts)
    rate = desk.settings.liquidation_fee_bps_x100
    return desk.fill(book, order, price, qty, ts, takes=True, rate_bps_x100=rate)
