"""Known ways to break the local exchange's door: security, limits, keys, log, faults."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

ROOM: Final = "grinder_adapters/local_venue"
TESTS: Final = "tests/adapters/local_venue"
SECURITY: Final = f"{ROOM}/security.py"
PARAMETERS: Final = f"{ROOM}/parameters.py"
LIMITS: Final = f"{ROOM}/limits.py"
KEYS: Final = f"{ROOM}/listen_keys.py"
FAULTS: Final = f"{ROOM}/faults.py"
BY_SECURITY: Final = (f"{TESTS}/test_security.py",)
BY_PARAMETERS: Final = (f"{TESTS}/test_parameters.py",)
BY_LIMITS: Final = (f"{TESTS}/test_limits.py",)
BY_KEYS: Final = (f"{TESTS}/test_listen_keys.py",)
BY_LOG: Final = (f"{TESTS}/test_request_log.py",)
BY_FAULTS: Final = (f"{TESTS}/test_faults.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- security and parameters
    Mutant(
        "a_request_may_be_a_whole_second_ahead",
        SECURITY,
        "if timestamp >= now + AHEAD_MS:",
        "if timestamp > now + AHEAD_MS:",
        BY_SECURITY,
    ),
    Mutant(
        "only_the_body_of_a_mixed_request_is_signed",
        SECURITY,
        "return query + request.body[: mark.start()]",
        "return request.body[: mark.start()]",
        BY_SECURITY,
    ),
    Mutant(
        "a_key_that_may_not_trade_trades",
        SECURITY,
        "(security is Security.TRADE and not key.can_trade)",
        "(security is Security.USER_DATA and not key.can_trade)",
        BY_SECURITY,
    ),
    Mutant(
        "the_body_wins_over_the_query",
        PARAMETERS,
        "else in_body | in_query",
        "else in_query | in_body",
        BY_PARAMETERS,
    ),
    Mutant(
        "thirty_digits_are_too_many",
        PARAMETERS,
        "> DIGITS_MAX:",
        ">= DIGITS_MAX:",
        BY_PARAMETERS,
    ),
    # -- limits and listen keys
    Mutant(
        "the_last_of_the_weight_is_refused",
        LIMITS,
        "if used <= limit:",
        "if used < limit:",
        BY_LIMITS,
    ),
    Mutant(
        "bans_do_not_grow",
        LIMITS,
        "settings.ban_ms_min << min(counts.bans, 32)",
        "settings.ban_ms_min",
        BY_LIMITS,
    ),
    Mutant(
        "orders_wait_for_the_shorter_of_two_windows",
        LIMITS,
        "window, most = full[-1]",
        "window, most = full[0]",
        BY_LIMITS,
    ),
    Mutant(
        "a_listen_key_lives_a_millisecond_longer",
        KEYS,
        "if held.expires_at <= now]",
        "if held.expires_at < now]",
        BY_KEYS,
    ),
    Mutant(
        "the_end_of_a_listen_key_is_told_again",
        KEYS,
        "ended, self.ended = self.ended, []",
        "ended = self.ended",
        BY_KEYS,
    ),
    Mutant(
        "the_listen_key_is_logged",
        f"{ROOM}/request_log.py",
        'frozenset({"signature", "listenKey", "apiKey"})',
        'frozenset({"signature", "apiKey"})',
        BY_LOG,
    ),
    # -- faults
    Mutant(
        "the_last_of_two_answers_decides",
        FAULTS,
        "if (is_final and decided) or not",
        "if not",
        BY_FAULTS,
    ),
    Mutant(
        "a_burst_never_ends_within_its_millisecond",
        FAULTS,
        "        if now < state.until:\n            return True\n        if not self._fires",
        "        if now <= state.until:\n            return True\n        if not self._fires",
        BY_FAULTS,
    ),
    Mutant(
        "a_stream_can_be_held_back_for_good",
        FAULTS,
        "if was_held and kind is FaultKind.FRAME_REORDERED:",
        "if was_held and kind is FaultKind.FRAME_LOST:",
        BY_FAULTS,
    ),
    Mutant(
        "a_fault_strikes_once_too_often",
        f"{ROOM}/fault_state.py",
        "if (match.at_most and self.fired >= match.at_most) or not",
        "if (match.at_most and self.fired > match.at_most) or not",
        BY_FAULTS,
    ),
)
