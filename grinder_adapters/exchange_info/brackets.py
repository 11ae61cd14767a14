"""Leverage brackets of a file: the venue's own answer, or tiers in the unified form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from grinder_adapters.exchange_info.document import read_document
from grinder_core.contracts.checks import check_symbol
from grinder_core.contracts.limits import LeverageBracket
from grinder_core.errors import ContractError, FixtureError
from grinder_core.numbers import ZERO, parse_decimal

Schedule = tuple[LeverageBracket, ...]

# BTC/USDT:USDT, or BTC/USDT:USDT-250328 of a dated future
_UNIFIED: Final = re.compile(r"([^/:]+)/([^/:]+):[^/:-]+(?:-([0-9]{6}))?")
_FIELDS: Final = ("notionalFloor", "notionalCap", "maintMarginRatio", "cum")


def read_brackets(path: Path) -> tuple[dict[str, Schedule], tuple[str, ...]]:
    """Read the maintenance margin schedules of a file, plain or ``.gz``.

    Args:
        path: ``[{"symbol": .., "brackets": [{"notionalFloor": .., ..}, ..]}, ..]`` as the venue's
            ``leverageBracket`` answers, or ``{"BTC/USDT:USDT": [{"info": {..}}, ..], ..}``.

    Returns:
        Schedules by symbol, in order, each from 0 without gaps; and a warning for each symbol
        that is skipped because its name or its schedule is none.

    Raises:
        FixtureError: The file cannot be read, has neither form, or names no symbol.
    """
    document = read_document(path)
    found: dict[str, Schedule] = {}
    named: set[str] = set()
    warnings: list[str] = []
    for name, rows in _symbols_of(document, path):
        try:
            check_symbol(name)
            if name in named:
                found.pop(name, None)
                raise ContractError("is listed twice", field="symbol", value=name)
            named.add(name)
            found[name] = schedule_of(rows)
        except ContractError as error:
            warnings.append(f"{name} skipped: {error}")
    if not found:
        raise FixtureError("has no symbol with leverage brackets", where=str(path))
    return dict(sorted(found.items())), tuple(warnings)


def _symbols_of(document: Any, path: Path) -> Iterator[tuple[str, Any]]:
    if isinstance(document, list) and all(isinstance(item, Mapping) for item in document):
        for item in document:
            yield str(item.get("symbol")), item.get("brackets")
    elif isinstance(document, Mapping) and all(map(_UNIFIED.fullmatch, document)):
        for unified, tiers in document.items():
            base, quote, expiry = _UNIFIED.fullmatch(unified).groups()  # type: ignore[union-attr]
            yield f"{base}{quote}{f'_{expiry}' if expiry else ''}", _infos(tiers)
    else:
        raise FixtureError(
            "must be a list of {symbol, brackets} or an object of BASE/QUOTE:SETTLE tiers",
            where=str(path),
        )


def _infos(tiers: Any) -> Any:
    """Rows as the venue gave them; the unified fields beside them leave ``cum`` out."""
    if not isinstance(tiers, list):
        return tiers
    return [tier.get("info") if isinstance(tier, Mapping) else tier for tier in tiers]


def schedule_of(rows: Any) -> Schedule:
    if not isinstance(rows, list) or not rows or not all(isinstance(r, Mapping) for r in rows):
        raise ContractError("must be a list of objects", field="brackets")
    brackets = tuple(sorted(map(_bracket, rows), key=lambda bracket: bracket.notional_floor))
    floor = ZERO
    for number, bracket in enumerate(brackets, 1):
        if bracket.notional_floor != floor:
            raise ContractError(
                f"must be {floor}: brackets follow each other from 0",
                field=f"notionalFloor of bracket {number}",
                value=bracket.notional_floor,
            )
        floor = bracket.notional_cap
    return brackets


def _bracket(row: Mapping[str, Any]) -> LeverageBracket:
    floor, cap, ratio, cum = (_decimal(row.get(name), name) for name in _FIELDS)
    leverage = _decimal(row.get("initialLeverage"), "initialLeverage")
    if leverage != int(leverage):
        raise ContractError("must be an integer", field="initialLeverage", value=leverage)
    return LeverageBracket(
        notional_floor=floor,
        notional_cap=cap,
        maint_margin_ratio=ratio,
        cum=cum,
        max_leverage=int(leverage),
    )


def _decimal(value: Any, field: str) -> Decimal:
    if isinstance(value, Decimal):  # a JSON number with a fraction
        return value
    return parse_decimal(str(value) if type(value) is int else value, field)
