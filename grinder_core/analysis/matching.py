"""Every entry of ledger, trades and income held against the others: who stands alone is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from attrs import define, field, frozen

from grinder_core.analysis.settlement import (
    BookedFill,
    BookedMoney,
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
from grinder_core.numbers import ZERO, canonical, exact

COMMISSION: Final = "COMMISSION"
REALIZED_PNL: Final = "REALIZED_PNL"
FUNDING: Final = frozenset({"FUNDING_FEE", "SPECIAL_FUNDING_FEE", "INSURANCE_CLEAR"})
OF_TRADES: Final = {COMMISSION: EntryKind.FEE, REALIZED_PNL: EntryKind.REALIZED}
APART_MS: Final = 5_000  # how far the times of our side and the list may be apart
DIGIT: Final = Decimal("0.00000001")  # the venue's last digit of money and of entry prices


@frozen(kw_only=True)
class Matched:
    """What matching found.

    Attributes:
        findings: In time; pending ones included.
        rounding: Realised profit there less that which ours makes of the same fills, where the
            venue rounds its entry prices; by symbol, within ``rounding_max``.
    """

    findings: tuple[Finding, ...]
    rounding: Mapping[str, Decimal]


Key = tuple[str, int]  # symbol, trade id


@define
class _Execution:
    """One execution as the three records have it."""

    booked: list[BookedFill] = field(factory=list)
    listed: list[TradeRow] = field(factory=list)
    rows: dict[EntryKind, list[IncomeRow]] = field(factory=lambda: defaultdict(list))

    @property
    def ts(self) -> int:
        times = [one.fill.ts for one in self.booked] + [one.ts for one in self.listed]
        return min(times or [row.ts for rows in self.rows.values() for row in rows])


def match(ledger: Ledger, statement: Statement) -> Matched:
    """Hold everything against everything."""
    with exact():
        executions, findings = _executions(ledger, statement)
        alone: list[Finding] = []
        for key, one in sorted(executions.items()):
            alone += _judge(*key, one, ledger, statement)
        # one fill that is not known well makes another profit of all that come after it
        unclear = {finding.symbol for finding in alone if finding.is_open}
        profits: dict[Key, Decimal] = {}
        for symbol in ledger.symbols:
            if symbol not in unclear:
                profits |= _profits(symbol, executions, ledger)
        rounding = dict.fromkeys(ledger.symbols, ZERO)
        for key, one in sorted(executions.items()):
            if one.booked or one.listed:
                fees, earned = _fees(one, ledger), _earned(one, profits.get(key))
                findings += _amounts(EntryKind.FEE, *key, fees, one, statement)
                findings += _amounts(EntryKind.REALIZED, *key, earned, one, statement)
                if Record.LEDGER in earned and one.listed:
                    rounding[key[0]] += earned[Record.LEDGER][0] - profits[key]
        findings += alone
        findings += _movements(ledger, statement)
    return Matched(
        findings=tuple(sorted(findings, key=lambda f: (f.ts, f.symbol, f.kind, f.number))),
        rounding=rounding,
    )


def concerns(row: IncomeRow, ledger: Ledger) -> bool:
    """Whether a row of the list is of the session: of its symbols, since its beginning."""
    return row.ts > ledger.begin_ms and (not row.symbol or row.symbol in ledger.symbols)


# -- executions ----------------------------------------------------------------------------------


def _executions(
    ledger: Ledger, statement: Statement
) -> tuple[dict[Key, _Execution], list[Finding]]:
    """Gather by trade id; rows without one go to the execution they fit."""
    found: dict[Key, _Execution] = defaultdict(_Execution)
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


def _home(
    row: IncomeRow, kind: EntryKind, executions: Mapping[Key, _Execution]
) -> _Execution | None:
    for (symbol, _), one in sorted(executions.items()):
        if symbol != row.symbol or one.rows[kind] or abs(one.ts - row.ts) > APART_MS:
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
        values={Record.INCOME.value: _money(row.amount, row.asset)},
    )


def _judge(
    symbol: str, number: int, one: _Execution, ledger: Ledger, statement: Statement
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
        texts = {Record.INCOME.value: "; ".join(_money(row.amount, row.asset) for row in rows)}

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
        is_late = one.ts > ledger.end_ms
        yield say(Verdict.PENDING if is_late else Verdict.MISSING_HERE, Record.LEDGER)
    elif not one.listed:
        is_late = one.ts > statement.read_ms
        yield say(Verdict.PENDING if is_late else Verdict.MISSING_THERE, Record.TRADES)
    else:
        a, b = one.booked[0].fill, one.listed[0].fill
        for what in ("side", "price", "qty"):
            if getattr(a, what) != getattr(b, what):
                yield say(Verdict.DIFFERENT, Record.LEDGER, what, _text(a, what), _text(b, what))


Said = dict[Record, tuple[Decimal, str]]


def _fees(one: _Execution, ledger: Ledger) -> Said:
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


def _earned(one: _Execution, profit: Decimal | None) -> Said:
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


def _amounts(
    kind: EntryKind, symbol: str, number: int, said: Said, one: _Execution, statement: Statement
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
            values={who.value: _money(*said[who]) for who in Record if who in said},
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


def _profits(
    symbol: str, executions: Mapping[Key, _Execution], ledger: Ledger
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


# -- money without a trade -----------------------------------------------------------------------


def _movements(ledger: Ledger, statement: Statement) -> Iterator[Finding]:
    rows = [
        row
        for row in statement.income
        if row.kind not in OF_TRADES and row.asset == ledger.quote and concerns(row, ledger)
    ]
    paid = [row for row in rows if row.kind in FUNDING and row.symbol]
    other = [row for row in rows if not (row.kind in FUNDING and row.symbol)]
    for kind, booked, listed in (
        (EntryKind.FUNDING, ledger.funding, paid),
        (EntryKind.TRANSFER, ledger.transfers, other),
    ):
        symbols = {one.symbol for one in booked} | {_symbol(kind, row) for row in listed}
        for symbol in sorted(symbols):
            yield from _paired(
                kind,
                symbol,
                [one for one in booked if one.symbol == symbol],
                [row for row in listed if _symbol(kind, row) == symbol],
                ledger,
                statement,
            )


def _symbol(kind: EntryKind, row: IncomeRow) -> str:
    return row.symbol if kind is EntryKind.FUNDING else ""


def _paired(
    kind: EntryKind,
    symbol: str,
    booked: Sequence[BookedMoney],
    listed: Sequence[IncomeRow],
    ledger: Ledger,
    statement: Statement,
) -> Iterator[Finding]:
    """Pair equal amounts near in time; what is left is twice, different or missing."""
    ours, theirs = list(booked), list(listed)
    pairs: list[tuple[BookedMoney, IncomeRow]] = []
    for own, row in _near(ours, theirs, lambda o, r: o.amount == r.amount):
        pairs.append((own, row))
        ours.remove(own)
        theirs.remove(row)

    def say(
        verdict: Verdict, where: Record, own: BookedMoney | None, row: IncomeRow | None
    ) -> Finding:
        values = {}
        if own is not None:
            values[Record.LEDGER.value] = _money(own.amount, ledger.quote)
        if row is not None:
            values[Record.INCOME.value] = _money(row.amount, row.asset)
        some = row or own
        assert some is not None
        return Finding(verdict=verdict, kind=kind, where=where, symbol=symbol, ts=some.ts,
                       number=0 if row is None else row.tran_id, values=values)  # fmt: skip

    for own in list(ours):
        if any(_is_near(own.ts, o.ts) and o.amount == own.amount for o, _ in pairs):
            ours.remove(own)
            yield say(Verdict.TWICE, Record.LEDGER, own, None)
    for row in list(theirs):
        if any(_is_near(row.ts, r.ts) and r.amount == row.amount for _, r in pairs):
            theirs.remove(row)
            yield say(Verdict.TWICE, Record.INCOME, None, row)
    for own, row in _near(ours, theirs, lambda o, r: True):
        ours.remove(own)
        theirs.remove(row)
        yield say(Verdict.DIFFERENT, Record.LEDGER, own, row)
    for own in ours:
        late = own.ts > statement.listed_ms
        yield say(Verdict.PENDING if late else Verdict.MISSING_THERE, Record.INCOME, own, None)
    for row in theirs:
        late = row.ts > min(ledger.told_ms, ledger.end_ms)
        yield say(Verdict.PENDING if late else Verdict.MISSING_HERE, Record.LEDGER, None, row)


def _near(
    ours: Iterable[BookedMoney],
    theirs: Iterable[IncomeRow],
    fits: Callable[[BookedMoney, IncomeRow], bool],
) -> list[tuple[BookedMoney, IncomeRow]]:
    """Pair first with first what is near in time and fits."""
    left = sorted(theirs, key=lambda row: (row.ts, row.tran_id))
    pairs = []
    for own in sorted(ours, key=lambda one: one.ts):
        for row in left:
            if _is_near(own.ts, row.ts) and fits(own, row):
                pairs.append((own, row))
                left.remove(row)
                break
    return pairs


def _is_near(a: int, b: int) -> bool:
    return abs(a - b) <= APART_MS


# -- words ---------------------------------------------------------------------------------------


def _shown(fill: Fill) -> str:
    return f"{fill.side.value} {canonical(fill.qty)} @ {canonical(fill.price)}"


def _text(fill: Fill, what: str) -> str:
    value = getattr(fill, what)
    return canonical(value) if isinstance(value, Decimal) else str(value.value)


def _money(amount: Decimal, asset: str) -> str:
    return f"{canonical(amount)} {asset}".strip()
