"""Depth of a book in numbers: slippage, walls, imbalance (CORE-17).

Every figure is an integer, one operator over an exact quotient, and each quotient is a ratio in
which the unit of price or of quantity cancels. An implementation over scaled integers therefore
gives the same figures in any unit that divides all prices, and any that divides all quantities
and ``qty_ref``. What it must keep: zero quantities go before anything is counted; the last level
taken is taken in part; slippage is rounded down and then capped; the first of equally large
levels is the wall; scores and imbalance are cut toward zero. Ticks and lots of a venue fit 64
bits; in units of 10^-8 the largest product, ``10000 * best * qty_ref``, needs 134.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from grinder_core.contracts.checks import check_int, is_number
from grinder_core.contracts.features import L2FeatureSnapshot
from grinder_core.contracts.market import Level
from grinder_core.errors import ContractError
from grinder_core.indicators.book import book_fault
from grinder_core.numbers import BPS, ZERO, bps, exact, trunc_div

FLAT_X1000 = 1000  # wall score of levels that are all alike


def depth_features(
    symbol: str,
    ts_ms: int,
    bids: Sequence[Level],
    asks: Sequence[Level],
    *,
    top_n: int,
    qty_ref: Decimal,
) -> L2FeatureSnapshot:
    """Measure the best ``top_n`` levels of each side of a book (CORE-17).

    A side that holds less than ``qty_ref`` within ``top_n`` levels, for whatever reason, has the
    insufficient flag 1 and the impact 10000, so that a reader of either blocks.

    Args:
        symbol: Whose book.
        ts_ms: Of the book.
        bids, asks: Price and quantity as the market contracts allow them, best first.
        top_n: Levels a side that count, ``>= 1``.
        qty_ref: Base quantity whose slippage is measured, ``> 0``.

    Raises:
        ContractError: ``top_n`` or ``qty_ref`` out of range, or, zero quantities left out, a side
            that is not strictly in order, or a best bid that is not below the best ask.

    Example:
        >>> features = depth_features(
        ...     "AAAUSDT", 0, [(Decimal(99), Decimal(4))], [(Decimal(100), Decimal(1))],
        ...     top_n=20, qty_ref=Decimal(2))
        >>> features.impact_buy_topN_insufficient_depth, features.depth_imbalance_bps
        (1, 6000)
    """
    check_int("top_n", top_n, ge=1)
    if not is_number(qty_ref) or qty_ref <= 0:
        raise ContractError("must be a decimal > 0", field="qty_ref", value=qty_ref)
    bids = [level for level in bids if level[1]]
    asks = [level for level in asks if level[1]]
    fault = book_fault(bids, asks)
    if fault is not None:
        raise fault
    with exact():
        bids, asks = bids[:top_n], asks[:top_n]
        bid_total = sum([qty for _, qty in bids], ZERO)
        ask_total = sum([qty for _, qty in asks], ZERO)
        total = bid_total + ask_total
        wall_bid, wall_bid_distance = _wall(bids, bid_total)
        wall_ask, wall_ask_distance = _wall(asks, ask_total)
        buy_lacks, sell_lacks = ask_total < qty_ref, bid_total < qty_ref
        return L2FeatureSnapshot(
            ts_ms=ts_ms,
            symbol=symbol,
            top_n=top_n,
            qty_ref=qty_ref,
            impact_buy_topN_bps=BPS if buy_lacks else _impact_bps(asks, qty_ref),
            impact_sell_topN_bps=BPS if sell_lacks else _impact_bps(bids, qty_ref),
            impact_buy_topN_insufficient_depth=int(buy_lacks),
            impact_sell_topN_insufficient_depth=int(sell_lacks),
            wall_bid_score_x1000=wall_bid,
            wall_ask_score_x1000=wall_ask,
            wall_bid_distance_bps=wall_bid_distance,
            wall_ask_distance_bps=wall_ask_distance,
            depth_imbalance_bps=(trunc_div(BPS * (bid_total - ask_total), total) if total else 0),
        )


def _impact_bps(levels: Sequence[Level], qty: Decimal) -> int:
    """Slippage of taking ``qty``, which the levels hold, against the first price."""
    best = levels[0][0]
    rest, lost = qty, ZERO
    for price, offered in levels:
        taken = min(offered, rest)
        lost += abs(price - best) * taken
        rest -= taken
        if not rest:
            break
    return min(BPS, trunc_div(BPS * lost, best * qty))


def _wall(levels: Sequence[Level], total: Decimal) -> tuple[int, int]:
    """Score and distance of the first largest level."""
    if not levels:
        return 0, 0
    price, qty = max(levels, key=lambda level: level[1])  # the first of equals
    best = levels[0][0]
    return trunc_div(FLAT_X1000 * len(levels) * qty, total), bps(abs(price - best), best)
