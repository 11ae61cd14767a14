"""Histories of an account as its three records have them: ledger, trades, income; all agree."""

from __future__ import annotations

from decimal import Decimal

from attrs import define, evolve, field
from hypothesis import strategies as st

from grinder_core.analysis.settlement import (
    BookedFill,
    BookedMoney,
    IncomeRow,
    Ledger,
    Statement,
    TradeRow,
)
from grinder_core.contracts.enums import Liquidity, Side
from grinder_core.contracts.orders import Fill
from grinder_core.ledger import SymbolLedger
from grinder_core.numbers import exact

D = Decimal
SYMBOLS = ("AAAUSDT", "BBBUSDT")
QUOTE = "USDT"
START = D(10_000)
MARK = D("100.5")
BEGIN_MS = 1_000_000
HOUR_MS = 3_600_000


@define
class History:
    """Grows entry by entry, in all three records at once."""

    ledger: Ledger = field(
        factory=lambda: Ledger(
            symbols=SYMBOLS, quote=QUOTE, begin_ms=BEGIN_MS, end_ms=0, told_ms=0, start=START
        )
    )
    now: int = BEGIN_MS
    trades: list[TradeRow] = field(factory=list)
    income: list[IncomeRow] = field(factory=list)
    books: dict[str, SymbolLedger] = field(factory=lambda: {s: SymbolLedger(s) for s in SYMBOLS})
    wallet: Decimal = START

    def trade(self, symbol: str, side: Side, price: Decimal, qty: Decimal, fee: Decimal) -> None:
        """Execute something."""
        self.now += HOUR_MS // 60
        number = 100 + len(self.trades)
        fill = Fill(
            fill_id=f"fill_{number:08d}", order_id=str(number), ts=self.now, symbol=symbol,
            side=side, price=price, qty=qty, fee=fee, liquidity=Liquidity.MAKER, level_id=1,
        )  # fmt: skip
        book = self.books[symbol]
        before = book.realized_pnl
        book.apply(side, price, qty, fee)
        with exact():
            realized = book.realized_pnl - before
        self.trades.append(
            TradeRow(ts=self.now, trade_id=number, fill=fill, fee_asset=QUOTE, realized=realized)
        )
        booked = BookedFill(fill=fill, trade_id=number)
        self.ledger = evolve(self.ledger, fills=(*self.ledger.fills, booked))
        self._list("REALIZED_PNL", symbol, realized, number)
        self._list("COMMISSION", symbol, -fee, number)

    def move(self, kind: str, symbol: str, amount: Decimal) -> None:
        """Pay funding, or transfer."""
        self.now += HOUR_MS
        one = BookedMoney(ts=self.now, symbol=symbol, amount=amount)
        if symbol:
            self.ledger = evolve(self.ledger, funding=(*self.ledger.funding, one))
        else:
            self.ledger = evolve(self.ledger, transfers=(*self.ledger.transfers, one))
        self._list(kind, symbol, amount, 0)

    def _list(self, kind: str, symbol: str, amount: Decimal, trade_id: int) -> None:
        with exact():
            self.wallet += amount
        if amount:
            self.income.append(
                IncomeRow(
                    ts=self.now, kind=kind, symbol=symbol, asset=QUOTE, amount=amount,
                    tran_id=9_000 + len(self.income), trade_id=trade_id,
                )
            )  # fmt: skip

    def closed(self) -> tuple[Ledger, Statement]:
        """Return both sides, long after the last entry."""
        later = self.now + HOUR_MS
        positions, known = {}, {}
        with exact():
            for symbol, book in self.books.items():
                positions[symbol] = book.qty, book.cost_basis
                known[symbol] = book.qty, MARK, book.unrealized_pnl(MARK)
        ledger = evolve(
            self.ledger,
            end_ms=later,
            told_ms=later,
            realized={symbol: book.realized_pnl for symbol, book in self.books.items()},
            positions=positions,
        )
        statement = Statement(
            trades=tuple(self.trades),
            income=tuple(self.income),
            read_ms=later,
            listed_ms=later,
            wallet=self.wallet,
            positions=known,
        )
        return ledger, statement


@st.composite
def histories(draw: st.DrawFn, min_size: int = 1) -> History:
    """A history with at least so many entries."""
    story = History()
    entries = st.one_of(
        st.tuples(
            st.sampled_from(SYMBOLS),
            st.sampled_from(tuple(Side)),
            st.decimals(D(90), D(110), places=2),
            st.decimals(D("0.001"), D(3), places=3),
            st.decimals(D("-0.01"), D("0.05"), places=8).filter(bool),
        ),
        st.tuples(
            st.just("FUNDING_FEE"),
            st.sampled_from(SYMBOLS),
            st.decimals(D(-5), D(5), places=8).filter(bool),
        ),
        st.tuples(
            st.sampled_from(["TRANSFER", "ADMIN_DEPOSIT"]),
            st.just(""),
            st.decimals(D(-500), D(500), places=2).filter(bool),
        ),
    )
    for entry in draw(st.lists(entries, min_size=min_size, max_size=15)):
        if len(entry) == 5:
            story.trade(*entry)
        else:
            story.move(*entry)
    return story
