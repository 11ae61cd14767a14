"""LIVE-30 in the live session: each figure moves for its cause, and no scrape lacks anything.

The session, its journal, adapter and exchange are real; time and wires are not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance.feed import FeedStats
from grinder_adapters.binance.permission import PortKind
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match, RequestOp
from grinder_app.live.figures import dropped
from grinder_app.live.gathering import Gatherer, allowed_by
from grinder_app.live.metering import Meter
from grinder_app.server.bodies import readyz
from grinder_core.contracts.control import Command, Control, Leadership, Timer
from grinder_core.contracts.enums import RiskIntent, Side
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.live import (
    ActionStatus,
    BlockReason,
    OperatingState,
    SafeMode,
    StateReason,
)
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.engine import Engine
from grinder_core.engine.orchestrator_machine import Transition
from grinder_core.live.actions import LiveAction
from grinder_core.live.core import Step
from grinder_core.live.records import RecordKind, Saying, Speech
from tests.support import memory_session
from tests.support.memory_session import SYMBOL, MemoryLive, live
from tests.support.scrapes import Scraper

USER = "user"


async def watched(world: MemoryLive, within_ms: int = 5_000) -> Scraper:
    """Begin a process and watch it from its first event."""
    session = world.start()
    scraper = Scraper(Gatherer(session, lambda: world.clock.now_ms() / 1_000))
    scraper.scrape()
    await world.pass_ms(within_ms)
    assert world.is_ready, world.told
    return scraper


def order(world: MemoryLive, side: Side) -> str:
    """The client id of the order that rests on one side."""
    return next(name for name, one in world.open_orders().items() if one.side is side)


# -- a session that trades -----------------------------------------------------------------------


def test_a_session_that_trades_shows_what_it_does(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        found = scraper.scrape()
        assert world.session is not None
        assert found["grinder_up",] == 1
        assert found["grinder_uptime_seconds",] == 5
        assert found["grinder_armed",] == 1
        assert found["grinder_safe_mode", "live_trade"] == 1
        assert found["grinder_venue_class", "sim"] == 1
        assert found["grinder_ha_role", "active"] == found["grinder_ha_is_leader",] == 1
        assert found["grinder_ha_transitions_total", "active"] == 1
        assert found["grinder_fsm_state", "ACTIVE"] == 1
        assert found["grinder_fsm_symbols", "ACTIVE"] == 1
        assert found["grinder_fsm_transitions_total", "INIT", "READY"] == 2
        assert found["grinder_live_actions_total", "PLACE", "PLANNED"] == 2
        assert found["grinder_live_actions_total", "PLACE", "EXECUTED"] == 2
        assert found["grinder_router_decision_total", "PLACE", "NEW_ORDER"] == 2
        assert found["grinder_idempotency_misses_total", "place"] == 2
        assert found["grinder_order_latency_ms_count", "place"] == 2
        assert found["grinder_gating_allowed_total", "risk_gate"] > 0
        assert found["grinder_gating_blocked_total", "operating_state", "FSM_STATE_BLOCKED"] > 0
        assert found["grinder_high_water_mark",] == memory_session.DEPOSIT
        assert found["grinder_ws_connected", "market"] == 1
        assert found["grinder_ws_connected", "user_data"] == 1
        assert found["grinder_ticks_received_total", "market"] >= 5
        assert found["grinder_ticks_received_total", "user_data"] >= 2
        assert found["grinder_decision_latency_ms_count",] >= 5
        assert found["grinder_last_tick_ts", "market"] == pytest.approx(
            world.clock.now_ms(), abs=1_000
        )
        assert found["grinder_events_folded_total",] == world.session.core.hot.events
        assert found["grinder_journal_rows_total",] > 10
        assert found["grinder_journal_bytes_total",] > 1_000
        assert found["grinder_rate_budget_used_pct", "weight_1m"] > 0
        assert found["grinder_reconcile_enabled",] == 1
        assert found["grinder_reconcile_runs_total",] >= 1
        assert found["grinder_constraints_age_seconds",] == pytest.approx(5, abs=1)
        await world.pass_ms(20_000)
        assert 0 < scraper.value("reconcile_last_snapshot_age_seconds") < 60

    live(tmp_path, scene)


def test_before_the_start_in_init_and_after_the_end_a_scrape_lacks_nothing(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = world.start()
        gatherer = Gatherer(session, lambda: 7.0)
        scraper = Scraper(gatherer)
        assert scraper.scrape()["grinder_ha_role", "unknown"] == 1
        assert gatherer.readiness().reasons == ["not_leader", "starting"]
        while not session.is_open:
            await world.pass_ms(1)
            scraper.scrape()
        assert scraper.value("fsm_state", "INIT") == 1
        assert gatherer.readiness().reasons == ["bootstrap_pending"]
        assert readyz(gatherer.readiness()).status == 503
        await world.pass_ms(5_000)
        assert readyz(gatherer.readiness()).status == 200
        await world.end()
        scraper.scrape()
        assert scraper.value("control_commands_total", "STOP") == 1
        assert scraper.value("live_actions_total", "CANCEL", "EXECUTED") == 2

    live(tmp_path, scene)


def test_a_session_on_paper_lacks_nothing_either(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        world.plan = evolve(
            world.plan, armed=False, mode=SafeMode.PAPER, exchange_port=PortKind.PAPER
        )
        scraper = await watched(world)
        found = scraper.scrape()
        assert found["grinder_safe_mode", "paper"] == 1
        assert found["grinder_armed",] == 0
        assert found["grinder_reconcile_enabled",] == 0
        assert found["grinder_ws_connected", "user_data"] == 0
        assert found["grinder_ticks_received_total", "market"] > 0

    live(tmp_path, scene)


# -- one cause after the other -------------------------------------------------------------------


def test_the_kill_switch_counts_its_trips_and_what_it_stops(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        assert world.session is not None
        assert scraper.value("kill_switch_triggered") == 0
        for _ in range(2):  # the second finds it latched
            world.session.command(Control(command=Command.KILL, actor="test"))
            await world.pass_ms(2_000)
        found = scraper.scrape()
        assert found["grinder_kill_switch_triggered",] == 1
        assert found["grinder_kill_switch_trips_total", "MANUAL"] == 1
        assert found["grinder_control_commands_total", "KILL"] == 2
        assert found["grinder_fsm_state", "EMERGENCY"] == 1
        assert found["grinder_fsm_transitions_total", "ACTIVE", "EMERGENCY"] == 1
        assert found["grinder_gating_blocked_total", "risk_gate", "KILL_SWITCH_ACTIVE"] > 0
        assert scraper.gatherer.readiness().reasons == ["guard_paused_effective"]

    live(tmp_path, scene)


def test_a_loss_shows_as_drawdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        world.fill(order(world, Side.BUY), 10_000)
        await world.pass_ms(1_000)
        assert scraper.value("drawdown_pct") < 0.001
        monkeypatch.setitem(memory_session.PRICES, SYMBOL, "80000")
        await world.pass_ms(1_000)
        # 0.0111 bought at 88200 were worth 20 more at 90000, and are 111 less worth at 80000
        assert scraper.value("high_water_mark") == pytest.approx(100_020, abs=1)
        assert scraper.value("drawdown_pct") == pytest.approx(0.11, abs=0.002)

    live(tmp_path, scene)


def test_what_a_restart_takes_up_is_not_counted_again(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        assert world.session is not None
        world.session.command(Control(command=Command.KILL, actor="test"))
        await world.pass_ms(2_000)
        passed = scraper.value("gating_allowed_total", "risk_gate")
        assert passed > 0
        await world.end()
        session = world.start()
        again = Scraper(Gatherer(session))
        await world.pass_ms(5_000)
        assert again.value("kill_switch_triggered") == 1  # nothing clears it
        assert again.value("kill_switch_trips_total", "MANUAL") == 0
        assert again.value("gating_allowed_total", "risk_gate") == 0
        assert again.value("gating_blocked_total", "risk_gate", "KILL_SWITCH_ACTIVE") > 0

    live(tmp_path, scene)


def test_a_lost_answer_is_an_unknown_outcome_until_it_is_found_out(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> list[dict[tuple[str, ...], float]]:
        scraper = await watched(world)
        scrapes = []
        for _ in range(60):
            await world.pass_ms(1_000)
            scrapes.append(scraper.scrape())
        return scrapes

    some = {"from_ms": 0, "until_ms": 25_000}
    scrapes = live(
        tmp_path,
        scene,
        faults=(
            Fault(
                kind=FaultKind.TIMEOUT_1007, executed=True, match=Match(op=RequestOp.PLACE, **some)
            ),
            Fault(
                kind=FaultKind.UNAVAILABLE_503,
                match=Match(op=RequestOp.QUERY, path="/fapi/v1/order", **some),
            ),
            Fault(kind=FaultKind.FRAME_LOST, match=Match(stream=USER, **some)),
        ),
    )
    assert max(found["grinder_order_outcome_unknown",] for found in scrapes) >= 1
    last = scrapes[-1]
    assert last["grinder_order_outcome_unknown",] == 0
    assert last["grinder_order_outcome_unknown_total", "place"] >= 1
    assert last["grinder_live_actions_total", "PLACE", "UNKNOWN"] >= 1
    assert last["grinder_live_blocks_total", "OUTCOME_UNKNOWN"] >= 1
    assert last["grinder_errors_total", "rest"] > 0


def test_a_request_that_is_tried_again_counts(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        before = scraper.value("errors_total", "rest")
        match = Match(op=RequestOp.ACCOUNT, at_most=1)
        world.suffer(Fault(kind=FaultKind.UNAVAILABLE_503, match=match))
        await world.pass_ms(62_000)  # until the next snapshot
        found = scraper.scrape()
        assert found["grinder_connector_retries_total", "query", "transient"] == 1
        assert found["grinder_errors_total", "rest"] == before + 1

    live(tmp_path, scene)


def test_a_demand_for_silence_shows_in_limits_and_circuits(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        world.suffer(
            Fault(
                kind=FaultKind.RATE_LIMITED_429,
                retry_after_s=20,
                match=Match(op=RequestOp.QUERY, at_most=1),
            ),
            Fault(kind=FaultKind.RATE_LIMITED_429, retry_after_s=20, match=Match(at_most=1)),
        )
        await world.pass_ms(62_000)  # until the next snapshot
        found = scraper.scrape()
        assert found["grinder_rate_limit_hits_total", "429"] >= 1
        assert found["grinder_circuit_trips_total", "place", "hard_signal"] >= 1
        assert found["grinder_circuit_state", "place", "open"] == 1
        assert found["grinder_reconcile_run_errors_total",] >= 1
        assert found["grinder_errors_total", "reconcile"] >= 1
        assert "circuit_open" in scraper.gatherer.readiness().reasons
        assert world.session is not None
        hits = world.session.client.stats.rate_limit_hits
        hits.update(["-1003", "-1015", "418"])  # a code that demands fewer requests is a 429
        again = scraper.scrape()
        before = found["grinder_rate_limit_hits_total", "429"]
        assert again["grinder_rate_limit_hits_total", "429"] == before + 2
        assert again["grinder_rate_limit_hits_total", "418"] == 1

    live(tmp_path, scene)


def test_lost_streams_show_as_such(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        world.suffer(Fault(kind=FaultKind.DISCONNECT, match=Match(at_most=1)))
        lowest = 1.0
        for _ in range(100):
            await world.pass_ms(100)
            found = scraper.scrape()
            lowest = min(lowest, found["grinder_ws_connected", "market"])
        assert lowest == 0
        assert found["grinder_ws_connected", "market"] == 1
        assert found["grinder_ws_reconnect_total", "market"] >= 1
        assert found["grinder_ws_reconnect_total", "user_data"] >= 1

    live(tmp_path, scene)


def test_a_silent_market_is_stale(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        assert scraper.value("feed_stale_symbols") == 0
        world.suffer(Fault(kind=FaultKind.SILENCE, lasts_ms=60_000))
        await world.pass_ms(30_000)
        assert scraper.value("feed_stale_symbols") == 1
        assert "book_stale" in scraper.gatherer.readiness().reasons

    live(tmp_path, scene)


def test_a_trade_by_hand_is_a_mismatch_that_counts_once(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        world.trade(Side.BUY, "0.05")
        await world.pass_ms(200_000)
        found = scraper.scrape()
        assert found["grinder_reconcile_mismatch_total", "POSITION_NONZERO_UNEXPECTED"] == 1
        assert found["grinder_reconcile_runs_with_mismatch_total",] >= 2
        assert (
            found["grinder_reconcile_runs_with_mismatch_total",]
            < (found["grinder_reconcile_runs_total",])
        )

    live(tmp_path, scene)


def test_a_full_disk_shows_as_failed_commits_and_their_age(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        assert world.session is not None
        now = world.clock.now_ms()
        world.disk.broken.append((now, now + 60_000))
        world.session.command(Control(command=Command.KILL, actor="test"))  # must be durable
        await world.pass_ms(10_000)
        found = scraper.scrape()
        assert found["grinder_state_persist_errors_total",] >= 1
        assert found["grinder_errors_total", "journal"] >= 1
        assert found["grinder_state_last_persist_age_seconds",] == pytest.approx(10, abs=1)
        await world.pass_ms(60_000)
        assert scraper.value("state_last_persist_age_seconds") < 1

    live(tmp_path, scene)


def test_an_audit_log_that_cannot_be_written_shows(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        assert world.session is not None
        world.session.command(Control(command=Command.PAUSE, actor="test"))
        assert scraper.value("audit_write_errors_total") == 1
        assert scraper.value("errors_total", "audit") == 1
        await world.pass_ms(1_000)
        assert scraper.value("fsm_state", "PAUSE") == 1

    in_the_way = tmp_path / "sim" / "taken"
    in_the_way.mkdir(parents=True)
    live(tmp_path, scene, {"audit.audit_enabled": "true", "audit.audit_path": "taken"})


def test_a_streak_of_losses_counts_from_the_start_of_the_process(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = world.start()
        scraper = Scraper(Gatherer(session))
        await world.pass_ms(5_000)
        streaks = session.core.engine.hot.streaks
        assert streaks is not None
        streaks.trips_total += 2
        assert scraper.value("risk_consecutive_loss_trips_total") == 2
        assert scraper.value("risk_consecutive_losses") == 0

    live(tmp_path, scene, engine={"consec_loss_enabled": True})


def test_a_countdown_that_runs_counts_as_armed(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        assert world.session is not None
        assert world.session.account is not None
        assert scraper.value("dead_man_armed_symbols") == 1
        assert scraper.value("dead_man_renewals_total", "ok") == 1
        await world.pass_ms(45_000)
        assert scraper.value("dead_man_renewals_total", "ok") >= 2
        assert scraper.value("dead_man_renewals_total", "error") == 0
        await world.session.account.port.arm_countdown(SYMBOL, 0)
        assert scraper.value("dead_man_armed_symbols") == 0

    live(tmp_path, scene)


def test_what_a_gate_let_pass_follows_from_what_the_later_ones_stopped() -> None:
    engine = Engine(EngineConfig.flat())
    stats = engine.hot.stats
    stats.gates_passed = 5
    stats.gate_blocked = {
        "risk_gate:KILL_SWITCH_ACTIVE": 100,  # judged before all gates
        "toxicity_gate:SPREAD_SPIKE": 50,
        "rate_limiter:COOLDOWN_ACTIVE": 20,
        "risk_gate:NOTIONAL_LIMIT": 3,
        "operating_state:FSM_STATE_BLOCKED": 1,
    }
    assert allowed_by(engine) == {
        "operating_state": 5, "risk_gate": 6, "rate_limiter": 9, "toxicity_gate": 29,
    }  # fmt: skip


def test_what_was_dropped_is_told_by_why() -> None:
    stats = FeedStats(
        ticks=0, events=0, frames=0, trade_gaps=0, conflated=5, trades_refused=7, errors=0,
        book_losses=0, book_fetches=0, book_fetches_failed=0, latency_ms=0,
        drops={
            "bad_payload": 1, "unknown_symbol": 100, "non_positive": 2, "crossed_book": 3,
            "unsorted_depth": 4, "out_of_order": 6, "duplicate": 1_000,
        },
    )  # fmt: skip
    assert dropped(stats) == {
        ("coalesced",): 11, ("refused",): 7, ("invalid_snapshot",): 9, ("unparsable",): 1,
    }  # fmt: skip


# -- the counts themselves -----------------------------------------------------------------------


def an_action(status: ActionStatus, **changes: Any) -> LiveAction:
    values = {
        "action": "PLACE",
        "symbol": SYMBOL,
        "client_order_id": "x",
        "intent": RiskIntent.INCREASE_RISK,
    }
    return LiveAction(**{**values, "status": status, **changes})


def step_that_says(*what: object, kind: RecordKind = RecordKind.ACTION) -> Step:
    speech = Speech(bytes(32))
    speech.begin()
    for one in what:
        speech.say(Saying(kind, 1, one))
    return Step((), False, speech)


def an_event(payload: Payload | None = None) -> Event:
    return Event(1, payload or Timer(), 1)


def test_a_route_counts_when_it_is_decided_and_a_block_for_its_reason() -> None:
    meter = Meter()
    for action in (
        an_action(ActionStatus.PLANNED, route="PLACE NEW_ORDER"),
        an_action(ActionStatus.EXECUTED, route="PLACE NEW_ORDER"),
        an_action(ActionStatus.SKIPPED, route="SKIP BOOK_STALE", reason="BOOK_STALE"),
        an_action(ActionStatus.BLOCKED, reason=BlockReason.FILL_PROB_LOW.value),
        an_action(
            ActionStatus.UNKNOWN, route="PLACE NEW_ORDER", reason=BlockReason.OUTCOME_UNKNOWN.value
        ),
    ):
        meter.stepped(an_event(), step_that_says(action))
    assert meter.routes == {("PLACE", "NEW_ORDER"): 1, ("SKIP", "BOOK_STALE"): 1}
    assert meter.blocks == {"FILL_PROB_LOW": 1, "OUTCOME_UNKNOWN": 1}
    assert meter.actions.total() == meter.events == 5


def test_only_a_kill_switch_that_latches_counts() -> None:
    meter = Meter()
    for name, value in (("kill_switch", "MANUAL"), ("kill_switch", ""), ("ordered", "PAUSE")):
        said = {"latch": name, "value": value}
        meter.stepped(an_event(), step_that_says(said, kind=RecordKind.LATCH))
    meter.stepped(an_event(), step_that_says({"notice": "x"}, kind=RecordKind.NOTICE))
    assert meter.kills == {"MANUAL": 1}


def test_transitions_of_all_machines_and_changes_of_role_count() -> None:
    meter = Meter()
    moved = Transition(
        ts_ms=1,
        scope=SYMBOL,
        from_state=OperatingState.ACTIVE,
        to_state=OperatingState.PAUSE,
        reason=StateReason.OPERATOR_PAUSE,
    )
    meter.stepped(an_event(), step_that_says(moved, kind=RecordKind.TRANSITION))
    for is_leader in (True, True, False, True):
        meter.stepped(an_event(Leadership(is_leader=is_leader)), step_that_says())
    assert meter.transitions == {("ACTIVE", "PAUSE"): 1}
    assert meter.roles == {"active": 2, "standby": 1}


def test_a_decision_is_not_read() -> None:
    """Not even written out again: its line stands in the journal."""
    meter = Meter()
    meter.stepped(an_event(), step_that_says({"latch": "kill_switch"}, kind=RecordKind.DECISION))
    assert meter.events == 1
    assert not meter.kills


# -- whatever happens ----------------------------------------------------------------------------

FAULTS = (
    Fault(kind=FaultKind.DISCONNECT, match=Match(at_most=1)),
    Fault(kind=FaultKind.RATE_LIMITED_429, retry_after_s=3, match=Match(at_most=1)),
    Fault(kind=FaultKind.TOO_MANY_ORDERS, match=Match(op=RequestOp.PLACE, at_most=1)),
    Fault(kind=FaultKind.TIMEOUT_1007, executed=True, match=Match(op=RequestOp.PLACE, at_most=1)),
    Fault(kind=FaultKind.SERVER_ERROR, match=Match(op=RequestOp.CANCEL, at_most=1)),
    Fault(kind=FaultKind.FRAME_LOST, match=Match(stream=USER, at_most=3)),
    Fault(kind=FaultKind.SILENCE, lasts_ms=5_000, match=Match(at_most=1)),
)
COMMANDS = (Command.PAUSE, Command.RESUME, Command.KILL, Command.RESET_KILL_SWITCH)
MOVES = st.one_of(
    st.sampled_from(FAULTS).map(lambda fault: ("suffer", fault)),
    st.sampled_from(COMMANDS).map(lambda command: ("command", command)),
    st.sampled_from(["fill", "cancel", "restart", "wait"]).map(lambda name: (name, None)),
)


@settings(max_examples=15)
@given(st.lists(MOVES, min_size=1, max_size=6))
def test_whatever_happens_no_scrape_lacks_anything_and_no_counter_falls(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, Any]]
) -> None:
    async def scene(world: MemoryLive) -> None:
        scraper = await watched(world)
        for name, given_one in moves:
            session = world.session
            assert session is not None
            if name == "suffer":
                world.suffer(given_one)
            elif name == "command":
                session.command(Control(command=given_one, actor="test"))
            elif name == "restart":
                await world.kill()
                world.disk.crash()
                scraper = Scraper(Gatherer(world.start()))
            elif name in {"fill", "cancel"} and world.open_orders():
                first = sorted(world.open_orders())[0]
                _ = world.fill(first, 5_000) if name == "fill" else world.cancel(first)
            for _ in range(4):
                await world.pass_ms(1_500)
                scraper.scrape()

    live(tmp_path_factory.mktemp("any"), scene)
