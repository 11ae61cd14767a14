"""LIVE-41, LIVE-14, LIVE-25: from the control file into a live session, in its very next step."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grinder_adapters.control import ControlFile, DoneCommand, Outcome
from grinder_app.live.control_channel import ACTOR
from grinder_core.contracts.control import ENVIRONMENT, Command, Control
from grinder_core.contracts.enums import Override, Side
from tests.support.memory_session import SYMBOL, MemoryLive, live

ENGINE: dict[str, Any] = {"consec_loss_enabled": True}


def file_of(world: MemoryLive) -> ControlFile:
    folder = world.plan.state_dir / world.plan.exchange_port.value
    folder.mkdir(parents=True, exist_ok=True)
    return ControlFile(folder)


def give(world: MemoryLive, command: Command, symbol: str = "", text: str = "") -> int:
    if command is Command.FLATTEN:
        symbol = symbol or SYMBOL
    now = world.clock.now_ms()
    appended = file_of(world).append(command, actor="me@here", now_ms=now, symbol=symbol, text=text)
    return appended.number


def commands(world: MemoryLive) -> list[Control]:
    return world.payloads(Control)


def done(world: MemoryLive) -> list[DoneCommand]:
    state = file_of(world).read()
    return [] if state is None else list(state.done)


def waiting(world: MemoryLive) -> list[int]:
    state = file_of(world).read()
    return [] if state is None else [one.number for one in state.commands]


def state_of(world: MemoryLive) -> str:
    assert world.session is not None
    return world.session.core.hot.orchestrator.machine.state.value


# -- each command, in the very next step ---------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "command", "state", "reason"),
    [
        ([], Command.PAUSE, "PAUSE", "OPERATOR_PAUSE"),
        ([], Command.EMERGENCY, "EMERGENCY", "OPERATOR_EMERGENCY"),
        ([], Command.KILL, "EMERGENCY", "KILL_SWITCH"),
        ([], Command.FLATTEN, "ACTIVE", "HEALTHY"),
        ([], Command.STOP, "ACTIVE", "HEALTHY"),
        ([], Command.RESET_DRAWDOWN_GUARD, "ACTIVE", "HEALTHY"),
        ([], Command.RESET_LOSS_STREAKS, "ACTIVE", "HEALTHY"),
        ([Command.PAUSE], Command.RESUME, "PAUSE", "COOLDOWN"),
        ([Command.EMERGENCY], Command.RESUME, "READY", "HEALTHY"),
        ([Command.KILL], Command.RESET_KILL_SWITCH, "EMERGENCY", "AWAIT_RESUME"),
    ],
)
def test_a_command_is_carried_out_in_the_next_step_and_acknowledged_once_it_is_durable(
    tmp_path: Path, first: list[Command], command: Command, state: str, reason: str
) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started(10_000)
        world.trade(Side.BUY, "0.02")
        await world.pass_ms(2_000)
        for before in first:
            give(world, before)
            await world.pass_ms(1_000)
        number = give(world, command, text="because")
        world.heard.clear()
        assert waiting(world) == [number]
        session.loop.put(Control(command=Command.RESET_LOSS_STREAKS, actor="other"))
        heard = world.payloads(Control)
        assert [(one.command, one.number) for one in heard] == [
            (command, number), (Command.RESET_LOSS_STREAKS, 0),
        ]  # fmt: skip
        assert (heard[0].actor, heard[0].text) == ("me@here", "because")
        assert session.core.hot.commands_done == number
        taken, carried_out = [
            row for row in world.rows("audit") if row["details"].get("number") == number
        ]
        assert (taken["status"], taken["details"]["text"]) == (None, "because")
        assert (carried_out["status"], carried_out["block_reason"]) == ("APPLIED", None)
        assert carried_out["details"]["state"] == f"{state} {reason}"
        assert waiting(world) == [number]  # not on disk yet
        await world.pass_ms(1_000)
        assert waiting(world) == []
        last = done(world)[-1]
        assert (last.number, last.outcome) == (number, Outcome.APPLIED)
        assert (last.state, last.reason) == (state, reason)

    live(tmp_path, scene, engine=ENGINE)


def test_a_pause_takes_entries_out_and_a_resume_lets_them_in_again(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(10_000)
        assert world.open_orders()
        give(world, Command.PAUSE)
        await world.pass_ms(3_000)
        assert not world.open_orders()
        assert state_of(world) == "PAUSE"
        resume = give(world, Command.RESUME)
        await world.pass_ms(45_000)
        assert [one.outcome for one in done(world) if one.number == resume] == [Outcome.APPLIED]
        assert "RESUME_REFUSED" not in {row.get("notice") for row in world.rows("notice")}
        assert state_of(world) == "ACTIVE"
        assert world.open_orders()

    live(tmp_path, scene)


def test_a_flatten_closes_the_position_at_the_venue(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started(10_000)
        (name,) = [n for n, o in world.open_orders().items() if o.side is Side.BUY]
        world.fill(name, 10_000)
        await world.pass_ms(2_000)
        assert session.core.engine.hot.symbols[SYMBOL].ledger.qty > 0
        give(world, Command.PAUSE)
        give(world, Command.FLATTEN)
        await world.pass_ms(5_000)
        assert session.core.engine.hot.symbols[SYMBOL].ledger.qty == Decimal(0)

    live(tmp_path, scene)


def test_a_stop_ends_the_process_in_order_and_does_not_stop_the_next(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(10_000)
        assert world.open_orders()
        number = give(world, Command.STOP)
        assert world.running is not None
        async with asyncio.timeout(60):
            await world.running
        world.running = None
        assert not world.open_orders()
        assert (waiting(world), [one.number for one in done(world)]) == ([], [number])
        await world.started(10_000)
        assert world.open_orders()

    live(tmp_path, scene)


def test_commands_of_one_look_are_carried_out_in_their_order_before_all_that_waits(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started(10_000)
        order = [Command.PAUSE, Command.KILL, Command.RESET_KILL_SWITCH, Command.EMERGENCY]
        for command in order:
            give(world, command)
        world.heard.clear()
        session.loop.put(Control(command=Command.RESET_LOSS_STREAKS, actor="other"))
        assert [one.command for one in commands(world)] == [*order, Command.RESET_LOSS_STREAKS]

    live(tmp_path, scene)


def test_a_silent_market_does_not_keep_a_command_waiting(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started(10_000)
        world.heard.clear()
        give(world, Command.PAUSE)
        for _ in range(6):  # no quote passes meanwhile but those of the exchange's own rhythm
            await world.pass_ms(50)
        assert session.core.hot.ordered is Override.PAUSE

    live(tmp_path, scene)


def test_in_recovery_stops_count_and_no_order_leaves(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = world.start()
        while not hasattr(session, "loop"):
            await world.pass_ms(1)
        numbers = [give(world, c) for c in (Command.PAUSE, Command.FLATTEN, Command.KILL)]
        assert not session.core.hot.orchestrator.inputs.bootstrap_ok
        await world.pass_ms(20_000)
        outcomes = {one.number: one for one in done(world)}
        assert [outcomes[n].outcome.value for n in numbers] == ["APPLIED", "REFUSED", "APPLIED"]
        assert [outcomes[n].state for n in numbers] == ["INIT"] * 3
        assert outcomes[numbers[1]].detail
        assert (state_of(world), world.open_orders()) == ("EMERGENCY", {})

    live(tmp_path, scene)


def test_a_symbol_that_is_not_traded_is_refused_and_ends_nothing(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(10_000)
        number = give(world, Command.FLATTEN, "ETHUSDT")
        await world.pass_ms(1_000)
        last = done(world)[-1]
        assert (last.number, last.outcome) == (number, Outcome.REFUSED)
        assert last.detail == "ETHUSDT is not traded here"

    live(tmp_path, scene)


# -- once, over restarts -------------------------------------------------------------------------


def test_a_number_is_carried_out_once_over_restarts_and_copied_files(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(10_000)
        file = file_of(world)
        give(world, Command.PAUSE)
        number = give(world, Command.RESUME)
        old = file.path.read_bytes()
        await world.pass_ms(2_000)
        give(world, Command.KILL)
        await world.pass_ms(2_000)
        assert state_of(world) == "EMERGENCY"
        file.path.write_bytes(old)  # somebody puts an old copy back
        await world.pass_ms(2_000)
        refused = [one for one in done(world) if one.outcome is Outcome.REFUSED]
        assert [one.number for one in refused] == [number - 1, number]
        assert {"replayed" in one.detail for one in refused} == {True}
        assert state_of(world) == "EMERGENCY"
        await world.kill()
        world.disk.crash()
        file.path.write_bytes(old)
        before = len(commands(world))
        session = await world.started(10_000)
        assert len(commands(world)) == before
        assert (state_of(world), waiting(world)) == ("EMERGENCY", [])
        assert session.core.hot.latches["kill_switch"] == "MANUAL"
        # nor may a number that was used be given again
        assert give(world, Command.PAUSE) > session.core.hot.commands_done

    live(tmp_path, scene)


def test_a_command_whose_event_a_crash_took_is_carried_out_by_the_next_process(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started(10_000)
        world.disk.keeps_least = True
        now = world.clock.now_ms()
        world.disk.broken.append((now, now + 3_000))
        number = give(world, Command.PAUSE)
        await world.pass_ms(1_000)
        assert session.core.hot.ordered is Override.PAUSE
        assert waiting(world) == [number]  # it is carried out and not on disk: it stays
        await world.kill()
        world.disk.crash()
        await world.pass_ms(3_000)
        session = await world.started(10_000)
        assert (session.core.hot.ordered, state_of(world)) == (Override.PAUSE, "PAUSE")
        assert waiting(world) == []

    live(tmp_path, scene)


def test_what_stands_in_the_file_holds_a_state_that_does_not_know_it(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        give(world, Command.EMERGENCY)
        file = file_of(world)
        state = file.read()
        assert state is not None
        file.settle(tuple(a_done(one.number) for one in state.commands), state.last)
        session = await world.started(10_000)  # a new state: the old one was set aside, say
        assert (state_of(world), world.open_orders()) == ("EMERGENCY", {})
        assert [(one.actor, one.command) for one in commands(world)] == [(ACTOR, Command.EMERGENCY)]
        assert [row["details"]["actor"] for row in world.rows("audit")] == [ACTOR]
        give(world, Command.RESUME)
        await world.pass_ms(20_000)
        assert session.core.hot.ordered is None
        assert state_of(world) == "ACTIVE"

    live(tmp_path, scene)


def a_done(number: int) -> DoneCommand:
    return DoneCommand(
        number=number, ts_ms=0, command=Command.PAUSE, actor="me", symbol="",
        outcome=Outcome.APPLIED, state="", reason="", detail="",
    )  # fmt: skip


def test_no_command_lifts_what_the_environment_of_the_process_imposes(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started(10_000)
        session.loop.put(Control(command=Command.PAUSE, actor=ENVIRONMENT))
        give(world, Command.RESUME)
        await world.pass_ms(60_000)
        assert state_of(world) == "PAUSE"
        await world.kill()
        await world.started(60_000)  # by an environment without it, after a resume
        assert state_of(world) == "ACTIVE"

    live(tmp_path, scene)


# -- a file that cannot be understood ------------------------------------------------------------


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=st.one_of(st.binary(max_size=60), st.just(b'{"version":1}\n')))
def test_arbitrary_bytes_are_a_pause_and_never_a_command(
    tmp_path_factory: pytest.TempPathFactory, body: bytes
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(10_000)
        file_of(world).path.write_bytes(body)
        await world.pass_ms(2_000)
        assert state_of(world) == "PAUSE"
        assert [(one.command, one.actor) for one in commands(world)] == [(Command.PAUSE, ACTOR)]
        assert file_of(world).path.read_bytes() == body

    live(tmp_path_factory.mktemp("state"), scene)


def test_an_unreadable_file_is_said_once_audited_and_ends_only_with_a_resume(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(10_000)
        file = file_of(world)
        file.path.write_bytes(b"nonsense")
        await world.pass_ms(30_000)
        (told,) = world.lines("control")
        assert "counts as PAUSE" in told
        (noted,) = [row["details"] for row in world.rows("audit")]
        assert noted["actor"] == ACTOR
        assert "is no JSON" in noted["text"]
        file.path.unlink()  # mended, and the session stays where it is
        await world.pass_ms(60_000)
        assert state_of(world) == "PAUSE"
        file.path.write_bytes(b"other nonsense")
        await world.pass_ms(1_000)
        assert len(world.lines("control")) == 2
        give(world, Command.RESUME)
        await world.pass_ms(60_000)
        assert state_of(world) == "ACTIVE"

    live(tmp_path, scene)


def test_a_kill_passes_an_unreadable_file(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started(10_000)
        file_of(world).path.write_bytes(b"nonsense")
        await world.pass_ms(1_000)
        give(world, Command.KILL)
        await world.pass_ms(1_000)
        assert session.core.hot.latches["kill_switch"] == "MANUAL"
        assert session.core.hot.ordered is Override.PAUSE

    live(tmp_path, scene)


def test_a_file_that_others_may_write_is_a_pause_and_is_read_once_that_is_mended(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started(10_000)
        number = give(world, Command.KILL)
        file_of(world).path.chmod(0o666)
        await world.pass_ms(2_000)
        assert (state_of(world), session.core.hot.commands_done) == ("PAUSE", 0)
        file_of(world).path.chmod(0o600)
        await world.pass_ms(2_000)
        assert (state_of(world), session.core.hot.commands_done) == ("EMERGENCY", number)

    live(tmp_path, scene)


# -- audit before effect -------------------------------------------------------------------------


def test_what_would_let_risk_in_waits_until_it_can_be_noted_and_the_rest_does_not(
    tmp_path: Path,
) -> None:
    log = tmp_path / "sim" / "audit" / "reconcile.jsonl"

    async def scene(world: MemoryLive) -> None:
        session = await world.started(10_000)
        log.mkdir(parents=True)  # so that nothing can be written
        give(world, Command.PAUSE)
        await world.pass_ms(2_000)
        assert session.core.hot.ordered is Override.PAUSE
        number = give(world, Command.RESUME)
        await world.pass_ms(2_000)
        assert (session.core.hot.ordered, waiting(world)) == (Override.PAUSE, [number])
        assert any("cannot be noted" in line for line in world.lines("control"))
        log.rmdir()
        await world.pass_ms(10_000)
        assert (session.core.hot.ordered, waiting(world)) == (None, [])
        noted = [json.loads(line) for line in log.read_text().splitlines()]
        told = [(one["details"]["number"], one["status"]) for one in noted]
        assert told == [(number, None), (number, "APPLIED")]

    live(tmp_path, scene, {"audit.audit_enabled": "true", "audit.audit_fail_open": "false"})


def test_a_resume_that_waited_is_refused_once_a_later_command_was_carried_out(
    tmp_path: Path,
) -> None:
    log = tmp_path / "sim" / "audit" / "reconcile.jsonl"

    async def scene(world: MemoryLive) -> None:
        session = await world.started(10_000)
        log.mkdir(parents=True)
        give(world, Command.PAUSE)
        resume = give(world, Command.RESUME)
        give(world, Command.EMERGENCY)
        await world.pass_ms(2_000)
        log.rmdir()
        await world.pass_ms(10_000)
        assert (session.core.hot.ordered, waiting(world)) == (Override.EMERGENCY, [])
        (refused,) = [one for one in done(world) if one.outcome is Outcome.REFUSED]
        assert refused.number == resume

    live(tmp_path, scene, {"audit.audit_enabled": "true", "audit.audit_fail_open": "false"})


def test_a_resume_under_a_kill_switch_is_refused_with_its_reason(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(10_000)
        give(world, Command.KILL)
        await world.pass_ms(1_000)
        give(world, Command.RESUME)
        await world.pass_ms(1_000)
        last = done(world)[-1]
        assert (last.outcome, last.reason) == (Outcome.REFUSED, "KILL_SWITCH")
        assert "EMERGENCY" in last.detail
        audited = world.rows("audit")[-1]
        assert (audited["status"], audited["block_reason"]) == ("REFUSED", "KILL_SWITCH")
        assert audited["details"]["detail"] == last.detail

    live(tmp_path, scene)
