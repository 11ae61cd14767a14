"""Measures of the best bid and ask (CORE-16)."""

from __future__ import annotations

from decimal import Decimal

from grinder_core.numbers import exact


def imbalance_l1_bps(bid_qty: Decimal, ask_qty: Decimal) -> int:
    """``trunc(10000*(bid-ask)/(bid+ask))`` in [-10000, 10000]; 0 if both are 0.

    Example:
        >>> imbalance_l1_bps(Decimal(30), Decimal(10)), imbalance_l1_bps(Decimal(1), Decimal(2))
        (5000, -3333)
    """
    with exact():
        return imbalance(bid_qty, ask_qty)


def imbalance(bid_qty: Decimal, ask_qty: Decimal) -> int:
    """``imbalance_l1_bps`` for callers inside ``exact()``."""
    total = bid_qty + ask_qty
    return int((bid_qty - ask_qty) * 10_000 // total) if total else 0


def thin_l1(bid_qty: Decimal, ask_qty: Decimal) -> Decimal:
    """The smaller of the two best quantities, base asset."""
    return min(bid_qty, ask_qty)
