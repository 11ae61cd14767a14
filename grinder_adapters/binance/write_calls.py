"""Every write of the port as one value: what to send, and how to find out what became of it.

The answer to a write counts only if it is about the order that was meant; another one proves
nothing (LIVE-04).
"""

from __future__ import annotations

from collections.abc import Callable

from grinder_adapters.binance.conditional import read_cancelled, read_conditional
from grinder_adapters.binance.conditional_requests import ConditionalRequest
from grinder_adapters.binance.endpoints import Request
from grinder_adapters.binance.order_api import OrderApi, named
from grinder_adapters.binance.order_requests import AmendOrder, LimitOrder, MarketOrder
from grinder_adapters.binance.outcomes import Seen
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_records import OrderAnswer
from grinder_adapters.binance.write_call import WriteCall
from grinder_core.contracts.enums import RiskIntent
from grinder_core.errors import ConnectorError
from grinder_core.resilience.idempotency import WriteIntent
from grinder_core.resilience.unknown import InquirySettings, OutcomeInquiry

Find = Callable[[bytes], Seen]


class WriteCalls:
    """Makes the calls of one product.

    Args:
        api: How it is told; its name is the scope of the idempotency keys.
        client: Whose receive window and clock the searches for outcomes go by.
        settings: How patiently those ask.

    Attributes:
        scope: Of normal orders.
        conditional_scope: Of conditional ones; an order of either kind may bear the same id.
    """

    def __init__(self, api: OrderApi, client: RestClient, settings: InquirySettings) -> None:
        self.scope, self.conditional_scope = api.venue_id, f"{api.venue_id}/conditional"
        self._api, self._client, self._settings = api, client, settings

    def place(self, order: LimitOrder) -> WriteCall:
        """Place a limit order."""
        intent = WriteIntent.place(
            self.scope,
            order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            price=order.price,
            qty=order.qty,
            level_id=order.level_id,
            generation=order.generation,
        )
        request = self._api.limit(order)
        return self._call(
            intent, _risk(order.reduce_only), order.symbol, request, self._inquire_place
        )

    def market(self, order: MarketOrder) -> WriteCall:
        """Leave a position at the market."""
        intent = WriteIntent.place(
            self.scope,
            order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            price=None,
            qty=order.qty,
            level_id=0,
            generation=order.generation,
        )
        request = self._api.market(order)
        return self._call(
            intent, RiskIntent.REDUCE_RISK, order.symbol, request, self._inquire_place
        )

    def amend(self, order: AmendOrder) -> WriteCall:
        """Give an order another price and quantity."""
        intent = WriteIntent.amend(
            self.scope,
            order.client_order_id,
            symbol=order.symbol,
            order_id=order.order_id,
            price=order.price,
            qty=order.qty,
            amend_no=order.amend_no,
        )

        def inquire(timestamp_ms: int) -> OutcomeInquiry:
            return OutcomeInquiry.amend(
                self._settings,
                before=order.before,
                price=order.price,
                qty=order.qty,
                timestamp_ms=timestamp_ms,
                recv_window_ms=self._client.settings.recv_window_ms,
                clock_skew_max_ms=self._client.venue_clock.settings.clock_skew_max_ms,
            )

        request = self._api.amend(order)
        return self._call(intent, _risk(order.reduce_only), order.symbol, request, inquire)

    def cancel(self, symbol: str, client_order_id: str, order_id: str | None) -> WriteCall:
        """Cancel an order."""
        intent = WriteIntent.cancel(self.scope, client_order_id, symbol=symbol, order_id=order_id)
        parameters = {"symbol": symbol, **named(client_order_id, order_id)}
        request = Request(self._api.cancel, parameters)
        return self._call(intent, RiskIntent.CANCEL, symbol, request, self._inquire_cancel)

    def place_conditional(self, order: ConditionalRequest) -> WriteCall:
        """Place a conditional order."""
        intent = WriteIntent.place(
            self.conditional_scope,
            order.client_algo_id,
            symbol=order.symbol,
            side=order.side,
            price=order.price,
            qty=order.qty,
            level_id=order.level_id,
            generation=order.generation,
            condition=order.condition(),
        )
        find = _finds_conditional(order.symbol, order.client_algo_id)
        return WriteCall(
            intent=intent,
            risk=_risk(order.only_reduces),
            symbol=order.symbol,
            request=self._api.conditional.place(order),
            read=find,
            query=self._query_conditional(order.client_algo_id),
            find=find,
            inquire=self._inquire_place,
        )

    def cancel_conditional(self, symbol: str, client_algo_id: str) -> WriteCall:
        """Cancel a conditional order."""
        intent = WriteIntent.cancel(
            self.conditional_scope, client_algo_id, symbol=symbol, order_id=None
        )
        return WriteCall(
            intent=intent,
            risk=RiskIntent.CANCEL,
            symbol=symbol,
            request=Request(self._api.conditional.cancel, {"clientAlgoId": client_algo_id}),
            read=read_cancelled,
            query=self._query_conditional(client_algo_id),
            find=_finds_conditional(symbol, client_algo_id),
            inquire=self._inquire_cancel,
        )

    def query(self, symbol: str, client_order_id: str) -> Request:
        """Ask for an order by our own id."""
        return Request(self._api.query, {"symbol": symbol, "origClientOrderId": client_order_id})

    def find(self, symbol: str, order_id: str) -> Request:
        """Ask for an order by the venue's id."""
        return Request(self._api.query, {"symbol": symbol, "orderId": order_id})

    def _query_conditional(self, client_algo_id: str) -> Request:
        return Request(self._api.conditional.query, {"clientAlgoId": client_algo_id})

    def _call(
        self,
        intent: WriteIntent,
        risk: RiskIntent,
        symbol: str,
        request: Request,
        inquire: Callable[[int], OutcomeInquiry],
    ) -> WriteCall:
        find = _finds(symbol, intent.client_order_id, self._api.read_order)
        return WriteCall(
            intent=intent,
            risk=risk,
            symbol=symbol,
            request=request,
            read=find,
            query=self.query(symbol, intent.client_order_id),
            find=find,
            inquire=inquire,
        )

    def _inquire_place(self, timestamp_ms: int) -> OutcomeInquiry:
        return OutcomeInquiry.place(
            self._settings,
            timestamp_ms=timestamp_ms,
            recv_window_ms=self._client.settings.recv_window_ms,
            clock_skew_max_ms=self._client.venue_clock.settings.clock_skew_max_ms,
        )

    def _inquire_cancel(self, _timestamp_ms: int) -> OutcomeInquiry:
        return OutcomeInquiry.cancel(self._settings)


def _risk(reduce_only: bool) -> RiskIntent:
    return RiskIntent.REDUCE_RISK if reduce_only else RiskIntent.INCREASE_RISK


def _finds(symbol: str, client_order_id: str, read: Callable[[bytes], OrderAnswer]) -> Find:
    def find(body: bytes) -> Seen:
        order = read(body)
        if (order.symbol, order.client_order_id) != (symbol, client_order_id):
            raise _other_order(symbol, client_order_id, order.client_order_id, "order")
        return Seen.of(order)

    return find


def _finds_conditional(symbol: str, client_algo_id: str) -> Find:
    def find(body: bytes) -> Seen:
        order = read_conditional(body)
        if (order.symbol, order.client_algo_id) != (symbol, client_algo_id):
            raise _other_order(symbol, client_algo_id, order.client_algo_id, "algoOrder")
        return order.seen()

    return find


def _other_order(symbol: str, wanted: str, found: str, where: str) -> ConnectorError:
    return ConnectorError(
        f"must be about {wanted} of {symbol}", field="client id", value=found, where=where
    )
