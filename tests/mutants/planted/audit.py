"""Mistakes in the audit log, the redactor and the state of losing streaks."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_FILES = "grinder_adapters/audit/files.py"
_LOG = "grinder_adapters/audit/log.py"
_REDACT = "grinder_adapters/redact.py"
_STREAK = "grinder_core/risk/loss_streak.py"
LOG = ("tests/adapters/audit/test_audit_log.py",)
REDACT = ("tests/adapters/test_redact.py",)
LOSSES = ("tests/adapters/test_loss_state_crashes.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a_file_put_aside_takes_the_number_of_another",
        _FILES,
        "max(numbers, default=0) + 1",
        "len(numbers) + 1",
        LOG,
    ),
    Mutant(
        "an_unfinished_line_is_left_and_written_on",
        _FILES,
        "            os.ftruncate(self._handle, self.size)\n        except BaseException:\n"
        "            os.close",
        "        except BaseException:\n            os.close",
        LOG,
    ),
    Mutant(
        "half_a_line_stays_after_a_full_disk",
        _FILES,
        "        except BaseException:\n            os.ftruncate(self._handle, self.size)\n",
        "        except BaseException:\n",
        LOG,
    ),
    Mutant(
        "two_processes_write_one_log",
        _FILES,
        "            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "",
        LOG,
    ),
    Mutant(
        "a_file_takes_one_event_too_many",
        _LOG,
        "if events > config.audit_max_events_per_file or",
        "if events > config.audit_max_events_per_file + 1 or",
        LOG,
    ),
    Mutant(
        "the_event_behind_a_write_is_lost",
        _LOG,
        "        del self._pending[:fitting]\n",
        "        del self._pending[: fitting + 1]\n",
        LOG,
    ),
    Mutant(
        "a_blocking_log_lets_the_action_pass",
        _LOG,
        "        if not self._config.audit_fail_open:\n",
        "        if self._config.audit_fail_open is None:\n",
        LOG,
    ),
    Mutant(
        "a_secret_like_our_own_words_is_written",
        _LOG,
        "        if self._redactor.holds_secret(line):",
        "        if self._redactor.holds_secret(str(event.ts_ms)):",
        LOG,
    ),
    Mutant(
        "with_redact_off_secrets_appear",
        _LOG,
        "redacted = self._redactor.value(event.fields(), by_name=by_name, at_exit=by_name)",
        "redacted = self._redactor.value(event.fields()) if by_name else event.fields()",
        LOG,
    ),
    Mutant(
        "telling_keys_are_told_by_their_case",
        _REDACT,
        "_tells: Final = re.compile(_NAMES, re.IGNORECASE).search",
        "_tells: Final = re.compile(_NAMES).search",
        REDACT,
    ),
    Mutant(
        "the_shorter_secret_goes_first",
        _REDACT,
        "key=lambda form: (-len(form), form)",
        "key=lambda form: (len(form), form)",
        REDACT,
    ),
    Mutant(
        "secrets_in_lists_are_not_looked_for",
        _REDACT,
        "return [self.value(item, by_name=by_name, at_exit=at_exit) for item in value]",
        "return list(value)",
        REDACT,
    ),
    Mutant(
        "secrets_in_keys_stay",
        _REDACT,
        "                name = self.text(key, by_name=by_name, at_exit=at_exit)\n",
        "",
        REDACT,
    ),
    Mutant(
        "trades_below_the_cursor_count_again_after_a_crash",
        _STREAK,
        "if t.trade_id <= self.last_trade_ids.get(symbol, 0):",
        "if t.trade_id == self.last_trade_ids.get(symbol, 0):",
        LOSSES,
    ),
)
