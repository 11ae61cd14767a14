"""The one path a bar is taken to have traded along, and the quotes around it.

A bar says which prices were touched, not when. Every bar is read the same way: open, then low
and high in that order when the bar closed at or above its open (high and low when it closed
below), then close. That order visits the extreme against the bar's direction first, so a grid is
filled on the adverse side before the favourable one.

    at open_time              open
    at open_time + span/4     the first extreme
    at open_time + span/2     the second extreme
    at open_time + span - 1   close

An extreme equal to the price before it is left out; open and close are always there. Each price
is the last trade and the mid of a quote ``spread_bps`` wide, rounded outward. Both displayed
quantities are an eighth of the bar's volume (four instants, two sides), rounded down: like the
extremes they are known only once the bar has closed.

All numbers here are integers in units of 1e-8, because a generic rounding per quote would cost
more than everything else together.
"""

from __future__ import annotations

from decimal import Context, Decimal, FloatOperation, Inexact, InvalidOperation, Overflow
from typing import Final

from grinder_core.errors import ConfigError, ContractError

DIGITS: Final = 8
UNITS: Final = 10**DIGITS
QTY_SHARE: Final = 8
SPAN_MIN_MS: Final = 4  # below, two points of the path would share a millisecond

_PRICE_LIMIT: Final = 10**9 * UNITS
_FULL_SPREAD: Final = 20_000  # half a spread of this many basis points is the whole price
_SPREAD_DIGITS: Final = 8
_EXACT: Final = Context(prec=80, traps=[InvalidOperation, Inexact, Overflow, FloatOperation])
_SCALE: Final = Decimal(-DIGITS)

Point = tuple[int, int]  # quarter of the bar 0..3, price in units
Quote = tuple[Decimal, Decimal, Decimal]  # bid, ask, last


def path(open_: int, high: int, low: int, close: int) -> tuple[Point, ...]:
    """Return the prices of a bar in the order they are taken to have traded.

    Args:
        open_, high, low, close: Any common unit, ``low <= open_, close <= high``.

    Returns:
        ``(quarter, price)``: quarter 0 is the open, 3 the close; two to four points.

    Example:
        >>> path(10, 12, 9, 11)
        ((0, 10), (1, 9), (2, 12), (3, 11))
        >>> path(10, 10, 10, 10)
        ((0, 10), (3, 10))
    """
    first, second = (low, high) if close >= open_ else (high, low)
    if first != open_:
        if second != first:
            return (0, open_), (1, first), (2, second), (3, close)
        return (0, open_), (1, first), (3, close)
    if second != first:
        return (0, open_), (2, second), (3, close)
    return (0, open_), (3, close)


def offsets(span_ms: int) -> tuple[int, int, int, int]:
    """Return when, after a bar's open time, the four quarters of its path lie, milliseconds.

    Raises:
        ContractError: The bar is shorter than 4 ms.
    """
    if span_ms < SPAN_MIN_MS:
        raise ContractError(f"must be >= {SPAN_MIN_MS}", field="interval_ms", value=span_ms)
    return 0, span_ms // 4, span_ms // 2, span_ms - 1


def decimal_of(units: int) -> Decimal:
    """Return units of 1e-8 as a decimal, exactly."""
    return Decimal(units).scaleb(_SCALE, _EXACT)


class Quoter:
    """Puts a quote of constant relative width around a price.

    Args:
        spread_bps: Full width, ``0 < spread_bps < 20000``, at most 8 fractional digits.
        tick_size: Price increment of the symbol; ``None`` rounds to 8 fractional digits.

    Raises:
        ConfigError: A setting outside its range.
    """

    __slots__ = ("_ask_factor", "_bid_factor", "_one", "_tick")

    def __init__(self, spread_bps: Decimal, tick_size: Decimal | None = None) -> None:
        spread = _whole("spread_bps", spread_bps, _SPREAD_DIGITS)
        if not 0 < spread < _FULL_SPREAD * 10**_SPREAD_DIGITS:
            raise ConfigError(
                f"must be > 0 and < {_FULL_SPREAD}", field="spread_bps", value=spread_bps
            )
        tick = 1 if tick_size is None else _whole("tick_size", tick_size, DIGITS)
        if tick <= 0:
            raise ConfigError("must be > 0", field="tick_size", value=tick_size)
        one = _FULL_SPREAD * 10**_SPREAD_DIGITS
        self._bid_factor, self._ask_factor = one - spread, one + spread
        self._one, self._tick = one * tick, tick

    def quote(self, price: int) -> Quote:
        """Return bid, ask and last around a price in units: ``bid < price < ask``.

        Raises:
            ContractError: Bid or ask would leave the range of a price.
        """
        tick = self._tick
        bid = price * self._bid_factor // self._one * tick
        ask = -(-price * self._ask_factor // self._one) * tick
        if bid <= 0 or ask >= _PRICE_LIMIT:
            raise ContractError(
                "must leave 0 < bid and ask < 10^9 at this spread and tick size",
                field="price",
                value=decimal_of(price),
            )
        return decimal_of(bid), decimal_of(ask), decimal_of(price)


def _whole(name: str, value: Decimal, digits: int) -> int:
    """Return a setting in units of ``10^-digits``, which it must be a multiple of."""
    if not isinstance(value, Decimal) or not value.is_finite():
        raise ConfigError("must be a decimal string like '1.5'", field=name, value=value)
    scaled = value.scaleb(digits, _EXACT)
    if scaled != scaled.to_integral_value(context=_EXACT):
        raise ConfigError(f"must have at most {digits} fractional digits", field=name, value=value)
    return int(scaled)
