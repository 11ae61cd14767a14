"""A venue for a session that answers when it likes: live, and paper that runs free.

Effects leave at once and nobody waits for them. What the venue says waits for the next event of
the market, as whatever it changes would: decisions are made at quotes only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from grinder_core.contracts.control import Timer
from grinder_core.contracts.effects import Effect
from grinder_core.contracts.event import Payload
from grinder_core.contracts.market import Snapshot
from grinder_core.venue.exchange.in_process import LISTENS
from grinder_core.venue.sim import VenueEvent

LISTENS_FREELY: Final = LISTENS | {Timer}


class FreeVenue:
    """The session's side of a venue out there.

    Args:
        perform: Has an effect done; returns at once.

    Attributes:
        listens: Payload types that ``on_market`` needs: news may come before any of them.
        news: What the engine has not been told yet; other threads may append to it.
    """

    listens = LISTENS_FREELY

    def __init__(self, perform: Callable[[Effect], None]) -> None:
        self._perform = perform
        self.news: deque[VenueEvent] = deque()

    def on_snapshot(self, snapshot: Snapshot, now: int) -> Sequence[VenueEvent]:
        """What the venue said up to now."""
        return self._told()

    def on_market(
        self, payload: Payload, now: int, *, update_id: int | None = None
    ) -> Sequence[VenueEvent]:
        """What the venue said up to now."""
        return self._told()

    def submit(self, effect: Effect, now: int, ts: int) -> Sequence[VenueEvent]:
        """Have one order, cancel or flatten done; what becomes of it comes later."""
        self._perform(effect)
        return ()

    def end_of_turn(self, symbol: str, now: int, ts: int) -> Sequence[VenueEvent]:
        """Nothing: what takes is told when the venue has said so."""
        return ()

    def _told(self) -> list[VenueEvent]:
        return [self.news.popleft() for _ in range(len(self.news))]
