"""A settlement for people, accountants and machines."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final

from grinder_adapters.feeds.atomic import atomic_file
from grinder_app.report.money_page import Bar, MoneyPage, MoneyTable, waterfall
from grinder_app.report.wording import utc
from grinder_core.analysis.balance import Settlement, kind_of
from grinder_core.analysis.settlement import Finding, Ledger, Statement
from grinder_core.codec import to_dict
from grinder_core.numbers import ZERO, canonical

Cells = tuple[str, ...]
FINDING_COLUMNS: Final = ("verdict", "entry", "symbol", "time", "number", "where", "values")
TERM_COLUMNS: Final = ("term", "here", "at the venue", "difference")
SYMBOL_COLUMNS: Final = (
    *("symbol", "fills", "fills there", "realised", "realised there"),
    *("fees", "fees there", "funding", "funding there"),
)
ASSET_COLUMNS: Final = ("asset", "kind", "sum of the list")
ELSEWHERE_COLUMNS: Final = ("asset", "fills", "paid", "paid there", "booked as")
CSV_COLUMNS: Final = (
    *("record", "kind", "ts_ms", "time_utc", "symbol", "number", "side", "qty", "price"),
    *("amount", "asset"),
)


def finding_rows(findings: tuple[Finding, ...]) -> list[Cells]:
    """Return a row for each entry that is not the same everywhere."""
    return [
        (
            f.verdict.value,
            f"{f.kind.value} {f.what}".strip(),
            f.symbol or "account",
            utc(f.ts),
            str(f.number) if f.number else "-",
            f.where.value,
            "; ".join(f"{who} {value}" for who, value in f.values.items()),
        )
        for f in findings
    ]


def term_rows(found: Settlement) -> list[Cells]:
    """Return the balance, term by term, and both equities."""
    rows = [
        (
            term.name,
            "-" if term.here is None else canonical(term.here),
            "-" if term.there is None else canonical(term.there),
            canonical(term.difference),
        )
        for term in found.terms
    ]
    here, there = found.equity_here, found.equity_there
    return [*rows, ("equity", canonical(here), canonical(there), canonical(there - here))]


def symbol_rows(found: Settlement) -> list[Cells]:
    """Return each symbol's money as both sides have it."""
    return [
        (
            s.symbol,
            *(str(n) for n in (s.fills_here, s.fills_there)),
            *map(canonical, (s.realized_here, s.realized_there, s.fees_here, s.fees_there)),
            *map(canonical, (s.funding_here, s.funding_there)),
        )
        for s in found.symbols
    ]


def asset_rows(found: Settlement) -> list[Cells]:
    """Return what the list adds up to, by asset and the venue's word."""
    return [(asset, kind, canonical(total)) for (asset, kind), total in found.assets.items()]


def elsewhere_rows(found: Settlement) -> list[Cells]:
    """Return what other assets paid in fees, and what the ledger took that for."""
    return [
        (e.asset, str(e.fills), *map(canonical, (e.here, e.there, e.value)))
        for e in found.elsewhere
    ]


def sentence(found: Settlement, quote: str) -> str:
    """Say what came out."""
    late = len(found.pending)
    rest = f"; {late} entries are pending" if late else ""
    if found.is_settled:
        tail = f", {canonical(found.rounding)} {quote} of it rounding" if found.rounding else ""
        return f"Settled: every entry is explained to the last digit{tail}{rest}."
    words = []
    if found.open_findings:
        words.append(f"{len(found.open_findings)} entries are not the same everywhere")
    if found.unlisted:
        words.append(f"{canonical(found.unlisted)} {quote} of the wallet is in no list")
    if not words:
        words.append(f"{canonical(found.unexplained)} {quote} of equity is unexplained")
    return f"Not settled: {'; '.join(words)}{rest}."


def settle_json(ledger: Ledger, statement: Statement, found: Settlement) -> dict[str, Any]:
    """Return everything as JSON values."""
    return {
        "is_settled": found.is_settled,
        "symbols": [to_dict(one) for one in found.symbols],
        "terms": [{"difference": canonical(one.difference), **to_dict(one)} for one in found.terms],
        "findings": [to_dict(one) for one in found.findings],
        "assets": [
            {"asset": asset, "kind": kind, "amount": canonical(total)}
            for (asset, kind), total in found.assets.items()
        ],
        "equity_here": canonical(found.equity_here),
        "equity_there": canonical(found.equity_there),
        "unlisted": canonical(found.unlisted),
        "unexplained": canonical(found.unexplained),
        "rounding": canonical(found.rounding),
        "fees_elsewhere": canonical(found.fees_elsewhere),
        "elsewhere": [to_dict(one) for one in found.elsewhere],
        "from_ms": ledger.begin_ms,
        "journal_ms": ledger.end_ms,
        "venue_ms": statement.read_ms,
        "quote": ledger.quote,
    }


def settle_page(ledger: Ledger, statement: Statement, found: Settlement) -> MoneyPage:
    """Return the page."""
    bars = [
        Bar(
            name=term.name,
            amount=term.there or ZERO,
            is_sum=term.name in {"start equity", "wallet"},
        )
        for term in found.terms
    ]
    bars.append(Bar(name="equity", amount=found.equity_there, is_sum=True))
    span = f"{utc(ledger.begin_ms)} to {utc(statement.read_ms)}"
    return MoneyPage(
        title="Settlement with the venue",
        about=f"{', '.join(ledger.symbols)}, {span} UTC",
        lead=sentence(found, ledger.quote),
        tone="good" if found.is_settled else "bad",
        charts=(
            waterfall(
                "balance",
                "From the first equity to this one",
                bars,
                f"By the venue, {ledger.quote}.",
            ),
        ),
        tables=(
            MoneyTable(
                title="Balance",
                columns=TERM_COLUMNS,
                rows=term_rows(found),
                numeric=TERM_COLUMNS[1:],
                caption=f"{ledger.quote}; what makes equity larger is positive.",
            ),
            MoneyTable(
                title="Entries that are not the same everywhere",
                columns=FINDING_COLUMNS,
                rows=finding_rows(found.findings),
            ),
            MoneyTable(
                title="By symbol",
                columns=SYMBOL_COLUMNS,
                rows=symbol_rows(found),
                numeric=SYMBOL_COLUMNS[1:],
                caption="Fees and funding paid are positive.",
            ),
            MoneyTable(
                title="Fees in other assets",
                columns=ELSEWHERE_COLUMNS,
                rows=elsewhere_rows(found),
                numeric=ELSEWHERE_COLUMNS[1:],
                caption=f"Paid in the asset, booked in {ledger.quote} at its price at the fill. "
                "They are in the session's profit and in no term of the balance, for they never "
                "touch this wallet.",
            ),
            MoneyTable(
                title="By asset",
                columns=ASSET_COLUMNS,
                rows=asset_rows(found),
                numeric=ASSET_COLUMNS[2:],
                caption="The venue's whole list of income since the session began.",
            ),
        ),
    )


def write_csv(ledger: Ledger, statement: Statement, path: Path) -> int:
    """Write every entry of all three records, a row each, and return the size in bytes.

    Raises:
        InputError: The target cannot be written.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(_entries(ledger, statement))
    content = text.getvalue().encode("ascii")
    with atomic_file(path) as file:
        file.write(content)
    return len(content)


def _entries(ledger: Ledger, statement: Statement) -> Iterator[tuple[object, ...]]:
    for record, fills in (
        (
            "ledger",
            [
                (
                    b.fill,
                    b.trade_id,
                    *((b.fee_qty, b.fee_asset) if b.fee_asset else (b.fill.fee, ledger.quote)),
                )
                for b in ledger.fills
            ],
        ),
        ("trades", [(t.fill, t.trade_id, t.fill.fee, t.fee_asset) for t in statement.trades]),
    ):
        for fill, number, paid, asset in fills:
            deal = (fill.side.value, canonical(fill.qty), canonical(fill.price))
            fee = canonical(paid.copy_negate() if paid else ZERO)
            yield (record, "fill", fill.ts, utc(fill.ts), fill.symbol, number, *deal, fee, asset)
    for kind, moved in (("funding", ledger.funding), ("transfer", ledger.transfers)):
        for one in moved:
            amount = canonical(one.amount)
            yield (
                *("ledger", kind, one.ts, utc(one.ts), one.symbol, "", "", "", ""),
                *(amount, ledger.quote),
            )
    for row in statement.income:
        number = row.trade_id or row.tran_id
        yield (
            *("income", kind_of(row), row.ts, utc(row.ts), row.symbol, number, "", "", ""),
            *(canonical(row.amount), row.asset),
        )
