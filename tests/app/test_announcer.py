"""Log and webhook of a whole live session: faults told to an operator, and nobody held up."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from grinder_adapters.binance.signing import Secret
from grinder_adapters.local_venue.assembly import LOCAL_KEY
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match
from grinder_adapters.logs.settings import LogLevel, LogSettings
from grinder_adapters.logs.setup import Log
from grinder_adapters.redact import Redactor
from grinder_adapters.transport import HttpAnswer
from grinder_app.config.live_webhook import WebhookKeys
from grinder_app.live.announcer import Announcer
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.enums import Side
from tests.support.memory_session import SYMBOL, MemoryLive, live

D = Decimal
HOOK = "https://hooks.example.org/services/T000/secret-path-of-the-hook"
SECRET = "a-secret-of-the-webhook-0123456789"
GIB = 1 << 30


class Hook:
    """A receiver: takes every alert, or none of them for ever."""

    def __init__(self, *, stalls: bool = False) -> None:
        self.stalls = stalls
        self.bodies: list[bytes] = []

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        self.bodies.append(body)
        if self.stalls:
            await asyncio.Event().wait()
        return HttpAnswer(200, b"")

    async def close(self) -> None:
        return

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return [json.loads(body)["alert"] for body in self.bodies]

    def facts(self, kind: str) -> list[str]:
        """How one kind was told; what it says in between comes with the cancels."""
        told = [a["status"] for a in self.alerts if a["kind"] == kind]
        return [status for status in told if status != "updated"]


class Lines:
    """A place for log lines; one that stalls never returns from a write."""

    def __init__(self, *, stalls: bool = False) -> None:
        self.data = b""
        self.may_go = threading.Event()
        if not stalls:
            self.may_go.set()

    def write(self, data: bytes) -> int:
        self.may_go.wait()
        self.data += bytes(data)
        return len(data)

    def close(self) -> None:
        return

    def of(self, room: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.data.splitlines()]
        return [line for line in lines if line["logger"] == room]


@pytest.mark.parametrize("is_shared", [True, False])
def test_what_people_were_told_is_logged_where_they_do_not_read_it_twice(
    tmp_path: Path, is_shared: bool
) -> None:
    async def scene(world: MemoryLive) -> Lines:
        lines = Lines()
        log = Log(
            LogSettings(), Redactor(), world.clock.now_ms, lines,
            is_terminal=is_shared, is_shared=is_shared,
        )  # fmt: skip
        said: list[str] = []
        around = world._world()
        async with Announcer(world.plan, around, lambda _, text: said.append(text), log) as made:
            made.tell("venue", "somewhere")
            made.tell("warning", "beware")
        assert said == ["somewhere", "beware"]
        return lines

    text = live(tmp_path, scene).data.decode()
    assert ("somewhere" in text) is ("beware" in text) is not is_shared
    assert "session" in text  # what nobody was told is there in both


Story = Callable[[MemoryLive], Awaitable[None]]


def announced(
    folder: Path,
    story: Story,
    *,
    hook: Hook | None = None,
    lines: Lines | None = None,
    free: Callable[[Path], int] = lambda folder: 100 * GIB,
    ends: bool = True,
) -> tuple[Hook, Lines, Announcer]:
    """Play a story in a session that is announced, once it has recovered."""
    hook, lines = hook or Hook(), lines or Lines()

    async def scene(world: MemoryLive) -> Announcer:
        keys = WebhookKeys(url=Secret(HOOK), secret=Secret(SECRET))
        environment = evolve(world.plan.environment, webhook=keys)
        plan = world.plan = evolve(world.plan, environment=environment)
        around = evolve(world._world(), webhook=lambda: hook, free_bytes=free)
        log = Log(
            LogSettings(log_level=LogLevel.DEBUG),
            Redactor(plan.secrets),
            world.clock.now_ms,
            lines,
            is_terminal=False,
        )
        announcer = Announcer(plan, around, lambda kind, text: world.told.append((kind, text)), log)
        async with announcer:
            announcer.watch(world.start())
            await world.pass_ms(5_000)
            assert world.is_ready
            await story(world)
            if ends:
                await world.end()
        return announcer

    return hook, lines, live(folder, scene)


async def nothing(world: MemoryLive) -> None:
    await world.pass_ms(1_000)


def command(world: MemoryLive, which: Command) -> None:
    assert world.session is not None
    world.session.command(Control(command=which, actor="operator"))


def test_a_session_without_trouble_is_told_from_start_to_stop(tmp_path: Path) -> None:
    hook, lines, announcer = announced(tmp_path, nothing)
    assert [(a["kind"], a["status"]) for a in hook.alerts] == [
        ("SESSION_STARTED", "event"),
        ("SESSION_STOPPED", "event"),
    ]
    assert json.loads(hook.bodies[0])["session"]["symbols"] == SYMBOL
    rooms = {json.loads(line)["logger"] for line in lines.data.splitlines()}
    assert {"live.state", "live.health", "live.orders", "live.control", "live.alerts"} <= rooms
    assert [line["command"] for line in lines.of("live.control")] == ["STOP"]
    states = [(line["scope"], line["to_state"]) for line in lines.of("live.state")
              if line["event"] == "transition"]  # fmt: skip
    assert ("", "ACTIVE") in states
    stats = announcer.stats
    assert stats is not None
    assert (stats.delivered, stats.failed, stats.pending) == (2, 0, 0)


def test_market_events_get_no_line(tmp_path: Path) -> None:
    async def long(world: MemoryLive) -> None:
        await world.pass_ms(60_000)

    _, short, _ = announced(tmp_path / "a", nothing)
    _, longer, _ = announced(tmp_path / "b", long)
    quotes = 2 * 60
    assert len(longer.data.splitlines()) - len(short.data.splitlines()) < quotes / 10


def test_a_kill_is_told_with_what_became_of_the_orders(tmp_path: Path) -> None:
    async def story(world: MemoryLive) -> None:
        assert len(world.open_orders()) == 2
        command(world, Command.KILL)
        await world.pass_ms(2_000)
        assert not world.open_orders()
        command(world, Command.RESET_KILL_SWITCH)
        command(world, Command.RESUME)
        await world.pass_ms(1_000)

    hook, lines, _ = announced(tmp_path, story)
    kills = [a for a in hook.alerts if a["kind"] == "KILL_SWITCH"]
    assert [a["status"] for a in kills] == ["open", "updated", "resolved"]
    assert kills[0]["counts"]["cancelling"] == 2
    assert kills[1]["counts"] == {"cancelled": 2, "cancelling": 0, "kept_reduce_only": 0,
                                  "still_open": 0, "unknown": 0}  # fmt: skip
    assert [line["command"] for line in lines.of("live.control")] == [
        "KILL", "RESET_KILL_SWITCH", "RESUME", "STOP",
    ]  # fmt: skip
    assert {line["latch"] for line in lines.of("live.state") if line["event"] == "latch"} >= {
        "kill_switch", "emergency",
    }  # fmt: skip


FAULTS = [
    ("FEED_LOST", Fault(kind=FaultKind.SILENCE, lasts_ms=20_000, match=Match(until_ms=20_000))),
    ("RATE_LIMIT_BAN", Fault(kind=FaultKind.BANNED_418, lasts_ms=20_000, match=Match(at_most=1))),
    ("CLOCK_SKEW", Fault(kind=FaultKind.CLOCK_SKEW, skew_ms=7_000, match=Match(until_ms=90_000))),
]


@pytest.mark.parametrize(("kind", "fault"), FAULTS, ids=[kind for kind, _ in FAULTS])
def test_each_fault_at_the_venue_is_told_and_its_end(
    tmp_path: Path, kind: str, fault: Fault
) -> None:
    async def story(world: MemoryLive) -> None:
        world.suffer(fault)
        if kind == "RATE_LIMIT_BAN":
            world.cancel(next(iter(world.open_orders())))  # so that something is asked
        await world.pass_ms(240_000)

    hook, _, _ = announced(tmp_path, story)
    causes = [alert["cause"] for alert in hook.alerts]
    assert hook.facts(kind)[:2] == ["open", "resolved"], causes


def test_a_position_that_is_not_ours_is_told_as_a_mismatch_and_its_end(tmp_path: Path) -> None:
    async def story(world: MemoryLive) -> None:
        world.trade(Side.BUY, "0.02")
        await world.pass_ms(90_000)
        world.trade(Side.SELL, "0.02")
        await world.pass_ms(120_000)

    hook, lines, _ = announced(tmp_path, story)
    assert hook.facts("MISMATCH") == ["open", "resolved"]
    opened = next(a for a in hook.alerts if a["kind"] == "MISMATCH")
    assert "the venue holds 0.02, and we believe 0" in opened["detail"]
    assert opened["runbook"] == "docs/how-to/mismatch.md"
    told = [line for line in lines.of("live.health") if line.get("name") == "UNRECONCILED"]
    assert [line["event"] for line in told][-2:] == ["bad", "good"]


def test_a_disk_that_cannot_be_written_is_told_and_its_end(tmp_path: Path) -> None:
    async def story(world: MemoryLive) -> None:
        now = world.clock.now_ms()
        world.disk.broken.append((now, now + 20_000))
        await world.pass_ms(60_000)

    hook, _, _ = announced(tmp_path, story)
    assert hook.facts("STATE_WRITE_FAILED") == ["open", "resolved"]


def test_a_disk_that_fills_up_is_told_and_one_that_cannot_be_asked_is_logged(
    tmp_path: Path,
) -> None:
    answers: list[int | OSError] = [100 * GIB, GIB, OSError(5, "gone"), 100 * GIB]

    def free(folder: Path) -> int:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def story(world: MemoryLive) -> None:
        await world.pass_ms(240_000)

    hook, lines, _ = announced(tmp_path, story, free=free)
    assert hook.facts("DISK_LOW") == ["open", "resolved"]
    assert "disk_unknown" in {line["event"] for line in lines.of("live.told")}


def test_a_session_that_something_ends_is_told_with_the_error(tmp_path: Path) -> None:
    async def story(world: MemoryLive) -> None:
        raise RuntimeError(f"broken by {SECRET}")

    hook, lines = Hook(), Lines()
    with pytest.raises(RuntimeError, match="broken"):
        announced(tmp_path, story, hook=hook, lines=lines)
    last = hook.alerts[-1]
    assert (last["kind"], last["severity"]) == ("SESSION_FAILED", "critical")
    assert "RuntimeError: broken by [REDACTED]" in last["cause"]
    assert lines.of("live.alerts")[-1]["level"] == "error"


@pytest.mark.parametrize("stalled", ["webhook", "log", "both"])
def test_a_receiver_or_a_log_that_stalls_changes_nothing_of_the_session(
    tmp_path: Path, stalled: str
) -> None:
    """The same at the same times: states, latches, orders, the end; only words are lost."""
    ended: list[tuple[int, list[tuple[str, int]]]] = []

    async def story(world: MemoryLive) -> None:
        command(world, Command.KILL)
        await world.pass_ms(2_000)
        command(world, Command.RESET_KILL_SWITCH)
        command(world, Command.RESUME)
        await world.pass_ms(60_000)
        await world.end()
        rows = [(row.kind, row.ts_ms) for row in world.disk.written if row.kind in _SAID]
        ended.append((world.clock.now_ms(), rows))

    announced(tmp_path / "calm", story, ends=False)
    hook = Hook(stalls=stalled != "log")
    lines = Lines(stalls=stalled != "webhook")
    try:
        _, _, announcer = announced(tmp_path / "bad", story, hook=hook, lines=lines, ends=False)
    finally:
        lines.may_go.set()
    calm, troubled = ended
    assert len(calm[1]) > 10
    assert troubled == calm
    stats = announcer.stats
    assert stats is not None
    assert stats.pending == 0
    assert bool(stats.failed) is hook.stalls
    assert bool(stats.delivered) is not hook.stalls


_SAID = {"TRANSITION", "LATCH", "ACTION", "CONTROL"}


def test_no_secret_is_in_any_byte_that_leaves(tmp_path: Path) -> None:
    async def story(world: MemoryLive) -> None:
        for secret in (SECRET, HOOK, LOCAL_KEY.key, LOCAL_KEY.secret):
            world.session.base.tell("warning", f"said {secret} aloud")  # type: ignore[union-attr]
        command(world, Command.KILL)
        await world.pass_ms(5_000)

    async def told(world: MemoryLive) -> None:
        await story(world)

    hook, lines, _ = announced(tmp_path, told)
    whole = b"".join(hook.bodies) + lines.data
    for hidden in (
        SECRET,
        "secret-path-of-the-hook",
        LOCAL_KEY.key,
        LOCAL_KEY.secret,
        "grinder_sim_",
    ):
        assert hidden.encode() not in whole


def test_a_mistake_in_telling_ends_nothing_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grinder_app.live.alerting.Alerts.step", lambda self, event, step: 1 / 0)
    hook, lines, _ = announced(tmp_path, nothing)
    assert [a["kind"] for a in hook.alerts] == ["SESSION_STOPPED"]
    assert [line["event"] for line in lines.of("live.told")] == ["alerting_failed"]
