"""All connections of the local exchange, and who gets which frame."""

from __future__ import annotations

from collections import deque
from typing import Final

from attrs import Factory, define

from grinder_adapters.local_venue.session import STREAMS_MAX, Category, Session, parse_path

CONNECTIONS_MAX: Final = 300
CONNECTIONS_WINDOW_MS: Final = 300_000


@define
class Hub:
    """Connections by stream.

    Attributes:
        by_stream: Sessions of each stream that somebody gets; its keys are what is worth rendering.
        refused: Connections that were refused, because an address opened too many.
    """

    sessions: dict[int, Session] = Factory(dict)
    by_stream: dict[str, dict[int, Session]] = Factory(dict)
    opened: dict[str, deque[int]] = Factory(dict)
    last_number: int = 0
    refused: int = 0

    def open(self, path: str, query: str, remote: str, now: int) -> Session | None:
        """Open a connection; ``None``: no such URL, too many streams, or too many connections."""
        parsed = parse_path(path, query)
        if parsed is None or not self._may_open(remote, now):
            return None
        category, is_combined, names, events = parsed
        if len(names) > STREAMS_MAX:
            return None
        self.last_number += 1
        session = Session(
            number=self.last_number,
            category=category,
            remote=remote,
            opened_at=now,
            is_combined=is_combined,
            events=events,
        )
        session.streams = dict.fromkeys(names)
        self.sessions[session.number] = session
        self.index(session, names)
        return session

    def receive(self, session: Session, text: str | bytes, now: int) -> None:
        """Take a message of a client."""
        before = set(session.streams)
        self.index(session, session.receive(text, now))
        for name in before - set(session.streams):
            self._unindex(session, name)

    def close(self, session: Session) -> None:
        """Forget a connection that has ended."""
        self.sessions.pop(session.number, None)
        session.on_ack()
        for name in list(session.streams):
            self._unindex(session, name)

    def index(self, session: Session, names: list[str]) -> None:
        """Let a connection get streams."""
        for name in names:
            self.by_stream.setdefault(name, {})[session.number] = session

    def publish(self, category: Category, stream: str, data: bytes) -> None:
        """Send a market frame to everybody who gets the stream over the right URL."""
        sessions = self.by_stream.get(stream)
        if sessions is None:
            return
        for session in sessions.values():
            if session.category.serves(category):
                session.send(stream, data)

    def push(self, listen_key: str, event: str, data: bytes) -> None:
        """Send a user event to everybody who listens with a key."""
        for session in self.by_stream.get(listen_key, {}).values():
            private = session.category.serves(Category.PRIVATE)
            if private and (not session.events or event in session.events):
                session.send(listen_key, data)

    def tick(self, now: int) -> None:
        """Ping, and end what is too old."""
        for session in list(self.sessions.values()):
            session.tick(now)

    def disconnect(self, category: Category | None, reason: str) -> int:
        """End all connections of a category, or all; return how many."""
        ended = [s for s in self.sessions.values() if category in {None, s.category}]
        for session in ended:
            session.close(1006, reason)
        return len(ended)

    def _unindex(self, session: Session, name: str) -> None:
        sessions = self.by_stream.get(name)
        if sessions is not None:
            sessions.pop(session.number, None)
            if not sessions:
                del self.by_stream[name]

    def _may_open(self, remote: str, now: int) -> bool:
        times = self.opened.setdefault(remote, deque())
        while times and times[0] <= now - CONNECTIONS_WINDOW_MS:
            times.popleft()
        if len(times) >= CONNECTIONS_MAX:
            self.refused += 1
            return False
        times.append(now)
        return True
