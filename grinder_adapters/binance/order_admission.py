"""What a write must pass before the protocol (LIVE-09): the port's own checks, in their order.

Closed; fields; mode and class guards; whitelist; notional; counts. Cancels meet the first three,
for what rests on a symbol that left the whitelist must still be cancelled; what only shrinks a
position meets all but the last two.
"""

from __future__ import annotations

from decimal import Decimal

from grinder_adapters.binance.order_limits import OrderLimits
from grinder_adapters.binance.permission import Permission, PortKind
from grinder_adapters.binance.spec import IdentityCodec, VenueSpec
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_core.contracts.checks import check_symbol
from grinder_core.errors import ConfigError, ConnectorClosedError


class Admission:
    """The checks of one port; each method includes those above it.

    All raise ``ConnectorClosedError`` (the port was closed), ``ContractError`` (a field) or
    ``ConnectorNonRetryableError`` (not permitted, or beyond a limit); nothing was sent then.

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
        """Let an order pass that can only shrink a position."""
        permission = self.cancel(symbol, client_order_id)
        self._limits.check_symbol(permission, symbol)
        return permission

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
