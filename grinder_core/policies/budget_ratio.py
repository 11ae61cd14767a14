"""Scaling a plan's entries by a budget share that somebody else computed (CORE-24).

It comes last, after the adaptive grid (CORE-22) and depth gating (CORE-23), and only shrinks
sizes or removes levels. A plan without entries, because it has no levels or may only reduce the
position, stays as it is: an exit is never made smaller by a budget.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import define, evolve, field, setters

from grinder_core.contracts.checks import is_number
from grinder_core.contracts.enums import GridMode, PlanReason, ResetAction
from grinder_core.contracts.plan import GridPlan, GridShape
from grinder_core.errors import ContractError
from grinder_core.numbers import ONE, ZERO, dec_down, exact, fractional_digits

RATIO_DIGITS: Final = 8
SHAPES_MAX: Final = 256  # scaled shapes kept; more only costs making them again


def budget_ratio(symbol_budget: Decimal, portfolio_budget: Decimal) -> Decimal:
    """Return a symbol's share of the portfolio's budget, rounded down to 8 digits (CORE-24).

    Args:
        symbol_budget, portfolio_budget: In the same unit, ``0 <= symbol <= portfolio`` and the
            portfolio's ``> 0``.

    Raises:
        ContractError: A budget out of that range.

    Example:
        >>> budget_ratio(Decimal(1), Decimal(3))
        Decimal('0.33333333')
    """
    if not is_number(portfolio_budget) or portfolio_budget <= 0:
        raise ContractError(
            "must be a decimal > 0", field="portfolio_budget", value=portfolio_budget
        )
    if not is_number(symbol_budget) or not ZERO <= symbol_budget <= portfolio_budget:
        raise ContractError(
            "must be a decimal from 0 to the portfolio's budget",
            field="symbol_budget",
            value=symbol_budget,
        )
    return dec_down(symbol_budget, RATIO_DIGITS, portfolio_budget)


def scale_by_budget(plan: GridPlan, ratio: Decimal | None) -> GridPlan:
    """Scale every size by the ratio, exactly; at 0 take away the levels.

    Args:
        ratio: In [0, 1] with at most 8 fractional digits; ``None`` is 1.

    Raises:
        ContractError: The ratio is out of range, or a scaled size needs more than 16 digits.

    Source:
        CORE-24.
    """
    return BudgetRatio(ratio).apply(plan)


@define
class BudgetRatio:
    """One symbol's ratio. The same shape is scaled once and stays the same object."""

    ratio: Decimal | None = field(on_setattr=setters.frozen)  # what is kept below depends on it
    _shapes: dict[GridShape, GridShape] = field(factory=dict, init=False, repr=False, eq=False)
    _last: tuple[GridPlan, GridPlan] | None = field(default=None, init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        _check_ratio(self.ratio)

    def apply(self, plan: GridPlan) -> GridPlan:
        """Return the plan scaled by the ratio (CORE-24); see ``scale_by_budget``."""
        if self.ratio is None or self.ratio == 1:
            return plan
        if plan.shape.reduce_only or not plan.shape.level_count:
            return plan
        last = self._last
        if last is not None and last[0] is plan:
            return last[1]
        if last is not None and last[0].shape is plan.shape:
            shape = last[1].shape
        else:
            shape = self._shape(plan.shape, self.ratio)
        scaled = GridPlan(
            shape=shape,
            center_price=plan.center_price,
            reset_action=plan.reset_action if self.ratio else ResetAction.HARD,
            reason_codes=(*plan.reason_codes, _code(self.ratio)),
        )
        self._last = (plan, scaled)
        return scaled

    def _shape(self, shape: GridShape, ratio: Decimal) -> GridShape:
        kept = self._shapes.get(shape)
        if kept is None:
            if len(self._shapes) >= SHAPES_MAX:
                self._shapes.clear()
            kept = self._shapes[shape] = _scaled(shape, ratio) if ratio else _blocked(shape)
        return kept


def _check_ratio(ratio: Decimal | None) -> None:
    if ratio is None:
        return
    if not is_number(ratio) or not ZERO <= ratio <= ONE:
        raise ContractError("must be a decimal in [0, 1]", field="dd_budget_ratio", value=ratio)
    if fractional_digits(ratio) > RATIO_DIGITS:
        raise ContractError(
            f"must have at most {RATIO_DIGITS} fractional digits",
            field="dd_budget_ratio",
            value=ratio,
        )


def _code(ratio: Decimal) -> str:
    return (PlanReason.DD_SCALE_APPLIED if ratio else PlanReason.DD_BLOCK_ENTRIES).value


def _scaled(shape: GridShape, ratio: Decimal) -> GridShape:
    with exact():
        return evolve(shape, size_schedule=tuple(size * ratio for size in shape.size_schedule))


def _blocked(shape: GridShape) -> GridShape:
    return evolve(
        shape,
        mode=GridMode.PAUSE,
        levels_up=0,
        levels_down=0,
        size_schedule=(),
        width_up_bps=0,
        width_down_bps=0,
    )
