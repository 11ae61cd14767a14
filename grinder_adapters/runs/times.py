"""Instants as text, without floats and without the machine's time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from grinder_core.errors import InputError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _instant(ms: int) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        raise InputError("must lie before the year 10000", field="start_ms", value=ms) from None


def iso_utc(ms: int) -> str:
    """Return Unix milliseconds as ``2025-01-31T23:59:59.123Z``."""
    return _instant(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_date(ms: int) -> str:
    """Return the UTC date of Unix milliseconds as ``2025-01-31``."""
    return _instant(ms).date().isoformat()
