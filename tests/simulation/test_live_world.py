"""A live session under faults, commands and crashes, in short (``tests.simulation.live``)."""

from __future__ import annotations

import asyncio

import pytest

from grinder_core.contracts.control import Command
from tests.simulation.live_process import watch_tasks
from tests.simulation.live_world import LiveWorld
from tests.support.memory_journal import SYNC_MS


@pytest.mark.parametrize(("seed", "intensity"), [(3, 15), (6, 60), (22, 30)])
def test_a_session_ends_with_what_the_exchange_holds_whatever_came_between(
    seed: int, intensity: int
) -> None:
    found = LiveWorld(seed, 25_000, intensity, events_per_s=20, settle_ms=30_000).play()
    assert not found.wrong
    assert found.counts["orders"] > 20
    assert found.counts["crashes"] > 0
    assert found.counts["faults"] > 0
    assert found.counts["commands"] > 4


def test_without_trouble_every_order_is_taken_and_every_cancel_works() -> None:
    found = LiveWorld(11, 40_000, 0, symbols=1, events_per_s=20, settle_ms=30_000).play()
    assert not found.wrong
    assert found.counts["orders"] == found.counts["PLACE EXECUTED"] > 50
    assert found.counts["CANCEL EXECUTED"] == found.counts["CANCEL PLANNED"] > 50


def test_the_same_seed_lives_the_same_life() -> None:
    lives = [
        LiveWorld(4, 10_000, 20, symbols=1, events_per_s=20, settle_ms=30_000).play()
        for _ in range(2)
    ]
    assert lives[0] == lives[1]


class OneLatch(LiveWorld):
    """A command, and a crash as soon as it must be on disk."""

    latches: dict[str, str]

    def __init__(self, command: Command) -> None:
        super().__init__(3, 10_000, 0, symbols=1, events_per_s=20)
        self.command = command
        self.disk.keeps_least = True

    async def _life(self) -> None:
        watch_tasks(asyncio.get_running_loop())
        tasks = [asyncio.create_task(self._move_market()), asyncio.create_task(self._keep_alive())]
        assert await self._is_ready()
        self._order(self.command)
        await asyncio.sleep((SYNC_MS + 5) / 1000)
        await self._crash()
        assert await self._is_ready()
        assert self.session is not None
        self.latches = dict(self.session.core.hot.latches)
        self.is_ending = True
        self.session.stop()
        await asyncio.wait(tasks[1:])
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("command", [Command.KILL, Command.PAUSE, Command.EMERGENCY])
def test_what_is_latched_is_on_disk_at_once(command: Command) -> None:
    world = OneLatch(command)
    assert not world.play().wrong
    assert world.latches
    assert world.findings.counts["crashes"] == 1
