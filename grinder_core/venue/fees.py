"""What fills cost: fees and slippage, never rounded in our favour (CORE-37). Inside ``exact()``."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from grinder_core.contracts.enums import Side
from grinder_core.numbers import BPS, ZERO, dec_down, dec_up

MONEY_DIGITS: Final = 8
FEE_UNITS: Final = 10**6  # hundredths of a basis point in one
SMALLEST_PRICE: Final = Decimal("1E-8")


def fee(price: Decimal, qty: Decimal, rate_bps_x100: int) -> Decimal:
    """``dec_up(price*qty*rate/10^6, 8)``, quote currency.

    Example:
        >>> fee(Decimal("100.5"), Decimal(3), 200)
        Decimal('0.06030000')
    """
    return dec_up(price * qty * rate_bps_x100, MONEY_DIGITS, FEE_UNITS) if rate_bps_x100 else ZERO


def market_price(side: Side, price: Decimal, slippage_bps: int) -> Decimal:
    """What an order at the market gets where ``price`` is expected, to 8 digits against us.

    Args:
        slippage_bps: 0..9999.

    Example:
        >>> market_price(Side.SELL, Decimal("99.99"), 7)
        Decimal('99.92000700')
    """
    if side is Side.BUY:
        return dec_up(price * (BPS + slippage_bps), MONEY_DIGITS, BPS)
    # a price of 0 exists nowhere; half of the smallest one is still the smallest one
    return max(dec_down(price * (BPS - slippage_bps), MONEY_DIGITS, BPS), SMALLEST_PRICE)
