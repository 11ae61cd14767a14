"""CORE-05, 42: what a turn and a run say, and that the fast text is the canonical one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import ListDigest, canonical_json, digest16
from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.enums import ActionType, ExecutionEventType, FillMode, ResetAction
from grinder_core.contracts.event import Event
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.contracts.plan import GridPlan
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import FixtureError
from grinder_core.numbers import exact
from grinder_core.session.render import Renderer
from grinder_core.session.result import PaperResult, run
from grinder_core.session.session import Driver, Session
from tests.support.factories import a_plan, mid_quote, play, quote, roomy, walk
from tests.support.strategies import SYMBOLS, hostile_contexts, quotes

D = Decimal

PAPER_KEYS = {
    "ts", "symbol", "prefilter_result", "gating_result", "plan", "actions", "events",
    "blocked_by_gating", "fills", "pnl_snapshot",
}  # fmt: skip
PNL_KEYS = {
    "symbol", "qty", "avg_entry_price", "realized_pnl", "unrealized_pnl", "total_pnl",
    "mark_price",
}  # fmt: skip
RESULT_KEYS = {
    "schema_version", "fixture_path", "digest", "events_processed", "events_gated",
    "orders_placed", "orders_blocked", "total_fills", "final_positions", "total_realized_pnl",
    "total_unrealized_pnl", "errors",
}  # fmt: skip

configs = st.builds(
    roomy,
    levels=st.integers(1, 3),
    max_notional_total=st.sampled_from((D(900), D(10**9))),
    cooldown_ms=st.sampled_from((0, 100)),
    max_spread_bps=st.sampled_from((50, 5_000)),
    prefilter_spread_max_bps=st.sampled_from((60, 5_000)),
    max_drawdown_pct=st.sampled_from((D("0.005"), D(100))),
    kill_switch_enabled=st.booleans(),
    recenter_bps=st.sampled_from((0, 10)),
    fill_mode=st.sampled_from(FillMode),
    fill_after_ticks=st.integers(0, 1),
    maker_fee_bps_x100=st.sampled_from((0, 200)),
    notional_per_level=st.sampled_from((None, D(50))),
)


@given(quotes(symbols=SYMBOLS), configs)
def test_the_fast_text_is_the_canonical_one(events: list[Event], config: EngineConfig) -> None:
    renderer = Renderer()
    for output in play(events, config):
        with exact():
            line = renderer.line(output)
            replay = renderer.replay_line(output)
        assert line.decode() == canonical_json(output.digest_view())
        assert replay.decode() == canonical_json(output.replay_view())


def test_the_fast_text_forgets_nothing_over_a_long_walk() -> None:
    renderer = Renderer()
    config = roomy(recenter_bps=20, maker_fee_bps_x100=200, max_spread_bps=6)
    for output in play(walk(5, 1_500), config):
        with exact():
            assert renderer.line(output).decode() == canonical_json(output.digest_view())


class Moody:
    """Keeps one shape and changes what it says about it."""

    name = "moody"

    def __init__(self, moods: list[tuple[ResetAction, tuple[str, ...], int]]) -> None:
        self.moods = moods
        self.shapes = (a_plan().shape, a_plan(spacing_bps=20).shape)

    def plan(self, context: PolicyContext) -> GridPlan:
        reset, codes, shape = self.moods.pop(0)
        return GridPlan(
            shape=self.shapes[shape],
            center_price=context.snapshot.mid_price,
            reset_action=reset,
            reason_codes=codes,
        )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(ResetAction),
            st.sampled_from(((), ("A",), ("B",), ("A", "B"))),
            st.integers(0, 1),
        ),
        min_size=30,
        max_size=30,
    ),
    quotes(max_size=30),
)
def test_the_fast_text_follows_a_policy_that_changes_its_mind(
    moods: list[tuple[ResetAction, tuple[str, ...], int]], events: list[Event]
) -> None:
    renderer = Renderer()
    for output in play(events, roomy(), Moody(moods)):
        with exact():
            assert renderer.line(output).decode() == canonical_json(output.digest_view())


@given(quotes(symbols=SYMBOLS), configs)
def test_the_digest_view_is_exactly_the_ten_keys(events: list[Event], config: EngineConfig) -> None:
    for output in play(events, config):
        view = output.digest_view()
        assert set(view) == PAPER_KEYS
        assert set(view["pnl_snapshot"]) == PNL_KEYS
        assert set(output.replay_view()) == {
            "ts", "symbol", "prefilter_result", "plan", "actions", "events"
        }  # fmt: skip
        assert output.to_dict().items() >= view.items()
        pnl = output.pnl_snapshot
        assert pnl.total_pnl == Fraction(pnl.realized_pnl) + Fraction(pnl.unrealized_pnl)


@given(quotes(symbols=SYMBOLS), configs, st.sampled_from(Driver))
def test_the_digest_is_recomputable_from_the_outputs(
    events: list[Event], config: EngineConfig, driver: Driver
) -> None:
    result = run(events, config, driver=driver, keep_outputs=True)
    assert result.outputs is not None
    views = [o.digest_view() if driver is Driver.PAPER else o.replay_view() for o in result.outputs]
    assert result.digest == digest16(views)
    lines = ListDigest()
    chain = bytes(32)
    import hashlib

    for view in views:
        line = canonical_json(view).encode()
        lines.add(line)
        chain = hashlib.sha256(chain + line).digest()
    assert result.digest == lines.hexdigest()
    assert result.running_digest == chain.hex()
    assert run(events, config, driver=driver).digest == result.digest


@given(quotes(symbols=SYMBOLS), configs)
def test_counters_and_totals_are_recomputable_from_the_outputs(
    events: list[Event], config: EngineConfig
) -> None:
    result = run(events, config, keep_outputs=True)
    outputs = result.outputs
    assert outputs is not None
    stats = result.stats
    assert stats.events_processed == len(outputs) == len(events)
    gated = [o for o in outputs if o.blocked_by_gating]
    assert stats.events_gated == len(gated)
    assert stats.orders_blocked == sum(o.plan.shape.level_count for o in gated if o.plan)
    actions = Counter(a.action for o in outputs for a in o.actions)
    assert stats.orders_placed == actions[ActionType.PLACE] + actions[ActionType.REPLACE]
    assert stats.orders_replaced == actions[ActionType.REPLACE]
    assert stats.noops == actions[ActionType.NOOP]
    fills = [f for o in outputs for f in o.fills]
    assert stats.total_fills == stats.orders_filled == len(fills)
    assert [f.fill_id for f in fills] == [f"fill_{n:08d}" for n in range(1, len(fills) + 1)]
    told = Counter(e.type for o in outputs for e in o.events)
    assert told[ExecutionEventType.ORDER_PLACED] == actions[ActionType.PLACE]
    assert told[ExecutionEventType.ORDER_REPLACED] == actions[ActionType.REPLACE]
    last = {o.symbol: o.pnl_snapshot for o in outputs}
    for name, total in (
        ("realized_pnl", result.total_realized_pnl),
        ("unrealized_pnl", result.total_unrealized_pnl),
    ):
        assert Fraction(total) == sum(Fraction(getattr(pnl, name)) for pnl in last.values())
    assert Fraction(result.fees_paid) == sum(Fraction(f.fee) for f in fills)
    assert Fraction(result.turnover) == sum(Fraction(f.price) * Fraction(f.qty) for f in fills)
    traded = {f.symbol for f in fills}
    assert list(result.final_positions) == sorted(traded)
    for symbol, position in result.final_positions.items():
        assert position.qty == last[symbol].qty
    assert result.net_pnl == (
        Fraction(result.total_realized_pnl)
        + Fraction(result.total_unrealized_pnl)
        - Fraction(result.fees_paid)
    )


@given(quotes(symbols=SYMBOLS), configs)
def test_equity_and_peak_equal_a_plain_twin_over_the_outputs(
    events: list[Event], config: EngineConfig
) -> None:
    """Equity is capital, profit and fees of everything told so far; the peak is its maximum."""
    capital = Fraction(config.risk.initial_capital)
    last: dict[str, Any] = {}
    fees, peak, was_peak = Fraction(0), capital, Fraction(0)
    for output in play(events, config):
        last[output.symbol] = output.pnl_snapshot
        fees += sum((Fraction(f.fee) for f in output.fills), Fraction(0))
        equity = capital - fees + sum(Fraction(p.total_pnl) for p in last.values())
        peak = max(peak, equity)
        assert Fraction(output.equity) == equity
        assert output.high_water_mark >= output.equity
        assert Fraction(output.high_water_mark) >= max(peak, was_peak)
        was_peak = Fraction(output.high_water_mark)
        percent = (was_peak - equity) * 100 / was_peak
        assert Fraction(output.drawdown_pct) == Fraction(int(percent * 10_000), 10_000)


@given(quotes(symbols=SYMBOLS), configs, hostile_contexts())
def test_the_callers_decimal_context_changes_nothing(
    events: list[Event], config: EngineConfig, ambient: Any
) -> None:
    expected = run(events, config)
    with localcontext(ambient):
        result = run(events, config)
        shown = canonical_json(result.to_dict())
    assert result.errors == ()
    assert result.digest == expected.digest
    assert shown == canonical_json(expected.to_dict())
    assert result.trades == expected.trades
    assert result.equity_curve == expected.equity_curve


@given(quotes(symbols=SYMBOLS, max_size=12), configs, st.data())
def test_any_change_of_a_price_that_decides_changes_the_digest(
    events: list[Event], config: EngineConfig, data: st.DataObject
) -> None:
    from attrs import evolve

    at = data.draw(st.integers(0, len(events) - 1))
    payload = evolve(events[at].payload, ask_price=events[at].payload.ask_price + D("0.01"))  # type: ignore[union-attr]
    changed = [*events[:at], evolve(events[at], payload=payload), *events[at + 1 :]]
    assert run(changed, config).digest != run(events, config).digest


def test_the_replay_driver_never_fills() -> None:
    events = [mid_quote(0, "100"), mid_quote(1, "90"), mid_quote(2, "110")]
    result = run(events, roomy(fill_mode=FillMode.INSTANT), driver=Driver.REPLAY)
    assert result.stats.total_fills == 0
    assert result.stats.orders_placed == 6


def test_the_empty_stream_has_the_digest_of_the_page() -> None:
    result = run([], roomy())
    assert result.digest == "4f53cda18c2baa0c"
    assert result.running_digest == bytes(32).hex()
    assert result.stats.events_processed == 0


def test_worked_example_core_42() -> None:
    """Three snapshots, one gated with a 5+5 plan."""
    config = roomy(levels=5, max_spread_bps=50)
    events = [mid_quote(0, "100"), quote(1, "99", "101"), mid_quote(2, "100")]
    result = run(events, config).to_dict()
    assert (result["events_processed"], result["events_gated"]) == (3, 1)
    assert result["orders_blocked"] == 10


def test_a_result_has_its_required_keys() -> None:
    result = run([mid_quote(0, "100"), mid_quote(1, "99.9")], roomy(), name="case")
    data = result.to_dict()
    assert set(data) >= RESULT_KEYS
    assert data["schema_version"] == "v1"
    assert data["fixture_path"] == "case"
    assert data["errors"] == []
    assert data["kill_switch"] == {"triggered": False, "reason": None, "ts": 0, "trips": {}}
    assert set(data["final_positions"]) == {"AAAUSDT"}
    canonical_json(data)  # it is all JSON


# -- a run that ends early ---------------------------------------------------------------------


def breaking(at: int) -> Iterator[Event]:
    for number in range(5):
        if number == at:
            raise FixtureError("is broken", where="events.jsonl:3")
        yield mid_quote(number, "100")


def test_an_exception_in_a_step_is_recorded_with_its_event_and_ends_the_run() -> None:
    events = [mid_quote(5, "100"), mid_quote(6, "100"), mid_quote(1, "100"), mid_quote(9, "1")]
    result = run(events, roomy(), keep_outputs=True)
    assert result.digest is None
    (error,) = result.errors
    assert (error.event_index, error.step) == (2, "SNAPSHOT")
    assert error.error.startswith("E_CONTRACT: ")
    assert result.failure is not None
    assert result.stats.events_processed == 2
    assert result.outputs is not None
    assert len(result.outputs) == 2


@pytest.mark.parametrize("at", [0, 3])
def test_an_exception_while_reading_is_recorded_too(at: int) -> None:
    result = run(breaking(at), roomy())
    assert result.digest is None
    assert "is broken" in result.errors[0].error
    assert isinstance(result.failure, FixtureError)
    assert result.stats.events_processed == at


# -- what people look at -----------------------------------------------------------------------


@given(quotes(symbols=SYMBOLS), configs)
def test_collected_columns_say_what_the_outputs_said(
    events: list[Event], config: EngineConfig
) -> None:
    result = run(events, config, keep_outputs=True)
    outputs, collected = result.outputs, result.collected
    assert outputs is not None
    assert collected is not None
    fills = [f for o in outputs for f in o.fills]
    assert result.trades["fill_id"] == [f.fill_id for f in fills]
    assert result.trades["side"] == [f.side.value for f in fills]
    assert result.trades["price"] == [f.price for f in fills]
    curve = result.equity_curve
    assert {len(column) for column in curve.values()} == {len(curve["ts"])}
    assert (curve["ts"][-1], curve["equity"][-1]) == (outputs[-1].ts, outputs[-1].equity)
    names = ("realized", "unrealized", "fees", "funding", "equity")
    for realized, unrealized, fees, funding, equity in zip(*(curve[n] for n in names), strict=True):
        total = config.risk.initial_capital + realized + unrealized - fees - funding
        assert Fraction(total) == Fraction(equity)
    blocked = Counter(
        o.gating_result.reason.value if o.gating_result else o.prefilter_result.reason.value
        for o in outputs
        if o.blocked_by_gating or not o.prefilter_result.allowed
    )
    counted = {reason: sum(counts.values()) for reason, counts in collected.blocks.items()}
    assert counted == blocked
    assert collected.ms_seen == outputs[-1].ts - outputs[0].ts
    assert 0 <= collected.ms_in_market <= collected.ms_seen
    lengths = {len(column) for column in collected.levels.values()}
    assert lengths == {len(collected.levels["symbol"])}
    assert len(collected.levels["symbol"]) + collected.levels_left_out == result.stats.orders_placed


def test_without_rendering_there_is_no_digest_to_mistake_for_one() -> None:
    result = run(list(walk(11, 60)), roomy(), digest=False)
    assert result.digest is None
    assert result.running_digest is None


def sinks(**options: Any) -> tuple[PaperResult, list[tuple[PaperOutput, bytes]]]:
    seen: list[tuple[PaperOutput, bytes]] = []
    events = list(walk(11, 60))
    result = run(events, roomy(), on_line=lambda o, line: seen.append((o, line)), **options)
    return result, seen


def test_the_line_sink_gets_every_output_with_its_text_also_without_a_digest() -> None:
    with_digest, lines = sinks()
    without, same = sinks(digest=False)
    assert lines == same
    assert without.digest is None
    assert with_digest.digest is not None
    assert with_digest.running_digest == without.running_digest
    assert [line.decode() for _, line in lines] == [
        canonical_json(output.digest_view()) for output, _ in lines
    ]


def test_a_session_without_digest_or_lines_renders_nothing() -> None:
    session = Session(roomy(), digest=False)
    session.run(walk(1, 10))
    assert session.digest is None
    assert session.output_count == 10


@given(quotes(), configs)
def test_the_decision_of_an_output_says_what_was_wanted_and_what_stopped_it(
    events: list[Event], config: EngineConfig
) -> None:
    for output in play(events, config):
        decision = output.decision("static_grid")
        placed = [a for a in output.actions if a.action in {ActionType.PLACE, ActionType.REPLACE}]
        assert decision.plan == output.plan
        assert decision.allowed is (
            output.prefilter_result.allowed and not output.blocked_by_gating
        )
        assert (decision.reason == "PASS") is decision.allowed
        assert [(i.side, i.level_id, i.price, i.qty) for i in decision.intents] == [
            (a.side, a.level_id, a.price, a.qty) for a in placed
        ]
        assert decision.allowed or not decision.intents
