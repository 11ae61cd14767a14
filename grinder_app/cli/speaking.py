"""Lines for people from a process that must not wait for whoever reads them.

A terminal that is held, or a pipe that nobody empties, blocks a write for ever. So lines go into
the bounded queue of a log sink, whose thread writes them in their order; at the end what waits is
written for a moment, and what is left then is given up.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Final, Self, TextIO

from grinder_adapters.logs.sink import Descriptor, LogRecord, LogSink, LogTarget
from grinder_core.codec import canonical_json

KIND, TEXT, WHOLE = "kind", "text", "whole"
DRAIN_S: Final = 2.0


class Stream:
    """A stream without a descriptor as a target: one in memory, which never blocks."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        """Write all of it and return how much that is."""
        self._stream.write(bytes(data).decode("utf-8", "replace"))
        self._stream.flush()
        return len(data)

    def close(self) -> None:
        """Leave it open: it is somebody else's."""


class Speaker:
    """Says lines on standard output.

    Args:
        target: Where they go.
        as_json: Say JSON lines.
    """

    def __init__(self, target: LogTarget, *, as_json: bool) -> None:
        self._sink = LogSink(target, _json_line if as_json else _plain_line, lambda: "")

    @classmethod
    def open(cls, *, as_json: bool) -> Self:
        """Speak on standard output, whatever that is at the moment."""
        return cls(_standard_output(), as_json=as_json)

    def say(self, kind: str, text: str) -> None:
        """Take a line; never waits."""
        self._sink.put({KIND: kind, TEXT: text})

    def show(self, text: str) -> None:
        """Take a result that is written as it stands."""
        self._sink.put({WHOLE: text.rstrip("\n")})

    def close(self, timeout_s: float = DRAIN_S) -> bool:
        """Write what waits, for so long; return whether all of it was."""
        return self._sink.close(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _standard_output() -> LogTarget:
    stream = sys.stdout
    try:
        stream.flush()
        return Descriptor(os.dup(stream.fileno()))
    except (AttributeError, OSError, ValueError):  # closed, or in memory
        return Stream(stream)


def _json_line(record: LogRecord) -> str:
    if WHOLE in record:
        return str(record[WHOLE])
    kind, text = _words(record)
    return canonical_json({KIND: kind, TEXT: text})


def _plain_line(record: LogRecord) -> str:
    if WHOLE in record:
        return str(record[WHOLE])
    kind, text = _words(record)
    return f"{kind:<10} {text}"


def _words(record: LogRecord) -> tuple[str, str]:
    """Return kind and text of a line; the sink has only its own losses to tell."""
    if KIND in record:
        return record[KIND], record[TEXT]
    why = f" ({record['last_error']})" if record["last_error"] else ""
    return "output", f"{record['count']} lines were left out: nobody took them{why}"
