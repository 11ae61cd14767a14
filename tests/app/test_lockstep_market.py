"""In lockstep the adapter reads what the source told: event by event, books level by level."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.assembly import generated
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_app.runner.socket_venue import SocketVenue
from grinder_app.runner.venues import with_rules
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, L2Snapshot
from grinder_core.engine.config import EngineConfig
from grinder_core.indicators.maintained_book import MaintainedBook

START = 1_735_689_600_000
LENGTH_MS = 3_000


def over_sockets(source: list[Event]) -> list[Event]:
    """What the adapter reads of a market."""
    with SocketVenue(with_rules(EngineConfig(), LOCAL_SYMBOLS), source, LOCAL_SYMBOLS) as venue:
        return list(venue)


def shown(events: list[Event]) -> list[tuple[object, ...]]:
    """Everything but the numbering, and the place of a change in the venue's own chain."""
    return [
        (e.ts_ms, evolve(e.payload, prev_update_id=0) if _is_diff(e) else e.payload) for e in events
    ]


def books(events: list[Event]) -> list[tuple[bool, int, object]]:
    """The engine's own book after each event, level by level."""
    kept = {symbol: MaintainedBook(symbol) for symbol in ("BTCUSDT", "DOGEUSDT")}
    found: list[tuple[bool, int, object]] = []
    for event in events:
        if isinstance(event.payload, L2Snapshot):
            kept[event.payload.symbol].on_snapshot(event.payload, event.update_id)
        elif isinstance(event.payload, DepthDiff):
            kept[event.payload.symbol].on_diff(event.payload)
        else:
            continue
        book = kept[event.payload.symbol]
        found.append((book.is_synced, book.gaps, book.book.top(1_000)))
    return found


def _is_diff(event: Event) -> bool:
    return isinstance(event.payload, DepthDiff)


@given(st.integers(0, 1_000), st.integers(50, 250))
@settings(max_examples=4)
def test_every_event_comes_as_it_was_told(seed: int, place: int) -> None:
    """A book in between, which a recording brings after a gap, comes whole as well."""
    source = list(generated(["BTCUSDT", "DOGEUSDT"], seed, START, duration_ms=LENGTH_MS))
    before = source[place]
    update_id = max(
        event.payload.last_update_id
        for event in source[:place]
        if isinstance(event.payload, DepthDiff) and event.payload.symbol == "BTCUSDT"
    )
    book = L2Snapshot(
        ts=before.ts_ms,
        symbol="BTCUSDT",
        bids=((Decimal("80000.1"), Decimal("1.5")), (Decimal(80_000), Decimal("0.002"))),
        asks=((Decimal("100000.1"), Decimal(2)),),
    )
    source.insert(place + 1, Event(before.ts_ms, book, 0, None, update_id))
    read = over_sockets(source)
    assert shown(read) == shown(source)
    assert books(read) == books(source)
    assert all(is_synced for is_synced, *_ in books(read))
