"""Checks of the venue: reachable, honest about the time, its rules, the account, the key's rights.

Questions only: the write guard below is never armed, so that nothing but GET leaves (I-07.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_adapters.aiohttp_transport import AiohttpTransport
from grinder_adapters.binance import endpoints, spot_endpoints
from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.endpoints import Request
from grinder_adapters.binance.exchange_rules import ExchangeInfo, load_exchange_info
from grinder_adapters.binance.hosts import VenueClass, VenueUrls
from grinder_adapters.binance.key_rights import KeyRights, ask_key_rights
from grinder_adapters.binance.permission import Credentials, PortKind
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_depth
from grinder_adapters.binance.spec import SPOT, USDM
from grinder_adapters.binance.venue_clock import ClockReading, ClockSettings
from grinder_adapters.binance.waiting import Sleep
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_adapters.clock import Clock, SystemClock
from grinder_adapters.transport import HttpTransport
from grinder_app.config.live_keys import KeyPair
from grinder_app.config.live_plan import LivePlan
from grinder_app.runner.doctor_findings import Finding, failed, fine, warned
from grinder_app.runner.doctor_sizes import examine_listing, examine_sizes
from grinder_core.errors import ConfigError, ConnectorError
from grinder_core.numbers import HALF, exact

SKEW_MAX_MS: Final = ClockSettings().clock_skew_max_ms
DEPTH_LEVELS: Final = "5"
RIGHTS_HOST: Final = SPOT.urls[VenueClass.MAINNET].rest
"""Where the venue tells what a key may do, for futures too."""

_REAL_HOSTS: Final = frozenset(spec.urls[VenueClass.MAINNET].rest for spec in (USDM, SPOT))


@frozen(kw_only=True)
class Reach:
    """How the venue is reached; replaced in tests."""

    transport: Callable[[], HttpTransport] = AiohttpTransport
    clock: Clock = SystemClock()
    sleep: Sleep = asyncio.sleep


async def examine_venue(plan: LivePlan, urls: VenueUrls, reach: Reach) -> AsyncIterator[Finding]:
    """Check a venue for what a plan wants to do there."""
    is_spot = plan.exchange_port is PortKind.SPOT
    async with AsyncExitStack() as stack:
        client = _client(urls.rest, plan.keys, reach, stack, is_spot=is_spot)
        try:
            await client.venue_clock.sync()
        except ConnectorError as error:
            remedy = "check the address and the network; for the local one: grinder venue serve"
            yield failed("venue", f"{urls.rest}: {error}", remedy)
            return
        yield _judge_identity(urls, client.guard)
        if client.venue_clock.reading is not None:
            yield judge_clock(client.venue_clock.reading)
        if is_spot:
            yield warned(
                "exchange rules",
                "not looked at: these checks know USDT-M futures",
                "compare the symbols with the venue's own page",
            )
        else:
            async for finding in _examine_futures(plan, client):
                yield finding
        yield await examine_rights(plan, urls, reach, stack)


def _client(
    url: str, keys: KeyPair | None, reach: Reach, stack: AsyncExitStack, *, is_spot: bool
) -> RestClient:
    guard = WriteGuard(reach.transport(), url)  # never armed
    signer = None if keys is None else keys.signer()
    time = spot_endpoints.TIME if is_spot else endpoints.TIME
    client = RestClient(guard, reach.clock, reach.sleep, signer=signer, time=time)
    stack.push_async_callback(client.close)
    return client


def _judge_identity(urls: VenueUrls, guard: WriteGuard) -> Finding:
    shown = f"{urls.rest} ({urls.venue_class.value})"
    if urls.venue_class is VenueClass.SIM and not guard.simulator_is_identified:
        return failed(
            "venue",
            f"{shown} does not say that it is the local exchange",
            "orders to anything else on loopback are refused: grinder venue serve",
        )
    return fine("venue", f"{shown} answers")


def judge_clock(reading: ClockReading) -> Finding:
    """Judge how far our clock is from the venue's."""
    found = f"{reading.offset_ms:+d} ms from the venue's, +-{reading.error_ms} ms"
    remedy = "let the system keep its clock by NTP"
    if abs(reading.offset_ms) > SKEW_MAX_MS:
        return failed("clock", found, remedy)
    if abs(reading.offset_ms) + reading.error_ms > SKEW_MAX_MS // 2:
        return warned("clock", found, remedy)
    return fine("clock", found)


# -- rules ---------------------------------------------------------------------------------------


async def _examine_futures(plan: LivePlan, client: RestClient) -> AsyncIterator[Finding]:
    listed: list[str] = []
    try:
        info = await load_exchange_info(client)
    except (ConnectorError, ConfigError) as error:
        yield failed("exchange rules", str(error), "try again; without rules nothing is traded")
    else:
        yield _judge_limits(info)
        for symbol in plan.symbols:
            yield await _examine_symbol(plan, symbol, info, client)
        listed = [symbol for symbol in plan.symbols if symbol in info.constraints]
    async for finding in _examine_account(plan, listed, client):
        yield finding


async def _examine_symbol(
    plan: LivePlan, symbol: str, info: ExchangeInfo, client: RestClient
) -> Finding:
    if (problem := examine_listing(symbol, info)) is not None:
        return problem
    try:
        mid = await _mid(client, symbol)
    except ConnectorError as error:
        return failed(f"symbol {symbol}", f"no book: {error}", "try again later")
    return examine_sizes(plan.engine, plan.live, symbol, info.constraints[symbol], mid)


def _judge_limits(info: ExchangeInfo) -> Finding:
    if not info.rate_limits:
        return failed(
            "rate limits", "the venue states none", "do not trade where nobody says the limits"
        )
    limits = ", ".join(f"{window.value} {most}" for window, most in info.rate_limits.items())
    return fine("rate limits", limits)


async def _mid(client: RestClient, symbol: str) -> Decimal | None:
    """Return the middle of a symbol's book; ``None`` where a side is empty."""
    request = Request(endpoints.DEPTH, {"symbol": symbol, "limit": DEPTH_LEVELS})
    answer = await client.read(request, lambda body: read_depth(body, symbol, client.now()))
    bids, asks = answer.book.bids, answer.book.asks
    if not bids or not asks:
        return None
    with exact():
        return (bids[0][0] + asks[0][0]) * HALF


# -- account -------------------------------------------------------------------------------------


async def _examine_account(
    plan: LivePlan, symbols: Sequence[str], client: RestClient
) -> AsyncIterator[Finding]:
    if plan.keys is None:
        yield fine(
            "account", "not looked at: there is no key, which reading a market does not need"
        )
        return
    account = AccountPort(client)
    try:
        await account.require_one_way()
        yield fine("position mode", "one-way")
    except ConfigError as error:
        yield failed("position mode", "hedge", error.remedy)
    except ConnectorError as error:
        yield failed("position mode", str(error), _KEY_REMEDY)
        return
    for symbol in symbols:
        yield await _examine_leverage(plan, account, symbol)


_KEY_REMEDY: Final = "check the key pair, its rights and its addresses at the venue"


async def _examine_leverage(plan: LivePlan, account: AccountPort, symbol: str) -> Finding:
    name = f"leverage {symbol}"
    try:
        config = await account.symbol_config(symbol)
    except ConnectorError as error:
        return failed(name, str(error), _KEY_REMEDY)
    target, found = plan.live.target_leverage, f"{config.leverage}, {config.margin_type.lower()}"
    if config.leverage == target:
        return fine(name, found)
    if plan.venue_class is VenueClass.SIM:
        return fine(name, f"{found}; an armed run sets {target}")
    remedy = f"an armed run sets it to {target}; live.target_leverage names another"
    return warned(name, found, remedy)


# -- the key's rights ----------------------------------------------------------------------------


async def examine_rights(
    plan: LivePlan, urls: VenueUrls, reach: Reach, stack: AsyncExitStack
) -> Finding:
    """Check what the key may do: one that can withdraw money is refused."""
    name = "key rights"
    if plan.keys is None:
        return fine(name, "there is no key")
    if plan.keys.kind is Credentials.LOCAL:
        return fine(name, "local pair: no such rights")
    if urls.venue_class is VenueClass.TESTNET:
        return fine(name, "a test venue does not tell them, and holds no money")
    by_hand = "see at the venue that the key cannot withdraw, and is bound to your addresses"
    if urls.rest not in _REAL_HOSTS:
        return warned(name, f"{urls.rest} cannot be asked for them", by_hand)
    client = _client(RIGHTS_HOST, plan.keys, reach, stack, is_spot=True)
    try:
        await client.venue_clock.sync()
        rights = await ask_key_rights(client)
    except ConnectorError as error:
        return failed(name, f"not known: {error}", by_hand)
    return judge_rights(rights, plan.exchange_port)


def judge_rights(rights: KeyRights, port: PortKind) -> Finding:
    """Judge what a key of a real venue may do."""
    name = "key rights"
    if rights.can_withdraw:
        return failed(
            name,
            "the key can withdraw",
            "make a key without the right to withdraw, delete this one",
        )
    if not rights.can_read:
        return failed(name, "the key cannot read the account", "give it the right to read")
    trades = rights.can_trade_spot if port is PortKind.SPOT else rights.can_trade_futures
    if port in (PortKind.FUTURES, PortKind.SPOT) and not trades:
        return failed(
            name, f"the key cannot trade {port.value}", f"give it the right to trade {port.value}"
        )
    worries = ["can transfer between accounts"] * rights.can_transfer
    worries += ["is bound to no address"] * (not rights.is_bound_to_ip)
    if worries:
        return warned(name, f"the key {' and '.join(worries)}", _NARROW)
    return fine(name, "no withdrawals, no transfers, known addresses only")


_NARROW: Final = "take what it does not need, and bind it to the addresses of this machine"
