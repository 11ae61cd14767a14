"""Frames on their way: lost, late, twice, out of order, silent, cut."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.delivery import Delivery
from grinder_adapters.local_venue.fault_effects import FrameFate
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match
from grinder_adapters.local_venue.hub import Hub
from grinder_adapters.local_venue.session import Category, Session
from tests.adapters.local_venue.market_cases import book, mark, trade
from tests.adapters.local_venue.venue_cases import (
    NOW,
    Client,
    Listener,
    a_venue,
    move,
    plan_of,
    quoted,
    user_stream,
)

D = Decimal
STREAM = "btcusdt@bookTicker"
OTHER = "ethusdt@bookTicker"


def a_delivery(*faults: Fault) -> tuple[Delivery, Session]:
    """A delivery to one combined connection that gets both streams."""
    hub = Hub()
    session = hub.open("/public/stream", f"streams={STREAM}/{OTHER}", "127.0.0.1", NOW)
    assert session is not None
    session.is_combined = False
    return Delivery(hub, plan_of(*faults)), session


def sent(session: Session) -> list[int]:
    """Numbers of the frames that came since the last time."""
    got = [int(frame) for frame in session.outbox if frame is not None]
    session.outbox.clear()
    return got


def send(delivery: Delivery, number: int, now: int = NOW, stream: str = STREAM) -> None:
    """Send a frame that is a number."""
    delivery.market(Category.PUBLIC, stream, b"%d" % number, now)


def a_fault(kind: FaultKind, nth: int = 0, **changes: Any) -> Fault:
    """A fault of one stream's nth frame."""
    return Fault(kind=kind, match=Match(stream=STREAM, nth=nth), **changes)


def test_without_faults_every_frame_comes_at_once_and_in_order() -> None:
    delivery, session = a_delivery()
    for number in range(5):
        send(delivery, number)
    assert sent(session) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("fault", "got"),
    [
        (a_fault(FaultKind.FRAME_LOST, 2), [1, 3, 4, 5]),
        (a_fault(FaultKind.FRAME_TWICE, 2), [1, 2, 2, 3, 4, 5]),
        (a_fault(FaultKind.FRAME_REORDERED, 2), [1, 3, 2, 4, 5]),
        (a_fault(FaultKind.SEQUENCE_GAP, 2, count=3), [1, 5]),
        (a_fault(FaultKind.SILENCE, 2, lasts_ms=3), [1, 5]),
        (a_fault(FaultKind.FRAME_LATE, 2, delay_ms=2), [1, 3, 2, 4, 5]),
    ],
)
def test_a_frame_fares_as_the_fault_says(fault: Fault, got: list[int]) -> None:
    delivery, session = a_delivery(fault)
    for number in range(1, 6):
        delivery.tick(NOW + number)
        send(delivery, number, NOW + number)
    assert sent(session) == got


def test_only_the_stream_that_is_meant_suffers() -> None:
    delivery, session = a_delivery(a_fault(FaultKind.FRAME_LOST))
    send(delivery, 1)
    send(delivery, 2, stream=OTHER)
    assert sent(session) == [2]


def test_a_cut_ends_the_connections_of_the_stream_with_the_frame_unsent() -> None:
    delivery, session = a_delivery(a_fault(FaultKind.STREAM_CUT, 2))
    other = delivery.hub.open("/public/ws", "", "127.0.0.1", NOW)
    assert other is not None
    send(delivery, 1)
    send(delivery, 2)
    send(delivery, 3)
    assert sent(session) == [1]
    assert (session.close_code, other.close_code) == (1006, 0)


def test_late_frames_come_at_their_time_and_not_before() -> None:
    delivery, session = a_delivery(a_fault(FaultKind.FRAME_LATE, delay_ms=100))
    send(delivery, 1, NOW)
    send(delivery, 2, NOW + 50)
    delivery.tick(NOW + 99)
    assert sent(session) == []
    delivery.tick(NOW + 100)
    assert sent(session) == [1]
    delivery.tick(NOW + 1000)
    assert sent(session) == [2]


def test_a_held_frame_of_one_stream_does_not_wait_for_another() -> None:
    delivery, session = a_delivery(a_fault(FaultKind.FRAME_REORDERED, 1))
    send(delivery, 1)
    send(delivery, 2, stream=OTHER)
    assert sent(session) == [2]
    send(delivery, 3)
    assert sent(session) == [3, 1]


@settings(max_examples=60)
@given(st.data(), st.integers(0, 5))
def test_but_for_losses_every_frame_comes_in_the_end(data: st.DataObject, seed: int) -> None:
    some = Match(probability_bps=4000)
    kinds = (
        Fault(kind=FaultKind.FRAME_LATE, match=some, delay_ms=30, jitter_ms=50),
        Fault(kind=FaultKind.FRAME_TWICE, match=some),
        Fault(kind=FaultKind.FRAME_REORDERED, match=some),
    )
    faults = data.draw(st.lists(st.sampled_from(kinds), max_size=3))
    delivery, session = a_delivery(*faults)
    delivery.plan.seed = seed
    for number in range(20):
        delivery.tick(NOW + number * 10)
        send(delivery, number, NOW + number * 10)
    delivery.plan = plan_of(a_fault(FaultKind.FRAME_LOST))
    send(delivery, 99)  # is lost, and lets go what was held for it
    delivery.tick(NOW + 10_000)
    got = sent(session)
    assert set(got) == set(range(20))
    if kinds[1] not in faults:
        assert len(got) == 20


def test_user_events_fare_by_their_event_and_symbol() -> None:
    client = Client(a_venue())
    match = Match(stream="user", event="TRADE_LITE", symbol="BTCUSDT")
    client.venue.set_plan(plan_of(Fault(kind=FaultKind.FRAME_LOST, match=match)))
    stream = user_stream(client)
    client.trade()
    assert [f["e"] for f in stream.heard()] == [
        "ORDER_TRADE_UPDATE",
        "ORDER_TRADE_UPDATE",
        "ACCOUNT_UPDATE",
    ]
    assert client.venue.plan.counts == {"frame_lost": 1}


def test_a_late_user_event_is_filtered_by_event_when_it_comes() -> None:
    client = Client(a_venue())
    match = Match(stream="user", event="ORDER_TRADE_UPDATE")
    late = Fault(kind=FaultKind.FRAME_LATE, match=match, delay_ms=500)
    client.venue.set_plan(plan_of(late))
    stream = user_stream(client, "ORDER_TRADE_UPDATE")
    client.place()
    assert stream.heard() == []
    client.venue.tick(NOW + 500)
    assert [frame["e"] for frame in stream.heard()] == ["ORDER_TRADE_UPDATE"]


def test_a_market_frame_is_known_by_the_event_type_it_carries() -> None:
    venue = a_venue()
    names = (
        "btcusdt@depth@100ms",
        "btcusdt@aggTrade",
        "btcusdt@markPrice@1s",
        "btcusdt@kline_1m",
        "btcusdt@miniTicker",
        "btcusdt@ticker",
        "!miniTicker@arr",
        "!ticker@arr",
        "!markPrice@arr",
        "!bookTicker",
        "btcusdt@bookTicker",
    )
    asked: dict[str, str] = {}

    class Spy:
        faults = (None,)

        def on_frame(self, stream: str, event: str, now: int, symbol: str = "") -> FrameFate:
            asked[stream] = event
            return FrameFate()

        def due(self, now: int) -> list[Any]:
            return []

    venue.set_plan(Spy())  # type: ignore[arg-type]
    listener = Listener.at(venue, "/lockstep/stream", f"streams={'/'.join(names)}")
    for step in range(1, 60):
        now = NOW + step * 100
        move(venue, quoted(ts=now), now)
        move(venue, book(step, ((D(89000), D(1)),), ((D(91000), D(step)),), now), now)
        move(venue, trade(step, "90000", ts=now), now)
        move(venue, mark("90000", now), now)
        venue.tick(now)
    told: dict[str, str] = {}
    for frame in listener.heard():
        data = frame["data"]
        told[frame["stream"]] = (data[0] if isinstance(data, list) else data)["e"]
    assert set(told) == set(names)
    assert asked == told
