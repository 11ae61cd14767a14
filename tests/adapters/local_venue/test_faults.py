"""Faults: they strike what they match, as often as they say, and the same way every time."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue.fault_effects import (
    FrameAction,
    FrameFate,
    RequestFault,
    Twist,
)
from grinder_adapters.local_venue.fault_kinds import (
    Family,
    Fault,
    FaultKind,
    Match,
    RequestOp,
    with_match,
)
from grinder_adapters.local_venue.fault_plans import sample
from grinder_adapters.local_venue.fault_requests import RequestInfo, op_of
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.http import Request
from grinder_core.codec import dump_state, load_state
from grinder_core.contracts.enums import Side
from grinder_core.errors import ConfigError

START = 1_763_640_000_000
PLACE = RequestInfo(
    method="POST", path="/fapi/v1/order", op=RequestOp.PLACE, symbol="BTCUSDT", side=Side.BUY
)
AMEND = RequestInfo(method="PUT", path="/fapi/v1/order", op=RequestOp.AMEND, symbol="BTCUSDT")
CANCEL = RequestInfo(
    method="DELETE", path="/fapi/v1/order", op=RequestOp.CANCEL, symbol="BTCUSDT", reduces=True
)
QUERY = RequestInfo(method="GET", path="/fapi/v1/order", op=RequestOp.QUERY, symbol="ETHUSDT")
REQUESTS = (PLACE, AMEND, CANCEL, QUERY)


def fault(kind: FaultKind, **values: Any) -> Fault:
    names = set(Match.__annotations__)
    match = {name: value for name, value in values.items() if name in names}
    return Fault(
        kind=kind,
        match=Match(**match),
        **{name: value for name, value in values.items() if name not in names},
    )


def plan(*faults: Fault, seed: int = 1) -> FaultPlan:
    return FaultPlan(faults, seed=seed, started_at=START)


def struck(subject: FaultPlan, info: RequestInfo = PLACE, after: int = 0) -> RequestFault:
    answer = subject.on_request(info, START + after)
    assert answer is not None
    return answer


def body(answer: RequestFault) -> dict[str, Any]:
    assert answer.instead is not None
    found = orjson.loads(answer.instead.body)
    assert isinstance(found, dict)
    return found


# -- what is answered (reference 3.1)

NOT_DONE = (False, True)  # executes, answers
UNKNOWN = "Unknown error, please check your request or try again later."
INTERNAL = "Internal error; unable to process your request. Please try again."


@pytest.mark.parametrize(
    ("kind", "values", "status", "code", "text"),
    [
        (FaultKind.UNKNOWN_503, {}, 503, -1000, UNKNOWN),
        (FaultKind.UNAVAILABLE_503, {}, 503, -1000, "Service Unavailable."),
        (FaultKind.INTERNAL_503, {}, 503, -1001, INTERNAL),
        (FaultKind.OVERLOADED_503, {}, 503, -1008, "Request throttled by system-level protection"),
        (FaultKind.TIMEOUT_1007, {}, 408, -1007, "execution status unknown"),
        (FaultKind.TIMEOUT_1007, {"http_status": 504}, 504, -1007, "execution status unknown"),
        (FaultKind.RATE_LIMITED_429, {}, 429, -1003, "Too many requests"),
        (FaultKind.TOO_MANY_ORDERS, {}, 429, -1015, "Too many new orders"),
        (FaultKind.TIMESTAMP_1021, {}, 400, -1021, "outside of the recvWindow"),
    ],
)
def test_answers_are_the_venues(
    kind: FaultKind, values: dict[str, Any], status: int, code: int, text: str
) -> None:
    answer = struck(plan(fault(kind, **values)))
    assert answer.instead is not None
    assert (answer.executes, answer.answers, answer.instead.status) == (*NOT_DONE, status)
    assert body(answer)["code"] == code
    assert text in body(answer)["msg"]
    assert "Retry-After" not in answer.instead.headers


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.SERVER_ERROR,
        FaultKind.UNKNOWN_503,
        FaultKind.TIMEOUT_408,
        FaultKind.TIMEOUT_1007,
    ],
)
@pytest.mark.parametrize("executed", [False, True])
def test_an_unknown_outcome_may_be_done_or_not(kind: FaultKind, executed: bool) -> None:
    answer = struck(plan(fault(kind, executed=executed)))
    assert (answer.executes, answer.answers) == (executed, True)
    assert answer.instead is not None


@pytest.mark.parametrize("status", [500, 502, 504])
def test_server_errors_have_no_code(status: int) -> None:
    answer = struck(plan(fault(FaultKind.SERVER_ERROR, http_status=status)))
    assert answer.instead is not None
    assert answer.instead.status == status
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(answer.instead.body)


def test_a_lost_connection_answers_nothing_before_or_after() -> None:
    before = struck(plan(fault(FaultKind.DROP_BEFORE)))
    after = struck(plan(fault(FaultKind.DROP_AFTER)))
    assert (before.executes, before.answers, before.instead) == (False, False, None)
    assert (after.executes, after.answers, after.instead) == (True, False, None)


def test_429_comes_with_and_without_retry_after() -> None:
    for kind in (FaultKind.RATE_LIMITED_429, FaultKind.TOO_MANY_ORDERS):
        answer = struck(plan(fault(kind, retry_after_s=7)))
        assert answer.instead is not None
        assert answer.instead.headers["Retry-After"] == "7"


def test_a_ban_holds_for_everything_until_its_time() -> None:
    subject = plan(fault(FaultKind.BANNED_418, op=RequestOp.PLACE, at_most=1, lasts_ms=120_000))
    assert subject.on_request(QUERY, START) is None
    for info, after, wait in ((PLACE, 10, 120), (QUERY, 11, 120), (CANCEL, 120_009, 1)):
        answer = struck(subject, info, after)
        assert answer.instead is not None
        assert (answer.instead.status, answer.executes) == (418, False)
        assert f"banned until {START + 120_010}" in body(answer)["msg"]
        assert answer.instead.headers["Retry-After"] == str(wait)
    assert subject.on_request(QUERY, START + 120_010) is None


def test_overload_lets_cancels_and_reduce_only_orders_pass() -> None:
    subject = plan(fault(FaultKind.OVERLOADED_503))
    given_parameters = {"reduceOnly": "true", "symbol": "BTCUSDT", "side": "SELL"}
    exit_order = RequestInfo.of(Request("POST", "/fapi/v1/order"), given_parameters)
    assert subject.on_request(CANCEL, START) is None
    assert subject.on_request(exit_order, START) is None
    assert struck(subject).kinds == (FaultKind.OVERLOADED_503,)


def test_some_kinds_happen_to_one_operation_only() -> None:
    expected = {
        FaultKind.AMEND_CANCELS: (AMEND, Twist.AMEND_CANCELS, 0),
        FaultKind.FILL_BEFORE_CANCEL: (CANCEL, Twist.FILL_FIRST, 2_500),
        FaultKind.NOT_FOUND_2013: (QUERY, None, 0),
    }
    for kind, (info, twist, share) in expected.items():
        values = {"share_bps": share} if share else {}
        subject = plan(fault(kind, **values))
        for other in REQUESTS:
            answer = subject.on_request(other, START)
            if other is not info:
                assert answer is None
                continue
            assert answer is not None
            assert (answer.twist, answer.share_bps) == (twist, share)
            if twist:
                assert (answer.executes, answer.answers, answer.instead) == (True, True, None)
            else:
                assert body(answer)["code"] == -2013


def test_latency_and_skew_add_up_beside_the_first_answer() -> None:
    subject = plan(
        fault(FaultKind.LATENCY, delay_ms=10),
        fault(FaultKind.CLOCK_SKEW, skew_ms=-2_000),
        fault(FaultKind.DROP_AFTER),
        fault(FaultKind.DROP_BEFORE),
        fault(FaultKind.LATENCY, delay_ms=5),
        fault(FaultKind.SLOW_ANSWER, delay_ms=70),
        fault(FaultKind.CLOCK_SKEW, skew_ms=500),
    )
    answer = struck(subject)
    assert (answer.latency_ms, answer.answer_delay_ms, answer.skew_ms) == (15, 70, -1_500)
    assert (answer.executes, answer.answers) == (True, False)
    assert answer.name == "latency+clock_skew+drop_after+latency+slow_answer+clock_skew"
    assert subject.counts == {"latency": 2, "clock_skew": 2, "drop_after": 1, "slow_answer": 1}


def test_a_burst_lasts_and_is_one_of_its_number() -> None:
    subject = plan(fault(FaultKind.UNAVAILABLE_503, nth=2, at_most=1, lasts_ms=1_000))
    assert subject.on_request(PLACE, START) is None
    for after in (5, 6, 1_004):
        assert struck(subject, after=after).kinds == (FaultKind.UNAVAILABLE_503,)
    assert subject.on_request(PLACE, START + 1_005) is None


# -- what a request is


def test_requests_are_known_by_what_they_are_for() -> None:
    expected = {
        "POST /fapi/v1/order": RequestOp.PLACE,
        "POST /fapi/v1/batchOrders": RequestOp.PLACE,
        "PUT /fapi/v1/order": RequestOp.AMEND,
        "DELETE /fapi/v1/allOpenOrders": RequestOp.CANCEL,
        "DELETE /fapi/v1/algoOrder": RequestOp.CANCEL,
        "POST /fapi/v1/countdownCancelAll": RequestOp.COUNTDOWN,
        "GET /fapi/v1/openOrders": RequestOp.QUERY,
        "GET /fapi/v1/userTrades": RequestOp.QUERY,
        "GET /fapi/v3/positionRisk": RequestOp.ACCOUNT,
        "GET /fapi/v1/positionSide/dual": RequestOp.ACCOUNT,
        "POST /fapi/v1/leverage": RequestOp.TERMS,
        "PUT /fapi/v1/listenKey": RequestOp.LISTEN_KEY,
        "GET /fapi/v1/depth": RequestOp.MARKET,
        "GET /futures/data/openInterestHist": RequestOp.MARKET,
    }
    for request, op in expected.items():
        assert op_of(*request.split()) is op


def test_a_request_is_read_as_far_as_it_can_be() -> None:
    request = Request("POST", "/fapi/v1/order", remote="127.0.0.9")
    info = RequestInfo.of(request, {"side": "sell", "closePosition": "true"})
    assert (info.side, info.symbol, info.reduces, info.remote) == (None, "", True, "127.0.0.9")
    info = RequestInfo.of(request, {"side": "SELL", "symbol": "A", "reduceOnly": "false"})
    assert (info.side, info.symbol, info.reduces) == (Side.SELL, "A", False)


# -- which ones are struck


@given(
    nth=st.integers(0, 6),
    every=st.integers(0, 5),
    at_most=st.integers(0, 4),
    window=st.tuples(st.integers(0, 15), st.integers(0, 30)),
    op=st.sampled_from([None, RequestOp.PLACE, RequestOp.CANCEL]),
    symbol=st.sampled_from(["", "BTCUSDT", "ETHUSDT"]),
    side=st.sampled_from([None, Side.BUY]),
    path=st.sampled_from(["", "/fapi/v1/order", "*order", "/fapi/v2*"]),
    requests=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(REQUESTS)), max_size=30),
)
def test_a_match_takes_exactly_what_it_says(
    nth: int,
    every: int,
    at_most: int,
    window: tuple[int, int],
    op: RequestOp | None,
    symbol: str,
    side: Side | None,
    path: str,
    requests: list[tuple[int, RequestInfo]],
) -> None:
    from_ms, length = window
    until_ms = from_ms + length if length else 0
    match = Match(
        nth=nth, every=every, at_most=at_most, from_ms=from_ms, until_ms=until_ms,
        op=op, symbol=symbol, side=side, path=path,
    )  # fmt: skip
    subject = plan(Fault(kind=FaultKind.DROP_BEFORE, match=match))
    taken = set(range(nth or every or 1, 100, every or 1)) if every or not nth else {nth}
    seen = fired = elapsed = 0
    for pause, info in requests:
        elapsed += pause
        fits = (
            elapsed >= from_ms
            and (not length or elapsed < from_ms + length)
            and (op is None or info.op is op)
            and symbol in {"", info.symbol}
            and (side is None or info.side is side)
            and path != "/fapi/v2*"
        )
        seen += fits
        expected = fits and seen in taken and (not at_most or fired < at_most)
        fired += expected
        assert (subject.on_request(info, START + elapsed) is not None) == expected
    assert subject.counts.get("drop_before", 0) == fired
    assert [entry.subject for entry in subject.injected][:1] in (
        [],
        *([f"{info.method} {info.path} {info.symbol}"] for info in REQUESTS),
    )


def test_the_newest_records_are_kept_and_all_are_counted() -> None:
    subject = plan(fault(FaultKind.DROP_BEFORE))
    for n in range(10_005):
        struck(subject, after=n)
    assert len(subject.injected) == 10_000
    assert subject.injected[0].at_ms == START + 5
    assert subject.counts == {"drop_before": 10_005}


def test_probability_is_a_share_of_those_that_fit() -> None:
    for bps, low, high in ((1, 0, 8), (2_500, 900, 1_100), (9_999, 3_990, 4_000)):
        subject = plan(fault(FaultKind.DROP_BEFORE, probability_bps=bps))
        hits = sum(subject.on_request(PLACE, START) is not None for _ in range(4_000))
        assert low <= hits <= high


def test_jitter_stays_within_its_bounds_and_reaches_both_ends() -> None:
    subject = plan(fault(FaultKind.LATENCY, delay_ms=10, jitter_ms=3))
    assert {struck(subject).latency_ms for _ in range(200)} == {10, 11, 12, 13}


def test_another_fault_in_the_plan_does_not_move_the_others() -> None:
    first = fault(FaultKind.LATENCY, delay_ms=1, jitter_ms=50, probability_bps=3_000)
    second = fault(FaultKind.SLOW_ANSWER, delay_ms=1, jitter_ms=50, probability_bps=3_000)
    alone, both = plan(first), plan(first, second)
    for n in range(200):
        one, two = alone.on_request(PLACE, START + n), both.on_request(PLACE, START + n)
        assert (one.latency_ms if one else 0) == (two.latency_ms if two else 0)


# -- frames


def fates(subject: FaultPlan, frames: list[tuple[str, str, int]]) -> list[FrameFate]:
    return [subject.on_frame(stream, event, START + after) for stream, event, after in frames]


@pytest.mark.parametrize(
    ("kind", "values", "action", "delay_ms"),
    [
        (FaultKind.FRAME_LOST, {}, FrameAction.DROP, 0),
        (FaultKind.FRAME_LATE, {"delay_ms": 300}, FrameAction.DELAY, 300),
        (FaultKind.FRAME_TWICE, {}, FrameAction.DUPLICATE, 0),
        (FaultKind.FRAME_REORDERED, {}, FrameAction.HOLD, 0),
        (FaultKind.STREAM_CUT, {}, FrameAction.DISCONNECT, 0),
    ],
)
def test_frames_meet_their_fate(
    kind: FaultKind, values: dict[str, Any], action: FrameAction, delay_ms: int
) -> None:
    subject = plan(fault(kind, nth=2, **values))
    first, second, third = fates(subject, [("user", "ORDER_TRADE_UPDATE", n) for n in range(3)])
    assert first == third == FrameFate()
    assert second == FrameFate(action=action, delay_ms=delay_ms, kind=kind)
    assert subject.counts == {kind: 1}


def test_frames_are_matched_by_stream_event_and_symbol() -> None:
    frames = [
        ("btcusdt@depth", "depthUpdate", ""),
        ("btcusdt@depth@100ms", "depthUpdate", ""),
        ("ethusdt@bookTicker", "bookTicker", ""),
        ("!bookTicker", "bookTicker", ""),
        ("user", "ORDER_TRADE_UPDATE", "ETHUSDT"),
        ("user", "ACCOUNT_UPDATE", ""),
    ]
    expected = {
        ("stream", "btcusdt@depth*"): [0, 1],
        ("stream", "btcusdt@depth"): [0],
        ("stream", "*bookTicker"): [2, 3],
        ("stream", "user"): [4, 5],
        ("event", "bookTicker"): [2, 3],
        ("symbol", "ETHUSDT"): [2, 4],
    }
    for (name, value), hit in expected.items():
        subject = plan(fault(FaultKind.FRAME_LOST, **{name: value}))
        dropped = [
            n
            for n, (stream, event, symbol) in enumerate(frames)
            if subject.on_frame(stream, event, START, symbol).action is FrameAction.DROP
        ]
        assert dropped == hit


def test_a_stream_goes_silent_alone_and_comes_back() -> None:
    subject = plan(fault(FaultKind.SILENCE, at_most=1, lasts_ms=1_000))
    got = fates(
        subject,
        [("a", "x", 0), ("b", "x", 1), ("a", "x", 2), ("a", "y", 999), ("a", "x", 1_000)],
    )
    assert [fate.action for fate in got] == ["drop", "pass", "drop", "drop", "pass"]


def test_a_gap_loses_some_frames_in_a_row_of_one_stream() -> None:
    subject = plan(fault(FaultKind.SEQUENCE_GAP, stream="a", nth=2, count=3))
    got = fates(subject, [(s, "depthUpdate", 0) for s in "aabaabaaa"])
    assert "".join("x" if fate.action == "drop" else "." for fate in got) == ".x.xx...."
    cut = plan(fault(FaultKind.SEQUENCE_GAP, count=3, at_most=1, until_ms=2))
    assert [f.action for f in fates(cut, [("a", "x", 0), ("a", "x", 1), ("a", "x", 2)])] == [
        "drop", "drop", "pass",
    ]  # fmt: skip


def test_two_frames_of_a_stream_are_never_held_at_once() -> None:
    subject = plan(fault(FaultKind.FRAME_REORDERED))
    got = fates(subject, [(s, "x", 0) for s in "aabab"])
    assert [fate.action for fate in got] == ["hold", "pass", "hold", "hold", "pass"]


def test_the_first_fault_decides_about_a_frame() -> None:
    subject = plan(fault(FaultKind.FRAME_TWICE, nth=2), fault(FaultKind.FRAME_LOST, nth=2))
    got = fates(subject, [("a", "x", 0)] * 3)
    assert [fate.action for fate in got] == ["pass", "duplicate", "drop"]


# -- time


@given(
    from_ms=st.integers(0, 50),
    every_ms=st.sampled_from([0, 1, 7, 20]),
    length=st.integers(0, 60),
    at_most=st.integers(0, 4),
    pauses=st.lists(st.integers(0, 40), max_size=8),
)
def test_timed_faults_happen_once_at_their_times_however_often_one_asks(
    from_ms: int, every_ms: int, length: int, at_most: int, pauses: list[int]
) -> None:
    until_ms = from_ms + length if length else 0
    subject = plan(
        fault(
            FaultKind.DISCONNECT,
            from_ms=from_ms, every_ms=every_ms, until_ms=until_ms, at_most=at_most,
        )
    )  # fmt: skip
    times = list(range(from_ms, 400, every_ms)) if every_ms else [from_ms]
    times = [t for t in times if not until_ms or t < until_ms][: at_most or None]
    now = 0
    for pause in pauses:
        now += pause
        expected = [t for t in times if t <= now]
        assert [hit.at_ms - START for hit in subject.due(START + now)] == expected
        times = times[len(expected) :]
        upcoming = subject.next_at()
        assert (None if upcoming is None else upcoming - START) == (times[0] if times else None)


def test_timed_faults_come_in_the_order_of_their_times() -> None:
    position = sample(FaultKind.INJECTED_POSITION)
    subject = plan(
        fault(FaultKind.DEPOSIT, amount=Decimal(5), from_ms=30, every_ms=20),
        fault(FaultKind.LISTEN_KEY_EXPIRED, from_ms=50),
        position,
    )
    found = subject.due(START + 70)
    assert [(hit.at_ms - START, hit.fault.kind) for hit in found] == [
        (30, FaultKind.DEPOSIT),
        (50, FaultKind.DEPOSIT),
        (50, FaultKind.LISTEN_KEY_EXPIRED),
        (70, FaultKind.DEPOSIT),
    ]
    assert subject.due(START + 30_000)[-1].fault is position
    assert subject.injected[-1].subject == "BTCUSDT"


# -- the plan as a whole

moves = st.lists(
    st.tuples(
        st.sampled_from(["request", "frame", "due"]),
        st.integers(0, 9_000),
        st.sampled_from(REQUESTS),
        st.sampled_from(["user", "btcusdt@depth"]),
    ),
    max_size=40,
)


def run(subject: FaultPlan, steps: list[tuple[str, int, RequestInfo, str]], now: int) -> list[Any]:
    out: list[Any] = []
    for what, pause, info, stream in steps:
        now += pause
        if what == "request":
            out.append(subject.on_request(info, now))
        elif what == "frame":
            out.append(subject.on_frame(stream, "depthUpdate", now))
        else:
            out.append(subject.due(now))
    return out


@given(
    kinds=st.lists(st.sampled_from(FaultKind), max_size=8),
    seed=st.integers(0, 2**64),
    steps=moves,
    cut=st.integers(0, 40),
)
def test_a_plan_repeats_itself_also_from_a_dump_and_records_what_it_does(
    kinds: list[FaultKind], seed: int, steps: list[tuple[str, int, RequestInfo, str]], cut: int
) -> None:
    usual = [sample(kind) for kind in kinds]
    faults = tuple(
        fault if fault.kind.family is Family.TIMED else with_match(fault, probability_bps=4_000)
        for fault in usual
    )
    whole = FaultPlan(faults, seed=seed, started_at=START)
    out = run(whole, steps, START)
    halves = FaultPlan(faults, seed=seed, started_at=START)
    head = run(halves, steps[:cut], START)
    loaded = load_state(FaultPlan, dump_state(halves))
    tail = run(loaded, steps[cut:], START + sum(step[1] for step in steps[:cut]))
    assert head + tail == out
    assert (loaded.counts, loaded.injected) == (whole.counts, whole.injected)
    seen: Counter[str] = Counter()
    for answer in out:
        if isinstance(answer, RequestFault):
            seen.update(answer.kinds)
        elif isinstance(answer, FrameFate):
            seen.update([answer.kind] if answer.kind else [])
        else:
            seen.update(hit.fault.kind for hit in answer or [])
    assert Counter(whole.counts) == seen
    assert Counter(entry.kind for entry in whole.injected) == seen


# -- faults as values


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        (FaultKind.LATENCY, {}, "delay_ms: is needed by latency"),
        (FaultKind.DROP_BEFORE, {"delay_ms": 5}, "delay_ms = 5: is not used by drop_before"),
        (FaultKind.FRAME_LOST, {"path": "/x"}, "path = '/x': is not used by frame_lost"),
        (FaultKind.DISCONNECT, {"nth": 1}, "nth = 1: is not used by disconnect"),
        (FaultKind.DROP_AFTER, {"every_ms": 1}, "every_ms = 1: is not used"),
        (FaultKind.FOREIGN_ORDER, {"symbol": "AB", "notional": Decimal(1)}, "side: is needed"),
        (FaultKind.FILTER_CHANGE, {"symbol": "AB"}, "tick_times = Decimal('1'): must not be 1"),
        (FaultKind.SERVER_ERROR, {"http_status": 503}, "must be one of 500, 502, 504"),
        (FaultKind.DISCONNECT, {"category": "all"}, "must be one of public, market, private"),
        (FaultKind.AMEND_CANCELS, {"op": RequestOp.PLACE}, "must be amend or left out"),
        (FaultKind.DROP_BEFORE, {"probability_bps": 0}, "probability_bps = 0: must be >= 1"),
        (FaultKind.DROP_BEFORE, {"from_ms": 5, "until_ms": 5}, "must be > from_ms = 5"),
        (FaultKind.DROP_BEFORE, {"symbol": "btc"}, "symbol = 'btc': must match"),
        (FaultKind.BANNED_418, {}, "lasts_ms: is needed"),
        (FaultKind.FRAME_LATE, {"delay_ms": -1}, "delay_ms = -1: must be >= 0"),
    ],
)
def test_bad_faults_are_refused_with_field_value_and_rule(
    kind: FaultKind, values: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        fault(kind, **values)
    assert text in str(caught.value)


def test_every_kind_has_a_usual_fault_and_one_family() -> None:
    families = Counter(sample(kind).kind.family for kind in FaultKind)
    assert set(families) == set(Family)
    assert sum(families.values()) == len(FaultKind)
