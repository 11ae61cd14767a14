"""LIVE-20, MM-13: when a difference is a mismatch, what is asked before, and what then stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state, to_dict
from grinder_core.contracts.enums import OrderState
from grinder_core.reconcile.compare import reconcile
from grinder_core.reconcile.reconciler import Reconciler, ReconcileState
from grinder_core.reconcile.records import (
    Lookup,
    LookupKind,
    MismatchType,
    ObservedOrder,
    ObservedPosition,
    ObservedSource,
)
from grinder_core.reconcile.settings import ReconcileSettings
from tests.support.reconciling import (
    SYMBOL,
    a_position,
    a_snapshot,
    an_expected,
    an_observed,
    is_ours,
    nobody_asks,
)

D = Decimal
S = OrderState
T = MismatchType
GRACE = 5000
T0 = 10_000  # when the difference comes about
SETTINGS = ReconcileSettings()
ORDER = Lookup(kind=LookupKind.ORDER, symbol=SYMBOL, client_order_id="grinder_1")
TRADES = Lookup(kind=LookupKind.TRADES, symbol=SYMBOL)


@frozen(kw_only=True)
class Case:
    """One type of mismatch that comes about at ``T0``, and what a snapshot shows of it."""

    type: MismatchType
    make: Callable[[Reconciler], None]
    shown: tuple[ObservedOrder | ObservedPosition, ...]
    lookup: Lookup


def _missing(subject: Reconciler) -> None:
    subject.expect_order(an_expected(ts_created=T0), T0)


def _diverged(subject: Reconciler) -> None:
    subject.expect_order(an_expected(), 0)
    subject.order_became("grinder_1", S.OPEN, 1)
    subject.saw_order(an_observed(ts_seen=1), 1)
    subject.saw_order(an_observed(status=S.FILLED, executed_qty=D(2), ts_updated=9, ts_seen=T0), T0)


def _ended_here_only(subject: Reconciler) -> None:
    subject.expect_order(an_expected(), 0)
    subject.saw_order(an_observed(ts_seen=1), 1)
    subject.order_became("grinder_1", S.OPEN, 1)
    subject.order_became("grinder_1", S.CANCELLED, T0)


def _nonzero(subject: Reconciler) -> None:
    subject.saw_position(a_position("1.5", ts_updated=9, ts_seen=T0), T0)


def _divergent(subject: Reconciler) -> None:
    subject.saw_position(a_position("1.5", ts_updated=9, ts_seen=T0), 1)
    subject.expect_position(SYMBOL, D("1.5"), 1)
    subject.expect_position(SYMBOL, D("1.4"), T0)


def _flat_there(subject: Reconciler) -> None:
    subject.expect_position(SYMBOL, D("-1"), T0)


CASES = {
    "missing": Case(type=T.ORDER_MISSING_ON_EXCHANGE, make=_missing, shown=(), lookup=ORDER),
    "ended_there": Case(type=T.ORDER_STATUS_DIVERGENCE, make=_diverged, shown=(), lookup=ORDER),
    "ended_here": Case(
        type=T.ORDER_STATUS_DIVERGENCE, make=_ended_here_only, shown=(an_observed(),), lookup=ORDER
    ),
    "nonzero": Case(
        type=T.POSITION_NONZERO_UNEXPECTED,
        make=_nonzero,
        shown=(a_position("1.5", ts_updated=9),),
        lookup=TRADES,
    ),
    "size": Case(
        type=T.POSITION_SIZE_DIVERGENCE,
        make=_divergent,
        shown=(a_position("1.5", ts_updated=9),),
        lookup=TRADES,
    ),
    "flat_there": Case(type=T.POSITION_SIZE_DIVERGENCE, make=_flat_there, shown=(), lookup=TRADES),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def subject_of(case: Case, config: ReconcileSettings = SETTINGS) -> Reconciler:
    subject = Reconciler(config)
    case.make(subject)
    return subject


def types(subject: Reconciler, now: int) -> list[MismatchType]:
    return [each.type for each in subject.run(now, is_ours)]


def ask(subject: Reconciler, lookup: Lookup, now: int) -> None:
    """Ask and get an answer that changes nothing."""
    subject.asked(lookup, now)
    subject.answered(lookup, now)


# -- when a difference is a mismatch -----------------------------------------------------------


@cases
@pytest.mark.parametrize("snapshot", [GRACE - 1, GRACE, None])
@pytest.mark.parametrize("asked", [GRACE - 1, GRACE, None])
def test_it_takes_the_grace_a_later_snapshot_and_a_later_answer(
    case: Case, snapshot: int | None, asked: int | None
) -> None:
    subject = subject_of(case)
    if snapshot is not None:
        assert subject.saw_snapshot(a_snapshot(T0 + snapshot, *case.shown), T0 + GRACE + 1)
    if asked is not None:
        ask(subject, case.lookup, T0 + asked)
    holds = snapshot == GRACE and asked == GRACE
    assert types(subject, T0 + GRACE + 2) == [case.type] * holds


@cases
@given(
    grace=st.integers(0, 60),
    steps=st.lists(st.tuples(st.sampled_from(("snapshot", "ask")), st.integers(1, 40)), max_size=6),
)
@settings(max_examples=100)
def test_it_does_whatever_the_grace_and_the_times(
    case: Case, grace: int, steps: list[tuple[str, int]]
) -> None:
    subject = subject_of(case, ReconcileSettings(order_grace_period_ms=grace))
    now, snapshots, answers = T0, [-1], [-1]
    for what, passed in steps:
        now += passed
        if what == "ask":
            ask(subject, case.lookup, now)
            answers.append(now)
        else:
            subject.saw_snapshot(a_snapshot(now, *case.shown), now)
            snapshots.append(now)
        holds = max(snapshots) >= T0 + grace and max(answers) >= T0 + grace
        assert types(subject, now) == [case.type] * holds


@cases
def test_a_question_without_an_answer_proves_nothing(case: Case) -> None:
    subject = subject_of(case)
    subject.saw_snapshot(a_snapshot(T0 + GRACE, *case.shown), T0 + GRACE)
    subject.asked(case.lookup, T0 + GRACE)
    assert types(subject, T0 + 10 * GRACE) == []


@cases
def test_what_was_explained_in_the_meantime_is_none(case: Case) -> None:
    subject = subject_of(case)
    subject.saw_snapshot(a_snapshot(T0 + GRACE, *case.shown), T0 + GRACE)
    subject.asked(case.lookup, T0 + GRACE)
    later = T0 + GRACE + 9
    if case.type.is_position:
        subject.expect_position(SYMBOL, subject.state.observed.position_amt(SYMBOL), later)
    else:
        order = subject.state.observed.order(SYMBOL, "grinder_1")
        if order is not None and order.status is S.OPEN:
            subject.saw_order(evolve(order, status=S.CANCELLED, ts_seen=later), later)
        else:
            subject.order_became("grinder_1", order.status if order else S.CANCELLED, later)
    subject.answered(case.lookup, T0 + GRACE)
    assert types(subject, later) == []
    assert subject.lookups(T0 + 100 * GRACE, nobody_asks) == ()


@pytest.mark.parametrize("now", [1, GRACE, 10**6])
def test_an_unexpected_order_of_ours_needs_no_grace(now: int) -> None:
    subject = Reconciler(SETTINGS)
    subject.saw_order(an_observed(ts_seen=1), 1)
    (mismatch,) = subject.run(now, is_ours)
    assert (mismatch.type, mismatch.expected) == (T.ORDER_EXISTS_UNEXPECTED, None)
    assert mismatch.observed == an_observed(ts_seen=1)


@pytest.mark.parametrize("status", sorted({S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED}))
def test_an_order_of_ours_that_ended_and_is_forgotten_is_not_unexpected(status: OrderState) -> None:
    subject = Reconciler(SETTINGS)
    subject.saw_order(an_observed(status=status), 1)
    assert types(subject, 1) == []


def test_the_orders_of_others_are_ignored_but_listed() -> None:
    subject = Reconciler(SETTINGS)
    subject.saw_order(an_observed("web_1"), 1)
    assert types(subject, 10**6) == []
    assert [order.client_order_id for order in subject.foreign(is_ours)] == ["web_1"]
    assert not subject.is_unreconciled(SYMBOL, 10**6)


@pytest.mark.parametrize("is_expected_first", [True, False])
@pytest.mark.parametrize("lost", [0, 1, 7])
def test_a_busy_position_hides_no_lost_fill_and_raises_no_alarm(
    is_expected_first: bool, lost: int
) -> None:
    """A fill of 1 each second for two minutes, told to one side 20 ms before the other.

    With 1 lost the sides agree for those 20 ms, each second, though they never should; with none
    lost they differ for them.
    """
    subject = Reconciler(SETTINGS)
    reported: list[int] = []

    def fills(fill: int, *, is_expected: bool, now: int) -> None:
        if is_expected:
            subject.expect_position(SYMBOL, D(fill - lost), now)
        else:
            subject.saw_position(a_position(str(fill), ts_updated=now, ts_seen=now), now)

    for fill in range(10, 130):
        now = T0 + fill * 1000
        for part, moment in enumerate((now, now + 20)):
            fills(fill, is_expected=is_expected_first is (part == 0), now=moment)
            for lookup in subject.lookups(moment, nobody_asks):
                ask(subject, lookup, moment)  # the list of trades lacks the fill, too
            if types(subject, moment + 10):
                reported.append(moment)
        if fill % 60 == 30:
            shown = subject.state.observed.positions[SYMBOL]
            subject.saw_snapshot(a_snapshot(now + 500, shown), now + 600)
    assert bool(reported) is bool(lost)
    if lost:
        assert min(reported) < T0 + 40_000


def test_moments_of_agreement_count_against_a_difference() -> None:
    """4 s apart, 1 s together, 3 s apart: as old as 6 s; together for the grace: gone."""
    subject = Reconciler(SETTINGS)
    subject.expect_position(SYMBOL, D(1), T0)
    subject.expect_position(SYMBOL, D(0), T0 + 4000)
    subject.expect_position(SYMBOL, D(1), T0 + 5000)
    assert subject.lookups(T0 + 6999, nobody_asks) == ()
    assert subject.lookups(T0 + 7000, nobody_asks) == (TRADES,)
    subject.expect_position(SYMBOL, D(0), T0 + 8000)
    assert subject.lookups(T0 + 12_999, nobody_asks) == ()
    subject.run(T0 + 12_999, is_ours)
    subject.expect_position(SYMBOL, D(1), T0 + 13_000)
    assert subject.lookups(T0 + 17_999, nobody_asks) == ()
    assert subject.lookups(T0 + 18_000, nobody_asks) == (TRADES,)


def test_an_answer_from_before_a_moment_of_agreement_proves_nothing_after_it() -> None:
    subject = subject_of(CASES["nonzero"])
    shown = CASES["nonzero"].shown
    subject.saw_snapshot(a_snapshot(T0 + GRACE + 100, *shown), T0 + GRACE + 100)
    ask(subject, TRADES, T0 + GRACE + 100)
    subject.expect_position(SYMBOL, D("1.5"), T0 + GRACE + 110)
    assert types(subject, T0 + GRACE + 111) == []
    subject.expect_position(SYMBOL, D(0), T0 + GRACE + 120)
    assert types(subject, T0 + GRACE + 121) == []
    ask(subject, TRADES, T0 + GRACE + 130)
    assert types(subject, T0 + GRACE + 131) == [T.POSITION_NONZERO_UNEXPECTED]


def test_a_status_that_changes_again_starts_the_grace_anew() -> None:
    subject = Reconciler(SETTINGS)
    subject.expect_order(an_expected(ts_created=T0), T0)
    subject.order_became("grinder_1", S.OPEN, T0 + 100)
    for at, holds in ((GRACE + 99, False), (GRACE + 100, True)):
        subject.saw_snapshot(a_snapshot(T0 + at), T0 + at)
        ask(subject, ORDER, T0 + at)
        assert bool(types(subject, T0 + at)) is holds


def test_a_mismatch_keeps_the_time_of_its_first_report_and_says_what_it_is_about() -> None:
    subject = subject_of(CASES["nonzero"])
    subject.saw_snapshot(a_snapshot(T0 + GRACE, *CASES["nonzero"].shown), T0 + GRACE)
    ask(subject, TRADES, T0 + GRACE)
    first = subject.run(T0 + 6000, is_ours)
    assert subject.run(T0 + 9000, is_ours) == first
    assert (first[0].ts_detected, first[0].client_order_id) == (T0 + 6000, "")
    assert isinstance(first[0].observed, ObservedPosition)
    assert first[0].action_plan
    assert json.loads(canonical_json(to_dict(first[0])))["type"] == "POSITION_NONZERO_UNEXPECTED"
    subject.expect_position(SYMBOL, D("1.5"), T0 + 9001)
    assert subject.run(T0 + 9001, is_ours) == ()
    assert subject.state.detected == {}


def test_symbols_outside_the_filter_are_left_out_but_not_their_unknown_orders() -> None:
    config = ReconcileSettings(symbol_filter=("BBBUSDT",))
    for case in CASES.values():
        subject = subject_of(case, config)
        subject.saw_snapshot(a_snapshot(T0 + GRACE, *case.shown), T0 + GRACE)
        ask(subject, case.lookup, T0 + GRACE)
        assert subject.run(T0 + GRACE, is_ours) == ()
        assert subject.lookups(T0 + 20 * GRACE, nobody_asks) == ()
        assert not subject.is_unreconciled(SYMBOL, T0 + 20 * GRACE)
    subject = subject_of(CASES["missing"], config)
    subject.order_became("grinder_1", S.UNKNOWN, T0)
    assert subject.lookups(T0, nobody_asks) == (ORDER,)


@cases
def test_disabled_it_reports_nothing_and_still_asks(case: Case) -> None:
    subject = subject_of(case, ReconcileSettings(reconcile_enabled=False))
    assert subject.lookups(T0 + GRACE, nobody_asks) == (case.lookup,)
    subject.saw_snapshot(a_snapshot(T0 + GRACE, *case.shown), T0 + GRACE)
    ask(subject, case.lookup, T0 + GRACE)
    assert subject.run(T0 + GRACE, is_ours) == ()


# -- what is asked -----------------------------------------------------------------------------


@cases
def test_a_difference_is_asked_about_after_the_grace_and_again_with_each_snapshot(
    case: Case,
) -> None:
    subject = subject_of(case)
    assert subject.lookups(T0 + GRACE - 1, nobody_asks) == ()
    assert subject.lookups(T0 + GRACE, nobody_asks) == (case.lookup,)
    ask(subject, case.lookup, T0 + GRACE)
    assert subject.lookups(T0 + 50 * GRACE, nobody_asks) == ()
    subject.saw_snapshot(a_snapshot(T0 + 12 * GRACE, *case.shown), T0 + 12 * GRACE)
    assert subject.lookups(T0 + 12 * GRACE, nobody_asks) == (case.lookup,)


@cases
def test_what_is_not_answered_is_asked_again_after_the_pause(case: Case) -> None:
    subject = subject_of(case)
    subject.asked(case.lookup, T0 + GRACE)
    assert subject.lookups(T0 + GRACE + 4999, nobody_asks) == ()
    assert subject.lookups(T0 + GRACE + 5000, nobody_asks) == (case.lookup,)


@pytest.mark.parametrize("is_shown", [False, True])
def test_an_unknown_order_is_asked_for_at_once_and_until_it_is_known(is_shown: bool) -> None:
    subject = subject_of(CASES["missing"])
    if (
        is_shown
    ):  # what the stream shows, the engine has not been told: it is asked for all the same
        subject.saw_order(an_observed(status=S.UNKNOWN), T0)
    subject.order_became("grinder_1", S.UNKNOWN, T0)
    for now in range(T0, T0 + 50_000, 5000):
        assert subject.lookups(now, nobody_asks) == (ORDER,)
        ask(subject, ORDER, now)
        assert subject.lookups(now + 4999, nobody_asks) == ()
    subject.order_became("grinder_1", S.REJECTED, T0 + 60_000, is_inferred=True)
    subject.saw_snapshot(a_snapshot(T0 + 60_000), T0 + 60_000)
    assert subject.lookups(T0 + 99_000, nobody_asks) == ()


def test_an_order_with_a_request_in_flight_is_not_asked_for() -> None:
    subject = subject_of(CASES["missing"])
    assert subject.lookups(T0 + GRACE, lambda name: name == "grinder_1") == ()
    assert subject.lookups(T0 + GRACE, lambda name: name == "grinder_2") == (ORDER,)


def test_what_was_asked_longest_ago_comes_first() -> None:
    subject = Reconciler(SETTINGS)
    names = [f"grinder_{number}" for number in range(4)]
    for name in names:
        subject.expect_order(an_expected(name), 0)
    by_name = {name: evolve(ORDER, client_order_id=name) for name in names}
    subject.asked(by_name["grinder_0"], 9000)
    subject.asked(by_name["grinder_3"], 8000)
    order = [lookup.client_order_id for lookup in subject.lookups(20_000, nobody_asks)]
    assert order == ["grinder_1", "grinder_2", "grinder_3", "grinder_0"]


def test_snapshots_are_due_by_their_interval() -> None:
    subject = Reconciler(SETTINGS)
    assert subject.is_snapshot_due(0)
    assert subject.snapshot_age_ms(5) is None
    subject.saw_snapshot(a_snapshot(1000), 1500)
    assert subject.snapshot_age_ms(1500) == 500
    assert not subject.is_snapshot_due(60_999)
    assert subject.is_snapshot_due(61_000)


# -- whether a symbol may trade ----------------------------------------------------------------


def proven(case: Case) -> Reconciler:
    subject = subject_of(case)
    subject.saw_snapshot(a_snapshot(T0 + GRACE, *case.shown), T0 + GRACE)
    ask(subject, case.lookup, T0 + GRACE)
    return subject


@pytest.mark.parametrize("name", ["nonzero", "size", "flat_there"])
def test_a_position_mismatch_holds_its_symbol_and_no_other(name: str) -> None:
    subject = proven(CASES[name])
    assert not subject.is_unreconciled(SYMBOL, T0 + GRACE)  # nobody has compared yet
    subject.run(T0 + GRACE, is_ours)
    assert subject.is_unreconciled(SYMBOL, T0 + GRACE)
    assert not subject.is_unreconciled("BBBUSDT", T0 + GRACE)
    observed = subject.state.observed.position_amt(SYMBOL)
    subject.expect_position(SYMBOL, observed, T0 + GRACE + 1)
    subject.run(T0 + GRACE + 1, is_ours)
    assert not subject.is_unreconciled(SYMBOL, T0 + GRACE + 1)


def with_orders(subject: Reconciler, count: int, symbol: str, now: int) -> None:
    """Orders on which both sides agree."""
    for number in range(count):
        name = f"grinder_{symbol}_{number}"
        subject.expect_order(an_expected(name, symbol=symbol), now)
        subject.order_became(name, S.OPEN, now)
        subject.saw_order(an_observed(name, symbol=symbol, ts_seen=now), now)


def test_an_unexpected_order_holds_its_symbol_however_many_are_right() -> None:
    subject = Reconciler(SETTINGS)
    with_orders(subject, 40, SYMBOL, 0)
    with_orders(subject, 40, "BBBUSDT", 0)
    subject.saw_order(an_observed(), 1)
    subject.run(1, is_ours)
    assert subject.is_unreconciled(SYMBOL, 1)
    assert not subject.is_unreconciled("BBBUSDT", 1)


@pytest.mark.parametrize(
    ("here", "elsewhere", "holds_here", "holds_elsewhere"),
    [
        (0, 0, True, True),  # one of one
        (9, 0, True, True),  # one of ten
        (10, 0, False, False),  # one of eleven
        (9, 1, True, False),  # one of ten here, one of eleven in all
        (10, 50, False, False),
    ],
)
def test_a_tenth_of_the_orders_holds_them_all_a_tenth_of_a_symbols_own_that_symbol(
    here: int, elsewhere: int, holds_here: bool, holds_elsewhere: bool
) -> None:
    subject = Reconciler(SETTINGS)
    with_orders(subject, here, SYMBOL, 0)
    with_orders(subject, elsewhere, "BBBUSDT", 0)
    shown = tuple(subject.state.observed.open.values())
    _missing(subject)
    subject.saw_snapshot(a_snapshot(T0 + GRACE, *shown), T0 + GRACE)
    ask(subject, ORDER, T0 + GRACE)
    assert types(subject, T0 + GRACE) == [T.ORDER_MISSING_ON_EXCHANGE]
    assert subject.is_unreconciled(SYMBOL, T0 + GRACE) is holds_here
    assert subject.is_unreconciled("BBBUSDT", T0 + GRACE) is holds_elsewhere


def test_orders_that_ended_on_both_sides_hold_nothing() -> None:
    subject = Reconciler(SETTINGS)
    subject.expect_order(an_expected(), 0)
    subject.order_became("grinder_1", S.CANCELLED, T0)
    subject.saw_order(an_observed(status=S.EXPIRED, ts_seen=T0), T0)
    subject.saw_snapshot(a_snapshot(T0 + GRACE), T0 + GRACE)
    ask(subject, ORDER, T0 + GRACE)
    assert types(subject, T0 + GRACE) == [T.ORDER_STATUS_DIVERGENCE]
    assert not subject.is_unreconciled(SYMBOL, T0 + GRACE)


def test_three_failed_rounds_in_a_row_hold_everything() -> None:
    subject = Reconciler(SETTINGS)
    for _ in range(2):
        subject.round_failed()
    assert not subject.is_unreconciled(SYMBOL, 1)
    subject.saw_snapshot(a_snapshot(1), 1)
    for _ in range(3):
        assert not subject.is_unreconciled(SYMBOL, 2)
        subject.round_failed()
    assert subject.is_unreconciled(SYMBOL, 2)
    subject.saw_snapshot(a_snapshot(1), 3)  # no newer than the one before: no round
    assert subject.is_unreconciled(SYMBOL, 3)
    subject.saw_snapshot(a_snapshot(4), 4)
    assert not subject.is_unreconciled(SYMBOL, 4)


@pytest.mark.parametrize(("age", "holds"), [(10_000, False), (10_001, True)])
def test_an_order_unknown_for_more_than_ten_seconds_holds_its_symbol(age: int, holds: bool) -> None:
    subject = subject_of(CASES["missing"])
    subject.order_became("grinder_1", S.UNKNOWN, T0 + 7)
    assert subject.is_unreconciled(SYMBOL, T0 + 7 + age) is holds
    assert not subject.is_unreconciled("BBBUSDT", T0 + 7 + age)


def test_a_full_store_says_so_and_still_takes_exits() -> None:
    subject = Reconciler(ReconcileSettings(expected_max_orders=2))
    subject.expect_order(an_expected("grinder_1"), 0)
    assert not subject.is_full
    subject.expect_order(an_expected("grinder_2"), 0)
    assert subject.is_full
    subject.expect_order(an_expected("grinder_3"), 0)
    assert len(subject.state.expected.orders) == 3
    for name in ("grinder_1", "grinder_2"):
        subject.order_became(name, S.CANCELLED, 1)
    assert not subject.is_full


# -- properties over any history ---------------------------------------------------------------

NAMES = ("grinder_1", "grinder_2", "grinder_3", "web_1")
steps = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from(NAMES),
        st.sampled_from(("AAAUSDT", "BBBUSDT")),
        st.sampled_from(OrderState),
        st.sampled_from((0, 1, 40, 5000, 10_000)),
    ),
    max_size=40,
)


def act(subject: Reconciler, step: tuple[int, str, str, OrderState, int], now: int) -> object:
    """Do something, sensible or not."""
    what, name, symbol, status, _ = step
    amt = str(len(status) % 3)
    seen = {"symbol": symbol, "status": status, "ts_updated": now // 2, "ts_seen": now}
    if what == 0 and name not in subject.state.expected.orders and is_ours(name):
        subject.expect_order(an_expected(name, symbol=symbol, ts_created=now), now)
    elif what == 1:
        subject.order_became(name, status, now, is_inferred=name == "grinder_3")
    elif what == 2:
        subject.expect_position(symbol, D(amt), now)
    elif what == 3:
        subject.saw_order(an_observed(name, **seen), now)
    elif what == 4:
        subject.saw_position(a_position(amt, symbol, ts_updated=now, ts_seen=now), now)
    elif what == 5:
        subject.saw_snapshot(
            a_snapshot(now - 1, an_observed(name, symbol=symbol), a_position(amt, symbol)), now
        )
    elif what == 6:
        for lookup in subject.lookups(now, nobody_asks):
            subject.asked(lookup, now)
            if status.is_final:
                subject.answered(lookup, now)
    elif what == 7:
        subject.round_failed()
    elif what == 8:
        return subject.run(now, is_ours)
    return subject.lookups(now, nobody_asks)


TINY = ReconcileSettings(expected_max_orders=2, expected_ttl_ms=20_000, order_grace_period_ms=30)


@given(steps, st.data())
@settings(max_examples=150)
def test_neither_the_order_of_the_stores_nor_a_restart_changes_what_comes_out(
    steps: list[tuple[int, str, str, OrderState, int]], data: st.DataObject
) -> None:
    """I-20.2, and ``load(dump(state))`` at a cut: equal, and equal from there on."""
    cut = data.draw(st.integers(0, len(steps)))
    first, now = Reconciler(TINY), 1
    for step in steps[:cut]:
        now += step[4]
        act(first, step, now)
    text = canonical_json(dump_state(first.state))  # sorts the keys of every mapping
    loaded = load_state(ReconcileState, json.loads(text))
    assert loaded == first.state
    shuffled = load_state(ReconcileState, json.loads(text))
    for part, names in (
        (shuffled.expected, ("orders", "unknown_since", "positions")),
        (shuffled.observed, ("open", "ended", "positions")),
        (shuffled.differences, ("orders", "positions")),
    ):
        for name in names:
            pairs = list(getattr(part, name).items())
            setattr(part, name, dict(data.draw(st.permutations(pairs))))
    subjects = [first, Reconciler(TINY, loaded), Reconciler(TINY, shuffled)]
    for step in [*steps[cut:], (8, "", "", S.OPEN, 0)]:
        now += step[4]
        said = [act(subject, step, now) for subject in subjects]
        assert said[0] == said[1] == said[2]
    assert {canonical_json(dump_state(each.state)) for each in subjects} == {
        canonical_json(dump_state(first.state))
    }


@given(steps)
@settings(max_examples=150)
def test_what_is_remembered_is_about_what_there_is(
    steps: list[tuple[int, str, str, OrderState, int]],
) -> None:
    """I-20.4, and the differences kept are those that a look at everything finds."""
    subject, now = Reconciler(TINY), 1
    for step in steps:
        now += step[4]
        act(subject, step, now)
        state = subject.state
        assert len(state.expected.orders) <= max(2, state.expected.active + 1)
        assert state.differences.orders.keys() <= state.expected.orders.keys()
        for symbol in ("AAAUSDT", "BBBUSDT"):
            differs = state.expected.position_amt(symbol) != state.observed.position_amt(symbol)
            difference = state.differences.positions.get(symbol)
            assert (difference is not None and difference.agreed_ms is None) is differs
        for name, order in state.expected.orders.items():
            shown = state.observed.order(order.symbol, name)
            status = order.expected_status
            agrees = (
                status.is_final
                if shown is None
                else shown.status is status and status is not S.UNKNOWN
            )
            assert (name in state.differences.orders) is not agrees


@given(steps)
def test_a_mismatch_is_reported_once_sorted_and_never_of_others(
    steps: list[tuple[int, str, str, OrderState, int]],
) -> None:
    subject, now = Reconciler(TINY), 1
    for step in steps:
        now += step[4]
        act(subject, step, now)
        found = subject.run(now, is_ours)
        keys = [(each.symbol, each.client_order_id, each.type) for each in found]
        assert keys == sorted(set(keys))
        assert all(is_ours(each.client_order_id or "grinder_") for each in found)
        assert subject.state.detected.keys() == {each.key for each in found}
        for each in found:
            order = each.expected
            assert order is None or order.symbol == each.symbol


def test_the_function_takes_the_stores_as_they_are() -> None:
    subject = proven(CASES["missing"])
    state = subject.state
    found = reconcile(
        state.expected, state.observed, state.differences, T0 + 9000, SETTINGS, is_ours
    )
    assert [(each.type, each.ts_detected) for each in found] == [
        (T.ORDER_MISSING_ON_EXCHANGE, T0 + 9000)
    ]
    assert subject.state.detected == {}


def test_a_source_is_named_by_its_published_word() -> None:
    assert [str(source) for source in ObservedSource] == ["stream", "rest"]
