"""CORE-10: Top-K v1 ranks choppy, liquid, calm symbols first; a gated one is never selected."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.codec import from_dict, to_dict
from grinder_core.contracts.control import Selection
from grinder_core.contracts.enums import SelectionGate
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot, Trade
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.engine import Engine
from grinder_core.errors import ContractError
from grinder_core.gates.settings import GateSettings
from grinder_core.indicators.settings import IndicatorSettings
from grinder_core.selection.settings import SelectionSettings
from grinder_core.selection.topk_v1 import SelectionCandidate, ilog10, score, select_v1
from grinder_core.session.selection_pass import two_pass_v1
from tests.support.factories import merged, mid_quote, quote, walk
from tests.support.strategies import hostile_contexts, quotes, scaled

D = Decimal
DEFAULTS = SelectionSettings()


def a_candidate(symbol: str = "AAAUSDT", **changes: Any) -> SelectionCandidate:
    """A candidate that passes every default gate."""
    values: dict[str, Any] = {
        "symbol": symbol,
        "range_score": 10,
        "spread_bps": 5,
        "thin_l1": D(100),
        "net_return_bps": 0,
        "warmup_bars": 15,
        "toxicity_blocked": False,
    }
    return SelectionCandidate(**{**values, **changes})


def selection_settings() -> st.SearchStrategy[SelectionSettings]:
    weight = st.integers(0, 1_000)
    return st.builds(
        SelectionSettings,
        topk_v1_k=st.integers(1, 8),
        topk_v1_spread_max_bps=st.sampled_from((0, 5, 100)),
        thin_l1_min=st.sampled_from((D(0), D(1), D("2.5"))),
        warmup_min=st.sampled_from((0, 10)),
        w_range=weight,
        w_liquidity=weight,
        w_toxicity=weight,
        w_trend=weight,
        liq_scale=st.integers(0, 100),
    )


def candidates_of(symbol: str) -> st.SearchStrategy[SelectionCandidate]:
    return st.builds(
        SelectionCandidate,
        symbol=st.just(symbol),
        range_score=st.integers(0, 40) | st.integers(0, 10**9),
        spread_bps=st.integers(0, 8) | st.integers(0, 20_000),
        thin_l1=scaled(0, 10**9) | scaled(0, 10**19 - 1),
        net_return_bps=st.integers(-300, 300) | st.integers(-(10**9), 10**9),
        warmup_bars=st.integers(0, 20),
        toxicity_blocked=st.sampled_from((False, False, False, True)),
    )


@st.composite
def fields(draw: st.DrawFn) -> list[SelectionCandidate]:
    """Up to seven candidates, in any order."""
    symbols = draw(st.lists(st.sampled_from("ABCDEFG"), unique=True, max_size=7))
    return [draw(candidates_of(f"{letter}USDT")) for letter in symbols]


# -- the spec's example


def test_worked_example_core_10() -> None:
    field = [
        a_candidate("AAUSDT", range_score=23, thin_l1=D(500), net_return_bps=5),
        a_candidate("BBUSDT", range_score=0, thin_l1=D(5000), net_return_bps=290),
        a_candidate("CCUSDT", range_score=25, thin_l1=D(40), net_return_bps=-4),
    ]
    chosen = select_v1(field, DEFAULTS, lookahead=True)
    assert chosen.symbols == ("AAUSDT", "CCUSDT", "BBUSDT")
    assert chosen.scores == {"AAUSDT": 31, "BBUSDT": -130, "CCUSDT": 28}
    parts = [
        (s.symbol, s.range_component, s.liquidity_component, s.toxicity_penalty, s.trend_penalty)
        for s in chosen.scores_v1
    ]
    assert parts == [
        ("AAUSDT", 23, 10, 0, 2),
        ("BBUSDT", 0, 15, 0, 145),
        ("CCUSDT", 25, 5, 0, 2),
    ]
    assert [s.rank for s in chosen.scores_v1] == [1, 3, 2]
    assert (chosen.k, chosen.lookahead) == (3, True)


# -- gates


@pytest.mark.parametrize(
    ("gate", "passes", "fails"),
    [
        (SelectionGate.TOXICITY_BLOCKED, {"toxicity_blocked": False}, {"toxicity_blocked": True}),
        (SelectionGate.SPREAD_TOO_WIDE, {"spread_bps": 100}, {"spread_bps": 101}),
        (SelectionGate.THIN_BOOK, {"thin_l1": D(1)}, {"thin_l1": D("0.99999999")}),
        (SelectionGate.WARMUP_INSUFFICIENT, {"warmup_bars": 10}, {"warmup_bars": 9}),
    ],
)
def test_a_gate_stands_exactly_at_its_edge(
    gate: SelectionGate, passes: dict[str, Any], fails: dict[str, Any]
) -> None:
    assert score(a_candidate(**passes), DEFAULTS).gates_failed == ()
    assert score(a_candidate(**fails), DEFAULTS).gates_failed == (gate,)
    best = a_candidate("AAUSDT", range_score=10**6, **fails)
    chosen = select_v1([best, a_candidate("BBUSDT", range_score=0)], DEFAULTS, lookahead=True)
    assert chosen.symbols == ("BBUSDT",)
    assert [s.rank for s in chosen.scores_v1] == [None, 1]


def test_all_gates_are_judged_and_listed_in_order() -> None:
    worst = a_candidate(
        toxicity_blocked=True, spread_bps=101, thin_l1=D(0), warmup_bars=0, range_score=0
    )
    scored = score(worst, DEFAULTS)
    assert scored.gates_failed == tuple(SelectionGate)
    assert (scored.toxicity_penalty, scored.score) == (10_000, -10_000)


def test_ranks_go_on_beyond_the_selected_and_ties_go_by_symbol() -> None:
    field = [a_candidate(f"{letter}USDT") for letter in "DBCA"]
    chosen = select_v1(field, evolve(DEFAULTS, topk_v1_k=2), lookahead=False)
    assert chosen.symbols == ("AUSDT", "BUSDT")
    assert [(s.symbol, s.rank) for s in chosen.scores_v1] == [
        ("AUSDT", 1),
        ("BUSDT", 2),
        ("CUSDT", 3),
        ("DUSDT", 4),
    ]
    assert chosen.lookahead is False


def test_nobody_passes_and_nobody_is_there() -> None:
    chosen = select_v1([a_candidate(warmup_bars=0)], DEFAULTS, lookahead=True)
    assert (chosen.symbols, chosen.scores) == ((), {"AAAUSDT": 20})
    assert select_v1([], DEFAULTS, lookahead=True).scores_v1 == ()


# -- bad input


@pytest.mark.parametrize(
    "changes",
    [
        {"range_score": -1},
        {"range_score": True},
        {"spread_bps": -1},
        {"thin_l1": D("-0.1")},
        {"thin_l1": D("NaN")},
        {"net_return_bps": D(1)},
        {"warmup_bars": -1},
        {"symbol": "aaa"},
    ],
)
def test_bad_candidates_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractError, match=next(iter(changes))):
        a_candidate(**changes)


def test_a_symbol_twice_is_refused() -> None:
    with pytest.raises(ContractError, match="AAAUSDT"):
        select_v1([a_candidate(), a_candidate(range_score=3)], DEFAULTS, lookahead=True)


@pytest.mark.parametrize("name", ["w_range", "w_liquidity", "w_toxicity", "w_trend", "liq_scale"])
def test_negative_weights_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        SelectionSettings(**{name: -1})


# -- properties


def plain_ilog10(x: int) -> int:
    """The definition, slowly."""
    power = 0
    while 10 ** (power + 1) <= x:
        power += 1
    return power


@given(st.integers(1, 10**6) | st.integers(1, 10**40) | st.integers(0, 40).map(lambda n: 10**n))
def test_ilog10_is_the_magnitude(x: int) -> None:
    assert ilog10(x) == plain_ilog10(x)


@settings(max_examples=50)
@given(fields(), selection_settings(), st.randoms())
def test_input_order_is_irrelevant(
    field: list[SelectionCandidate], limits: SelectionSettings, draw: Any
) -> None:
    shuffled = list(field)
    draw.shuffle(shuffled)
    chosen = select_v1(field, limits, lookahead=True)
    assert select_v1(shuffled, limits, lookahead=True) == chosen
    assert from_dict(Selection, to_dict(chosen)) == chosen


@settings(max_examples=60)
@given(fields(), selection_settings(), hostile_contexts())
def test_gated_never_selected_and_the_best_of_the_rest_are(
    field: list[SelectionCandidate], limits: SelectionSettings, ambient: Context
) -> None:
    with localcontext(ambient):
        chosen = select_v1(field, limits, lookahead=True)
    by_symbol = {item.symbol: item for item in chosen.scores_v1}
    assert list(by_symbol) == list(chosen.scores) == sorted(c.symbol for c in field)
    passing = [item for item in by_symbol.values() if not item.gates_failed]
    assert len(chosen.symbols) == min(limits.topk_v1_k, len(passing))
    assert sorted(item.rank or 0 for item in passing) == list(range(1, len(passing) + 1))
    for item in by_symbol.values():
        assert type(item.score) is int
        assert chosen.scores[item.symbol] == item.score
        assert (item.rank is None) == bool(item.gates_failed)
        assert (item.symbol in chosen.symbols) == ((item.rank or 99) <= limits.topk_v1_k)
    for better, worse in zip(chosen.symbols, chosen.symbols[1:], strict=False):
        assert (-chosen.scores[better], better) < (-chosen.scores[worse], worse)
    floor = min((chosen.scores[symbol] for symbol in chosen.symbols), default=None)
    left_out = [item.score for item in passing if item.symbol not in chosen.symbols]
    assert floor is None or all(value <= floor for value in left_out)


@given(candidates_of("AAAUSDT"), selection_settings(), scaled(0, 10**19 - 1))
def test_score_never_falls_with_liquidity(
    candidate: SelectionCandidate, limits: SelectionSettings, other: Decimal
) -> None:
    thin, thick = sorted((candidate.thin_l1, other))
    low = score(evolve(candidate, thin_l1=thin), limits)
    high = score(evolve(candidate, thin_l1=thick), limits)
    assert low.score <= high.score


@given(candidates_of("AAAUSDT"), selection_settings(), st.integers(-(10**9), 10**9))
def test_score_never_rises_with_a_trend_of_either_sign(
    candidate: SelectionCandidate, limits: SelectionSettings, other: int
) -> None:
    weak, strong = sorted((candidate.net_return_bps, other), key=abs)
    low = score(evolve(candidate, net_return_bps=strong), limits)
    high = score(evolve(candidate, net_return_bps=weak), limits)
    assert low.score <= high.score
    assert score(evolve(candidate, net_return_bps=-weak), limits) == high


# -- the separate pass

FAST = IndicatorSettings(feature_engine_enabled=True, bar_interval_ms=1_000, period=3, max_bars=8)


def passed(events: Sequence[Event], **limits: Any) -> Selection:
    return two_pass_v1(events, FAST, GateSettings(), SelectionSettings(**limits))


def test_the_pass_measures_at_the_last_quote() -> None:
    # closes 100, 101, 100, 101 over whole bars: chop 299 bps, net 100 bps
    events = [
        quote(ts, mid - D("0.01"), mid + D("0.01"), bid_qty=D(99), ask_qty=D(7))
        for ts, mid in zip(range(0, 5_000, 1_000), map(D, (100, 101, 100, 101, 101)), strict=True)
    ]
    (only,) = passed(events, warmup_min=4).scores_v1
    assert (only.range_component, only.trend_penalty, only.gates_failed) == (299 // 101, 50, ())
    assert only.liquidity_component == 0  # ilog10(7 + 1)
    (cold,) = passed(events, warmup_min=5).scores_v1
    assert cold.gates_failed == (SelectionGate.WARMUP_INSUFFICIENT,)


def test_the_pass_says_that_it_looks_ahead_and_reads_snapshots_only() -> None:
    trade = Trade(ts=5, symbol="ZZZUSDT", trade_id=1, price=D(1), qty=D(1), is_buyer_maker=True)
    chosen = passed([Event(0, trade), mid_quote(5, 100)])
    assert chosen.lookahead is True
    assert list(chosen.scores) == ["AAAUSDT"]
    assert passed([]).symbols == ()


@pytest.mark.parametrize(("wait", "toxic"), [(5_000, True), (5_001, False)])
def test_only_a_jump_within_the_look_back_of_the_last_quote_is_toxic(
    wait: int, toxic: bool
) -> None:
    events = [mid_quote(0, 100), mid_quote(wait, 106)]
    (only,) = passed(events).scores_v1
    assert (SelectionGate.TOXICITY_BLOCKED in only.gates_failed) is toxic


def test_time_that_goes_back_is_refused() -> None:
    with pytest.raises(ContractError, match="back"):
        passed([mid_quote(9, 100), mid_quote(8, 100)])


@settings(max_examples=25)
@given(quotes(symbols=("AAAUSDT", "BBBUSDT"), max_size=24))
def test_the_pass_measures_what_the_engine_measures(events: list[Event]) -> None:
    """The engine's own trackers, run over the same stream, give the same candidates."""
    limits = SelectionSettings(warmup_min=2, thin_l1_min=D(3))
    config = evolve(EngineConfig(), indicators=FAST, selection=limits)
    engine = Engine(config)
    shadow: dict[str, SelectionCandidate] = {}
    for event in events:
        engine.step(event)
        snapshot = event.payload
        assert isinstance(snapshot, Snapshot)
        state = engine.hot.symbols[snapshot.symbol]
        assert state.features is not None
        shadow[snapshot.symbol] = SelectionCandidate.of(
            state.features.read(snapshot, state.mid, state.spread_bps),
            toxicity_blocked=state.toxicity.check(state.mid, state.spread_bps) is not None,
        )
    expected = select_v1(shadow.values(), limits, lookahead=True)
    assert two_pass_v1(events, FAST, config.gates, limits) == expected


@given(st.integers(0, 2**32))
@settings(max_examples=10)
def test_symbols_do_not_disturb_each_other(seed: int) -> None:
    first = list(walk(seed, 60, symbol="AAAUSDT"))
    second = list(walk(seed + 1, 60, symbol="BBBUSDT"))
    together = passed(merged(first, second), thin_l1_min=D(0), warmup_min=0)
    apart = [passed(stream, thin_l1_min=D(0), warmup_min=0) for stream in (first, second)]
    assert together.scores == {**apart[0].scores, **apart[1].scores}


def test_a_caller_with_another_decimal_context_gets_the_same_selection() -> None:
    events = list(walk(3, 80))
    with localcontext() as ambient:
        ambient.prec = 2
        crude = passed(events)
    assert crude == passed(events)
