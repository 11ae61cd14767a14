"""What the order router looks at, and its answer (LIVE-15).

The router is pure: what it must know of the order at the venue, the market, the request budget and
the venue arrives in these records. A price or quantity that no order can have is refused by the
router, as a value, not here: one bad wish must not stop the others.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Self

from attrs import evolve, field, frozen

from grinder_core.contracts.checks import check_int, check_symbol, is_number
from grinder_core.contracts.enums import ActionType, OrderState, RiskIntent, Side
from grinder_core.contracts.live import RouteDecision, RouteReason
from grinder_core.errors import ContractError

_LIVE: Final = frozenset(
    {OrderState.PENDING, OrderState.OPEN, OrderState.PARTIALLY_FILLED, OrderState.UNKNOWN}
)
_UNSETTLED: Final = frozenset({OrderState.PENDING, OrderState.UNKNOWN})
_CHARGED_AS_ORDER: Final = frozenset(
    {RouteDecision.PLACE, RouteDecision.AMEND, RouteDecision.CANCEL_REPLACE}
)
_CHARGED_AS_CANCEL: Final = frozenset({RouteDecision.CANCEL, RouteDecision.CANCEL_REPLACE})


@frozen(kw_only=True)
class RouteRequest:
    """One order as we want it, or the wish to have none.

    Attributes:
        action: PLACE or REPLACE (they are routed alike), or CANCEL; CANCEL looks at nothing but
            the resting order and the budget.
        intent: CANCEL if, and only if, the action is.
        price: Limit, quote currency; ``None`` is an order at the market, which must reduce risk.
        qty: Target in all, what is already executed included, base asset.
        reduce_only: The venue may only shrink the position with it.
        post_only: It rests as maker or is not sent; by default where it adds risk.
        level_id: 1 is nearest the anchor; 0 means outside a plan.
        client_order_id: Settles ties in the order of sending.
    """

    action: ActionType
    intent: RiskIntent
    symbol: str
    side: Side
    price: Decimal | None
    qty: Decimal
    reduce_only: bool = False
    post_only: bool = field()
    level_id: int = 0
    client_order_id: str = ""

    @post_only.default
    def _rests_where_it_adds_risk(self) -> bool:
        return self.intent is RiskIntent.INCREASE_RISK and self.price is not None

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        check_int("level_id", self.level_id)
        if self.action is ActionType.NOOP:
            raise ContractError("is never routed", field="action", value=self.action.value)
        if (self.action is ActionType.CANCEL) is not (self.intent is RiskIntent.CANCEL):
            raise ContractError(
                f"does not fit action {self.action}", field="intent", value=self.intent.value
            )
        if self.post_only and self.price is None:
            raise ContractError(
                "must be false for an order at the market", field="post_only", value=True
            )


@frozen(kw_only=True)
class RestingOrder:
    """The order that holds the place of the wanted one, as far as we know it.

    Attributes:
        price: Limit, quote currency; ``None`` for an order at the market.
        orig_qty: Quantity in all, executed included, base asset.
        amend_count: Amends it has had.
        write_in_flight: Its placement or an amend of it is not answered yet.
        cancel_in_flight: A cancel of it is not answered yet, beside a place or amend or alone.
        last_change_ts_ms: When it was last placed or amended, Unix milliseconds.
    """

    state: OrderState
    side: Side
    price: Decimal | None
    orig_qty: Decimal
    executed_qty: Decimal = Decimal(0)
    reduce_only: bool = False
    post_only: bool = False
    amend_count: int = 0
    write_in_flight: bool = False
    cancel_in_flight: bool = False
    last_change_ts_ms: int = 0

    @property
    def is_live(self) -> bool:
        """Whether it may still be, or come to be, on the venue's book."""
        return self.state in _LIVE

    @property
    def is_unsettled(self) -> bool:
        """Whether a request for it is on its way, or nobody knows what became of one."""
        return self.write_in_flight or self.cancel_in_flight or self.state in _UNSETTLED


@frozen(kw_only=True)
class RouteBook:
    """Best prices of the venue, quote currency, and when they were so, Unix milliseconds."""

    bid: Decimal
    ask: Decimal
    ts_ms: int

    def __attrs_post_init__(self) -> None:
        for name, price in (("bid", self.bid), ("ask", self.ask)):
            if not is_number(price) or price <= 0:
                raise ContractError("must be a decimal > 0", field=name, value=price)


@frozen(kw_only=True)
class Headroom:
    """How many more requests the venue's limits admit now (LIVE-11), each ``>= 0``.

    Attributes:
        orders_soft: Places and amends up to the soft limit: what adds risk.
        orders_hard: Places and amends up to the hard limit: what reduces it.
        cancels: Cancels, up to the hard limit.
    """

    orders_soft: int
    orders_hard: int
    cancels: int

    def __attrs_post_init__(self) -> None:
        check_int("orders_soft", self.orders_soft)
        check_int("orders_hard", self.orders_hard)
        check_int("cancels", self.cancels)

    def orders(self, intent: RiskIntent) -> int:
        """How many places and amends of that intent are admitted."""
        return self.orders_soft if intent is RiskIntent.INCREASE_RISK else self.orders_hard

    def after(self, decision: RouteDecision) -> Self:
        """Return what is left for the next request once this one is sent.

        CANCEL_REPLACE takes both its requests at once, so that the second finds room.
        """
        orders, cancels = decision in _CHARGED_AS_ORDER, decision in _CHARGED_AS_CANCEL
        return evolve(
            self,
            orders_soft=max(0, self.orders_soft - orders),
            orders_hard=max(0, self.orders_hard - orders),
            cancels=max(0, self.cancels - cancels),
        )


@frozen(kw_only=True)
class RouteCapabilities:
    """What the venue can do with an order that rests.

    Attributes:
        max_amends: Amends that one order may have.
    """

    supports_amend: bool
    max_amends: int


@frozen
class SorDecision:
    """How to get there, and why.

    Attributes:
        order: For PLACE, AMEND and CANCEL_REPLACE the request as the venue takes it: rounded,
            moved off the opposite side, cut to the largest quantity. Else ``None``.
    """

    decision: RouteDecision
    reason: RouteReason
    order: RouteRequest | None = None
