"""Where the levels of a grid lie (CORE-32)."""

from __future__ import annotations

from decimal import Decimal

from grinder_core.contracts.enums import Side
from grinder_core.contracts.plan import GridShape
from grinder_core.numbers import BPS, ceil_div, floor_div

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
        return tick * floor_div(skewed * (BPS - level * shape.spacing_bps), _SCALE * tick)
    return tick * ceil_div(skewed * (BPS + level * shape.spacing_bps), _SCALE * tick)


def side_prices(anchor: Decimal, shape: GridShape, side: Side, tick: Decimal) -> list[Decimal]:
    """Prices of levels 1, 2, .. of one side."""
    count = shape.levels_down if side is Side.BUY else shape.levels_up
    return [level_price(anchor, shape, side, level, tick) for level in range(1, count + 1)]
