"""The trading floor: state of the exchange, and the few things that can happen to an order.

Order entry, amends, cancels and liquidation are functions over it in files of their own. What the
exchange tells its clients is gathered in ``outbox`` in the order it happened. Called inside
``exact()``; ``now`` is the venue's clock and never goes back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, cast

from attrs import Factory, define, field

from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.enums import Liquidity, MarkSource, OrderState, Side
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.errors import ContractError
from grinder_core.numbers import ZERO
from grinder_core.venue.exchange.account import (
    AccountPush,
    Position,
    PositionView,
    TradingAccount,
    VenueTrade,
)
from grinder_core.venue.exchange.clearing import ExchangeClearing
from grinder_core.venue.exchange.conditional_order import ConditionalOrder, ConditionalPush
from grinder_core.venue.exchange.desk import ExchangeDesk
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.order import OrderPush, VenueOrder, name_of
from grinder_core.venue.exchange.settings import FAITHFUL, ExchangeSettings
from grinder_core.venue.exchange.vocabulary import (
    CANCELED,
    AccountReason,
    Execution,
    Expiry,
    IncomeType,
    OrderStatus,
    OrderType,
)
from grinder_core.venue.inbox import NEVER
from grinder_core.venue.matching import MatchingBook
from grinder_core.venue.settings import VenueSettings

Push = OrderPush | AccountPush | ConditionalPush

STATUS_OF: Final[Mapping[OrderState, OrderStatus]] = {
    OrderState.PARTIALLY_FILLED: OrderStatus.PARTIALLY_FILLED,
    OrderState.FILLED: OrderStatus.FILLED,
    OrderState.EXPIRED: OrderStatus.EXPIRED,
}


@define
class Floor:
    """Everything the exchange holds.

    Attributes:
        fills: How orders fill and what that costs.
        rules: What the venue enforces.
        orders: Open orders by number.
        closed, closed_numbers: The newest finished orders by number; which, oldest first.
        names: Number of the newest order of each account, symbol and client id that can still be
            asked for.
        conditionals, finished_conditionals: Conditional orders that wait, and the newest others.
        prints: Price of each symbol's last print.
        timers: Deadlines of countdown-cancel-all by ``account|symbol``.
        last_number: The id of the newest order.
        deadline: Nothing ends by time alone before it.
        outbox: What was not told yet; the owner empties it.
    """

    fills: VenueSettings = FAITHFUL
    rules: ExchangeSettings = Factory(ExchangeSettings)
    instruments: dict[str, Instrument] = Factory(dict)
    accounts: dict[str, TradingAccount] = Factory(dict)
    books: dict[str, MatchingBook] = Factory(dict)
    orders: dict[int, VenueOrder] = Factory(dict)
    closed: dict[int, VenueOrder] = Factory(dict)
    closed_numbers: deque[int] = Factory(deque)
    names: dict[str, int] = Factory(dict)
    timers: dict[str, int] = Factory(dict)
    conditionals: dict[int, ConditionalOrder] = Factory(dict)
    finished_conditionals: dict[int, ConditionalOrder] = Factory(dict)
    prints: dict[str, Decimal] = Factory(dict)
    last_number: int = 0
    last_conditional: int = 0
    now: int = 0
    outbox: list[Push] = Factory(list)
    deadline: int = NEVER
    clearing: ExchangeClearing = field(init=False, eq=False, repr=False)
    desk: ExchangeDesk = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.clearing = ExchangeClearing(self.fills, self.accounts)
        self.desk = ExchangeDesk(self.fills, self.clearing, self.take_in)
        for book in self.books.values():  # a loaded book knows its orders by number alone
            book.orders = {name: self.orders[int(name)] for name in book.orders}

    # -- looking up ----------------------------------------------------------------------------

    def account(self, name: str) -> TradingAccount:
        """Return an account.

        Raises:
            ContractError: There is none of that name.
        """
        found = self.accounts.get(name)
        if found is None:
            raise ContractError("is no account of this exchange", field="account", value=name)
        return found

    def list_symbol(self, instrument: Instrument) -> None:
        """Begin to trade a symbol, or change its rules."""
        self.instruments[instrument.symbol] = instrument
        self.books.setdefault(instrument.symbol, MatchingBook(instrument.symbol))

    def mark(self, symbol: str) -> Decimal | None:
        """What positions are valued at; ``None`` before the symbol had a price."""
        book = self.books.get(symbol)
        if book is None:
            return None
        if book.mark_price is not None and self.fills.mark_source is MarkSource.MARK_PRICE:
            return book.mark_price
        return book.mid

    def find(self, account: str, symbol: str, number: int, name: str) -> VenueOrder | None:
        """Return an order that can still be asked for, by id or, failing that, by client id."""
        if not number:
            number = self.names.get(f"{symbol}|{name_of(account, name)}", 0)
        order = self.orders.get(number) or self.closed.get(number)
        if order is None or order.account != account or order.symbol != symbol:
            return None
        return order

    # -- what happens to an order --------------------------------------------------------------

    def accept(self, order: VenueOrder) -> None:
        """Take an order in and say so; it rests nowhere yet."""
        account, symbol, number = self.accounts[order.account], order.symbol, order.number
        self.orders[number] = order
        self.names[f"{symbol}|{order.name}"] = number
        counts = account.open_counts
        counts[symbol] = counts.get(symbol, 0) + 1
        if order.counts:
            position = account.position(symbol, order.position_side)
            position.add_open(order.side, order.price * order.remaining)
        if order.good_till:
            self.deadline = min(self.deadline, order.good_till)
        self.tell(order, Execution.NEW)

    def execute(
        self,
        order: VenueOrder,
        price: Decimal,
        qty: Decimal,
        *,
        takes: bool,
        rate_bps_x100: int | None = None,
    ) -> None:
        """Fill a part of an order and say so; ``rate_bps_x100`` is another fee than usual."""
        update = self.desk.fill(
            self.books[order.symbol],
            order,
            price,
            qty,
            self.now,
            takes=takes,
            rate_bps_x100=rate_bps_x100,
        )
        self.take_in(order, update)

    def take_in(self, order: VenueOrder, update: OrderUpdate) -> None:
        """Note what the matching core did with an order, and say so."""
        status = STATUS_OF[update.state]
        if update.last_qty:
            trade = self._record(order, update, self.clearing.last_realized)
            if status is OrderStatus.FILLED:
                self._close(order, status)
            else:
                order.status = OrderStatus.PARTIALLY_FILLED
            forced = order.type is OrderType.LIQUIDATION
            self.tell(order, Execution.CALCULATED if forced else Execution.TRADE, trade)
            position = self.clearing.position_of(order)
            position.updated_at = self.now
            self.tell_account(order.account, AccountReason.ORDER, (position,))
            self.trim(order.account, position)
        if status is OrderStatus.EXPIRED and order.number in self.orders:
            self._close(order, status, Expiry.REDUCE_ONLY)
            self.tell(order, Execution.EXPIRED)

    def end(self, order: VenueOrder, status: OrderStatus, expiry: Expiry = Expiry.NONE) -> None:
        """Cancel or expire an order and say so."""
        self.books[order.symbol].remove(order.order_id)
        self._close(order, status, expiry)
        self.tell(order, Execution.CANCELED if status is CANCELED else Execution.EXPIRED)

    def trim(self, account: str, position: Position) -> None:
        """Push out the reduce-only orders that a smaller position no longer needs.

        The order furthest from the market goes first, of equal ones the newest, as long as the
        others cover the whole position.
        """
        qty = position.ledger.qty
        closers = [
            order
            for order in self.open_orders(account, position.symbol)
            if order.reduce_only and order.position_side is position.side
        ]
        useless = [o for o in closers if not qty or (o.side is Side.SELL) is not (qty > 0)]
        for order in useless:
            self.end(order, OrderStatus.EXPIRED, Expiry.REDUCE_ONLY)
        if not qty:
            return
        left = [order for order in closers if order.status.is_open]
        left.sort(key=lambda order: (order.side.sign * order.price, -order.number))
        spare = sum((order.remaining for order in left), ZERO) - abs(qty)
        for order in left:
            if spare < order.remaining:
                break
            spare -= order.remaining
            self.end(order, OrderStatus.EXPIRED, Expiry.REDUCE_ONLY)

    def open_orders(self, account: str, symbol: str | None = None) -> list[VenueOrder]:
        """Open orders of an account, oldest first."""
        if symbol is None:
            return [order for order in self.orders.values() if order.account == account]
        orders = cast(list[VenueOrder], list(self.books[symbol].orders.values()))
        return [order for order in orders if order.account == account]

    # -- what is told --------------------------------------------------------------------------

    def tell(
        self, order: VenueOrder, execution: Execution, trade: VenueTrade | None = None
    ) -> None:
        """Put an order's news into the outbox."""
        order.updated_at = self.now
        push = OrderPush(
            order,
            self.now,
            execution,
            order.status,
            order.price,
            order.qty,
            order.filled,
            order.average_price if order.filled else ZERO,
            order.expiry,
            order.modify_id,
        )
        if trade is not None:
            push.last_qty, push.last_price = trade.qty, trade.price
            push.fee, push.fee_asset, push.realized = trade.fee, trade.fee_asset, trade.realized
            push.trade_id, push.is_maker = trade.trade_id, trade.is_maker
        self.outbox.append(push)

    def tell_account(
        self,
        name: str,
        reason: AccountReason,
        positions: tuple[Position, ...] = (),
        change: Decimal = ZERO,
        payment: FundingPaid | None = None,
    ) -> None:
        """Put an account's news into the outbox."""
        account = self.accounts[name]
        fees = account.fee_wallet
        views = tuple(self._view(account, position) for position in positions)
        self.outbox.append(
            AccountPush(
                name,
                self.now,
                reason,
                account.wallet,
                account.cross_wallet,
                change,
                views,
                "" if payment is None else payment.symbol,
                payment,
                "" if fees is None else fees.asset,
                ZERO if fees is None else fees.balance,
            )
        )

    # -- inside --------------------------------------------------------------------------------

    def _view(self, account: TradingAccount, position: Position) -> PositionView:
        ledger, mark = position.ledger, self.mark(position.symbol)
        return PositionView(
            symbol=position.symbol,
            side=position.side,
            qty=ledger.qty,
            entry_price=ledger.avg_entry_price,
            realized=ledger.realized_pnl,
            unrealized=ZERO if mark is None else ledger.unrealized_pnl(mark),
            margin_type=account.terms_of(position.symbol).margin_type,
            isolated_wallet=position.isolated_wallet,
        )

    def _record(self, order: VenueOrder, update: OrderUpdate, realized: Decimal) -> VenueTrade:
        account = self.accounts[order.account]
        fee, asset = self.clearing.last_fee
        trade = VenueTrade(
            trade_id=update.trade_id,
            order_number=order.number,
            symbol=order.symbol,
            side=order.side,
            position_side=order.position_side,
            price=update.last_price,
            qty=update.last_qty,
            fee=fee,
            realized=realized,
            is_maker=update.liquidity is Liquidity.MAKER,
            ts=self.now,
            fee_asset=asset,
        )
        account.trades.append(trade)
        if realized:
            account.note(self.now, IncomeType.REALIZED_PNL, order.symbol, realized, trade.trade_id)
        if fee:
            account.note(self.now, IncomeType.COMMISSION, order.symbol, -fee, trade.trade_id, asset)
        return trade

    def _close(self, order: VenueOrder, status: OrderStatus, expiry: Expiry = Expiry.NONE) -> None:
        """Take an order off the open ones; what did not fill needs no margin any more."""
        order.status, order.expiry = status, expiry
        account, symbol, number = self.accounts[order.account], order.symbol, order.number
        del self.orders[number]
        account.open_counts[symbol] -= 1
        if order.counts:
            position = account.position(symbol, order.position_side)
            position.add_open(order.side, -order.price * order.remaining)
        self.closed[number] = order
        self.closed_numbers.append(number)
        if len(self.closed_numbers) > self.rules.history:
            oldest = self.closed.pop(self.closed_numbers.popleft())
            name = f"{oldest.symbol}|{oldest.name}"
            if self.names.get(name) == oldest.number:
                del self.names[name]
