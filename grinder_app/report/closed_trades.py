"""What fills earned, and how much was at risk between them.

A closed trade is a fill, or the part of one, that shrinks a position. Its profit is measured
against the average entry price, as the ledger does (CORE-38), less its own fee and its share of
the fees paid on entry; so the profits of all closed trades and the entry fees of what is still
open add up to realised profit less fees. Positions are exact, money is float: display only.

Fills are folded one by one into sums, so that a session may have more of them than memory holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import Factory, define

from grinder_core.contracts.enums import Side
from grinder_core.contracts.orders import Fill
from grinder_core.numbers import ZERO, exact

Table = Mapping[str, Sequence[Any]]


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
class Exposure:
    """How much was at risk over time: a step function, folded.

    Attributes:
        first_ts, last_ts: Of the first and the last step; ``None`` before one.
        now: Since the last step, quote currency.
        peak: The most so far.
        held_ms: Time with anything at risk, up to the last step.
        weighted: Sum of exposure times milliseconds, up to the last step.
    """

    first_ts: int | None = None
    last_ts: int | None = None
    now: float = 0.0
    peak: float = 0.0
    held_ms: int = 0
    weighted: float = 0.0

    def step(self, ts: int, value: float) -> None:
        """Take the exposure from ``ts`` on, which never goes back."""
        if self.last_ts is None:
            self.first_ts = ts
        else:
            self._hold(ts - self.last_ts)
        self.last_ts, self.now = ts, value
        self.peak = max(self.peak, value)

    def over(self, start: int, end: int) -> tuple[float | None, float | None]:
        """Return time in market (share) and average exposure; ``None`` without a duration.

        Args:
            start, end: Milliseconds, around all steps.
        """
        if end <= start:
            return None, None
        last = end if self.last_ts is None else self.last_ts
        held = self.held_ms + (end - last if self.now else 0)
        weighted = self.weighted + (end - last) * self.now
        return held / (end - start), weighted / (end - start)

    def _hold(self, ms: int) -> None:
        if self.now:
            self.held_ms += ms
        self.weighted += ms * self.now


@define
class FillWalk:
    """All fills of a session, folded in order of execution.

    Attributes:
        symbols: By symbol, in order of first fill.
        fills: How many there were.
        closed, won: Closed trades, and those with a profit after fees.
        closed_profit: Of all closed trades, net of fees, quote currency.
        exposure: Sum of the absolute costs of all positions; exactly 0.0 when and only when every
            position is flat.
    """

    symbols: dict[str, SymbolFills] = Factory(dict)
    fills: int = 0
    closed: int = 0
    won: int = 0
    closed_profit: float = 0.0
    exposure: Exposure = Factory(Exposure)
    _costs: dict[str, float] = Factory(dict)

    def on_fill(self, fill: Fill) -> None:
        """Fold one fill."""
        buys = fill.side is Side.BUY
        self.book(fill.ts, fill.symbol, buys, fill.price, fill.qty, fill.fee)

    def book(
        self, ts: int, symbol: str, buys: bool, price: Any, qty: Decimal, fee: Any
    ) -> float | None:
        """Fold one fill; return the net profit of what it closed, if it closed anything."""
        book = self.symbols.setdefault(symbol, SymbolFills())
        with exact():
            profit = book.book(qty if buys else -qty, float(price), float(fee))
        self.fills += 1
        if profit is not None:
            self.closed += 1
            self.won += profit > 0
            self.closed_profit += profit
        if book.qty:
            self._costs[symbol] = abs(book.cost)
        else:
            self._costs.pop(symbol, None)
        # symbols keep their own venue time, so fills may lie a little out of order
        now = ts if self.exposure.last_ts is None else max(ts, self.exposure.last_ts)
        self.exposure.step(now, sum(self._costs.values()))
        return profit


FILL_COLUMNS = ("ts", "symbol", "side", "price", "qty", "fee")


def walk_fills(trades: Table) -> FillWalk:
    """Fold the columns of a session's fills (``Collector.trade_columns``).

    Args:
        trades: ``ts, symbol, side, price, qty, fee`` in order of execution; decimals as
            ``Decimal`` or text. An empty table is no fills.
    """
    return walk_rows(zip(*(trades.get(name, ()) for name in FILL_COLUMNS), strict=True))


def walk_rows(rows: Iterable[Sequence[Any]]) -> FillWalk:
    """Fold rows of ``FILL_COLUMNS``, in order of execution; as ``walk_fills``."""
    walk = FillWalk()
    for ts, symbol, side, price, qty, fee in rows:
        walk.book(int(ts), symbol, side == "BUY", price, Decimal(str(qty)), fee)
    return walk
