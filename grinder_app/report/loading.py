"""A session's tables as the report needs them: read row by row, kept small.

Money becomes floats here, eight bytes each. A line of every session stays in memory, with room for
``LINE_POINTS``; all else is read again when it is drawn, for the symbols that are.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from grinder_adapters.runs import SessionView
from grinder_adapters.runs.tables import BLOCKS, EQUITY, PRICES, TRADES
from grinder_app.report.closed_trades import FILL_COLUMNS, FillWalk, Table, walk_rows
from grinder_app.report.sampling import min_max, thin

LINE_POINTS: Final = 2000
_DRAWN: Final = ("symbol", "ts", "side", "price", "qty")


def fills_walked(view: SessionView) -> FillWalk:
    """Fold all fills of a session."""
    return walk_rows(view.tables.rows(TRADES, FILL_COLUMNS))


def equity_of(view: SessionView) -> dict[str, Sequence[Any]]:
    """Return the samples of equity, ``ts`` as integers and the rest as floats."""
    names = list(EQUITY.columns)
    columns = {name: array("q" if name == "ts" else "d") for name in names}
    for row in view.tables.rows(EQUITY):
        for column, value in zip(columns.values(), row, strict=True):
            column.append(value)
    return {**columns, "ts": array("q", accumulate(columns["ts"], max))}


def line_of(times: Sequence[int], values: Sequence[float]) -> tuple[array[int], array[float]]:
    """Return a line of at most ``LINE_POINTS``; every extreme stays."""
    kept = min_max(values, LINE_POINTS)
    return array("q", (times[row] for row in kept)), array("d", (values[row] for row in kept))


def prices_of(view: SessionView, symbols: Sequence[str]) -> dict[str, Table]:
    """Return the samples of the given symbols' prices; a symbol without any is left out."""
    wanted, found = set(symbols), dict[str, dict[str, Any]]()
    for symbol, ts, mid in view.tables.rows(PRICES):
        if symbol in wanted:
            columns = found.setdefault(symbol, {"ts": array("q"), "mid": array("d")})
            columns["ts"].append(ts)
            columns["mid"].append(mid)
    return {symbol: found[symbol] for symbol in symbols if symbol in found}


def fills_of(view: SessionView, counts: Mapping[str, int], limit: int) -> Mapping[str, Table]:
    """Return at most ``limit`` fills of each given symbol, evenly spread (``thin``).

    Args:
        counts: How many fills each symbol has.
    """
    wanted = {symbol: set(thin(count, limit)) for symbol, count in counts.items()}
    seen = dict.fromkeys(counts, 0)
    found: dict[str, dict[str, list[Any]]] = {
        symbol: {name: [] for name in _DRAWN} for symbol in counts
    }
    for row in view.tables.rows(TRADES, _DRAWN):
        symbol = row[0]
        if symbol not in seen:
            continue
        if seen[symbol] in wanted[symbol]:
            for column, value in zip(found[symbol].values(), row, strict=True):
                column.append(value)
        seen[symbol] += 1
    return found


def blocked_by(view: SessionView) -> dict[str, int]:
    """Return how many snapshots each reason stopped."""
    totals: dict[str, int] = {}
    for reason, _, count in view.tables.rows(BLOCKS):
        totals[reason] = totals.get(reason, 0) + count
    return totals
