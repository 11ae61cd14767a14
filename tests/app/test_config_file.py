"""What a file may say; everything else is refused with place, key, value and rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_app.config import Settings, load_settings
from grinder_app.config.catalog import BY_VARIABLE, KEYS
from grinder_app.config.load import check_file
from grinder_core.errors import ConfigError


def load(folder: Path, text: str) -> Settings:
    path = folder / "c.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environment={})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[policies]\nlevels = 0", "c.toml:2: policies.levels = 0: must be >= 1"),
        (
            "[risk]\n\nmax_drawdown_pct = 2.5",
            "c.toml:3: risk.max_drawdown_pct = '2.5': must not be a float; "
            'write it as a string: "2.5"',
        ),
        (
            "[orders.tick_sizes]\nBTCUSDT = 1e-1",
            "c.toml:2: orders.tick_sizes.BTCUSDT = '1e-1': must not be a float",
        ),
        ("[risk]\nmax_drawdown_pct = nan", "'nan': must not be a float"),
        ("[policies]\nlevels = 2.0", "must not be a float; no fraction here"),
        ("[policies]\nlevels = '2'", "c.toml:2: policies.levels = '2': must be an integer"),
        ("[policies]\nlevels = true", "policies.levels = True: must be an integer"),
        ("[risk]\nkill_switch_enabled = 1", "must be true or false"),
        ("[risk]\nmax_drawdown_pct = '1e1'", "must be a decimal string"),
        ("[risk]\nmax_drawdown_pct = '101'", "risk.max_drawdown_pct = '101': must be <= 100"),
        ("[risk]\nmax_drawdown_pct = 1979-05-27", "must be a decimal string"),
        ("[venue]\nfill_mode = 'cross'", "must be one of crossing, instant, quote"),
        ("[app]\noutputs = 'some'", "must be one of all, changes, none"),
        ("[app]\nstate_dir = ''", "c.toml:2: app.state_dir = '': must be a folder"),
        ("[app]\nstate_dir = '~/x'", "'~' is not expanded"),
        ("[gates]\nprefilter_allow_list = 'BTCUSDT'", "must be a list of symbols"),
        ("[gates]\nprefilter_allow_list = ['btc']", "symbol must match"),
        ("[orders.tick_sizes]\nbtc = '1'", "orders.tick_sizes.btc = '1': symbol must match"),
        ("[orders]\ntick_sizes = '1'", "orders.tick_sizes = '1': must be a table"),
        ("[orders]\nstrategy_id = 'A'", "c.toml:2: orders.strategy_id = 'A': must match"),
        ("[policies]\nlevles = 3", "policies.levles: is not a setting; did you mean policies.lev"),
        ("[policies]\nmax_spread_bps = 3", "did you mean gates.max_spread_bps?"),
        ("[policies.levels]\nx = 3", "policies.levels"),
        ("[policy]\nlevels = 3", "c.toml:1: policy: is not a section; did you mean [policies]?"),
        ("[nothing_like_it]", "sections are selection, gates,"),
        ("levels = 3", "c.toml:1: levels: stands outside its section; write it under [policies]"),
        ("policies = 3", "policies: must be a table"),
        ("[profiles.p.policies]\nlevels = 0", "c.toml:2: policies.levels = 0: must be >= 1"),
        ("[profiles.p.policies]\nlevles = 0", "profiles.p.policies.levles: is not a setting"),
        ("[profiles.p]\nlevels = 3", "c.toml:2: profiles.p.levels: stands outside its section"),
        ("[profiles]\np = 3", "c.toml:1: profiles: must be tables"),
        ("[policies]\nlevels = 1000", "policies.levels = 1000: levels * spacing_bps must be"),
        (
            "[policies]\nspacing_bps = 2000",
            "c.toml:2: policies.levels = 5: levels * spacing_bps must be < 10000",
        ),
        ("[policies\n", "c.toml:1: is no TOML"),
        ("[policies]\nlevels = 3\nlevels = 4\n", "is no TOML: Cannot overwrite a value"),
        ("[policies]\nlevels = " + "9" * 5000, "is no TOML"),
        ("[policies]\nx = " + "[" * 3000, "is no TOML"),
    ],
)
def test_a_refusal_names_place_key_value_and_rule(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)
    assert str(tmp_path / "c.toml") in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_settings(tmp_path / "absent.toml", environment={})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_settings(tmp_path, environment={})
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    with pytest.raises(ConfigError, match="is no UTF-8"):
        load_settings(tmp_path / "latin.toml", environment={})


def test_all_ways_to_write_a_key_find_their_line(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "policies.levels = 3\n"
        "[ gates ] # limits\n"
        '"cooldown_ms" = 7\n'
        "prefilter_allow_list = [\n"
        '  "BTCUSDT",\n'
        "]\n"
        "[orders]\r\n"
        'tick_sizes = { BTCUSDT = "0.1", "ETHUSDT" = "0.01" }\n',
    )
    lines = {
        key: origin.rsplit(":", 1)[1]
        for key, origin in settings.origins.items()
        if origin.startswith("file")
    }
    assert lines == {
        "policies.levels": "1",
        "gates.cooldown_ms": "3",
        "gates.prefilter_allow_list": "4",
        "orders.tick_sizes.BTCUSDT": "8",
        "orders.tick_sizes.ETHUSDT": "8",
    }


def test_no_line_is_better_than_a_wrong_one(tmp_path: Path) -> None:
    settings = load(tmp_path, '[app]\nstate_dir = """\\\n  levels = 9"""\n[policies]\nlevels = 3\n')
    assert settings.origins["policies.levels"] == f"file {tmp_path / 'c.toml'}"


def test_check_judges_every_profile(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[profiles.p.policies]\nspacing_bps = 3000\n")
    assert load_settings(path, environment={}).engine.policies.spacing_bps == 10
    with pytest.raises(ConfigError, match="levels \\* spacing_bps"):
        check_file(path)


SCALARS = (
    st.integers(-(10**20), 10**20)
    | st.booleans()
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]))
    | st.sampled_from(["none", "1.5", "0", "-1", "quote", "all"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3)


@given(st.sampled_from(sorted(KEYS)), VALUES)
def test_any_value_for_any_key_loads_or_is_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, dotted: str, value: Any
) -> None:
    section, name = dotted.split(".")
    text = f"[{section}]\n{name} = {json.dumps(value, ensure_ascii=False)}\n".replace("\x7f", "")
    try:
        settings = load(tmp_path_factory.mktemp("c"), text)
    except ConfigError as error:
        refused = error
    else:
        assert settings.origins[dotted].endswith("c.toml:2")
        return
    assert refused.field


@given(st.sampled_from(sorted(BY_VARIABLE)), st.text())
def test_any_text_of_any_variable_loads_or_is_a_config_error(variable: str, text: str) -> None:
    dotted = BY_VARIABLE[variable].dotted
    try:
        settings = load_settings(None, environment={variable: text})
    except ConfigError as error:
        refused = error
    else:
        expected = {f"environment {variable}"} if text.strip() else {"default", "first run"}
        assert settings.origins[dotted] in expected
        return
    assert dotted in refused.field
    assert refused.where == variable


@given(
    st.binary(max_size=60)
    | st.text("[]policies.lev=\"'\n#0123456789 ", max_size=60).map(str.encode)
)
def test_any_bytes_load_or_are_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("c") / "c.toml"
    path.write_bytes(content)
    try:
        settings = load_settings(path, environment={})
    except ConfigError as error:
        refused = error
    else:
        assert settings.path == path
        return
    assert str(path) in str(refused)
