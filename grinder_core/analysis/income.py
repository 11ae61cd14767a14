"""Rows of the venue's income list: what they are about, and whether they are the session's."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from grinder_core.analysis.settlement import EntryKind, IncomeRow, Ledger
from grinder_core.numbers import canonical

COMMISSION: Final = "COMMISSION"
REALIZED_PNL: Final = "REALIZED_PNL"
FUNDING: Final = frozenset({"FUNDING_FEE", "SPECIAL_FUNDING_FEE", "INSURANCE_CLEAR"})
OF_TRADES: Final = {COMMISSION: EntryKind.FEE, REALIZED_PNL: EntryKind.REALIZED}
APART_MS: Final = 5_000  # how far the times of our side and the list may be apart


def concerns(row: IncomeRow, ledger: Ledger) -> bool:
    """Whether a row of the list is of the session: of its symbols, since its beginning."""
    return row.ts > ledger.begin_ms and (not row.symbol or row.symbol in ledger.symbols)


def is_near(a: int, b: int) -> bool:
    """Whether two times may be of one entry."""
    return abs(a - b) <= APART_MS


def money_text(amount: Decimal, asset: str) -> str:
    """Return an amount for people."""
    return f"{canonical(amount)} {asset}".strip()
