"""What can be asked of the execution port, checked; how a venue hears it is said by its product.

Ids of ours are checked by the codec when the port takes them.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from attrs import frozen

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


@frozen(kw_only=True)
class LimitOrder:
    """A limit order.

    Attributes:
        level_id: 0 outside a plan.
        generation: Earlier orders of this symbol, side and level (LIVE-04).
        reduce_only: It may only shrink the position; spot has no such orders.
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


@frozen(kw_only=True)
class MarketOrder:
    """An exit at the market: reduce-only, and on spot a sale."""

    client_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    generation: int

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        check_positive_qty("qty", self.qty)
        check_int("generation", self.generation)


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
