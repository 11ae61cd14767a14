"""The desk asks until it knows, and cancels until an order is over (LIVE-04, 19, 20)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from attrs import evolve

from grinder_adapters.binance.error_map import Reaction
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.order_desk import OrderDesk
from grinder_adapters.binance.order_inquiries import DeskSettings
from grinder_adapters.binance.order_news import ABSENT
from grinder_adapters.binance.outcomes import (
    Accepted,
    Outcome,
    RefusalReason,
    Refused,
    Seen,
    Unknown,
)
from grinder_adapters.binance.rest_records import OrderAnswer, TradeAnswer
from grinder_adapters.binance.spec import IdentityCodec
from grinder_adapters.binance.user_events import FuturesOrderEvent, UserEvent
from grinder_adapters.binance.user_fold import UserFold
from grinder_adapters.binance.user_stream import Gap, Received
from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.effects import CancelOrder, PlaceOrder
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.contracts.orders import OrderIntent, OrderUpdate
from grinder_core.errors import (
    ConnectorNonRetryableError,
    ConnectorTimeoutError,
    ConnectorTransientError,
)
from grinder_core.numbers import ZERO
from grinder_core.resilience.idempotency import Write
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings
from tests.support.virtual_time import VirtualClock, run

SYMBOL, PRICE = "BTCUSDT", Decimal(100)
NAME = "grinder_t_1_000000000001"
SETTINGS = DeskSettings()
_OPEN = OrderState.OPEN


def place(name: str = NAME) -> PlaceOrder:
    intent = OrderIntent(symbol=SYMBOL, side=Side.BUY, price=PRICE, qty=Decimal(2), level_id=1)
    return PlaceOrder(client_order_id=name, intent=intent)


def cancel(name: str = NAME) -> CancelOrder:
    return CancelOrder(client_order_id=name, order_id="", symbol=SYMBOL)


def answer(state: OrderState, executed: int = 0, name: str = NAME) -> OrderAnswer:
    return OrderAnswer(
        symbol=SYMBOL, order_id="7", client_order_id=name, side=Side.BUY, order_type="LIMIT",
        time_in_force="GTC", status=state, price=PRICE, qty=Decimal(2),
        executed_qty=Decimal(executed), avg_price=None, reduce_only=False, position_side="BOTH",
        update_ts=1, created_ts=None,
    )  # fmt: skip


def accepted(state: OrderState = OrderState.OPEN) -> Accepted:
    return Accepted(client_order_id=NAME, order=Seen.of(answer(state)), attempts=1)


def unknown(op: Write) -> Unknown:
    return Unknown(client_order_id=NAME, op=op, attempts=1)


def refused(code: str) -> Refused:
    return Refused(
        client_order_id=NAME, reason=RefusalReason.NON_RETRYABLE_ERROR, code=code,
        reaction=Reaction.GIVE_UP, detail="", is_order=True, attempts=1,
    )  # fmt: skip


def trade(trade_id: int, qty: int, order_id: str = "7") -> TradeAnswer:
    return TradeAnswer(
        ts=5, symbol=SYMBOL, trade_id=trade_id, order_id=order_id, side=Side.BUY,
        position_side="BOTH", price=PRICE, qty=Decimal(qty), fee=Decimal("0.1"), fee_asset="USDT",
        realized_pnl=ZERO, is_maker=True,
    )  # fmt: skip


def event(state: OrderState, *, executed: int = 0, qty: int = 0, trade_id: int = 0) -> UserEvent:
    return FuturesOrderEvent(
        ts=3, transaction_ts=3, symbol=SYMBOL, order_id="7", client_order_id=NAME, side=Side.BUY,
        order_type="LIMIT", time_in_force="GTC", execution="TRADE" if qty else "NEW",
        status=state, price=PRICE, qty=Decimal(2), last_price=PRICE, last_qty=Decimal(qty),
        executed_qty=Decimal(executed), avg_price=PRICE, fee=ZERO, fee_asset="USDT",
        trade_id=trade_id, is_maker=True, reduce_only=False, position_side="BOTH",
        realized_pnl=ZERO, expiry_reason="0", modify_id=None,
    )  # fmt: skip


class Venue:
    """Port, account and private stream in one, as a test scripts them."""

    def __init__(self) -> None:
        self.places: list[Outcome | Exception] = []
        self.cancels: list[Outcome | Exception] = []
        self.queries: list[OrderAnswer | None] = []
        self.open: list[OrderAnswer] = []
        self.made: list[TradeAnswer] = []
        self.strangers: dict[str, OrderAnswer] = {}
        self.codec = IdentityCodec(["test"])
        self.calls: list[str] = []
        self.took = 0.0
        self.under_way = self.most_under_way = 0
        self.fold = UserFold()
        self.heard: asyncio.Queue[Gap | Received | Exception] = asyncio.Queue()
        self.merged_gaps: list[int] = []

    # the port
    async def place(self, order: Any) -> Outcome:
        self.calls.append("place")
        return await self._done(self.places)

    async def cancel(self, symbol: str, name: str, order_id: str | None) -> Outcome:
        self.calls.append("cancel")
        return await self._done(self.cancels)

    async def query(self, symbol: str, name: str) -> OrderAnswer | None:
        self.calls.append("query")
        return self.queries.pop(0) if len(self.queries) > 1 else self.queries[0]

    async def find(self, symbol: str, order_id: str) -> OrderAnswer | None:
        self.calls.append(f"find {order_id}")
        return self.strangers.get(order_id)

    async def open_orders(self, symbol: str) -> tuple[OrderAnswer, ...]:
        self.calls.append("open")
        return tuple(self.open)

    def on_order_event(self, event: FuturesOrderEvent) -> None:
        self.calls.append("event")

    # the account
    async def trades(self, symbol: str, from_id: int) -> tuple[TradeAnswer, ...]:
        self.calls.append(f"trades {from_id}")
        return tuple(t for t in self.made if t.trade_id >= from_id)

    # the stream
    async def connect(self) -> None:
        self.calls.append("connect")

    async def events(self) -> AsyncIterator[Gap | Received]:
        while True:
            item = await self.heard.get()
            if isinstance(item, Exception):
                raise item
            yield item

    def merged(self, generation: int, trades: object) -> None:
        self.merged_gaps.append(generation)

    async def _done(self, script: list[Outcome | Exception]) -> Outcome:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        if self.took >= 0:
            await asyncio.sleep(self.took)
        self.under_way -= 1
        outcome = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


Scene = Callable[[OrderDesk, Venue, VirtualClock], Awaitable[None]]


def played(
    venue: Venue, scene: Scene, trades_told: Callable[[str, int], None] = lambda symbol, upto: None
) -> list[OrderUpdate]:
    """Play a scene with a desk; return what the engine was told."""
    told: list[OrderUpdate | FundingPaid] = []
    clock = VirtualClock()

    async def life() -> None:
        limiter = ReconnectLimiter(ReconnectSettings())
        network = Network(None, clock, limiter, Random(1))  # type: ignore[arg-type]
        desk = OrderDesk(
            venue,  # type: ignore[arg-type]
            venue,  # type: ignore[arg-type]
            venue,  # type: ignore[arg-type]
            network,
            told.append,
            trades_told=trades_told,
        )
        desk.start()
        await scene(desk, venue, clock)
        await desk.close()

    run(life(), clock)
    return [update for update in told if isinstance(update, OrderUpdate)]


def states(updates: list[OrderUpdate]) -> list[OrderState]:
    return [update.state for update in updates]


def test_an_order_of_unknown_outcome_that_never_shows_is_rejected_after_two_looks() -> None:
    venue = Venue()
    venue.places, venue.queries = [unknown(Write.PLACE)], [None]

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        await asyncio.sleep(SETTINGS.absent_after_ms / 1000)
        assert desk.news.orders
        begun = len([call for call in venue.calls if call == "query"])
        await asyncio.sleep(3 * SETTINGS.doubt_ms / 1000)
        assert len([call for call in venue.calls if call == "query"]) - begun == 2
        assert not desk.news.orders
        assert desk.unknown_outcomes == 1

    (update,) = played(venue, scene)
    assert (update.state, update.reason) == (OrderState.REJECTED, ABSENT)


def test_an_order_that_queries_do_not_find_is_not_gone_while_it_is_among_the_open_ones() -> None:
    venue = Venue()
    venue.places, venue.queries, venue.open = [unknown(Write.PLACE)], [None], [answer(_OPEN)]

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        await asyncio.sleep(120)
        assert list(desk.news.orders) == [NAME]

    assert states(played(venue, scene)) == [OrderState.OPEN]


def test_what_a_lost_order_had_traded_is_told_before_its_end() -> None:
    """Its fills were never told, and then the venue knows it no more (LIVE-20)."""
    venue = Venue()
    venue.places, venue.queries, venue.made = [accepted()], [None], [trade(3, 1)]
    venue.cancels = [unknown(Write.CANCEL)]

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        await asyncio.sleep(1)
        desk.perform(cancel())
        await asyncio.sleep(60)
        assert not desk.news.orders

    told = played(venue, scene)
    assert states(told) == [OrderState.OPEN, OrderState.PARTIALLY_FILLED, OrderState.CANCELLED]
    assert told[-1].filled_qty == 1


def test_an_order_of_unknown_outcome_is_told_as_soon_as_it_is_seen() -> None:
    venue = Venue()
    venue.places, venue.queries = [unknown(Write.PLACE)], [None, answer(OrderState.OPEN)]

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        await asyncio.sleep(20)
        assert venue.calls.count("query") == 2  # and no more of them

    assert states(played(venue, scene)) == [OrderState.OPEN]


@pytest.mark.parametrize(
    "first", [unknown(Write.CANCEL), refused("-1008"), ConnectorTransientError("no line")]
)
def test_a_cancel_is_repeated_until_the_order_is_over(first: Outcome | Exception) -> None:
    venue = Venue()
    venue.places = [accepted()]
    venue.cancels = [first, first, accepted(OrderState.CANCELLED)]
    venue.queries = [answer(OrderState.OPEN)]

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        await asyncio.sleep(1)
        desk.perform(cancel())
        await asyncio.sleep(20)
        assert venue.calls.count("cancel") == 3
        assert not desk.news.orders

    assert states(played(venue, scene)) == [OrderState.OPEN, OrderState.CANCELLED]


def test_a_cancel_of_an_order_that_is_over_is_not_sent() -> None:
    venue = Venue()
    venue.places = [refused("-5022")]

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        await asyncio.sleep(0)  # the request is under way
        desk.perform(cancel())
        await asyncio.sleep(5)
        assert "cancel" not in venue.calls

    (update,) = played(venue, scene)
    assert (update.state, update.reason) == (OrderState.REJECTED, "-5022")


def test_what_the_port_does_not_send_is_rejected_with_its_code() -> None:
    venue = Venue()
    error = ConnectorNonRetryableError("is beyond the limit")
    venue.places = [error]

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        await asyncio.sleep(1)
        desk.check()

    (update,) = played(venue, scene)
    assert (update.state, update.reason) == (OrderState.REJECTED, error.code)


def test_executed_quantity_that_nothing_told_is_looked_up_in_the_trades() -> None:
    venue = Venue()
    venue.places, venue.made = [accepted()], [trade(3, 1), trade(4, 1, order_id="8")]

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        await asyncio.sleep(1)
        venue.heard.put_nowait(
            Received(received_ms=0, event=event(OrderState.PARTIALLY_FILLED, executed=1))
        )
        await asyncio.sleep(1)
        assert desk.news.holes() == {SYMBOL}
        await asyncio.sleep(2 * SETTINGS.doubt_ms / 1000)
        assert not desk.news.holes()
        assert venue.fold.cursors == {SYMBOL: 4}

    told = played(venue, scene)
    assert states(told) == [OrderState.OPEN, OrderState.PARTIALLY_FILLED]
    assert (told[1].trade_id, told[1].fee) == (3, Decimal("0.1"))


def test_a_trade_of_an_order_not_seen_yet_is_left_until_it_is() -> None:
    venue = Venue()
    other = NAME[:-1] + "2"
    venue.places, venue.made = [accepted(), unknown(Write.PLACE)], [trade(3, 1), trade(4, 2, "9")]
    venue.queries = [None, evolve(answer(OrderState.FILLED, 2, other), order_id="9")]

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        await asyncio.sleep(0.01)
        desk.perform(place(other))
        await asyncio.sleep(0.01)
        venue.heard.put_nowait(
            Received(received_ms=0, event=event(OrderState.PARTIALLY_FILLED, executed=1))
        )
        await asyncio.sleep(60)

    told = played(venue, scene)
    assert [update.trade_id for update in told if update.last_qty] == [3, 4]
    assert told[-1].client_order_id == other
    assert told[-1].state is OrderState.FILLED


def test_an_order_that_ends_while_another_is_asked_for_is_not_asked_for() -> None:
    venue, other = Venue(), NAME[:-1] + "2"
    venue.places = [unknown(Write.PLACE)]
    venue.queries = [answer(OrderState.OPEN)]
    asked = venue.query

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        async def query(symbol: str, name: str) -> OrderAnswer | None:
            desk.news.on_refused(other, "gone", clock.now_ms())
            return await asked(symbol, name)

        venue.query = query  # type: ignore[method-assign]
        desk.perform(place())
        desk.perform(place(other))
        await asyncio.sleep(2 * SETTINGS.doubt_ms / 1000)
        assert list(desk.news.orders) == [NAME]
        desk.check()

    played(venue, scene)
    assert venue.calls.count("query") == 1


def test_no_trade_counts_as_told_while_the_stream_still_holds_it() -> None:
    """A process after a crash asks behind the cursor only: what it hides would be lost."""
    venue = Venue()
    venue.places, venue.made = [accepted()], [trade(3, 1), trade(4, 1)]
    venue.queries = [answer(OrderState.OPEN, 1)]
    venue.fold.book_fill(SYMBOL, 4)  # read from the socket, and not yet told
    cursors: list[int] = []

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        await asyncio.sleep(1)
        desk.inquiries.look_soon()
        await asyncio.sleep(2 * SETTINGS.check_ms / 1000)
        assert cursors == [3]
        told = event(OrderState.FILLED, executed=2, qty=1, trade_id=4)
        venue.heard.put_nowait(Received(received_ms=0, event=told))
        await asyncio.sleep(0)
        desk.perform(place(NAME[:-1] + "2"))  # else there is nothing to look at
        desk.inquiries.look_soon()
        await asyncio.sleep(2 * SETTINGS.check_ms / 1000)

    told = played(venue, scene, lambda symbol, upto: cursors.append(upto))
    assert [update.trade_id for update in told if update.last_qty] == [3, 4]
    assert cursors == [3, 4]


def test_a_fill_that_the_process_before_told_moves_the_cursor() -> None:
    venue = Venue()
    venue.places, venue.made = [accepted()], [trade(3, 1)]
    venue.queries = [answer(OrderState.OPEN)]
    cursors: list[int] = []

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.take_up_fill(SYMBOL, 3)
        desk.perform(place())
        await asyncio.sleep(1)
        desk.inquiries.look_soon()
        await asyncio.sleep(2 * SETTINGS.check_ms / 1000)

    told = played(venue, scene, lambda symbol, upto: cursors.append(upto))
    assert not [update for update in told if update.last_qty]
    assert cursors == [3]


def test_after_a_new_connection_open_orders_are_compared_and_the_gap_is_closed() -> None:
    venue = Venue()
    venue.places, venue.queries = [accepted()], [answer(OrderState.CANCELLED)]

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        await asyncio.sleep(2)
        venue.heard.put_nowait(Gap(ts_ms=0, generation=1))
        await asyncio.sleep(5)
        assert venue.merged_gaps == [1]
        assert venue.calls.index("open") < venue.calls.index("query")

    assert states(played(venue, scene)) == [OrderState.OPEN, OrderState.CANCELLED]


def test_a_stream_that_was_given_up_is_opened_anew() -> None:
    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        await asyncio.sleep(1)
        venue.heard.put_nowait(ConnectorTransientError("the connection ended"))
        await asyncio.sleep(SETTINGS.reconnect_ms / 1000 + 1)
        assert venue.calls.count("connect") == 2
        assert desk.streams_lost == 1

    played(Venue(), scene)


def test_no_more_requests_are_under_way_than_allowed() -> None:
    venue = Venue()
    venue.places, venue.took = [accepted()], 0.5

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        for n in range(100):
            desk.perform(place(f"grinder_t_1_{n:012d}"))
        await asyncio.sleep(20)
        assert venue.calls.count("place") == 100

    played(venue, scene)
    assert venue.most_under_way == SETTINGS.requests_max


def test_an_order_is_on_its_way_before_the_next_turn_of_the_loop() -> None:
    venue = Venue()
    venue.places, venue.took = [accepted()], 0.5

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        assert "place" in venue.calls
        await asyncio.sleep(1)

    assert states(played(venue, scene)) == [_OPEN]


def test_any_number_of_orders_that_end_at_once_follow_each_other() -> None:
    venue, count = Venue(), 2_000
    venue.places, venue.took = [refused("-2010")], 0.5

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        for n in range(count):
            desk.perform(place(f"grinder_t_1_{n:012d}"))
        venue.took = -1
        await asyncio.sleep(20)
        desk.check()

    assert states(played(venue, scene)) == [OrderState.REJECTED] * count


def test_settling_looks_at_everything_once_more_and_says_when_it_cannot() -> None:
    venue = Venue()
    venue.places, venue.queries = [accepted()], [answer(OrderState.FILLED, 2)]
    venue.made = [trade(3, 2)]

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        await asyncio.sleep(1)
        await desk.settle()
        assert not desk.news.orders

    assert states(played(venue, scene)) == [OrderState.OPEN, OrderState.FILLED]
    stuck = Venue()
    stuck.places, stuck.took = [accepted()], 10**6

    async def hanging(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.perform(place())
        with pytest.raises(ConnectorTimeoutError, match="settle"):
            await desk.settle()

    played(stuck, hanging)


def closed_by_the_venue(ts_since: int) -> tuple[list[OrderUpdate], Venue]:
    """What the engine hears of a liquidation that only the list of trades shows."""
    venue = Venue()
    venue.made = [trade(3, 1, order_id="8"), trade(4, 2, order_id="9")]
    venue.strangers = {
        "8": answer(OrderState.FILLED, 1, name="web_by_hand"),
        "9": answer(OrderState.FILLED, 2, name="autoclose-9"),
    }

    async def scene(desk: OrderDesk, venue: Venue, clock: VirtualClock) -> None:
        desk.inquiries.since_ms = ts_since
        await desk.inquiries.fetch_trades(SYMBOL)
        await desk.inquiries.fetch_trades(SYMBOL)
        desk.check()

    return played(venue, scene), venue


def test_a_liquidation_that_the_stream_did_not_tell_is_found_among_the_trades_once() -> None:
    told, venue = closed_by_the_venue(0)
    (update,) = told
    assert (update.client_order_id, update.trade_id) == ("autoclose-9", 4)
    assert (update.last_qty, update.last_price, update.fee) == (2, PRICE, Decimal("0.1"))
    assert venue.fold.cursors == {SYMBOL: 4}
    assert [call for call in venue.calls if call.startswith("find")] == ["find 8", "find 9"]


def test_a_liquidation_from_before_the_session_is_none_of_it() -> None:
    told, venue = closed_by_the_venue(6)
    assert told == []
    assert "find 9" not in venue.calls
