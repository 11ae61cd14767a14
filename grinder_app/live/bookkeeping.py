"""What a live session booked, entry by entry, while its journal is folded again (CORE-38, LIVE-38).

An entry is what the fold took in: an answer of the venue that changed the ledger. What it left
alone, such as a fill that was told twice, is none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import Factory, define

from grinder_core.analysis.bridge import Adoption, Books
from grinder_core.analysis.settlement import BookedFill, BookedMoney, Ledger
from grinder_core.contracts.control import AccountUpdate, FundingPaid, PositionUpdate
from grinder_core.contracts.event import Event
from grinder_core.contracts.orders import Fill, OrderUpdate
from grinder_core.live.core import LiveCore, Step
from grinder_core.numbers import ZERO, exact

_BOOKED: Final = (OrderUpdate, FundingPaid, AccountUpdate, PositionUpdate)


@define
class _Before:
    """What an event may change."""

    fills: int = 0
    funding: int = 0
    level_id: int = 0
    qty: Decimal = ZERO
    cost: Decimal = ZERO


@define
class Bookkeeper:
    """Looks on while a journal is folded.

    Attributes:
        start: First equity: the account's, or the capital of a session without one.
        begin_ms: When that was.
        opening: Profit that the ledger held when reading began, by symbol; of a journal whose
            first rows are archived.
        events: Number of the event that booked each fill, in their order.
    """

    fills: list[BookedFill] = Factory(list)
    funding: list[BookedMoney] = Factory(list)
    transfers: list[BookedMoney] = Factory(list)
    adopted: list[Adoption] = Factory(list)
    events: list[int] = Factory(list)
    start: Decimal = ZERO
    begin_ms: int = 0
    opening: dict[str, Decimal] = Factory(dict)
    _before: _Before = Factory(_Before)
    _has_begun: bool = False

    def before(self, core: LiveCore, event: Event) -> bool:
        """Note what the event may change; never enough."""
        if not self._has_begun:
            self._begin(core, event)
        payload = event.payload
        if isinstance(payload, _BOOKED):
            stats, note = core.engine.hot.stats, self._before
            note.fills, note.funding = stats.total_fills, stats.funding_payments
            s = core.engine.hot.symbols.get(getattr(payload, "symbol", ""))
            note.qty = ZERO if s is None else s.ledger.qty
            note.cost = ZERO if s is None else s.ledger.cost_basis
            note.level_id = 0
            if s is not None and isinstance(payload, OrderUpdate):
                order = s.grid.get(payload.client_order_id)
                note.level_id = 0 if order is None else order.level_id
        return False

    def after(self, core: LiveCore, event: Event, step: Step) -> None:
        """Note what was booked."""
        payload = event.payload
        if isinstance(payload, _BOOKED):
            self._book(core, event)

    def _begin(self, core: LiveCore, event: Event) -> None:
        self._has_begun = True
        hot = core.engine.hot
        self.start, self.begin_ms = hot.cash, hot.now or event.ts_ms
        for symbol, s in hot.symbols.items():
            self.opening[symbol] = s.ledger.realized_pnl
            if s.ledger.qty:
                self._adopt(self.begin_ms, symbol, s.ledger.qty, s.ledger.cost_basis)

    def _book(self, core: LiveCore, event: Event) -> None:
        payload, hot, before = event.payload, core.engine.hot, self._before
        if isinstance(payload, OrderUpdate):
            if hot.stats.total_fills > before.fills:
                fill = _fill_of(payload, f"fill_{hot.fill_seq:08d}", before.level_id)
                self.fills.append(
                    BookedFill(
                        fill=fill,
                        trade_id=payload.trade_id,
                        fee_asset=payload.fee_asset,
                        fee_qty=payload.fee_qty,
                    )
                )
                self.events.append(core.hot.events)
        elif isinstance(payload, FundingPaid):
            if hot.stats.funding_payments > before.funding:
                paid = payload.amount.copy_negate()
                self.funding.append(BookedMoney(ts=payload.ts, symbol=payload.symbol, amount=paid))
        elif isinstance(payload, AccountUpdate):
            if payload.start is not None:
                self.start, self.begin_ms = payload.start, payload.ts
                self.transfers.clear()
            if payload.transfer:
                one = BookedMoney(ts=payload.ts, symbol="", amount=payload.transfer)
                self.transfers.append(one)
        elif isinstance(payload, PositionUpdate) and payload.is_adopted:
            ledger = hot.symbols[payload.symbol].ledger
            with exact():
                qty, cost = ledger.qty - before.qty, ledger.cost_basis - before.cost
            self._adopt(payload.ts, payload.symbol, qty, cost)

    def _adopt(self, ts: int, symbol: str, qty: Decimal, cost: Decimal) -> None:
        self.adopted.append(Adoption(ts=ts, symbol=symbol, qty=qty, cost=cost))

    # -- what it comes to ------------------------------------------------------------------------

    def books(self, core: LiveCore) -> Books:
        """Return the books as a bridge takes them."""
        hot = core.engine.hot
        with exact():
            moved = sum((one.amount for one in self.transfers), ZERO)
            stated = hot.cash + hot.unrealized - self.start - moved
            funding = -sum((one.amount for one in self.funding), ZERO)
        return Books(
            fills=tuple(one.fill for one in self.fills),
            marks={symbol: s.mark for symbol, s in hot.symbols.items() if s.mark},
            funding=funding,
            stated=stated,
            adopted=tuple(self.adopted),
        )

    def ledger(self, core: LiveCore, quote: str) -> Ledger:
        """Return the ledger as it is settled.

        Args:
            quote: Currency that the session counts in.
        """
        hot = core.engine.hot
        with exact():
            realized = {
                symbol: s.ledger.realized_pnl - self.opening.get(symbol, ZERO)
                for symbol, s in hot.symbols.items()
            }
        return Ledger(
            symbols=tuple(sorted({*core.config.whitelist, *hot.symbols})),
            quote=quote,
            begin_ms=self.begin_ms,
            end_ms=hot.now,
            told_ms=core.hot.income_ms,
            start=self.start,
            fills=tuple(self.fills),
            funding=tuple(self.funding),
            transfers=tuple(self.transfers),
            adopted=tuple(self.adopted),
            realized=realized,
            positions={
                symbol: (s.ledger.qty, s.ledger.cost_basis) for symbol, s in hot.symbols.items()
            },
        )


def _fill_of(update: OrderUpdate, fill_id: str, level_id: int) -> Fill:
    return Fill(
        fill_id=fill_id,
        order_id=update.order_id,
        ts=update.ts,
        symbol=update.symbol,
        side=update.side,
        price=update.last_price,
        qty=update.last_qty,
        fee=update.fee,
        liquidity=update.liquidity,
        level_id=level_id,
    )
