"""Executions as ledger, trades and income have them, held against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from attrs import define, evolve, field

from grinder_core.analysis.income import OF_TRADES, concerns, is_near, money_text
from grinder_core.analysis.settlement import (
    BookedFill,
    EntryKind,
    Finding,
    IncomeRow,
    Ledger,
    Record,
    Statement,
    TradeRow,
    Verdict,
)
from grinder_core.contracts.orders import Fill
from grinder_core.ledger import SymbolLedger
from grinder_core.numbers import ZERO, canonical
from grinder_core.orders.identity import parse_client_order_id

FORCED: Final = (  # how the venue's own closing orders begin their client ids
    *("autoclose-", "adl_autoclose", "settlement_autoclose-", "delivery_autoclose-"),
)
DIGIT: Final = Decimal("0.00000001")  # the venue's last digit of money and of entry prices

Key = tuple[str, int]  # symbol, trade id


@define
class Execution:
    """One execution as the three records have it."""

    booked: list[BookedFill] = field(factory=list)
    listed: list[TradeRow] = field(factory=list)
    rows: dict[EntryKind, list[IncomeRow]] = field(factory=lambda: defaultdict(list))

    @property
    def ts(self) -> int:
        """When it was made, as the first record that knows it says."""
        times = [one.fill.ts for one in self.booked] + [one.ts for one in self.listed]
        return min(times or [row.ts for rows in self.rows.values() for row in rows])


def gather(ledger: Ledger, statement: Statement) -> tuple[dict[Key, Execution], list[Finding]]:
    """Gather by trade id; rows without one go to the execution they fit."""
    found: dict[Key, Execution] = defaultdict(Execution)
    for booked in ledger.fills:
        found[booked.fill.symbol, booked.trade_id].booked.append(booked)
    for row in statement.trades:
        found[row.fill.symbol, row.trade_id].listed.append(row)
    unnumbered: list[IncomeRow] = []
    for income in statement.income:
        kind = OF_TRADES.get(income.kind)
        if kind is None or not concerns(income, ledger):
            continue
        if income.trade_id:
            found[income.symbol, income.trade_id].rows[kind].append(income)
        else:
            unnumbered.append(income)
    loose = []
    for income in sorted(unnumbered, key=lambda row: (row.ts, row.tran_id)):
        kind = OF_TRADES[income.kind]
        home = _home(income, kind, found)
        if home is None:
            loose.append(_alone(income, kind, ledger))
        else:
            home.rows[kind].append(income)
    return found, loose


def _home(row: IncomeRow, kind: EntryKind, executions: Mapping[Key, Execution]) -> Execution | None:
    for (symbol, _), one in sorted(executions.items()):
        if symbol != row.symbol or one.rows[kind] or not is_near(one.ts, row.ts):
            continue
        for trade in one.listed:
            if row.amount == (-trade.fill.fee if kind is EntryKind.FEE else trade.realized):
                return one
    return None


def _alone(row: IncomeRow, kind: EntryKind, ledger: Ledger) -> Finding:
    """A row of the list that belongs to no execution."""
    late = row.ts > ledger.end_ms
    return Finding(
        verdict=Verdict.PENDING if late else Verdict.MISSING_HERE,
        kind=kind,
        where=Record.LEDGER,
        symbol=row.symbol,
        ts=row.ts,
        number=row.tran_id,
        values={Record.INCOME.value: money_text(row.amount, row.asset)},
    )


def judge(
    symbol: str, number: int, one: Execution, ledger: Ledger, statement: Statement
) -> Iterator[Finding]:
    """Say what is wrong with the fill itself: who lacks it, has it twice, or another one."""
    texts = {
        who.value: "; ".join(map(_shown, fills))
        for who, fills in (
            (Record.LEDGER, [b.fill for b in one.booked]),
            (Record.TRADES, [t.fill for t in one.listed]),
        )
        if fills
    }
    if not texts:  # only the list of income tells of it
        rows = [row for kind in EntryKind for row in one.rows[kind]]
        texts = {Record.INCOME.value: "; ".join(money_text(row.amount, row.asset) for row in rows)}

    def say(verdict: Verdict, where: Record, *what: str) -> Finding:
        values = texts
        if what:
            values = dict(zip((Record.LEDGER.value, Record.TRADES.value), what[1:], strict=True))
        return Finding(
            verdict=verdict,
            kind=EntryKind.FILL,
            where=where,
            symbol=symbol,
            ts=one.ts,
            number=number,
            what=what[0] if what else "",
            values=values,
        )

    if len(one.booked) > 1:
        yield say(Verdict.TWICE, Record.LEDGER)
    if len(one.listed) > 1:
        yield say(Verdict.TWICE, Record.TRADES)
    if not one.booked:
        owner = _stranger(symbol, one, statement)
        verdict = Verdict.PENDING if one.ts > ledger.end_ms else Verdict.MISSING_HERE
        if owner and not owner.startswith(FORCED):
            verdict = Verdict.BY_HAND
        yield evolve(say(verdict, Record.LEDGER), owner=owner)
    elif not one.listed:
        is_late = one.ts > statement.read_ms
        yield say(Verdict.PENDING if is_late else Verdict.MISSING_THERE, Record.TRADES)
    else:
        a, b = one.booked[0].fill, one.listed[0].fill
        for what in ("side", "price", "qty"):
            if getattr(a, what) != getattr(b, what):
                yield say(Verdict.DIFFERENT, Record.LEDGER, what, _text(a, what), _text(b, what))


def _stranger(symbol: str, one: Execution, statement: Statement) -> str:
    """Return whose order it is, where that is none of ours; empty: it is ours, or nobody said."""
    owners = (statement.owners.get((symbol, row.fill.order_id), "") for row in one.listed)
    return next((owner for owner in owners if owner and parse_client_order_id(owner) is None), "")


Said = dict[Record, tuple[Decimal, str]]


def fees(one: Execution, ledger: Ledger) -> Said:
    """What each record says was paid, in units of what it was paid in.

    Ours says nothing of another currency's where it was not told which one that was.
    """
    said: Said = {}
    asset = one.listed[0].fee_asset if one.listed else ledger.quote
    if one.listed and one.listed[0].fill.fee:
        said[Record.TRADES] = one.listed[0].fill.fee, asset
    elif one.listed:
        said[Record.TRADES] = ZERO, ledger.quote
    if one.booked and one.booked[0].fee_asset:
        said[Record.LEDGER] = one.booked[0].fee_qty, one.booked[0].fee_asset
    elif one.booked and (asset == ledger.quote or not said[Record.TRADES][0]):
        said[Record.LEDGER] = one.booked[0].fill.fee, ledger.quote
    elif one.booked and one.booked[0].fill.fee == said[Record.TRADES][0]:
        said[Record.LEDGER] = one.booked[0].fill.fee, ledger.quote  # taken over unvalued
    rows = one.rows[EntryKind.FEE]
    if rows:
        said[Record.INCOME] = -rows[0].amount, rows[0].asset
    return said


def earned(one: Execution, profit: Decimal | None) -> Said:
    """What each record says was realised; ours is made anew, within the venue's rounding."""
    said: Said = {}
    rows = one.rows[EntryKind.REALIZED]
    if rows:
        said[Record.INCOME] = rows[0].amount, rows[0].asset
    if one.listed:
        said[Record.TRADES] = one.listed[0].realized, rows[0].asset if rows else ""
    if profit is not None and one.listed:
        near = one.listed[0].fill.qty * DIGIT + DIGIT
        theirs = [value for value in said.values() if abs(value[0] - profit) <= near]
        said[Record.LEDGER] = theirs[0] if theirs else (profit, said[Record.TRADES][1])
    return said


def amounts(
    kind: EntryKind, symbol: str, number: int, said: Said, one: Execution, statement: Statement
) -> Iterator[Finding]:
    """Hold what the records say of one amount against each other."""
    rows = one.rows[kind]
    nothing = next((value for value in said.values() if not value[0]), None)
    if not rows and nothing is not None:
        said = {**said, Record.INCOME: nothing}  # of nothing there is no row

    def say(verdict: Verdict, where: Record) -> Finding:
        return Finding(
            verdict=verdict,
            kind=kind,
            where=where,
            symbol=symbol,
            ts=one.ts,
            number=number,
            values={who.value: money_text(*said[who]) for who in Record if who in said},
        )

    if len(rows) > 1:
        yield say(Verdict.TWICE, Record.INCOME)
    if Record.INCOME not in said and said:
        is_late = one.ts > statement.listed_ms
        yield say(Verdict.PENDING if is_late else Verdict.MISSING_THERE, Record.INCOME)
    if len(set(said.values())) > 1:
        yield say(Verdict.DIFFERENT, _odd(said))


def _odd(said: Said) -> Record:
    """The record that stands alone; the ledger where all differ, or there are only two."""
    for who, value in said.items():
        others = [other for name, other in said.items() if name is not who]
        if len(others) > 1 and value not in others and len(set(others)) == 1:
            return who
    return next(who for who in Record if who in said)


# -- realised profit made anew -------------------------------------------------------------------


def profits_of(
    symbol: str, executions: Mapping[Key, Execution], ledger: Ledger
) -> dict[Key, Decimal]:
    """Book the executions of a symbol by our rule, in the order of their ids."""
    books, profits = SymbolLedger(symbol), {}
    adopted = sorted((one for one in ledger.adopted if one.symbol == symbol), key=lambda a: a.ts)
    steps = [(number, one) for (name, number), one in executions.items() if name == symbol]
    for number, one in sorted(steps, key=lambda step: step[0]):
        if not one.booked and not one.listed:
            continue
        while adopted and adopted[0].ts <= one.ts:
            moved = adopted.pop(0)
            books.qty, books.cost_basis = books.qty + moved.qty, books.cost_basis + moved.cost
        fill = one.listed[0].fill if one.listed else one.booked[0].fill
        before = books.realized_pnl
        books.apply(fill.side, fill.price, fill.qty)
        profits[symbol, number] = books.realized_pnl - before
    return profits


# -- words ---------------------------------------------------------------------------------------


def _shown(fill: Fill) -> str:
    return f"{fill.side.value} {canonical(fill.qty)} @ {canonical(fill.price)}"


def _text(fill: Fill, what: str) -> str:
    value = getattr(fill, what)
    return canonical(value) if isinstance(value, Decimal) else str(value.value)
