"""Ways to send an order twice, to send one that must not be sent, or to be banned."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ROOM = "grinder_adapters/binance"
HOSTS = f"{ROOM}/hosts.py"
PERMISSION = f"{ROOM}/permission.py"
GUARD = f"{ROOM}/write_guard.py"
CLOCK = f"{ROOM}/venue_clock.py"
REST = f"{ROOM}/rest.py"
JUDGING = f"{ROOM}/judging.py"
WRITES = f"{ROOM}/writes.py"
CALLS = f"{ROOM}/write_calls.py"
PORT = f"{ROOM}/orders_port.py"
LIMITS = f"{ROOM}/order_limits.py"
BATCH = f"{ROOM}/batch_cancel.py"
TESTS = "tests/adapters/binance"
HOST_TESTS = (f"{TESTS}/test_hosts.py",)
PERMISSION_TESTS = (f"{TESTS}/test_permission.py",)
ZERO_TESTS = (f"{TESTS}/test_zero_writes.py",)
CLOCK_TESTS = (f"{TESTS}/test_venue_clock.py",)
REST_TESTS = (f"{TESTS}/test_rest.py",)
WRITE_TESTS = (f"{TESTS}/test_writes.py",)
PORT_TESTS = (f"{TESTS}/test_orders_port.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- whether anything may be written
    Mutant(
        "an_unknown_host_is_play_money",
        HOSTS,
        "VenueClass.TESTNET if host in TESTNET_HOSTS else VenueClass.MAINNET",
        'VenueClass.MAINNET if host == "fapi.binance.com" else VenueClass.TESTNET',
        HOST_TESTS,
    ),
    Mutant(
        "any_second_acknowledgement_will_do",
        PERMISSION,
        "self.real_port_ack == REAL_PORT_ACK,",
        "bool(self.real_port_ack),",
        PERMISSION_TESTS,
    ),
    Mutant(
        "a_delete_is_no_write",
        GUARD,
        'if method != "GET" and target != LISTEN_KEY_PATH:',
        'if method in ("POST", "PUT") and target != LISTEN_KEY_PATH:',
        ZERO_TESTS,
    ),
    Mutant(
        "a_guard_is_armed_whatever_is_missing",
        GUARD,
        "        permission.require()\n",
        "",
        ZERO_TESTS,
    ),
    Mutant(
        "anything_on_loopback_is_the_simulator",
        GUARD,
        "if self.venue_class is VenueClass.SIM and not self.simulator_is_identified:",
        "if self.venue_class is not VenueClass.SIM and not self.simulator_is_identified:",
        ZERO_TESTS,
    ),
    # -- the venue's time
    Mutant(
        "a_round_trip_is_not_halved",
        CLOCK,
        "offset_ms=venue_ms - (sent + trip // 2)",
        "offset_ms=venue_ms - sent",
        CLOCK_TESTS,
    ),
    Mutant(
        "the_slowest_sample_wins",
        CLOCK,
        "self.reading = min(samples",
        "self.reading = max(samples",
        CLOCK_TESTS,
    ),
    # -- requests
    Mutant(
        "a_ban_is_forgotten_by_the_budget",
        REST,
        "        self.budget.stop(now + silence_ms, now)\n",
        "",
        REST_TESTS,
    ),
    Mutant(
        "the_shorter_of_two_named_times_holds",
        JUDGING,
        "            return max(named)\n",
        "            return min(n for n in named if n > 0)\n",
        REST_TESTS,
    ),
    Mutant(
        "a_budget_refusal_keeps_the_probe",
        REST,
        """        except BaseException:
            self.release(ticket)
            raise
        result = self._judge.judged""",
        """        except BaseException:
            raise
        result = self._judge.judged""",
        WRITE_TESTS + REST_TESTS,
    ),
    Mutant(
        "a_lost_race_of_a_cancel_opens_its_circuit",
        REST,
        "_RACE_CODES: Final = frozenset({-2011, -2013})",
        "_RACE_CODES: Final = frozenset({-2013})",
        WRITE_TESTS,
    ),
    Mutant(
        "an_echoed_key_is_shown",
        JUDGING,
        "shown = shown.replace(self._signer.headers[KEY_HEADER], REDACTED)",
        "shown = str(shown)",
        REST_TESTS,
    ),
    # -- at most one effect
    Mutant(
        "an_unknown_place_is_simply_sent_again",
        WRITES,
        "            return await self._find_out(call, claim, watch, inquiry, result)\n",
        "            pass\n",
        WRITE_TESTS,
    ),
    Mutant(
        "the_search_begins_with_the_wrong_time",
        CALLS,
        """        return OutcomeInquiry.place(
            self._settings,
            timestamp_ms=timestamp_ms,""",
        """        return OutcomeInquiry.place(
            self._settings,
            timestamp_ms=0 * timestamp_ms,""",
        WRITE_TESTS,
    ),
    Mutant(
        "a_duplicate_id_that_does_not_show_is_taken_for_absent",
        WRITES,
        "if verdict is Next.UNKNOWN or result is None:",
        "if verdict is Next.UNKNOWN:",
        WRITE_TESTS,
    ),
    Mutant(
        "an_interrupted_cancel_bars_the_next",
        WRITES,
        "if call.is_cancel or not watch.may_have_left:",
        "if not watch.may_have_left:",
        WRITE_TESTS,
    ),
    Mutant(
        "an_interrupted_place_may_be_sent_again",
        WRITES,
        "        watch.may_have_left = True\n",
        "",
        WRITE_TESTS,
    ),
    Mutant(
        "gates_are_not_asked_again",
        WRITES,
        "if reason := self._witness.refusal(risk, symbol):",
        'if reason := "":',
        WRITE_TESTS,
    ),
    Mutant(
        "a_conflict_counts_as_an_order",
        WRITES,
        """            detail=str(error),
            is_order=False,""",
        """            detail=str(error),
            is_order=True,""",
        WRITE_TESTS,
    ),
    Mutant(
        "an_answer_about_another_order_is_believed",
        CALLS,
        "if (order.symbol, order.client_order_id) != (symbol, client_order_id):",
        "if order.symbol != symbol:",
        WRITE_TESTS,
    ),
    # -- the port's own limits
    Mutant(
        "the_cap_holds_for_amends_no_more",
        PORT,
        "self._admission.size(order.symbol, name, order.price, order.qty, only_reduces=reduces)",
        "self._admission.order(order.symbol, name)",
        PORT_TESTS,
    ),
    Mutant(
        "one_order_more_than_allowed",
        LIMITS,
        "if limit is not None and count >= limit:",
        "if limit is not None and count > limit:",
        PORT_TESTS,
    ),
    Mutant(
        "cancel_all_hits_foreign_orders",
        PORT,
        "if self.codec.is_ours(order.client_order_id)\n",
        "if order.client_order_id\n",
        PORT_TESTS,
    ),
    Mutant(
        "the_second_batch_is_forgotten",
        BATCH,
        "gone |= await self._sweep(",
        "gone = await self._sweep(",
        PORT_TESTS,
    ),
)
