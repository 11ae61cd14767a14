"""CORE-43: every fixture runs against its expectations, and one failure does not stop the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grinder_app.checks.fixture_report import run_report
from grinder_app.cli import run

COUNT = 11
LINE = {
    **{"type": "SNAPSHOT", "ts": 1_000, "symbol": "AAAUSDT", "bid_price": "0.9999"},
    **{"ask_price": "1.0001", "bid_qty": "5", "ask_qty": "7.5", "last_price": "1"},
    "last_qty": "0.2",
}


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Eleven fixtures of one event each, all locked."""
    for number in range(COUNT):
        folder = tmp_path / "fixtures" / f"case_{number:02d}"
        folder.mkdir(parents=True)
        (folder / "events.jsonl").write_text(json.dumps(LINE) + "\n")
        put_config(folder, None)
    report = run_report(tmp_path / "fixtures")
    for entry in report["results"]:
        put_config(tmp_path / "fixtures" / entry["fixture_path"], entry["paper_digest"])
    return tmp_path / "fixtures"


def put_config(folder: Path, digest: str | None) -> None:
    config = {"schema_version": "v1", "description": "a case", "engine": {}}
    (folder / "config.json").write_text(json.dumps({**config, "expected_paper_digest": digest}))


def test_worked_example_core_43(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """11 run, 1 mismatch: 10 passed, exit 1."""
    assert run(["check", "fixtures", "--root", str(cases), "--json"]) == 0
    capsys.readouterr()
    put_config(cases / "case_07", "0123456789abcdef")
    assert run(["check", "fixtures", "--root", str(cases), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    counts = [report[f"fixtures_{what}"] for what in ("run", "passed", "failed")]
    assert counts == [11, 10, 1]
    assert not report["all_digests_match"]
    (wrong,) = (entry for entry in report["results"] if not entry["digest_match"])
    assert wrong["fixture_path"] == "case_07"
