"""The market moves: resting orders fill, positions are valued, funding is paid."""

from __future__ import annotations

from decimal import Decimal

from grinder_core.contracts.enums import FillMode, FundingSource
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import (
    DepthDiff,
    Funding,
    L2Snapshot,
    MarkPrice,
    Snapshot,
    Trade,
)
from grinder_core.venue.exchange import conditional, liquidation
from grinder_core.venue.exchange.floor import Floor
from grinder_core.venue.exchange.vocabulary import AccountReason, IncomeType
from grinder_core.venue.funding import payment
from grinder_core.venue.matching import MatchingBook


def move(floor: Floor, event: Event) -> None:
    """Take one market event; kinds and symbols that the exchange does not list change nothing."""
    payload = event.payload
    if isinstance(payload, Snapshot):
        book = floor.books.get(payload.symbol)
        if book is not None:
            _quote(floor, book, payload)
    elif isinstance(payload, Trade):
        book = floor.books.get(payload.symbol)
        if book is not None:
            _print(floor, book, payload)
    elif isinstance(payload, L2Snapshot | DepthDiff):
        book = floor.books.get(payload.symbol)
        if book is not None:
            book.take_depth(payload, event.update_id, floor.now)
            if floor.fills.fill_mode is FillMode.QUEUE:
                book.see_depth()
    elif isinstance(payload, MarkPrice):
        book = floor.books.get(payload.symbol)
        if book is not None:
            book.mark_price = payload.mark_price
            _revalue(floor, payload.symbol)
    elif isinstance(payload, Funding) and floor.fills.funding_source is FundingSource.DATA:
        settle(floor, payload.symbol, payload.rate)


def _quote(floor: Floor, book: MatchingBook, snapshot: Snapshot) -> None:
    reached = book.on_snapshot(snapshot, floor.fills, floor.now)
    if reached:
        floor.desk.serve(book, reached, floor.now, is_new=False)
    _revalue(floor, book.symbol)


def _print(floor: Floor, book: MatchingBook, trade: Trade) -> None:
    if book.orders:
        floor.desk.serve_print(book, trade)
    floor.prints[book.symbol] = trade.price
    _revalue(floor, book.symbol)


def _revalue(floor: Floor, symbol: str) -> None:
    conditional.on_price(floor, symbol)
    liquidation.check_all(floor, symbol)


def settle(floor: Floor, symbol: str, rate: Decimal) -> None:
    """One funding settlement: longs pay a positive rate to shorts, at the mark."""
    mark = floor.mark(symbol)
    if mark is None:
        return
    for account in floor.accounts.values():
        for position in account.sides(symbol):
            if not position.ledger.qty:
                continue
            paid = payment(floor.now, symbol, rate, position.ledger.qty, mark)
            account.pay_funding(position, paid.amount)
            account.note(floor.now, IncomeType.FUNDING_FEE, symbol, -paid.amount)
            shown = (position,) if account.is_isolated(symbol) else ()
            floor.tell_account(account.name, AccountReason.FUNDING_FEE, shown, -paid.amount, paid)
    liquidation.check_all(floor, symbol)
