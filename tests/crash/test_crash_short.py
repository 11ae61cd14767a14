"""The short form of the crash test: a few lives, cut short where it hurts most."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.crash.points import AFTER, BEFORE, UNDER_WAY
from tests.crash.world import CrashWorld, Found

KILLS = 6
# between journal and commit, commit and request, request and answer, answer and event, and in
# the recovery from such an end
WRITING = (
    f"intent: {AFTER}",
    f"write: {UNDER_WAY}",
    f"commit: {AFTER}",
    f"write: {AFTER}",
    f"step: {AFTER}",
    f"sync: {AFTER}",
)
TELLING = (
    f"user event: {BEFORE}",
    f"head: {AFTER}",
    f"take up: {AFTER}",
    f"write: {BEFORE}",
    f"checkpoint row: {AFTER}",
    f"replay: {AFTER}",
)


def _play(name: str, points: tuple[str, ...]) -> Found:
    return CrashWorld(name, KILLS, drain_every=3, points=points, keeps=False).play()


def test_a_killed_session_doubles_no_order_and_loses_no_fill_and_no_latch() -> None:
    """Time is real, so lives differ from run to run; that nothing is wrong at the end does not."""
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(_play, ("short:1", "short:2"), (WRITING, TELLING)))
    for one in found:
        assert not one.wrong
        assert one.counts["kills"] == KILLS
        assert one.counts["drains"] == 2
    assert sum(one.counts["orders"] for one in found) > 0
