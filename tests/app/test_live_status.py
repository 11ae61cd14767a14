"""``grinder live status``: how a session stands, and for each symbol why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from grinder_adapters.clock import SystemClock
from grinder_adapters.journal.lock import StateLock
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match, RequestOp
from grinder_app.cli import run
from grinder_app.cli.live_status import why_not_words
from grinder_app.live.alerting import Alerts
from grinder_app.live.status import STATUS_FILE, StatusBoard
from grinder_core.codec import to_dict
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.enums import RiskIntent, Side
from grinder_core.live.standing import why_not
from tests.support.memory_session import SYMBOL, MemoryLive, live

PLACES = Match(op=RequestOp.PLACE)


def board_of(world: MemoryLive) -> StatusBoard:
    assert world.session is not None
    return StatusBoard(world.session, "test")


def obstacle(board: StatusBoard) -> tuple[str, str, str, str] | None:
    """The first symbol's, as the page has it."""
    found = board.document()["standing"]["symbols"][0]["why_not"]
    return found and (found["gate"], found["reason"], found["value"], found["limit"])


def command(world: MemoryLive, name: Command) -> None:
    assert world.session is not None
    world.session.command(Control(command=name, actor="test"))


def test_nothing_is_in_the_way_of_what_trades(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        page = board_of(world).document()
        symbol = page["standing"]["symbols"][0]
        assert page["standing"]["state"] == "ACTIVE"
        assert page["standing"]["waits_for"] is None
        assert symbol["why_not"] is None
        assert symbol["entries"] == symbol["planned"] == len(world.open_orders()) == 2
        assert page["health"]["countdown_until_ms"][SYMBOL] > world.clock.now_ms()
        assert orjson.loads(orjson.dumps(page)) == page

    live(tmp_path, scene)


@pytest.mark.parametrize(
    ("name", "gate", "reason"),
    [
        (Command.KILL, "kill_switch", "KILL_SWITCH_ACTIVE"),
        (Command.PAUSE, "state", "PAUSE OPERATOR_PAUSE"),
        (Command.EMERGENCY, "state", "EMERGENCY OPERATOR_EMERGENCY"),
        (Command.STOP, "session", "STOPPING"),
    ],
)
def test_what_an_operator_ordered_is_named_at_once(
    tmp_path: Path, name: Command, gate: str, reason: str
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        board = board_of(world)
        command(world, Command.RESUME)
        refused = "RESUME_REFUSED: ACTIVE HEALTHY: nothing stands that a resume lifts"
        assert board.document()["events"][-1]["text"] == refused
        command(world, name)
        found = obstacle(board)
        assert found is not None
        assert found[:2] == (gate, reason)
        await world.pass_ms(10)
        events = [(event["kind"], event["text"]) for event in board.document()["events"]]
        assert ("CONTROL", f"{name.value} by test") in events

    live(tmp_path, scene)


def test_a_cooldown_shows_how_far_it_is(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        board = board_of(world)
        command(world, Command.PAUSE)
        await world.pass_ms(1_000)
        command(world, Command.RESUME)
        await world.pass_ms(10_000)
        found = obstacle(board)
        assert found is not None
        assert found[1] == "PAUSE COOLDOWN"
        calm = int(found[2].split()[2])
        assert 9_000 <= calm <= 10_000
        assert found[3] == "30000 ms"
        assert board.document()["standing"]["waits_for"]["limit"] == "30000 ms"
        await world.pass_ms(25_000)
        assert obstacle(board) is None

    live(tmp_path, scene)


FAULTS: list[tuple[Fault, str, Callable[[str, str], bool]]] = [
    (
        Fault(kind=FaultKind.CLOCK_SKEW, skew_ms=20_000),
        "DEGRADED CLOCK_SKEW",
        lambda value, limit: abs(int(value.split()[0])) >= 19_000 and limit == "1000 ms",
    ),
    (
        Fault(kind=FaultKind.SILENCE, match=Match(stream="btcusdt@*"), lasts_ms=600_000),
        "DEGRADED FEED_STALE",
        lambda value, limit: int(value.split()[2]) > 5_000 and limit == "5000 ms",
    ),
    (
        Fault(kind=FaultKind.SERVER_ERROR, match=Match(op=RequestOp.COUNTDOWN)),
        "DEGRADED DEAD_MAN_FAILED",
        lambda value, limit: value == limit == "",
    ),
    (
        Fault(kind=FaultKind.BANNED_418, match=Match(at_most=1), lasts_ms=120_000),
        "DEGRADED RATE_LIMIT_BAN",
        lambda value, limit: value == limit == "",
    ),
]


@pytest.mark.parametrize(("fault", "reason", "is_right"), FAULTS, ids=lambda x: str(x)[:24])
def test_what_went_wrong_is_named_with_value_and_limit(
    tmp_path: Path, fault: Fault, reason: str, is_right: Callable[[str, str], bool]
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        board = board_of(world)
        world.suffer(fault)
        found = None
        for _ in range(120):
            await world.pass_ms(1_000)
            found = obstacle(board)
            if found is not None and found[1] == reason:
                break
        assert found is not None
        assert found[:2] == ("state", reason)
        assert is_right(found[2], found[3]), found

    live(tmp_path, scene)


def test_a_plan_too_small_for_the_venue_says_so(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(10_000)
        assert world.open_orders() == {}
        found = obstacle(board_of(world))
        assert found is not None
        assert found[:2] == ("planning_filter", "EXEC_QTY_BELOW_MIN_QTY")
        assert found[2].startswith("2 of 2 levels")
        assert found[3] == "0.001 in steps of 0.001"

    live(tmp_path, scene, engine={"notional_per_level": Decimal(20)})


def test_a_limit_on_exposure_says_how_much_was_wanted(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(10_000)
        found = obstacle(board_of(world))
        assert found is not None
        assert found[:2] == ("risk_gate", "NOTIONAL_LIMIT")
        assert float(found[2]) > float(found[3]) == 1_500

    live(tmp_path, scene, engine={"max_notional_per_symbol": Decimal(1_500)})


def test_a_refusal_of_the_venue_is_shown_until_an_order_goes_through(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = world.start()
        board = StatusBoard(session, "test")
        world.suffer(Fault(kind=FaultKind.UNAVAILABLE_503, match=PLACES))
        await world.pass_ms(20_000)
        symbol = board.document()["standing"]["symbols"][0]
        assert symbol["entries"] < symbol["planned"]
        assert symbol["last_refusal"]["status"] == "FAILED"
        world.suffer()
        await world.pass_ms(120_000)
        symbol = board.document()["standing"]["symbols"][0]
        assert symbol["entries"] == symbol["planned"]
        assert symbol["last_refusal"] is None

    live(tmp_path, scene)


def test_a_level_that_filled_is_named_as_what_is_missing(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started(10_000)
        name, *_ = [n for n, order in world.open_orders().items() if order.side is Side.BUY]
        world.fill(name, 10_000)
        await world.pass_ms(1_000)
        symbol = board_of(world).document()["standing"]["symbols"][0]
        assert (symbol["planned"], symbol["spent"], symbol["entries"]) == (2, 1, 1)
        assert why_not_words(symbol) == "1 of 2 levels filled: empty until the grid is reset"

    live(tmp_path, scene)


def test_before_recovery_is_done_it_says_for_how_long(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        await world.kill()
        down = Match(path="/fapi/v3/positionRisk")
        world.suffer(Fault(kind=FaultKind.SERVER_ERROR, match=down))
        session = world.start()
        board = StatusBoard(session, "test")
        await world.pass_ms(50_000)
        waits = board.document()["standing"]["waits_for"]
        assert waits["reason"] == "INIT BOOTSTRAP_PENDING"
        assert waits["limit"] == "60000 ms"
        assert 30_000 < int(waits["value"].split()[2]) <= 60_000

    live(tmp_path, scene)


def test_asking_changes_nothing(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started()
        board = board_of(world)
        for name in (Command.PAUSE, Command.RESUME, Command.KILL, Command.RESET_KILL_SWITCH):
            command(world, name)
            before = session.core.state()
            board.document()
            assert session.core.state() == before
            await world.pass_ms(7_000)

    live(tmp_path, scene)


def test_whatever_refuses_an_entry_is_an_obstacle_then(tmp_path: Path) -> None:
    """At no moment does the state machine refuse new risk while nothing is said to be in the way,
    nor is the state named where it permits.
    """

    async def scene(world: MemoryLive) -> None:
        session = world.start()
        core = session.core if hasattr(session, "core") else None
        plan: Iterator[Command] = iter(
            [Command.PAUSE, Command.RESUME, Command.KILL, Command.RESET_KILL_SWITCH] * 3
        )
        for second in range(240):
            await world.pass_ms(1_000)
            core = session.core
            machine, now = core.hot.orchestrator, core.engine.hot.now
            permits = machine.permits(SYMBOL, RiskIntent.INCREASE_RISK, now)
            found = why_not(core, SYMBOL)
            assert permits or found is not None
            if permits and found is not None:
                assert found.gate != "state"
            if second % 20 == 19:
                command(world, next(plan))

    live(tmp_path, scene)


def page_in(folder: Path, ended: str = "") -> dict[str, Any]:
    """Write the page of a session of an exchange in memory into a state folder."""
    state = folder / "sim"
    state.mkdir(exist_ok=True)
    made: dict[str, Any] = {}

    async def scene(world: MemoryLive) -> None:
        await world.started()
        world.trade(Side.BUY, "0.01", "ETHUSDT")
        board = board_of(world)
        board.close(ended)
        made.update(orjson.loads((world.session.base.folder / STATUS_FILE).read_bytes()))  # type: ignore[union-attr]

    live(folder, scene)
    (state / "state.db").touch()
    return made


def test_the_command_shows_a_running_one_a_dead_one_and_an_ended_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = page_in(tmp_path)
    where = ["live", "status", "--state-dir", str(tmp_path)]
    assert run(where) == 1
    shown = capsys.readouterr()
    assert "no process runs" in shown.err
    assert SYMBOL in shown.out
    assert "  next " not in shown.out
    lock = StateLock.take(tmp_path / "sim", 1)
    try:
        assert run([*where, "--json"]) == 0
        page["written_ms"] = SystemClock().now_ms()
        (tmp_path / "sim" / STATUS_FILE).write_bytes(orjson.dumps(page))
        assert run([*where, "--json", "--until", "ACTIVE", "--within", "0"]) == 0
        assert run([*where, "--json", "--until", "PAUSE", "--within", "0"]) == 1
    finally:
        lock.release()
    told = orjson.loads(capsys.readouterr().out.splitlines()[0])
    assert told["standing"] == page["standing"]
    assert told["is_running"]
    page_in(tmp_path, "in order")
    assert run(where) == 1
    assert "the session ended: in order" in capsys.readouterr().err


def test_alerts_that_stand_are_shown_with_what_to_type_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sim").mkdir()

    async def scene(world: MemoryLive) -> None:
        session = await world.started()
        alerts = Alerts(session.core)
        session.watchers.append(alerts.step)
        now = world.clock.now_ms
        beside = {"alerts": lambda: [to_dict(alert) for alert in alerts.still_open(now())]}
        command(world, Command.KILL)
        await world.pass_ms(1_000)
        StatusBoard(session, "test", beside).close("")

    live(tmp_path, scene)
    (tmp_path / "sim" / "state.db").touch()
    run(["live", "status", "--state-dir", str(tmp_path)])
    shown = capsys.readouterr().out
    at = [shown.index(words) for words in (
        "KILL_SWITCH since ", "  why    KILL_SWITCH: the kill switch latched for MANUAL;",
        "  orders Orders that add risk are cancelled;",
        "  next   grinder control reset kill-switch\n", "  next   grinder control resume",
        "  page   docs/how-to/kill-switch.md\n",
    )]  # fmt: skip
    assert at == sorted(at)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version":2,"written_ms":1}', b"null"])
def test_a_page_that_cannot_be_read_is_refused_with_a_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    state = tmp_path / "sim"
    state.mkdir()
    (state / "state.db").touch()
    (state / STATUS_FILE).write_bytes(content)
    assert run(["live", "status", "--state-dir", str(tmp_path)]) == 2
    assert STATUS_FILE in capsys.readouterr().err


def test_without_a_session_it_says_where_it_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["live", "status", "--state-dir", str(tmp_path)]) == 2
    assert "holds no state" in capsys.readouterr().err
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "state.db").touch()
    assert run(["live", "status", "--state-dir", str(tmp_path)]) == 2
    assert "no status page yet" in capsys.readouterr().err


def test_a_clock_that_drifts_is_found_within_half_an_hour(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        board = board_of(world)
        world.suffer(Fault(kind=FaultKind.CLOCK_SKEW, skew_ms=3_000))  # no request is refused yet
        await world.pass_ms(1_810_000)
        found = obstacle(board)
        assert found is not None
        assert found[1] == "DEGRADED CLOCK_SKEW"

    live(tmp_path, scene)
