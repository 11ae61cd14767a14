"""The words in which an operator commands, the same on the command line and over HTTP (LIVE-41)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from grinder_core.contracts.control import Command
from grinder_core.errors import ConfigError


class ResetTarget(StrEnum):
    """What can be reset."""

    KILL_SWITCH = "kill-switch"
    DRAWDOWN_GUARD = "drawdown-guard"
    LOSS_STREAKS = "loss-streaks"


RESET: Final = "reset"
WORDS: Final = {
    "pause": Command.PAUSE,
    "emergency": Command.EMERGENCY,
    "resume": Command.RESUME,
    "kill": Command.KILL,
    "flatten": Command.FLATTEN,
    "stop": Command.STOP,
}
RESETS: Final = {
    ResetTarget.KILL_SWITCH: Command.RESET_KILL_SWITCH,
    ResetTarget.DRAWDOWN_GUARD: Command.RESET_DRAWDOWN_GUARD,
    ResetTarget.LOSS_STREAKS: Command.RESET_LOSS_STREAKS,
}


def command_of(word: str, target: str = "") -> Command:
    """Return the command that a word means.

    Raises:
        ConfigError: There is no such word, or no such target of a reset.
    """
    if word == RESET:
        for known, command in RESETS.items():
            if known.value == target:
                return command
        names = ", ".join(RESETS)
        raise ConfigError(f"must be one of {names}", field="target", value=target)
    if word not in WORDS:
        names = ", ".join((*WORDS, RESET))
        raise ConfigError(f"must be one of {names}", field="command", value=word)
    if target:
        raise ConfigError("is only for a reset", field="target", value=target)
    return WORDS[word]
