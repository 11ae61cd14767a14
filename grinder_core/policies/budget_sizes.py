"""Sizes of a grid from a risk budget: the auto sizer at the price the grid hangs on (CORE-25)."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal

from attrs import Factory, field, frozen

from grinder_core.errors import ContractError
from grinder_core.numbers import ZERO
from grinder_core.sizing.auto_sizer import size_levels
from grinder_core.sizing.settings import SizingSettings


@frozen
class BudgetSizes:
    """Levels whose side, filled at ``price``, loses at most the budget in the adverse move.

    Attributes:
        dd_budget: Share of ``sizing_equity`` that the symbol may lose; 0 sizes every level 0.
        price: Quote currency; the grid's anchor, or the mid before there is one.
    """

    settings: SizingSettings
    dd_budget: Decimal
    price: Decimal
    key: Hashable = field(
        default=Factory(lambda self: ("budget", self.dd_budget, self.price), takes_self=True),
        init=False,
        repr=False,
        eq=False,
    )

    def __call__(self, n_levels: int) -> tuple[Decimal, ...]:
        """Return the sizes of ``n_levels`` levels, innermost first.

        Raises:
            ContractError: Equity or adverse move is not set.
        """
        settings = self.settings
        if not self.dd_budget:
            return (ZERO,) * n_levels
        if settings.sizing_equity is None or settings.adverse_move is None:
            raise ContractError("needs sizing_equity and adverse_move", field="sizing", value=None)
        return size_levels(
            equity=settings.sizing_equity,
            dd_budget=self.dd_budget,
            adverse_move=settings.adverse_move,
            price=self.price,
            n_levels=n_levels,
            mode=settings.sizing_mode,
            qty_precision=settings.qty_precision,
            min_qty=settings.min_qty,
        ).qty_per_level
