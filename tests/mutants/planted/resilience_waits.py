"""Mistakes in waiting: retries, reconnects with jitter, the reconnect limiter, the throttle."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

RETRY = ("tests/core/resilience/test_retry.py",)
BACKOFF = ("tests/core/resilience/test_backoff.py",)
RECONNECTS = ("tests/core/resilience/test_reconnects.py",)
THROTTLE = ("tests/core/resilience/test_throttle.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- retries
    Mutant(
        "every_error_of_ours_is_tried_again",
        "grinder_core/resilience/retry.py",
        "return isinstance(error, ConnectorTransientError)",
        "return isinstance(error, GrinderError)",
        RETRY,
    ),
    Mutant(
        "the_retry_delay_hits_its_maximum_and_gives_up",
        "grinder_core/resilience/retry.py",
        "if delay_ms > self.max_delay_ms:",
        "if delay_ms >= self.max_delay_ms:",
        RETRY,
    ),
    Mutant(
        "the_wish_of_the_other_side_shortens_the_retry_delay",
        "grinder_core/resilience/retry.py",
        "max(self._delay_ms(attempt), asked_ms or 0)",
        "(self._delay_ms(attempt) if asked_ms is None else asked_ms)",
        RETRY,
    ),
    Mutant(
        "the_multiplier_is_rounded_before_the_product",
        "grinder_core/resilience/retry.py",
        "self.base_delay_ms * self.backoff_multiplier_x100**power // 100**power",
        "self.base_delay_ms * (self.backoff_multiplier_x100**power // 100**power)",
        RETRY,
    ),
    # -- backoff
    Mutant(
        "jitter_beyond_the_longest_backoff",
        "grinder_core/resilience/backoff.py",
        "max(min(settings.max_ms, raw - span + draw), retry_after_ms or 0)",
        "max(raw - span + draw, retry_after_ms or 0)",
        BACKOFF,
    ),
    Mutant(
        "the_hint_is_cut_to_the_longest_backoff",
        "grinder_core/resilience/backoff.py",
        "max(min(settings.max_ms, raw - span + draw), retry_after_ms or 0)",
        "min(settings.max_ms, max(raw - span + draw, retry_after_ms or 0))",
        BACKOFF,
    ),
    Mutant(
        "retry_after_has_no_cap",
        "grinder_core/resilience/backoff.py",
        "return min(wait_ms, RETRY_AFTER_MS_MAX)",
        "return wait_ms",
        BACKOFF,
    ),
    Mutant(
        "every_hundredth_year_is_a_leap_year",
        "grinder_core/resilience/backoff.py",
        "leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)",
        "leap = year % 4 == 0",
        BACKOFF,
    ),
    # -- reconnects
    Mutant(
        "one_reconnect_more_in_a_window",
        "grinder_core/resilience/reconnects.py",
        "if len(self.attempts) >= limits.max_reconnects_per_window:",
        "if len(self.attempts) > limits.max_reconnects_per_window:",
        RECONNECTS,
    ),
    Mutant(
        "an_attempt_stays_in_the_window_a_millisecond_longer",
        "grinder_core/resilience/reconnects.py",
        "sum(ts > now - limits.window_ms for ts, _ in attempts)",
        "sum(ts >= now - limits.window_ms for ts, _ in attempts)",
        RECONNECTS,
    ),
    Mutant(
        "the_interval_of_a_connection_is_forgotten_with_the_window",
        "grinder_core/resilience/reconnects.py",
        "seen_ms = max(limits.window_ms, limits.per_shard_min_interval_ms)",
        "seen_ms = limits.window_ms",
        RECONNECTS,
    ),
    Mutant(
        "old_reconnects_are_kept_for_ever",
        "grinder_core/resilience/reconnects.py",
        "            attempts.popleft()",
        "            break",
        RECONNECTS,
    ),
    # -- messages
    Mutant(
        "the_second_takes_one_message_more",
        "grinder_core/resilience/throttle.py",
        "if total > self.settings.messages_per_second:",
        "if total > self.settings.messages_per_second + 1:",
        THROTTLE,
    ),
    Mutant(
        "the_wait_for_a_message_is_rounded_down",
        "grinder_core/resilience/throttle.py",
        "-(-missing // limits.tokens_per_ms)",
        "missing // limits.tokens_per_ms",
        THROTTLE,
    ),
    Mutant(
        "the_refill_is_counted_again_with_each_message",
        "grinder_core/resilience/throttle.py",
        "        self.last_ms = now\n",
        "",
        THROTTLE,
    ),
)
