"""A queue between a connection and its reader that makes the connection wait, never grows."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FrameQueue(Generic[T]):
    """Items in order of arrival, for one reader.

    Args:
        items_max: From so many on, ``put`` waits: reading stops instead of losing an item.
    """

    def __init__(self, items_max: int) -> None:
        self._items: deque[T] = deque()
        self._items_max = items_max
        self._has_items = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._error: Exception | None = None
        self._is_ended = False

    def __len__(self) -> int:
        return len(self._items)

    async def put(self, item: T) -> None:
        """Add one, once there is room; after the end it goes nowhere."""
        while len(self._items) >= self._items_max and not self._is_ended:
            self._has_room.clear()
            await self._has_room.wait()
        self.put_now(item)

    def put_now(self, item: T) -> None:
        """Add one of the few that may not wait."""
        if not self._is_ended:
            self._items.append(item)
            self._has_items.set()

    def end(self, error: Exception | None = None) -> None:
        """Let the reader come to an end after what is queued: by ``error``, if there is one."""
        if not self._is_ended:
            self._is_ended, self._error = True, error
            self._has_items.set()
            self._has_room.set()

    def reopen(self) -> None:
        """Go on after an end, with what is queued."""
        self._is_ended, self._error = False, None

    async def get(self) -> T | None:
        """Return the next item; ``None`` at the end.

        Raises:
            Exception: What ended it.
        """
        while not self._items and not self._is_ended:
            self._has_items.clear()
            await self._has_items.wait()
        if self._items:
            self._has_room.set()
            return self._items.popleft()
        if self._error is not None:
            raise self._error
        return None
