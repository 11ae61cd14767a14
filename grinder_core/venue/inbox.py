"""Orders and cancels on their way to the venue (CORE-37): each has an arrival time.

Times are those of the driver's clock (``now``), so that latency counts from the decision.
"""

from __future__ import annotations

from bisect import insort
from typing import Final

from attrs import Factory, define, frozen

from grinder_core.contracts.effects import CancelOrder, Effect
from grinder_core.venue.settings import VenueSettings

NEVER: Final = 1 << 63


@frozen
class Arrival:
    """One effect under way.

    Attributes:
        due: When it arrives, driver's clock.
        ts: The same moment on the venue's clock.
    """

    due: int
    ts: int
    effect: Effect


@define
class Inbox:
    """What is under way, in order of arrival, then of sending."""

    entries: list[Arrival] = Factory(list)

    @property
    def next_due(self) -> int:
        """When the first one arrives; ``NEVER`` if none is under way."""
        return self.entries[0].due if self.entries else NEVER

    def due_of(self, effect: Effect, now: int, settings: VenueSettings) -> int:
        """When an effect sent now arrives: a cancel never before the order that it is for."""
        if not isinstance(effect, CancelOrder):
            return now + settings.order_latency_ms
        due = now + settings.cancel_latency_ms
        for entry in self.entries:
            if entry.effect.client_order_id == effect.client_order_id:
                due = max(due, entry.due)
        return due

    def add(self, arrival: Arrival) -> None:
        """Put one under way."""
        insort(self.entries, arrival, key=_due)

    def pop(self) -> Arrival:
        """Take out the first one."""
        return self.entries.pop(0)


def _due(arrival: Arrival) -> int:
    return arrival.due
