"""What an account may ask for. Nothing here changes anything; called inside ``exact()``."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from grinder_core.numbers import ZERO, dec_half_even
from grinder_core.venue.exchange.account import Income, Position, Terms, TradingAccount, VenueTrade
from grinder_core.venue.exchange.floor import Floor
from grinder_core.venue.exchange.margin import (
    Needs,
    available,
    cross_balance,
    liquidation_price,
    needs_of,
)
from grinder_core.venue.exchange.order import VenueOrder
from grinder_core.venue.exchange.vocabulary import PositionSide

PRICE_DIGITS = 8


@frozen(kw_only=True)
class PositionReport:
    """One position with everything that is asked about it; prices and money in quote currency.

    Attributes:
        break_even: Entry price moved by what fees have cost; 0 when flat.
        liquidation: Mark at which it is closed; 0 for none.
    """

    position: Position
    terms: Terms
    mark: Decimal
    entry: Decimal
    break_even: Decimal
    liquidation: Decimal
    notional: Decimal
    needs: Needs
    max_notional: Decimal


@frozen(kw_only=True)
class Balance:
    """One account's money; quote currency."""

    wallet: Decimal
    cross_wallet: Decimal
    unrealized: Decimal
    cross_unrealized: Decimal
    position_margin: Decimal
    order_margin: Decimal
    maintenance: Decimal
    available: Decimal

    @property
    def margin_balance(self) -> Decimal:
        """Wallet and unrealised profit."""
        return self.wallet + self.unrealized


def orders_of(floor: Floor, name: str, symbol: str | None = None) -> list[VenueOrder]:
    """All orders that can still be asked for, oldest first."""
    found = [*floor.closed.values(), *floor.orders.values()]
    return sorted(
        (o for o in found if o.account == name and symbol in {None, o.symbol}),
        key=lambda order: order.number,
    )


def trades_of(floor: Floor, name: str, symbol: str) -> list[VenueTrade]:
    """The newest executions of an account on a symbol, oldest first."""
    return [trade for trade in floor.account(name).trades if trade.symbol == symbol]


def income_of(floor: Floor, name: str) -> list[Income]:
    """The newest changes of the wallet, oldest first."""
    return list(floor.account(name).income)


def positions_of(floor: Floor, name: str, symbol: str | None = None) -> list[PositionReport]:
    """Every position of an account's mode, flat ones included, of listed symbols."""
    account = floor.account(name)
    sides = [PositionSide.LONG, PositionSide.SHORT] if account.is_hedged else [PositionSide.BOTH]
    names = [symbol] if symbol is not None else sorted(floor.instruments)
    return [report(floor, account, account.look(each, side)) for each in names for side in sides]


def report(floor: Floor, account: TradingAccount, position: Position) -> PositionReport:
    """Say everything about one position."""
    symbol, ledger = position.symbol, position.ledger
    instrument, terms = floor.instruments[symbol], account.terms_of(symbol)
    mark = floor.mark(symbol) or ZERO
    paid = ZERO if not ledger.qty else dec_half_even(ledger.fees_paid, PRICE_DIGITS, ledger.qty)
    return PositionReport(
        position=position,
        terms=terms,
        mark=mark,
        entry=ledger.avg_entry_price,
        break_even=ledger.avg_entry_price + paid,
        liquidation=liquidation_price(
            ledger.qty, ledger.cost_basis, _behind(floor, account, position, mark), instrument
        ),
        notional=ledger.qty * mark,
        needs=needs_of(position, mark, terms.leverage, instrument),
        max_notional=instrument.cap_at(terms.leverage),
    )


def balance_of(floor: Floor, name: str) -> Balance:
    """Sum an account's money up."""
    account = floor.account(name)
    reports = [
        report(floor, account, position)
        for position in account.positions.values()
        if not position.is_idle
    ]
    cross = [r for r in reports if not account.is_isolated(r.position.symbol)]
    return Balance(
        wallet=account.wallet,
        cross_wallet=account.cross_wallet,
        unrealized=sum((r.needs.unrealized for r in reports), ZERO),
        cross_unrealized=sum((r.needs.unrealized for r in cross), ZERO),
        position_margin=sum((r.needs.position for r in reports), ZERO),
        order_margin=sum((r.needs.orders for r in reports), ZERO),
        maintenance=sum((r.needs.maintenance for r in reports), ZERO),
        available=max(available(account, floor.mark), ZERO),
    )


def _behind(floor: Floor, account: TradingAccount, position: Position, mark: Decimal) -> Decimal:
    """What stands behind a position: its own wallet, or the account's less the other positions."""
    if account.is_isolated(position.symbol):
        return position.isolated_wallet
    balance, keep = cross_balance(account, floor.mark, floor.instruments.__getitem__)
    needs = needs_of(
        position,
        mark,
        account.terms_of(position.symbol).leverage,
        floor.instruments[position.symbol],
    )
    return balance - needs.unrealized - (keep - needs.maintenance)
