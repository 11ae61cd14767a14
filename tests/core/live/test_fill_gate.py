"""LIVE-16, ML-18, ML-19: the fill-probability gate, its breaker, and what it may never do."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.contracts.enums import ActionType, RiskIntent, Side
from grinder_core.contracts.fill_features import FillFeatures
from grinder_core.contracts.live import BlockReason, FillProbVerdict, SafeMode
from grinder_core.errors import ConfigError, ContractError
from grinder_core.gates.envelope import judge, recheck
from grinder_core.gates.envelope_inputs import EnvelopeInputs, Subject
from grinder_core.gates.fill_breaker import FillBreaker
from grinder_core.gates.fill_probability import FillGate, check_fill_prob
from grinder_core.gates.fill_settings import FillGateSettings
from grinder_core.risk.roundtrips import Direction

D = Decimal
ALLOW, SHADOW, BLOCK = FillProbVerdict.ALLOW, FillProbVerdict.SHADOW, FillProbVerdict.BLOCK
SEEN = FillFeatures.of("long", D(750), entry_fill_count=1, holding_ms=0)
probs = st.integers(0, 10_000)


class Table:
    """A model that answers by the entry's key, and remembers what it was asked."""

    def __init__(self, **bins: int) -> None:
        self.bins, self.asked = bins, list[FillFeatures]()

    def predict_bps(self, features: FillFeatures) -> int:
        self.asked.append(features)
        return self.bins[f"{features.direction}_{features.notional_bucket}"]


class Answers:
    """A model that answers one thing, or raises it."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, 0

    def predict_bps(self, features: FillFeatures) -> Any:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def a_gate(answer: Any, **changes: Any) -> FillGate:
    values: dict[str, Any] = {"fill_model_enforce": True, **changes}
    return FillGate.of(FillGateSettings(**values), Answers(answer))


def ask(gate: FillGate, now: int = 0) -> FillProbVerdict:
    return gate.check(Side.BUY, D(250), D(3), now).verdict


# -- features


@pytest.mark.parametrize(
    ("notional", "bucket"),
    [
        ("0", 0), ("99.99999999", 0), ("100", 1), ("499.99", 1), ("500", 2), ("999.99", 2),
        ("1000", 3), ("4999.99", 3), ("5000", 4), ("99999999999", 4),
    ],
)  # fmt: skip
def test_a_border_of_notional_belongs_to_the_bucket_above(notional: str, bucket: int) -> None:
    found = FillFeatures.of("short", D(notional), entry_fill_count=1, holding_ms=0)
    assert found.notional_bucket == bucket


@pytest.mark.parametrize(
    ("holding_ms", "bucket"),
    [(0, 0), (999, 0), (1_000, 1), (9_999, 1), (10_000, 2), (59_999, 2), (60_000, 3),
     (299_999, 3), (300_000, 4), (10**12, 4)],
)  # fmt: skip
def test_so_does_a_border_of_time(holding_ms: int, bucket: int) -> None:
    found = FillFeatures.of("long", D(1), entry_fill_count=1, holding_ms=holding_ms)
    assert found.holding_ms_bucket == bucket


def test_more_than_three_fills_count_as_three() -> None:
    counts = [
        FillFeatures.of("long", D(1), entry_fill_count=n, holding_ms=0).entry_fill_count
        for n in (1, 2, 3, 4, 99)
    ]
    assert counts == [1, 2, 3, 3, 3]


def test_an_entry_that_has_not_filled_is_one_fill_held_for_no_time() -> None:
    """ML-17's example: long, price 250, quantity 3 is notional 750, bucket 2."""
    long = FillFeatures.of_entry(Side.BUY, D(250), D(3))
    assert long == FillFeatures(
        direction="long", notional_bucket=2, entry_fill_count=1, holding_ms_bucket=0
    )
    assert FillFeatures.of_entry(Side.SELL, D(250), D(3)) == evolve(long, direction="short")
    assert {"long", "short"} == set(Direction)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"direction": "LONG"}, "must be long or short"),
        ({"notional_bucket": 5}, "notional_bucket = 5: must be <= 4"),
        ({"notional_bucket": -1}, "must be an integer >= 0"),
        ({"entry_fill_count": 0}, "must be an integer >= 1"),
        ({"entry_fill_count": 4}, "must be <= 3"),
        ({"holding_ms_bucket": 5}, "must be <= 4"),
        ({"holding_ms_bucket": True}, "must be an integer"),
    ],
)
def test_features_outside_their_ranges_are_refused(values: dict[str, Any], match: str) -> None:
    with pytest.raises(ContractError, match=match):
        evolve(SEEN, **values)


def test_measures_that_cannot_be_are_refused() -> None:
    for changes in (
        {"notional": D(-1)}, {"notional": D("NaN")}, {"holding_ms": -1}, {"entry_fill_count": 0},
    ):  # fmt: skip
        values = {"notional": D(1), "entry_fill_count": 1, "holding_ms": 0, **changes}
        with pytest.raises(ContractError):
            FillFeatures.of("long", **values)
    for price, qty in ((D("NaN"), D(1)), (D(1), D(-1)), (D("Infinity"), D(0))):
        with pytest.raises(ContractError):
            FillFeatures.of_entry(Side.BUY, price, qty)


# -- the verdict


@given(probs, probs, st.booleans())
def test_the_verdict_is_the_first_row_that_holds(prob: int, threshold: int, enforce: bool) -> None:
    none = check_fill_prob(None, SEEN, threshold, enforce)
    assert (none.verdict, none.prob_bps) == (ALLOW, None)
    result = check_fill_prob(Answers(prob), SEEN, threshold, enforce)
    expected = SHADOW if not enforce else ALLOW if prob >= threshold else BLOCK
    assert (result.verdict, result.prob_bps, result.threshold_bps, result.enforce) == (
        expected,
        prob,
        threshold,
        enforce,
    )
    assert not result.failure


@given(probs, probs, probs)
def test_a_higher_threshold_never_lets_pass_what_a_lower_one_blocked(
    prob: int, low: int, high: int
) -> None:
    low, high = sorted((low, high))
    if check_fill_prob(Answers(prob), SEEN, low, True).verdict is BLOCK:
        assert check_fill_prob(Answers(prob), SEEN, high, True).verdict is BLOCK
    assert check_fill_prob(Answers(prob), SEEN, 0, True).verdict is ALLOW


def test_worked_example_ml_18() -> None:
    model = Table(short_2=2_500, long_1=6_667, long_3=10_000)
    features = FillFeatures.of_entry(Side.SELL, D(250), D(3))
    assert check_fill_prob(model, features, 2_600, True).verdict is BLOCK
    assert check_fill_prob(model, features, 2_500, True).verdict is ALLOW
    assert check_fill_prob(model, features, 2_600, False).verdict is SHADOW
    assert model.asked == [features] * 3


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (KeyError("long|2"), "the model raised KeyError: 'long|2'"),
        (-1, "the model answered -1, not 0 to 10000 basis points"),
        (10_001, "the model answered 10001"),
        ("2500", "the model answered '2500'"),
        (True, "the model answered True"),
        (None, "the model answered None"),
    ],
)
@pytest.mark.parametrize("enforce", [True, False])
def test_a_model_that_fails_lets_everything_pass_and_is_named(
    answer: Any, failure: str, enforce: bool
) -> None:
    result = check_fill_prob(Answers(answer), SEEN, 10_000, enforce)
    assert (result.verdict, result.prob_bps) == (ALLOW, None)
    assert result.failure.startswith(failure)
    gate = a_gate(answer, fill_model_enforce=enforce)
    for now in range(50):
        assert ask(gate, now) is ALLOW
    assert gate.breaker == FillBreaker.of(gate.settings)  # no decision of the model: none counts


@pytest.mark.parametrize("price", [None, D("NaN"), D(-1)])
def test_an_order_without_features_passes_and_is_named(price: Decimal | None) -> None:
    gate = a_gate(0)
    result = gate.check(Side.BUY, price, D(1), 0)
    assert result.verdict is ALLOW
    assert result.failure.startswith("no features")
    assert gate.model.asked == 0  # type: ignore[union-attr]


def test_no_model_means_that_everything_passes() -> None:
    gate = FillGate.of(FillGateSettings(fill_model_enforce=True), None)
    assert [ask(gate, now) for now in range(30)] == [ALLOW] * 30
    assert gate.breaker.total == 0


# -- the breaker


class PlainBreaker:
    """ML-19 with everything that was ever recorded kept."""

    def __init__(self, window_ms: int, max_pct: int, least: int) -> None:
        self.window_ms, self.max_pct, self.least = window_ms, max_pct, least
        self.decisions: list[tuple[int, bool]] = []
        self.tripped_at: int | None = None
        self.trips = 0

    def window(self, now: int) -> list[bool]:
        return [blocked for ts, blocked in self.decisions if ts > now - self.window_ms]

    def asks(self, now: int) -> bool:
        if self.tripped_at is None:
            return True
        window = self.window(now)
        if not window or sum(window) * 100 < self.max_pct * len(window):
            self.tripped_at = None
        return self.tripped_at is None

    def record(self, now: int, blocked: bool) -> bool:
        self.decisions.append((now, blocked))
        window = self.window(now)
        if len(window) >= self.least and sum(window) * 100 > self.max_pct * len(window):
            self.tripped_at = now
            self.trips += 1
            return True
        return False


streams = st.lists(
    st.tuples(
        st.sampled_from((0, 0, 1, 1, 100, 999, 1_000, 3_000)),
        st.integers(0, 9).map(lambda n: n < 6),
    ),
    min_size=10,
    max_size=80,
)


@settings(max_examples=300)
@given(streams, st.sampled_from((0, 1, 33, 50, 99, 100)), st.integers(1, 6), st.booleans())
def test_the_breaker_bypasses_exactly_when_the_page_says(
    stream: list[tuple[int, bool]], max_pct: int, least: int, reload: bool
) -> None:
    window_ms, now = 3_000, 0
    breaker, plain = FillBreaker(window_ms, max_pct, least), PlainBreaker(window_ms, max_pct, least)
    for pause, blocked in stream:
        now += pause
        if reload:
            breaker = load_state(FillBreaker, json.loads(canonical_json(dump_state(breaker))))
        asks = plain.asks(now)
        assert breaker.bypasses(now) is not asks
        if asks:
            trip = breaker.record(now, blocked=blocked)
            assert (trip is not None) is plain.record(now, blocked)
            window = plain.window(now)
            if trip is not None:
                assert (trip.block_count, trip.total_count) == (sum(window), len(window))
                assert trip.block_rate_pct == sum(window) * 100 // len(window)
                assert trip.window_seconds == 3
            assert (breaker.total, breaker.blocks) == (len(window), sum(window))
        assert breaker.trips == plain.trips
        assert len(breaker.entries) <= len({ts for ts, _ in plain.decisions if ts > now - 3_000})
        assert max_pct < 100 or not breaker.tripped
        if breaker.tripped:  # it closes at most one window after the trip
            assert plain.tripped_at is not None
            assert now < plain.tripped_at + window_ms


def test_worked_example_ml_19() -> None:
    for blocks, trips in ((11, True), (10, False)):
        breaker = FillBreaker.of(FillGateSettings())
        for n in range(20):
            breaker.record(0, blocked=n < blocks)
        assert breaker.tripped is trips
        assert breaker.bypasses(299_999) is trips
        assert not breaker.bypasses(300_000)


def test_nineteen_decisions_never_trip() -> None:
    breaker = FillBreaker.of(FillGateSettings())
    assert [breaker.record(n, blocked=True) for n in range(19)] == [None] * 19
    trip = breaker.record(19, blocked=True)
    assert trip is not None
    assert (trip.block_count, trip.total_count, trip.block_rate_pct, trip.window_seconds) == (
        20, 20, 100, 300
    )  # fmt: skip


def test_a_tripped_breaker_closes_as_soon_as_the_rate_is_below_the_limit() -> None:
    breaker = FillBreaker(1_000, 50, 4)
    for now, blocked in ((0, True), (1, True), (500, False), (501, True)):
        breaker.record(now, blocked=blocked)
    assert breaker.tripped
    assert breaker.bypasses(1_000)  # two of three left
    assert breaker.bypasses(1_001)  # one of two: at the limit, not below it
    assert breaker.bypasses(1_499)
    assert breaker.bypasses(1_500)  # the one pass has left first
    assert not breaker.bypasses(1_501)


def test_a_time_that_goes_back_counts_as_the_last_one() -> None:
    breaker = FillBreaker(1_000, 50, 2)
    breaker.record(5_000, blocked=True)
    breaker.record(10, blocked=True)
    assert list(breaker.entries) == [(5_000, 2, 2)]
    assert breaker.bypasses(0)
    assert not breaker.bypasses(6_000)


def test_while_tripped_the_model_is_not_asked_and_nothing_is_counted() -> None:
    gate = a_gate(0)
    verdicts = [ask(gate, now) for now in range(20)]
    assert verdicts == [BLOCK] * 20  # the one that trips stands
    model = gate.model
    for now in (20, 299_999, 300_018):
        result = gate.check(Side.BUY, D(250), D(3), now)
        assert (result.verdict, result.prob_bps, result.bypassed) == (ALLOW, None, True)
    assert model.asked == 20  # type: ignore[union-attr]
    assert gate.breaker.trips == 1
    assert ask(gate, 300_019) is BLOCK


def test_the_decision_that_trips_says_so() -> None:
    gate = a_gate(0, fill_prob_cb_min_decisions=2)
    first, second = (gate.check(Side.BUY, D(250), D(3), now) for now in (0, 1))
    assert first.trip is None
    assert second.trip is not None
    assert second.verdict is BLOCK
    assert second.features == SEEN


def test_in_shadow_nothing_is_counted_nor_bypassed() -> None:
    gate = a_gate(0, fill_model_enforce=False)
    assert [ask(gate, 0) for _ in range(100)] == [SHADOW] * 100
    assert gate.breaker == FillBreaker.of(gate.settings)


@pytest.mark.parametrize(
    "changes",
    [
        {"fill_prob_min_bps": -1},
        {"fill_prob_min_bps": 10_001},
        {"fill_prob_cb_max_block_rate_pct": 101},
        {"fill_prob_cb_window_seconds": 0},
        {"fill_prob_cb_min_decisions": 0},
        {"fill_model_enforce": 1},
    ],
)
def test_a_setting_out_of_range_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        FillGateSettings(**changes)


def test_the_defaults_are_the_pages() -> None:
    defaults = FillGateSettings()
    assert not defaults.fill_model_enforce
    assert (defaults.fill_prob_min_bps, defaults.fill_prob_cb_window_seconds) == (2_500, 300)
    assert (defaults.fill_prob_cb_max_block_rate_pct, defaults.fill_prob_cb_min_decisions) == (
        50, 20
    )  # fmt: skip


# -- I-16.1 and I-16.2, through the envelope


@st.composite
def subjects(draw: st.DrawFn) -> Subject:
    return Subject(
        action=draw(st.sampled_from(ActionType)),
        symbol="AAAUSDT",
        side=draw(st.sampled_from(Side)),
        qty=D(draw(st.integers(1, 4))),
        price=D(draw(st.sampled_from((30, 100, 250, 5_000)))),
        reduce_only=draw(st.booleans()),
        position=D(draw(st.integers(-4, 4))),
    )


def an_envelope(gate: FillGate | None) -> EnvelopeInputs:
    return EnvelopeInputs(
        is_leader=True,
        armed=True,
        mode=SafeMode.LIVE_TRADE,
        whitelist=frozenset(("AAAUSDT",)),
        fill_probability=gate,
    )


@settings(max_examples=300)
@given(subjects(), probs, st.booleans())
def test_only_new_risk_consults_the_model(subject: Subject, prob: int, enforce: bool) -> None:
    gate = a_gate(prob, fill_model_enforce=enforce)
    verdict = judge(subject, an_envelope(gate), 0)
    grows = subject.action in {ActionType.PLACE, ActionType.REPLACE} and not subject.reduce_only
    assert gate.model.asked == grows  # type: ignore[union-attr]
    blocked = grows and enforce and prob < 2_500
    assert (verdict.reason is BlockReason.FILL_PROB_LOW) is blocked
    if verdict.intent is not RiskIntent.INCREASE_RISK:
        assert verdict.fill_probability is None
    asked = gate.model.asked  # type: ignore[union-attr]
    assert recheck(subject, an_envelope(gate), 0).passed
    assert gate.model.asked == asked  # type: ignore[union-attr]


@settings(max_examples=200)
@given(st.lists(subjects(), max_size=40), st.one_of(probs, st.just(ValueError("broken"))))
def test_without_enforcing_all_decisions_are_those_without_a_model(
    stream: list[Subject], answer: Any
) -> None:
    with_model = a_gate(answer, fill_model_enforce=False)
    without = FillGate.of(FillGateSettings(), None)
    for now, subject in enumerate(stream):
        verdicts = [
            evolve(judge(subject, an_envelope(gate), now), fill_probability=None)
            for gate in (with_model, without, None)
        ]
        assert verdicts[0] == verdicts[1] == verdicts[2]
    assert dump_state(with_model.breaker) == dump_state(without.breaker)
