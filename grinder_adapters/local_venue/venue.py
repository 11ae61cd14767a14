"""The local exchange without sockets: requests in, answers and frames out (LIVE-40).

Synchronous and deterministic: the same requests, events and times give the same bytes. ``server``
puts it on loopback, ``memory`` lets an adapter talk to it in process under virtual time.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import Factory, define, field

from grinder_adapters.local_venue import mishaps, parameters
from grinder_adapters.local_venue.board import MarketBoard
from grinder_adapters.local_venue.delivery import Delivery
from grinder_adapters.local_venue.fault_effects import RequestFault, Twist
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind
from grinder_adapters.local_venue.fault_requests import RequestInfo
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.gateway import Gateway, Visit
from grinder_adapters.local_venue.http import Problem, Request, Response
from grinder_adapters.local_venue.hub import Hub
from grinder_adapters.local_venue.limits import Limits
from grinder_adapters.local_venue.listen_keys import ListenKeys
from grinder_adapters.local_venue.market_frames import MarketFrames, StreamFrame
from grinder_adapters.local_venue.request_log import RequestLog
from grinder_adapters.local_venue.security import KeyRing
from grinder_adapters.local_venue.session import Category, Session
from grinder_adapters.local_venue.user_texts import (
    account_of,
    config_frame,
    expired_frame,
    frame_count,
    frames_of,
    liquidation_of,
    symbol_of,
)
from grinder_core.contracts.event import Event
from grinder_core.venue.exchange.exchange import Exchange
from grinder_core.venue.exchange.instrument import Instrument

LEVERAGE: Final = ("POST", "/fapi/v1/leverage")


@define(eq=False)
class LocalVenue:
    """One exchange, its market and everybody who is connected. Times are Unix milliseconds.

    Attributes:
        plan: What goes wrong.
    """

    exchange: Exchange
    board: MarketBoard
    keys: KeyRing
    limits: Limits = Factory(Limits)
    listen_keys: ListenKeys = Factory(lambda: ListenKeys(seed=0))
    log: RequestLog = Factory(RequestLog)
    plan: FaultPlan = Factory(lambda: FaultPlan(()))
    hub: Hub = Factory(Hub)
    gateway: Gateway = field(init=False)
    streams: MarketFrames = field(init=False)
    delivery: Delivery = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.gateway = Gateway(
            self.exchange,
            self.board,
            self.keys,
            self.limits,
            self.listen_keys,
            self.log,
            self._on_answered,
        )
        self.streams = MarketFrames(self.board, self.hub.by_stream)
        self.delivery = Delivery(self.hub, self.plan)

    # -- the market and time -------------------------------------------------------------------

    def on_event(self, event: Event, now: int) -> None:
        """Move the market; tell whoever trades on it and whoever watches it."""
        self.exchange.on_event(event, now)
        self._publish(self.streams.on_event(event, now), now)
        self.push(now)

    def tick(self, now: int) -> None:
        """Let time pass: countdowns, expiries, keys, pings, faults, streams paced by time."""
        self.exchange.advance(now)
        for due in self.plan.due(now):
            self._happen(due.fault, now)
        self.push(now)
        self._publish(self.streams.tick(now), now)
        self.delivery.tick(now)
        for ended in self.listen_keys.due(now):
            event, data = expired_frame(ended.key, now)
            self.hub.push(ended.key, event, data)
        self.hub.tick(now)

    def change(self, instrument: Instrument, now: int) -> None:
        """List a symbol, or change its rules or its status."""
        self.exchange.list_symbol(instrument, now)
        self._publish(self.streams.on_change(instrument, now), now)

    def set_plan(self, plan: FaultPlan) -> None:
        """Let other things go wrong from now on."""
        self.plan = self.delivery.plan = plan

    def push(self, now: int) -> None:
        """Send what the exchange has to tell to the user streams."""
        for news in self.exchange.drain():
            liquidation = liquidation_of(news)
            if liquidation is not None:
                self.streams.on_liquidation(liquidation)
            account, symbol = account_of(news), symbol_of(news)
            if account not in self.listen_keys.live:  # nobody could get them, but they count
                counts = self.gateway.user_events
                counts[account] = counts.get(account, 0) + frame_count(news)
                continue
            for event, data in frames_of(news, self.exchange.floor):
                self._tell(account, event, symbol, data, now)

    # -- requests ------------------------------------------------------------------------------

    def foresee(self, request: Request, now: int) -> RequestFault | None:
        """Return what will happen to a request that has just been sent; ``None``: nothing."""
        if not self.plan.faults:
            return None
        return self.plan.on_request(RequestInfo.of(request, _given(request)), now)

    def handle(
        self, request: Request, now: int, fault: RequestFault | None = None
    ) -> Response | None:
        """Answer one request; ``None``: the connection breaks instead.

        Args:
            fault: What ``foresee`` has said.
        """
        if fault is None:
            return self.gateway.answer(request, now)
        answer = fault.instead
        if fault.executes:
            if fault.twist is not None:
                self._twist(request, fault, now)
            done = self.gateway.answer(request, now, fault.name, fault.skew_ms)
            answer = answer or done
        else:
            status = 0 if answer is None else answer.status
            visit = Visit(request, now, fault.name, values=_given(request))
            self.gateway.note(visit, status)
        return answer if fault.answers else None

    # -- WebSockets ----------------------------------------------------------------------------

    def open(self, path: str, query: str, remote: str, now: int) -> Session | None:
        """Open a WebSocket; ``None``: refused."""
        return self.hub.open(path, query, remote, now)

    def receive(self, session: Session, text: str | bytes, now: int) -> None:
        """Take a message of a client."""
        self.hub.receive(session, text, now)

    # -- inside --------------------------------------------------------------------------------

    def _publish(self, frames: list[StreamFrame], now: int) -> None:
        for category, stream, data in frames:
            self.delivery.market(category, stream, data, now)

    def _tell(self, account: str, event: str, symbol: str, data: bytes, now: int) -> None:
        """Send one user event to everybody who listens to an account."""
        counts = self.gateway.user_events
        counts[account] = counts.get(account, 0) + 1
        held = self.listen_keys.live.get(account)
        if held is not None:
            self.delivery.user(held.key, event, symbol, data, now)

    def _on_answered(self, route: tuple[str, str], account: str, answer: Any, now: int) -> None:
        if route == LEVERAGE and not isinstance(answer, Problem):
            event, data = config_frame(answer["symbol"], answer["leverage"], now)
            self._tell(account, event, answer["symbol"], data, now)
        self.push(now)

    def _happen(self, fault: Fault, now: int) -> None:
        if fault.kind is FaultKind.DISCONNECT:
            category = Category(fault.category) if fault.category else None
            self.hub.disconnect(category, "cut by a fault")
        elif fault.kind is FaultKind.LISTEN_KEY_EXPIRED:
            for account in self.exchange.floor.accounts:
                self.listen_keys.expire(account, now)
        else:
            changed = mishaps.happen(self.exchange, fault, now)
            if changed is not None:
                self._publish(self.streams.on_change(changed, now), now)

    def _twist(self, request: Request, fault: RequestFault, now: int) -> None:
        """Let the order that a request is about change just before it."""
        given, account = _given(request), self.gateway.account_of(request)
        if account is None:
            return
        number = int(given["orderId"]) if given.get("orderId", "").isdigit() else 0
        symbol, name = given.get("symbol", ""), given.get("origClientOrderId", "")
        order = self.exchange.floor.find(account, symbol, number, name)
        if order is None:
            return
        if fault.twist is Twist.AMEND_CANCELS:
            self.exchange.cancel(account, symbol, order.number, now=now)
        else:
            self.exchange.force_fill(account, symbol, order.number, fault.share_bps, now)
        self.push(now)


def _given(request: Request) -> dict[str, str]:
    """The parameters of a request; none where they are malformed."""
    given = parameters.parse(request)
    return {} if isinstance(given, Problem) else given
