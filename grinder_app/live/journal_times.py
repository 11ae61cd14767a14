"""Times that people name, in a journal: ``03:12``, ``03:12:07.114``, ``2026-11-22T03:12`` (UTC)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from grinder_adapters.journal import JournalReader
from grinder_app.live.state_view import time_of
from grinder_core.errors import ConfigError

DAY_MS: Final = 86_400_000
_TIME: Final = re.compile(
    r"(?:(?P<day>\d{4}-\d\d-\d\d)[T ])?(?P<hour>\d\d):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:\.(?P<ms>\d{3}))?)?Z?"
)


@frozen
class Named:
    """A time as somebody named it.

    Attributes:
        ts_ms: Unix milliseconds; of the first day of all where no day was named.
        span_ms: How much the words cover: a minute, a second or a millisecond.
    """

    ts_ms: int
    span_ms: int
    has_day: bool

    def before(self, last_ms: int) -> int:
        """Return it, Unix milliseconds; without a day: the latest one up to ``last_ms``."""
        if self.has_day:
            return self.ts_ms
        day = last_ms // DAY_MS * DAY_MS + self.ts_ms
        return day if day <= last_ms else day - DAY_MS

    def after(self, first_ms: int) -> int:
        """Return it, Unix milliseconds; without a day: the first one from ``first_ms`` on."""
        if self.has_day:
            return self.ts_ms
        day = first_ms // DAY_MS * DAY_MS + self.ts_ms
        return day if day >= first_ms else day + DAY_MS


def parse_time(text: str, field: str) -> Named:
    """Read a time.

    Raises:
        ConfigError: It is none.
    """
    match = _TIME.fullmatch(text)
    if match is not None:
        part = match.groupdict()
        try:
            moment = datetime.strptime(
                f"{part['day'] or '1970-01-01'} {part['hour']}:{part['minute']}:"
                f"{part['second'] or '00'}",
                "%Y-%m-%d %H:%M:%S",
            ).replace(tzinfo=UTC)
        except ValueError:
            pass
        else:
            span = 1 if part["ms"] else 1_000 if part["second"] else 60_000
            ts_ms = int(moment.timestamp()) * 1_000 + int(part["ms"] or 0)
            return Named(ts_ms, span, part["day"] is not None)
    raise ConfigError(
        "must be a time, UTC",
        field=field,
        value=text,
        remedy="write it as 03:12, 03:12:07 or 2026-11-22T03:12",
    )


def seq_at(reader: JournalReader, ts_ms: int) -> int:
    """Return the first row at or after a time, by halving; behind the last row without any.

    A market block has the time of its last line, so no line of that time is missed.
    """
    low, high = reader.first_seq(), reader.last_seq() + 1
    while low < high:
        middle = (low + high) // 2
        if time_of(reader, middle) < ts_ms:
            low = middle + 1
        else:
            high = middle
    return low
