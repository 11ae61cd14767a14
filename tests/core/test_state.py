"""Design section 4: the state is complete, and continuing from it is continuing."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.contracts.control import Command, Control, Selection
from grinder_core.contracts.enums import SelectionSource
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import MarketStats
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.engine import Engine
from grinder_core.engine.state import STATE_VERSION, EngineState, HotState
from grinder_core.errors import ArtifactError
from grinder_core.session.checkpoint import Checkpoint, resume, take
from grinder_core.session.session import Driver, Session
from grinder_core.venue.sim import SimVenue
from tests.support.factories import Wire, mid_quote, roomy, walk
from tests.support.strategies import SYMBOLS, quotes

D = Decimal

configs = st.builds(
    roomy,
    levels=st.integers(1, 3),
    max_notional_total=st.sampled_from((D(900), D(10**9))),
    max_orders_per_minute=st.sampled_from((7, 10**6)),
    cooldown_ms=st.sampled_from((0, 100)),
    max_spread_bps=st.sampled_from((50, 5_000)),
    max_price_impact_bps=st.sampled_from((20, 9_000)),
    max_drawdown_pct=st.sampled_from((D("0.005"), D(100))),
    daily_loss_limit=st.sampled_from((D("0.05"), D(10**9))),
    kill_switch_enabled=st.booleans(),
    recenter_bps=st.sampled_from((0, 10)),
    fill_after_ticks=st.integers(0, 1),
    maker_fee_bps_x100=st.sampled_from((0, 200)),
    feature_engine_enabled=st.booleans(),
    bar_interval_ms=st.just(1_000),
    period=st.just(2),
    selection_source=st.sampled_from((SelectionSource.STATIC, SelectionSource.TOPK_V0)),
    topk_k=st.just(2),
    topk_prefix_events=st.integers(1, 4),
)


@st.composite
def busy_streams(draw: st.DrawFn) -> list[Event]:
    """Quotes of several symbols with commands, statistics and late selections in between."""
    stream: list[Event] = []
    for event in draw(quotes(symbols=SYMBOLS, max_size=16)):
        extra: Any = draw(
            st.sampled_from(
                (
                    *(None,) * 6,
                    Control(command=Command.KILL, actor="test"),
                    Control(command=Command.RESET_KILL_SWITCH, actor="test"),
                    Control(command=Command.RESET_DRAWDOWN_GUARD, actor="test"),
                    MarketStats(ts=0, symbol=SYMBOLS[0], vol_24h_usd=D(1), oi_usd=D(1)),
                    MarketStats(ts=0, symbol=SYMBOLS[0], vol_24h_usd=D(10**9), oi_usd=D(10**9)),
                    Selection(symbols=SYMBOLS[:1], k=1, scores={SYMBOLS[0]: 1}, lookahead=False),
                    Selection(symbols=SYMBOLS[1:], k=2, scores={}, lookahead=False),
                )
            )
        )
        if extra is not None:
            stream.append(Event(event.ts_ms, extra, event.seq))
        stream.append(event)
    return stream


def folded(stream: list[Event], config: EngineConfig) -> list[Event]:
    """Everything the engine is fed: the stream, the venue's answers, the ends of turns."""
    wire = Wire(config)
    for event in stream:
        wire.feed(event)
    return wire.folded


def reloaded(engine: Engine, config: EngineConfig) -> Engine:
    return Engine.from_state(engine.state(), config)


@settings(max_examples=40)
@given(busy_streams(), configs)
def test_an_engine_reloaded_before_every_event_says_the_same(
    stream: list[Event], config: EngineConfig
) -> None:
    """Also between effects and TURN_END; and no cache decides anything."""
    straight, hopping = Engine(config), Engine(config)
    for event in folded(stream, config):
        hopping = reloaded(hopping, config)
        assert hopping.step(event) == straight.step(event)
    assert hopping.state() == straight.state()


@settings(max_examples=10)
@given(busy_streams(), configs)
def test_continuing_from_any_cut_gives_the_rest(stream: list[Event], config: EngineConfig) -> None:
    events = folded(stream, config)[:60]
    straight = Engine(config)
    states, outputs = [], []
    for event in events:
        states.append(straight.state())
        outputs.append(straight.step(event))
    for cut, state in enumerate(states):
        engine = Engine.from_state(state, config)
        assert [engine.step(event) for event in events[cut:]] == outputs[cut:]
        assert engine.state() == straight.state()


@settings(max_examples=40)
@given(busy_streams(), configs)
def test_loading_a_dump_gives_the_state_back(stream: list[Event], config: EngineConfig) -> None:
    engine = Engine(config)
    for event in folded(stream, config):
        engine.step(event)
        state = engine.state()
        again = Engine.from_state(state, config)
        assert again.hot == engine.hot
        assert again.state() == state
        assert canonical_json(json.loads(state.text)) == state.text


@settings(max_examples=20)
@given(busy_streams(), configs)
def test_two_engines_from_one_dump_never_affect_each_other(
    stream: list[Event], config: EngineConfig
) -> None:
    events = folded(stream, config)
    half = len(events) // 2
    engine = Engine(config)
    for event in events[:half]:
        engine.step(event)
    state = engine.state()
    one, two = Engine.from_state(state, config), Engine.from_state(state, config)
    for event in events[half:]:
        one.step(event)
    assert two.state() == state
    assert engine.state() == state


@settings(max_examples=25)
@given(busy_streams(), configs)
def test_the_venue_comes_back_whole(stream: list[Event], config: EngineConfig) -> None:
    wire = Wire(config)
    for event in stream:
        wire.feed(event)
        text = canonical_json(dump_state(wire.venue))
        again = load_state(SimVenue, json.loads(text))
        assert again == wire.venue


# -- checkpoints of whole sessions -------------------------------------------------------------


def run_in_halves(events: list[Event], config: EngineConfig, cut: int, driver: Driver) -> Session:
    first = Session(config, driver=driver)
    first.run(events[:cut])
    text = take(first, cut).to_text()
    second = resume(Checkpoint.from_text(text), config)
    second.run(events[cut:])
    return second


@settings(max_examples=25)
@given(quotes(symbols=SYMBOLS, max_size=12), st.integers(0, 12), st.sampled_from(Driver), configs)
def test_two_halves_have_the_digest_of_the_whole(
    events: list[Event], cut: int, driver: Driver, config: EngineConfig
) -> None:
    config = config.with_values({"selection_source": SelectionSource.STATIC})
    whole = Session(config, driver=driver)
    whole.run(events)
    halves = run_in_halves(events, config, min(cut, len(events)), driver)
    assert halves.running_digest == whole.running_digest
    assert halves.output_count == whole.output_count == len(events)
    assert halves.engine.state() == whole.engine.state()
    assert halves.venue == whole.venue
    assert halves.digest is None  # the list digest cannot be continued


def test_a_long_walk_has_one_digest_however_often_it_stops() -> None:
    events = list(walk(3, 1_200))
    config = roomy(recenter_bps=20, maker_fee_bps_x100=200)
    whole = Session(config)
    whole.run(events)
    session = Session(config)
    for start in range(0, len(events), 170):
        session.run(events[start : start + 170])
        session = resume(Checkpoint.from_text(take(session, start).to_text()), config)
    assert session.running_digest == whole.running_digest
    assert whole.engine.hot.stats.total_fills > 50


def a_checkpoint() -> tuple[str, EngineConfig]:
    config = roomy()
    session = Session(config)
    session.run([mid_quote(0, "100"), mid_quote(1, "99.9")])
    return take(session, 2).to_text(), config


@given(st.data())
def test_any_damage_to_a_checkpoint_file_is_noticed(data: st.DataObject) -> None:
    text, _ = a_checkpoint()
    kind = data.draw(st.sampled_from(("cut", "change", "insert", "drop")))
    at = data.draw(st.integers(0, len(text) - 2))
    letter = data.draw(st.characters(codec="utf-8", exclude_characters=text[at]))
    damaged = {
        "cut": text[:at],
        "change": text[:at] + letter + text[at + 1 :],
        "insert": text[:at] + letter + text[at:],
        "drop": text[:at] + text[at + 1 :],
    }[kind]
    if damaged.split() == text.split():
        return  # white space around the checksum says nothing
    with pytest.raises(ArtifactError):
        Checkpoint.from_text(damaged)


@pytest.mark.parametrize("text", ["", "\n", "{}", "[]\n", "{}\n\n", "\x00", "5\n5\n"])
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ArtifactError):
        Checkpoint.from_text(text)


@pytest.mark.parametrize("body", ["[]", "5", '"x"', "null", "{}", "not json", '{"version":1}'])
def test_a_sound_checksum_over_nonsense_is_refused(body: str) -> None:
    from grinder_core.codec import sha256_hex

    with pytest.raises(ArtifactError):
        Checkpoint.from_text(f"{body}\n{sha256_hex(body.encode())}\n")


def test_a_checkpoint_says_where_it_stopped() -> None:
    text, config = a_checkpoint()
    checkpoint = Checkpoint.from_text(text)
    assert (checkpoint.events_read, checkpoint.output_count) == (2, 2)
    assert Checkpoint.from_text(checkpoint.to_text()) == checkpoint
    assert resume(checkpoint, config).engine.hot.stats.events_processed == 2


def test_another_configuration_or_version_is_refused() -> None:
    text, config = a_checkpoint()
    checkpoint = Checkpoint.from_text(text)
    with pytest.raises(ArtifactError, match="configuration"):
        resume(checkpoint, config.with_values({"levels": 1}))
    with pytest.raises(ArtifactError, match="version"):
        resume(evolve(checkpoint, version=2), config)
    with pytest.raises(ArtifactError, match="version"):
        resume(
            evolve(checkpoint, engine=evolve(checkpoint.engine, version=STATE_VERSION + 1)), config
        )


@pytest.mark.parametrize(
    "text",
    ["garbage", "", "[]", "5", "null", '{"account":{}}', "{}"],
)
def test_a_damaged_engine_state_is_refused(text: str) -> None:
    config = roomy()
    with pytest.raises(ArtifactError):
        Engine.from_state(EngineState(1, config.config_hash, text), config)


@pytest.mark.parametrize("data", [None, [], 5, "x", {}, {"account": 5}])
def test_what_is_no_state_is_refused(data: Any) -> None:
    with pytest.raises(ArtifactError):
        load_state(HotState, data)


def test_a_state_refuses_unknown_missing_and_mistyped_keys() -> None:
    data = json.loads(Engine(roomy()).state().text)
    for wrong in (
        {**data, "more": 1},
        {key: value for key, value in data.items() if key != "cash"},
        {**data, "cash": 10_000},
        {**data, "now": "0"},
        {**data, "now": True},
        {**data, "symbols": []},
    ):
        with pytest.raises(ArtifactError):
            load_state(HotState, wrong)
