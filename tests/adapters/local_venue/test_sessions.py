"""Connections: what they serve, what they may ask for and how often, how long they last."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.hub import Hub
from grinder_adapters.local_venue.session import Category, Session, parse_path
from grinder_adapters.local_venue.venue import LocalVenue
from tests.adapters.local_venue.market_cases import mark, trade
from tests.adapters.local_venue.venue_cases import NOW, Client, Listener, a_venue, quoted

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
PUBLIC, MARKET = "btcusdt@bookTicker", "btcusdt@aggTrade"


@pytest.fixture
def venue() -> LocalVenue:
    """A fresh exchange."""
    return a_venue()


def a_session(**changes: Any) -> Session:
    """A public connection opened now."""
    usual = {"number": 1, "category": Category.PUBLIC, "remote": "127.0.0.1", "opened_at": NOW}
    return Session(**{**usual, **changes})


def stir(venue: LocalVenue, now: int = NOW + 1) -> None:
    """One frame of a public and one of a market stream."""
    venue.on_event(quoted(ts=now), now)
    venue.on_event(trade(now, ts=now), now)


# -- categories ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "serves"),
    [
        ("/public", {"bookTicker"}),
        ("/market", {"aggTrade"}),
        ("/private", set()),
        ("", {"bookTicker"}),  # the old URL: what moved away is silent, without an error
        ("/lockstep", {"bookTicker", "aggTrade"}),
    ],
)
def test_a_url_serves_its_category_and_is_silent_about_the_others(
    venue: LocalVenue, category: str, serves: set[str]
) -> None:
    listener = Listener.at(venue, f"{category}/stream", f"streams={PUBLIC}/{MARKET}")
    stir(venue)
    assert {frame["data"]["e"] for frame in listener.heard()} == serves


def test_the_old_url_serves_the_user_stream_too(venue: LocalVenue) -> None:
    client = Client(venue)
    key = client.ask("POST", "v1/listenKey")["listenKey"]
    old = Listener.at(venue, f"/ws/{key}")
    client.place()
    assert [frame["e"] for frame in old.heard()] == ["ORDER_TRADE_UPDATE"]


@pytest.mark.parametrize(
    "path", ["/", "", "/ws2", "/public", "/public/", "/Public/ws", "/other/ws", "/public/public/ws"]
)
def test_no_other_url_is_opened(venue: LocalVenue, path: str) -> None:
    assert venue.open(path, "", "127.0.0.1", NOW) is None
    assert venue.hub.opened == {}


def test_streams_stand_in_the_path_or_in_the_query() -> None:
    assert parse_path("/public/ws/a@b/c@d", "") == (
        Category.PUBLIC,
        False,
        ["a@b", "c@d"],
        frozenset(),
    )
    assert parse_path("/market/stream", "streams=a%40b/!c@arr") == (
        Category.MARKET,
        True,
        ["a@b", "!c@arr"],
        frozenset(),
    )
    assert parse_path("/private/ws", "listenKey=K&events=A/B") == (
        Category.PRIVATE,
        False,
        ["K"],
        frozenset({"A", "B"}),
    )


def test_frames_are_wrapped_on_stream_and_bare_on_ws(venue: LocalVenue) -> None:
    bare = Listener.at(venue, f"/public/ws/{PUBLIC}")
    wrapped = Listener.at(venue, "/public/stream", f"streams={PUBLIC}")
    stir(venue)
    (frame,) = bare.heard()
    assert wrapped.heard() == [{"stream": PUBLIC, "data": frame}]
    assert frame["s"] == "BTCUSDT"


# -- what a client may say -------------------------------------------------------------------------


def test_streams_come_from_subscribing_until_unsubscribing(venue: LocalVenue) -> None:
    listener = Listener.at(venue, "/public/ws")
    stir(venue, NOW + 1)
    assert listener.heard() == []
    assert listener.say(method="SUBSCRIBE", params=[PUBLIC], id=7) == {"result": None, "id": 7}
    listed = listener.say(method="LIST_SUBSCRIPTIONS", id="x")
    assert listed == {"result": [PUBLIC], "id": "x"}
    stir(venue, NOW + 2)
    assert len(listener.heard()) == 1
    listener.say(method="SUBSCRIBE", params=[PUBLIC], id=8)  # twice is once
    stir(venue, NOW + 3)
    assert len(listener.heard()) == 1
    assert listener.say(method="UNSUBSCRIBE", params=[PUBLIC, "other"], id=9) == {
        "result": None,
        "id": 9,
    }
    stir(venue, NOW + 4)
    assert listener.heard() == []
    assert venue.hub.by_stream == {}


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.booleans(), st.lists(st.sampled_from("abc"), max_size=3)),
        max_size=12,
    )
)
def test_a_stream_is_indexed_exactly_while_somebody_gets_it(
    steps: list[tuple[int, bool, list[str]]],
) -> None:
    hub = Hub()
    sessions = [hub.open("/public/ws", "", "127.0.0.1", NOW) for _ in range(3)]
    model: list[set[str]] = [set(), set(), set()]
    for turn, (number, adds, names) in enumerate(steps):
        session = sessions[number]
        assert session is not None
        method = "SUBSCRIBE" if adds else "UNSUBSCRIBE"
        text = f'{{"method":"{method}","params":{names!r},"id":1}}'.replace("'", '"')
        hub.receive(session, text, NOW + turn * 1000)
        model[number] = model[number] | set(names) if adds else model[number] - set(names)
        held = {
            name: {n for n, streams in enumerate(model, 1) if name in streams}
            for name in set().union(*model)
        }
        assert {name: set(got) for name, got in hub.by_stream.items()} == held


@pytest.mark.parametrize(
    ("text", "code", "number"),
    [
        ("{", 3, None),
        ("\udcff", 3, None),
        ("[]", 2, None),
        ("5", 2, None),
        ('{"id":4}', 2, 4),
        ('{"method":"SUBSCRIBE","params":"a","id":4}', 2, 4),
        ('{"method":"SUBSCRIBE","params":[1],"id":4}', 2, 4),
        ('{"method":"SET_PROPERTY","params":["combined",true],"id":4}', 2, 4),
        ('{"method":["SUBSCRIBE"],"params":[],"id":4}', 2, 4),
    ],
)
def test_what_is_no_request_is_answered_with_an_error_and_the_connection_stays(
    venue: LocalVenue, text: str, code: int, number: int | None
) -> None:
    listener = Listener.at(venue, "/public/ws")
    venue.receive(listener.session, text, NOW)
    (answer,) = listener.heard()
    assert answer["error"]["code"] == code
    assert answer.get("id") == number
    assert listener.session.close_code == 0


# -- limits ----------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from((0, 50, 99, 100, 500)), st.sampled_from("mpo")), max_size=40)
)
def test_more_than_ten_messages_in_a_second_end_the_connection(
    steps: list[tuple[int, str]],
) -> None:
    session, now, times = a_session(), NOW, []
    for wait, kind in steps:
        now += wait
        times.append(now)
        if kind == "m":
            session.receive('{"method":"LIST_SUBSCRIPTIONS","id":1}', now)
        elif kind == "p":
            session.pong(now)
        else:
            session.count(now)  # a ping
        if sum(now - 1000 < time for time in times) > 10:
            assert session.close_code == 1008
            return
        assert session.close_code == 0


def test_a_connection_has_at_most_1024_streams(venue: LocalVenue) -> None:
    listener = Listener.at(venue, "/public/ws")
    names = [f"s{n}@depth" for n in range(1025)]
    listener.say(method="SUBSCRIBE", params=names[:1023], id=1)
    listener.say(method="SUBSCRIBE", params=[names[0], names[1023]], id=2)
    assert listener.session.close_code == 0
    listener.say(method="SUBSCRIBE", params=names[1024:], id=3)
    assert listener.session.close_code == 1008
    assert len(listener.session.streams) == 1024
    assert names[1024] not in venue.hub.by_stream
    assert venue.open("/public/stream", f"streams={'/'.join(names)}", "127.0.0.1", NOW) is None
    assert venue.open("/public/stream", f"streams={'/'.join(names[1:])}", "127.0.0.1", NOW)


def test_an_address_opens_300_connections_in_five_minutes(venue: LocalVenue) -> None:
    for number in range(300):
        assert venue.open("/public/ws", "", "10.0.0.1", NOW + number)
    assert venue.open("/public/ws", "", "10.0.0.1", NOW + 299_999) is None
    assert venue.open("/public/ws", "", "10.0.0.2", NOW + 299_999)
    assert venue.hub.refused == 1
    assert venue.open("/public/ws", "", "10.0.0.1", NOW + 300_000)
    assert venue.open("/public/ws", "", "10.0.0.1", NOW + 300_000) is None


# -- pings and age ---------------------------------------------------------------------------------


def test_a_ping_comes_every_three_minutes_and_no_pong_for_ten_ends_it() -> None:
    session = a_session()
    pings = []
    for second in range(1, 601):
        session.tick(NOW + second * 1000)
        while session.outbox:
            assert session.outbox.popleft() is None
            pings.append(second)
        assert (session.close_code == 0) is (second < 600)
    assert pings == [180, 360, 540]
    assert session.close_code == 1001


def test_pongs_asked_for_or_not_keep_a_connection_for_a_day() -> None:
    session = a_session()
    for minute in range(1, 24 * 60):
        session.tick(NOW + minute * MINUTE)
        if minute % 9 == 0:
            session.pong(NOW + minute * MINUTE)
        assert session.close_code == 0
    session.pong(NOW + DAY - 1)
    session.tick(NOW + DAY - 1)
    assert session.close_code == 0
    session.tick(NOW + DAY)
    assert (session.close_code, session.close_reason) == (1001, "24 hours are over")


def test_what_was_queued_before_the_end_is_sent_and_nothing_after_it(venue: LocalVenue) -> None:
    listener = Listener.at(venue, f"/public/ws/{PUBLIC}")
    stir(venue, NOW + 1)
    assert venue.hub.disconnect(Category.MARKET, "cut") == 0
    assert venue.hub.disconnect(None, "cut") == 1
    stir(venue, NOW + 2)
    assert len(listener.heard()) == 1
    assert listener.say(method="LIST_SUBSCRIPTIONS", id=1) is None
    listener.session.close(1000, "again")
    assert (listener.session.close_code, listener.session.close_reason) == (1006, "cut")


def test_a_closed_connection_is_forgotten(venue: LocalVenue) -> None:
    listener = Listener.at(venue, f"/public/ws/{PUBLIC}")
    venue.hub.close(listener.session)
    venue.hub.close(listener.session)
    assert venue.hub.sessions == {}
    assert venue.hub.by_stream == {}
    stir(venue)
    assert listener.heard() == []


def test_a_lockstep_client_is_neither_pinged_nor_too_old(venue: LocalVenue) -> None:
    listener = Listener.at(venue, "/lockstep/stream", f"streams={PUBLIC}")
    for minutes in (3, 10, 24 * 60 + 1):
        listener.session.tick(NOW + minutes * MINUTE)
        assert (list(listener.session.outbox), listener.session.close_code) == ([], 0)


def test_a_lockstep_client_may_say_more_than_ten_things_a_second(venue: LocalVenue) -> None:
    listener = Listener.at(venue, "/lockstep/stream")
    for turn in range(50):
        listener.say(ack=turn)
    assert (listener.session.acknowledged, listener.session.close_code) == (49, 0)
    assert listener.say(ack="x")["error"]["code"] == 2
    assert listener.session.acknowledged == 49


def test_a_mark_reaches_market_connections_at_once(venue: LocalVenue) -> None:
    listener = Listener.at(venue, "/market/ws/btcusdt@markPrice@1s")
    venue.on_event(mark("90001", NOW + 1), NOW + 1)
    assert [frame["p"] for frame in listener.heard()] == ["90001"]
