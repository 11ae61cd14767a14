"""Funding settlements as the engine books them: with the position and mark they were taken at."""

from __future__ import annotations

from decimal import Decimal

from attrs import Factory, define

from grinder_adapters.binance.engine_events import funding_of
from grinder_adapters.binance.user_events import AccountEvent
from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.market import MarkPrice
from grinder_core.numbers import ZERO


@define
class FundingNews:
    """Remembers marks and positions, which the venue's note of a settlement lacks."""

    _marks: dict[str, MarkPrice] = Factory(dict)
    _positions: dict[str, Decimal] = Factory(dict)

    def on_mark(self, mark: MarkPrice) -> None:
        """Take a mark price."""
        self._marks[mark.symbol] = mark

    def on_event(self, event: AccountEvent) -> list[FundingPaid]:
        """Take a change of the account; return what a settlement in it cost."""
        for position in event.positions:
            self._positions[position.symbol] = position.position_amt
        mark = self._marks.get(event.symbol)
        if mark is None:
            return []
        qty = self._positions.get(event.symbol, ZERO)
        paid = funding_of(event, qty, mark.funding_rate or ZERO, mark.mark_price)
        return [] if paid is None else [paid]
