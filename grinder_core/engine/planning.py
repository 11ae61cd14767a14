"""From what was seen to what is wanted: policy, sizes, controller, override (CORE-41, 6 and 7)."""

from __future__ import annotations

from decimal import Decimal

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.decisions import ControllerDecision, Seen
from grinder_core.contracts.enums import GridMode, Override, PlanReason, ResetAction
from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.plan import GridPlan, paused
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.policy_call import call_policy
from grinder_core.engine.symbol import SymbolState
from grinder_core.numbers import ZERO
from grinder_core.policies.adaptive_grid import AdaptiveGrid
from grinder_core.policies.budget_ratio import BudgetRatio
from grinder_core.policies.budget_sizes import BudgetSizes
from grinder_core.policies.controller_effects import ControllerEffects, takes_all
from grinder_core.policies.depth_gating import DepthGating
from grinder_core.policies.sizes import Sizes, sizes_of
from grinder_core.policies.static_grid import StaticGrid
from grinder_core.ports import Policy
from grinder_core.sizing.allocator import allocations_of

_HALTS = {Override.PAUSE: GridMode.PAUSE, Override.EMERGENCY: GridMode.EMERGENCY}


class Planner:
    """Wants a plan for each snapshot that is looked at. Holds settings and caches, no state."""

    def __init__(self, config: EngineConfig, own: Policy | None) -> None:
        policies = config.policies
        self._own = own
        self._config = config
        self._static = StaticGrid(policies)
        adaptive = policies.adaptive_policy_enabled and own is None
        self._adaptive = (
            AdaptiveGrid(policies, config.indicators.bar_interval_ms) if adaptive else None
        )
        self._gates: dict[str, DepthGating] = {}
        self._ratios = {
            symbol: BudgetRatio(ratio) for symbol, ratio in policies.dd_budget_ratios.items()
        }
        self._effects = ControllerEffects() if policies.controller_enabled else None
        # then the plan is a function of mid and anchor, and calm turns may repeat it
        self.reads_price_only = own is None and not adaptive and self._effects is None
        self._budgets = allocations_of(config.sizing) if config.sizing.dd_allocator_enabled else {}

    def plan(
        self,
        s: SymbolState,
        snap: Snapshot,
        override: Override | None,
        seen: Seen,
    ) -> GridPlan:
        """Return the plan of one snapshot. Inside ``exact()``.

        Raises:
            PolicyError: The user's policy failed.
        """
        if self.reads_price_only and override is None:
            return self._static_plan(s, s.grid.anchor_price)
        steered = seen.controller
        # where the controller moves the grid, sizes belong to the price it will hang on
        moves = steered is not None and steered.reset_action is not ResetAction.NONE
        anchor = None if moves else s.grid.anchor_price
        if self._adaptive is not None:
            assert seen.features is not None
            assert seen.regime is not None
            sizes = self._sizes(s, anchor, steered)
            plan = self._adaptive.plan_at(s.mid, seen.features, seen.regime, sizes)
            if self._config.policies.l2_gating_enabled:
                plan = self._gating(s.symbol).apply(plan, seen.l2_features)
            ratio = self._ratios.get(s.symbol)
            if ratio is not None:
                plan = ratio.apply(plan)
        elif override is not None:
            plan = paused(s.mid, (PlanReason.OPERATOR_PAUSE.value,), _HALTS[override])
        elif self._own is None:
            plan = self._static_plan(s, s.grid.anchor_price)
            if moves and plan.reset_action is ResetAction.NONE:
                plan = self._static_plan(s, None)
        else:
            plan = call_policy(self._own, self._context(self._own, s, snap, seen.features))
        if self._effects is None or steered is None:
            return plan
        is_static = self._adaptive is None and self._own is None
        return self._effects.apply(plan, steered, position=s.ledger.qty, is_static=is_static)

    def _gating(self, symbol: str) -> DepthGating:
        gating = self._gates.get(symbol)
        if gating is None:
            threshold = self._config.policies.l2_impact_threshold_bps
            gating = self._gates[symbol] = DepthGating(threshold)
        return gating

    def _static_plan(self, s: SymbolState, anchor: Decimal | None) -> GridPlan:
        cached = s.plan_cache
        if cached is not None and cached[0] is s.mid and cached[1] is anchor:
            return cached[2]
        plan = self._static.plan_at(s.mid, anchor)
        s.plan_cache = (s.mid, anchor, plan)
        return plan

    def _sizes(
        self, s: SymbolState, anchor: Decimal | None, steered: ControllerDecision | None
    ) -> Sizes:
        """Sizes at the price the grid hangs on: they stay put until its anchor moves.

        Where the controller takes every level anyway any sizes do, and the last ones cost nothing.
        """
        price = s.mid if anchor is None else anchor
        cached = s.sizes_cache
        if cached is not None:
            if cached[0] is price:
                return cached[1]
            if steered is not None and takes_all(steered, s.ledger.qty):
                return cached[1]
        sizes = self._sizes_at(s.symbol, price)
        s.sizes_cache = (price, sizes)
        return sizes

    def _sizes_at(self, symbol: str, price: Decimal) -> Sizes:
        sizing = self._config.sizing
        if not sizing.auto_sizing_enabled:
            return sizes_of(self._config.policies, price)
        budget = sizing.dd_budget
        if sizing.dd_allocator_enabled:
            budget = self._budgets.get(symbol, ZERO)
        if sizing.sizing_equity is None or budget is None or sizing.adverse_move is None:
            return sizes_of(self._config.policies, price)  # CORE-25: legacy uniform size
        return BudgetSizes(sizing, budget, price)

    def _context(
        self, own: Policy, s: SymbolState, snap: Snapshot, features: FeatureSnapshot | None
    ) -> PolicyContext:
        return PolicyContext(
            ts=s.ts,
            snapshot=snap,
            position=s.ledger.position(s.mark) if s.ledger.fill_count else None,
            features=({"mid_price": s.mid} if features is None else features.to_policy_features()),
            open_order_count=len(s.grid.live),
            anchor_price=s.grid.anchor_price,
        )
