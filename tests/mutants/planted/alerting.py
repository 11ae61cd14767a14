"""Mistakes in telling: logs, alerts, the webhook, and what must be hidden in them."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_LOOKS = "grinder_adapters/redact_patterns.py"
_REDACT = "grinder_adapters/redact.py"
_SINK = "grinder_adapters/logs/sink.py"
_LINES = "grinder_adapters/logs/lines.py"
_LOG_FILE = "grinder_adapters/logs/file.py"
_OUTBOX = "grinder_adapters/webhook/outbox.py"
_SENDER = "grinder_adapters/webhook/sender.py"
_MESSAGE = "grinder_adapters/webhook/message.py"
_ALERTING = "grinder_app/live/alerting.py"
_FACTS = "grinder_app/live/alert_facts.py"
_ANNOUNCER = "grinder_app/live/announcer.py"
_WEBHOOK = "grinder_app/config/live_webhook.py"
REDACT = ("tests/adapters/test_redact.py",)
LOGS = ("tests/adapters/logs/test_logs.py",)
HOOK = ("tests/adapters/webhook/test_webhook.py",)
ALERTS = ("tests/app/test_alerting.py",)
WHOLE = ("tests/app/test_announcer.py",)
SETTINGS = ("tests/app/test_webhook_settings.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- what is hidden
    Mutant(
        "private_addresses_are_hidden_and_public_ones_shown",
        _LOOKS,
        "return REDACTED if IPv4Address(text).is_global else text",
        "return text if IPv4Address(text).is_global else REDACTED",
        REDACT,
    ),
    Mutant(
        "a_private_key_that_is_cut_short_is_shown",
        _LOOKS,
        "(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\\Z)",
        "-----END [A-Z0-9 ]*PRIVATE KEY-----",
        REDACT,
    ),
    Mutant(
        "what_is_hashed_is_redacted_by_looks",
        _REDACT,
        "by_name: bool = True, at_exit: bool = False) -> str:",
        "by_name: bool = True, at_exit: bool = True) -> str:",
        REDACT,
    ),
    Mutant(
        "ids_of_orders_leave",
        _REDACT,
        "at_exit and bool(item) and is_order_key(key)",
        "False",
        REDACT,
    ),
    Mutant(
        "lines_go_on_in_a_log_file_that_was_moved_away",
        _LOG_FILE,
        "        return not os.path.samestat(named, os.fstat(self._number))",
        "        return False",
        LOGS,
    ),
    Mutant(
        "a_line_is_torn_over_two_log_files",
        _LOG_FILE,
        "if self._may_move and self._at_line_start and",
        "if self._may_move and",
        LOGS,
    ),
    Mutant(
        "log_lines_are_redacted_as_if_they_stayed",
        _LINES,
        "return canonical_json(redactor.value(_plain(record), at_exit=True))",
        "return canonical_json(redactor.value(_plain(record)))",
        LOGS,
    ),
    Mutant(
        "posts_are_redacted_as_if_they_stayed",
        _MESSAGE,
        "shown = redactor.value(alert.to_dict(), at_exit=True)",
        "shown = alert.to_dict()",
        HOOK,
    ),
    Mutant(
        "the_path_of_the_address_is_no_secret",
        _WEBHOOK,
        "of_url = (Secret(hidden),) if len(hidden) >= LENGTH_MIN else ()",
        "of_url = ()",
        SETTINGS,
    ),
    # -- the log
    Mutant(
        "a_full_queue_grows",
        _SINK,
        "if self._closing or len(self._queue) >= self._queue_max:",
        "if self._closing:",
        LOGS,
    ),
    Mutant(
        "dropped_lines_are_not_told",
        _SINK,
        "        if self._dropped > self._told_dropped:\n"
        '            own.append(self._own("log_lines_dropped", self._dropped - '
        "self._told_dropped))\n",
        "",
        LOGS,
    ),
    Mutant(
        "the_end_waits_for_a_thread_that_hangs",
        _SINK,
        "self._thread.join(timeout_s)",
        "self._thread.join()",
        LOGS,
    ),
    Mutant(
        "a_line_that_was_cut_short_runs_into_the_next",
        _SINK,
        'data = b"\\n" + data',
        "data = data",
        LOGS,
    ),
    # -- the outbox
    Mutant(
        "the_mildest_goes_first",
        _OUTBOX,
        "return -self.alert.severity.rank, self.number",
        "return self.alert.severity.rank, self.number",
        HOOK,
    ),
    Mutant(
        "a_full_queue_merges_the_most_severe",
        _OUTBOX,
        "mildest = max(self._queue, key=lambda parcel: parcel.order)",
        "mildest = min(self._queue, key=lambda parcel: parcel.order)",
        HOOK,
    ),
    Mutant(
        "critical_alerts_are_merged_over_the_rate",
        _OUTBOX,
        "if alert.severity is not Severity.CRITICAL and self._is_over_rate(now):",
        "if self._is_over_rate(now):",
        HOOK,
    ),
    Mutant(
        "posts_are_not_counted_against_the_rate",
        _OUTBOX,
        "            self._sent.add(1, now)\n",
        "",
        HOOK,
    ),
    Mutant(
        "a_summary_counts_as_one",
        _OUTBOX,
        "stands_for=total",
        "stands_for=1",
        HOOK,
    ),
    Mutant(
        "a_summary_that_is_merged_again_forgets_what_it_stands_for",
        _OUTBOX,
        "counted = alert.counted or {_name(alert): 1}",
        "counted = {_name(alert): 1}",
        HOOK,
    ),
    Mutant(
        "what_is_left_at_the_end_is_not_counted",
        _OUTBOX,
        '        self._counts["failed"] += sum(self._merged.values())\n        self._queue.clear()',
        "        self._queue.clear()",
        HOOK,
    ),
    Mutant(
        "a_clock_set_back_stops_the_posts",
        _OUTBOX,
        "self._ahead_ms = self._now - now",
        "now = self._now",
        HOOK,
    ),
    # -- the sender
    Mutant(
        "the_signature_leaves_the_time_out",
        _MESSAGE,
        'f"{now_ms}.".encode("ascii") + body',
        "body",
        HOOK,
    ),
    Mutant(
        "redirects_are_tried_again",
        _SENDER,
        "if status >= 500 or status in _AGAIN:",
        "if status >= 500 or status in _AGAIN or 300 <= status < 400:",
        HOOK,
    ),
    Mutant(
        "a_stalled_receiver_is_waited_for",
        _SENDER,
        "limit = asyncio.ensure_future(self._sleep(timeout_ms / 1_000))",
        "limit = asyncio.ensure_future(self._sleep(timeout_ms))",
        HOOK,
    ),
    Mutant(
        "the_end_does_not_wait_for_what_is_pending",
        _SENDER,
        "            if self._outbox.stats.pending:\n                self._idle.clear()",
        "            if False:\n                self._idle.clear()",
        HOOK,
    ),
    Mutant(
        "what_is_given_up_is_not_told",
        _SENDER,
        "                self._tell_lost(parcel.stands_for, self._last_error)\n",
        "",
        HOOK,
    ),
    Mutant(
        "an_unforeseen_error_ends_the_sender",
        _SENDER,
        "except Exception as error:  # noqa: BLE001",
        "except ConnectorError as error:  # noqa: BLE001",
        HOOK,
    ),
    Mutant(
        "a_post_may_leave_the_machine_unencrypted",
        _WEBHOOK,
        'elif parts.scheme == "http" and not _is_here(parts.hostname):',
        "elif False:",
        SETTINGS,
    ),
    # -- the fold
    Mutant(
        "what_lasts_is_told_at_once",
        _ALERTING,
        "if now - incident.since_ms >= self._delay_ms(condition):",
        "if True:",
        ALERTS,
    ),
    Mutant(
        "an_end_is_told_of_what_was_never_told",
        _ALERTING,
        "            if incident.is_told:\n                yield self._resolved",
        "            if True:\n                yield self._resolved",
        ALERTS,
    ),
    Mutant(
        "a_ban_is_told_after_a_cooldown",
        _ALERTING,
        "if condition.kind in AT_ONCE or condition.reason not in _DEGRADING:",
        "if condition.reason not in _DEGRADING:",
        ALERTS,
    ),
    Mutant(
        "faults_are_told_before_recovery_is_done",
        _ALERTING,
        "is_known = inputs.bootstrap_ok or row.target.rank > _TOLD",
        "is_known = True",
        ALERTS,
    ),
    Mutant(
        "a_latch_at_a_quote_waits_for_the_timer",
        _ALERTING,
        "if isinstance(payload, _MARKET) and not step.has_latched:",
        "if not isinstance(payload, Timer):",
        ALERTS,
    ),
    Mutant(
        "a_streak_is_told_twice",
        _ALERTING,
        "is_streak = has_streak and core.hot.ordered is not Override.PAUSE",
        "is_streak = False",
        ALERTS,
    ),
    Mutant(
        "an_unknown_order_counts_as_open",
        _FACTS,
        "if name in core.hot.unknown_since or order.state is OrderState.UNKNOWN:",
        "if order.state is OrderState.UNKNOWN:",
        ALERTS,
    ),
    Mutant(
        "an_unknown_outcome_is_told_at_once",
        _FACTS,
        "if now - since > UNKNOWN_AFTER_MS",
        "if now - since >= 0",
        ALERTS,
    ),
    Mutant(
        "a_mistake_in_telling_ends_the_session",
        _ANNOUNCER,
        "        except Exception as error:  # noqa: BLE001 - trading goes on",
        "        except OSError as error:  # noqa: BLE001 - trading goes on",
        WHOLE,
    ),
    Mutant(
        "an_error_that_ends_the_session_is_told_as_a_stop",
        _ANNOUNCER,
        "return self._alerts.stopped(now) if error is None else self._alerts.failed(words, now)",
        "return self._alerts.stopped(now)",
        WHOLE,
    ),
)
