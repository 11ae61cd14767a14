"""A long live run at an exchange of another process, with faults; then everything agrees.

    python -m tests.crash.endurance [--minutes 10] [--symbols 10] [--seed 1] [--folder DIR]

``grinder live run`` trades as an operator would start it. Afterwards ``grinder replay --journal``
must say the same again, and orders, fills, fees, positions and money of the session must be those
of the exchange. Printed are the counts; the exit code is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from attrs import evolve

from grinder_adapters.clock import SystemClock
from grinder_adapters.local_venue.assembly import VenueOptions, assemble
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.generator import (
    GeneratedMarket,
    GeneratedSymbol,
    GeneratorSettings,
)
from grinder_adapters.local_venue.markets.pacing import Pacer
from grinder_adapters.local_venue.server import VenueServer
from grinder_core.venue.exchange.settings import ExchangeSettings
from tests.crash.exchange import Books, rough
from tests.crash.judge import judge
from tests.crash.statement import Statement

DEPOSIT = 100_000
PRICE = Decimal(3_000)
CALM_S = 25  # the session's end is cleared up without faults, as a drain is
SETTINGS = """
[policies]
spacing_bps = 3
levels = 3
notional_per_level = "150"
recenter_bps = 6

[gates]
max_orders_per_minute = 900
cooldown_ms = 50
max_notional_per_symbol = "3000"
max_notional_total = "30000"
daily_loss_limit = "9000"
max_price_impact_bps = 2000

[risk]
initial_capital = "100000"
"""


def listed(count: int) -> list[object]:
    """Return that many instruments."""
    return [evolve(LOCAL_SYMBOLS[1], symbol=f"COIN{n}USDT") for n in range(count)]


def serve(count: int, seed: int, pipe: Connection) -> None:
    """Run the exchange until told to stop; the body of its process."""
    asyncio.run(_serve(count, seed, pipe))


async def _serve(count: int, seed: int, pipe: Connection) -> None:
    clock = SystemClock()
    instruments = listed(count)
    symbols = tuple(i.symbol for i in instruments)  # type: ignore[attr-defined]
    venue = assemble(
        VenueOptions(
            deposit=Decimal(DEPOSIT),
            instruments=instruments,  # type: ignore[arg-type]
            seed=seed,
            rules=ExchangeSettings(history=10**6),
        )
    )
    server = VenueServer(venue, clock)
    address = await server.start()
    markets = {
        symbol: GeneratedSymbol(start_price=PRICE, volatility_bps=30, events_per_s=20)
        for symbol in symbols
    }
    market = GeneratedMarket(
        GeneratorSettings(seed=seed, start_ms=clock.now_ms(), symbols=markets),
        instruments,  # type: ignore[arg-type]
    )
    feeding = asyncio.create_task(MarketFeed(venue, server.clock, Pacer()).run(market))
    books, keep = Books(venue), True
    pipe.send(address)
    while keep:
        await asyncio.sleep(0.1)
        books.look()
        if feeding.done():
            feeding.result()
        while pipe.poll():
            asked = pipe.recv()
            if asked == "rough":
                venue.set_plan(rough(seed, symbols, server.clock.now_ms()))
            elif asked == "calm":
                venue.set_plan(FaultPlan(()))
            keep = asked != "stop"
            pipe.send(books.statement())
    feeding.cancel()
    await asyncio.gather(feeding, return_exceptions=True)
    await server.close()


def main() -> int:
    """Run it, print, and say whether everything agrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--symbols", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="grinder-endurance-"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "grinder.toml").write_text(SETTINGS)
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=serve, args=(given.symbols, given.seed, there))
    process.start()
    address = here.recv()
    ask(here, "rough")
    seconds = given.minutes * 60
    names = ",".join(f"COIN{n}USDT" for n in range(given.symbols))
    command = [
        *(sys.executable, "-m", "grinder_app", "live", "run", "--armed", "--mode", "live_trade"),
        *("--exchange-port", "sim", "--symbols", names, "--state-dir", "state"),
        *("--rest-url", address, "--ws-url", address.replace("http", "ws", 1)),
        *("--duration", str(seconds), "--json"),
    ]
    began = time.monotonic()
    live = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    time.sleep(max(seconds - CALM_S, seconds / 2))
    faults = ask(here, "look").faults
    ask(here, "calm")
    out, _ = live.communicate()
    told = ask(here, "stop")
    process.join()
    print(out.strip().splitlines()[-1] if out.strip() else "it said nothing")
    state = folder / "state" / "sim"
    replay = subprocess.run(
        [sys.executable, "-m", "grinder_app", "replay", "--journal", str(state), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    print(replay.stdout.strip() or replay.stderr.strip())
    wrong = [] if live.returncode == 0 else [f"live run ended with {live.returncode}"]
    wrong += [] if replay.returncode == 0 else [f"replay ended with {replay.returncode}"]
    wrong += judge(state, None, told)  # type: ignore[arg-type]
    counts = {
        "seconds": round(time.monotonic() - began),
        "orders": len(told.orders),
        "open": sum(not order.is_closed for order in told.orders),
        "fills": len(told.fills),
        "positions": {s: str(q) for s, q in told.positions.items() if q},
        "requests": told.requests,
        "faults": sum(faults.values()),
        "wrong": wrong,
        "folder": str(folder),
    }
    print(json.dumps(counts))
    return 1 if wrong else 0


def ask(pipe: Connection, what: str) -> Statement:
    """Tell the exchange something; return what it has on record."""
    pipe.send(what)
    answer: Statement = pipe.recv()
    return answer


if __name__ == "__main__":
    sys.exit(main())
