"""CORE-20: the controller by averages equals its text, in rationals, over random markets."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from attrs import define, evolve, frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state, parse_json
from grinder_core.contracts.decisions import ControllerDecision
from grinder_core.contracts.enums import (
    ControllerMode,
    GuardState,
    PlanReason,
    ResetAction,
    Trend,
)
from grinder_core.errors import ConfigError
from grinder_core.numbers import exact
from grinder_core.policies.controller_v1 import ControllerV1, drawdown_bps
from grinder_core.policies.settings import PolicySettings
from tests.support.strategies import scaled

D = Decimal
M = ControllerMode
DEFAULTS = PolicySettings()
NORMAL, GUARDED = GuardState.NORMAL, GuardState.DRAWDOWN
NONE, SOFT, HARD = ResetAction.NONE, ResetAction.SOFT, ResetAction.HARD


@frozen(kw_only=True)
class Seen:
    """What one snapshot brings."""

    ts: int
    mid: Decimal
    spread_bps: int = 2
    anchor: Decimal | None = None
    drawdown_bps: int = 0
    guard: GuardState = NORMAL


def feed(controller: ControllerV1, seen: Seen) -> ControllerDecision:
    with exact():
        return controller.on_snapshot(
            ts=seen.ts,
            mid=seen.mid,
            spread_bps=seen.spread_bps,
            anchor=seen.anchor,
            drawdown_bps=seen.drawdown_bps,
            guard=seen.guard,
        )


# -- the twin ----------------------------------------------------------------------------------


@define
class Twin:
    """The text of CORE-20, line by line; nothing here is shared with the product."""

    s: PolicySettings
    mids: list[Fraction]
    vol: int | None = None
    fast: int = 0
    slow: int = 0
    trend: str = "NONE"
    step: int = 0
    mode: str = "BASE"
    latch: bool = False
    last_reset: int | None = None

    @classmethod
    def of(cls, s: PolicySettings) -> Twin:
        return cls(s, [], step=s.base_step_bps)

    def feed(self, seen: Seen) -> dict[str, Any]:
        s, mid = self.s, Fraction(seen.mid)
        was = (self.trend, self.step, self.mode, self.latch)
        elapsed = self.last_reset is None or seen.ts - self.last_reset >= s.reset_cooldown_ms
        self._averages(mid)
        warm = len(self.mids) > s.warmup_events
        trend_bps = math.trunc(Fraction(10000 * (self.fast - self.slow), self.slow))
        if warm:
            self.trend = self._trend(trend_bps)
            raw = math.floor(Fraction(s.k_step_x100 * (self.vol or 0), 10**8))
            target = sorted((s.controller_step_min_bps, raw, s.controller_step_max_bps))[1]
            away = abs(target - self.step) * 100 >= s.step_deadband_pct * self.step
            if target != self.step and away and elapsed:
                self.step = target
        if seen.guard == "DRAWDOWN" or seen.drawdown_bps >= s.dd_enter_bps:
            self.latch = True
        elif seen.guard == "NORMAL" and seen.drawdown_bps <= s.dd_exit_bps:
            self.latch = False
        modes = {
            "PAUSE": seen.spread_bps > s.pause_spread_bps,
            "DRAWDOWN": self.latch,
            "TREND_UP": self.trend == "UP",
            "TREND_DOWN": self.trend == "DOWN",
            "WIDEN": self.step > s.base_step_bps,
            "TIGHTEN": self.step < s.base_step_bps,
            "BASE": True,
        }
        self.mode = next(name for name, holds in modes.items() if holds)
        anchor = None if seen.anchor is None else Fraction(seen.anchor)
        drift = 0 if anchor is None else math.floor(10000 * abs(mid - anchor) / anchor)
        hard = drift >= s.recenter_hard_steps * self.step
        soft = drift >= s.recenter_soft_steps * self.step and not hard
        table = [
            ("RESET_DRAWDOWN_ENTER", "HARD", self.latch and not was[3]),
            ("RESET_RECENTER_HARD", "HARD", hard),
            ("RESET_PAUSE_EXIT", "SOFT", was[2] == "PAUSE" and self.mode != "PAUSE"),
            ("RESET_DRAWDOWN_EXIT", "SOFT", was[3] and not self.latch),
            ("RESET_TREND_CHANGE", "SOFT", was[0] != self.trend),
            ("RESET_STEP_CHANGE", "SOFT", was[1] != self.step),
            ("RESET_RECENTER_SOFT", "SOFT", soft and elapsed),
            ("RESET_SUPPRESSED_COOLDOWN", "NONE", soft and not elapsed),
        ]
        actions = {action for _, action, applies in table if applies}
        action = next((a for a in ("HARD", "SOFT") if a in actions), "NONE")
        if action != "NONE":
            self.last_reset = seen.ts
        return {
            "mode": self.mode,
            "reason": REASONS[self.mode],
            "spacing_bps": self.step,
            "vol_bps": (self.vol or 0) // 10**6,
            "reset_action": action,
            "reset_codes": tuple(code for code, _, applies in table if applies),
            "trend": self.trend,
            "drawdown": self.latch,
            "version": 1,
        }

    def _averages(self, mid: Fraction) -> None:
        s, units = self.s, mid * 10**12
        assert units.denominator == 1
        if not self.mids:
            self.fast = self.slow = int(units)
        else:
            prev = self.mids[-1]
            r = math.floor(abs(mid - prev) * 10**10 / prev)
            self.vol = r if self.vol is None else average(self.vol, r, s.vol_span)
            self.fast = average(self.fast, int(units), s.fast_span)
            self.slow = average(self.slow, int(units), s.slow_span)
        self.mids.append(mid)

    def _trend(self, bps: int) -> str:
        s = self.s
        if self.trend == "UP" and bps >= s.trend_exit_bps:
            return "UP"
        if self.trend == "DOWN" and bps <= -s.trend_exit_bps:
            return "DOWN"
        return "UP" if bps > s.trend_enter_bps else "DOWN" if bps < -s.trend_enter_bps else "NONE"


REASONS = {
    "PAUSE": "WIDE_SPREAD",
    "DRAWDOWN": "DRAWDOWN_ACTIVE",
    "TREND_UP": "TREND_DETECTED",
    "TREND_DOWN": "TREND_DETECTED",
    "WIDEN": "STEP_ABOVE_BASE",
    "TIGHTEN": "STEP_BELOW_BASE",
    "BASE": "NORMAL",
}


def average(e: int, x: int, span: int) -> int:
    alpha = math.trunc(Fraction(20000, span + 1))
    return e + math.floor(Fraction(alpha * (x - e), 10000))


# -- markets -----------------------------------------------------------------------------------


@st.composite
def rules(draw: st.DrawFn) -> PolicySettings:
    """Settings whose thresholds short markets reach; equal pairs of them too."""
    low, base, high = sorted(draw(st.tuples(*[st.sampled_from((1, 5, 10, 10, 40, 100))] * 3)))
    trend = draw(st.sampled_from(((15, 30), (900, 9_000), (1, 1), (0, 15), (0, 0))))
    fall = draw(st.sampled_from(((150, 300), (150, 300), (300, 300), (1, 2), (0, 0))))
    near = draw(st.sampled_from((1, 2, 3)))
    return PolicySettings(
        vol_span=draw(st.sampled_from((1, 2, 5, 20, 30_000))),
        fast_span=draw(st.sampled_from((1, 3, 12))),
        slow_span=draw(st.sampled_from((48, 5, 1))),
        k_step_x100=draw(st.sampled_from((400, 0, 33, 5_000))),
        controller_step_min_bps=low,
        base_step_bps=base,
        controller_step_max_bps=high,
        step_deadband_pct=draw(st.sampled_from((20, 0, 100, 500))),
        warmup_events=draw(st.sampled_from((1, 2, 5, 20))),
        trend_exit_bps=trend[0],
        trend_enter_bps=trend[1],
        pause_spread_bps=draw(st.sampled_from((50, 50, 1, 0))),
        dd_exit_bps=fall[0],
        dd_enter_bps=fall[1],
        recenter_soft_steps=near,
        recenter_hard_steps=near + draw(st.sampled_from((1, 2, 7))),
        reset_cooldown_ms=draw(st.sampled_from((30_000, 0, 1_000))),
    )


def walk(seed: int, size: int) -> list[Seen]:
    """A market that stands, chops, runs and jumps, with falls, guards and free anchors."""
    rng = random.Random(seed)
    ts, units, slope, out = 0, rng.choice((10**11, 10**6, 10**4)), 0, []
    jump, distress = rng.choice((0, 5, 100)), rng.choice((0.0, 0.1, 0.5))
    for _ in range(size):
        ts += rng.choice((1_000, 0, 999, 29_999, 30_000))
        slope = rng.choice((slope, slope, slope, slope, slope, 0, 3, -3, 30, -30))
        noise = rng.choice((0, 0, 1, -1, 2, -2, jump, -jump))
        units = max(1_000, units + units * (slope + noise) // 10_000)
        away = rng.choice((0, 0, 0, 20, 29, -31, 50, -90, 110, rng.randint(-400, 400)))
        troubled = rng.random() < distress
        out.append(
            Seen(
                ts=ts,
                mid=D(units).scaleb(-9),
                spread_bps=rng.choice((1, 2, 50, 51)) if troubled else 0,
                anchor=rng.choice((D(units + units * away // 10_000).scaleb(-9), None)),
                drawdown_bps=rng.choice((1, 2, 149, 150, 151, 299, 300)) if troubled else 0,
                guard=GUARDED if troubled and rng.random() < 0.1 else NORMAL,
            )
        )
    return out


def drifting(max_size: int = 60) -> st.SearchStrategy[list[Seen]]:
    """Walks of any length; a seed draws them, because Hypothesis would take a minute to."""
    sizes = st.just(max_size) | st.integers(0, max_size)
    return st.builds(walk, st.integers(0, 2**32), sizes)


prices_apart = st.lists(
    st.builds(Seen, ts=st.just(0), mid=scaled(5, 10**18 - 1, 9), anchor=scaled(1, 10**18 - 1, 9)),
    max_size=12,
)


# -- against the twin --------------------------------------------------------------------------


@settings(max_examples=300)
@given(rules(), drifting() | prices_apart)
def test_every_decision_is_the_text_in_rationals(s: PolicySettings, market: list[Seen]) -> None:
    controller, twin = ControllerV1.of(s), Twin.of(s)
    for seen in market:
        decision = feed(controller, seen)
        wanted = twin.feed(seen)
        assert {name: getattr(decision, name) for name in wanted} == wanted
        assert (controller.fast, controller.slow) == (twin.fast, twin.slow)
        assert controller.vol_ema == (twin.vol or 0)
        assert controller.last_reset_ts == twin.last_reset


def test_worked_example_core_20_a() -> None:
    """Averages, targets and the distance of the averages, digit by digit."""
    controller = ControllerV1.of(DEFAULTS)
    ema, targets = [], []
    for ts, mid in enumerate(("100", "100.05", "100.02", "100.30")):
        feed(controller, Seen(ts=ts, mid=D(mid)))
        ema.append(controller.vol_ema)
        targets.append(controller.target_bps)
    assert ema[1:] == [5_000_000, 4_809_457, 7_016_663]
    assert targets[1:] == [20, 19, 28]
    assert (controller.fast, controller.slow) == (100054249369843, 100014899639065)
    assert controller.trend_bps == 3
    assert (controller.rules.vol_alpha, controller.rules.fast_alpha) == (952, 1538)
    assert controller.rules.slow_alpha == 408


@pytest.mark.parametrize(("before", "mid", "r"), [
    ("100", "100.05", 5_000_000), ("100.05", "100.02", 2_998_500), ("100.02", "100.30", 27_994_401),
])  # fmt: skip
def test_worked_example_core_20_b(before: str, mid: str, r: int) -> None:
    """The first return is the average."""
    controller = ControllerV1.of(DEFAULTS)
    feed(controller, Seen(ts=0, mid=D(before)))
    feed(controller, Seen(ts=1, mid=D(mid)))
    assert controller.vol_ema == r


@pytest.mark.parametrize(("target", "step"), [(12, 12), (11, 10), (9, 10), (8, 8)])
def test_worked_example_core_20_c(target: int, step: int) -> None:
    """Dead band: 10 -> 12 changes, 10 -> 11 does not."""
    s = PolicySettings(warmup_events=1, k_step_x100=100, vol_span=30_000)
    controller = ControllerV1.of(s)
    feed(controller, Seen(ts=0, mid=D(100)))
    decision = feed(controller, Seen(ts=1, mid=D(100) + D(target) / 100))
    assert controller.target_bps == target
    assert decision.spacing_bps == step
    assert decision.reset_codes == (() if step == 10 else ("RESET_STEP_CHANGE",))


@pytest.mark.parametrize(("mid", "codes"), [
    ("100.31", ("RESET_RECENTER_SOFT",)), ("100.3", ("RESET_RECENTER_SOFT",)),
    ("100.2999", ()), ("99.7", ("RESET_RECENTER_SOFT",)), ("99.7001", ()),
    ("100.9999", ("RESET_RECENTER_SOFT",)), ("101", ("RESET_RECENTER_HARD",)),
    ("99", ("RESET_RECENTER_HARD",)),
])  # fmt: skip
def test_worked_example_core_20_d(mid: str, codes: tuple[str, ...]) -> None:
    """Anchor 100, step 10: a drift of 30 recentres softly, one of 100 hard."""
    decision = feed(ControllerV1.of(DEFAULTS), Seen(ts=0, mid=D(mid), anchor=D(100)))
    assert decision.reset_codes == codes
    assert decision.reset_action is (HARD if "HARD" in str(codes) else SOFT if codes else NONE)


# -- rules by example --------------------------------------------------------------------------

STILL = PolicySettings(k_step_x100=400, controller_step_min_bps=10, warmup_events=1)


def run(s: PolicySettings, market: list[Seen]) -> list[ControllerDecision]:
    controller = ControllerV1.of(s)
    return [feed(controller, seen) for seen in market]


def test_before_warm_up_the_step_is_base_and_there_is_no_trend() -> None:
    mids = [D(100) + D(i) for i in range(22)]
    decisions = run(DEFAULTS, [Seen(ts=i, mid=mid) for i, mid in enumerate(mids)])
    assert {(d.mode, d.spacing_bps) for d in decisions[:20]} == {(M.BASE, 10)}
    assert (decisions[20].mode, decisions[20].spacing_bps) == (M.TREND_UP, 100)
    assert decisions[20].reset_codes == ("RESET_TREND_CHANGE", "RESET_STEP_CHANGE")


def test_pause_masks_drawdown_and_leaves_with_a_reset() -> None:
    decisions = run(STILL, [
        Seen(ts=0, mid=D(100), drawdown_bps=300),
        Seen(ts=1, mid=D(100), drawdown_bps=151, spread_bps=51),
        Seen(ts=2, mid=D(100), drawdown_bps=151, spread_bps=50),
        Seen(ts=3, mid=D(100), drawdown_bps=150, spread_bps=51),
        Seen(ts=4, mid=D(100), drawdown_bps=299),
    ])  # fmt: skip
    assert [d.mode for d in decisions] == [M.DRAWDOWN, M.PAUSE, M.DRAWDOWN, M.PAUSE, M.BASE]
    assert [d.drawdown for d in decisions] == [True, True, True, False, False]
    assert [d.reset_codes for d in decisions] == [
        ("RESET_DRAWDOWN_ENTER",), (), ("RESET_PAUSE_EXIT",), ("RESET_DRAWDOWN_EXIT",),
        ("RESET_PAUSE_EXIT",),
    ]  # fmt: skip
    assert [d.reset_action for d in decisions] == [HARD, NONE, SOFT, SOFT, SOFT]
    assert decisions[1].reason is PlanReason.WIDE_SPREAD


def test_the_guard_latches_drawdown_until_it_is_reset() -> None:
    market = [Seen(ts=i, mid=D(100), guard=g) for i, g in enumerate((GUARDED, GUARDED, NORMAL))]
    assert [d.drawdown for d in run(STILL, market)] == [True, True, False]


def test_equal_drawdown_thresholds_do_not_flicker() -> None:
    s = evolve(STILL, dd_enter_bps=200, dd_exit_bps=200)
    decisions = run(s, [Seen(ts=i, mid=D(100), drawdown_bps=200) for i in range(4)])
    assert [d.drawdown for d in decisions] == [True] * 4
    assert [d.reset_action for d in decisions] == [HARD, NONE, NONE, NONE]


def test_a_soft_recentre_waits_for_the_cooldown_and_says_so() -> None:
    far = D("100.5")
    decisions = run(STILL, [
        Seen(ts=0, mid=far, anchor=D(100)),
        Seen(ts=29_999, mid=far, anchor=D(100)),
        Seen(ts=30_000, mid=far, anchor=D(100)),
        Seen(ts=30_001, mid=far, anchor=D(90)),
    ])  # fmt: skip
    assert [(d.reset_action, d.reset_codes) for d in decisions] == [
        (SOFT, ("RESET_RECENTER_SOFT",)), (NONE, ("RESET_SUPPRESSED_COOLDOWN",)),
        (SOFT, ("RESET_RECENTER_SOFT",)), (HARD, ("RESET_RECENTER_HARD",)),
    ]  # fmt: skip


def test_drift_is_measured_in_the_new_step() -> None:
    s = PolicySettings(warmup_events=1, vol_span=1, controller_step_min_bps=5)
    market = [Seen(ts=0, mid=D(100)), Seen(ts=1, mid=D(100), anchor=D("99.85"))]
    assert run(s, market)[1].reset_codes == ("RESET_STEP_CHANGE", "RESET_RECENTER_SOFT")


def test_a_trend_turns_at_once_when_the_averages_cross() -> None:
    s = evolve(STILL, fast_span=1, slow_span=1_000, k_step_x100=0)
    mids = [100, 102, D("100.1"), 98, D("99.99")]
    decisions = run(s, [Seen(ts=i, mid=D(mid)) for i, mid in enumerate(mids)])
    assert [d.trend for d in decisions] == [
        Trend.NONE, Trend.UP, Trend.NONE, Trend.DOWN, Trend.NONE,
    ]  # fmt: skip
    assert [d.mode for d in decisions][1:4] == [M.TREND_UP, M.BASE, M.TREND_DOWN]
    s = evolve(s, trend_exit_bps=30)
    decisions = run(s, [Seen(ts=i, mid=D(mid)) for i, mid in enumerate((100, 102, 98, 102))])
    assert [d.trend for d in decisions] == [Trend.NONE, Trend.UP, Trend.DOWN, Trend.UP]


def test_the_same_object_comes_back_until_something_it_shows_changes() -> None:
    controller = ControllerV1.of(STILL)
    decisions = [feed(controller, Seen(ts=ts, mid=D(100))) for ts in range(4)]
    assert all(d is decisions[0] for d in decisions)
    assert feed(controller, Seen(ts=4, mid=D(100), drawdown_bps=300)) is not decisions[0]


@pytest.mark.parametrize(
    ("peak", "equity", "bps"),
    [
        ("10000", "9700", 300), ("10000", "9700.01", 299), ("10000", "10000", 0),
        ("10000", "10001", 0), ("10000", "-500", 10_500), ("0", "5", 10_000),
        ("-1", "-2", 10_000), ("3", "2", 3_333),
    ],
)  # fmt: skip
def test_drawdown_in_basis_points(peak: str, equity: str, bps: int) -> None:
    with exact():
        assert drawdown_bps(D(peak), D(equity)) == bps


# -- properties --------------------------------------------------------------------------------


@given(rules(), drifting())
def test_an_average_stays_within_the_range_of_its_inputs(
    s: PolicySettings, market: list[Seen]
) -> None:
    controller = ControllerV1.of(s)
    prices: list[int] = []
    returns: list[int] = []
    for seen in market:
        before = controller.price
        feed(controller, seen)
        prices.append(int(Fraction(seen.mid) * 10**12))
        if before:
            returns.append(math.floor(Fraction(abs(prices[-1] - before) * 10**10, before)))
            assert min(returns) <= controller.vol_ema <= max(returns)
        assert min(prices) <= controller.fast <= max(prices)
        assert min(prices) <= controller.slow <= max(prices)


@given(rules(), drifting())
def test_steps_stay_within_bounds_and_resets_have_codes(
    s: PolicySettings, market: list[Seen]
) -> None:
    last_step_change = None
    last = s.base_step_bps
    for seen, decision in zip(market, run(s, market), strict=True):
        assert s.controller_step_min_bps <= decision.spacing_bps <= s.controller_step_max_bps
        codes = [c for c in decision.reset_codes if c != "RESET_SUPPRESSED_COOLDOWN"]
        assert bool(codes) == (decision.reset_action is not NONE)
        assert set(decision.reset_codes) <= set(PlanReason)
        changed = "RESET_STEP_CHANGE" in decision.reset_codes
        assert changed == (decision.spacing_bps != last)
        if changed:
            assert last_step_change is None or seen.ts - last_step_change >= s.reset_cooldown_ms
            last_step_change = seen.ts
        last = decision.spacing_bps


@given(rules(), scaled(10**4, 10**17, 9), st.sampled_from((0, 50, 51)), st.integers(1, 40_000))
@example(DEFAULTS, D(100), 2, 1_000)
def test_a_constant_market_resets_at_most_once(
    s: PolicySettings, mid: Decimal, spread: int, gap: int
) -> None:
    """Undisturbed: no loss, and the anchor is what the grid would have."""
    s = evolve(s, dd_enter_bps=max(1, s.dd_enter_bps))
    controller = ControllerV1.of(s)
    resets = []
    for i in range(60):
        anchor = mid if i else None
        decision = feed(controller, Seen(ts=i * gap, mid=mid, spread_bps=spread, anchor=anchor))
        resets += decision.reset_codes
    assert resets in ([], ["RESET_STEP_CHANGE"])
    if resets:
        assert controller.step == s.controller_step_min_bps


@given(rules(), drifting(max_size=30), st.data())
def test_a_controller_continues_from_its_dump_at_any_cut(
    s: PolicySettings, market: list[Seen], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(market)))
    original = ControllerV1.of(s)
    for seen in market[:cut]:
        feed(original, seen)
    dump = canonical_json(dump_state(original))
    restored = load_state(ControllerV1, parse_json(dump, "controller"))
    assert restored == original
    for seen in market[cut:]:
        assert feed(restored, seen) == feed(original, seen)
    assert restored == original


@given(drifting(max_size=30), st.integers(0, 25))
def test_a_decision_depends_on_the_past_only(market: list[Seen], cut: int) -> None:
    s = evolve(DEFAULTS, warmup_events=2)
    assert run(s, market[:cut]) == run(s, market)[:cut]


@pytest.mark.parametrize("wrong", [
    {"vol_span": 0}, {"fast_span": 0}, {"slow_span": 0}, {"warmup_events": 0},
    {"trend_exit_bps": 31}, {"dd_exit_bps": 301}, {"controller_step_min_bps": 11},
    {"controller_step_max_bps": 9}, {"base_step_bps": 101},
    {"recenter_soft_steps": 10}, {"recenter_hard_steps": 3},
])  # fmt: skip
def test_contradictory_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        PolicySettings(**wrong)
