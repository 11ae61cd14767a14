"""CORE-31, 41, design section 4: with every feature on, continuing from a dump is continuing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.enums import FillMode, FundingSource, MarkSource, RiskTier
from grinder_core.contracts.enums import SelectionSource as Source
from grinder_core.contracts.event import Event
from grinder_core.contracts.limits import LeverageBracket, SymbolConstraints
from grinder_core.contracts.market import DepthDiff, Funding, L2Snapshot, MarkPrice, Trade
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.engine import Engine
from grinder_core.session.checkpoint import Checkpoint, resume, take
from grinder_core.session.session import Session
from tests.support.factories import SYMBOL, Wire, mid_quote, roomy
from tests.support.strategies import SYMBOLS, quotes
from tests.support.wiring import adaptive

D = Decimal
TWO = SYMBOLS[:2]
BRACKET = LeverageBracket(
    notional_floor=D(0), notional_cap=D(10**9), maint_margin_ratio=D("0.02"), cum=D(0),
    max_leverage=25,
)  # fmt: skip
EVERYTHING: dict[str, Any] = {
    "controller_enabled": True,
    "levels_min": 1,
    "levels_max": 2,
    "warmup_events": 3,
    "reset_cooldown_ms": 1_000,
    "qty_ref": dict.fromkeys(SYMBOLS, D(5)),
    "l2_gating_enabled": True,
    "l2_execution_guard_enabled": True,
    "constraints_enabled": True,
    "symbol_constraints": {
        SYMBOL: SymbolConstraints(step_size=D("0.01"), min_qty=D("0.02"), min_notional=D(5))
    },
    "tick_sizes": {SYMBOLS[1]: D("0.01")},
    "kill_switch_enabled": True,
    "dd_guard_v1_enabled": True,
    "consec_loss_enabled": True,
    "cycle_enabled": True,
    "maker_fee_bps_x100": 200,
    "taker_fee_bps_x100": 500,
    "market_slippage_bps": 7,
    "funding_source": FundingSource.DATA,
    "mark_source": MarkSource.MARK_PRICE,
    "liquidation_enabled": True,
    "leverage_brackets": dict.fromkeys(SYMBOLS, (BRACKET,)),
    "max_spread_bps": 60,
    "max_price_impact_bps": 300,
    "pause_spread_bps": 30,
}
SHARES: dict[str, Any] = {
    "auto_sizing_enabled": True,
    "sizing_equity": D(1_000),
    "adverse_move": D("0.1"),
    "dd_allocator_enabled": True,
    "symbol_tiers": {SYMBOL: RiskTier.LOW, SYMBOLS[1]: RiskTier.HIGH},
}
RATIOS: dict[str, Any] = {"dd_budget_ratios": {SYMBOL: D("0.5")}}

full = st.builds(
    lambda sizes, **changes: adaptive(**EVERYTHING, **sizes, **changes),
    st.sampled_from((SHARES, RATIOS)),
    controller_version=st.integers(0, 1),
    cycle_execution_enabled=st.booleans(),
    consec_loss_threshold=st.integers(1, 2),
    max_drawdown_pct=st.sampled_from((D("0.02"), D(100), D(100))),
    portfolio_dd_limit=st.sampled_from((D("0.00003"), D(1))),
    max_orders_per_minute=st.sampled_from((20, 10**6)),
    max_notional_total=st.sampled_from((D(1_000), D(10**9), D(10**9))),
    fill_mode=st.sampled_from((FillMode.CROSSING, FillMode.TOUCH, FillMode.L2, FillMode.QUEUE)),
    fill_after_ticks=st.integers(0, 1),
    l2_execution_max_age_ms=st.sampled_from((1_500, 10**9)),
    order_latency_ms=st.sampled_from((0, 0, 60)),
    partial_fills_enabled=st.booleans(),
    initial_capital=st.sampled_from((D(10_000), D(15))),
    selection_source=st.sampled_from((Source.STATIC, Source.STATIC, Source.TOPK_V1)),
    topk_prefix_events=st.sampled_from((2, 9)),
    warmup_min=st.just(0),
    thin_l1_min=st.just(D(0)),
)
observing = st.builds(
    roomy,
    feature_engine_enabled=st.just(True),
    bar_interval_ms=st.just(1_000),
    period=st.just(2),
    cycle_enabled=st.booleans(),
    dd_guard_v1_enabled=st.booleans(),
    consec_loss_enabled=st.booleans(),
    l2_execution_guard_enabled=st.booleans(),
    qty_ref=st.just(dict.fromkeys(SYMBOLS, D(5))),
    max_spread_bps=st.sampled_from((50, 5_000)),
    max_orders_per_minute=st.sampled_from((7, 10**6)),
    cooldown_ms=st.sampled_from((0, 100)),
    recenter_bps=st.sampled_from((0, 10)),
)


@st.composite
def busy(draw: st.DrawFn, max_size: int = 14) -> list[Event]:
    """Quotes of two symbols with books, changes, prints, marks, funding and commands between.

    The first seconds are still and deep, so that the adaptive grid is warm and trades after them.
    """
    stream: list[Event] = []
    last_id = dict.fromkeys(TWO, 1)
    for ts in (0, 1_000, 2_000, 3_000):
        for symbol in TWO:
            deep = ((D(99), D(50)),), ((D(101), D(50)),)
            book = L2Snapshot(ts=ts, symbol=symbol, bids=deep[0], asks=deep[1])
            stream.append(Event(ts, book, update_id=1))
            stream.append(mid_quote(ts, "100", symbol))
    for quoted in draw(quotes(symbols=TWO, max_size=max_size)):
        event = moved(quoted)
        if draw(st.booleans()):
            payload: Any = draw(between(event, last_id))
            update_id = last_id[payload.symbol] if isinstance(payload, L2Snapshot) else None
            stream.append(Event(event.ts_ms, payload, event.seq, update_id=update_id))
        stream.append(event)
    return stream


def moved(event: Event) -> Event:
    """The same quote after the still seconds."""
    ts = event.ts_ms + 3_000
    return Event(ts, evolve(event.payload, ts=ts), event.seq)  # type: ignore[type-var]


@st.composite
def between(draw: st.DrawFn, event: Event, last_id: dict[str, int]) -> Any:
    quote: Any = event.payload
    ts, symbol, bid, ask = quote.ts, quote.symbol, quote.bid_price, quote.ask_price
    kind = draw(
        st.sampled_from(("book", "book", "change", "change", "mark", "fund", "do", "print"))
    )
    qty = D(draw(st.sampled_from((50, 50, 8, 1, 0))))
    if kind == "book":
        last_id[symbol] += 10
        bids = ((bid, D(draw(st.sampled_from((50, 5, 1))))),)
        asks = ((ask + D("0.01"), qty), (ask + 1, D(3)))
        return L2Snapshot(ts=ts, symbol=symbol, bids=bids, asks=asks)
    if kind == "change":
        before = last_id[symbol]
        last_id[symbol] += draw(st.integers(0, 1)) + 1
        first = before if draw(st.booleans()) else before + draw(st.integers(0, 2))
        return DepthDiff(
            ts=ts, symbol=symbol, first_update_id=first, last_update_id=max(first, before + 1),
            prev_update_id=before, asks=((ask + D("0.01"), qty),),
        )  # fmt: skip
    if kind == "mark":
        return MarkPrice(ts=ts, symbol=symbol, mark_price=bid + draw(st.integers(0, 3)))
    if kind == "fund":
        return Funding(ts=ts, symbol=symbol, rate=D(draw(st.integers(-3, 3))).scaleb(-2))
    if kind == "print":
        price = bid + D(draw(st.integers(-30, 30))).scaleb(-2)
        return Trade(ts=ts, symbol=symbol, trade_id=event.seq, price=price, qty=D(1) + qty,
                     is_buyer_maker=draw(st.booleans()))  # fmt: skip
    what = draw(st.sampled_from((*Command, Command.RESUME, Command.RESET_KILL_SWITCH)))
    return Control(command=what, actor="test", symbol=symbol if what is Command.FLATTEN else "")


def folded(stream: list[Event], config: EngineConfig) -> list[Event]:
    """Everything the engine is fed: the stream, the venue's answers, the ends of turns."""
    wire = Wire(config)
    for event in stream:
        wire.feed(event)
    return wire.folded


def agree(config: EngineConfig, events: list[Event]) -> None:
    """Compare an engine with one reloaded before every event, once the grid is warm."""
    straight, late = Engine(config), 0
    while late < len(events) and events[late].ts_ms < 3_000:
        straight.step(events[late])
        late += 1
    hopping = Engine.from_state(straight.state(), config)
    for event in events[late:]:
        hopping = Engine.from_state(hopping.state(), config)
        assert hopping.step(event) == straight.step(event)
    assert hopping.state() == straight.state()


@settings(max_examples=40)
@given(busy(), full)
def test_with_everything_on_an_engine_reloaded_before_every_event_says_the_same(
    stream: list[Event], config: EngineConfig
) -> None:
    """Between effects and TURN_END too; no kept shape, size, plan or rank decides anything."""
    agree(config, folded(stream, config))


@settings(max_examples=40)
@given(busy(), observing)
def test_a_calm_turn_says_what_a_whole_one_says_while_features_look_on(
    stream: list[Event], config: EngineConfig
) -> None:
    agree(config, folded(stream, config))


@settings(max_examples=25)
@given(busy(max_size=12), full, st.integers(0, 30))
def test_two_halves_of_a_session_are_the_whole(
    stream: list[Event], config: EngineConfig, cut: int
) -> None:
    config = config.with_values({"selection_source": Source.STATIC})
    cut = min(cut, len(stream))
    whole = Session(config)
    whole.run(stream)
    first = Session(config)
    first.run(stream[:cut])
    second = resume(Checkpoint.from_text(take(first, cut).to_text()), config)
    second.run(stream[cut:])
    assert second.running_digest == whole.running_digest
    assert second.engine.state() == whole.engine.state()
    assert second.venue == whole.venue


@settings(max_examples=25)
@given(busy(), full)
def test_a_session_and_a_wire_joined_by_hand_agree(
    stream: list[Event], config: EngineConfig
) -> None:
    wire, outputs = Wire(config), []
    session = Session(config, on_output=outputs.append)
    session.run(stream)
    for event in stream:
        wire.feed(event)
    assert wire.outputs == outputs
    assert [o.ts for o in outputs] == [e.payload.ts for e in stream if is_quote(e)]  # type: ignore[union-attr]


def is_quote(event: Event) -> bool:
    return event.kind == "SNAPSHOT"


@pytest.mark.parametrize("unanswered", [1, 2])
def test_a_turn_that_the_next_quote_closes_keeps_its_own_number(unanswered: int) -> None:
    engine = Engine(roomy(levels=unanswered))
    engine.step(Event(0, mid_quote(0, "100").payload, 7))
    first, second = engine.step(Event(5, mid_quote(5, "100").payload, 9))
    assert (first.seq, second.seq) == (7, 9)  # type: ignore[union-attr]
