"""LIVE-31, README gap 12: every fault raises its alert, says what is done, and tells its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.redact import Redactor
from grinder_adapters.webhook.records import Alert, AlertKind, AlertStatus, OrderCounts, Severity
from grinder_app.live.alert_facts import facts_of, stuck_facts
from grinder_app.live.alert_words import BY_KIND, KIND_OF, SEVERITY
from grinder_app.live.alerting import (
    FREE_CRITICAL,
    FREE_MIN,
    Alerts,
    Condition,
    disk_facts,
    event_alert,
)
from grinder_app.live.reason_words import BY_REASON, RUNBOOKS
from grinder_core.contracts.control import Command, Control, Timer
from grinder_core.contracts.enums import OrderState, Override
from grinder_core.contracts.event import Payload
from grinder_core.contracts.live import BlockReason, HealthName, OperatingState, StateReason
from grinder_core.engine.orchestrator_triggers import TRIGGERS
from grinder_core.live.core import Step
from grinder_core.risk.loss_streak import LossStreak
from tests.support.live_core import BTC, LiveHand, a_config

D = Decimal
ETH = "ETHUSDT"
GOLDEN = Path(__file__).parent / "golden" / "alert_words.json"
COMMANDS = {
    "grinder live status",
    'grinder control resume --reason "..."',
    "grinder control reset kill-switch",
    "grinder control reset drawdown-guard",
    "grinder control reset loss-streaks",
    "grinder state verify",
    "grinder state adopt-exchange",
    "grinder journal tail",
    "grinder doctor",
}
K, R, S = AlertKind, StateReason, AlertStatus


class Hand(LiveHand):
    """A core whose steps are folded into alerts."""

    def __init__(self, lines: Callable[[], list[str]] = list, **changes: Any) -> None:
        super().__init__(a_config(**changes))
        self.alerts = Alerts(self.core, lines, "a test")
        self.told: list[Alert] = []

    def feed(self, payload: Payload, after_ms: int = 0) -> Step:
        step = super().feed(payload, after_ms)
        self.told += self.alerts.step(self.events[-1], step)
        return step

    def pass_ms(self, milliseconds: int) -> None:
        """Let time pass as in a process, with a market in it."""
        for _ in range(milliseconds // 250):
            for symbol in self.config.whitelist:
                self.quote(60_000, symbol, after_ms=0)
            self.feed(Timer(), 250)

    def order(self, command: Command) -> None:
        self.feed(Control(command=command, actor="test"))

    def drain(self) -> list[Alert]:
        told, self.told = self.told, []
        return told

    def facts(self) -> list[tuple[AlertKind, str, str, AlertStatus]]:
        return [(a.kind, a.reason, a.symbol, a.status) for a in self.drain()]


def a_hand(**changes: Any) -> Hand:
    hand = Hand(**changes)
    hand.start()
    hand.drain()
    return hand


# -- the session -----------------------------------------------------------------------------------


def test_a_start_is_told_once_recovery_is_done() -> None:
    hand = Hand()
    hand.start(recovered=False)
    assert hand.drain() == []
    hand.tell(HealthName.BOOTSTRAP_OK)
    hand.tell(HealthName.BOOTSTRAP_OK)
    [alert] = hand.drain()
    assert (alert.kind, alert.status, alert.severity) == (K.SESSION_STARTED, S.EVENT, Severity.INFO)
    assert alert.detail == "a test"


def test_a_stop_says_what_stays_and_is_a_warning_if_orders_that_add_risk_do() -> None:
    hand = a_hand()
    assert hand.alerts.stopped(hand.now).severity is Severity.INFO
    hand = Hand()
    hand.rest()
    ended = hand.alerts.stopped(hand.now)
    assert (ended.kind, ended.severity) == (K.SESSION_STOPPED, Severity.WARNING)
    assert ended.counts == OrderCounts(still_open=4)
    assert "4 still open" in ended.orders
    failed = hand.alerts.failed("OSError: broken", hand.now)
    assert (failed.kind, failed.severity) == (K.SESSION_FAILED, Severity.CRITICAL)
    assert "OSError: broken" in failed.cause


# -- what an operator must know at once ------------------------------------------------------------


def test_a_kill_switch_is_told_at_once_with_its_cancels_its_reset_and_its_resume() -> None:
    hand = Hand()
    placed = hand.rest()
    hand.drain()
    hand.order(Command.KILL)
    [opened] = hand.drain()
    assert (opened.kind, opened.reason, opened.status) == (K.KILL_SWITCH, "KILL_SWITCH", S.OPEN)
    assert opened.severity is Severity.CRITICAL
    assert opened.cause == (
        "KILL_SWITCH: the kill switch latched for MANUAL; equity 10000 is 0 % below its peak "
        "10000, and the limit is 5 %."
    )
    assert opened.counts == OrderCounts(cancelling=4)
    assert opened.next[1:] == (
        "grinder control reset kill-switch",
        'grinder control resume --reason "..."',
    )
    assert opened.runbook == "docs/how-to/kill-switch.md"
    for each in hand.cancels():
        hand.wrote(each)
    for order in placed[:3]:
        hand.cancelled(order)
    hand.feed(Timer(), 250)
    assert hand.drain() == []  # one is not over yet
    hand.cancelled(placed[3])
    hand.feed(Timer(), 250)
    [updated] = hand.drain()
    assert (updated.status, updated.counts) == (S.UPDATED, OrderCounts(cancelled=4))
    assert "4 cancelled, 0 being cancelled" in updated.orders
    hand.pass_ms(2_000)
    assert hand.drain() == []
    hand.order(Command.RESET_KILL_SWITCH)
    assert hand.facts() == [
        (K.KILL_SWITCH, "KILL_SWITCH", "", S.RESOLVED),
        (K.EMERGENCY, "AWAIT_RESUME", "", S.OPEN),
    ]
    hand.order(Command.RESUME)
    assert hand.facts() == [(K.EMERGENCY, "AWAIT_RESUME", "", S.RESOLVED)]
    assert hand.alerts.still_open(hand.now) == []


def test_the_drawdown_guard_says_how_far_equity_fell_and_what_was_allowed() -> None:
    hand = Hand(engine={"portfolio_dd_limit": "0.01", "max_drawdown_pct": "50"})
    placed = hand.rest()
    hand.drain()
    hand.update(placed[0], OrderState.FILLED, "0.01", "0.01")
    hand.quote(40_000)
    hand.feed(Timer(), 250)
    [alert] = [a for a in hand.drain() if a.kind is K.DRAWDOWN_GUARD]
    assert "DD_PORTFOLIO_BREACH" in alert.cause
    assert "and the limit is 1 %" in alert.cause
    assert alert.severity is Severity.CRITICAL
    hand.order(Command.RESET_DRAWDOWN_GUARD)
    assert (K.DRAWDOWN_GUARD, "DRAWDOWN", "", S.RESOLVED) in hand.facts()


def test_a_daily_loss_is_told_and_ends_with_the_day() -> None:
    hand = Hand(engine={"portfolio_dd_limit": "0.9", "max_drawdown_pct": "90",
                        "daily_loss_limit": "100"})  # fmt: skip
    placed = hand.rest()
    hand.drain()
    hand.update(placed[0], OrderState.FILLED, "0.01", "0.01")
    hand.quote(40_000)
    hand.feed(Timer(), 250)
    [alert] = [a for a in hand.drain() if a.kind is K.DAILY_LOSS]
    assert "and the limit is 100;" in alert.cause
    assert alert.severity is Severity.CRITICAL
    hand.quote(40_000, after_ms=86_400_000)
    hand.feed(Timer(), 250)
    assert (K.DAILY_LOSS, "", "", S.RESOLVED) in hand.facts()


def test_a_losing_streak_is_told_instead_of_the_pause_that_it_imposes() -> None:
    hand = a_hand(engine={"consec_loss_enabled": True, "consec_loss_threshold": 3})
    streaks = hand.core.engine.hot.streaks
    assert streaks is not None
    guard = streaks.guards[BTC] = LossStreak()
    for number in range(3):
        guard.update("loss", f"row{number}", hand.now, threshold=3)
    hand.core.engine.hot.override = Override.PAUSE
    hand.feed(Timer(), 250)
    [alert] = hand.drain()
    assert (alert.kind, alert.severity) == (K.LOSS_STREAK, Severity.CRITICAL)
    assert alert.cause == "LOSS_STREAK: 3 round trips in a row lost, and the limit is 3."
    hand.order(Command.RESET_LOSS_STREAKS)
    assert (K.LOSS_STREAK, "", "", S.RESOLVED) in hand.facts()


@pytest.mark.parametrize(
    ("command", "kind", "reason", "severity"),
    [
        (Command.PAUSE, K.PAUSE, "OPERATOR_PAUSE", Severity.WARNING),
        (Command.EMERGENCY, K.EMERGENCY, "OPERATOR_EMERGENCY", Severity.CRITICAL),
    ],
)
def test_what_an_operator_orders_is_told_at_once_and_its_end_too(
    command: Command, kind: AlertKind, reason: str, severity: Severity
) -> None:
    hand = a_hand()
    hand.order(command)
    [alert] = hand.drain()
    assert (alert.kind, alert.reason, alert.severity) == (kind, reason, severity)
    assert alert.status is S.OPEN
    hand.order(Command.RESUME)
    hand.pass_ms(40_000)
    assert hand.facts()[0] == (kind, reason, "", S.RESOLVED)
    assert hand.alerts.still_open(hand.now) == []


# -- what degrades ---------------------------------------------------------------------------------

HEALTH = [
    (HealthName.FEED_CONNECTED, 0, 1, K.FEED_LOST, "FEED_DISCONNECTED", 5_000),
    (HealthName.USER_STREAM_OK, 0, 1, K.USER_STREAM_DOWN, "USER_STREAM_DOWN", 5_000),
    (HealthName.PLACE_CIRCUIT, 1, 0, K.DEGRADED, "CIRCUIT_OPEN", 5_000),
    (HealthName.CLOCK_SKEW_MS, -2_300, 0, K.CLOCK_SKEW, "CLOCK_SKEW", 5_000),
    (HealthName.RATE_LIMIT_BAN, 1, 0, K.RATE_LIMIT_BAN, "RATE_LIMIT_BAN", 0),
    (HealthName.PERSIST_OK, 0, 1, K.STATE_WRITE_FAILED, "STATE_WRITE_FAILED", 0),
]


@pytest.mark.parametrize(("name", "bad", "good", "kind", "reason", "delay"), HEALTH)
def test_a_fault_that_lasts_is_told_after_its_time_and_its_end_at_once(
    name: HealthName, bad: int, good: int, kind: AlertKind, reason: str, delay: int
) -> None:
    hand = a_hand()
    hand.tell(name, bad)
    begun = hand.now
    hand.pass_ms(10_000)
    [opened] = hand.drain()
    assert (opened.kind, opened.reason, opened.status) == (kind, reason, S.OPEN)
    assert (opened.since_ms, opened.ts_ms) == (begun, begun + delay)
    hand.tell(name, good)
    [ended] = hand.drain()
    assert (ended.kind, ended.reason, ended.status) == (kind, reason, S.RESOLVED)
    assert ended.since_ms == begun
    assert ended.cause == f"{reason} is over after 10 s."


@pytest.mark.parametrize(("name", "bad", "good"), [row[:3] for row in HEALTH if row[-1]], ids=str)
def test_a_fault_that_is_over_before_its_time_is_not_told(
    name: HealthName, bad: int, good: int
) -> None:
    hand = a_hand()
    hand.tell(name, bad)
    hand.pass_ms(4_750)
    hand.tell(name, good)
    hand.pass_ms(10_000)
    assert hand.drain() == []


def test_the_clock_is_told_with_its_value_and_limit() -> None:
    hand = a_hand()
    hand.tell(HealthName.CLOCK_SKEW_MS, -2_300)
    hand.pass_ms(5_000)
    [alert] = hand.drain()
    assert alert.cause == "CLOCK_SKEW: the venue's clock is -2300 ms off ours, and the limit is " \
        "1000 ms."  # fmt: skip
    assert alert.runbook == "docs/how-to/clock-skew.md"


def test_a_silent_market_is_told_of_its_symbol() -> None:
    hand = a_hand(symbols=(BTC, ETH))
    for _ in range(48):
        hand.quote(60_000, ETH, after_ms=0)
        hand.feed(Timer(), 250)
    [alert] = hand.drain()
    assert (alert.kind, alert.symbol, alert.reason) == (K.FEED_LOST, BTC, "FEED_STALE")
    assert "the limit is 5000 ms" in alert.cause
    hand.quote(60_000, BTC)
    hand.feed(Timer(), 250)
    assert hand.facts() == [(K.FEED_LOST, "FEED_STALE", BTC, S.RESOLVED)]


def test_a_comparison_that_is_overdue_is_told() -> None:
    hand = a_hand()
    hand.tell(HealthName.SNAPSHOT_TAKEN)
    hand.pass_ms(130_000)
    assert hand.facts() == [(K.DEGRADED, "SNAPSHOT_STALE", "", S.OPEN)]
    hand.tell(HealthName.SNAPSHOT_TAKEN)
    assert hand.facts() == [(K.DEGRADED, "SNAPSHOT_STALE", "", S.RESOLVED)]


def test_a_dead_man_switch_that_is_not_renewed_is_told_at_once() -> None:
    hand = a_hand()
    hand.core.hot.orchestrator.set_global(dead_man_ok=False)
    hand.feed(Timer(), 250)
    [alert] = hand.drain()
    assert (alert.kind, alert.severity) == (K.DEAD_MAN_FAILED, Severity.CRITICAL)
    hand.core.hot.orchestrator.set_global(dead_man_ok=True)
    hand.feed(Timer(), 250)
    assert hand.facts() == [(K.DEAD_MAN_FAILED, "DEAD_MAN_FAILED", "", S.RESOLVED)]


def test_a_mismatch_is_told_with_what_differs_and_its_end() -> None:
    lines = [f"{BTC}: the venue holds 1, and we believe 0"]
    hand = a_hand(lines=lambda: lines)
    hand.tell(HealthName.UNRECONCILED, 1, BTC)
    hand.pass_ms(5_000)
    [alert] = hand.drain()
    assert (alert.kind, alert.symbol, alert.detail) == (K.MISMATCH, BTC, lines[0])
    assert "1 differences" in alert.cause
    hand.tell(HealthName.UNRECONCILED, 0, BTC)
    assert hand.facts() == [(K.MISMATCH, "STATE_UNRECONCILED", BTC, S.RESOLVED)]


def test_an_unknown_outcome_is_told_after_ten_seconds_once_and_its_end() -> None:
    hand = a_hand()
    hand.quote(60_000)
    first, *others = hand.places()
    for each in others:
        hand.accept(each)
    hand.wrote(first, BlockReason.OUTCOME_UNKNOWN.value)
    begun = hand.now
    hand.pass_ms(10_000)
    assert hand.drain() == []
    hand.tell(HealthName.UNRECONCILED, 1, BTC)  # as reconciliation says of it
    hand.pass_ms(10_000)
    [alert] = hand.drain()
    assert (alert.kind, alert.symbol, alert.status) == (K.UNKNOWN_OUTCOME, BTC, S.OPEN)
    assert alert.ts_ms > begun + 10_000
    assert alert.counts is not None
    assert alert.counts.unknown == 1
    assert alert.runbook == "docs/how-to/unknown-outcome.md"
    hand.update(first, OrderState.OPEN)
    assert (K.UNKNOWN_OUTCOME, "", BTC, S.RESOLVED) in hand.facts()


def test_a_recovery_that_takes_too_long_is_told_and_faults_before_it_are_not() -> None:
    hand = Hand()
    hand.start(recovered=False)
    hand.tell(HealthName.FEED_CONNECTED, 0)
    hand.pass_ms(61_000)
    [alert] = hand.drain()
    assert (alert.kind, alert.reason) == (K.INIT_TIMEOUT, "INIT_TIMEOUT")
    assert alert.cause == "INIT_TIMEOUT: recovery has not finished within 60 s."
    hand.tell(HealthName.FEED_CONNECTED)
    hand.tell(HealthName.BOOTSTRAP_OK)
    told = hand.facts()
    assert (K.INIT_TIMEOUT, "INIT_TIMEOUT", "", S.RESOLVED) in told
    assert (K.SESSION_STARTED, "", "", S.EVENT) in told


def test_a_latch_of_the_process_before_is_told_although_recovery_is_not_done() -> None:
    hand = Hand()
    hand.start(recovered=False)
    hand.order(Command.KILL)
    assert hand.facts() == [(K.KILL_SWITCH, "KILL_SWITCH", "", S.OPEN)]


@pytest.mark.parametrize(
    ("free", "reason", "severity"),
    [
        (FREE_MIN - 1, "DISK_LOW", Severity.WARNING),
        (FREE_CRITICAL - 1, "DISK_NEARLY_FULL", Severity.CRITICAL),
    ],
)
def test_a_disk_that_fills_up_is_told(free: int, reason: str, severity: Severity) -> None:
    hand = a_hand()
    hand.alerts.note_free(FREE_MIN)
    hand.feed(Timer(), 250)
    assert hand.drain() == []
    hand.alerts.note_free(free)
    hand.feed(Timer(), 250)
    [alert] = hand.drain()
    assert (alert.kind, alert.reason, alert.severity) == (K.DISK_LOW, reason, severity)
    assert f"{free // (1 << 20)} MiB" in alert.cause
    hand.alerts.note_free(FREE_MIN)
    hand.feed(Timer(), 250)
    assert hand.facts() == [(K.DISK_LOW, reason, "", S.RESOLVED)]


def test_what_another_cause_masks_is_told_all_the_same() -> None:
    hand = a_hand()
    hand.order(Command.KILL)
    hand.tell(HealthName.FEED_CONNECTED, 0)
    hand.pass_ms(5_000)
    assert [kind for kind, *_ in hand.facts()] == [K.KILL_SWITCH, K.FEED_LOST]
    assert [each.kind for each in hand.alerts.still_open(hand.now)] == [K.FEED_LOST, K.KILL_SWITCH]


moves = st.lists(
    st.one_of(
        st.sampled_from(
            [(row[0], row[1]) for row in HEALTH] + [(row[0], row[2]) for row in HEALTH]
        ),
        st.sampled_from([Command.KILL, Command.PAUSE, Command.RESUME, Command.RESET_KILL_SWITCH]),
        st.integers(1, 40).map(lambda n: n * 250),
    ),
    max_size=25,
)


@given(moves)
def test_every_open_has_one_end_and_what_stands_is_what_the_session_says(story: list[Any]) -> None:
    hand = a_hand()
    standing: set[Condition] = set()
    for move in story:
        if isinstance(move, Command):
            hand.order(move)
        elif isinstance(move, int):
            hand.pass_ms(move)
        else:
            hand.tell(*move)
        for alert in hand.drain():
            condition = Condition(alert.kind, alert.symbol, alert.reason)
            assert alert.next
            assert alert.runbook in RUNBOOKS
            assert "{" not in alert.cause + alert.orders
            if alert.status is S.OPEN:
                assert condition not in standing
                standing.add(condition)
            elif alert.status is S.RESOLVED:
                standing.remove(condition)
            else:
                assert condition in standing
        still_open = hand.alerts.still_open(hand.now)
        assert {Condition(a.kind, a.symbol, a.reason) for a in still_open} == standing
        is_killed = hand.core.engine.hot.kill.active
        assert (Condition(K.KILL_SWITCH, "", "KILL_SWITCH") in standing) is is_killed


def test_folding_again_says_the_same() -> None:
    hand = a_hand()
    hand.order(Command.KILL)
    hand.pass_ms(1_000)
    again = Hand()
    for event in hand.events:
        step = again.core.step(event)
        again.told += again.alerts.step(event, step)
    assert again.drain()[1:] == hand.drain()


# -- the table of words ----------------------------------------------------------------------------


def table() -> dict[str, Any]:
    def row(words: Any) -> dict[str, Any]:
        return {
            "cause": words.cause,
            "next": list(words.next),
            "orders": words.orders,
            "runbook": words.runbook,
        }

    return {
        "kinds": {
            kind.value: {"severity": SEVERITY[kind].value, **row(BY_KIND[kind])} for kind in K
        },
        "reasons": {
            reason.value: {
                "told_as": KIND_OF[reason].value if reason in KIND_OF else None,
                **row(BY_REASON[reason]),
            }
            for reason in R
        },
    }


def test_the_wording_is_the_published_one() -> None:
    """After a wanted change: write ``table()`` there, indented by 2, keys sorted."""
    assert table() == json.loads(GOLDEN.read_text("ascii"))


def test_every_reason_and_every_kind_has_a_cause_orders_commands_and_a_page() -> None:
    assert set(BY_REASON) == set(R)
    assert set(BY_KIND) == set(SEVERITY) == set(K)
    for words in (*BY_REASON.values(), *BY_KIND.values()):
        assert words.cause
        assert words.orders
        assert words.next
        assert set(words.next) <= COMMANDS
        assert words.runbook in RUNBOOKS
    for reason, words in BY_REASON.items():
        assert words.cause.startswith(f"{reason.value}: ")


def test_every_trigger_that_halts_or_degrades_is_told_as_something() -> None:
    for row in TRIGGERS:
        if row.target.rank >= OperatingState.DEGRADED.rank:
            assert row.reason in KIND_OF


def test_every_fact_that_a_cause_names_is_there() -> None:
    hand = Hand()
    known = {
        *facts_of(hand.core, "", 0, ()), *disk_facts("", 0), *stuck_facts(()), "error",
        "pause_by", "emergency_by", "unprotected",
    }  # fmt: skip
    for words in (*BY_REASON.values(), *BY_KIND.values()):
        named = {name for _, name, _, _ in Formatter().parse(words.cause + words.orders) if name}
        assert named <= known


def test_the_words_pass_the_redactor_as_they_are() -> None:
    for words in (*BY_REASON.values(), *BY_KIND.values()):
        for text in (words.cause, words.orders, *words.next, words.runbook):
            assert Redactor().text(text, at_exit=True) == text


def test_an_event_needs_no_session() -> None:
    alert = event_alert(K.TEST, 5)
    assert (alert.status, alert.ts_ms, alert.counts) == (S.EVENT, 5, None)


def test_a_cancel_that_does_not_pass_is_told_after_a_while_and_its_end() -> None:
    hand = Hand()
    placed = hand.rest()
    hand.drain()
    hand.order(Command.PAUSE)
    hand.drain()
    hand.pass_ms(10_000)
    assert hand.drain() == []
    hand.pass_ms(1_000)
    [alert] = hand.drain()
    assert (alert.kind, alert.symbol, alert.status) == (K.CANCEL_STUCK, BTC, S.OPEN)
    assert alert.cause == (
        f"CANCEL_STUCK: {len(placed)} orders that were to be cancelled may still rest and fill, "
        "one for 10 s, and the limit is 10 s."
    )
    assert alert.counts is not None
    assert alert.counts.cancelling == len(placed)
    for effect in placed:
        hand.cancelled(effect)
    assert (K.CANCEL_STUCK, "", BTC, S.RESOLVED) in hand.facts()
    hand.pass_ms(20_000)
    assert K.CANCEL_STUCK not in {kind for kind, _, _, _ in hand.facts()}


def test_cancels_that_wait_for_recovery_are_no_alert_of_their_own() -> None:
    hand = Hand()
    hand.rest()
    hand.order(Command.PAUSE)
    hand.start(recovered=False)
    hand.drain()
    hand.pass_ms(30_000)
    assert K.CANCEL_STUCK not in {kind for kind, _, _, _ in hand.facts()}


@pytest.mark.parametrize("command", [Command.PAUSE, Command.EMERGENCY])
def test_who_ordered_a_halt_is_told_with_the_words_for_it(command: Command) -> None:
    hand = a_hand()
    hand.feed(Control(command=command, actor="control file", text="cannot be understood: x"))
    [alert] = hand.drain()
    assert alert.cause == (
        f"OPERATOR_{command.value}: control file (cannot be understood: x) ordered "
        f"{command.value}; it lasts until somebody resumes."
    )


def test_why_a_countdown_does_not_run_is_told() -> None:
    hand = Hand()
    hand.alerts = Alerts(hand.core, unprotected=lambda symbol: f"{symbol} has orders of others")
    hand.start()
    hand.drain()
    hand.tell(HealthName.DEAD_MAN_OK, 0, BTC)
    [alert] = hand.drain()
    assert alert.kind is K.DEAD_MAN_FAILED
    assert alert.cause.endswith(f"is not kept running: {BTC} has orders of others.")
