"""Money without a trade, funding and transfers, held against the venue's income list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from grinder_core.analysis.income import FUNDING, OF_TRADES, concerns, is_near, money_text
from grinder_core.analysis.settlement import (
    BookedMoney,
    EntryKind,
    Finding,
    IncomeRow,
    Ledger,
    Record,
    Statement,
    Verdict,
)


def movements(ledger: Ledger, statement: Statement) -> Iterator[Finding]:
    """Yield what is wrong with funding and transfers. Called inside ``exact()``."""
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
            values[Record.LEDGER.value] = money_text(own.amount, ledger.quote)
        if row is not None:
            values[Record.INCOME.value] = money_text(row.amount, row.asset)
        some = row or own
        assert some is not None
        return Finding(verdict=verdict, kind=kind, where=where, symbol=symbol, ts=some.ts,
                       number=0 if row is None else row.tran_id, values=values)  # fmt: skip

    for own in list(ours):
        if any(is_near(own.ts, o.ts) and o.amount == own.amount for o, _ in pairs):
            ours.remove(own)
            yield say(Verdict.TWICE, Record.LEDGER, own, None)
    for row in list(theirs):
        if any(is_near(row.ts, r.ts) and r.amount == row.amount for _, r in pairs):
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
            if is_near(own.ts, row.ts) and fits(own, row):
                pairs.append((own, row))
                left.remove(row)
                break
    return pairs
