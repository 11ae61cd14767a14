"""The fold: ``step(event) -> outputs``. Everything that decides happens here (CORE-41).

A turn of one SNAPSHOT: mark, equity sample and latches, trackers, prefilter, plan, gates, guard,
diff. If the diff wants something of the venue, its effects come out first and the decision stays
open until TURN_END, so that the output can tell what became of them; otherwise the output comes
at once. Fills arrive as ORDER_UPDATE events and touch ledger and orders only.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from attrs import evolve

from grinder_core.contracts.control import (
    AccountUpdate,
    Control,
    FundingPaid,
    PositionUpdate,
    Restarted,
    Selection,
    Timer,
    TurnEnd,
)
from grinder_core.contracts.decisions import CycleIntent, Seen
from grinder_core.contracts.effects import Effect
from grinder_core.contracts.enums import MarkSource, Override, SelectionSource
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.market import DepthDiff, L2Snapshot, MarketStats, MarkPrice, Snapshot
from grinder_core.contracts.orders import (
    ExecutionAction,
    ExecutionEvent,
    Fill,
    OrderAdopted,
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
from grinder_core.engine.adopting import adopt_order, adopt_position, restart, start_equity
from grinder_core.engine.answers import fold_funding, fold_update
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.cycling import place, propose
from grinder_core.engine.executing import admission, execute
from grinder_core.engine.gating import guard_refuses, judge
from grinder_core.engine.guarding import drop_unselected, halt, hold, obey, sample
from grinder_core.engine.planning import Planner
from grinder_core.engine.selecting import feed_prefix, is_prefix, is_selected, refuse
from grinder_core.engine.state import EngineState, HotState, OpenTurn, freeze, thaw
from grinder_core.engine.stats import bump
from grinder_core.engine.symbol import SymbolState
from grinder_core.engine.tracking import read_depth, read_features, steer, track_depth, track_mark
from grinder_core.errors import ContractError
from grinder_core.gates.prefilter import prefilter
from grinder_core.numbers import exact
from grinder_core.ports import Policy
from grinder_core.regime.classifier import RegimeClassifier

Output = Effect | PaperOutput
NOTHING: Final[tuple[Output, ...]] = ()
NO_EFFECTS: Final[tuple[Effect, ...]] = ()
UNSEEN: Final = Seen()


class Engine:
    """One session over many symbols. Its outputs depend on configuration and events alone."""

    def __init__(self, config: EngineConfig | None = None, policy: Policy | None = None) -> None:
        self.config = config or EngineConfig()
        self._planner = Planner(self.config, policy)
        self._classifier = RegimeClassifier(self.config.regime)
        self._selecting = self.config.selection.selection_source is not SelectionSource.STATIC
        self._folded = _folded_kinds(self.config)
        self._repeats = self._planner.reads_price_only
        self._looks = (
            self.config.indicators.feature_engine_enabled or self.config.policies.controller_enabled
        )
        self._gates_depth = self.config.policies.l2_gating_enabled
        self._cycles = self.config.policies.cycle_enabled
        self._places_cycles = self.config.policies.cycle_execution_enabled
        self._steers = self.config.policies.controller_enabled
        self._hot = HotState.of(self.config)
        self._ranks: dict[str, int | None] = {}

    @classmethod
    def from_state(
        cls, state: EngineState, config: EngineConfig, policy: Policy | None = None
    ) -> Engine:
        """Continue exactly where ``state()`` was taken.

        Raises:
            ArtifactError: The state is damaged or belongs to another configuration.
        """
        return cls.of_hot(thaw(state, config), config, policy)

    @classmethod
    def of_hot(cls, hot: HotState, config: EngineConfig, policy: Policy | None = None) -> Engine:
        """Continue from hot state, which is the engine's from now on."""
        engine = cls(config, policy)
        engine._hot = hot
        if hot.selection is not None:
            engine._rank(hot.selection)
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
        kind = type(payload)
        if kind is Snapshot:
            return self._on_snapshot(payload)  # type: ignore[arg-type]
        if kind is Timer:
            return NOTHING  # time itself is all that it brings
        if kind not in self._folded:
            bump(hot.stats.ignored, event.kind)
            return NOTHING
        if isinstance(payload, L2Snapshot | DepthDiff):
            track_depth(hot, self._symbol(payload.symbol), payload, event.update_id)
            return NOTHING
        hot.epoch += 1
        if isinstance(payload, OrderUpdate):
            fold_update(hot, payload)
        elif isinstance(payload, TurnEnd):
            return self._on_turn_end()
        elif isinstance(payload, FundingPaid):
            fold_funding(hot, payload)
        elif isinstance(payload, MarkPrice):
            track_mark(hot, self._symbol(payload.symbol), payload)
        elif isinstance(payload, Control):
            return tuple(obey(hot, payload))
        elif isinstance(payload, Selection):
            hot.selection = payload
            self._rank(payload)
            return drop_unselected(hot, payload)
        elif isinstance(payload, MarketStats):
            self._symbol(payload.symbol).stats = payload
        else:
            self._take_over(payload)
        return NOTHING

    def _take_over(self, payload: Payload) -> None:
        """Fold what only a live session meets."""
        if isinstance(payload, AccountUpdate):
            start_equity(self._hot, payload)
        elif isinstance(payload, PositionUpdate):
            if payload.is_adopted:
                adopt_position(self._hot, self._symbol(payload.symbol), payload)
        elif isinstance(payload, OrderAdopted):
            adopt_order(self._hot, self._symbol(payload.symbol), payload)
        elif isinstance(payload, Restarted):
            restart(self._hot)

    # -- what the operating state asks for (LIVE-14) -------------------------------------------

    def halt(self, symbol: str, why: str) -> None:
        """Let no plan of a symbol add risk until further notice; an empty ``why`` ends it."""
        hot = self._hot
        if hot.halted.get(symbol, "") != why:
            hot.epoch += 1
            if why:
                hot.halted[symbol] = why
            else:
                del hot.halted[symbol]

    def pull_entries(self, symbol: str) -> Sequence[Effect]:
        """Cancel what could add risk on a symbol, in ``exact()``; exits stay."""
        s = self._hot.symbols.get(symbol)
        return NO_EFFECTS if s is None else halt(self._hot, s)

    def resize(self, symbol: str, client_order_id: str, price: Decimal, qty: Decimal) -> None:
        """Note that a planned order goes out with another price and quantity; in ``exact()``."""
        s = self._hot.symbols[symbol]
        s.grid.resize(client_order_id, price, qty)
        self._hot.re_expose(s)
        self._hot.epoch += 1

    def keep(self, symbol: str, client_order_id: str) -> None:
        """Note that an order stays after all; in ``exact()``."""
        s = self._hot.symbols[symbol]
        s.grid.keep(client_order_id)
        self._hot.re_expose(s)
        self._hot.epoch += 1

    # -- a market turn -----------------------------------------------------------------------

    def _on_snapshot(self, snap: Snapshot) -> tuple[Output, ...]:
        hot, config = self._hot, self.config
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
        if self._selecting and not self._selected(s, snap):
            return (*earlier, self._output(s, NOT_IN_TOPK, None, None, (), UNSEEN))
        effects: Sequence[Effect] = NO_EFFECTS
        if hot.is_revalued or not account.is_settled(hot.now):
            hot.epoch += 1
            effects = sample(hot, config)
        seen = self._observe(s, snap)
        verdict = prefilter(config.gates, s.symbol, s.spread_bps, s.stats)
        if not verdict.allowed:
            bump(hot.stats.prefiltered, verdict.reason.value)
            if hot.override is not None:  # no plan gets this far, and entries must not wait for one
                effects = (*effects, *halt(hot, s))
            return self._finish(s, earlier, effects, verdict, None, None, (), seen)
        plan = self._planner.plan(s, snap, hot.override, seen)
        gating = judge(hot, config.gates, s, plan, seen.toxic)
        actions: tuple[ExecutionAction, ...] = ()
        if not gating.allowed:
            hot.stats.events_gated += 1
            hot.stats.orders_blocked += plan.shape.level_count
        elif hot.guard is not None and guard_refuses(hot.guard, plan):
            seen = evolve(seen, is_guarded=True)
            hot.stats.blocked_by_dd_guard_v1 += 1
            hot.stats.orders_blocked += plan.shape.level_count
            effects = (*effects, *hold(hot, s))
        elif s.grid.is_quiet(plan, s.mid, s.ledger.qty):
            hot.stats.noops += 1
            actions = s.noop
            if self._repeats and hot.override is None:
                s.calm_epoch, s.calm_plan = hot.epoch, plan
        else:
            hot.epoch += 1
            actions, placed = execute(hot, s, plan, admission(hot, config, s))
            effects = (*effects, *placed)
        return self._finish(s, earlier, effects, verdict, gating, plan, actions, seen)

    def _calm(self, s: SymbolState, snap: Snapshot) -> tuple[Output, ...]:
        """The turn of a quote that moved no price, after a turn that changed nothing.

        Since then nothing happened but such quotes (``HotState.epoch``), so the same plan passes
        the same gates: the window of the toxicity gate can only have lost old prices, the rate
        limiter only old orders, and everything else that gates and diff read is the same.
        """
        hot = self._hot
        hot.stats.noops += 1
        hot.stats.gates_passed += 1
        seen = self._observe(s, snap)
        return (self._output(s, PREFILTER_PASS, GATES_PASS, s.calm_plan, s.noop, seen),)

    def _selected(self, s: SymbolState, snap: Snapshot) -> bool:
        hot, settings = self._hot, self.config.selection
        if is_prefix(hot, settings):
            feed_prefix(hot, s)
            self._observe(s, snap)
        else:
            was_made = hot.selection is not None
            chosen = is_selected(hot, settings, s)
            if not was_made and hot.selection is not None:
                self._rank(hot.selection)
            if chosen:
                return True
        refuse(hot)
        return False

    def _finish(
        self,
        s: SymbolState,
        earlier: tuple[Output, ...],
        effects: Sequence[Effect],
        verdict: PrefilterResult,
        gating: GatingResult | None,
        plan: GridPlan | None,
        actions: tuple[ExecutionAction, ...],
        seen: Seen,
    ) -> tuple[Output, ...]:
        """Return the output, or open a turn and return the effects that it waits for."""
        hot = self._hot
        if hot.carried:
            actions = (*hot.carried, *actions)
            hot.carried = []
        if effects:
            hot.turn = OpenTurn(s.symbol, hot.seq, verdict, gating, plan, list(actions), seen)
            return (*earlier, *effects)
        out = self._output(s, verdict, gating, plan, actions, seen)
        if out.cycle_intents and self._places_cycles:
            return (*earlier, out, *self._cycle(s, out))
        return (*earlier, out) if earlier else (out,)

    def _cycle(self, s: SymbolState, out: PaperOutput) -> list[Effect]:
        return place(self._hot, self.config, s, out.cycle_intents, out.seen.controller)

    def _on_turn_end(self) -> tuple[Output, ...]:
        hot = self._hot
        cancels = sample(hot, self.config) if hot.is_revalued else ()
        return (*cancels, *(NOTHING if hot.turn is None else self._close_turn()))

    def _close_turn(self) -> tuple[Output, ...]:
        hot, turn = self._hot, self._hot.turn
        assert turn is not None
        hot.turn = None
        actions = (*turn.actions, *hot.carried)
        hot.carried = []
        s = hot.symbols[turn.symbol]
        out = self._output(
            s, turn.prefilter_result, turn.gating_result, turn.plan, actions, turn.seen
        )
        if turn.seq != hot.seq:  # the next snapshot closed it
            out = evolve(out, seq=turn.seq)
        if out.cycle_intents and self._places_cycles:
            return (out, *self._cycle(s, out))
        return (out,)

    def _output(
        self,
        s: SymbolState,
        verdict: PrefilterResult,
        gating: GatingResult | None,
        plan: GridPlan | None,
        actions: tuple[ExecutionAction, ...],
        seen: Seen,
    ) -> PaperOutput:
        hot, ledger = self._hot, s.ledger
        fills: tuple[Fill, ...] = ()
        events: tuple[ExecutionEvent, ...] = ()
        intents: tuple[CycleIntent, ...] = ()
        funding: tuple[FundingPaid, ...] = ()
        if s.fills:
            fills, s.fills = tuple(s.fills), []
            if self._cycles:
                intents = propose(hot, self.config, s, fills, seen.controller)
        if s.events:
            events, s.events = tuple(s.events), []
        if s.funding:
            funding, s.funding = tuple(s.funding), []
        pnl = s.pnl_cache
        if pnl is None or pnl.mark_price is not s.mark or fills:
            pnl = s.pnl_cache = PnlSnapshot(
                s.symbol,
                ledger.qty,
                ledger.avg_entry_price,
                ledger.realized_pnl,
                s.unrealized,
                s.mark,
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
            seen,
            intents,
            self._ranks.get(s.symbol) if self._ranks else None,
            funding,
        )

    # -- looking -----------------------------------------------------------------------------

    def _observe(self, s: SymbolState, snap: Snapshot) -> Seen:
        """Fold a snapshot into the trackers and say what they see (CORE-41 steps 4 and 6)."""
        s.toxicity.window.push(snap.ts, s.mid)
        toxic = s.toxicity.check(s.mid, s.spread_bps)
        if not self._looks:
            return UNSEEN if toxic is None else Seen(toxic)
        hot = self._hot
        features = None if s.features is None else read_features(s, snap)
        regime = None
        if features is not None:
            regime = self._classifier.classify(
                features,
                kill_switch_active=hot.kill.active,
                paused=hot.override is Override.PAUSE,
                emergency=hot.override is Override.EMERGENCY,
                toxic=toxic is not None,
            )
        controller = steer(hot, s, self.config.policies.spacing_bps) if self._steers else None
        l2 = read_depth(s, self.config.indicators) if self._gates_depth else None
        return Seen(toxic, features, regime, controller, l2)

    def _rank(self, selection: Selection) -> None:
        self._ranks = {score.symbol: score.rank for score in selection.scores_v1}

    def _symbol(self, symbol: str) -> SymbolState:
        state = self._hot.symbols.get(symbol)
        if state is None:
            state = self._hot.symbols[symbol] = SymbolState.of(symbol, self.config)
        return state


def _folded_kinds(config: EngineConfig) -> frozenset[type]:
    """What the engine folds under these settings; everything else is counted and left out."""
    kinds: set[type] = {OrderUpdate, FundingPaid, TurnEnd, Control, Selection, MarketStats}
    kinds |= {AccountUpdate, PositionUpdate, OrderAdopted, Restarted}
    if config.uses_depth:
        kinds |= {L2Snapshot, DepthDiff}
    if config.venue.mark_source is MarkSource.MARK_PRICE:
        kinds.add(MarkPrice)
    return frozenset(kinds)
