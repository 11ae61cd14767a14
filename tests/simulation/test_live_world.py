"""A live session under faults, commands and crashes, in short (``tests.simulation.live``)."""

from __future__ import annotations

import pytest

from tests.simulation.live_world import LiveWorld


@pytest.mark.parametrize(("seed", "intensity"), [(1, 15), (6, 30), (13, 60)])
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
