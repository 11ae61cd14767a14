"""Is a state sound, how far if not, and what to do next (LIVE-38)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import frozen

from grinder_adapters.journal import Survey, survey
from grinder_adapters.journal.record import FIRST_SEQ
from grinder_adapters.journal.schema import DB_FILE
from grinder_app.live.state_folder import Writer, writer_of
from grinder_core.codec import to_dict


@frozen(kw_only=True)
class Verdict:
    """What was found.

    Attributes:
        found: Rows, blocks, checkpoints and problems.
        lost: Rows that were on disk once and cannot be vouched for any more; ``None``: nobody can
            say how many.
        salvageable: First and last row that a copy up to the damage would hold; ``None``: none.
        steps: What to do next, in order; the words of a command stand between quotes.
    """

    folder: str
    writer: Writer
    found: Survey
    lost: int | None
    salvageable: tuple[int, int] | None
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
            "salvageable": None if self.salvageable is None else list(self.salvageable),
            "steps": list(self.steps),
        }


def judge_state(folder: Path, options: str) -> Verdict:
    """Read everything of a state and check it.

    Args:
        options: The options that lead a command to this state, for the steps.
    """
    seen = survey(folder)
    lost = None if seen.head_seq is None else max(seen.head_seq - seen.last_seq, 0)
    salvageable = None if seen.is_sound else _salvageable(folder, seen)
    return Verdict(
        folder=str(folder),
        writer=writer_of(folder),
        found=seen,
        lost=lost,
        salvageable=salvageable,
        steps=_steps(seen, salvageable, options),
    )


def _salvageable(folder: Path, seen: Survey) -> tuple[int, int] | None:
    """Rows of the database that are sound by themselves, whatever HEAD says."""
    alone = survey(folder / DB_FILE) if seen.head_seq is None else seen
    if alone.last_seq < alone.first_seq:
        return None
    has_checkpoint = any(one.seq <= alone.last_seq for one in alone.checkpoints)
    if alone.first_seq != FIRST_SEQ and not has_checkpoint:
        return None  # nothing to go on from
    return alone.first_seq, alone.last_seq


def _steps(seen: Survey, salvageable: tuple[int, int] | None, options: str) -> tuple[str, ...]:
    if seen.is_sound:
        return (f"nothing: 'grinder live run' goes on from row {seen.last_seq}",)
    given = f" {options}" if options else ""
    steps = [
        f"with a copy that 'grinder state backup' made: 'grinder state restore{given} --from FILE'"
    ]
    if salvageable is not None:
        steps.append(
            f"or keep what is sound, rows {salvageable[0]} to {salvageable[1]}: "
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
