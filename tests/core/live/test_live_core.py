"""The live session as a fold: what may leave, what is said of it, and that it can be repeated."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.control import (
    AccountUpdate,
    Command,
    Control,
    Leadership,
    PositionUpdate,
    Restarted,
    Timer,
)
from grinder_core.contracts.effects import CancelOrder, Flatten
from grinder_core.contracts.enums import OrderState, RiskIntent
from grinder_core.contracts.live import BlockReason, HealthName, OperatingState, SafeMode
from grinder_core.contracts.market import MarkPrice
from grinder_core.contracts.plan import GridPlan
from grinder_core.errors import ConfigError
from grinder_core.live.config import LiveConfig
from grinder_core.live.core import LiveCore
from grinder_core.live.standing import standing_of
from grinder_core.live.state import LiveState
from tests.support.live_core import BTC, LIMITS, LiveHand, a_config

D = Decimal
ETH = "ETHUSDT"


class OneBuy:
    """One BUY level whose distance follows the price: each jump asks for a replacement."""

    name = "one-buy"

    def plan(self, context: PolicyContext) -> GridPlan:
        mid = context.snapshot.mid_price
        return GridPlan.flat(
            center_price=mid,
            spacing_bps=10 + int(mid) % 7,
            levels_up=0,
            levels_down=1,
            size_schedule=(D("0.01"),),
            reason_codes=("ONE_BUY",),
        )


# -- what may leave ------------------------------------------------------------------------------


def test_a_healthy_session_places_its_grid() -> None:
    hand = LiveHand()
    placed = hand.rest()
    assert [(e.intent.side.value, e.intent.level_id) for e in placed] == [
        ("BUY", 1),
        ("SELL", 1),
        ("BUY", 2),
        ("SELL", 2),
    ], "from the market outwards, BUY before SELL"
    assert all(e.post_only for e in placed)
    assert [e.generation for e in placed] == [1, 1, 1, 1]


def test_nothing_leaves_before_recovery_is_done() -> None:
    hand = LiveHand()
    hand.start(recovered=False)
    for step in range(50):
        hand.quote(60_000 + step)
        hand.feed(Timer(), 250)
    assert hand.effects == []
    hand.tell(HealthName.BOOTSTRAP_OK)
    hand.feed(Timer(), 250)
    hand.quote(60_000)
    assert hand.effects == [] or all(not isinstance(e, CancelOrder) for e in hand.effects)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"armed": False}, BlockReason.NOT_ARMED),
        ({"mode": SafeMode.READ_ONLY}, BlockReason.MODE_NOT_LIVE_TRADE),
        ({"mode": SafeMode.PAPER}, BlockReason.MODE_NOT_LIVE_TRADE),
    ],
)
def test_a_run_that_may_not_write_says_so_of_each_action(
    changes: dict[str, object], reason: BlockReason
) -> None:
    hand = LiveHand(a_config(**changes))
    hand.start()
    hand.quote(60_000)
    assert hand.effects == []
    blocked = hand.said('"status":"BLOCKED"')
    assert blocked
    assert all(json.loads(line)["reason"] == reason for line in blocked)


def test_a_shadow_run_is_not_judged_by_arming_and_mode() -> None:
    hand = LiveHand(a_config(armed=False, mode=SafeMode.READ_ONLY, is_writing=False))
    hand.start()
    hand.quote(60_000)
    assert len(hand.effects) == 4


def test_without_the_venues_rules_no_new_risk_leaves() -> None:
    hand = LiveHand(a_config(limits={}))
    hand.start()
    hand.quote(60_000)
    assert hand.effects == []
    assert hand.said('"CONSTRAINTS_MISSING"', '"status":"SKIPPED"')


def test_the_store_of_orders_has_an_end() -> None:
    hand = LiveHand(a_config(expected_max_orders=2))
    hand.start()
    hand.quote(60_000)
    assert len(hand.places()) <= 2
    assert hand.said('"EXPECTED_STORE_FULL"')


# -- stopping ------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [Command.KILL, Command.PAUSE, Command.EMERGENCY, Command.STOP])
def test_a_stop_takes_entries_out_in_the_same_step(command: Command) -> None:
    hand = LiveHand()
    placed = hand.rest()
    step = hand.feed(Control(command=command, actor="test"))
    assert {e.client_order_id for e in step.effects} == {e.client_order_id for e in placed}
    assert all(isinstance(e, CancelOrder) for e in step.effects)
    before = len(hand.places())
    for mid in (60_001, 60_100, 59_800):
        hand.quote(mid)
    assert len(hand.places()) == before


@pytest.mark.parametrize("command", [Command.KILL, Command.PAUSE, Command.EMERGENCY])
def test_a_write_that_waits_is_refused_after_a_stop(command: Command) -> None:
    hand = LiveHand()
    hand.rest()
    assert hand.core.refusal(RiskIntent.INCREASE_RISK, BTC) == ""
    hand.feed(Control(command=command, actor="test"))
    assert hand.core.refusal(RiskIntent.INCREASE_RISK, BTC) != ""
    assert hand.core.refusal(RiskIntent.REDUCE_RISK, BTC) == ""
    assert hand.core.refusal(RiskIntent.CANCEL, BTC) == ""


def test_right_before_each_write_the_gates_judge_by_what_holds_then() -> None:
    hand = LiveHand()
    hand.rest()

    def why() -> str:
        return hand.core.refusal(RiskIntent.INCREASE_RISK, BTC).partition(" ")[0]

    assert why() == ""
    hand.feed(Leadership(is_leader=False))
    assert why() == BlockReason.NOT_LEADER
    hand.feed(Leadership(is_leader=True))
    assert why() != BlockReason.NOT_LEADER
    hand.feed(Control(command=Command.KILL, actor="test"))
    assert why() == BlockReason.KILL_SWITCH_ACTIVE
    hand.feed(Control(command=Command.RESET_KILL_SWITCH, actor="test"))
    assert why() != BlockReason.KILL_SWITCH_ACTIVE


def test_the_price_band_moves_with_the_mark() -> None:
    limits = evolve(LIMITS, multiplier_up=D("1.05"), multiplier_down=D("0.95"))
    hand = LiveHand(a_config(limits={BTC: limits}), OneBuy())
    hand.start()

    def places_at(mark: int) -> int:
        hand.feed(MarkPrice(ts=hand.now, symbol=BTC, mark_price=D(mark), index_price=D(mark)))
        before = len(hand.places())
        hand.quote(60_000 + len(hand.lines), after_ms=1_000)
        for order in hand.places()[before:]:
            hand.update(order, OrderState.REJECTED)
        return len(hand.places()) - before

    assert [places_at(mark) for mark in (60_000, 50_000, 60_000, 50_000)] == [1, 0, 1, 0]


def test_an_exit_passes_the_kill_switch() -> None:
    hand = LiveHand()
    buy = hand.rest()[0]
    hand.update(buy, OrderState.FILLED, "0.01", "0.01", "59940")
    hand.feed(Control(command=Command.KILL, actor="test"))
    step = hand.feed(Control(command=Command.FLATTEN, actor="test", symbol=BTC))
    (close,) = [e for e in step.effects if isinstance(e, Flatten)]
    assert (close.side.value, close.qty) == ("SELL", D("0.01"))


def test_a_cancel_that_nothing_let_through_is_sent_later() -> None:
    hand = LiveHand()
    placed = hand.rest()
    hand.feed(Restarted())  # INIT lets nothing through
    hand.feed(Control(command=Command.KILL, actor="test"))
    assert hand.cancels() == []
    hand.feed(Leadership(is_leader=True))
    for name in (HealthName.FEED_CONNECTED, HealthName.USER_STREAM_OK, HealthName.BOOTSTRAP_OK):
        hand.tell(name)
    hand.feed(Timer(), 250)
    hand.feed(Timer(), 250)
    assert {e.client_order_id for e in hand.cancels()} == {e.client_order_id for e in placed}


def test_a_silent_feed_stops_new_risk_and_after_a_while_takes_entries_out() -> None:
    hand = LiveHand()
    hand.rest()
    for _ in range(21):
        hand.feed(Timer(), 250)
    state, _ = hand.core.hot.orchestrator.effective(BTC)
    assert state is OperatingState.DEGRADED
    assert hand.cancels() == []
    for _ in range(61):
        hand.feed(Timer(), 250)
    assert len(hand.cancels()) == 4


# -- one order in another's place ------------------------------------------------------------------


def test_a_replacement_waits_for_the_end_of_the_order_before_it() -> None:
    hand = LiveHand(policy=OneBuy())
    hand.start()
    hand.quote(60_000)
    (old,) = hand.places()
    hand.accept(old)
    hand.quote(60_033, after_ms=600)
    assert [e.client_order_id for e in hand.cancels()] == [old.client_order_id]
    assert len(hand.places()) == 1, "the venue never holds both"
    hand.wrote(hand.cancels()[0])
    hand.cancelled(old)
    assert len(hand.places()) == 2
    assert hand.places()[1].replaces == ""


def test_a_replacement_is_smaller_by_what_the_order_before_it_executed() -> None:
    hand = LiveHand(policy=OneBuy())
    hand.start()
    hand.quote(60_000)
    (old,) = hand.places()
    hand.accept(old)
    hand.quote(60_033, after_ms=600)
    hand.update(old, OrderState.PARTIALLY_FILLED, "0.004", "0.004", "59900")
    hand.cancelled(old, "0.004")
    assert hand.places()[1].intent.qty == D("0.006")


def test_nothing_takes_the_place_of_an_order_that_was_filled_after_all() -> None:
    hand = LiveHand(policy=OneBuy())
    hand.start()
    hand.quote(60_000)
    (old,) = hand.places()
    hand.accept(old)
    hand.quote(60_033, after_ms=600)
    hand.update(old, OrderState.FILLED, "0.01", "0.01", "59900")
    assert len(hand.places()) == 1
    assert hand.said('"TARGET_ALREADY_FILLED"')


def test_a_replacement_passes_all_once_more_when_its_turn_comes() -> None:
    hand = LiveHand(policy=OneBuy())
    hand.start()
    hand.quote(60_000)
    (old,) = hand.places()
    hand.accept(old)
    hand.quote(60_033, after_ms=600)
    hand.feed(Control(command=Command.PAUSE, actor="test"))
    hand.cancelled(old)
    assert len(hand.places()) == 1


# -- every action has one end (I-13.1) -------------------------------------------------------------


def test_every_action_ends_in_exactly_one_status() -> None:
    hand = LiveHand()
    placed = hand.rest()
    hand.feed(Control(command=Command.PAUSE, actor="test"))
    for number, effect in enumerate(hand.cancels()):
        hand.wrote(effect, ("ACCEPTED", "OUTCOME_UNKNOWN", "CIRCUIT_OPEN", "ACCEPTED")[number])
    for effect in placed:
        hand.cancelled(effect)
    actions = [json.loads(line) for line in hand.said('"kind":"ACTION"')]
    ends = Counter((a["action"], a["client_order_id"]) for a in actions if a["status"] != "PLANNED")
    assert set(ends.values()) == {1}
    assert len(ends) == 8
    for action in actions:
        assert bool(action["reason"]) == (action["status"] not in {"PLANNED", "EXECUTED"})


def test_a_restart_ends_what_nobody_will_answer() -> None:
    hand = LiveHand()
    hand.start()
    hand.quote(60_000)
    hand.feed(Restarted())
    assert len(hand.said('"status":"UNKNOWN"')) == 4
    assert not hand.core.hot.open_actions


def test_a_recording_port_decides_as_a_writing_one() -> None:
    """I-13.2: who answers does not change what is wanted, given the same events."""
    writing = LiveHand(a_config(is_writing=True))
    recording = LiveHand(a_config(is_writing=False))
    for hand in (writing, recording):
        hand.rest()
        hand.quote(60_100)
    assert writing.lines == recording.lines


# -- latches, money, other settings ----------------------------------------------------------------


def test_a_latch_is_told_when_it_falls_and_when_it_is_lifted() -> None:
    hand = LiveHand()
    hand.rest()
    assert hand.feed(Control(command=Command.KILL, actor="test")).has_latched
    assert not hand.feed(Timer(), 250).has_latched
    assert hand.feed(Control(command=Command.RESET_KILL_SWITCH, actor="test")).has_latched
    assert hand.said('"latch":"kill_switch"', '"value":"MANUAL"')
    assert hand.said('"latch":"kill_switch"', '"value":""')


def test_equity_starts_with_the_balance_and_transfers_are_no_profit() -> None:
    hand = LiveHand(a_config(engine={"max_drawdown_pct": "5", "portfolio_dd_limit": "0.04"}))
    hand.start()
    hand.feed(AccountUpdate(ts=hand.now, start=D(2_000)))
    assert hand.core.engine.hot.account.equity == 2_000
    hand.feed(AccountUpdate(ts=hand.now, transfer=D(-1_900)))
    core = hand.core.engine.hot
    assert (core.account.equity, core.account.high_water_mark) == (100, 100)
    assert not core.kill.active
    assert core.guard is not None
    assert core.guard.reason is None


def test_other_settings_keep_money_orders_and_latches() -> None:
    hand = LiveHand()
    buy, *_ = hand.rest()
    hand.update(buy, OrderState.FILLED, "0.01", "0.01", "59940")
    hand.feed(Control(command=Command.KILL, actor="test"))
    before = hand.core
    after = before.under(a_config(engine={"levels": 3}))
    assert after is not before
    old, new = before.engine.hot, after.engine.hot
    assert new.kill == old.kill
    assert new.cash == old.cash
    assert new.symbols[BTC].ledger == old.symbols[BTC].ledger
    assert new.symbols[BTC].grid.leaving == old.symbols[BTC].grid.leaving
    assert (new.ids.ts_ms, new.ids.seq) == (old.ids.ts_ms, old.ids.seq)
    assert after.digest == before.digest
    assert before.under(hand.config) is before


def test_a_symbol_with_a_position_cannot_be_left_out() -> None:
    hand = LiveHand()
    buy, *_ = hand.rest()
    hand.update(buy, OrderState.FILLED, "0.01", "0.01", "59940")
    with pytest.raises(ConfigError, match="keep BTCUSDT until it is flat"):
        hand.core.under(a_config((ETH,)))


# -- it can be repeated ----------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), st.integers(59_500, 60_500)),
        st.tuples(st.just("timer"), st.integers(1, 20)),
        st.tuples(
            st.just("control"), st.sampled_from([c for c in Command if c is not Command.FLATTEN])
        ),
        st.tuples(st.just("health"), st.sampled_from(["feed", "user", "persist", "ban", "low"])),
        st.tuples(st.just("answer"), st.integers(0, 30)),
        st.tuples(st.just("fill"), st.integers(0, 30)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=40,
)
NAMES = {
    "feed": HealthName.FEED_CONNECTED,
    "user": HealthName.USER_STREAM_OK,
    "persist": HealthName.PERSIST_OK,
    "ban": HealthName.RATE_LIMIT_BAN,
    "low": HealthName.RATE_BUDGET_LOW,
}


def play(hand: LiveHand, steps: list[tuple[str, object]]) -> None:
    flags: Counter[str] = Counter()
    for what, how in steps:
        alive = [
            o
            for o in hand.places()
            if hand.core.engine.hot.symbols[BTC].grid.get(o.client_order_id)
        ]
        if what == "quote":
            hand.quote(int(str(how)))
        elif what == "timer":
            for _ in range(int(str(how))):
                hand.feed(Timer(), 250)
        elif what == "control":
            hand.feed(Control(command=Command(str(how)), actor="test"))
        elif what == "health":
            flags[str(how)] += 1
            hand.tell(NAMES[str(how)], flags[str(how)] % 2)
        elif what == "restart":
            hand.start()
        elif alive:
            effect = alive[int(str(how)) % len(alive)]
            record = hand.core.engine.hot.symbols[BTC].grid.get(effect.client_order_id)
            assert record is not None
            if what == "fill":
                rest = str(effect.intent.qty - record.filled_qty)
                qty = str(record.qty)
                hand.update(
                    effect,
                    OrderState.FILLED,
                    qty,
                    rest
                    if record.qty == effect.intent.qty
                    else str(record.qty - record.filled_qty),
                )
            elif record.state is OrderState.PENDING:
                hand.accept(effect)
            else:
                hand.cancelled(effect, str(record.filled_qty))


@settings(max_examples=60)
@given(steps=STEPS, cut=st.integers(0, 200))
def test_a_session_continues_from_its_dump_as_if_nothing_had_been(
    steps: list[tuple[str, object]], cut: int
) -> None:
    hand = LiveHand()
    hand.rest()
    play(hand, steps)
    cut = min(cut, len(hand.events))
    first = LiveCore(hand.config)
    for event in hand.events[:cut]:
        first.step(event)
    text = first.state().to_text()
    second = LiveCore.from_state(LiveState.from_text(text), hand.config)
    assert second.state().to_text() == text
    for event in hand.events[cut:]:
        assert [r.line for r in second.step(event).records] == [
            r.line for r in first.step(event).records
        ]
    assert first.state().to_text() == second.state().to_text() == hand.core.state().to_text()
    assert second.digest == hand.core.digest


@settings(max_examples=60)
@given(steps=STEPS)
def test_no_effect_leaves_but_by_a_planned_action(steps: list[tuple[str, object]]) -> None:
    """I-12.1 as far as the fold goes, and I-15.6: an order and its replacement never both rest."""
    hand = LiveHand(policy=OneBuy())
    hand.rest()
    play(hand, steps)
    planned = Counter(
        (a["action"] == "CANCEL", a["client_order_id"])
        for a in map(json.loads, hand.said('"kind":"ACTION"', '"status":"PLANNED"'))
        if a["route"] != "" and not a["route"].startswith("CANCEL_REPLACE")
    )
    sent = Counter((isinstance(e, CancelOrder), e.client_order_id) for e in hand.effects)
    assert sent == planned
    assert all(n == 1 for (is_cancel, _), n in sent.items() if not is_cancel)


def test_a_configuration_reads_back_as_it_was() -> None:
    config = a_config((BTC, ETH))
    assert LiveConfig.from_dict(config.to_dict()) == config
    assert evolve(config, armed=False).config_hash != config.config_hash


def test_a_position_taken_over_shows_at_once_as_it_does_after_a_restart() -> None:
    hand = LiveHand(a_config())
    hand.rest()
    hand.feed(
        PositionUpdate(ts=hand.now, symbol=BTC, qty=D(2), entry_price=D(59_000), is_adopted=True)
    )
    loaded = LiveCore.from_state(hand.core.state(), hand.config)
    again = LiveHand(hand.config)
    again.core, again.now = loaded, hand.now
    steps = [one.quote(60_000) for one in (hand, again)]
    live, restarted = ([record.line for record in step.records] for step in steps)
    assert live == restarted
    assert hand.core.last_outputs[BTC].pnl_snapshot.qty == D(2)
    assert hand.core.digest == again.core.digest


def test_orders_of_unknown_outcome_are_counted_where_people_look() -> None:
    hand = LiveHand(a_config())
    hand.start()
    hand.quote(60_000)
    first, *_ = hand.places()
    hand.wrote(first, BlockReason.OUTCOME_UNKNOWN.value)
    (row,) = [one for one in standing_of(hand.core).symbols if one.symbol == BTC]
    assert row.unknown == 1
    hand.update(first, OrderState.OPEN)
    (row,) = [one for one in standing_of(hand.core).symbols if one.symbol == BTC]
    assert row.unknown == 0
