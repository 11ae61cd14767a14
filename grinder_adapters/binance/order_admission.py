"""What a write must pass before the protocol (LIVE-09): the port's own checks, in their order.

Closed; fields; mode and class guards; whitelist; notional; counts. Cancels meet the first three,
for what rests on a symbol that left the whitelist must still be cancelled; what only shrinks a
position meets all but the last two. Where a venue cannot hold an order to that, nothing is called
so but the sale of what is held.
"""

from __future__ import annotations

from decimal import Decimal

from grinder_adapters.binance.order_limits import OrderLimits
from grinder_adapters.binance.outcomes import Accepted, Outcome, Refused
from grinder_adapters.binance.permission import Permission, PortKind
from grinder_adapters.binance.spec import IdentityCodec, VenueSpec
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_core.contracts.checks import check_symbol
from grinder_core.contracts.enums import Side
from grinder_core.errors import ConfigError, ConnectorClosedError, ConnectorNonRetryableError


class Admission:
    """The checks of one port.

    All but ``settled`` raise ``ConnectorClosedError`` (the port was closed), ``ContractError`` (a
    field), ``ConfigError`` (the permission is for another product) or
    ``ConnectorNonRetryableError`` (not permitted, beyond a limit, or nothing that the venue has);
    nothing was sent then.

    Args:
        guard: Holds the permission.
        spec: Which kind of port is needed.
        codec: Which ids are ours.
        limits: Sizes and numbers.
    """

    def __init__(
        self, guard: WriteGuard, spec: VenueSpec, codec: IdentityCodec, limits: OrderLimits
    ) -> None:
        self._guard, self._spec, self._codec, self._limits = guard, spec, codec, limits
        self._is_closed = False

    def close(self) -> None:
        """Let nothing pass any more."""
        self._is_closed = True

    def call(self, op: str) -> None:
        """Let a question pass."""
        if self._is_closed:
            raise ConnectorClosedError(op)

    def write(self) -> Permission:
        """Let a write pass that names no order."""
        self.call("write")
        permission = self._guard.require()
        if permission.port not in {self._spec.port, PortKind.SIM}:
            raise ConfigError(
                f"must be {self._spec.port} or sim for {self._spec.venue_id}",
                field="exchange_port",
                value=permission.port.value,
            )
        return permission

    def cancel(self, symbol: str, client_order_id: str) -> Permission:
        """Let the cancel of an order of ours pass."""
        self.call("write")
        check_symbol(symbol)
        self._codec.check(client_order_id)
        return self.write()

    def order(self, symbol: str, client_order_id: str) -> Permission:
        """Let an order pass, whatever its size."""
        permission = self.cancel(symbol, client_order_id)
        self._limits.check_symbol(permission, symbol)
        return permission

    def exit(self, symbol: str, client_order_id: str, side: Side) -> None:
        """Let an exit at the market pass."""
        self.order(symbol, client_order_id)
        if side is Side.BUY and not self._spec.capabilities.reduce_only:
            raise ConnectorNonRetryableError(
                f"on {self._spec.venue_id} a purchase leaves no position", field="side", value=side
            )

    def size(
        self,
        symbol: str,
        client_order_id: str,
        price: Decimal | None,
        qty: Decimal,
        *,
        only_reduces: bool,
    ) -> Permission:
        """Let an order pass that is there already, with another price and quantity.

        Args:
            price: ``None`` where it cannot be told.
        """
        permission = self.order(symbol, client_order_id)
        if not only_reduces:
            self._limits.check_notional(permission, price, qty)
        elif not self._spec.capabilities.reduce_only:
            raise ConnectorNonRetryableError(
                f"is nothing that {self._spec.venue_id} would hold an order to",
                field="reduce_only",
                value=True,
                remedy="leave it out; the order then counts like any other",
            )
        return permission

    def place(
        self,
        symbol: str,
        client_order_id: str,
        price: Decimal | None,
        qty: Decimal,
        *,
        only_reduces: bool,
    ) -> bool:
        """Let a new order pass; return whether it was counted."""
        permission = self.size(symbol, client_order_id, price, qty, only_reduces=only_reduces)
        return not only_reduces and self._limits.take(permission, client_order_id)

    def settled(self, outcome: Outcome, *, is_counted: bool = False) -> Outcome:
        """Take what became of a write, and return it.

        Args:
            is_counted: Whether ``place`` counted its order for this very write.
        """
        if isinstance(outcome, Accepted) and outcome.is_final:
            self._limits.closed(outcome.client_order_id)
        elif is_counted and isinstance(outcome, Refused):
            self._limits.give_back(outcome.client_order_id, was_order=outcome.is_order)
        return outcome
