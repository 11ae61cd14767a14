"""Ready-made plans: there is one for every kind, and random ones end in time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue.fault_effects import FrameFate
from grinder_adapters.local_venue.fault_kinds import FaultKind, RequestOp
from grinder_adapters.local_venue.fault_plans import PLAN_NAMES, named_faults, random_plan
from grinder_adapters.local_venue.fault_requests import RequestInfo
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_core.errors import ConfigError

PLACE = RequestInfo(method="POST", path="/fapi/v1/order", op=RequestOp.PLACE, symbol="ETHUSDT")
START = 5_000


def test_every_kind_has_a_plan_of_its_own() -> None:
    assert named_faults("calm") == ()
    for kind in FaultKind:
        assert [fault.kind for fault in named_faults(kind.value, "ETHUSDT")] == [kind]
    assert {fault.kind for fault in named_faults("hostile")} == set(FaultKind)
    assert 0 < len(named_faults("rough")) < len(FaultKind)
    with pytest.raises(ConfigError, match="plans are calm, rough, hostile, latency"):
        named_faults("stormy")


def test_plans_are_about_the_symbol_that_is_asked_for() -> None:
    for name in PLAN_NAMES:
        symbols = {fault.match.symbol for fault in named_faults(name, "ETHUSDT")}
        assert symbols <= {"", "ETHUSDT"}


def test_a_calm_plan_does_nothing() -> None:
    plan = FaultPlan(named_faults("calm"))
    assert plan.on_request(PLACE, 0) is None
    assert plan.on_frame("user", "ORDER_TRADE_UPDATE", 0) == FrameFate()
    assert plan.due(10**9) == []
    assert plan.next_at() is None


@given(
    seed=st.integers(0, 2**64),
    duration_ms=st.integers(1_000, 600_000),
    intensity=st.integers(0, 30),
)
def test_a_random_plan_is_its_seeds_and_over_when_it_says(
    seed: int, duration_ms: int, intensity: int
) -> None:
    symbols = ("BTCUSDT", "ETHUSDT")
    plan = random_plan(seed, duration_ms, intensity, symbols, START)
    assert plan == random_plan(seed, duration_ms, intensity, symbols, START)
    assert len(plan.faults) == intensity
    assert {fault.match.symbol for fault in plan.faults} <= {"", *symbols}
    for n in range(50):
        now = START + duration_ms * n // 50
        plan.on_request(PLACE, now)
        plan.on_frame("user", "ACCOUNT_UPDATE", now)
    assert all(hit.at_ms < START + duration_ms for hit in plan.due(START + 10**9))
    assert plan.on_request(PLACE, START + duration_ms) is None
    assert plan.on_frame("user", "ACCOUNT_UPDATE", START + duration_ms) == FrameFate()
    assert plan.next_at() is None


def test_random_plans_reach_every_kind() -> None:
    assert {fault.kind for fault in random_plan(7, 60_000, 600).faults} == set(FaultKind)


def test_bad_arguments_are_refused() -> None:
    for arguments, field in (((1, 999, 1), "duration_ms"), ((1, 1_000, -1), "intensity")):
        with pytest.raises(ConfigError, match=field):
            random_plan(*arguments)
    with pytest.raises(ConfigError, match="symbols"):
        random_plan(1, 1_000, 1, ())
