"""Waits before a connection is opened again: doubling, with jitter (SCR-03).

Jitter keeps many connections that broke together from coming back together. The random draw comes
from the caller, who records it; here the delay is a function of it.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import BPS
from grinder_core.settings import setting

RETRY_AFTER_MS_MAX: Final = 259_200_000  # three days, the longest ban of the venue

_SECONDS: Final = re.compile(r"[0-9]+")
_MONTHS: Final = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_IMF_FIXDATE: Final = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{{2}}) ({_MONTHS}) ([0-9]{{4}})"
    r" ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_DAYS_BEFORE_1970: Final = 719_162  # since 0001-01-01 of the same calendar


@frozen(kw_only=True)
class BackoffSettings:
    """How the wait grows with each attempt in a row that failed."""

    base_ms: int = setting(1_000, "Wait before the first attempt.", ge=1, spec="SCR-03")
    max_ms: int = setting(
        60_000, "Longest wait, unless the other side asks for more.", ge=1, spec="SCR-03"
    )
    jitter_bps: int = setting(
        2_000, "Share of the wait that may be added or taken away.", ge=0, le=BPS, spec="SCR-03"
    )

    def __attrs_post_init__(self) -> None:
        if self.max_ms < self.base_ms:
            raise ConfigError(
                f"must be >= base_ms = {self.base_ms}", field="max_ms", value=self.max_ms
            )


def backoff_draw_limit(settings: BackoffSettings, attempt: int) -> int:
    """Return how many draws there are for an attempt: the caller draws from ``[0, limit)``.

    Raises:
        ContractError: ``attempt < 0``.
    """
    _, span = _raw_and_span(settings, attempt)
    return 2 * span + 1


def backoff_delay_ms(
    settings: BackoffSettings, attempt: int, draw: int, retry_after_ms: int | None = None
) -> int:
    """Return how long to wait before a connection attempt.

    Args:
        settings: The doubling, its end and its jitter.
        attempt: Failed attempts in a row before this one, ``>= 0``.
        draw: Uniform in ``[0, backoff_draw_limit(settings, attempt))``.
        retry_after_ms: What the other side asked for; the delay is never below it.

    Raises:
        ContractError: ``attempt`` or ``draw`` is out of range.

    Example:
        >>> backoff_delay_ms(BackoffSettings(), 3, 0), backoff_delay_ms(BackoffSettings(), 3, 3200)
        (6400, 9600)
    """
    raw, span = _raw_and_span(settings, attempt)
    if not 0 <= draw <= 2 * span:
        raise ContractError(f"must be in [0, {2 * span}]", field="draw", value=draw)
    return max(min(settings.max_ms, raw - span + draw), retry_after_ms or 0)


def _raw_and_span(settings: BackoffSettings, attempt: int) -> tuple[int, int]:
    if attempt < 0:
        raise ContractError("must be >= 0", field="attempt", value=attempt)
    # so many doublings exceed the longest wait, however long the outage has lasted
    doublings = min(attempt, settings.max_ms.bit_length())
    raw = min(settings.max_ms, settings.base_ms << doublings)
    return raw, raw * settings.jitter_bps // BPS


def parse_retry_after(text: str | None, now_ms: int) -> int | None:
    """Read an HTTP ``Retry-After`` header.

    Args:
        text: Integer seconds, or a date in the form that HTTP writes (IMF-fixdate); its weekday
            is not compared with its day. ``None`` if the header is missing.
        now_ms: Unix milliseconds UTC.

    Returns:
        Milliseconds from ``now_ms``, ``0 .. RETRY_AFTER_MS_MAX``; a past date gives 0. ``None``
        for anything else: then the computed backoff holds.

    Source:
        RFC 9110, sections 5.6.7 and 10.2.3.

    Example:
        >>> parse_retry_after("60", 0), parse_retry_after("soon", 0)
        (60000, None)
    """
    text = (text or "").strip()
    if _SECONDS.fullmatch(text):
        # ten digits exceed the cap, and int() refuses thousands of them
        wait_ms = int(text.lstrip("0")[:10] or "0") * 1_000
    else:
        date_ms = _http_date_ms(text)
        if date_ms is None:
            return None
        wait_ms = max(0, date_ms - now_ms)
    return min(wait_ms, RETRY_AFTER_MS_MAX)


def _http_date_ms(text: str) -> int | None:
    match = _IMF_FIXDATE.fullmatch(text)
    if match is None:
        return None
    day, year, hour, minute, second = map(int, match.group(1, 3, 4, 5, 6))
    month = _MONTHS.index(match[2]) // len("Jan|")
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    # the grammar allows 60 for a leap second, which Unix time counts as the next minute
    if not (1 <= day <= lengths[month] and hour < 24 and minute < 60 and second <= 60):
        return None
    past = year - 1
    days = 365 * past + past // 4 - past // 100 + past // 400  # before this year
    days += sum(lengths[:month]) + day - 1 - _DAYS_BEFORE_1970
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000
