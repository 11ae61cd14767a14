"""How a log record looks: canonical JSON, or a line for people; both without secrets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from grinder_adapters.logs.sink import LogRecord
from grinder_adapters.redact import Redactor
from grinder_core.codec import canonical_json

FIRST: Final = ("ts", "level", "logger", "event")


def iso(ms: int) -> str:
    """Return a time as ISO 8601 in UTC, with milliseconds.

    Example:
        >>> iso(1_700_000_000_123)
        '2023-11-14T22:13:20.123Z'
    """
    seconds, rest = divmod(ms, 1_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def json_renderer(redactor: Redactor) -> Callable[[LogRecord], str]:
    """Return what makes one canonical JSON object of a record."""

    def render(record: LogRecord) -> str:
        return canonical_json(redactor.value(_plain(record), at_exit=True))

    return render


def text_renderer(redactor: Redactor, *, has_colors: bool) -> Callable[[LogRecord], str]:
    """Return what makes a line for people of a record."""
    console = structlog.dev.ConsoleRenderer(
        colors=has_colors, timestamp_key="ts", pad_event_to=24, sort_keys=True
    )

    def render(record: LogRecord) -> str:
        shown = redactor.value(_plain(record), at_exit=True)
        assert isinstance(shown, dict)
        return " ".join(console(None, "", shown).splitlines())

    return render


def _plain(record: LogRecord) -> dict[str, Any]:
    """Give what JSON has no form for one: a log line is never refused."""
    return {key: _plain_value(value) for key, value in record.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, dict):
        return {str(key): _plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    return value
