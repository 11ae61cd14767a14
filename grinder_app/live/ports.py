"""Who takes what the session wants done: a venue out there, paper, or nobody (LIVE-08)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from grinder_adapters.binance.order_desk import OrderDesk
from grinder_core.contracts.control import FundingPaid, WriteResult
from grinder_core.contracts.effects import CancelOrder, Effect
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.live import WriteOutcome
from grinder_core.contracts.market import MarkPrice, Snapshot
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.numbers import exact
from grinder_core.ports import Venue

Put = Callable[[Payload], None]
NOTHING: tuple[Payload, ...] = ()


class LivePort(Protocol):
    """Takes effects; what becomes of them comes back as payloads of events."""

    def perform(self, effect: Effect, now: int) -> None:
        """Have an effect done; returns at once."""

    def before(self, event: Event) -> Sequence[Payload]:
        """See a market event before the session does: resting orders may fill."""

    def after(self, event: Event) -> Sequence[Payload]:
        """See that the session's turn is over: what was placed may fill at once."""


class Nobody:
    """Takes nothing: for sessions that must not want anything, such as one that only reads."""

    def perform(self, effect: Effect, now: int) -> None:
        """Refuse: nothing passes the envelope of such a session."""
        raise AssertionError(f"an effect without a port: {effect}")

    def before(self, event: Event) -> Sequence[Payload]:
        """Nothing."""
        return NOTHING

    def after(self, event: Event) -> Sequence[Payload]:
        """Nothing."""
        return NOTHING


class DeskPort:
    """A venue out there. It hears of the market by itself.

    Args:
        expect: Told of each effect before the desk has it.
    """

    def __init__(self, desk: OrderDesk, expect: Callable[[Effect], None]) -> None:
        self._desk, self._expect = desk, expect

    def perform(self, effect: Effect, now: int) -> None:
        """Hand it to the desk."""
        self._expect(effect)
        self._desk.perform(effect)

    def before(self, event: Event) -> Sequence[Payload]:
        """Tell the desk the mark that a settlement of funding is charged at."""
        if isinstance(event.payload, MarkPrice):
            self._desk.funding.on_mark(event.payload)
        return NOTHING

    def after(self, event: Event) -> Sequence[Payload]:
        """Nothing."""
        return NOTHING


class PaperPort:
    """A simulated venue in this process: paper fills, shadow rests and never does.

    Args:
        venue: Answers at once.
        put: Takes its answers to effects.
    """

    def __init__(self, venue: Venue, put: Put) -> None:
        self._venue, self._put, self._listens = venue, put, venue.listens
        self._has_performed = False

    def perform(self, effect: Effect, now: int) -> None:
        """Let the venue answer."""
        self._has_performed = True
        op = "cancel" if isinstance(effect, CancelOrder) else "place"
        name = effect.client_order_id
        self._put(WriteResult(client_order_id=name, outcome=WriteOutcome.ACCEPTED.value, op=op))
        with exact():
            answers = self._venue.submit(effect, now, now)
        for answer in answers:
            self._put(answer)

    def before(self, event: Event) -> Sequence[OrderUpdate | FundingPaid]:
        """Let the market move first."""
        payload, now = event.payload, event.ts_ms
        with exact():
            if isinstance(payload, Snapshot):
                return self._venue.on_snapshot(payload, now)
            if type(payload) in self._listens:
                return self._venue.on_market(payload, now, update_id=event.update_id)
        return ()

    def after(self, event: Event) -> Sequence[OrderUpdate | FundingPaid]:
        """Let fill what takes."""
        if not self._has_performed or not isinstance(event.payload, Snapshot):
            return ()
        self._has_performed = False
        with exact():
            return self._venue.end_of_turn(event.payload.symbol, event.ts_ms, event.payload.ts)
