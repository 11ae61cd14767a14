"""From what the engine wants to what may go to the venue: envelope, router, refusals (LIVE-12, 15).

Every effect becomes an action. The first gate that fails names its reason; then the router finds
the way. What does not pass is told to the engine as a refused order, so that the next plan starts
from what is really there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from attrs import evolve

from grinder_core.contracts.effects import CancelOrder, Effect, Flatten, PlaceOrder
from grinder_core.contracts.enums import ActionType, OrderState, RiskIntent
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import (
    ActionStatus,
    BlockReason,
    OperatingState,
    RouteDecision,
    RouteReason,
)
from grinder_core.contracts.orders import OrderRecord, OrderUpdate
from grinder_core.engine.engine import Engine
from grinder_core.live.actions import LiveAction, action_of, op_of, symbol_of
from grinder_core.live.config import LiveConfig
from grinder_core.live.permitting import Permit
from grinder_core.live.records import RecordKind, Saying
from grinder_core.live.state import LiveHot, Waiting
from grinder_core.orders.route_request import (
    RestingOrder,
    RouteBook,
    RouteCapabilities,
    RouteRequest,
    SorDecision,
)
from grinder_core.orders.router import route, sort_key
from grinder_core.orders.router_limits import RouterLimits

NO_AMENDS: Final = RouteCapabilities(supports_amend=False, max_amends=0)
WITHDRAWN: Final = "withdrawn before it was sent"


class Passing:
    """Judges and routes the effects of one session.

    Attributes:
        spent_token: Whether new risk went out in THROTTLED since somebody looked.
    """

    def __init__(
        self, config: LiveConfig, engine: Engine, hot: LiveHot, say: Callable[[Saying], None]
    ) -> None:
        self._config, self._engine, self._hot, self._say = config, engine, hot, say
        self._permit = Permit(config, engine, hot)
        self._at_mark: dict[str, RouterLimits] = {}
        self.spent_token = False

    # -- what the engine wants -----------------------------------------------------------------

    def admit(self, wanted: Sequence[Effect], event: Event) -> list[Effect]:
        """Return what may go out, in the order it is to be sent; refuse the rest. In ``exact()``.

        Cancels go first, then what reduces risk, then new risk from the market outwards.
        """
        now = event.ts_ms
        cancels = {e.client_order_id: e for e in wanted if isinstance(e, CancelOrder)}
        others = [e for e in wanted if not isinstance(e, CancelOrder)]
        if len(others) > 1:
            others.sort(key=self._sending_order)
        passed: list[Effect] = []
        kept: set[str] = set()
        for effect in others:
            old = effect.replaces if isinstance(effect, PlaceOrder) else ""
            sent, keeps_old = self._admit_order(effect, now, has_cancel=old in cancels)
            passed += sent
            if keeps_old:
                kept.add(old)
        leaving = [self._admit_cancel(e, now) for n, e in cancels.items() if n not in kept]
        return [*(one for one in leaving if one is not None), *passed]

    def go_on(self, old: str, executed: Decimal, now: int) -> list[Effect]:
        """Return the replacement that waited for the end of an order; it passes all once more.

        Args:
            executed: Of the order before it, base asset: the target includes it.
        """
        names = sorted(name for name, one in self._hot.waiting.items() if one.old == old)
        ready: list[Effect] = []
        for name in names:
            effect = self._hot.waiting.pop(name).effect
            wanted = effect.intent
            left = wanted.qty - executed
            if left <= 0:
                self._refuse(effect, RouteReason.TARGET_ALREADY_FILLED.value, now)
                continue
            if executed:
                self._engine.resize(wanted.symbol, name, wanted.price, left)
            ready.append(evolve(effect, intent=evolve(wanted, qty=left), replaces=""))
        return ready

    def drop_waiting(self, now: int) -> None:
        """Refuse the replacements that wait: nothing of them was ever sent."""
        waiting, self._hot.waiting = self._hot.waiting, {}
        for _, one in sorted(waiting.items()):  # a loaded state is sorted
            self._refuse(one.effect, WITHDRAWN, now)

    def defer_cancels(self) -> None:
        """Note that the cancels of the process before this one are nobody's any more."""
        for symbol, s in self._engine.hot.symbols.items():
            for name in s.grid.leaving:
                self._hot.deferred.setdefault(name, symbol)

    def retry_cancels(self) -> list[Effect]:
        """Return the cancels that nothing let through before, as far as they are still wanted."""
        deferred = self._hot.deferred
        effects: list[Effect] = []
        for name, symbol in sorted(deferred.items()):  # a loaded state is sorted
            record = self._record(symbol, name)
            if record is None:
                del deferred[name]
            else:
                effects.append(
                    CancelOrder(client_order_id=name, order_id=record.order_id, symbol=symbol)
                )
        return effects

    def recheck(self, risk: RiskIntent, symbol: str) -> str:
        """Say which gate refuses a write right before it leaves; empty: none."""
        return self._permit.recheck(risk, symbol)

    # -- one order -----------------------------------------------------------------------------

    def _admit_order(
        self, effect: PlaceOrder | Flatten, now: int, *, has_cancel: bool
    ) -> tuple[list[Effect], bool]:
        """Judge and route one; return what goes out, and whether the order before it stays."""
        verdict = self._permit.judge(effect, now)
        intent = verdict.intent or self._permit.intent_of(effect)
        if verdict.reason is not None:
            action = action_of(effect, intent)
            is_invalid = verdict.reason is BlockReason.INVALID_ORDER
            status = ActionStatus.SKIPPED if is_invalid else ActionStatus.BLOCKED
            self._end(effect, action, status, verdict.reason.value, verdict.detail, now)
            return [], False
        if verdict.intent is RiskIntent.INCREASE_RISK and self._is_full():
            reason, action = BlockReason.EXPECTED_STORE_FULL.value, action_of(effect, intent)
            self._end(effect, action, ActionStatus.SKIPPED, reason, "", now)
            return [], False
        if isinstance(effect, Flatten):
            action = action_of(effect, intent, "PLACE NEW_ORDER")
            return [self._plan(effect, action, now)], False
        return self._route(effect, intent, now, has_cancel=has_cancel)

    def _route(
        self, effect: PlaceOrder, intent: RiskIntent, now: int, *, has_cancel: bool
    ) -> tuple[list[Effect], bool]:
        wanted, old = effect.intent, None
        if effect.replaces:
            old = self._record(wanted.symbol, effect.replaces)
        found = self._routed(effect, intent, old, now)
        told = f"{found.decision.value} {found.reason.value}"
        if found.order is None or found.order.price is None:
            keeps = old is not None and has_cancel and found.decision is RouteDecision.SKIP
            if keeps and old is not None:
                self._engine.keep(wanted.symbol, old.client_order_id)
            action = action_of(effect, intent, told)
            self._end(effect, action, ActionStatus.SKIPPED, found.reason.value, "", now)
            return [], keeps
        order = found.order
        assert order.price is not None
        if order.price != wanted.price or order.qty != wanted.qty:
            self._engine.resize(wanted.symbol, effect.client_order_id, order.price, order.qty)
            wanted = evolve(wanted, price=order.price, qty=order.qty)
        effect = PlaceOrder(
            client_order_id=effect.client_order_id,
            intent=wanted,
            generation=effect.generation,
            replaces=effect.replaces,
            post_only=order.post_only,
        )
        action = action_of(effect, intent, told)
        if old is not None:  # the venue never holds both (I-15.6)
            self._hot.waiting[effect.client_order_id] = Waiting(effect, effect.replaces)
            self._say(Saying(RecordKind.ACTION, now, action))
            self._spend(action, now)
            return [], False
        return [self._plan(effect, action, now)], False

    def _routed(
        self, effect: PlaceOrder, intent: RiskIntent, old: OrderRecord | None, now: int
    ) -> SorDecision:
        wanted = effect.intent
        request = RouteRequest(
            action=ActionType.REPLACE if old is not None else ActionType.PLACE,
            intent=intent,
            symbol=wanted.symbol,
            side=wanted.side,
            price=wanted.price,
            qty=wanted.qty,
            reduce_only=wanted.reduce_only,
            post_only=self._config.post_only and intent is RiskIntent.INCREASE_RISK,
            level_id=wanted.level_id,
            client_order_id=effect.client_order_id,
        )
        s = self._engine.hot.symbols[wanted.symbol]
        seen_ms = self._hot.orchestrator.symbols[wanted.symbol].last_market_ms
        book = (
            None if seen_ms is None or not s.bid else RouteBook(bid=s.bid, ask=s.ask, ts_ms=seen_ms)
        )
        return route(
            request,
            None if old is None else _resting(old, post_only=request.post_only),
            book,
            self._limits(wanted.symbol),
            self._hot.requests.headroom(now),
            NO_AMENDS,
            self._config.router,
            now,
        )

    def _limits(self, symbol: str) -> RouterLimits | None:
        """The venue's rules around the newest mark; it comes once a second, orders more often."""
        limits, mark = self._config.limits.get(symbol), self._hot.marks.get(symbol)
        if limits is None or mark is None:
            return limits
        known = self._at_mark.get(symbol)
        if known is None or known.mark_price != mark:
            known = self._at_mark[symbol] = limits.at_mark(mark)
        return known

    def _plan(self, effect: Effect, action: LiveAction, now: int) -> Effect:
        """Note an action as under way, and return its effect."""
        self._hot.open_actions[f"{op_of(effect)}:{effect.client_order_id}"] = action
        if not isinstance(effect, CancelOrder):
            self._hot.requests.sent(now)
            self._spend(action, now)
            self._permit.drop_token(effect.client_order_id)
        self._say(Saying(RecordKind.ACTION, now, action))
        return effect

    def _spend(self, action: LiveAction, now: int) -> None:
        """Use up the token of THROTTLED; a replacement keeps it for when its turn comes."""
        if action.intent is not RiskIntent.INCREASE_RISK or self._permit.holds_token(action):
            return
        state, _ = self._hot.orchestrator.effective(action.symbol)
        if state is OperatingState.THROTTLED:
            self._hot.orchestrator.spend_token(action.symbol, now)
            self._permit.keep_token(action)
            self.spent_token = True

    def _end(
        self,
        effect: PlaceOrder | Flatten,
        action: LiveAction,
        status: ActionStatus,
        reason: str,
        detail: str,
        now: int,
    ) -> None:
        ended = evolve(action, status=status, reason=reason, detail=detail)
        self._say(Saying(RecordKind.ACTION, now, ended))
        self._permit.drop_token(effect.client_order_id)
        self._tell_refused(effect, f"{reason} {detail}".strip(), now)

    def _refuse(self, effect: PlaceOrder, reason: str, now: int) -> None:
        """End an action of which nothing was sent."""
        action = action_of(effect, self._permit.intent_of(effect))
        self._end(effect, action, ActionStatus.SKIPPED, reason, "", now)

    def _tell_refused(self, effect: PlaceOrder | Flatten, reason: str, now: int) -> None:
        hot, symbol = self._engine.hot, symbol_of(effect)
        side = effect.side if isinstance(effect, Flatten) else effect.intent.side
        update = OrderUpdate(
            ts=hot.symbols[symbol].ts,
            symbol=symbol,
            client_order_id=effect.client_order_id,
            order_id="",
            side=side,
            state=OrderState.REJECTED,
            reason=reason,
        )
        self._engine.fold(Event(now, update, hot.seq))

    # -- one cancel ----------------------------------------------------------------------------

    def _admit_cancel(self, effect: CancelOrder, now: int) -> Effect | None:
        name = effect.client_order_id
        verdict = self._permit.judge(effect, now)
        action = action_of(effect, RiskIntent.CANCEL, "CANCEL REQUESTED")
        if verdict.reason is not None:
            ended = evolve(
                action,
                status=ActionStatus.BLOCKED,
                reason=verdict.reason.value,
                detail=verdict.detail,
                route="",
            )
            if name not in self._hot.deferred:
                self._say(Saying(RecordKind.ACTION, now, ended))
            self._hot.deferred[name] = effect.symbol
            return None
        self._hot.deferred.pop(name, None)
        waiting = self._hot.waiting.pop(name, None)
        if waiting is not None:  # it never left
            reason = RouteReason.ALREADY_TERMINAL.value
            ended = evolve(action, status=ActionStatus.SKIPPED, reason=reason, route="")
            self._say(Saying(RecordKind.ACTION, now, ended))
            self._refuse(waiting.effect, WITHDRAWN, now)
            return None
        return self._plan(effect, action, now)

    # -- small answers -------------------------------------------------------------------------

    def _record(self, symbol: str, name: str) -> OrderRecord | None:
        s = self._engine.hot.symbols.get(symbol)
        return None if s is None else s.grid.get(name)

    def _is_full(self) -> bool:
        held = sum(
            len(s.grid.live) + len(s.grid.leaving) for s in self._engine.hot.symbols.values()
        )
        return held > self._config.expected_max_orders

    def _sending_order(self, effect: Effect) -> tuple[int, int, int, int, str]:
        if isinstance(effect, PlaceOrder):
            wanted = effect.intent
            intent = self._permit.intent_of(effect)
            request = RouteRequest(
                action=ActionType.PLACE,
                intent=intent,
                symbol=wanted.symbol,
                side=wanted.side,
                price=wanted.price,
                qty=wanted.qty,
                level_id=wanted.level_id,
                client_order_id=effect.client_order_id,
            )
            mid = self._engine.hot.symbols[wanted.symbol].mid
            return sort_key(request, mid or None)
        return (1, 0, 0, 0, "")


def _resting(order: OrderRecord, *, post_only: bool) -> RestingOrder:
    """The order that is to be replaced, as the router sees it.

    Its cancel is part of what the router decides about, so it does not count as under way.
    """
    return RestingOrder(
        state=order.state,
        side=order.side,
        price=order.price,
        orig_qty=order.qty,
        executed_qty=order.filled_qty,
        reduce_only=order.reduce_only,
        post_only=post_only,
        last_change_ts_ms=order.placed_ts,
    )
