"""``grinder config show|check|reference``."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from grinder_app.cli import run
from grinder_app.config.catalog import BESIDE_ENGINE, KEYS
from grinder_app.config.reference import render_reference
from grinder_core.engine.config import EngineConfig


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_show_tells_every_value_and_its_origin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grinder.toml").write_text(
        '[policies]\nnotional_per_level = "50"\n[profiles.wide.policies]\nspacing_bps = 25\n'
    )
    monkeypatch.setenv("GRINDER_GATES__COOLDOWN_MS", "7")
    arguments = ["config", "show", "--profile", "wide", "--set", "levels=2", "--set"]
    assert run([*arguments, "tick_sizes.BTCUSDT=0.1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["settings"]["policies"]["notional_per_level"] == "50"
    assert shown["settings"]["orders"]["tick_sizes"] == {"BTCUSDT": "0.1"}
    origins = shown["origins"]
    assert origins["policies.notional_per_level"] == "file grinder.toml:2"
    assert origins["policies.spacing_bps"] == "profile wide"
    assert origins["gates.cooldown_ms"] == "environment GRINDER_GATES__COOLDOWN_MS"
    assert origins["policies.levels"] == "flag"
    assert origins["orders.tick_sizes.BTCUSDT"] == "flag"
    assert origins["venue.fill_mode"] == "default"
    assert set(KEYS) <= set(origins)
    engine = {k: v for k, v in shown["settings"].items() if k not in BESIDE_ENGINE}
    flat = {name: value for section in engine.values() for name, value in section.items()}
    assert EngineConfig.from_flat(flat).config_hash == shown["config_hash"]


def test_show_as_a_table_names_each_setting_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.toml").write_text('[orders.tick_sizes]\nETHUSDT = "0.01"\n')
    assert run(["config", "show", "--config", str(tmp_path / "own.toml")]) == 0
    lines = capsys.readouterr().out.splitlines()
    for dotted in KEYS:
        shown = "orders.tick_sizes.ETHUSDT" if dotted == "orders.tick_sizes" else dotted
        assert sum(f" {shown} " in line for line in lines) == 1, dotted
    config = EngineConfig.flat(tick_sizes={"ETHUSDT": Decimal("0.01")})
    assert any("config_hash" in line and config.config_hash in line for line in lines)


def test_show_warns_on_stderr_about_unknown_variables(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRINDER_VENUE__MAKER_FEE", "7")
    assert run(["config", "show", "--json"]) == 0
    said = capsys.readouterr()
    assert "did you mean GRINDER_VENUE__MAKER_FEE_BPS_X100?" in said.err
    assert len(json.loads(said.out)["warnings"]) == 1


@pytest.mark.parametrize("command", [["config", "check"], ["config", "show", "--config"]])
def test_a_wrong_file_is_exit_2_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    (tmp_path / "bad.toml").write_text("[policies]\nlevels = 0\n")
    assert run([*command, "bad.toml"]) == 2
    said = capsys.readouterr()
    assert said.err == "E_CONFIG: bad.toml:2: policies.levels = 0: must be >= 1\n"
    assert said.out == ""


def test_check_reads_the_file_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRINDER_POLICIES__LEVELS", "0")
    (tmp_path / "good.toml").write_text(
        '[policies]\nnotional_per_level = "9"\n[profiles.a.risk]\nmax_drawdown_pct = "3"\n'
    )
    assert run(["config", "check", "good.toml"]) == 0
    assert capsys.readouterr().out == "good.toml: sound, 1 settings, profiles a\n"
    assert run(["config", "check", "good.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["profiles"] == ["a"]


def test_the_reference_page_is_what_the_code_says(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (root / "docs" / "reference" / "configuration.md").read_text(encoding="ascii")
    assert page == render_reference(), (
        "run: grinder config reference > docs/reference/configuration.md"
    )
    assert run(["config", "reference"]) == 0
    assert capsys.readouterr().out == page


def test_the_reference_has_a_row_for_every_setting() -> None:
    lines = render_reference().splitlines()
    # rows of records have two columns
    rows = [line for line in lines if line.startswith("| `") and line.count(" | ") == 4]
    for key in KEYS.values():
        (row,) = [row for row in rows if row.startswith(f"| `{key.name}` |")]
        assert key.declared.metadata["spec"] in row
