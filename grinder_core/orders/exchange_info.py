"""Lot rules out of the venue's ``exchangeInfo``, and which source of them to use (CORE-34).

Pure: reading files and asking the venue is the adapter's part.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from grinder_core.contracts.checks import check_symbol
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import ContractError
from grinder_core.numbers import ZERO, fractional_digits, parse_decimal

DIGITS_MAX: Final = 8


class CacheState(StrEnum):
    """What the cache file is good for."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"


class Outcome(StrEnum):
    """Where constraints came from; the values are the published log keys."""

    CACHE_HIT_FRESH = "cache_hit_fresh"
    CACHE_STALE_API_SUCCESS = "cache_stale_api_success"
    CACHE_STALE_API_FAIL = "cache_stale_api_fail"
    NO_CONSTRAINTS = "no_constraints"


def parse_exchange_info(
    document: object,
) -> tuple[dict[str, SymbolConstraints], tuple[str, ...]]:
    """Read the filters of every symbol of an ``exchangeInfo`` body.

    A symbol without ``LOT_SIZE`` is left out silently; one with an invalid value, a name that is
    none, or listed twice is left out with a warning. Without ``PRICE_FILTER`` the tick is
    unknown, without ``MIN_NOTIONAL`` the least notional is 0.

    Args:
        document: The parsed body. Values are text; a JSON number in their place is invalid.

    Returns:
        Constraints by symbol, in order, and one warning for each symbol skipped.

    Raises:
        ContractError: It is no ``exchangeInfo``: no object with a list ``symbols``.
    """
    symbols = document.get("symbols") if isinstance(document, Mapping) else None
    if not isinstance(symbols, list):
        raise ContractError("must be an object with a list of symbols", field="exchangeInfo")
    found: dict[str, SymbolConstraints] = {}
    named: set[str] = set()
    warnings: list[str] = []
    for index, entry in enumerate(symbols):
        name = entry.get("symbol") if isinstance(entry, Mapping) else None
        if not isinstance(name, str):
            warnings.append(f"symbols[{index}] skipped: it has no name")
            continue
        try:
            check_symbol(name)
            if name in named:
                found.pop(name, None)
                raise ContractError("is listed twice", field="symbol", value=name)
            named.add(name)
            constraints = _constraints_of(entry)
        except ContractError as error:
            warnings.append(f"{name} skipped: {error}")
        else:
            if constraints is not None:
                found[name] = constraints
    return dict(sorted(found.items())), tuple(warnings)


def _constraints_of(entry: Mapping[str, Any]) -> SymbolConstraints | None:
    filters = _filters_of(entry)
    lot, price = filters.get("LOT_SIZE"), filters.get("PRICE_FILTER")
    notional = filters.get("MIN_NOTIONAL")
    if lot is None:
        return None
    return SymbolConstraints(
        step_size=_decimal(lot, "stepSize"),
        min_qty=_decimal(lot, "minQty"),
        tick_size=None if price is None else _decimal(price, "tickSize"),
        min_notional=ZERO if notional is None else _decimal(notional, "notional"),
    )


def _filters_of(entry: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    filters = entry.get("filters")
    if not isinstance(filters, list) or not all(isinstance(f, Mapping) for f in filters):
        raise ContractError("must be a list of objects", field="filters")
    by_type: dict[str, Mapping[str, Any]] = {}
    for item in filters:
        by_type.setdefault(str(item.get("filterType")), item)
    return by_type


def _decimal(item: Mapping[str, Any], key: str) -> Decimal:
    number = parse_decimal(item.get(key), key)
    if fractional_digits(number) > DIGITS_MAX:
        raise ContractError(
            f"must have at most {DIGITS_MAX} fractional digits", field=key, value=item[key]
        )
    return number


def judge_cache(age_ms: int | None, ttl_seconds: int) -> CacheState:
    """Say what a cache file of an age is good for.

    Args:
        age_ms: Now minus the file's time; ``None`` where there is no readable file. A file from
            the future is stale: one of the two clocks is wrong.
        ttl_seconds: The age up to which it is fresh, included.

    Example:
        >>> judge_cache(86_400_000, 86_400).value, judge_cache(86_401_000, 86_400).value
        ('fresh', 'stale')
    """
    if age_ms is None:
        return CacheState.MISSING
    return CacheState.FRESH if 0 <= age_ms <= ttl_seconds * 1000 else CacheState.STALE


def needs_fetch(cache: CacheState, *, allow_fetch: bool, force_refresh: bool) -> bool:
    """Say whether the venue is to be asked, once."""
    return allow_fetch and (force_refresh or cache is not CacheState.FRESH)


def choose(cache: CacheState, *, fetched: bool | None) -> Outcome:
    """Choose the source of constraints; the decision table of CORE-34.

    Args:
        fetched: Whether the venue gave constraints; ``None``: it was not asked.
    """
    if fetched:
        return Outcome.CACHE_STALE_API_SUCCESS
    if cache is CacheState.MISSING:
        return Outcome.NO_CONSTRAINTS
    if cache is CacheState.FRESH and fetched is None:
        return Outcome.CACHE_HIT_FRESH
    return Outcome.CACHE_STALE_API_FAIL
