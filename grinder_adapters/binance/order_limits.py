"""The port's own last limits on orders: symbols, size, number (LIVE-09, I-09.2).

They count what passed here, whatever gates said before. What only shrinks a position is exempt
from size and numbers, else a position built from many small orders could not be left.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import Factory, define

from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.permission import Permission
from grinder_core.contracts.checks import check_int
from grinder_core.errors import ConnectorNonRetryableError
from grinder_core.numbers import exact

ON_MAINNET = 1


@define
class OrderLimits:
    """Limits, and the orders that fill them.

    Attributes:
        max_orders_per_run, max_open_orders: ``None``: 1 on MAINNET, else unlimited.
        sent: Orders that were let through since the start or ``reset``.
        open_ids: Those of them that may still be open.
    """

    max_orders_per_run: int | None = None
    max_open_orders: int | None = None
    sent: int = 0
    open_ids: set[str] = Factory(set)

    def __attrs_post_init__(self) -> None:
        for name in ("max_orders_per_run", "max_open_orders"):
            if (limit := getattr(self, name)) is not None:
                check_int(name, limit)

    def check_symbol(self, permission: Permission, symbol: str) -> None:
        """Insist that a symbol may be traded.

        Raises:
            ConnectorNonRetryableError: It is not in the whitelist.
        """
        if permission.symbol_whitelist and symbol not in permission.symbol_whitelist:
            raise ConnectorNonRetryableError(
                "is not in the symbol whitelist", field="symbol", value=symbol
            )

    def check_notional(self, permission: Permission, price: Decimal | None, qty: Decimal) -> None:
        """Insist that an order that adds risk is not too large.

        Args:
            price: ``None`` where it cannot be told before the order triggers.

        Raises:
            ConnectorNonRetryableError: ``price * qty`` is above the limit, or cannot be told.
        """
        limit = permission.max_notional_per_order
        if limit is None:
            return
        if price is None:
            raise ConnectorNonRetryableError(
                f"is not known, so max_notional_per_order {limit} cannot hold",
                field="price",
                value=price,
                remedy="make the order reduce-only",
            )
        with exact():
            notional = price * qty
        if notional > limit:
            raise ConnectorNonRetryableError(
                f"must be <= max_notional_per_order {limit}", field="notional", value=notional
            )

    def take(self, permission: Permission, client_order_id: str) -> bool:
        """Count an order that adds risk; the same one is counted once while it may be open.

        Returns:
            Whether it was counted now.

        Raises:
            ConnectorNonRetryableError: There are too many already.
        """
        if client_order_id in self.open_ids:
            return False
        is_mainnet = permission.venue_class is VenueClass.MAINNET
        default = ON_MAINNET if is_mainnet else None
        counts = (
            ("max_orders_per_run", self.max_orders_per_run, self.sent),
            ("max_open_orders", self.max_open_orders, len(self.open_ids)),
        )
        for name, given, count in counts:
            limit = default if given is None else given
            if limit is not None and count >= limit:
                raise ConnectorNonRetryableError(
                    f"{count} orders are as many as {name} = {limit} allows",
                    field="client_order_id",
                    value=client_order_id,
                )
        self.sent += 1
        self.open_ids.add(client_order_id)
        return True

    def closed(self, client_order_id: str) -> None:
        """The order is known to rest no more."""
        self.open_ids.discard(client_order_id)

    def give_back(self, client_order_id: str, *, was_order: bool) -> None:
        """The order was refused; if it was none at all, it also leaves the count of the run."""
        self.open_ids.discard(client_order_id)
        if not was_order:
            self.sent -= 1

    def reset(self) -> None:
        """Begin a new run; what is open stays counted as open."""
        self.sent = 0
