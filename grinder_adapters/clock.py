"""Wall time: the one place where it is read."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now_ms(self) -> int:
        """Return Unix milliseconds, UTC."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return Unix milliseconds, UTC."""
        return time.time_ns() // 1_000_000


class PacedClock:
    """Market time that begins where it is told to and passes at a speed of its own.

    It stands still until ``go``. Waiting on it takes the wall's share of the time asked for.

    Args:
        start_ms: Unix milliseconds at the beginning.
        speed_x100: Market time in a time of the wall, hundredths.
    """

    def __init__(self, start_ms: int, speed_x100: int) -> None:
        self._start_ms, self._speed_x100 = start_ms, speed_x100
        self._origin_ns: int | None = None

    def go(self) -> None:
        """Let time pass from now on."""
        self._origin_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """Return Unix milliseconds of the market."""
        if self._origin_ns is None:
            return self._start_ms
        passed_ns = time.monotonic_ns() - self._origin_ns
        return self._start_ms + passed_ns * self._speed_x100 // 100_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds of the market."""
        await asyncio.sleep(seconds * 100 / self._speed_x100)
