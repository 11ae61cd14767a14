"""LIVE-12: the whole input space of the safety envelope, I-12.2 to I-12.5, and what asks it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from attrs import evolve

from grinder_core.contracts.enums import ActionType, GuardReason, Override, RiskIntent, Side
from grinder_core.contracts.live import BlockReason, FillProbVerdict, SafeMode
from grinder_core.engine.orchestrator import Orchestrator
from grinder_core.errors import ContractError
from grinder_core.gates.envelope import GATES, RECHECKED, judge, recheck
from grinder_core.gates.envelope_inputs import EnvelopeInputs, Subject
from grinder_core.gates.fill_probability import FillGate
from grinder_core.gates.fill_settings import FillGateSettings
from grinder_core.numbers import exact
from grinder_core.risk.drawdown_guard import DrawdownGuard
from tests.core.live.orchestrators import A, R, S, a_session, in_state, permitted

D = Decimal
INCREASE, REDUCE, CANCEL = RiskIntent.INCREASE_RISK, RiskIntent.REDUCE_RISK, RiskIntent.CANCEL
NOW = 5
ORDER: dict[str, Any] = {"side": Side.SELL, "qty": D(2), "price": D(100), "position": D(2)}

# every kind of action, and what it does to the position
KINDS: dict[str, tuple[Subject, RiskIntent | None]] = {
    "cancel": (Subject(action=ActionType.CANCEL, symbol=A), CANCEL),
    "noop": (Subject(action=ActionType.NOOP, symbol=A), CANCEL),
    "place": (Subject(action=ActionType.PLACE, symbol=A, **ORDER), INCREASE),
    "replace": (Subject(action=ActionType.REPLACE, symbol=A, **ORDER), INCREASE),
    "place exit": (Subject(action=ActionType.PLACE, symbol=A, reduce_only=True, **ORDER), REDUCE),
    "replace exit": (
        Subject(action=ActionType.REPLACE, symbol=A, reduce_only=True, **ORDER),
        REDUCE,
    ),
    "exit too large": (
        Subject(action=ActionType.PLACE, symbol=A, reduce_only=True, **{**ORDER, "qty": D("2.01")}),
        None,
    ),
}
# which input belongs to which gate
GATE_OF = {
    "armed": 0,
    "mode": 1,
    "kill_switch_active": 2,
    "whitelist": 3,
    "drawdown": 4,
    "orchestrator": 5,
    "fill_probability": 6,
}


class Fixed:
    """A model that always answers the same, and counts how often it is asked."""

    def __init__(self, prob_bps: int) -> None:
        self.prob_bps, self.asked = prob_bps, 0

    def predict_bps(self, features: object) -> int:
        self.asked += 1
        return self.prob_bps


def a_guard(*, breached: bool) -> DrawdownGuard:
    guard = DrawdownGuard(D("0.04"), {}, D(10_000))
    with exact():
        assert guard.update(D(9_000) if breached else D(10_000), {}, 1) is breached
    return guard


def a_fill_gate(*, low: bool) -> FillGate:
    settings = FillGateSettings(fill_model_enforce=True, fill_prob_cb_max_block_rate_pct=100)
    return FillGate.of(settings, Fixed(2_499 if low else 2_500))


def throttled_without_token() -> Orchestrator:
    session = in_state(S.THROTTLED)
    session.spend_token(A, 0)
    return session


STATES: tuple[tuple[Any, bool, Orchestrator], ...] = (
    *((state, state is S.THROTTLED, in_state(state)) for state in S),
    (S.THROTTLED, False, throttled_without_token()),
)
GUARDS = {failing: a_guard(breached=failing) for failing in (False, True)}
FILLS = {failing: a_fill_gate(low=failing) for failing in (False, True)}
SWITCHES = tuple(product((False, True), repeat=6))  # armed, mode, kill, whitelist, drawdown, fill


def the_inputs(fails: tuple[bool, ...], session: Orchestrator, **changes: Any) -> EnvelopeInputs:
    unarmed, mode, kill, unlisted, drawdown, fill = fails
    values: dict[str, Any] = {
        "is_leader": True,
        "armed": not unarmed,
        "mode": SafeMode.PAPER if mode else SafeMode.LIVE_TRADE,
        "kill_switch_active": kill,
        "whitelist": frozenset(("ZZZUSDT",) if unlisted else (A, "ZZZUSDT")),
        "drawdown": GUARDS[drawdown],
        "orchestrator": session,
        "fill_probability": FILLS[fill],
    }
    return EnvelopeInputs(**{**values, **changes})


def failing_gates(
    intent: RiskIntent, fails: tuple[bool, ...], state: Any, token: bool
) -> list[tuple[int, BlockReason]]:
    """The page's table: which gates block this, in their order."""
    unarmed, mode, kill, unlisted, drawdown, fill = fails
    grows = intent is INCREASE
    table = (
        (unarmed, BlockReason.NOT_ARMED),
        (mode, BlockReason.MODE_NOT_LIVE_TRADE),
        (kill and grows, BlockReason.KILL_SWITCH_ACTIVE),
        (unlisted, BlockReason.SYMBOL_NOT_WHITELISTED),
        (drawdown and grows, BlockReason.DRAWDOWN_BLOCKED),
        (not permitted(state, intent, token=token), BlockReason.FSM_STATE_BLOCKED),
        (fill and grows, BlockReason.FILL_PROB_LOW),
    )
    return [(number, reason) for number, (blocks, reason) in enumerate(table) if blocks]


def the_whole_space() -> Iterator[tuple[str, tuple[bool, ...], Any, bool, Orchestrator]]:
    for kind, fails, (state, token, session) in product(KINDS, SWITCHES, STATES):
        yield kind, fails, state, token, session


class Spy:
    """Inputs that note which gates looked at them."""

    def __init__(self, inputs: EnvelopeInputs) -> None:
        self.inputs, self.looked = inputs, set[int]()

    def __getattr__(self, name: str) -> Any:
        if name in GATE_OF:
            self.looked.add(GATE_OF[name])
        return getattr(self.inputs, name)


# -- I-12.5


def test_the_order_of_the_gates_is_a_contract() -> None:
    """A changed line here is a changed safety rule."""
    assert [(gate.name, gate.reason.value) for gate in GATES] == [
        ("armed", "NOT_ARMED"),
        ("mode", "MODE_NOT_LIVE_TRADE"),
        ("kill_switch", "KILL_SWITCH_ACTIVE"),
        ("whitelist", "SYMBOL_NOT_WHITELISTED"),
        ("drawdown", "DRAWDOWN_BLOCKED"),
        ("state", "FSM_STATE_BLOCKED"),
        ("fill_probability", "FILL_PROB_LOW"),
    ]
    assert [gate.name for gate in RECHECKED] == [gate.name for gate in GATES[:6]]
    assert [gate.reason for gate in GATES] == list(BlockReason)[:7]


# -- I-12.2 over everything


def test_the_first_failing_gate_gives_the_reason_and_no_later_one_is_asked() -> None:
    count = 0
    for kind, fails, state, token, session in the_whole_space():
        subject, intent = KINDS[kind]
        spy = Spy(the_inputs(fails, session))
        verdict = judge(subject, spy, NOW)  # type: ignore[arg-type]
        count += 1
        where = (kind, fails, state, token)
        assert verdict.intent is intent, where
        if intent is None:
            assert (verdict.passed, verdict.reason) == (False, BlockReason.INVALID_ORDER)
            assert not spy.looked
            continue
        failing = failing_gates(intent, fails, state, token)
        assert verdict.passed is (not failing), where
        assert verdict.reason is (failing[0][1] if failing else None), where
        last = failing[0][0] if failing else 6
        assert spy.looked <= set(range(last + 1)), where
        if intent is INCREASE:  # all up to it were asked
            assert spy.looked == set(range(last + 1)), where
    assert count == 7 * 2**6 * 8


def test_who_does_not_lead_submits_nothing_and_asks_nothing() -> None:
    for kind, fails, _, _, session in the_whole_space():
        spy = Spy(the_inputs(fails, session, is_leader=False))
        verdict = judge(KINDS[kind][0], spy, NOW)  # type: ignore[arg-type]
        assert (verdict.passed, verdict.reason) == (False, BlockReason.NOT_LEADER)
        assert not spy.looked


def test_with_the_defaults_nothing_passes() -> None:
    for subject, _ in KINDS.values():
        assert not judge(subject, EnvelopeInputs(), NOW).passed
        only_leading = EnvelopeInputs(is_leader=True)
        assert not judge(subject, only_leading, NOW).passed
        armed = evolve(only_leading, armed=True, mode=SafeMode.LIVE_TRADE)
        verdict = judge(subject, armed, NOW)
        assert verdict.reason in {BlockReason.SYMBOL_NOT_WHITELISTED, BlockReason.INVALID_ORDER}


def test_only_a_writing_port_asks_whether_it_is_armed() -> None:
    for kind, fails, state, token, session in the_whole_space():
        subject, intent = KINDS[kind]
        if intent is None:
            continue
        verdict = judge(subject, the_inputs(fails, session, is_writing_port=False), NOW)
        failing = failing_gates(intent, (False, False, *fails[2:]), state, token)
        assert verdict.reason is (failing[0][1] if failing else None)
        assert verdict.passed is (not failing)


@pytest.mark.parametrize("mode", list(SafeMode))
def test_only_live_trade_passes_the_mode_gate(mode: SafeMode) -> None:
    inputs = the_inputs((False,) * 6, a_session(), mode=mode)
    for kind in ("cancel", "place exit", "place"):
        assert judge(KINDS[kind][0], inputs, NOW).passed is (mode is SafeMode.LIVE_TRADE)


def test_gates_that_are_switched_off_pass() -> None:
    off = the_inputs(
        (False,) * 6, in_state(S.PAUSE), orchestrator=None, drawdown=None, fill_probability=None
    )
    for subject, intent in KINDS.values():
        assert judge(subject, off, NOW).passed is (intent is not None)


# -- I-12.3 and I-12.4


def test_one_more_failing_gate_never_lets_a_blocked_action_pass() -> None:
    passed: dict[tuple[Any, ...], bool] = {}
    for kind, fails, state, token, session in the_whole_space():
        subject = KINDS[kind][0]
        passed[kind, fails, state, token] = judge(subject, the_inputs(fails, session), NOW).passed
    compared = 0
    for (kind, fails, state, token), passes in passed.items():
        for gate, failing in enumerate(fails):
            if not failing:
                worse = (*fails[:gate], True, *fails[gate + 1 :])
                assert passes or not passed[kind, worse, state, token]
                compared += 1
        for other, held, _ in STATES:
            if other.rank > state.rank:
                assert passes or not passed[kind, fails, other, held]
    assert compared == 7 * 8 * 6 * 2**5


def test_cancels_and_exits_always_pass_where_we_may_write_and_know_our_state() -> None:
    for kind, fails, state, _, session in the_whole_space():
        subject, intent = KINDS[kind]
        if intent in {CANCEL, REDUCE} and not (fails[0] or fails[1] or fails[3]):
            verdict = judge(subject, the_inputs(fails, session), NOW)
            assert verdict.passed is (state is not S.INIT)


# -- right before sending


def test_new_risk_is_judged_again_by_all_but_the_last_gate_and_keeps_its_token() -> None:
    asked_before = [FILLS[low].model.asked for low in FILLS]  # type: ignore[union-attr]
    for kind, fails, state, _, session in the_whole_space():
        subject, intent = KINDS[kind]
        spy = Spy(the_inputs(fails, session))
        verdict = recheck(subject, spy, NOW)  # type: ignore[arg-type]
        if intent is not INCREASE:
            assert verdict.passed
            assert not spy.looked
            continue
        failing = failing_gates(INCREASE, (*fails[:5], False), state, state is S.THROTTLED)
        assert verdict.passed is (not failing)
        assert verdict.reason is (failing[0][1] if failing else None)
        assert spy.looked == set(range(failing[0][0] + 1 if failing else 6))
        refused = recheck(subject, the_inputs(fails, session, is_leader=False), NOW)
        assert refused.reason is BlockReason.NOT_LEADER
    assert [FILLS[low].model.asked for low in FILLS] == asked_before  # type: ignore[union-attr]


def test_a_second_leg_holds_the_token_of_the_first() -> None:
    place = KINDS["place"][0]
    inputs = the_inputs((False,) * 6, throttled_without_token())
    assert judge(place, inputs, NOW).reason is BlockReason.FSM_STATE_BLOCKED
    assert judge(evolve(place, holds_token=True), inputs, NOW).passed


# -- details


def test_a_refusal_says_more_where_there_is_more_to_say() -> None:
    place = KINDS["place"][0]
    none = (False,) * 6
    paused = a_session()
    paused.set_global(operator_override=Override.PAUSE)
    paused.advance(0)
    active = a_session()
    for inputs, detail in (
        (the_inputs(none, active, armed=False), ""),
        (the_inputs(none, active, mode=SafeMode.READ_ONLY), "read_only"),
        (the_inputs(none, active, kill_switch_active=True), ""),
        (the_inputs(none, active, whitelist=frozenset()), A),
        (the_inputs(none, active, drawdown=GUARDS[True]), "DD_PORTFOLIO_BREACH"),
        (the_inputs(none, paused), "PAUSE OPERATOR_PAUSE"),
        (the_inputs(none, throttled_without_token()), "THROTTLED RATE_BUDGET_LOW"),
        (the_inputs(none, active, fill_probability=FILLS[True]), "2499 < 2500 bps"),
    ):
        verdict = judge(place, inputs, NOW)
        assert not verdict.passed
        assert verdict.detail == detail
    too_large = judge(KINDS["exit too large"][0], the_inputs(none, active), NOW)
    assert too_large.detail == "reduce-only SELL 2.01 with a position of 2"


def test_a_symbols_own_breach_is_named() -> None:
    guard = DrawdownGuard(D("0.5"), {A: D(10)}, D(10_000))
    with exact():
        guard.update(D(10_000), {A: D(-10)}, 1)
    inputs = the_inputs((False,) * 6, a_session(), drawdown=guard)
    verdict = judge(KINDS["place"][0], inputs, NOW)
    assert verdict.detail == GuardReason.DD_SYMBOL_BREACH.value
    assert judge(KINDS["place exit"][0], inputs, NOW).passed


def test_what_the_last_gate_found_is_kept_for_evidence() -> None:
    inputs = the_inputs((False,) * 6, a_session())
    passes = judge(KINDS["place"][0], inputs, NOW)
    assert passes.fill_probability is not None
    assert passes.fill_probability.verdict is FillProbVerdict.ALLOW
    blocks = judge(KINDS["place"][0], evolve(inputs, fill_probability=FILLS[True]), NOW)
    assert blocks.fill_probability is not None
    assert (blocks.fill_probability.prob_bps, blocks.fill_probability.threshold_bps) == (
        2_499,
        2_500,
    )
    assert judge(KINDS["cancel"][0], inputs, NOW).fill_probability is None


# -- what an action does to the position


def test_the_intent_of_every_action_side_position_and_quantity() -> None:
    positions = [D(n) for n in (-3, -2, -1, 0, 1, 2, 3)] + [D("0.5"), D("-0.00000001")]
    qtys = [D("0.00000001"), D("0.5"), D(1), D(2), D(3), D(4)]
    seen = set()
    for action, side, position, qty, reduce_only in product(
        ActionType, Side, positions, qtys, (False, True)
    ):
        subject = Subject(
            action=action,
            symbol=A,
            side=side,
            qty=qty,
            price=D(1),
            reduce_only=reduce_only,
            position=position,
        )
        after = position + (qty if side is Side.BUY else -qty)
        shrinks = abs(after) < abs(position) and after * position >= 0
        if action in {ActionType.CANCEL, ActionType.NOOP}:
            expected: RiskIntent | None = CANCEL
        elif reduce_only:
            expected = REDUCE if shrinks else None
        else:
            expected = INCREASE
        assert subject.intent is expected, subject
        seen.add(expected)
    assert seen == {CANCEL, INCREASE, REDUCE, None}


@pytest.mark.parametrize("qty", [D(0), D(-1), D("NaN"), D("Infinity")])
def test_a_reduce_only_order_of_no_quantity_is_not_sound(qty: Decimal) -> None:
    subject = Subject(
        action=ActionType.PLACE,
        symbol=A,
        side=Side.SELL,
        qty=qty,
        reduce_only=True,
        position=D(5),
    )
    assert subject.intent is None


def test_an_order_without_side_or_quantity_is_refused() -> None:
    for changes in ({"side": Side.BUY}, {"qty": D(1)}, {}):
        with pytest.raises(ContractError, match="must name side and qty"):
            Subject(action=ActionType.PLACE, symbol=A, **changes)
    with pytest.raises(ContractError, match="symbol"):
        Subject(action=ActionType.CANCEL, symbol="?")


def test_the_state_gate_speaks_for_the_symbol_of_the_action() -> None:
    session = a_session(A, "BBBUSDT")
    session.set_symbol("BBBUSDT", is_selected=False)
    session.advance(0)
    inputs = the_inputs((False,) * 6, session, whitelist=frozenset((A, "BBBUSDT")))
    place = KINDS["place"][0]
    assert judge(place, inputs, NOW).passed
    verdict = judge(evolve(place, symbol="BBBUSDT"), inputs, NOW)
    assert verdict.detail == f"{S.READY.value} {R.NOT_SELECTED.value}"
