"""Real captures, against what is known of them and an independent reading of the raw lines."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from grinder_adapters.feeds.capture import CaptureSource, looks_like_capture
from grinder_adapters.feeds.inspect import inspect_events
from grinder_adapters.feeds.market_fold import Quotes
from grinder_adapters.feeds.problems import Problems
from grinder_core.contracts.market import Snapshot

pytestmark = pytest.mark.recordings


@pytest.fixture(scope="module")
def raw(recordings: Path) -> Path:
    return recordings / "ws_raw"


def counts(*paths: Path, **options: object) -> tuple[Counter[str], Problems]:
    problems = Problems()
    source = CaptureSource(paths, problems, **options)
    return Counter(event.kind for event in source), problems


def test_two_futures_captures_give_every_quote_change_and_print(raw: Path) -> None:
    paths = [raw / "usdm_btcusdt_20240808.gz", raw / "usdm_ethusdt_20240808.gz"]
    kinds, problems = counts(*paths, quotes=Quotes.TICKER)
    outside = problems.left_out.pop("depth diffs outside a known book")
    assert kinds == {
        "SNAPSHOT": 66_089 + 53_992,
        "TRADE": 21_313 + 14_076,
        "L2_SNAPSHOT": 2,
        "DEPTH_DIFF": 6_551 + 6_586 - outside,
    }
    assert 0 < outside < 20  # only what came before the snapshots
    assert problems.left_out == {}


def test_a_capture_continues_over_midnight_with_one_snapshot(raw: Path) -> None:
    kinds, problems = counts(
        raw / "spot_nexousdt_20240723.gz", raw / "spot_nexousdt_20240724.gz", quotes=Quotes.TICKER
    )
    assert kinds == {
        "SNAPSHOT": 437 + 33_000,
        "TRADE": 178 + 12_280,
        "L2_SNAPSHOT": 1,
        "DEPTH_DIFF": 1_188 + 66_994,
    }
    assert problems.left_out == {}


def test_trades_that_are_no_market_prints_are_left_out(raw: Path) -> None:
    kinds, problems = counts(
        raw / "usdm_btcusdt_20230404.gz", raw / "usdm_btcusdt_20230405.gz", quotes=Quotes.TICKER
    )
    assert problems.left_out == {"trades that are no market prints": 1}
    assert kinds["TRADE"] == 2_197 + 10_738 - 1
    assert kinds["MARK_PRICE"] == 99 + 415
    assert kinds["DEPTH_DIFF"] == 4_322 + 11_788


def test_without_a_snapshot_no_book_is_guessed(raw: Path) -> None:
    kinds, problems = counts(raw / "spot_btcusdt_20230405.gz")
    assert kinds == {"SNAPSHOT": 8_015, "TRADE": 3_144}
    assert problems.left_out == {"depth diffs outside a known book": 3_929}


@pytest.mark.parametrize(
    ("name", "symbols", "klines"),
    [
        ("usdm_4alts_20210722.gz", ["AKROUSDT", "CTKUSDT", "KEEPUSDT", "SUSHIUSDT"], 67),
        ("usdm_5alts_20210405.gz", ["BATUSDT", "CHRUSDT", "CTKUSDT", "NEOUSDT", "SANDUSDT"], 0),
    ],
)
def test_captures_of_many_symbols_bridge_every_one(
    recordings: Path, name: str, symbols: list[str], klines: int
) -> None:
    path = recordings / "ws_raw_multi" / name
    problems = Problems()
    found = inspect_events(CaptureSource([path], problems))
    assert looks_like_capture(path)
    assert [s.symbol for s in found.symbols] == symbols
    assert [s.events["L2_SNAPSHOT"] for s in found.symbols] == [1] * len(symbols)
    assert all(s.crossed == s.depth_gaps == s.repeated == 0 for s in found.symbols)
    assert problems.left_out.get("kline_1m frames", 0) == klines
    assert "depth gaps" not in problems.left_out


def test_the_top_of_the_book_equals_the_ticker_wherever_ids_meet(raw: Path) -> None:
    """The quotes of the book, against bookTicker read from the raw lines by other means."""
    path = raw / "usdm_btcusdt_20230404.gz"
    tickers: dict[int, tuple[Decimal, ...]] = {}
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        record = json.loads(line.partition(" ")[2])
        if record.get("stream", "").endswith("@bookTicker"):
            data = record["data"]
            tickers[data["u"]] = tuple(Decimal(data[key]) for key in "bBaA")
    met = 0
    for event in CaptureSource([path], Problems(), quotes=Quotes.BOOK):
        quote = event.payload
        if isinstance(quote, Snapshot) and event.update_id in tickers:
            met += 1
            top = (quote.bid_price, quote.bid_qty, quote.ask_price, quote.ask_qty)
            assert top == tickers[event.update_id]
    assert met > 100


def test_joined_quotes_come_in_order_of_their_update_ids(raw: Path) -> None:
    newest = -1
    for event in CaptureSource([raw / "usdm_btcusdt_20230404.gz"], Problems()):
        if event.kind == "SNAPSHOT":
            assert event.update_id is not None
            assert event.update_id > newest
            newest = event.update_id
