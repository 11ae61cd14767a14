"""Loading fixtures: strict, complete before anything runs, blind to other types (CORE-04)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.feeds.fixture import Fixture, discover, load_fixture
from grinder_core.contracts.market import Snapshot
from grinder_core.errors import ConfigError, FixtureError
from grinder_core.session.result import run
from grinder_core.session.session import Driver

GOOD: dict[str, Any] = {
    "type": "SNAPSHOT",
    "ts": 1_000,
    "symbol": "AAAUSDT",
    "bid_price": "0.9999",
    "ask_price": "1.0001",
    "bid_qty": "5",
    "ask_qty": "7.5",
    "last_price": "1",
    "last_qty": "0.2",
}


def a_line(**changes: Any) -> str:
    data = {**GOOD, **changes}
    return json.dumps({key: value for key, value in data.items() if value is not ...})


def a_config(**changes: Any) -> str:
    data = {"schema_version": "v1", "description": "a case", "engine": {}, **changes}
    return json.dumps({key: value for key, value in data.items() if value is not ...})


def put(folder: Path, *lines: str, config: str | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(a_config() if config is None else config)
    (folder / "events.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return folder


def test_a_case_loads_with_its_settings_and_digests(tmp_path: Path) -> None:
    config = a_config(
        engine={"levels": 3, "size_per_level": "2.5", "kill_switch_enabled": True},
        expected_replay_digest="0123456789abcdef",
    )
    fixture = load_fixture(put(tmp_path / "case", a_line(), a_line(ts=2_000), config=config))
    assert fixture.name == "case"
    assert fixture.description == "a case"
    assert (fixture.config.policies.levels, fixture.config.risk.kill_switch_enabled) == (3, True)
    assert fixture.expected_replay_digest == "0123456789abcdef"
    assert fixture.expected_paper_digest is None
    assert [(event.ts_ms, event.seq) for event in fixture.events] == [(1_000, 0), (2_000, 1)]


def test_worked_example_core_04(tmp_path: Path) -> None:
    loaded = load_fixture(put(tmp_path / "text", a_line(bid_price="100.5", ask_price="100.6")))
    (event,) = loaded.events
    assert isinstance(event.payload, Snapshot)
    assert str(event.payload.bid_price) == "100.5"
    number = put(tmp_path / "number", a_line(bid_price=100.5, ask_price="100.6"))
    with pytest.raises(FixtureError, match="bid_price"):
        load_fixture(number)


def test_no_events_are_legal(tmp_path: Path) -> None:
    assert load_fixture(put(tmp_path)).events == ()


def test_equal_times_are_legal_and_kept(tmp_path: Path) -> None:
    lines = [a_line(), a_line(), a_line(symbol="BBBUSDT")]
    assert len(load_fixture(put(tmp_path, *lines)).events) == 3


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (a_line(bid_price=100.5), "bid_price = 100.5"),
        (a_line(bid_price=1), "bid_price = 1"),
        (a_line(bid_price="1e0"), "bid_price = '1e0'"),
        (a_line(bid_price="NaN"), "bid_price = 'NaN'"),
        (a_line(bid_price="1.1"), "crossed"),
        (a_line(ask_qty=...), "ask_qty: is missing"),
        (a_line(type=...), "type: is missing"),
        (a_line(ts=999), "must not be below 1000"),
        (a_line(ts="1000"), "ts = '1000'"),
        (a_line(symbol="aaa"), "symbol = 'aaa'"),
        ('{"type": "SNAPSHOT"', "is not JSON"),
        ("", "is not JSON"),
        ("[]", "must be a JSON object"),
        (a_line()[:-1] + ', "ts": 1000}', "stands twice"),
        ('{"type": "BOOK_TICKER", "a": 1, "a": 2}', "stands twice"),
        (a_line(type=7), "type = 7"),
    ],
)
def test_a_malformed_line_is_named_by_file_and_line(tmp_path: Path, line: str, told: str) -> None:
    folder = put(tmp_path, a_line(), line, a_line())
    with pytest.raises(FixtureError) as caught:
        load_fixture(folder)
    assert f"{folder / 'events.jsonl'}:2: " in str(caught.value)
    assert told in str(caught.value)


IGNORED = [
    {"type": "BOOK_TICKER", "ts": 0, "b": 1.5},
    {"type": "L2_SNAPSHOT", "ts": 1, "symbol": "AAAUSDT", "bids": [["1", "2"]], "asks": []},
    {"type": "TRADE", "note": "not even whole"},
    {"type": "TIMER"},
]


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(IGNORED)), max_size=8))
def test_events_of_other_types_change_no_digest(
    tmp_path_factory: pytest.TempPathFactory, inserted: list[tuple[int, dict[str, Any]]]
) -> None:
    mids = ["1.0000", "1.0020", "0.9960", "1.0040", "0.9990", "1.0010"]
    lines = [a_line(ts=1_000 * step, bid_price=mid, ask_price=mid) for step, mid in enumerate(mids)]
    plain = load_fixture(put(tmp_path_factory.mktemp("plain"), *lines))
    for place, other in inserted:
        lines.insert(place, json.dumps(other))
    mixed = load_fixture(put(tmp_path_factory.mktemp("mixed"), *lines))
    assert sum(mixed.events_ignored.values()) == len(inserted)
    assert set(mixed.events_ignored) == {other["type"] for _, other in inserted}
    assert mixed.events == plain.events
    for driver in Driver:
        assert digest(mixed, driver) == digest(plain, driver)


def digest(fixture: Fixture, driver: Driver) -> str | None:
    result = run(fixture.events, fixture.config, driver=driver, collect=False)
    assert result.errors == ()
    return result.digest


@pytest.mark.parametrize(
    ("config", "kind", "told"),
    [
        (a_config(engine={"levles": 3}), ConfigError, "levels"),
        (a_config(engine={"levels": 0}), ConfigError, "levels = 0"),
        (a_config(engine={"size_per_level": 1.5}), ConfigError, "size_per_level = 1.5"),
        (a_config(engine=[]), FixtureError, "engine = []"),
        (a_config(engine=...), FixtureError, "engine"),
        (a_config(schema_version="v2"), FixtureError, "schema_version = 'v2'"),
        (a_config(schema_version=...), FixtureError, "schema_version"),
        (a_config(description=3), FixtureError, "description = 3"),
        (a_config(expected_paper_digest="XYZ"), FixtureError, "expected_paper_digest = 'XYZ'"),
        (a_config(surprise=1), ConfigError, "surprise"),
        ('{"schema_version": "v1",\n "engine": {,}}', FixtureError, "config.json:2: "),
        ('{"engine": {}, "engine": {}}', FixtureError, "stands twice"),
    ],
)
def test_malformed_settings_are_refused(
    tmp_path: Path, config: str, kind: type[Exception], told: str
) -> None:
    folder = put(tmp_path, config=config)
    with pytest.raises(kind) as caught:
        load_fixture(folder)
    assert str(folder / "config.json") in str(caught.value)
    assert told in str(caught.value)


def put_list(folder: Path, text: str) -> Path:
    (folder / "config.json").write_text(a_config())
    (folder / "events.json").write_text(text)
    return folder


def test_a_list_loads_like_lines(tmp_path: Path) -> None:
    lines = [a_line(), a_line(ts=2_000)]
    text = f"[\n  {lines[0]} ,\n{lines[1]}\n]\n"
    assert load_fixture(put_list(tmp_path, text)).events == (
        load_fixture(put(tmp_path / "lines", *lines)).events
    )
    (tmp_path / "events.json").write_text(" [ ] ")
    assert load_fixture(tmp_path).events == ()


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (f"[{a_line()},\n{a_line(ts=1)}]", 2, "must not be below 1000"),
        (f"[\n{a_line()}\n{a_line()}]", 3, "expected ',' or ']'"),
        (f"[\n{a_line()},\n]", 3, "is not JSON"),
        (f"[\n{a_line()}", 2, "expected ',' or ']'"),
        (f"[{a_line()}]\n true", 2, "text after the list"),
        (f"[\n\n{a_line(bid_price=2.5)}]", 3, "bid_price = 2.5"),
        ("[\n 3]", 2, "must be a JSON object"),
        ("{}", 1, "must be a JSON list"),
        ("", 1, "must be a JSON list"),
    ],
)
def test_a_malformed_list_names_its_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    folder = put_list(tmp_path, text)
    with pytest.raises(FixtureError) as caught:
        load_fixture(folder)
    assert f"{folder / 'events.json'}:{line}: " in str(caught.value)
    assert told in str(caught.value)


def test_a_case_needs_exactly_one_file_of_events(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(a_config())
    with pytest.raises(FixtureError, match="holds neither"):
        load_fixture(tmp_path)
    put_list(put(tmp_path), "[]")
    with pytest.raises(FixtureError, match="holds both"):
        load_fixture(tmp_path)


def test_a_folder_without_settings_is_no_case(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match=r"config\.json"):
        load_fixture(tmp_path)


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    folder = put(tmp_path)
    (folder / "events.jsonl").write_bytes(b'{"type": "\xff"}\n')
    with pytest.raises(FixtureError, match=r"events\.jsonl:1: .*UTF-8"):
        load_fixture(folder)


def test_all_cases_below_a_root_are_found_sorted_by_name(tmp_path: Path) -> None:
    for name in ("b", "a/inner", "c"):
        put(tmp_path / name)
    (tmp_path / "no_case").mkdir()
    assert discover(tmp_path) == [tmp_path / "a/inner", tmp_path / "b", tmp_path / "c"]
    assert load_fixture(tmp_path / "a/inner", tmp_path).name == "a/inner"


def test_a_missing_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="is not a folder"):
        discover(tmp_path / "nowhere")
