"""A killed process leaves no order at the venue once its countdowns have run out (README, gap 1).

A real process is killed with SIGKILL while the venue misbehaves, and nobody starts another.
"""

from __future__ import annotations

import time
from collections import Counter

from grinder_app.config.live_settings import LiveSettings
from tests.crash.child import Life
from tests.crash.statement import Statement
from tests.crash.world import RECOVERY_S, SPEED, CrashWorld

POLL_S = 0.1
PATIENCE_S = 30.0
WINDOW_S = LiveSettings().dead_man_window_ms / 1_000 / SPEED  # of the wall


def resting(told: Statement) -> Counter[str]:
    """Orders that rest, by symbol."""
    return Counter(order.symbol for order in told.orders if not order.is_closed)


class Orphans(CrashWorld):
    """One life, killed while orders of every symbol rest."""

    left: list[Counter[str]]

    def _live_on(self) -> None:
        self._ask("rough")
        life: Life = self._life()
        process = self._start(life)
        try:
            self._join_ready(life, process, RECOVERY_S)
            self._until(lambda now: set(now) == set(self._symbols), PATIENCE_S)
        finally:
            process.kill()
            process.join()
        assert process.exitcode == -9
        self.left = [resting(self._ask("still"))]
        self._until(lambda now: not now, WINDOW_S + 2)
        self.left.append(resting(self._ask("still")))

    def _until(self, holds: object, limit_s: float) -> None:
        assert callable(holds)
        limit = time.monotonic() + limit_s
        while time.monotonic() < limit and not holds(resting(self._ask("look"))):
            time.sleep(POLL_S)


def test_what_a_killed_process_left_is_gone_after_the_window_over_all_symbols() -> None:
    world = Orphans("dead man:1", 1, keeps=False)
    found = world.play()
    assert not found.wrong
    before, after = world.left
    assert set(before) == set(world._symbols)
    assert not after
