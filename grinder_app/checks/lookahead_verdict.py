"""What a search for look-ahead found, and how it is told."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from grinder_app.report.provenance import cut

TEXT_MAX: Final = 200


@frozen(kw_only=True)
class Lookahead:
    """The first output of a truncated stream that the whole stream did not give.

    Attributes:
        cut: Events of the truncated stream.
        event: The event that the output answers, counted from 0; before ``cut``.
        output: Its place among the outputs, from 0.
        field: The first field that differs, as a path; ``output`` where one side has none,
            ``error`` where the truncated stream ended with one.
        truncated, whole: What the two say there.
    """

    cut: int
    event: int
    output: int
    ts: int
    symbol: str
    field: str
    truncated: Any
    whole: Any

    def __str__(self) -> str:
        return (
            f"event {self.event} (from 0), ts {self.ts}, {self.symbol}: {self.field} is "
            f"{cut(str(self.truncated), TEXT_MAX)} when the data end after event {self.cut - 1} "
            f"and {cut(str(self.whole), TEXT_MAX)} when they go on"
        )


@frozen(kw_only=True)
class Verdict:
    """What was found about one session.

    Attributes:
        cuts: How many truncated streams were run; ``is_complete`` when after every event.
        differing: How many of them gave something else.
        first: The earliest output that differs; ``None`` without one.
        by_construction: Why the session uses the future whatever the outputs say, in words.
        unrepeatable: What the kept run and its repetition came to, where that differs.
    """

    session: str
    events: int
    outputs: int
    cuts: int
    is_complete: bool
    differing: int
    first: Lookahead | None
    by_construction: tuple[str, ...]
    unrepeatable: str

    @property
    def passed(self) -> bool:
        """Nothing of the future was seen to be used."""
        return not (self.first or self.by_construction or self.unrepeatable)

    def lines(self) -> list[str]:
        """Say what was found, a line each."""
        how = "after every event" if self.is_complete else "evenly and at random"
        head = f"{self.session}: {self.events:,} events, {self.outputs:,} outputs, cut "
        found = [f"{head}{self.cuts:,} times ({how})"]
        if self.unrepeatable:
            found.append(f"not repeatable: {self.unrepeatable}")
        found += [f"uses the future by construction: {text}" for text in self.by_construction]
        if self.first is not None:
            found.append(f"look-ahead in {self.differing:,} cuts; first at {self.first}")
        elif self.by_construction:
            found.append("no output differs all the same")
        else:
            found.append("every output is the same whether the data go on or not")
        return found
