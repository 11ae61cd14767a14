"""A live core in the hands of a test: healthy, with a market at will and a venue that answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from grinder_core.contracts.control import Health, Leadership, Restarted, Timer, WriteResult
from grinder_core.contracts.effects import CancelOrder, Effect, Flatten, PlaceOrder
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.live import HealthName, SafeMode, WriteOutcome
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.engine.config import EngineConfig
from grinder_core.live.config import LiveConfig
from grinder_core.live.core import LiveCore, Step
from grinder_core.orders.router_limits import RouterLimits
from grinder_core.ports import Policy

D = Decimal
BTC = "BTCUSDT"
T0 = 1_700_000_000_000
LIMITS = RouterLimits(
    tick_size=D("0.1"), step_size=D("0.001"), min_qty=D("0.001"), min_notional=D(5)
)


def a_config(symbols: tuple[str, ...] = (BTC,), **changes: Any) -> LiveConfig:
    """Armed, on a writing port, with two levels a side and nothing in their way."""
    engine = {
        "levels": 2,
        "spacing_bps": 10,
        "size_per_level": "0.01",
        "kill_switch_enabled": True,
        "dd_guard_v1_enabled": True,
        "cooldown_ms": 0,
        "max_orders_per_minute": 100_000,
        "max_notional_per_symbol": "100000",
        "max_notional_total": "1000000",
        "daily_loss_limit": "9000",
        "max_price_impact_bps": 100_000,
        **changes.pop("engine", {}),
    }
    values: dict[str, Any] = {
        "engine": EngineConfig.flat(**engine),
        "armed": True,
        "mode": SafeMode.LIVE_TRADE,
        "is_writing": True,
        "whitelist": symbols,
        "limits": dict.fromkeys(symbols, LIMITS),
    }
    return LiveConfig(**{**values, **changes})


class LiveHand:
    """Feeds a core and keeps what it wanted.

    Attributes:
        effects: Everything that passed, in order.
        lines: Everything that was said, as JSON text.
    """

    def __init__(self, config: LiveConfig | None = None, policy: Policy | None = None) -> None:
        self.config = config or a_config()
        self.core = LiveCore(self.config, policy)
        self.now = T0
        self.effects: list[Effect] = []
        self.lines: list[str] = []
        self.events: list[Event] = []
        self._orders = 0

    def feed(self, payload: Payload, after_ms: int = 0) -> Step:
        self.now += after_ms
        event = Event(self.now, payload, self.core.hot.events + 1)
        self.events.append(event)
        step = self.core.step(event)
        self.effects += step.effects
        self.lines += [record.line.decode() for record in step.records]
        return step

    def tell(self, name: HealthName, value: int = 1, symbol: str = "") -> Step:
        return self.feed(Health(name=name.value, value=value, symbol=symbol))

    def start(self, *, recovered: bool = True) -> None:
        """Restart, healthy, and recovered if asked for."""
        self.feed(Restarted())
        self.feed(Leadership(is_leader=True))
        for name in (HealthName.FEED_CONNECTED, HealthName.USER_STREAM_OK, HealthName.PERSIST_OK):
            self.tell(name)
        for symbol in self.config.whitelist:
            self.tell(HealthName.CONSTRAINTS_LOADED, 1, symbol)
        if recovered:
            self.tell(HealthName.BOOTSTRAP_OK)
            self.feed(Timer(), 250)
            for symbol in self.config.whitelist:  # features are warm once a quote was seen
                self.quote(60_000, symbol)
            self.feed(Timer(), 250)

    def quote(self, mid: int | Decimal, symbol: str = BTC, after_ms: int = 10) -> Step:
        self.now += after_ms
        half = D("0.05")
        return self.feed(
            Snapshot(
                ts=self.now,
                symbol=symbol,
                bid_price=mid - half,
                ask_price=mid + half,
                bid_qty=D(1),
                ask_qty=D(1),
                last_price=D(mid),
                last_qty=D(1),
            )
        )

    def wrote(self, effect: Effect, outcome: str = WriteOutcome.ACCEPTED.value) -> Step:
        op = "cancel" if isinstance(effect, CancelOrder) else "place"
        name = effect.client_order_id
        return self.feed(WriteResult(client_order_id=name, outcome=outcome, op=op, attempts=1))

    def update(
        self,
        effect: PlaceOrder | Flatten,
        state: OrderState,
        filled: str = "0",
        last: str = "0",
        price: str = "60000",
    ) -> Step:
        self._orders += 1
        symbol = effect.symbol if isinstance(effect, Flatten) else effect.intent.symbol
        side = effect.side if isinstance(effect, Flatten) else effect.intent.side
        return self.feed(
            OrderUpdate(
                ts=self.now,
                symbol=symbol,
                client_order_id=effect.client_order_id,
                order_id=f"v{effect.client_order_id[-4:]}",
                side=side,
                state=state,
                filled_qty=D(filled),
                last_qty=D(last),
                last_price=D(price) if D(last) else D(0),
                trade_id=self._orders if D(last) else 0,
            )
        )

    def accept(self, effect: PlaceOrder | Flatten) -> None:
        self.wrote(effect)
        self.update(effect, OrderState.OPEN)

    def cancelled(self, placed: PlaceOrder, filled: str = "0") -> Step:
        return self.update(placed, OrderState.CANCELLED, filled)

    def places(self, symbol: str = BTC) -> list[PlaceOrder]:
        return [e for e in self.effects if isinstance(e, PlaceOrder) and e.intent.symbol == symbol]

    def cancels(self) -> list[CancelOrder]:
        return [e for e in self.effects if isinstance(e, CancelOrder)]

    def rest(self) -> list[PlaceOrder]:
        """Begin, let the grid be placed and accepted, and return its orders."""
        self.start()
        self.quote(60_000)
        placed = self.places()
        for effect in placed:
            self.accept(effect)
        return placed

    def buys(self) -> list[PlaceOrder]:
        return [e for e in self.places() if e.intent.side is Side.BUY]

    def said(self, *words: str) -> list[str]:
        return [line for line in self.lines if all(word in line for word in words)]
