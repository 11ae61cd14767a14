"""CORE-19: the controller by rules equals its table, worked out from the list of snapshots."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state, parse_json
from grinder_core.contracts.decisions import ControllerDecision
from grinder_core.contracts.enums import ControllerMode, PlanReason, ResetAction, Trend
from grinder_core.policies.controller_v0 import ControllerV0
from grinder_core.policies.settings import PolicySettings
from tests.support.strategies import hostile_contexts, scaled

D = Decimal
M = ControllerMode
Quote = tuple[Decimal, int]

spreads = st.sampled_from((0, 1, 49, 50, 51, 400)) | st.integers(0, 19_999)
calm_mids = st.integers(9_900, 10_100).map(lambda units: D(units).scaleb(-2))
markets = st.one_of(
    st.lists(st.tuples(calm_mids, st.sampled_from((0, 1, 50, 50, 51)) | spreads), max_size=40),
    st.lists(st.tuples(calm_mids, st.integers(0, 50)), max_size=40),
    st.lists(st.tuples(scaled(1, 10**18, 9), spreads), max_size=25),
)
rules = st.builds(
    PolicySettings,
    controller_window_size=st.sampled_from((2, 3, 5, 10)),
    pause_spread_bps=st.sampled_from((50, 0, 400)),
    vol_widen_bps=st.sampled_from((300, 100, 0)),
    vol_tighten_bps=st.sampled_from((50, 100, 0, 400)),
    widen_x100=st.sampled_from((150, 100, 1, 333)),
    tighten_x100=st.sampled_from((80, 100, 1, 99)),
)


def twin(quotes: list[Quote], rules: PolicySettings, spacing: int) -> ControllerDecision:
    """CORE-19's table over a list, in rationals."""
    last = quotes[-rules.controller_window_size :]
    full = len(last) == rules.controller_window_size
    terms = [
        math.floor(abs(Fraction(b) - Fraction(a)) * 10**18 / Fraction(a))
        for (a, _), (b, _) in pairwise(last)
    ]
    vol = sum(terms) // 10**14
    if any(spread > rules.pause_spread_bps for _, spread in last):
        mode, reason, mult = M.PAUSE, PlanReason.WIDE_SPREAD, 100
    elif full and vol > rules.vol_widen_bps:
        mode, reason, mult = M.WIDEN, PlanReason.HIGH_VOL, rules.widen_x100
    elif full and vol < rules.vol_tighten_bps:
        mode, reason, mult = M.TIGHTEN, PlanReason.LOW_VOL, rules.tighten_x100
    else:
        mode, reason, mult = M.BASE, PlanReason.NORMAL, 100
    return ControllerDecision(
        version=0,
        mode=mode,
        reason=reason,
        spacing_bps=max(1, math.trunc(Fraction(spacing * mult, 100))),
        vol_bps=vol,
    )


def fed(quotes: list[Quote], settings: PolicySettings | None = None) -> ControllerV0:
    controller = ControllerV0.of(settings or PolicySettings())
    for mid, spread in quotes:
        controller.on_snapshot(mid, spread)
    return controller


def alternating(other: str, count: int = 10, spread: int = 10) -> list[Quote]:
    return [(D(other) if i % 2 else D(100), spread) for i in range(count)]


@given(markets, rules, st.integers(1, 200))
def test_every_decision_is_the_table_over_the_last_snapshots(
    quotes: list[Quote], settings: PolicySettings, spacing: int
) -> None:
    controller = ControllerV0.of(settings)
    assert controller.decide(spacing) == twin([], settings, spacing)
    for count, (mid, spread) in enumerate(quotes, 1):
        controller.on_snapshot(mid, spread)
        assert controller.decide(spacing) == twin(quotes[:count], settings, spacing)


@pytest.mark.parametrize(
    ("other", "vol", "mode", "spacing"),
    [("100.4", 359, M.WIDEN, 15), ("100.05", 44, M.TIGHTEN, 8), ("100.2", 179, M.BASE, 10)],
)
def test_worked_example_core_19(other: str, vol: int, mode: ControllerMode, spacing: int) -> None:
    decision = fed(alternating(other)).decide(10)
    assert (decision.vol_bps, decision.mode, decision.spacing_bps) == (vol, mode, spacing)
    assert (decision.version, decision.trend, decision.drawdown) == (0, Trend.NONE, False)
    assert (decision.reset_action, decision.reset_codes) == (ResetAction.NONE, ())


# a jump of exactly so many basis points, otherwise still
@pytest.mark.parametrize(
    ("jump", "mode"),
    [("103", M.BASE), ("103.01", M.WIDEN), ("100.5", M.BASE), ("100.49", M.TIGHTEN)],
)
def test_the_edges_300_and_50_are_base(jump: str, mode: ControllerMode) -> None:
    assert fed([*[(D(100), 0)] * 9, (D(jump), 0)]).decide(10).mode is mode


def test_a_spread_of_50_is_base_and_51_pauses_for_as_long_as_the_window_holds_it() -> None:
    quiet = alternating("100.2", spread=50)
    controller = fed(quiet)
    assert controller.decide(10).mode is M.BASE
    controller.on_snapshot(D(100), 51)
    for mid, spread in quiet[1:]:  # nine more: the wide one is then the oldest of ten
        decision = controller.decide(10)
        assert (decision.mode, decision.reason) == (M.PAUSE, PlanReason.WIDE_SPREAD)
        assert decision.spacing_bps == 10
        controller.on_snapshot(mid, spread)
    assert controller.decide(10).mode is M.PAUSE
    controller.on_snapshot(D(100), 50)
    assert controller.decide(10).mode is M.BASE


def test_a_cold_start_pauses_but_neither_widens_nor_tightens() -> None:
    wild, still = alternating("110", 9), [(D(100), 0)] * 9
    assert fed(wild).decide(10).mode is M.BASE
    assert fed(still).decide(10).mode is M.BASE
    assert fed([(D(100), 51)]).decide(10).mode is M.PAUSE
    assert fed([*wild, (D(100), 0)]).decide(10).mode is M.WIDEN
    assert fed([*still, (D(100), 0)]).decide(10).mode is M.TIGHTEN


def test_spacing_is_truncated_and_never_below_one() -> None:
    calm, wild = fed([(D(100), 0)] * 10), fed(alternating("110"))
    assert [calm.decide(s).spacing_bps for s in (1, 2, 9, 11)] == [1, 1, 7, 8]
    assert [wild.decide(s).spacing_bps for s in (1, 3, 11)] == [1, 4, 16]


def test_the_same_object_comes_back_until_something_it_shows_changes() -> None:
    controller = fed(alternating("100.2"))
    first = controller.decide(10)
    assert controller.decide(10) is first
    controller.on_snapshot(D(100), 10)
    controller.on_snapshot(D("100.2"), 10)
    assert controller.decide(10) is first
    assert controller.decide(11) is not first


@given(markets, rules, st.data())
def test_a_controller_continues_from_its_dump_at_any_cut(
    quotes: list[Quote], settings: PolicySettings, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(quotes)))
    original = fed(quotes[:cut], settings)
    dump = canonical_json(dump_state(original))
    restored = load_state(ControllerV0, parse_json(dump, "controller"))
    assert restored == original
    for mid, spread in quotes[cut:]:
        for controller in (original, restored):
            controller.on_snapshot(mid, spread)
        assert restored.decide(10) == original.decide(10)
    assert restored == original


@given(markets, hostile_contexts())
def test_the_callers_decimal_context_does_not_matter(quotes: list[Quote], context: object) -> None:
    wanted = fed(quotes).decide(10)
    with localcontext(context):  # type: ignore[arg-type]
        assert fed(quotes).decide(10) == wanted


@given(st.lists(st.integers(0, 100), max_size=200), st.sampled_from((2, 7, 10)))
def test_memory_is_bounded_by_the_window(widths: list[int], size: int) -> None:
    controller = ControllerV0.of(PolicySettings(controller_window_size=size))
    for width in widths:
        controller.on_snapshot(D(100), width)
        assert len(controller.spreads) <= size
        assert len(controller.window.prices) <= size
