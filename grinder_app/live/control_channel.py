"""From the control file into the session: looked at before each step (LIVE-41).

A look costs one call to the system while nothing changed. What changed is read, and every command
becomes an event before everything that waits: noted first, carried out in the next step, taken out
of the file once the journal has it on disk. Of two looks the second finds what the first left: a
number is remembered until it is gone from the file, and the session itself knows what it carried
out, over every restart.

A file that cannot be understood counts as PAUSE. Nothing that is in it, or not in it, ends or
delays the session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import orjson

from grinder_adapters.control import (
    ControlFile,
    ControlState,
    DoneCommand,
    Mark,
    Outcome,
    PendingCommand,
    Standing,
)
from grinder_adapters.control.records import DETAIL_MAX
from grinder_app.live.scribe import JournalPort
from grinder_core.contracts.checks import as_line
from grinder_core.contracts.control import TEXT_MAX, Command, Control
from grinder_core.contracts.enums import severest
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import StateNotice
from grinder_core.errors import ArtifactError, ConfigError, StateWriteError
from grinder_core.live.core import LiveCore, Step
from grinder_core.live.records import RecordKind

ACTOR: Final = "control file"
RETRY_MS: Final = 5_000
_UNSEEN: Final = (-1,)
_NEVER: Final = 2**63
_REFUSALS: Final = (StateNotice.COMMAND_REFUSED.value, StateNotice.RESUME_REFUSED.value)


class ControlChannel:
    """Reads one control file for one session.

    Args:
        file: The file.
        core: The session.
        journal: Where events must be before they are gone from the file.
        command: Notes a command and puts it into the session; raises ``ArtifactError`` where it
            cannot be noted as it must be.
        carried_out: Takes what became of each command.
        stop: Ends the process in order.
        start: Starts a task.
        tell: Takes lines for people, each with a word for its kind.
        now_ms: Our time, Unix milliseconds.
    """

    def __init__(
        self,
        file: ControlFile,
        core: LiveCore,
        journal: JournalPort,
        command: Callable[[Control], None],
        carried_out: Callable[[DoneCommand], None],
        stop: Callable[[], None],
        start: Callable[[Coroutine[Any, Any, None], str], Awaitable[None]],
        tell: Callable[[str, str], None],
        now_ms: Callable[[], int],
    ) -> None:
        self.file = file
        self._core, self._journal, self._command, self._stop = core, journal, command, stop
        self._carried_out = carried_out
        self._start, self._tell, self._now_ms = start, tell, now_ms
        self._mark: Mark = _UNSEEN
        self._is_first = True
        self._standing = Standing.NONE
        self._problem: tuple[Mark, str] | None = None
        self._taken: set[int] = set()
        self._under_way: set[int] = set()
        self._own_under_way = 0
        self._done: list[DoneCommand] = []
        self._settling: Awaitable[None] | None = None
        self._read_again_ms = self._settle_again_ms = _NEVER

    def look(self) -> None:
        """See whether somebody commands; whatever is found, it does not fail."""
        mark = self.file.mark()
        if mark != self._mark or self._is_due(self._read_again_ms):
            self._mark, self._read_again_ms = mark, _NEVER
            self._read()
        if self._standing is not Standing.NONE:
            self._impose()
        if self._is_due(self._settle_again_ms):
            self._begin_settling()

    def stepped(self, event: Event, step: Step) -> None:
        """Look at a step that is over."""
        control = event.payload
        if not isinstance(control, Control):
            return
        if control.actor == ACTOR and not control.number:
            self._own_under_way -= 1
        if control.number not in self._under_way:
            return
        self._under_way.discard(control.number)
        done = _done(control, event.ts_ms, self._core, step)
        self._done.append(done)
        self._carried_out(done)
        said = f"{control.command.value} {control.symbol}".rstrip()
        self._tell(
            "control",
            f"{said} by {control.actor}: {done.outcome.value}, the session is {done.state} "
            f"{done.reason}" + (f"; {done.detail}" if done.detail else ""),
        )
        if control.command is Command.STOP and done.outcome is Outcome.APPLIED:
            self._stop()
        self._begin_settling()

    async def close(self) -> None:
        """Take out of the file what was carried out."""
        if self._settling is not None:
            await self._settling
        if self._done:
            await self._settle()

    def _is_due(self, at_ms: int) -> bool:
        return at_ms != _NEVER and self._now_ms() >= at_ms

    # -- what the file says --------------------------------------------------------------------

    def _read(self) -> None:
        try:
            state = self.file.read()
        except Exception as error:  # noqa: BLE001 - no file may end a session
            self._pause(str(error))
            return
        self._problem = None
        if state is None:
            self._standing = Standing.NONE
            self._taken.clear()
            return
        self._standing = state.override
        self._taken &= {one.number for one in state.commands}
        if self._is_first:
            self._is_first = False
            self._leave_out(state)
        for pending in state.commands:
            if pending.number not in self._taken:
                self._take(pending)

    def _leave_out(self, state: ControlState) -> None:
        """Skip what the process before this one carried out and could not take out any more."""
        hot = self._core.hot
        for one in state.commands:
            if one.number <= hot.commands_done:
                self._taken.add(one.number)
                self._done.append(
                    _record(one.control(), self._now_ms(), self._core, "before this process began")
                )
        if self._done or state.last < hot.commands_done:
            self._begin_settling()

    def _take(self, pending: PendingCommand) -> None:
        self._taken.add(pending.number)
        self._under_way.add(pending.number)
        try:
            self._command(pending.control())
        except ArtifactError as error:
            self._taken.discard(pending.number)
            self._under_way.discard(pending.number)
            self._read_again_ms = self._now_ms() + RETRY_MS
            self._tell(
                "control",
                f"{pending.command.value} by {pending.actor} waits: it cannot be noted: {error}",
            )

    def _pause(self, why: str) -> None:
        """Take a file that cannot be understood for PAUSE; whether it says more, nobody knows.

        It is read again even where it does not change: what failed may have been the reading.
        """
        self._standing = Standing.PAUSE
        self._read_again_ms = self._now_ms() + RETRY_MS
        if self._problem == (self._mark, why):
            return
        self._problem = self._mark, why
        self._tell("control", f"counts as PAUSE: {why}")
        self._put_own(Command.PAUSE, f"cannot be understood: {why}")

    def _impose(self) -> None:
        """Hold the session to what stands in the file, if it does not know or forgot it."""
        if self._under_way or self._own_under_way:
            return  # what waits may change what is known
        ordered, override = self._core.hot.ordered, self._standing.override
        if override is not None and severest(ordered, override) is not ordered:
            self._put_own(Command(override.value), f"{override.value} stands in the file")

    def _put_own(self, command: Command, text: str) -> None:
        self._own_under_way += 1
        self._command(Control(command=command, actor=ACTOR, text=as_line(text, longest=TEXT_MAX)))

    # -- what the file is told -----------------------------------------------------------------

    def _begin_settling(self) -> None:
        self._settle_again_ms = _NEVER
        if self._settling is None:
            self._settling = self._start(self._settle(), "control: what was carried out")

    async def _settle(self) -> None:
        try:
            while True:
                batch, last = tuple(self._done), self._core.hot.commands_done
                await self._journal.sync()
                await asyncio.to_thread(self.file.settle, batch, last)
                del self._done[: len(batch)]
                if not self._done:
                    return
        except (StateWriteError, ArtifactError, ConfigError) as error:
            self._settle_again_ms = self._now_ms() + RETRY_MS
            self._tell("control", f"what was carried out still stands in the file: {error}")
        finally:
            self._settling = None


def _done(control: Control, now_ms: int, core: LiveCore, step: Step) -> DoneCommand:
    """Return what became of a command in its step."""
    for record in step.records:
        if record.kind is RecordKind.NOTICE:
            notice = orjson.loads(record.line)
            if notice["notice"] in _REFUSALS:
                return _record(control, now_ms, core, notice["detail"], Outcome.REFUSED)
    return _record(control, now_ms, core, "")


def _record(
    control: Control,
    now_ms: int,
    core: LiveCore,
    detail: str,
    outcome: Outcome = Outcome.APPLIED,
) -> DoneCommand:
    machine = core.hot.orchestrator.machine
    return DoneCommand(
        number=control.number,
        ts_ms=now_ms,
        command=control.command,
        actor=control.actor,
        symbol=control.symbol,
        outcome=outcome,
        state=machine.state.value,
        reason=machine.reason.value,
        detail=as_line(detail, longest=DETAIL_MAX),
    )
