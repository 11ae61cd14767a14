"""Recordings as a market of the local exchange: every form, narrowed, and again and again."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice, pairwise
from pathlib import Path

import pytest

from grinder_adapters.feeds.capture import CaptureSource
from grinder_adapters.feeds.event_file import open_events, write_events
from grinder_adapters.feeds.problems import Problems
from grinder_adapters.local_venue.markets.generator import (
    GeneratedMarket,
    GeneratedSymbol,
    GeneratorSettings,
)
from grinder_adapters.local_venue.markets.recording import LOOP_PAUSE_MS, RecordedMarket
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, Funding, L2Snapshot, MarkPrice, Snapshot, Trade
from grinder_core.errors import ConfigError, FixtureError
from grinder_core.indicators.maintained_book import MaintainedBook
from grinder_core.venue.exchange.instrument import Instrument

D = Decimal
SYMBOLS = ("AAAUSDT", "BBBUSDT")
START = 1_735_689_600_000

CAPTURE = "\n".join(
    [
        '1735689600000123456 {"stream":"aaausdt@bookTicker","data":{"e":"bookTicker","u":10,'
        '"s":"AAAUSDT","b":"99.9","B":"1","a":"100.1","A":"2","T":1735689600000,"E":1735689600001}}',
        '1735689600200123456 {"stream":"bbbusdt@bookTicker","data":{"e":"bookTicker","u":11,'
        '"s":"BBBUSDT","b":"9.9","B":"1","a":"10.1","A":"2","T":1735689600200,"E":1735689600201}}',
    ]
)


def made(symbols: Iterable[str] = SYMBOLS, duration_ms: int = 1_500) -> list[Event]:
    """Some events of every kind that a recording has."""
    rules = [
        Instrument(
            symbol=symbol,
            base_asset="AAA",
            tick=D("0.1"),
            step=D(1),
            min_qty=D(1),
            max_qty=D(0),
            market_step=D(1),
            market_min_qty=D(1),
            market_max_qty=D(100),
        )
        for symbol in symbols
    ]
    what = {symbol: GeneratedSymbol(start_price=D(100)) for symbol in symbols}
    settings = GeneratorSettings(
        start_ms=START - 700, duration_ms=duration_ms, symbols=what, seed=3
    )
    return list(GeneratedMarket(settings, rules))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    write_events(path, made())
    return path


def without_numbers(events: Iterable[Event]) -> list[tuple[int, object, int | None]]:
    """What happened, without its place in the stream."""
    return [(event.ts_ms, event.payload, event.update_id) for event in events]


def symbol_of(event: Event) -> str:
    """The market that an event is of."""
    return event.payload.symbol  # type: ignore[union-attr, no-any-return]


# -- what can be played ------------------------------------------------------------------------


def test_a_file_is_played_as_it_is_any_number_of_times(recording: Path) -> None:
    source = RecordedMarket([recording])
    assert list(source) == list(source) == list(open_events(recording)) == made()
    assert source.name == str(recording)


def test_a_folder_is_its_files_merged_by_time(tmp_path: Path) -> None:
    folder = tmp_path / "day"
    folder.mkdir()
    for symbol in SYMBOLS:
        write_events(folder / f"{symbol}.jsonl.gz", made([symbol]))
    (folder / ".notes").write_text("no data")
    (folder / "config.json").write_text("{}")
    played = list(RecordedMarket([folder]))
    assert [event.seq for event in played] == list(range(len(played)))
    assert without_numbers(played) == without_numbers(made())


def test_a_named_fixture_is_a_folder_like_others(root: Path) -> None:
    folder = root / "fixtures" / "sample_day"
    assert list(RecordedMarket([folder])) == list(open_events(folder / "events.jsonl"))


def test_symbols_not_asked_for_are_left_out(recording: Path) -> None:
    played = list(RecordedMarket([recording], frozenset({"BBBUSDT"})))
    expected = [event for event in made() if symbol_of(event) == "BBBUSDT"]
    assert [event.seq for event in played] == list(range(len(played)))
    assert without_numbers(played) == without_numbers(expected)


@pytest.mark.parametrize("symbols", [frozenset(), frozenset({"AAAUSDT"})])
def test_a_raw_capture_is_played_as_its_own_reader_reads_it(
    tmp_path: Path, symbols: frozenset[str]
) -> None:
    path = tmp_path / "usdm.gz"
    path.write_bytes(gzip.compress(CAPTURE.encode()))
    read = list(CaptureSource([path], Problems(), symbols=symbols or None))
    assert len(read) == 2 - len(symbols)
    assert list(RecordedMarket([path], symbols)) == read


def test_klines_are_quoted_on_the_tick(tmp_path: Path) -> None:
    path = tmp_path / "AAAUSDT-1m-2025-01-01.csv"
    path.write_text(
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
        "taker_buy_volume,taker_buy_quote_volume,ignore\n"
        f"{START},100,101.1,99.3,100.7,10,{START + 59_999},1000,5,5,500,0\n"
    )
    played = list(RecordedMarket([path], tick_sizes={"AAAUSDT": D("0.5")}))
    assert played
    for event in played:
        assert isinstance(event.payload, Snapshot)
        assert event.payload.bid_price % D("0.5") == event.payload.ask_price % D("0.5") == 0


def test_settlements_are_put_between_the_prices_they_come_with(tmp_path: Path) -> None:
    prices, funding = tmp_path / "events.jsonl", tmp_path / "AAAUSDT-fundingRate-2025-01.csv"
    write_events(prices, [e for e in made(["AAAUSDT"]) if not isinstance(e.payload, Funding)])
    funding.write_text(f"calc_time,funding_interval_hours,last_funding_rate\n{START},8,0.00025\n")
    played = list(RecordedMarket([tmp_path]))
    (settled,) = [event for event in played if isinstance(event.payload, Funding)]
    assert (settled.ts_ms, settled.payload.rate) == (START, D("0.00025"))  # type: ignore[union-attr]
    assert all(event.ts_ms < START for event in played[: settled.seq])
    with pytest.raises(ConfigError, match="must name files with prices"):
        RecordedMarket([funding])


# -- again and again ---------------------------------------------------------------------------


def test_a_loop_plays_the_same_market_later_and_ids_go_on_rising(recording: Path) -> None:
    once = made()
    count = len(once)
    span = once[-1].ts_ms - once[0].ts_ms + LOOP_PAUSE_MS
    played = list(islice(RecordedMarket([recording], is_looped=True), 3 * count))
    assert played[:count] == once
    assert [event.seq for event in played] == list(range(3 * count))
    for index, event in enumerate(played[count:], start=count):
        before = once[index % count]
        laps = index // count
        assert event.kind == before.kind
        assert event.ts_ms == event.payload.ts == before.ts_ms + laps * span  # type: ignore[union-attr]
        match event.payload, before.payload:
            case Snapshot() as now, Snapshot() as then:
                assert (now.bid_price, now.ask_qty) == (then.bid_price, then.ask_qty)
            case DepthDiff() as now, DepthDiff() as then:
                assert (now.bids, now.asks) == (then.bids, then.asks)
                shift = now.first_update_id - then.first_update_id
                assert now.last_update_id - then.last_update_id == shift
                assert now.prev_update_id - then.prev_update_id == shift  # type: ignore[operator]
            case MarkPrice() as now, MarkPrice() as then:
                assert now.next_funding_ts == then.next_funding_ts + laps * span  # type: ignore[operator]
    for symbol in SYMBOLS:
        mine = [event for event in played if symbol_of(event) == symbol]
        for kind in (DepthDiff, Snapshot):
            ids = [event.update_id for event in mine if isinstance(event.payload, kind)]
            assert all(a < b for a, b in pairwise(ids))  # type: ignore[operator]
        trades = [event.payload.trade_id for event in mine if isinstance(event.payload, Trade)]
        assert all(a < b for a, b in pairwise(trades))


def test_each_pass_of_a_loop_begins_with_a_book_that_its_changes_continue(recording: Path) -> None:
    count = sum(symbol_of(event) == "AAAUSDT" for event in made())
    source = RecordedMarket([recording], frozenset({"AAAUSDT"}), is_looped=True)
    book = MaintainedBook("AAAUSDT")
    for event in islice(source, 3 * count):
        if isinstance(event.payload, L2Snapshot):
            book.on_snapshot(event.payload, event.update_id)
        elif isinstance(event.payload, DepthDiff):
            assert book.on_diff(event.payload)


def test_receive_times_go_on_too(tmp_path: Path) -> None:
    path = tmp_path / "usdm.gz"
    path.write_bytes(gzip.compress(CAPTURE.encode()))
    played = list(islice(RecordedMarket([path], is_looped=True), 4))
    assert [event.ts_ms for event in played] == [START + ms for ms in (0, 200, 1_200, 1_400)]
    assert all(event.ts_recv_ms == event.ts_ms for event in played)
    assert [event.update_id for event in played] == [10, 11, 22, 23]


# -- what cannot be ----------------------------------------------------------------------------


def test_symbols_that_do_not_occur_are_refused_at_the_end(recording: Path) -> None:
    with pytest.raises(ConfigError, match=r"CCCUSDT.*does not occur"):
        list(RecordedMarket([recording], frozenset({"AAAUSDT", "CCCUSDT"})))
    with pytest.raises(ConfigError, match=r"CCCUSDT.*does not occur"):
        list(RecordedMarket([recording], frozenset({"CCCUSDT"}), is_looped=True))


def test_paths_that_hold_no_data_are_refused(recording: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for paths, error, rule in (
        ([], ConfigError, "at least one file"),
        ([recording, recording], ConfigError, "given twice"),
        ([recording, tmp_path], ConfigError, "given twice"),
        ([empty], FixtureError, "holds no files"),
        ([tmp_path / "absent.jsonl"], FixtureError, "does not exist"),
    ):
        with pytest.raises(error, match=rule):
            RecordedMarket(paths)
    (tmp_path / "README").write_text("hello")
    with pytest.raises(FixtureError, match="README"):
        RecordedMarket([tmp_path])
