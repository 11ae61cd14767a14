"""The fold: ``step(event) -> outputs``. Everything that decides happens here (CORE-41).

A turn of one SNAPSHOT: mark, equity sample and latches, trackers, prefilter, plan, gates, diff.
If the diff wants something of the venue, its effects come out first and the decision stays open
until TURN_END, so that the output can tell what became of them; otherwise the output comes at
once. Fills arrive as ORDER_UPDATE events and touch ledger and orders only.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.control import Command, Control, Selection, TurnEnd
from grinder_core.contracts.effects import CancelOrder, Effect, PlaceOrder
from grinder_core.contracts.enums import (
    ActionType,
    ExecReason,
    ExecutionEventType,
    GateName,
    GateReason,
    KillReason,
    OrderState,
    SelectionSource,
)
from grinder_core.contracts.event import Event
from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.contracts.market import MarketStats, Snapshot
from grinder_core.contracts.orders import (
    ExecutionAction,
    ExecutionEvent,
    Fill,
    OrderIntent,
    OrderRecord,
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
    blocked,
)
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.policy_call import call_policy
from grinder_core.engine.state import EngineState, HotState, OpenTurn, freeze, thaw
from grinder_core.engine.stats import bump
from grinder_core.engine.symbol import SymbolState
from grinder_core.errors import ConfigError, ContractError
from grinder_core.gates.prefilter import prefilter
from grinder_core.gates.risk_gate import check_risk
from grinder_core.indicators.features import FeatureFold
from grinder_core.numbers import canonical, exact
from grinder_core.orders.diff import cancel_action, diff
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
            return self._on_order_update(payload)
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
                self._revalue(s)
        if self._selecting and not self._is_selected(s, snap):
            return (*earlier, self._output(s, NOT_IN_TOPK, None, None, (), None))
        effects: Sequence[Effect] = NO_EFFECTS
        if hot.cash + hot.unrealized != account.equity or not account.is_settled(hot.now):
            hot.epoch += 1
            effects = self._sample()
        features = None
        s.toxicity.window.push(snap.ts, s.mid)
        if s.features is not None:
            features = self._features(s, s.features, snap)
        verdict = prefilter(self.config.gates, s.symbol, s.spread_bps, s.stats)
        if not verdict.allowed:
            bump(hot.stats.prefiltered, verdict.reason.value)
            return self._finish(s, verdict, None, None, (), features, earlier, effects)
        plan = self._plan(s, snap, features)
        gating = self._gate(s, plan)
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
            actions, placed = self._execute(s, plan)
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
        s.toxicity.window.push(snap.ts, s.mid)
        features = None if s.features is None else self._features(s, s.features, snap)
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
            return self._trip(KillReason.DRAWDOWN_LIMIT)
        return ()

    def _trip(self, reason: KillReason) -> tuple[Effect, ...]:
        """Latch the kill switch; cancel all that could add risk, on all symbols (CORE-29)."""
        hot = self._hot
        if not hot.kill.trigger(reason, hot.now):
            return ()
        effects: list[Effect] = []
        for _, s in sorted(hot.symbols.items()):
            orders = [order for order in s.grid.in_order() if not order.reduce_only]
            hot.carried += [cancel_action(order, ExecReason.KILL_SWITCH) for order in orders]
            effects += self._cancel(s, orders)
        return tuple(effects)

    def _on_control(self, control: Control) -> tuple[Output, ...]:
        hot = self._hot
        if control.command is Command.KILL:
            return self._trip(control.reason)
        if control.command is Command.RESET_KILL_SWITCH:
            hot.kill.reset()
        else:
            hot.account.reset_drawdown()
        return NOTHING

    # -- deciding ----------------------------------------------------------------------------

    def _is_selected(self, s: SymbolState, snap: Snapshot) -> bool:
        hot, settings = self._hot, self.config.selection
        if hot.prefix_scores is not None:
            scores = hot.prefix_scores
            if scores.events_seen < settings.topk_prefix_events:
                scores.push(s.symbol, s.mid)
                s.toxicity.window.push(snap.ts, s.mid)
                if s.features is not None:
                    s.features.on_snapshot(snap, s.mid)
                bump(hot.stats.prefiltered, NOT_IN_TOPK.reason.value)
                return False
            if hot.selection is None:
                hot.selection = scores.select(settings.topk_k, lookahead=False)
        if hot.selection is None:
            raise ConfigError(
                "needs a SELECTION event before the first snapshot",
                field="selection_source",
                value=settings.selection_source.value,
                remedy="make a selection pass over the data, or set topk_prefix_events",
            )
        if s.symbol in hot.selection.symbols:
            return True
        bump(hot.stats.prefiltered, NOT_IN_TOPK.reason.value)
        return False

    def _features(self, s: SymbolState, fold: FeatureFold, snap: Snapshot) -> FeatureSnapshot:
        fold.on_snapshot(snap, s.mid)
        return fold.read(snap, s.mid, s.spread_bps)

    def _plan(self, s: SymbolState, snap: Snapshot, features: FeatureSnapshot | None) -> GridPlan:
        anchor = s.grid.anchor_price
        if self._policy is None:
            cached = s.plan_cache
            if cached is not None and cached[0] is s.mid and cached[1] is anchor:
                return cached[2]
            plan = self._static.plan_at(s.mid, anchor)
            s.plan_cache = (s.mid, anchor, plan)
            return plan
        context = PolicyContext(
            ts=s.ts,
            snapshot=snap,
            position=s.ledger.position(s.mid) if s.ledger.fill_count else None,
            features=({"mid_price": s.mid} if features is None else features.to_policy_features()),
            open_order_count=len(s.grid.live),
            anchor_price=anchor,
        )
        return call_policy(self._policy, context)

    def _gate(self, s: SymbolState, plan: GridPlan) -> GatingResult:
        """Kill switch, toxicity, rate, risk: the first that blocks names the reason (CORE-11)."""
        hot, shape = self._hot, plan.shape
        stats = hot.stats
        if shape.reduce_only:
            stats.exits_passed += 1  # the exit passes: blocking it turns a loss into ruin
            return GATES_PASS
        if hot.kill.active:
            reason = "" if hot.kill.reason is None else hot.kill.reason.value
            return self._refused(
                blocked(
                    GateName.RISK_GATE,
                    GateReason.KILL_SWITCH_ACTIVE,
                    trip_reason=reason,
                    trip_ts=hot.kill.ts,
                )
            )
        if not shape.level_count:
            stats.exits_passed += 1  # it can only cancel
            return GATES_PASS
        refused = s.toxicity.check(s.mid, s.spread_bps)
        if refused is not None:
            return self._refused(refused)
        refused = hot.rate.check(s.symbol, hot.now)
        if refused is not None:
            return self._refused(refused)
        refused = check_risk(
            self.config.gates,
            held=s.held,
            planned=plan.center_price * shape.planned_factor,
            others=hot.exposure - s.exposure,
            daily_loss_tripped=hot.account.daily_loss_tripped,
        )
        if refused is not None:
            return self._refused(refused)
        stats.gates_passed += 1
        return GATES_PASS

    def _refused(self, result: GatingResult) -> GatingResult:
        gate = "" if result.gate is None else result.gate.value
        bump(self._hot.stats.gate_blocked, f"{gate}:{result.reason.value}")
        return result

    # -- executing ---------------------------------------------------------------------------

    def _execute(
        self, s: SymbolState, plan: GridPlan
    ) -> tuple[tuple[ExecutionAction, ...], list[Effect]]:
        """Diff, then note and emit what the venue shall do (CORE-41 step 10)."""
        hot, grid = self._hot, s.grid
        wanted = diff(grid, plan, s.mid, s.ts, s.ledger.qty)
        if wanted.resets:
            grid.reset(wanted.anchor)
        grid.anchor_price = wanted.anchor
        s.events.extend(wanted.events)
        for event in wanted.events:
            if event.type is ExecutionEventType.ORDER_SKIPPED:
                bump(hot.stats.skipped, str(event.details["reason"]))
        if wanted.actions[0].action is ActionType.NOOP:
            hot.stats.noops += 1
        effects: list[Effect] = []
        if wanted.cancels:
            effects += self._cancel(s, wanted.cancels)
        if wanted.intents:
            effects += self._place(s, wanted.intents, wanted.actions)
            hot.rate.record(s.symbol, hot.now, len(wanted.intents))
        if wanted.quiet is not None:
            grid.quiet = (plan.shape, *wanted.quiet)
        self._re_expose(s)
        return wanted.actions, effects

    def _place(
        self, s: SymbolState, intents: tuple[OrderIntent, ...], actions: tuple[ExecutionAction, ...]
    ) -> list[Effect]:
        hot = self._hot
        replaced = [a.order_id for a in actions if a.action is ActionType.REPLACE]
        effects: list[Effect] = []
        records = []
        for index, intent in enumerate(intents):
            client_order_id = hot.ids.next_id(intent.level_id, hot.now)
            if index < len(replaced):
                hot.replaced[client_order_id] = replaced[index] or ""
            records.append(
                OrderRecord(
                    client_order_id=client_order_id,
                    order_id="",
                    symbol=s.symbol,
                    side=intent.side,
                    level_id=intent.level_id,
                    price=intent.price,
                    qty=intent.qty,
                    placed_tick=s.tick,
                    placed_ts=s.ts,
                    reduce_only=intent.reduce_only,
                )
            )
            effects.append(PlaceOrder(client_order_id=client_order_id, intent=intent))
        s.grid.place(records)
        return effects

    def _cancel(self, s: SymbolState, orders: Sequence[OrderRecord]) -> list[Effect]:
        s.grid.cancel(orders)
        self._re_expose(s)
        return [
            CancelOrder(
                client_order_id=order.client_order_id, order_id=order.order_id, symbol=order.symbol
            )
            for order in orders
        ]

    # -- the venue's answers -----------------------------------------------------------------

    def _on_order_update(self, update: OrderUpdate) -> tuple[Output, ...]:
        hot = self._hot
        s = hot.symbols.get(update.symbol)
        before = None if s is None else s.grid.get(update.client_order_id)
        if s is None or before is None:
            if s is not None and update.last_qty and update.trade_id <= s.last_trade_id:
                hot.stats.duplicate_fills += 1
            else:
                hot.stats.foreign_updates += 1  # we touch only our own orders
            return NOTHING
        if update.last_qty and update.trade_id <= s.last_trade_id:
            hot.stats.duplicate_fills += 1
            return NOTHING
        order = s.grid.fold(update)
        if update.last_qty:
            self._book_fill(s, order, update)
        self._note(s, before, order, update)
        self._re_expose(s)
        return NOTHING

    def _book_fill(self, s: SymbolState, order: OrderRecord, update: OrderUpdate) -> None:
        hot, ledger = self._hot, s.ledger
        s.last_trade_id = update.trade_id
        hot.fill_seq += 1
        hot.stats.total_fills += 1
        s.fills.append(
            Fill(
                fill_id=f"fill_{hot.fill_seq:08d}",
                order_id=order.order_id,
                ts=update.ts,
                symbol=s.symbol,
                side=order.side,
                price=update.last_price,
                qty=update.last_qty,
                fee=update.fee,
                liquidity=update.liquidity,
                level_id=order.level_id,
            )
        )
        realized = ledger.realized_pnl
        ledger.apply(order.side, update.last_price, update.last_qty, update.fee)
        hot.cash += ledger.realized_pnl - realized - update.fee
        self._revalue(s)
        if hot.turn is not None:
            hot.turn.filled = True

    def _note(
        self, s: SymbolState, before: OrderRecord, order: OrderRecord, update: OrderUpdate
    ) -> None:
        """Count what happened to an order and tell it in the symbol's next output."""
        stats, state = self._hot.stats, update.state
        replaces = None
        if before.state is OrderState.PENDING:
            replaces = self._hot.replaced.pop(order.client_order_id, None)
        if state is OrderState.FILLED:
            stats.orders_filled += 1
        if before.state is OrderState.PENDING and state is not OrderState.REJECTED:
            stats.orders_placed += 1
            if replaces is None:
                self._tell(s, order, ExecutionEventType.ORDER_PLACED)
            else:
                stats.orders_replaced += 1
                self._tell(s, order, ExecutionEventType.ORDER_REPLACED, replaces=replaces)
        if state is OrderState.CANCELLED:
            stats.orders_cancelled += 1
            self._tell(s, order, ExecutionEventType.ORDER_CANCELLED)
        elif state in {OrderState.REJECTED, OrderState.EXPIRED}:
            stats.orders_refused += 1
            self._tell(
                s,
                order,
                ExecutionEventType.ORDER_SKIPPED,
                reason=ExecReason.EXEC_REFUSED_BY_VENUE.value,
                venue_reason=update.reason,
            )

    def _tell(
        self, s: SymbolState, order: OrderRecord, kind: ExecutionEventType, **more: str
    ) -> None:
        s.events.append(
            ExecutionEvent(
                type=kind,
                ts=s.ts,
                symbol=s.symbol,
                details={
                    "order_id": order.order_id,
                    "side": order.side.value,
                    "level_id": order.level_id,
                    "price": canonical(order.price),
                    "qty": canonical(order.qty),
                    **more,
                },
            )
        )

    # -- sums over symbols -------------------------------------------------------------------

    def _symbol(self, symbol: str) -> SymbolState:
        state = self._hot.symbols.get(symbol)
        if state is None:
            state = self._hot.symbols[symbol] = SymbolState.of(symbol, self.config)
        return state

    def _revalue(self, s: SymbolState) -> None:
        self._hot.epoch += 1
        self._hot.unrealized += s.revalue()
        self._re_expose(s)

    def _re_expose(self, s: SymbolState) -> None:
        exposure: Decimal = s.held + s.grid.open_notional
        self._hot.exposure += exposure - s.exposure
        s.exposure = exposure
