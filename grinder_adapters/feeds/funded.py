"""A stream of market events with the funding settlements of its symbols put in between.

Only settlements that can concern the session are put in: of symbols that have appeared by then,
after the stream's first event and up to its last. A settlement comes before the market events of
its own time, as a constant rate does: what happens at the full hour is charged on the position
that was held until then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from grinder_adapters.feeds.construct import event
from grinder_adapters.feeds.funding import FundingFiles
from grinder_adapters.feeds.source import EventSource
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Funding
from grinder_core.errors import ConfigError

FLAG: Final = "--funding"
_NEVER: Final = 1 << 63


def read_funding(paths: Sequence[Path]) -> FundingFiles:
    """Read settlements, all of them at once.

    Raises:
        FixtureError: A file is missing, malformed or of another kind; names file, line, field,
            value and rule.
        ConfigError: A file is given twice, or a dump does not say its symbol.
    """
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise ConfigError("is given twice", field=FLAG, value=str(path))
        seen.add(path.resolve())
    files = FundingFiles(paths)
    _ = files.by_symbol  # whatever is wrong with them is said before anything runs
    return files


@frozen
class Funded:
    """A source and the settlements to put into it."""

    source: EventSource
    funding: FundingFiles

    @property
    def name(self) -> str:
        """What the market events were read from."""
        return self.source.name

    def __iter__(self) -> Iterator[Event]:
        settlements = iter(self.funding.in_order())
        coming = next(settlements, None)
        due = _NEVER if coming is None else coming.ts
        seen: set[str] = set()
        shift = 0
        for each in self.source:
            while coming is not None and due <= each.ts_ms:
                if coming.symbol in seen:
                    yield event(due, coming, each.seq + shift, None, None)
                    shift += 1
                coming = next(settlements, None)
                due = _NEVER if coming is None else coming.ts
            payload = each.payload
            seen.add(getattr(payload, "symbol", ""))
            if type(payload) is Funding:
                self._check_own(payload)
            if shift:
                yield event(each.ts_ms, payload, each.seq + shift, each.ts_recv_ms, each.update_id)
            else:
                yield each

    def _check_own(self, payload: Funding) -> None:
        if payload.symbol in self.funding.by_symbol:
            raise ConfigError(
                f"holds settlements of {payload.symbol}, and so does the data: it would pay twice",
                field=FLAG,
                value=self.funding.name,
                remedy="leave the option out, or give data without them",
            )
