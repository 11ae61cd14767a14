"""What must hold after every event, whatever the market, the settings and the operator do."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

from grinder_core.contracts.control import Control, Selection, TurnEnd
from grinder_core.contracts.effects import PlaceOrder
from grinder_core.contracts.enums import (
    ControllerMode,
    GuardState,
    IntentSource,
    Override,
    PrefilterReason,
)
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import OrderIntent, OrderUpdate
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.contracts.plan import GridPlan
from grinder_core.engine.config import EngineConfig
from tests.simulation.agreement import money_agrees, orders_agree
from tests.simulation.shadow import Order, Shadow
from tests.support.world import Entry, World

MINUTE_MS = 60_000
DEAR_EVERY = 16  # items between two looks at everything


class Rules:
    """An observer that fails on the first broken rule."""

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.shadow = Shadow(config)
        self.sent: deque[int] = deque()
        self.last_sent: dict[str, int] = {}
        self.selected: tuple[str, ...] | None = None
        self.quotes: deque[Snapshot] = deque()
        self.placed: dict[str, list[OrderIntent]] = {}
        self.last: PaperOutput | None = None
        self.planned: dict[str, tuple[Fraction, Fraction, Fraction]] = {}
        self.halted: Override | None = None  # when the present turn was planned
        self.fill_ids: set[str] = set()
        self.items = 0
        self.is_busy = False

    def see(self, world: World, entries: list[Entry]) -> None:
        self.is_busy = False
        for entry in entries:
            self._see(entry)
        self.items += 1
        assert not self.quotes, "a snapshot without an output"
        if self.is_busy or not self.items % DEAR_EVERY:
            orders_agree(world, self.shadow)
            money_agrees(world, self.shadow)
        stops = self.shadow.stops
        if stops.guarded or (stops.killed and not stops.is_late):
            adds = [o for o in self.shadow.orders.values() if not (o.reduce_only or o.is_leaving)]
            assert not adds, f"may still add risk: {adds}"

    # -- one event of the engine ---------------------------------------------------------------

    def _see(self, entry: Entry) -> None:
        shadow, event = self.shadow, entry.event
        payload = event.payload
        shadow.hear(event)
        if isinstance(payload, Snapshot):
            self.quotes.append(payload)
            self.halted = entry.override
            if not self._is_left_out(entry, payload.symbol):
                shadow.stops.sample(event.ts_ms, shadow.equity, shadow.profits())
        elif isinstance(payload, OrderUpdate):
            self.is_busy = True
        elif isinstance(payload, TurnEnd):
            if shadow.stops.is_stale:
                shadow.stops.sample(event.ts_ms, shadow.equity, shadow.profits())
        elif isinstance(payload, Selection):
            self.selected = payload.symbols
        elif isinstance(payload, Control):
            self.is_busy = True
        self._stops_agree(entry)
        new = [o for o in entry.outputs if isinstance(o, PlaceOrder)]
        if new:
            self._placements(entry, new)
        for output in entry.outputs:
            if isinstance(output, PaperOutput):
                self._output(entry, output)
                continue
            self.is_busy = True
            if isinstance(output, PlaceOrder):
                self._before_sending(output)
            shadow.say(output)
            if isinstance(output, PlaceOrder):
                self.sent.append(event.ts_ms)
                self.last_sent[output.intent.symbol] = event.ts_ms
        if new:
            self._no_level_twice()

    def _is_left_out(self, entry: Entry, symbol: str) -> bool:
        """Whether the selection leaves this snapshot out, as its output says."""
        return any(
            isinstance(o, PaperOutput)
            and o.symbol == symbol
            and o.prefilter_result.reason is PrefilterReason.NOT_IN_TOPK
            for o in entry.outputs
        )

    def _stops_agree(self, entry: Entry) -> None:
        stops = self.shadow.stops
        assert entry.killed == stops.killed, f"kill switch: {entry.killed}, not {stops.killed}"
        assert (entry.guard is GuardState.DRAWDOWN) == stops.guarded
        assert entry.daily_loss == stops.daily

    # -- placements ----------------------------------------------------------------------------

    def _placements(self, entry: Entry, new: list[PlaceOrder]) -> None:
        for effect in new:
            self._lot(effect)
        adding = [effect for effect in new if not effect.intent.reduce_only]
        if not adding:
            return
        assert not entry.killed, "adds risk after the kill switch"
        assert entry.guard is GuardState.NORMAL, "adds risk in DRAWDOWN"
        assert entry.override is None, "adds risk while the operator halts"
        assert not entry.daily_loss, "adds risk after the day's loss"
        symbol = adding[0].intent.symbol
        assert self.selected is None or symbol in self.selected, "trades what is not selected"
        self._is_liquid_and_calm(symbol)
        self._within_rate(symbol, entry.event.ts_ms)  # one batch, judged before it is sent
        if any(e.intent.source is IntentSource.GRID for e in adding):
            shadow = self.shadow
            unplanned = sum(
                (
                    o.open_notional
                    for o in shadow.open(symbol)
                    if (o.is_leaving or not o.level) and not o.reduce_only
                ),
                Fraction(0),
            )
            held = abs(shadow.held[symbol]) * shadow.markets[symbol].mid
            self.planned[symbol] = (held, unplanned, shadow.others(symbol))

    def _lot(self, effect: PlaceOrder) -> None:
        orders, intent = self.config.orders, effect.intent
        assert intent.qty > 0
        assert Fraction(intent.qty) * 10**8 % 1 == 0
        tick = orders.tick_size_of(intent.symbol)
        if tick is not None:
            assert Fraction(intent.price) % Fraction(tick) == 0, "off the tick"
        limits = orders.symbol_constraints.get(intent.symbol)
        if not orders.constraints_enabled or limits is None:
            return
        assert Fraction(intent.qty) % Fraction(limits.step_size) == 0, "off the step"
        assert intent.qty >= limits.min_qty, "below the least quantity"
        if not intent.reduce_only:
            notional = Fraction(intent.qty) * Fraction(intent.price)
            assert notional >= Fraction(limits.min_notional), "below the least notional"

    def _within_rate(self, symbol: str, now: int) -> None:
        gates = self.config.gates
        while self.sent and now - self.sent[0] >= MINUTE_MS:
            self.sent.popleft()
        assert len(self.sent) < gates.max_orders_per_minute, "too many orders in a minute"
        last = self.last_sent.get(symbol)
        assert last is None or now - last >= gates.cooldown_ms, "no pause between orders"

    def _is_liquid_and_calm(self, symbol: str) -> None:
        """Prefilter and toxicity, by their definitions."""
        gates, market = self.config.gates, self.shadow.markets[symbol]
        allowed = gates.prefilter_allow_list
        assert allowed is None or symbol in allowed, "trades what is not allowed"
        snapshot, stats = market.snapshot, market.stats
        assert snapshot is not None
        bid, ask = Fraction(snapshot.bid_price), Fraction(snapshot.ask_price)
        spread_bps = (ask - bid) * 20_000 // (ask + bid)
        assert spread_bps <= gates.prefilter_spread_max_bps, "adds risk in a filtered spread"
        assert spread_bps <= gates.max_spread_bps, "adds risk in a toxic spread"
        if stats is None:
            assert gates.prefilter_assume_liquid, "adds risk in an unknown market"
        else:
            assert stats.vol_24h_usd >= gates.prefilter_vol_24h_min_usd, "adds risk: low turnover"
            assert stats.oi_usd >= gates.prefilter_oi_min_usd, "adds risk: low open interest"
        impact = max(abs(market.mid - past) * 10_000 // past for _, past in market.mids)
        assert impact <= gates.max_price_impact_bps, "adds risk in a toxic move"

    def _before_sending(self, effect: PlaceOrder) -> None:
        intent = effect.intent
        if intent.source is IntentSource.GRID:
            self.placed.setdefault(intent.symbol, []).append(intent)
        elif not intent.reduce_only:
            self._cycle(intent)

    def _cycle(self, intent: OrderIntent) -> None:
        """A replenishment comes right after its turn's output, and under the same limits."""
        assert self.last is not None
        assert self.last.symbol == intent.symbol
        controller = self.last.seen.controller
        if controller is not None:
            halts = {ControllerMode.DRAWDOWN, ControllerMode.PAUSE}
            assert not controller.drawdown, "replenishes in DRAWDOWN mode"
            assert controller.mode not in halts, "replenishes in PAUSE mode"
        shadow, gates = self.shadow, self.config.gates
        own = abs(shadow.held[intent.symbol]) * shadow.markets[intent.symbol].mid
        own += sum(o.open_notional for o in shadow.open(intent.symbol))
        own += Fraction(intent.price) * Fraction(intent.qty)
        assert own <= Fraction(gates.max_notional_per_symbol), "a cycle beyond the symbol's limit"
        total = own + shadow.others(intent.symbol)
        assert total <= Fraction(gates.max_notional_total), "a cycle beyond the total limit"

    def _no_level_twice(self) -> None:
        levels = [
            (o.symbol, o.sign, o.level)
            for o in self.shadow.orders.values()
            if o.level and not o.is_leaving
        ]
        assert len(set(levels)) == len(levels), "two live orders on one level"

    # -- outputs -------------------------------------------------------------------------------

    def _output(self, entry: Entry, out: PaperOutput) -> None:
        shadow, symbol = self.shadow, out.symbol
        self.last = out
        assert self.quotes, "an output without a snapshot"
        quote = self.quotes.popleft()
        assert (out.symbol, out.ts, out.seq) == (quote.symbol, quote.ts, entry.event.seq)
        for fill in out.fills:
            assert fill.fill_id not in self.fill_ids, "a fill told twice"
            self.fill_ids.add(fill.fill_id)
        assert out.kill_switch_triggered == shadow.stops.killed
        assert Fraction(out.pnl_snapshot.qty) == shadow.held[symbol]
        placed = self.placed.pop(symbol, [])
        if out.prefilter_result.reason is PrefilterReason.NOT_IN_TOPK:
            assert not placed
            return
        assert Fraction(out.equity) == shadow.equity == shadow.stops.sampled
        assert Fraction(out.high_water_mark) == shadow.stops.peak
        planned = self.planned.pop(symbol, None)
        if planned is not None:
            assert out.plan is not None
            self._within_limits(out.plan, *planned)
        if out.plan is None or out.gating_result is None or not out.gating_result.allowed:
            assert not placed
            if out.plan is None:
                self._halts(self._adds(symbol))
            return
        self._modes(out, placed)

    def _within_limits(
        self, plan: GridPlan, held: Fraction, unplanned: Fraction, others: Fraction
    ) -> None:
        gates, own = self.config.gates, held + _notional(plan)
        assert own <= Fraction(gates.max_notional_per_symbol), "a plan beyond the symbol's limit"
        assert own + others <= Fraction(gates.max_notional_total), "a plan beyond the total limit"
        own += unplanned
        assert own <= Fraction(gates.max_notional_per_symbol), "with others beyond the limit"
        assert own + others <= Fraction(gates.max_notional_total), "with others beyond the total"

    def _modes(self, out: PaperOutput, placed: list[OrderIntent]) -> None:
        """Controller's and operator's modes, after a turn that could act on them."""
        adds = self._adds(out.symbol)
        controller = out.seen.controller
        assert out.plan is not None
        if controller is not None and controller.mode is ControllerMode.DRAWDOWN:
            assert out.plan.shape.reduce_only or not out.plan.shape.level_count
            assert not any(not o.reduce_only for o in placed), "adds risk in DRAWDOWN mode"
            assert not adds, f"rests in DRAWDOWN mode: {adds}"
        if controller is not None and controller.mode is ControllerMode.PAUSE:
            assert not adds, f"rests in PAUSE mode: {adds}"
        if out.plan.shape.reduce_only:
            assert not adds, f"rests beside an exit plan: {adds}"
        self._halts(adds)

    def _adds(self, symbol: str) -> list[Order]:
        return [o for o in self.shadow.open(symbol) if not (o.is_leaving or o.reduce_only)]

    def _halts(self, adds: list[Order]) -> None:
        assert self.halted is None or not adds, f"rests while the operator halts: {adds}"

    def close(self, world: World) -> None:
        """At the end: every fill was told once, or waits for its symbol's next output."""
        waiting = {f.fill_id for s in world.session.engine.hot.symbols.values() for f in s.fills}
        assert not waiting & self.fill_ids
        told = waiting | self.fill_ids
        assert told == {f"fill_{n:08d}" for n in range(1, self.shadow.fills + 1)}
        orders_agree(world, self.shadow)
        money_agrees(world, self.shadow)


def _notional(plan: GridPlan) -> Fraction:
    """Of all levels at the plan's centre, by CORE-13."""
    shape, total = plan.shape, Fraction(0)
    center = Fraction(plan.center_price) * (10_000 + shape.skew_bps) / 10_000
    for number, size in enumerate(shape.size_schedule, 1):
        for wanted, sign in ((shape.levels_down, -1), (shape.levels_up, 1)):
            if number <= wanted:
                step = 10_000 + sign * number * shape.spacing_bps
                total += center * step / 10_000 * Fraction(size)
    return total
