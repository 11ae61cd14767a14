"""CORE-10, 41: selecting inside the engine, and where symbols meet."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grinder_core.contracts.control import Selection
from grinder_core.contracts.enums import SelectionSource
from grinder_core.contracts.event import Event
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.engine.config import EngineConfig
from grinder_core.session.result import run
from grinder_core.session.selection_pass import two_pass_v1
from tests.support.factories import SYMBOL, Wire, merged, mid_quote, play, quote, roomy, walk
from tests.support.strategies import SYMBOLS, quotes
from tests.support.wiring import adaptive, fed

D = Decimal


def choosing(**changes: Any) -> EngineConfig:
    values: dict[str, Any] = {
        "selection_source": SelectionSource.TOPK_V1,
        "feature_engine_enabled": True,
        "bar_interval_ms": 1_000,
        "period": 2,
        "warmup_min": 0,
        "topk_v1_k": 2,
        "max_spread_bps": 50,
        "max_price_impact_bps": 60,
    }
    return roomy(**{**values, **changes})


# -- Top-K v1 from the first events ------------------------------------------------------------


@settings(max_examples=40)
@given(
    quotes(symbols=SYMBOLS, min_size=2, max_size=30),
    st.integers(1, 29),
    st.integers(0, 2),
    st.integers(1, 3),
)
def test_the_prefix_selects_what_a_pass_over_the_prefix_would(
    events: list[Event], prefix: int, warmup: int, k: int
) -> None:
    """What the quote after it says, of whatever symbol, is no part of it."""
    assume(prefix < len(events))
    config = choosing(topk_prefix_events=prefix, warmup_min=warmup, topk_v1_k=k)
    result = run(events, config, keep_outputs=True)
    two_pass = two_pass_v1(events[:prefix], config.indicators, config.gates, config.selection)
    assert result.selection is not None
    assert result.selection.lookahead is False
    assert result.selection.symbols == two_pass.symbols
    assert result.selection.scores_v1 == two_pass.scores_v1
    ranks = {score.symbol: score.rank for score in two_pass.scores_v1}
    assert result.outputs is not None
    for number, output in enumerate(result.outputs):
        chosen = number >= prefix and output.symbol in two_pass.symbols
        assert output.not_in_topk is not chosen
        assert output.topk_v1_rank == (ranks.get(output.symbol) if number >= prefix else None)


def test_a_spike_right_after_the_prefix_excludes_nobody() -> None:
    events = [mid_quote(ts, "100", symbol) for ts in (0, 1_000) for symbol in SYMBOLS[:2]]
    spike = quote(2_000, "99", "101")
    wire = Wire(choosing(topk_prefix_events=4))
    output = fed(wire, *events, spike)
    assert not output.not_in_topk
    assert output.topk_v1_rank == 1
    assert output.blocked_by_gating  # it is toxic, and that is the gate's business
    assert fed(wire, mid_quote(3_000, "100", SYMBOLS[1])).topk_v1_rank == 2


def test_ranks_of_a_separate_pass_are_shown_and_the_excluded_have_none() -> None:
    events = merged(walk(1, 60), walk(2, 60, symbol="BBBUSDT"), walk(3, 5, symbol="CCCUSDT"))
    config = choosing(warmup_min=2, topk_v1_k=1, thin_l1_min=D(0), max_price_impact_bps=9_000)
    result = run(events, config, keep_outputs=True)
    assert result.selection is not None
    assert result.selection.lookahead is True
    assert result.outputs is not None
    ranks = {o.symbol: o.topk_v1_rank for o in result.outputs}
    assert ranks["CCCUSDT"] is None
    assert sorted((ranks[SYMBOL], ranks["BBBUSDT"])) == [1, 2]  # type: ignore[type-var]
    first = result.selection.symbols[0]
    assert ranks[first] == 1
    assert {o.symbol for o in result.outputs if not o.not_in_topk} == {first}


def test_a_later_selection_replaces_ranks_and_symbols() -> None:
    wire = Wire(choosing(topk_prefix_events=2))
    fed(wire, mid_quote(0, "100"), mid_quote(0, "100", "BBBUSDT"), mid_quote(1, "100"))
    assert wire.outputs[-1].topk_v1_rank == 1
    only = Selection(symbols=("BBBUSDT",), k=1, scores={}, lookahead=False)
    output = fed(wire, Event(2, only), mid_quote(2, "100"))
    assert (output.not_in_topk, output.topk_v1_rank, output.plan) == (True, None, None)


# -- where symbols meet -------------------------------------------------------------------------

meeting = st.builds(
    adaptive,
    max_notional_total=st.sampled_from((D(1300), D(10**9))),
    max_orders_per_minute=st.sampled_from((7, 10**6)),
    max_drawdown_pct=st.sampled_from((D("0.005"), D(100))),
    kill_switch_enabled=st.booleans(),
    dd_guard_v1_enabled=st.booleans(),
    portfolio_dd_limit=st.sampled_from((D("0.0001"), D(1))),
    consec_loss_enabled=st.just(True),
    consec_loss_threshold=st.integers(1, 2),
    controller_enabled=st.booleans(),
    controller_version=st.integers(0, 1),
    adaptive_policy_enabled=st.booleans(),
    cycle_enabled=st.just(True),
    cycle_execution_enabled=st.booleans(),
    maker_fee_bps_x100=st.sampled_from((0, 200)),
)


@settings(max_examples=40)
@given(quotes(symbols=SYMBOLS, max_size=40), meeting)
def test_a_symbol_that_never_trades_changes_nothing_for_the_others(
    events: list[Event], config: EngineConfig
) -> None:
    """They meet in equity, rate, total notional and guards only, and it reaches none of them."""
    assume(events[-1].ts_ms < 86_400_000)
    trading = config.with_values({"prefilter_allow_list": SYMBOLS[:2]})
    others = [e for e in events if e.payload.symbol != SYMBOLS[2]]  # type: ignore[union-attr]
    together = [o for o in play(events, trading) if o.symbol != SYMBOLS[2]]
    assert decided(together) == decided(play(others, trading))


def decided(outputs: list[PaperOutput]) -> list[dict[str, Any]]:
    return [o.to_dict() for o in outputs]
