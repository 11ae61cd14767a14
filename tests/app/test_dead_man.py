"""The dead-man switch (README, gap 1): a session that dies leaves no order at the venue."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match, RequestOp
from grinder_app.config.live_settings import LiveSettings
from grinder_app.live.dead_man import BUDGET_PCT, check_budget
from grinder_core.contracts.live import HealthName, OperatingState, StateReason
from grinder_core.errors import ConfigError
from tests.support.memory_session import ACCOUNT, PRICES, SYMBOL, MemoryLive, live

WINDOW_MS = 120_000
ETH = "ETHUSDT"
RENEWAL = Match(op=RequestOp.COUNTDOWN)
ALL = tuple(PRICES)
FAULTY = (
    Fault(kind=FaultKind.SERVER_ERROR, match=evolve(RENEWAL, probability_bps=3_000)),
    Fault(kind=FaultKind.DROP_AFTER, match=evolve(RENEWAL, probability_bps=3_000)),
    Fault(kind=FaultKind.TIMEOUT_408, match=evolve(RENEWAL, probability_bps=2_000)),
)


def state_of(world: MemoryLive, symbol: str = SYMBOL) -> tuple[OperatingState, StateReason]:
    assert world.session is not None
    return world.session.core.hot.orchestrator.effective(symbol)


def is_armed(world: MemoryLive, symbol: str = SYMBOL) -> bool:
    return f"{ACCOUNT}|{symbol}" in world.venue.exchange.floor.timers


@pytest.mark.parametrize("faults", [(), FAULTY], ids=["calm", "faulty"])
def test_after_a_kill_nothing_is_left_once_the_window_is_over(
    tmp_path: Path, faults: tuple[Fault, ...]
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(20_000)
        await world.pass_ms(60_000)
        before = {symbol: len(world.open_orders(symbol)) for symbol in ALL}
        await world.kill()
        assert all(before.values()), before
        assert {symbol: len(world.open_orders(symbol)) for symbol in ALL} == before
        await world.pass_ms(WINDOW_MS + 1_000)
        assert {symbol: len(world.open_orders(symbol)) for symbol in ALL} == dict.fromkeys(ALL, 0)

    live(tmp_path, scene, faults=faults, symbols=ALL)


def test_while_it_lives_nothing_is_cancelled_by_the_venue(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        names = set(world.open_orders())
        await world.pass_ms(10 * WINDOW_MS)
        assert names
        assert set(world.open_orders()) == names
        assert is_armed(world)

    live(tmp_path, scene)


def test_no_new_risk_before_the_countdown_stands(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(30_000)
        assert state_of(world) == (OperatingState.DEGRADED, StateReason.DEAD_MAN_FAILED)
        await world.pass_ms(60_000)
        assert world.open_orders() == {}
        world.suffer()
        await world.pass_ms(60_000)
        assert state_of(world)[0] is OperatingState.ACTIVE
        assert world.open_orders()

    live(tmp_path, scene, faults=(Fault(kind=FaultKind.SERVER_ERROR, match=RENEWAL),))


def test_a_failed_renewal_stops_new_risk_long_before_the_window_is_over(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        assert world.open_orders()
        world.suffer(Fault(kind=FaultKind.SERVER_ERROR, match=RENEWAL))
        await world.pass_ms(45_000)
        assert state_of(world) == (OperatingState.DEGRADED, StateReason.DEAD_MAN_FAILED)
        await world.pass_ms(20_000)  # after 15 s in that state entries are taken out by us
        assert world.open_orders() == {}
        assert is_armed(world)  # the venue had not to do it
        assert world.lines("dead man")
        world.suffer()
        await world.pass_ms(30_000)
        assert state_of(world)[0] is OperatingState.ACTIVE
        assert world.lines("dead man")[-1].endswith("its countdown runs again")

    live(tmp_path, scene)


def test_a_stop_in_order_takes_the_countdown_away(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        assert is_armed(world)
        await world.end()
        assert not is_armed(world)

    live(tmp_path, scene)


def test_a_countdown_whose_start_was_never_confirmed_is_taken_away_too(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(30_000)
        assert is_armed(world)
        assert state_of(world) == (OperatingState.DEGRADED, StateReason.DEAD_MAN_FAILED)
        await world.end()
        assert not is_armed(world)

    live(tmp_path, scene, faults=(Fault(kind=FaultKind.DROP_AFTER, match=RENEWAL),))


def test_where_entries_may_rest_after_a_stop_the_countdown_runs_on(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        world.suffer(Fault(kind=FaultKind.SERVER_ERROR, match=Match(op=RequestOp.CANCEL)))
        await world.end()
        assert world.open_orders()
        assert is_armed(world)
        await world.pass_ms(WINDOW_MS)
        assert world.open_orders() == {}

    live(tmp_path, scene)


def test_orders_of_others_are_not_hit(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        world.rest("web_by_hand")
        await world.pass_ms(90_000)  # until the account is compared again
        assert not is_armed(world)
        assert state_of(world) == (OperatingState.DEGRADED, StateReason.DEAD_MAN_FAILED)
        assert set(world.open_orders()) == {"web_by_hand"}
        await world.kill()
        await world.pass_ms(WINDOW_MS + 1_000)
        assert set(world.open_orders()) == {"web_by_hand"}

    live(tmp_path, scene)


def test_once_the_others_are_gone_it_runs_again(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        world.rest("web_by_hand")
        await world.pass_ms(90_000)
        world.cancel("web_by_hand")
        await world.pass_ms(90_000)
        assert is_armed(world)
        assert state_of(world)[0] is OperatingState.ACTIVE

    live(tmp_path, scene)


def test_a_symbol_can_be_left_out(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        off = evolve(world.plan.live, dead_man_off_symbols=(ETH,))
        world.plan = evolve(world.plan, live=off)
        await world.started()
        assert is_armed(world)
        assert not is_armed(world, ETH)
        assert state_of(world, ETH)[0] is OperatingState.ACTIVE

    live(tmp_path, scene, symbols=ALL)


def test_it_is_not_renewed_in_init(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        await world.kill()
        began = world.venue.exchange.floor.timers[f"{ACCOUNT}|{SYMBOL}"]
        world.suffer(Fault(kind=FaultKind.SERVER_ERROR, match=Match(op=RequestOp.ACCOUNT)))
        world.start()
        await world.pass_ms(60_000)
        assert not world.is_ready
        assert world.venue.exchange.floor.timers[f"{ACCOUNT}|{SYMBOL}"] == began

    live(tmp_path, scene)


def test_what_is_told_of_it_is_an_event_that_replays(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        told = [
            (health["symbol"], health["value"])
            for health in world.rows("event")
            if health.get("name") == HealthName.DEAD_MAN_OK.value
        ]
        assert told == [(SYMBOL, 1)]

    live(tmp_path, scene)


@given(
    symbols=st.integers(0, 400),
    renew_ms=st.integers(1_000, 120_000),
    weight=st.integers(100, 10_000),
)
def test_renewals_never_take_more_than_their_share(
    symbols: int, renew_ms: int, weight: int
) -> None:
    settings = LiveSettings(dead_man_window_ms=360_000, dead_man_renew_ms=renew_ms)
    fits = symbols * 10 * 60_000 <= weight * BUDGET_PCT // 100 * renew_ms
    names = [f"S{n}USDT" for n in range(symbols)]
    if fits:
        check_budget(settings, names, weight)
    else:
        with pytest.raises(ConfigError, match="dead_man_renew_ms"):
            check_budget(settings, names, weight)


@given(st.integers(10_000, 3_600_000), st.integers(1_000, 3_600_000))
def test_at_least_two_renewals_may_be_lost(window_ms: int, renew_ms: int) -> None:
    if renew_ms * 3 <= window_ms:
        LiveSettings(dead_man_window_ms=window_ms, dead_man_renew_ms=renew_ms)
        return
    with pytest.raises(ConfigError, match="dead_man_renew_ms"):
        LiveSettings(dead_man_window_ms=window_ms, dead_man_renew_ms=renew_ms)
