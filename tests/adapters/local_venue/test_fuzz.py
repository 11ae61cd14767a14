"""Whatever is sent: an answer or a refusal in the venue's form, and a refusal changes nothing."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.assembly import LOCAL_KEY
from grinder_adapters.local_venue.http import Request, Response
from grinder_adapters.local_venue.limits import LimitSettings
from grinder_adapters.local_venue.venue import LocalVenue
from tests.adapters.local_venue.market_cases import mark
from tests.adapters.local_venue.request_cases import OPERATIONS, Given, requests
from tests.adapters.local_venue.venue_cases import NOW, Client, a_venue, move, quoted, state

BOUNDLESS = LimitSettings(weight_per_minute=10**9, orders_per_10s=10**9, orders_per_minute=10**9)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
MOVES = st.tuples(
    st.sampled_from((0, 50, 1000, 700_000)),
    st.sampled_from((80_000, 89_000, 90_000, 91_000, 120_000)),
)


def checked(answer: Response | None) -> Response:
    """An answer in the venue's form."""
    assert answer is not None
    assert answer.status < 500
    body = json.loads(answer.body)
    if answer.status != 200:
        assert set(body) == {"code", "msg"}
        assert type(body["code"]) is int
        assert body["code"] < 0
        assert body["msg"]
    return answer


def judge(venue: LocalVenue, request: Request, now: int) -> Response:
    """Send a request and compare what the exchange holds before and after."""
    venue.tick(now)
    before = state(venue)
    told = dict(venue.gateway.user_events)
    answer = checked(venue.handle(request, now))
    if answer.status != 200 or request.method == "GET" or request.path.endswith("/test"):
        assert state(venue) == before
        assert venue.gateway.user_events == told
        assert venue.exchange.floor.outbox == []
    return answer


@settings(max_examples=60)
@given(st.lists(st.one_of(requests(), requests(), requests(), MOVES), max_size=25))
def test_a_request_is_answered_or_refused_and_a_refusal_changes_nothing(
    steps: list[tuple[Any, ...]],
) -> None:
    venue = a_venue(limits=BOUNDLESS)
    client = Client(venue)
    for step in steps:
        if len(step) == 2:
            client.now += step[0]
            move(venue, quoted(str(step[1]), str(step[1] + 1), client.now, "2"), client.now)
            move(venue, mark(str(step[1]), client.now), client.now)
        else:
            judge(venue, client.request(*step), client.now)
    wallet = venue.exchange.floor.accounts["other"].wallet
    assert wallet == 10_000  # what one client does is none of another's business


@settings(max_examples=60)
@given(
    st.sampled_from(("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "")),
    st.one_of(st.sampled_from([path for _, path in OPERATIONS]), TEXTS.map("/fapi/".__add__)),
    st.text(max_size=60),
    st.dictionaries(st.sampled_from(("x-mbx-apikey", "content-type")), TEXTS),
    st.binary(max_size=60),
)
def test_what_is_not_signed_changes_nothing(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    venue = a_venue()
    before = state(venue)
    checked(venue.handle(Request(method, path, query, headers, body), NOW))
    assert state(venue) == before


@settings(max_examples=60)
@given(requests(), st.sampled_from(("signature", "key", "time", "body", "other")))
def test_a_request_that_is_not_signed_right_is_refused_everywhere_but_on_the_market(
    made: tuple[str, str, Given], spoiled: str
) -> None:
    method, path, parameters = made
    parameters = {k: v for k, v in parameters.items() if k != "timestamp"}
    venue = a_venue()
    client = Client(venue)
    request = client.request(method, path, parameters)
    query, headers, body = request.query, dict(request.headers), b""
    if spoiled == "signature":
        query = query[:-1] + ("0" if query[-1] != "0" else "1")
    elif spoiled == "key":
        headers["x-mbx-apikey"] = "nobody"
    elif spoiled == "time":
        client.now += 60_000
    elif spoiled == "body":
        body = b"symbol=BTCUSDT"
    else:
        headers["x-mbx-apikey"] = "other-key"
    answer = judge(venue, Request(method, request.path, query, headers, body), client.now)
    security = OPERATIONS[method, request.path]["x-security"]
    if security in {"TRADE", "USER_DATA"}:
        assert answer.status in {400, 401}
    elif security == "USER_STREAM" and spoiled == "key":
        assert answer.status == 401


@settings(max_examples=60)
@given(
    st.sampled_from(("/public/ws", "/market/stream", "/private/ws", "/ws", "/lockstep/stream")),
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.binary(max_size=30),
            st.recursive(
                st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
                lambda inner: st.one_of(
                    st.lists(inner, max_size=3),
                    st.dictionaries(
                        st.sampled_from(("method", "params", "id", "ack", "x")), inner, max_size=4
                    ),
                ),
                max_leaves=8,
            ).map(json.dumps),
            st.builds(
                lambda method, params, number: json.dumps(
                    {"method": method, "params": params, "id": number}
                ),
                st.sampled_from(("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET", 5, [])),
                st.one_of(st.lists(TEXTS, max_size=3), st.none(), st.integers()),
                st.one_of(st.integers(), TEXTS, st.lists(st.integers(), max_size=2)),
            ),
        ),
        max_size=14,
    ),
)
def test_whatever_comes_over_a_websocket_is_answered_in_json(
    path: str, messages: list[str | bytes]
) -> None:
    venue = a_venue()
    session = venue.open(path, "", "127.0.0.1", NOW)
    assert session is not None
    before = state(venue)
    for message in messages:
        venue.receive(session, message, NOW)
    assert state(venue) == before
    for frame in session.outbox:
        assert frame is not None
        json.loads(frame)
    assert set(venue.hub.by_stream) == set(session.streams)
    venue.on_event(quoted(ts=NOW + 1), NOW + 1)
    venue.tick(NOW + 5000)
    venue.hub.close(session)
    assert venue.hub.by_stream == {}


@given(st.text(max_size=40), st.text(max_size=60))
def test_any_url_of_a_websocket_is_opened_or_refused(path: str, query: str) -> None:
    venue = a_venue()
    session = venue.open(path, query, "127.0.0.1", NOW)
    if session is not None:
        venue.on_event(quoted(ts=NOW + 1), NOW + 1)
        venue.hub.close(session)
    assert venue.hub.by_stream == {}


def test_a_signed_request_of_a_fuzzed_kind_is_one_that_the_exchange_takes() -> None:
    venue = a_venue()
    answer = Client(venue).ask("GET", "v3/balance")
    assert answer[0]["balance"] == "10000"
    assert LOCAL_KEY.key in venue.keys.keys
