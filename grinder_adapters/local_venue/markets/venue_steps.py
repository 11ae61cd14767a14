"""What a script does to the venue itself: no market events, but in the same stream."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import evolve, frozen

from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.vocabulary import SymbolStatus


@frozen(kw_only=True)
class StatusChange:
    """A symbol begins or ceases to trade."""

    ts_ms: int
    symbol: str
    status: SymbolStatus

    def applied_to(self, instrument: Instrument) -> Instrument:
        """Return the symbol's rules from now on."""
        return evolve(instrument, status=self.status)


@frozen(kw_only=True)
class FilterChange:
    """Rules of a symbol's orders change.

    Attributes:
        filters: New values by the field's name of ``Instrument``: decimals, and a count of
            ``max_orders``.
    """

    ts_ms: int
    symbol: str
    filters: Mapping[str, Any]

    def applied_to(self, instrument: Instrument) -> Instrument:
        """Return the symbol's rules from now on.

        Raises:
            ContractError: They cannot be: an increment of 0.
        """
        return evolve(instrument, **self.filters)


@frozen(kw_only=True)
class Deposit:
    """Money comes into an account, or leaves it where negative; settlement asset."""

    ts_ms: int
    account: str
    amount: Decimal


VenueStep = StatusChange | FilterChange | Deposit
