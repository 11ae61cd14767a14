"""Sizes and prices of a harness's order: as small as the venue takes, and far from the market."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.contracts.market import Snapshot
from grinder_core.numbers import BPS, ceil_div, exact, floor_div
from grinder_core.orders.constraints import least_order

FAR_BPS: Final = 500
"""Below the best bid: no market moves so far in the seconds of a proof, and the venue takes it."""

FARTHER_BPS: Final = 600
SLIPPAGE_BPS: Final = 30
"""Above the best ask: what an entry may pay."""


@frozen(kw_only=True)
class Ticket:
    """An order that is wanted: quote price, base quantity, and what both make together."""

    price: Decimal
    qty: Decimal
    notional: Decimal


def below(quote: Snapshot, tick: Decimal, bps: int) -> Decimal:
    """Return the price so far below the best bid, down to the tick."""
    with exact():
        return tick * floor_div(quote.bid_price * (BPS - bps), tick * BPS)


def above(quote: Snapshot, tick: Decimal, bps: int) -> Decimal:
    """Return the price so far above the best ask, up to the tick."""
    with exact():
        return tick * ceil_div(quote.ask_price * (BPS + bps), tick * BPS)


def ticket(price: Decimal, rules: SymbolConstraints, at_least: Decimal | None = None) -> Ticket:
    """Return the least order at a price.

    Args:
        at_least: Make it large enough for this price too, quote currency.
    """
    with exact():
        qty = max(least_order(rules, p) for p in (price, at_least or price))
        return Ticket(price=price, qty=qty, notional=price * qty)
