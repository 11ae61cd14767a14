"""Where a resting order stands in the queue at its price, judged pessimistically.

The data says how much rests at a price, not whose turn it is. The rule is the conservative one of
public simulators (hftbacktest calls it the risk-averse queue model): we join behind everything
displayed; only trades at our price move us forward; quantity that disappears without a trade is
taken from behind us, until less is displayed than we thought to be ahead.

* Joining: ahead is the quantity displayed at our price on our side, by the depth book where it
  knows the price, and by the quote at or inside its best price; where both speak, the larger.
  Where neither knows, ahead is unknown (``None``) until one of them shows the price.
* A print at our price by an aggressor of the other side first eats what is ahead, the rest fills
  us. With several own orders at one price each print is shared in order of placement, and what
  filled one of them moved nobody ahead of the next.
* A print through our price fills us whole: the market traded where we would have been first.
* A quote whose opposite best price is at or through ours fills us as in the ``quote`` mode.

Called inside ``exact()``. Quantities are base asset.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from grinder_core.contracts.enums import BUY, Side
from grinder_core.contracts.market import Snapshot, Trade
from grinder_core.numbers import ZERO


class Depth(Protocol):
    """What the queue asks of a maintained book."""

    def qty_at(self, side: Side, price: Decimal) -> Decimal | None:
        """Displayed quantity; ``None`` where unknown."""


def displayed_by_quote(side: Side, price: Decimal, snapshot: Snapshot) -> Decimal | None:
    """What a quote says about the quantity at a price of one side; ``None`` below its best."""
    if side is BUY:
        best = snapshot.bid_price
        if price < best:
            return None
        return snapshot.bid_qty if price == best else ZERO
    best = snapshot.ask_price
    if price > best:
        return None
    return snapshot.ask_qty if price == best else ZERO


def ahead_of_new(
    side: Side, price: Decimal, snapshot: Snapshot | None, depth: Depth | None
) -> Decimal | None:
    """What stands before an order that joins now; ``None`` where nothing tells."""
    by_quote = None if snapshot is None else displayed_by_quote(side, price, snapshot)
    by_depth = None if depth is None else depth.qty_at(side, price)
    if by_quote is None or by_depth is None:
        return by_depth if by_quote is None else by_quote
    return max(by_quote, by_depth)


def ahead_after(ahead: Decimal | None, displayed: Decimal | None) -> Decimal | None:
    """What stands before an order once that much was displayed at its price (or ``None``)."""
    if ahead is None or displayed is None:
        return displayed if ahead is None else ahead
    return min(ahead, displayed)


def goes_through(side: Side, price: Decimal, trade: Trade) -> bool:
    """Whether a print is beyond an order's limit."""
    return trade.price < price if side is Side.BUY else trade.price > price


def hits_queue(side: Side, price: Decimal, trade: Trade) -> bool:
    """Whether a print is at an order's limit and by an aggressor of the other side."""
    return trade.price == price and trade.is_buyer_maker is (side is Side.BUY)


def share(ahead: Decimal | None, want: Decimal, left: Decimal) -> tuple[Decimal | None, Decimal]:
    """What is ahead after ``left`` of a print hit the queue, and how much of it is ours."""
    if ahead is None:
        return None, ZERO
    eaten = min(ahead, left)
    return ahead - eaten, min(want, left - eaten)
