"""Settlements put into a stream: which, where among its events, and never twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.feeds.funded import Funded, read_funding
from grinder_core.contracts.event import Event, MarketPayload
from grinder_core.contracts.market import Funding
from grinder_core.errors import ConfigError, FixtureError
from tests.support.factories import a_snapshot

T0 = 1_741_276_800_000
MINUTE = 60_000


class Stream:
    """A list of events as a source."""

    name = "a list"

    def __init__(self, *payloads: MarketPayload) -> None:
        self.events = [Event(p.ts, p, seq, p.ts, 7) for seq, p in enumerate(payloads)]

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)


def quoted(minute: int, symbol: str = "AAAUSDT") -> MarketPayload:
    return a_snapshot(ts=T0 + minute * MINUTE, symbol=symbol)


def schedule(folder: Path, *rows: tuple[str, int], name: str = "f.csv") -> Path:
    path = folder / name
    lines = [f"{symbol},{T0 + minute * MINUTE},0.0001" for symbol, minute in rows]
    path.write_text("\n".join(["symbol,fundingTime,fundingRate", *lines]))
    return path


def merged(source: Stream, *paths: Path) -> list[tuple[str, str, int]]:
    """Kind, symbol and minute of each event of the stream with settlements in it."""
    events = list(Funded(source, read_funding(paths)))
    assert [event.seq for event in events] == list(range(len(events)))
    return [
        (event.kind, event.payload.symbol, (event.ts_ms - T0) // MINUTE)  # type: ignore[union-attr]
        for event in events
    ]


def test_only_what_can_concern_the_session_is_put_in(tmp_path: Path) -> None:
    path = schedule(
        tmp_path,
        ("AAAUSDT", 0),  # before the symbol has a price
        ("AAAUSDT", 1),
        ("AAAUSDT", 5),
        ("AAAUSDT", 9),
        ("AAAUSDT", 11),  # after the session
        ("BBBUSDT", 3),  # before it appears
        ("BBBUSDT", 6),
        ("CCCUSDT", 5),  # never appears
    )
    source = Stream(quoted(1), quoted(4), quoted(5, "BBBUSDT"), quoted(8), quoted(10, "BBBUSDT"))
    assert [found for found in merged(source, path) if found[0] == "FUNDING"] == [
        ("FUNDING", "AAAUSDT", 5),
        ("FUNDING", "BBBUSDT", 6),
        ("FUNDING", "AAAUSDT", 9),
    ]


def test_a_settlement_stands_before_the_market_events_of_its_time(tmp_path: Path) -> None:
    path = schedule(tmp_path, ("AAAUSDT", 5), ("BBBUSDT", 5))
    source = Stream(quoted(1), quoted(2, "BBBUSDT"), quoted(5), quoted(5, "BBBUSDT"))
    assert merged(source, path) == [
        ("SNAPSHOT", "AAAUSDT", 1),
        ("SNAPSHOT", "BBBUSDT", 2),
        ("FUNDING", "AAAUSDT", 5),
        ("FUNDING", "BBBUSDT", 5),
        ("SNAPSHOT", "AAAUSDT", 5),
        ("SNAPSHOT", "BBBUSDT", 5),
    ]


def test_market_events_keep_everything_but_their_number(tmp_path: Path) -> None:
    source = Stream(quoted(1), quoted(4), quoted(6))
    events = list(Funded(source, read_funding([schedule(tmp_path, ("AAAUSDT", 3))])))
    kept = [event for event in events if event.kind == "SNAPSHOT"]
    for before, after in zip(source.events, kept, strict=True):
        assert (after.ts_ms, after.payload) == (before.ts_ms, before.payload)
        assert (after.ts_recv_ms, after.update_id) == (before.ts_recv_ms, before.update_id)


def test_data_with_settlements_of_its_own_would_pay_twice(tmp_path: Path) -> None:
    own = Funding(ts=T0 + 2 * MINUTE, symbol="AAAUSDT", rate=Decimal(0))
    path = schedule(tmp_path, ("AAAUSDT", 1))
    with pytest.raises(ConfigError, match="it would pay twice"):
        merged(Stream(quoted(1), own), path)
    assert merged(Stream(quoted(1), own), schedule(tmp_path, ("BBBUSDT", 1)))


def test_a_file_is_read_once_and_named_when_it_is_wrong(tmp_path: Path) -> None:
    path = schedule(tmp_path, ("AAAUSDT", 1))
    with pytest.raises(ConfigError, match="is given twice"):
        read_funding([path, path])
    with pytest.raises(FixtureError, match="does not exist"):
        read_funding([tmp_path / "none.csv"])


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 20)), max_size=20),
    st.sets(st.tuples(st.sampled_from("ABC"), st.integers(0, 22)), min_size=1, max_size=20),
)
def test_the_stream_is_the_sorted_union_of_market_and_due_settlements(
    tmp_path_factory: pytest.TempPathFactory,
    market: Sequence[tuple[str, int]],
    settled: set[tuple[str, int]],
) -> None:
    quotes = sorted(((minute, f"{name}USDT") for name, minute in market), key=lambda q: q[0])
    rows = sorted((f"{name}USDT", minute) for name, minute in settled)
    path = schedule(tmp_path_factory.mktemp("funded"), *rows)
    found = merged(Stream(*(quoted(minute, symbol) for minute, symbol in quotes)), path)
    first = {symbol: minute for minute, symbol in reversed(quotes)}
    last = quotes[-1][0] if quotes else -1
    due = sorted((m, s) for s, m in rows if s in first and first[s] < m <= last)
    assert [(m, s) for kind, s, m in found if kind == "FUNDING"] == due
    assert [(m, s) for kind, s, m in found if kind == "SNAPSHOT"] == quotes
    assert [m for _, _, m in found] == sorted(m for _, _, m in found)
