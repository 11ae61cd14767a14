"""What ``control.json`` holds: commands that wait, what stands, and what became of the last ones.

The bytes are canonical JSON and one line feed, and nothing else is read: a file that was cut off,
edited by hand or written by something else is not half understood.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

import orjson
from attrs import evolve, frozen

from grinder_core.codec import canonical_json, load_state, to_dict
from grinder_core.contracts.checks import check_int, check_line, check_ts
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.enums import KillReason, Override
from grinder_core.errors import ArtifactError, ContractError

VERSION: Final = 1
NUMBER_MAX: Final = 2**62
ACTOR_MAX: Final = 100
DETAIL_MAX: Final = 300
DONE_KEPT: Final = 64


class Standing(StrEnum):
    """The override that stands until somebody resumes."""

    NONE = "NONE"
    PAUSE = "PAUSE"
    EMERGENCY = "EMERGENCY"

    @property
    def override(self) -> Override | None:
        """The same for a session."""
        return None if self is Standing.NONE else Override(self.value)

    def after(self, command: Command) -> Standing:
        """Return what stands once a command is carried out; nothing weaker takes its place."""
        if command is Command.RESUME:
            return Standing.NONE
        if command is Command.EMERGENCY or self is Standing.EMERGENCY:
            return Standing.EMERGENCY
        return Standing.PAUSE if command is Command.PAUSE else self


class Outcome(StrEnum):
    """What became of a command."""

    APPLIED = "APPLIED"
    REFUSED = "REFUSED"


def _check_actor(actor: str) -> None:
    check_line("actor", actor, longest=ACTOR_MAX)
    if not actor.strip():
        raise ContractError("must say who", field="actor", value=actor)


def _check_number(number: int) -> None:
    check_int("number", number, ge=1)
    if number > NUMBER_MAX:
        raise ContractError("must be at most 2^62", field="number", value=number)


@frozen(kw_only=True)
class PendingCommand:
    """A command that no process has carried out yet.

    Attributes:
        ts_ms: When it was given, Unix milliseconds.
        actor: Who gave it.
        symbol: Of a ``FLATTEN``, else empty.
        reason: Of a ``KILL``.
        text: The operator's words.
    """

    number: int
    ts_ms: int
    command: Command
    actor: str
    symbol: str
    reason: KillReason
    text: str

    def __attrs_post_init__(self) -> None:
        _check_number(self.number)
        check_ts("ts_ms", self.ts_ms)
        _check_actor(self.actor)
        self.control()

    def control(self) -> Control:
        """Return the event that it becomes."""
        return Control(
            command=self.command,
            actor=self.actor,
            reason=self.reason,
            symbol=self.symbol,
            number=self.number,
            text=self.text,
        )


@frozen(kw_only=True)
class DoneCommand:
    """A command whose event is in the journal.

    Attributes:
        ts_ms: When it was carried out, Unix milliseconds.
        state, reason: Of the session right after it.
        detail: Why it was refused, or what else is to be said.
    """

    number: int
    ts_ms: int
    command: Command
    actor: str
    symbol: str
    outcome: Outcome
    state: str
    reason: str
    detail: str

    def __attrs_post_init__(self) -> None:
        _check_number(self.number)
        check_ts("ts_ms", self.ts_ms)
        _check_actor(self.actor)
        for name in ("symbol", "state", "reason", "detail"):
            check_line(name, getattr(self, name), longest=DETAIL_MAX)


@frozen(kw_only=True)
class ControlState:
    """All of it.

    Attributes:
        override: What the commands up to ``last`` left standing.
        last: The highest number ever given.
        commands: Those that wait, in order.
        done: The newest of those that do not, in the order in which they were carried out.
    """

    version: Literal[1] = VERSION
    override: Standing = Standing.NONE
    last: int = 0
    commands: tuple[PendingCommand, ...] = ()
    done: tuple[DoneCommand, ...] = ()

    def __attrs_post_init__(self) -> None:
        check_int("last", self.last)
        if self.last > NUMBER_MAX:
            raise ContractError("must be at most 2^62", field="last", value=self.last)
        before = 0
        for one in self.commands:
            if not before < one.number <= self.last:
                rule = f"must grow, from above {before} up to last, which is {self.last}"
                raise ContractError(rule, field="number", value=one.number)
            before = one.number

    def with_command(self, command: PendingCommand) -> ControlState:
        """Return it with one command more."""
        return evolve(
            self,
            override=self.override.after(command.command),
            last=command.number,
            commands=(*self.commands, command),
        )

    def with_done(self, done: tuple[DoneCommand, ...], last: int) -> ControlState:
        """Return it without the commands that were carried out.

        Args:
            last: No number up to this one may be given again.
        """
        gone = {one.number for one in done}
        return evolve(
            self,
            last=max(self.last, last),
            commands=tuple(one for one in self.commands if one.number not in gone),
            done=(*(one for one in self.done if one.number not in gone), *done)[-DONE_KEPT:],
        )

    def to_bytes(self) -> bytes:
        """Return the file."""
        return canonical_json(to_dict(self)).encode("ascii") + b"\n"

    @classmethod
    def from_bytes(cls, body: bytes) -> ControlState:
        """Read the file back.

        Raises:
            ArtifactError: It is not what ``to_bytes`` writes.
        """
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ArtifactError(f"is no JSON: {error}", field="control file") from None
        if not isinstance(data, dict) or data.get("version") != VERSION:
            raise ArtifactError(f"must be an object of version {VERSION}", field="control file")
        state = load_state(cls, data)
        if state.to_bytes() != body:
            rule = "must be canonical JSON, each key once, and one line feed"
            raise ArtifactError(rule, field="control file")
        return state
