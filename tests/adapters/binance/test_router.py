"""Frames to events in order, and the queue that holds them in bounded memory (SCR-02, LIVE-18)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.event_queue import EventQueue, QueueSettings, joined
from grinder_adapters.binance.router import MarketRouter
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, L2Snapshot, MarkPrice, Snapshot, Trade
from grinder_core.indicators.maintained_book import MaintainedBook

D = Decimal
SYMBOLS = ("AAAUSDT", "BBBUSDT")


def frame(stream: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"stream": stream, "data": data}).encode()


def quote(update_id: int, symbol: str = "AAAUSDT", bid: str = "10", ask: str = "11") -> bytes:
    return frame(
        f"{symbol.lower()}@bookTicker",
        {"e": "bookTicker", "u": update_id, "E": 1_000 + update_id, "T": 1, "s": symbol,
         "b": bid, "B": "1", "a": ask, "A": "2", "st": 1},
    )  # fmt: skip


def agg_trade(trade_id: int, price: str = "10.5", symbol: str = "AAAUSDT") -> bytes:
    return frame(
        f"{symbol.lower()}@aggTrade",
        {"e": "aggTrade", "E": 1_000 + trade_id, "s": symbol, "a": trade_id, "p": price,
         "q": "3", "f": 1, "l": 1, "T": 1, "m": True, "st": 1},
    )  # fmt: skip


def read(router: MarketRouter, *frames: bytes) -> list[Event]:
    return [event for n, raw in enumerate(frames) for event in router.read(raw, 2_000 + n)]


# -- the router


def test_a_book_stream_gives_each_id_once_and_rising() -> None:
    router = MarketRouter(SYMBOLS)
    events = read(router, *(quote(number) for number in (10, 12, 11, 12)))
    assert [event.update_id for event in events] == [10, 12]
    assert (router.drops["out_of_order"], router.drops["duplicate"]) == (1, 1)


def test_a_quote_carries_the_last_trade_and_no_quantity_of_it() -> None:
    router = MarketRouter(SYMBOLS)
    _, event = read(router, agg_trade(1, "10.7"), quote(5))
    assert isinstance(event.payload, Snapshot)
    assert (event.payload.last_price, event.payload.last_qty) == (D("10.7"), D(0))


def test_a_quote_before_any_trade_carries_its_mid() -> None:
    (event,) = read(MarketRouter(SYMBOLS), quote(5, bid="10", ask="10.5"))
    assert isinstance(event.payload, Snapshot)
    assert event.payload.last_price == D("10.25")


def test_a_mid_with_more_digits_than_a_price_is_rounded_down() -> None:
    (event,) = read(MarketRouter(SYMBOLS), quote(5, bid="0.00000001", ask="0.00000002"))
    assert isinstance(event.payload, Snapshot)
    assert event.payload.last_price == D("0.00000001")


def test_a_trade_of_another_symbol_says_nothing_about_the_price() -> None:
    _, event = read(MarketRouter(SYMBOLS), agg_trade(1, "99", "BBBUSDT"), quote(5))
    assert isinstance(event.payload, Snapshot)
    assert event.payload.last_price == D("10.5")


def test_the_time_of_events_does_not_go_back_where_receipts_of_two_sockets_cross() -> None:
    router = MarketRouter(SYMBOLS)
    events = [*router.read(quote(1), 2_000), *router.read(quote(2), 1_990)]
    assert [event.ts_ms for event in events] == [2_000, 2_000]


def test_latency_is_counted_from_the_event_time() -> None:
    router = MarketRouter(SYMBOLS)
    router.read(quote(7), 1_050)
    assert router.latency_ms == 43


def test_symbols_come_and_go() -> None:
    router = MarketRouter()
    assert router.read(quote(1), 0) == []
    router.add("AAAUSDT")
    assert len(router.read(quote(2), 0)) == 1
    router.remove("AAAUSDT")
    assert router.read(quote(3), 0) == []
    assert router.drops["unknown_symbol"] == 2


def test_a_refusal_that_nobody_asked_for_is_counted() -> None:
    router = MarketRouter()
    assert router.read(b'{"error":{"code":3,"msg":"Invalid JSON"},"id":null}', 0) == []
    assert router.read(b'{"result":null,"id":1}', 0) == []
    assert router.errors == 1


FRAMES = st.lists(
    st.one_of(
        st.builds(quote, st.integers(0, 30), st.sampled_from([*SYMBOLS, "CCCUSDT"])),
        st.builds(agg_trade, st.integers(0, 30), st.just("10"), st.sampled_from(SYMBOLS)),
        st.binary(max_size=40),
        st.sampled_from([b"{}", b"[]", b"null", b'{"stream":1}', b'{"stream":"x","data":{"e":1}}']),
    ),
    max_size=40,
)


@given(FRAMES)
def test_ids_rise_per_stream_and_the_output_is_a_function_of_the_input(frames: list[bytes]) -> None:
    router = MarketRouter(SYMBOLS)
    events = read(router, *frames)
    assert events == read(MarketRouter(SYMBOLS), *frames)
    for symbol in SYMBOLS:
        quotes = [e.update_id for e in events if _is(e, Snapshot, symbol)]
        trades = [e.payload.trade_id for e in events if isinstance(e.payload, Trade)
                  and e.payload.symbol == symbol]  # fmt: skip
        for ids in (quotes, trades):
            assert ids == sorted(set(ids), key=lambda one: one or 0)
    assert router.frames == len(frames)


@given(FRAMES)
def test_frames_that_come_twice_change_nothing(frames: list[bytes]) -> None:
    twice = [raw for raw in frames for _ in range(2)]
    once, doubled = MarketRouter(SYMBOLS), MarketRouter(SYMBOLS)
    wanted = [event.payload for event in read(once, *frames)]
    assert [event.payload for event in read(doubled, *twice)] == wanted


def _is(event: Event, kind: type[Any], symbol: str) -> bool:
    return isinstance(event.payload, kind) and event.payload.symbol == symbol


# -- the queue


def a_quote(number: int, symbol: str = "AAAUSDT") -> Event:
    payload = Snapshot(
        ts=number, symbol=symbol, bid_price=D(10), ask_price=D(11), bid_qty=D(1), ask_qty=D(1),
        last_price=D(0), last_qty=D(0),
    )  # fmt: skip
    return Event(number, payload, update_id=number)


def a_mark(number: int, symbol: str = "AAAUSDT") -> Event:
    return Event(number, MarkPrice(ts=number, symbol=symbol, mark_price=D(10)))


def a_trade(number: int, symbol: str = "AAAUSDT") -> Event:
    payload = Trade(
        ts=number, symbol=symbol, trade_id=number, price=D(1), qty=D(1), is_buyer_maker=True
    )
    return Event(number, payload)


def a_book(number: int, symbol: str = "AAAUSDT") -> Event:
    payload = L2Snapshot(
        ts=number, symbol=symbol, bids=((D(10), D(number + 1)),), asks=((D(11), D(1)),)
    )
    return Event(number, payload, update_id=number)


def a_diff(number: int, previous: int, qty: int = 1, price: str = "9") -> Event:
    payload = DepthDiff(
        ts=number, symbol="AAAUSDT", first_update_id=previous + 1, last_update_id=number,
        prev_update_id=previous, bids=((D(price), D(qty)),),
    )  # fmt: skip
    return Event(number, payload, update_id=number)


def a_queue(events: int = 0, trades: int = 3) -> EventQueue:
    return EventQueue(QueueSettings(queue_events=events, queue_trades=trades))


def drained(queue: EventQueue) -> list[Event]:
    events = []
    while (event := queue.pop()) is not None:
        events.append(event)
    assert len(queue) == 0
    return events


def test_with_room_everything_is_kept_in_order() -> None:
    queue = a_queue(events=4)
    events = [a_quote(1), a_quote(2), a_mark(3), a_quote(4)]
    for event in events:
        queue.push(event)
    assert drained(queue) == events
    assert queue.conflated == 0


def test_without_room_the_newest_quote_of_a_symbol_takes_the_place_of_the_others() -> None:
    queue = a_queue(events=4)
    events = [a_quote(1), a_quote(2), a_quote(3, "BBBUSDT"), a_mark(4), a_quote(5)]
    for event in events:
        queue.push(event)
    assert drained(queue) == [events[2], events[3], events[4]]
    assert queue.conflated == 2


def test_changes_of_a_book_become_one_change_with_the_later_quantities() -> None:
    queue = a_queue()
    for event in (a_diff(5, 3, 1, "9"), a_diff(7, 5, 2, "8"), a_diff(9, 7, 0, "9")):
        queue.push(event)
    (event,) = drained(queue)
    assert event.payload == DepthDiff(
        ts=9, symbol="AAAUSDT", first_update_id=4, last_update_id=9, prev_update_id=3,
        bids=((D(9), D(0)), (D(8), D(2))),
    )  # fmt: skip
    assert (event.ts_ms, event.update_id) == (9, 9)


def test_changes_that_do_not_follow_each_other_are_not_joined() -> None:
    queue = a_queue()
    events = [a_diff(5, 3), a_diff(9, 7)]
    for event in events:
        queue.push(event)
    assert [event.payload for event in drained(queue)] == [event.payload for event in events]


def test_a_whole_book_makes_everything_before_it_needless_and_is_not_joined_to() -> None:
    queue = a_queue()
    events = [a_diff(5, 3), a_book(6), a_diff(7, 6)]
    for event in events:
        queue.push(event)
    assert [event.payload for event in drained(queue)] == [e.payload for e in events[1:]]


def test_a_trade_too_many_is_refused_and_its_symbol_is_missing_for_a_minute() -> None:
    queue = a_queue(trades=2)
    for number in (1, 2, 3):
        queue.push(a_trade(number * 1_000))
    assert [e.ts_ms for e in drained(queue)] == [1_000, 2_000]
    assert queue.trades_refused == 1
    assert queue.trades_missing("AAAUSDT", 62_999)
    assert not queue.trades_missing("AAAUSDT", 63_000)
    assert not queue.trades_missing("BBBUSDT", 3_000)


def test_a_trade_taken_out_makes_room_for_another() -> None:
    queue = a_queue(trades=1)
    queue.push(a_trade(1))
    queue.pop()
    queue.push(a_trade(2))
    assert queue.trades_refused == 0


def test_the_defaults_are_those_of_the_specification() -> None:
    settings = QueueSettings()
    assert (settings.queue_events, settings.queue_trades) == (10_000, 50_000)
    assert settings.trades_missing_ms == 60_000


KINDS = ("quote", "mark", "trade", "diff", "book", "gap", "pop")
MOVES = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(SYMBOLS)), max_size=60)


def pushed(moves: Sequence[tuple[str, str]], queue: EventQueue) -> tuple[list[Event], list[Event]]:
    """What went in and what came out."""
    put: list[Event] = []
    taken: list[Event] = []
    last = 0
    for number, (kind, symbol) in enumerate(moves, start=1):
        if kind == "pop":
            event = queue.pop()
            taken += [event] if event else []
            continue
        if kind in ("diff", "gap"):
            event = a_diff(
                number, last if kind == "diff" else number - 1, number, str(number % 3 + 1)
            )
            last = number
        elif kind == "book":
            event, last = a_book(number), number
        else:
            event = {"quote": a_quote, "mark": a_mark, "trade": a_trade}[kind](number, symbol)
        put.append(event)
        queue.push(event)
        assert len(queue) <= 5 + 3 + 2 * 2 + 60
    return put, taken + drained(queue)


@given(MOVES, st.integers(0, 5))
def test_the_newest_state_and_every_trade_get_through_in_order(
    moves: list[tuple[str, str]], room: int
) -> None:
    queue = a_queue(room, trades=100)
    put, got = pushed(moves, queue)
    assert [e.ts_ms for e in got] == sorted(e.ts_ms for e in got)
    assert [e for e in got if isinstance(e.payload, Trade)] == [
        e for e in put if isinstance(e.payload, Trade)
    ]
    for kind in (Snapshot, MarkPrice):
        for symbol in SYMBOLS:
            before = [e for e in put if _is(e, kind, symbol)]
            after = [e for e in got if _is(e, kind, symbol)]
            assert after[-1:] == before[-1:]
            assert all(event in before for event in after)
    assert len(put) - len(got) == queue.conflated


@given(MOVES, st.integers(0, 5))
def test_a_book_kept_from_merged_events_ends_like_one_kept_from_all(
    moves: list[tuple[str, str]], room: int
) -> None:
    put, got = pushed(moves, a_queue(room, trades=100))
    books = []
    for events in (put, got):
        book = MaintainedBook("AAAUSDT")
        for event in events:
            if isinstance(event.payload, L2Snapshot):
                book.on_snapshot(event.payload, event.update_id)
            elif isinstance(event.payload, DepthDiff):
                book.on_diff(event.payload)
        books.append((book.is_synced, book.last_update_id, book.top(9)))
    assert books[0] == books[1]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.data())
def test_joined_changes_do_what_they_did_one_by_one(prices: list[int], data: st.DataObject) -> None:
    start = L2Snapshot(
        ts=0,
        symbol="AAAUSDT",
        bids=tuple((D(9 - n), D(5)) for n in range(4)),
        asks=((D(10), D(1)),),
    )
    diffs: list[DepthDiff] = []
    for number, price in enumerate(prices, start=1):
        event = a_diff(number, number - 1, data.draw(st.integers(0, 4)), str(9 - price))
        assert isinstance(event.payload, DepthDiff)
        diffs.append(event.payload)
    one_by_one, at_once = MaintainedBook("AAAUSDT"), MaintainedBook("AAAUSDT")
    for book in (one_by_one, at_once):
        book.on_snapshot(start, 0)
    for diff in diffs:
        one_by_one.on_diff(diff)
    whole = diffs[0]
    for diff in diffs[1:]:
        whole = joined(whole, diff)
    at_once.on_diff(whole)
    assert at_once.top(9) == one_by_one.top(9)
    assert at_once.last_update_id == one_by_one.last_update_id


@pytest.mark.parametrize("trades", [0, -1])
def test_a_queue_must_hold_a_trade(trades: int) -> None:
    with pytest.raises(ValueError, match="must be >= 1"):
        QueueSettings(queue_trades=trades)
