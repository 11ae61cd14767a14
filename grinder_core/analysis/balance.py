"""The balance of a session against the account's: every term of both, and what is left over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_core.analysis.executions import DIGIT, Key
from grinder_core.analysis.income import FUNDING, OF_TRADES, concerns
from grinder_core.analysis.matching import Matched, match
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
from grinder_core.contracts.orders import Fill
from grinder_core.numbers import ZERO, exact

MOVED: Final = frozenset({EntryKind.FUNDING, EntryKind.TRANSFER})


@frozen(kw_only=True)
class Term:
    """One term of the balance, quote currency; what makes equity larger is positive.

    Attributes:
        here: By our ledger; ``None``: it does not say.
        there: By the venue.
    """

    name: str
    here: Decimal | None
    there: Decimal | None

    @property
    def difference(self) -> Decimal:
        """There less here; what one side does not say counts as 0."""
        with exact():
            return (self.there or ZERO) - (self.here or ZERO)


@frozen(kw_only=True)
class SymbolSums:
    """One symbol's money as both sides have it, quote currency; paid fees are positive."""

    symbol: str
    fills_here: int
    fills_there: int
    realized_here: Decimal
    realized_there: Decimal
    fees_here: Decimal
    fees_there: Decimal
    funding_here: Decimal
    funding_there: Decimal


@frozen(kw_only=True)
class FeesElsewhere:
    """Fees that another asset paid; they never touch the wallet that is settled.

    Attributes:
        fills: How many the venue lists.
        here, there: In units of the asset; what is paid is positive.
        value: What they were booked as, quote currency.
    """

    asset: str
    fills: int
    here: Decimal
    there: Decimal
    value: Decimal


@frozen(kw_only=True)
class Settlement:
    """What settling found.

    Attributes:
        terms: Of the balance; their sums are equities.
        assets: By asset and the venue's word: sum of the list, since the session began; of all
            symbols.
        unlisted: Wallet now less the start and everything listed, or known and not listed yet.
        rounding: Realised profit there less ours, of fills that both have.
        rounding_max: How far the equities may be apart by the venue's rounding.
        reordered: Realised profit that our ledger shows as unrealised, or the other way round
            where negative, because it was told of fills in another order than they were made.
        others: What symbols that the session does not trade earned.
        fees_elsewhere: Fees that our ledger valued, and that another asset paid.
        elsewhere: The same by asset.
        not_booked: What named entries that our ledger lacks make of equity, less what those make
            that it has ahead of the venue's answers.
    """

    findings: tuple[Finding, ...]
    terms: tuple[Term, ...]
    symbols: tuple[SymbolSums, ...]
    assets: Mapping[tuple[str, str], Decimal]
    equity_here: Decimal
    equity_there: Decimal
    unlisted: Decimal
    rounding: Decimal
    rounding_max: Decimal
    reordered: Decimal
    others: Decimal
    fees_elsewhere: Decimal
    elsewhere: tuple[FeesElsewhere, ...] = ()
    not_booked: Decimal = ZERO

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """Those that somebody has to explain."""
        return tuple(finding for finding in self.findings if finding.is_open)

    @property
    def pending(self) -> tuple[Finding, ...]:
        """Entries that cannot be everywhere yet."""
        return tuple(finding for finding in self.findings if not finding.is_open)

    @property
    def unexplained(self) -> Decimal:
        """Equity there less here, beyond rounding, others' doings and entries that are named."""
        with exact():
            left = self.equity_there - self.equity_here - self.others - self.not_booked
            return ZERO if abs(left) <= self.rounding_max else left

    @property
    def is_settled(self) -> bool:
        """Whether everything is explained."""
        return not (self.open_findings or self.unlisted or self.unexplained)


def settle(ledger: Ledger, statement: Statement) -> Settlement:
    """Settle a session's ledger with what its venue says."""
    matched = match(ledger, statement)
    with exact():
        return _settled(ledger, statement, matched)


def _settled(ledger: Ledger, statement: Statement, matched: Matched) -> Settlement:
    since = [row for row in statement.income if row.ts > ledger.begin_ms]
    ours = [row for row in since if concerns(row, ledger) and row.asset == ledger.quote]
    others = sum(
        (r.amount for r in since if not concerns(r, ledger) and r.asset == ledger.quote), ZERO
    )
    moved = sum((one.amount for one in ledger.transfers), ZERO)
    funding = sum((one.amount for one in ledger.funding), ZERO)
    realized = sum(ledger.realized.values(), ZERO)
    foreign = _paid_elsewhere(ledger, statement)
    fees = sum(
        (b.fill.fee for b in ledger.fills if (b.fill.symbol, b.trade_id) not in foreign), ZERO
    )
    elsewhere = sum((b.fill.fee for b in ledger.fills), ZERO) - fees
    open_here = ZERO
    for symbol, (qty, cost) in ledger.positions.items():
        mark = statement.positions.get(symbol, (ZERO, ZERO, ZERO))[1]
        open_here += qty * mark - cost
    known = [statement.positions[s] for s in ledger.symbols if s in statement.positions]
    open_there = sum((unrealized for _, _, unrealized in known), ZERO)
    terms: tuple[Term, ...] = (
        Term(name="start equity", here=ledger.start, there=ledger.start),
        Term(name="transfers", here=moved, there=_listed(ours, EntryKind.TRANSFER)),
        Term(name="realised", here=realized, there=_listed(ours, EntryKind.REALIZED)),
        Term(name="fees", here=-fees, there=_listed(ours, EntryKind.FEE)),
        Term(name="funding", here=funding, there=_listed(ours, EntryKind.FUNDING)),
        Term(name="other symbols", here=None, there=others),
    )
    listed = sum((term.there or ZERO for term in terms), ZERO)
    late = _not_listed_yet(matched, ledger, statement)
    unlisted = statement.wallet - listed - late
    here = ledger.start + moved + realized - fees + funding
    if late:
        terms = (*terms, Term(name="not listed yet", here=None, there=late))
    if unlisted:
        terms = (*terms, Term(name="in no list", here=None, there=unlisted))
    terms = (
        *terms,
        Term(name="wallet", here=here, there=statement.wallet),
        Term(name="unrealised", here=open_here, there=open_there),
    )
    rounding = sum(matched.rounding.values(), ZERO)
    count = len(ledger.fills) + len(ledger.symbols)
    held = sum((abs(b.fill.qty) for b in ledger.fills), ZERO)
    return Settlement(
        findings=matched.findings,
        terms=terms,
        symbols=tuple(_sums(symbol, ledger, statement, ours, foreign) for symbol in ledger.symbols),
        assets=_assets(since),
        equity_here=here + open_here,
        equity_there=statement.wallet + open_there,
        unlisted=unlisted,
        rounding=rounding,
        rounding_max=(held + count) * DIGIT,
        reordered=sum(matched.reordered.values(), ZERO),
        others=others,
        fees_elsewhere=elsewhere,
        elsewhere=_by_asset(ledger, statement, foreign),
        not_booked=_not_booked(matched, ledger, statement),
    )


def kind_of(row: IncomeRow) -> str:
    """Return what a row of the list counts as."""
    if row.kind in OF_TRADES:
        return OF_TRADES[row.kind].value
    return (
        EntryKind.FUNDING.value if row.kind in FUNDING and row.symbol else EntryKind.TRANSFER.value
    )


def _listed(rows: list[IncomeRow], kind: str) -> Decimal:
    return sum((row.amount for row in rows if kind_of(row) == kind), ZERO)


def _not_listed_yet(matched: Matched, ledger: Ledger, statement: Statement) -> Decimal:
    """Money of trades and movements that the list will show once it has caught up."""
    late = [
        f for f in matched.findings if f.verdict is Verdict.PENDING and f.where is Record.INCOME
    ]
    trades = {(t.fill.symbol, t.trade_id): t for t in statement.trades}
    total = ZERO
    for finding in late:
        trade = trades.get((finding.symbol, finding.number))
        if finding.kind is EntryKind.FEE and trade is not None:
            total -= trade.fill.fee if trade.fee_asset == ledger.quote else ZERO
        elif finding.kind is EntryKind.REALIZED and trade is not None:
            total += trade.realized
    late_money = [f for f in late if f.kind in MOVED and f.ts <= statement.read_ms]
    for finding in late_money:
        booked = ledger.funding if finding.kind is EntryKind.FUNDING else ledger.transfers
        total += _amount_of(finding, booked)
    return total


def _not_booked(matched: Matched, ledger: Ledger, statement: Statement) -> Decimal:
    """Equity of entries that one side lacks altogether, as they are worth at the mark."""
    rows = {(r.symbol, r.ts, r.tran_id): r for r in statement.income if r.asset == ledger.quote}
    trades = {(t.fill.symbol, t.trade_id): t for t in statement.trades}
    booked = {(b.fill.symbol, b.trade_id): b.fill for b in ledger.fills}
    total = ZERO
    for one in matched.findings:
        trade = trades.get((one.symbol, one.number))
        if one.kind is EntryKind.FILL and not one.what and one.verdict is not Verdict.TWICE:
            if one.where is Record.LEDGER and trade is not None:
                fee = trade.fill.fee if trade.fee_asset == ledger.quote else ZERO
                total += _worth(trade.fill, statement) - fee
            elif one.where is Record.TRADES:
                fill = booked[one.symbol, one.number]
                total -= _worth(fill, statement) - fill.fee
        elif one.kind is not EntryKind.FILL and one.where is Record.LEDGER and not one.what:
            row = rows.get((one.symbol, one.ts, one.number))
            if row is not None and Record.LEDGER.value not in one.values:
                total += row.amount
        elif one.kind in MOVED and one.verdict is Verdict.PENDING and one.ts > statement.read_ms:
            held = ledger.funding if one.kind is EntryKind.FUNDING else ledger.transfers
            total -= _amount_of(one, held)
    return total


def _worth(fill: Fill, statement: Statement) -> Decimal:
    mark = statement.positions.get(fill.symbol, (ZERO, ZERO, ZERO))[1]
    return fill.side.sign * fill.qty * (mark - fill.price)


def _amount_of(one: Finding, booked: Iterable[BookedMoney]) -> Decimal:
    own = (m.amount for m in booked if m.ts == one.ts and m.symbol == one.symbol)
    return next(own, ZERO)


def _paid_elsewhere(ledger: Ledger, statement: Statement) -> dict[Key, str]:
    """Return the asset of each execution whose fee was not paid in the quote currency."""
    found = {(b.fill.symbol, b.trade_id): b.fee_asset for b in ledger.fills if b.fee_asset}
    for trade in statement.trades:
        if trade.fee_asset != ledger.quote:
            found[trade.fill.symbol, trade.trade_id] = trade.fee_asset
    return found


def _by_asset(
    ledger: Ledger, statement: Statement, foreign: Mapping[Key, str]
) -> tuple[FeesElsewhere, ...]:
    booked = {(b.fill.symbol, b.trade_id): b for b in ledger.fills}
    listed = {(t.fill.symbol, t.trade_id): t for t in statement.trades}
    return tuple(
        FeesElsewhere(
            asset=asset,
            fills=sum(key in listed for key in keys),
            here=sum((booked[key].fee_qty for key in keys if key in booked), ZERO),
            there=sum((listed[key].fill.fee for key in keys if key in listed), ZERO),
            value=sum((booked[key].fill.fee for key in keys if key in booked), ZERO),
        )
        for asset in sorted(set(foreign.values()) - {""})
        for keys in [[key for key, paid in foreign.items() if paid == asset]]
    )


def _sums(
    symbol: str,
    ledger: Ledger,
    statement: Statement,
    listed: list[IncomeRow],
    foreign: Mapping[Key, str],
) -> SymbolSums:
    in_quote = [b.fill for b in ledger.fills if (b.fill.symbol, b.trade_id) not in foreign]
    fills = [b.fill for b in ledger.fills if b.fill.symbol == symbol]
    rows = [row for row in listed if row.symbol == symbol]
    return SymbolSums(
        symbol=symbol,
        fills_here=len(fills),
        fills_there=sum(t.fill.symbol == symbol for t in statement.trades),
        realized_here=ledger.realized.get(symbol, ZERO),
        realized_there=_listed(rows, EntryKind.REALIZED),
        fees_here=sum((fill.fee for fill in in_quote if fill.symbol == symbol), ZERO),
        fees_there=-_listed(rows, EntryKind.FEE),
        funding_here=-sum((m.amount for m in ledger.funding if m.symbol == symbol), ZERO),
        funding_there=-_listed(rows, EntryKind.FUNDING),
    )


def _assets(rows: list[IncomeRow]) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        key = row.asset, row.kind
        sums[key] = sums.get(key, ZERO) + row.amount
    return dict(sorted(sums.items()))
