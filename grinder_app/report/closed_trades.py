"""What fills earned, and how much was at risk between them.

A closed trade is a fill, or the part of one, that shrinks a position. Its profit is measured
against the average entry price, as the ledger does (CORE-38), less its own fee and its share of
the fees paid on entry; so the profits of all closed trades and the entry fees of what is still
open add up to realised profit less fees. Positions are exact, money is float: display only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import Factory, define, frozen

from grinder_core.numbers import ZERO, exact

Table = Mapping[str, Sequence[Any]]


@frozen
class ClosedTrade:
    """One fill that shrank a position; ``profit`` is net of fees, quote currency."""

    symbol: str
    ts: int
    profit: float


@define
class SymbolFills:
    """What the fills of one symbol come to.

    Attributes:
        qty: Signed position, exact.
        cost: Signed cost of the position at average entry, quote currency.
        open_fees: Fees paid on the way into the position that is still open.
        realized: Before fees.
    """

    qty: Decimal = ZERO
    cost: float = 0.0
    open_fees: float = 0.0
    fills: int = 0
    turnover: float = 0.0
    fees: float = 0.0
    realized: float = 0.0

    def book(self, signed_qty: Decimal, price: float, fee: float) -> float | None:
        """Book one fill inside ``exact()``; return the net profit of what it closed."""
        self.fills += 1
        self.turnover += abs(float(signed_qty)) * price
        self.fees += fee
        if not self.qty or (self.qty > 0) == (signed_qty > 0):
            self._open(signed_qty, price, fee)
            return None
        closed = min(abs(signed_qty), abs(self.qty))
        of_position = 1.0 if closed == abs(self.qty) else float(closed) / abs(float(self.qty))
        of_fill = 1.0 if closed == abs(signed_qty) else float(closed) / abs(float(signed_qty))
        signed_closed = closed if self.qty > 0 else -closed
        gross = float(signed_closed) * price - self.cost * of_position
        net = gross - self.open_fees * of_position - fee * of_fill
        self.realized += gross
        self.qty -= signed_closed
        self.cost = self.cost * (1.0 - of_position) if self.qty else 0.0
        self.open_fees = self.open_fees * (1.0 - of_position) if self.qty else 0.0
        rest = signed_qty + signed_closed
        if rest:
            self._open(rest, price, fee * (1.0 - of_fill))
        return net

    def _open(self, signed_qty: Decimal, price: float, fee: float) -> None:
        self.qty += signed_qty
        self.cost += float(signed_qty) * price
        self.open_fees += fee


@define
class FillWalk:
    """All fills of a session, walked once.

    Attributes:
        symbols: By symbol, in order of first fill.
        closed: Closed trades in order.
        gross: ``(ts, sum of the absolute costs of all positions)`` after each fill; ``ts`` never
            goes back, and the sum is exactly 0.0 when and only when every position is flat.
    """

    symbols: dict[str, SymbolFills] = Factory(dict)
    closed: list[ClosedTrade] = Factory(list)
    gross: list[tuple[int, float]] = Factory(list)


def walk_fills(trades: Table) -> FillWalk:
    """Fold the columns of a session's fills (``Collector.trade_columns``).

    Args:
        trades: ``ts, symbol, side, price, qty, fee`` in order of execution; decimals as
            ``Decimal`` or text. An empty table is no fills.
    """
    walk = FillWalk()
    names = ("ts", "symbol", "side", "price", "qty", "fee")
    rows = zip(*(trades.get(name, ()) for name in names), strict=True)
    costs: dict[str, float] = {}
    now = 0
    with exact():
        for ts, symbol, side, price, qty, fee in rows:
            book = walk.symbols.setdefault(symbol, SymbolFills())
            signed = Decimal(str(qty)) if side == "BUY" else -Decimal(str(qty))
            profit = book.book(signed, float(price), float(fee))
            # symbols keep their own venue time, so fills may lie a little out of order
            now = max(now, int(ts))
            if profit is not None:
                walk.closed.append(ClosedTrade(symbol, now, profit))
            if book.qty:
                costs[symbol] = abs(book.cost)
            else:
                costs.pop(symbol, None)
            walk.gross.append((now, sum(costs.values())))
    return walk
