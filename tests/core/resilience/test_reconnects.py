"""SCR-04: however connections break, they come back no faster than the limits say."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.errors import ConfigError, ContractError
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings

SHARDS = ("0", "1", "2")

limits = st.builds(
    ReconnectSettings,
    max_reconnects_per_window=st.integers(1, 4),
    window_ms=st.integers(1, 60),
    cooldown_after_burst_ms=st.integers(0, 60),
    per_shard_min_interval_ms=st.integers(0, 150),
)
# how long after the last wish the next one comes, for which connection, and whether it waits
wishes = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(SHARDS), st.booleans()), max_size=40
)


def after(*attempts: tuple[str, int], **changes: Any) -> ReconnectLimiter:
    limiter = ReconnectLimiter(ReconnectSettings(**changes))
    for shard, now in attempts:
        limiter.record_reconnect(shard, now)
    return limiter


def dumped(limiter: ReconnectLimiter) -> str:
    return canonical_json(dump_state(limiter))


class Plain:
    """The rules as written, over the whole history."""

    def __init__(self, settings: ReconnectSettings) -> None:
        self.settings = settings
        self.history: list[tuple[int, str]] = []

    def counted(self, now: int) -> list[int]:
        return [ts for ts, _ in self.history if now - self.settings.window_ms < ts <= now]

    def cooldown_until(self) -> int:
        """The end of the pause after the latest attempt that filled the window."""
        full = [
            ts
            for ts, _ in self.history
            if len(self.counted(ts)) == self.settings.max_reconnects_per_window
        ]
        return full[-1] + self.settings.cooldown_after_burst_ms if full else 0

    def allowed(self, shard: str, now: int) -> bool:
        s = self.settings
        return (
            now >= self.cooldown_until()
            and len(self.counted(now)) < s.max_reconnects_per_window
            and all(now - ts >= s.per_shard_min_interval_ms for ts, x in self.history if x == shard)
        )

    def wait(self, shard: str, now: int) -> int:
        """Try one millisecond after the other."""
        at = now
        while not self.allowed(shard, at):
            at += 1
        return at - now


# -- the spec's examples


def test_worked_example_of_a_burst() -> None:
    limiter = after(*((str(n), n * 1_000) for n in range(5)))
    assert limiter.cooldown_until == 34_000
    waits = [limiter.get_wait_time_ms("5", now) for now in (5_000, 34_000, 59_999, 60_000)]
    assert waits == [55_000, 26_000, 1, 0]
    assert [limiter.in_cooldown(now) for now in (4_000, 33_999, 34_000)] == [True, True, False]


def test_worked_example_of_a_slow_filling() -> None:
    times = (0, 15_000, 30_000, 45_000, 59_000)
    limiter = after(*((str(n), now) for n, now in enumerate(times)))
    assert limiter.cooldown_until == 89_000
    assert limiter.get_wait_time_ms("5", 60_000) == 29_000
    assert limiter.get_wait_time_ms("4", 63_000) == 26_000


# -- the properties


@given(limits, wishes)
def test_every_answer_is_the_plain_rules_answer(
    settings: ReconnectSettings, wanted: list[tuple[int, str, bool]]
) -> None:
    limiter, plain = ReconnectLimiter(settings), Plain(settings)
    now = 0
    for step, shard, patient in wanted:
        now += step
        before = dumped(limiter)
        wait = plain.wait(shard, now)
        assert limiter.get_wait_time_ms(shard, now) == wait
        assert limiter.can_reconnect(shard, now) is (wait == 0)
        assert limiter.can_reconnect(shard, now + wait)
        assert limiter.in_cooldown(now) is (now < plain.cooldown_until())
        assert dumped(limiter) == before  # asking changes nothing
        if wait:
            with pytest.raises(ContractError, match=f"another {wait} ms"):
                limiter.record_reconnect(shard, now)
            assert dumped(limiter) == before
        if patient or not wait:
            now += wait
            limiter.record_reconnect(shard, now)
            plain.history.append((now, shard))
        limiter = load_state(ReconnectLimiter, json.loads(dumped(limiter)))

    times = [ts for ts, _ in plain.history]
    for start in times:
        in_window = [ts for ts in times if start <= ts < start + settings.window_ms]
        assert len(in_window) <= settings.max_reconnects_per_window
    for shard in SHARDS:
        own = [ts for ts, name in plain.history if name == shard]
        gaps = [b - a for a, b in pairwise(own)]
        assert all(gap >= settings.per_shard_min_interval_ms for gap in gaps)


@given(limits, st.lists(st.integers(0, 99), min_size=20, max_size=60))
def test_a_storm_of_new_connections_does_not_grow_the_state(
    settings: ReconnectSettings, steps: list[int]
) -> None:
    limiter = ReconnectLimiter(settings)
    longest = max(settings.window_ms, settings.per_shard_min_interval_ms)
    windows = -(-longest // settings.window_ms)
    now = 0
    for number, step in enumerate(steps):
        now += step + limiter.get_wait_time_ms(str(number), now + step)
        limiter.record_reconnect(str(number), now)
        assert len(limiter.attempts) <= settings.max_reconnects_per_window * windows


# -- bad calls and settings


def test_time_must_not_go_back() -> None:
    limiter = after(("0", 9))
    before = dumped(limiter)
    for call in (limiter.can_reconnect, limiter.get_wait_time_ms, limiter.record_reconnect):
        with pytest.raises(ContractError, match="now = 8: must not go back from 9"):
            call("1", 8)
    with pytest.raises(ContractError, match="now = 8"):
        limiter.in_cooldown(8)
    assert dumped(limiter) == before
    limiter.record_reconnect("1", 9)


def test_time_starts_at_zero() -> None:
    with pytest.raises(ContractError, match="now = -1"):
        after(("0", -1))


@pytest.mark.parametrize(
    "changes",
    [
        {"max_reconnects_per_window": 0},
        {"window_ms": 0},
        {"cooldown_after_burst_ms": -1},
        {"per_shard_min_interval_ms": -1},
        {"window_ms": 1.5},
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as refusal:
        ReconnectSettings(**changes)
    assert refusal.value.field in changes
