"""The safety envelope: every action passes one ordered chain before it may be written (LIVE-12).

The order is ``GATES``, data in one place. The first gate that blocks names the reason, and no gate
behind it is asked. Leadership and the action's own soundness are judged before the chain. Cancels
and orders that can only shrink a position pass every gate but those that say whether we may write
at all (armed, mode), the whitelist, and a state that is not restored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import evolve, frozen

from grinder_core.contracts.enums import RiskIntent
from grinder_core.contracts.live import BlockReason, FillProbVerdict, SafeMode
from grinder_core.gates.envelope_inputs import EnvelopeInputs, Subject
from grinder_core.gates.fill_probability import FillProbResult


@frozen
class Finding:
    """What one gate found.

    Attributes:
        detail: More about a refusal, for people and evidence.
        fill_probability: What gate 7 judged by, also where it lets the action pass.
    """

    blocks: bool
    detail: str = ""
    fill_probability: FillProbResult | None = None


@frozen
class Gate:
    """One gate: its name, the reason it gives, and what it finds of an action at a time."""

    name: str
    reason: BlockReason
    judge: Callable[[Subject, RiskIntent, EnvelopeInputs, int], Finding]


@frozen(kw_only=True)
class Verdict:
    """What the envelope said of one action.

    Attributes:
        intent: What the action does to the position; ``None`` where it is not sound.
        reason: Why it may not go out; ``None`` if it may. ``INVALID_ORDER`` means that it is
            skipped, every other one that it is blocked.
        detail: More about the reason.
        fill_probability: What gate 7 judged by, where it was asked.
    """

    passed: bool
    intent: RiskIntent | None
    reason: BlockReason | None = None
    detail: str = ""
    fill_probability: FillProbResult | None = None


_PASSES, _BLOCKS = Finding(False), Finding(True)


def _armed(_s: Subject, _i: RiskIntent, inputs: EnvelopeInputs, _now: int) -> Finding:
    return _BLOCKS if inputs.is_writing_port and not inputs.armed else _PASSES


def _mode(_s: Subject, _i: RiskIntent, inputs: EnvelopeInputs, _now: int) -> Finding:
    if inputs.is_writing_port and inputs.mode is not SafeMode.LIVE_TRADE:
        return Finding(True, inputs.mode.value)
    return _PASSES


def _kill_switch(_s: Subject, intent: RiskIntent, inputs: EnvelopeInputs, _now: int) -> Finding:
    grows = intent is RiskIntent.INCREASE_RISK
    return _BLOCKS if grows and inputs.kill_switch_active else _PASSES


def _whitelist(subject: Subject, _i: RiskIntent, inputs: EnvelopeInputs, _now: int) -> Finding:
    return _PASSES if subject.symbol in inputs.whitelist else Finding(True, subject.symbol)


def _drawdown(_s: Subject, intent: RiskIntent, inputs: EnvelopeInputs, _now: int) -> Finding:
    if inputs.drawdown is None:
        return _PASSES
    allowed, why = inputs.drawdown.allow(intent)
    return _PASSES if allowed else Finding(True, why.value)


def _state(subject: Subject, intent: RiskIntent, inputs: EnvelopeInputs, now: int) -> Finding:
    permission = inputs.orchestrator
    if permission is None or permission.permits(
        subject.symbol, intent, now, holds_token=subject.holds_token
    ):
        return _PASSES
    state, why = permission.effective(subject.symbol)
    return Finding(True, f"{state.value} {why.value}")


def _fill_probability(
    subject: Subject, intent: RiskIntent, inputs: EnvelopeInputs, now: int
) -> Finding:
    judge_fill, side, qty = inputs.fill_probability, subject.side, subject.qty
    if intent is not RiskIntent.INCREASE_RISK or judge_fill is None or side is None or qty is None:
        return _PASSES
    result = judge_fill.check(side, subject.price, qty, now)
    if result.verdict is FillProbVerdict.BLOCK:
        return Finding(True, f"{result.prob_bps} < {result.threshold_bps} bps", result)
    return Finding(False, "", result)


GATES: Final[tuple[Gate, ...]] = (
    Gate("armed", BlockReason.NOT_ARMED, _armed),
    Gate("mode", BlockReason.MODE_NOT_LIVE_TRADE, _mode),
    Gate("kill_switch", BlockReason.KILL_SWITCH_ACTIVE, _kill_switch),
    Gate("whitelist", BlockReason.SYMBOL_NOT_WHITELISTED, _whitelist),
    Gate("drawdown", BlockReason.DRAWDOWN_BLOCKED, _drawdown),
    Gate("state", BlockReason.FSM_STATE_BLOCKED, _state),
    Gate("fill_probability", BlockReason.FILL_PROB_LOW, _fill_probability),
)
# right before a request is sent again: all that protects; the chance of a gain was judged once
RECHECKED: Final[tuple[Gate, ...]] = GATES[:6]


def judge(subject: Subject, inputs: EnvelopeInputs, now: int) -> Verdict:
    """Say whether an action may go out.

    Args:
        subject: The action.
        inputs: What the gates judge by.
        now: Unix milliseconds.

    Returns:
        The reason of the first gate that blocks; ``NOT_LEADER`` and ``INVALID_ORDER`` come before
        every gate.
    """
    intent = subject.intent
    if not inputs.is_leader:
        return Verdict(passed=False, intent=intent, reason=BlockReason.NOT_LEADER)
    if intent is None:
        position, qty = subject.position, subject.qty
        detail = f"reduce-only {subject.side} {qty} with a position of {position}"
        return Verdict(passed=False, intent=None, reason=BlockReason.INVALID_ORDER, detail=detail)
    return _ask(GATES, subject, intent, inputs, now)


def recheck(subject: Subject, inputs: EnvelopeInputs, now: int) -> Verdict:
    """Say whether new risk that ``judge`` let pass may still be sent, right before each attempt.

    A kill switch or a pause may have come while it was queued or retried. Leadership and gates 1
    to 6 are asked; its THROTTLED token is kept. Everything else than new risk goes out as it is.

    Args:
        subject: The action, as it was judged.
        inputs: What the gates judge by now.
        now: Unix milliseconds.
    """
    intent = subject.intent
    if intent is not RiskIntent.INCREASE_RISK:
        return Verdict(passed=True, intent=intent)
    if not inputs.is_leader:
        return Verdict(passed=False, intent=intent, reason=BlockReason.NOT_LEADER)
    if not subject.holds_token:
        subject = evolve(subject, holds_token=True)
    return _ask(RECHECKED, subject, intent, inputs, now)


def _ask(
    gates: tuple[Gate, ...],
    subject: Subject,
    intent: RiskIntent,
    inputs: EnvelopeInputs,
    now: int,
) -> Verdict:
    found: FillProbResult | None = None
    for gate in gates:
        finding = gate.judge(subject, intent, inputs, now)
        found = finding.fill_probability or found
        if finding.blocks:
            return Verdict(
                passed=False,
                intent=intent,
                reason=gate.reason,
                detail=finding.detail,
                fill_probability=found,
            )
    return Verdict(passed=True, intent=intent, fill_probability=found)
