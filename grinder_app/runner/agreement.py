"""Whether engine, exchange and report tell the same story of a session over sockets.

The exchange's side comes from its REST answers, which nothing told the engine during the session;
the report's side from the files it is drawn from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from grinder_adapters.runs import SessionView
from grinder_core.contracts.enums import Side
from grinder_core.ledger import SymbolLedger
from grinder_core.numbers import ZERO, canonical, exact
from grinder_core.session.result import PaperResult

Row = tuple[object, ...]
COLUMNS: Final = ("ts", "side", "price", "qty", "fee", "liquidity", "order_id")


@frozen(kw_only=True)
class VenueStatement:
    """What the exchange holds on record for the account of a session.

    Attributes:
        fills: By symbol, in order of execution: the values of ``COLUMNS``.
        positions: Signed quantities by symbol, flat ones left out.
        wallet: Quote currency, without what open positions gain or lose.
        is_whole: Whether all fills are there; an exchange keeps the newest only. The wallet
            holds the others to account.
    """

    fills: Mapping[str, Sequence[Row]]
    positions: Mapping[str, Decimal]
    wallet: Decimal
    is_whole: bool = True

    @property
    def fees(self) -> Decimal:
        """Sum over all fills, quote currency."""
        with exact():
            return sum((fee_of(row) for rows in self.fills.values() for row in rows), ZERO)


@frozen(kw_only=True)
class Agreement:
    """What was compared, and what differs: each difference names both values.

    Attributes:
        fills, fees, positions: As the exchange has them.
        is_whole: Whether that is all fills.
    """

    fills: int
    fees: Decimal
    positions: int
    differences: tuple[str, ...]
    is_whole: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "fills": self.fills,
            "fees": canonical(self.fees),
            "positions": self.positions,
            "differences": list(self.differences),
        }

    @property
    def line(self) -> str:
        """One sentence for people."""
        if self.differences:
            return f"Engine, exchange and report differ: {'; '.join(self.differences)}"
        which = "" if self.is_whole else "the newest "
        return (
            f"Engine, exchange and report agree on {which}{self.fills:,} fills, "
            f"{canonical(self.fees)} of fees and {self.positions} open positions."
        )


def told(agreement: Agreement | None) -> dict[str, Any]:
    """Return the part of a session's JSON that says whether all agree."""
    return {"agreement": None if agreement is None else agreement.to_dict()}


def code_of(agreement: Agreement | None) -> int:
    """Return the exit code of a session: 1 where exchange, engine and report differ."""
    return int(agreement is not None and bool(agreement.differences))


def agree(
    result: PaperResult, capital: Decimal, kept: SessionView, stated: VenueStatement
) -> Agreement:
    """Compare a session's end, its kept files and the exchange's own record.

    Args:
        capital: What the account began with, quote currency.
    """
    return Agreement(
        fills=sum(map(len, stated.fills.values())),
        fees=stated.fees,
        positions=len(stated.positions),
        differences=tuple(_differences(result, capital, kept, stated)),
        is_whole=stated.is_whole,
    )


def fee_of(row: Row) -> Decimal:
    """Return the fee of a fill."""
    fee = row[COLUMNS.index("fee")]
    assert isinstance(fee, Decimal)
    return fee


def _differences(
    result: PaperResult, capital: Decimal, kept: SessionView, stated: VenueStatement
) -> Iterator[str]:
    fills = _kept_fills(kept)
    for symbol in sorted(fills.keys() | stated.fills.keys()):
        # by time: the engine may have been told in another order
        ours = sorted(fills.get(symbol, []), key=_place)
        theirs = sorted(stated.fills.get(symbol, []), key=_place)
        if not stated.is_whole:
            ours = ours[max(len(ours) - len(theirs), 0) :]
        yield from _first_difference(symbol, ours, theirs)
    positions = {s: p.qty for s, p in result.final_positions.items() if p.qty}
    for symbol in sorted(positions.keys() | stated.positions.keys()):
        held, known = positions.get(symbol, ZERO), stated.positions.get(symbol, ZERO)
        yield from _unequal(f"position of {symbol}", engine=held, exchange=known)
    with exact():
        reported = sum((fee_of(row) for rows in fills.values() for row in rows), ZERO)
        realized = result.total_realized_pnl
        for symbol, rows in stated.fills.items():
            if _is_reordered(fills.get(symbol, []), rows):
                realized += _realized(symbol, rows) - result.final_positions[symbol].realized_pnl
        wallet = capital + realized - result.fees_paid - result.funding_paid
    fees = {"exchange": stated.fees} if stated.is_whole else {}
    yield from _unequal("fees", engine=result.fees_paid, report=reported, **fees)
    yield from _unequal("wallet", engine=wallet, exchange=stated.wallet)


def _is_reordered(ours: Sequence[Row], theirs: Sequence[Row]) -> bool:
    """Whether both are the same fills in different orders."""
    return list(ours) != list(theirs) and sorted(ours, key=_place) == sorted(theirs, key=_place)


def _realized(symbol: str, rows: Sequence[Row]) -> Decimal:
    """Profit in the venue's order of the fills: it depends on it, as average cost does.

    What was told to the engine in another order closed the same positions at other averages; what
    it realised less stands in its unrealised profit.
    """
    ledger = SymbolLedger(symbol)
    for row in rows:
        _, side, price, qty, *_ = row
        assert isinstance(price, Decimal)
        assert isinstance(qty, Decimal)
        ledger.apply(Side(str(side)), price, qty)
    return ledger.realized_pnl


def _place(row: Row) -> tuple[object, ...]:
    return row[0], *map(str, row[1:])


def _kept_fills(kept: SessionView) -> dict[str, list[Row]]:
    trades = kept.trades
    fills: dict[str, list[Row]] = {}
    rows = zip(*(trades[name] for name in COLUMNS), strict=True)
    for symbol, row in zip(trades["symbol"], rows, strict=True):
        fills.setdefault(str(symbol), []).append(row)
    return fills


def _first_difference(symbol: str, ours: Sequence[Row], theirs: Sequence[Row]) -> Iterator[str]:
    for number, (own, other) in enumerate(zip(ours, theirs, strict=False), 1):
        for name, a, b in zip(COLUMNS, own, other, strict=True):
            if a != b:
                yield f"{name} of fill {number} of {symbol}: report {a}, exchange {b}"
                return
    yield from _unequal(f"fills of {symbol}", report=len(ours), exchange=len(theirs))


def _unequal(what: str, **values: Decimal | int) -> Iterator[str]:
    if len(set(values.values())) > 1:
        yield f"{what}: " + ", ".join(f"{who} {_text(value)}" for who, value in values.items())


def _text(value: Decimal | int) -> str:
    return canonical(value) if isinstance(value, Decimal) else str(value)
