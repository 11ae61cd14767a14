"""Mistakes in breakers, idempotent writes and the search for unknown outcomes."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_BREAKER = "grinder_core/resilience/breaker.py"
_STORE = "grinder_core/resilience/idempotency.py"
_ARCHIVED = "grinder_core/resilience/archived.py"
_UNKNOWN = "grinder_core/resilience/unknown.py"
BREAKER = ("tests/core/resilience/test_breaker.py",)
STORE = ("tests/core/resilience/test_idempotency.py",)
ARCHIVED = ("tests/core/resilience/test_archived.py",)
UNKNOWN = ("tests/core/resilience/test_unknown.py",)
VENUE = (
    "tests/core/resilience/test_unknown.py::test_the_venue_never_holds_two_orders_of_one_intent",
)

MUTANTS: tuple[Mutant, ...] = (
    # -- breaker
    Mutant(
        "a_claim_that_never_expires_holds_up_those_behind_it",
        _STORE,
        "                self.entries[key] = self.entries.pop(key)",
        "                break",
        STORE,
    ),
    Mutant(
        "results_of_an_earlier_state_count",
        _BREAKER,
        "elif ticket.generation == self.generation:",
        "else:",
        BREAKER,
    ),
    Mutant(
        "an_earlier_deadline_replaces_a_later_one",
        _BREAKER,
        "self.until_ms = max(self.until_ms, now + asked)",
        "self.until_ms = now + asked",
        BREAKER,
    ),
    Mutant(
        "a_lost_probe_holds_the_circuit_half_open",
        _BREAKER,
        "return self.probes[0].ts_ms + self.settings.probe_timeout_ms",
        "return None",
        BREAKER,
    ),
    Mutant(
        "the_silence_after_a_full_minute_is_none",
        _BREAKER,
        "MINUTE_MS - now % MINUTE_MS",
        "-now % MINUTE_MS",
        BREAKER,
    ),
    Mutant(
        "a_429_stops_one_operation_only",
        _BREAKER,
        "for circuit in self.circuits.values():",
        'for circuit in [self.circuits["place"]]:',
        BREAKER,
    ),
    Mutant(
        "results_stay_in_the_window_a_millisecond_longer",
        _BREAKER,
        "while now - results[0][0] >= settings.share_window_ms:",
        "while now - results[0][0] > settings.share_window_ms:",
        BREAKER,
    ),
    # -- keys and store
    Mutant(
        "the_generation_is_left_out_of_the_key",
        _STORE,
        '            "generation": generation,\n',
        "",
        STORE,
    ),
    Mutant(
        "a_claim_expires_though_its_request_left",
        _STORE,
        "                expires_at=None,\n",
        "                expires_at=held.expires_at,\n",
        STORE,
    ),
    Mutant(
        "a_lost_claim_is_still_obeyed",
        _STORE,
        "            or entry.created_at != claim.created_at\n",
        "",
        STORE,
    ),
    Mutant(
        "another_write_gets_the_cached_answer",
        _STORE,
        "entry.request_fingerprint != intent.fingerprint",
        "entry.op_name != intent.op",
        STORE,
    ),
    Mutant(
        "what_cannot_be_looked_up_counts_as_never_sent",
        _ARCHIVED,
        "            self.failures += 1\n            raise IdempotencyConflictError(",
        "            return None\n            raise IdempotencyConflictError(",
        ARCHIVED,
    ),
    Mutant(
        "an_answer_that_cannot_be_put_away_is_lost",
        _ARCHIVED,
        "                self.failures += 1\n            else:\n                del",
        "                self.failures += 1\n            finally:\n                del",
        ARCHIVED,
    ),
    # -- unknown outcomes
    Mutant(
        "one_absence_proves_it",
        _UNKNOWN,
        "return self.absences >= 2",
        "return self.absences >= 1",
        VENUE,
    ),
    Mutant(
        "every_absence_counts",
        _UNKNOWN,
        "self.absences += counts and found is None",
        "self.absences += found is None",
        VENUE,
    ),
    Mutant(
        "the_skew_is_forgotten",
        _UNKNOWN,
        "        proof_after_ms = timestamp_ms + recv_window_ms + clock_skew_max_ms\n"
        "        return cls(Write.PLACE",
        "        proof_after_ms = timestamp_ms + recv_window_ms\n        return cls(Write.PLACE",
        UNKNOWN,
    ),
    Mutant(
        "a_lagging_view_passes_for_the_amend",
        _UNKNOWN,
        "            and found.updated_ms > self.before.updated_ms\n",
        "",
        UNKNOWN,
    ),
    Mutant(
        "a_failed_query_bars_the_next_cancel",
        _UNKNOWN,
        "            if self.op is Write.CANCEL:\n"
        "                self.verdict = Next.NOT_EXECUTED\n",
        "",
        UNKNOWN,
    ),
)
