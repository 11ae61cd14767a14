"""``grinder paper``: one session from any data, its folder, its checkpoints, its refusals."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from grinder_adapters.feeds.event_file import open_events, write_events
from grinder_adapters.feeds.fixture import load_fixture
from grinder_adapters.runs import RunStore, load_run
from grinder_adapters.synthetic.demo import demo_events
from grinder_app.cli import run
from grinder_app.config import load_settings
from grinder_core.contracts.enums import ActionType
from grinder_core.session.result import run as run_events

EVENTS = 1_600
SETTINGS = {
    "policies.levels": "5",
    "policies.notional_per_level": "100",
    "policies.recenter_bps": "20",
    "policies.spacing_bps": "5",
    "gates.max_notional_per_symbol": "50000",
    "gates.max_notional_total": "100000",
    "venue.fill_mode": "quote",
    "venue.maker_fee_bps_x100": "200",
    "venue.taker_fee_bps_x100": "500",
}


def sets(**changes: str) -> list[str]:
    settings = {**SETTINGS, **{key.replace("__", "."): value for key, value in changes.items()}}
    return [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    write_events(path, islice(demo_events(), EVENTS))
    return path


def paper(capsys: pytest.CaptureFixture[str], *arguments: object, **changes: str) -> dict[str, Any]:
    code = run(["paper", *map(str, arguments), *sets(**changes), "--no-report", "--json"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    value = json.loads(shown.out)
    assert isinstance(value, dict)
    return value


def the_run(root: Path = Path("var/artifacts")) -> Path:
    return RunStore(root).list()[-1].path


def test_a_fixture_prints_what_core_05_says(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = root / "fixtures" / "sample_day_allowed"
    assert run(["paper", "--fixture", str(folder), "--no-report"]) == 0
    lines = capsys.readouterr().out.splitlines()
    fixture = load_fixture(folder)
    expected = run_events(fixture.events, fixture.config)
    assert lines[0] == f"Paper trading completed. Events processed: {len(fixture.events)}"
    assert lines[1] == f"Output digest: {expected.digest}"
    assert re.fullmatch(r"[0-9a-f]{16}", expected.digest or "")


def test_the_session_is_the_engines_own(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = paper(capsys, "--data", events)
    config = load_settings(None, environment={}, flags=SETTINGS).engine
    expected = run_events(open_events(events), config)
    assert found["digest"] == expected.digest
    assert found["running_digest"] == expected.running_digest
    assert found["total_fills"] == expected.stats.total_fills > 20
    assert found["events_read"] == EVENTS
    assert found["warnings"] == []


@pytest.mark.parametrize("form", [".jsonl.gz", ".parquet"])
def test_every_form_of_the_same_events_decides_the_same(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    other = tmp_path / f"other{form}"
    write_events(other, open_events(events))
    a, b = paper(capsys, "--data", events), paper(capsys, "--data", other)
    assert a["digest"] == b["digest"]
    assert a["running_digest"] == b["running_digest"]


@pytest.mark.parametrize("cut", [1, 834, EVENTS - 1])
def test_two_halves_are_the_whole(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], cut: int
) -> None:
    whole = paper(capsys, "--data", events)
    state = tmp_path / "half.checkpoint"
    first = paper(capsys, "--data", events, "--stop-after", cut, "--checkpoint", state)
    assert first["events_read"] == cut
    assert first["running_digest"] != whole["running_digest"]
    parquet = tmp_path / "again.parquet"
    write_events(parquet, open_events(events))
    second = paper(capsys, "--data", parquet, "--resume", state)
    assert second["running_digest"] == whole["running_digest"]
    assert second["digest"] is None
    for name in ("net_pnl", "total_fills", "fees_paid", "orders_placed", "events_read", "stats"):
        assert second[name] == whole[name]
    assert any("continues a checkpoint" in warning for warning in second["warnings"])


def test_the_table_of_a_continued_session_is_of_the_whole(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each symbol's fees, fills and turnover come from its ledger, not from this part's fills."""

    def table(*arguments: object) -> list[str]:
        command = ["paper", "--data", str(events), *map(str, arguments), *sets(), "--no-report"]
        assert run(command) == 0
        told = capsys.readouterr().out.splitlines()
        return [line for line in told if any(name in line for name in ("BTC", "DOGE", "total"))]

    state = tmp_path / "half.checkpoint"
    whole = table()
    half = table("--stop-after", 1_200, "--checkpoint", state)
    assert table("--resume", state) == whole != half


def test_a_checkpoint_at_the_end_goes_on_with_the_next_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = list(islice(demo_events(), EVENTS))
    one, two, state = tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "c"
    write_events(one, everything[:1_000])
    write_events(two, everything[1_000:])
    paper(capsys, "--data", one, "--checkpoint", state)
    continued = paper(capsys, "--data", one, two, "--resume", state)
    assert continued["running_digest"] == paper(capsys, "--data", one, two)["running_digest"]


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ("settings", 3, "was written under configuration"),
        ("data", 2, "is not the one the checkpoint was taken after"),
        ("damage", 3, "its checksum does not match"),
        ("missing", 2, "cannot be read"),
        ("stop", 2, "must be more than the 1000 events already in"),
    ],
)
def test_a_checkpoint_fits_only_its_own_session(
    events: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: str,
    code: int,
    says: str,
) -> None:
    state = tmp_path / "state"
    paper(capsys, "--data", events, "--stop-after", 1_000, "--checkpoint", state)
    arguments, flags = ["--data", str(events), "--resume", str(state)], sets()
    if change == "settings":
        flags = sets(policies__levels="3")
    elif change == "data":
        write_events(tmp_path / "other.jsonl", islice(demo_events(), 500, EVENTS))
        arguments[1] = str(tmp_path / "other.jsonl")
    elif change == "damage":
        state.write_text(state.read_text().replace('"events_read":1000', '"events_read":1001'))
    elif change == "missing":
        state.unlink()
    else:
        arguments += ["--stop-after", "1000"]
    assert run(["paper", *arguments, *flags, "--no-report"]) == code
    assert says in capsys.readouterr().err


def test_a_figure_that_the_data_do_not_allow_is_not_defined(
    events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = paper(capsys, "--data", events)["statistics"]
    assert said["not_defined"] == "it needs 10 whole hours of equity"
    assert (said["sharpe"], said["probabilistic_sharpe"], said["samples"]) == (None,) * 3
    assert run(["paper", "--data", str(events), "--no-report"]) == 0
    shown = capsys.readouterr().out
    assert f"{said['meaning']}\n" in shown
    assert "not defined" in shown.split("Sharpe", 1)[1].splitlines()[0]


def test_zero_fees_are_warned_of(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = paper(capsys, "--data", events, venue__maker_fee_bps_x100="0")
    assert [warning[:9] for warning in found["warnings"]] == ["Zero fees"]
    assert load_run(the_run()).manifest["warnings"] == found["warnings"]


def test_outputs_kept_are_all_or_changes_or_none(
    events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept: dict[str, list[bytes]] = {}
    for choice in ("all", "changes", "none"):
        paper(capsys, "--data", events, app__outputs=choice)
        path = load_run(the_run()).sessions[0].outputs
        kept[choice] = [] if path is None else path.read_bytes().splitlines()
    assert len(kept["all"]) == EVENTS
    assert kept["none"] == []
    assert 0 < len(kept["changes"]) < EVENTS
    remaining = iter(kept["all"])
    assert all(line in remaining for line in kept["changes"])  # a subsequence
    left_out = set(kept["all"]) - set(kept["changes"])
    for line in left_out:
        output = json.loads(line)
        assert output["fills"] == output["events"] == []
        assert {action["action"] for action in output["actions"]} <= {ActionType.NOOP}


def test_out_holds_every_output_line(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lines.jsonl"
    paper(capsys, "--data", events, "--out", out, app__outputs="all")
    kept = load_run(the_run()).sessions[0].outputs
    assert kept is not None
    assert out.read_bytes() == kept.read_bytes()


def test_a_broken_line_fails_the_run_and_names_it(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = events.read_text().splitlines()
    lines[100] = lines[100].replace('"bid_price":"', '"bid_price":"x')
    events.write_text("\n".join(lines) + "\n")
    out, state = tmp_path / "out.jsonl", tmp_path / "state"
    arguments = ["--data", str(events), "--out", str(out), "--checkpoint", str(state)]
    assert run(["paper", *arguments, *sets(), "--no-report"]) == 2
    message = capsys.readouterr().err
    assert "events.jsonl:101" in message
    assert "bid_price" in message
    assert not out.exists()
    assert not state.exists()
    view = load_run(the_run())
    assert view.manifest["status"] == "failed"
    assert "events.jsonl:101" in view.manifest["error"]
    result = view.sessions[0].result
    assert result["errors"][0]["event_index"] == 99
    assert result["digest"] is None


def test_several_files_are_one_stream_in_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = list(islice(demo_events(), EVENTS))
    whole = tmp_path / "whole.jsonl"
    write_events(whole, everything)
    parts = []
    for symbol in ("BTCUSDT", "DOGEUSDT"):
        parts.append(tmp_path / f"{symbol}.jsonl")
        write_events(parts[-1], (e for e in everything if e.payload.symbol == symbol))  # type: ignore[union-attr]
    assert paper(capsys, "--data", *parts)["digest"] == paper(capsys, "--data", whole)["digest"]


def test_one_symbol_of_many_is_that_symbol_alone(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tmp_path / "alone.jsonl"
    write_events(alone, (e for e in open_events(events) if e.payload.symbol == "BTCUSDT"))  # type: ignore[union-attr]
    chosen = paper(capsys, "--data", events, "--symbols", "BTCUSDT")
    assert chosen["digest"] == paper(capsys, "--data", alone)["digest"]


def test_days_are_whole_utc_days(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = 1_736_121_600_000  # 2025-01-06
    bars = "open_time,open,high,low,close,volume\n" + "".join(
        f"{day + minute * 60_000},100,101,99,100.5,8\n" for minute in range(3 * 1440)
    )
    path = tmp_path / "AAAUSDT-1m-2025.csv"
    path.write_text(bars)
    found = paper(capsys, "--data", path, "--days", "2025-01-07")
    curve = load_run(the_run()).sessions[0].prices["AAAUSDT"]["ts"]
    assert day + 86_400_000 <= min(curve)
    assert max(curve) < day + 2 * 86_400_000
    assert found["events_processed"] == 4 * 1440
    assert any("spread of 2 bps" in warning for warning in found["warnings"])
    both = paper(capsys, "--data", path, "--days", "2025-01-07..2025-01-08")
    assert both["events_processed"] == 2 * found["events_processed"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name data files or a --fixture"),
        (["--data", "nowhere.jsonl"], "does not exist"),
        (["--data", "."], "is a directory"),
        (["--data", "events.jsonl", "events.jsonl"], "is given twice"),
        (["--data", "events.jsonl", "--fixture", "f"], "cannot be given together"),
        (["--data", "events.jsonl", "--symbols", "XYZUSDT"], "does not occur"),
        (["--data", "events.jsonl", "--symbols", "btc"], "--symbols"),
        (["--data", "events.jsonl", "--days", "2020-01-01"], "no event"),
        (["--data", "events.jsonl", "--days", "yesterday"], "YYYY-MM-DD"),
        (["--data", "events.jsonl", "--days", "2025-01-02..2025-01-01"], "end before"),
        (["--data", "events.jsonl", "--spread-bps", "1e1"], "decimal string"),
        (["--data", "events.jsonl", "--set", "policies.level=3"], "policies.levels"),
        (["--fixture", "f", "--set", "policies.levels=3"], "brings its own settings"),
        (["--fixture", "f", "--symbols", "BTCUSDT"], "brings its own settings"),
    ],
)
def test_mistakes_end_with_exit_2_and_say_what(
    events: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run(["paper", *arguments, "--no-report"]) == 2
    assert says in capsys.readouterr().err


def test_a_run_is_found_by_its_name_and_names_are_not_shared(
    events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = paper(capsys, "--data", events, "--name", "first")
    assert str(RunStore(Path("var/artifacts")).find("first")) == found["run_folder"]
    assert run(["paper", "--data", str(events), "--name", "first", "--no-report", *sets()]) == 2
    assert "names run" in capsys.readouterr().err


def test_a_selection_that_looks_ahead_is_said(
    events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ahead = {"selection__selection_source": "topk_v0", "selection__topk_k": "1"}
    found = paper(capsys, "--data", events, **ahead)
    assert found["topk_lookahead"] is True
    assert any("looks ahead" in warning for warning in found["warnings"])
    prefix = paper(capsys, "--data", events, **ahead, selection__topk_prefix_events="50")
    assert prefix["topk_lookahead"] is False
    assert prefix["warnings"] == []


def test_verbose_tells_what_happened_and_the_table_sums_up(
    events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["paper", "--data", str(events), *sets(), "--no-report", "-v"]) == 0
    shown = capsys.readouterr()
    assert "BTCUSDT PASS: PLACE x10" in shown.err
    assert "events/s" in shown.err
    for text in ("BTCUSDT", "DOGEUSDT", "total", "Output digest: "):
        assert text in shown.out


@pytest.mark.recordings
def test_captures_trade_in_one_session(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = paper(
        capsys,
        "--data",
        recordings / "ws_raw" / "usdm_btcusdt_20230404.gz",
        recordings / "ws_raw" / "spot_nexousdt_20240723.gz",
    )
    assert found["events_processed"] > 6_765
    assert found["total_fills"] > 0
    symbols = load_run(the_run()).sessions[0].prices
    assert set(symbols) == {"BTCUSDT", "NEXOUSDT"}
