"""What can be asked of the execution port, checked, and how the venue wants to hear it (6.2, 6.3).

Numbers go out as plain decimals; ids of ours are checked by the codec when the port takes them.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from attrs import frozen

from grinder_adapters.binance import endpoints
from grinder_adapters.binance.endpoints import Request
from grinder_adapters.feeds.interned import TEXTS
from grinder_core.contracts.checks import (
    check_int,
    check_positive_qty,
    check_price,
    check_symbol,
)
from grinder_core.contracts.enums import Side
from grinder_core.errors import ContractError
from grinder_core.resilience.unknown import OrderView


class TimeInForce(StrEnum):
    """How long a limit order stays; GTX is refused instead of taking."""

    GTX = "GTX"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
_SELF_TRADE = {"selfTradePreventionMode": "EXPIRE_MAKER"}  # the venue's default is not certain


@frozen(kw_only=True)
class LimitOrder:
    """A limit order.

    Attributes:
        level_id: 0 outside a plan.
        generation: Earlier orders of this symbol, side and level (LIVE-04).
        reduce_only: It may only shrink the position.
    """

    client_order_id: str
    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    level_id: int = 0
    generation: int
    reduce_only: bool = False
    time_in_force: TimeInForce = TimeInForce.GTX

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        check_price("price", self.price)
        check_positive_qty("qty", self.qty)
        check_int("level_id", self.level_id)
        check_int("generation", self.generation)

    def request(self) -> Request:
        """Return what to send."""
        parameters = {
            "symbol": self.symbol,
            "side": self.side.value,
            "type": "LIMIT",
            "timeInForce": self.time_in_force.value,
            "quantity": TEXTS[self.qty],
            "price": TEXTS[self.price],
            "newClientOrderId": self.client_order_id,
        }
        if self.reduce_only:
            parameters["reduceOnly"] = "true"
        if self.time_in_force is not TimeInForce.GTX:  # one that never takes has no such mode
            parameters |= _SELF_TRADE
        if self.time_in_force in _AT_ONCE:
            parameters["newOrderRespType"] = "RESULT"
        endpoint = endpoints.PLACE_REDUCE if self.reduce_only else endpoints.PLACE
        return Request(endpoint, parameters)


@frozen(kw_only=True)
class MarketOrder:
    """An exit at the market: always reduce-only."""

    client_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    generation: int

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        check_positive_qty("qty", self.qty)
        check_int("generation", self.generation)

    def request(self) -> Request:
        """Return what to send."""
        parameters = {
            "symbol": self.symbol,
            "side": self.side.value,
            "type": "MARKET",
            "quantity": TEXTS[self.qty],
            "reduceOnly": "true",
            "newClientOrderId": self.client_order_id,
            "newOrderRespType": "RESULT",
            **_SELF_TRADE,
        }
        return Request(endpoints.PLACE_REDUCE, parameters)


@frozen(kw_only=True)
class AmendOrder:
    """New price and quantity of a limit order.

    Attributes:
        order_id: The venue's, where it is known.
        price, qty: Both are sent; ``qty`` is the new whole quantity, not the rest.
        reduce_only: What the order is; the venue checks it and never changes it.
        amend_no: Amends that the order has had before.
        before: The order as last known.
    """

    client_order_id: str
    order_id: str | None
    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    reduce_only: bool = False
    amend_no: int
    before: OrderView

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        check_price("price", self.price)
        check_positive_qty("qty", self.qty)
        check_int("amend_no", self.amend_no)
        if (self.price, self.qty) == (self.before.price, self.before.qty):
            raise ContractError("must differ from the old values", field="price", value=self.price)

    def request(self) -> Request:
        """Return what to send."""
        parameters = {
            "symbol": self.symbol,
            "side": self.side.value,
            "quantity": TEXTS[self.qty],
            "price": TEXTS[self.price],
            **named(self.client_order_id, self.order_id),
            "modifyId": str(self.amend_no),
        }
        if self.reduce_only:
            parameters["reduceOnly"] = "true"
        endpoint = endpoints.AMEND_REDUCE if self.reduce_only else endpoints.AMEND
        return Request(endpoint, parameters)


def named(client_order_id: str, order_id: str | None) -> dict[str, str]:
    """Return how a request names an order: by the venue's id where it is known, else by ours."""
    if order_id:
        return {"orderId": order_id}
    return {"origClientOrderId": client_order_id}
