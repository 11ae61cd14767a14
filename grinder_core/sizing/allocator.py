"""A portfolio's drawdown budget, split over symbols by risk tier (CORE-26)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_core.contracts.checks import check_symbol, is_number
from grinder_core.contracts.enums import RiskTier
from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import ONE, ZERO, dec_down, exact
from grinder_core.sizing.settings import SizingSettings

ALLOCATION_DIGITS: Final = 8
BUDGET_DIGITS_MAX: Final = 8
TIER_FACTORS: Final[Mapping[RiskTier, Decimal]] = {
    RiskTier.LOW: Decimal(1),
    RiskTier.MED: Decimal("1.5"),
    RiskTier.HIGH: Decimal(2),
}


@frozen(kw_only=True)
class Candidate:
    """A symbol that asks for a share of the budget.

    Attributes:
        weight: Its share before the tier divides it, ``> 0``.
        enabled: Whether it takes part at all.
    """

    symbol: str
    tier: RiskTier
    weight: Decimal = ONE
    enabled: bool = True

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        if not isinstance(self.tier, RiskTier):
            tiers = ", ".join(RiskTier)
            raise ContractError(f"must be one of {tiers}", field="tier", value=self.tier)
        _check_positive(f"weight of {self.symbol}", self.weight)


@frozen(kw_only=True)
class Allocation:
    """Who may lose how much; symbols in order, enabled ones only.

    Attributes:
        budgets: By symbol, quote currency; 0 where the share is too small to trade.
        allocations: By symbol, the budget as a share of equity, rounded down to 8 digits.
        residual_usd: What rounding and small shares leave in cash, exact.
    """

    budgets: Mapping[str, Decimal]
    allocations: Mapping[str, Decimal]
    residual_usd: Decimal


def allocate(
    *,
    equity: Decimal,
    portfolio_dd_budget: Decimal,
    candidates: Sequence[Candidate],
    factors: Mapping[RiskTier, Decimal] = TIER_FACTORS,
    budget_precision: int = 2,
    min_budget_usd: Decimal = ONE,
) -> Allocation:
    """Split ``equity * portfolio_dd_budget``; each budget is rounded down once (CORE-26).

    Args:
        equity: Quote currency, ``> 0``.
        portfolio_dd_budget: Share of it that all symbols together may lose, in ``[0, 1]``.
        candidates: In any order; the result does not depend on it.
        factors: What divides a weight, by tier, each ``> 0``.
        budget_precision: Fractional digits of a budget, 0 to 8.
        min_budget_usd: A smaller budget becomes 0, quote currency, ``>= 0``.

    Raises:
        ContractError: An argument out of its range, a symbol named twice, a tier in use without
            a factor.

    Example:
        >>> split = allocate(equity=Decimal(100000), portfolio_dd_budget=Decimal("0.20"),
        ...     candidates=[Candidate(symbol="BTCUSDT", tier=RiskTier.HIGH),
        ...                 Candidate(symbol="BNBUSDT", tier=RiskTier.LOW)])
        >>> {symbol: str(budget) for symbol, budget in split.budgets.items()}
        {'BNBUSDT': '13333.33', 'BTCUSDT': '6666.66'}
    """
    _check_positive("equity", equity)
    if not is_number(portfolio_dd_budget) or not 0 <= portfolio_dd_budget <= 1:
        raise ContractError(
            "must be a decimal in [0, 1]", field="portfolio_dd_budget", value=portfolio_dd_budget
        )
    if type(budget_precision) is not int or not 0 <= budget_precision <= BUDGET_DIGITS_MAX:
        raise ContractError(
            f"must be an integer from 0 to {BUDGET_DIGITS_MAX}",
            field="budget_precision",
            value=budget_precision,
        )
    if not is_number(min_budget_usd) or min_budget_usd < 0:
        raise ContractError("must be a decimal >= 0", field="min_budget_usd", value=min_budget_usd)
    with exact():
        total = equity * portfolio_dd_budget
        weights = _risk_weights(candidates, factors)
        sum_of_weights = sum(weights.values(), ZERO)
        shares = {
            symbol: dec_down(total * weight, budget_precision, sum_of_weights)
            for symbol, weight in weights.items()
        }
        budgets = {s: ZERO if share < min_budget_usd else share for s, share in shares.items()}
        return Allocation(
            budgets=budgets,
            allocations={s: dec_down(b, ALLOCATION_DIGITS, equity) for s, b in budgets.items()},
            residual_usd=total - sum(budgets.values(), ZERO),
        )


def allocations_of(settings: SizingSettings) -> Mapping[str, Decimal]:
    """Return each tiered symbol's share of ``sizing_equity``, its ``dd_budget`` (CORE-26).

    A share of 0 means that the symbol has no budget: it may open nothing. Symbols without a tier
    are absent and have none either. Whether the allocator is on is the caller's question.

    Raises:
        ConfigError: There is no ``sizing_equity``.
    """
    if settings.sizing_equity is None:
        raise ConfigError(
            "is what budgets are a share of", field="sizing_equity", value=None, remedy="set it"
        )
    candidates = [
        Candidate(symbol=symbol, tier=tier, weight=settings.symbol_weights.get(symbol, ONE))
        for symbol, tier in settings.symbol_tiers.items()
    ]
    factors = {
        RiskTier.LOW: settings.tier_factor_low,
        RiskTier.MED: settings.tier_factor_med,
        RiskTier.HIGH: settings.tier_factor_high,
    }
    return allocate(
        equity=settings.sizing_equity,
        portfolio_dd_budget=settings.portfolio_dd_budget,
        candidates=candidates,
        factors=factors,
        budget_precision=settings.budget_precision,
        min_budget_usd=settings.min_budget_usd,
    ).allocations


def _risk_weights(
    candidates: Sequence[Candidate], factors: Mapping[RiskTier, Decimal]
) -> dict[str, Decimal]:
    """Weights ``weight / factor`` of enabled symbols, in order, all times one common factor.

    The quotients need not be finite decimals; times the product of all factors they are, and
    only their proportions matter.
    """
    for tier, factor in factors.items():
        _check_positive(f"factor of {tier}", factor)
    multipliers = {tier: _product_of_others(tier, factors) for tier in factors}
    weights: dict[str, Decimal] = {}
    seen: set[str] = set()
    for candidate in sorted(candidates, key=lambda c: c.symbol):
        if candidate.symbol in seen:
            raise ContractError("is named twice", field="symbol", value=candidate.symbol)
        seen.add(candidate.symbol)
        if candidate.tier not in multipliers:
            raise ContractError(
                "has no factor", field=f"tier of {candidate.symbol}", value=candidate.tier
            )
        if candidate.enabled:
            weights[candidate.symbol] = candidate.weight * multipliers[candidate.tier]
    return weights


def _product_of_others(tier: RiskTier, factors: Mapping[RiskTier, Decimal]) -> Decimal:
    product = ONE
    for other, factor in factors.items():
        if other is not tier:
            product *= factor
    return product


def _check_positive(name: str, value: Decimal) -> None:
    if not is_number(value) or value <= 0:
        raise ContractError("must be a decimal > 0", field=name, value=value)
