"""CORE-27..30, 41: where the guards stand in a turn, and what they take out of the market."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.control import Command
from grinder_core.contracts.effects import PlaceOrder
from grinder_core.contracts.enums import (
    FillMode,
    FundingSource,
    GuardReason,
    GuardState,
    KillReason,
    Liquidity,
    Override,
)
from grinder_core.contracts.event import Event
from grinder_core.contracts.limits import LeverageBracket
from grinder_core.contracts.market import Funding
from grinder_core.engine.config import EngineConfig
from tests.support.factories import SYMBOL, Wire, a_plan, mid_quote, quote, roomy
from tests.support.strategies import SYMBOLS, quotes
from tests.support.wiring import Scripted, cancelled, command, fed, kinds, reason_of, resting

D = Decimal
OTHER = "BBBUSDT"


def guarded(**changes: Any) -> EngineConfig:
    return roomy(**{"dd_guard_v1_enabled": True, "levels": 1, **changes})


def state_of(wire: Wire) -> GuardState:
    assert wire.engine.hot.guard is not None
    return wire.engine.hot.guard.state


# -- drawdown guard v1: the spec's example -----------------------------------------------------


def test_worked_example_core_28_c() -> None:
    """BTCUSDT loses its budget of 1000: entries on ETHUSDT are refused."""
    budgets = {"BTCUSDT": D(1000)}
    wire = Wire(guarded(initial_capital=D(100_000), symbol_dd_budgets=budgets))
    fed(wire, mid_quote(0, "50000", "BTCUSDT"), mid_quote(1, "49950", "BTCUSDT"))
    fed(wire, mid_quote(2, "48950.01", "BTCUSDT"))
    assert state_of(wire) is GuardState.NORMAL
    fed(wire, mid_quote(3, "48950", "BTCUSDT"))
    output = fed(wire, mid_quote(4, "3000", "ETHUSDT"))
    assert wire.engine.hot.guard is not None
    assert wire.engine.hot.guard.reason is GuardReason.DD_SYMBOL_BREACH
    assert (reason_of(output), output.blocked_by_dd_guard_v1) == ("PASS", True)
    assert output.plan is not None  # stays visible
    assert (output.actions, resting(wire, "ETHUSDT")) == ((), [])


@pytest.mark.parametrize(
    ("mid", "equity", "state"),
    [("29950.01", "80000.01", GuardState.NORMAL), ("29950", "80000", GuardState.DRAWDOWN)],
)
def test_worked_example_core_28_d(mid: str, equity: str, state: GuardState) -> None:
    wire = Wire(guarded(initial_capital=D(100_000)))
    fed(wire, mid_quote(0, "50000"), mid_quote(1, "49950"))
    output = fed(wire, mid_quote(2, mid))
    assert (output.equity, state_of(wire)) == (D(equity), state)
    assert output.blocked_by_dd_guard_v1 is (state is GuardState.DRAWDOWN)


# -- what it takes out -------------------------------------------------------------------------


def with_exits_and_entries(**changes: Any) -> Wire:
    """Long 1 with three take-profits of 1 on AAA, entries on both symbols, about to lose."""
    wire = Wire(
        guarded(
            levels=2, cycle_enabled=True, cycle_execution_enabled=True, fill_after_ticks=4,
            symbol_dd_budgets={SYMBOL: D(9)}, **changes,
        )
    )  # fmt: skip
    fed(wire, mid_quote(0, "100", OTHER))
    fed(wire, *(mid_quote(ts, "100") for ts in (0, 1_000, 2_000, 3_000)))
    fed(wire, mid_quote(4_000, "99.8"))  # both BUYs fill, their take-profits rest
    fed(wire, mid_quote(5_000, "100.1"))  # so does a SELL: one exit more than there is to sell
    exits = [(price, qty) for side, price, qty, flag in resting(wire) if flag and side == "SELL"]
    assert exits == [(D("99.9999"), 1), (D("99.8998"), 1), (D("100.2001"), 1)]
    assert wire.engine.hot.symbols[SYMBOL].ledger.qty == 1
    return wire


def test_entering_cancels_at_once_on_all_symbols_what_could_grow_a_position() -> None:
    wire = with_exits_and_entries()
    growing = [o.order_id for o in wire.venue.books[SYMBOL].orders.values()]
    output = fed(wire, mid_quote(6_000, "90"))
    assert state_of(wire) is GuardState.DRAWDOWN
    assert resting(wire) == [("SELL", D("99.8998"), 1, True)]  # the best price, and no more
    assert resting(wire, OTHER) == []
    assert (output.symbol, output.blocked_by_dd_guard_v1) == (SYMBOL, True)
    assert kinds(output) == ["CANCEL"] * len(output.actions)
    assert {a.reason for a in output.actions} == {"DD_GUARD"}
    told = cancelled(output)
    assert told == sorted(told)
    assert [symbol for symbol, _ in told] == [SYMBOL] * (len(growing) - 1) + [OTHER] * 4


def test_a_refused_plan_places_nothing_and_takes_out_exits_that_grew_too_many() -> None:
    """A cancel under way loses against a fill: what was an exit would open a short now."""
    wire = with_exits_and_entries(cancel_latency_ms=60_000)
    fed(wire, mid_quote(6_000, "90"))
    assert ("SELL", D("99.8998"), 1, True) in resting(wire)
    last_exit = next(
        o.order_id for o in wire.venue.books[SYMBOL].orders.values() if o.price == D("99.8998")
    )
    output = fed(wire, mid_quote(7_000, "100.2"))  # the second SELL of the grid fills
    assert [f.price for f in output.fills] == [D("100.2")]
    assert (output.pnl_snapshot.qty, output.blocked_by_dd_guard_v1) == (0, True)
    assert cancelled(output) == [(SYMBOL, last_exit)]
    other = fed(wire, mid_quote(7_000, "100", OTHER))
    assert (other.blocked_by_dd_guard_v1, other.actions) == (True, ())
    assert wire.engine.hot.stats.blocked_by_dd_guard_v1 == 3
    assert wire.engine.hot.stats.orders_blocked == 12


def test_a_breach_at_the_end_of_a_turn_cancels_in_that_turn() -> None:
    """Fees of immediate fills are the loss; nobody waits for the next quote."""
    config = guarded(
        fill_mode=FillMode.TOUCH, taker_fee_bps_x100=100_000, portfolio_dd_limit=D("0.0015")
    )
    wire = Wire(config)
    fed(wire, mid_quote(0, "100", OTHER))
    assert len(resting(wire, OTHER)) == 2
    output = fed(wire, quote(1, "99.8", "100.2"))
    assert len(output.fills) == 2
    assert state_of(wire) is GuardState.DRAWDOWN
    assert kinds(output) == ["PLACE", "PLACE", "CANCEL", "CANCEL"]
    assert resting(wire, OTHER) == []


def test_plans_that_only_reduce_pass() -> None:
    exits = a_plan(reduce_only=True)
    wire = Wire(guarded(symbol_dd_budgets={SYMBOL: D(1)}), Scripted(a_plan(), a_plan(), exits))
    output = fed(wire, mid_quote(0, "100"), mid_quote(1, "99.8"), mid_quote(2, "99"))
    assert state_of(wire) is GuardState.DRAWDOWN
    assert not output.blocked_by_dd_guard_v1
    assert [(side, flag) for side, _, _, flag in resting(wire)] == [("SELL", True)] * 2


def test_a_reset_counts_losses_from_here_on() -> None:
    wire = Wire(guarded(portfolio_dd_limit=D("0.001")))  # 10 of 10000
    output = fed(wire, mid_quote(0, "100"), mid_quote(1, "99.9"), mid_quote(2, "89.9"))
    assert output.blocked_by_dd_guard_v1
    fed(wire, command(3, Command.RESET_DRAWDOWN_GUARD))
    assert state_of(wire) is GuardState.NORMAL
    output = fed(wire, mid_quote(4, "89.9"))
    assert (output.blocked_by_dd_guard_v1, kinds(output)) == (False, ["PLACE"])
    output = fed(wire, mid_quote(5, "79.92"))  # 0.1 % of what is left, 9990, are 9.99
    assert not output.blocked_by_dd_guard_v1
    output = fed(wire, mid_quote(6, "79.91"))
    assert output.blocked_by_dd_guard_v1
    assert resting(wire) == []


def test_it_watches_while_the_kill_switch_is_active_and_stays_after_its_reset() -> None:
    wire = Wire(guarded(symbol_dd_budgets={SYMBOL: D(5)}))
    fed(wire, mid_quote(0, "100"), mid_quote(1, "99.9"), command(2, Command.KILL))
    output = fed(wire, mid_quote(3, "94.9"))
    assert (reason_of(output), output.blocked_by_dd_guard_v1) == ("KILL_SWITCH_ACTIVE", False)
    assert state_of(wire) is GuardState.DRAWDOWN
    fed(wire, command(4, Command.RESET_KILL_SWITCH))
    output = fed(wire, mid_quote(5, "94.9"))
    assert (reason_of(output), output.blocked_by_dd_guard_v1) == ("PASS", True)


@settings(max_examples=25)
@given(quotes(symbols=SYMBOLS[:2], max_size=25), st.booleans(), st.integers(0, 1))
def test_in_drawdown_nothing_that_adds_risk_is_placed_or_rests(
    events: list[Event], executes: bool, delay: int
) -> None:
    config = guarded(
        levels=2, portfolio_dd_limit=D("0.00003"), fill_after_ticks=delay,
        cycle_enabled=True, cycle_execution_enabled=executes, maker_fee_bps_x100=200,
    )  # fmt: skip
    wire = Wire(config)
    for event in events:
        held, count = state_of(wire) is GuardState.DRAWDOWN, len(wire.effects)
        wire.feed(event)
        if held:
            new = [e for e in wire.effects[count:] if isinstance(e, PlaceOrder)]
            assert all(e.intent.reduce_only for e in new)
        if state_of(wire) is GuardState.DRAWDOWN:
            for symbol in wire.venue.books:
                assert all(flag for *_, flag in resting(wire, symbol))


# -- losing streaks ----------------------------------------------------------------------------


def test_a_losing_streak_pauses_until_it_is_reset_and_somebody_resumes() -> None:
    wire = Wire(roomy(levels=1, recenter_bps=50, consec_loss_enabled=True, consec_loss_threshold=1))
    fed(wire, mid_quote(0, "100"), mid_quote(1, "99.9"), mid_quote(2, "99"))
    output = fed(wire, mid_quote(3, "99.1"))  # bought at 99.9, sold at 99.099
    assert wire.engine.hot.override is Override.PAUSE
    assert output.plan is not None
    assert output.plan.reason_codes == ("OPERATOR_PAUSE",)
    assert kinds(output) == ["CANCEL"]
    assert resting(wire) == []
    fed(wire, command(4, Command.RESUME))
    assert wire.engine.hot.override is Override.PAUSE  # still tripped
    fed(wire, command(5, Command.EMERGENCY), command(5, Command.RESUME))
    assert wire.engine.hot.override is Override.PAUSE
    fed(wire, command(6, Command.RESET_LOSS_STREAKS))
    assert wire.engine.hot.override is Override.PAUSE  # resuming is a human decision
    fed(wire, command(7, Command.RESUME))
    assert wire.engine.hot.override is None
    assert kinds(fed(wire, mid_quote(8, "99.1"))) == ["PLACE", "PLACE"]


# -- flatten -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mid", "bid", "ask", "side", "price", "fee"),
    [
        ("99.9", "99.99", "100", "SELL", "99.920007", "0.04996001"),
        ("100.1", "99.99", "100", "BUY", "100.07", "0.050035"),
    ],
)
@pytest.mark.parametrize("killed", [False, True])
def test_flatten_cancels_and_closes_at_the_far_quote_after_slippage_and_fee(
    mid: str, bid: str, ask: str, side: str, price: str, fee: str, killed: bool
) -> None:
    wire = Wire(roomy(levels=1, market_slippage_bps=7, taker_fee_bps_x100=500))
    fed(wire, mid_quote(0, "100"), mid_quote(1, mid), quote(2, bid, ask))
    if killed:
        fed(wire, command(3, Command.KILL))
    fed(wire, command(4, Command.FLATTEN, SYMBOL))
    assert resting(wire) == []
    assert wire.venue.books[SYMBOL].position == 0
    output = fed(wire, quote(5, bid, ask))
    (fill,) = output.fills
    assert (fill.side.value, fill.price, fill.fee) == (side, D(price), D(fee))
    assert fill.liquidity is Liquidity.TAKER
    assert {a.reason for a in output.actions if a.reason != "GRID_LEVEL"} == {
        "KILL_SWITCH" if killed else "FLATTEN"
    }
    assert reason_of(output) == ("KILL_SWITCH_ACTIVE" if killed else "PASS")


def test_flattening_what_is_flat_only_cancels() -> None:
    wire = Wire(roomy(levels=1))
    fed(wire, mid_quote(0, "100"), command(1, Command.FLATTEN, SYMBOL))
    assert resting(wire) == []
    assert not fed(wire, mid_quote(2, "100")).fills


# -- liquidation and funding -------------------------------------------------------------------


def test_a_liquidation_trips_the_kill_switch_and_takes_out_what_was_under_way() -> None:
    bracket = LeverageBracket(
        notional_floor=D(0), notional_cap=D(10**9), maint_margin_ratio=D("0.5"), cum=D(0),
        max_leverage=2,
    )  # fmt: skip
    config = roomy(
        levels=1, size_per_level=D(20), initial_capital=D(1000), recenter_bps=5,
        liquidation_enabled=True, leverage_brackets={SYMBOL: (bracket,)},
        order_latency_ms=300, cancel_latency_ms=300,
    )  # fmt: skip
    wire = Wire(config)
    fed(wire, mid_quote(0, "100"), mid_quote(1000, "99.9"))  # buys; a new grid is under way
    output = fed(wire, mid_quote(1100, "70"))
    assert wire.engine.hot.kill.reason is KillReason.ERROR
    assert wire.engine.hot.kill.trips == {"ERROR": 1}
    assert (reason_of(output), output.kill_switch_triggered) == ("KILL_SWITCH_ACTIVE", True)
    assert [a.reason for a in output.actions] == ["KILL_SWITCH"] * 2
    assert [f.side.value for f in output.fills] == ["SELL"]
    fed(wire, mid_quote(2000, "70"))  # no cancel was in time for the BUY, that for the SELL was
    assert resting(wire) == []
    assert not fed(wire, mid_quote(3000, "120")).fills


def test_what_funding_takes_is_lost_at_the_next_quote_and_counts_for_the_guard() -> None:
    config = guarded(funding_source=FundingSource.DATA, portfolio_dd_limit=D("0.004"))
    wire = Wire(config)
    fed(wire, mid_quote(0, "100"), mid_quote(1, "99.9"), mid_quote(2, "100"), mid_quote(3, "100"))
    received = Funding(ts=4, symbol=SYMBOL, rate=D("-0.1"))
    output = fed(wire, Event(4, received), mid_quote(5, "100"))
    assert output.equity == D("10010.1")
    assert not output.blocked_by_dd_guard_v1
    paid = evolve(received, ts=6, rate=D("0.6"))
    output = fed(wire, Event(6, paid), mid_quote(7, "100"))
    assert output.equity == D("9950.1")
    assert output.blocked_by_dd_guard_v1
    assert [p.amount for p in output.funding] == [D(60)]
