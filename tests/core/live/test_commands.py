"""LIVE-41, LIVE-14: which commands of an operator are carried out, over restarts and replays."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, from_dict, to_dict
from grinder_core.contracts.checks import as_line
from grinder_core.contracts.control import ENVIRONMENT, TEXT_MAX, Command, Control, Restarted
from grinder_core.contracts.enums import Override, severest
from grinder_core.errors import ContractError
from grinder_core.live.core import LiveCore
from grinder_core.live.records import RecordKind
from grinder_core.live.state import LiveState, freeze_hot, thaw_hot
from tests.support.live_core import BTC, LiveHand, a_config

HALTS = (Command.PAUSE, Command.EMERGENCY, Command.RESUME)
UNSEEN = "ETHUSDT"


def a_command(number: int, command: Command = Command.PAUSE, symbol: str = "") -> Control:
    return Control(command=command, actor="me@here", symbol=symbol, number=number)


def again(hand: LiveHand) -> None:
    """End the process and begin another one from the dump."""
    state = LiveState.from_text(hand.core.state().to_text())
    hand.core = LiveCore.from_state(state, hand.config)
    hand.feed(Restarted())


# -- once ----------------------------------------------------------------------------------------


def test_a_number_that_was_is_refused_with_a_notice_and_changes_nothing() -> None:
    hand = LiveHand()
    hand.start()
    hand.feed(a_command(7))
    hand.feed(a_command(8, Command.RESUME))
    before = canonical_json(json.loads(freeze_hot(hand.core.hot)))
    for number in (8, 7, 1):
        hand.feed(a_command(number, Command.EMERGENCY))
        (line,) = hand.said("COMMAND_REFUSED", f"number {number} after 8")
        assert json.loads(line)["kind"] == "NOTICE"
        assert (hand.core.hot.ordered, hand.core.hot.commands_done) == (None, 8)
    after = json.loads(freeze_hot(hand.core.hot))
    changed = {k for k, v in json.loads(before).items() if after[k] != v}
    assert changed <= {"events", "chain"}


def test_what_comes_from_elsewhere_has_no_number_and_is_carried_out_each_time() -> None:
    hand = LiveHand()
    hand.start()
    hand.feed(a_command(7))
    for command, ordered in ((Command.RESUME, None), (Command.PAUSE, Override.PAUSE)) * 2:
        hand.feed(Control(command=command, actor="me"))
        assert hand.core.hot.ordered is ordered
    assert hand.core.hot.commands_done == 7


@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from(HALTS), st.booleans()), max_size=14))
def test_in_any_order_and_over_any_restarts_only_a_number_above_all_before_counts(
    story: list[tuple[int, Command, bool]],
) -> None:
    hand = LiveHand()
    hand.start()
    done, ordered = 0, None
    for number, command, is_restarted in story:
        if is_restarted:
            again(hand)
        hand.feed(a_command(number, command))
        if number > done:
            done = number
            resumed = command is Command.RESUME
            ordered = None if resumed else severest(ordered, Override(command.value))
        assert (hand.core.hot.commands_done, hand.core.hot.ordered) == (done, ordered)


def test_numbers_go_on_under_another_configuration() -> None:
    hand = LiveHand()
    hand.start()
    hand.feed(a_command(7))
    config = evolve(hand.config, engine=hand.config.engine.with_values({"spacing_bps": 20}))
    assert hand.core.under(config).hot.commands_done == 7


def test_states_and_events_of_an_earlier_program_are_read() -> None:
    hand = LiveHand()
    hand.start()
    data = json.loads(freeze_hot(hand.core.hot))
    for name in ("commands_done", "imposed"):
        del data[name]
    read = thaw_hot(canonical_json(data))
    assert (read.commands_done, read.imposed) == (0, None)
    old = {"actor": "me", "command": "PAUSE", "reason": "MANUAL", "symbol": ""}
    assert from_dict(Control, old) == Control(command=Command.PAUSE, actor="me")


# -- the most severe -----------------------------------------------------------------------------


def test_a_pause_does_not_lower_an_emergency_and_a_resume_ends_both() -> None:
    hand = LiveHand()
    hand.start()
    for command in (Command.EMERGENCY, Command.PAUSE):
        hand.feed(Control(command=command, actor="me"))
        assert hand.core.hot.ordered is Override.EMERGENCY
    hand.feed(Control(command=Command.RESUME, actor="me"))
    assert hand.core.hot.ordered is None


def test_what_the_environment_imposes_ends_with_its_process_and_a_resume() -> None:
    hand = LiveHand()
    hand.start()
    hand.feed(Control(command=Command.PAUSE, actor=ENVIRONMENT))
    hand.feed(Control(command=Command.RESUME, actor="me"))
    inputs = hand.core.hot.orchestrator.inputs
    assert (hand.core.hot.ordered, inputs.operator_override) == (None, Override.PAUSE)
    again(hand)
    assert hand.core.hot.orchestrator.inputs.operator_override is None


def test_no_numbered_command_passes_for_the_environment() -> None:
    hand = LiveHand()
    hand.start()
    hand.feed(evolve(a_command(1), actor=ENVIRONMENT))
    assert (hand.core.hot.ordered, hand.core.hot.imposed) == (Override.PAUSE, None)


# -- flatten -------------------------------------------------------------------------------------


def test_a_flatten_that_cannot_be_is_refused_with_its_reason_and_its_number_is_spent() -> None:
    hand = LiveHand(a_config((BTC, UNSEEN)))
    hand.start(recovered=False)
    hand.quote(60_000)
    for number, symbol, why in (
        (1, "XRPUSDT", "is not traded here"),
        (2, UNSEEN, "no quote of"),
        (3, BTC, "in INIT"),
    ):
        step = hand.feed(a_command(number, Command.FLATTEN, symbol))
        assert not step.effects
        assert hand.said("COMMAND_REFUSED", symbol, why)
        assert hand.core.hot.commands_done == number


# -- the contract --------------------------------------------------------------------------------


@given(st.text(max_size=600))
def test_any_text_becomes_a_line_that_a_command_takes(text: str) -> None:
    line = as_line(text, longest=TEXT_MAX)
    control = Control(command=Command.KILL, actor="me", text=line)
    assert from_dict(Control, json.loads(canonical_json(to_dict(control)))) == control
    if line != text:
        with pytest.raises(ContractError, match="one printable line"):
            Control(command=Command.KILL, actor="me", text=text)


def test_a_number_is_none_below_zero() -> None:
    with pytest.raises(ContractError, match="number"):
        a_command(-1)


FIRST = (
    Control(command=Command.PAUSE, actor="me"),
    Control(command=Command.EMERGENCY, actor="me"),
    Control(command=Command.KILL, actor="me"),
    Control(command=Command.RESET_KILL_SWITCH, actor="me"),
    Control(command=Command.RESUME, actor="me"),
    Control(command=Command.PAUSE, actor=ENVIRONMENT),
)


@given(st.lists(st.sampled_from(FIRST), max_size=5))
def test_a_resume_is_refused_where_it_neither_lifts_an_order_nor_ends_emergency(
    before: list[Control],
) -> None:
    hand = LiveHand()
    hand.start()
    for control in before:
        hand.feed(control)
    machine, inputs = hand.core.hot.orchestrator.machine, hand.core.hot.orchestrator.inputs
    stood, was_emergency = inputs.operator_override, machine.emergency_latched
    step = hand.feed(Control(command=Command.RESUME, actor="me"))
    notices = [str(record.line) for record in step.records if record.kind is RecordKind.NOTICE]
    is_refused = any("RESUME_REFUSED" in line for line in notices)
    is_lifted = hand.core.hot.orchestrator.inputs.operator_override is not stood
    if was_emergency:
        assert is_refused is machine.emergency_latched
    else:
        assert is_refused is not is_lifted
