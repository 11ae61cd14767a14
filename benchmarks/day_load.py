"""Memory of a live day stays where its first hour left it.

    python -m benchmarks.day_load [--hours 24] [--json]

The adapter of the real venue against the local exchange, in one process under virtual time: the
market streams of four symbols with their books, the user stream, and a trader that places, amends
and cancels and remembers only what rests. After each hour of theirs the resident size of the
process is read, with the number of things that either side keeps. Everything that the client is
told is checked at the end: the orders it holds are those that the exchange holds.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
from collections import Counter
from contextlib import closing, suppress
from decimal import Decimal
from random import Random
from time import perf_counter
from typing import Any, Final

import psutil  # type: ignore[import-untyped]

from benchmarks.day_market import SLOT_MS, DayMarket
from benchmarks.day_trader import STRATEGY, DayTrader
from grinder_adapters.binance.account_port import AccountPort, listen_key_calls
from grinder_adapters.binance.endpoints import DEPTH, Request
from grinder_adapters.binance.feed import BinanceFeed, FeedSettings
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.permission import own_simulator
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_depth
from grinder_adapters.binance.rest_records import DepthAnswer
from grinder_adapters.binance.signing import Secret, Signer
from grinder_adapters.binance.spec import IdentityCodec
from grinder_adapters.binance.user_events import FuturesOrderEvent
from grinder_adapters.binance.user_stream import Gap, UserStream, UserStreamSettings
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_adapters.binance.writes import Writer
from grinder_adapters.local_venue.assembly import LOCAL_KEY, VenueOptions, assemble
from grinder_adapters.local_venue.memory import HOST, MemoryHttp, MemorySockets
from grinder_adapters.write_archive import SqliteArchive
from grinder_core.contracts.enums import RiskIntent
from grinder_core.contracts.market import Snapshot
from grinder_core.resilience.archived import ArchivedStore
from grinder_core.resilience.budget import BudgetWindow
from grinder_core.resilience.idempotency import Entry, IdempotencySettings
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings
from tests.support.virtual_time import VirtualClock, run

HOUR_MS: Final = 3_600_000
SEED: Final = 7
STREAMS: Final = ("bookTicker", "depth@100ms", "aggTrade")
STREAM_URL: Final = HOST.replace("http", "ws", 1)
RECONCILE_EVERY_S: Final = 60.5  # not at the moment of an order


class Nobody:
    """A witness that keeps and stops nothing."""

    async def record(self, entry: Entry, call: object) -> None:
        """Keep nothing."""

    def refusal(self, risk: RiskIntent, symbol: str) -> str:
        """Stop nothing."""
        return ""


class DayLoad:
    """Both sides, the market between them, and what was measured.

    Attributes:
        counts: What happened since the start.
        rows: One an hour.
    """

    def __init__(self, hours: int, archive: SqliteArchive) -> None:
        self.hours, self.archive = hours, archive
        self.clock = VirtualClock()
        self.venue = assemble(VenueOptions(deposit=Decimal(10**6), seed=SEED))
        self.floor = self.venue.exchange.floor
        self.generation = 0
        self.counts: Counter[str] = Counter()
        self.rows: list[dict[str, Any]] = []
        self.began = perf_counter()

    async def live(self) -> None:
        """Live through the hours."""
        guard = WriteGuard(MemoryHttp(self.venue, self.clock, asyncio.sleep), HOST)
        signer = Signer(Secret(LOCAL_KEY.key), Secret(LOCAL_KEY.secret))
        self.client = RestClient(guard, self.clock, asyncio.sleep, signer=signer)
        for window in BudgetWindow:
            self.client.budget.observe(window, 0, self.client.now())
        await self.client.venue_clock.sync()
        guard.arm(own_simulator())
        self.store = ArchivedStore(IdempotencySettings(), archive=self.archive)
        writer = Writer(self.client, self.store, Nobody())
        self.port = ExecutionPort(self.client, writer, IdentityCodec({STRATEGY}))
        self.account = AccountPort(self.client)
        instruments = self.floor.instruments
        self.trader = DayTrader(self.port, self.clock, instruments, self.counts, SEED)
        self.stream, self.feed = self._stream(), self._feed()
        works = (self._listen(), self._watch(), self.trader.trade(), self._reconcile())
        tasks = [asyncio.create_task(work) for work in works]
        await self._move_market()
        self._check()
        await asyncio.gather(self.feed.close(), self.stream.close())
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.client.close()

    async def _move_market(self) -> None:
        market = DayMarket(SEED, self.clock.now_ms(), self.hours * HOUR_MS)
        for slot, (ts, events) in enumerate(market, 1):
            await asyncio.sleep((ts - self.clock.now_ms()) / 1000)
            self.venue.tick(ts)
            for event in events:
                self.venue.on_event(event, ts)
            self.counts["market_events"] += len(events)
            if slot * SLOT_MS % HOUR_MS == 0:
                await asyncio.sleep(SLOT_MS / 2000)  # the client hears of it
                self._measure(slot * SLOT_MS // HOUR_MS)

    # -- listening -----------------------------------------------------------------------------

    def _network(self, seed: int) -> Network:
        sockets = MemorySockets(self.venue, self.clock)
        return Network(sockets, self.clock, ReconnectLimiter(ReconnectSettings()), Random(seed))

    def _stream(self) -> UserStream:
        calls = listen_key_calls(self.account)
        return UserStream(self._network(1), STREAM_URL, calls, UserStreamSettings())

    def _feed(self) -> BinanceFeed:
        async def fetch(symbol: str) -> DepthAnswer:
            request = Request(DEPTH, {"symbol": symbol, "limit": "1000"})
            now = self.client.now
            return await self.client.read(request, lambda body: read_depth(body, symbol, now()))

        return BinanceFeed(self._network(2), STREAMS, STREAM_URL, fetch, FeedSettings())

    async def _watch(self) -> None:
        self.feed.subscribe(self.floor.instruments)
        await self.feed.connect()
        async for event in self.feed.iter_events():
            self.counts["events_seen"] += 1
            if isinstance(event.payload, Snapshot):
                self.trader.quotes[event.payload.symbol] = event.payload

    async def _listen(self) -> None:
        await self.stream.connect()
        async for item in self.stream.events():
            if isinstance(item, Gap):
                self.generation = item.generation
                await self._merge(item.generation)
                continue
            self.counts["user_events"] += 1
            if isinstance(item.event, FuturesOrderEvent):
                self.trader.hear(item.event)

    async def _reconcile(self) -> None:
        """Ask for what a live process asks each minute: orders, positions, trades (LIVE-20)."""
        while True:
            await asyncio.sleep(RECONCILE_EVERY_S)
            await self.port.open_orders()
            await self.account.positions()
            await self._merge(self.generation)

    async def _merge(self, generation: int) -> None:
        """Take in all trades since the cursor; that closes a gap."""
        fold, newest = self.stream.fold, dict[str, int]()
        for symbol in self.floor.instruments:
            for row in await self.account.trades(symbol, fold.cursors.get(symbol, 0) + 1):
                if fold.book_fill(symbol, row.trade_id):
                    self.trader.book(symbol, row.side, row.qty)
                newest[symbol] = row.trade_id
        self.stream.merged(generation, newest)
        self.counts["merges"] += 1

    # -- measuring -----------------------------------------------------------------------------

    def _measure(self, hour: int) -> None:
        gc.collect()
        size = psutil.Process().memory_info().rss
        seconds = round(perf_counter() - self.began, 1)
        row = {"hour": hour, "rss_mb": round(size / 2**20, 2), "seconds": seconds}
        self.rows.append({**row, "counts": dict(self.counts), "kept": self._kept()})

    def _kept(self) -> dict[str, int]:
        account, fold = self.floor.accounts[LOCAL_KEY.account], self.stream.fold
        return {
            "orders_resting": len(self.trader.resting),
            "writes_in_memory": len(self.store.entries),
            "writes_in_archive": len(self.archive),
            "fills_heard_of": sum(map(len, fold.fills.values())),
            "venue_orders_finished": len(self.floor.closed),
            "venue_trades": len(account.trades),
            "venue_income": len(account.income),
            "venue_amendments": len(account.amendments),
            "venue_requests_logged": len(self.venue.log),
            "venue_klines": sum(
                len(rows)
                for board in self.venue.board
                for candles in (
                    board.candles,
                    board.mark_candles,
                    board.index_candles,
                    board.premium_candles,
                )
                for rows in candles.rows.values()
            ),
        }

    def _check(self) -> None:
        held = {order.client_order_id for order in self.floor.orders.values()}
        if differing := held ^ self.trader.resting.keys():
            raise RuntimeError(f"only one side knows of {sorted(differing)}")


def measure(hours: int) -> dict[str, Any]:
    """Live through so many hours; return what each did, and how the last compares to the first."""
    with closing(SqliteArchive()) as archive:
        load = DayLoad(hours, archive)
        run(load.live(), load.clock)
    first, last = load.rows[0], load.rows[-1]
    events = last["counts"]["market_events"]
    return {
        "hours": load.rows,
        "market_events": events,
        "orders": last["counts"]["orders"],
        "first_hour_mb": first["rss_mb"],
        "end_mb": last["rss_mb"],
        "highest_mb": max(row["rss_mb"] for row in load.rows),
        "ratio": round(last["rss_mb"] / first["rss_mb"], 3),
        "market_events_per_s": round(events / last["seconds"]),
    }


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.hours)
    if options.json:
        print(json.dumps(result))
        return
    rows = result.pop("hours")
    print("hour    RSS MB    market events    orders     fills   seconds")
    for row in rows:
        counts = row["counts"]
        print(
            f"{row['hour']:4} {row['rss_mb']:9.2f} {counts['market_events']:16,}"
            f" {counts['orders']:9,} {counts['fills']:9,} {row['seconds']:9,.1f}"
        )
    for what in ("counts", "kept"):
        print(f"\n{what + ':':26}{'first hour':>12}{'end':>12}")
        for name, end in rows[-1][what].items():
            print(f"  {name:24}{rows[0][what].get(name, 0):12,}{end:12,}")
    print()
    print("  ".join(f"{name} {value:,}" for name, value in result.items()))


if __name__ == "__main__":
    main()
