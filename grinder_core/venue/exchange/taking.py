"""What an order gets that takes on arrival: the displayed offers of the other side, best first.

Nobody here moves the market: all accounts meet the same recorded or generated book, and what one
took is gone until the next snapshot (``Displayed``). Called inside ``exact()``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from grinder_core.contracts.enums import BUY, Side
from grinder_core.contracts.market import Level
from grinder_core.venue.fees import market_price
from grinder_core.venue.matching import MatchingBook
from grinder_core.venue.settings import VenueSettings


def best_offer(book: MatchingBook, side: Side) -> Decimal | None:
    """The best price that an order of this side could take at; ``None`` before the first quote."""
    last = book.last
    if last is None:
        return None
    return last.ask_price if side is BUY else last.bid_price


def crosses(book: MatchingBook, side: Side, price: Decimal) -> bool:
    """Whether a limit would take."""
    offer = best_offer(book, side)
    if offer is None:
        return False
    return price >= offer if side is BUY else price <= offer


def offers(
    book: MatchingBook,
    settings: VenueSettings,
    side: Side,
    limit: Decimal,
    want: Decimal,
    now: int,
) -> Sequence[Level]:
    """What an order would get within its limit, best first; it is not taken yet.

    Without ``partial_fills_enabled`` the best price holds any quantity. With it, the depth book
    counts where it is known and young, else what the quote displays.
    """
    last = book.last
    best = best_offer(book, side)
    if last is None or best is None or (best > limit if side is Side.BUY else best < limit):
        return ()
    if not settings.partial_fills_enabled:
        return ((best, want),)
    displayed = book.displayed
    displayed.renew(book.tick)
    share = settings.participation_bps
    depth = book.depth
    if depth is not None and depth.is_synced:
        age = now - book.depth_seen_ms
        if 0 <= age <= settings.l2_fill_max_age_ms:
            bids, asks = depth.top(depth.levels_max)
            levels = asks if side is Side.BUY else bids
            return displayed.walk(side, limit, want, levels, share)
    qty = min(want, displayed.best_left(side, last, share))
    # a deeper book may have given more than the quote shows
    return ((best, qty),) if qty > 0 else ()


def take(book: MatchingBook, side: Side, price: Decimal, qty: Decimal) -> None:
    """Note what was taken, so that nobody takes it twice."""
    displayed = book.displayed
    displayed.take_levels(side, ((price, qty),))
    if price == best_offer(book, side):
        displayed.take_best(side, qty)


def slipped(side: Side, price: Decimal, settings: VenueSettings, *, at_market: bool) -> Decimal:
    """The price that is charged: a market order pays the configured slippage on top."""
    if not at_market or not settings.market_slippage_bps:
        return price
    return market_price(side, price, settings.market_slippage_bps)
