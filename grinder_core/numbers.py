"""Exact numbers and the rounding operators (CORE-01).

Sums, differences and products are exact: they run under ``exact()``, a decimal context that
raises instead of rounding. Every division is one of the operators below, applied once to the
exact quotient. They carry their own context, so the caller's never matters.

Inside ``with exact():`` plain ``+ - *`` and comparisons on Decimal are exact, ``//`` truncates
toward zero exactly, and ``/`` raises ``decimal.Inexact`` unless the quotient is finite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)
from itertools import pairwise
from typing import Final

from grinder_core.errors import ContractError

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
HALF: Final = Decimal("0.5")
BPS: Final = 10_000
RETURN_UNIT: Final = 10**18  # abs_ret_bps adds returns in units of 10^-18

_DIGITS: Final = 160  # far beyond the largest product of in-range values
_EXACT: Final = Context(
    prec=_DIGITS,
    rounding=ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[InvalidOperation, DivisionByZero, Overflow, Inexact, FloatOperation],
)
_USER: Final = Context(
    prec=34,
    rounding=ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[InvalidOperation, DivisionByZero, Overflow, FloatOperation],
)
_text: Final = _EXACT.to_sci_string  # str() would ask the caller's context for its capitals
_PLAIN: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def exact() -> AbstractContextManager[Context]:
    """Enter the core's own context: exact or an exception, whatever the caller's context is."""
    return localcontext(_EXACT)


def rounded() -> AbstractContextManager[Context]:
    """Enter the context a user's own policy runs under: 34 digits, half-even, floats refused."""
    return localcontext(_USER)


def trunc_div(a: Decimal | int, b: Decimal | int) -> int:
    """``trunc(a/b)``: the integer toward zero."""
    return int(_EXACT.divide_int(Decimal(a), _divisor(b)))


def floor_div(a: Decimal | int, b: Decimal | int) -> int:
    """``floor(a/b)``: the integer toward minus infinity."""
    quotient, rest = _divmod(Decimal(a), _divisor(b))
    return quotient - 1 if rest and (rest < 0) != (b < 0) else quotient


def ceil_div(a: Decimal | int, b: Decimal | int) -> int:
    """``ceil(a/b)``: the integer toward plus infinity."""
    return -floor_div(Decimal(a).copy_negate(), b)


def half_even_div(a: Decimal | int, b: Decimal | int) -> int:
    """``half_even(a/b)``: the nearest integer, ties to even."""
    divisor = _divisor(b)
    quotient, rest = _divmod(Decimal(a), divisor)
    twice = _EXACT.multiply(rest.copy_abs(), Decimal(2)).compare(divisor.copy_abs(), _EXACT)
    if twice > 0 or (twice == 0 and quotient % 2):
        quotient += 1 if (rest < 0) == (divisor < 0) else -1
    return quotient


def dec_down(x: Decimal | int, places: int, over: Decimal | int = 1) -> Decimal:
    """``dec_down(x/over, places)``: that many fractional digits, toward zero."""
    return _scaled(trunc_div(_shifted(x, places), over), places)


def dec_up(x: Decimal | int, places: int, over: Decimal | int = 1) -> Decimal:
    """``dec_up(x/over, places)``: that many fractional digits, away from zero."""
    quotient, rest = _divmod(_shifted(x, places), _divisor(over))
    if rest:
        quotient += 1 if (x < 0) == (over < 0) else -1
    return _scaled(quotient, places)


def dec_half_even(x: Decimal | int, places: int, over: Decimal | int = 1) -> Decimal:
    """``dec_half_even(x/over, places)``: that many fractional digits, nearest, ties to even."""
    return _scaled(half_even_div(_shifted(x, places), over), places)


def isqrt(k: int) -> int:
    """``isqrt(k)``: floor of the square root of an integer ``k >= 0``."""
    if k < 0:
        raise ContractError("must be >= 0", field="k", value=k)
    return math.isqrt(k)


def bps(a: Decimal, b: Decimal) -> int:
    """``bps(a,b) = trunc(10000*a/b)`` for ``b > 0``."""
    if not b.is_finite() or b <= 0:
        raise ContractError("must be > 0", field="b", value=b)
    return trunc_div(_EXACT.multiply(a, Decimal(BPS)), b)


def return_term(previous: Decimal, price: Decimal) -> int:
    """One term of ``abs_ret_bps``: ``floor(abs(price-previous)*10^18/previous)``."""
    step = _EXACT.subtract(price, previous).copy_abs()
    return trunc_div(_EXACT.multiply(step, Decimal(RETURN_UNIT)), previous)


def abs_ret_bps(prices: Sequence[Decimal]) -> int:
    """Sum of absolute returns in integer basis points, quantised once (CORE-01).

    Args:
        prices: Positive prices of any common scale, oldest first.

    Returns:
        ``floor(sum of terms / 10^14)``; 0 for fewer than two prices.

    Example:
        >>> abs_ret_bps([Decimal(100), Decimal(101), Decimal("100.5")])
        149
    """
    total = sum(return_term(a, b) for a, b in pairwise(prices))
    return terms_to_bps(total)


def terms_to_bps(total: int) -> int:
    """Quantise a sum of ``return_term`` values to integer basis points."""
    return total // 10**14


def parse_decimal(text: object, field: str = "value") -> Decimal:
    """Read a decimal string of the form ``-?[0-9]+(.[0-9]+)?``.

    Raises:
        ContractError: Anything else: a JSON number, ``1e3``, ``NaN``, spaces, ``+1``.
    """
    if not isinstance(text, str) or not _PLAIN.fullmatch(text):
        raise ContractError(
            "must be a decimal string like '1.5'",
            field=field,
            value=text,
            remedy="write digits with at most one point, in quotes",
        )
    return Decimal(text)


def canonical(number: Decimal) -> str:
    """Return the canonical decimal string: no exponent, plus sign or superfluous zero.

    Example:
        >>> canonical(Decimal("1.50")), canonical(Decimal("1E+3")), canonical(Decimal("-0.0"))
        ('1.5', '1000', '0')
    """
    text = _text(number)
    if "E" in text:
        text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text == "-0":
        return "0"
    if not number.is_finite():
        raise ContractError("must be finite", field="decimal", value=number)
    return text


def fractional_digits(number: Decimal) -> int:
    """Count fractional digits, trailing zeros left out."""
    text = canonical(number)
    return len(text) - text.index(".") - 1 if "." in text else 0


def notional_to_qty(notional: Decimal, price: Decimal, precision: int = 8) -> Decimal:
    """Convert an amount of quote currency to a base quantity, rounded down (CORE-03).

    Example:
        >>> notional_to_qty(Decimal(500), Decimal("43210.5"), 3)
        Decimal('0.011')
    """
    if not price.is_finite() or price <= 0:
        raise ContractError("must be > 0", field="price", value=price)
    if not notional.is_finite() or notional < 0:
        raise ContractError("must be >= 0", field="notional", value=notional)
    return dec_down(notional, precision, price)


def _divisor(b: Decimal | int) -> Decimal:
    if b == 0:
        raise ContractError("must not be 0", field="divisor", value=b)
    return Decimal(b)


def _divmod(a: Decimal, b: Decimal) -> tuple[int, Decimal]:
    quotient = _EXACT.divide_int(a, b)
    return int(quotient), _EXACT.subtract(a, _EXACT.multiply(quotient, b))


def _shifted(x: Decimal | int, places: int) -> Decimal:
    return _EXACT.scaleb(Decimal(x), places)


def _scaled(units: int, places: int) -> Decimal:
    return _EXACT.scaleb(Decimal(units), -places)
