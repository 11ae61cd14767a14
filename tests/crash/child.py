"""One life of a session: a process that trades until it is killed, or until it has settled.

It says little, and each word is on file at once: what it found when it took the state up, which
commands it was given and which of them are on disk, at which point it killed itself.
"""

from __future__ import annotations

import asyncio
import os
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
from attrs import Factory, frozen

import grinder_app.live.session as session_module
from grinder_adapters.binance.permission import PortKind
from grinder_app.config.live_plan import LiveFlags, LivePlan, plan_live
from grinder_app.config.load import load_settings
from grinder_app.live.recovering import Restored
from grinder_app.live.session import LiveSession
from grinder_app.live.surroundings import Surroundings
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.live import SafeMode
from grinder_core.errors import ConnectorError
from grinder_core.ports import Policy
from tests.crash.clock import FastClock, is_wanted
from tests.crash.points import RANDOM, Trigger, arm, restore_with
from tests.crash.restless import Restless

POLL_S: Final = 0.02
SETTINGS: Final[Mapping[str, str]] = {
    "initial_capital": "100000000",
    "max_notional_per_symbol": "5000000",
    "max_notional_total": "9000000",
    "daily_loss_limit": "90000000",
    "max_orders_per_minute": "600",
    "cooldown_ms": "0",
    "live.recv_window_ms": "10000",
    "live.reconcile_interval_ms": "5000",
    "live.target_leverage": "10",
    # on a clock in a hurry a busy machine looks like a feed that stands and a clock that is off
    "orchestrator.feed_stale_ms": "60000",
    "orchestrator.clock_skew_max_ms": "20000",
    "orchestrator.degraded_cooldown_ms": "500",
    "orchestrator.throttled_cooldown_ms": "500",
    "orchestrator.pause_cooldown_ms": "1000",
}
POLICY: Final = "restless"


@frozen(kw_only=True)
class Life:
    """What one process shall go through.

    Attributes:
        number: Counts the lives of a world.
        point, nth: Where it kills itself; ``RANDOM``: somebody else does.
        commands: Of an operator, one after the other.
        command_after_s: When, seconds of the wall after the begin.
        checkpoint_ms: Time between checkpoints, of its clock.
        stop_after_s: Stop in order after so many seconds of the wall; 0: not at all.
        stop_file: Stop in order once this file is there.
    """

    number: int
    world_seed: int
    folder: Path
    report: Path
    rest_url: str
    symbols: tuple[str, ...]
    clock: FastClock
    point: str = RANDOM
    nth: int = 0
    commands: tuple[Command, ...] = ()
    command_after_s: float = 0
    checkpoint_ms: int = 10_000
    stop_after_s: float = 0
    stop_file: Path | None = None


@frozen
class Report:
    """A file of JSON lines; each is with the kernel once ``say`` returns."""

    handle: int = Factory(int)

    @classmethod
    def open(cls, path: Path) -> Report:
        """Begin one."""
        return cls(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))

    def say(self, kind: str, **more: Any) -> None:
        """Write a line."""
        os.write(self.handle, orjson.dumps({"kind": kind, "s": time.monotonic(), **more}) + b"\n")


def policy_of(world_seed: int) -> Restless:
    """Return the strategy of a world; every process of it and the judge use the same."""
    return Restless(world_seed)


def plan_of(life: Life) -> LivePlan:
    """Return what ``grinder live run --armed --mode live_trade`` would do here."""
    settings = load_settings(
        None,
        environment={},
        flags={**SETTINGS, "app.state_dir": str(life.folder)},
    )
    flags = LiveFlags(
        armed=True,
        mode=SafeMode.LIVE_TRADE,
        exchange_port=PortKind.SIM,
        symbols=life.symbols,
        rest_url=life.rest_url,
        ws_url=life.rest_url.replace("http", "ws", 1),
    )
    return plan_live(flags, settings, {})


def live(life: Life) -> None:
    """Live; the body of the process."""
    report = Report.open(life.report)
    trigger = Trigger(life.point, life.nth, lambda p, n: report.say("killed", point=p, nth=n))
    arm(trigger, Random(f"{life.world_seed} {life.number} requests"))
    session_module.CHECKPOINT_MS = life.checkpoint_ms  # type: ignore[misc]
    report.say("born", number=life.number)
    try:
        asyncio.run(_live(life, report, trigger))
    except ConnectorError as error:
        report.say("refused", text=str(error))
    except BaseException as error:  # noqa: BLE001 - the edge of the process: the parent judges
        report.say("failed", text="".join(traceback.format_exception(error))[-6_000:])
    else:
        report.say("ended", seen=dict(trigger.seen))


async def _live(life: Life, report: Report, trigger: Trigger) -> None:
    is_ready = asyncio.Event()

    def tell(kind: str, text: str) -> None:
        report.say("told", word=kind, text=text)
        if kind == "ready":
            is_ready.set()

    def restore(folder: Path, policy: Policy | None) -> Restored:
        restored = restore_with(trigger, folder, policy)
        core = restored.core
        if core is not None:
            report.say(
                "restored",
                events=core.hot.events,
                digest=core.digest,
                latches=dict(core.hot.latches),
                replayed=restored.replayed,
                from_seq=restored.checkpoint_seq,
            )
        return restored

    world = Surroundings(clock=life.clock, sleep=life.clock.sleep, restore=restore)
    session = LiveSession(
        plan_of(life),
        world,
        life.rest_url,
        life.rest_url.replace("http", "ws", 1),
        tell,
        version="crash",
        policy=policy_of(life.world_seed),
        policy_name=POLICY,
    )
    beside = [asyncio.create_task(_obey(session, report, life, is_ready))]
    beside.append(asyncio.create_task(_stop(session, life)))
    beside.append(asyncio.create_task(_end_with_parent()))
    try:
        end = await session.run()
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
    report.say("end", events=end.events, fills=end.fills, digest=end.digest)


async def _end_with_parent() -> None:
    while is_wanted():
        await asyncio.sleep(1)
    os._exit(1)


async def _stop(session: LiveSession, life: Life) -> None:
    if life.stop_after_s:
        await asyncio.sleep(life.stop_after_s)
    elif life.stop_file is not None:
        while not life.stop_file.exists():
            await asyncio.sleep(POLL_S)
    else:
        return
    session.stop()


async def _obey(session: LiveSession, report: Report, life: Life, is_ready: asyncio.Event) -> None:
    if not life.commands:
        return
    await asyncio.sleep(life.command_after_s)
    while not hasattr(session, "loop"):
        await asyncio.sleep(POLL_S)
    if Command.RESUME in life.commands:  # a recovery takes no resume
        await is_ready.wait()
    for command in life.commands:
        report.say("asked", command=command.value)
        session.loop.put(Control(command=command, actor="crash test"))
        await session.journal.sync()
        report.say("sure", command=command.value)
