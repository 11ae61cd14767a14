"""Under random faults the adapter and the exchange end with the same orders and fills."""

from __future__ import annotations

import pytest

from tests.simulation.adapter import world
from tests.simulation.adapter_world import AdapterWorld


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 29])
def test_no_order_is_lost_doubled_or_orphaned(seed: int) -> None:
    found = world(seed)
    assert not found.wrong
    assert found.counts["orders"] > 50


def test_the_same_seed_lives_the_same_life() -> None:
    lives = [AdapterWorld(7, 30_000, 20).play() for _ in range(2)]
    assert lives[0] == lives[1]


def test_without_faults_every_order_is_taken_or_refused_by_the_venue() -> None:
    found = AdapterWorld(5, 60_000, 0).play()
    assert not found.wrong
    assert found.counts["faults"] == 0
    assert found.counts["place Accepted"] > 80
    assert not any(name.endswith("Unknown") or name.startswith("raised") for name in found.counts)
