"""CORE-22: the adaptive grid, against its formulas over fractions; CORE-03: sizes in base units."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, from_dict
from grinder_core.contracts.decisions import RegimeDecision
from grinder_core.contracts.enums import GridMode, PlanReason, Regime, ResetAction
from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.contracts.plan import GridPlan
from grinder_core.errors import ContractError
from grinder_core.policies.adaptive_grid import (
    FRAMES_MAX,
    AdaptiveGrid,
    base_width_bps,
    level_count,
    step_bps,
)
from grinder_core.policies.settings import PolicySettings
from grinder_core.policies.sizes import UniformSizes, sizes_of
from tests.support.strategies import hostile_contexts, plain_prices

D = Decimal
MINUTE = 60_000
DEFAULT = PolicySettings(size_per_level=D("0.5"))
ONE_EACH = UniformSizes(D(1))
HALTED = {
    Regime.EMERGENCY: (GridMode.EMERGENCY, PlanReason.KILL_SWITCH_ACTIVE),
    Regime.TOXIC: (GridMode.PAUSE, PlanReason.TOXICITY_BLOCKED),
    Regime.PAUSED: (GridMode.PAUSE, PlanReason.OPERATOR_PAUSE),
}
REASONS = {
    **{regime: reason for regime, (_, reason) in HALTED.items()},
    Regime.RANGE: PlanReason.RANGE_DEFAULT,
    Regime.TREND_UP: PlanReason.TREND_NET_UP,
    Regime.TREND_DOWN: PlanReason.TREND_NET_DOWN,
    Regime.VOL_SHOCK: PlanReason.NATR_ABOVE_SHOCK,
    Regime.THIN_BOOK: PlanReason.THIN_L1_DEPTH,
}
TRADING = [regime for regime in Regime if regime not in HALTED]


def measured(natr_bps: int = 40, *, warm: bool = True) -> FeatureSnapshot:
    return FeatureSnapshot(
        ts=1_000,
        symbol="AAAUSDT",
        mid_price=D(100),
        spread_bps=2,
        imbalance_l1_bps=0,
        thin_l1=D(5),
        natr_bps=natr_bps,
        atr=None,
        sum_abs_returns_bps=0,
        net_return_bps=0,
        range_score=0,
        warmup_bars=15 if warm else 3,
        is_warmed_up=warm,
    )


def state(regime: Regime = Regime.RANGE, reason: PlanReason | None = None) -> RegimeDecision:
    return RegimeDecision(regime=regime, reason=reason or REASONS[regime], confidence=100)


def plan_for(
    regime: Regime = Regime.RANGE,
    natr_bps: int = 40,
    *,
    settings: PolicySettings = DEFAULT,
    warm: bool = True,
    bar_ms: int = MINUTE,
) -> GridPlan:
    grid = AdaptiveGrid(settings, bar_ms)
    return grid.plan_at(D(100), measured(natr_bps, warm=warm), state(regime), ONE_EACH)


@st.composite
def settings(draw: st.DrawFn) -> PolicySettings:
    """Every kind of adaptive settings that keeps prices positive."""
    step_min = draw(st.integers(1, 100))
    x_min = draw(st.integers(1, 500))
    levels_min = draw(st.integers(1, 10))
    return PolicySettings(
        alpha_x100=draw(st.integers(1, 500)),
        adaptive_step_min_bps=step_min,
        adaptive_step_max_bps=draw(st.integers(step_min, 900)),
        k_tail_x100=draw(st.integers(0, 1_000)),
        horizon_ms=draw(st.sampled_from((1, 60_000, 3_600_000, 3_600_001, 86_400_000))),
        x_min_bps=x_min,
        x_cap_bps=draw(st.integers(x_min, 9_000)),
        levels_min=levels_min,
        levels_max=draw(st.integers(levels_min, 40)),
        trend_mult_x100=draw(st.integers(0, 400)),
    )


NATR = st.integers(0, 60) | st.integers(0, 3_000) | st.integers(0, 10**7)
BARS = st.sampled_from((1, 1_000, 60_000, 60_001, 3_600_000))


def clamp(value: int, low: int, high: int) -> int:
    return sorted((low, value, high))[1]


def root_floor(square: Fraction) -> int:
    """The largest integer whose square is at most this, by halving intervals."""
    low, high = 0, int(square) + 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**2 <= square else (low, middle - 1)
    return low


def twin(s: PolicySettings, regime: Regime, natr: int, bar_ms: int) -> tuple[int, ...]:
    """Step, widths up and down, levels up and down, as CORE-22 prints them, over fractions."""
    mult = {Regime.VOL_SHOCK: Fraction(3, 2), Regime.THIN_BOOK: Fraction(2)}.get(regime, 1)
    raw_step = int(Fraction(s.alpha_x100, 100) * natr * mult)
    step = min(s.adaptive_step_max_bps, max(s.adaptive_step_min_bps, raw_step))
    deviations = Fraction(s.k_tail_x100, 100) * natr
    raw_width = root_floor(deviations**2 * Fraction(s.horizon_ms, bar_ms))
    base = clamp(raw_width, s.x_min_bps, s.x_cap_bps)
    against = clamp(int(base * Fraction(s.trend_mult_x100, 100)), s.x_min_bps, s.x_cap_bps)
    up = against if regime is Regime.TREND_DOWN else base
    down = against if regime is Regime.TREND_UP else base
    levels = []
    for width in (up, down):
        exact = Fraction(width, step)
        whole = int(exact) if exact == int(exact) else int(exact) + 1
        levels.append(clamp(whole, s.levels_min, s.levels_max))
    return step, up, down, *levels


def figures(plan: GridPlan) -> tuple[int, ...]:
    s = plan.shape
    return s.spacing_bps, s.width_up_bps, s.width_down_bps, s.levels_up, s.levels_down


def test_worked_example_core_22() -> None:
    assert figures(plan_for(Regime.RANGE, 40)) == (12, 500, 500, 20, 20)
    assert figures(plan_for(Regime.RANGE, 4)) == (5, 61, 61, 13, 13)
    assert figures(plan_for(Regime.RANGE, 0)) == (5, 20, 20, 4, 4)
    assert figures(plan_for(Regime.VOL_SHOCK, 600)) == (270, 500, 500, 2, 2)
    assert figures(plan_for(Regime.THIN_BOOK, 50)) == (30, 500, 500, 17, 17)
    assert figures(plan_for(Regime.TREND_UP, 4)) == (5, 61, 79, 13, 16)
    assert figures(plan_for(Regime.TREND_DOWN, 4)) == (5, 79, 61, 16, 13)


def test_worked_example_core_22_raw_width() -> None:
    roomy = PolicySettings(x_min_bps=1, x_cap_bps=5_000)
    assert base_width_bps(roomy, 40, MINUTE) == 619
    assert base_width_bps(roomy, 4, MINUTE) == 61
    assert base_width_bps(roomy, 0, MINUTE) == 1


def test_the_horizon_need_not_be_whole_bars() -> None:
    """2 * 100 bps over one and a half bars, and over half a bar."""
    roomy = PolicySettings(x_min_bps=1, x_cap_bps=5_000, horizon_ms=90_000)
    assert base_width_bps(roomy, 100, MINUTE) == 244  # 200 * 1.2247..
    assert base_width_bps(roomy, 100, 180_000) == 141  # 200 * 0.7071..


@given(settings(), st.sampled_from(TRADING), NATR, BARS)
def test_step_widths_and_levels_are_the_formulas_of_the_spec(
    chosen: PolicySettings, regime: Regime, natr: int, bar_ms: int
) -> None:
    """Also: every such plan validates and lies within the configured bounds."""
    plan = plan_for(regime, natr, settings=chosen, bar_ms=bar_ms)
    assert figures(plan) == twin(chosen, regime, natr, bar_ms)
    shape = plan.shape
    assert chosen.adaptive_step_min_bps <= shape.spacing_bps <= chosen.adaptive_step_max_bps
    for width in (shape.width_up_bps, shape.width_down_bps):
        assert chosen.x_min_bps <= width <= chosen.x_cap_bps
    for levels in (shape.levels_up, shape.levels_down):
        assert chosen.levels_min <= levels <= chosen.levels_max
    assert (shape.mode, shape.regime) == (GridMode.BILATERAL, regime)
    assert (shape.skew_bps, shape.reduce_only) == (0, False)
    assert shape.size_schedule == (D(1),) * max(shape.levels_up, shape.levels_down)
    assert plan.reset_action is ResetAction.NONE
    assert plan.reason_codes == (REASONS[regime].value,)
    assert from_dict(GridPlan, json.loads(canonical_json(plan))) == plan


@given(settings(), NATR, NATR, BARS, st.sampled_from(TRADING))
def test_step_and_width_never_shrink_while_volatility_grows(
    chosen: PolicySettings, a: int, b: int, bar_ms: int, regime: Regime
) -> None:
    calm, wild = (
        plan_for(regime, natr, settings=chosen, bar_ms=bar_ms).shape for natr in sorted((a, b))
    )
    assert calm.spacing_bps <= wild.spacing_bps
    assert calm.width_up_bps <= wild.width_up_bps
    assert calm.width_down_bps <= wild.width_down_bps


@given(settings(), st.sampled_from(sorted(HALTED)), NATR, st.booleans())
def test_a_market_one_must_not_trade_gives_no_levels_and_a_hard_reset(
    chosen: PolicySettings, regime: Regime, natr: int, warm: bool
) -> None:
    plan = plan_for(regime, natr, settings=chosen, warm=warm)
    mode, reason = HALTED[regime]
    step = twin(chosen, Regime.RANGE, natr, MINUTE)[0]  # the reported step uses mult 100
    assert figures(plan) == (step, 0, 0, 0, 0)
    assert (plan.shape.mode, plan.shape.regime) == (mode, regime)
    assert plan.shape.size_schedule == ()
    assert plan.reset_action is ResetAction.HARD
    assert plan.reason_codes == (reason.value,)


@given(settings(), st.sampled_from(TRADING), NATR)
def test_before_the_features_are_warm_it_waits_without_a_reset(
    chosen: PolicySettings, regime: Regime, natr: int
) -> None:
    plan = plan_for(regime, natr, settings=chosen, warm=False)
    assert figures(plan) == (twin(chosen, Regime.RANGE, natr, MINUTE)[0], 0, 0, 0, 0)
    assert (plan.shape.mode, plan.shape.regime) == (GridMode.PAUSE, regime)
    assert plan.reset_action is ResetAction.NONE
    assert plan.reason_codes == (REASONS[regime].value, "FEATURES_NOT_WARM")


def test_only_the_side_against_the_trend_is_widened() -> None:
    wide = PolicySettings(trend_mult_x100=300)
    up, down = (plan_for(r, 4, settings=wide).shape for r in (Regime.TREND_UP, Regime.TREND_DOWN))
    assert (up.width_up_bps, up.width_down_bps, up.width_bps) == (61, 183, 183)
    assert (down.width_up_bps, down.width_down_bps, down.width_bps) == (183, 61, 183)
    assert len(up.size_schedule) == up.levels_down == 20  # the longer side has a size for each


def test_levels_end_at_their_bounds_and_a_full_width_is_rounded_up() -> None:
    assert level_count(DEFAULT, 20, 10) == 2
    assert level_count(DEFAULT, 21, 10) == 3
    assert level_count(DEFAULT, 10, 10) == DEFAULT.levels_min
    assert level_count(DEFAULT, 200, 10) == level_count(DEFAULT, 500, 10) == DEFAULT.levels_max
    assert step_bps(DEFAULT, 19, 100) == 5
    assert step_bps(DEFAULT, 20, 100) == 6
    assert step_bps(DEFAULT, 3_333, 100) == 999
    assert step_bps(DEFAULT, 10**9, 100) == 1_000


@define
class CountingSizes:
    """Level i gets i units; notes for how many levels it was asked."""

    key: str = "counting"
    asked: list[int] = field(factory=list)

    def __call__(self, n_levels: int) -> tuple[Decimal, ...]:
        self.asked.append(n_levels)
        return tuple(D(i) for i in range(1, n_levels + 1))


def test_sizes_are_asked_once_for_the_longer_side_and_only_where_levels_are() -> None:
    grid, sizes = AdaptiveGrid(DEFAULT, MINUTE), CountingSizes()
    for regime in HALTED:
        grid.plan_at(D(100), measured(4), state(regime), sizes)
    grid.plan_at(D(100), measured(4, warm=False), state(), sizes)
    assert sizes.asked == []
    for mid in (D(100), D(101), D(100)):
        plan = grid.plan_at(mid, measured(4), state(Regime.TREND_UP), sizes)
    assert sizes.asked == [16]
    assert plan.shape.size_schedule[:2] == (D(1), D(2))
    assert len(plan.shape.size_schedule) == 16


def test_the_shape_stays_the_same_object_while_what_it_depends_on_stays() -> None:
    grid = AdaptiveGrid(DEFAULT, MINUTE)
    first = grid.plan_at(D(100), measured(40), state(), ONE_EACH)
    assert grid.plan_at(D(100), measured(40), state(), UniformSizes(D("1.0"))) is first
    moved = grid.plan_at(D(101), measured(40), state(), ONE_EACH)
    assert moved.shape is first.shape
    assert moved.center_price == 101
    for other in (
        grid.plan_at(D(100), measured(4), state(), ONE_EACH),
        grid.plan_at(D(100), measured(40), state(Regime.TREND_UP), ONE_EACH),
        grid.plan_at(D(100), measured(40), state(), UniformSizes(D(2))),
        grid.plan_at(D(100), measured(40, warm=False), state(), ONE_EACH),
    ):
        assert other.shape is not first.shape
        assert other.shape != first.shape
    assert grid.plan_at(D(99), measured(40), state(), ONE_EACH).shape is first.shape
    thin, wide = (
        grid.plan_at(D(100), measured(40), state(Regime.THIN_BOOK, reason), ONE_EACH)
        for reason in (PlanReason.THIN_L1_DEPTH, PlanReason.SPREAD_WIDE)
    )
    assert thin.shape is wide.shape  # the same market for another reason
    assert (thin.reason_codes, wide.reason_codes) == (("THIN_L1_DEPTH",), ("SPREAD_WIDE",))


def test_a_halted_shape_does_not_follow_the_sizes() -> None:
    grid = AdaptiveGrid(DEFAULT, MINUTE)
    for regime, warm in ((Regime.TOXIC, True), (Regime.RANGE, False)):
        one, other = (
            grid.plan_at(D(100), measured(warm=warm), state(regime), UniformSizes(D(n)))
            for n in (1, 2)
        )
        assert one is other


CALLS = st.tuples(
    st.sampled_from(Regime),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from((UniformSizes(D(1)), UniformSizes(D(2)))),
    st.sampled_from((D(100), D("100.00"), D(7))) | plain_prices(),
)


@given(st.lists(CALLS, max_size=12), hostile_contexts())
def test_what_it_was_asked_before_and_the_callers_context_do_not_matter(
    calls: list[tuple[Any, ...]], context: Any
) -> None:
    used = AdaptiveGrid(DEFAULT, MINUTE)
    for regime, natr, warm, sizes, mid in calls:
        with localcontext(context):
            got = used.plan_at(mid, measured(natr, warm=warm), state(regime), sizes)
        fresh = AdaptiveGrid(DEFAULT, MINUTE)
        assert got == fresh.plan_at(mid, measured(natr, warm=warm), state(regime), sizes)


def test_what_is_kept_is_bounded_and_stays_right() -> None:
    grid = AdaptiveGrid(DEFAULT, MINUTE)
    for natr in range(2 * FRAMES_MAX + 5):
        plan = grid.plan_at(D(100), measured(natr), state(), ONE_EACH)
        assert figures(plan) == twin(DEFAULT, Regime.RANGE, natr, MINUTE)
    assert len(grid._frames) <= FRAMES_MAX
    assert len(grid._shapes) <= FRAMES_MAX


@pytest.mark.parametrize("natr", [-1, True, D(40), None])
def test_a_true_range_that_is_no_count_is_refused(natr: Any) -> None:
    grid = AdaptiveGrid(DEFAULT, MINUTE)
    for known in (1, 40):
        grid.plan_at(D(100), measured(known), state(), ONE_EACH)
    with pytest.raises(ContractError, match="natr_bps"):
        grid.plan_at(D(100), measured(natr), state(), ONE_EACH)


def test_missing_features_and_impossible_mids_are_refused() -> None:
    grid = AdaptiveGrid(DEFAULT, MINUTE)
    with pytest.raises(ContractError, match="feature_engine_enabled"):
        grid.plan_at(D(100), None, state(), ONE_EACH)
    unknown: Any = None
    with pytest.raises(ContractError, match="is_warmed_up"):
        grid.plan_at(D(100), measured(warm=unknown), state(), ONE_EACH)
    for mid in (D(0), D(-1), D("NaN"), D(10**9)):
        with pytest.raises(ContractError, match="center_price"):
            AdaptiveGrid(DEFAULT, MINUTE).plan_at(mid, measured(), state(), ONE_EACH)
    with pytest.raises(ContractError, match="bar_interval_ms"):
        AdaptiveGrid(DEFAULT, 0)


def test_worked_example_core_03_sizes_in_base_units() -> None:
    by_notional = PolicySettings(notional_per_level=D(500), size_per_level=D(3))
    assert sizes_of(by_notional, D(50_000))(2) == (D("0.01"), D("0.01"))
    assert sizes_of(by_notional, D("43210.5"))(1) == (D("0.01157126"),)
    assert sizes_of(PolicySettings(size_per_level=D(3)), D("43210.5"))(2) == (D(3), D(3))
    with pytest.raises(ContractError, match="price"):
        sizes_of(by_notional, D(0))


@given(plain_prices(), plain_prices())
def test_sizes_share_a_key_exactly_when_they_are_equal(a: Decimal, b: Decimal) -> None:
    chosen = PolicySettings(notional_per_level=D(500))
    one, other = sizes_of(chosen, a), sizes_of(chosen, b)
    assert (one.key == other.key) == (one(1) == other(1))
    assert Fraction(one.size) * Fraction(a) <= 500
