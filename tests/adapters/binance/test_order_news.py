"""Whatever is lost, late, doubled or out of order: the engine is told each fill once (LIVE-19)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.order_news import ABSENT, OrderNews
from grinder_adapters.binance.outcomes import Seen
from grinder_adapters.binance.rest_records import TradeAnswer
from grinder_adapters.binance.user_events import FuturesOrderEvent
from grinder_adapters.binance.user_fold import UserFold
from grinder_core.contracts.effects import PlaceOrder
from grinder_core.contracts.enums import Liquidity, OrderState, Rearm, Side
from grinder_core.contracts.orders import OrderIntent, OrderRecord, OrderUpdate
from grinder_core.numbers import ZERO, exact
from grinder_core.orders.grid_book import GridBook
from grinder_core.resilience.unknown import OrderView

D = Decimal
SYMBOL, PRICE = "BTCUSDT", D(100)
ENDS = (OrderState.CANCELLED, OrderState.EXPIRED)


def name_of(order: int) -> str:
    return f"grinder_t_1_{order:012d}"


def effect_of(order: int, qty: int) -> PlaceOrder:
    intent = OrderIntent(symbol=SYMBOL, side=Side.BUY, price=PRICE, qty=D(qty), level_id=order + 1)
    return PlaceOrder(client_order_id=name_of(order), intent=intent)


class Exchange:
    """The truth about some orders, told as the venue tells it."""

    def __init__(self, quantities: list[int]) -> None:
        self.quantities = quantities
        self.filled = [0] * len(quantities)
        self.state = [OrderState.PENDING] * len(quantities)
        self.touched = [0] * len(quantities)
        self.trades: list[TradeAnswer] = []
        self.told: list[FuturesOrderEvent] = []
        self.shown: list[tuple[int, Seen]] = []
        self.now = 0

    def accept(self, order: int) -> None:
        if self.state[order] is OrderState.PENDING:
            self._tell(order, OrderState.OPEN)

    def fill(self, order: int, qty: int) -> None:
        left = self.quantities[order] - self.filled[order]
        if self.state[order].is_final or self.state[order] is OrderState.PENDING or not left:
            return
        qty = min(qty, left)
        self.filled[order] += qty
        is_whole = qty == left
        state = OrderState.FILLED if is_whole else OrderState.PARTIALLY_FILLED
        trade_id = len(self.trades) + 1
        self.trades.append(
            TradeAnswer(
                ts=self.now, symbol=SYMBOL, trade_id=trade_id, order_id=str(order + 1),
                side=Side.BUY, position_side="BOTH", price=PRICE, qty=D(qty), fee=D(trade_id),
                fee_asset="USDT", realized_pnl=ZERO, is_maker=True,
            )
        )  # fmt: skip
        self._tell(order, state, qty, trade_id)

    def end(self, order: int, state: OrderState) -> None:
        if self.state[order] in (OrderState.OPEN, OrderState.PARTIALLY_FILLED):
            self._tell(order, state)

    def seen(self, order: int) -> Seen | None:
        if self.state[order] is OrderState.PENDING:
            return None
        view = OrderView(
            state=self.state[order],
            price=PRICE,
            qty=D(self.quantities[order]),
            updated_ms=self.touched[order],
        )
        return Seen(view=view, order_id=str(order + 1), executed_qty=D(self.filled[order]))

    def _tell(self, order: int, state: OrderState, qty: int = 0, trade_id: int = 0) -> None:
        self.now += 1
        # the venue's clock is too coarse to tell apart what happens at once
        self.state[order], self.touched[order] = state, self.now // 3
        if (seen := self.seen(order)) is not None:
            self.shown.append((order, seen))
        self.told.append(
            FuturesOrderEvent(
                ts=self.now, transaction_ts=self.now, symbol=SYMBOL, order_id=str(order + 1),
                client_order_id=name_of(order), side=Side.BUY, order_type="LIMIT",
                time_in_force="GTC", execution="TRADE" if qty else "NEW", status=state,
                price=PRICE, qty=D(self.quantities[order]), last_price=PRICE if qty else ZERO,
                last_qty=D(qty), executed_qty=D(self.filled[order]), avg_price=PRICE,
                fee=D(trade_id), fee_asset="USDT", trade_id=trade_id, is_maker=True,
                reduce_only=False, position_side="BOTH", realized_pnl=ZERO, expiry_reason="0",
                modify_id=None,
            )
        )  # fmt: skip


class Client:
    """What the desk does with the news, and a book that refuses what cannot follow."""

    def __init__(self, quantities: list[int]) -> None:
        self.fold, self.news = UserFold(), OrderNews()
        self.book = GridBook(SYMBOL, rearm=Rearm.NEVER, tick_size=D("0.1"))
        self.fills: dict[int, tuple[Decimal, Decimal]] = {}
        self.told: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.ends: dict[str, OrderState] = {}
        for order, qty in enumerate(quantities):
            effect = effect_of(order, qty)
            self.news.sent(effect)
            record = OrderRecord(
                client_order_id=effect.client_order_id, order_id="", symbol=SYMBOL, side=Side.BUY,
                level_id=order + 1, price=PRICE, qty=D(qty),
            )  # fmt: skip
            self.book.place([record])

    def hear(self, event: FuturesOrderEvent) -> None:
        new = self.fold.apply(event)
        if isinstance(new, FuturesOrderEvent):
            self.take(self.news.on_event(new))

    def look(self, order: int, seen: Seen | None) -> None:
        if seen is not None:
            self.take(self.news.on_seen(name_of(order), seen, 0))

    def fetch(self, trades: list[TradeAnswer]) -> None:
        known = [t for t in trades if self.news.is_known(SYMBOL, t.order_id)]
        new = [t for t in known if self.fold.book_fill(SYMBOL, t.trade_id)]
        self.take(self.news.on_trades(new))

    def take(self, updates: list[OrderUpdate]) -> None:
        for update in updates:
            with exact():
                self.book.fold(update)  # raises on what cannot follow
            if update.last_qty:
                assert update.trade_id not in self.fills
                assert update.liquidity is Liquidity.MAKER
                self.fills[update.trade_id] = (update.last_qty, update.fee)
                self.told[update.client_order_id] += update.last_qty
            assert update.filled_qty == self.told[update.client_order_id]
            if update.state.is_final:
                self.ends[update.client_order_id] = update.state


orders = st.integers(0, 2)
steps = st.one_of(
    st.tuples(st.just("accept"), orders),
    st.tuples(st.just("fill"), orders, st.integers(1, 3)),
    st.tuples(st.just("end"), orders, st.sampled_from(ENDS)),
    st.tuples(st.just("look"), orders),
    st.tuples(st.just("look back"), st.integers(0, 30)),
    st.tuples(st.just("fetch")),
    st.tuples(st.just("hear"), st.integers(0, 30)),
)


@given(st.lists(st.integers(1, 5), min_size=3, max_size=3), st.lists(steps, max_size=40))
def test_each_fill_is_told_once_and_every_end_comes_out(
    quantities: list[int], story: list[tuple[object, ...]]
) -> None:
    venue, client = Exchange(quantities), Client(quantities)
    acts: dict[object, Callable[..., None]] = {
        "accept": venue.accept,
        "fill": venue.fill,
        "end": venue.end,
        "look": lambda order: client.look(order, venue.seen(order)),
        # an answer that was under way for long shows what was
        "look back": lambda n: (
            client.look(*venue.shown[n % len(venue.shown)]) if venue.shown else None
        ),
        "fetch": lambda: client.fetch(venue.trades),
        # any event told so far, again or for the first time, in any order; others never arrive
        "hear": lambda n: client.hear(venue.told[n % len(venue.told)]) if venue.told else None,
    }
    for what, *arguments in story:
        acts[what](*arguments)
        told = {t.trade_id: (t.qty, t.fee) for t in venue.trades}
        assert client.fills.items() <= told.items()
    for order in range(3):
        client.look(order, venue.seen(order))
    client.fetch(venue.trades)
    assert client.fills == {t.trade_id: (t.qty, t.fee) for t in venue.trades}
    assert not client.news.holes()
    finals = {name_of(n): s for n, s in enumerate(venue.state) if s.is_final}
    assert client.ends == finals
    assert set(client.news.orders) == {name_of(n) for n in range(3)} - finals.keys()
    resting = {name: record.filled_qty for name, record in client.book.live.items()}
    assert resting == {
        name_of(n): D(venue.filled[n]) for n in range(3) if not venue.state[n].is_final
    }


def test_executed_quantity_without_a_fill_is_a_hole_and_no_end_is_told_before_it_is_closed() -> (
    None
):
    venue, client = Exchange([3, 1, 1]), Client([3, 1, 1])
    venue.now = 2
    venue.accept(0)
    venue.fill(0, 2)
    before = venue.seen(0)
    venue.end(0, OrderState.CANCELLED)
    client.look(0, venue.seen(0))
    client.look(0, before)  # of the same millisecond: an end stays
    assert client.news.holes() == {SYMBOL}
    assert client.ends == {}
    client.fetch(venue.trades)
    assert client.news.holes() == set()
    assert client.ends == {name_of(0): OrderState.CANCELLED}


def test_a_refused_order_ends_only_if_the_venue_never_showed_it() -> None:
    venue, client = Exchange([1, 1, 1]), Client([1, 1, 1])
    venue.accept(0)
    client.look(0, venue.seen(0))
    assert client.news.on_refused(name_of(0), "-5022", 0) == []
    (update,) = client.news.on_refused(name_of(1), "-5022", 0)
    assert (update.state, update.reason) == (OrderState.REJECTED, "-5022")
    assert client.news.on_refused(name_of(1), "-5022", 0) == []


def test_an_order_that_never_was_is_rejected_and_one_that_was_is_over() -> None:
    venue, client = Exchange([1, 2, 1]), Client([1, 2, 1])
    (update,) = client.news.on_absent(name_of(0), 0)
    assert (update.state, update.reason) == (OrderState.REJECTED, ABSENT)
    venue.accept(1)
    client.look(1, venue.seen(1))
    (update,) = client.news.on_absent(name_of(1), 0)
    assert (update.state, update.filled_qty) == (OrderState.CANCELLED, 0)


def test_a_fill_of_somebody_elses_order_is_passed_on_and_other_news_of_it_is_not() -> None:
    venue = Exchange([1])
    venue.accept(0)
    venue.fill(0, 1)
    news = OrderNews()
    assert [u.trade_id for event in venue.told for u in news.on_event(event)] == [1]
