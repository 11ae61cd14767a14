"""A long live run at an exchange of another process, with faults; then everything agrees.

    python -m tests.crash.endurance [--minutes 10] [--symbols 10] [--seed 1] [--folder DIR]
    python -m tests.crash.endurance --only-explain DIR

``grinder live run`` trades as an operator would start it, while money comes and goes and funding is
settled. Afterwards ``grinder replay --journal`` must say the same again; orders, fills, fees,
positions and money of the session must be those of the exchange. While that still lives, ``grinder
report settle`` must explain every cent and ``grinder compare`` every difference from replay and
backtest: at once, when the newest entries may be pending, and again once the list has caught up.
Printed are the counts; the exit code is 1 if anything differs.

The short form holds a session that is over (its folder) against its replay and backtest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from decimal import Decimal
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from attrs import evolve

from grinder_adapters.clock import SystemClock
from grinder_adapters.local_venue.assembly import VenueOptions, assemble
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.generator import (
    GeneratedMarket,
    GeneratedSymbol,
    GeneratorSettings,
)
from grinder_adapters.local_venue.markets.pacing import Pacer
from grinder_adapters.local_venue.server import VenueServer
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_core.numbers import exact
from grinder_core.venue.exchange import market as exchange_market
from grinder_core.venue.exchange.settings import ExchangeSettings
from tests.crash.exchange import Books, rough
from tests.crash.explaining import Explained, backtested, replayed, settled
from tests.crash.judge import judge
from tests.crash.statement import Statement

DEPOSIT = 100_000
PRICE = Decimal(3_000)
CALM_S = 25  # the session's end is cleared up without faults, as a drain is
QUIET_S = 160  # before the end money stops to move, so that the list can tell what frames lost
LISTED_S = 70  # after which the list of income has caught up
FUNDING_S = 17
FUNDING_RATE = Decimal("0.0003")
MONEY = ((23_000, Decimal(250)), (31_000, Decimal("-123.45678901")))
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
    funded_ms, is_quiet = server.clock.now_ms(), False
    while keep:
        await asyncio.sleep(0.1)
        books.look()
        now = server.clock.now_ms()
        if now - funded_ms >= FUNDING_S * 1_000 and not is_quiet:
            funded_ms = now
            fund(venue, symbols, now)
        if feeding.done():
            feeding.result()
        while pipe.poll():
            asked = pipe.recv()
            if asked == "rough":
                venue.set_plan(troubles(seed, symbols, server.clock.now_ms()))
            elif asked == "quiet":
                venue.set_plan(rough(seed + 1, symbols, server.clock.now_ms()))
                is_quiet = True
            elif asked == "calm":
                venue.set_plan(FaultPlan(()))
                is_quiet = True
            keep = asked != "stop"
            pipe.send(books.statement())
    feeding.cancel()
    await asyncio.gather(feeding, return_exceptions=True)
    await server.close()


def fund(venue: LocalVenue, symbols: tuple[str, ...], now: int) -> None:
    """Settle funding, with no regard to the hour."""
    with exact():
        venue.exchange.floor.now = max(venue.exchange.floor.now, now)
        for symbol in symbols:
            exchange_market.settle(venue.exchange.floor, symbol, FUNDING_RATE)
    venue.push(now)


def troubles(seed: int, symbols: tuple[str, ...], started_at: int) -> FaultPlan:
    """Return what goes wrong; and money comes and goes meanwhile."""
    moved = tuple(
        Fault(kind=FaultKind.DEPOSIT, match=Match(from_ms=every, every_ms=every), amount=amount)
        for every, amount in MONEY
    )
    plan = rough(seed, symbols, started_at)
    return FaultPlan((*plan.faults, *moved), seed=seed, started_at=started_at)


def explained(state: Path, keep: Path | None) -> list[Explained]:
    """Hold a session against its replay and its backtest."""
    found = [replayed(state), backtested(state, keep)]
    for one in found:
        print(one, flush=True)
    return found


def main() -> int:
    """Run it, print, and say whether everything agrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--symbols", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only-explain", type=Path)
    given = parser.parse_args()
    if given.only_explain is not None:
        folder = given.only_explain
        found = explained(folder / "state" / "sim", folder / "backtest.json")
        return 1 if any(one.wrong for one in found) else 0
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
        *("--duration", str(seconds), "--http-port", "0", "--json"),
    ]
    began = time.monotonic()
    with (folder / "live.err").open("wb") as said:
        live = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=said, text=True)
        quiet, calm = max(seconds - QUIET_S, seconds / 2), max(seconds - CALM_S, seconds / 2)
        time.sleep(quiet)
        faults = Counter(ask(here, "look").faults)
        ask(here, "quiet")
        time.sleep(calm - quiet)
        faults += Counter(ask(here, "look").faults)
        ask(here, "calm")
        out, _ = live.communicate()
    told = ask(here, "look")
    ended = time.monotonic()
    print(out.strip().splitlines()[-1] if out.strip() else "it said nothing", flush=True)
    state = folder / "state" / "sim"
    replay = subprocess.run(
        [sys.executable, "-m", "grinder_app", "replay", "--journal", str(state), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    print(replay.stdout.strip() or replay.stderr.strip(), flush=True)
    wrong = [] if live.returncode == 0 else [f"live run ended with {live.returncode}"]
    wrong += [] if replay.returncode == 0 else [f"replay ended with {replay.returncode}"]
    parts = [settled(state, address, is_listed=False)]
    print(parts[0], flush=True)
    wrong += judge(state, None, told, parts[0].funding)  # type: ignore[arg-type]
    parts += explained(state, folder / "backtest.json")
    time.sleep(max(LISTED_S - (time.monotonic() - ended), 0))
    parts.append(settled(state, address, is_listed=True))
    print(parts[-1], flush=True)
    ask(here, "stop")
    process.join()
    wrong += [f"{one.what}: {what}" for one in parts for what in one.wrong]
    counts = {
        "seconds": round(ended - began),
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
