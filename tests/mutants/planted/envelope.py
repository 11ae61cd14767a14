"""Known ways to break the last line before the wire: the chain, its intents, its probability."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

CHAIN: Final = "grinder_core/gates/envelope.py"
SUBJECT: Final = "grinder_core/gates/envelope_inputs.py"
FILL: Final = "grinder_core/gates/fill_probability.py"
BREAKER: Final = "grinder_core/gates/fill_breaker.py"
BY_ENVELOPE: Final = ("tests/core/live/test_envelope.py",)
BY_FILL: Final = ("tests/core/live/test_fill_gate.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "state_judged_before_drawdown",
        CHAIN,
        '    Gate("drawdown", BlockReason.DRAWDOWN_BLOCKED, _drawdown),\n'
        '    Gate("state", BlockReason.FSM_STATE_BLOCKED, _state),\n',
        '    Gate("state", BlockReason.FSM_STATE_BLOCKED, _state),\n'
        '    Gate("drawdown", BlockReason.DRAWDOWN_BLOCKED, _drawdown),\n',
        BY_ENVELOPE,
    ),
    Mutant(
        "a_port_that_writes_needs_no_arming",
        CHAIN,
        "inputs.is_writing_port and not inputs.armed",
        "not inputs.is_writing_port and not inputs.armed",
        BY_ENVELOPE,
    ),
    Mutant(
        "paper_mode_may_write",
        CHAIN,
        "inputs.mode is not SafeMode.LIVE_TRADE",
        "inputs.mode is SafeMode.READ_ONLY",
        BY_ENVELOPE,
    ),
    Mutant(
        "the_kill_switch_stops_exits",
        CHAIN,
        "return _BLOCKS if grows and inputs.kill_switch_active else _PASSES",
        "return _BLOCKS if inputs.kill_switch_active else _PASSES",
        BY_ENVELOPE,
    ),
    Mutant(
        "an_empty_whitelist_lists_everything",
        CHAIN,
        "return _PASSES if subject.symbol in inputs.whitelist else",
        "return _PASSES if not inputs.whitelist or subject.symbol in inputs.whitelist else",
        BY_ENVELOPE,
    ),
    Mutant(
        "an_unsound_exit_is_taken_for_new_risk",
        SUBJECT,
        "return intent if intent is RiskIntent.REDUCE_RISK else None",
        "return intent",
        BY_ENVELOPE,
    ),
    Mutant(
        "a_follower_sends",
        CHAIN,
        "    if not inputs.is_leader:\n"
        "        return Verdict(passed=False, intent=intent, reason=BlockReason.NOT_LEADER)\n"
        "    if intent is None:\n",
        "    if intent is None:\n",
        BY_ENVELOPE,
    ),
    Mutant(
        "a_pause_after_queueing_is_not_seen",
        CHAIN,
        "RECHECKED: Final[tuple[Gate, ...]] = GATES[:6]",
        "RECHECKED: Final[tuple[Gate, ...]] = GATES[:5]",
        BY_ENVELOPE,
    ),
    Mutant(
        "a_retry_needs_a_second_token",
        CHAIN,
        "evolve(subject, holds_token=True)",
        "evolve(subject, holds_token=False)",
        BY_ENVELOPE,
    ),
    Mutant(
        "exits_must_look_profitable",
        CHAIN,
        "    if intent is not RiskIntent.INCREASE_RISK or judge_fill is None",
        "    if intent is RiskIntent.CANCEL or judge_fill is None",
        (*BY_ENVELOPE, *BY_FILL),
    ),
    Mutant(
        "a_shadow_blocks",
        FILL,
        "    if not enforce:\n        verdict = FillProbVerdict.SHADOW",
        "    if not enforce and prob >= threshold_bps:\n        verdict = FillProbVerdict.SHADOW",
        BY_FILL,
    ),
    Mutant(
        "a_failing_model_blocks",
        FILL,
        "if type(prob) is not int or not 0 <= prob <= BPS:",
        "if type(prob) is not int or not prob <= BPS:",
        BY_FILL,
    ),
    Mutant(
        "a_tripped_breaker_still_asks",
        FILL,
        "if enforce and self.breaker.bypasses(now):",
        "if not enforce and self.breaker.bypasses(now):",
        BY_FILL,
    ),
    Mutant(
        "one_block_trips_the_breaker",
        BREAKER,
        "            or self.total < self.min_decisions\n",
        "",
        BY_FILL,
    ),
    Mutant(
        "the_breaker_remembers_a_millisecond_longer",
        BREAKER,
        "while self.entries and self.entries[0][0] <= oldest:",
        "while self.entries and self.entries[0][0] < oldest:",
        BY_FILL,
    ),
)
