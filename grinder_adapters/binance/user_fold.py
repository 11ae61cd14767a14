"""What the private stream says, each thing once and in an order that makes sense (LIVE-19).

Two sockets that overlap bring events twice, and REST may have told them before. A fill is known by
(symbol, trade id). Of an order the executed quantity only grows, a final state that the venue
reported stays, and of two updates the one with the later transaction time gives the rest. A pure
fold over the events.

An order that may still change is remembered until it is final. Those that are final are remembered
for as long as an overlap of two sockets can bring them again: more of them than the venue takes
orders in a minute.
"""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import Final, TypeVar

from attrs import Factory, define, evolve

from grinder_adapters.binance.trade_ids import TradeIds
from grinder_adapters.binance.user_events import (
    AccountEvent,
    FuturesOrderEvent,
    TradeLite,
    UserEvent,
)
from grinder_core.contracts.enums import OrderState
from grinder_core.numbers import ZERO

K = TypeVar("K")
V = TypeVar("V")
OrderKey = tuple[str, str]

FINAL: Final = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED}
)
OPEN_KEPT: Final = 10_000  # some may have ended while nobody listened
FINAL_KEPT: Final = 2_000
EVENTS_KEPT: Final = 1_000


@define
class UserFold:
    """What was heard so far.

    Attributes:
        cursors: By symbol, the trade id up to which a merged REST answer told all.
        fills: By symbol, the ids above the cursor that were heard of.
        duplicates: Events that said nothing new.
    """

    cursors: dict[str, int] = Factory(dict)
    fills: dict[str, TradeIds] = Factory(dict)
    duplicates: int = 0
    _hinted: OrderedDict[tuple[str, int], None] = Factory(
        OrderedDict
    )  # heard of by TRADE_LITE only
    _open: OrderedDict[OrderKey, FuturesOrderEvent] = Factory(OrderedDict)
    _final: OrderedDict[OrderKey, FuturesOrderEvent] = Factory(OrderedDict)
    _positions: dict[tuple[str, str], int] = Factory(dict)
    _balances: dict[str, int] = Factory(dict)
    _recent: OrderedDict[UserEvent, None] = Factory(OrderedDict)

    def apply(self, event: UserEvent) -> UserEvent | None:
        """Return what an event says that is new; ``None`` if nothing is.

        An order comes with its newest state. If the fill of an event was booked before, the event
        comes without it: no trade id, no last quantity, no fee, no profit.
        """
        if isinstance(event, FuturesOrderEvent):
            return self._counted(self._order(event))
        if isinstance(event, TradeLite):
            return self._counted(self._hint(event))
        if event in self._recent:
            return self._counted(None)
        _remember(self._recent, event, None, EVENTS_KEPT)
        return self._counted(self._account(event)) if isinstance(event, AccountEvent) else event

    def book_fill(self, symbol: str, trade_id: int) -> bool:
        """Note a fill; return whether it is new. Whoever merges REST trades asks here too."""
        known = self.fills.setdefault(symbol, TradeIds())
        if trade_id in known or trade_id <= self.cursors.get(symbol, 0):
            return False
        known.add(trade_id)
        self._hinted.pop((symbol, trade_id), None)
        return True

    def is_new_fill(self, symbol: str, trade_id: int) -> bool:
        """Whether nothing told a fill yet."""
        return trade_id > self.cursors.get(symbol, 0) and trade_id not in self.fills.get(symbol, ())

    def move_cursor(self, symbol: str, trade_id: int) -> None:
        """Note that a merged REST answer told all fills up to that id; it never goes back."""
        cursor = max(trade_id, self.cursors.get(symbol, 0))
        self.cursors[symbol] = cursor
        self.fills.setdefault(symbol, TradeIds()).drop_to(cursor)

    def _order(self, event: FuturesOrderEvent) -> FuturesOrderEvent | None:
        key = (event.symbol, event.order_id)
        before = self._open.get(key) or self._final.get(key)
        is_fill = bool(event.trade_id) and self.book_fill(event.symbol, event.trade_id)
        after = event if before is None else _merged(before, event)
        if before is not None and _state_of(after) == _state_of(before) and not is_fill:
            return None
        # what is remembered is the state; the fill belongs to its own event
        if after.status in FINAL:
            self._open.pop(key, None)
            _remember(self._final, key, after, FINAL_KEPT)
        else:
            _remember(self._open, key, after, OPEN_KEPT)
        if is_fill:
            return evolve(
                after,
                execution=event.execution,
                last_price=event.last_price,
                last_qty=event.last_qty,
                fee=event.fee,
                fee_asset=event.fee_asset,
                trade_id=event.trade_id,
                is_maker=event.is_maker,
                realized_pnl=event.realized_pnl,
            )
        return _without_fill(after) if event.trade_id or after.trade_id else after

    def _hint(self, event: TradeLite) -> TradeLite | None:
        key = (event.symbol, event.trade_id)
        booked = event.trade_id in self.fills.get(event.symbol, ())
        if booked or key in self._hinted or event.trade_id <= self.cursors.get(event.symbol, 0):
            return None
        _remember(self._hinted, key, None, EVENTS_KEPT)
        return event

    def _account(self, event: AccountEvent) -> AccountEvent | None:
        """The event with the rows that no later one has overtaken."""
        ts = event.transaction_ts
        positions = tuple(
            row
            for row in event.positions
            if self._positions.get((row.symbol, row.position_side), 0) <= ts
        )
        balances = tuple(row for row in event.balances if self._balances.get(row.asset, 0) <= ts)
        self._positions.update({(row.symbol, row.position_side): ts for row in positions})
        self._balances.update({row.asset: ts for row in balances})
        if not positions and not balances and (event.positions or event.balances):
            return None
        return evolve(event, positions=positions, balances=balances)

    def _counted(self, event: UserEvent | None) -> UserEvent | None:
        self.duplicates += event is None
        return event


def _merged(before: FuturesOrderEvent, event: FuturesOrderEvent) -> FuturesOrderEvent:
    newer = event if _age(event) >= _age(before) else before
    more = event if event.executed_qty >= before.executed_qty else before
    status = newer.status
    if before.status in FINAL:
        status = before.status
    elif event.status in FINAL:
        status = event.status
    return evolve(newer, status=status, executed_qty=more.executed_qty, avg_price=more.avg_price)


def _age(order: FuturesOrderEvent) -> tuple[int, Decimal]:
    return order.transaction_ts, order.executed_qty  # the latter tells apart what one ms held


def _state_of(order: FuturesOrderEvent) -> tuple[OrderState, Decimal, Decimal, Decimal]:
    return order.status, order.executed_qty, order.price, order.qty


def _without_fill(order: FuturesOrderEvent) -> FuturesOrderEvent:
    return evolve(
        order,
        last_price=ZERO,
        last_qty=ZERO,
        fee=ZERO,
        fee_asset="",
        trade_id=0,
        realized_pnl=ZERO,
    )


def _remember(kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > most:
        kept.popitem(last=False)
