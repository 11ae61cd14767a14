"""The fold: ``step(event) -> outputs``. Everything that decides happens here (CORE-41).

A turn of one SNAPSHOT: mark, equity sample and latches, trackers, prefilter, plan, gates, diff.
If the diff wants something of the venue, its effects come out first and the decision stays open
until TURN_END, so that the output can tell what became of them; otherwise the output comes at
once. Fills arrive as ORDER_UPDATE events and touch ledger and orders only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grinder_core.contracts.control import Command, Control, Selection, TurnEnd
from grinder_core.contracts.effects import Effect
from grinder_core.contracts.enums import (
    KillReason,
    SelectionSource,
)
from grinder_core.contracts.event import Event
from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.contracts.market import MarketStats, Snapshot
from grinder_core.contracts.orders import (
    ExecutionAction,
    ExecutionEvent,
    Fill,
    OrderUpdate,
)
from grinder_core.contracts.outputs import PaperOutput, PnlSnapshot
from grinder_core.contracts.plan import GridPlan
from grinder_core.contracts.verdicts import (
    GATES_PASS,
    NOT_IN_TOPK,
    PREFILTER_PASS,
    GatingResult,
    PrefilterResult,
)
from grinder_core.engine.answers import fold_update
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.deciding import is_selected, judge, track, wanted_plan
from grinder_core.engine.executing import execute, trip
from grinder_core.engine.state import EngineState, HotState, OpenTurn, freeze, thaw
from grinder_core.engine.stats import bump
from grinder_core.engine.symbol import SymbolState
from grinder_core.errors import ContractError
from grinder_core.gates.prefilter import prefilter
from grinder_core.numbers import exact
from grinder_core.policies.static_grid import StaticGrid
from grinder_core.ports import Policy

Output = Effect | PaperOutput
NOTHING: Final[tuple[Output, ...]] = ()
NO_EFFECTS: Final[tuple[Effect, ...]] = ()
_FOLDED: Final = frozenset({OrderUpdate, TurnEnd, Control, Selection, MarketStats})


class Engine:
    """One session over many symbols. Its outputs depend on configuration and events alone."""

    def __init__(self, config: EngineConfig | None = None, policy: Policy | None = None) -> None:
        self.config = config or EngineConfig()
        self._static = StaticGrid(self.config.policies)
        self._policy = policy
        self._selecting = self.config.selection.selection_source is not SelectionSource.STATIC
        self._hot = HotState.of(self.config)

    @classmethod
    def from_state(
        cls, state: EngineState, config: EngineConfig, policy: Policy | None = None
    ) -> Engine:
        """Continue exactly where ``state()`` was taken.

        Raises:
            ArtifactError: The state is damaged or belongs to another configuration.
        """
        engine = cls(config, policy)
        engine._hot = thaw(state, config)
        return engine

    def state(self) -> EngineState:
        """Return a frozen, serialisable dump of everything the next step depends on."""
        return freeze(self._hot, self.config)

    @property
    def hot(self) -> HotState:
        """The live state, for reading only."""
        return self._hot

    def step(self, event: Event) -> tuple[Output, ...]:
        """Advance by one event: no clock, no randomness, whatever the caller's decimal context.

        Returns:
            Effects for the venue and finished outputs, in order.

        Raises:
            ContractError: Time went back, or the event contradicts its stream.
            PolicyError: The user's policy failed.
            InvariantError: The venue's answer is impossible.
        """
        with exact():
            return self.fold(event)

    def fold(self, event: Event) -> tuple[Output, ...]:
        """``step`` for drivers that entered ``exact()`` once for the whole run."""
        hot = self._hot
        if event.ts_ms < hot.now:
            raise ContractError(
                f"must not go back from {hot.now}", field="ts_ms", value=event.ts_ms
            )
        hot.now, hot.seq = event.ts_ms, event.seq
        payload = event.payload
        if type(payload) is Snapshot:
            return self._on_snapshot(payload)
        if type(payload) not in _FOLDED:
            bump(hot.stats.ignored, event.kind)
            return NOTHING
        hot.epoch += 1
        if type(payload) is OrderUpdate:
            fold_update(hot, payload)
            return NOTHING
        if type(payload) is TurnEnd:
            return self._on_turn_end()
        if type(payload) is Control:
            return self._on_control(payload)
        if type(payload) is Selection:
            hot.selection = payload
        elif type(payload) is MarketStats:
            self._symbol(payload.symbol).stats = payload
        return NOTHING

    # -- a market turn -----------------------------------------------------------------------

    def _on_snapshot(self, snap: Snapshot) -> tuple[Output, ...]:
        hot = self._hot
        account = hot.account
        s = hot.symbols.get(snap.symbol) or self._symbol(snap.symbol)
        if snap.ts < s.ts:
            raise ContractError(f"must not go back from {s.ts}", field="ts", value=snap.ts)
        earlier = self._close_turn() if hot.turn is not None else NOTHING
        s.ts = snap.ts
        s.tick += 1
        hot.stats.events_processed += 1
        if snap.bid_price == s.bid and snap.ask_price == s.ask:
            if s.calm_epoch == hot.epoch and account.is_settled(hot.now) and not earlier:
                return self._calm(s, snap)
        else:
            s.calm_epoch = -1  # what held at the old price says nothing about this one
            s.move(snap.bid_price, snap.ask_price)
            if s.ledger.qty:
                hot.revalue(s)
        if self._selecting and not is_selected(hot, self.config.selection, s, snap):
            return (*earlier, self._output(s, NOT_IN_TOPK, None, None, (), None))
        effects: Sequence[Effect] = NO_EFFECTS
        if hot.cash + hot.unrealized != account.equity or not account.is_settled(hot.now):
            hot.epoch += 1
            effects = self._sample()
        features = track(s, snap)
        verdict = prefilter(self.config.gates, s.symbol, s.spread_bps, s.stats)
        if not verdict.allowed:
            bump(hot.stats.prefiltered, verdict.reason.value)
            return self._finish(s, verdict, None, None, (), features, earlier, effects)
        plan = wanted_plan(self._policy, self._static, s, snap, features)
        gating = judge(hot, self.config.gates, s, plan)
        if not gating.allowed:
            hot.stats.events_gated += 1
            hot.stats.orders_blocked += plan.shape.level_count
            return self._finish(s, verdict, gating, plan, (), features, earlier, effects)
        if s.grid.is_quiet(plan, s.mid):
            hot.stats.noops += 1
            actions: tuple[ExecutionAction, ...] = s.noop
            if self._policy is None:
                s.calm_epoch, s.calm_plan = hot.epoch, plan
        else:
            hot.epoch += 1
            actions, placed = execute(hot, s, plan)
            effects = (*effects, *placed)
        return self._finish(s, verdict, gating, plan, actions, features, earlier, effects)

    def _calm(self, s: SymbolState, snap: Snapshot) -> tuple[Output, ...]:
        """The turn of a quote that moved no price, after a turn that changed nothing.

        Since then nothing happened but such quotes (``HotState.epoch``), so the same plan passes
        the same gates: the window of the toxicity gate can only have lost old prices, the rate
        limiter only old orders, and everything else that gates and diff read is the same.
        """
        hot = self._hot
        hot.stats.noops += 1
        hot.stats.gates_passed += 1
        features = track(s, snap)
        return (self._output(s, PREFILTER_PASS, GATES_PASS, s.calm_plan, s.noop, features),)

    def _finish(
        self,
        s: SymbolState,
        verdict: PrefilterResult,
        gating: GatingResult | None,
        plan: GridPlan | None,
        actions: tuple[ExecutionAction, ...],
        features: FeatureSnapshot | None,
        earlier: tuple[Output, ...],
        effects: Sequence[Effect],
    ) -> tuple[Output, ...]:
        """Return the output, or open a turn and return the effects that it waits for."""
        hot = self._hot
        if hot.carried:
            actions = (*hot.carried, *actions)
            hot.carried = []
        if not effects:
            out = self._output(s, verdict, gating, plan, actions, features)
            return (*earlier, out) if earlier else (out,)
        hot.turn = OpenTurn(s.symbol, s.ts, hot.seq, verdict, gating, plan, list(actions), features)
        return (*earlier, *effects)

    def _on_turn_end(self) -> tuple[Output, ...]:
        turn = self._hot.turn
        if turn is None:
            return NOTHING
        cancels = self._sample() if turn.filled else ()
        return (*cancels, *self._close_turn())

    def _close_turn(self) -> tuple[Output, ...]:
        hot, turn = self._hot, self._hot.turn
        assert turn is not None
        hot.turn = None
        actions = (*turn.actions, *hot.carried)
        hot.carried = []
        s = hot.symbols[turn.symbol]
        return (
            self._output(
                s, turn.prefilter_result, turn.gating_result, turn.plan, actions, turn.features
            ),
        )

    def _output(
        self,
        s: SymbolState,
        verdict: PrefilterResult,
        gating: GatingResult | None,
        plan: GridPlan | None,
        actions: tuple[ExecutionAction, ...],
        features: FeatureSnapshot | None,
    ) -> PaperOutput:
        hot, ledger = self._hot, s.ledger
        fills: tuple[Fill, ...] = ()
        events: tuple[ExecutionEvent, ...] = ()
        if s.fills:
            fills, s.fills = tuple(s.fills), []
        if s.events:
            events, s.events = tuple(s.events), []
        pnl = s.pnl_cache
        if pnl is None or pnl.mark_price is not s.mid or fills:
            pnl = s.pnl_cache = PnlSnapshot(
                s.symbol,
                ledger.qty,
                ledger.avg_entry_price,
                ledger.realized_pnl,
                s.unrealized,
                s.mid,
            )
        return PaperOutput(
            s.ts,
            s.symbol,
            verdict,
            gating,
            plan,
            actions,
            events,
            fills,
            pnl,
            hot.seq,
            hot.account.equity,
            hot.account.high_water_mark,
            hot.kill.active,
            features,
        )

    # -- equity and latches ------------------------------------------------------------------

    def _sample(self) -> tuple[Effect, ...]:
        """Sample equity (CORE-41 step 3); return the cancels of a trip."""
        hot = self._hot
        tripped = hot.account.sample(hot.now, hot.cash + hot.unrealized)
        if tripped and self.config.risk.kill_switch_enabled and not hot.kill.active:
            return trip(hot, KillReason.DRAWDOWN_LIMIT)
        return ()

    def _on_control(self, control: Control) -> tuple[Output, ...]:
        hot = self._hot
        if control.command is Command.KILL:
            return trip(hot, control.reason)
        if control.command is Command.RESET_KILL_SWITCH:
            hot.kill.reset()
        else:
            hot.account.reset_drawdown()
        return NOTHING

    def _symbol(self, symbol: str) -> SymbolState:
        state = self._hot.symbols.get(symbol)
        if state is None:
            state = self._hot.symbols[symbol] = SymbolState.of(symbol, self.config)
        return state
