"""A start outlives whatever goes wrong once, at whichever of its requests (LIVE-02, LIVE-38)."""

from __future__ import annotations

from pathlib import Path

import pytest

from grinder_adapters.local_venue.fault_kinds import RULES, Family, Fault, FaultKind, Match
from tests.support.memory_session import MemoryLive, live

BAN_MS = 300_000
LONGEST_S = 700
REQUESTS = 15  # more than a start has
MORE = {
    FaultKind.LATENCY: {"delay_ms": 3_000},
    FaultKind.SLOW_ANSWER: {"delay_ms": 3_000},
    FaultKind.BANNED_418: {"lasts_ms": BAN_MS},
}
KINDS = [
    kind for kind in FaultKind
    if kind.family is Family.REQUEST and RULES[kind].op is None and kind is not FaultKind.CLOCK_SKEW
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_one_fault_at_any_request_delays_a_start_and_does_not_end_it(
    tmp_path: Path, kind: FaultKind
) -> None:
    async def scene(world: MemoryLive) -> None:
        session = world.start()
        for _ in range(LONGEST_S):
            await world.pass_ms(1_000)  # a session that fails, fails here
            if hasattr(session, "core") and world.is_ready:
                break
        assert world.is_ready, f"not ready after {LONGEST_S} s: {world.told}"

    for number in range(1, REQUESTS + 1):
        fault = Fault(kind=kind, match=Match(nth=number, at_most=1), **MORE.get(kind, {}))
        live(tmp_path / str(number), scene, faults=(fault,))


def test_a_start_sits_a_ban_out_and_asks_nothing_meanwhile(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = world.start()
        await world.pass_ms(BAN_MS - 1_000)
        asked = world.venue.gateway.log.total
        assert asked == 2
        assert not hasattr(session, "core")
        await world.pass_ms(120_000)
        assert world.is_ready

    ban = Fault(kind=FaultKind.BANNED_418, match=Match(nth=2, at_most=1), lasts_ms=BAN_MS)
    live(tmp_path, scene, faults=(ban,))
