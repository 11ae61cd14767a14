"""A grid plan: what a policy wants to rest in the book (CORE-03).

A plan is a *shape* (mode, spacing, levels, sizes), validated once, around a *centre*, which is
all that changes from quote to quote. Policies keep the shape and move the centre.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from attrs import field, frozen

from grinder_core.codec import register_flat, to_dict
from grinder_core.contracts.checks import PRICE_LIMIT, QTY_LIMIT, check_int, is_number
from grinder_core.contracts.enums import GridMode, Regime, ResetAction
from grinder_core.errors import ContractError
from grinder_core.numbers import BPS, ONE, ZERO, exact, fractional_digits

SIZE_DIGITS = 16  # CORE-24 scales sizes without rounding
_HALTED = (GridMode.PAUSE, GridMode.EMERGENCY)


@frozen(kw_only=True)
class GridShape:
    """Everything of a plan but its centre and its reset.

    Attributes:
        spacing_bps: Distance of neighbouring levels from the centre, basis points.
        levels_up, levels_down: SELL levels above, BUY levels below the centre.
        size_schedule: Base quantity of level ``i`` at index ``i-1``, shared by both sides.
        skew_bps: Shift of the whole grid, basis points of the centre.
        width_up_bps, width_down_bps: Reach of a side; 0 where the side has no level.
        reduce_only: The plan may only shrink the position.
    """

    mode: GridMode = GridMode.BILATERAL
    spacing_bps: int
    levels_up: int
    levels_down: int
    size_schedule: tuple[Decimal, ...]
    skew_bps: int = 0
    regime: Regime = Regime.RANGE
    width_up_bps: int
    width_down_bps: int
    reduce_only: bool = False
    planned_factor: Decimal = field(init=False, repr=False, eq=False)
    """``planned_factor * centre`` is the notional of all levels (CORE-13), exact."""

    def __attrs_post_init__(self) -> None:
        for name in ("spacing_bps", "levels_up", "levels_down", "width_up_bps", "width_down_bps"):
            check_int(name, getattr(self, name))
        check_int("skew_bps", self.skew_bps, ge=-BPS)
        _check_levels(self)
        _check_sizes(self)
        with exact():
            object.__setattr__(self, "planned_factor", _planned_factor(self))

    @property
    def width_bps(self) -> int:
        """The wider of the two sides."""
        return max(self.width_up_bps, self.width_down_bps)

    @property
    def level_count(self) -> int:
        return self.levels_up + self.levels_down

    def lays_like(self, other: GridShape) -> bool:
        """Whether both put the same orders around the same centre.

        Widths and regime say why levels are where they are, not where.
        """
        return (
            self.spacing_bps == other.spacing_bps
            and self.levels_up == other.levels_up
            and self.levels_down == other.levels_down
            and self.mode is other.mode
            and self.skew_bps == other.skew_bps
            and self.reduce_only is other.reduce_only
            and self.size_schedule == other.size_schedule
        )


@frozen(kw_only=True)
class GridPlan:
    """A shape around a centre, with the reset it asks for and why.

    Attributes:
        center_price: Quote currency, ``0 < p < 10^9``; level prices are rounded to the tick.
        reason_codes: In emission order, no duplicates.
    """

    shape: GridShape
    center_price: Decimal
    reset_action: ResetAction = ResetAction.NONE
    reason_codes: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        if not is_number(self.center_price) or not (ZERO < self.center_price < PRICE_LIMIT):
            raise ContractError(
                "must be a decimal with 0 < price < 10^9",
                field="center_price",
                value=self.center_price,
            )
        if len(self.reason_codes) > 1 and len(set(self.reason_codes)) < len(self.reason_codes):
            raise ContractError(
                "must not repeat", field="reason_codes", value=list(self.reason_codes)
            )

    @classmethod
    def flat(
        cls,
        *,
        mode: GridMode = GridMode.BILATERAL,
        center_price: Decimal,
        spacing_bps: int,
        levels_up: int,
        levels_down: int,
        size_schedule: tuple[Decimal, ...],
        skew_bps: int = 0,
        regime: Regime = Regime.RANGE,
        reset_action: ResetAction = ResetAction.NONE,
        reason_codes: tuple[str, ...] = (),
        reduce_only: bool = False,
    ) -> GridPlan:
        """Build shape and plan in one call; widths follow from spacing and levels.

        Example:
            >>> plan = GridPlan.flat(center_price=Decimal(100), spacing_bps=10, levels_up=2,
            ...                      levels_down=2, size_schedule=(Decimal(1), Decimal(1)))
            >>> plan.shape.width_bps
            20
        """
        shape = GridShape(
            mode=mode,
            spacing_bps=spacing_bps,
            levels_up=levels_up,
            levels_down=levels_down,
            size_schedule=tuple(size_schedule),
            skew_bps=skew_bps,
            regime=regime,
            width_up_bps=spacing_bps * levels_up,
            width_down_bps=spacing_bps * levels_down,
            reduce_only=reduce_only,
        )
        return cls(
            shape=shape,
            center_price=center_price,
            reset_action=reset_action,
            reason_codes=tuple(reason_codes),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the published flat form."""
        return to_dict(self)


def paused(
    center_price: Decimal, reason_codes: tuple[str, ...], mode: GridMode = GridMode.PAUSE
) -> GridPlan:
    """Return a plan without levels."""
    return GridPlan.flat(
        mode=mode,
        center_price=center_price,
        spacing_bps=0,
        levels_up=0,
        levels_down=0,
        size_schedule=(),
        reason_codes=reason_codes,
    )


def _check_levels(s: GridShape) -> None:
    deepest = max(s.levels_up, s.levels_down)
    if deepest and s.spacing_bps < 1:
        raise ContractError(
            "must be >= 1 where a level exists", field="spacing_bps", value=s.spacing_bps
        )
    if deepest * s.spacing_bps + abs(s.skew_bps) >= BPS:
        raise ContractError(
            "levels * spacing_bps + abs(skew_bps) must be < 10000, or prices turn negative",
            field="levels",
            value=deepest,
        )
    for name, wrong in (
        ("levels_up", s.mode in (*_HALTED, GridMode.UNI_LONG)),
        ("levels_down", s.mode in (*_HALTED, GridMode.UNI_SHORT)),
    ):
        if wrong and getattr(s, name):
            raise ContractError(f"must be 0 in mode {s.mode}", field=name, value=getattr(s, name))
    for levels, width in (("levels_up", "width_up_bps"), ("levels_down", "width_down_bps")):
        if not getattr(s, levels) and getattr(s, width):
            raise ContractError(f"must be 0 without {levels}", field=width, value=getattr(s, width))


def _check_sizes(s: GridShape) -> None:
    deepest = max(s.levels_up, s.levels_down)
    if len(s.size_schedule) < deepest or (not deepest and s.size_schedule):
        raise ContractError(
            f"must have a size for each of {deepest} levels",
            field="size_schedule",
            value=len(s.size_schedule),
        )
    checked: Decimal | None = None
    for size in s.size_schedule:
        if size is checked:  # uniform schedules repeat one value
            continue
        checked = size
        if not is_number(size) or not ZERO <= size < QTY_LIMIT:
            raise ContractError(
                "must be decimals with 0 <= size < 10^11", field="size_schedule", value=size
            )
        if fractional_digits(size) > SIZE_DIGITS:
            raise ContractError(
                f"must have at most {SIZE_DIGITS} fractional digits",
                field="size_schedule",
                value=size,
            )


def _planned_factor(s: GridShape) -> Decimal:
    skew = BPS + s.skew_bps
    units = sum(
        (
            size * ((i <= s.levels_down) * (BPS - i * s.spacing_bps))
            + size * ((i <= s.levels_up) * (BPS + i * s.spacing_bps))
            for i, size in enumerate(s.size_schedule, 1)
        ),
        ZERO,
    )
    return units * skew * (ONE / 10**8)


_SHAPE_KEYS = (
    "levels_down",
    "levels_up",
    "mode",
    "reduce_only",
    "regime",
    "size_schedule",
    "skew_bps",
    "spacing_bps",
    "width_down_bps",
    "width_up_bps",
)


def _write(plan: GridPlan) -> dict[str, Any]:
    shape = to_dict(plan.shape)
    return {
        **{key: shape[key] for key in _SHAPE_KEYS},
        "center_price": to_dict(plan.center_price),
        "reason_codes": list(plan.reason_codes),
        "reset_action": plan.reset_action.value,
        "width_bps": plan.shape.width_bps,
    }


@frozen(kw_only=True)
class _FlatPlan:
    """The published form, as the codec reads it."""

    mode: GridMode
    center_price: Decimal
    spacing_bps: int
    levels_up: int
    levels_down: int
    size_schedule: tuple[Decimal, ...]
    skew_bps: int
    regime: Regime
    width_bps: int
    width_up_bps: int
    width_down_bps: int
    reset_action: ResetAction
    reason_codes: tuple[str, ...]
    reduce_only: bool


def _read(data: _FlatPlan) -> GridPlan:
    shape = GridShape(**{key: getattr(data, key) for key in _SHAPE_KEYS})
    if data.width_bps != shape.width_bps:
        raise ContractError(
            f"must be the wider side, {shape.width_bps}", field="width_bps", value=data.width_bps
        )
    return GridPlan(
        shape=shape,
        center_price=data.center_price,
        reset_action=data.reset_action,
        reason_codes=data.reason_codes,
    )


register_flat(GridPlan, _write, _FlatPlan, _read)
