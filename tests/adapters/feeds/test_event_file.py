"""Data files: round trips, refusals with file and line, and nothing half-written."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.feeds.event_file import open_events, write_events
from grinder_adapters.feeds.jsonl import JsonlFile
from grinder_adapters.feeds.source import Clock, merge
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, MarkPrice, Snapshot, Trade
from grinder_core.errors import FixtureError, InputError

FORMS = (".jsonl", ".jsonl.gz", ".parquet")


def a_quote(ts: int, *, symbol: str = "BTCUSDT", bid: str = "99.9") -> Snapshot:
    return Snapshot(
        ts=ts,
        symbol=symbol,
        bid_price=Decimal(bid),
        ask_price=Decimal("100.10"),
        bid_qty=Decimal("5.0"),
        ask_qty=Decimal("7.5"),
        last_price=Decimal(100),
        last_qty=Decimal("0.2"),
    )


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    now = 0
    events = []
    for seq in range(draw(st.integers(1, 6))):
        now += draw(st.integers(0, 3))
        ts = draw(st.integers(0, 10))
        qty = Decimal(draw(st.integers(1, 10**6))) / 1000
        payload = draw(
            st.sampled_from(
                [
                    a_quote(ts),
                    a_quote(ts, symbol="ETHUSDT", bid="0.00000001"),
                    Trade(
                        ts=ts,
                        symbol="BTCUSDT",
                        trade_id=seq,
                        price=Decimal(3),
                        qty=qty,
                        is_buyer_maker=seq % 2 == 0,
                    ),
                    DepthDiff(
                        ts=ts,
                        symbol="BTCUSDT",
                        first_update_id=1,
                        last_update_id=2,
                        bids=((Decimal(1), qty),),
                    ),
                    MarkPrice(ts=ts, symbol="BTCUSDT", mark_price=Decimal("1.50")),
                ]
            )
        )
        events.append(Event(now, payload, seq, now, draw(st.none() | st.integers(0, 9))))
    return events


@given(streams())
def test_every_form_gives_the_events_back_and_the_same_lines(
    tmp_path_factory: pytest.TempPathFactory, stream: list[Event]
) -> None:
    folder = tmp_path_factory.mktemp("forms")
    plain, packed, columns, again = (
        folder / name for name in ("a.jsonl", "b.jsonl.gz", "c.parquet", "d.jsonl")
    )
    report = write_events(plain, stream)
    assert (report.events, report.bytes) == (len(stream), plain.stat().st_size)
    write_events(packed, open_events(plain))
    write_events(columns, open_events(packed))
    write_events(again, open_events(columns))
    assert again.read_bytes() == plain.read_bytes() == gzip.decompress(packed.read_bytes())
    for path in (plain, packed, columns):
        source = open_events(path)
        assert list(source) == stream
        assert list(source) == stream  # a second pass starts anew


def test_equal_events_give_equal_bytes_in_gzip(tmp_path: Path) -> None:
    events = [Event(5, a_quote(5))]
    first = write_events(tmp_path / "a.jsonl.gz", events)
    os.utime(tmp_path / "a.jsonl.gz", (1, 1))
    assert write_events(tmp_path / "other.jsonl.gz", events) == first


def lines(*changes: dict[str, object]) -> str:
    base = {
        **{"type": "SNAPSHOT", "ts": 5, "symbol": "BTCUSDT", "bid_price": "1", "ask_price": "2"},
        **{"bid_qty": "1", "ask_qty": "1", "last_price": "0", "last_qty": "0"},
    }
    return "".join(json.dumps(base | change) + "\n" for change in changes)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lines({}) + "{broken\n", ":2: line = '{broken': is not JSON"),
        (lines({}, {"bid_price": 1.5}), ":2: Snapshot.bid_price = 1.5: must be a decimal string"),
        (lines({}, {"bid_price": "NaN"}), ":2: Snapshot.bid_price = 'NaN'"),
        (lines({}, {"ask_qty": "-1"}), ":2: Snapshot.ask_qty"),
        (lines({}, {"bid_price": "3"}), ":2: Snapshot.ask_price"),
        (lines({}, {"ts": 4}), ":2: ts = 4: must not be below 5"),
        (lines({"ts_recv_ms": 9}, {"ts": 8}), ":2: ts = 8: must not be below 9"),
        (lines({"ts_recv_ms": 9}, {"ts_recv_ms": 8}), ":2: ts_recv_ms = 8: must not be below 9"),
        (lines({})[:-2] + ',"ts":5}\n', ":1: key = 'ts': stands twice"),
        (lines({}) + "\n" + lines({}), ":2: line = '': is not JSON"),
        (lines({}) + lines({})[:40], ":2: line ="),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(content)
    with pytest.raises(FixtureError) as refused:
        list(open_events(path))
    assert f"{path}{said}" in str(refused.value)


def test_unknown_types_are_ignored_counted_and_exempt_from_time(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(lines({"ts": 5}, {"type": "NEWS", "ts": 1}, {"ts": 6}, {"type": "NEWS"}))
    source = open_events(path)
    assert [event.seq for event in source] == [0, 1]
    assert source.events_ignored == 2
    assert len(list(source)) == 2
    assert source.events_ignored == 2


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_file_a_directory_and_a_missing_file_are_refused(
    tmp_path: Path, form: str
) -> None:
    empty, folder = tmp_path / f"empty{form}", tmp_path / f"folder{form}"
    empty.touch()
    folder.mkdir()
    for path, said in (
        (empty, "is empty"),
        (folder, "is a directory"),
        (tmp_path / f"missing{form}", "does not exist"),
    ):
        with pytest.raises(FixtureError, match=said):
            open_events(path)


def test_a_fixture_may_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.touch()
    assert list(JsonlFile(path, allow_empty=True)) == []


def test_a_gzip_file_of_nothing_is_empty_too(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(FixtureError, match="is empty"):
        list(open_events(path))


def test_an_unknown_extension_is_refused_on_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("x")
    with pytest.raises(FixtureError, match=r"must end in \.jsonl"):
        open_events(path)
    with pytest.raises(FixtureError, match=r"must end in \.jsonl"):
        write_events(path, [])


@pytest.mark.parametrize("cut", [1, 9, 30])
def test_a_truncated_gzip_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "events.jsonl.gz"
    whole = gzip.compress(lines(*({"ts": n} for n in range(500))).encode())
    path.write_bytes(whole[:-cut])
    with pytest.raises(FixtureError, match="truncated"):
        list(open_events(path))


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.gz"
    whole = bytearray(gzip.compress(lines(*({"ts": n} for n in range(500))).encode()))
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(bytes(whole))
    with pytest.raises(FixtureError):
        list(open_events(path))


def test_wrong_parquet_columns_are_refused(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "events.parquet"
    parquet.write_table(arrow.table({"open_time": [1], "open": [2.0]}), path)
    with pytest.raises(FixtureError, match=r"columns = 'open_time, open': must be type, ts"):
        open_events(path)
    path.write_bytes(b"PAR1 no such thing PAR1")
    with pytest.raises(FixtureError, match="is no Parquet file"):
        open_events(path)


def test_a_wrong_value_in_parquet_names_its_row(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    path = tmp_path / "events.parquet"
    write_events(path, [Event(5, a_quote(5)), Event(6, a_quote(6), 1)])
    table = parquet.read_table(path)
    column = table.column_names.index("bid_price")
    table = table.set_column(column, "bid_price", arrow.array(["99.9", "1e3"]))
    parquet.write_table(table, path)
    with pytest.raises(FixtureError, match=r"row 2: Snapshot\.bid_price = '1e3'"):
        list(open_events(path))


@pytest.mark.parametrize("form", FORMS)
def test_a_failure_leaves_the_target_as_it_was(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"events{form}"
    write_events(path, [Event(5, a_quote(5))])
    before = path.read_bytes()

    def failing() -> Iterator[Event]:
        yield Event(5, a_quote(5))
        raise FixtureError("the source broke")

    for events in (failing(), iter(()), iter([Event(5, a_quote(5)), Event(4, a_quote(4))])):
        with pytest.raises(InputError):
            write_events(path, events)
        assert path.read_bytes() == before
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its folder does not exist"):
        write_events(tmp_path / "no" / "events.jsonl", [Event(5, a_quote(5))])


def test_interruption_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> Iterator[Event]:
        yield Event(5, a_quote(5))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_events(tmp_path / "events.jsonl", interrupted())
    assert list(tmp_path.iterdir()) == []


class Listed:
    """A source out of a list."""

    def __init__(self, events: list[Event]) -> None:
        self.name = "listed"
        self.events = events

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=4))
def test_merging_is_a_stable_sort_by_time(times: list[list[int]]) -> None:
    sources = [
        Listed([Event(ts, a_quote(ts, symbol=f"S{n}"), i) for i, ts in enumerate(sorted(row))])
        for n, row in enumerate(times)
    ]
    merged = list(merge(sources))
    wanted = sorted((event for s in sources for event in s.events), key=lambda e: e.ts_ms)
    assert [(e.ts_ms, e.payload) for e in merged] == [(e.ts_ms, e.payload) for e in wanted]
    assert [e.seq for e in merged] == list(range(len(wanted)))


@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("XY"), st.integers(0, 9))))
def test_the_clock_never_goes_back_and_keeps_series_apart(
    seen: list[tuple[str, str, int]],
) -> None:
    clock = Clock()
    for index, (symbol, kind, ts) in enumerate(seen):
        earlier = seen[: index + 1]
        assert clock.envelope(ts) == max(t for _, _, t in earlier)
        assert clock.payload(symbol, kind, ts) == max(
            t for s, k, t in earlier if (s, k) == (symbol, kind)
        )
