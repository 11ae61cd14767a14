"""LIVE-03: a failed request is tried again, within bounds, only where that can help."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.errors import (
    CircuitOpenError,
    ConfigError,
    ConnectorClosedError,
    ConnectorError,
    ConnectorIOError,
    ConnectorNonRetryableError,
    ConnectorOutcomeUnknownError,
    ConnectorTimeoutError,
    ConnectorTransientError,
    ContractError,
    IdempotencyConflictError,
    RateLimitError,
)
from grinder_core.resilience.retry import RetryDecision, RetryPolicy, RetryStats

NO = RetryDecision(retry=False, delay_ms=0)
BUSY = ConnectorTransientError("HTTP 503")
LATE = ConnectorTimeoutError("depth", 5_000)

final_errors = st.sampled_from(
    [
        ConnectorNonRetryableError("HTTP 400"),
        IdempotencyConflictError("under way"),
        CircuitOpenError("is open"),
        RateLimitError("banned"),
        ConnectorClosedError("depth"),
        ConnectorOutcomeUnknownError("place", "a"),
        ConnectorIOError("broken"),
        ConnectorError("broken"),
        ContractError("nonsense"),
        ValueError("nonsense"),
        TimeoutError("the runtime's own"),
        OSError("the runtime's own"),
    ]
)
transient_errors = st.builds(
    ConnectorTransientError,
    st.just("HTTP 429"),
    retry_after_ms=st.none() | st.integers(0, 400),
)


@st.composite
def policies(draw: st.DrawFn) -> RetryPolicy:
    base = draw(st.integers(0, 200))
    return RetryPolicy(
        max_attempts=draw(st.integers(1, 8)),
        base_delay_ms=base,
        max_delay_ms=base + draw(st.integers(0, 300)),
        backoff_multiplier_x100=draw(st.integers(100, 400)),
        retry_on_timeout=draw(st.booleans()),
    )


def exact_delay_ms(policy: RetryPolicy, retry: int) -> int:
    """The spec's formula over fractions."""
    grown = policy.base_delay_ms * Fraction(policy.backoff_multiplier_x100, 100) ** (retry - 1)
    return int(min(grown, Fraction(policy.max_delay_ms)))  # toward zero


def delays(policy: RetryPolicy) -> list[int]:
    """The waits of a request that keeps failing; it is asked beyond the last attempt, too."""
    decisions = [policy.decide(BUSY, attempt) for attempt in range(1, policy.max_attempts + 3)]
    return [decision.delay_ms for decision in decisions if decision.retry]


# -- the delays


def test_by_default_a_request_is_sent_three_times() -> None:
    assert delays(RetryPolicy()) == [100, 200]


def test_the_delay_doubles_up_to_its_maximum() -> None:
    assert delays(RetryPolicy(max_attempts=9)) == [100, 200, 400, 800, 1600, 3200, 5000, 5000]


def test_each_delay_is_rounded_once_from_the_exact_power() -> None:
    # 100, 150, 225, 337.5, 506.25: rounding at each step would give 505 from 337
    policy = RetryPolicy(max_attempts=6, backoff_multiplier_x100=150)
    assert delays(policy) == [100, 150, 225, 337, 506]


@given(policies())
def test_the_nth_delay_is_the_formula(policy: RetryPolicy) -> None:
    expected = [exact_delay_ms(policy, retry) for retry in range(1, policy.max_attempts)]
    assert delays(policy) == expected
    assert all(a <= b for a, b in pairwise(expected))


@given(policies(), st.integers(1, 9), st.integers(0, 1_000))
def test_the_other_sides_wish_raises_that_one_delay(
    policy: RetryPolicy, attempt: int, asked: int
) -> None:
    error = ConnectorTransientError("HTTP 429", retry_after_ms=asked)
    decision = policy.decide(error, attempt)
    if attempt >= policy.max_attempts or asked > policy.max_delay_ms:
        assert decision == NO
    else:
        assert decision == RetryDecision(
            retry=True, delay_ms=max(asked, exact_delay_ms(policy, attempt))
        )


def test_a_wish_of_exactly_the_maximum_is_granted_and_one_more_gives_up() -> None:
    for asked, expected in ((5_000, RetryDecision(retry=True, delay_ms=5_000)), (5_001, NO)):
        error = ConnectorTransientError("HTTP 429", retry_after_ms=asked)
        assert RetryPolicy().decide(error, 1) == expected


# -- which errors


@given(policies(), final_errors, st.integers(1, 9))
def test_what_cannot_pass_is_never_tried_again(
    policy: RetryPolicy, error: Exception, attempt: int
) -> None:
    assert policy.decide(error, attempt) == NO


@given(policies(), st.integers(1, 9))
def test_a_timeout_is_like_a_transient_error_if_the_policy_says_so(
    policy: RetryPolicy, attempt: int
) -> None:
    expected = policy.decide(BUSY, attempt) if policy.retry_on_timeout else NO
    assert policy.decide(LATE, attempt) == expected


# -- a whole request (I-03.1)


@given(policies(), st.lists(st.none() | transient_errors | st.just(LATE) | final_errors))
def test_a_request_stays_within_the_bounds_and_its_stats_say_what_happened(
    policy: RetryPolicy, answers: list[Exception | None]
) -> None:
    """``None`` is a success; after the listed answers everything fails."""
    sent = 0
    waits: list[int] = []
    failures: list[Exception] = []
    stats = RetryStats()
    for answer in answers + [BUSY] * policy.max_attempts:
        sent += 1
        if answer is None:
            stats = stats.succeeded()
            break
        failures.append(answer)
        decision = policy.decide(answer, stats.attempts + 1)
        stats = stats.failed(answer, decision)
        if not decision.retry:
            break
        waits.append(decision.delay_ms)
    assert sent <= policy.max_attempts
    assert all(0 <= wait <= policy.max_delay_ms for wait in waits)
    if not any(getattr(error, "retry_after_ms", None) for error in failures):
        assert waits == sorted(waits)
    assert (stats.attempts, stats.retries) == (sent, sent - 1)
    assert stats.total_delay_ms == sum(waits)
    assert len(stats.errors) == len(failures)
    assert all(
        text.endswith(str(error)) for text, error in zip(stats.errors, failures, strict=True)
    )
    assert stats.last_error == (stats.errors[-1] if failures else None)


def test_the_stats_name_each_failure_by_its_code() -> None:
    policy, stats = RetryPolicy(), RetryStats()
    for attempt, error in enumerate((BUSY, LATE, ValueError("nonsense")), 1):
        stats = stats.failed(error, policy.decide(error, attempt))
    assert stats.errors == (
        "E_TRANSIENT: HTTP 503",
        "E_CONNECTOR_TIMEOUT: depth: no answer within 5000 ms",
        "ValueError: nonsense",
    )
    assert stats.last_error == "ValueError: nonsense"
    assert (stats.attempts, stats.retries, stats.total_delay_ms) == (3, 2, 300)


# -- bad settings and calls


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"max_attempts": 0}, "max_attempts"),
        ({"base_delay_ms": -1}, "base_delay_ms"),
        ({"base_delay_ms": 5_001}, "max_delay_ms"),
        ({"max_delay_ms": 99}, "max_delay_ms"),
        ({"backoff_multiplier_x100": 99}, "backoff_multiplier_x100"),
        ({"backoff_multiplier_x100": 2.0}, "backoff_multiplier_x100"),
        ({"retry_on_timeout": 1}, "retry_on_timeout"),
    ],
)
def test_a_policy_out_of_range_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        RetryPolicy(**changes)
    assert refusal.value.field == field


def test_the_least_values_are_allowed() -> None:
    policy = RetryPolicy(
        max_attempts=2, base_delay_ms=0, max_delay_ms=0, backoff_multiplier_x100=100
    )
    assert delays(policy) == [0]


def test_attempts_count_from_one() -> None:
    with pytest.raises(ContractError, match="attempt = 0: must be >= 1"):
        RetryPolicy().decide(BUSY, 0)
