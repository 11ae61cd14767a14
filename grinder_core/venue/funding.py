"""Funding of perpetuals: longs pay a positive rate to shorts, on the notional at mark.

Source: the venue's published rule (fee = position size * mark price * rate at each settlement).
Inside ``exact()``; amounts are exact products, never rounded.
"""

from __future__ import annotations

from decimal import Decimal

from grinder_core.contracts.control import FundingPaid


def boundary_after(now: int, interval_ms: int) -> int:
    """The first settlement time after ``now``: a multiple of the interval since 1970.

    Example:
        >>> boundary_after(28_800_000, 28_800_000)
        57600000
    """
    return (now // interval_ms + 1) * interval_ms


def payment(ts: int, symbol: str, rate: Decimal, qty: Decimal, mark: Decimal) -> FundingPaid:
    """What a settlement costs a position: ``qty*mark*rate``, paid is positive.

    Args:
        qty: Signed position, base asset.
        mark: Quote currency.
    """
    return FundingPaid(
        ts=ts, symbol=symbol, rate=rate, qty=qty, mark_price=mark, amount=qty * mark * rate
    )
