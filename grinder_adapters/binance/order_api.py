"""How one product hears of orders and how it answers: all that its products differ in (LIVE-39).

The port, the write protocol and the limits are the same for every product; they take one of these
values. What a product does not have, it refuses by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from attrs import frozen

from grinder_adapters.binance.conditional_requests import ConditionalRequest
from grinder_adapters.binance.endpoints import Endpoint, Request
from grinder_adapters.binance.order_requests import AmendOrder, LimitOrder, MarketOrder
from grinder_adapters.binance.rest_records import OrderAnswer
from grinder_core.contracts.checks import check_symbol
from grinder_core.errors import ConnectorNonRetryableError

T = TypeVar("T")


@frozen(kw_only=True)
class ConditionalApi:
    """Calls about conditional orders.

    Attributes:
        place: What to send for one.
    """

    place: Callable[[ConditionalRequest], Request]
    cancel: Endpoint
    query: Endpoint
    open_orders: Endpoint


@frozen(kw_only=True)
class OrderApi:
    """Calls about orders, by what they are for.

    Attributes:
        limit, market: What to send for an order.
        time: The venue's clock.
        read_order, read_orders: Read the answers about one order and about those that rest.
        cancel_batch: ``None``: orders are cancelled one by one.
    """

    venue_id: str
    limit: Callable[[LimitOrder], Request]
    market: Callable[[MarketOrder], Request]
    cancel: Endpoint
    query: Endpoint
    open_orders: Endpoint
    time: Endpoint
    read_order: Callable[[bytes], OrderAnswer]
    read_orders: Callable[[bytes], tuple[OrderAnswer, ...]]
    cancel_batch: Endpoint | None = None
    _amend: Callable[[AmendOrder], Request] | None = None
    _conditional: ConditionalApi | None = None
    _countdown: Endpoint | None = None

    @property
    def has_conditional(self) -> bool:
        """Whether conditional orders have calls of their own."""
        return self._conditional is not None

    @property
    def amend(self) -> Callable[[AmendOrder], Request]:
        """What to send for an amend.

        Raises:
            ConnectorNonRetryableError: The product has none; so do those below.
        """
        return self._offered(self._amend, "amend: cancel the order and place another")

    @property
    def conditional(self) -> ConditionalApi:
        """Calls about conditional orders."""
        return self._offered(self._conditional, "conditional orders of their own")

    @property
    def countdown(self) -> Endpoint:
        """The dead-man switch."""
        return self._offered(self._countdown, "countdown that cancels orders")

    def _offered(self, thing: T | None, what: str) -> T:
        if thing is None:
            raise ConnectorNonRetryableError(f"{self.venue_id} has no {what}")
        return thing


def about(endpoint: Endpoint, symbol: str | None) -> Request:
    """Return a question about one symbol, or about all.

    Raises:
        ContractError: It is no symbol.
    """
    if symbol is None:
        return Request(endpoint)
    check_symbol(symbol)
    return Request(endpoint, {"symbol": symbol})


def named(client_order_id: str, order_id: str | None) -> dict[str, str]:
    """Return how a request names an order: by the venue's id where it is known, else by ours."""
    if order_id:
        return {"orderId": order_id}
    return {"origClientOrderId": client_order_id}
