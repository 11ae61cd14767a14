"""CORE-39: after a fill a take-profit beyond it and, if allowed, a replenishment further out."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, from_dict, to_dict
from grinder_core.contracts.checks import PRICE_LIMIT
from grinder_core.contracts.decisions import CycleIntent
from grinder_core.contracts.enums import CycleType, Liquidity, RiskIntent, Side
from grinder_core.contracts.orders import Fill
from grinder_core.numbers import canonical, fractional_digits
from grinder_core.policies.cycles import CYCLE_INTENT_DROPPED, CycleResult, cycle_intents
from grinder_core.policies.settings import PolicySettings
from tests.support.strategies import hostile_contexts, prices, qtys, scaled

D = Decimal
TP, REPLENISH = CycleType.TP, CycleType.REPLENISH


def a_fill(**changes: Any) -> Fill:
    """BUY 0.5 at 100."""
    values: dict[str, Any] = {
        "fill_id": "fill_00000001",
        "order_id": "PAPER_00000001",
        "ts": 1000,
        "symbol": "AAAUSDT",
        "side": Side.BUY,
        "price": D(100),
        "qty": D("0.5"),
        "fee": D(0),
        "liquidity": Liquidity.MAKER,
        "level_id": 1,
    }
    return Fill(**{**values, **changes})


def shown(intents: tuple[CycleIntent, ...]) -> list[tuple[CycleType, Side, Decimal, Decimal]]:
    return [(i.type, i.side, i.price, i.qty) for i in intents]


@st.composite
def fills(draw: st.DrawFn) -> Fill:
    return a_fill(
        fill_id=f"fill_{draw(st.integers(1, 10**8)):08d}",
        side=draw(st.sampled_from(Side)),
        price=draw(prices()),
        qty=draw(qtys(low=1)),
    )


def cycle_settings() -> st.SearchStrategy[PolicySettings]:
    return st.builds(
        PolicySettings,
        cycle_step_pct=st.sampled_from((D("0.001"), D("0.00000001"), D(1), D(3)))
        | scaled(1, 2 * 10**8),
        price_precision=st.integers(0, 8),
        quantity_precision=st.integers(0, 8),
    )


# -- the spec's examples


def test_worked_example_core_39_a() -> None:
    result = cycle_intents(a_fill(), PolicySettings(), adds_allowed=True)
    assert result.dropped == ()
    assert shown(result.intents) == [
        (TP, Side.SELL, D("100.1"), D("0.5")),
        (REPLENISH, Side.BUY, D("99.9"), D("0.5")),
    ]
    take, add = result.intents
    assert take.intent_id == "cycle_TP_fill_00000001_SELL_100.1"
    assert add.intent_id == "cycle_REPLENISH_fill_00000001_BUY_99.9"
    assert (take.risk_intent, add.risk_intent) == (
        RiskIntent.REDUCE_RISK,
        RiskIntent.INCREASE_RISK,
    )
    assert take.source_fill_id == add.source_fill_id == "fill_00000001"


def test_worked_example_core_39_b() -> None:
    coarse = PolicySettings(price_precision=2)
    kept = cycle_intents(a_fill(price=D("100.03")), coarse, adds_allowed=False)
    assert [i.price for i in kept.intents] == [D("100.13")]
    gone = cycle_intents(a_fill(price=D("0.52")), coarse, adds_allowed=False)
    assert gone.intents == ()
    assert [(d.intent.price, d.reason) for d in gone.dropped] == [
        (D("0.52"), "CYCLE_INTENT_DROPPED")
    ]


# -- the table


def test_a_sell_is_the_mirror_image() -> None:
    result = cycle_intents(a_fill(side=Side.SELL), PolicySettings(), adds_allowed=True)
    assert shown(result.intents) == [
        (TP, Side.BUY, D("99.9"), D("0.5")),
        (REPLENISH, Side.SELL, D("100.1"), D("0.5")),
    ]


@pytest.mark.parametrize(
    ("side", "kept", "dropped"),
    [
        # 0.5205 and 0.5195 at two digits: up 0.52 is the fill again, down 0.51 is beyond it
        (Side.BUY, [(REPLENISH, Side.BUY, D("0.51"))], [(TP, Side.SELL, D("0.52"))]),
        (Side.SELL, [(TP, Side.BUY, D("0.51"))], [(REPLENISH, Side.SELL, D("0.52"))]),
    ],
)
def test_each_intent_is_dropped_on_its_own(side: Side, kept: list[Any], dropped: list[Any]) -> None:
    coarse = PolicySettings(price_precision=2)
    result = cycle_intents(a_fill(side=side, price=D("0.52")), coarse, adds_allowed=True)
    assert [(i.type, i.side, i.price) for i in result.intents] == kept
    assert [(d.intent.type, d.intent.side, d.intent.price) for d in result.dropped] == dropped


def test_a_fill_finer_than_the_precision_may_still_take_profit_below() -> None:
    coarse = PolicySettings(price_precision=2)
    result = cycle_intents(a_fill(side=Side.SELL, price=D("0.528")), coarse, adds_allowed=False)
    assert [i.price for i in result.intents] == [D("0.52")]


@pytest.mark.parametrize(
    ("changes", "settings_", "rule"),
    [
        ({"side": Side.SELL}, {"cycle_step_pct": D(1)}, "price must be > 0"),
        ({"side": Side.SELL}, {"cycle_step_pct": D("1.5")}, "price must be > 0"),
        ({"price": D("0.004")}, {"price_precision": 2}, "price must be > 0"),
        ({"qty": D("0.5")}, {"quantity_precision": 0}, "quantity must be > 0"),
        ({"price": D(999_999_999)}, {}, "price must be > 0 and < 10^9"),
        ({"price": D("0.52")}, {"price_precision": 2}, "price must be beyond the fill's 0.52"),
    ],
)
def test_a_dropped_intent_says_why(
    changes: dict[str, Any], settings_: dict[str, Any], rule: str
) -> None:
    result = cycle_intents(a_fill(**changes), PolicySettings(**settings_), adds_allowed=False)
    assert result.intents == ()
    (dropped,) = result.dropped
    assert dropped.rule.startswith(rule)
    assert dropped.details["reason"] == CYCLE_INTENT_DROPPED
    assert dropped.details["intent_id"] == dropped.intent.intent_id
    canonical_json(dropped.details)  # integers and text only, as details must be


# -- properties


@given(fills(), cycle_settings(), st.booleans())
def test_one_take_profit_a_fill_and_no_adds_unless_allowed(
    fill: Fill, limits: PolicySettings, adds_allowed: bool
) -> None:
    result = cycle_intents(fill, limits, adds_allowed=adds_allowed)
    everything = [*result.intents, *(d.intent for d in result.dropped)]
    assert [i.type for i in everything if i.type is TP] == [TP]
    assert sum(i.type is REPLENISH for i in everything) == adds_allowed
    assert [i.type for i in result.intents] == sorted(
        (i.type for i in result.intents), reverse=True
    )
    for intent in everything:
        adds = intent.side is fill.side
        assert (intent.type is REPLENISH) == adds
        assert (intent.risk_intent is RiskIntent.INCREASE_RISK) == adds
        assert intent.intent_id == (
            f"cycle_{intent.type.value}_{fill.fill_id}_{intent.side.value}_"
            f"{canonical(intent.price)}"
        )


@given(fills(), cycle_settings(), hostile_contexts())
def test_kept_intents_lie_beyond_the_fill_and_are_legal_orders(
    fill: Fill, limits: PolicySettings, ambient: Context
) -> None:
    with localcontext(ambient):
        result = cycle_intents(fill, limits, adds_allowed=True)
    unit = D(1).scaleb(-limits.quantity_precision)
    for intent in result.intents:
        assert (intent.price - fill.price) * intent.side.sign < 0
        assert 0 < intent.price < PRICE_LIMIT
        assert fractional_digits(intent.price) <= limits.price_precision
        assert 0 < intent.qty <= fill.qty < intent.qty + unit
        assert fractional_digits(intent.qty) <= limits.quantity_precision
        assert from_dict(CycleIntent, to_dict(intent)) == intent


@settings(max_examples=60)
@given(fills(), cycle_settings())
def test_prices_are_exact_and_rounded_once_toward_zero(fill: Fill, limits: PolicySettings) -> None:
    unit = 10**limits.price_precision
    scaled_price, step = int(fill.price * 10**8), int(limits.cycle_step_pct * 10**8)
    result = cycle_intents(fill, limits, adds_allowed=True)
    for intent in [*result.intents, *(d.intent for d in result.dropped)]:
        up = intent.side is Side.SELL
        units = scaled_price * (10**8 + step if up else 10**8 - step) * unit
        expected = units // 10**16 if units >= 0 else -(-units // 10**16)
        assert int(intent.price * unit) == expected


@settings(max_examples=60)
@given(st.lists(fills(), max_size=6, unique_by=lambda f: f.fill_id), cycle_settings())
def test_ids_are_unique(several: list[Fill], limits: PolicySettings) -> None:
    results: list[CycleResult] = [
        cycle_intents(fill, limits, adds_allowed=True) for fill in several
    ]
    ids = [i.intent_id for r in results for i in (*r.intents, *(d.intent for d in r.dropped))]
    assert len(ids) == 2 * len(several) == len(set(ids))
