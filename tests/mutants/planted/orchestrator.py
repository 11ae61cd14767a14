"""Known ways to break the operating state: cooldowns, latches, recovery, tokens, silence."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

SESSION: Final = "grinder_core/engine/orchestrator.py"
MACHINE: Final = "grinder_core/engine/orchestrator_machine.py"
TRIGGERS: Final = "grinder_core/engine/orchestrator_triggers.py"
WATCH: Final = "grinder_core/engine/orchestrator_watch.py"
BY_RULES: Final = ("tests/core/live/test_orchestrator_rules.py",)
BY_TABLE: Final = ("tests/core/live/test_orchestrator_table.py",)
BY_HISTORIES: Final = ("tests/core/live/test_orchestrator_properties.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "emergency_is_forgotten_by_a_restart",
        MACHINE,
        "            if self.emergency_latched and target is not _EMERGENCY:",
        "            if False:",
        (*BY_RULES, *BY_HISTORIES),
    ),
    Mutant(
        "emergency_ends_by_itself",
        MACHINE,
        "            if resume:\n",
        "            if resume or target is OperatingState.ACTIVE:\n",
        BY_RULES,
    ),
    Mutant(
        "a_resume_overrules_the_kill_switch",
        MACHINE,
        "        elif target is self.state:\n",
        "        elif target is self.state and not resume:\n",
        BY_RULES,
    ),
    Mutant(
        "a_cooldown_survives_its_interruption",
        MACHINE,
        "            self.reason, self.clear_since_ms = reason, None\n",
        "            self.reason = reason\n",
        (*BY_RULES, *BY_HISTORIES),
    ),
    Mutant(
        "a_cooldown_ends_a_millisecond_late",
        MACHINE,
        "if now - since >= cooldown:",
        "if now - since > cooldown:",
        BY_RULES,
    ),
    Mutant(
        "pause_is_left_straight_for_active",
        MACHINE,
        "_at_least_ready(target) if self.state is _PAUSE else target",
        "target",
        BY_RULES,
    ),
    Mutant(
        "recovery_that_is_not_finished_is_no_init",
        MACHINE,
        "        if not bootstrap_ok:\n",
        "        if not bootstrap_ok and self.state is _INIT:\n",
        BY_RULES,
    ),
    Mutant(
        "a_followers_wait_counts_as_its_recovery",
        SESSION,
        "leads=inputs.ha_active",
        "leads=True",
        (*BY_RULES, *BY_HISTORIES),
    ),
    Mutant(
        "a_new_lease_needs_no_recovery",
        SESSION,
        "if after.ha_active and not before.ha_active:",
        "if after.ha_active and before is None:",
        (*BY_RULES, *BY_HISTORIES),
    ),
    Mutant(
        "new_risk_passes_before_a_kill_is_judged",
        SESSION,
        "        if self.is_pending:\n            return False\n",
        "",
        BY_RULES,
    ),
    Mutant(
        "throttled_lets_everything_pass",
        SESSION,
        "return holds_token or watch.has_token(max(now, self.now_ms), interval)",
        "return holds_token or watch.has_token(max(now, self.now_ms), 0)",
        (*BY_RULES, *BY_HISTORIES),
    ),
    Mutant(
        "an_unselected_symbol_keeps_its_entries",
        WATCH,
        "(StateReason.GUARD_FREEZE, StateReason.NOT_SELECTED)",
        "(StateReason.GUARD_FREEZE,)",
        BY_RULES,
    ),
    Mutant(
        "a_cooldown_is_slept_through",
        MACHINE,
        "        return since + cooldown\n",
        "        return NEVER\n",
        (*BY_RULES, *BY_HISTORIES),
    ),
    Mutant(
        "a_feed_that_speaks_again_is_not_noticed",
        SESSION,
        "            if gap > self._limits[symbol].feed_stale_ms:\n"
        "                self._mark(symbol, watch)\n",
        "",
        (*BY_RULES, *BY_HISTORIES),
    ),
    Mutant(
        "a_clock_that_is_behind_is_fine",
        TRIGGERS,
        "abs(g.clock_skew_ms) > limits.clock_skew_max_ms",
        "g.clock_skew_ms > limits.clock_skew_max_ms",
        BY_TABLE,
    ),
    Mutant(
        "degraded_symbols_forget_that_the_session_is",
        WATCH,
        "if self.state_under(session).rank < OperatingState.DEGRADED.rank:",
        "if self.machine.state.rank < OperatingState.DEGRADED.rank:",
        (*BY_RULES, *BY_HISTORIES),
    ),
)
