"""Is a state sound, how far if not, and what to do next (LIVE-38)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import frozen

from grinder_adapters.journal import Survey, survey
from grinder_app.live.state_folder import Writer, writer_of
from grinder_core.codec import to_dict


@frozen(kw_only=True)
class Verdict:
    """What was found.

    Attributes:
        found: Rows, blocks, checkpoints and problems.
        lost: Rows that were on disk once and cannot be vouched for any more; ``None``: nobody can
            say how many.
        salvageable: A copy up to the last sound row would hold this many rows.
        steps: What to do next, in order; the words of a command stand between quotes.
    """

    folder: str
    writer: Writer
    found: Survey
    lost: int | None
    salvageable: int
    steps: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return self.found.is_sound

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "folder": self.folder,
            "is_sound": self.is_sound,
            "writer": to_dict(self.writer),
            **to_dict(self.found),
            "lost": self.lost,
            "salvageable": self.salvageable,
            "steps": list(self.steps),
        }


def judge_state(folder: Path, options: str) -> Verdict:
    """Read everything of a state and check it.

    Args:
        options: The options that lead a command to this state, for the steps.
    """
    seen = survey(folder)
    rows = seen.last_seq - seen.first_seq + 1
    lost = None if seen.head_seq is None else max(seen.head_seq - seen.last_seq, 0)
    salvageable = 0 if seen.is_sound else _salvageable(folder, seen)
    return Verdict(
        folder=str(folder),
        writer=writer_of(folder),
        found=seen,
        lost=lost if not seen.is_sound or rows else 0,
        salvageable=salvageable,
        steps=_steps(seen, salvageable, options),
    )


def _salvageable(folder: Path, seen: Survey) -> int:
    """Rows of the database that are sound by themselves, whatever HEAD says."""
    alone = survey(folder / "state.db") if seen.head_seq is None else seen
    if alone.last_seq < alone.first_seq:
        return 0
    reaches_back = alone.first_seq == 0
    vouched = [one for one in alone.checkpoints if one.seq <= alone.last_seq]
    return alone.last_seq - alone.first_seq + 1 if reaches_back or vouched else 0


def _steps(seen: Survey, salvageable: int, options: str) -> tuple[str, ...]:
    if seen.is_sound:
        return (f"nothing: 'grinder live run' goes on from row {seen.last_seq}",)
    given = f" {options}" if options else ""
    steps = [
        f"with a copy that 'grinder state backup' made: 'grinder state restore{given} --from FILE'"
    ]
    if salvageable:
        steps.append(
            f"or keep what is sound, rows {seen.first_seq} to {seen.last_seq}: "
            f"'grinder state salvage{given} --to FILE', then "
            f"'grinder state restore{given} --from FILE'"
        )
    steps.append(
        f"or begin anew: 'grinder state set-aside{given} --reason TEXT'; every latch is lost"
    )
    steps.append(
        "then 'grinder live run', which compares with the venue; what it cannot explain is taken "
        f"over with 'grinder state adopt-exchange{given}'"
    )
    return tuple(steps)
