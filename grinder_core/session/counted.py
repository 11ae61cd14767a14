"""A stream of events that remembers which one is being worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from grinder_core.contracts.event import Event


class CountedEvents:
    """Passes events on.

    Attributes:
        index: Of the event that is being worked on, from 0; the last one once all are done.
    """

    def __init__(self, events: Iterable[Event], on_event: Callable[[], None] | None) -> None:
        self._events, self._on_event = events, on_event
        self.index, self._current = -1, None  # type: int, Event | None

    @property
    def kind(self) -> str:
        """Published name of that event's kind; ``READ`` while none is being worked on."""
        return "READ" if self._current is None else self._current.kind

    def __iter__(self) -> Iterator[Event]:
        for event in self._events:
            self.index += 1
            self._current = event
            yield event
            if self._on_event is not None:
                self._on_event()
        self._current = None
