"""The safety envelope as a live session has it, for orders that a harness wants (LIVE-12).

Behind it is the session's own fold with a policy that wants nothing: the state machine, the
latches and the drawdown guard are those of a live run, told what the harness knows. What they
refuse never reaches the port, and right before a request leaves they are asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from grinder_app.config.live_plan import LivePlan
from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.control import Command, Control, Health, Leadership, Restarted, Timer
from grinder_core.contracts.enums import GridMode, RiskIntent
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.live import HealthName
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.plan import GridPlan
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConnectorNonRetryableError
from grinder_core.gates.envelope import judge
from grinder_core.gates.envelope_inputs import Subject
from grinder_core.live.config import LiveConfig
from grinder_core.live.core import LiveCore
from grinder_core.live.permitting import Permit
from grinder_core.numbers import exact
from grinder_core.orders.router_limits import RouterLimits

ACTOR: Final = "smoke"
_WHOLE: Final = (HealthName.FEED_CONNECTED, HealthName.USER_STREAM_OK, HealthName.BOOTSTRAP_OK)


class BlockedError(ConnectorNonRetryableError):
    """The envelope let an order of a harness not pass; nothing was sent.

    Attributes:
        reason: The gate's word.
    """

    code = "E_BLOCKED"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"the safety envelope says {reason} {detail}".rstrip())
        self.reason = reason


class Idle:
    """A policy that wants nothing."""

    name = "idle"

    def plan(self, context: PolicyContext) -> GridPlan:
        """Want nothing."""
        return GridPlan.flat(
            mode=GridMode.PAUSE,
            center_price=context.snapshot.mid_price,
            spacing_bps=1,
            levels_up=0,
            levels_down=0,
            size_schedule=(),
        )


class Envelope:
    """Judges what a harness wants.

    Args:
        engine: Settings, with the venue's lot rules.
        limits: The venue's rules of the symbol.
        now_ms: Our time.
    """

    def __init__(
        self,
        plan: LivePlan,
        engine: EngineConfig,
        symbol: str,
        limits: RouterLimits | None,
        now_ms: Callable[[], int],
    ) -> None:
        config = LiveConfig(
            engine=engine,
            armed=plan.armed,
            mode=plan.mode,
            is_writing=plan.has_writing_port,
            whitelist=(symbol,),
            orchestrator=plan.orchestrator,
            router=plan.router,
            fill_gate=plan.fill_gate,
            limits={} if limits is None else {symbol: limits},
        )
        core = LiveCore(config, Idle())
        self._symbol, self._now_ms = symbol, now_ms
        self._core, self._seq = core, 0
        self._permit = Permit(config, core.engine, core.hot)
        self._step(Restarted(reason=ACTOR))
        self._step(Leadership(is_leader=True))
        if plan.operator_override is not None:
            self._step(Control(command=Command(plan.operator_override.value), actor="environment"))

    def cleared(self) -> None:
        """Begin to let pass: rules are known, and the account is as the harness needs it.

        Outcomes are asked for one by one, so there is no private stream that could be missed.
        """
        name = HealthName.CONSTRAINTS_LOADED.value
        self._step(Health(name=name, value=1, symbol=self._symbol))
        for known in _WHOLE:
            self._step(Health(name=known.value, value=1))
        self._step(Health(name=HealthName.SNAPSHOT_TAKEN.value, value=1))
        self._step(Timer())

    def saw(self, quote: Snapshot) -> None:
        """Take the market as it is now; the account was asked for just before."""
        self._step(quote)
        self._step(Health(name=HealthName.SNAPSHOT_TAKEN.value, value=1))
        self._step(Timer())

    def persists(self, is_writable: bool) -> None:
        """Tell whether intents can be written down."""
        self._step(Health(name=HealthName.PERSIST_OK.value, value=int(is_writable)))

    def kill(self) -> None:
        """Trip the kill switch, as an operator does; it latches."""
        self._step(Control(command=Command.KILL, actor=ACTOR))

    def require(self, subject: Subject) -> None:
        """Let an action pass.

        Raises:
            BlockedError: A gate says no; its reason is named.
        """
        with exact():
            verdict = judge(subject, self._permit.inputs(), self._now_ms())
        if verdict.reason is not None:
            raise BlockedError(verdict.reason.value, verdict.detail)

    def refusal(self, risk: RiskIntent, symbol: str) -> str:
        """Say why a write must not leave now, right before it would; empty: it may."""
        with exact():
            return self._core.refusal(risk, symbol)

    def _step(self, payload: Payload) -> None:
        self._seq += 1
        now = max(self._now_ms(), self._core.hot.orchestrator.now_ms)
        self._core.step(Event(now, payload, self._seq))
