"""What a process does with the orders that the one before it wanted out of the way (LIVE-38)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from grinder_core.contracts.control import (
    AccountUpdate,
    Command,
    Control,
    Health,
    Leadership,
    Restarted,
    Timer,
)
from grinder_core.contracts.effects import CancelOrder, Effect, PlaceOrder
from grinder_core.contracts.enums import OrderState, RiskIntent
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.live import HealthName, SafeMode
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.engine.config import EngineConfig
from grinder_core.live.config import LiveConfig
from grinder_core.live.core import LiveCore
from grinder_core.live.records import RecordKind
from grinder_core.live.state import LiveState
from grinder_core.orders.router_limits import RouterLimits

D = Decimal
SYMBOL = "BTCUSDT"
LIMITS = RouterLimits(
    tick_size=D("0.1"), step_size=D("0.001"), min_qty=D("0.001"), min_notional=D(1), max_qty=D(100)
)
HEALTHY = (
    (HealthName.FEED_CONNECTED, ""),
    (HealthName.USER_STREAM_OK, ""),
    (HealthName.CONSTRAINTS_LOADED, SYMBOL),
    (HealthName.SNAPSHOT_TAKEN, ""),
)


class Session:
    """A live session that is told one thing after the other, a second apart."""

    def __init__(self, core: LiveCore) -> None:
        self.core, self.now = core, max(core.engine.hot.now, 1_700_000_000_000)
        self.said: list[RecordKind] = []

    @classmethod
    def begun(cls) -> Session:
        engine = EngineConfig().with_values(
            {"levels": 2, "notional_per_level": D(100), "initial_capital": D(10_000)}
        )
        config = LiveConfig(
            engine=engine,
            armed=True,
            mode=SafeMode.LIVE_TRADE,
            is_writing=True,
            whitelist=(SYMBOL,),
            limits={SYMBOL: LIMITS},
        )
        return cls(LiveCore(config))

    def again(self) -> Session:
        """A process that goes on from what the one before wrote down."""
        state = LiveState.from_text(self.core.state().to_text())
        return Session(LiveCore.from_state(state, self.core.config))

    def tell(self, *payloads: Payload) -> list[Effect]:
        effects: list[Effect] = []
        for payload in payloads:
            self.now += 1_000
            step = self.core.step(Event(self.now, payload, self.core.hot.events + 1))
            effects += step.effects
            self.said = [record.kind for record in step.records]
        return effects

    def start(self) -> list[Effect]:
        return self.tell(Restarted(), Leadership(is_leader=True))

    def recover(self) -> list[Effect]:
        healthy = [Health(name=n.value, value=1, symbol=s) for n, s in HEALTHY]
        return self.tell(*healthy, Health(name=HealthName.BOOTSTRAP_OK.value, value=1))

    def quote(self) -> Snapshot:
        return Snapshot(
            ts=self.now,
            symbol=SYMBOL,
            bid_price=D("99.9"),
            ask_price=D("100.1"),
            bid_qty=D(1),
            ask_qty=D(1),
            last_price=D(100),
            last_qty=D(1),
        )

    def trade(self) -> list[str]:
        """Get ready and place; return what rests."""
        self.start()
        self.recover()
        start = AccountUpdate(ts=0, start=D(10_000))
        placed = self.tell(start, Timer(), self.quote(), self.quote())
        names = [one.client_order_id for one in placed if isinstance(one, PlaceOrder)]
        for one in placed:
            assert isinstance(one, PlaceOrder)
            update = OrderUpdate(
                ts=self.now,
                symbol=SYMBOL,
                client_order_id=one.client_order_id,
                order_id=f"1{len(names)}",
                side=one.intent.side,
                state=OrderState.OPEN,
            )
            self.tell(update)
        return names


def cancelled(effects: list[Effect]) -> list[str]:
    assert all(isinstance(one, CancelOrder) for one in effects)
    return sorted(one.client_order_id for one in effects)


@pytest.fixture
def halted() -> tuple[Session, list[str]]:
    """A process whose cancels left, and nobody knows more of them."""
    session = Session.begun()
    names = sorted(session.trade())
    assert len(names) == 4
    assert cancelled(session.tell(Control(command=Command.PAUSE, actor="test"))) == names
    return session, names


def test_cancels_of_the_process_before_wait_for_the_end_of_recovery(
    halted: tuple[Session, list[str]],
) -> None:
    before, names = halted
    after = before.again()
    assert not after.start()
    assert not after.tell(Timer(), Timer(), after.quote(), Timer())
    assert not after.recover()
    assert cancelled(after.tell(Timer())) == names
    assert not after.tell(Timer())


def test_what_ended_meanwhile_is_not_cancelled_again(
    halted: tuple[Session, list[str]],
) -> None:
    before, names = halted
    after = before.again()
    after.start()
    record = after.core.engine.hot.symbols[SYMBOL].grid.leaving[names[0]]
    after.tell(
        OrderUpdate(
            ts=after.now,
            symbol=SYMBOL,
            client_order_id=names[0],
            order_id=record.order_id,
            side=record.side,
            state=OrderState.CANCELLED,
        )
    )
    after.recover()
    assert cancelled(after.tell(Timer())) == names[1:]


def test_a_cancel_that_may_not_leave_is_told_once_and_not_with_every_timer() -> None:
    before = Session.begun()
    before.trade()
    after = before.again()
    after.start()
    assert not after.tell(Control(command=Command.KILL, actor="test"))
    assert after.said.count(RecordKind.ACTION) == 4
    after.tell(Timer())
    assert RecordKind.ACTION not in after.said
    after.recover()
    assert len(cancelled(after.tell(Timer()))) == 4


def test_after_a_stop_no_new_risk_leaves_that_was_planned_before() -> None:
    session = Session.begun()
    session.trade()
    core = session.core
    assert not core.refusal(RiskIntent.INCREASE_RISK, SYMBOL)
    session.tell(Control(command=Command.STOP, actor="test"))
    assert core.refusal(RiskIntent.INCREASE_RISK, SYMBOL)
    assert not core.refusal(RiskIntent.REDUCE_RISK, SYMBOL)
    assert not core.refusal(RiskIntent.CANCEL, SYMBOL)
    after = session.again()
    after.start()
    after.recover()
    for _ in range(8):  # longer than the cooldown of what was not heard for so long
        after.tell(Timer(), after.quote())
    assert not after.core.refusal(RiskIntent.INCREASE_RISK, SYMBOL)
