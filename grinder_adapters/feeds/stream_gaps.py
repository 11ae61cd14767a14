"""Where a recording has holes: times in which a stream may have said something that nobody heard.

A gap lies between the last event of a symbol's stream before an interruption and the first one
after it, in time of the envelope. ``gaps.jsonl`` holds them, one canonical JSON object a line.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from grinder_adapters.feeds.atomic import atomic_file
from grinder_adapters.feeds.hour_files import disk
from grinder_adapters.feeds.parquet import ROWS_A_BATCH
from grinder_core.codec import canonical_json, from_dict, parse_json, to_dict
from grinder_core.errors import ArtifactError, ContractError

NAME: Final = "gaps.jsonl"
STREAMS: Final = {
    "SNAPSHOT": "quotes",
    "TRADE": "trades",
    "L2_SNAPSHOT": "depth",
    "DEPTH_DIFF": "depth",
    "MARK_PRICE": "marks",
}
Key = tuple[str, str]  # symbol and stream


@frozen(kw_only=True)
class Gap:
    """A hole of one symbol's stream.

    Attributes:
        from_ms: Last event before it, Unix milliseconds.
        to_ms: First event after it.
        reason: ``restart`` of the recording or ``reconnect`` to the venue.
    """

    symbol: str
    stream: str
    from_ms: int
    to_ms: int
    reason: str


def stream_of(kind: str) -> str:
    """Return the stream that events of a kind come from."""
    return STREAMS.get(kind, kind.lower())


class GapFile:
    """The gaps of a recording, in the order they ended.

    Args:
        folder: Of the recording.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def read(self) -> list[Gap]:
        """Return all of them; a last line that was never finished is no gap.

        Raises:
            ArtifactError: A line is no gap.
        """
        if not self._path.exists():
            return []
        lines = self._path.read_text(encoding="utf-8").split("\n")[:-1]
        return [self._gap(line, number) for number, line in enumerate(lines, 1)]

    def append(self, gaps: Iterable[Gap]) -> None:
        """Add some.

        Raises:
            InputError: The disk refuses.
        """
        with disk(self._path), self._path.open("ab") as file:
            file.write("".join(map(_line, gaps)).encode("ascii"))
            file.flush()
            os.fsync(file.fileno())

    def keep(self, last: dict[Key, int], newest: int) -> None:
        """Forget gaps whose end was never recorded: they go on.

        Args:
            last: The last recorded event of streams that were heard lately.
            newest: The last recorded event of all.

        Raises:
            ArtifactError: A line is no gap.
            InputError: The disk refuses.
        """
        if not self._path.exists():
            return
        found = self.read()
        ended = [gap for gap in found if gap.to_ms <= last.get((gap.symbol, gap.stream), newest)]
        text = "".join(map(_line, ended)).encode("ascii")
        if text != self._path.read_bytes():
            with atomic_file(self._path) as file:
                file.write(text)

    def _gap(self, line: str, number: int) -> Gap:
        where = f"{self._path}:{number}"
        try:
            return from_dict(Gap, parse_json(line, where))
        except ContractError as error:
            raise ArtifactError(f"is no gap: {error}", where=where) from None


def last_seen(paths: Sequence[Path]) -> dict[Key, int]:
    """Return the time of the last event of every symbol's stream in files of events."""
    from pyarrow import parquet

    last: dict[Key, int] = {}
    columns: list[Any] = ["type", "symbol", "ts", "ts_recv_ms"]
    for path in paths:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_A_BATCH, columns=columns):
                values = (batch.column(name).to_pylist() for name in columns)
                for kind, symbol, ts, received in zip(*values, strict=True):
                    last[symbol, stream_of(kind)] = ts if received is None else received
    return last


def _line(gap: Gap) -> str:
    return canonical_json(to_dict(gap)) + "\n"
