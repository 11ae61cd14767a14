"""Ticks and lots: an instrument's prices and quantities as whole numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_adapters.synthetic.quoting import Grid
from grinder_core.contracts.checks import PRICE_LIMIT, QTY_LIMIT
from grinder_core.errors import ConfigError
from grinder_core.numbers import exact, fractional_digits
from grinder_core.venue.exchange.instrument import Instrument

MICRO: Final = 10**6  # mids are counted in millionths of a tick

ROOM: Final = 25  # ticks between a start price and the ends of the range

_DIGITS_MAX: Final = 8


@frozen(kw_only=True)
class Scale:
    """What a price and a quantity of one symbol may be.

    Attributes:
        tick, step: Increments of price (quote currency) and quantity (base asset).
        tick_min, tick_max: Prices that an order may have, ticks.
        lots_min, lots_max: Quantities that a limit order may have, steps.
    """

    tick: Decimal
    step: Decimal
    tick_min: int
    tick_max: int
    lots_min: int
    lots_max: int

    @classmethod
    def of(cls, instrument: Instrument) -> Scale:
        """Count an instrument's filters in increments.

        Raises:
            ConfigError: A lower bound is no multiple of its increment or above the upper one, or
                an increment has more digits than the symbol's orders may have.
        """
        symbol, tick, step = instrument.symbol, instrument.tick, instrument.step
        for name, increment, precision in (
            ("tick", tick, instrument.price_precision),
            ("step", step, instrument.qty_precision),
        ):
            digits = min(precision, _DIGITS_MAX)
            if fractional_digits(increment) > digits:
                rule = f"must have at most {digits} fractional digits"
                raise ConfigError(rule, field=f"{symbol}.{name}", value=increment)
        scale = cls(
            tick=tick,
            step=step,
            tick_min=max(1, count(instrument.min_price, tick, f"{symbol}.min_price")),
            tick_max=_below(instrument.max_price or PRICE_LIMIT - tick, tick),
            lots_min=max(1, count(instrument.min_qty, step, f"{symbol}.min_qty")),
            lots_max=_below(instrument.max_qty or QTY_LIMIT - step, step),
        )
        if scale.lots_min > scale.lots_max:
            rule = f"must be at least min_qty {instrument.min_qty}"
            raise ConfigError(rule, field=f"{symbol}.max_qty", value=instrument.max_qty)
        return scale

    def start(self, price: Decimal, field: str) -> int:
        """Return a market's first price in ticks.

        Raises:
            ConfigError: It is not on the tick, or too near to the lowest or highest price; names
                ``field``.
        """
        ticks = count(price, self.tick, field)
        if not self.tick_min + ROOM <= ticks <= self.tick_max - ROOM:
            low, high = (Grid(self.tick).of(bound) for bound in (self.tick_min, self.tick_max))
            rule = f"must lie {ROOM} ticks inside of the symbol's prices, {low} to {high}"
            raise ConfigError(rule, field=field, value=price)
        return ticks


def count(value: Decimal, increment: Decimal, field: str) -> int:
    """Return how many increments a value is.

    Raises:
        ConfigError: It is no multiple; names ``field``.
    """
    with exact():
        times, rest = divmod(value, increment)
    if rest:
        raise ConfigError(f"must be a multiple of {increment}", field=field, value=value)
    return int(times)


def _below(bound: Decimal, increment: Decimal) -> int:
    with exact():
        return int(bound // increment)
