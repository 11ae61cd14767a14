"""CORE-42: what is kept of a session has a fixed size, whatever the number of days."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.event import Event
from grinder_core.contracts.orders import Fill
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError
from grinder_core.session.checkpoint import resume, take
from grinder_core.session.collect import Collector
from grinder_core.session.result import carry_over, run, run_session
from grinder_core.session.samples import Counts, Keep, Samples
from grinder_core.session.session import Session
from tests.support.factories import mid_quote, roomy

D = Decimal
DAY = 86_400_000
STEP = 600_000
ASKED = 10

steps = st.lists(st.one_of(st.integers(0, 30), st.integers(0, 3_000)), max_size=60)


def times_of(gaps: Sequence[int]) -> list[int]:
    times, now = [], 1_700_000_000_000
    for gap in gaps:
        now += gap
        times.append(now)
    return times


# -- samples and counts ----------------------------------------------------------------------------


@given(steps, st.integers(2, 12), st.sampled_from(Keep))
def test_samples_are_what_their_final_interval_would_have_given(
    gaps: list[int], room: int, keep: Keep
) -> None:
    samples = Samples(("number",), ASKED, room, keep)
    rows = list(enumerate(times_of(gaps)))
    for number, ts in rows:
        samples.add(ts, number)
        assert len(samples) <= room
    interval = samples.interval_ms
    by_interval: dict[int, list[tuple[int, int]]] = {}
    for number, ts in rows:
        by_interval.setdefault(ts // interval, []).append((number, ts))
    chosen = [each[0 if keep is Keep.FIRST else -1] for each in by_interval.values()]
    assert samples.columns == {"ts": [ts for _, ts in chosen], "number": [n for n, _ in chosen]}
    # it is no wider than it must be
    assert interval == ASKED or len({ts // (interval // 2) for _, ts in rows}) > room
    assert interval % ASKED == 0
    assert (interval // ASKED).bit_count() == 1


@given(steps, st.integers(2, 12), st.lists(st.sampled_from("AB"), min_size=60, max_size=60))
def test_counts_lose_nothing_and_stay_within_their_room(
    gaps: list[int], room: int, names: list[str]
) -> None:
    counts = Counts(ASKED, room)
    happened = list(zip(names, times_of(gaps), strict=False))
    for name, ts in happened:
        counts.add(name, ts)
        assert len(counts) == sum(map(len, counts.by_name.values())) <= room
    wide = counts.interval_ms
    expected: dict[str, dict[int, int]] = {}
    for name, ts in happened:
        of_name = expected.setdefault(name, {})
        of_name[ts // wide * wide] = of_name.get(ts // wide * wide, 0) + 1
    assert counts.by_name == expected
    half = wide // 2
    assert wide == ASKED or len({(name, ts // half) for name, ts in happened}) > room


def test_every_name_keeps_a_number_although_the_room_is_smaller() -> None:
    counts = Counts(ASKED, 2)
    for ts in range(0, 200, ASKED):
        for name in "ABCD":
            counts.add(name, ts)
    assert {name: sum(each.values()) for name, each in counts.by_name.items()} == dict.fromkeys(
        "ABCD", 20
    )
    assert len(counts) == 4


# -- a collector over many days --------------------------------------------------------------------


def busy(**changes: Any) -> EngineConfig:
    """A controller, a regime and a gate that blocks now and then."""
    return roomy(
        **{
            "feature_engine_enabled": True,
            "bar_interval_ms": STEP,
            "adaptive_policy_enabled": True,
            "controller_enabled": True,
            "max_spread_bps": 30,
            "maker_fee_bps_x100": 200,
            **changes,
        }
    )


def a_day(quotes: int = DAY // STEP) -> list[Event]:
    """Two symbols that swing across their grids, with a wide quote now and then."""
    events = []
    for number in range(quotes):
        swing = abs(number * 37 % 100 - 50) + number % 7 * 5
        for symbol, base in (("AAAUSDT", 1_000), ("BBBUSDT", 50)):
            half = D(base) / 400 if number % 10 == 9 else D(base) / 100_000
            mid = D(base) + D(base) * swing / 10_000
            events.append(mid_quote(number * STEP, mid, symbol, half_spread=str(half)))
    return events


def outputs_of(config: EngineConfig) -> tuple[PaperOutput, ...]:
    outputs = run(a_day(), config, keep_outputs=True).outputs
    assert outputs is not None
    return outputs


def test_a_collector_does_not_grow_between_day_10_and_day_40() -> None:
    room = {"max_equity": 200, "max_prices": 100, "max_blocks": 60}
    seen: list[Fill] = []
    collector = Collector(
        interval_ms=STEP, **room, max_levels=50, max_changes=1, keep_trades=False,
        on_trade=seen.append,
    )  # fmt: skip
    outputs = outputs_of(busy())
    a_day_of = sum(len(output.fills) for output in outputs)
    kept = []
    for day in range(40):
        for output in outputs:
            collector(evolve(output, ts=output.ts + day * DAY))
        kept.append(collector.rows_kept)
    resting = 2 * 2 * 20
    most = 200 + 2 * 100 + 60 + 50 + 1 + resting
    assert max(kept) <= most
    assert kept[9] > most / 3, "the room must fill in ten days, or this test shows nothing"
    assert (len(collector.steering.changes), len(collector.levels["symbol"])) == (1, 50)
    assert collector.levels_left_out > 0
    assert collector.steering.left_out > 0
    assert collector.fill_count == len(seen) == 40 * a_day_of > 0
    assert collector.trades == []
    # 40 days of 144 intervals each in room for so many rows
    assert collector.equity_interval_ms == STEP * 32
    assert collector.price_interval_ms == STEP * 64
    blocked = {reason: sum(each.values()) for reason, each in collector.blocks.items()}
    again = Collector()
    for output in outputs:
        again(output)
    assert blocked == {r: 40 * sum(each.values()) for r, each in again.blocks.items()}


def test_all_prices_share_one_interval() -> None:
    collector = Collector(interval_ms=1_000, max_prices=4)
    quotes = [mid_quote(n * 1_000, "100", "AAAUSDT") for n in range(20)]
    quotes[3:3] = [mid_quote(2_500, "7", "BBBUSDT")]
    quotes[8:8] = [mid_quote(6_500, "8", "BBBUSDT")]
    quotes += [mid_quote(20_000, "9", "CCCUSDT")]
    session = Session(roomy(), on_output=collector, digest=False)
    session.run(quotes)
    assert collector.price_interval_ms == 8_000
    assert collector.prices == {
        "AAAUSDT": {"ts": [0, 8_000, 16_000], "mid": [D(100)] * 3},
        "BBBUSDT": {"ts": [2_500], "mid": [D(7)]},
        "CCCUSDT": {"ts": [20_000], "mid": [D(9)]},
    }


def test_a_symbol_whose_time_lags_behind_costs_no_sample() -> None:
    """Each keeps its own venue time; the session's never goes back."""
    collector = Collector(interval_ms=1_000)
    session = Session(roomy(), on_output=collector, digest=False)
    for number in range(10):
        session.feed(mid_quote(10_000 + number * 100, "100", "AAAUSDT"))
        late = mid_quote(5_000 + number * 100, "7", "BBBUSDT")
        session.feed(evolve(late, ts_ms=10_000 + number * 100))
    collector.finish()
    assert collector.equity["ts"] == [10_900]
    assert collector.ms_seen == 900


# -- trades that are handed on ---------------------------------------------------------------------


def test_trades_handed_on_are_those_that_would_have_been_kept() -> None:
    kept = run(a_day(), busy())
    handed: list[Fill] = []
    lean = run(a_day(), busy(), keep_trades=False, on_trade=handed.append)
    assert kept.collected is not None
    assert handed == kept.collected.trades != []
    assert lean.to_dict() == kept.to_dict()
    with pytest.raises(ConfigError, match="keep_trades=True"):
        _ = lean.trades


def test_nobody_waits_for_trades_that_nothing_collects() -> None:
    with pytest.raises(ConfigError, match="on_trade"):
        run([], collect=False, on_trade=lambda fill: None)


# -- a session that was continued ------------------------------------------------------------------


@given(st.integers(1, 40), st.booleans())
@settings(max_examples=30)
def test_the_equity_of_a_continued_session_is_that_of_the_whole(cut: int, quiet: bool) -> None:
    """Also where a symbol with a position is not heard of again."""
    events = a_day(30)
    if quiet:
        events = [e for i, e in enumerate(events) if i < cut or e.payload.symbol == "AAAUSDT"]  # type: ignore[union-attr]
    config = roomy(maker_fee_bps_x100=200)
    whole = run(events, config).equity_curve
    first = Session(config)
    first.run(events[:cut])
    collector = Collector()
    second = resume(take(first, cut), config, on_output=collector)
    carry_over(second, collector)
    run_session(second, events[cut:], collector=collector)
    begin = whole["ts"].index(collector.equity["ts"][0])
    assert collector.equity == {name: column[begin:] for name, column in whole.items()}
    assert collector.ms_in_market <= collector.ms_seen
