"""A trader who does the same all day and remembers only what rests.

Each second it places an order near the touch, turn by turn on each symbol and side; it amends one
for every other order that it places, and cancels the oldest beyond a number. Prices and quantities
are drawn, so that about half of the orders fill.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Final

from attrs import define

from grinder_adapters.binance.order_requests import AmendOrder, LimitOrder
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.outcomes import Accepted, Outcome
from grinder_adapters.binance.user_events import FuturesOrderEvent
from grinder_adapters.clock import Clock
from grinder_core.contracts.enums import Side
from grinder_core.contracts.market import Snapshot
from grinder_core.numbers import ZERO, exact
from grinder_core.orders.identity import OrderIds
from grinder_core.resilience.unknown import OrderView
from grinder_core.venue.exchange.instrument import Instrument

STRATEGY: Final = "day"
ORDER_EVERY_S: Final = 1.0
RESTING_MAX: Final = 24
AMEND_ONE_IN: Final = 2
AWAY_MILLIONTHS_MAX: Final = 1_000  # of the price, from the touch
ORDER_NOTIONAL: Final = 120
POSITION_NOTIONAL_MAX: Final = 5_000
LEVELS: Final = 8


@define
class Resting:
    """An order of ours that may still change."""

    symbol: str
    side: Side
    view: OrderView
    amends: int = 0


class DayTrader:
    """Trades through a port on the quotes that it is given.

    Args:
        counts: Where to count what happened.

    Attributes:
        quotes: The newest by symbol; whoever follows the market writes them here.
        resting: Orders by client id.
    """

    def __init__(
        self,
        port: ExecutionPort,
        clock: Clock,
        instruments: Mapping[str, Instrument],
        counts: Counter[str],
        seed: int,
    ) -> None:
        self._port, self._clock, self._instruments = port, clock, instruments
        self._counts, self._dice, self._ids = counts, Random(seed), OrderIds(STRATEGY)
        self._positions = dict.fromkeys(instruments, ZERO)
        self.quotes: dict[str, Snapshot] = {}
        self.resting: dict[str, Resting] = {}

    async def trade(self) -> None:
        """Trade until cancelled."""
        symbols = list(self._instruments)
        while True:
            await asyncio.sleep(ORDER_EVERY_S)
            number = self._counts["orders"]
            symbol = symbols[number % len(symbols)]
            if symbol not in self.quotes:
                continue
            await self._place(symbol, self._side(symbol, number // len(symbols)), number)
            if number % AMEND_ONE_IN == 0 and self.resting:
                await self._amend(self._dice.choice(list(self.resting)))
            while len(self.resting) > RESTING_MAX:
                await self._cancel(next(iter(self.resting)))

    def hear(self, event: FuturesOrderEvent) -> None:
        """Take what the user stream says of an order."""
        self._port.on_order_event(event)
        if event.trade_id:
            self.book(event.symbol, event.side, event.last_qty)
        if event.status.is_final:
            self.resting.pop(event.client_order_id, None)

    def book(self, symbol: str, side: Side, qty: Decimal) -> None:
        """Take a fill."""
        self._counts["fills"] += 1
        with exact():
            self._positions[symbol] += side.sign * qty

    def _side(self, symbol: str, turn: int) -> Side:
        """Turn by turn, but never further into a large position."""
        with exact():
            held = self._positions[symbol] * self.quotes[symbol].bid_price
        if abs(held) > POSITION_NOTIONAL_MAX:
            return Side.SELL if held > 0 else Side.BUY
        return Side.SELL if turn % 2 else Side.BUY

    def _price(self, symbol: str, side: Side) -> Decimal:
        quote, away = self.quotes[symbol], self._dice.randrange(AWAY_MILLIONTHS_MAX)
        best = quote.bid_price if side is Side.BUY else quote.ask_price
        tick = self._instruments[symbol].tick
        with exact():
            return best - side.sign * (best * away // (tick * 1_000_000)) * tick

    async def _place(self, symbol: str, side: Side, number: int) -> None:
        price, step = self._price(symbol, side), self._instruments[symbol].step
        with exact():
            qty = (ORDER_NOTIONAL // (price * step) + self._dice.randrange(1, 9)) * step
        level = 1 + number % LEVELS
        name = self._ids.next_id(level, self._clock.now_ms())
        order = LimitOrder(
            client_order_id=name,
            symbol=symbol,
            side=side,
            price=price,
            qty=qty,
            level_id=level,
            generation=number,
        )
        self._counts["orders"] += 1
        outcome = self._counted("place", await self._port.place(order))
        if isinstance(outcome, Accepted) and not outcome.is_final:
            self.resting[name] = Resting(symbol, side, outcome.order.view)

    async def _amend(self, name: str) -> None:
        held = self.resting[name]
        price = self._price(held.symbol, held.side)
        if price == held.view.price:
            return
        order = AmendOrder(
            client_order_id=name,
            order_id=None,
            symbol=held.symbol,
            side=held.side,
            price=price,
            qty=held.view.qty,
            amend_no=held.amends,
            before=held.view,
        )
        held.amends += 1
        outcome = self._counted("amend", await self._port.amend(order))
        if isinstance(outcome, Accepted):
            held.view = outcome.order.view
            if outcome.is_final:
                self.resting.pop(name, None)

    async def _cancel(self, name: str) -> None:
        self._counted("cancel", await self._port.cancel(self.resting[name].symbol, name))
        self.resting.pop(name, None)

    def _counted(self, what: str, outcome: Outcome) -> Outcome:
        self._counts[f"{what}_{type(outcome).__name__.lower()}"] += 1
        return outcome
