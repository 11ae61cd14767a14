"""The connections of a live session to its venue, opened one after the other (LIVE-08, LIVE-10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

import orjson
from attrs import evolve, frozen

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.endpoints import DEPTH, EXCHANGE_INFO, Request
from grinder_adapters.binance.event_queue import QueueSettings
from grinder_adapters.binance.exchange_rules import ExchangeInfo, read_exchange_info
from grinder_adapters.binance.feed import BinanceFeed, FeedSettings
from grinder_adapters.binance.order_limits import OrderLimits
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.permission import Permission
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_depth
from grinder_adapters.binance.rest_records import DepthAnswer
from grinder_adapters.binance.rest_results import RestSettings
from grinder_adapters.binance.signing import Signer
from grinder_adapters.binance.spec import IdentityCodec
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_adapters.binance.writes import Writer
from grinder_app.config.live_keys import KeyPair
from grinder_app.config.live_settings import LiveSettings
from grinder_app.live.surroundings import Surroundings
from grinder_app.live.witness import JournalWitness
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConnectorError
from grinder_core.orders.identity import OrderIdentityConfig
from grinder_core.orders.router_limits import RouterLimits, parse_router_limits
from grinder_core.resilience.idempotency import IdempotencyStore

DEPTH_LEVELS: Final = 1_000
QUEUE_EVENTS: Final = 256  # a live engine that lags wants the newest quote, not all of them
STREAMS: Final = ("bookTicker", "aggTrade", "markPrice@1s")


@frozen(kw_only=True)
class VenueRules:
    """What the venue says of its symbols and limits."""

    info: ExchangeInfo
    limits: Mapping[str, RouterLimits]


def open_client(
    world: Surroundings,
    rest_url: str,
    keys: KeyPair | None,
    live: LiveSettings,
    stack: AsyncExitStack,
) -> RestClient:
    """Return a client of a venue; it may write nothing until its guard is armed."""
    guard = WriteGuard(world.transport(), rest_url)
    signer = None if keys is None else Signer(keys.key, keys.secret)
    settings = RestSettings(recv_window_ms=live.recv_window_ms)
    client = RestClient(guard, world.clock, world.sleep, signer=signer, settings=settings)
    stack.push_async_callback(client.close)
    return client


async def load_rules(client: RestClient, symbols: Sequence[str]) -> VenueRules:
    """Ask the venue for its rules; its request limits hold from then on.

    Raises:
        ConnectorError: It cannot be asked, or does not list one of the symbols.
    """

    def read(body: bytes) -> VenueRules:
        info = read_exchange_info(body)
        limits, _ = parse_router_limits(orjson.loads(body))
        return VenueRules(info=info, limits=limits)

    rules = await client.read(Request(EXCHANGE_INFO), read)
    for symbol in symbols:
        if symbol not in rules.info.constraints:
            raise ConnectorError("has no lot rules at the venue", field="symbol", value=symbol)
    client.budget.refresh(rules.info.rate_limits)
    return rules


def with_rules(engine: EngineConfig, rules: VenueRules, symbols: Sequence[str]) -> EngineConfig:
    """Return the engine's settings with the venue's lot rules of what is traded."""
    constraints = {symbol: rules.info.constraints[symbol] for symbol in symbols}
    ticks = {symbol: limits.tick_size for symbol in symbols if (limits := rules.limits.get(symbol))}
    return engine.with_values(
        {"symbol_constraints": constraints, "tick_sizes": {**ticks, **engine.orders.tick_sizes}}
    )


async def open_feed(
    world: Surroundings,
    client: RestClient,
    ws_url: str,
    symbols: Sequence[str],
    stack: AsyncExitStack,
    *,
    reads_depth: bool,
) -> BinanceFeed:
    """Connect to the market streams of what is traded."""

    async def fetch_depth(symbol: str) -> DepthAnswer:
        request = Request(DEPTH, {"symbol": symbol, "limit": str(DEPTH_LEVELS)})
        return await client.read(request, lambda body: read_depth(body, symbol, client.now()))

    kinds = [*STREAMS, "depth@100ms"] if reads_depth else list(STREAMS)
    settings = FeedSettings(queue=QueueSettings(queue_events=QUEUE_EVENTS))
    feed = BinanceFeed(world.network(stack), kinds, ws_url, fetch_depth, settings)
    stack.push_async_callback(feed.close)
    feed.subscribe(symbols)
    await feed.connect()
    return feed


def open_port(
    client: RestClient,
    permission: Permission,
    store: IdempotencyStore,
    witness: JournalWitness,
    live: LiveSettings,
    strategy_id: str,
) -> ExecutionPort:
    """Arm the client's guard, and return the one component that sends orders.

    Raises:
        ConnectorNonRetryableError: A guard is missing; all are named.
    """
    ready = evolve(
        permission,
        has_constraints=True,
        simulator_is_identified=client.guard.simulator_is_identified,
    )
    client.guard.arm(ready)
    limits = OrderLimits(live.max_orders_per_run, live.max_open_orders)
    codec = IdentityCodec(
        OrderIdentityConfig(strategy_id=strategy_id, allow_legacy_format=live.allow_legacy_order_id)
    )
    return ExecutionPort(client, Writer(client, store, witness), codec, limits=limits)


async def prepare_account(account: AccountPort, symbols: Sequence[str], leverage: int) -> None:
    """Insist on one-way positions, and set the leverage of what is traded (LIVE-10).

    Raises:
        ConfigError: The account holds long and short positions apart.
        ConnectorError: The venue cannot be asked, or holds another leverage.
    """
    await account.require_one_way()
    for symbol in symbols:
        await account.set_leverage(symbol, leverage)
