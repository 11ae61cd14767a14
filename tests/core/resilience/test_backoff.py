"""SCR-03: reconnects wait longer and longer, with recorded jitter, and never less than asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grinder_core.errors import ConfigError, ContractError
from grinder_core.resilience.backoff import (
    BackoffSettings,
    backoff_delay_ms,
    backoff_draw_limit,
    parse_retry_after,
)

CAP_MS = 259_200_000  # three days
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@st.composite
def backoffs(draw: st.DrawFn) -> BackoffSettings:
    base = draw(st.integers(1, 2_000))
    return BackoffSettings(
        base_ms=base,
        max_ms=base + draw(st.integers(0, 100_000)),
        jitter_bps=draw(st.integers(0, 10_000)),
    )


def delays(settings: BackoffSettings, seed: int, attempts: int) -> list[int]:
    """What an adapter computes from one seeded generator."""
    rng = Random(seed)
    return [
        backoff_delay_ms(settings, attempt, rng.randrange(backoff_draw_limit(settings, attempt)))
        for attempt in range(attempts)
    ]


# -- the delay


def test_worked_example_scr_03() -> None:
    expected = [1127, 1714, 3251, 9437, 15053, 29612, 55314, 52572]
    assert delays(BackoffSettings(), 42, 8) == expected
    assert delays(BackoffSettings(), 42, 8) == expected


@given(backoffs(), st.integers(0, 40), st.data())
def test_the_delay_lies_within_the_jitter_around_the_doubled_base(
    settings: BackoffSettings, attempt: int, data: st.DataObject
) -> None:
    raw = settings.base_ms
    for _ in range(attempt):
        raw *= 2
    raw = min(raw, settings.max_ms)
    span = raw * settings.jitter_bps // 10_000
    assert backoff_draw_limit(settings, attempt) == 2 * span + 1
    draw = data.draw(st.integers(0, 2 * span))
    delay = backoff_delay_ms(settings, attempt, draw)
    assert raw - span <= delay <= min(settings.max_ms, raw + span)
    assert delay == min(settings.max_ms, raw - span + draw)
    assert backoff_delay_ms(settings, attempt, 0) == raw - span
    assert backoff_delay_ms(settings, attempt, 2 * span) == min(settings.max_ms, raw + span)


@given(backoffs(), st.integers(0, 40), st.integers(0, 300_000))
def test_the_delay_is_never_below_the_hint(
    settings: BackoffSettings, attempt: int, hint: int
) -> None:
    computed = backoff_delay_ms(settings, attempt, 0)
    assert backoff_delay_ms(settings, attempt, 0, hint) == max(computed, hint)
    assert backoff_delay_ms(settings, attempt, 0, None) == computed


def test_an_outage_of_any_length_waits_the_longest_time() -> None:
    calm = BackoffSettings(jitter_bps=0)
    assert [backoff_delay_ms(calm, n, 0) for n in (5, 6, 16, 10**12)] == [32_000] + [60_000] * 3


@given(backoffs(), st.integers(0, 40), st.integers(-1_000, -1) | st.integers(0, 1_000))
def test_a_draw_out_of_range_is_refused(
    settings: BackoffSettings, attempt: int, beyond: int
) -> None:
    draw = beyond if beyond < 0 else backoff_draw_limit(settings, attempt) + beyond
    with pytest.raises(ContractError, match="draw"):
        backoff_delay_ms(settings, attempt, draw)


def test_a_negative_attempt_is_refused() -> None:
    with pytest.raises(ContractError, match="attempt = -1: must be >= 0"):
        backoff_delay_ms(BackoffSettings(), -1, 0)
    with pytest.raises(ContractError, match="attempt = -1: must be >= 0"):
        backoff_draw_limit(BackoffSettings(), -1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"base_ms": 0}, "base_ms"),
        ({"base_ms": 60_001}, "max_ms"),
        ({"jitter_bps": -1}, "jitter_bps"),
        ({"jitter_bps": 10_001}, "jitter_bps"),
        ({"jitter_bps": 0.2}, "jitter_bps"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        BackoffSettings(**changes)
    assert refusal.value.field == field


# -- Retry-After


def test_worked_example_of_retry_after() -> None:
    assert parse_retry_after("60", 0) == 60_000
    date, ts = "Wed, 21 Oct 2015 07:28:00 GMT", 1_445_412_480_000
    assert [parse_retry_after(date, ts - early) for early in (-1, 0, 1, 90_000)] == [
        0,
        0,
        1,
        90_000,
    ]


@given(st.integers(0, 10**7), st.integers(0, 3), st.integers(0, 2**42))
def test_seconds_are_seconds_up_to_three_days(seconds: int, zeros: int, now: int) -> None:
    assert parse_retry_after(f"{'0' * zeros}{seconds}", now) == min(seconds * 1_000, CAP_MS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("000", 0),
        ("259199", 259_199_000),
        ("259200", CAP_MS),
        ("259201", CAP_MS),
        ("1" + "0" * 10, CAP_MS),
        ("9" * 10_000, CAP_MS),
        ("0" * 10_000 + "7", 7_000),
        (" 60 ", 60_000),
    ],
)
def test_seconds_at_their_limits(text: str, expected: int) -> None:
    assert parse_retry_after(text, 0) == expected


# every second that the format can write
seconds_since_1970 = st.integers(-62_135_596_800, 253_402_300_799)


@given(
    seconds_since_1970.map(lambda seconds: EPOCH + timedelta(seconds=seconds)),
    st.integers(-(10**6), 10**6) | st.integers(-(2**36), 2**36),
)
@example(datetime(2000, 2, 29, 12, tzinfo=UTC), 5_000)
@example(datetime(1900, 3, 1, tzinfo=UTC), 5_000)
@example(datetime(2100, 3, 1, tzinfo=UTC), 5_000)
@example(datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC), 5_000)
def test_a_date_is_the_time_until_then(when: datetime, early_ms: int) -> None:
    now = (when - EPOCH) // timedelta(milliseconds=1) - early_ms
    text = format_datetime(when, usegmt=True)
    assert parse_retry_after(text, now) == min(max(0, early_ms), CAP_MS)


MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


@given(
    st.integers(0, 40), st.integers(1, 12), st.integers(1, 9999),
    st.integers(0, 30), st.integers(0, 70), st.integers(0, 59),
)  # fmt: skip
@example(29, 2, 2000, 0, 0, 0)
@example(29, 2, 1900, 0, 0, 0)
@example(29, 2, 2023, 0, 0, 0)
@example(30, 2, 2024, 0, 0, 0)
@example(0, 1, 2024, 0, 0, 0)
@example(1, 1, 2024, 24, 0, 0)
@example(1, 1, 2024, 0, 60, 0)
def test_a_date_that_the_calendar_does_not_have_is_garbage(
    day: int, month: int, year: int, hour: int, minute: int, second: int
) -> None:
    name = MONTHS[3 * month - 3 : 3 * month]
    text = f"Mon, {day:02} {name} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
    try:
        when = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        assert parse_retry_after(text, -(2**60)) is None
    else:
        ts = (when - EPOCH) // timedelta(milliseconds=1)
        assert parse_retry_after(text, ts - 7) == 7


def test_a_leap_second_is_the_next_minute() -> None:
    midnight = 1_483_228_800_000  # 2017-01-01
    assert parse_retry_after("Sat, 31 Dec 2016 23:59:60 GMT", midnight - 5) == 5
    assert parse_retry_after("Sat, 31 Dec 2016 23:59:61 GMT", midnight - 5) is None


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " ",
        "-1",
        "+60",
        "1.5",
        "1e3",
        "60 s",
        "soon",
        "\u0666\u0660",
        "Wed, 21 Oct 2015 07:28:00",
        "Wed, 21 Oct 2015 07:28:00 UTC",
        "Wed, 21 Oct 2015 07:28:00 +0000",
        "wed, 21 oct 2015 07:28:00 gmt",
        "Wed, 21 Okt 2015 07:28:00 GMT",
        "Xxx, 21 Oct 2015 07:28:00 GMT",
        "21 Oct 2015 07:28:00 GMT",
        "Wed, 1 Oct 2015 07:28:00 GMT",
        "Wed, 21 Oct 15 07:28:00 GMT",
        "Wed, 21 Oct 2015 07:28 GMT",
        "Wednesday, 21-Oct-15 07:28:00 GMT",
        "Wed Oct 21 07:28:00 2015",
        "2015-10-21T07:28:00Z",
        "Wed, 21 Oct 2015 07:28:00 GMT, 60",
    ],
)
def test_anything_else_is_no_hint(text: str | None) -> None:
    assert parse_retry_after(text, 0) is None


@given(st.text(max_size=40), st.integers(0, 2**42))
def test_no_text_breaks_the_parser(text: str, now: int) -> None:
    wait = parse_retry_after(text, now)
    assert wait is None or 0 <= wait <= CAP_MS
