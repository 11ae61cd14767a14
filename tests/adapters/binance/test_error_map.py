"""Every answer has one class and one reaction, as the reference lists them (I-09.3)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.error_map import FailureKind, Reaction, classify
from grinder_core.errors import (
    ConnectorNonRetryableError,
    ConnectorOutcomeUnknownError,
    ConnectorTransientError,
)

K, R = FailureKind, Reaction

WRITES = ("place", "reduce", "replace", "amend", "cancel", "set_leverage")
ORDERS = ("place", "reduce", "replace", "amend")
READS = ("query", "snapshot", "listen_key", "connect", "countdown")
THROTTLED = "Request throttled by system-level protection. Reduce-only orders are let through."
UNKNOWN_503 = "Unknown error, please check your request or try again later."
PROVEN_503 = (
    "Service Unavailable.",
    "Internal error; unable to process your request. Please try again.",
    THROTTLED,
)


def span(first: int, last: int) -> list[int]:
    return list(range(last, first + 1))


# reference 8, row by row, for an order call that was answered with HTTP 400
ROWS: list[tuple[list[int], FailureKind, Reaction]] = [
    ([-1000], K.OUTCOME_UNKNOWN, R.QUERY),
    ([-1001], K.OUTCOME_UNKNOWN, R.QUERY),
    ([-1002, -2014, -2015, -1022], K.HALT, R.HALT),
    ([-1003], K.RATE_LIMITED, R.STOP_ALL),
    ([-1006, -1007], K.OUTCOME_UNKNOWN, R.QUERY),
    ([-1008], K.TRANSIENT, R.BACK_OFF),
    ([-1015], K.RATE_LIMITED, R.STOP_ORDERS),
    ([-1016], K.HALT, R.HALT),
    ([-1020, -1023], K.REFUSED, R.GIVE_UP),
    ([-1021], K.CLOCK, R.SYNC_CLOCK),
    (span(-1100, -1106) + span(-1114, -1119), K.REFUSED, R.TELL),
    ([-1127, -1128, -1130, -1136], K.REFUSED, R.TELL),
    ([-1111], K.REFUSED, R.RELOAD_FILTERS),
    ([-1120, -1121, -1122], K.REFUSED, R.DROP_SYMBOL),
    ([-1125], K.RESYNC, R.NEW_LISTEN_KEY),
    ([-2010], K.REFUSED, R.GIVE_UP),
    ([-2011, -2013], K.RESYNC, R.RESYNC_ORDER),
    ([-2012], K.TRANSIENT, R.RETRY),
    ([-2017, -2023], K.HALT, R.HALT),
    ([-2018, -2019, -2024], K.REFUSED, R.STOP_ADDING),
    ([-2020, -2026, -4118, -2027, -2028, -4028], K.REFUSED, R.GIVE_UP),
    ([-2021], K.REFUSED, R.RECOMPUTE_PRICE),
    ([-2022], K.RESYNC, R.RESYNC_POSITION),
    ([-2025], K.REFUSED, R.DROP_OUTER_ORDERS),
    ([-4001, -4002, -4013, -4014], K.REFUSED, R.RELOAD_FILTERS),
    ([-4003, -4004, -4005, -4023], K.REFUSED, R.RELOAD_FILTERS),
    ([-4015, -4082, -4120], K.REFUSED, R.TELL),
    ([-4016, -4024, -4131], K.REFUSED, R.RECOMPUTE_PRICE),
    ([-4045, -4047, -4048], K.REFUSED, R.GIVE_UP),
    ([-4046, -4059, -4171], K.ALREADY_SO, R.NONE),
    ([-4050, -4051], K.REFUSED, R.STOP_ADDING),
    ([-4060, -4061, -4109], K.HALT, R.HALT),
    ([-4067, -4068, -4531, -4161, -4164], K.REFUSED, R.GIVE_UP),
    ([-4087, -4088, -4400, -4401], K.REFUSED, R.REDUCE_ONLY),
    ([-4116], K.ALREADY_SO, R.ADOPT),
    ([-4140, -4141, -4144], K.REFUSED, R.DROP_SYMBOL),
    ([*span(-4167, -4170), -4172], K.REFUSED, R.GIVE_UP),
    ([-4192, *span(-4202, -4209), -4402, -4403], K.HALT, R.HALT),
    ([-5021], K.REFUSED, R.GIVE_UP),
    ([-5022], K.REFUSED, R.RECOMPUTE_PRICE),
    ([-5024, -5025, -5026, -5043], K.RESYNC, R.RESYNC_ORDER),
    ([-5027], K.ALREADY_SO, R.NONE),
    ([-5028], K.OUTCOME_UNKNOWN, R.SYNC_CLOCK_AND_QUERY),
    (span(-5037, -5041), K.REFUSED, R.GIVE_UP),
    ([-5047], K.RESYNC, R.RESYNC_ORDER),
]
CODES = {code for codes, _, _ in ROWS for code in codes}
statuses = st.sampled_from([0, 200, 302, 400, 401, 403, 404, 408, 418, 429, 500, 502, 503, 504]) | (
    st.integers(-5, 1000)
)
codes = st.none() | st.sampled_from(sorted(CODES)) | st.integers(-(10**6), 10**6)
texts = st.text() | st.sampled_from(
    [*PROVEN_503, UNKNOWN_503, "IP banned until 1659146400000.", "Order would immediately match"]
)


@pytest.mark.parametrize("op", ORDERS)
@pytest.mark.parametrize(
    ("code", "kind", "reaction"), [(c, kind, reaction) for cs, kind, reaction in ROWS for c in cs]
)
def test_a_code_means_what_the_reference_says(
    op: str, code: int, kind: FailureKind, reaction: Reaction
) -> None:
    failure = classify(400, code, "text", op)
    assert (failure.kind, failure.reaction) == (kind, reaction)
    assert (failure.status, failure.code, failure.msg) == (400, code, "text")


@given(statuses, codes, texts, st.sampled_from(WRITES))
def test_a_write_is_refused_only_where_the_answer_proves_it(
    status: int, code: int | None, msg: str, op: str
) -> None:
    """I-09.3, and LIVE-04: whatever is not proven is unknown."""
    failure = classify(status, code, msg, op)
    proven = (
        status in {401, 403, 418, 429}
        or (status == 503 and (code == -1008 or msg.startswith(PROVEN_503)))
        or (400 <= status < 500 and status != 408 and code is not None and code < 0)
        or (status < 500 and status != 408 and code in CODES)
    )
    if not proven:
        assert failure.kind is K.OUTCOME_UNKNOWN
        assert failure.reaction is R.QUERY
    elif code not in {-1000, -1001, -1006, -1007, -5028, -2011, -2013}:
        assert failure.kind is not K.OUTCOME_UNKNOWN


@given(statuses, codes, texts, st.sampled_from(READS))
def test_a_read_is_never_unknown(status: int, code: int | None, msg: str, op: str) -> None:
    assert classify(status, code, msg, op).kind is not K.OUTCOME_UNKNOWN


@given(
    statuses,
    codes,
    texts,
    st.sampled_from((*WRITES, *READS)) | st.text(),
    st.none() | st.integers(0, 10**9),
)
def test_every_answer_has_one_class_that_does_not_depend_on_the_pause(
    status: int, code: int | None, msg: str, op: str, pause: int | None
) -> None:
    failure = classify(status, code, msg, op, pause)
    assert failure.retry_after_ms == pause
    other = classify(status, code, msg, op)
    assert (failure.kind, failure.reaction) == (other.kind, other.reaction)
    assert (failure.reaction is R.STOP_ALL) == (
        failure.kind is K.BANNED
        or (failure.kind is K.RATE_LIMITED and failure.reaction is not R.STOP_ORDERS)
    )
    assert failure.until_ms is None or failure.kind in {K.BANNED, K.RATE_LIMITED}


@given(st.integers(-9999, -1).filter(lambda code: code not in CODES), st.integers(400, 499))
def test_a_code_never_heard_of_is_refused_and_told(code: int, status: int) -> None:
    if status in {401, 403, 408, 418, 429}:
        return
    failure = classify(status, code, "new", "place")
    assert (failure.kind, failure.reaction) == (K.REFUSED, R.TELL)


@pytest.mark.parametrize("op", WRITES)
@pytest.mark.parametrize("status", [0, 200, 204, 302, 404, 408, 500, 502, 503, 504, 599])
def test_without_a_code_a_write_is_unknown(status: int, op: str) -> None:
    failure = classify(status, None, "<html>", op)
    assert (failure.kind, failure.reaction) == (K.OUTCOME_UNKNOWN, R.QUERY)


@pytest.mark.parametrize("op", READS)
@pytest.mark.parametrize("status", [0, 200, 302, 408, 500, 502, 503, 504])
def test_without_a_code_a_read_is_asked_again(status: int, op: str) -> None:
    failure = classify(status, None, "<html>", op)
    assert (failure.kind, failure.reaction) == (K.TRANSIENT, R.RETRY)


@pytest.mark.parametrize(
    ("code", "msg", "kind", "reaction"),
    [
        (-1000, UNKNOWN_503, K.OUTCOME_UNKNOWN, R.QUERY),
        (-1001, "Internal error; unable to process your request. Please try again.",
         K.TRANSIENT, R.RETRY),
        (None, "Service Unavailable.", K.TRANSIENT, R.RETRY),
        (None, "<h1>503 Service Unavailable</h1>", K.OUTCOME_UNKNOWN, R.QUERY),
        (-1008, THROTTLED, K.TRANSIENT, R.BACK_OFF),
        (-1008, "", K.TRANSIENT, R.BACK_OFF),
        (None, THROTTLED, K.TRANSIENT, R.BACK_OFF),
        (-2019, "Margin is insufficient.", K.OUTCOME_UNKNOWN, R.QUERY),
    ],
)  # fmt: skip
@pytest.mark.parametrize("op", WRITES)
def test_the_kinds_of_503_are_told_apart_by_text(
    op: str, code: int | None, msg: str, kind: FailureKind, reaction: Reaction
) -> None:
    failure = classify(503, code, msg, op)
    assert (failure.kind, failure.reaction) == (kind, reaction)


@pytest.mark.parametrize("status", [500, 502, 504, 408])
@pytest.mark.parametrize("msg", PROVEN_503)
def test_a_text_of_503_proves_nothing_elsewhere(status: int, msg: str) -> None:
    assert classify(status, -1008, msg, "place").kind is K.OUTCOME_UNKNOWN


@pytest.mark.parametrize("op", [*WRITES, *READS])
def test_too_many_requests_stop_all_and_too_many_orders_only_orders(op: str) -> None:
    for failure in (classify(429, None, "", op, 3000), classify(400, -1003, "", op, 3000)):
        assert (failure.kind, failure.reaction) == (K.RATE_LIMITED, R.STOP_ALL)
        assert failure.retry_after_ms == 3000
    for status in (400, 429):
        failure = classify(status, -1015, "Too many new orders", op)
        assert (failure.kind, failure.reaction) == (K.RATE_LIMITED, R.STOP_ORDERS)
    assert classify(429, -1003, "", op).reaction is R.STOP_ALL
    assert classify(429, -2019, "", op).reaction is R.STOP_ALL


@pytest.mark.parametrize("op", ["place", "query"])
def test_a_ban_says_until_when(op: str) -> None:
    msg = "Way too much request weight used; IP banned until 1659146400000. Please use streams."
    for failure in (classify(418, -1003, msg, op), classify(400, -1003, msg, op)):
        assert (failure.kind, failure.reaction) == (K.BANNED, R.STOP_ALL)
        assert failure.until_ms == 1659146400000
    failure = classify(418, None, "", op, 120_000)
    assert (failure.kind, failure.until_ms, failure.retry_after_ms) == (K.BANNED, None, 120_000)
    assert classify(418, -2019, "", op).kind is K.BANNED


def test_a_ban_behind_a_server_error_still_leaves_a_write_unknown() -> None:
    msg = "IP banned until 1659146400000."
    assert classify(503, -1003, msg, "place").kind is K.OUTCOME_UNKNOWN
    read = classify(503, -1003, msg, "query")
    assert (read.reaction, read.until_ms) == (R.STOP_ALL, 1659146400000)


def test_a_ban_in_endless_digits_is_still_read() -> None:
    assert classify(418, -1003, "banned until " + "9" * 10_000, "place").until_ms == 10**16 - 1


@pytest.mark.parametrize("code", [-2011, -2013])
def test_an_absence_answers_a_read_proves_no_cancel_and_resyncs_an_amend(code: int) -> None:
    read, cancel, amend = (classify(400, code, "", op) for op in ("query", "cancel", "amend"))
    assert (read.kind, read.reaction) == (K.REFUSED, R.ABSENT)
    assert (cancel.kind, cancel.reaction) == (K.OUTCOME_UNKNOWN, R.QUERY)
    assert (amend.kind, amend.reaction) == (K.RESYNC, R.RESYNC_ORDER)


@pytest.mark.parametrize("op", READS)
def test_what_is_unknown_of_a_write_is_retried_as_a_read(op: str) -> None:
    for code in (-1000, -1001, -1006, -1007):
        assert classify(400, code, "", op).reaction is R.RETRY
    assert classify(400, -5028, "", op).reaction is R.SYNC_CLOCK
    assert classify(503, -1003, UNKNOWN_503, op).reaction is R.STOP_ALL


@pytest.mark.parametrize("status", [401, 403])
def test_a_closed_door_halts_unless_the_body_says_more(status: int) -> None:
    assert classify(status, None, "<html>", "place").kind is K.HALT
    assert classify(status, -2015, "", "place").kind is K.HALT
    assert classify(status, -1021, "", "place").kind is K.CLOCK


@pytest.mark.parametrize(
    ("msg", "kind", "reaction"),
    [
        ("Duplicate order sent.", K.ALREADY_SO, R.ADOPT),
        ("Account has insufficient balance for requested action.", K.REFUSED, R.STOP_ADDING),
        ("Order would immediately match and take.", K.REFUSED, R.RECOMPUTE_PRICE),
        ("Something else.", K.REFUSED, R.GIVE_UP),
    ],
)
def test_a_rejected_order_is_told_by_text(msg: str, kind: FailureKind, reaction: Reaction) -> None:
    failure = classify(400, -2010, msg, "place")
    assert (failure.kind, failure.reaction) == (kind, reaction)


@given(statuses, codes, texts, st.sampled_from((*WRITES, *READS)))
def test_every_failure_is_one_error_of_the_tree(
    status: int, code: int | None, msg: str, op: str
) -> None:
    failure = classify(status, code, msg, op, 500)
    error = failure.error(op, "c1")
    unknown = failure.kind is K.OUTCOME_UNKNOWN
    assert isinstance(error, ConnectorOutcomeUnknownError) == unknown
    again = failure.kind in {K.TRANSIENT, K.RATE_LIMITED, K.CLOCK}
    assert isinstance(error, ConnectorTransientError) == again
    assert isinstance(error, ConnectorNonRetryableError) == (not unknown and not again)
    assert len(str(error)) < 400


def test_an_error_says_what_the_venue_said_and_how_long_to_wait() -> None:
    error = classify(429, -1003, "Too many requests", "query", 1500).error("query")
    assert isinstance(error, ConnectorTransientError)
    assert error.retry_after_ms == 1500
    assert "query" in str(error)
    assert "429" in str(error)
    assert "-1003" in str(error)
    assert "Too many requests" in str(error)
    assert len(str(classify(400, None, "x" * 10_000, "query").error("query"))) < 300
    unknown = classify(504, None, "", "place").error("place", "c1")
    assert isinstance(unknown, ConnectorOutcomeUnknownError)
    assert (unknown.op, unknown.client_order_id) == ("place", "c1")


@pytest.mark.recordings
def test_bodies_quoted_elsewhere_mean_what_they_meant_there(recordings: Path) -> None:
    lines = (recordings / "doc_examples" / "fapi_error_bodies.jsonl").read_text().splitlines()
    bodies = [json.loads(line)["response"] for line in lines]
    kinds = {body["code"]: classify(400, **body, op="query").kind for body in bodies}
    assert kinds == {
        -1003: K.RATE_LIMITED,
        -1021: K.CLOCK,
        -1121: K.REFUSED,
        -2011: K.REFUSED,
        -2013: K.REFUSED,
        -2015: K.HALT,
        -4059: K.ALREADY_SO,
    }
