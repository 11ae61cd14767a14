"""Raw combined-stream captures, line by line: what was received, when, on which stream.

Two recorders' formats are read, plain or gzip by content:

* ``<Unix time> <JSON>``; the time is an integer in seconds, milli-, micro- or nanoseconds, told
  apart by magnitude. A record without ``stream`` is the body of a REST depth snapshot of the
  file's only symbol.
* ``<Unix seconds>: <JSON>``, ``<URL> -> <Unix seconds>: <body>`` for REST answers, and the
  recorder's own ``wss://...`` and ``configuration:`` lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson

from grinder_adapters.feeds.jsonl import as_fixture_error
from grinder_adapters.feeds.lines import read_lines
from grinder_adapters.feeds.problems import Problems
from grinder_core.errors import FixtureError, InputError

# receive time in ms, file, line, stream, data
Frame = tuple[int, str, int, str, Any]

SNAPSHOT_STREAM: Final = "snapshot"
_RECORDER: Final = (b"configuration:", b"wss://", b"ws://")
_STREAM_START: Final = b'{"stream":"'


def read_frames(path: Path, problems: Problems, *, depth: bool = True) -> Iterator[Frame]:
    """Yield the frames of one capture in order of their receive time.

    REST answers are written apart from the streams, so a snapshot waits until the streams have
    reached its time. It comes out as stream ``<symbol>@snapshot``. Without ``depth``, frames of
    depth streams are counted as left out and not parsed.

    Raises:
        FixtureError: A line is malformed or time goes back, and problems stop.
    """
    reader = _Reader(path, problems)
    now = 0
    for number, raw in enumerate(_readable_lines(path, problems), 1):
        head, _, body = raw.partition(b" ")
        if not depth and body.startswith(_STREAM_START) and b"@depth" in body[:96]:
            problems.count_out("depth frames (not asked for)")
            continue
        try:
            if head.isdigit():
                received = to_ms(int(head))
            elif head[:1].isdigit() and head.endswith(b":"):
                received = _seconds_to_ms(head[:-1])
            else:
                reader.take_other(raw, number)
                continue
            content = orjson.loads(body)
            if type(content) is not dict:
                raise FixtureError("must be a JSON object", field="body", value=content)
            stream = content.get("stream")
            if stream is None:
                reader.take_unnamed(content, received, number)
                continue
            if type(stream) is not str:
                raise FixtureError("must be text", field="stream", value=stream)
            if stream not in reader.streams:
                reader.meet(stream)
            data = content["data"]
        except orjson.JSONDecodeError as error:
            problems.skip(as_fixture_error(_not_json(error, body), f"{path}:{number}"))
            continue
        except KeyError as error:
            problems.skip(FixtureError("is missing", field=error.args[0], where=f"{path}:{number}"))
            continue
        except InputError as error:
            problems.skip(as_fixture_error(error, f"{path}:{number}"))
            continue
        if received < now:
            # skipping keeps the frame and only raises its time, or a corrected clock would
            # punch holes into every book
            problems.skip(_goes_back(received, now, f"{path}:{number}"))
            received = now
        now = received
        if reader.waiting:
            yield from reader.release(now)
        yield received, reader.name, number, stream, data
    yield from reader.release(None)


def is_capture_line(raw: bytes) -> bool:
    """Whether a file that starts with this line is a capture of a known form."""
    head, _, body = raw.partition(b" ")
    if raw.startswith(_RECORDER):
        return True
    if raw.startswith((b"http://", b"https://")):
        return b" -> " in raw
    number = head[:-1] if head.endswith(b":") else head
    return number.replace(b".", b"", 1).isdigit() and body.startswith(b"{")


def to_ms(time: int) -> int:
    """Return Unix milliseconds for a time whose unit its magnitude tells.

    Example:
        >>> to_ms(1680652800), to_ms(1680652800004107), to_ms(1723161253937085768)
        (1680652800000, 1680652800004, 1723161253937)
    """
    if time >= 10**17:
        return time // 10**6
    if time >= 10**14:
        return time // 10**3
    if time >= 10**11:
        return time
    return time * 1000


class _Reader:
    """What one pass over a file must remember: its streams, and snapshots that wait."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.name = str(path)
        self.problems = problems
        self.streams: set[str] = set()
        self.waiting: list[tuple[int, int, str, Any]] = []
        self._symbols: list[str] = []
        self._unnamed_line = 0

    def meet(self, stream: str) -> None:
        """Take note of a stream's first frame."""
        self.streams.add(stream)
        symbol = stream.partition("@")[0]
        if symbol not in self._symbols:
            self._symbols.append(symbol)
            if self._unnamed_line and len(self._symbols) > 1:
                raise self._ambiguous()

    def take_unnamed(self, content: dict[str, Any], received: int, number: int) -> None:
        """Take a record without a stream: a snapshot's body, or the venue's other answers."""
        if "lastUpdateId" in content:
            self._unnamed_line = number
            if len(self._symbols) > 1:
                raise self._ambiguous()
            self._wait(received, number, "", content)
        elif "result" in content or "id" in content:
            self.problems.count_out("answers to subscriptions")
        else:
            raise FixtureError(
                "is neither a combined-stream frame nor a depth snapshot",
                field="record",
                value=content,
            )

    def take_other(self, raw: bytes, number: int) -> None:
        """Take a line that does not start with a time."""
        if not raw.strip():
            return
        if raw.startswith(_RECORDER):
            self.problems.count_out("recorder's own lines")
            return
        address, arrow, answer = raw.partition(b" -> ")
        if not arrow or not address.startswith((b"http://", b"https://")):
            raise FixtureError(
                "must start with a Unix time or a URL", field="line", value=_text(raw)
            )
        url = urlsplit(_text(address))
        time, colon, body = answer.partition(b": ")
        if not colon:
            raise FixtureError("must be '<URL> -> <time>: <body>'", field="line", value=_text(raw))
        symbols = parse_qs(url.query).get("symbol", [])
        if not url.path.endswith("/depth") or not symbols:
            self.problems.count_out("REST answers that are no depth snapshot")
            return
        self._wait(_seconds_to_ms(time), number, symbols[0].lower(), _parse(body))

    def release(self, now: int | None) -> Iterator[Frame]:
        """Yield the snapshots received up to ``now``; ``None`` means all, the file has ended."""
        while self.waiting and (now is None or self.waiting[0][0] <= now):
            received, number, symbol, content = self.waiting.pop(0)
            if not symbol and not self._symbols:
                self.problems.skip(
                    FixtureError(
                        "names no symbol, and no frame of the file tells it",
                        field="snapshot",
                        where=f"{self.name}:{number}",
                    )
                )
                continue
            stream = f"{symbol or self._symbols[0]}@{SNAPSHOT_STREAM}"
            yield received, self.name, number, stream, content

    def _wait(self, received: int, number: int, symbol: str, content: Any) -> None:
        self.waiting.append((received, number, symbol, content))
        self.waiting.sort(key=itemgetter(0))

    def _ambiguous(self) -> FixtureError:
        return FixtureError(
            f"names no symbol, and the file holds {' and '.join(self._symbols[:2])}",
            field="snapshot",
            value=f"line {self._unnamed_line}",
            remedy="record one symbol a file, or snapshots with their URL",
        )


def _parse(body: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _not_json(error, body) from None
    if type(content) is not dict:
        raise FixtureError("must be a JSON object", field="body", value=content)
    return content


def _readable_lines(path: Path, problems: Problems) -> Iterator[bytes]:
    """Yield lines up to where a file is damaged: a recorder that was killed leaves such files."""
    try:
        yield from read_lines(path)
    except FixtureError as error:
        problems.skip(error)


def _not_json(error: orjson.JSONDecodeError, body: bytes) -> FixtureError:
    return FixtureError(f"is not JSON: {error.msg}", field="body", value=_text(body))


def _seconds_to_ms(text: bytes) -> int:
    whole, _, fraction = text.partition(b".")
    if not whole.isdigit() or (fraction and not fraction.isdigit()):
        raise FixtureError("must be Unix seconds", field="time", value=_text(text))
    return int(whole) * 1000 + int((fraction + b"000")[:3])


def _goes_back(received: int, now: int, where: str) -> FixtureError:
    return FixtureError(
        f"must not be below {now} of an earlier frame",
        field="receive time",
        value=received,
        where=where,
        remedy="with --on-error skip such frames take the earlier frame's time",
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
