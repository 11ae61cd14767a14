"""What an importer does about bad input: stop at once, or skip, count and list it.

Two kinds are kept apart. A *problem* is a defect of the input and stops the run unless the user
asked to skip. What is *left out* is sound input that has no place in the stream (a symbol
outside the grammar, a kline frame, a trade that is no market print); it is only counted.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from grinder_core.errors import InputError

MESSAGES_MAX: Final = 20


class OnError(StrEnum):
    """What to do about a defect of the input."""

    STOP = "stop"
    SKIP = "skip"


class Problems:
    """Collects defects and what was left out, over everything read with it.

    Attributes:
        mode: ``stop`` raises the first defect, ``skip`` counts it.
        count: Defects skipped so far.
        messages: The first 20 of them, each with file, line, field, value and rule.
        left_out: Number of sound items left out, by reason, in order of first appearance.
    """

    __slots__ = ("count", "left_out", "messages", "mode")

    def __init__(self, mode: OnError = OnError.STOP) -> None:
        self.mode = mode
        self.count = 0
        self.messages: list[str] = []
        self.left_out: dict[str, int] = {}

    def skip(self, error: InputError) -> None:
        """Skip one defective item.

        Raises:
            InputError: The given error, when the mode is ``stop``.
        """
        if self.mode is OnError.STOP:
            raise error
        self.count += 1
        if len(self.messages) < MESSAGES_MAX:
            self.messages.append(str(error))

    def count_out(self, reason: str, number: int = 1) -> None:
        """Count sound items that have no place in the stream."""
        self.left_out[reason] = self.left_out.get(reason, 0) + number
