"""The engine under random faults, in short (``python -m tests.simulation.adapter --engine``)."""

from __future__ import annotations

import pytest

from tests.simulation.engine_world import EngineWorld


@pytest.mark.parametrize(("seed", "intensity"), [(1, 0), (2, 20), (9, 10)])
def test_engine_and_exchange_end_with_the_same_orders_fills_and_money(
    seed: int, intensity: int
) -> None:
    found = EngineWorld(seed, 60_000, intensity, calm_ms=60_000).play()
    assert not found.wrong
    assert found.counts["fills"] > 20
    assert bool(found.counts["faults"]) is bool(intensity)
