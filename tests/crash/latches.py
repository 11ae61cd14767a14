"""What must be latched, and what must not: by what each life was told and what the next one found.

A command counts once its commit succeeded. In between, either is right; what the next life finds
then holds, for it was read from the disk. The state machine's own EMERGENCY follows a command, at
the earliest once the recovery is done; where it was once found it must stay until a resume.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import Factory, define

from grinder_core.contracts.control import Command

# the latch of a command, and what it then says
_SETS: Final[Mapping[str, tuple[str, str]]] = {
    Command.KILL.value: ("kill_switch", "MANUAL"),
    Command.PAUSE.value: ("ordered", "PAUSE"),
    Command.EMERGENCY.value: ("ordered", "EMERGENCY"),
}
_CLEARS: Final[Mapping[str, str]] = {
    Command.RESET_KILL_SWITCH.value: "kill_switch",
    Command.RESUME.value: "ordered",
}
_EMERGENCY: Final = "emergency"
_NAMES: Final = ("kill_switch", "ordered", _EMERGENCY)


@define
class LatchBook:
    """Of one world.

    Attributes:
        known: What each latch must say, empty for not latched; ``None``: it may say either.
        wrong: Latches that were lost, or came back.
        held: Lives that began with a latch that had to be there.
    """

    known: dict[str, str | None] = Factory(lambda: dict.fromkeys(_NAMES, ""))
    wrong: list[str] = Factory(list)
    held: int = 0

    def read(self, said: Sequence[Mapping[str, Any]], life: int) -> None:
        """Take what a life said."""
        for line in said:
            if line["kind"] == "restored":
                self._compare(line["latches"], life)
            elif line["kind"] in {"asked", "sure"}:
                self._take(line["command"], is_sure=line["kind"] == "sure")

    def resets(self) -> list[Command]:
        """Return the commands that clear whatever is, or may be, latched, in their order."""
        kill, ordered, emergency = (self.known[name] != "" for name in _NAMES)
        resets = [Command.RESET_KILL_SWITCH] if kill else []
        return [*resets, Command.RESUME] if kill or ordered or emergency else []

    def _take(self, command: str, *, is_sure: bool) -> None:
        if command in _SETS:
            name, value = _SETS[command]
        else:
            name, value = _CLEARS[command], ""
        self.known[name] = value if is_sure else None
        if command != Command.PAUSE.value:
            self.known[_EMERGENCY] = None

    def _compare(self, found: Mapping[str, str], life: int) -> None:
        for name, value in self.known.items():
            there = found.get(name, "")
            if name == _EMERGENCY and not value:
                self.known[name] = there
                continue
            if value is not None and there != value:
                self.wrong.append(
                    f"life {life} found {name} {there or 'not latched'}, and it was "
                    f"{value or 'not latched'} on disk"
                )
            self.held += bool(value)
            self.known[name] = there
