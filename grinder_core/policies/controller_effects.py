"""What a controller's decision does to a plan (CORE-19, CORE-20).

Shapes made here are kept: the diff knows that nothing changed by the identity of the shape, so
the same source and the same decision must give the same object from quote to quote.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from attrs import define, evolve, field

from grinder_core.contracts.decisions import ControllerDecision
from grinder_core.contracts.enums import ControllerMode, GridMode, ResetAction
from grinder_core.contracts.plan import GridPlan, GridShape
from grinder_core.numbers import ZERO

SHAPES_MAX: Final = 256  # derived shapes kept; more only costs making them again
# members as names of this module: reading them off their class costs more than the arithmetic
_PAUSE, _DRAWDOWN = ControllerMode.PAUSE, ControllerMode.DRAWDOWN
_TREND_UP, _TREND_DOWN = ControllerMode.TREND_UP, ControllerMode.TREND_DOWN
_NONE = ResetAction.NONE
_STRENGTH: Final = {_NONE: 0, ResetAction.SOFT: 1, ResetAction.HARD: 2}


def apply_controller(
    plan: GridPlan, decision: ControllerDecision, *, position: Decimal, is_static: bool
) -> GridPlan:
    """``ControllerEffects.apply`` for a single plan. Inside ``exact()``."""
    return ControllerEffects().apply(plan, decision, position=position, is_static=is_static)


def takes_all(decision: ControllerDecision, position: Decimal) -> bool:
    """Whether no level of any plan is left, whatever its sizes are."""
    return decision.mode is _PAUSE or (decision.mode is _DRAWDOWN and not position)


@define
class ControllerEffects:
    """Applies decisions and keeps the shapes they lead to; a cache, never part of the state.

    A source is found by what its levels cost (hashing all of it on every quote would cost more
    than the rest), and an entry holds its source to tell it from another that costs the same.
    """

    _shapes: dict[tuple[Decimal, int, int, int, bool, bool], tuple[GridShape, GridShape]] = field(
        factory=dict, init=False, repr=False, eq=False
    )

    def apply(
        self, plan: GridPlan, decision: ControllerDecision, *, position: Decimal, is_static: bool
    ) -> GridPlan:
        """Return the plan as the controller leaves it. Inside ``exact()``.

        Spacing changes the static grid only; PAUSE takes all levels, DRAWDOWN all that could add
        to the position, a trend half of those against it. A plan without levels keeps its shape.
        The stronger reset wins and the decision's codes follow the plan's.

        Args:
            position: Signed base quantity of the symbol.
            is_static: The plan is the static grid's.

        Returns:
            ``plan`` itself where the decision changes nothing.
        """
        shape = plan.shape
        if shape.levels_up or shape.levels_down:
            shape = self._shape(shape, decision, position, is_static=is_static)
        reset, codes, asked = plan.reset_action, plan.reason_codes, decision.reset_action
        if asked is not _NONE and _STRENGTH[asked] > _STRENGTH[reset]:
            reset = asked
        for code in decision.reset_codes:
            if code not in codes:
                codes += (code,)
        if shape is plan.shape and reset is plan.reset_action and codes is plan.reason_codes:
            return plan
        return GridPlan(
            shape=shape,
            center_price=plan.center_price,
            reset_action=reset,
            reason_codes=codes,
        )

    def _shape(
        self,
        source: GridShape,
        decision: ControllerDecision,
        position: Decimal,
        *,
        is_static: bool,
    ) -> GridShape:
        up, down = _levels(source, decision.mode, position)
        spacing = decision.spacing_bps if is_static else source.spacing_bps
        reduces = source.reduce_only or decision.mode is _DRAWDOWN
        if (
            up == source.levels_up
            and down == source.levels_down
            and spacing == source.spacing_bps
            and reduces is source.reduce_only
        ):
            return source
        key = (source.planned_factor, up, down, spacing, reduces, is_static)
        kept = self._shapes.get(key)
        if kept is None or (kept[0] is not source and kept[0] != source):
            if len(self._shapes) >= SHAPES_MAX:
                self._shapes.clear()
            shape = evolve(
                source,
                mode=_mode(source, up, down),
                spacing_bps=spacing,
                levels_up=up,
                levels_down=down,
                size_schedule=source.size_schedule[: max(up, down)],
                width_up_bps=_width(source.width_up_bps, up, spacing, is_static=is_static),
                width_down_bps=_width(source.width_down_bps, down, spacing, is_static=is_static),
                reduce_only=reduces,
            )
            kept = self._shapes[key] = (source, shape)
        return kept[1]


def _levels(source: GridShape, mode: ControllerMode, position: Decimal) -> tuple[int, int]:
    """How many levels up and down the mode leaves."""
    up, down = source.levels_up, source.levels_down
    if mode is _PAUSE:
        return 0, 0
    if mode is _DRAWDOWN:
        if position > 0:
            return _covered(source.size_schedule[:up], position), 0
        return 0, _covered(source.size_schedule[:down], -position) if position else 0
    if mode is _TREND_UP:
        return up // 2, down
    return (up, down // 2) if mode is _TREND_DOWN else (up, down)


def _covered(sizes: Sequence[Decimal], room: Decimal) -> int:
    """Levels, from the centre out, whose sizes together fit into the room."""
    total = ZERO
    for count, size in enumerate(sizes):
        total += size
        if total > room:
            return count
    return len(sizes)


def _mode(source: GridShape, up: int, down: int) -> GridMode:
    """The source's mode, unless a side lost its last level or may only shrink the position."""
    if not up and not down:
        return GridMode.PAUSE
    if not down:
        return GridMode.UNI_SHORT
    return GridMode.UNI_LONG if not up else source.mode


def _width(width: int, levels: int, spacing: int, *, is_static: bool) -> int:
    if is_static:
        return levels * spacing
    return width if levels else 0
