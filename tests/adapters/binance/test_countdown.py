"""The dead-man switch is armed only where it hits nobody else, and renewed in time (LIVE-11)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import Factory, define
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.countdown import Countdown, read_countdown
from grinder_core.contracts.enums import RiskIntent
from grinder_core.errors import (
    ConnectorError,
    ConnectorNonRetryableError,
    ConnectorTimeoutError,
    ConnectorTransientError,
    ContractError,
    RateLimitError,
)
from grinder_core.resilience.breaker_settings import CircuitState, Operation
from grinder_core.resilience.budget import BudgetWindow
from tests.support.binance_port import AN_ID, Desk, a_desk, a_permission, at_desk
from tests.support.scripted_venue import Fault, ScriptedVenue, refusal
from tests.support.virtual_time import VirtualClock, run

SYMBOL = "BTCUSDT"
LOST = Fault(loses=True)


def sent(desk: Desk) -> list[tuple[str, str]]:
    """Every countdown that left: symbol and milliseconds."""
    asked = [s.parameters for s in desk.venue.sent("POST", "countdownCancelAll")]
    return [(p["symbol"], p["countdownTime"]) for p in asked]


def test_a_countdown_is_set_and_confirmed() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        armed = await desk.port.arm_countdown(SYMBOL, 120_000)
        assert armed == Countdown(symbol=SYMBOL, countdown_ms=120_000)
        names = set(desk.venue.requests[-1].parameters)
        assert names == {"symbol", "countdownTime", "recvWindow", "timestamp", "signature"}
        assert sent(desk) == [(SYMBOL, "120000")]
        assert desk.witness.asked == [(RiskIntent.CANCEL, SYMBOL)]

    at_desk(scene)


# -- orders of others ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["normal", "conditional"])
def test_a_symbol_with_a_foreign_order_is_not_armed(kind: str) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        if kind == "normal":
            desk.venue.rest("web_1")
        else:
            desk.venue.conditionals["web_1"] = {**A_CONDITIONAL, "clientAlgoId": "web_1"}
        with pytest.raises(ConnectorNonRetryableError, match=r"web_1.*1 of the orders.*; cancel"):
            await desk.port.arm_countdown(SYMBOL, 120_000)
        assert sent(desk) == []
        await desk.port.arm_countdown("ETHUSDT", 120_000)
        await desk.port.arm_countdown(SYMBOL, 0)  # disarming harms nobody
        assert sent(desk) == [("ETHUSDT", "120000"), (SYMBOL, "0")]

    at_desk(scene)


A_CONDITIONAL = {
    "algoId": 9,
    "clientAlgoId": AN_ID,
    "orderType": "STOP_MARKET",
    "symbol": SYMBOL,
    "side": "SELL",
    "quantity": "1",
    "algoStatus": "NEW",
    "triggerPrice": "90",
    "closePosition": False,
    "reduceOnly": False,
    "updateTime": 1,
}


def test_who_says_that_the_account_is_dedicated_is_not_asked_again() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest("web_1")
        await desk.port.arm_countdown(SYMBOL, 120_000)
        assert desk.venue.sent("GET", "openOrders") == []
        assert sent(desk) == [(SYMBOL, "120000")]

    at_desk(scene, dedicated_account=True)


def test_an_armed_symbol_is_renewed_without_looking_and_a_lapsed_one_is_looked_at_again() -> None:
    async def scene(desk: Desk) -> None:
        await desk.port.arm_countdown(SYMBOL, 120_000)
        desk.venue.rest("web_1")
        for _ in range(3):
            await asyncio.sleep(119.9)
            await desk.port.arm_countdown(SYMBOL, 120_000)
        assert len(desk.venue.sent("GET", "openOrders")) == 1
        await asyncio.sleep(120)
        with pytest.raises(ConnectorNonRetryableError, match="not ours to cancel"):
            await desk.port.arm_countdown(SYMBOL, 120_000)

    at_desk(scene)


def test_a_disarmed_symbol_is_looked_at_again() -> None:
    async def scene(desk: Desk) -> None:
        await desk.port.arm_countdown(SYMBOL, 120_000)
        await desk.port.arm_countdown(SYMBOL, 0)
        desk.venue.rest("web_1")
        with pytest.raises(ConnectorNonRetryableError, match="not ours to cancel"):
            await desk.port.arm_countdown(SYMBOL, 120_000)

    at_desk(scene)


@define(eq=False)
class Timekeeper(ScriptedVenue):
    """Notes, for each countdown it is given, whether it began one over the head of somebody."""

    harmed: list[bool] = Factory(list)

    def _post_countdownCancelAll(self, p: Mapping[str, str]) -> tuple[int, Any]:  # noqa: N802
        runs = self.now() < self.countdowns.get(p["symbol"], 0)
        foreign = [
            order
            for order in (states[-1][1] for states in self.history.values())
            if order["symbol"] == p["symbol"] and order["status"] == "NEW"
        ]
        self.harmed.append(p["countdownTime"] != "0" and bool(foreign) and not runs)
        return ScriptedVenue._post_countdownCancelAll(self, p)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("arm"), st.sampled_from([0, 1_000, 30_000, 120_000])),
        st.tuples(st.just("wait"), st.sampled_from([500, 1_000, 29_900, 31_000, 121_000])),
        st.tuples(st.sampled_from(["foreign", "gone", "lost", "never", "broken"]), st.just(0)),
    ),
    max_size=14,
)


@given(ACTIONS)
def test_whatever_happens_no_countdown_begins_over_an_order_of_somebody_else(
    actions: list[tuple[str, int]],
) -> None:
    clock = VirtualClock()
    venue = Timekeeper(clock)
    faults = {"lost": LOST, "never": Fault(arrives=False), "broken": Fault(breaks=True)}

    async def play() -> None:
        desk = a_desk(clock, venue=venue)
        await desk.client.venue_clock.sync()
        await asyncio.sleep(61)
        desk.guard.arm(a_permission())
        for number, (what, amount) in enumerate(actions):
            if what == "arm":
                try:
                    await desk.port.arm_countdown(SYMBOL, amount)
                except ConnectorError:
                    pass
                else:
                    wanted = venue.now() + amount
                    assert wanted - 20_000 <= venue.countdowns[SYMBOL] <= wanted
                await asyncio.sleep(70)  # breakers close
            elif what == "wait":
                await asyncio.sleep(amount / 1000)
            elif what == "foreign":
                venue.rest(f"web_{number}")
            elif what == "gone":
                for name in venue.history:
                    venue.change(name, status="CANCELED")
            else:
                venue.faults.append(faults[what])

    run(play(), clock)
    assert not any(venue.harmed)


# -- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [LOST, Fault(breaks=True), Fault(is_made=False), refusal(503, None), refusal(400, -1007)],
)
def test_a_passing_failure_is_tried_again_at_once_for_it_is_harmless_twice(fault: Fault) -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(fault)
        armed = await desk.port.arm_countdown(SYMBOL, 120_000)
        assert armed.countdown_ms == 120_000
        assert desk.venue.sent("GET", "order") == []
        assert desk.writer.store.entries == {}

    at_desk(scene)


def test_a_call_without_an_answer_arms_nothing_that_we_count_on() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.extend([LOST] * 3)
        with pytest.raises(ConnectorTimeoutError):
            await desk.port.arm_countdown(SYMBOL, 120_000)
        await desk.port.arm_countdown(SYMBOL, 120_000)
        assert len(desk.venue.sent("GET", "openOrders")) == 2

    at_desk(scene)


def test_a_disarming_without_an_answer_leaves_nothing_armed_that_we_count_on() -> None:
    async def scene(desk: Desk) -> None:
        await desk.port.arm_countdown(SYMBOL, 120_000)
        desk.venue.faults.extend([LOST] * 3)
        with pytest.raises(ConnectorTimeoutError):
            await desk.port.arm_countdown(SYMBOL, 0)
        desk.venue.rest("web_1")
        with pytest.raises(ConnectorNonRetryableError, match="not ours to cancel"):
            await desk.port.arm_countdown(SYMBOL, 120_000)

    at_desk(scene)


def test_a_renewal_without_an_answer_keeps_what_runs_surely() -> None:
    async def scene(desk: Desk) -> None:
        await desk.port.arm_countdown(SYMBOL, 120_000)
        desk.venue.faults.extend([Fault(arrives=False)] * 3)
        with pytest.raises(ConnectorTimeoutError):
            await desk.port.arm_countdown(SYMBOL, 120_000)
        desk.venue.rest("web_1")
        await desk.port.arm_countdown(SYMBOL, 120_000)
        assert len(desk.venue.sent("GET", "openOrders")) == 1

    at_desk(scene)


def test_a_refusal_is_final_and_named() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.faults.append(refusal(400, -1121))
        with pytest.raises(ConnectorNonRetryableError, match="countdown failed with HTTP 400"):
            await desk.port.arm_countdown("XRPUSDT", 120_000)
        assert len(sent(desk)) == 1

    at_desk(scene)


def test_failing_renewals_hinder_no_cancel() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest(AN_ID)
        desk.venue.faults.extend([refusal(503, None)] * 6)
        for _ in range(2):
            with pytest.raises(ConnectorError):
                await desk.port.arm_countdown(SYMBOL, 120_000)
        now = desk.client.now()
        assert desk.client.breaker.state(Operation.LISTEN_KEY, now) is CircuitState.OPEN
        assert desk.client.breaker.state(Operation.CANCEL, now) is CircuitState.CLOSED
        assert desk.client.breaker.state(Operation.CONNECT, now) is CircuitState.CLOSED

    at_desk(scene)


@pytest.mark.parametrize("body", ["{}", "[]", "x", '{"symbol":"BTCUSDT","countdownTime":"-1"}'])
def test_an_answer_that_confirms_nothing_is_none(body: str) -> None:
    with pytest.raises(ConnectorError, match="countdown"):
        read_countdown(body.encode())


@pytest.mark.parametrize("changes", [{"symbol": "ETHUSDT"}, {"countdownTime": "60000"}])
def test_an_answer_about_another_countdown_confirms_nothing(changes: dict[str, str]) -> None:
    async def scene(desk: Desk) -> None:
        body = {"symbol": SYMBOL, "countdownTime": "120000", **changes}
        desk.venue.answers["POST countdownCancelAll"] = json.dumps(body)
        with pytest.raises(ConnectorTransientError):
            await desk.port.arm_countdown(SYMBOL, 120_000)
        assert not desk.port._switch.is_armed(SYMBOL)

    at_desk(scene)


# -- budget, guards, fields ---------------------------------------------------------------------


def test_renewals_use_what_is_kept_for_cancels_and_new_risk_may_not() -> None:
    async def scene(desk: Desk) -> None:
        budget, now = desk.client.budget, desk.client.now()
        hard = budget.settings.own_limit(BudgetWindow.WEIGHT_1M, 90)
        await desk.port.arm_countdown(SYMBOL, 120_000)
        desk.venue.used_weight = hard - 10
        budget.observe(BudgetWindow.WEIGHT_1M, hard - 10, now)
        await desk.port.arm_countdown(SYMBOL, 120_000)  # weight 10
        with pytest.raises(RateLimitError, match="HARD_LIMIT"):
            await desk.port.arm_countdown(SYMBOL, 120_000)

    at_desk(scene)


def test_who_may_not_write_asks_for_nothing() -> None:
    async def scene(desk: Desk) -> None:
        desk.guard.disarm()
        count = len(desk.venue.requests)
        for countdown_ms in (120_000, 0):
            with pytest.raises(ConnectorNonRetryableError, match="not permitted"):
                await desk.port.arm_countdown(SYMBOL, countdown_ms)
        assert len(desk.venue.requests) == count

    at_desk(scene)


def test_a_standby_neither_arms_nor_disarms() -> None:
    async def scene(desk: Desk) -> None:
        desk.witness.reason = "STANDBY"
        for countdown_ms in (120_000, 0):
            with pytest.raises(ConnectorNonRetryableError, match="STANDBY"):
                await desk.port.arm_countdown(SYMBOL, countdown_ms)
        assert sent(desk) == []

    at_desk(scene)


@pytest.mark.parametrize(("symbol", "ms"), [("btc", 1), (SYMBOL, -1), (SYMBOL, True)])
def test_a_wrong_field_is_refused(symbol: str, ms: int) -> None:
    async def scene(desk: Desk) -> None:
        with pytest.raises(ContractError):
            await desk.port.arm_countdown(symbol, ms)

    at_desk(scene)


def test_a_dry_run_confirms_and_calls_nobody() -> None:
    async def scene(desk: Desk) -> None:
        desk.venue.rest("web_1")
        count = len(desk.venue.requests)
        armed = await desk.port.arm_countdown(SYMBOL, 120_000)
        assert armed == Countdown(symbol=SYMBOL, countdown_ms=120_000)
        assert len(desk.venue.requests) == count

    at_desk(scene, dry_run=True)
