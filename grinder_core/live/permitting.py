"""The envelope's questions, answered from what the session knows (LIVE-12, LIVE-13)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from grinder_core.contracts.effects import CancelOrder, Effect, Flatten, PlaceOrder
from grinder_core.contracts.enums import ActionType, RiskIntent, Side
from grinder_core.engine.engine import Engine
from grinder_core.gates.envelope import Verdict, judge, recheck
from grinder_core.gates.envelope_inputs import EnvelopeInputs, Subject
from grinder_core.gates.fill_probability import FillGate
from grinder_core.live.actions import LiveAction
from grinder_core.live.config import LiveConfig
from grinder_core.live.state import LiveHot
from grinder_core.numbers import ONE, ZERO

STOPPING: Final = "STOPPING"


class Permit:
    """Asks the envelope, for one session."""

    def __init__(self, config: LiveConfig, engine: Engine, hot: LiveHot) -> None:
        self._config, self._engine, self._hot = config, engine, hot
        self._whitelist = frozenset(config.whitelist)
        self._fill_gate = FillGate.of(config.fill_gate, None)
        self._known: EnvelopeInputs | None = None

    def judge(self, effect: Effect, now: int) -> Verdict:
        """Judge one effect."""
        return judge(self._subject(effect), self.inputs(), now)

    def recheck(self, risk: RiskIntent, symbol: str) -> str:
        """Say which gate refuses a write right before it leaves; empty: none (LIVE-13).

        Only new risk is asked again; its token of THROTTLED is kept.
        """
        if risk is not RiskIntent.INCREASE_RISK:
            return ""
        if self._hot.is_stopping:
            return STOPPING
        # side and quantity are no question of the gates that are asked again
        subject = Subject(
            action=ActionType.PLACE, symbol=symbol, side=Side.BUY, qty=ONE, holds_token=True
        )
        verdict = recheck(subject, self.inputs(), self._engine.hot.now)
        if verdict.reason is None:
            return ""
        return f"{verdict.reason.value} {verdict.detail}".strip()

    def intent_of(self, effect: PlaceOrder | Flatten) -> RiskIntent:
        """Say what an order does to its position, whether or not it may go out."""
        reduces = isinstance(effect, Flatten) or effect.intent.reduce_only
        return RiskIntent.REDUCE_RISK if reduces else RiskIntent.INCREASE_RISK

    def holds_token(self, action: LiveAction) -> bool:
        """Whether an action is the further part of one whose token was spent."""
        return action.client_order_id in self._hot.tokens

    def keep_token(self, action: LiveAction) -> None:
        """Note that a replacement has spent its token; it is needed until it goes out."""
        if action.client_order_id in self._hot.waiting:
            self._hot.tokens.append(action.client_order_id)

    def drop_token(self, client_order_id: str) -> None:
        """Forget a token that was used."""
        if client_order_id in self._hot.tokens:
            self._hot.tokens.remove(client_order_id)

    def inputs(self) -> EnvelopeInputs:
        """What the gates judge by now; made anew only where something of it changed."""
        config, core, hot = self._config, self._engine.hot, self._hot
        known, machine = self._known, hot.orchestrator
        is_leader, is_killed = machine.inputs.ha_active, core.kill.active
        if (
            known is None
            or known.is_leader is not is_leader
            or known.kill_switch_active is not is_killed
            or known.drawdown is not core.guard
            or known.orchestrator is not machine
        ):
            known = self._known = EnvelopeInputs(
                is_writing_port=config.is_writing,
                is_leader=is_leader,
                armed=config.armed,
                mode=config.mode,
                kill_switch_active=is_killed,
                whitelist=self._whitelist,
                drawdown=core.guard,
                orchestrator=machine,
                fill_probability=self._fill_gate,
            )
        return known

    def _subject(self, effect: Effect) -> Subject:
        if isinstance(effect, CancelOrder):
            return Subject(action=ActionType.CANCEL, symbol=effect.symbol)
        if isinstance(effect, Flatten):
            return Subject(
                action=ActionType.PLACE,
                symbol=effect.symbol,
                side=effect.side,
                qty=effect.qty,
                reduce_only=True,
                position=self._position(effect.symbol),
            )
        wanted = effect.intent
        return Subject(
            action=ActionType.REPLACE if effect.replaces else ActionType.PLACE,
            symbol=wanted.symbol,
            side=wanted.side,
            qty=wanted.qty,
            price=wanted.price,
            reduce_only=wanted.reduce_only,
            position=self._position(wanted.symbol),
            holds_token=effect.client_order_id in self._hot.tokens,
        )

    def _position(self, symbol: str) -> Decimal:
        s = self._engine.hot.symbols.get(symbol)
        return ZERO if s is None else s.ledger.qty
