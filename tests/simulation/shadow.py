"""A second bookkeeping, in fractions, from the events and effects alone.

It knows what we hold, owe and have at the venue, and what may stop us. It never reads the
engine's state; the rules compare the two.
"""

from __future__ import annotations

from collections import defaultdict, deque
from fractions import Fraction
from typing import Final

from attrs import define, field

from grinder_core.contracts.control import Command, Control, FundingPaid
from grinder_core.contracts.effects import CancelOrder, Flatten, PlaceOrder
from grinder_core.contracts.enums import MarkSource
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import MarketStats, MarkPrice, Snapshot
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.engine.config import EngineConfig

DAY_MS: Final = 86_400_000
FORCED: Final = "autoclose-"


@define
class Order:
    """One order of ours as effects and answers tell it."""

    client_order_id: str
    symbol: str
    sign: int
    level: int
    price: Fraction
    qty: Fraction
    reduce_only: bool
    is_market: bool
    filled: Fraction = Fraction(0)
    is_leaving: bool = False

    @property
    def open_notional(self) -> Fraction:
        return self.price * (self.qty - self.filled)


@define
class Market:
    """What was last said about one symbol."""

    snapshot: Snapshot | None = None
    mid: Fraction = Fraction(0)
    mark: Fraction = Fraction(0)
    has_mark: bool = False
    stats: MarketStats | None = None
    mids: deque[tuple[int, Fraction]] = field(factory=deque)


@define
class Stops:
    """Guards over equity, by their definitions (CORE-13, 27, 28, 29)."""

    config: EngineConfig
    peak: Fraction
    start: Fraction
    sampled: Fraction
    base: dict[str, Fraction] = field(factory=dict)
    fell: bool = False
    is_stale: bool = True  # something may have changed equity since the last sample
    killed: bool = False
    is_late: bool = False  # a liquidation killed; what is under way is cancelled at the next quote
    guarded: bool = False
    day: int = -1
    day_start: Fraction = Fraction(0)
    daily: bool = False

    def sample(self, now: int, equity: Fraction, profits: dict[str, Fraction]) -> None:
        risk = self.config.risk
        self.sampled, self.is_late, self.is_stale = equity, False, False
        self.peak = max(self.peak, equity)
        fall = (self.peak - equity) * 100
        if equity <= 0 or fall >= Fraction(risk.max_drawdown_pct) * self.peak:
            self.fell = True
        if now // DAY_MS != self.day:
            self.day, self.day_start, self.daily = now // DAY_MS, equity, False
        if self.day_start - equity >= Fraction(self.config.gates.daily_loss_limit):
            self.daily = True
        if self.fell and risk.kill_switch_enabled:
            self.killed = True
        if risk.dd_guard_v1_enabled and not self.guarded:
            limit = Fraction(risk.portfolio_dd_limit)
            zero = Fraction(0)
            self.guarded = self.start - equity >= limit * self.start or any(
                self.base.get(symbol, zero) - profits.get(symbol, zero) >= Fraction(budget)
                for symbol, budget in risk.symbol_dd_budgets.items()
            )

    def obey(self, command: Command, equity: Fraction, profits: dict[str, Fraction]) -> None:
        if command is Command.KILL:
            self.killed = True
        elif command is Command.RESET_KILL_SWITCH:
            self.killed = False
        elif command is Command.RESET_DRAWDOWN_GUARD:
            self.fell, self.peak, self.is_stale = False, self.sampled, True
            if self.guarded and equity > 0:
                self.guarded, self.start, self.base = False, equity, dict(profits)


class Shadow:
    """Folds what passed; every figure is exact."""

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.capital = Fraction(config.risk.initial_capital)
        self.marks = config.venue.mark_source is MarkSource.MARK_PRICE
        self.held: dict[str, Fraction] = defaultdict(Fraction)
        self.paid: dict[str, Fraction] = defaultdict(Fraction)
        self.fees = Fraction(0)
        self.funding = Fraction(0)
        self.fills = 0
        self.liquidations = 0
        self.markets: dict[str, Market] = defaultdict(Market)
        self.orders: dict[str, Order] = {}
        self.used: set[str] = set()
        self.stops = Stops(config, self.capital, self.capital, self.capital)

    # -- what is so ----------------------------------------------------------------------------

    def profit(self, symbol: str) -> Fraction:
        """Of one symbol, before fees and funding."""
        return self.held[symbol] * self.markets[symbol].mark - self.paid[symbol]

    def profits(self) -> dict[str, Fraction]:
        return {symbol: self.profit(symbol) for symbol in self.paid}

    @property
    def equity(self) -> Fraction:
        return self.capital + sum(self.profits().values()) - self.fees - self.funding

    def open(self, symbol: str) -> list[Order]:
        """Everything that may still fill, what is being cancelled included."""
        return [o for o in self.orders.values() if o.symbol == symbol]

    def others(self, symbol: str) -> Fraction:
        """Positions and open orders of all other symbols."""
        held = sum(
            (abs(q) * self.markets[s].mid for s, q in self.held.items() if s != symbol), Fraction(0)
        )
        return held + sum(o.open_notional for o in self.orders.values() if o.symbol != symbol)

    # -- what happens --------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """Fold an input of the engine, before what came out of it."""
        payload = event.payload
        if isinstance(payload, Snapshot):
            self._on_quote(payload)
        elif isinstance(payload, OrderUpdate):
            self._on_update(payload)
        elif isinstance(payload, FundingPaid):
            assert Fraction(payload.qty) == self.held[payload.symbol]
            amount = Fraction(payload.qty) * Fraction(payload.mark_price) * Fraction(payload.rate)
            assert Fraction(payload.amount) == amount
            self.funding += amount
            self.stops.is_stale = True
        elif isinstance(payload, MarkPrice):
            if self.marks:
                market = self.markets[payload.symbol]
                market.has_mark, market.mark = True, Fraction(payload.mark_price)
                self.stops.is_stale = True
        elif isinstance(payload, MarketStats):
            self.markets[payload.symbol].stats = payload
        elif isinstance(payload, Control):
            self.stops.obey(payload.command, self.equity, self.profits())

    def say(self, effect: PlaceOrder | CancelOrder | Flatten) -> None:
        """Fold an effect of the engine."""
        key = effect.client_order_id
        if isinstance(effect, CancelOrder):
            assert key in self.orders, "cancels what is finished or never was"
            assert not self.orders[key].is_leaving, "cancelled twice"
            self.orders[key].is_leaving = True
            return
        assert key not in self.used, "an id is never reused"
        assert not key.startswith(FORCED)
        self.used.add(key)
        wanted = effect if isinstance(effect, Flatten) else effect.intent
        self.orders[key] = Order(
            key,
            wanted.symbol,
            wanted.side.sign,
            0 if isinstance(effect, Flatten) else effect.intent.level_id,
            Fraction(wanted.price),
            Fraction(wanted.qty),
            isinstance(effect, Flatten) or effect.intent.reduce_only,
            isinstance(effect, Flatten),
        )

    def _on_quote(self, snapshot: Snapshot) -> None:
        market = self.markets[snapshot.symbol]
        last = market.snapshot
        if (
            last is None
            or last.bid_price != snapshot.bid_price
            or last.ask_price != snapshot.ask_price
        ):
            market.mid = (Fraction(snapshot.bid_price) + Fraction(snapshot.ask_price)) / 2
            if not market.has_mark:
                market.mark = market.mid
            if self.held[snapshot.symbol]:
                self.stops.is_stale = True
        market.snapshot = snapshot
        mids = market.mids
        mids.append((snapshot.ts, market.mid))
        while snapshot.ts - mids[0][0] > self.config.gates.lookback_window_ms:
            mids.popleft()

    def _on_update(self, update: OrderUpdate) -> None:
        key = update.client_order_id
        if key.startswith(FORCED):
            assert key not in self.used
            self.used.add(key)
            self.liquidations += 1
            assert Fraction(update.last_qty) == abs(self.held[update.symbol]), "closes it whole"
            self._fill(update, closes=True)
            self.stops.killed = self.stops.is_late = True
            return
        assert key in self.orders, "nothing follows the end of an order"
        order = self.orders[key]
        assert Fraction(update.filled_qty) == order.filled + Fraction(update.last_qty)
        if update.last_qty:
            order.filled += Fraction(update.last_qty)
            assert order.filled <= order.qty
            if not order.is_market:
                worse = (Fraction(update.last_price) - order.price) * order.sign
                assert worse <= 0, "filled beyond its limit"
            self._fill(update, closes=order.reduce_only)
        if update.state.is_final:
            del self.orders[key]

    def _fill(self, update: OrderUpdate, *, closes: bool) -> None:
        symbol = update.symbol
        self.fills += 1
        self.stops.is_stale = True
        before = self.held[symbol]
        signed = Fraction(update.last_qty) * update.side.sign
        after = self.held[symbol] = before + signed
        if closes:
            assert abs(after) < abs(before), "an exit opened a position"
            assert after * before >= 0, "an exit turned the position"
        self.paid[symbol] += signed * Fraction(update.last_price)
        self.fees += Fraction(update.fee)
