"""The symmetric baseline grid (CORE-21), with an optional hard recentre.

The shape never changes; only the centre follows the mid. With ``notional_per_level`` the size
is given in quote currency and converted once per anchor, so that it stays put between resets.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import define, field

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.enums import PlanReason, ResetAction
from grinder_core.contracts.plan import GridPlan, GridShape
from grinder_core.errors import ContractError
from grinder_core.numbers import BPS, exact, notional_to_qty
from grinder_core.policies.settings import PolicySettings

SHAPES_MAX = 256  # anchors whose shape is kept; more only costs making it again
_STATIC = (PlanReason.STATIC_GRID.value,)
_RECENTRED = (PlanReason.STATIC_GRID.value, PlanReason.RESET_RECENTER_HARD.value)


@define
class StaticGrid:
    """Bilateral grid of equal levels around the mid."""

    settings: PolicySettings
    name: str = "static_grid"
    _shapes: dict[Decimal, GridShape] = field(factory=dict, init=False, repr=False, eq=False)

    def plan(self, context: PolicyContext) -> GridPlan:
        """Return the grid around ``mid_price``; other features are ignored.

        Raises:
            ContractError: ``mid_price`` is missing or not positive.
        """
        mid = context.features.get("mid_price")
        if not isinstance(mid, Decimal) or mid <= 0:
            raise ContractError("must be a decimal > 0", field="mid_price", value=mid)
        with exact():
            return self.plan_at(mid, context.anchor_price)

    def plan_at(self, mid: Decimal, anchor: Decimal | None) -> GridPlan:
        """The same from the two numbers it depends on. Called inside ``exact()``."""
        recenter = self.settings.recenter_bps
        if recenter and anchor is not None and abs(mid - anchor) * BPS >= anchor * recenter:
            return GridPlan(
                shape=self._shape(mid),
                center_price=mid,
                reset_action=ResetAction.HARD,
                reason_codes=_RECENTRED,
            )
        return GridPlan(shape=self._shape(anchor or mid), center_price=mid, reason_codes=_STATIC)

    def _shape(self, reference: Decimal) -> GridShape:
        notional = self.settings.notional_per_level
        key = self.settings.size_per_level if notional is None else reference
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= SHAPES_MAX:
                self._shapes.clear()
            size = key if notional is None else notional_to_qty(notional, reference)
            shape = self._shapes[key] = _symmetric(self.settings, size)
        return shape


def _symmetric(settings: PolicySettings, size: Decimal) -> GridShape:
    levels, width = settings.levels, settings.levels * settings.spacing_bps
    return GridShape(
        spacing_bps=settings.spacing_bps,
        levels_up=levels,
        levels_down=levels,
        size_schedule=(size,) * levels,
        width_up_bps=width,
        width_down_bps=width,
    )
