"""Which outputs of a session are kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from attrs import define, field

from grinder_core.contracts.enums import ActionType, GateReason, PrefilterReason
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.ports import OutputSink

Verdict = tuple[PrefilterReason, GateReason | None]
WriteLine = Callable[[bytes], None]


class OutputsKept(StrEnum):
    """``all``; ``changes``: only those in which something happened; ``none``."""

    ALL = "all"
    CHANGES = "changes"
    NONE = "none"


@define
class Changes:
    """Tells outputs in which something happened from those that only repeat the market."""

    _verdicts: dict[str, Verdict] = field(factory=dict, init=False)

    def keep(self, output: PaperOutput) -> bool:
        """Whether it acts, fills, reports an event, or is judged otherwise than the one before.

        The first output of each symbol is kept.
        """
        gating = output.gating_result
        # the reason alone: what a gate measured differs with every quote
        verdict = (output.prefilter_result.reason, None if gating is None else gating.reason)
        if self._verdicts.get(output.symbol) != verdict:
            self._verdicts[output.symbol] = verdict
            return True
        if output.fills or output.events:
            return True
        return any(action.action is not ActionType.NOOP for action in output.actions)


def outputs_sink(kept: OutputsKept, write: WriteLine) -> OutputSink | None:
    """Return what passes the wanted lines to ``write``; ``None`` where none is wanted."""
    if kept is OutputsKept.NONE:
        return None
    if kept is OutputsKept.ALL:

        def every(output: PaperOutput, line: bytes) -> None:
            write(line)

        return every
    changes = Changes()

    def changed(output: PaperOutput, line: bytes) -> None:
        if changes.keep(output):
            write(line)

    return changed
