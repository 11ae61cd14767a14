"""Putting a local exchange together from its settings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import orjson
from attrs import evolve, frozen

from grinder_adapters.feeds.atomic import atomic_file
from grinder_adapters.local_venue.board import MarketBoard
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS, RateLimit
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.limits import Limits, LimitSettings
from grinder_adapters.local_venue.listen_keys import ListenKeys
from grinder_adapters.local_venue.markets.generator import (
    GeneratedMarket,
    GeneratedSymbol,
    GeneratorSettings,
)
from grinder_adapters.local_venue.order_texts import QUOTE
from grinder_adapters.local_venue.request_log import RequestLog
from grinder_adapters.local_venue.security import ApiKey, KeyRing
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_core.codec import dump_state, load_state, sha256_hex
from grinder_core.errors import ArtifactError, ConfigError
from grinder_core.settings import setting
from grinder_core.venue.exchange.account import FeeWallet
from grinder_core.venue.exchange.exchange import FIRST_NUMBER, Exchange
from grinder_core.venue.exchange.floor import Floor
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.settings import FAITHFUL, ExchangeSettings
from grinder_core.venue.settings import VenueSettings

LOCAL_KEY: Final = ApiKey(key="grinder-local-key", secret="grinder-local-secret", account="main")
"""The fixed pair that opens the local exchange and nothing else (LIVE-07)."""

START_PRICES: Final = {
    "BTCUSDT": Decimal(90_000),
    "ETHUSDT": Decimal(3_000),
    "DOGEUSDT": Decimal("0.15"),
    "XRPUSDT": Decimal("2.2"),
}
STATE_VERSION: Final = 2
BY_NUMBER: Final = ("orders", "closed", "conditionals", "finished_conditionals")


@frozen(kw_only=True)
class VenueOptions:
    """What a local exchange is made of.

    Attributes:
        fee_wallet: Another asset that pays every account's fees while it lasts.
        fills: How orders fill and what that costs.
        log_path: A file for every request.
        derives: Make quotes and marks of what the market has, where it has none.
    """

    instruments: Sequence[Instrument] = LOCAL_SYMBOLS
    keys: Sequence[ApiKey] = (LOCAL_KEY,)
    deposit: Decimal = setting(
        Decimal(10_000), "First deposit of each account, settlement asset.", gt=0
    )
    fee_wallet: FeeWallet | None = None
    fills: VenueSettings = FAITHFUL
    rules: ExchangeSettings = ExchangeSettings()
    limits: LimitSettings = LimitSettings()
    seed: int = 0
    plan: FaultPlan | None = None
    log_path: Path | None = None
    derives: bool = True


def assemble(options: VenueOptions, floor: Floor | None = None) -> LocalVenue:
    """Return an exchange that nobody is connected to yet.

    Args:
        floor: State of an earlier one; its accounts, orders and symbols go on.
    """
    deposits = {key.account: options.deposit for key in options.keys}
    if floor is None:
        exchange = Exchange.of(
            options.instruments, deposits, options.fills, options.rules, FIRST_NUMBER
        )
        for account in exchange.floor.accounts.values():
            fees = options.fee_wallet
            account.fee_wallet = None if fees is None else evolve(fees)
    else:
        exchange = Exchange(floor)
    board = MarketBoard(
        exchange.floor.instruments.values(),
        rate_limits(options.limits),
        derives=options.derives,
    )
    for account in exchange.floor.accounts.values():
        if (wallet := account.fee_wallet) is not None:
            board.stated_prices[wallet.asset + QUOTE] = wallet.price
    return LocalVenue(
        exchange,
        board,
        KeyRing.of(options.keys),
        Limits(options.limits),
        ListenKeys(seed=options.seed),
        RequestLog(path=options.log_path),
        options.plan or FaultPlan(()),
    )


def rate_limits(limits: LimitSettings) -> Sequence[RateLimit]:
    """What the exchange says about the limits that it enforces."""
    found = (
        ("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute),
        ("ORDERS", "MINUTE", 1, limits.orders_per_minute),
        ("ORDERS", "SECOND", 10, limits.orders_per_10s),
    )
    return [RateLimit(kind=k, interval=i, intervals=n, limit=most) for k, i, n, most in found]


def generated(
    symbols: Iterable[str], seed: int, start_ms: int, duration_ms: int = 0, events_per_s: int = 50
) -> GeneratedMarket:
    """Return a made-up market of built-in symbols.

    Raises:
        ConfigError: A symbol is not built in.
    """
    known = {instrument.symbol: instrument for instrument in LOCAL_SYMBOLS}
    wanted = list(symbols)
    for symbol in wanted:
        if symbol not in START_PRICES:
            raise ConfigError(
                f"must be one of {', '.join(START_PRICES)}", field="--symbols", value=symbol
            )
    settings = GeneratorSettings(
        seed=seed,
        start_ms=start_ms,
        duration_ms=duration_ms,
        symbols={
            symbol: GeneratedSymbol(start_price=START_PRICES[symbol], events_per_s=events_per_s)
            for symbol in wanted
        },
    )
    return GeneratedMarket(settings, [known[symbol] for symbol in wanted])


def save_floor(floor: Floor, path: Path) -> None:
    """Write the exchange's state, so that a later one can go on from it."""
    state = {"version": STATE_VERSION, "floor": dump_state(floor)}
    # not canonical: the order of the entries is part of the state
    body = orjson.dumps(state, option=orjson.OPT_NON_STR_KEYS)
    with atomic_file(path) as file:
        file.write(body + b"\n" + sha256_hex(body).encode() + b"\n")


def load_floor(path: Path) -> Floor | None:
    """Read a state; ``None``: there is no file.

    Raises:
        ArtifactError: It is damaged or of another version.
    """
    if not path.exists():
        return None
    body, _, tail = path.read_bytes().partition(b"\n")
    if sha256_hex(body).encode() != tail.strip():
        raise ArtifactError(
            "its checksum does not match",
            where=os.fspath(path),
            remedy="delete it to start with fresh accounts",
        )
    state = orjson.loads(body)
    if state["version"] != STATE_VERSION:
        raise ArtifactError(
            f"must be {STATE_VERSION}",
            field="version",
            value=state["version"],
            where=os.fspath(path),
            remedy="delete it to start with fresh accounts",
        )
    floor = state["floor"]
    for name in BY_NUMBER:  # keys of JSON are text
        floor[name] = {int(number): order for number, order in floor[name].items()}
    return load_state(Floor, floor)
