"""``grinder exchange-info``: fetch and show what the venue allows on each symbol."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import App, Parameter

from grinder_adapters.binance.hosts import VenueClass, venue_class
from grinder_adapters.binance.spec import USDM
from grinder_adapters.env import parse_decimal as read_decimal
from grinder_adapters.exchange_info.document import read_constraints
from grinder_app.cli import output
from grinder_app.cli.data import Symbols
from grinder_app.config.flags import ConfigFile, Profile, Sets
from grinder_app.config.load import load_app_settings, parse_sets
from grinder_core.codec import to_dict
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import InputError
from grinder_core.numbers import canonical

if TYPE_CHECKING:
    from grinder_adapters.exchange_info.least_orders import LeastOrder

REST_URL: Final = USDM.urls[VenueClass.MAINNET].rest

app = App(name="exchange-info", help="Fetch and show the venue's rules.")


@app.command
def fetch(
    *,
    out: Path | None = None,
    url: str | None = None,
    config: ConfigFile = None,
    profile: Profile = None,
    sets: Sets = (),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Ask the venue once for ticks, lots and minima, and keep its answer; needs no key.

    Parameters
    ----------
    out
        Where to keep it; by default exchange_info_futures.json in the folder app.cache_dir.
    url
        Another address that answers GET /fapi/v1/exchangeInfo.
    json
        Print one JSON line.
    """
    from grinder_adapters.exchange_info.cache import write_cache
    from grinder_adapters.exchange_info.fetch import EXCHANGE_INFO_URL, ask, fetch_body
    from grinder_adapters.exchange_info.provider import ProviderConfig

    address = url or EXCHANGE_INFO_URL
    ProviderConfig(exchange_info_url=address)  # judges the address before anything is asked
    path = out or _cache_path(config, profile, sets)
    answer = asyncio.run(ask(fetch_body, address))
    write_cache(path, answer.body)
    facts = {
        "url": address,
        "out": str(path),
        "symbols": len(answer.constraints),
        "bytes": len(answer.body),
    }
    _tell(answer.warnings)
    if json:
        output.print_json({**facts, "skipped": list(answer.warnings)})
        return 0
    output.print_facts("Fetched the venue's rules", facts)
    output.note(f"next: --set constraints_file={path}")
    return 0


@app.command
def show(
    file: Path | None = None,
    /,
    *,
    symbols: Symbols = (),
    config: ConfigFile = None,
    profile: Profile = None,
    sets: Sets = (),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Print tick, step, least quantity and least notional of each symbol.

    Parameters
    ----------
    file
        An exchangeInfo body or a list of markets, plain or .gz; by default what fetch kept.
    symbols
        Show only these, separated by commas.
    json
        Print one JSON line.
    """
    path, state = file, "file"
    if path is None:
        path = _cache_path(config, profile, sets)
        constraints, warnings, state = _read_cache(path)
    else:
        constraints, warnings = read_constraints(path)
        _tell(warnings)
    unknown = [symbol for symbol in symbols if symbol not in constraints]
    if unknown:
        raise InputError("is not in the file", field="symbol", value=unknown[0], where=str(path))
    chosen = {s: c for s, c in constraints.items() if not symbols or s in symbols}
    if json:
        rules = {symbol: to_dict(c) for symbol, c in chosen.items()}
        facts = {"file": str(path), "state": state, "symbols": rules}
        output.print_json({**facts, "skipped": list(warnings)})
        return 0
    output.print_table(
        f"Rules of {len(chosen)} symbols: {path}",
        ("symbol", "tick", "step", "min qty", "min notional"),
        [_row(symbol, c) for symbol, c in chosen.items()],
    )
    return 0


@app.command(name="symbols")
def cheap_symbols(
    *,
    max_min_notional: str,
    rest_url: str = REST_URL,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """List the symbols whose least order is cheap, cheapest first, at the prices of now.

    Asks the venue for rules and quotes; needs no key. The least order is the price times the least
    quantity, in whole steps, that meets the least notional too.

    Parameters
    ----------
    max_min_notional
        Largest least order to list, quote currency.
    rest_url
        Another venue, such as its demo, or that of ``grinder venue serve``.
    json
        Print one JSON line.
    """
    from grinder_adapters.exchange_info.fetch import ask, fetch_body
    from grinder_adapters.exchange_info.least_orders import ask_least_orders

    most = read_decimal("--max-min-notional", max_min_notional)
    if most <= 0:
        raise InputError("must be > 0", field="--max-min-notional", value=max_min_notional)
    venue_class(rest_url)  # judges the address before anything is asked
    found = asyncio.run(ask_least_orders(ask, fetch_body, rest_url))
    chosen = [order for order in found if order.notional <= most]
    if json:
        output.print_json({"url": rest_url, "symbols": [to_dict(order) for order in chosen]})
        return 0
    rows = [(order.symbol, *map(canonical, _figures(order))) for order in chosen]
    output.print_table(
        f"{len(chosen)} of {len(found)} symbols at {rest_url}",
        ("symbol", "min notional", "min qty", "step", "price", "min order notional"),
        rows,
    )
    return 0


def _figures(order: LeastOrder) -> tuple[Decimal, ...]:
    rules = order.rules
    return rules.min_notional, rules.min_qty, rules.step_size, order.price, order.notional


def _cache_path(config: Path | None, profile: str | None, sets: Sequence[str]) -> Path:
    from grinder_adapters.exchange_info.provider import ProviderConfig

    app_settings = load_app_settings(
        config, profile=profile, environment=os.environ, flags=parse_sets(sets)
    )
    return ProviderConfig(cache_dir=Path(app_settings.cache_dir)).cache_path


def _read_cache(path: Path) -> tuple[Mapping[str, SymbolConstraints], tuple[str, ...], str]:
    """Read what an earlier fetch kept, of whatever age."""
    import structlog

    from grinder_adapters.exchange_info.provider import ConstraintProvider

    log: Any = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
    provider = ConstraintProvider.from_cache(path, log=log)
    constraints = asyncio.run(provider.get_constraints())
    if not constraints or provider.outcome is None:
        raise InputError(
            "holds no venue's rules", where=str(path), remedy="run: grinder exchange-info fetch"
        )
    return constraints, provider.warnings, provider.outcome.value


def _tell(warnings: Sequence[str]) -> None:
    for warning in warnings:
        output.note(f"warning: {warning}")


def _row(symbol: str, rules: SymbolConstraints) -> tuple[str, ...]:
    tick = "-" if rules.tick_size is None else canonical(rules.tick_size)
    amounts = (rules.step_size, rules.min_qty, rules.min_notional)
    return (symbol, tick, *map(canonical, amounts))
