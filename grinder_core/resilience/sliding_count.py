"""A sum over the last milliseconds: exact at its edge, with memory bounded by its length."""

from __future__ import annotations

from collections import deque

from attrs import Factory, define


@define
class SlidingCount:
    """A sum over the last ``length_ms``, kept as ``(ts, n)``, oldest first, one a millisecond."""

    length_ms: int
    entries: deque[tuple[int, int]] = Factory(deque)
    held: int = 0

    def at(self, now: int) -> int:
        """Return the sum of what was added after ``now - length_ms``."""
        oldest = now - self.length_ms
        held = self.held
        for ts, n in self.entries:
            if ts > oldest:
                break
            held -= n
        return held

    def add(self, n: int, now: int) -> None:
        """Add at ``now``, which never goes back, and forget what left the window."""
        entries = self.entries
        while entries and entries[0][0] <= now - self.length_ms:
            self.held -= entries.popleft()[1]
        self.held += n
        if entries and entries[-1][0] == now:
            n += entries.pop()[1]
        entries.append((now, n))

    def take_back(self, n: int, ts: int) -> None:
        """Undo a part of what was added first, at ``ts``, unless it left the window already."""
        if self.entries and self.entries[0][0] == ts:
            self.entries[0] = (ts, self.entries[0][1] - n)
            self.held -= n

    def falls_to(self, most: int, now: int) -> int:
        """Return the first time from ``now`` on at which the sum is ``most`` or less, ``>= 0``."""
        rest, at = self.held, now
        for ts, n in self.entries:
            if rest <= most:
                break
            rest, at = rest - n, max(now, ts + self.length_ms)
        return at
