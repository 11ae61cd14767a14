"""CORE-11, 41: one turn of the engine, step by step, through a session."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.control import Command, Control, Health, Selection, Timer
from grinder_core.contracts.effects import CancelOrder, PlaceOrder
from grinder_core.contracts.enums import (
    ActionType,
    ExecutionEventType,
    GateName,
    GateReason,
    KillReason,
    SelectionSource,
    Side,
)
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Funding, L2Snapshot, MarketStats, Snapshot
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.contracts.plan import GridPlan, paused
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import canonical
from grinder_core.risk.equity import DAY_MS
from grinder_core.session.result import run
from grinder_core.session.session import Session
from tests.support.factories import (
    SYMBOL,
    Wire,
    a_plan,
    merged,
    mid_quote,
    play,
    quote,
    roomy,
    walk,
)
from tests.support.strategies import SYMBOLS, quotes

D = Decimal


def reason_of(output: PaperOutput) -> str | None:
    """The reason of the planning gates, or None where they were not reached."""
    return None if output.gating_result is None else output.gating_result.reason.value


def kinds(output: PaperOutput) -> list[str]:
    return [action.action.value for action in output.actions]


class Scripted:
    """A policy that returns what the test put in; the last plan stays."""

    name = "scripted"

    def __init__(self, *plans: GridPlan) -> None:
        self.plans = list(plans)

    def plan(self, context: PolicyContext) -> GridPlan:
        plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        return evolve(plan, center_price=context.snapshot.mid_price)


# -- the worked example ------------------------------------------------------------------------


def test_worked_example_core_41() -> None:
    """BUY 100 @0.998 rests; the next mid 0.997 fills it in phase A, then SPREAD_SPIKE blocks."""
    config = EngineConfig.flat(spacing_bps=20, levels=1, size_per_level=D(100))
    first, second = play([mid_quote(0, "1"), quote(1000, "0.994", "1")], config)
    assert [(a.side, a.price) for a in first.actions] == [
        (Side.BUY, D("0.998")),
        (Side.SELL, D("1.002")),
    ]
    assert reason_of(second) == "SPREAD_SPIKE"
    assert second.blocked_by_gating
    assert second.actions == ()
    assert [(f.price, f.qty, f.liquidity.value) for f in second.fills] == [
        (D("0.998"), 100, "MAKER")
    ]
    assert second.pnl_snapshot.unrealized_pnl == D("-0.1")


def test_the_default_settings_block_large_prices_by_notional() -> None:
    """CORE-13: 5 levels of 100 units at 50000 are 50000000."""
    (output,) = play([mid_quote(0, "50000")])
    assert reason_of(output) == "NOTIONAL_LIMIT"
    assert output.gating_result is not None
    assert output.gating_result.details == {
        "scope": "symbol",
        "notional": "50000000",
        "limit": "5000",
    }
    assert output.plan is not None  # stays visible


def test_a_quote_that_repeats_a_blocked_one_is_blocked_too() -> None:
    """No turn may be answered from what held at another price."""
    calm = [mid_quote(0, "1"), mid_quote(1000, "1.0001"), mid_quote(1500, "1.0001")]
    toxic = [quote(2000, "0.996", "1.004"), quote(3000, "0.996", "1.004")]
    outputs = play([*calm, *toxic], EngineConfig.flat())
    assert [reason_of(o) for o in outputs] == ["PASS", "PASS", "PASS"] + ["SPREAD_SPIKE"] * 2
    assert outputs[-1].plan is not None
    assert outputs[-1].plan.center_price == 1


@pytest.mark.parametrize(
    ("bid", "ask", "reason"),
    [("0.985", "1.015", "SPREAD_TOO_HIGH"), ("0.9", "0.9", "PRICE_IMPACT_HIGH")],
)
def test_a_repeated_refusal_is_repeated_in_full(bid: str, ask: str, reason: str) -> None:
    calm = [mid_quote(0, "1"), mid_quote(1, "1.0001"), mid_quote(2, "1.0001")]
    outputs = play([*calm, quote(3, bid, ask), quote(4, bid, ask)], EngineConfig.flat())
    for output in outputs[-2:]:
        assert reason in {reason_of(output), output.prefilter_result.reason.value}
        assert output.actions == ()


# -- one output per snapshot -------------------------------------------------------------------

tight = st.builds(
    roomy,
    max_notional_per_symbol=st.sampled_from((D(10**9), D(10**9), D(620), D(10))),
    max_notional_total=st.sampled_from((D(10**9), D(10**9), D(1300), D(700))),
    max_orders_per_minute=st.sampled_from((10**6, 10**6, 7, 1)),
    cooldown_ms=st.sampled_from((0, 100, 1_000)),
    max_spread_bps=st.sampled_from((5_000, 50, 5)),
    max_price_impact_bps=st.sampled_from((9_000, 500, 10)),
    prefilter_spread_max_bps=st.sampled_from((60, 5_000)),
    daily_loss_limit=st.sampled_from((D(10**9), D(10**9), D("0.01"))),
    max_drawdown_pct=st.sampled_from((D("0.005"), D(100))),
    kill_switch_enabled=st.booleans(),
    recenter_bps=st.sampled_from((0, 10, 30)),
    fill_after_ticks=st.integers(0, 2),
    maker_fee_bps_x100=st.sampled_from((0, 200)),
)


@given(quotes(symbols=SYMBOLS), tight)
def test_one_output_per_snapshot_in_order(events: list[Event], config: EngineConfig) -> None:
    outputs = play(events, config)
    assert [(o.ts, o.symbol, o.seq) for o in outputs] == [
        (e.payload.ts, e.payload.symbol, e.seq)  # type: ignore[union-attr]
        for e in events
    ]
    for output, event in zip(outputs, events, strict=True):
        assert isinstance(event.payload, Snapshot)
        assert output.pnl_snapshot.mark_price == event.payload.mid_price


@given(quotes(symbols=SYMBOLS), tight)
def test_a_session_and_a_wire_joined_by_hand_agree(
    events: list[Event], config: EngineConfig
) -> None:
    wire = Wire(config)
    for event in events:
        wire.feed(event)
    assert wire.outputs == play(events, config)


@given(quotes(symbols=SYMBOLS, max_size=40), tight)
def test_exactly_one_blocked_count_per_blocked_snapshot(
    events: list[Event], config: EngineConfig
) -> None:
    outputs: list[PaperOutput] = []
    session = Session(config, on_output=outputs.append)
    session.run(events)
    stats = session.engine.hot.stats
    blocked = [o for o in outputs if o.blocked_by_gating]
    assert stats.events_gated == len(blocked) == sum(stats.gate_blocked.values())
    counted = Counter(
        f"{o.gating_result.gate.value}:{o.gating_result.reason.value}"  # type: ignore[union-attr]
        for o in blocked
    )
    assert stats.gate_blocked == counted
    for output in blocked:
        assert output.gating_result is not None
        assert output.gating_result.gate is GATE_OF[output.gating_result.reason]
        assert output.gating_result.details
        assert not {"PLACE", "REPLACE"} & set(kinds(output))
    prefiltered = Counter(
        o.prefilter_result.reason.value for o in outputs if not o.prefilter_result.allowed
    )
    assert stats.prefiltered == prefiltered
    passed = [o for o in outputs if reason_of(o) == "PASS"]
    judged = [o for o in outputs if o.gating_result is not None]
    by_reason = Counter(reason_of(o) for o in judged)
    at_toxicity = by_reason["SPREAD_SPIKE"] + by_reason["PRICE_IMPACT_HIGH"]
    at_rate = by_reason["RATE_LIMIT_EXCEEDED"] + by_reason["COOLDOWN_ACTIVE"]
    reached = len(judged) - by_reason["KILL_SWITCH_ACTIVE"]
    assert stats.gate_allowed == {
        "toxicity_gate": reached - at_toxicity,
        "rate_limiter": reached - at_toxicity - at_rate,
        "risk_gate": len(passed),
    }
    assert all(o.gating_result.details == {} for o in passed)  # type: ignore[union-attr]


GATE_OF = {
    GateReason.KILL_SWITCH_ACTIVE: GateName.RISK_GATE,
    GateReason.SPREAD_SPIKE: GateName.TOXICITY_GATE,
    GateReason.PRICE_IMPACT_HIGH: GateName.TOXICITY_GATE,
    GateReason.RATE_LIMIT_EXCEEDED: GateName.RATE_LIMITER,
    GateReason.COOLDOWN_ACTIVE: GateName.RATE_LIMITER,
    GateReason.NOTIONAL_LIMIT: GateName.RISK_GATE,
    GateReason.DAILY_LOSS_LIMIT: GateName.RISK_GATE,
}


# -- the order of the gates --------------------------------------------------------------------


def second_reason(**limits: Any) -> tuple[str | None, dict[str, int]]:
    """Place, then meet a wide spread 50 ms later under some limits; the second turn's reason."""
    session_outputs: list[PaperOutput] = []
    session = Session(roomy(**limits), on_output=session_outputs.append)
    session.run([mid_quote(0, "100"), quote(50, "98", "102")])
    stats = session.engine.hot.stats
    return reason_of(session_outputs[1]), stats.gate_allowed


ALL_TIGHT: dict[str, Any] = {
    "max_spread_bps": 50,
    "cooldown_ms": 100,
    "max_notional_per_symbol": D(601),  # the plan alone is 600 at its own centre
    "levels": 3,
}


def test_gates_are_judged_in_their_order_and_later_ones_are_not_counted() -> None:
    """Example of CORE-11: toxicity passes, cooldown blocks; the risk gate is not evaluated."""
    reason, allowed = second_reason(**ALL_TIGHT)
    assert reason == "SPREAD_SPIKE"
    assert allowed == {"toxicity_gate": 1, "rate_limiter": 1, "risk_gate": 1}  # the first turn
    reason, allowed = second_reason(**{**ALL_TIGHT, "max_spread_bps": 5_000})
    assert reason == "COOLDOWN_ACTIVE"
    assert allowed == {"toxicity_gate": 2, "rate_limiter": 1, "risk_gate": 1}


def test_worked_example_core_11() -> None:
    """Toxicity passes, the cooldown blocks, the risk gate is neither evaluated nor counted."""
    session = Session(roomy(cooldown_ms=100, levels=1))
    session.run([mid_quote(0, "100")])
    stats = session.engine.hot.stats
    allowed, blocked = dict(stats.gate_allowed), dict(stats.gate_blocked)
    session.run([mid_quote(50, "100.05")])
    allowed["toxicity_gate"] += 1
    blocked["rate_limiter:COOLDOWN_ACTIVE"] = 1
    assert (stats.gate_allowed, stats.gate_blocked) == (allowed, blocked)


def test_the_rate_is_judged_before_the_risk() -> None:
    """The second quote loses more than the day's limit; within a minute the rate blocks first."""
    config = roomy(max_orders_per_minute=1, daily_loss_limit=D("0.01"))
    outputs = play([mid_quote(0, "100"), mid_quote(50, "99")], config)
    assert reason_of(outputs[1]) == "RATE_LIMIT_EXCEEDED"
    outputs = play([mid_quote(0, "100"), mid_quote(60_000, "99")], config)
    assert reason_of(outputs[1]) == "DAILY_LOSS_LIMIT"


def test_the_prefilter_comes_before_all_gates() -> None:
    config = roomy(prefilter_spread_max_bps=100, max_spread_bps=50, max_notional_per_symbol=D(1))
    (output,) = play([quote(0, "98", "102")], config)
    assert output.prefilter_result.reason.value == "SPREAD_TOO_HIGH"
    assert output.gating_result is None
    assert output.plan is None
    assert not output.blocked_by_gating


def test_market_statistics_reach_the_prefilter() -> None:
    def stats(volume: int) -> Event:
        market = MarketStats(ts=0, symbol=SYMBOL, vol_24h_usd=D(volume), oi_usd=D(10**9))
        return Event(0, market)

    outputs = play(
        [mid_quote(0, "100"), stats(5), mid_quote(0, "100"), stats(10**9), mid_quote(0, "100")],
        roomy(),
    )
    assert [o.prefilter_result.reason.value for o in outputs] == [
        "PASS", "VOLUME_24H_TOO_LOW", "PASS"
    ]  # fmt: skip


@pytest.mark.parametrize(("limit", "reason"), [("297", "PASS"), ("296.99", "NOTIONAL_LIMIT")])
def test_the_position_counts_into_the_notional(limit: str, reason: str) -> None:
    """One BUY of 1 fills at 99: 99 held, and one level a side of 1 around 99 are 198 more."""
    config = roomy(levels=1, spacing_bps=100, max_notional_per_symbol=D(limit))
    outputs = play([mid_quote(0, "100"), mid_quote(1000, "99")], config)
    assert outputs[1].pnl_snapshot.qty == 1
    assert [reason_of(o) for o in outputs] == ["PASS", reason]


def test_other_symbols_count_into_the_total_with_positions_and_open_orders() -> None:
    """BBB: BUY 1 @99 filled at mid 99 and SELL 1 @101 open = 99 + 101; AAA plans 200."""
    events = [
        mid_quote(0, "100", "BBBUSDT"),
        mid_quote(1000, "99", "BBBUSDT"),
        mid_quote(2000, "100", SYMBOL),
    ]
    for total, reason in (("400", "PASS"), ("399.99", "NOTIONAL_LIMIT")):
        config = roomy(levels=1, spacing_bps=100, max_notional_total=D(total))
        output = play(events, config)[-1]
        assert reason_of(output) == reason
        if reason != "PASS":
            assert output.gating_result is not None
            assert output.gating_result.details["scope"] == "total"
            assert output.gating_result.details["notional"] == "400"


def test_the_daily_loss_blocks_until_the_next_utc_day() -> None:
    config = roomy(levels=1, daily_loss_limit=D("0.5"), fill_after_ticks=0)
    events = [
        mid_quote(0, "100"),
        mid_quote(1, "99.9"),  # fills one BUY
        mid_quote(2, "99.4"),  # loses 0.5
        mid_quote(3, "99.9"),  # recovers, still latched
        mid_quote(DAY_MS - 1, "99.9"),
        mid_quote(DAY_MS, "99.9"),
    ]
    reasons = [reason_of(o) for o in play(events, config)]
    assert reasons == ["PASS", "PASS"] + ["DAILY_LOSS_LIMIT"] * 3 + ["PASS"]


def test_a_plan_without_levels_passes_and_cancels() -> None:
    policy = Scripted(a_plan(), paused(D(100), ("WHY",)))
    outputs = play([mid_quote(0, "100"), quote(10, "98", "102")], roomy(max_spread_bps=50), policy)
    assert reason_of(outputs[1]) == "PASS"
    assert kinds(outputs[1]) == ["CANCEL"] * 4


# -- the kill switch ---------------------------------------------------------------------------


def kill(ts: int, command: Command = Command.KILL) -> Event:
    return Event(ts, Control(command=command, actor="test"))


def test_a_drawdown_trips_cancels_at_once_and_blocks_until_reset() -> None:
    config = roomy(
        levels=2, size_per_level=D(10), initial_capital=D(1000), max_drawdown_pct=D(1),
        kill_switch_enabled=True,
    )  # fmt: skip
    wire = Wire(config)
    for event in (
        mid_quote(0, "100", "BBBUSDT"),
        mid_quote(0, "100"),
        mid_quote(1, "99.9"),  # fills BUY 10 @99.9
        mid_quote(2, "98.9"),  # fills BUY 10 @99.8: 10 + 9 down
    ):
        wire.feed(event)
    output = wire.outputs[-1]
    assert reason_of(output) == "KILL_SWITCH_ACTIVE"
    assert output.gating_result is not None
    assert output.gating_result.details == {"trip_reason": "DRAWDOWN_LIMIT", "trip_ts": 2}
    cancels = [(a.symbol, a.order_id) for a in output.actions]
    assert cancels == sorted(cancels)
    assert len(cancels) == 2 + 4  # both SELLs of the symbol, all of the other
    assert {a.action for a in output.actions} == {ActionType.CANCEL}
    assert not any(book.orders for book in wire.venue.books.values())
    assert output.kill_switch_triggered
    assert output.pnl_snapshot.qty == 20  # positions are kept
    wire.feed(mid_quote(3, "98.9"))
    assert reason_of(wire.outputs[-1]) == "KILL_SWITCH_ACTIVE"
    wire.feed(kill(4, Command.RESET_KILL_SWITCH))
    wire.feed(mid_quote(5, "98.9"))
    assert reason_of(wire.outputs[-1]) == "KILL_SWITCH_ACTIVE"  # the guard is still latched
    wire.feed(kill(6, Command.RESET_DRAWDOWN_GUARD))
    wire.feed(kill(6, Command.RESET_KILL_SWITCH))
    wire.feed(mid_quote(7, "98.9"))
    assert reason_of(wire.outputs[-1]) == "PASS"
    assert "PLACE" in kinds(wire.outputs[-1])
    assert wire.engine.hot.kill.trips == {"DRAWDOWN_LIMIT": 2}


def test_off_means_that_a_drawdown_does_not_trip() -> None:
    config = roomy(levels=1, size_per_level=D(100), initial_capital=D(1000))
    outputs = play([mid_quote(0, "100"), mid_quote(1, "90")], config)
    assert outputs[-1].drawdown_pct == D(99)
    assert not outputs[-1].kill_switch_triggered


def test_an_operators_kill_is_shown_with_the_next_output() -> None:
    wire = Wire(roomy(levels=1))
    wire.feed(mid_quote(0, "100"))
    wire.feed(kill(1))
    assert not wire.venue.books[SYMBOL].orders
    wire.feed(mid_quote(2, "100"))
    assert kinds(wire.outputs[-1]) == ["CANCEL"] * 2
    assert {a.reason for a in wire.outputs[-1].actions} == {"KILL_SWITCH"}
    assert wire.engine.hot.kill.reason is KillReason.MANUAL
    events = [e.type for e in wire.outputs[-1].events]
    assert events == [ExecutionEventType.ORDER_CANCELLED] * 2


def exits(**changes: Any) -> GridPlan:
    return a_plan(reduce_only=True, **changes)


def test_reduce_only_orders_survive_the_trip_and_may_be_placed_after_it() -> None:
    half, quarter = (D("0.5"), D("0.5")), (D("0.25"), D("0.25"))
    wire = Wire(
        roomy(),
        Scripted(a_plan(), exits(size_schedule=half), exits(size_schedule=quarter)),
    )
    wire.feed(mid_quote(0, "100"))
    wire.feed(mid_quote(1, "99.9"))  # BUY 1 fills; the plan is now reduce-only
    book = wire.venue.books[SYMBOL]
    kept = {o.order_id for o in book.orders.values()}
    assert len(kept) == 2
    assert all(o.reduce_only and o.side is Side.SELL for o in book.orders.values())
    wire.feed(kill(2))
    assert set(book.orders) == kept
    wire.feed(mid_quote(3, "99.9"))
    assert all(o.reduce_only and o.side is Side.SELL for o in book.orders.values())
    assert [(o.price, o.qty) for o in book.orders.values()] == [
        (D("100.1"), D("0.25")),
        (D("100.2"), D("0.25")),
    ]
    assert reason_of(wire.outputs[-1]) == "PASS"
    assert wire.engine.hot.stats.exits_passed == 2


def test_an_exit_plan_replaces_entries_whose_price_and_quantity_it_wants() -> None:
    """An order without the flag counts as adding risk, whatever plan it would serve."""
    wire = Wire(roomy(), Scripted(a_plan(), exits()))
    wire.feed(mid_quote(0, "100"))
    wire.feed(mid_quote(1, "99.9"))  # the SELL of 1 goes, and comes again as an exit
    orders = wire.venue.books[SYMBOL].orders
    assert [(o.side, o.reduce_only) for o in orders.values()] == [(Side.SELL, True)]
    wire.feed(kill(2))
    wire.feed(mid_quote(3, "99.9"))
    assert [(o.side, o.reduce_only) for o in orders.values()] == [(Side.SELL, True)]


# -- selection ---------------------------------------------------------------------------------


def test_the_first_events_may_feed_the_selection() -> None:
    config = roomy(
        selection_source=SelectionSource.TOPK_V0, topk_k=1, topk_prefix_events=4,
        topk_window_size=2,
    )  # fmt: skip
    events = merged(
        [mid_quote(i * 10, "100" if i % 2 else "101") for i in range(4)],
        [mid_quote(i * 10, "100", "BBBUSDT") for i in range(4)],
    )
    outputs = play(events, config)
    assert [o.not_in_topk for o in outputs[:4]] == [True] * 4
    assert {o.symbol: o.not_in_topk for o in outputs[4:]} == {SYMBOL: False, "BBBUSDT": True}
    result = run(events, config)
    assert result.selection is not None
    assert result.selection.lookahead is False
    assert result.selection.symbols == (SYMBOL,)
    assert result.to_dict()["topk_lookahead"] is False


def test_the_two_pass_selection_is_marked_as_looking_ahead() -> None:
    config = roomy(selection_source=SelectionSource.TOPK_V0, topk_k=1)
    events = merged(walk(1, 30), walk(2, 30, symbol="BBBUSDT", move=0))
    result = run(events, config, keep_outputs=True)
    assert result.selection == Selection(
        symbols=(SYMBOL,),
        k=1,
        scores=result.selection.scores,
        lookahead=True,  # type: ignore[union-attr]
    )
    assert result.to_dict()["topk_lookahead"] is True
    assert result.outputs is not None
    assert all(o.not_in_topk is (o.symbol == "BBBUSDT") for o in result.outputs)
    left_out = next(o for o in result.outputs if o.not_in_topk)
    assert (left_out.plan, left_out.gating_result, left_out.actions) == (None, None, ())


@given(quotes(symbols=SYMBOLS))
def test_selecting_at_most_k_of_k_symbols_changes_no_output(events: list[Event]) -> None:
    plain = run(events, roomy()).digest
    selected = run(events, roomy(selection_source=SelectionSource.TOPK_V0, topk_k=3)).digest
    assert selected == plain


def test_a_selecting_session_needs_a_selection() -> None:
    session = Session(roomy(selection_source=SelectionSource.TOPK_V0))
    with pytest.raises(ConfigError, match="SELECTION"):
        session.feed(mid_quote(0, "100"))


# -- what may not matter -----------------------------------------------------------------------


@given(quotes(symbols=SYMBOLS), tight)
def test_observing_features_leaves_the_digest_equal(
    events: list[Event], config: EngineConfig
) -> None:
    watching = config.with_values({"feature_engine_enabled": True, "bar_interval_ms": 1_000})
    assert run(events, watching).digest == run(events, config).digest
    outputs = play(events, watching)
    assert all(o.features is not None for o in outputs if not o.not_in_topk)


@given(quotes(), st.data())
def test_ignored_events_change_no_digest(events: list[Event], data: st.DataObject) -> None:
    book = L2Snapshot(ts=0, symbol=SYMBOL, bids=((D(99), D(1)),), asks=((D(101), D(1)),))
    kinds = (
        Timer(),
        Health(name="feed_age_ms", value=1),
        book,
        Funding(ts=0, symbol=SYMBOL, rate=D("0.0001")),
    )
    noise = st.lists(st.sampled_from(kinds), max_size=2)
    mixed = [
        Event(event.ts_ms, payload, event.seq)
        for event in events
        for payload in (*data.draw(noise), event.payload)
    ]
    result = run(mixed, roomy())
    assert result.digest == run(events, roomy()).digest
    timers = sum(isinstance(event.payload, Timer) for event in mixed)  # folded: time passes
    assert sum(result.events_ignored.values()) == len(mixed) - len(events) - timers


@given(quotes(symbols=SYMBOLS), tight)
def test_what_gates_decide_leaves_no_trace_in_the_history_they_read(
    events: list[Event], config: EngineConfig
) -> None:
    """CORE-14, 41 step 4: trackers fold every snapshot, whatever follows."""
    sessions = [Session(c) for c in (config, config.with_values({"max_notional_total": D(1)}))]
    for session in sessions:
        session.run(events)
    one, two = (session.engine.hot.symbols for session in sessions)
    assert {k: s.toxicity for k, s in one.items()} == {k: s.toxicity for k, s in two.items()}


def without_ids(outputs: list[PaperOutput], symbol: str) -> list[dict[str, Any]]:
    """A symbol's digest views with order and fill ids numbered by first appearance."""
    names: dict[str, str] = {}

    def renamed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {k: renamed(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if key in {"order_id", "fill_id"} and value:
            return names.setdefault(value, f"{key}{len(names)}")
        return value

    return [renamed(o.digest_view()) for o in outputs if o.symbol == symbol]


@given(quotes(symbols=SYMBOLS, max_size=40), st.sampled_from((0, 10)))
def test_symbols_meet_only_in_equity_rate_total_guards_and_selection(
    events: list[Event], recenter: int
) -> None:
    """With those out of reach each symbol's outputs are those of the symbol alone."""
    config = roomy(recenter_bps=recenter, cooldown_ms=100, max_spread_bps=50)
    together = play(events, config)
    for symbol in SYMBOLS:
        own = [e for e in events if e.payload.symbol == symbol]  # type: ignore[union-attr]
        assert without_ids(together, symbol) == without_ids(play(own, config), symbol)


@given(
    quotes(max_size=60, move=60),
    st.integers(1, 4),
    st.integers(0, 2),
    st.sampled_from(("opposite", "never")),
)
def test_between_resets_the_inventory_stays_within_the_planned_levels(
    events: list[Event], levels: int, delay: int, rearm: str
) -> None:
    config = roomy(levels=levels, fill_after_ticks=delay).with_values(
        {"rearm": EngineConfig.from_flat({"rearm": rearm}).orders.rearm}
    )
    net = 0
    for output in play(events, config):
        for fill in output.fills:
            net += fill.side.sign
            assert abs(net) <= levels


def test_time_may_not_go_back() -> None:
    session = Session(roomy())
    session.feed(mid_quote(1000, "100"))
    with pytest.raises(ContractError, match="999"):
        session.feed(mid_quote(999, "100"))
    fresh = Session(roomy())
    fresh.feed(Event(5, mid_quote(1000, "100").payload))
    with pytest.raises(ContractError, match="ts = 999"):
        fresh.feed(Event(6, mid_quote(999, "100").payload))


@given(quotes(symbols=SYMBOLS), tight)
def test_after_a_trip_nothing_risky_is_placed(events: list[Event], config: EngineConfig) -> None:
    config = config.with_values(
        {"kill_switch_enabled": True, "max_drawdown_pct": D("0.002"), "size_per_level": D(20)}
    )
    wire = Wire(config)
    for event in events:
        active, count = wire.engine.hot.kill.active, len(wire.effects)
        wire.feed(event)
        if active:
            assert not [e for e in wire.effects[count:] if isinstance(e, PlaceOrder)]
        if wire.engine.hot.kill.active:
            assert not any(book.orders for book in wire.venue.books.values())


@given(quotes(symbols=SYMBOLS), tight)
def test_effects_are_what_the_actions_say(events: list[Event], config: EngineConfig) -> None:
    wire = Wire(config)
    for event in events:
        wire.feed(event)
    placed = [
        (e.intent.symbol, e.intent.side, e.intent.price, e.intent.qty)
        for e in wire.effects
        if isinstance(e, PlaceOrder)
    ]
    told = [
        (a.symbol, a.side, a.price, a.qty)
        for o in wire.outputs
        for a in o.actions
        if a.action in {ActionType.PLACE, ActionType.REPLACE}
    ]
    assert placed == told
    ids = [e.client_order_id for e in wire.effects if isinstance(e, PlaceOrder)]
    assert len(set(ids)) == len(ids)
    cancelled = [e.order_id for e in wire.effects if isinstance(e, CancelOrder)]
    assert len(set(cancelled)) == len(cancelled)


def test_a_new_anchor_follows_a_hard_reset_and_nothing_else() -> None:
    config = roomy(levels=1, recenter_bps=10, fill_after_ticks=1)
    wire = Wire(config)
    for ts, mid in enumerate(("100", "100.05", "100.12", "100.17", "100.23")):
        wire.feed(mid_quote(ts, mid))
        anchor = wire.engine.hot.symbols[SYMBOL].grid.anchor_price
        expected = {0: "100", 1: "100", 2: "100.12", 3: "100.12", 4: "100.23"}[ts]
        assert anchor is not None
        assert canonical(anchor) == expected
    resets = [e for o in wire.outputs for e in o.events if e.type is ExecutionEventType.GRID_RESET]
    assert [e.details["center_price"] for e in resets] == ["100.12", "100.23"]


def test_a_dropped_symbols_loss_reaches_the_next_turn() -> None:
    def select(ts: int, *symbols: str) -> Event:
        return Event(ts, Selection(symbols=symbols, k=2, scores={}, lookahead=False))

    config = roomy(
        selection_source=SelectionSource.TOPK_V0, levels=1, kill_switch_enabled=True,
        initial_capital=D(100), max_drawdown_pct=D(5),
    )  # fmt: skip
    wire = Wire(config)
    for event in (
        select(0, SYMBOL, "BBBUSDT"),
        mid_quote(0, "100", "BBBUSDT"),
        mid_quote(0, "100"),
        mid_quote(1, "99.9", "BBBUSDT"),  # buys 1
        select(2, SYMBOL),
        mid_quote(3, "100"),
        mid_quote(4, "100"),
        mid_quote(5, "90", "BBBUSDT"),  # loses 9.9, unseen by its own turn
        mid_quote(6, "100"),
    ):
        wire.feed(event)
    assert wire.outputs[-1].equity == D("90.1")
    assert reason_of(wire.outputs[-1]) == "KILL_SWITCH_ACTIVE"
