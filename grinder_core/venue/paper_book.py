"""The paper order book (CORE-40): a real port's operations over the simulated exchange.

It names orders, answers repeated calls as before and remembers what became of each order. When
an order fills is the venue's rule alone, so paper and backtest cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from attrs import Factory, define, evolve, frozen

from grinder_core.contracts.checks import check_positive_qty, check_price, check_ts
from grinder_core.contracts.effects import CancelOrder, PlaceOrder
from grinder_core.contracts.enums import FillMode, OrderState, Side
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import OrderIntent, OrderUpdate
from grinder_core.errors import ConfigError, ContractError, PaperOrderError
from grinder_core.numbers import ZERO, exact
from grinder_core.venue.settings import VenueSettings
from grinder_core.venue.sim import SimVenue, VenueEvent

PREFIX: Final = "PAPER"
NEEDS_MORE_THAN_QUOTES: Final = (FillMode.L2, FillMode.QUEUE)


@frozen(kw_only=True)
class OrderResult:
    """What the book knows of one order.

    Attributes:
        order_id: ``{prefix}_{seq:08d}``; the sequence only grows.
        client_order_id: The caller's; empty for a replacement that was given none.
        price: Quote currency.
        qty, filled_qty: Base asset.
        placed_ts, updated_ts: ``now`` at placement and at the last change, Unix milliseconds.
        replaces: ``order_id`` of the order it took the place of; empty for none.
    """

    order_id: str
    client_order_id: str
    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    state: OrderState
    placed_ts: int
    updated_ts: int
    filled_qty: Decimal = ZERO
    replaces: str = ""


@define
class PaperOrderBook:
    """Orders of all symbols, in memory; finished ones are kept, so that they can be asked for.

    Every operation takes ``now``, Unix milliseconds, in place of a clock: equal calls give equal
    ids and results. Bad input is refused before anything changes.

    Example:
        >>> book = PaperOrderBook.of(FillMode.CROSSING)
        >>> book.place_order("AAAUSDT", Side.BUY, Decimal(99), Decimal(1), "a", now=1).order_id
        'PAPER_00000001'
        >>> book.replace_order("PAPER_00000001", Decimal(98), Decimal(1), now=2).order_id
        'PAPER_00000002'
        >>> book.cancel_order("PAPER_00000001", now=3).state.value
        'CANCELLED'
    """

    venue: SimVenue
    prefix: str = PREFIX
    last_seq: int = 0
    orders: dict[str, OrderResult] = Factory(dict)
    by_client_id: dict[str, str] = Factory(dict)

    @classmethod
    def of(
        cls,
        fill_mode: FillMode = FillMode.INSTANT,
        *,
        fill_after_ticks: int = 0,
        prefix: str = PREFIX,
    ) -> PaperOrderBook:
        """Return an empty book.

        Args:
            fill_mode: Any that needs quotes only.
            fill_after_ticks: Snapshots of the symbol an order waits before it may fill.

        Raises:
            ConfigError: The mode needs depth or trades, or the delay is negative.
        """
        if fill_mode in NEEDS_MORE_THAN_QUOTES:
            raise ConfigError(
                "needs depth or trades, and a paper order book sees quotes only",
                field="fill_mode",
                value=fill_mode.value,
                remedy="use crossing, quote, touch or instant",
            )
        settings = VenueSettings(fill_mode=fill_mode, fill_after_ticks=fill_after_ticks)
        return cls(venue=SimVenue(settings), prefix=prefix)

    def place_order(
        self,
        symbol: str,
        side: Side,
        price: Decimal,
        quantity: Decimal,
        client_order_id: str,
        *,
        now: int,
    ) -> OrderResult:
        """Place a limit order; the same call again returns the same order as it stands now.

        Raises:
            ContractError: A value is out of range.
            PaperOrderError: ``client_order_id`` names an order of other content.
        """
        check_ts("now", now)
        if not isinstance(side, Side):
            raise ContractError("must be BUY or SELL", field="side", value=side)
        if not client_order_id:
            raise ContractError("must not be empty", field="client_order_id", value=client_order_id)
        intent = OrderIntent(symbol=symbol, side=side, price=price, qty=quantity)
        known = self._repeated(client_order_id, intent, "")
        return known or self._place(intent, client_order_id, "", now)

    def cancel_order(self, order_id: str, *, now: int) -> OrderResult:
        """Cancel an open order; a cancelled one is returned unchanged.

        Raises:
            PaperOrderError: The order is unknown or filled.
        """
        check_ts("now", now)
        order = self.order(order_id)
        if order.state is OrderState.CANCELLED:
            return order
        if order.state.is_final:
            raise _closed(order, "cancelled")
        return self._cancel(order, now)

    def replace_order(
        self,
        order_id: str,
        new_price: Decimal,
        new_quantity: Decimal,
        *,
        now: int,
        client_order_id: str = "",
    ) -> OrderResult:
        """Cancel an open order and place one under a new id instead: exactly one of them lives.

        Args:
            client_order_id: Names the new order and makes the call repeatable; empty: neither.

        Raises:
            ContractError: A value is out of range; the old order stays.
            PaperOrderError: The order is unknown, filled or cancelled, or ``client_order_id``
                names an order of other content; nothing is placed.
        """
        check_ts("now", now)
        check_price("new_price", new_price)
        check_positive_qty("new_quantity", new_quantity)
        order = self.order(order_id)
        intent = OrderIntent(
            symbol=order.symbol, side=order.side, price=new_price, qty=new_quantity
        )
        known = self._repeated(client_order_id, intent, order_id)
        if known is not None:
            return known
        if order.state.is_final:
            # also after a cancel: placing again on a repeated call would double the order
            raise _closed(order, "replaced")
        self._cancel(order, now)
        return self._place(intent, client_order_id, order_id, now)

    def on_snapshot(self, snapshot: Snapshot, *, now: int) -> tuple[OrderResult, ...]:
        """Move one symbol's market; return the orders that changed, in the venue's order.

        Raises:
            ContractError: The symbol's time goes back.
        """
        check_ts("now", now)
        market = self.venue.books.get(snapshot.symbol)
        last = None if market is None else market.last
        if last is not None and snapshot.ts < last.ts:
            raise ContractError(f"must not go back from {last.ts}", field="ts", value=snapshot.ts)
        with exact():
            return self._apply(self.venue.on_snapshot(snapshot, now), now)

    def order(self, order_id: str) -> OrderResult:
        """Return an order as it stands now.

        Raises:
            PaperOrderError: The order is unknown.
        """
        order = self.orders.get(order_id)
        if order is None:
            raise PaperOrderError("is not an order of this book", field="order_id", value=order_id)
        return order

    def open_orders(self, symbol: str | None = None) -> tuple[OrderResult, ...]:
        """Return all live orders, or those of one symbol, in order of placement."""
        return tuple(
            order
            for order in self.orders.values()
            if not order.state.is_final and (symbol is None or symbol == order.symbol)
        )

    def _repeated(
        self, client_order_id: str, intent: OrderIntent, replaces: str
    ) -> OrderResult | None:
        """Return the order that an equal call made before, if there was one."""
        order_id = self.by_client_id.get(client_order_id)
        if order_id is None:
            return None
        order = self.orders[order_id]
        before = (order.symbol, order.side, order.price, order.qty, order.replaces)
        if before != (intent.symbol, intent.side, intent.price, intent.qty, replaces):
            raise PaperOrderError(
                f"already names {order_id}, which is another order",
                field="client_order_id",
                value=client_order_id,
                remedy="give every order an id of its own",
            )
        return order

    def _place(
        self, intent: OrderIntent, client_order_id: str, replaces: str, now: int
    ) -> OrderResult:
        self.last_seq += 1
        order_id = f"{self.prefix}_{self.last_seq:08d}"
        self.orders[order_id] = OrderResult(
            order_id=order_id,
            client_order_id=client_order_id,
            symbol=intent.symbol,
            side=intent.side,
            price=intent.price,
            qty=intent.qty,
            state=OrderState.PENDING,
            placed_ts=now,
            updated_ts=now,
            replaces=replaces,
        )
        if client_order_id:
            self.by_client_id[client_order_id] = order_id
        with exact():
            sent = PlaceOrder(client_order_id=order_id, intent=intent)
            self._apply(self.venue.submit(sent, now, now), now)
            self._apply(self.venue.end_of_turn(intent.symbol, now, now), now)
        return self.orders[order_id]

    def _cancel(self, order: OrderResult, now: int) -> OrderResult:
        effect = CancelOrder(
            client_order_id=order.order_id, order_id=order.order_id, symbol=order.symbol
        )
        with exact():
            self._apply(self.venue.submit(effect, now, now), now)
        return self.orders[order.order_id]

    def _apply(self, said: Iterable[VenueEvent], now: int) -> tuple[OrderResult, ...]:
        """Take in what the venue says; its client order ids are our order ids."""
        changed = []
        for update in said:
            if isinstance(update, OrderUpdate):
                before = self.orders[update.client_order_id]
                after = evolve(
                    before,
                    state=update.state,
                    filled_qty=max(before.filled_qty, update.filled_qty),
                    updated_ts=now,
                )
                self.orders[before.order_id] = after
                changed.append(after)
        return tuple(changed)


def _closed(order: OrderResult, what: str) -> PaperOrderError:
    return PaperOrderError(
        f"is {order.state.value} and cannot be {what}", field="order_id", value=order.order_id
    )
