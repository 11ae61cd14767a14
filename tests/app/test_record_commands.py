"""``grinder data record`` and ``grinder live feed`` over sockets, and that neither can trade."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from attrs import evolve
from hypothesis import given, settings

from grinder_adapters.binance.feed import BinanceFeed
from grinder_adapters.binance.hosts import VenueUrls
from grinder_adapters.clock import SystemClock
from grinder_adapters.feeds.hour_files import SEGMENTS
from grinder_adapters.feeds.recorder import Recorder, RecorderSettings
from grinder_adapters.feeds.stream_gaps import GapFile
from grinder_adapters.local_venue.assembly import VenueOptions, assemble, generated
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.pacing import Pacer
from grinder_adapters.local_venue.server import VenueServer
from grinder_app.cli import run
from grinder_app.runner.data import open_data
from grinder_app.runner.live_feed import LiveFeatures
from grinder_app.runner.market_options import MarketPlan
from grinder_app.runner.record import RecordPlan, _Recording, record
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import InputError
from grinder_core.indicators.settings import IndicatorSettings
from grinder_core.session.session import Session
from tests.support import virtual_time
from tests.support.factories import mid_quote
from tests.support.strategies import quotes

ROOT = Path(__file__).resolve().parents[2]
START = 1_735_689_600_000
SYMBOLS = ("BTCUSDT", "DOGEUSDT")
STREAMS = ("quotes", "trades", "depth", "marks")
GRID = ("--set", "policies.spacing_bps=2", "--set", "policies.notional_per_level=300")


@contextmanager
def served() -> Iterator[str]:
    """The local exchange on a thread, twenty times as fast as real; yields its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def opened() -> tuple[VenueServer, str, asyncio.Task[None]]:
        venue = assemble(VenueOptions())
        server = VenueServer(venue, SystemClock())
        address = await server.start()
        feed = MarketFeed(venue, server.clock, Pacer(speed_x100=2_000))
        return server, address, asyncio.create_task(feed.run(generated(SYMBOLS, 3, START)))

    async def closed(server: VenueServer, feeding: asyncio.Task[None]) -> None:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await server.close()

    try:
        server, address, feeding = asyncio.run_coroutine_threadsafe(opened(), loop).result()
        yield address
        asyncio.run_coroutine_threadsafe(closed(server, feeding), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as found:
        yield found


def a_plan(address: str, out: Path, duration_s: float = 0) -> RecordPlan:
    urls = VenueUrls(address, address.replace("http", "ws", 1))
    market = MarketPlan(urls=urls, symbols=SYMBOLS, streams=STREAMS, duration_s=duration_s)
    return RecordPlan(market=market, out=out)


def record_some(address: str, out: Path, *more: str) -> int:
    options = ("--symbols", ",".join(SYMBOLS), "--out", str(out), "--url", address)
    return run(["data", "record", *options, "--duration", "0.5", *more])


def test_a_recording_replays_to_the_digest_of_the_session_that_ran_beside_it(
    address: str, tmp_path: Path
) -> None:
    live = Session(EngineConfig())
    plan = a_plan(address, tmp_path, duration_s=1)
    report = asyncio.run(record(plan, SystemClock(), live.feed))
    replay = Session(EngineConfig())
    replay.run(open_data(report.files))
    assert replay.digest == live.digest
    assert replay.output_count == live.output_count > 50
    assert report.events.keys() == {(symbol, stream) for symbol in SYMBOLS for stream in STREAMS}
    assert sum(report.events.values()) == len(list(open_data(report.files)))


def test_a_signal_ends_a_recording_well(address: str, tmp_path: Path) -> None:
    heard = []

    def on_event(event: Event) -> None:
        heard.append(event)
        if len(heard) == 100:
            os.kill(os.getpid(), signal.SIGINT)

    report = asyncio.run(record(a_plan(address, tmp_path), SystemClock(), on_event))
    assert [event.payload for event in open_data(report.files)] == [e.payload for e in heard]


def test_what_is_recorded_opens_everywhere_and_goes_on(
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    out = Path("btc")
    assert record_some(address, out) == 0
    assert "Recorded into btc" in capsys.readouterr().out
    assert record_some(address, out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    streams = {(gap["symbol"], gap["stream"]) for gap in told["gaps"]}
    assert streams == {(symbol, stream) for symbol in SYMBOLS for stream in STREAMS}
    assert {gap["reason"] for gap in told["gaps"]} == {"restart"}
    assert told["files"] == [str(path) for path in sorted(out.glob("*.parquet"))]
    assert run(["paper", "--data", *told["files"], *GRID, "--no-report"]) == 0
    assert (
        run(["venue", "serve", "--data", *told["files"], "--port", "0", "--duration", "0.1"]) == 0
    )


def test_chosen_streams_are_all_that_comes(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record_some(address, tmp_path / "out", "--streams", "quotes", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told["events"]) == {f"{symbol} quotes" for symbol in SYMBOLS}


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--symbols", "BTCUSDT", "--url", "http://127.0.0.1:9"], 4, "cannot be reached"),
        (["--symbols", "NOPEUSDT"], 2, "--symbols = 'NOPEUSDT': is not listed there"),
        (["--symbols", " ,"], 2, "--symbols: must name at least one"),
        (["--symbols", "BTCUSDT", "--streams", "news"], 2, "must be of quotes, trades"),
        (["--symbols", "BTCUSDT", "--streams", ""], 2, "--streams: must name at least one"),
        (["--symbols", "BTCUSDT", "--ws-url", "wss://fstream.binance.com"], 2, "is of class"),
        (["--symbols", "BTCUSDT", "--url", "http://example.org"], 2, "must be encrypted"),
    ],
)
def test_what_cannot_be_recorded_is_told(
    address: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    words: str,
) -> None:
    url = [] if "--url" in options else ["--url", address]
    assert run(["data", "record", "--out", str(tmp_path / "out"), *url, *options]) == code
    assert words in capsys.readouterr().err


def test_a_quiet_market_is_flushed_all_the_same(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, RecorderSettings(flush_ms=1_000))

    async def scene(recording: _Recording) -> None:
        flushing = asyncio.create_task(recording.keep_flushing())
        recorder.add(mid_quote(1_000, "100"))
        await asyncio.sleep(0.9)
        assert recorder.events == 0
        await asyncio.sleep(0.2)
        assert recorder.events == 1
        flushing.cancel()
        await recording.close()

    with ThreadPoolExecutor(1) as thread:
        recording = _Recording(recorder, thread, RecorderSettings(flush_ms=1_000), lambda e: None)
        virtual_time.run(scene(recording))


@pytest.mark.parametrize(
    ("losses", "gaps"),
    [
        ((), []),
        ((500,), []),  # nothing was heard before
        ((1_500,), [(1_000, 2_000)]),
        ((2_000,), [(2_000, 3_000)]),  # what came in that very moment was on the way
        ((1_200, 1_800), [(1_000, 2_000)]),
        ((1_500, 2_500), [(1_000, 2_000), (2_000, 3_000)]),
        ((3_500,), []),  # nothing was heard after
    ],
)
def test_a_gap_lies_where_the_connection_was_lost(
    tmp_path: Path, losses: tuple[int, ...], gaps: list[tuple[int, int]]
) -> None:
    """Whenever the loss is noticed: here before any of the events is read."""

    async def events() -> AsyncIterator[Event]:
        for ts in (1_000, 2_000, 3_000):
            yield mid_quote(ts, "100")

    async def scene(recording: _Recording) -> None:
        for ms in losses:
            recording.lost(ms)
        await recording.receive(cast(BinanceFeed, SimpleNamespace(iter_events=events)))
        await recording.close()

    recorder = Recorder(tmp_path)
    with ThreadPoolExecutor(1) as thread:
        virtual_time.run(scene(_Recording(recorder, thread, RecorderSettings(), lambda e: None)))
    found = GapFile(tmp_path).read()
    assert [(gap.from_ms, gap.to_ms) for gap in found] == gaps
    assert {gap.reason for gap in found} <= {"reconnect"}


def test_a_disk_that_fails_under_way_ends_the_recording(address: str, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def on_event(event: Event) -> None:
        if (out / SEGMENTS).exists():
            (out / SEGMENTS).rename(out / "moved")

    plan = evolve(a_plan(address, out, duration_s=30), settings=RecorderSettings(events_max=50))
    with pytest.raises(InputError, match="its folder does not exist"):
        asyncio.run(record(plan, SystemClock(), on_event))


# -- live feed -----------------------------------------------------------------------------------


def test_the_feed_prints_what_quotes_tell(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--symbols", "BTCUSDT", "--url", address, "--duration", "0.4")
    assert run(["live", "feed", *options, "--json"]) == 0
    *updates, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert len(updates) == last["stats"]["ticks"] > 10
    assert {update["symbol"] for update in updates} == {"BTCUSDT"}
    assert run(["live", "feed", *options]) == 0
    out = capsys.readouterr().out
    assert "BTCUSDT mid " in out
    assert "Live feed" in out


def test_a_feed_that_nobody_serves_is_unreachable() -> None:
    assert run(["live", "feed", "--symbols", "BTCUSDT", "--url", "http://127.0.0.1:9"]) == 4


@settings(max_examples=40)
@given(quotes(symbols=("AAAUSDT", "BBBUSDT"), min_size=5, max_size=40))
def test_features_are_those_of_a_session_on_the_same_quotes(stream: list[Event]) -> None:
    indicators = IndicatorSettings(
        feature_engine_enabled=True, period=2, range_horizon=2, bar_interval_ms=1_000
    )
    session = Session(EngineConfig(indicators=indicators))
    watched = LiveFeatures(indicators)
    last_bar: dict[str, int] = {}
    bars = 0
    for event in stream:
        assert isinstance(event.payload, Snapshot)
        symbol, bar = event.payload.symbol, event.payload.ts // 1_000
        delayed = Event(event.ts_ms + 7, event.payload, event.seq, event.ts_ms + 7)
        update = watched.on_event(delayed)
        session.feed(event)
        assert update is not None
        assert update.features == session.engine.hot.symbols[symbol].last_features
        assert update.bar_completed is (last_bar.setdefault(symbol, bar) != bar)
        bars += update.bar_completed
        last_bar[symbol] = bar
        assert update.is_warmed_up is (update.bars_available >= 3)
        assert (update.ts, update.symbol, update.latency_ms) == (event.ts_ms, symbol, 7)
    assert (watched.ticks, watched.bars, watched.latency_max_ms) == (len(stream), bars, 7)


# -- the read-only rule --------------------------------------------------------------------------


def closure(*modules: str) -> set[str]:
    """Every module of the product that some modules import, however indirectly."""
    seen, waiting = set[str](), list(modules)
    while waiting:
        name = waiting.pop()
        path = ROOT / f"{name.replace('.', '/')}.py"
        if not path.is_file():
            path = path.with_suffix("") / "__init__.py"
        if name in seen or not name.startswith("grinder_") or not path.is_file():
            continue
        seen.add(name)
        parents = name.split(".")
        waiting += [".".join(parents[:count]) for count in range(1, len(parents))]
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
    return seen


def test_neither_recording_nor_watching_can_reach_a_write_path() -> None:
    found = closure(
        "grinder_adapters.feeds.recorder",
        "grinder_app.runner.record",
        "grinder_app.runner.live_feed",
    )
    assert "grinder_adapters.binance.link" in found  # the closure is one
    writing = ("orders_port", "writes", "write_calls", "order_requests", "account_port")
    assert not found & {f"grinder_adapters.binance.{name}" for name in writing}
