"""CORE-26: a portfolio's drawdown budget by risk tier."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.enums import RiskTier
from grinder_core.errors import ConfigError, ContractError
from grinder_core.sizing.allocator import TIER_FACTORS, Candidate, allocate, allocations_of
from grinder_core.sizing.settings import SizingSettings

D = Decimal
LOW, MED, HIGH = RiskTier.LOW, RiskTier.MED, RiskTier.HIGH
THREE = (
    Candidate(symbol="BTCUSDT", tier=HIGH),
    Candidate(symbol="BNBUSDT", tier=LOW),
    Candidate(symbol="ETHUSDT", tier=MED),
)
PORTFOLIO: dict[str, Any] = {"equity": D(100_000), "portfolio_dd_budget": D("0.20")}


def test_worked_example_core_26() -> None:
    split = allocate(**PORTFOLIO, candidates=THREE)
    assert list(split.budgets.items()) == [
        ("BNBUSDT", D("9230.76")),
        ("BTCUSDT", D("4615.38")),
        ("ETHUSDT", D("6153.84")),
    ]
    assert split.residual_usd == D("0.02")
    assert split.allocations == {
        "BNBUSDT": D("0.0923076"),
        "BTCUSDT": D("0.0461538"),
        "ETHUSDT": D("0.0615384"),
    }


def test_worked_example_core_26_by_settings() -> None:
    settings = SizingSettings(
        auto_sizing_enabled=True,
        dd_allocator_enabled=True,
        sizing_equity=D(100_000),
        adverse_move=D("0.25"),
        symbol_tiers={"BTCUSDT": HIGH, "BNBUSDT": LOW, "ETHUSDT": MED},
    )
    assert allocations_of(settings) == allocate(**PORTFOLIO, candidates=THREE).allocations


def test_every_setting_of_the_allocator_counts() -> None:
    def of(**changes: Any) -> dict[str, Decimal]:
        values: dict[str, Any] = {
            "sizing_equity": D(1000),
            "symbol_tiers": {"AUSDT": LOW, "BUSDT": MED, "CUSDT": HIGH},
            **changes,
        }
        return dict(allocations_of(SizingSettings(**values)))

    plain = {"AUSDT": D("0.0923"), "BUSDT": D("0.06153"), "CUSDT": D("0.04615")}
    assert of() == plain
    assert of(symbol_weights={"CUSDT": D(2)}) == {
        "AUSDT": D("0.075"), "BUSDT": D("0.05"), "CUSDT": D("0.075"),
    }  # fmt: skip
    equal = {"AUSDT": D("0.06666"), "BUSDT": D("0.06666"), "CUSDT": D("0.06666")}
    assert of(tier_factor_med=D(1), tier_factor_high=D(1)) == equal
    assert of(tier_factor_low=D(2), tier_factor_med=D(2)) == equal
    assert of(budget_precision=0) == {
        "AUSDT": D("0.092"), "BUSDT": D("0.061"), "CUSDT": D("0.046"),
    }  # fmt: skip
    assert of(min_budget_usd=D(50)) == {**plain, "CUSDT": D(0)}
    assert of(portfolio_dd_budget=D(0)) == dict.fromkeys(plain, D(0))


def test_settings_without_equity_have_no_shares() -> None:
    with pytest.raises(ConfigError, match="sizing_equity"):
        allocations_of(SizingSettings(symbol_tiers={"BTCUSDT": LOW}))


def test_a_budget_below_the_least_is_none_and_stays_in_cash() -> None:
    two = (Candidate(symbol="AUSDT", tier=LOW, weight=D(99)), Candidate(symbol="BUSDT", tier=LOW))
    split = allocate(equity=D(1000), portfolio_dd_budget=D("0.1"), candidates=two)
    assert split.budgets == {"AUSDT": D(99), "BUSDT": D(1)}
    split = allocate(equity=D(999), portfolio_dd_budget=D("0.1"), candidates=two)
    assert split.budgets == {"AUSDT": D("98.9"), "BUSDT": D(0)}
    assert split.residual_usd == D(1)


def test_nobody_enabled_leaves_everything_in_cash() -> None:
    off = Candidate(symbol="AUSDT", tier=LOW, enabled=False)
    for candidates in ((), (off,)):
        split = allocate(**PORTFOLIO, candidates=candidates)
        assert (split.budgets, split.allocations) == ({}, {})
        assert split.residual_usd == D(20_000)


def test_a_disabled_symbol_leaves_its_share_to_the_others() -> None:
    off = Candidate(symbol="ADAUSDT", tier=LOW, weight=D(7), enabled=False)
    assert allocate(**PORTFOLIO, candidates=(*THREE, off)) == allocate(
        **PORTFOLIO, candidates=THREE
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"equity": D(0)}, "equity"),
        ({"equity": 100_000}, "equity"),
        ({"portfolio_dd_budget": D("-0.1")}, "portfolio_dd_budget"),
        ({"portfolio_dd_budget": D("1.1")}, "portfolio_dd_budget"),
        ({"budget_precision": 9}, "budget_precision"),
        ({"budget_precision": True}, "budget_precision"),
        ({"min_budget_usd": D(-1)}, "min_budget_usd"),
        ({"candidates": (*THREE, THREE[0])}, "symbol"),
        ({"candidates": (*THREE, Candidate(symbol="BTCUSDT", tier=LOW, enabled=False))}, "symbol"),
        ({"factors": {LOW: D(1), MED: D(1)}}, "tier of BTCUSDT"),
        ({"factors": {**TIER_FACTORS, LOW: D(0)}}, "factor of LOW"),
        ({"factors": {**TIER_FACTORS, HIGH: D(-2)}}, "factor of HIGH"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ContractError) as caught:
        allocate(**{**PORTFOLIO, "candidates": THREE, **changes})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"weight": D(0)}, "weight of AUSDT"),
        ({"weight": D(-1)}, "weight of AUSDT"),
        ({"tier": "MIDDLE"}, "tier"),
        ({"symbol": "a"}, "symbol"),
    ],
)
def test_a_candidate_is_valid_from_birth(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ContractError) as caught:
        Candidate(**{"symbol": "AUSDT", "tier": LOW, **changes})
    assert caught.value.field == field


CANDIDATES = st.lists(
    st.builds(
        Candidate,
        symbol=st.from_regex(r"[A-Z0-9]{2,6}USDT", fullmatch=True),
        tier=st.sampled_from(RiskTier),
        weight=st.decimals("0.0001", 1000, places=4),
        enabled=st.sampled_from([True, True, False]),
    ),
    max_size=8,
    unique_by=lambda c: c.symbol,
)
INPUTS = st.fixed_dictionaries(
    {
        "equity": st.decimals("0.01", 10**10, places=2),
        "portfolio_dd_budget": st.decimals(0, 1, places=8),
        "candidates": CANDIDATES,
        "factors": st.fixed_dictionaries(
            {tier: st.decimals("0.1", 9, places=3) for tier in RiskTier}
        ),
        "budget_precision": st.integers(0, 8),
        "min_budget_usd": st.decimals(0, 100, places=2),
    }
)


@given(INPUTS)
def test_budgets_and_residual_are_the_whole_and_each_is_rounded_once(
    inputs: dict[str, Any],
) -> None:
    split = allocate(**inputs)
    whole = Fraction(inputs["equity"]) * Fraction(inputs["portfolio_dd_budget"])
    enabled = sorted((c for c in inputs["candidates"] if c.enabled), key=lambda c: c.symbol)
    shares = {c.symbol: Fraction(c.weight) / Fraction(inputs["factors"][c.tier]) for c in enabled}
    digit = Fraction(1, 10 ** inputs["budget_precision"])
    assert list(split.budgets) == list(split.allocations) == list(shares)
    for symbol, budget in split.budgets.items():
        exact = whole * shares[symbol] / sum(shares.values())
        once = exact - exact % digit
        assert budget == (0 if once < Fraction(inputs["min_budget_usd"]) else once)
        part = Fraction(budget) / Fraction(inputs["equity"])
        assert 0 <= part - Fraction(split.allocations[symbol]) < Fraction(1, 10**8)
    assert sum(map(Fraction, split.budgets.values())) + Fraction(split.residual_usd) == whole
    assert split.residual_usd >= 0


@given(INPUTS, st.randoms(use_true_random=False))
def test_the_order_of_candidates_and_factors_does_not_matter(
    inputs: dict[str, Any], random: Any
) -> None:
    shuffled = list(inputs["candidates"])
    random.shuffle(shuffled)
    again = allocate(
        **{
            **inputs,
            "candidates": shuffled,
            "factors": dict(reversed(inputs["factors"].items())),
        }
    )
    first = allocate(**inputs)
    assert again == first
    assert list(again.budgets) == list(first.budgets)


@given(INPUTS, st.decimals(1, 10, places=3))
def test_a_larger_whole_lowers_no_budget(inputs: dict[str, Any], growth: Decimal) -> None:
    more = allocate(**{**inputs, "equity": inputs["equity"] * growth}).budgets
    assert all(more[s] >= budget for s, budget in allocate(**inputs).budgets.items())


@given(st.decimals(1, 10**8, places=2), st.decimals("0.0001", 1000, places=4))
def test_equal_weights_give_the_riskier_tier_no_more(equity: Decimal, weight: Decimal) -> None:
    split = allocate(
        equity=equity,
        portfolio_dd_budget=D("0.2"),
        candidates=[Candidate(symbol=f"{t}USDT", tier=t, weight=weight) for t in RiskTier],
    ).budgets
    assert split["HIGHUSDT"] <= split["MEDUSDT"] <= split["LOWUSDT"]
