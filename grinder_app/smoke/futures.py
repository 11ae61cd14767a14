"""``smoke futures``: an order far from the market is placed, seen, amended, cancelled (LIVE-28)."""

from __future__ import annotations

from typing import Final

from grinder_app.smoke.desk import OwnOrder
from grinder_app.smoke.envelope import BlockedError
from grinder_app.smoke.patience import soon
from grinder_app.smoke.sizes import FAR_BPS, FARTHER_BPS, below, ticket
from grinder_app.smoke.steps import Step, StepError
from grinder_app.smoke.trading import Trading
from grinder_core.contracts.enums import OrderState
from grinder_core.contracts.live import BlockReason

RESTING: Final = OrderState.OPEN


class Futures:
    """The harness.

    Args:
        with_kill_switch: Trip the kill switch while the order rests, instead of amending it.
    """

    def __init__(self, trading: Trading, *, with_kill_switch: bool) -> None:
        self._trading, self._with_kill_switch = trading, with_kill_switch
        self._name = ""

    def steps(self) -> list[Step]:
        """Return what it does."""
        if self._with_kill_switch:
            middle = [
                Step(name="kill switch: PLACE blocked", work=self._blocked),
                Step(name="kill switch: CANCEL allowed", work=self._cancel),
            ]
        else:
            middle = [
                Step(name="amend", work=self._amend),
                Step(name="cancel", work=self._cancel),
            ]
        trading = self._trading
        return [
            *trading.opening(),
            Step(name="place far from the market, post-only", work=self._place),
            Step(name="seen open", work=self._seen_open),
            *middle,
            Step(name="gone", work=self._gone),
            *trading.closing(),
        ]

    async def _place(self) -> str:
        trading, desk = self._trading, self._trading.armed
        quote = await trading.quote()
        # as large as it must be for the price that it is amended to
        farther = below(quote, trading.tick, FARTHER_BPS)
        wanted = ticket(below(quote, trading.tick, FAR_BPS), trading.rules, farther)
        trading.check_cap(wanted)
        self._name, own = await desk.place(wanted.price, wanted.qty)
        return trading.told(own)

    async def _seen_open(self) -> str:
        return self._trading.told(await self._shown_as(RESTING))

    async def _amend(self) -> str:
        trading, desk = self._trading, self._trading.armed
        before = desk.orders[self._name]
        price = below(await trading.quote(), trading.tick, FARTHER_BPS)
        if price == before.price:
            price -= trading.tick
        own = await desk.amend(self._name, price, before.qty)
        if own.price != price:
            own = await self._shown_as(RESTING)
        if own.price != price or own.state is not RESTING:
            raise StepError(f"wanted {price}, and it is {trading.told(own)}")
        return trading.told(own)

    async def _blocked(self) -> str:
        """Trip the kill switch; a place must end at the envelope and send nothing."""
        trading, desk = self._trading, self._trading.armed
        quote = await trading.quote()
        trading.envelope.kill()
        wanted = ticket(below(quote, trading.tick, FARTHER_BPS), trading.rules)
        before = trading.log.writes
        try:
            _, own = await desk.place(wanted.price, wanted.qty)
        except BlockedError as error:
            if error.reason != BlockReason.KILL_SWITCH_ACTIVE.value:
                raise StepError(f"blocked for another reason: {error}") from error
        else:
            raise StepError(f"it was not blocked: {trading.told(own)}")
        sent = trading.log.writes - before
        if sent:
            raise StepError(f"{sent} writes left although it was blocked")
        return f"{BlockReason.KILL_SWITCH_ACTIVE.value}, nothing was sent"

    async def _cancel(self) -> str:
        trading = self._trading
        return trading.told(await trading.armed.cancel(self._name))

    async def _gone(self) -> str:
        trading = self._trading
        own = await self._shown_as(OrderState.CANCELLED)
        if own.executed_qty:
            raise StepError(f"it executed: {trading.told(own)}")

        async def is_gone() -> bool:
            resting = await trading.armed.open_orders()
            return all(order.client_order_id != self._name for order in resting)

        if not await soon(is_gone, trading.sleep):
            raise StepError("it is still among the open orders")
        return trading.told(own)

    async def _shown_as(self, state: OrderState) -> OwnOrder:
        """Return the order once the venue shows it in a state.

        Raises:
            StepError: It shows another one.
        """
        trading, desk = self._trading, self._trading.armed

        async def is_so() -> bool:
            return (await desk.look_patiently(self._name)).state is state

        if not await soon(is_so, trading.sleep):
            own = desk.orders[self._name]
            raise StepError(f"must be {state.value}, and it is {trading.told(own)}")
        return desk.orders[self._name]
