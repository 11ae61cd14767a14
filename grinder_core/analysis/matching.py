"""Every entry of ledger, trades and income held against the others: who stands alone is named."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from grinder_core.analysis.executions import (
    Key,
    amounts,
    earned,
    fees,
    gather,
    judge,
    profits_of,
)
from grinder_core.analysis.movements import movements
from grinder_core.analysis.settlement import EntryKind, Finding, Ledger, Record, Statement
from grinder_core.numbers import ZERO, exact


@frozen(kw_only=True)
class Matched:
    """What matching found.

    Attributes:
        findings: In time; pending ones included.
        rounding: Realised profit there less that which ours makes of the same fills, where the
            venue rounds its entry prices; by symbol, within ``rounding_max``.
        reordered: Realised profit of our ledger's fills in the order in which they were made, less
            that in the order in which we were told; by symbol. Unrealised profit makes up for it.
    """

    findings: tuple[Finding, ...]
    rounding: Mapping[str, Decimal]
    reordered: Mapping[str, Decimal]


def match(ledger: Ledger, statement: Statement) -> Matched:
    """Hold everything against everything."""
    with exact():
        executions, findings = gather(ledger, statement)
        alone: list[Finding] = []
        for key, one in sorted(executions.items()):
            alone += judge(*key, one, ledger, statement)
        # one fill that is not known well makes another profit of all that come after it
        unclear = {finding.symbol for finding in alone if finding.is_open}
        profits: dict[Key, Decimal] = {}
        for symbol in ledger.symbols:
            if symbol not in unclear:
                profits |= profits_of(symbol, executions, ledger)
        rounding = dict.fromkeys(ledger.symbols, ZERO)
        lacking = {key[0] for key, one in executions.items() if not one.booked}
        reordered = {
            symbol: sum((p for key, p in profits.items() if key[0] == symbol), ZERO)
            - ledger.realized.get(symbol, ZERO)
            for symbol in ledger.symbols
            if symbol not in unclear | lacking
        }
        for key, one in sorted(executions.items()):
            if one.booked or one.listed:
                paid, made = fees(one, ledger), earned(one, profits.get(key))
                findings += amounts(EntryKind.FEE, *key, paid, one, statement)
                findings += amounts(EntryKind.REALIZED, *key, made, one, statement)
                if Record.LEDGER in made and one.listed:
                    rounding[key[0]] += made[Record.LEDGER][0] - profits[key]
        findings += alone
        findings += movements(ledger, statement)
    return Matched(
        findings=tuple(sorted(findings, key=lambda f: (f.ts, f.symbol, f.kind, f.number))),
        rounding=rounding,
        reordered=reordered,
    )
