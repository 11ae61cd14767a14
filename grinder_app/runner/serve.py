"""Running the local exchange as a process: its market, its clock, its end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from attrs import evolve, frozen

from grinder_adapters.aiohttp_transport import AiohttpTransport
from grinder_adapters.clock import Clock, SystemClock
from grinder_adapters.local_venue.assembly import (
    LOCAL_KEY,
    VenueOptions,
    assemble,
    generated,
    load_floor,
    save_floor,
)
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.fault_file import render_faults
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.pacing import Pacer
from grinder_adapters.local_venue.markets.recording import RecordedMarket
from grinder_adapters.local_venue.markets.scenario import read_scenario
from grinder_adapters.local_venue.markets.venue_steps import VenueStep
from grinder_adapters.local_venue.server import VenueServer
from grinder_app.runner.fault_choice import fault_plan
from grinder_core.contracts.event import Event
from grinder_core.errors import ConfigError, ConnectorError
from grinder_core.venue.exchange.account import FeeWallet

TIMEOUT_MS = 5_000
PORT_MAX = 65_535


@frozen(kw_only=True)
class ServePlan:
    """What to serve.

    Attributes:
        fees: Another asset that pays the fees while it lasts.
        faults: A named plan, or the path of a fault file.
        duration_s: 0: until a signal comes.
    """

    data: tuple[Path, ...] = ()
    scenario: Path | None = None
    symbols: tuple[str, ...]
    seed: int = 0
    speed_x100: int = 100
    is_looped: bool = False
    port: int = 0
    deposit: Decimal = Decimal(10_000)
    fees: FeeWallet | None = None
    faults: str = "calm"
    state_path: Path | None = None
    log_path: Path | None = None
    duration_s: float = 0

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.port <= PORT_MAX:
            raise ConfigError(f"must be 0 to {PORT_MAX}", field="--port", value=self.port)
        if not 0 <= self.duration_s < inf:
            raise ConfigError("must be >= 0", field="--duration", value=self.duration_s)


async def serve_venue(plan: ServePlan, ready: Callable[[dict[str, str]], None]) -> None:
    """Serve until the time is over or a signal comes.

    Args:
        ready: Called with address and key pair once it listens.

    Raises:
        InputError: The market, the fault plan or the port cannot be had.
        ArtifactError: The state is damaged.
    """
    clock = SystemClock()
    market = _market(plan, clock)
    options = VenueOptions(
        deposit=plan.deposit,
        fee_wallet=plan.fees,
        seed=plan.seed,
        plan=evolve(fault_plan(plan.faults), started_at=clock.now_ms()),
        log_path=plan.log_path,
    )
    floor = None if plan.state_path is None else load_floor(plan.state_path)
    venue = assemble(options, floor)
    server = VenueServer(venue, clock, port=plan.port)
    address = await server.start()
    feed = MarketFeed(venue, server.clock, Pacer(speed_x100=plan.speed_x100))
    feeding = asyncio.create_task(feed.run(market), name="local venue: market")
    ready(
        {
            "rest": address,
            "ws": address.replace("http", "ws", 1),
            "api_key": LOCAL_KEY.key,
            "api_secret": LOCAL_KEY.secret,
        }
    )
    try:
        await _until_done(plan.duration_s, feeding)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        await server.close()
        venue.log.close()
        if plan.state_path is not None:
            save_floor(venue.exchange.floor, plan.state_path)


def fault_text(plan: str) -> str:
    """Return a plan as the text of a fault file.

    Raises:
        ConfigError: It is neither a name nor a sound file.
    """
    found = fault_plan(plan)
    return render_faults(found.seed, found.faults)


async def put_faults(url: str, text: str) -> dict[str, Any]:
    """Give a plan to an exchange that is running.

    Raises:
        ConfigError: The address is none.
        ConnectorError: Nothing answers there, or no local exchange does.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigError("must be like http://127.0.0.1:8790", field="--url", value=url)
    transport = AiohttpTransport()
    try:
        address = f"{url.rstrip('/')}/grinder/faults"
        answer = await transport.request("PUT", address, {}, text.encode(), TIMEOUT_MS)
    finally:
        await transport.close()
    if answer.status != 200 or "x-grinder-venue" not in answer.headers:
        raise ConnectorError(f"is no local exchange (HTTP {answer.status})", where=url)
    told: dict[str, Any] = orjson.loads(answer.body)
    return told


async def _until_done(duration_s: float, feeding: asyncio.Task[None]) -> None:
    """Wait for the end of the time, a signal, or a market that cannot be read any more."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    waiting = asyncio.create_task(stop.wait())
    try:
        timeout = duration_s or None
        done, _ = await asyncio.wait(
            {waiting, feeding}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
        )
        if feeding in done:
            feeding.result()  # a market that ended well leaves the exchange standing still
            await asyncio.wait({waiting}, timeout=timeout)
    finally:
        waiting.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _market(plan: ServePlan, clock: Clock) -> Iterable[Event | VenueStep]:
    if plan.scenario is not None:
        if plan.data:
            raise ConfigError("cannot be given with --data", field="--scenario")
        return read_scenario(plan.scenario, LOCAL_SYMBOLS)
    if plan.data:
        return RecordedMarket(plan.data, is_looped=plan.is_looped)
    return generated(plan.symbols, plan.seed, clock.now_ms())
