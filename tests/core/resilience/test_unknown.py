"""LIVE-04: the search for an outcome against its table, and against a venue whose reads lag."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count

import pytest
from attrs import define, evolve, field
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.errors import ConfigError, ContractError, IdempotencyConflictError
from grinder_core.resilience.idempotency import (
    Entry,
    IdempotencySettings,
    IdempotencyStore,
    Status,
    WriteIntent,
)
from grinder_core.resilience.unknown import (
    InquirySettings,
    Next,
    OrderView,
    OutcomeInquiry,
    Step,
)

D = Decimal
SETTLE, RECV, SKEW = 3000, 5000, 1000
SETTINGS = InquirySettings()
SENT = 1_735_689_600_000  # timestamp of the last attempt, venue time
PROOF = SENT + RECV + SKEW  # what is sent later counts
OLD = OrderView(state=OrderState.OPEN, price=D(100), qty=D(2), updated_ms=SENT - 700)
NEW = evolve(OLD, price=D(101), updated_ms=SENT + 3)
FILLED = evolve(OLD, state=OrderState.FILLED, updated_ms=SENT + 2)
OTHER = evolve(OLD, price=D(99), updated_ms=SENT + 4)


def a_place() -> OutcomeInquiry:
    return OutcomeInquiry.place(
        SETTINGS, timestamp_ms=SENT, recv_window_ms=RECV, clock_skew_max_ms=SKEW
    )


def an_amend(before: OrderView = OLD, price: Decimal = NEW.price) -> OutcomeInquiry:
    return OutcomeInquiry.amend(
        SETTINGS,
        before=before,
        price=price,
        qty=D("2.0"),
        timestamp_ms=SENT,
        recv_window_ms=RECV,
        clock_skew_max_ms=SKEW,
    )


def a_cancel() -> OutcomeInquiry:
    return OutcomeInquiry.cancel(SETTINGS)


def ask(inquiry: OutcomeInquiry, now: int, answer: OrderView | str | None) -> Next:
    """One query whose answer comes at once; both clocks agree."""
    assert inquiry.step(now) == Step(next=Next.QUERY)
    inquiry.on_sent(now, now)
    if isinstance(answer, str):
        inquiry.on_failure(now)
    else:
        inquiry.on_answer(answer)
    return inquiry.step(now).next


# -- pace --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [a_place, an_amend, a_cancel])
def test_it_asks_at_once_and_while_undecided_every_three_seconds(
    make: Callable[[], OutcomeInquiry],
) -> None:
    inquiry = make()
    assert inquiry.step(7) == Step(next=Next.QUERY)
    inquiry.on_sent(7, SENT)
    assert inquiry.step(7 + SETTLE) == Step(next=Next.WAIT)  # one query at a time
    with pytest.raises(ContractError, match="not to query"):
        inquiry.on_sent(7 + SETTLE, SENT)
    inquiry.on_answer(None)
    if make is a_cancel:
        return
    assert inquiry.step(6 + SETTLE) == Step(next=Next.WAIT, until_ms=7 + SETTLE)
    assert inquiry.step(7 + SETTLE) == Step(next=Next.QUERY)
    with pytest.raises(ContractError, match="no query"):
        inquiry.on_answer(None)


# -- place -------------------------------------------------------------------------------------


def test_a_place_that_is_found_is_adopted_at_any_time() -> None:
    for now in (SENT, PROOF, PROOF + 1):
        inquiry = a_place()
        assert ask(inquiry, now, FILLED) is Next.ADOPT
        assert inquiry.step(now).order == FILLED


def test_only_absences_asked_for_after_the_proof_time_count_and_two_are_needed() -> None:
    inquiry = a_place()
    assert ask(inquiry, PROOF - 2 * SETTLE, None) is Next.WAIT
    assert ask(inquiry, PROOF - SETTLE, None) is Next.WAIT
    assert ask(inquiry, PROOF, None) is Next.WAIT  # the venue may still take it
    assert ask(inquiry, PROOF + SETTLE, None) is Next.WAIT
    assert ask(inquiry, PROOF + 2 * SETTLE, None) is Next.NOT_EXECUTED


def test_the_venues_clock_decides_which_query_counts_and_ours_spaces_them() -> None:
    inquiry = a_place()
    inquiry.on_sent(0, PROOF + 1)
    inquiry.on_answer(None)
    assert inquiry.step(SETTLE - 1).next is Next.WAIT
    inquiry.on_sent(SETTLE, PROOF)  # the estimate was corrected: does not count
    inquiry.on_answer(None)
    inquiry.on_sent(2 * SETTLE, PROOF + 1)
    inquiry.on_answer(None)
    assert inquiry.step(2 * SETTLE).next is Next.NOT_EXECUTED


def test_a_place_is_given_up_after_five_late_queries_and_early_ones_are_free() -> None:
    inquiry = a_place()
    early = [PROOF - SETTLE * k for k in range(10, 0, -1)]
    assert {ask(inquiry, now, "failed") for now in early} == {Next.WAIT}
    assert ask(inquiry, PROOF, "failed") is Next.WAIT
    late = [PROOF + SETTLE * k for k in range(1, 6)]
    steps = [ask(inquiry, now, answer) for now, answer in zip(late, "abcde", strict=True)]
    assert steps == [Next.WAIT] * 4 + [Next.UNKNOWN]


def test_one_absence_among_five_late_queries_is_no_proof() -> None:
    inquiry = a_place()
    late = [PROOF + 1 + SETTLE * k for k in range(5)]
    answers = ["failed", None, "failed", "failed", "failed"]
    steps = [ask(inquiry, now, answer) for now, answer in zip(late, answers, strict=True)]
    assert steps == [Next.WAIT] * 4 + [Next.UNKNOWN]


def test_a_query_that_fails_late_is_spent_though_it_was_sent_early() -> None:
    inquiry = a_place()
    inquiry.on_sent(PROOF, PROOF)
    inquiry.on_failure(PROOF + 1)
    assert inquiry.spent == 1


def test_an_event_decides_at_any_time_even_after_a_verdict() -> None:
    lost = a_place()
    for k in (1, 2):
        ask(lost, PROOF + SETTLE * k, None)
    given_up = a_place()
    for k in range(1, 6):
        ask(given_up, PROOF + SETTLE * k, "failed")
    assert [lost.verdict, given_up.verdict] == [Next.NOT_EXECUTED, Next.UNKNOWN]
    for inquiry in (a_place(), lost, given_up):
        inquiry.on_event(FILLED)
        assert inquiry.step(PROOF) == Step(next=Next.ADOPT, order=FILLED)


def test_an_answer_that_comes_after_an_event_changes_nothing() -> None:
    for late in (None, "failed"):
        inquiry = a_place()
        inquiry.on_sent(PROOF + 1, PROOF + 1)
        inquiry.on_event(FILLED)
        if late is None:
            inquiry.on_answer(None)
        else:
            inquiry.on_failure(PROOF + 2)
        assert inquiry.step(PROOF + 2) == Step(next=Next.ADOPT, order=FILLED)


QUERIES = st.lists(
    st.tuples(
        st.integers(SETTLE, 2 * SETTLE),  # after the one before
        st.sampled_from(("absent", "absent", "failed", "found")),
        st.sampled_from((0, 1, SETTLE)),  # how long the answer takes
    ),
    max_size=9,
)


@given(st.integers(PROOF - 3 * SETTLE, PROOF + 2), QUERIES)
def test_a_place_follows_the_table(start: int, queries: list[tuple[int, str, int]]) -> None:
    """The verdict is the first of: found; two counting absences; five late queries."""
    inquiry = a_place()
    now, absent, late = start - SETTLE, 0, 0
    for gap, answer, takes in queries:
        now += gap
        inquiry = load_state(
            OutcomeInquiry, json.loads(canonical_json(dump_state(inquiry)))
        )  # a restart in between does not matter
        inquiry.on_sent(now, now)
        if answer == "failed":
            inquiry.on_failure(now + takes)
        else:
            inquiry.on_answer(FILLED if answer == "found" else None)
        absent += answer == "absent" and now > PROOF
        late += now > PROOF or (answer == "failed" and now + takes > PROOF)
        if answer == "found":
            expected = Next.ADOPT
        elif absent == 2:
            expected = Next.NOT_EXECUTED
        elif late == 5:
            expected = Next.UNKNOWN
        else:
            assert inquiry.verdict is None
            continue
        assert inquiry.step(now + takes).next is expected
        return


SKEWS = st.integers(-SKEW, SKEW) | st.sampled_from((-SKEW, SKEW))


@given(SKEWS, SKEWS, st.integers(0, RECV + 3 * SKEW + 1))
def test_the_venue_refuses_the_request_before_the_first_absence_that_counts(
    sending: int, asking: int, after: int
) -> None:
    """Whatever the errors of our idea of its clock; the second absence is for lagging reads."""
    inquiry = OutcomeInquiry.place(
        SETTINGS, timestamp_ms=SENT + sending, recv_window_ms=RECV, clock_skew_max_ms=SKEW
    )
    for now in (SENT + after, SENT + after + SETTLE):
        inquiry.on_sent(now, now + asking)
        inquiry.on_answer(None)
    if inquiry.verdict is Next.NOT_EXECUTED:
        assert not Venue().arrive(SENT + after, SENT + sending, attempt=0, rests_ms=0)
    if after > RECV + 3 * SKEW:
        assert inquiry.verdict is Next.NOT_EXECUTED  # this late it always counts


# -- amend -------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", [NEW, FILLED])
def test_an_amend_with_new_values_or_a_terminal_order_took_effect(found: OrderView) -> None:
    assert ask(an_amend(), SENT, found) is Next.ADOPT
    inquiry = an_amend()
    inquiry.on_event(found)
    assert inquiry.step(SENT) == Step(next=Next.ADOPT, order=found)


def test_old_values_disprove_an_amend_in_one_counting_query_only() -> None:
    inquiry = an_amend()
    assert ask(inquiry, PROOF - SETTLE, OLD) is Next.WAIT
    assert ask(inquiry, PROOF, OLD) is Next.WAIT
    inquiry.on_event(OLD)
    assert inquiry.step(PROOF).next is Next.WAIT
    assert ask(inquiry, PROOF + SETTLE, OLD) is Next.NOT_EXECUTED


@pytest.mark.parametrize("found", [None, OTHER])
def test_an_amend_is_unknown_when_neither_old_nor_new_values_show(found: OrderView | None) -> None:
    inquiry = an_amend()
    steps = [ask(inquiry, PROOF + SETTLE * k, found) for k in range(1, 6)]
    assert steps == [Next.WAIT] * 4 + [Next.UNKNOWN]


def test_a_lagging_view_of_earlier_values_is_not_the_effect_of_an_amend_back_to_them() -> None:
    before = evolve(NEW, updated_ms=SENT - 500)  # amended from OLD to NEW, now back again
    stale = evolve(OLD, updated_ms=SENT - 700)
    inquiry = an_amend(before, OLD.price)
    inquiry.on_event(stale)
    assert ask(inquiry, SENT, stale) is Next.WAIT
    inquiry.on_event(evolve(stale, updated_ms=before.updated_ms))
    assert inquiry.verdict is None
    assert ask(inquiry, SENT + SETTLE, evolve(OLD, updated_ms=SENT + 1)) is Next.ADOPT


def test_an_amend_that_changes_nothing_has_no_outcome_to_find() -> None:
    with pytest.raises(ContractError, match="must differ"):
        an_amend(OLD, D("100.0"))


# -- cancel ------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [s for s in OrderState if s.is_final])
def test_a_cancel_took_effect_when_the_order_is_terminal(state: OrderState) -> None:
    assert ask(a_cancel(), SENT, evolve(OLD, state=state)) is Next.ADOPT


@pytest.mark.parametrize("answer", [OLD, None, "failed"])
def test_anything_else_sends_the_cancel_again_at_once(answer: OrderView | str | None) -> None:
    inquiry = a_cancel()
    assert ask(inquiry, SENT, answer) is Next.NOT_EXECUTED
    inquiry.on_event(OLD)
    assert inquiry.step(SENT) == Step(next=Next.NOT_EXECUTED)
    inquiry.on_event(FILLED)
    assert inquiry.step(SENT) == Step(next=Next.ADOPT, order=FILLED)


def test_settings_must_allow_the_two_absences() -> None:
    for bad in ({"unknown_max_queries": 1}, {"unknown_settle_ms": 0}):
        with pytest.raises(ConfigError, match=next(iter(bad))):
            InquirySettings(**bad)


# -- a venue, a caller, crashes and duplicates (I-04.1) ----------------------------------------

INTENT = WriteIntent.place(
    "binance_usdm",
    "grinder_default_3_000000000001",
    symbol="BTCUSDT",
    side=Side.BUY,
    price=D(100),
    qty=D(1),
    level_id=3,
    generation=0,
)


@define
class Venue:
    """Takes a request inside its window, forgets the id once filled, shows orders late."""

    orders: list[tuple[int, int]] = field(factory=list)  # time and attempt that made it
    resting_until: int = 0

    def arrive(self, now: int, timestamp: int, attempt: int, rests_ms: int) -> bool:
        """Return whether the request was executed."""
        if timestamp >= now + 1000 or now - timestamp > RECV:
            return False  # -1021
        if now < self.resting_until:
            return False  # -4116: unique among open orders only
        self.orders.append((now, attempt))
        self.resting_until = now + rests_ms
        return True

    def read(self, now: int, lag: int) -> OrderView | None:
        shown = [t for t, _ in self.orders if t <= now - lag]
        return evolve(FILLED, updated_ms=shown[-1]) if shown else None


DELAYS = st.sampled_from((None, 0, RECV, RECV, RECV + SKEW, RECV + SKEW + 1))
LAGS = st.sampled_from((0, SETTLE - 1, SETTLE - 1))
TAKES = st.sampled_from((0, 0, SETTLE, 10_000))
ERRORS = st.sampled_from((-SKEW, 0, SKEW))
PATIENCE = st.sampled_from((0, 1500, 5001))


@define
class World:
    """Runs callers as coroutines in virtual time; a caller yields when to go on."""

    data: st.DataObject
    venue: Venue = field(factory=Venue)
    store: IdempotencyStore = field(factory=lambda: IdempotencyStore(IdempotencySettings()))
    clock_error: int = 0
    now: int = SENT
    life: int = 0
    attempts: Iterator[int] = field(factory=count)
    order: Iterator[int] = field(factory=count)
    disproved: list[int] = field(factory=list)
    queue: list[tuple[int, int, int, Iterator[int]]] = field(factory=list)

    def start(self, at: int, caller: Iterator[int], life: int = -1) -> None:
        """Queue a caller; ``life`` is the process it dies with, -1 for the world's own."""
        heapq.heappush(self.queue, (at, next(self.order), life, caller))

    def run(self) -> None:
        while self.queue:
            self.now, _, life, caller = heapq.heappop(self.queue)
            if life in {-1, self.life}:
                resume_at = next(caller, None)
                if resume_at is not None:
                    self.start(resume_at, caller, life)

    def call(self) -> Iterator[int]:
        """Place, with up to three attempts, as the adapter would."""
        for _ in range(3):
            try:
                claim = self.store.put_if_absent(INTENT, self.now)
            except IdempotencyConflictError:
                return
            if claim.status is Status.DONE:
                return
            yield self.now + self.data.draw(st.sampled_from((0, 0, 30)))
            self.store.mark_sent(claim, self.now)
            attempt, timestamp = next(self.attempts), self.now + self.clock_error
            delay = self.data.draw(DELAYS)
            answers: list[bool] = []
            if delay is not None:
                rests = self.data.draw(st.sampled_from((0, 0, 10**6)))
                request = self.request(timestamp, attempt, rests, answers)
                self.start(self.now + delay, request)
            yield self.now + self.data.draw(PATIENCE)
            answer_is_lost = self.data.draw(st.sampled_from((True, True, False)))
            if answers and not answer_is_lost:
                if answers[0]:
                    self.store.mark_done(claim, {}, self.now)
                    return
                self.store.mark_failed(claim, "E_NON_RETRYABLE", self.now)
                continue
            yield from self.inquire(claim, attempt, timestamp)
            current = self.store.get(claim.key, self.now)
            if current is None or current.status is not Status.FAILED:
                return

    def request(
        self, timestamp: int, attempt: int, rests: int, answers: list[bool]
    ) -> Iterator[int]:
        answers.append(self.venue.arrive(self.now, timestamp, attempt, rests))
        return
        yield 0  # makes this a coroutine like the others

    def inquire(self, claim: Entry, attempt: int, timestamp: int) -> Iterator[int]:
        recovering = attempt < 0
        inquiry = OutcomeInquiry.place(
            SETTINGS, timestamp_ms=timestamp, recv_window_ms=RECV, clock_skew_max_ms=SKEW
        )
        while (step := inquiry.step(self.now)).next in {Next.QUERY, Next.WAIT}:
            if step.next is Next.WAIT:
                assert step.until_ms is not None
                yield step.until_ms
                continue
            error = self.clock_error if recovering else self.data.draw(ERRORS)
            inquiry.on_sent(self.now, self.now + error)
            found = self.venue.read(self.now, self.data.draw(LAGS))
            fails = self.data.draw(st.sampled_from((False, False, False, False, True)))
            yield self.now + self.data.draw(TAKES)
            if fails:
                inquiry.on_failure(self.now + error)
            else:
                inquiry.on_answer(found)
        if step.next is Next.ADOPT:
            assert self.venue.orders
            self.store.mark_done(claim, {}, self.now)
        elif step.next is Next.NOT_EXECUTED:
            self.disproved.append(attempt)
            assert not self.venue.orders
            self.store.mark_failed(claim, "E_TRANSIENT", self.now)

    def crash(self) -> Iterator[int]:
        """Lose everything but the store, come back with another error of the clock, resolve."""
        self.life += 1
        self.store = load_state(
            IdempotencyStore, json.loads(canonical_json(dump_state(self.store)))
        )
        self.clock_error = self.data.draw(ERRORS)
        entry = self.store.get(INTENT.key, self.now)
        if entry is not None and entry.was_sent:
            # the time of taking the lock stands for the timestamp
            self.start(self.now, self.inquire(entry, -1, self.now + self.clock_error), self.life)
        return
        yield 0


@settings(max_examples=300)
@given(st.data())
def test_the_venue_never_holds_two_orders_of_one_intent(data: st.DataObject) -> None:
    """I-04.1: attempts, timeouts, lost answers, crashes and duplicate calls with one key."""
    world = World(data, clock_error=data.draw(ERRORS))
    for at in data.draw(st.lists(st.sampled_from((0, 1, 5000, 9000, 20_000)), max_size=3)):
        world.start(SENT + at, world.crash())
    calls = data.draw(
        st.lists(
            st.sampled_from((0, 0, 40, 5001, 9001, 12_001, 40_000, 310_000)),
            min_size=1,
            max_size=4,
        )
    )
    for at in calls:
        world.start(SENT + at, begin(world))
    world.run()
    assert len(world.venue.orders) <= 1
    assert not set(world.disproved) & {attempt for _, attempt in world.venue.orders}
    entry = world.store.get(INTENT.key, world.now)
    if entry is not None and entry.status is Status.DONE:
        assert len(world.venue.orders) == 1


def begin(world: World) -> Iterator[int]:
    """A call belongs to the process that is alive when it begins."""
    world.start(world.now, world.call(), world.life)
    return
    yield 0
