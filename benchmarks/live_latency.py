"""From a quote's frame to the bytes of an order, and from an intent to the disk.

    python -m benchmarks.live_latency [--seconds N] [--json]

A whole live session of ten symbols runs at a local exchange in memory: feed, journal, fold,
envelope, router, desk, write protocol, signature. The policy places an order of one symbol at one
quote and takes it out at the next, so that every quote of that symbol leads to a request. Measured
is the time
between the frame that the socket gives and the request as the network gets it, once without the
commit of the intent, whose own time stands beside it with that of a bare ``fsync``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs

from attrs import evolve

from grinder_adapters.binance.permission import PortKind
from grinder_adapters.clock import SystemClock
from grinder_adapters.journal import Journal
from grinder_adapters.local_venue.assembly import VenueOptions, assemble
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.generator import (
    GeneratedMarket,
    GeneratedSymbol,
    GeneratorSettings,
)
from grinder_adapters.local_venue.markets.pacing import Pacer
from grinder_adapters.local_venue.memory import MemoryHttp, MemorySockets
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_adapters.transport import HttpAnswer, WebSocket
from grinder_app.config.live_plan import LiveFlags, plan_live
from grinder_app.config.load import load_settings
from grinder_app.live.session import LiveSession
from grinder_app.live.surroundings import Surroundings
from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.live import SafeMode
from grinder_core.contracts.plan import GridMode, GridPlan, paused

SYMBOLS = 10
EVENTS_PER_S = 60  # of each symbol: a busy hour
TRADED = "COIN5USDT"
FSYNCS = 200


class Toggle:
    """Wants one order of one symbol below the market at one quote, and none at the next."""

    name = "toggle"

    def plan(self, context: PolicyContext) -> GridPlan:
        mid = context.snapshot.mid_price
        if context.open_order_count or context.snapshot.symbol != TRADED:
            return paused(mid, ("TOGGLE",), GridMode.PAUSE)
        return GridPlan.flat(
            center_price=mid,
            spacing_bps=50,
            levels_up=0,
            levels_down=1,
            size_schedule=((Decimal(120) / mid).quantize(Decimal("0.001")),),
            reason_codes=("TOGGLE",),
        )


class Stamps:
    """When a symbol's newest frame came, and how long its requests took from there."""

    def __init__(self) -> None:
        self.frames: dict[str, int] = {}
        self.took_ns: dict[str, list[int]] = {"POST": [], "DELETE": []}
        self.syncs_ns: list[int] = []

    def frame(self, raw: bytes) -> None:
        at = raw.find(b'"s":"')
        if at >= 0 and b'"e":"bookTicker"' in raw:
            symbol = raw[at + 5 : raw.find(b'"', at + 5)].decode()
            self.frames[symbol] = time.perf_counter_ns()

    def request(self, method: str, symbol: str) -> None:
        since = self.frames.pop(symbol, None)
        if since is not None:
            self.took_ns[method].append(time.perf_counter_ns() - since)


class StampedHttp(MemoryHttp):
    """Notes when a request for an order has its bytes."""

    stamps: Stamps

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        if method in self.stamps.took_ns and "/fapi/v1/order" in url:
            query = body.decode() or url.partition("?")[2]
            self.stamps.request(method, parse_qs(query)["symbol"][0])
        return await super().request(method, url, headers, body, timeout_ms)


class StampedSocket:
    """Notes when a frame comes out of a socket."""

    def __init__(self, inner: WebSocket, stamps: Stamps) -> None:
        self._inner, self._stamps = inner, stamps

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def receive(self) -> object:
        frame = await self._inner.receive()
        raw = getattr(frame, "data", frame)
        if isinstance(raw, bytes):
            self._stamps.frame(raw)
        return frame


class StampedSockets(MemorySockets):
    """Opens such sockets."""

    stamps: Stamps

    async def connect(self, url: str, timeout_ms: int) -> WebSocket:
        return StampedSocket(await super().connect(url, timeout_ms), self.stamps)  # type: ignore[return-value]


class Timed(Journal):
    """Measures what a commit takes; or does not wait for it, so that all else can be measured."""

    stamps: Stamps
    waits = False

    async def sync(self) -> None:
        if not self.waits:
            return
        began = time.perf_counter_ns()
        await super().sync()
        self.stamps.syncs_ns.append(time.perf_counter_ns() - began)


def quantile_us(values: list[int], share: float) -> float:
    """Return a quantile in microseconds."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] / 1_000 if ordered else 0.0


async def measure(seconds: float, folder: Path, *, waits: bool) -> Stamps:
    """Run a session, and return what was measured after its first second."""
    clock, stamps = SystemClock(), Stamps()
    listed = [evolve(LOCAL_SYMBOLS[1], symbol=f"COIN{n}USDT") for n in range(SYMBOLS)]
    symbols = tuple(instrument.symbol for instrument in listed)
    venue = assemble(VenueOptions(deposit=Decimal(1_000_000), instruments=listed))
    market = GeneratedMarket(
        GeneratorSettings(
            seed=1,
            start_ms=clock.now_ms(),
            duration_ms=int(seconds * 1_000) + 60_000,
            symbols={
                symbol: GeneratedSymbol(start_price=Decimal(3_000), events_per_s=EVENTS_PER_S)
                for symbol in symbols
            },
        ),
        listed,
    )
    StampedHttp.stamps = StampedSockets.stamps = Timed.stamps = stamps
    Timed.waits = waits
    feeding = asyncio.create_task(MarketFeed(venue, clock, Pacer()).run(market))
    session = _session(venue, clock, folder, symbols)
    try:
        await session.run(seconds)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    return stamps


def _session(
    venue: LocalVenue, clock: SystemClock, folder: Path, symbols: tuple[str, ...]
) -> LiveSession:
    sets = {
        "gates.max_orders_per_minute": "100000",
        "gates.cooldown_ms": "0",
        "gates.max_notional_total": "1000000",
        "risk.initial_capital": "1000000",
        "risk.max_drawdown_pct": "50",
        "gates.max_spread_bps": "10000",
        "gates.max_price_impact_bps": "10000",
        "app.state_dir": str(folder),
    }
    settings = load_settings(None, environment={}, flags=sets)
    flags = LiveFlags(
        armed=True,
        mode=SafeMode.LIVE_TRADE,
        exchange_port=PortKind.SIM,
        symbols=symbols,
        rest_url="http://127.0.0.1",
        ws_url="ws://127.0.0.1",
    )
    world = Surroundings(
        clock=clock,
        transport=lambda: StampedHttp(venue, clock, asyncio.sleep),
        sockets=lambda _: StampedSockets(venue, clock),
        open_journal=Timed.open,
    )
    plan = plan_live(flags, settings, {})
    plan = evolve(plan, live=evolve(plan.live, target_leverage=1))
    return LiveSession(
        plan,
        world,
        "http://127.0.0.1",
        "ws://127.0.0.1",
        lambda kind, text: None,
        version="0",
        policy=Toggle(),
        policy_name="toggle",
    )


def fsync_us(folder: Path) -> list[int]:
    """Return how long this disk takes to keep four kilobytes, nanoseconds."""
    took = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(FSYNCS):
            file.write(b"x" * 4_096)
            began = time.perf_counter_ns()
            os.fsync(file.fileno())
            took.append(time.perf_counter_ns() - began)
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = asyncio.run(measure(given.seconds, folder / "bare", waits=False))
        synced = asyncio.run(measure(given.seconds, folder / "synced", waits=True))
        disk = fsync_us(folder)
    rows = {
        "tick to order": bare.took_ns["POST"],
        "tick to cancel": bare.took_ns["DELETE"],
        "tick to order, intent on disk": synced.took_ns["POST"],
        "commit of an intent": synced.syncs_ns,
        "bare fsync of 4 kB": disk,
    }
    table = {
        what: {
            "n": len(values),
            "p50_us": round(quantile_us(values, 0.5), 1),
            "p99_us": round(quantile_us(values, 0.99), 1),
        }
        for what, values in rows.items()
    }
    if given.json:
        print(json.dumps(table))
        return
    for what, row in table.items():
        print(f"{what:32} n {row['n']:6}  p50 {row['p50_us']:9.1f} us  p99 {row['p99_us']:9.1f} us")


if __name__ == "__main__":
    main()
