"""What the safety envelope is asked about, and what it judges by (LIVE-12)."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from attrs import frozen

from grinder_core.contracts.checks import check_symbol
from grinder_core.contracts.enums import ActionType, GuardReason, RiskIntent, Side
from grinder_core.contracts.live import OperatingState, SafeMode, StateReason
from grinder_core.errors import ContractError
from grinder_core.gates.fill_probability import FillProbResult
from grinder_core.numbers import ZERO
from grinder_core.risk.exposure import risk_intent

_ORDERS = (ActionType.PLACE, ActionType.REPLACE)


@frozen(kw_only=True)
class Subject:
    """One action as the envelope sees it.

    Attributes:
        side, qty: Of the wanted order, base quantity; ``None`` for a cancel or a NOOP.
        price: Quote price; ``None`` for MARKET.
        reduce_only: The venue may only shrink the position with it.
        position: Signed base quantity, long positive, as known now.
        holds_token: A further part of a request whose THROTTLED token was spent already.
    """

    action: ActionType
    symbol: str
    side: Side | None = None
    qty: Decimal | None = None
    price: Decimal | None = None
    reduce_only: bool = False
    position: Decimal = ZERO
    holds_token: bool = False

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        if self.action in _ORDERS and (self.side is None or self.qty is None):
            raise ContractError("must name side and qty", field="action", value=self.action.value)

    @property
    def intent(self) -> RiskIntent | None:
        """What the action does to the position; ``None``: a reduce-only order that cannot.

        A reduce-only order against no position, with the position, or larger than it is a mistake
        somewhere; it is refused, not taken for new risk.
        """
        if self.side is None or self.qty is None or self.action not in _ORDERS:
            return RiskIntent.CANCEL
        if not self.reduce_only:
            return RiskIntent.INCREASE_RISK
        if not self.qty.is_finite() or self.qty <= 0:
            return None
        intent = risk_intent(self.side, self.qty, self.position, reduce_only=True)
        return intent if intent is RiskIntent.REDUCE_RISK else None


class Drawdown(Protocol):
    """The drawdown guard v1 (CORE-28), as gate 5 asks it."""

    def allow(self, intent: RiskIntent) -> tuple[bool, GuardReason]:
        """Say whether an order of this intent may go out, on any symbol, and why."""


class Permission(Protocol):
    """The orchestrator (LIVE-14), as gate 6 asks it."""

    def permits(
        self, symbol: str, intent: RiskIntent, now: int, *, holds_token: bool = False
    ) -> bool:
        """Whether an action of this intent may go out."""

    def effective(self, symbol: str) -> tuple[OperatingState, StateReason]:
        """Return the state that holds for a symbol, and why."""


class FillJudge(Protocol):
    """The fill-probability gate (LIVE-16), as gate 7 asks it."""

    def check(self, side: Side, price: Decimal | None, qty: Decimal, now: int) -> FillProbResult:
        """Judge one entry."""


@frozen(kw_only=True)
class EnvelopeInputs:
    """What the gates judge by. With the defaults nothing passes.

    Attributes:
        is_writing_port: What passes reaches a venue over the wire; gates 1 and 2 judge only that.
        is_leader: This instance holds the lease, or works without one.
        whitelist: The only symbols that may be traded; empty: none.
        drawdown, orchestrator, fill_probability: ``None``: the gate is switched off. Whoever
            starts a writing port refuses to do so without the first two.
    """

    is_writing_port: bool = True
    is_leader: bool = False
    armed: bool = False
    mode: SafeMode = SafeMode.READ_ONLY
    kill_switch_active: bool = False
    whitelist: frozenset[str] = frozenset()
    drawdown: Drawdown | None = None
    orchestrator: Permission | None = None
    fill_probability: FillJudge | None = None
