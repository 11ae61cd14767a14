"""The market reaches the exchange at its time, and says the time it is told at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve, fields
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.assembly import VenueOptions, assemble, generated
from grinder_adapters.local_venue.market_feed import MarketFeed, restamped
from grinder_adapters.local_venue.markets.pacing import Pacer
from grinder_adapters.local_venue.markets.venue_steps import (
    Deposit,
    FilterChange,
    StatusChange,
    VenueStep,
)
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Funding, MarketStats, MarkPrice
from grinder_core.venue.exchange.vocabulary import SymbolStatus
from tests.adapters.local_venue.market_cases import book, diff, mark, quote, trade
from tests.adapters.local_venue.venue_cases import SYMBOL, Client, Listener
from tests.support.virtual_time import START_MS, VirtualClock, run, settle

D = Decimal
OLD = 1_600_000_000_000
STREAM = "btcusdt@bookTicker"

Told = list[tuple[int, int]]


def fed(
    source: Iterable[Event | VenueStep], speed_x100: int = 100, seconds: int = 0
) -> tuple[LocalVenue, Told]:
    """Feed a source under virtual time; return when which quote was told."""
    clock = VirtualClock()
    venue = assemble(VenueOptions())
    listener = Listener.at(venue, "/public/ws", f"streams={STREAM}", START_MS)
    venue.receive(listener.session, f'{{"method":"SUBSCRIBE","params":["{STREAM}"],"id":1}}', 0)
    told: Told = []

    async def scene() -> None:
        listener.heard()

        def note() -> None:
            told.extend((clock.now_ms() - START_MS, f["E"] - START_MS) for f in listener.heard())

        listener.session.wake = note
        await MarketFeed(venue, clock, Pacer(speed_x100=speed_x100)).run(source)
        if seconds:
            await asyncio.sleep(seconds)

    run(scene(), clock)
    return venue, told


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from((0, 1, 40, 999, 60_000)), min_size=1, max_size=15),
    st.sampled_from((1, 50, 100, 1000, 12_345)),
)
def test_an_event_is_told_at_its_time_and_stamped_with_it(waits: list[int], speed: int) -> None:
    times = [OLD + sum(waits[: n + 1]) for n in range(len(waits))]
    _, told = fed((quote(ts, str(100 + n), "1000") for n, ts in enumerate(times)), speed)
    due = [-(-(ts - times[0]) * 100 // speed) for ts in times]  # rounded up: never early
    assert [at for at, _ in told] == due
    assert [stamp for _, stamp in told] == due


def test_at_full_speed_nothing_waits() -> None:
    _, told = fed((quote(OLD + n * 60_000, str(100 + n), "1000") for n in range(50)), 0)
    assert told == [(0, 0)] * 50


EVENTS = [
    quote(OLD, bid_qty=D(3)),
    trade(7, ts=OLD),
    book(5, ((D(99), D(1)),), ((D(101), D(1)),), OLD),
    diff(6, 8, 5, ((D(99), D(2)),), (), OLD),
    mark("100", OLD, next_funding_ts=OLD + 5000, funding_rate=D("0.0001")),
    mark("100", OLD),
    Event(OLD, Funding(ts=OLD, symbol=SYMBOL, rate=D("0.0001"))),
    Event(OLD, MarketStats(ts=OLD, symbol=SYMBOL, vol_24h_usd=D(5), oi_usd=D(6))),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event.payload).__name__)
def test_only_times_change_by_restamping(event: Event) -> None:
    now = START_MS
    told = restamped(event, now)
    assert (told.ts_ms, told.ts_recv_ms) == (now, now)
    assert (told.seq, told.update_id) == (event.seq, event.update_id)
    assert told.payload.ts == now  # type: ignore[union-attr]
    changes: dict[str, Any] = {"ts": OLD}
    if isinstance(event.payload, MarkPrice):
        funding = event.payload.next_funding_ts
        changes["next_funding_ts"] = funding
        ahead = None if funding is None else now + 5000
        assert told.payload.next_funding_ts == ahead  # type: ignore[union-attr]
    payload: Any = told.payload
    assert evolve(payload, **changes) == event.payload
    assert type(told.payload) is type(event.payload)
    assert len(fields(type(told.payload))) > 2


def test_steps_change_the_exchange_at_their_time_in_the_order_of_the_source() -> None:
    source: list[Event | VenueStep] = [
        quote(OLD, "90000", "90001"),
        Deposit(ts_ms=OLD + 10, account="main", amount=D(5)),
        FilterChange(ts_ms=OLD + 20, symbol=SYMBOL, filters={"tick": D(1)}),
        StatusChange(ts_ms=OLD + 30, symbol=SYMBOL, status=SymbolStatus.CLOSE),
        StatusChange(ts_ms=OLD + 40, symbol="NOPE", status=SymbolStatus.CLOSE),
    ]

    def until(count: int) -> Iterator[Event | VenueStep]:
        yield from source[:count]

    venue, _ = fed(until(2))
    client = Client(venue, START_MS + 10)
    assert client.ask("GET", "v3/balance")[0]["balance"] == "10005"
    assert client.ask("GET", "v1/income")[-1]["time"] == START_MS + 10
    venue, _ = fed(until(3))
    client = Client(venue, START_MS + 20)
    assert client.place(price="89000.1")["code"] == -4014
    venue, _ = fed(until(5))
    assert Client(venue, START_MS + 40).place()["code"] == -4140
    rows = {i.symbol: i.status for i in venue.board.instruments}
    assert rows[SYMBOL] is SymbolStatus.CLOSE


def test_a_deposit_is_told_at_once() -> None:
    clock, venue = VirtualClock(), assemble(VenueOptions())
    client = Client(venue, START_MS)
    key = client.ask("POST", "v1/listenKey")["listenKey"]
    stream = Listener.at(venue, f"/private/ws/{key}", now=START_MS)
    feed = MarketFeed(venue, clock, Pacer())
    run(feed.run([Deposit(ts_ms=OLD, account="main", amount=D(5))]), clock)
    assert [frame["a"]["m"] for frame in stream.heard()] == ["DEPOSIT"]
    assert feed.count == 1


def test_at_full_speed_the_market_waits_for_who_reads_slowly_and_for_nobody_who_left() -> None:
    clock, venue = VirtualClock(), assemble(VenueOptions())
    slow = venue.open("/public/ws", f"streams={STREAM}", "127.0.0.1", START_MS)
    gone = venue.open("/public/ws", f"streams={STREAM}", "127.0.0.1", START_MS)
    assert slow is not None
    assert gone is not None
    most = 0

    async def scene() -> None:
        nonlocal most
        source = (quote(OLD + n, str(100 + n), "100000") for n in range(5_000))
        feeding = asyncio.create_task(MarketFeed(venue, clock, Pacer(speed_x100=0)).run(source))
        await settle()
        assert not feeding.done()
        gone.close(1006, "cut")
        while not feeding.done():
            await asyncio.sleep(1)
            most = max(most, len(slow.outbox))
            slow.outbox.clear()

    run(scene(), clock, limit_ms=60_000)
    assert 1_000 < most <= 1_200  # one look in 200 events


def test_a_paused_market_stands_still() -> None:
    clock, venue = VirtualClock(), assemble(VenueOptions())
    pacer = Pacer()

    async def scene() -> list[int]:
        feed = MarketFeed(venue, clock, pacer)
        counts = []
        feeding = asyncio.create_task(
            feed.run(quote(OLD + n * 1000, str(100 + n), "1000") for n in range(10))
        )
        await asyncio.sleep(2.5)
        pacer.pause(clock.now_ms())
        counts.append(feed.count)
        await asyncio.sleep(60)
        counts.append(feed.count)
        pacer.resume(clock.now_ms())
        await asyncio.sleep(1)
        counts.append(feed.count)
        await feeding
        counts.append(feed.count)
        return counts

    assert run(scene(), clock) == [3, 3, 4, 10]


def test_a_made_up_market_of_a_minute_is_fed_in_a_minute() -> None:
    clock, venue = VirtualClock(), assemble(VenueOptions())
    market = generated(["BTCUSDT"], 1, OLD, duration_ms=60_000, events_per_s=20)
    run(MarketFeed(venue, clock, Pacer()).run(market), clock)
    assert 59_000 <= clock.now_ms() - START_MS <= 60_000
    board = venue.board.of("BTCUSDT")
    assert board is not None
    assert board.quote is not None
    assert board.quote.ts > START_MS + 55_000
