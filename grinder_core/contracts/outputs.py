"""What one turn of the engine says (CORE-42).

``PaperOutput`` has ten published keys, which are the digest's view, and some additive ones
outside it. Money is quote currency, quantities base asset.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from attrs import frozen

from grinder_core.codec import to_dict
from grinder_core.contracts.account import Decision
from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.decisions import ControllerDecision, CycleIntent, RegimeDecision, Seen
from grinder_core.contracts.enums import ActionType
from grinder_core.contracts.features import FeatureSnapshot, L2FeatureSnapshot
from grinder_core.contracts.orders import ExecutionAction, ExecutionEvent, Fill, OrderIntent
from grinder_core.contracts.plan import GridPlan
from grinder_core.contracts.verdicts import GatingResult, PrefilterResult
from grinder_core.numbers import ZERO, dec_down, exact

SCHEMA_VERSION = "v1"


@frozen
class PnlSnapshot:
    """One symbol's position and profit at one instant."""

    symbol: str
    qty: Decimal
    avg_entry_price: Decimal
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    mark_price: Decimal

    @property
    def total_pnl(self) -> Decimal:
        """Realised plus unrealised, before fees."""
        with exact():
            return self.realized_pnl + self.unrealized_pnl

    def to_dict(self) -> dict[str, Any]:
        """Return the seven published keys as JSON values."""
        return {**to_dict(self), "total_pnl": to_dict(self.total_pnl)}


@frozen(slots=False)  # built once a quote: a plain dict is filled in half the time
class PaperOutput:
    """The whole answer to one SNAPSHOT.

    Attributes:
        plan: ``None`` when the prefilter or the selection stopped the symbol.
        gating_result: ``None`` when gating was not reached.
        fills: Since the symbol's last output, this turn's included.
        seen: What the trackers said (outside the digest, like all that follow).
        cycle_intents: What a take-profit cycle proposes after this output's fills.
        topk_v1_rank: Rank in the selection, where Top-K v1 made it and the symbol passed.
        funding: Settlements since the symbol's last output.
        equity, high_water_mark: Quote currency, of the whole session after this turn (outside
            the digest).
    """

    ts: int
    symbol: str
    prefilter_result: PrefilterResult
    gating_result: GatingResult | None
    plan: GridPlan | None
    actions: tuple[ExecutionAction, ...]
    events: tuple[ExecutionEvent, ...]
    fills: tuple[Fill, ...]
    pnl_snapshot: PnlSnapshot
    seq: int
    equity: Decimal
    high_water_mark: Decimal
    kill_switch_triggered: bool
    seen: Seen
    cycle_intents: tuple[CycleIntent, ...] = ()
    topk_v1_rank: int | None = None
    funding: tuple[FundingPaid, ...] = ()

    @property
    def features(self) -> FeatureSnapshot | None:
        """Where the feature engine is on (CORE-16)."""
        return self.seen.features

    @property
    def regime(self) -> RegimeDecision | None:
        """Where the feature engine is on (CORE-18)."""
        return self.seen.regime

    @property
    def controller(self) -> ControllerDecision | None:
        """Where a controller is on (CORE-19, CORE-20)."""
        return self.seen.controller

    @property
    def l2_features(self) -> L2FeatureSnapshot | None:
        """Where a decision reads the book and it is known (CORE-17)."""
        return self.seen.l2_features

    @property
    def blocked_by_dd_guard_v1(self) -> bool:
        """The plan passed the gates and the drawdown guard refused it (CORE-28)."""
        return self.seen.is_guarded

    @property
    def blocked_by_gating(self) -> bool:
        """A plan existed and a gate refused it."""
        return self.gating_result is not None and not self.gating_result.allowed

    @property
    def not_in_topk(self) -> bool:
        """The selection left the symbol out."""
        return self.prefilter_result.reason == "NOT_IN_TOPK"

    @property
    def drawdown_pct(self) -> Decimal:
        """Fall of equity from its high-water mark, percent, four digits (display only)."""
        if self.high_water_mark <= 0:
            return ZERO
        with exact():
            fall = (self.high_water_mark - self.equity) * 100
        return dec_down(fall, 4, self.high_water_mark)

    def decision(self, policy: str) -> Decision:
        """Return what was wanted of this symbol and whether it was allowed, in one record."""
        if not self.prefilter_result.allowed:
            allowed, reason = False, self.prefilter_result.reason.value
        elif self.gating_result is not None:
            allowed, reason = self.gating_result.allowed, self.gating_result.reason.value
        else:
            allowed, reason = True, self.prefilter_result.reason.value
        return Decision(
            ts=self.ts,
            symbol=self.symbol,
            policy=policy,
            plan=self.plan,
            intents=tuple(_intents(self)),
            allowed=allowed,
            reason=reason,
        )

    def digest_view(self) -> dict[str, Any]:
        """Return exactly the ten keys of PaperOutput v1."""
        return {
            "ts": self.ts,
            "symbol": self.symbol,
            "prefilter_result": to_dict(self.prefilter_result),
            "gating_result": None if self.gating_result is None else to_dict(self.gating_result),
            "plan": None if self.plan is None else to_dict(self.plan),
            "actions": [to_dict(action) for action in self.actions],
            "events": [to_dict(event) for event in self.events],
            "blocked_by_gating": self.blocked_by_gating,
            "fills": [to_dict(fill) for fill in self.fills],
            "pnl_snapshot": self.pnl_snapshot.to_dict(),
        }

    def replay_view(self) -> dict[str, Any]:
        """Return the six keys of a replay output (CORE-05)."""
        view = self.digest_view()
        return {
            key: view[key]
            for key in ("ts", "symbol", "prefilter_result", "plan", "actions", "events")
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the ten published keys and the additive ones."""
        return {
            **self.digest_view(),
            "seq": self.seq,
            "equity": to_dict(self.equity),
            "drawdown_pct": to_dict(self.drawdown_pct),
            "kill_switch_triggered": self.kill_switch_triggered,
            "not_in_topk": self.not_in_topk,
            "features": None if self.features is None else to_dict(self.features),
            "regime": None if self.regime is None else to_dict(self.regime),
            "controller": None if self.controller is None else to_dict(self.controller),
            "l2_features": None if self.l2_features is None else to_dict(self.l2_features),
            "cycle_intents": [to_dict(intent) for intent in self.cycle_intents],
            "topk_v1_rank": self.topk_v1_rank,
            "blocked_by_dd_guard_v1": self.blocked_by_dd_guard_v1,
            "funding": [to_dict(payment) for payment in self.funding],
        }


def _intents(out: PaperOutput) -> Iterator[OrderIntent]:
    for action in out.actions:
        if action.action not in {ActionType.PLACE, ActionType.REPLACE}:
            continue
        assert action.side is not None
        assert action.price is not None
        assert action.qty is not None
        yield OrderIntent(
            symbol=action.symbol,
            side=action.side,
            price=action.price,
            qty=action.qty,
            level_id=action.level_id,
            reduce_only=out.plan is not None and out.plan.shape.reduce_only,
            reason=action.reason,
        )
