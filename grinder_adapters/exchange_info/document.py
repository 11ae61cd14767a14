"""JSON documents of a venue's rules: the raw ``exchangeInfo`` body, or a list of markets.

Floats never decide: constraints are text in these documents, and what is no text is refused.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import ContractError, FixtureError
from grinder_core.orders.exchange_info import parse_exchange_info


def read_constraints(path: Path) -> tuple[dict[str, SymbolConstraints], tuple[str, ...]]:
    """Read the lot rules of a file, plain or ``.gz``.

    Args:
        path: A raw ``exchangeInfo`` body, our cache of one, or an object of markets in the
            unified form whose ``info`` holds each raw symbol.

    Returns:
        Constraints by symbol, in order, and a warning for each symbol skipped.

    Raises:
        FixtureError: The file cannot be read, is no such document, or names no symbol.
    """
    document = read_document(path)
    try:
        constraints, warnings = parse_exchange_info(_as_exchange_info(document))
    except ContractError as error:
        raise FixtureError(error.rule, field=error.field, where=str(path)) from None
    if not constraints:
        raise FixtureError("has no symbol with lot rules", where=str(path))
    return constraints, warnings


def read_document(path: Path) -> Any:
    """Parse a JSON file, plain or ``.gz``; fractions become decimals.

    Raises:
        FixtureError: It cannot be read or is no JSON.
    """
    try:
        content = path.read_bytes()
        if path.name.endswith(".gz"):
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FixtureError(f"is no gzip file: {error}", where=str(path)) from None
    except OSError as error:
        raise FixtureError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return parse_document(content, str(path))


def parse_document(content: bytes, where: str) -> Any:
    """Parse JSON; fractions become decimals.

    Raises:
        FixtureError: It is no JSON.
    """
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise FixtureError(f"is no JSON: {error}", where=where) from None


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _as_exchange_info(document: Any) -> Any:
    if not isinstance(document, Mapping) or "symbols" in document or not document:
        return document
    infos = [m.get("info") if isinstance(m, Mapping) else None for m in document.values()]
    return {"symbols": infos} if all(isinstance(info, Mapping) for info in infos) else document
