"""At most one effect for each write, whatever the venue does (LIVE-04)."""

from __future__ import annotations

import asyncio
from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance.error_map import FailureKind, Reaction
from grinder_adapters.binance.outcomes import (
    Accepted,
    Outcome,
    RefusalReason,
    Refused,
    Seen,
    Unknown,
    from_stored,
    to_stored,
)
from grinder_adapters.write_archive import SqliteArchive
from grinder_core.contracts.enums import OrderState, RiskIntent
from grinder_core.errors import ConnectorClosedError, ConnectorError
from grinder_core.resilience.archived import ArchivedStore
from grinder_core.resilience.breaker_settings import CircuitState, Operation
from grinder_core.resilience.idempotency import (
    IdempotencySettings,
    IdempotencyStore,
    Status,
    Write,
)
from grinder_core.resilience.unknown import OrderView
from tests.adapters.binance.test_error_map import ROWS
from tests.support.binance_port import (
    AN_ID,
    Desk,
    a_desk,
    a_limit_order,
    a_permission,
    an_amend,
    an_order_event,
    at_desk,
    ids,
)
from tests.support.scripted_venue import Fault, ScriptedVenue, refusal
from tests.support.virtual_time import VirtualClock, run

RECV_WINDOW, SKEW, SETTLE = 5_000, 1_000, 3_000
LOST = Fault(loses=True)
NEVER = Fault(arrives=False)


def entry_status(desk: Desk) -> list[Status]:
    return [entry.status for entry in desk.writer.store.entries.values()]


# -- the whole space: I-04.1 --------------------------------------------------------------------

FAULTS = st.one_of(
    st.builds(
        Fault,
        arrives=st.booleans(),
        loses=st.booleans(),
        breaks=st.booleans(),
        delay_ms=st.integers(0, 12_000),
    ),
    st.just(Fault(is_made=False)),
    st.sampled_from(
        [
            (500, 0, "boom"),
            (503, 0, "Unknown error, please check your request or try again later."),
            (408, -1007, "Timeout"),
            (400, -1006, "unexpected"),
            (400, -5028, "too late"),
            (200, 0, "{}"),
        ]
    ).flatmap(lambda a: st.booleans().map(lambda done: _answered(*a, executes=done))),
    st.sampled_from(
        [
            refusal(503, None, "Service Unavailable."),
            refusal(503, -1008),
            refusal(400, -1021),
            refusal(400, -2010),
            refusal(400, -1015),
        ]
    ),
)


def _answered(status: int, code: int, msg: str, *, executes: bool) -> Fault:
    return evolve(refusal(status, code or None, msg), executes=executes)


READ_FAULTS = st.one_of(
    st.just(Fault()), st.just(Fault(loses=True)), st.just(refusal(502, None)), st.just(Fault())
)


@given(
    st.lists(FAULTS, max_size=6),
    st.lists(READ_FAULTS, max_size=8),
    st.lists(st.integers(0, 20_000), min_size=1, max_size=4),
    st.integers(0, SETTLE - 1),
    st.booleans(),
    st.integers(-900, 900),
    st.sampled_from(["none", "stream", "restart"]),
)
def test_one_intent_makes_at_most_one_order(
    faults: list[Fault],
    read_faults: list[Fault],
    starts: list[int],
    read_lag_ms: int,
    fills_at_once: bool,
    drift_ms: int,
    extra: str,
) -> None:
    """Calls with one key at any times, lost and late requests, lagging reads, instant fills."""
    venues: list[ScriptedVenue] = []

    async def call(desk: Desk, start_ms: int) -> Outcome:
        await asyncio.sleep(start_ms / 1000)
        return await desk.port.place(a_limit_order())

    async def stream(desk: Desk) -> None:
        while True:
            await asyncio.sleep(0.7)
            if AN_ID in desk.venue.history:
                desk.port.on_order_event(an_order_event(desk.venue.order(AN_ID)))

    async def scene(desk: Desk) -> list[Outcome]:
        venues.append(desk.venue)
        desk.venue.faults, desk.venue.read_faults = deque(faults), deque(read_faults)
        desk.venue.read_lag_ms, desk.venue.fills_at_once = read_lag_ms, fills_at_once
        desk.venue.skew_ms += drift_ms  # since the last measurement
        told = asyncio.create_task(stream(desk)) if extra == "stream" else None
        calls = [asyncio.create_task(call(desk, start)) for start in starts]
        if extra == "restart":  # the process dies; the store does not
            await asyncio.sleep(starts[0] / 1000 + 1)
            for task in calls:
                task.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            again = a_desk(desk.clock, venue=desk.venue, store=desk.writer.store)
            await again.client.venue_clock.sync()
            await asyncio.sleep(61)
            again.guard.arm(a_permission())
            calls = [asyncio.create_task(call(again, 0))]
        outcomes = await asyncio.gather(*calls)
        await asyncio.sleep(30)  # the last late request arrives
        if told is not None:
            told.cancel()
        return outcomes

    outcomes = at_desk(scene)
    accepted = venues[0].accepted[AN_ID]
    assert accepted <= 1
    assert accepted == 1 or not any(isinstance(o, Accepted) for o in outcomes)
    surely_not = all(
        isinstance(o, Refused) and o.reason != "IDEMPOTENCY_CONFLICT" for o in outcomes
    )
    if extra != "restart" and surely_not:
        assert accepted == 0


@given(st.lists(FAULTS, max_size=4), st.integers(0, SETTLE - 1))
def test_no_cancel_is_barred_by_one_that_proved_nothing(
    faults: list[Fault], read_lag_ms: int
) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        await asyncio.sleep(10)
        desk.venue.faults, desk.venue.read_lag_ms = deque(faults), read_lag_ms
        first = await desk.port.cancel("BTCUSDT", AN_ID)
        is_gone = desk.venue.order(AN_ID)["status"] == "CANCELED"
        assert not isinstance(first, Accepted) or is_gone
        desk.venue.faults.clear()
        await asyncio.sleep(120)  # breakers and stops are over
        second = await desk.port.cancel("BTCUSDT", AN_ID)
        assert isinstance(second, Accepted)
        assert second.order.view.state is OrderState.CANCELLED
        assert desk.venue.order(AN_ID)["status"] == "CANCELED"

    at_desk(scene)


@given(st.lists(FAULTS, max_size=4), st.integers(0, SETTLE - 1))
def test_an_accepted_amend_holds_and_a_refused_one_does_not(
    faults: list[Fault], read_lag_ms: int
) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        await asyncio.sleep(10)
        desk.venue.faults, desk.venue.read_lag_ms = deque(faults), read_lag_ms
        outcome = await desk.port.amend(an_amend())
        await asyncio.sleep(30)
        price = desk.venue.order(AN_ID)["price"]
        if isinstance(outcome, Accepted):
            assert (price, outcome.order.view.price) == ("101", Decimal(101))
        elif isinstance(outcome, Refused):
            assert price == "100"

    at_desk(scene)


# -- I-04.2, I-04.3 -----------------------------------------------------------------------------


def test_two_generations_and_two_amends_to_one_value_all_reach_the_venue() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        desk.venue.fills_at_once = True
        for generation in range(2):
            order = a_limit_order(name(), generation=generation)
            assert isinstance(await desk.port.place(order), Accepted)
        assert len(desk.venue.sent("POST", "order")) == 2

        desk.venue.fills_at_once = False
        third = name()
        await desk.port.place(a_limit_order(third, generation=2))
        for amend_no, price in enumerate((101, 100, 101)):
            before = OrderView(
                state=OrderState.OPEN, price=Decimal(201 - price), qty=Decimal(1), updated_ms=0
            )
            amend = an_amend(
                third, price=Decimal(price), qty=Decimal(1), amend_no=amend_no, before=before
            )
            assert isinstance(await desk.port.amend(amend), Accepted)
            await asyncio.sleep(0.01)
        assert [s.parameters["price"] for s in desk.venue.sent("PUT", "order")] == [
            "101",
            "100",
            "101",
        ]

    at_desk(scene)


@pytest.mark.parametrize("is_archived", [False, True])
def test_the_same_intent_again_is_answered_without_the_venue(is_archived: bool) -> None:
    async def scene(desk: Desk) -> None:
        first = await desk.port.place(a_limit_order())
        second = await desk.port.place(a_limit_order())
        assert isinstance(first, Accepted)
        assert isinstance(second, Accepted)
        assert (second.order, second.is_cached, second.attempts) == (first.order, True, 0)
        assert len(desk.venue.sent("POST", "order")) == 1

    settings = IdempotencySettings()
    archived = ArchivedStore(settings, archive=SqliteArchive())
    at_desk(scene, store=archived if is_archived else IdempotencyStore(settings))


def test_the_same_intent_under_way_is_a_conflict_and_frees_nothing() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(Fault(delay_ms=1000))
        first = asyncio.create_task(desk.port.place(a_limit_order()))
        await asyncio.sleep(0.5)
        second = await desk.port.place(a_limit_order())
        assert isinstance(second, Refused)
        assert second.reason is RefusalReason.IDEMPOTENCY_CONFLICT
        assert not second.is_order
        assert isinstance(await first, Accepted)

    at_desk(scene)


# -- finding out --------------------------------------------------------------------------------


def test_a_lost_answer_is_found_by_the_client_id_at_once() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(LOST)
        began = desk.clock.now_ms()
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Accepted)
        assert outcome.attempts == 1
        assert [s.ms - began for s in desk.venue.sent("GET", "order")] == [5_000]
        assert desk.venue.sent("GET", "order")[0].parameters["origClientOrderId"] == AN_ID

    at_desk(scene)


def test_an_absence_counts_only_when_the_request_can_no_longer_arrive() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(NEVER)
        began = desk.clock.now_ms()
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Accepted)
        assert outcome.attempts == 2
        asked = [s.ms - began for s in desk.venue.sent("GET", "order")]
        assert asked == [5_000, 8_000, 11_000]
        # stamped at 0: what is asked after 6 s counts, and two absences are needed
        assert [at > RECV_WINDOW + SKEW for at in asked] == [False, True, True]
        assert [s.ms - began for s in desk.venue.sent("POST", "order")] == [0, 11_100]
        first, second = desk.venue.sent("POST", "order")
        assert first.parameters["newClientOrderId"] == second.parameters["newClientOrderId"]

    at_desk(scene)


def test_who_cannot_be_asked_leaves_the_outcome_unknown_and_the_key_taken() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(NEVER)
        desk.venue.read_faults.extend([refusal(502, None)] * 30)
        assert isinstance(await desk.port.place(a_limit_order()), Unknown)
        assert desk.writer.unknown == {Write.PLACE: 1}
        assert entry_status(desk) == [Status.INFLIGHT]
        await asyncio.sleep(3600)
        again = await desk.port.place(a_limit_order())
        assert isinstance(again, Refused)
        assert again.reason is RefusalReason.IDEMPOTENCY_CONFLICT

    at_desk(scene)


@pytest.mark.parametrize("took_effect", [False, True])
def test_reconciliation_settles_what_stayed_unknown(took_effect: bool) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(LOST if took_effect else NEVER)
        desk.venue.read_faults.extend([refusal(502, None)] * 5)
        desk.venue.read_faults.extend([refusal(502, None)] * 5)
        assert isinstance(await desk.port.place(a_limit_order()), Unknown)
        desk.venue.read_faults.clear()
        await asyncio.sleep(60)
        order = await desk.port.query("BTCUSDT", AN_ID)
        intent = desk.port._calls.place(a_limit_order()).intent
        desk.writer.settle(intent, None if order is None else Seen.of(order))
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Accepted)
        assert outcome.is_cached == took_effect
        assert desk.venue.accepted[AN_ID] == 1

    at_desk(scene)


@pytest.mark.parametrize("before_the_timeout", [True, False])
def test_the_user_stream_decides_at_any_time(before_the_timeout: bool) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(LOST)
        desk.venue.read_lag_ms = 60_000
        began = desk.clock.now_ms()
        placing = asyncio.create_task(desk.port.place(a_limit_order()))
        await asyncio.sleep(1 if before_the_timeout else 6.5)
        desk.port.on_order_event(an_order_event(desk.venue.order(AN_ID)))
        assert isinstance(await placing, Accepted)
        took = desk.clock.now_ms() - began
        assert took == (5_000 if before_the_timeout else 6_500)
        assert len(desk.venue.sent("GET", "order")) == (0 if before_the_timeout else 1)

    at_desk(scene)


def test_an_event_of_another_order_decides_nothing() -> None:
    async def scene(desk: Desk) -> None:
        other = ids()
        other()
        desk.venue.rest(name := other())
        desk.venue.faults.append(NEVER)
        placing = asyncio.create_task(desk.port.place(a_limit_order()))
        await asyncio.sleep(6)
        desk.port.on_order_event(an_order_event(desk.venue.order(name)))
        outcome = await placing
        assert isinstance(outcome, Accepted)
        assert outcome.attempts == 2

    at_desk(scene)


def test_a_duplicate_id_adopts_the_order_that_is_there() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Accepted)
        assert outcome.order.order_id == "1"
        assert desk.venue.accepted[AN_ID] == 1

    at_desk(scene)


def test_a_duplicate_id_whose_order_does_not_show_is_never_taken_for_absent() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        desk.venue.read_lag_ms = 10**9
        assert isinstance(await desk.port.place(a_limit_order()), Unknown)
        assert entry_status(desk) == [Status.INFLIGHT]

    at_desk(scene)


def test_an_answer_about_another_order_proves_nothing() -> None:
    async def scene(desk: Desk) -> None:
        other = '{"symbol":"BTCUSDT","orderId":7,"clientOrderId":"x","side":"BUY","type":"LIMIT",'
        other += '"timeInForce":"GTX","status":"NEW","price":"100","origQty":"1",'
        other += '"executedQty":"0","reduceOnly":false,"positionSide":"BOTH","updateTime":1}'
        desk.venue.faults.append(Fault(answer=(200, other)))
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Accepted)
        assert outcome.order.order_id == "1"

    at_desk(scene)


# -- cancels ------------------------------------------------------------------------------------


def test_a_cancel_that_lost_the_race_to_a_fill_is_answered_by_the_fill() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        desk.venue.change(AN_ID, status="FILLED", executedQty="1")
        outcome = await desk.port.cancel("BTCUSDT", AN_ID)
        assert isinstance(outcome, Accepted)
        assert outcome.order.view.state is OrderState.FILLED
        assert outcome.order.executed_qty == 1

    at_desk(scene)


def test_lost_races_do_not_open_the_circuit_of_cancels() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        for _ in range(8):
            desk.venue.rest(label := name())
            desk.venue.change(label, status="FILLED", executedQty="1")
            assert isinstance(await desk.port.cancel("BTCUSDT", label), Accepted)
        assert desk.client.breaker.state(Operation.CANCEL, desk.client.now()) is CircuitState.CLOSED
        assert len(desk.venue.sent("DELETE", "order")) == 8

    at_desk(scene)


def test_not_found_alone_does_not_prove_a_cancel() -> None:
    async def scene(desk: Desk) -> None:
        outcome = await desk.port.cancel("BTCUSDT", AN_ID)
        assert isinstance(outcome, Unknown)
        assert outcome.attempts == 3
        assert len(desk.venue.sent("DELETE", "order")) == 3
        assert entry_status(desk) == [Status.FAILED]
        desk.venue.rest(AN_ID)  # the place arrived after all
        assert isinstance(await desk.port.cancel("BTCUSDT", AN_ID), Accepted)

    at_desk(scene)


def test_a_cancel_that_was_interrupted_does_not_bar_the_next() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        desk.venue.faults.append(NEVER)
        cancelling = asyncio.create_task(desk.port.cancel("BTCUSDT", AN_ID))
        await asyncio.sleep(1)
        cancelling.cancel()
        await asyncio.gather(cancelling, return_exceptions=True)
        assert isinstance(await desk.port.cancel("BTCUSDT", AN_ID), Accepted)

    at_desk(scene)


def test_a_place_that_was_interrupted_stays_taken() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(Fault(delay_ms=2000))
        placing = asyncio.create_task(desk.port.place(a_limit_order()))
        await asyncio.sleep(1)
        placing.cancel()
        await asyncio.gather(placing, return_exceptions=True)
        assert entry_status(desk) == [Status.INFLIGHT]

    at_desk(scene)


# -- before it leaves ---------------------------------------------------------------------------


def test_a_claim_is_recorded_before_anything_is_sent() -> None:
    async def scene(desk: Desk) -> None:
        desk.witness.failure = OSError("disk full")
        with pytest.raises(OSError, match="disk full"):
            await desk.port.place(a_limit_order())
        assert desk.venue.writes() == []
        assert [entry.was_sent for entry in desk.witness.recorded] == [True]
        assert entry_status(desk) == [Status.FAILED]

    at_desk(scene)


def test_leadership_and_gates_are_asked_before_each_attempt() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(refusal(503, None, "Service Unavailable."))
        placing = asyncio.create_task(desk.port.place(a_limit_order()))
        await asyncio.sleep(0.05)
        desk.witness.reason = "KILL_SWITCH_ACTIVE"
        outcome = await placing
        assert isinstance(outcome, Refused)
        assert "KILL_SWITCH_ACTIVE" in outcome.detail
        assert outcome.is_order  # the first attempt was one
        assert desk.witness.asked == [(RiskIntent.INCREASE_RISK, "BTCUSDT")] * 2
        assert len(desk.venue.writes()) == 1

    at_desk(scene)


@pytest.mark.parametrize("by", ["witness", "budget", "breaker", "disarmed"])
def test_what_is_refused_before_sending_is_no_order_and_leaves_no_trace(by: str) -> None:
    async def scene(desk: Desk) -> None:
        now = desk.client.now()
        if by == "witness":
            desk.witness.reason = "STANDBY"
        elif by == "budget":
            desk.client.budget.stop(now + 5_000, now)
        elif by == "breaker":
            circuit = desk.client.breaker.circuits["place"]
            for _ in range(5):
                circuit.record_failure(circuit.before_call(now), now)
        else:
            desk.witness.on_record = desk.guard.disarm
        refused = await desk.port.place(a_limit_order())
        assert isinstance(refused, Refused)
        assert not refused.is_order
        assert desk.venue.writes() == []
        expected = "CIRCUIT_OPEN" if by == "breaker" else "NON_RETRYABLE_ERROR"
        assert refused.reason == expected
        assert desk.writer.store.entries == {}
        # so the next order of the level may have another id, at the same generation
        desk.witness.reason = ""
        if by != "disarmed":
            await asyncio.sleep(31)
            name = ids()
            name()
            assert isinstance(await desk.port.place(a_limit_order(name())), Accepted)

    at_desk(scene)


# -- retries and refusals -----------------------------------------------------------------------


def test_a_write_that_surely_failed_is_tried_again_with_the_same_id() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.extend([refusal(503, -1008), Fault(is_made=False)])
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Accepted)
        assert outcome.attempts == 3
        names = {s.parameters["newClientOrderId"] for s in desk.venue.sent("POST", "order")}
        assert names == {AN_ID}
        assert desk.client.stats.retries == {("place", "transient"): 2}

    at_desk(scene)


def test_a_write_is_tried_no_more_often_than_allowed() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.extend([refusal(503, -1008)] * 9)
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Refused)
        assert (outcome.reason, outcome.code) == (RefusalReason.RETRIES_EXHAUSTED, "-1008")
        assert outcome.is_order
        assert outcome.attempts == 3
        assert len(desk.venue.writes()) == 3

    at_desk(scene)


def test_a_wrong_time_is_measured_and_the_write_sent_once_more() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.skew_ms = -9_000
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Accepted)
        assert outcome.attempts == 2
        desk.venue.faults.extend([refusal(400, -1021)] * 9)
        second = await desk.port.place(a_limit_order(generation=1))
        assert isinstance(second, Refused)
        assert (second.code, second.attempts) == ("-1021", 2)

    at_desk(scene)


EVERY_CODE = [(code, kind, reaction) for codes, kind, reaction in ROWS for code in codes]
SENT_AGAIN = {FailureKind.OUTCOME_UNKNOWN, FailureKind.TRANSIENT, FailureKind.CLOCK}


@pytest.mark.parametrize(("code", "kind", "reaction"), EVERY_CODE)
def test_every_code_of_the_reference_has_its_reaction_at_the_port(
    code: int, kind: FailureKind, reaction: Reaction
) -> None:
    """The venue answers a place with the code and executes nothing."""

    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(refusal(400, code))
        outcome = await desk.port.place(a_limit_order())
        writes = len(desk.venue.writes())
        if kind in SENT_AGAIN:
            assert isinstance(outcome, Accepted)
            assert (outcome.attempts, writes) == (2, 2)
        elif kind is FailureKind.ALREADY_SO:  # and yet it is not to be seen
            assert isinstance(outcome, Unknown)
            assert writes == 1
        else:
            assert isinstance(outcome, Refused)
            assert (outcome.code, outcome.reaction, writes) == (str(code), reaction, 1)
            assert outcome.is_order
            assert entry_status(desk) == [Status.FAILED]
            is_limit = kind is FailureKind.RATE_LIMITED
            assert outcome.reason == (
                RefusalReason.RETRIES_EXHAUSTED if is_limit else RefusalReason.NON_RETRYABLE_ERROR
            )

    at_desk(scene)


def test_a_closed_client_ends_a_search_as_unknown() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(NEVER)
        placing = asyncio.create_task(desk.port.place(a_limit_order()))
        await asyncio.sleep(6)
        await desk.port.close()
        assert isinstance(await placing, Unknown)
        with pytest.raises(ConnectorClosedError):
            await desk.port.place(a_limit_order())

    at_desk(scene)


def test_protective_writes_have_circuits_of_their_own() -> None:
    async def scene(desk: Desk) -> None:
        name = ids()
        name()
        desk.venue.faults.extend([refusal(503, -1008)] * 6)
        await desk.port.place(a_limit_order())
        await desk.port.place(a_limit_order(generation=1))
        refused = await desk.port.place(a_limit_order(generation=2))
        assert isinstance(refused, Refused)
        assert refused.reason is RefusalReason.CIRCUIT_OPEN
        exit_order = a_limit_order(name(), generation=3, reduce_only=True)
        assert isinstance(await desk.port.place(exit_order), Accepted)
        assert isinstance(await desk.port.cancel("BTCUSDT", exit_order.client_order_id), Accepted)

    at_desk(scene)


PRICES = st.decimals("0.00000001", 10**6, places=8)


@settings(max_examples=50)
@given(PRICES, PRICES, PRICES, st.sampled_from(OrderState), st.integers(0, 2**40))
def test_a_stored_answer_reads_back(price: Any, qty: Any, done: Any, state: Any, ms: int) -> None:
    view = OrderView(state=state, price=price, qty=qty, updated_ms=ms)
    seen = Seen(view=view, order_id="12", executed_qty=done)
    assert from_stored(to_stored(seen)) == seen


def test_a_store_survives_the_process_that_filled_it() -> None:
    stores: list[IdempotencyStore] = []

    async def first(desk: Desk) -> None:
        await desk.port.place(a_limit_order())
        stores.append(desk.writer.store)

    at_desk(first)
    clock = VirtualClock()

    async def second() -> None:
        desk = a_desk(clock, store=stores[0])
        await desk.client.venue_clock.sync()
        await asyncio.sleep(61)
        desk.guard.arm(a_permission())
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Accepted)
        assert outcome.is_cached
        assert desk.venue.writes() == []

    run(second(), clock)


def test_a_finished_write_is_known_to_the_process_after(tmp_path: Path) -> None:
    def an_archived_store() -> ArchivedStore:
        return ArchivedStore(IdempotencySettings(), archive=SqliteArchive(tmp_path / "writes.db"))

    async def scene(desk: Desk) -> None:
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Accepted)
        assert outcome.is_cached == (not desk.venue.writes())
        assert desk.writer.store.entries == {}
        written.append(len(desk.venue.writes()))

    written: list[int] = []
    at_desk(scene, store=an_archived_store())
    at_desk(scene, store=an_archived_store())
    assert written == [1, 0]


def test_an_unreachable_clock_does_not_lose_a_proven_refusal() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(refusal(400, -1021))
        desk.venue.time_faults.extend([refusal(502, None)] * 9)
        outcome = await desk.port.place(a_limit_order())
        assert isinstance(outcome, Refused)
        assert outcome.code == "-1021"
        assert isinstance(desk.client.venue_clock.last_error, ConnectorError)

    at_desk(scene)
