"""CORE-26, CORE-33, LIVE-40: tables of words and records wherever a setting can be given."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_app.cli import run
from grinder_app.config import Settings, load_settings
from grinder_app.config.load import parse_sets
from grinder_app.config.reference import render_reference
from grinder_core.contracts.enums import RiskTier
from grinder_core.contracts.limits import LeverageBracket, SymbolConstraints
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError

D = Decimal
CONSTRAINTS = SymbolConstraints(
    step_size=D("0.001"), min_qty=D("0.002"), tick_size=D("0.1"), min_notional=D(100)
)
BRACKETS = (
    LeverageBracket(
        notional_floor=D(0),
        notional_cap=D(50_000),
        maint_margin_ratio=D("0.004"),
        cum=D(0),
        max_leverage=125,
    ),
    LeverageBracket(
        notional_floor=D(50_000),
        notional_cap=D(600_000),
        maint_margin_ratio=D("0.005"),
        cum=D(50),
        max_leverage=100,
    ),
)
LOTS = 'step_size = "0.001"\nmin_qty = "0.002"\ntick_size = "0.10"\nmin_notional = "100"\n'
FIRST = (
    'notional_floor = "0"\nnotional_cap = "50000"\nmaint_margin_ratio = "0.004"\n'
    'cum = "0"\nmax_leverage = 125\n'
)
SECOND = (
    'notional_floor = "50000"\nnotional_cap = "600000"\nmaint_margin_ratio = "0.005"\n'
    'cum = "50"\nmax_leverage = 100\n'
)


def inline(lines: str) -> str:
    return f"{{ {', '.join(lines.splitlines())} }}"


def load(folder: Path, text: str, **more: dict[str, str]) -> Settings:
    path = folder / "c.toml"
    path.write_text(text)
    return load_settings(path, **{"environment": {}, **more})


TABLES = (
    "[sizing.symbol_tiers]\nBTCUSDT = 'HIGH'\n"
    f"[orders.symbol_constraints.BTCUSDT]\n{LOTS}"
    f"[[venue.leverage_brackets.BTCUSDT]]\n{FIRST}[[venue.leverage_brackets.BTCUSDT]]\n{SECOND}"
)
INLINE = (
    "[sizing]\nsymbol_tiers = { BTCUSDT = 'HIGH' }\n"
    f"[orders.symbol_constraints]\nBTCUSDT = {inline(LOTS)}\n"
    f"[venue.leverage_brackets]\nBTCUSDT = [{inline(FIRST)}, {inline(SECOND)}]\n"
)
LOTS_JSON = '{"step_size": "0.001", "min_qty": "0.002", "tick_size": "0.1", "min_notional": "100"}'
BRACKETS_JSON = json.dumps(
    [
        {
            "notional_floor": str(b.notional_floor),
            "notional_cap": str(b.notional_cap),
            "maint_margin_ratio": str(b.maint_margin_ratio),
            "cum": str(b.cum),
            "max_leverage": b.max_leverage,
        }
        for b in BRACKETS
    ]
)
TEXTS = {
    "sizing.symbol_tiers.BTCUSDT": "HIGH",
    "orders.symbol_constraints.BTCUSDT": LOTS_JSON,
    "venue.leverage_brackets.BTCUSDT": BRACKETS_JSON,
}


def assert_given(settings: Settings) -> None:
    assert settings.engine.sizing.symbol_tiers == {"BTCUSDT": RiskTier.HIGH}
    assert settings.engine.orders.symbol_constraints == {"BTCUSDT": CONSTRAINTS}
    assert settings.engine.venue.leverage_brackets == {"BTCUSDT": BRACKETS}


@pytest.mark.parametrize("text", [TABLES, INLINE])
def test_a_file_gives_records_as_tables_or_inline(tmp_path: Path, text: str) -> None:
    assert_given(load(tmp_path, text))


def test_flags_and_the_environment_give_records_as_json(tmp_path: Path) -> None:
    assert_given(load(tmp_path, "", flags=TEXTS))
    assert_given(load(tmp_path, "", flags={k.split(".", 1)[1]: v for k, v in TEXTS.items()}))
    variables = {f"GRINDER_{k.upper().replace('.', '__')}": v for k, v in TEXTS.items()}
    settings = load(tmp_path, "", environment=variables)
    assert_given(settings)
    for dotted in TEXTS:
        assert settings.origins[dotted].startswith("environment GRINDER_")


def test_each_way_gives_the_same_hash_and_a_fixture_the_same_again(tmp_path: Path) -> None:
    one = load(tmp_path, TABLES).engine
    two = load(tmp_path, "", flags=TEXTS).engine
    assert one == two
    assert one.config_hash == two.config_hash != EngineConfig().config_hash
    published = json.loads(json.dumps(one.to_dict()))
    flat = {name: value for section in published.values() for name, value in section.items()}
    assert EngineConfig.from_flat(flat) == one


def test_a_higher_layer_replaces_one_symbol_whole(tmp_path: Path) -> None:
    text = TABLES + '[orders.symbol_constraints.ETHUSDT]\nstep_size = "1"\nmin_qty = "1"\n'
    flag = {"symbol_constraints.BTCUSDT": '{"step_size":"5","min_qty":"5"}'}
    found = load(tmp_path, text, flags=flag).engine.orders.symbol_constraints
    assert found == {
        "BTCUSDT": SymbolConstraints(step_size=D(5), min_qty=D(5)),
        "ETHUSDT": SymbolConstraints(step_size=D(1), min_qty=D(1)),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[orders.symbol_constraints.BTCUSDT]\nstep_size = "0.1"\n',
            "c.toml:1: orders.symbol_constraints.BTCUSDT.min_qty: is missing",
        ),
        (
            '[orders.symbol_constraints.BTCUSDT]\nmin_qty = "1"\nstep_size = 0.1\n',
            "c.toml:3: orders.symbol_constraints.BTCUSDT.step_size = '0.1': must not be a float; "
            'write it as a string: "0.1"',
        ),
        (
            '[orders.symbol_constraints.BTCUSDT]\nmin_qty = "1"\nstep_size = "0"\n',
            "c.toml:3: orders.symbol_constraints.BTCUSDT.step_size = '0': must be a decimal > 0",
        ),
        (
            '[orders.symbol_constraints.BTCUSDT]\nmin_qty = "1"\nstep_size = "1"\nstep = "1"\n',
            "c.toml:4: orders.symbol_constraints.BTCUSDT.step = '1': is no key of SymbolConstr",
        ),
        (
            '[orders.symbol_constraints]\nBTCUSDT = { step_size = "1", min_qty = "-1" }\n',
            "c.toml:2: orders.symbol_constraints.BTCUSDT.min_qty = '-1': must be >= 0",
        ),
        (
            '[orders.symbol_constraints]\nBTCUSDT = "0.1"\n',
            "c.toml:2: orders.symbol_constraints.BTCUSDT = '0.1': must be an object",
        ),
        (
            '[orders.symbol_constraints.btc]\nmin_qty = "1"\nstep_size = "1"\n',
            "c.toml:1: orders.symbol_constraints.btc",
        ),
        (
            '[orders.symbol_constraints.BTCUSDT]\nmin_qty = "1"\nstep_size = "0.000000001"\n',
            "c.toml:1: orders.symbol_constraints.BTCUSDT.step_size",
        ),
        ('[orders]\nsymbol_constraints = "x"\n', "c.toml:2: orders.symbol_constraints = 'x'"),
        (
            '[sizing.symbol_tiers]\nBTCUSDT = "MIDDLE"\n',
            "c.toml:2: sizing.symbol_tiers.BTCUSDT = 'MIDDLE': must be one of LOW, MED, HIGH",
        ),
        ("[sizing.symbol_tiers]\nBTCUSDT = 1\n", "c.toml:2: sizing.symbol_tiers.BTCUSDT = 1"),
        (
            '[sizing.symbol_weights]\nBTCUSDT = "2"\n',
            "c.toml:2: sizing.symbol_weights.BTCUSDT = Decimal('2'): has a weight and no tier",
        ),
        (
            '[policies.dd_budget_ratios]\nBTCUSDT = "0.5"\n',
            "c.toml:2: policies.dd_budget_ratios",
        ),
        (
            f"[[venue.leverage_brackets.BTCUSDT]]\n{FIRST}".replace('"0.004"', "0.004"),
            "venue.leverage_brackets.BTCUSDT.0.maint_margin_ratio = '0.004': must not be a float",
        ),
        (
            f"[[venue.leverage_brackets.BTCUSDT]]\n{FIRST}".replace('"0.004"', '"1"'),
            "c.toml:1: venue.leverage_brackets.BTCUSDT.0.maint_margin_ratio = '1': must be a frac",
        ),
        (
            f"[[venue.leverage_brackets.BTCUSDT]]\n{SECOND}",
            "c.toml:1: venue.leverage_brackets.BTCUSDT = Decimal('50000'): brackets must follow",
        ),
        (
            "[venue.leverage_brackets]\nBTCUSDT = []\n",
            "c.toml:2: venue.leverage_brackets.BTCUSDT = (): must not be empty",
        ),
        (
            f"[venue.leverage_brackets.BTCUSDT]\n{FIRST}",
            "c.toml:1: venue.leverage_brackets.BTCUSDT",
        ),
    ],
)
def test_a_wrong_record_names_file_line_path_and_rule(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)


def test_lines_after_a_list_of_tables_are_their_own(tmp_path: Path) -> None:
    settings = load(tmp_path, f"[policies]\nlevels = 3\n{TABLES}[gates]\ncooldown_ms = 7\n")
    lines = (tmp_path / "c.toml").read_text().splitlines()
    assert settings.origins["gates.cooldown_ms"].endswith(f":{lines.index('cooldown_ms = 7') + 1}")
    first = lines.index("[[venue.leverage_brackets.BTCUSDT]]") + 1
    assert settings.origins["venue.leverage_brackets.BTCUSDT"].endswith(f":{first}")


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("symbol_constraints.BTCUSDT={", "must be JSON; write { step_size, min_qty, tick_size?"),
        ("symbol_constraints.BTCUSDT=", "must be JSON"),
        ("symbol_constraints.BTCUSDT=[]", "must be an object"),
        ('symbol_constraints.BTCUSDT={"step_size":"1"}', "BTCUSDT.min_qty: is missing"),
        (
            'symbol_constraints.BTCUSDT={"step_size":1.0,"min_qty":"1"}',
            "BTCUSDT.step_size = '1.0': must not be a float",
        ),
        (
            'symbol_constraints.BTCUSDT={"step_size":NaN,"min_qty":"1"}',
            "BTCUSDT.step_size = 'NaN': must not be a float",
        ),
        ("symbol_constraints=x", "set one entry: orders.symbol_constraints.BTCUSDT=VALUE"),
        ("symbol_tiers.BTCUSDT=middle", "must be one of LOW, MED, HIGH"),
        ("symbol_tiers.btc=LOW", "symbol must match"),
        ("leverage_brackets.BTCUSDT={}", "must be a list"),
        ("leverage_brackets.BTCUSDT=[1]", "must be an object"),
    ],
)
def test_a_wrong_flag_is_refused(flag: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, environment={}, flags=parse_sets([flag]))
    assert message in str(caught.value)
    assert "--set: " in str(caught.value)


@given(st.sampled_from(sorted(TEXTS)), st.text() | st.sampled_from(["null", "[[]]", "{}", "[{}]"]))
def test_any_text_for_an_entry_loads_or_is_a_config_error(dotted: str, text: str) -> None:
    variable = f"GRINDER_{dotted.upper().replace('.', '__')}"
    try:
        settings = load_settings(None, environment={variable: text})
    except ConfigError as error:
        refused = error
    else:
        assert (dotted in settings.origins) == bool(text.strip())
        return
    assert refused.field.startswith(dotted)
    assert refused.where == variable


def test_show_and_check_know_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(TABLES)
    assert run(["config", "check", "c.toml"]) == 0
    capsys.readouterr()
    assert run(["config", "show", "--config", "c.toml", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["settings"]["orders"]["symbol_constraints"]["BTCUSDT"] == json.loads(LOTS_JSON)
    assert shown["settings"]["venue"]["leverage_brackets"]["BTCUSDT"] == json.loads(BRACKETS_JSON)
    assert shown["origins"]["sizing.symbol_tiers.BTCUSDT"] == "file c.toml:2"
    assert run(["config", "show", "--config", "c.toml"]) == 0
    text = capsys.readouterr().out
    assert "orders.symbol_constraints.BTCUSDT" in text
    assert 'step_size = "0.001"' in text


def test_the_reference_says_what_each_table_takes() -> None:
    page = render_reference()
    assert 'table of symbol = "LOW" or "MED" or "HIGH"' in page
    assert "table of symbol = { step_size, min_qty, tick_size?, min_notional? }" in page
    assert "table of symbol = list of { notional_floor, notional_cap, maint_margin_ratio" in page
    for name in ("step_size", "maint_margin_ratio"):
        assert any(line.startswith(f"| `{name}` |") for line in page.splitlines()), name
