"""Lockstep: the next market event leaves when the client is done with the one before.

A lockstep client opens ``/lockstep/stream`` with its market streams and its listen key and gets
their frames in one order. A whole book of the source, which streams tell as changes, comes as it is
besides: ``{"book":symbol,..}``. A turn ends with ``{"turn":n,"now":ms,"events":k}``: the venue's
clock and how many user events there have been. The client acts, waits until it has seen as many
user events as the answers to its requests count (``X-Grinder-User-Events``), and sends
``{"ack":n}``. Time stands still in between, so that socket trading equals trading in process,
decision by decision. The last turn is ``{"end":true}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import orjson
from attrs import define

from grinder_adapters.feeds.interned import TEXTS
from grinder_adapters.local_venue.session import Category, Session
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import L2Snapshot

FAILED: Final = 1011


@define
class SteppedClock:
    """A clock that only the feed moves."""

    now: int = 0

    def now_ms(self) -> int:
        """Return Unix milliseconds of the last event."""
        return self.now


@define(eq=False)
class LockstepFeed:
    """Feeds a source to one lockstep client, turn by turn.

    Attributes:
        turns: Turns that were acknowledged.
    """

    venue: LocalVenue
    clock: SteppedClock
    turns: int = 0

    async def run(self, source: Iterable[Event]) -> None:
        """Feed everything; the client must be connected.

        Raises:
            ConnectionError: The client went away before the end.
        """
        session = self._client()
        try:
            await self._feed(source, session)
        except BaseException:
            session.close(FAILED, "the market ended early")  # nobody may wait for more of it
            raise

    async def _feed(self, source: Iterable[Event], session: Session) -> None:
        acknowledged = asyncio.Event()
        session.on_ack = acknowledged.set
        for turn, event in enumerate(source):
            self._check(session, turn)
            now = self._advance(event.ts_ms)
            sent = session.sent
            self.venue.on_event(event, now)
            if isinstance(event.payload, L2Snapshot):
                self._tell_book(event.payload, session)
            if session.sent == sent:
                continue  # nothing that the client could see
            session.put(orjson.dumps({"turn": turn, "now": now, "events": self._events()}))
            while session.acknowledged < turn:
                acknowledged.clear()
                await acknowledged.wait()
                self._check(session, turn)
            self.turns += 1
        session.put(b'{"end":true}')

    def _tell_book(self, book: L2Snapshot, session: Session) -> None:
        """Tell a book as it was, at the place that the next change will continue from."""
        shown = self.venue.board.of(book.symbol)
        if shown is None:
            return
        sides = {"bids": book.bids, "asks": book.asks}
        levels = {
            name: [[TEXTS[price], TEXTS[qty]] for price, qty in side]
            for name, side in sides.items()
        }
        facts = {"book": book.symbol, "ts": book.ts, "update_id": shown.depth_id, **levels}
        session.put(orjson.dumps(facts))

    def _advance(self, ts_ms: int) -> int:
        """Move the clock; the client can neither answer pings nor extend its key in between."""
        now = max(self.clock.now, ts_ms)
        self.venue.listen_keys.spare(now - self.clock.now)
        self.clock.now = now
        return now

    def _check(self, session: Session, turn: int) -> None:
        if session.close_code or session.number not in self.venue.hub.sessions:
            raise ConnectionError(f"the lockstep client left in turn {turn}")

    def _client(self) -> Session:
        for session in self.venue.hub.sessions.values():
            if session.category is Category.LOCKSTEP:
                return session
        raise ConnectionError("no lockstep client is connected")

    def _events(self) -> int:
        return sum(self.venue.gateway.user_events.values())
