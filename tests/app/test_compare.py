"""``grinder compare``: equal runs, and the first event and field in which others differ."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from statistics import stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.feeds.event_file import open_events, write_events
from grinder_adapters.runs import RunStore
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.cli import run
from grinder_app.runner.compare import ABSENT, compare_files, differences
from grinder_core.codec import canonical_json

START = 1_736_121_600_000
SETTINGS = [
    *("--set", "gates.max_notional_per_symbol=50000", "--set", "gates.max_notional_total=90000"),
    *("--set", "policies.notional_per_level=100", "--set", "venue.maker_fee_bps_x100=200"),
    *("--set", "venue.taker_fee_bps_x100=500", "--set", "app.outputs=all"),
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_events(tmp_path / "events.jsonl", islice(demo_events(), 400))


def paper(name: str, *more: str, data: str = "events.jsonl") -> None:
    arguments = ["--data", data, "--name", name, *SETTINGS, *more]
    assert run(["paper", *arguments, "--no-report"]) == 0


def compare(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run(["compare", *arguments, "--json"])
    value = json.loads(capsys.readouterr().out)
    assert isinstance(value, dict)
    return code, value


def test_a_repeated_run_is_equal(capsys: pytest.CaptureFixture[str]) -> None:
    paper("one")
    paper("two")
    code, found = compare(capsys, "one", "two")
    assert code == 0
    assert found == {
        "equal": True,
        "sessions": [
            {
                "name": "session",
                "equal": True,
                "first": None,
                "results": [],
                "remark": "",
                "causes": None,
            }
        ],
        "only_in_a": [],
        "only_in_b": [],
        "config": [],
        "more": [],
        "trials": [],
    }
    assert run(["compare", "one", "two"]) == 0
    assert "The runs are equal." in capsys.readouterr().out


def test_a_changed_price_is_named_with_event_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    changed = json.loads(lines[250])
    changed["ask_price"] = str(float(changed["ask_price"]) * 1.001)[:9]
    lines[250] = canonical_json(changed)
    (tmp_path / "changed.jsonl").write_text("\n".join(lines) + "\n")
    paper("one")
    paper("two", data="changed.jsonl")
    code, found = compare(capsys, "one", "two")
    assert code == 1
    first = found["sessions"][0]["first"]
    assert (first["index"], first["ts"], first["symbol"]) == (
        *(250, changed["ts"], changed["symbol"]),
    )
    assert first["field"] == "plan.center_price"
    assert first["a"] != first["b"]
    assert run(["compare", "one", "two"]) == 1
    shown = capsys.readouterr().out
    assert f"output 250 (from 0), ts {changed['ts']}, {changed['symbol']}" in shown
    assert "plan.center_price" in shown


def test_other_settings_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    paper("one")
    paper("two", "--set", "policies.levels=3")
    code, found = compare(capsys, "one", "two")
    assert code == 1
    assert found["config"] == [{"field": "policies.levels", "a": 20, "b": 3}]
    assert found["sessions"][0]["first"]["index"] == 0
    (placed,) = (d for d in found["sessions"][0]["results"] if d["field"] == "orders_placed")
    assert placed["a"] > placed["b"] >= 2 * 2 * 3  # two symbols, two sides, three levels


def test_settings_that_decide_nothing_here_leave_runs_equal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    paper("one")
    paper("two", "--set", "gates.daily_loss_limit=499")
    code, found = compare(capsys, "one", "two")
    assert code == 0
    assert [each["field"] for each in found["config"]] == ["gates.daily_loss_limit"]


def test_a_shorter_run_ends_where_the_other_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    paper("one")
    paper("two", "--stop-after", "300")
    code, found = compare(capsys, "one", "two")
    first = found["sessions"][0]["first"]
    assert code == 1
    assert (first["index"], first["field"], first["b"]) == (300, "output", ABSENT)


def test_without_kept_outputs_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    paper("one", "--set", "policies.levels=4")
    unkept = [part.replace("outputs=all", "outputs=none") for part in SETTINGS]
    arguments = ["--data", "events.jsonl", "--name", "two", *unkept, "--no-report"]
    assert run(["paper", *arguments]) == 0
    code, found = compare(capsys, "one", "two")
    assert code == 1
    assert found["sessions"][0]["first"] is None
    assert "app.outputs=all" in found["sessions"][0]["remark"]
    assert found["sessions"][0]["results"]


def test_two_files_of_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, levels in (("a.jsonl", "2"), ("b.jsonl", "2"), ("c.jsonl", "3")):
        levels_set = ["--set", f"policies.levels={levels}"]
        arguments = ["--data", "events.jsonl", "--out", name, *SETTINGS, *levels_set]
        assert run(["replay", *arguments]) == 0
    assert compare(capsys, "a.jsonl", "b.jsonl") == (0, {"equal": True, "first": None})
    code, found = compare(capsys, "a.jsonl", "c.jsonl")
    assert code == 1
    assert found["first"]["index"] == 0
    assert found["first"]["field"].startswith("actions[")
    assert run(["compare", "a.jsonl", "c.jsonl"]) == 1
    assert "first difference at output 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nothing", "one"], 2, "no such run"),
        (["one", "events.jsonl"], 2, "must both be runs"),
        (["events.jsonl", "other.txt"], 2, "is no JSON"),
        (["one", "two"], 3, "is not as it was written"),
    ],
)
def test_what_cannot_be_compared_is_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    paper("one")
    paper("two")
    (tmp_path / "other.txt").write_text("what?\n")
    trades = RunStore(Path("var/artifacts")).find("two") / "sessions" / "session" / "equity.csv"
    trades.write_text(trades.read_text().replace("10000", "10001"))
    assert run(["compare", *arguments]) == code
    assert says in capsys.readouterr().err


def test_sessions_of_backtests_are_matched_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    halves = list(open_events(tmp_path / "events.jsonl"))
    write_events(tmp_path / "a.jsonl", halves[:200])
    write_events(tmp_path / "b.jsonl", halves[200:])
    jobs = ["--jobs", "1"]
    assert run(["backtest", "a.jsonl", "b.jsonl", *SETTINGS, "--name", "both", *jobs]) == 0
    assert run(["backtest", "b.jsonl", *SETTINGS, "--name", "single", *jobs]) == 0
    assert run(["backtest", "b.jsonl", "events.jsonl", *SETTINGS, "--name", "x", *jobs]) == 0
    code, found = compare(capsys, "both", "x")
    assert code == 1
    assert found["only_in_a"] == ["a"]
    assert found["only_in_b"] == ["events"]
    assert [(each["name"], each["equal"]) for each in found["sessions"]] == [("b", True)]
    assert compare(capsys, "both", "single")[1]["only_in_a"] == ["a"]


@pytest.fixture
def long_data(tmp_path: Path) -> str:
    """Twelve hours of quotes that swing, so that there is a Sharpe ratio."""
    path = tmp_path / "long.jsonl"
    with path.open("w") as file:
        for minute in range(12 * 60 + 1):
            bid = 100 + (minute * 37 % 61) / 50 + (minute * 7919 % 97) / 100
            line = {"type": "SNAPSHOT", "ts": START + 60_000 * minute, "symbol": "AAAUSDT"}
            line |= {"bid_price": f"{bid:.2f}", "ask_price": f"{bid + 0.02:.2f}"}
            line |= dict.fromkeys(("bid_qty", "ask_qty"), "9")
            line |= dict.fromkeys(("last_price", "last_qty"), "0")
            file.write(canonical_json(line) + "\n")
    return path.name


def test_runs_of_the_same_data_are_trials(
    long_data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for levels in (2, 3, 4):
        paper(f"l{levels}", "--set", f"policies.levels={levels}", data=long_data)
    paper("again", "--set", "policies.levels=2", data=long_data)
    paper("other", "--set", "policies.levels=5")
    code, found = compare(capsys, "l2", "l3", "l4", "again", "other")
    assert code == 1
    (trials,) = found["trials"]
    assert list(trials["runs"]) == ["l2", "l3", "l4"]  # a repetition is no trial, nor other data
    sharpes = {name: float(each["sharpe"]) for name, each in trials["runs"].items()}
    best = trials["best"]
    assert best["run"] == max(sharpes, key=lambda name: sharpes[name])
    assert (best["trials"], best["trials_measured"]) == (3, True)
    assert float(best["trials_deviation"]) == pytest.approx(stdev(sharpes.values()), abs=1e-3)
    assert float(best["deflated_sharpe"]) <= float(best["probabilistic_sharpe"])
    assert [each["run"] for each in found["more"]] == ["l4", "again", "other"]
    assert [s["equal"] for s in found["more"][1]["sessions"]] == [True]
    assert run(["compare", "l2", "l3", "l4"]) == 1
    shown = capsys.readouterr().out
    assert "Trials of session" in shown
    assert f"Best of the 3 runs of session: {best['run']}." in shown
    assert "deflated Sharpe ratio" in shown


def test_a_second_configuration_makes_two_trials_and_repetitions_make_none(
    long_data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paper("one", data=long_data)
    paper("two", data=long_data)
    assert compare(capsys, "one", "two")[1]["trials"] == []


def test_trials_too_short_for_a_figure_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    paper("one")
    paper("two", "--set", "policies.levels=3")
    (trials,) = compare(capsys, "one", "two")[1]["trials"]
    assert trials["best"] is None
    assert "not defined" in trials["meaning"]
    assert [each["sharpe"] for each in trials["runs"].values()] == [None, None]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_differences_are_empty_exactly_for_equal_values(a: Any, b: Any) -> None:
    assert not list(differences(a, a))
    assert bool(list(differences(a, b))) == (canonical_json(a) != canonical_json(b))


@given(st.dictionaries(st.sampled_from("uvwxyz"), JSON, min_size=1), st.data())
def test_one_changed_leaf_is_the_only_difference(value: dict[str, Any], data: Any) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    changed = {**value, key: "changed"}
    (found,) = differences(value, changed)
    assert (found.field, found.a, found.b) == (key, value[key], "changed")


@given(st.lists(JSON, max_size=6), st.integers(0, 5), st.integers(1, 9))
def test_the_first_differing_line_is_found(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any], at: int, ts: int
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    lines = [{"ts": n, "symbol": "AAAUSDT", "value": v} for n, v in enumerate([*values, 0])]
    at = min(at, len(lines) - 1)
    other = [{**line, "value": "other"} if n >= at else line for n, line in enumerate(lines)]
    for name, rows in (("a", lines), ("b", other)):
        (folder / name).write_text("".join(canonical_json(row) + "\n" for row in rows))
    assert compare_files(folder / "a", folder / "a") is None
    found = compare_files(folder / "a", folder / "b")
    assert found is not None
    assert (found.index, found.ts, found.difference.field) == (at, at, "value")
