"""What the engine learns of its orders: each fill once, and states that can follow each other.

The private stream, answers to writes, queries and lists of trades all tell of one order, late,
twice, out of order or not at all. The engine books what it is told, so it is told of a fill only
with price, fee and trade id, and of a state only once every fill before it has been told. What is
executed and not told yet is a hole: the trades of its symbol must be asked for. Pure; fills are
known by (symbol, trade id), see ``user_fold.py``, which whoever feeds this has asked before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from decimal import Decimal

from attrs import Factory, define, evolve

from grinder_adapters.binance.engine_events import reason_of, update_of
from grinder_adapters.binance.fee_values import split_fee
from grinder_adapters.binance.outcomes import Seen
from grinder_adapters.binance.rest_records import OrderAnswer, TradeAnswer
from grinder_adapters.binance.user_events import FuturesOrderEvent
from grinder_core.contracts.effects import Flatten, PlaceOrder
from grinder_core.contracts.enums import Liquidity, OrderState, Side
from grinder_core.contracts.orders import OrderRecord, OrderUpdate
from grinder_core.numbers import ZERO, exact

ABSENT = "never executed"
ENDED_KEPT = 2_000  # more than end while an answer about open orders is on its way
GONE = "not there any more"
INFERRED = frozenset({ABSENT, GONE})  # reasons of states that follow from an absence only


@define
class SentOrder:
    """One order of ours that the engine does not know to be over.

    Attributes:
        told, told_qty: State and executed quantity as the engine was told, base asset.
        state, executed_qty, updated_ms: As the venue showed it last.
        order_id: The venue's; empty until it was seen.
        reason: Why it expired.
    """

    client_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    told: OrderState = OrderState.PENDING
    told_qty: Decimal = ZERO
    state: OrderState = OrderState.PENDING
    executed_qty: Decimal = ZERO
    updated_ms: int = 0
    order_id: str = ""
    reason: str = ""

    @property
    def was_seen(self) -> bool:
        """Whether the venue ever showed it."""
        return bool(self.order_id)

    @property
    def lacks_fills(self) -> bool:
        """Whether more is executed than the engine was told."""
        return self.told_qty < self.executed_qty

    def see(self, state: OrderState, executed_qty: Decimal, updated_ms: int, order_id: str) -> None:
        """Take what the venue shows; nothing goes back (I-19.2)."""
        self.order_id = order_id
        self.executed_qty = max(self.executed_qty, executed_qty)
        if self.state.is_final or state is OrderState.UNKNOWN:
            return
        if state.is_final or updated_ms >= self.updated_ms:
            self.state, self.updated_ms = state, updated_ms


@define
class OrderNews:
    """The orders of one session between venue and engine.

    Attributes:
        orders: By client id: those that the engine does not know to be over.
    """

    orders: dict[str, SentOrder] = Factory(dict)
    _over: OrderedDict[str, None] = Factory(OrderedDict)  # the newest that the venue had
    _names: dict[tuple[str, str], str] = Factory(dict)  # by symbol and the venue's id

    def sent(self, effect: PlaceOrder | Flatten) -> None:
        """Note an order that the engine wants."""
        order = effect if isinstance(effect, Flatten) else effect.intent
        name = effect.client_order_id
        self.orders[name] = SentOrder(name, order.symbol, order.side, order.qty)

    def take_up(self, order: OrderRecord) -> None:
        """Note an order as the engine was told of it by a process before this one."""
        name = order.client_order_id
        self.orders[name] = SentOrder(
            name,
            order.symbol,
            order.side,
            order.qty,
            told=order.state,
            told_qty=order.filled_qty,
            state=order.state,
            executed_qty=order.filled_qty,
            order_id=order.order_id,
        )
        if order.order_id:
            self._names[order.symbol, order.order_id] = name

    def on_event(self, event: FuturesOrderEvent) -> list[OrderUpdate]:
        """Take an event of the private stream; its fill, if it has one, was told by none before."""
        order = self.orders.get(event.client_order_id)
        if order is None:  # over, or not the engine's: only a fill is news, such as a liquidation
            return [update_of(event)] if event.trade_id and event.last_qty else []
        self._see(order, event.status, event.executed_qty, event.transaction_ts, event.order_id)
        order.reason = order.reason or reason_of(event)
        updates = []
        if event.trade_id and event.last_qty:
            updates.append(self._filled(order, update_of(event)))
        return [*updates, *self._settled(order, event.ts)]

    def on_seen(self, client_order_id: str, seen: Seen, ts: int) -> list[OrderUpdate]:
        """Take what an answer shows of one order."""
        order = self.orders.get(client_order_id)
        if order is None:
            return []
        view = seen.view
        self._see(order, view.state, seen.executed_qty, view.updated_ms, seen.order_id)
        return list(self._settled(order, ts))

    def on_trades(self, trades: Iterable[TradeAnswer]) -> list[OrderUpdate]:
        """Take trades of one symbol that nothing told before, in the order of their ids."""
        updates: list[OrderUpdate] = []
        for trade in trades:
            order = self.orders.get(self._names.get((trade.symbol, trade.order_id), ""))
            if order is not None:
                updates.append(self._filled(order, _update_of_trade(order, trade)))
                updates += self._settled(order, trade.ts)
        return updates

    def on_refused(self, client_order_id: str, code: str, ts: int) -> list[OrderUpdate]:
        """Take that the venue, or the port before it, refused a new order."""
        order = self.orders.get(client_order_id)
        if order is None or order.was_seen:
            return []
        return [self._ended(order, OrderState.REJECTED, ts, code)]

    def on_absent(self, client_order_id: str, ts: int) -> list[OrderUpdate]:
        """Take that the venue has no such order, and so late that it never will (LIVE-20)."""
        order = self.orders.get(client_order_id)
        if order is None:
            return []
        if not order.was_seen:
            return [self._ended(order, OrderState.REJECTED, ts, ABSENT)]
        if not order.state.is_final:  # old orders leave the venue's memory once they are over
            order.state, order.reason = OrderState.CANCELLED, GONE
        return list(self._settled(order, ts))

    def awaits_first_sight(self, symbol: str) -> bool:
        """Whether a trade of an unknown order of this symbol may be ours after all."""
        return any(o.symbol == symbol and not o.was_seen for o in self.orders.values())

    def is_known(self, symbol: str, order_id: str) -> bool:
        """Whether an order, by the venue's id, is one that is not over for the engine."""
        return (symbol, order_id) in self._names

    def has_ended(self, client_order_id: str) -> bool:
        """Whether the venue showed lately that an order is over: an answer may be older."""
        return client_order_id in self._over

    def holes(self) -> set[str]:
        """Return the symbols of which trades are missing."""
        return {order.symbol for order in self.orders.values() if order.lacks_fills}

    # -- inside --------------------------------------------------------------------------------

    def _see(
        self, order: SentOrder, state: OrderState, executed: Decimal, ts: int, order_id: str
    ) -> None:
        order.see(state, executed, ts, order_id)
        self._names[order.symbol, order_id] = order.client_order_id

    def _filled(self, order: SentOrder, update: OrderUpdate) -> OrderUpdate:
        """Put a fill after those that were told: they may come in any order."""
        with exact():
            order.told_qty += update.last_qty
        order.executed_qty = max(order.executed_qty, order.told_qty)
        is_whole = order.told_qty >= order.qty
        order.told = OrderState.FILLED if is_whole else OrderState.PARTIALLY_FILLED
        if is_whole:
            self._forget(order)
        return evolve(update, state=order.told, filled_qty=order.told_qty, reason="")

    def _settled(self, order: SentOrder, ts: int) -> Iterator[OrderUpdate]:
        """Tell a state, once every fill before it is told."""
        if order.lacks_fills or order.client_order_id not in self.orders:
            return
        if order.state.is_final:
            yield self._ended(order, order.state, ts, order.reason)
        elif order.told is OrderState.PENDING and order.was_seen:
            order.told = OrderState.OPEN
            yield self._update(order, ts)

    def _ended(self, order: SentOrder, state: OrderState, ts: int, reason: str) -> OrderUpdate:
        order.told, order.reason = state, reason
        self._forget(order)
        return self._update(order, ts)

    def _forget(self, order: SentOrder) -> None:
        del self.orders[order.client_order_id]
        if order.was_seen:
            self._over[order.client_order_id] = None
            if len(self._over) > ENDED_KEPT:
                self._over.popitem(last=False)
        self._names.pop((order.symbol, order.order_id), None)

    @staticmethod
    def _update(order: SentOrder, ts: int) -> OrderUpdate:
        return OrderUpdate(
            ts=ts,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            order_id=order.order_id,
            side=order.side,
            state=order.told,
            filled_qty=order.told_qty,
            reason=order.reason,
        )


def forced_close_of(order: OrderAnswer, trade: TradeAnswer) -> OrderUpdate:
    """Return what the engine learns of a trade by which the venue closed a position.

    A fee in another asset is not valued yet, here as everywhere in this file.
    """
    fee, fee_asset, fee_qty = split_fee(trade.symbol, trade.fee, trade.fee_asset)
    return OrderUpdate(
        ts=trade.ts,
        symbol=trade.symbol,
        client_order_id=order.client_order_id,
        order_id=trade.order_id,
        side=trade.side,
        state=order.status,
        filled_qty=order.executed_qty,
        last_price=trade.price,
        last_qty=trade.qty,
        fee=fee,
        fee_asset=fee_asset,
        fee_qty=fee_qty,
        liquidity=Liquidity.MAKER if trade.is_maker else Liquidity.TAKER,
        trade_id=trade.trade_id,
    )


def _update_of_trade(order: SentOrder, trade: TradeAnswer) -> OrderUpdate:
    fee, fee_asset, fee_qty = split_fee(trade.symbol, trade.fee, trade.fee_asset)
    return OrderUpdate(
        ts=trade.ts,
        symbol=trade.symbol,
        client_order_id=order.client_order_id,
        order_id=trade.order_id,
        side=trade.side,
        state=OrderState.PARTIALLY_FILLED,
        filled_qty=trade.qty,
        last_price=trade.price,
        last_qty=trade.qty,
        fee=fee,
        fee_asset=fee_asset,
        fee_qty=fee_qty,
        liquidity=Liquidity.MAKER if trade.is_maker else Liquidity.TAKER,
        trade_id=trade.trade_id,
    )
