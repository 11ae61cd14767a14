"""What the exchange of a crash world has on record, as values that cross a process border."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from attrs import frozen


@frozen(kw_only=True)
class VenueOrderRow:
    """One order that the exchange took.

    Attributes:
        number: The exchange's id.
        is_closed: Whether it is over.
    """

    client_order_id: str
    number: int
    symbol: str
    side: str
    filled: Decimal
    is_closed: bool


@frozen(kw_only=True)
class VenueFill:
    """One execution; ``signed_qty`` is positive for a buy."""

    symbol: str
    trade_id: int
    number: int
    signed_qty: Decimal
    fee: Decimal


@frozen(kw_only=True)
class Statement:
    """All of it.

    Attributes:
        cash_flow: What trading brought and cost without what the positions are worth: profit less
            fees and funding less the positions' cost, quote currency.
        faults: Injected since the plan was set, by kind.
    """

    orders: Sequence[VenueOrderRow]
    fills: Sequence[VenueFill]
    positions: Mapping[str, Decimal]
    cash_flow: Decimal
    faults: Mapping[str, int]
    requests: int
