"""CORE-34, LIVE-40: files of a venue's rules become settings, below what is set by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from grinder_app.cli import run
from grinder_app.config import load_settings
from grinder_app.config.load import check_file
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError

D = Decimal


def exchange_info(**ticks: str | None) -> dict[str, Any]:
    symbols = []
    for symbol, tick in ticks.items():
        filters = [{"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.002"}]
        if tick is not None:
            filters.append({"filterType": "PRICE_FILTER", "tickSize": tick})
        symbols.append({"symbol": symbol, "filters": filters})
    return {"symbols": symbols}


BRACKET = {
    "bracket": 1,
    "initialLeverage": 125,
    "notionalCap": 50_000,
    "notionalFloor": 0,
    "maintMarginRatio": 0.004,
    "cum": 0.0,
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory with two files of rules."""
    monkeypatch.chdir(tmp_path)
    rules = exchange_info(BTCUSDT="0.50", ETHUSDT="0.05", ADAUSDT=None)
    (tmp_path / "info.json").write_text(json.dumps(rules))
    answer = [{"symbol": s, "brackets": [BRACKET]} for s in ("BTCUSDT", "ETHUSDT")]
    (tmp_path / "brackets.json").write_text(json.dumps(answer))
    return tmp_path


FLAGS = {"constraints_file": "info.json", "leverage_brackets_file": "brackets.json"}


def test_every_symbol_of_the_files_gets_its_rules(place: Path) -> None:
    (place / "c.toml").write_text("")
    settings = load_settings(place / "c.toml", environment={}, flags=FLAGS)
    orders, venue = settings.engine.orders, settings.engine.venue
    assert list(orders.symbol_constraints) == ["ADAUSDT", "BTCUSDT", "ETHUSDT"]
    assert orders.symbol_constraints["BTCUSDT"] == SymbolConstraints(
        step_size=D("0.001"), min_qty=D("0.002"), tick_size=D("0.5")
    )
    assert orders.tick_sizes == {"BTCUSDT": D("0.5"), "ETHUSDT": D("0.05")}
    assert list(venue.leverage_brackets) == ["BTCUSDT", "ETHUSDT"]
    assert venue.leverage_brackets["BTCUSDT"][0].maint_margin_ratio == D("0.004")
    assert settings.origins["orders.tick_sizes.BTCUSDT"] == "constraints_file info.json"
    assert settings.origins["venue.leverage_brackets.ETHUSDT"] == (
        "leverage_brackets_file brackets.json"
    )


def test_the_hash_names_what_the_files_hold_and_not_where_they_lie(place: Path) -> None:
    (place / "c.toml").write_text("")

    def hash_with(**flags: str) -> str:
        path = place / "c.toml"
        return load_settings(path, environment={}, flags=flags).engine.config_hash

    (place / "elsewhere.json").write_bytes((place / "info.json").read_bytes())
    one = hash_with(constraints_file="info.json")
    assert one == hash_with(constraints_file="elsewhere.json")
    assert one != EngineConfig().config_hash
    (place / "info.json").write_text(json.dumps(exchange_info(BTCUSDT="0.1")))
    assert one != hash_with(constraints_file="info.json")


def test_what_is_set_by_hand_wins_symbol_by_symbol(place: Path) -> None:
    (place / "c.toml").write_text(
        "[app]\nconstraints_file = 'info.json'\nleverage_brackets_file = 'brackets.json'\n"
        "[orders.tick_sizes]\nETHUSDT = '1'\n"
        "[orders.symbol_constraints.BTCUSDT]\nstep_size = '5'\nmin_qty = '5'\ntick_size = '2'\n"
        "[venue.leverage_brackets]\nETHUSDT = [{ notional_floor = '0', notional_cap = '9', "
        "maint_margin_ratio = '0.1', cum = '0', max_leverage = 3 }]\n"
    )
    flags = {"symbol_constraints.ADAUSDT": '{"step_size":"7","min_qty":"7"}'}
    engine = load_settings(place / "c.toml", environment={}, flags=flags).engine
    assert engine.orders.tick_sizes == {"BTCUSDT": D(2), "ETHUSDT": D(1)}
    steps = {s: c.step_size for s, c in engine.orders.symbol_constraints.items()}
    assert steps == {"ADAUSDT": D(7), "BTCUSDT": D(5), "ETHUSDT": D("0.001")}
    assert engine.orders.symbol_constraints["ETHUSDT"].tick_size == D("0.05")
    leverage = {s: b[0].max_leverage for s, b in engine.venue.leverage_brackets.items()}
    assert leverage == {"BTCUSDT": 125, "ETHUSDT": 3}


def test_the_files_win_over_the_settings_of_a_first_run(place: Path) -> None:
    settings = load_settings(None, environment={}, flags=FLAGS)
    ticks = settings.engine.orders.tick_sizes
    assert (ticks["BTCUSDT"], ticks["SOLUSDT"]) == (D("0.5"), D("0.01"))
    assert settings.origins["orders.tick_sizes.SOLUSDT"] == "first run"


def test_a_profile_and_the_environment_may_name_another_file(place: Path) -> None:
    (place / "other.json").write_text(json.dumps(exchange_info(XRPUSDT="0.1")))
    (place / "c.toml").write_text(
        "[app]\nconstraints_file = 'info.json'\n"
        "[profiles.other.app]\nconstraints_file = 'other.json'\n"
        "[profiles.none.app]\nconstraints_file = ''\n"
    )

    def symbols(profile: str | None, **environment: str) -> list[str]:
        path = place / "c.toml"
        settings = load_settings(path, profile=profile, environment=environment)
        return list(settings.engine.orders.symbol_constraints)

    assert symbols(None) == ["ADAUSDT", "BTCUSDT", "ETHUSDT"]
    assert symbols("other") == ["XRPUSDT"]
    assert symbols("none") == []
    assert symbols(None, GRINDER_APP__CONSTRAINTS_FILE="other.json") == ["XRPUSDT"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("constraints_file", None, "cannot be read: No such file or directory"),
        ("constraints_file", "{", "is no JSON"),
        ("constraints_file", "[]", "exchangeInfo must be an object with a list of symbols"),
        ("constraints_file", '{"symbols":[]}', "has no symbol with lot rules"),
        ("leverage_brackets_file", None, "cannot be read"),
        ("leverage_brackets_file", "{}", "has no symbol with leverage brackets"),
        ("leverage_brackets_file", '{"symbols":[]}', "must be a list of {symbol, brackets}"),
    ],
)
def test_a_file_that_does_not_serve_names_the_setting_and_its_line(
    place: Path, name: str, content: str | None, message: str
) -> None:
    if content is not None:
        (place / "bad.json").write_text(content)
    (place / "c.toml").write_text(f"[app]\n{name} = 'bad.json'\n")
    with pytest.raises(ConfigError) as caught:
        check_file(place / "c.toml")
    expected = f"c.toml:2: app.{name} = 'bad.json': {message}"
    assert expected in str(caught.value)


@pytest.mark.parametrize("name", ["constraints_file", "leverage_brackets_file"])
def test_a_path_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="'~' is not expanded"):
        load_settings(None, environment={}, flags={name: "~/x.json"})
    with pytest.raises(ConfigError, match="must be a path"):
        load_settings(None, environment={}, flags={name: "a\0b"})


def test_what_had_to_be_skipped_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = exchange_info(BTCUSDT="0", ETHUSDT="0.1")
    (place / "info.json").write_text(json.dumps(rules))
    assert run(["config", "show", "--set", "constraints_file=info.json", "--json"]) == 0
    said = capsys.readouterr()
    assert "warning: info.json: BTCUSDT skipped: tick_size" in said.err
    shown = json.loads(said.out)
    assert list(shown["settings"]["orders"]["symbol_constraints"]) == ["ETHUSDT"]
    assert len(shown["warnings"]) == 1


def test_the_first_wrong_entry_is_told_by_its_place(place: Path) -> None:
    (place / "c.toml").write_text(
        "[app]\nconstraints_file = 'info.json'\n[venue]\nliquidation_enabled = true\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_settings(place / "c.toml", environment={})
    assert "c.toml:4: venue.liquidation_enabled" in str(caught.value)


@pytest.mark.recordings
def test_the_recorded_rules_of_a_venue_make_a_sound_configuration(recordings: Path) -> None:
    settings = load_settings(
        None,
        environment={},
        flags={
            "constraints_file": str(
                recordings / "rest" / "ccxt_binanceusdm_markets_202503.json.gz"
            ),
            "leverage_brackets_file": str(
                recordings / "reference" / "binance_leverage_tiers_202410.json.gz"
            ),
            "liquidation_enabled": "true",
            "constraints_enabled": "true",
        },
    )
    assert len(settings.engine.orders.symbol_constraints) == 454
    assert len(settings.engine.venue.leverage_brackets) == 349
    assert settings.engine.orders.tick_sizes["BTCUSDT"] == D("0.1")
    assert settings.warnings == ()
