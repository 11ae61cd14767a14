"""CORE-18: the regime classifier, against the spec's table read row by row."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, from_dict, to_dict
from grinder_core.contracts.decisions import RegimeDecision
from grinder_core.contracts.enums import PlanReason, Regime
from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.errors import ConfigError
from grinder_core.regime.classifier import DECISIONS_MAX, RegimeClassifier
from grinder_core.regime.settings import RegimeSettings
from tests.support.strategies import hostile_contexts, qtys

D = Decimal
FLAGS = ("kill_switch_active", "emergency", "paused", "toxic")
CALM: dict[str, Any] = {
    "ts": 1_000,
    "symbol": "AAAUSDT",
    "mid_price": D(100),
    "spread_bps": 2,
    "imbalance_l1_bps": 0,
    "thin_l1": D(5),
    "natr_bps": 40,
    "atr": D("0.4"),
    "sum_abs_returns_bps": 179,
    "net_return_bps": 20,
    "range_score": 8,
    "warmup_bars": 15,
    "is_warmed_up": True,
}


def measured(**changes: Any) -> FeatureSnapshot:
    """A calm, warm, liquid market, but for the changes."""
    return FeatureSnapshot(**{**CALM, **changes})


def flags(*raised: str) -> dict[str, bool]:
    return {name: name in raised for name in FLAGS}


def classify(features: FeatureSnapshot, *raised: str, **settings: Any) -> RegimeDecision:
    return RegimeClassifier(RegimeSettings(**settings)).classify(features, **flags(*raised))


def twin(
    f: FeatureSnapshot, raised: dict[str, bool], s: RegimeSettings
) -> tuple[Regime, PlanReason, int]:
    """The table of CORE-18 as it is printed, over fractions."""
    net = abs(f.net_return_bps)
    trending = net > s.trend_net_return_bps and f.range_score <= s.trend_range_score_max
    up = f.net_return_bps > 0
    over_shock = Fraction(f.natr_bps - s.vol_shock_natr_bps, s.vol_shock_natr_bps)
    over_trend = Fraction(net - s.trend_net_return_bps, s.trend_net_return_bps)
    doubts = (
        int(50 * Fraction(f.natr_bps, s.vol_shock_natr_bps)),
        int(50 * Fraction(net, s.trend_net_return_bps)),
    )
    rows: list[tuple[bool, Regime, PlanReason, int]] = [
        (raised["kill_switch_active"], Regime.EMERGENCY, PlanReason.KILL_SWITCH_ACTIVE, 100),
        (raised["emergency"], Regime.EMERGENCY, PlanReason.OPERATOR_PAUSE, 100),
        (raised["paused"], Regime.PAUSED, PlanReason.OPERATOR_PAUSE, 100),
        (raised["toxic"], Regime.TOXIC, PlanReason.TOXICITY_BLOCKED, 100),
        (f.thin_l1 < s.thin_l1_qty, Regime.THIN_BOOK, PlanReason.THIN_L1_DEPTH, 100),
        (f.spread_bps > s.spread_thin_bps, Regime.THIN_BOOK, PlanReason.SPREAD_WIDE, 100),
        (
            f.natr_bps > s.vol_shock_natr_bps,
            Regime.VOL_SHOCK,
            PlanReason.NATR_ABOVE_SHOCK,
            min(100, 50 + int(50 * over_shock)),
        ),
        (
            trending,
            Regime.TREND_UP if up else Regime.TREND_DOWN,
            PlanReason.TREND_NET_UP if up else PlanReason.TREND_NET_DOWN,
            min(100, 50 + int(50 * over_trend)),
        ),
        (
            True,
            Regime.RANGE,
            PlanReason.RANGE_DEFAULT,
            100 - min(50, max(doubts)) if f.is_warmed_up else 0,
        ),
    ]
    return next((regime, why, sure) for holds, regime, why, sure in rows if holds)


def near(*edges: int, low: int = 0) -> st.SearchStrategy[int]:
    """Integers at and around the edges, small ones, and any."""
    around = [edge + off for edge in edges for off in (-1, 0, 1) if edge + off >= low]
    return st.sampled_from(around) | st.integers(low, 700) | st.integers(low, 10**6)


SETTINGS = st.builds(
    RegimeSettings,
    thin_l1_qty=st.sampled_from((D("0.1"), D(0), D(3))),
    spread_thin_bps=st.sampled_from((100, 0, 7)),
    vol_shock_natr_bps=st.sampled_from((500, 1, 33)),
    trend_net_return_bps=st.sampled_from((200, 1, 7)),
    trend_range_score_max=st.sampled_from((3, 0)),
)
FEATURES = st.builds(
    measured,
    thin_l1=st.sampled_from((D(5), D("0.1"), D("0.09999999"), D("0.10"))) | qtys(),
    spread_bps=st.just(2) | near(100, 7),
    natr_bps=st.just(40) | near(500, 33),
    net_return_bps=near(200, 7).flatmap(lambda n: st.sampled_from((n, -n))),
    range_score=near(3),
    is_warmed_up=st.booleans(),
)
RAISED = st.sets(st.sampled_from(FLAGS), max_size=2).map(lambda names: flags(*names)) | st.just(
    flags()
)


def test_worked_example_core_18() -> None:
    assert classify(measured(natr_bps=500)).regime is Regime.RANGE
    shock = classify(measured(natr_bps=600))
    assert (shock.regime, shock.reason) == (Regime.VOL_SHOCK, PlanReason.NATR_ABOVE_SHOCK)
    assert shock.confidence == 60
    trend = classify(measured(net_return_bps=290, range_score=0))
    assert (trend.regime, trend.reason) == (Regime.TREND_UP, PlanReason.TREND_NET_UP)
    assert trend.confidence == 72
    calm = classify(measured(natr_bps=40, net_return_bps=20))
    assert (calm.regime, calm.reason) == (Regime.RANGE, PlanReason.RANGE_DEFAULT)
    assert calm.confidence == 95


@given(FEATURES, RAISED, SETTINGS)
def test_it_is_the_table_of_the_spec(
    features: FeatureSnapshot, raised: dict[str, bool], settings: RegimeSettings
) -> None:
    """Total, and confidence within 0..100."""
    got = RegimeClassifier(settings).classify(features, **raised)
    assert (got.regime, got.reason, got.confidence) == twin(features, raised, settings)
    assert 0 <= got.confidence <= 100
    assert list(got.features_used) == sorted(got.features_used)
    assert all(getattr(features, name) == value for name, value in got.features_used.items())
    assert from_dict(RegimeDecision, to_dict(got)) == got


@pytest.mark.parametrize(
    ("at_edge", "beyond", "regime", "reason"),
    [
        ({"thin_l1": D("0.1")}, {"thin_l1": D("0.09999999")}, "THIN_BOOK", "THIN_L1_DEPTH"),
        ({"spread_bps": 100}, {"spread_bps": 101}, "THIN_BOOK", "SPREAD_WIDE"),
        ({"natr_bps": 500}, {"natr_bps": 501}, "VOL_SHOCK", "NATR_ABOVE_SHOCK"),
        (
            {"net_return_bps": 200, "range_score": 0},
            {"net_return_bps": 201, "range_score": 0},
            "TREND_UP",
            "TREND_NET_UP",
        ),
        (
            {"net_return_bps": -200, "range_score": 0},
            {"net_return_bps": -201, "range_score": 0},
            "TREND_DOWN",
            "TREND_NET_DOWN",
        ),
        (
            {"net_return_bps": 201, "range_score": 4},
            {"net_return_bps": 201, "range_score": 3},
            "TREND_UP",
            "TREND_NET_UP",
        ),
    ],
)
def test_a_strict_row_begins_just_beyond_its_threshold(
    at_edge: dict[str, Any], beyond: dict[str, Any], regime: str, reason: str
) -> None:
    assert classify(measured(**at_edge)).regime is Regime.RANGE
    got = classify(measured(**beyond))
    assert (got.regime, got.reason) == (regime, reason)


ROWS: list[tuple[str, dict[str, Any], Regime]] = [
    ("kill_switch_active", {}, Regime.EMERGENCY),
    ("emergency", {}, Regime.EMERGENCY),
    ("paused", {}, Regime.PAUSED),
    ("toxic", {}, Regime.TOXIC),
    ("", {"thin_l1": D(0)}, Regime.THIN_BOOK),
    ("", {"spread_bps": 101}, Regime.THIN_BOOK),
    ("", {"natr_bps": 501}, Regime.VOL_SHOCK),
    ("", {"net_return_bps": 300, "range_score": 1}, Regime.TREND_UP),
]


@given(st.sets(st.integers(0, len(ROWS) - 1), min_size=1), FEATURES, RAISED)
def test_the_first_row_that_is_made_true_fixes_the_result(
    rows: set[int], features: FeatureSnapshot, raised: dict[str, bool]
) -> None:
    """Whatever the later rows say, and whatever is measured besides."""
    first = min(rows)
    names = {ROWS[row][0] for row in rows} | {name for name in FLAGS[first + 1 :] if raised[name]}
    harmless = {"thin_l1": D(5), "spread_bps": 2, "natr_bps": 40}
    later = {name: getattr(features, name) for _, change, _ in ROWS[first + 1 :] for name in change}
    changes = {**harmless, **later}
    for row in sorted(rows, reverse=True):
        changes.update(ROWS[row][1])
    assert classify(measured(**changes), *sorted(names)).regime is ROWS[first][2]


def test_the_override_is_no_kill_switch_and_outranks_a_pause() -> None:
    override = classify(measured(), "emergency", "paused", "toxic")
    assert (override.regime, override.reason) == (Regime.EMERGENCY, PlanReason.OPERATOR_PAUSE)
    both = classify(measured(), "emergency", "kill_switch_active")
    assert both.reason is PlanReason.KILL_SWITCH_ACTIVE


@pytest.mark.parametrize(
    ("features", "raised", "used"),
    [
        (measured(), ("kill_switch_active",), "{}"),
        (measured(thin_l1=D("0.050")), (), '{"thin_l1":"0.05"}'),
        (measured(spread_bps=101), (), '{"spread_bps":101}'),
        (measured(natr_bps=501), (), '{"natr_bps":501}'),
        (
            measured(net_return_bps=-290, range_score=0),
            (),
            '{"net_return_bps":-290,"range_score":0}',
        ),
        (measured(), (), '{"natr_bps":40,"net_return_bps":20,"range_score":8}'),
    ],
)
def test_a_decision_names_the_measures_of_its_row(
    features: FeatureSnapshot, raised: tuple[str, ...], used: str
) -> None:
    assert canonical_json(classify(features, *raised).features_used) == used


def test_confidence_in_a_range_is_none_before_the_features_are_warm() -> None:
    assert classify(measured(is_warmed_up=False)).confidence == 0
    assert classify(measured(natr_bps=500, is_warmed_up=False)).confidence == 0
    assert classify(measured(natr_bps=500)).confidence == 50
    assert classify(measured(natr_bps=0, net_return_bps=0)).confidence == 100
    # a large net return inside a range: the score says it chops
    assert classify(measured(net_return_bps=10_000, range_score=4)).confidence == 50


@given(st.integers(0, 3_000), st.integers(0, 3_000), st.sampled_from(("natr_bps", "net")))
def test_confidence_moves_one_way_with_each_measure(a: int, b: int, what: str) -> None:
    """A range is less sure the more moves, a shock or a trend more sure."""
    low, high = sorted((a, b))

    def at(value: int, score: int) -> RegimeDecision:
        if what == "net":
            return classify(measured(net_return_bps=value, range_score=score))
        return classify(measured(natr_bps=value))

    for score in (0, 9):
        first, second = at(low, score), at(high, score)
        if first.regime is second.regime is Regime.RANGE:
            assert first.confidence >= second.confidence
        elif first.regime is second.regime:
            assert first.confidence <= second.confidence


@given(FEATURES)
def test_down_is_up_in_the_mirror(features: FeatureSnapshot) -> None:
    other = measured(
        **{name: getattr(features, name) for name in CALM if name != "net_return_bps"},
        net_return_bps=-features.net_return_bps,
    )
    mirror = {Regime.TREND_UP: Regime.TREND_DOWN, Regime.TREND_DOWN: Regime.TREND_UP}
    here, there = classify(features), classify(other)
    assert mirror.get(here.regime, here.regime) is there.regime
    assert here.confidence == there.confidence


@given(st.lists(st.tuples(FEATURES, RAISED), min_size=1, max_size=6), hostile_contexts())
def test_what_it_was_asked_before_and_the_callers_context_do_not_matter(
    asked: list[tuple[FeatureSnapshot, dict[str, bool]]], context: Any
) -> None:
    one = RegimeClassifier(RegimeSettings())
    first = [one.classify(f, **raised) for f, raised in asked]
    with localcontext(context):
        again = [one.classify(f, **raised) for f, raised in reversed(asked)][::-1]
    for (features, raised), before, after in zip(asked, first, again, strict=True):
        assert before is after
        assert RegimeClassifier(RegimeSettings()).classify(features, **raised) == before


def test_a_kept_decision_is_only_used_for_the_measures_it_was_made_of() -> None:
    one = RegimeClassifier(RegimeSettings())

    def regime(**changes: Any) -> tuple[Regime, int]:
        got = one.classify(measured(**changes), **flags())
        return got.regime, got.confidence

    assert regime(net_return_bps=300, range_score=9) == (Regime.RANGE, 50)
    assert regime(net_return_bps=300, range_score=0) == (Regime.TREND_UP, 75)
    assert regime(net_return_bps=-300, range_score=0) == (Regime.TREND_DOWN, 75)
    assert regime(net_return_bps=300, range_score=0, natr_bps=501) == (Regime.VOL_SHOCK, 50)
    assert regime(net_return_bps=300, range_score=9, is_warmed_up=False) == (Regime.RANGE, 0)
    assert regime(spread_bps=101) == (Regime.THIN_BOOK, 100)
    assert regime() == (Regime.RANGE, 95)


def test_what_is_kept_is_bounded_and_stays_right() -> None:
    one = RegimeClassifier(RegimeSettings())
    for n in range(2 * DECISIONS_MAX + 5):
        trend = one.classify(measured(net_return_bps=201 + n, range_score=0), **flags())
        assert trend.features_used["net_return_bps"] == 201 + n
        thin = one.classify(measured(thin_l1=D(n).scaleb(-5)), **flags())
        assert thin.features_used["thin_l1"] == D(n).scaleb(-5)
    assert len(one._by_bars) <= DECISIONS_MAX
    assert len(one._by_book) <= DECISIONS_MAX


@pytest.mark.parametrize("name", ["vol_shock_natr_bps", "trend_net_return_bps"])
def test_thresholds_that_are_divided_by_are_at_least_one(name: str) -> None:
    thresholds: dict[str, Any] = {name: 0}
    with pytest.raises(ConfigError, match=name):
        RegimeSettings(**thresholds)
    assert getattr(RegimeSettings(**{**thresholds, name: 1}), name) == 1
