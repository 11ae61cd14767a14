"""Settings of sizing: the auto sizer and the drawdown allocator."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from grinder_core.contracts.enums import RiskTier, SizingMode
from grinder_core.errors import ConfigError
from grinder_core.settings import setting


@frozen(kw_only=True)
class SizingSettings:
    """How large orders are."""

    auto_sizing_enabled: bool = setting(
        False,
        "Size levels so that all of one side, filled, lose at most the budget in the adverse "
        "move; adaptive grid only.",
        spec="CORE-25",
    )
    sizing_equity: Decimal | None = setting(
        None, "Equity that budgets are a share of, quote currency.", gt=0, spec="CORE-25"
    )
    dd_budget: Decimal | None = setting(
        None, "Share of it that one symbol may lose.", gt=0, le=1, spec="CORE-25"
    )
    adverse_move: Decimal | None = setting(
        None, "Move against a full side that the budget must survive.", gt=0, le=1, spec="CORE-25"
    )
    sizing_mode: SizingMode = setting(
        SizingMode.UNIFORM,
        "`UNIFORM`: equal levels; `PYRAMID`: larger outside; `INVERSE_PYRAMID`: larger inside.",
        spec="CORE-25",
    )
    qty_precision: int = setting(8, "Digits of a level's size.", ge=0, le=8, spec="CORE-25")
    min_qty: Decimal = setting(
        Decimal("0.0001"), "A smaller level is left out, base asset.", ge=0, spec="CORE-25"
    )
    dd_allocator_enabled: bool = setting(
        False,
        "Split the portfolio's budget over `symbol_tiers`; each symbol's share is its `dd_budget`.",
        spec="CORE-26",
    )
    portfolio_dd_budget: Decimal = setting(
        Decimal("0.20"),
        "Share of `sizing_equity` that all symbols together may lose.",
        ge=0,
        le=1,
        spec="CORE-26",
    )
    symbol_tiers: Mapping[str, RiskTier] = setting(
        {}, "Risk tier of each symbol that gets a budget; others get none.", spec="CORE-26"
    )
    symbol_weights: Mapping[str, Decimal] = setting(
        {}, "Weight of a symbol before its tier; 1 where not named.", gt=0, spec="CORE-26"
    )
    tier_factor_low: Decimal = setting(
        Decimal(1), "Divides the weight of a LOW symbol.", gt=0, spec="CORE-26"
    )
    tier_factor_med: Decimal = setting(
        Decimal("1.5"), "Divides the weight of a MED symbol.", gt=0, spec="CORE-26"
    )
    tier_factor_high: Decimal = setting(
        Decimal(2), "Divides the weight of a HIGH symbol.", gt=0, spec="CORE-26"
    )
    budget_precision: int = setting(2, "Digits of a budget.", ge=0, le=8, spec="CORE-26")
    min_budget_usd: Decimal = setting(
        Decimal(1), "A smaller budget is none, quote currency.", ge=0, spec="CORE-26"
    )

    def __attrs_post_init__(self) -> None:
        if self.dd_allocator_enabled:
            self._check_allocator()
        for symbol in self.symbol_weights:
            if symbol not in self.symbol_tiers:
                raise ConfigError(
                    "has a weight and no tier",
                    field=f"symbol_weights.{symbol}",
                    value=self.symbol_weights[symbol],
                    remedy=f"set symbol_tiers.{symbol} to LOW, MED or HIGH",
                )

    def _check_allocator(self) -> None:
        if not self.auto_sizing_enabled:
            raise ConfigError(
                "needs auto_sizing_enabled, which spends the budgets",
                field="dd_allocator_enabled",
                value=True,
                remedy="set auto_sizing_enabled = true",
            )
        needed = {
            "sizing_equity": self.sizing_equity,
            "adverse_move": self.adverse_move,
            "symbol_tiers": self.symbol_tiers,
        }
        missing = next((name for name, value in needed.items() if not value), "")
        if missing:
            raise ConfigError(
                f"needs {missing}",
                field="dd_allocator_enabled",
                value=True,
                remedy=f"set {missing}",
            )
        if self.dd_budget is not None:
            raise ConfigError(
                "is what the allocator gives each symbol; only one of both may decide",
                field="dd_budget",
                value=self.dd_budget,
                remedy="leave dd_budget out, or dd_allocator_enabled off",
            )
