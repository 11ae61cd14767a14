"""The one place of the smoke harnesses that hands orders to the port (LIVE-12, LIVE-28).

Every order is judged by the envelope first; then come the port's own limits, the journal of
intents, and the envelope again right before the request leaves. The desk remembers every order that
it sent, so that whatever happens it can take them back: its own, by their ids, and no other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Final

import orjson
from attrs import define

from grinder_adapters.binance.order_requests import AmendOrder, LimitOrder, MarketOrder, TimeInForce
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.outcomes import Accepted, Outcome, Refused
from grinder_adapters.binance.rest_records import OrderAnswer
from grinder_adapters.binance.waiting import Sleep
from grinder_app.live.scribe import JournalPort
from grinder_app.smoke.envelope import BlockedError, Envelope
from grinder_app.smoke.patience import PASSING, WAITS_MS, patiently
from grinder_app.smoke.request import STRATEGY
from grinder_app.smoke.steps import StepError
from grinder_core.contracts.enums import ActionType, OrderState, Side
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import ConnectorError
from grinder_core.gates.envelope_inputs import Subject
from grinder_core.numbers import ZERO, canonical, exact
from grinder_core.orders.constraints import constrain
from grinder_core.orders.identity import OrderIds
from grinder_core.resilience.unknown import OrderView

LEVEL: Final = 1


@define
class OwnOrder:
    """An order of this run.

    Attributes:
        side: Of it.
        sent_ms: When its last request may have left, by our clock.
        state: As last known; PENDING: nobody has seen it yet.
        executed_qty: So far, base asset.
    """

    side: Side
    sent_ms: int
    state: OrderState = OrderState.PENDING
    order_id: str = ""
    price: Decimal = ZERO
    qty: Decimal = ZERO
    executed_qty: Decimal = ZERO
    updated_ms: int = 0


class SmokeDesk:
    """Sends what passes, and takes it back.

    Args:
        envelope: Judges.
        port: Sends.
        journal: Knows of every order before it leaves.
        symbol: The only one.
        rules: Its lot rules.
        now_ms: Our time.
        absent_after_ms: What the venue does not show so long after it was sent will never be there.

    Attributes:
        orders: Those of this run, by client id.
    """

    def __init__(
        self,
        envelope: Envelope,
        port: ExecutionPort,
        journal: JournalPort,
        symbol: str,
        rules: SymbolConstraints,
        now_ms: Callable[[], int],
        sleep: Sleep,
        absent_after_ms: int,
    ) -> None:
        self.envelope, self._port, self._journal = envelope, port, journal
        self._symbol, self._rules = symbol, rules
        self._now_ms, self._sleep, self._absent_after_ms = now_ms, sleep, absent_after_ms
        self._ids, self._generation = OrderIds(STRATEGY), 0
        self.orders: dict[str, OwnOrder] = {}

    # -- orders --------------------------------------------------------------------------------

    async def place(
        self, price: Decimal, qty: Decimal, tif: TimeInForce = TimeInForce.GTX
    ) -> tuple[str, OwnOrder]:
        """Buy at a limit.

        Returns:
            Its client id, and the order as the venue took it.

        Raises:
            BlockedError: A gate, or a lot rule, says no; nothing was sent.
            StepError: The venue refused it, or nobody knows what became of it.
            ConnectorNonRetryableError: It is beyond a limit of the port's; nothing was sent.
        """
        self._allow(ActionType.PLACE, Side.BUY, qty, price)
        lot = constrain(qty, price, self._rules, reduce_only=False)
        if lot.refusal is not None or lot.qty != qty:
            raise BlockedError("the lot rules", lot.refusal.value if lot.refusal else "step_size")
        name = self._next(Side.BUY)
        order = LimitOrder(
            client_order_id=name,
            symbol=self._symbol,
            side=Side.BUY,
            price=price,
            qty=qty,
            level_id=LEVEL,
            generation=self._generation,
            time_in_force=tif,
        )
        return name, await self._sent(name, self._port.place(order))

    async def amend(self, name: str, price: Decimal, qty: Decimal) -> OwnOrder:
        """Give an order of this run another price and quantity; raises as ``place`` does."""
        own = self.orders[name]
        self._allow(ActionType.REPLACE, own.side, qty, price)
        before = OrderView(state=own.state, price=own.price, qty=own.qty, updated_ms=own.updated_ms)
        order = AmendOrder(
            client_order_id=name,
            order_id=own.order_id or None,
            symbol=self._symbol,
            side=own.side,
            price=price,
            qty=qty,
            amend_no=0,
            before=before,
        )
        own.sent_ms = self._now_ms()
        return await self._sent(name, self._port.amend(order))

    async def cancel(self, name: str) -> OwnOrder:
        """Cancel an order of this run; raises as ``place`` does."""
        self.envelope.require(Subject(action=ActionType.CANCEL, symbol=self._symbol))
        order_id = self.orders[name].order_id or None
        return await self._sent(name, self._port.cancel(self._symbol, name, order_id))

    async def close(self, position: Decimal, qty: Decimal) -> tuple[str, OwnOrder]:
        """Give back some of a position at the market, reduce-only; raises as ``place`` does.

        Args:
            position: As the venue shows it, signed.
        """
        side = Side.SELL if position > 0 else Side.BUY
        subject = Subject(
            action=ActionType.PLACE,
            symbol=self._symbol,
            side=side,
            qty=qty,
            reduce_only=True,
            position=position,
        )
        self.envelope.require(subject)
        name = self._next(side)
        order = MarketOrder(
            client_order_id=name,
            symbol=self._symbol,
            side=side,
            qty=qty,
            generation=self._generation,
        )
        return name, await self._sent(name, self._port.place_market(order))

    async def look(self, name: str) -> OwnOrder:
        """Ask the venue for an order of this run.

        Raises:
            ConnectorError: It cannot be asked.
        """
        own, asked_ms = self.orders[name], self._now_ms()
        answer = await self._port.query(self._symbol, name)
        if answer is not None:
            self._saw(name, answer)
        elif own.state is OrderState.PENDING and asked_ms > own.sent_ms + self._absent_after_ms:
            own.state = OrderState.REJECTED
            self._forget(name)
        return own

    async def look_patiently(self, name: str) -> OwnOrder:
        """Ask for it, again where the venue cannot answer for the moment; raises as ``look``."""
        return await patiently(partial(self.look, name), self._sleep)

    async def open_orders(self) -> tuple[OrderAnswer, ...]:
        """Return what rests on the symbol, foreign orders included."""
        return await patiently(lambda: self._port.open_orders(self._symbol), self._sleep)

    def is_own(self, client_order_id: str) -> bool:
        """Whether an order is one of a harness, of this run or an earlier one."""
        return self._port.codec.is_ours(client_order_id)

    # -- taking it back ------------------------------------------------------------------------

    async def earlier(self) -> dict[str, str]:
        """Return orders of earlier runs that may rest, symbol by client id."""
        found = {
            name: str(orjson.loads(body).get("symbol", self._symbol))
            for name, body in self._journal.open_intents().items()
        }
        resting = await self.open_orders()
        return found | {
            o.client_order_id: o.symbol for o in resting if self.is_own(o.client_order_id)
        }

    async def remove(self, name: str, symbol: str) -> None:
        """Take back an order of an earlier run, wherever it is.

        Raises:
            StepError: It is not proven to be gone.
            ConnectorError: The venue cannot be asked.
        """
        answer = await patiently(lambda: self._port.query(symbol, name), self._sleep)
        if answer is not None and not answer.status.is_final:
            self.envelope.require(Subject(action=ActionType.CANCEL, symbol=self._symbol))
            outcome = await self._port.cancel(symbol, name, answer.order_id)
            if not isinstance(outcome, Accepted):
                raise StepError(f"{name} on {symbol}: {_why(outcome)}")
        if name in self._journal.open_intents():
            self._journal.intent_done(name, self._now_ms())

    async def take_back(self) -> None:
        """Cancel whatever of this run may rest, until the venue shows that it is gone.

        Raises:
            StepError: It does not show it.
            ConnectorError: It cannot be asked.
        """
        for name in list(self.orders):
            if not self.orders[name].state.is_final:
                await self._take_back(name)
        for name in self.orders:  # what filled on the way counts too
            await self.look_patiently(name)

    @property
    def unsettled(self) -> tuple[str, ...]:
        """Client ids of orders of this run that are not known to be over."""
        return tuple(name for name, own in self.orders.items() if not own.state.is_final)

    @property
    def net_qty(self) -> Decimal:
        """What the orders of this run have bought, less what they sold, base asset."""
        with exact():
            return (
                sum(
                    (own.executed_qty if own.side is Side.BUY else -own.executed_qty)
                    for own in self.orders.values()
                )
                + ZERO
            )

    # -- inside --------------------------------------------------------------------------------

    def _allow(self, action: ActionType, side: Side, qty: Decimal, price: Decimal) -> None:
        subject = Subject(action=action, symbol=self._symbol, side=side, qty=qty, price=price)
        self.envelope.persists(self._journal.is_writable)
        self.envelope.require(subject)

    def _next(self, side: Side) -> str:
        now = self._now_ms()
        name = self._ids.next_id(LEVEL, now)
        self._generation += 1
        self.orders[name] = OwnOrder(side=side, sent_ms=now)
        return name

    async def _sent(self, name: str, sending: Awaitable[Outcome]) -> OwnOrder:
        own = self.orders[name]
        try:
            outcome = await sending
        except ConnectorError:
            if own.state is OrderState.PENDING and not own.order_id:
                self._never_left(name)
            raise
        finally:
            own.sent_ms = self._now_ms()
        if isinstance(outcome, Accepted):
            seen = outcome.order
            own.state, own.order_id = seen.view.state, seen.order_id
            own.price, own.qty = seen.view.price, seen.view.qty
            own.executed_qty = max(own.executed_qty, seen.executed_qty)
            own.updated_ms = seen.view.updated_ms
            self._forget(name)
            return own
        if isinstance(outcome, Refused) and own.state is OrderState.PENDING and not own.order_id:
            self._never_left(name)
        raise StepError(_why(outcome))

    def _never_left(self, name: str) -> None:
        """What the port refuses or the venue surely did not take is over."""
        self.orders[name].state = OrderState.REJECTED
        self._forget(name)

    def _saw(self, name: str, answer: OrderAnswer) -> None:
        own = self.orders[name]
        own.state, own.order_id = answer.status, answer.order_id
        own.price, own.qty = answer.price, answer.qty
        own.executed_qty = max(own.executed_qty, answer.executed_qty)
        own.updated_ms = answer.update_ts
        self._forget(name)

    def _forget(self, name: str) -> None:
        """Once an order is over, a run after this one need not ask for it."""
        if self.orders[name].state.is_final and name in self._journal.open_intents():
            self._journal.intent_done(name, self._now_ms())

    async def _take_back(self, name: str) -> None:
        for wait_ms in (*WAITS_MS, 0):
            own = await self.look_patiently(name)
            if own.state.is_final:
                return
            if own.state is not OrderState.PENDING:
                with suppress(StepError, *PASSING):  # it is looked at again, and tried again
                    own = await self.cancel(name)
                if own.state.is_final:
                    return
            await self._sleep(wait_ms / 1_000)
        raise StepError(f"order {name} on {self._symbol} is not proven to be gone")


def describe(own: OwnOrder, order_id: str) -> str:
    """Return an order in words."""
    done = f", {canonical(own.executed_qty)} executed" if own.executed_qty else ""
    return (
        f"order {order_id}: {own.side.value} {canonical(own.qty)} at {canonical(own.price)}, "
        f"{own.state.value}{done}"
    )


def _why(outcome: Outcome) -> str:
    if isinstance(outcome, Refused):
        return f"refused: {outcome.reason.value} {outcome.code}: {outcome.detail}"
    return f"nobody knows whether it took effect: {outcome.client_order_id}"
