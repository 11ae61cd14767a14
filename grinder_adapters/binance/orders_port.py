"""The only component that sends orders (LIVE-09, LIVE-10, LIVE-39: ``ExecutionPort``).

A call goes through the checks of ``order_admission.py``; then ``dry_run``; then the write protocol
of ``writes.py``. What fails before the protocol raises, for it must not be tried again; what the
protocol or the venue decided comes back as an `Outcome`. A conditional order counts from the moment
it waits, for nobody asks again when it triggers. The countdown is no order: it is confirmed or
raises.
"""

from __future__ import annotations

from collections.abc import Iterable

from grinder_adapters.binance.batch_cancel import BatchCanceller
from grinder_adapters.binance.conditional import (
    ConditionalOrder,
    read_conditionals,
    seen_in,
)
from grinder_adapters.binance.conditional_requests import ConditionalRequest
from grinder_adapters.binance.countdown import Countdown, DeadManSwitch
from grinder_adapters.binance.dry_run import DryRun
from grinder_adapters.binance.order_admission import Admission
from grinder_adapters.binance.order_api import about
from grinder_adapters.binance.order_limits import OrderLimits
from grinder_adapters.binance.order_requests import AmendOrder, LimitOrder, MarketOrder
from grinder_adapters.binance.outcomes import Outcome, Seen
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_records import OrderAnswer
from grinder_adapters.binance.spec import USDM, IdentityCodec, VenueSpec
from grinder_adapters.binance.user_events import AlgoEvent, FuturesOrderEvent
from grinder_adapters.binance.write_calls import WriteCalls
from grinder_adapters.binance.writes import Writer
from grinder_core.contracts.checks import check_int, check_symbol
from grinder_core.errors import (
    ConnectorError,
    ConnectorNonRetryableError,
    ContractError,
)
from grinder_core.numbers import ZERO


class ExecutionPort:
    """Orders of one product, USDT-M futures unless ``spec`` says spot; see the module's text.

    Args:
        client: Sends; its write guard decides whether writes are possible at all.
        writer: The write protocol on the same client.
        codec: Which ids are ours.
        spec: What is traded on; the client must ask the same product for its time.
        limits: The port's own last limits.
        dry_run: Make up every result of a write and send nothing.
        dedicated_account: Nobody else trades on the account, so that all orders on any symbol are
            ours to cancel.
    """

    def __init__(
        self,
        client: RestClient,
        writer: Writer,
        codec: IdentityCodec,
        *,
        spec: VenueSpec = USDM,
        limits: OrderLimits | None = None,
        dry_run: bool = False,
        dedicated_account: bool = False,
    ) -> None:
        self._client, self._writer = client, writer
        self.codec, self.spec = codec, spec
        self.limits = limits or OrderLimits()
        self._dry_run = DryRun() if dry_run else None
        self._api = api = spec.orders
        self._calls = WriteCalls(api, client, writer.settings)
        batch_max = spec.capabilities.cancel_batch_max
        self._batches = BatchCanceller(client, writer, api.cancel_batch, batch_max)
        self._switch, self._is_dedicated = DeadManSwitch(client, writer), dedicated_account
        self._admission = Admission(client.guard, spec, codec, self.limits)

    # -- writes --------------------------------------------------------------------------------

    async def place(self, order: LimitOrder) -> Outcome:
        """Place a limit order.

        Raises:
            ConnectorClosedError: The port was closed.
            ContractError: The client id is not one of ours.
            ConnectorNonRetryableError: Not permitted, or beyond a limit; nothing was sent.
        """
        name, reduces = order.client_order_id, order.reduce_only
        is_counted = self._admission.place(
            order.symbol, name, order.price, order.qty, only_reduces=reduces
        )
        if self._dry_run is not None:
            return self._dry_run.placed(name, order.price, order.qty)
        outcome = await self._writer.perform(self._calls.place(order))
        return self._admission.settled(outcome, is_counted=is_counted)

    async def place_market(self, order: MarketOrder) -> Outcome:
        """Leave a position at the market; raises as ``place`` does.

        It is reduce-only, or on spot a sale: nobody sells there what he does not hold.
        """
        self._admission.exit(order.symbol, order.client_order_id, order.side)
        if self._dry_run is not None:
            return self._dry_run.filled(order.client_order_id, order.qty)
        return await self._writer.perform(self._calls.market(order))

    async def place_conditional(self, order: ConditionalRequest) -> Outcome:
        """Place an order that waits for its trigger; raises as ``place`` does.

        Its notional is held against the limit at the highest price that it asks for. A trailing
        stop asks for none, so where there is a limit it must be reduce-only.
        """
        self._admission.call("write")
        call = self._calls.place_conditional(order)
        name, qty, reduces = order.client_algo_id, order.asked_qty, order.only_reduces
        is_counted = self._admission.place(
            order.symbol, name, order.asked_price, qty, only_reduces=reduces
        )
        if self._dry_run is not None:
            return self._dry_run.placed(name, order.trigger_price or ZERO, qty)
        outcome = await self._writer.perform(call)
        return self._admission.settled(outcome, is_counted=is_counted)

    async def amend(self, order: AmendOrder) -> Outcome:
        """Give a limit order another price and quantity; raises as ``place`` does.

        It loses its place in the queue, and the venue cancels it if the new quantity is executed
        already or the new price would take: an accepted amend may show a final order.
        """
        self._admission.call("write")
        call = self._calls.amend(order)
        amends_max = self.spec.capabilities.max_amends
        if order.amend_no >= amends_max:
            raise ContractError(
                f"must be < {amends_max}",
                field="amend_no",
                value=order.amend_no,
                remedy="cancel the order and place another",
            )
        name, reduces = order.client_order_id, order.reduce_only
        self._admission.size(order.symbol, name, order.price, order.qty, only_reduces=reduces)
        if self._dry_run is not None:
            return self._dry_run.placed(name, order.price, order.qty)
        return self._admission.settled(await self._writer.perform(call))

    async def cancel(
        self, symbol: str, client_order_id: str, order_id: str | None = None
    ) -> Outcome:
        """Cancel one order of ours; accepted only when it is proven to be final.

        Raises:
            ConnectorClosedError, ContractError, ConnectorNonRetryableError: As ``place``, but
                what rests on a symbol that left the whitelist can still be cancelled.
        """
        self._admission.cancel(symbol, client_order_id)
        if self._dry_run is not None:
            return self._dry_run.cancelled(client_order_id)
        call = self._calls.cancel(symbol, client_order_id, order_id)
        return self._admission.settled(await self._writer.perform(call))

    async def cancel_many(self, symbol: str, client_order_ids: Iterable[str]) -> list[Outcome]:
        """Cancel orders of ours on one symbol, in batches; outcomes in the order given."""
        names = list(client_order_ids)
        for name in names:
            self._admission.cancel(symbol, name)
        if self._dry_run is not None:
            return [self._dry_run.cancelled(name) for name in names]
        calls = [self._calls.cancel(symbol, name, None) for name in names]
        return [self._admission.settled(o) for o in await self._batches.cancel(symbol, calls)]

    async def cancel_conditional(self, symbol: str, client_algo_id: str) -> Outcome:
        """Cancel one conditional order of ours; raises as ``cancel`` does."""
        self._admission.cancel(symbol, client_algo_id)
        call = self._calls.cancel_conditional(symbol, client_algo_id)
        if self._dry_run is not None:
            return self._dry_run.cancelled(client_algo_id)
        return self._admission.settled(await self._writer.perform(call))

    async def cancel_own(self, symbol: str, *, keep_reduce_only: bool = False) -> list[Outcome]:
        """Cancel every order of ours on a symbol, conditional ones first, and no foreign one.

        Args:
            keep_reduce_only: Leave what only shrinks the position, as the kill switch does.

        Raises:
            ConnectorError: The orders cannot be listed; what could be listed was cancelled.
                ``cancel_many`` needs no list.
        """
        self._admission.write()
        unlisted: ConnectorError | None = None
        try:
            waiting = await self.conditional_orders(symbol)
        except ConnectorError as error:  # the normal orders matter more
            waiting, unlisted = (), error
        outcomes = [
            await self.cancel_conditional(symbol, order.client_algo_id)
            for order in waiting
            if self.codec.is_ours(order.client_algo_id)
            and not (keep_reduce_only and order.only_reduces)
        ]
        resting = [
            order.client_order_id
            for order in await self.open_orders(symbol)
            if self.codec.is_ours(order.client_order_id)
            and not (keep_reduce_only and order.reduce_only)
        ]
        outcomes += await self.cancel_many(symbol, resting)
        if unlisted is not None:
            raise unlisted
        return outcomes

    def is_countdown_armed(self, symbol: str) -> bool:
        """Whether a countdown of ours surely runs on a symbol."""
        return self._switch.is_armed(symbol)

    async def arm_countdown(self, symbol: str, countdown_ms: int) -> Countdown:
        """Let the venue cancel every order on a symbol unless this is called again in time.

        The venue's own countdown and cancel-all calls hit every order on a symbol, foreign ones
        included. So a symbol is armed only if none is there, or if the port was told that the
        account is dedicated; whoever trades there by hand later does so at his risk. A countdown
        that runs is renewed without looking, for to let it run out would cancel them too.

        Args:
            countdown_ms: From the call on; 0 disarms, whatever is there.

        Raises:
            ConnectorClosedError, ContractError: As ``place``.
            ConnectorNonRetryableError: Not permitted, refused, or there are foreign orders.
            ConnectorError: No answer: it may have been set or not, and another call settles it.
        """
        self._admission.call("write")
        check_symbol(symbol)
        check_int("countdown_ms", countdown_ms)
        self._admission.write()
        endpoint = self._api.countdown
        if self._dry_run is not None:
            return Countdown(symbol=symbol, countdown_ms=countdown_ms)
        if countdown_ms and not self._is_dedicated and not self._switch.is_armed(symbol):
            await self._refuse_foreign(symbol)
        return await self._switch.set(endpoint, symbol, countdown_ms)

    # -- reads ---------------------------------------------------------------------------------

    async def query(self, symbol: str, client_order_id: str) -> OrderAnswer | None:
        """Return one order; ``None`` where the venue knows none, which alone proves nothing.

        Raises:
            ConnectorError: The venue cannot be asked, or the port was closed.
        """
        self._admission.call("query")
        return await self._client.find(
            self._calls.query(symbol, client_order_id), self._api.read_order
        )

    async def find(self, symbol: str, order_id: str) -> OrderAnswer | None:
        """Return one order by the venue's id; ``None`` where the venue knows none.

        Raises:
            ConnectorError: As ``query``.
        """
        self._admission.call("query")
        return await self._client.find(self._calls.find(symbol, order_id), self._api.read_order)

    async def open_orders(self, symbol: str | None = None) -> tuple[OrderAnswer, ...]:
        """Return the orders that rest on a symbol or on all, foreign ones included."""
        self._admission.call("open_orders")
        return await self._client.read(about(self._api.open_orders, symbol), self._api.read_orders)

    async def conditional_orders(self, symbol: str | None = None) -> tuple[ConditionalOrder, ...]:
        """Return the conditional orders that wait, foreign ones included."""
        self._admission.call("conditional_orders")
        if not self._api.has_conditional:
            return ()
        endpoint = self._api.conditional.open_orders
        return await self._client.read(about(endpoint, symbol), read_conditionals)

    # -- life ----------------------------------------------------------------------------------

    def on_order_event(self, event: FuturesOrderEvent) -> None:
        """Take what the user stream says of an order; it may end a search for an outcome."""
        self._hear(self._calls.scope, event.client_order_id, Seen.of(event))

    def on_conditional_event(self, event: AlgoEvent) -> None:
        """Take what the user stream says of a conditional order, as of a normal one."""
        self._hear(self._calls.conditional_scope, event.client_algo_id, seen_in(event))

    async def close(self) -> None:
        """Take no call any more and close the client; idempotent."""
        self._admission.close()
        await self._client.close()

    # -- inside --------------------------------------------------------------------------------

    async def _refuse_foreign(self, symbol: str) -> None:
        # whether the countdown reaches conditional orders is not certain (reference 15)
        names = [order.client_order_id for order in await self.open_orders(symbol)]
        names += [order.client_algo_id for order in await self.conditional_orders(symbol)]
        if foreign := [name for name in names if not self.codec.is_ours(name)]:
            raise ConnectorNonRetryableError(
                f"{len(foreign)} of the orders on {symbol} are not ours to cancel by countdown",
                field="client_order_id",
                value=foreign[0],
                remedy="cancel them, or trade on this symbol without the dead-man switch",
            )

    def _hear(self, scope: str, client_order_id: str, seen: Seen) -> None:
        if seen.view.state.is_final:
            self.limits.closed(client_order_id)
        self._writer.on_news(scope, client_order_id, seen)
