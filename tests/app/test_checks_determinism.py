"""The determinism suite and the fixture report catch what they exist for (CORE-06, CORE-43)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from grinder_adapters.synthetic.fixtures import digests, generate
from grinder_app.checks import determinism as suite
from grinder_app.checks.fixture_report import run_report
from grinder_app.cli import run
from grinder_core.codec import digest16
from grinder_core.errors import GrinderError

COMMITTED = Path(__file__).resolve().parents[2] / "fixtures"


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small root of two fixtures whose digests are locked as they are now."""
    root = tmp_path_factory.mktemp("locked")
    for name in ("sample_day_toxic", "sample_day_drawdown"):
        files, folder = generate(name), root / name
        folder.mkdir()
        (folder / "events.jsonl").write_bytes(files.events)
        (folder / "config.json").write_bytes(files.config(digests(name)))
    return root


@pytest.fixture
def root(locked: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "fixtures"
    shutil.copytree(locked, copy)
    return copy


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_locked_fixtures_pass_and_nothing_is_written(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(root.parent)
    assert run(["check", "determinism", "--root", str(root)]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[-1] == "PASS"
    for name in ("sample_day_toxic", "sample_day_drawdown"):
        assert name in told
    assert contents(root.parent) == before


def test_one_changed_digit_of_a_used_price_fails(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = root / "sample_day_toxic" / "events.jsonl"
    lines = events.read_text().splitlines(keepends=True)
    quote = json.loads(lines[40])
    ask = quote["ask_price"]
    quote["ask_price"] = f"{ask[:-1]}{(int(ask[-1]) + 1) % 10}"
    assert quote["ask_price"] >= quote["bid_price"]
    lines[40] = json.dumps(quote) + "\n"
    events.write_text("".join(lines))
    assert run(["check", "determinism", "--root", str(root)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "FAIL"
    assert any(line.startswith("sample_day_toxic: paper: ") for line in told)
    assert not any(line.startswith("sample_day_drawdown: ") for line in told)


def test_a_missing_expectation_fails(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_config(root / "sample_day_toxic", expected_replay_digest=None)
    assert run(["check", "determinism", "--root", str(root), "-q"]) == 1
    assert capsys.readouterr().out == "FAIL\n"
    assert run(["check", "determinism", "--root", str(root)]) == 1
    assert "sample_day_toxic: replay: config.json expects no digest" in capsys.readouterr().out


def test_verbose_shows_the_digests(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "determinism", "--root", str(root), "-v"]) == 0
    expected = json.loads((root / "sample_day_toxic" / "config.json").read_text())
    told = capsys.readouterr().out
    assert expected["expected_replay_digest"] in told
    assert expected["expected_paper_digest"] in told


def test_json_tells_every_pass(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "determinism", "--root", str(root), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is True
    assert [item["name"] for item in told["fixtures"]] == [
        "sample_day_drawdown",
        "sample_day_toxic",
    ]
    assert len(told["report_digests"]) == 3
    assert len(set(told["report_digests"])) == 1


@pytest.mark.parametrize("spoil", ["empty", "missing", "broken"])
def test_nothing_found_or_unreadable_is_exit_2(
    root: Path, spoil: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if spoil == "broken":
        (root / "sample_day_toxic" / "events.jsonl").write_text("{\n")
    else:
        shutil.rmtree(root)
    if spoil == "empty":
        root.mkdir()
    assert run(["check", "determinism", "--root", str(root)]) == 2
    assert "E_FIXTURE" in capsys.readouterr().err


def test_a_pass_that_differs_is_told_by_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = suite.run_pass
    calls: list[None] = []

    def drifting(fixtures: Any) -> dict[str, Any]:
        result = honest(fixtures)
        calls.append(None)
        if len(calls) == 2:
            result["fixtures"]["sample_day_toxic"]["paper"] = "0" * 16
            result["report_digest"] = "1" * 16
        return result

    monkeypatch.setattr(suite, "run_pass", drifting)
    report = suite.check_determinism(root)
    verdict = next(item for item in report.fixtures if item.name == "sample_day_toxic")
    assert not report.passed
    assert [problem.split(" gave ")[0] for problem in verdict.problems] == ["paper: second run"]
    assert [problem.split(" gave ")[0] for problem in report.problems] == [
        "backtest report: second run"
    ]


def test_the_repeat_runs_with_another_seed_locale_zone_and_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    seen: dict[str, Any] = {}
    honest = suite.subprocess.Popen

    def watching(command: list[str], **options: Any) -> Any:
        seen.update(options)
        return honest(command, **options)

    monkeypatch.setattr(suite.subprocess, "Popen", watching)
    assert suite.check_determinism(root).passed
    environment = seen["env"]
    assert environment["PYTHONHASHSEED"] == "2"
    assert (environment["LC_ALL"], environment["TZ"]) == ("C", "Pacific/Chatham")
    assert seen["cwd"] != Path.cwd()


def test_a_repeat_that_dies_is_a_failure(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite.sys, "executable", shutil.which("false"))
    with pytest.raises(GrinderError, match="exit code 1"):
        suite.check_determinism(root)


def test_the_report_counts_and_carries_its_own_digest(root: Path) -> None:
    change_config(root / "sample_day_toxic", expected_paper_digest="0123456789abcdef")
    report = run_report(root)
    assert (report["fixtures_run"], report["fixtures_passed"], report["fixtures_failed"]) == (
        2,
        1,
        1,
    )
    assert len(report["results"]) == 2
    assert report["all_digests_match"] is False
    body = {key: value for key, value in report.items() if key != "report_digest"}
    assert report["report_digest"] == digest16(body)


def test_the_report_is_the_same_wherever_the_fixtures_lie(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "sample_day_toxic" / "events.jsonl").write_text('{"type": 1}\n')
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(root, elsewhere)
    first = run_report(root)
    monkeypatch.chdir(tmp_path)
    assert run_report(Path("elsewhere"))["report_digest"] == first["report_digest"]


def test_one_unreadable_fixture_does_not_stop_the_rest(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "sample_day_drawdown" / "events.jsonl").write_text('{"type": 1}\n')
    out = tmp_path / "report.json"
    assert run(["check", "fixtures", "--root", str(root), "--out", str(out)]) == 1
    told = capsys.readouterr().out
    assert "sample_day_drawdown: E_FIXTURE: events.jsonl:1: type = 1: must be text" in told
    report = json.loads(out.read_text())
    assert [bool(entry["errors"]) for entry in report["results"]] == [True, False]
    assert [entry["digest_match"] for entry in report["results"]] == [False, True]


def test_a_passing_report_exits_0_and_prints_one_line_of_json(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "fixtures", "--root", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fixtures_passed"] == 2
    assert run(["check", "fixtures", "--root", str(root), "--quiet"]) == 0
    assert capsys.readouterr().out == "PASS\n"


def test_no_fixture_at_all_is_exit_2(tmp_path: Path) -> None:
    assert run(["check", "fixtures", "--root", str(tmp_path)]) == 2


def test_the_committed_fixtures_are_deterministic_and_locked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["check", "determinism", "--root", str(COMMITTED)]) == 0, capsys.readouterr().out


def test_a_selection_is_part_of_its_entry() -> None:
    report = run_report(COMMITTED)
    entry = next(e for e in report["results"] if e["fixture_path"] == "sample_day_multisymbol")
    assert sorted(entry["topk_selected_symbols"]) == ["AAAUSDT", "BBBUSDT", "CCCUSDT"]
    assert (entry["topk_k"], entry["topk_lookahead"]) == (3, True)
