"""What a session booked, what its venue lists, and what became of every entry of either.

Three records tell of one execution: our ledger, the venue's trades, the venue's income. Where two
agree and one does not, that one is named. What cannot be in a record yet is pending, no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from attrs import Factory, frozen

from grinder_core.analysis.bridge import Adoption
from grinder_core.contracts.orders import Fill


class Record(StrEnum):
    """Who wrote an entry down; published, append only."""

    LEDGER = "ledger"
    TRADES = "trades"
    INCOME = "income"


class EntryKind(StrEnum):
    """What an entry is of; published, append only."""

    FILL = "fill"
    FEE = "fee"
    REALIZED = "realised"
    FUNDING = "funding"
    TRANSFER = "transfer"


class Verdict(StrEnum):
    """What is wrong with an entry; published, append only."""

    MISSING_HERE = "missing here"
    MISSING_THERE = "missing there"
    DIFFERENT = "different amount"
    TWICE = "booked twice"
    PENDING = "pending"


@frozen(kw_only=True)
class BookedFill:
    """An execution as our ledger has it.

    Attributes:
        trade_id: The venue's, unique per symbol.
        fee_asset, fee_qty: What was paid where that was no quote currency; the fill's fee is then
            its value as booked. Empty and 0 otherwise.
    """

    fill: Fill
    trade_id: int
    fee_asset: str = ""
    fee_qty: Decimal = Decimal(0)


@frozen(kw_only=True)
class BookedMoney:
    """Money that moved without a trade, as our ledger has it.

    Attributes:
        symbol: Of funding; empty: a transfer.
        amount: Quote currency; what came in is positive.
    """

    ts: int
    symbol: str
    amount: Decimal


@frozen(kw_only=True)
class TradeRow:
    """An execution as the venue lists it. Paid ``fee`` is positive, in units of ``fee_asset``."""

    ts: int
    trade_id: int
    fill: Fill
    fee_asset: str
    realized: Decimal


@frozen(kw_only=True)
class IncomeRow:
    """A change of the wallet as the venue lists it.

    Attributes:
        kind: The venue's word.
        symbol: Empty where it is of none.
        amount: In units of the asset; what came in is positive.
        trade_id: Of the execution that it belongs to; 0: of none, or not said.
    """

    ts: int
    kind: str
    symbol: str
    asset: str
    amount: Decimal
    tran_id: int
    trade_id: int = 0


@frozen(kw_only=True)
class Ledger:
    """What a session booked.

    Attributes:
        symbols: What it trades.
        quote: Currency that it counts in.
        begin_ms: When it took the account's balance as its first equity.
        end_ms: Of its last event.
        told_ms: Up to when it was told of all money that moved without a trade.
        start: First equity.
        realized: Profit as its ledger has it, by symbol.
        positions: Quantity and cost basis, by symbol.
    """

    symbols: tuple[str, ...]
    quote: str
    begin_ms: int
    end_ms: int
    told_ms: int
    start: Decimal
    fills: tuple[BookedFill, ...] = ()
    funding: tuple[BookedMoney, ...] = ()
    transfers: tuple[BookedMoney, ...] = ()
    adopted: tuple[Adoption, ...] = ()
    realized: Mapping[str, Decimal] = Factory(dict)
    positions: Mapping[str, tuple[Decimal, Decimal]] = Factory(dict)


@frozen(kw_only=True)
class Statement:
    """What the venue says of the account.

    Attributes:
        read_ms: When it was asked, on its clock.
        listed_ms: Up to when its income list is complete.
        wallet: Quote currency, without what open positions gain or lose.
        positions: Quantity, mark and unrealised profit, by symbol.
    """

    trades: tuple[TradeRow, ...]
    income: tuple[IncomeRow, ...]
    read_ms: int
    listed_ms: int
    wallet: Decimal
    positions: Mapping[str, tuple[Decimal, Decimal, Decimal]] = Factory(dict)


@frozen(kw_only=True)
class Finding:
    """One entry that is not the same everywhere.

    Attributes:
        where: The record that lacks it, has it twice, or stands alone with its value.
        number: The venue's trade id, or the transaction's; 0 where there is none.
        what: Which value differs; empty: the entry as a whole.
        values: By record, as text; a record without the entry is left out.
    """

    verdict: Verdict
    kind: EntryKind
    where: Record
    symbol: str
    ts: int
    number: int = 0
    what: str = ""
    values: Mapping[str, str] = Factory(dict)

    @property
    def is_open(self) -> bool:
        """Whether it has to be explained by somebody."""
        return self.verdict is not Verdict.PENDING
