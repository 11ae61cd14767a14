"""Two exchanges that get the same calls, and what follows from what their clients were told."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from grinder_core.codec import dump_state, load_state
from grinder_core.contracts.enums import Side
from grinder_core.contracts.event import Event, Payload
from grinder_core.numbers import exact
from grinder_core.venue.exchange.account import AccountPush
from grinder_core.venue.exchange.conditional_order import (
    ConditionalOrder,
    ConditionalPush,
    ConditionalStatus,
)
from grinder_core.venue.exchange.exchange import Exchange
from grinder_core.venue.exchange.floor import Floor, Push
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.order import OrderPush
from grinder_core.venue.exchange.refusals import Refused
from grinder_core.venue.exchange.requests import NewOrder
from grinder_core.venue.exchange.settings import FAITHFUL, ExchangeSettings
from grinder_core.venue.exchange.vocabulary import (
    AccountReason,
    Execution,
    IncomeType,
    OrderStatus,
    OrderType,
    PositionSide,
    SymbolStatus,
)
from tests.core.exchange.scene import (
    AAA,
    BBB,
    BUY,
    ME,
    SELL,
    START,
    YOU,
    D,
    a_bracket,
    an_instrument,
)
from tests.support.factories import a_snapshot

BRACKETS = (
    a_bracket(0, 2000, "0.01", 0, 50),
    a_bracket(2000, 10_000, "0.025", 30, 20),
    a_bracket(10_000, 10**9, "0.05", 280, 10),
)
RULES = ExchangeSettings(amends_max=3, conditional_max=5, history=6)
ORDERS_MAX = 5
WAITING = {ConditionalStatus.NEW, ConditionalStatus.TRIGGERED}

Call = Callable[[Exchange], object]
Key = tuple[str, str, PositionSide]


def listed(symbol: str, status: SymbolStatus = SymbolStatus.TRADING) -> Instrument:
    return an_instrument(
        symbol,
        status=status,
        max_orders=ORDERS_MAX,
        min_notional=D(20),
        multiplier_up=D("1.5"),
        multiplier_down=D("0.5"),
        brackets=BRACKETS,
    )


def opened() -> Exchange:
    deposits = {ME: D(3000), YOU: D(1000)}
    return Exchange.of([listed(AAA), listed(BBB)], deposits, FAITHFUL, RULES)


class Life:
    """What was told about one order."""

    def __init__(self) -> None:
        self.filled = D(0)
        self.is_over = False


class Witness:
    """Calls both exchanges and believes nothing but the answers and the news of the first.

    A request that is refused must leave the first as the second, which was not called yet, still
    is.
    """

    def __init__(self) -> None:
        self.one, self.two = opened(), opened()
        self.now = START
        self.lives: dict[int, Life] = {}
        self.held: dict[Key, Decimal] = {}
        self.cash = {ME: D(3000), YOU: D(1000)}
        self.parts = {
            name: {"in": amount, "made": D(0), "fee": D(0), "paid": D(0)}
            for name, amount in self.cash.items()
        }
        self.told_wallets = {name: (amount, amount) for name, amount in self.cash.items()}
        self.last_order = 0
        self.last_trade = {AAA: 0, BBB: 0}
        self.conditionals: dict[int, ConditionalStatus] = {}
        for exchange in (self.one, self.two):
            exchange.advance(self.now)
        for symbol in (AAA, BBB):
            self.show(symbol, 99, 101, 10)

    @property
    def floor(self) -> Floor:
        return self.one.floor

    def pass_time(self, ms: int) -> None:
        self.now += ms
        self.do(lambda exchange: exchange.advance(self.now))

    def reload(self) -> None:
        """Store and load the second."""
        self.two = Exchange(load_state(Floor, dump_state(self.two.floor)))

    # -- both do the same

    def do(self, call: Call) -> object:
        answer = call(self.one)
        told = self.one.drain()
        if isinstance(answer, Refused):
            assert not told
            self.forget_displayed()
            assert self.one.floor == self.two.floor
        assert call(self.two) == answer
        assert self.two.drain() == told
        for push in told:
            self.learn(push)
        return answer

    def forget_displayed(self) -> None:
        """A look at a book forgets what an earlier snapshot showed: that is no change."""
        for exchange in (self.one, self.two):
            for book in exchange.floor.books.values():
                book.displayed.renew(book.tick)

    def event(self, payload: Payload) -> None:
        self.do(lambda exchange: exchange.on_event(Event(self.now, payload), self.now))

    def learn(self, push: Push) -> None:
        assert push.ts == self.now
        if isinstance(push, OrderPush):
            self.learn_order(push)
        elif isinstance(push, AccountPush):
            self.told_wallets[push.account] = (push.wallet, push.cross_wallet)
            parts = self.parts[push.account]
            if push.reason is AccountReason.FUNDING_FEE:
                parts["paid"] -= push.change
                self.cash[push.account] += push.change
            elif push.reason is not AccountReason.MARGIN_TRANSFER:
                parts["in"] += push.change
                self.cash[push.account] += push.change
        else:
            self.learn_conditional(push)

    def learn_order(self, push: OrderPush) -> None:
        order = push.order
        if push.execution is Execution.NEW:
            assert order.number == self.last_order + 1
            assert push.status is OrderStatus.NEW
            self.last_order = order.number
            self.lives[order.number] = Life()
        life = self.lives[order.number]
        assert not life.is_over
        life.is_over = not push.status.is_open
        life.filled += push.last_qty
        assert push.filled == life.filled <= push.qty
        assert (push.status is OrderStatus.FILLED) == (push.filled == push.qty and life.is_over)
        assert bool(push.last_qty) == (push.execution in {Execution.TRADE, Execution.CALCULATED})
        if push.last_qty:
            assert push.trade_id == self.last_trade[order.symbol] + 1
            self.last_trade[order.symbol] = push.trade_id
            signed = order.side.sign * push.last_qty
            key = (order.account, order.symbol, order.position_side)
            before = self.held.get(key, D(0))
            self.held[key] = before + signed
            if order.reduce_only:
                assert abs(before + signed) < abs(before)
                assert (before + signed) * before >= 0
            if order.price:
                assert order.side.sign * (push.price - push.last_price) >= 0
            with exact():
                self.cash[order.account] -= signed * push.last_price + push.fee
                self.parts[order.account]["made"] += push.realized
                self.parts[order.account]["fee"] += push.fee

    def learn_conditional(self, push: ConditionalPush) -> None:
        number, before = push.order.number, self.conditionals.get(push.order.number)
        if before is None:
            assert push.status is ConditionalStatus.NEW
            assert number == len(self.conditionals) + 1
        else:
            assert before in WAITING
        self.conditionals[number] = push.status

    # -- calls

    def send(self, name: str, side: Side, kind: OrderType, closes: bool, **values: Any) -> object:
        """Place an order that opens or closes, as the account's mode has it said."""
        if self.floor.accounts[name].is_hedged:
            long = (side is BUY) is not closes
            values["position_side"] = PositionSide.LONG if long else PositionSide.SHORT
        elif closes:
            values["reduce_only"] = True
        request = NewOrder(side=side, type=kind, **values)
        return self.do(lambda exchange: exchange.place(name, request, self.now))

    def wait_for(
        self, name: str, side: Side, kind: OrderType, trigger: Decimal, **values: Any
    ) -> object:
        def call(exchange: Exchange) -> object:
            order = ConditionalOrder(
                number=0,
                account=name,
                symbol=AAA,
                side=side,
                type=kind,
                trigger_price=trigger,
                **values,
            )
            return exchange.place_conditional(order, self.now)

        return self.do(call)

    def show(self, symbol: str, bid: int, ask: int, shown: int) -> None:
        self.event(
            a_snapshot(
                ts=self.now,
                symbol=symbol,
                bid_price=D(bid),
                ask_price=D(ask),
                bid_qty=D(shown),
                ask_qty=D(shown + 1),
            )
        )

    def nearest(self, number: int) -> int:
        """An open order, if there is any: numbers alone would rarely meet one."""
        opens = list(self.one.floor.orders)
        return opens[number % len(opens)] if opens else number

    # -- what holds

    def check(self) -> None:
        """Everything that holds after every call."""
        self.both_are_the_same()
        self.money_is_conserved_to_the_last_digit()
        self.positions_are_what_was_traded()
        self.open_orders_are_counted()
        self.reduce_only_orders_have_something_to_reduce()
        self.nothing_is_overdue()
        self.conditionals_wait_or_have_ended()

    def both_are_the_same(self) -> None:
        self.forget_displayed()
        assert self.one.floor == self.two.floor

    def money_is_conserved_to_the_last_digit(self) -> None:
        for name, account in self.one.floor.accounts.items():
            with exact():
                parts = self.parts[name]
                total = parts["in"] + parts["made"] - parts["fee"] - parts["paid"]
                assert account.wallet == total
                cost = sum((p.ledger.cost_basis for p in account.positions.values()), D(0))
                assert account.wallet == self.cash[name] + cost
                assert account.wallet == sum((line.amount for line in account.income), D(0))
                assert (account.fees_paid, account.funding_paid) == (parts["fee"], parts["paid"])
                assert account.deposited + account.insured == parts["in"]
            assert self.told_wallets[name] == (account.wallet, account.cross_wallet)
            assert [line.tran_id for line in account.income] == [*range(1, len(account.income) + 1)]
            insured = [i.amount for i in account.income if i.kind is IncomeType.INSURANCE_CLEAR]
            assert sum(insured, D(0)) == account.insured
            assert all(amount > 0 for amount in insured)

    def positions_are_what_was_traded(self) -> None:
        for name, account in self.one.floor.accounts.items():
            for position in account.positions.values():
                key = (name, position.symbol, position.side)
                assert position.ledger.qty == self.held.get(key, 0)
                if not position.ledger.qty or not account.is_isolated(position.symbol):
                    assert position.isolated_wallet == 0
                assert position.side is not PositionSide.LONG or position.ledger.qty >= 0
                assert position.side is not PositionSide.SHORT or position.ledger.qty <= 0
        told = {key for key, qty in self.held.items() if qty}
        assert told <= {
            (name, p.symbol, p.side)
            for name, account in self.one.floor.accounts.items()
            for p in account.positions.values()
        }

    def open_orders_are_counted(self) -> None:
        floor = self.one.floor
        assert set(floor.orders) == {n for n, life in self.lives.items() if not life.is_over}
        assert list(floor.closed) == list(floor.closed_numbers)
        assert len(floor.closed) == min(RULES.history, len(self.lives) - len(floor.orders))
        for symbol, book in floor.books.items():
            here = {o.order_id: o for o in floor.orders.values() if o.symbol == symbol}
            assert book.orders == here
            assert book.by_client_id == {order.name: name for name, order in here.items()}
            assert all(book.orders[name] is order for name, order in here.items())
        for name, account in floor.accounts.items():
            opens: dict[str, int] = {}
            notional: dict[tuple[str, PositionSide, Side], Decimal] = {}
            for order in floor.orders.values():
                assert order.filled == self.lives[order.number].filled
                assert 0 < order.remaining <= order.qty
                if order.account == name:
                    opens[order.symbol] = opens.get(order.symbol, 0) + 1
                    key = (order.symbol, order.position_side, order.side)
                    part = D(0) if order.reduce_only else order.price * order.remaining
                    notional[key] = notional.get(key, D(0)) + part
            assert {s: n for s, n in account.open_counts.items() if n} == opens
            assert all(count <= ORDERS_MAX for count in opens.values())
            for position in account.positions.values():
                key = (position.symbol, position.side, BUY)
                assert position.bids == notional.get(key, 0)
                key = (position.symbol, position.side, SELL)
                assert position.asks == notional.get(key, 0)

    def reduce_only_orders_have_something_to_reduce(self) -> None:
        for order in self.one.floor.orders.values():
            if order.reduce_only:
                held = self.held.get((order.account, order.symbol, order.position_side), D(0))
                assert held * order.side.sign < 0

    def nothing_is_overdue(self) -> None:
        floor = self.one.floor
        due = [order.good_till for order in floor.orders.values() if order.good_till]
        due += [order.good_till for order in floor.conditionals.values() if order.good_till]
        due += floor.timers.values()
        assert all(floor.deadline <= time > self.now for time in due)

    def conditionals_wait_or_have_ended(self) -> None:
        floor = self.one.floor
        waiting = {n for n, status in self.conditionals.items() if status in WAITING}
        assert set(floor.conditionals) == waiting
        assert all(o.status is ConditionalStatus.NEW for o in floor.conditionals.values())
        assert not waiting & set(floor.finished_conditionals)
        assert len(floor.finished_conditionals) == min(
            RULES.history, len(self.conditionals) - len(waiting)
        )
