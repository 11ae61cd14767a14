"""The whole exchange as the in-process driver's venue: what the local server runs, without sockets.

It answers as ``SimVenue`` does, so that backtest and paper may trade under every rule of the real
venue: filters, margin, reduce-only, liquidation by its own schedule. Latency is not modelled here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from attrs import define, field

from grinder_core.contracts.effects import CancelOrder, Effect
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.market import (
    DepthDiff,
    Funding,
    L2Snapshot,
    MarkPrice,
    Snapshot,
    Trade,
)
from grinder_core.venue.exchange import ending, entry, market
from grinder_core.venue.exchange.account import AccountPush
from grinder_core.venue.exchange.exchange import FIRST_NUMBER, Exchange
from grinder_core.venue.exchange.floor import Floor
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.order import OrderPush
from grinder_core.venue.exchange.orders_of import rejection_of, request_of, update_of
from grinder_core.venue.exchange.refusals import Refused
from grinder_core.venue.exchange.vocabulary import AccountReason
from grinder_core.venue.matching import MatchingBook
from grinder_core.venue.settings import VenueSettings
from grinder_core.venue.sim import VenueEvent

ACCOUNT: Final = "engine"
LISTENS: Final = frozenset({Trade, L2Snapshot, DepthDiff, MarkPrice, Funding})


@define
class ExchangeVenue:
    """One account at an exchange of its own. Methods run inside ``exact()``.

    Attributes:
        late_cancels: Cancels of orders that were finished, or that never were.
    """

    floor: Floor
    late_cancels: int = 0
    listens: frozenset[type] = field(default=LISTENS, init=False, eq=False, repr=False)

    @classmethod
    def of(
        cls, settings: VenueSettings, capital: Decimal, instruments: Iterable[Instrument]
    ) -> ExchangeVenue:
        """Open an exchange with one account.

        Args:
            capital: First deposit, settlement asset.
            instruments: What it lists; orders of other symbols are refused.
        """
        exchange = Exchange.of(instruments, {ACCOUNT: capital}, settings, first_number=FIRST_NUMBER)
        return cls(exchange.floor)

    @property
    def books(self) -> dict[str, MatchingBook]:
        """The matching books by symbol."""
        return self.floor.books

    def on_snapshot(self, snapshot: Snapshot, now: int) -> Sequence[VenueEvent]:
        """Phase A: the market moved; resting orders may fill as maker."""
        return self._move(Event(now, snapshot), now)

    def on_market(
        self, payload: Payload, now: int, *, update_id: int | None = None
    ) -> Sequence[VenueEvent]:
        """Take what else the market says."""
        return self._move(Event(now, payload, update_id=update_id), now)

    def submit(self, effect: Effect, now: int, ts: int) -> Sequence[VenueEvent]:
        """Take one order, cancel or flatten, and answer it with everything that follows."""
        floor = self._at(now)
        if isinstance(effect, CancelOrder):
            answer = ending.cancel(floor, ACCOUNT, effect.symbol, 0, effect.client_order_id)
            self.late_cancels += isinstance(answer, Refused)
            return self._told()
        placed = entry.place(floor, ACCOUNT, request_of(effect))
        if isinstance(placed, Refused):
            return (*self._told(), rejection_of(effect, str(placed.code), floor.now))
        return self._told()

    def end_of_turn(self, symbol: str, now: int, ts: int) -> Sequence[VenueEvent]:
        """Nothing is left: an order that takes did so on arrival."""
        return ()

    # -- inside --------------------------------------------------------------------------------

    def _move(self, event: Event, now: int) -> Sequence[VenueEvent]:
        market.move(self._at(now), event)
        return self._told()

    def _at(self, now: int) -> Floor:
        floor = self.floor
        floor.now = max(floor.now, now)
        if floor.now >= floor.deadline:
            ending.run_out(floor)
        return floor

    def _told(self) -> Sequence[VenueEvent]:
        outbox = self.floor.outbox
        if not outbox:
            return ()
        self.floor.outbox = []
        events: list[VenueEvent] = []
        for push in outbox:
            if isinstance(push, OrderPush):
                events.append(update_of(push))
            elif isinstance(push, AccountPush) and push.reason is AccountReason.FUNDING_FEE:
                events.extend(() if push.payment is None else (push.payment,))
        return events
