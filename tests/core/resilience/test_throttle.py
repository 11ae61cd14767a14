"""SCR-05: no connection ever sends more than the venue takes."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.errors import ConfigError, ContractError
from grinder_core.resilience.throttle import MessageThrottle, ThrottleSettings

limits = st.builds(
    ThrottleSettings,
    max_messages_per_second=st.integers(2, 40),
    safety_margin_bps=st.integers(5_000, 10_000),
    burst_allowance=st.integers(1, 8),
)
# pause before the wish, and how many messages it is for, as a share of the most that may go
wishes = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 7)), max_size=40)


def throttle(**changes: Any) -> MessageThrottle:
    return MessageThrottle.of(ThrottleSettings(**changes))


def dumped(subject: MessageThrottle) -> str:
    return canonical_json(dump_state(subject))


def a_count(settings: ThrottleSettings, choice: int) -> int:
    cap = settings.max_messages_per_second * settings.safety_margin_bps // 10_000
    return 1 + choice % min(settings.burst_allowance, cap)


class Plain:
    """The two conditions as written: messages as fractions, all that was ever sent."""

    def __init__(self, settings: ThrottleSettings) -> None:
        per_second = settings.max_messages_per_second * Fraction(settings.safety_margin_bps, 10_000)
        self.per_ms = per_second / 1_000
        self.cap = int(per_second)
        self.burst = settings.burst_allowance
        self.tokens = Fraction(self.burst)
        self.now = 0
        self.sent: list[int] = []

    def pass_one_ms(self) -> None:
        self.now += 1
        self.tokens = min(Fraction(self.burst), self.tokens + self.per_ms)

    def allowed(self, count: int) -> bool:
        recent = sum(ts > self.now - 1_000 for ts in self.sent)
        return count <= self.tokens and recent + count <= self.cap

    def send(self, count: int) -> None:
        self.tokens -= count
        self.sent += [self.now] * count


# -- the spec's example


def test_worked_example_scr_05() -> None:
    subject = throttle()
    subject.consume(5, 0)
    assert subject.get_wait_time_ms(1, 0) == 125
    assert subject.get_wait_time_ms(3, 0) == 375
    assert [subject.can_send(1, now) for now in (124, 125)] == [False, True]
    for now in (125, 250, 375):
        subject.consume(1, now)
    assert subject.get_wait_time_ms(1, 375) == 625
    assert not subject.can_send(1, 999)
    assert subject.can_send(5, 1_000)


def test_the_bucket_alone_would_break_the_venues_rule() -> None:
    subject = throttle()
    subject.consume(5, 0)
    subject.consume(3, 500)
    # four tokens are there, but eight messages were sent in this second
    assert subject.get_wait_time_ms(1, 900) == 100


# -- the properties


@given(limits, wishes)
def test_every_message_goes_exactly_when_both_conditions_hold(
    settings: ThrottleSettings, wanted: list[tuple[int, int]]
) -> None:
    """The plain rules live through every millisecond; the throttle computes each answer at once."""
    subject, plain = MessageThrottle.of(settings), Plain(settings)
    for pause, choice in wanted:
        count = a_count(settings, choice)
        for _ in range(pause):
            plain.pass_one_ms()
        asked_at = plain.now
        wait = subject.get_wait_time_ms(count, asked_at)
        before = dumped(subject)
        while not plain.allowed(count):
            assert not subject.can_send(count, plain.now)  # waiting in parts changes nothing
            assert subject.get_wait_time_ms(count, plain.now) == wait - (plain.now - asked_at)
            plain.pass_one_ms()
        assert plain.now - asked_at == wait
        assert subject.can_send(count, plain.now)
        assert dumped(subject) == before
        subject.consume(count, plain.now)
        plain.send(count)
        assert 0 <= subject.tokens <= settings.burst_allowance * 10_000_000
        assert Fraction(subject.tokens, 10_000_000) == plain.tokens
        assert sum(number for _, number in subject.sent) <= plain.cap  # bounded memory
        subject = load_state(MessageThrottle, json.loads(dumped(subject)))
    for start in plain.sent:
        assert sum(start <= ts < start + 1_000 for ts in plain.sent) <= plain.cap


@given(limits, wishes)
def test_what_is_refused_leaves_nothing_behind(
    settings: ThrottleSettings, wanted: list[tuple[int, int]]
) -> None:
    patient, pushy = MessageThrottle.of(settings), MessageThrottle.of(settings)
    now = 0
    for pause, choice in wanted:
        now += pause
        count = a_count(settings, choice)
        if patient.can_send(count, now):
            patient.consume(count, now)
            pushy.consume(count, now)
        else:
            with pytest.raises(ContractError, match="may not be sent"):
                pushy.consume(count, now)
        assert pushy == patient


# -- bad calls and settings


@pytest.mark.parametrize(
    ("changes", "most"),
    [({}, 5), ({"burst_allowance": 9}, 8), ({"max_messages_per_second": 2}, 1)],
)
def test_a_count_that_can_never_be_sent_is_refused(changes: dict[str, Any], most: int) -> None:
    subject = throttle(**changes)
    for call in (subject.can_send, subject.get_wait_time_ms, subject.consume):
        for count in (-1, 0, most + 1):
            with pytest.raises(ContractError, match=rf"count = {count}: must be in \[1, {most}\]"):
                call(count, 0)
    subject.consume(most, 0)


def test_time_must_not_go_back() -> None:
    subject = throttle()
    subject.consume(1, 9)
    for call in (subject.can_send, subject.get_wait_time_ms, subject.consume):
        with pytest.raises(ContractError, match="now = 8: must not go back from 9"):
            call(1, 8)
    subject.consume(1, 9)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"max_messages_per_second": 0}, "max_messages_per_second"),
        ({"safety_margin_bps": 0}, "safety_margin_bps"),
        ({"safety_margin_bps": 10_001}, "safety_margin_bps"),
        ({"safety_margin_bps": 0.8}, "safety_margin_bps"),
        ({"safety_margin_bps": 999}, "safety_margin_bps"),  # not one message of ten is left
        ({"burst_allowance": 0}, "burst_allowance"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        ThrottleSettings(**changes)
    assert refusal.value.field == field


def test_one_message_a_second_is_the_least_that_is_allowed() -> None:
    subject = throttle(safety_margin_bps=1_000)
    subject.consume(1, 0)
    assert [subject.can_send(1, now) for now in (999, 1_000)] == [False, True]
