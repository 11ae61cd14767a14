"""Where the levels of a grid lie (CORE-32)."""

from __future__ import annotations

from decimal import Decimal

from grinder_core.contracts.enums import Side
from grinder_core.contracts.plan import GridShape
from grinder_core.numbers import BPS

DEFAULT_TICK = Decimal("0.00000001")
_SCALE = Decimal(BPS * BPS)


def level_price(
    anchor: Decimal, shape: GridShape, side: Side, level: int, tick: Decimal = DEFAULT_TICK
) -> Decimal:
    """Price of one level, rounded to the tick away from the centre. Called inside ``exact()``.

    ``BUY i = t*floor(A*(10000+k)*(10000-i*s)/(10^8*t))``, SELL with ``ceil`` and ``+``.

    Example:
        >>> shape = GridShape(spacing_bps=10, levels_up=1, levels_down=1,
        ...                   size_schedule=(Decimal(1),), width_up_bps=10, width_down_bps=10)
        >>> level_price(Decimal("0.53217"), shape, Side.BUY, 1, Decimal("0.00001"))
        Decimal('0.53163')
    """
    skewed = anchor * (BPS + shape.skew_bps)
    if side is Side.BUY:
        return _below(skewed * (BPS - level * shape.spacing_bps), _SCALE * tick, tick)
    return _above(skewed * (BPS + level * shape.spacing_bps), _SCALE * tick, tick)


def side_prices(anchor: Decimal, shape: GridShape, side: Side, tick: Decimal) -> list[Decimal]:
    """Prices of levels 1, 2, .. of one side. Called inside ``exact()``."""
    skewed = anchor * (BPS + shape.skew_bps)
    centre, step, unit = skewed * BPS, skewed * shape.spacing_bps, _SCALE * tick
    if side is Side.BUY:
        return [_below(centre - i * step, unit, tick) for i in range(1, shape.levels_down + 1)]
    return [_above(centre + i * step, unit, tick) for i in range(1, shape.levels_up + 1)]


def _below(price: Decimal, unit: Decimal, tick: Decimal) -> Decimal:
    """Round down; prices are positive, so cutting off is rounding down."""
    return price // unit * tick


def _above(price: Decimal, unit: Decimal, tick: Decimal) -> Decimal:
    """Round up."""
    ticks = price // unit
    return (ticks + 1) * tick if ticks * unit != price else ticks * tick
