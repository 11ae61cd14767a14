"""Mistakes of the operator's channel: commands lost, repeated, unnoted, or given by strangers."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CORE = ("tests/core/live/test_commands.py",)
FILE = ("tests/adapters/control/test_control_file.py",)
CHANNEL = ("tests/app/test_control_channel.py",)
COMMAND = ("tests/app/test_control_command.py",)
HTTP = ("tests/app/test_admin_http.py",)

_COMMANDING = "grinder_core/live/commanding.py"
_CORE = "grinder_core/live/core.py"
_RECORDS = "grinder_adapters/control/records.py"
_FILE = "grinder_adapters/control/file.py"
_CHANNEL = "grinder_app/live/control_channel.py"
_LOOP = "grinder_app/live/loop.py"
_SESSION = "grinder_app/live/session.py"
_ACCESS = "grinder_app/server/access.py"
_ADMIN = "grinder_app/server/admin.py"

MUTANTS: tuple[Mutant, ...] = (
    # -- once
    Mutant(
        "the_last_number_is_carried_out_twice",
        _COMMANDING,
        "if 0 < control.number <= done:",
        "if 0 < control.number < done:",
        CORE,
    ),
    Mutant(
        "an_old_number_is_carried_out",
        _CORE,
        "hot.commands_done = max(hot.commands_done, control.number)",
        "hot.commands_done = control.number",
        CORE,
    ),
    Mutant(
        "another_configuration_forgets_the_numbers",
        _CORE,
        '"moved", "commands_done", "imposed"),',
        '"moved", "imposed"),',
        CORE,
    ),
    Mutant(
        "states_of_an_earlier_program_are_damaged",
        "grinder_core/live/state.py",
        "data = {**_ADDED, **data}",
        "data = {**data}",
        CORE,
    ),
    Mutant(
        "a_deleted_file_repeats_numbers",
        _FILE,
        "number = max(state.last + 1, now_ms)",
        "number = state.last + 1",
        FILE,
    ),
    Mutant(
        "a_clock_that_went_back_repeats_numbers",
        _FILE,
        "number = max(state.last + 1, now_ms)",
        "number = max(state.last, now_ms)",
        FILE,
    ),
    Mutant(
        "two_writers_write_at_once",
        _FILE,
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        FILE,
    ),
    Mutant(
        "what_was_appended_meanwhile_is_lost",
        _RECORDS,
        "commands=tuple(one for one in self.commands if one.number not in gone),",
        "commands=(),",
        FILE,
    ),
    Mutant(
        "a_command_is_gone_before_its_event_is_on_disk",
        _CHANNEL,
        "                await self._journal.sync()\n",
        "",
        CHANNEL,
    ),
    Mutant(
        "what_was_carried_out_before_is_told_as_refused",
        _CHANNEL,
        "            self._leave_out(state)\n",
        "            self._is_first = False\n",
        CHANNEL,
    ),
    Mutant(
        "what_became_of_a_command_is_not_audited",
        _CHANNEL,
        "        self._carried_out(done)\n",
        "",
        CHANNEL,
    ),
    Mutant(
        "a_resume_that_lifted_a_pause_is_noted_as_refused",
        "grinder_core/live/overseeing.py",
        "asks = machine.inputs.operator_resume and machine.machine.emergency_latched",
        "asks = machine.inputs.operator_resume",
        CORE,
    ),
    Mutant(
        "a_resume_does_not_end_the_emergency_that_was_ordered",
        "grinder_core/live/overseeing.py",
        "asks = machine.inputs.operator_resume and machine.machine.emergency_latched",
        "asks = False",
        CORE,
    ),
    Mutant(
        "a_refused_resume_says_nothing_to_type",
        "grinder_app/cli/control_giving.py",
        "    if done.outcome is not Outcome.REFUSED or done.command is not Command.RESUME:",
        "    if done.outcome is Outcome.REFUSED or done.command is not Command.RESUME:",
        COMMAND,
    ),
    # -- the most severe
    Mutant(
        "a_pause_lowers_an_emergency",
        _COMMANDING,
        "hot.ordered = severest(hot.ordered, override)",
        "hot.ordered = override",
        CORE,
    ),
    Mutant(
        "a_resume_lifts_what_the_environment_imposes",
        "grinder_core/live/overseeing.py",
        "severest(core.override, hot.ordered, hot.imposed)",
        "severest(core.override, hot.ordered)",
        (*CORE, *CHANNEL),
    ),
    Mutant(
        "the_environment_of_a_dead_process_imposes",
        _CORE,
        "hot.is_stopping, hot.imposed = False, None",
        "hot.is_stopping = False",
        CORE,
    ),
    Mutant(
        "a_numbered_command_passes_for_the_environment",
        _COMMANDING,
        "if control.actor == ENVIRONMENT and not control.number:",
        "if control.actor == ENVIRONMENT:",
        CORE,
    ),
    Mutant(
        "a_pause_in_the_file_lowers_what_stands",
        _RECORDS,
        "if command is Command.EMERGENCY or self is Standing.EMERGENCY:",
        "if command is Command.EMERGENCY:",
        FILE,
    ),
    Mutant(
        "what_stands_in_the_file_is_forgotten_with_the_state",
        _CHANNEL,
        "if override is not None and severest(ordered, override) is not ordered:",
        "if override is None:",
        CHANNEL,
    ),
    # -- flatten
    Mutant(
        "a_flatten_in_recovery_is_begun",
        _COMMANDING,
        "if not hot.orchestrator.permits(symbol, RiskIntent.REDUCE_RISK, now):",
        "if now < 0:",
        CORE,
    ),
    Mutant(
        "a_flatten_of_an_unseen_symbol_ends_the_session",
        _COMMANDING,
        "if s is None or not s.tick:",
        "if now < 0:",
        CORE,
    ),
    # -- a file that cannot be understood
    Mutant(
        "an_unreadable_file_counts_as_none",
        _CHANNEL,
        "            self._pause(str(error))\n",
        "            self._standing = Standing.NONE\n",
        CHANNEL,
    ),
    Mutant(
        "what_is_wrong_with_the_file_is_not_noted",
        _CHANNEL,
        '        self._put_own(Command.PAUSE, f"cannot be understood: {why}")\n',
        "",
        CHANNEL,
    ),
    Mutant(
        "an_unreadable_file_is_told_of_again_and_again",
        _CHANNEL,
        "if self._problem == (self._mark, why):",
        "if self._problem == self._mark:",
        CHANNEL,
    ),
    Mutant(
        "a_file_that_others_write_is_believed",
        _FILE,
        "if seen.st_mode & _OTHERS_WRITE:",
        "if seen.st_mode & stat.S_ISVTX:",
        FILE,
    ),
    Mutant(
        "a_file_of_another_user_is_believed",
        _FILE,
        "if seen.st_uid != self.owner:",
        "if seen.st_uid == -1:",
        FILE,
    ),
    Mutant(
        "a_link_is_followed",
        _FILE,
        "flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK",
        "flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK",
        FILE,
    ),
    Mutant(
        "a_mode_that_was_mended_is_not_seen",
        _FILE,
        "return seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size",
        "return seen.st_ino, seen.st_mtime_ns, seen.st_size",
        (*FILE, *CHANNEL),
    ),
    Mutant(
        "half_a_file_is_understood",
        _RECORDS,
        "if state.to_bytes() != body:",
        "if len(state.to_bytes()) < len(body) // 9:",
        FILE,
    ),
    Mutant(
        "an_unreadable_file_lifts_what_stood",
        _FILE,
        "state = ControlState(override=Standing.PAUSE)",
        "state = ControlState()",
        FILE,
    ),
    Mutant(
        "resumes_leave_no_room_for_a_kill",
        _FILE,
        "room = BYTES_MAX // 2 if command in MAY_ADD_RISK else BYTES_MAX",
        "room = BYTES_MAX",
        FILE,
    ),
    # -- order, audit, end
    Mutant(
        "commands_of_one_look_turn_round",
        _LOOP,
        "self._first.append(payload)",
        "self._first.appendleft(payload)",
        CHANNEL,
    ),
    Mutant(
        "a_command_waits_behind_the_market",
        _LOOP,
        "item = (self._first or self._queue).popleft()",
        "item = (self._queue or self._first).popleft()",
        CHANNEL,
    ),
    Mutant(
        "nobody_looks_before_a_step",
        _LOOP,
        "                self.look()\n",
        "",
        CHANNEL,
    ),
    Mutant(
        "a_command_takes_effect_before_it_is_noted",
        _SESSION,
        "        if self.trail is not None:\n"
        "            self.trail.command(control)\n"
        "        self.loop.put_first(control)\n",
        "        self.loop.put_first(control)\n"
        "        if self.trail is not None:\n"
        "            self.trail.command(control)\n",
        CHANNEL,
    ),
    Mutant(
        "a_stop_stops_nothing",
        _CHANNEL,
        "            self._stop()\n",
        "            self._is_first = False\n",
        CHANNEL,
    ),
    Mutant(
        "a_refused_command_is_told_as_carried_out",
        _CHANNEL,
        'return _record(control, now_ms, core, notice["detail"], Outcome.REFUSED)',
        'return _record(control, now_ms, core, notice["detail"])',
        (*CHANNEL, *COMMAND),
    ),
    Mutant(
        "a_session_that_does_not_listen_is_good",
        "grinder_app/cli/control_giving.py",
        'is_good = not writer.is_running or all(one["outcome"] == "APPLIED" for one in told)',
        'is_good = not writer.is_running or all(one["outcome"] != "REFUSED" for one in told)',
        COMMAND,
    ),
    # -- over HTTP
    Mutant(
        "a_token_that_is_not_set_opens",
        _ACCESS,
        "if is_equal and known:",
        "if is_equal:",
        HTTP,
    ),
    Mutant(
        "a_page_of_somebody_else_commands",
        _ACCESS,
        "return all(origin.lower() in ours for origin in origins)",
        "return True",
        HTTP,
    ),
    Mutant(
        "a_name_that_resolves_to_loopback_commands",
        _ACCESS,
        "return self.is_loopback and name in LOOPBACK_NAMES and port == str(self.port)",
        "return self.is_loopback and port == str(self.port)",
        HTTP,
    ),
    Mutant(
        "one_call_more_than_may_be",
        _ACCESS,
        "if len(times) >= self.calls_max:",
        "if len(times) > self.calls_max:",
        HTTP,
    ),
    Mutant(
        "a_kill_is_limited",
        _ADMIN,
        "if order.command not in NEVER_LIMITED:",
        "if order.command is not Command.PAUSE:",
        HTTP,
    ),
    Mutant(
        "what_is_no_command_is_never_limited",
        _ADMIN,
        "            self._admit(actor, request)\n            raise\n",
        "            raise\n",
        HTTP,
    ),
    Mutant(
        "a_command_over_http_is_not_noted",
        _ADMIN,
        "        self._trail.admin_call(CONTROL_PATH, actor, order.command, given.number)\n",
        "",
        HTTP,
    ),
    Mutant(
        "a_flood_fills_the_journal",
        _ADMIN,
        'if self._notes.admit((refusal.error, ""), self._now_ms()):',
        "if self._now_ms():",
        HTTP,
    ),
    Mutant(
        "a_key_stands_twice_and_the_last_counts",
        _ADMIN,
        "if len(found) != len(pairs):",
        "if not pairs and found:",
        HTTP,
    ),
)
