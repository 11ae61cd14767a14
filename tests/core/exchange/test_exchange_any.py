"""What holds for the exchange after any requests, of any accounts, in any market (LIVE-40).

Two exchanges get the same calls; one of them is stored and loaded now and then. Everything that
clients can know is recomputed from what they were told (``Witness``).
"""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from grinder_core.codec import dump_state, load_state
from grinder_core.contracts.enums import Side
from grinder_core.contracts.market import Funding, L2Snapshot, MarkPrice, Trade
from grinder_core.venue.exchange.account import HISTORY, MONEY_HISTORY
from grinder_core.venue.exchange.conditional_order import WorkingPrice
from grinder_core.venue.exchange.exchange import Exchange
from grinder_core.venue.exchange.floor import Floor
from grinder_core.venue.exchange.requests import Amend, NewOrder
from grinder_core.venue.exchange.vocabulary import (
    IncomeType,
    MarginType,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    SymbolStatus,
    TimeInForce,
)
from tests.core.exchange.scene import AAA, BBB, BUY, ME, SELL, YOU, D, Scene, waits
from tests.core.exchange.witness import Witness, listed

GTC, IOC, FOK, GTX, GTD = TimeInForce
LIMIT, MARKET, TRAIL = OrderType.LIMIT, OrderType.MARKET, OrderType.TRAILING_STOP_MARKET


class Street(Witness):
    """What may happen to the exchanges, in plain words."""

    # -- orders that fit

    def rests(
        self,
        name: str,
        symbol: str,
        side: Side,
        away: int,
        qty: int,
        tif: TimeInForce,
        closes: bool,
    ) -> None:
        end = (self.now // 1000 + 700) * 1000 if tif is GTD else 0
        price = D(100 - side.sign * away)
        self.send(
            name, side, LIMIT, closes,
            symbol=symbol, qty=D(qty), price=price, tif=tif, good_till=end,
        )  # fmt: skip

    def takes(
        self,
        name: str,
        symbol: str,
        side: Side,
        qty: int,
        tif: TimeInForce,
        self_trade: SelfTrade,
        closes: bool,
    ) -> None:
        price = D(100 + side.sign * 4)
        self.send(
            name, side, LIMIT, closes,
            symbol=symbol, qty=D(qty), price=price, tif=tif, self_trade=self_trade,
        )  # fmt: skip

    def trades(self, name: str, symbol: str, side: Side, qty: int, closes: bool) -> None:
        self.send(name, side, MARKET, closes, symbol=symbol, qty=D(qty))

    def amends(self, number: int, qty: int, away: int) -> None:
        order = self.floor.orders.get(self.nearest(number))
        if order is None:
            return
        request = Amend(
            symbol=order.symbol,
            side=order.side,
            qty=D(qty),
            price=D(100 - order.side.sign * away),
            order_id=order.number,
            modify_id=number,
        )
        self.do(lambda exchange: exchange.amend(order.account, request, self.now))

    def cancels(self, number: int) -> None:
        order = self.floor.orders.get(self.nearest(number))
        if order is not None:
            account, symbol = order.account, order.symbol
            self.do(lambda e: e.cancel(account, symbol, order.number, now=self.now))

    def waits_for(
        self, name: str, rises: bool, away: int, is_stop: bool, qty: int, working: WorkingPrice
    ) -> None:
        side = BUY if rises is is_stop else SELL
        kind = OrderType.STOP_MARKET if is_stop else OrderType.TAKE_PROFIT_MARKET
        self.wait_for(
            name, side, kind, D(100 + away if rises else 100 - away),
            client_id="", qty=D(qty), close_position=not qty, working_price=working,
            position_side=self.closing_side(name, side),
        )  # fmt: skip

    def trails(self, name: str, side: Side, callback: int, qty: int) -> None:
        self.wait_for(
            name, side, TRAIL, D(0), client_id="", qty=D(qty), callback_bps=callback,
            position_side=self.closing_side(name, side),
        )  # fmt: skip

    def closing_side(self, name: str, side: Side) -> PositionSide:
        if not self.floor.accounts[name].is_hedged:
            return PositionSide.BOTH
        return PositionSide.SHORT if side is BUY else PositionSide.LONG

    # -- the account

    def manages(self, what: str, name: str, symbol: str, number: int) -> None:
        """One of the many small requests."""
        now = self.now
        leverage = (0, 1, 5, 20, 50)[number % 5]
        kind = tuple(MarginType)[number % 2]
        ms = (0, 1, 3000, 800_000, -1)[number % 5]
        calls = {
            "leverage": lambda e: e.set_leverage(name, symbol, leverage, now),
            "type": lambda e: e.set_margin_type(name, symbol, kind, now),
            "mode": lambda e: e.set_position_mode(name, hedged=bool(number % 2), now=now),
            "countdown": lambda e: e.set_countdown(name, symbol, ms, now),
            "cancel": lambda e: e.cancel(name, symbol, number, "a", now=now),
            "all": lambda e: e.cancel_all(name, symbol, now),
            "one waiting": lambda e: e.cancel_conditional(name, number % 9, "a", now=now),
            "all waiting": lambda e: e.cancel_all_conditional(name, symbol, now),
            "money": lambda e: e.deposit(name, D(400 - 100 * (number % 6)) or D(1), now),
        }
        self.do(calls[what])

    def moves_margin(self, name: str, symbol: str, side: PositionSide, amount: int) -> None:
        self.do(lambda exchange: exchange.move_margin(name, symbol, side, D(amount), self.now))

    # -- the market

    def shows_depth(self, symbol: str, mid: int, sizes: list[int]) -> None:
        self.event(
            L2Snapshot(
                ts=self.now,
                symbol=symbol,
                bids=tuple((D(mid - n), D(q)) for n, q in enumerate(sizes)),
                asks=tuple((D(mid + 1 + n), D(q)) for n, q in enumerate(sizes)),
            )
        )

    def prints(self, symbol: str, price: int, qty: int, sold: bool) -> None:
        self.event(
            Trade(
                ts=self.now, symbol=symbol, trade_id=1, price=D(price), qty=D(qty),
                is_buyer_maker=sold,
            )
        )  # fmt: skip

    def marks(self, symbol: str, price: int) -> None:
        self.event(MarkPrice(ts=self.now, symbol=symbol, mark_price=D(price)))

    def crashes(self, symbol: str, price: int) -> None:
        self.marks(symbol, price)
        self.marks(symbol, 100)

    def settles(self, symbol: str, per_mille: int) -> None:
        self.event(Funding(ts=self.now, symbol=symbol, rate=D(per_mille) / 1000))

    def stops_trading_for_a_moment(self, name: str, status: SymbolStatus, number: int) -> None:
        self.do(lambda exchange: exchange.list_symbol(listed(AAA, status), self.now))
        self.send(name, BUY, LIMIT, False, symbol=AAA, qty=D(1), price=D(90))
        self.amends(number, 3, 3)
        self.do(lambda exchange: exchange.list_symbol(listed(AAA), self.now))


SMALL_REQUESTS = (
    "leverage", "type", "mode", "countdown", "cancel", "all", "one waiting", "all waiting", "money",
)  # fmt: skip
names, symbols, sides = (
    st.sampled_from((ME, YOU)),
    st.sampled_from((AAA, BBB)),
    st.sampled_from(Side),
)
positions = st.sampled_from((None, None, *PositionSide))
prices = st.one_of(st.integers(95, 105).map(D), st.sampled_from((D(0), D("99.95"), D(50), D(400))))
qtys = st.one_of(st.integers(1, 20).map(D), st.sampled_from((D(0), D("0.05"), D("1.5"), D(5000))))
ids = st.sampled_from(("", "", "", "a", "b", "not an id", "web_000000000009"))
flags = st.sampled_from((None, None, False, True))
numbers, sizes = st.integers(0, 30), st.integers(1, 20)
ends = st.sampled_from((0, 0, 700_000, 900_000, 1000))


class AnyExchange(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.street = Street()

    @invariant()
    def everything_holds(self) -> None:
        self.street.check()

    @rule(
        name=names, symbol=symbols, side=sides, away=st.integers(1, 4), qty=sizes,
        tif=st.sampled_from((GTC, GTX, GTD)), closes=st.booleans(),
    )  # fmt: skip
    def rests(self, **drawn: Any) -> None:
        self.street.rests(**drawn)

    @rule(
        name=names, symbol=symbols, side=sides, qty=sizes, tif=st.sampled_from((GTC, IOC, FOK)),
        self_trade=st.sampled_from(SelfTrade), closes=st.booleans(),
    )  # fmt: skip
    def takes(self, **drawn: Any) -> None:
        self.street.takes(**drawn)

    @rule(name=names, symbol=symbols, side=sides, qty=sizes, closes=st.booleans())
    def trades(self, **drawn: Any) -> None:
        self.street.trades(**drawn)

    @precondition(lambda self: self.street.floor.orders)
    @rule(number=numbers, qty=sizes, away=st.integers(-2, 4))
    def amends(self, **drawn: Any) -> None:
        self.street.amends(**drawn)

    @precondition(lambda self: self.street.floor.orders)
    @rule(number=numbers)
    def cancels(self, number: int) -> None:
        self.street.cancels(number)

    @rule(
        name=names,
        symbol=st.sampled_from((AAA, AAA, AAA, BBB, "CCCUSDT")),
        side=sides,
        kind=st.sampled_from((LIMIT, LIMIT, LIMIT, MARKET, MARKET, OrderType.STOP)),
        qty=qtys,
        price=prices,
        tif=st.sampled_from((GTC, *TimeInForce)),
        client_id=ids,
        position=positions,
        reduce_only=flags,
        match=st.sampled_from((*[PriceMatch.NONE] * 5, *PriceMatch)),
        end=ends,
        only_checks=st.booleans(),
    )
    def places_anything(
        self,
        name: str,
        symbol: str,
        side: Side,
        kind: OrderType,
        qty: Decimal,
        price: Decimal,
        tif: TimeInForce,
        client_id: str,
        position: PositionSide | None,
        reduce_only: bool | None,
        match: PriceMatch,
        end: int,
        only_checks: bool,
    ) -> None:
        street = self.street
        now = street.now
        has_price = kind is not MARKET and match is PriceMatch.NONE
        request = NewOrder(
            symbol=symbol,
            side=side,
            type=kind,
            qty=qty,
            price=price if has_price else price % 5,
            tif=tif,
            client_order_id=client_id,
            position_side=position,
            reduce_only=reduce_only,
            price_match=match,
            good_till=now // 1000 * 1000 + end if tif is GTD else end % 7,
        )
        if not only_checks:
            street.do(lambda exchange: exchange.place(name, request, now))
            return
        before = evolve(street.floor)
        street.do(lambda exchange: exchange.check(name, request, now))
        street.forget_displayed()
        assert street.floor == before

    @rule(
        name=names,
        number=numbers,
        client_id=ids,
        side=sides,
        qty=qtys,
        price=prices,
        match=st.sampled_from((*[PriceMatch.NONE] * 4, *PriceMatch)),
        flag=flags,
    )
    def amends_anything(
        self,
        name: str,
        number: int,
        client_id: str,
        side: Side,
        qty: Decimal,
        price: Decimal,
        match: PriceMatch,
        flag: bool | None,
    ) -> None:
        request = Amend(
            symbol=AAA,
            side=side,
            qty=qty,
            price=price if match is PriceMatch.NONE else price % 5,
            order_id=number,
            client_order_id=client_id,
            price_match=match,
            reduce_only=flag,
        )
        self.street.do(lambda exchange: exchange.amend(name, request, self.street.now))

    @rule(
        name=names, rises=st.booleans(), away=st.integers(1, 5), is_stop=st.booleans(),
        qty=st.integers(0, 10), working=st.sampled_from(WorkingPrice),
    )  # fmt: skip
    def waits_for(self, **drawn: Any) -> None:
        self.street.waits_for(**drawn)

    @rule(name=names, side=sides, callback=st.integers(10, 200), qty=sizes)
    def trails(self, **drawn: Any) -> None:
        self.street.trails(**drawn)

    @rule(
        name=names,
        side=sides,
        kind=st.sampled_from((LIMIT, *(k for k in OrderType if k.is_conditional))),
        trigger=prices,
        client_id=ids,
        qty=qtys,
        price=prices,
        position_side=st.sampled_from(PositionSide),
        reduce_only=st.booleans(),
        close_position=st.booleans(),
        activate_price=st.sampled_from((D(0), D(99), D(101))),
        callback_bps=st.sampled_from((0, 10, 200)),
        end=ends,
    )
    def waits_for_anything(self, end: int, **drawn: Any) -> None:
        now = self.street.now
        self.street.wait_for(
            **drawn, tif=GTD if end else GTC, good_till=now // 1000 * 1000 + end if end else 0
        )

    @rule(what=st.sampled_from(SMALL_REQUESTS), name=names, symbol=symbols, number=numbers)
    def manages(self, **drawn: Any) -> None:
        self.street.manages(**drawn)

    @rule(
        name=names, symbol=symbols, side=st.sampled_from(PositionSide), amount=st.integers(-60, 60)
    )
    def moves_margin(self, **drawn: Any) -> None:
        self.street.moves_margin(**drawn)

    @rule(symbol=symbols, bid=st.integers(95, 105), spread=st.integers(0, 2), shown=sizes)
    def quotes(self, symbol: str, bid: int, spread: int, shown: int) -> None:
        self.street.show(symbol, bid, bid + spread, shown - 1)

    @rule(symbol=symbols, mid=st.integers(95, 105), sizes=st.lists(sizes, max_size=6))
    def shows_depth(self, **drawn: Any) -> None:
        self.street.shows_depth(**drawn)

    @rule(symbol=symbols, price=st.integers(93, 107), qty=sizes, sold=st.booleans())
    def prints(self, **drawn: Any) -> None:
        self.street.prints(**drawn)

    @rule(symbol=symbols, price=st.integers(97, 103))
    def marks(self, **drawn: Any) -> None:
        self.street.marks(**drawn)

    @rule(symbol=symbols, price=st.sampled_from((60, 85, 115, 150)))
    def crashes(self, **drawn: Any) -> None:
        self.street.crashes(**drawn)

    @rule(symbol=symbols, per_mille=st.integers(-30, 30))
    def settles(self, **drawn: Any) -> None:
        self.street.settles(**drawn)

    @rule(name=names, status=st.sampled_from(SymbolStatus), number=numbers)
    def stops_trading_for_a_moment(self, **drawn: Any) -> None:
        self.street.stops_trading_for_a_moment(**drawn)

    @rule(ms=st.sampled_from((1, 500, 2000, 100_000, 650_000)))
    def waits(self, ms: int) -> None:
        self.street.pass_time(ms)

    @rule()
    def is_stored_and_loaded(self) -> None:
        self.street.reload()


TestAnyExchange = AnyExchange.TestCase
TestAnyExchange.settings = settings(max_examples=80, stateful_step_count=40)


@pytest.mark.parametrize("seed", range(8))
def test_a_long_busy_life_keeps_every_promise(seed: int) -> None:
    """Steps that mostly succeed, so that accounts, queues and positions grow old."""
    draw, street = random.Random(seed), Street()
    one_of, number = draw.choice, draw.randint

    def flip() -> bool:
        return draw.random() < 0.5

    def client() -> tuple[str, str]:
        return one_of((ME, YOU)), one_of((AAA, AAA, BBB))

    street.manages("mode", ME, AAA, seed % 2)
    street.manages("type", ME, AAA, seed // 2 % 2)
    for _ in range(400):
        (name, symbol), side, qty = client(), one_of(tuple(Side)), number(1, 12)
        match number(1, 20):
            case 1 | 2 | 3 | 4:
                tif = one_of((GTC, GTC, GTX, GTD))
                street.rests(name, symbol, side, number(1, 4), qty, tif, flip())
            case 5 | 6:
                mode = one_of(tuple(SelfTrade))
                street.takes(name, symbol, side, qty, one_of((GTC, IOC, FOK)), mode, flip())
            case 7:
                street.trades(name, symbol, side, qty, flip())
            case 8 | 9:
                street.amends(number(0, 30), number(1, 20), number(-2, 4))
            case 10:
                street.cancels(number(0, 30))
            case 11:
                street.waits_for(
                    name, flip(), number(1, 5), flip(), number(0, 10), one_of(tuple(WorkingPrice))
                )
                street.trails(name, side, number(10, 200), qty)
            case 12:
                street.manages(one_of(SMALL_REQUESTS), name, symbol, number(0, 30))
                street.moves_margin(name, symbol, one_of(tuple(PositionSide)), number(-60, 60))
            case 13 | 14 | 15:
                bid = number(96, 103)
                street.show(symbol, bid, bid + number(0, 2), number(0, 15))
            case 16 | 17:
                street.prints(symbol, number(95, 105), number(1, 30), flip())
            case 18:
                street.shows_depth(symbol, number(97, 103), [number(1, 9) for _ in range(6)])
                street.marks(symbol, number(97, 103))
            case 19:
                street.settles(symbol, number(-9, 9))
                if flip():
                    street.crashes(symbol, one_of((60, 85, 115, 150)))
                    street.manages("money", name, symbol, 0)
            case _:
                street.pass_time(number(1, 90_000))
                street.reload()
        street.check()
    assert street.last_order > 50
    assert min(street.last_trade.values()) > 5


def test_a_loaded_exchange_keeps_its_bounds_and_what_was_not_told_yet() -> None:
    scene = Scene()
    scene.place(BUY, 150, 101)
    waits(scene.wait_for(SELL, OrderType.STOP_MARKET, 1, 90))
    scene.exchange.deposit(ME, D(5), scene.now)
    stored = dump_state(scene.floor)
    again = load_state(Floor, stored)
    assert again == scene.floor
    assert dump_state(again) == stored
    kinds = [type(push).__name__ for push in again.outbox]
    assert kinds == ["OrderPush", "OrderPush", "AccountPush", "ConditionalPush", "AccountPush"]
    account = again.accounts[ME]
    kept = (account.trades, account.income, account.amendments)
    assert [rows.maxlen for rows in kept] == [MONEY_HISTORY, MONEY_HISTORY, HISTORY]
    (order,) = again.orders.values()
    assert again.books[AAA].orders[order.order_id] is order


@pytest.mark.parametrize("move", ["quote", "print"])
def test_an_order_that_was_loaded_still_fills(move: str) -> None:
    scene = Scene()
    scene.place(BUY, 5, 98)
    scene.exchange = Exchange(load_state(Floor, dump_state(scene.floor)))
    if move == "quote":
        scene.quote(97, 98)
    else:
        scene.prints(97, 1, sold=True)
    assert (scene.held(), scene.floor.orders) == (5, {})


def test_an_exchange_keeps_what_an_account_did_within_bounds() -> None:
    scene = Scene()
    account = scene.account()
    for _ in range(MONEY_HISTORY + 1):
        account.note(scene.now, IncomeType.TRANSFER, "", D(0))
    assert len(account.income) == MONEY_HISTORY
