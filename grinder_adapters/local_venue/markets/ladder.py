"""One side of a made-up book.

A price is a *key*: whole ticks for bids, their negative for asks, so that on both sides the best
price has the greatest key. Besides its best price a side has a level at each multiple of ``gap``
down to ``reach`` below the best, so a market that moves leaves most levels where they are.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import Factory, define


@define
class Ladder:
    """Levels of one side, counted in ticks and lots.

    Attributes:
        best: Key of the best level; there always is one.
        gap: Distance of the levels behind it, ticks.
        reach: How far the levels go behind the best, ticks.
        edge: The lowest key that a level may have.
        least: The smallest quantity of a level, lots.
        lots: Quantity of the next new level.
        levels: Quantity by key.
        changed: Keys whose quantity may have changed since ``take_changes``.
    """

    best: int
    gap: int
    reach: int
    edge: int
    least: int
    lots: Callable[[], int]
    levels: dict[int, int] = Factory(dict)
    changed: dict[int, None] = Factory(dict)

    def __attrs_post_init__(self) -> None:
        for key in (*range(self._lattice(self.floor), self.best, self.gap), self.best):
            self.renew(key)

    @property
    def floor(self) -> int:
        """No level has a lower key."""
        return max(self.best - self.reach, self.edge)

    def renew(self, key: int) -> None:
        """Draw the quantity of a level anew."""
        self.levels[key] = self.lots()
        self.changed[key] = None

    def renew_behind(self, word: int) -> None:
        """Draw the quantity of some level behind the best anew; ``word`` says of which."""
        behind = word % (self.reach // self.gap) * self.gap
        key = self._below() - behind
        if key in self.levels:
            self.renew(key)

    def move_to(self, best: int) -> None:
        """Make another price the best: levels above it go, levels up to it come."""
        old, old_floor, gap = self.best, self.floor, self.gap
        if best == old:
            return
        self.best = best
        floor = self.floor
        if best > old:
            if old % gap:
                self._drop(old)
            for key in range(self._lattice(old_floor), min(floor, old + 1), gap):
                self._drop(key)
            for key in range(self._lattice(max(old + 1, floor)), best, gap):
                self.renew(key)
        else:
            for key in range(self._lattice(best + 1), old, gap):
                self._drop(key)
            self._drop(old)
            for key in range(self._lattice(floor), min(old_floor, best), gap):
                self.renew(key)
        if best not in self.levels:
            self.renew(best)

    def take(self, lots: int) -> list[tuple[int, int]]:
        """Let an aggressor take quantity, best price first.

        A level is taken whole where less than ``least`` would be left of it; the last level is
        never taken whole, and no print is of less than ``least``.

        Returns:
            Key and quantity of each print.
        """
        taken = []
        while lots >= self.least:
            best = self.best
            have = self.levels[best]
            if have - lots >= self.least:
                self.levels[best] = have - lots
                self.changed[best] = None
                taken.append((best, lots))
                break
            below = self._below()
            if below < self.floor:
                break
            taken.append((best, have))
            lots -= have
            self.move_to(below)
        return taken

    def take_changes(self) -> list[tuple[int, int]]:
        """Return what changed since the last call, best first; a quantity of 0 is no level."""
        levels = self.levels
        changes = [(key, levels.get(key, 0)) for key in sorted(self.changed, reverse=True)]
        self.changed.clear()
        return changes

    def _lattice(self, key: int) -> int:
        """The first multiple of ``gap`` from a key on."""
        return key + -key % self.gap

    def _below(self) -> int:
        """The last multiple of ``gap`` before the best price."""
        return self.best - 1 - (self.best - 1) % self.gap

    def _drop(self, key: int) -> None:
        if self.levels.pop(key, 0):
            self.changed[key] = None
