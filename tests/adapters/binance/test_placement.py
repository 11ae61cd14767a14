"""Where streams sit: on exactly one connection, holes filled first (SCR-01)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.placement import (
    Placement,
    PlacementSettings,
    StreamClass,
    stream_class,
)
from grinder_core.errors import ConfigError, ContractError

KINDS = ("bookTicker", "depth20@500ms", "aggTrade")
Call = tuple[str, int, Sequence[str]]


def symbols(count: int) -> list[str]:
    return [f"S{number:03}USDT" for number in range(count)]


def small(**changes: int) -> PlacementSettings:
    return PlacementSettings(max_streams=5, venue_stream_cap=8, **changes)


def test_five_hundred_symbols_take_three_wide_connections() -> None:
    wide = PlacementSettings(max_streams=800, venue_stream_cap=1024)
    placement = Placement(KINDS, wide)
    placement.add(symbols(500))
    assert [(s.stream_class, len(s.symbols)) for s in placement.shards.values()] == [
        (StreamClass.PUBLIC, 400),
        (StreamClass.MARKET, 500),
        (StreamClass.PUBLIC, 100),
    ]


def test_the_largest_legal_connection_under_a_cap_of_200_has_160_streams() -> None:
    assert PlacementSettings(max_streams=160, venue_stream_cap=200).max_streams == 160
    with pytest.raises(ConfigError, match="must be <= 160"):
        PlacementSettings(max_streams=161, venue_stream_cap=200)


def test_the_default_is_160_streams_under_a_cap_of_200() -> None:
    settings = PlacementSettings()
    assert (settings.max_streams, settings.venue_stream_cap) == (160, 200)


@pytest.mark.parametrize("kind", ["", "bookticker", "depth7", "depth20@", "trade", "klines_1m"])
def test_an_unknown_kind_is_refused(kind: str) -> None:
    with pytest.raises(ConfigError, match="is no stream kind"):
        Placement([kind], PlacementSettings())


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("bookTicker", StreamClass.PUBLIC),
        ("depth", StreamClass.PUBLIC),
        ("depth@100ms", StreamClass.PUBLIC),
        ("depth5", StreamClass.PUBLIC),
        ("rpiDepth@500ms", StreamClass.PUBLIC),
        ("aggTrade", StreamClass.MARKET),
        ("markPrice@1s", StreamClass.MARKET),
        ("kline_15m", StreamClass.MARKET),
        ("miniTicker", StreamClass.MARKET),
        ("ticker", StreamClass.MARKET),
    ],
)
def test_each_kind_has_its_class(kind: str, found: StreamClass) -> None:
    assert stream_class(kind) is found


def test_what_is_no_symbol_places_nothing() -> None:
    placement = Placement(KINDS, small())
    with pytest.raises(ContractError):
        placement.add(["BTCUSDT", "btc-usdt"])
    assert placement.shards == {}


def test_streams_of_a_symbol_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ConfigError, match="must be >= 2"):
        Placement(KINDS, PlacementSettings(max_streams=1))


def test_a_hole_is_filled_before_a_new_connection_is_opened() -> None:
    placement = Placement(("bookTicker", "depth20"), small())
    placement.add(["A1", "B1", "C1", "D1"])  # two symbols a connection
    placement.remove(["A1"], now=0)
    placement.add(["E1"])
    assert [list(s.symbols) for s in placement.shards.values()] == [["B1", "E1"], ["C1", "D1"]]


def test_an_empty_connection_closes_after_a_minute_and_its_number_is_not_used_again() -> None:
    placement = Placement(("bookTicker",), PlacementSettings())
    placement.add(["BTCUSDT"])
    placement.remove(["BTCUSDT"], now=1_000)
    assert placement.close_empty(60_999) == []
    assert placement.close_empty(61_000) == [0]
    placement.add(["BTCUSDT"])
    assert list(placement.shards) == [1]


def test_a_symbol_that_comes_back_keeps_the_connection() -> None:
    placement = Placement(("bookTicker",), PlacementSettings())
    placement.add(["BTCUSDT"])
    placement.remove(["BTCUSDT"], now=0)
    placement.add(["ETHUSDT"])
    assert placement.close_empty(100_000) == []
    assert placement.shards[0].streams == ["ethusdt@bookTicker"]


NAMES = [f"{letter}1" for letter in "ABCDEFGHIJKL"]
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "close"]),
        st.integers(0, 50_000),
        st.lists(st.sampled_from(NAMES), max_size=8),
    ),
    max_size=20,
)


def play(calls: Sequence[Call]) -> Placement:
    placement, now = Placement(KINDS, small()), 0
    for what, wait, some in calls:
        now += wait
        if what == "add":
            placement.add(some)
        elif what == "remove":
            placement.remove(some, now)
        else:
            placement.close_empty(now)
    return placement


@given(CALLS)
def test_every_wanted_stream_sits_on_exactly_one_connection_of_its_class(
    calls: list[Call],
) -> None:
    wanted: set[str] = set()
    for what, _, some in calls:
        if what == "add":
            wanted |= set(some)
        elif what == "remove":
            wanted -= set(some)
    shards = play(calls).shards.values()
    placed = sorted(stream for shard in shards for stream in shard.streams)
    assert placed == sorted(f"{name.lower()}@{kind}" for name in wanted for kind in KINDS)
    for shard in shards:
        assert len(shard.streams) <= 5
        assert {stream_class(s.partition("@")[2]) for s in shard.streams} <= {shard.stream_class}


@given(CALLS)
def test_placement_depends_only_on_the_calls(calls: list[Call]) -> None:
    shuffled = [(what, wait, [*reversed(some), *some]) for what, wait, some in calls]
    first, second = play(calls), play(shuffled)
    assert {n: s.streams for n, s in first.shards.items()} == {
        n: s.streams for n, s in second.shards.items()
    }


@given(CALLS)
def test_a_connection_is_opened_only_if_no_other_of_its_class_has_room(calls: list[Call]) -> None:
    placement, now = Placement(KINDS, small()), 0
    for what, wait, some in calls:
        now += wait
        if what == "remove":
            placement.remove(some, now)
        elif what == "close":
            placement.close_empty(now)
        else:
            for name in sorted(set(some)):
                before = {n: (s.stream_class, len(s.streams)) for n, s in placement.shards.items()}
                placement.add([name])
                for number in placement.shards.keys() - before.keys():
                    opened = placement.shards[number]
                    for found, streams in before.values():
                        if found is opened.stream_class:
                            assert streams + len(opened.kinds) > 5
