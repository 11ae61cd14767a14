"""An exchange to play on: what a test does not set stays as it is here, and time stands still."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from grinder_core.codec import dump_state
from grinder_core.contracts.enums import Side
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.limits import LeverageBracket
from grinder_core.contracts.market import Funding, L2Snapshot, MarkPrice, Trade
from grinder_core.venue.exchange.account import AccountPush, TradingAccount
from grinder_core.venue.exchange.conditional_order import (
    ConditionalOrder,
    ConditionalPush,
    ConditionalStatus,
)
from grinder_core.venue.exchange.exchange import Exchange
from grinder_core.venue.exchange.floor import Floor, Push
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.order import OrderPush, VenueOrder
from grinder_core.venue.exchange.refusals import Refused
from grinder_core.venue.exchange.requests import Amend, NewOrder
from grinder_core.venue.exchange.settings import FAITHFUL, ExchangeSettings
from grinder_core.venue.exchange.vocabulary import (
    Execution,
    Expiry,
    OrderStatus,
    OrderType,
    PositionSide,
)
from grinder_core.venue.settings import VenueSettings
from tests.support.factories import a_snapshot

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
ME, YOU = "me", "you"
AAA, BBB = "AAAUSDT", "BBBUSDT"
START = 1_700_000_000_000
Number = int | str | Decimal


def a_bracket(
    floor: Number, cap: Number, ratio: Number, cum: Number, leverage: int
) -> LeverageBracket:
    return LeverageBracket(
        notional_floor=D(floor),
        notional_cap=D(cap),
        maint_margin_ratio=D(ratio),
        cum=D(cum),
        max_leverage=leverage,
    )


def an_instrument(symbol: str = AAA, **changes: Any) -> Instrument:
    """Prices in tenths, quantities in hundredths, and no filter that a test could run into."""
    values: dict[str, Any] = {
        "symbol": symbol,
        "base_asset": symbol.removesuffix("USDT"),
        "tick": D("0.1"),
        "step": D("0.01"),
        "min_qty": D("0.01"),
        "max_qty": D(10**6),
        "market_step": D("0.01"),
        "market_min_qty": D("0.01"),
        "market_max_qty": D(10**6),
        "multiplier_up": D(100),
        "multiplier_down": D("0.01"),
    }
    return Instrument(**{**values, **changes})


class Scene:
    """An exchange with two rich clients and a quote of 99 to 101, 100 units each, on AAA."""

    def __init__(
        self,
        *instruments: Instrument,
        deposits: Mapping[str, Number] | None = None,
        fills: VenueSettings = FAITHFUL,
        rules: ExchangeSettings | None = None,
        is_quoted: bool = True,
    ) -> None:
        money = deposits if deposits is not None else {ME: 10**6, YOU: 10**6}
        listed = instruments or (an_instrument(AAA), an_instrument(BBB))
        amounts = {name: D(amount) for name, amount in money.items()}
        self.exchange = Exchange.of(listed, amounts, fills, rules)
        self.now = START
        self.trade_id = 0
        self.exchange.advance(START)
        if is_quoted:
            self.quote(99, 101)

    @property
    def floor(self) -> Floor:
        return self.exchange.floor

    def account(self, name: str = ME) -> TradingAccount:
        return self.floor.account(name)

    def held(
        self, symbol: str = AAA, side: PositionSide = PositionSide.BOTH, name: str = ME
    ) -> Decimal:
        return self.account(name).look(symbol, side).ledger.qty

    def ahead(self, order: VenueOrder) -> Decimal | None:
        return self.floor.books[order.symbol].orders[order.order_id].queue_ahead

    # -- the market and time

    def wait(self, ms: int) -> None:
        self.now += ms
        self.exchange.advance(self.now)

    def event(self, payload: Payload, update_id: int | None = None) -> None:
        self.exchange.on_event(Event(self.now, payload, update_id=update_id), self.now)

    def quote(
        self,
        bid: Number,
        ask: Number,
        symbol: str = AAA,
        *,
        bid_qty: Number = 100,
        ask_qty: Number = 100,
    ) -> None:
        self.event(
            a_snapshot(
                ts=self.now,
                symbol=symbol,
                bid_price=D(bid),
                ask_price=D(ask),
                bid_qty=D(bid_qty),
                ask_qty=D(ask_qty),
            )
        )

    def depth(
        self,
        bids: Mapping[Any, Number],
        asks: Mapping[Any, Number],
        symbol: str = AAA,
        *,
        ts: int | None = None,
    ) -> None:
        self.event(
            L2Snapshot(
                ts=self.now if ts is None else ts,
                symbol=symbol,
                bids=tuple((D(p), D(q)) for p, q in sorted(bids.items(), reverse=True)),
                asks=tuple((D(p), D(q)) for p, q in sorted(asks.items())),
            )
        )

    def prints(self, price: Number, qty: Number, symbol: str = AAA, *, sold: bool) -> None:
        self.trade_id += 1
        self.event(
            Trade(
                ts=self.now,
                symbol=symbol,
                trade_id=self.trade_id,
                price=D(price),
                qty=D(qty),
                is_buyer_maker=sold,
            )
        )

    def mark(self, price: Number, symbol: str = AAA) -> None:
        self.event(MarkPrice(ts=self.now, symbol=symbol, mark_price=D(price)))

    def funding(self, rate: Number, symbol: str = AAA) -> None:
        self.event(Funding(ts=self.now, symbol=symbol, rate=D(rate)))

    # -- requests

    def send(
        self, side: Side, qty: Number, price: Number = 0, *, name: str = ME, **changes: Any
    ) -> VenueOrder | Refused:
        """A limit order on AAA, or a market order where no price is given."""
        values: dict[str, Any] = {
            "symbol": AAA,
            "side": side,
            "type": OrderType.LIMIT if price else OrderType.MARKET,
            "qty": D(qty),
            "price": D(price),
        }
        return self.exchange.place(name, NewOrder(**{**values, **changes}), self.now)

    def place(self, side: Side, qty: Number, price: Number = 0, **changes: Any) -> VenueOrder:
        """An order that the venue must take."""
        return taken(self.send(side, qty, price, **changes))

    def amend(
        self, order: VenueOrder, qty: Number, price: Number = 0, **changes: Any
    ) -> VenueOrder | Refused:
        values: dict[str, Any] = {
            "symbol": order.symbol,
            "side": order.side,
            "qty": D(qty),
            "price": D(price),
            "order_id": order.number,
        }
        return self.exchange.amend(order.account, Amend(**{**values, **changes}), self.now)

    def cancel(
        self, number: int = 0, client_id: str = "", *, name: str = ME, symbol: str = AAA
    ) -> VenueOrder | Refused:
        return self.exchange.cancel(name, symbol, number, client_id, now=self.now)

    def wait_for(
        self, side: Side, kind: OrderType, qty: Number = 1, trigger: Number = 0, **changes: Any
    ) -> ConditionalOrder | Refused:
        """A conditional order of AAA."""
        values: dict[str, Any] = {
            "number": 0,
            "client_id": "",
            "account": ME,
            "symbol": AAA,
            "side": side,
            "type": kind,
            "qty": D(qty),
            "trigger_price": D(trigger),
        }
        order = ConditionalOrder(**{**values, **changes})
        return self.exchange.place_conditional(order, self.now)

    # -- what is told

    def pushes(self) -> list[Push]:
        return self.exchange.drain()

    def news(self, order: VenueOrder) -> list[OrderPush]:
        """What was told about one order; the rest is dropped."""
        told = [p for p in self.pushes() if isinstance(p, OrderPush)]
        return [push for push in told if push.order.number == order.number]

    def order_news(self) -> list[OrderPush]:
        return [push for push in self.pushes() if isinstance(push, OrderPush)]

    def account_news(self) -> list[AccountPush]:
        return [push for push in self.pushes() if isinstance(push, AccountPush)]

    def conditional_news(self) -> list[tuple[int, ConditionalStatus]]:
        told = [push for push in self.pushes() if isinstance(push, ConditionalPush)]
        return [(push.order.number, push.status) for push in told]

    def code(self, call: Callable[[], object]) -> int:
        """The code of a request that must be refused, and then must have changed nothing."""
        before = state_of(self.exchange)
        answer = call()
        assert isinstance(answer, Refused), answer
        assert state_of(self.exchange) == before
        return answer.code


def taken(answer: VenueOrder | Refused) -> VenueOrder:
    assert isinstance(answer, VenueOrder), answer
    return answer


def waits(answer: ConditionalOrder | Refused) -> ConditionalOrder:
    assert isinstance(answer, ConditionalOrder), answer
    return answer


def ended(order: VenueOrder) -> tuple[OrderStatus, Expiry]:
    """How an order stands, and why it expired."""
    return order.status, order.expiry


def fills_of(news: Sequence[OrderPush]) -> list[tuple[Decimal, Decimal]]:
    """Price and quantity of each trade."""
    return [(p.last_price, p.last_qty) for p in news if p.execution is Execution.TRADE]


def state_of(exchange: Exchange) -> Any:
    """Everything that the exchange holds.

    What earlier snapshots displayed is forgotten when somebody next looks: that is no change.
    """
    for book in exchange.floor.books.values():
        book.displayed.renew(book.tick)
    return dump_state(exchange.floor)
