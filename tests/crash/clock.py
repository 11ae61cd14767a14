"""A clock that runs faster than the wall, the same one in every process of a crash world.

The session waits seconds for what a crash test wants in tenths: cooldowns, absence proofs, looks
at what is unclear. All of that is counted on its clock, so a faster clock shortens it and changes
nothing else. The wall tells all processes of a machine the same time, so exchange and session
agree as well as they would on two synchronised machines.
"""

from __future__ import annotations

import asyncio
import time
from multiprocessing import parent_process

from attrs import frozen

NS_PER_MS = 1_000_000


def is_wanted() -> bool:
    """Whether the process that started this one is still there."""
    parent = parent_process()
    return parent is None or parent.is_alive()


@frozen
class FastClock:
    """Begins at ``start_ns`` of the wall.

    Attributes:
        speed: Seconds of this clock in one of the wall.
    """

    start_ns: int
    speed: int

    @classmethod
    def of(cls, speed: int) -> FastClock:
        """Return one that begins now."""
        return cls(time.time_ns(), speed)

    def now_ms(self) -> int:
        """Return Unix milliseconds."""
        passed = time.time_ns() - self.start_ns
        return (self.start_ns + passed * self.speed) // NS_PER_MS

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds of this clock."""
        await asyncio.sleep(seconds / self.speed)
