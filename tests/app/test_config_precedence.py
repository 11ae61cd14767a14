"""Which source wins, and that every value knows where it came from (MM-03, LIVE-36)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_app.cli import run
from grinder_app.config import load_settings
from grinder_app.config.catalog import BY_NAME, KEYS
from grinder_app.config.first_run import FIRST_RUN
from grinder_app.config.load import parse_sets
from grinder_app.config.toml_file import ProfileUnknownError
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "grinder.toml"
    path.write_text(text)
    return path


def test_without_a_file_the_settings_are_those_that_init_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(None, environment={})
    assert settings.path is None
    assert set(settings.origins.values()) == {"default", "first run"}
    assert settings.app.artifact_dir == "var/artifacts"
    assert run(["init", "grinder.toml"]) == 0
    assert load_settings(Path("grinder.toml"), environment={}).engine == settings.engine


def test_a_size_in_base_asset_takes_the_place_of_the_first_runs_quote_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(None, environment={}, flags={"size_per_level": "0.5"})
    assert settings.engine.policies.notional_per_level is None
    assert settings.engine.policies.size_per_level == Decimal("0.5")
    assert settings.engine.policies.recenter_bps == FIRST_RUN["policies.recenter_bps"]


def test_an_empty_file_means_the_published_defaults(tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, ""), environment={}).engine == EngineConfig()


LAYERS = ("file", "profile", "environment", "flag")


@given(st.dictionaries(st.sampled_from(LAYERS), st.integers(1, 99)))
def test_the_highest_layer_that_speaks_wins(
    tmp_path_factory: pytest.TempPathFactory, levels: dict[str, int]
) -> None:
    base = f"levels = {levels['file']}" if "file" in levels else ""
    overlay = f"levels = {levels['profile']}" if "profile" in levels else ""
    path = written(
        tmp_path_factory.mktemp("c"), f"[policies]\n{base}\n[profiles.p.policies]\n{overlay}\n"
    )
    variable = "GRINDER_POLICIES__LEVELS"
    settings = load_settings(
        path,
        profile="p",
        environment={variable: str(levels["environment"])} if "environment" in levels else {},
        flags={"policies.levels": str(levels["flag"])} if "flag" in levels else {},
    )
    origin = settings.origins["policies.levels"]
    speaking = [layer for layer in LAYERS if layer in levels]
    if not speaking:
        assert (settings.engine.policies.levels, origin) == (5, "default")
        return
    assert settings.engine.policies.levels == levels[speaking[-1]]
    shown = {
        "file": f"file {path}:2",
        "profile": "profile p",
        "environment": f"environment {variable}",
        "flag": "flag",
    }
    assert origin == shown[speaking[-1]]


def test_tables_merge_entry_by_entry_across_layers(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[orders.tick_sizes]\nBTCUSDT = "0.5"\nETHUSDT = "0.5"\nXRPUSDT = "0.5"\n'
        '[profiles.p.orders.tick_sizes]\nETHUSDT = "0.2"\n',
    )
    settings = load_settings(
        path,
        profile="p",
        environment={"GRINDER_ORDERS__TICK_SIZES__XRPUSDT": "0.0001"},
        flags={"tick_sizes.SOLUSDT": "0.01"},
    )
    assert settings.engine.orders.tick_sizes == {
        "BTCUSDT": Decimal("0.5"),
        "ETHUSDT": Decimal("0.2"),
        "XRPUSDT": Decimal("0.0001"),
        "SOLUSDT": Decimal("0.01"),
    }
    assert settings.origins["orders.tick_sizes.ETHUSDT"] == "profile p"
    assert settings.origins["orders.tick_sizes.SOLUSDT"] == "flag"


def test_the_order_of_keys_and_sections_changes_nothing(tmp_path: Path) -> None:
    one = load_settings(
        written(tmp_path, "[policies]\nlevels = 3\nspacing_bps = 7\n[gates]\ncooldown_ms = 5\n"),
        environment={},
    )
    other = load_settings(
        written(tmp_path, "[gates]\ncooldown_ms = 5\n[policies]\nspacing_bps = 7\nlevels = 3\n"),
        environment={},
    )
    assert one.engine == other.engine
    assert one.engine.config_hash == other.engine.config_hash


def test_the_file_is_found_by_variable_then_in_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "[policies]\nlevels = 2\n")
    other = tmp_path / "other.toml"
    other.write_text("[policies]\nlevels = 3\n")
    third = tmp_path / "third.toml"
    third.write_text("[policies]\nlevels = 4\n")
    here = load_settings(None, environment={})
    named = load_settings(None, environment={"GRINDER_CONFIG": str(other)})
    given_ = load_settings(third, environment={"GRINDER_CONFIG": str(other)})
    assert [s.engine.policies.levels for s in (here, named, given_)] == [2, 3, 4]
    assert here.path == Path("grinder.toml")


def test_folders_have_their_own_variables() -> None:
    settings = load_settings(
        None,
        environment={
            "GRINDER_STATE_DIR": "/s",
            "GRINDER_ARTIFACT_DIR": "/a",
            "GRINDER_DATA_DIR": "/d",
            "GRINDER_APP__CACHE_DIR": "/c",
        },
    )
    app = settings.app
    assert (app.state_dir, app.artifact_dir, app.data_dir, app.cache_dir) == (
        "/s",
        "/a",
        "/d",
        "/c",
    )
    assert settings.origins["app.state_dir"] == "environment GRINDER_STATE_DIR"


def test_two_variables_that_disagree_are_refused_and_two_that_agree_are_not() -> None:
    both = {"GRINDER_ARTIFACT_DIR": "/a", "GRINDER_ARTIFACTS_DIR": "/a"}
    assert load_settings(None, environment=both).app.artifact_dir == "/a"
    with pytest.raises(ConfigError, match="contradicts GRINDER_ARTIFACTS_DIR"):
        load_settings(None, environment=both | {"GRINDER_ARTIFACT_DIR": "/b"})


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    path = written(tmp_path, "[risk]\nkill_switch_enabled = true\n")
    settings = load_settings(path, environment={"GRINDER_RISK__KILL_SWITCH_ENABLED": " "})
    assert settings.engine.risk.kill_switch_enabled is True


def test_an_optional_setting_can_be_taken_back(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '[policies]\nnotional_per_level = "100"\n'
        '[profiles.base_units.policies]\nnotional_per_level = "none"\n',
    )
    assert load_settings(path, environment={}).engine.policies.notional_per_level == 100
    for settings in (
        load_settings(path, profile="base_units", environment={}),
        load_settings(path, environment={"GRINDER_POLICIES__NOTIONAL_PER_LEVEL": "none"}),
        load_settings(path, environment={}, flags={"notional_per_level": "None"}),
    ):
        assert settings.engine.policies.notional_per_level is None


def test_unknown_variables_warn_with_the_nearest_name() -> None:
    settings = load_settings(
        None,
        environment={
            "GRINDER_POLICIES__LEVELZ": "3",
            "GRINDER_STATEDIR": "/x",
            "RECONCILE_INTERVALL_MS": "1",
            "ARTIFACTS_DIR": "/x",
            "HOME": "/root",
            "GRINDER_TEST_RECORDINGS": "/x",
        },
    )
    told = [w for w in settings.warnings if not w.startswith("policies.")]
    assert len(told) == 4
    text = "\n".join(told)
    assert "GRINDER_POLICIES__LEVELZ is not a variable of grinder; did you mean" in text
    assert "did you mean GRINDER_POLICIES__LEVELS?" in text
    assert "did you mean GRINDER_STATE_DIR?" in text
    assert "did you mean RECONCILE_INTERVAL_MS?" in text
    assert "did you mean GRINDER_ARTIFACT_DIR?" in text
    assert settings.app.state_dir == "var/state"


def test_an_unknown_profile_names_those_there_are(tmp_path: Path) -> None:
    path = written(tmp_path, "[profiles.wide.policies]\nlevels = 3\n")
    with pytest.raises(ProfileUnknownError, match="it has: wide"):
        load_settings(path, profile="narrow", environment={})
    assert ProfileUnknownError.code == "E_PROFILE_UNKNOWN"


def test_a_profile_needs_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProfileUnknownError, match="needs a configuration file"):
        load_settings(None, profile="wide", environment={})


def test_flags_are_split_at_the_first_equals_sign() -> None:
    assert parse_sets(["app.state_dir=/a=b", "levels=3"]) == {
        "app.state_dir": "/a=b",
        "levels": "3",
    }


@pytest.mark.parametrize(
    ("sets", "rule"),
    [
        (["levels"], "must be NAME=VALUE"),
        (["levels=3", "levels=4"], "is set twice"),
        (["levels=3", "policies.levels=4"], "is set twice"),
        (["levls=3"], r"did you mean policies\.levels"),
        (["levels=0"], r"policies\.levels = '0': must be >= 1"),
        (["orders.tick_sizes=0.1"], "set one entry"),
        (["tick_sizes.btc=0.1"], "symbol must match"),
        (["tick_sizes.BTCUSDT=0"], "must be > 0"),
    ],
)
def test_a_wrong_flag_is_refused(sets: list[str], rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        load_settings(None, environment={}, flags=parse_sets(sets))


def test_flat_names_and_variables_are_unique_over_all_sections() -> None:
    assert len(BY_NAME) == len(KEYS)
    assert len({key.variable for key in KEYS.values()}) == len(KEYS)


def test_a_plan_beyond_its_limit_and_sizes_nobody_chose_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, '[policies]\nnotional_per_level = "501"\n')
    (warning,) = load_settings(path, environment={}).warnings
    assert "gates.max_notional_per_symbol = 5000 is less than one plan of 5010" in warning
    fits = load_settings(path, environment={}, flags={"notional_per_level": "500"})
    assert fits.warnings == ()
    unsized = load_settings(path, environment={}, flags={"notional_per_level": "none"})
    assert "policies.size_per_level is the default of 100" in unsized.warnings[0]
    sized = load_settings(
        path, environment={}, flags={"notional_per_level": "none", "size_per_level": "100"}
    )
    assert sized.warnings == ()
    adaptive = {"feature_engine_enabled": "true", "adaptive_policy_enabled": "true"}
    least = load_settings(path, environment={}, flags={**adaptive, "notional_per_level": "1250"})
    assert least.warnings == ()  # 2 levels a side are its fewest
    above = load_settings(path, environment={}, flags={**adaptive, "notional_per_level": "1251"})
    assert "is less than one plan of 5004 (2 levels x 2 sides x 1251)" in above.warnings[0]


def test_switches_that_have_nothing_to_work_with_are_told(tmp_path: Path) -> None:
    path = written(tmp_path, '[policies]\nnotional_per_level = "9"\n')

    def told(**flags: str) -> tuple[str, ...]:
        return load_settings(path, environment={}, flags=flags).warnings

    (lots,) = told(constraints_enabled="true")
    assert "orders.constraints_enabled has no rules to apply" in lots
    rules = {"symbol_constraints.BTCUSDT": '{"step_size":"1","min_qty":"1"}'}
    assert told(constraints_enabled="true", **rules) == ()
    sizer = dict.fromkeys(
        ("feature_engine_enabled", "adaptive_policy_enabled", "auto_sizing_enabled"), "true"
    )
    (sizes,) = told(**sizer, adverse_move="0.2")
    assert "does nothing without sizing.sizing_equity and sizing.dd_budget" in sizes
    (sizes,) = told(**sizer, sizing_equity="1000", dd_budget="0.1")
    assert "does nothing without sizing.adverse_move:" in sizes
    budget = {"adverse_move": "0.2", "sizing_equity": "9", "dd_budget": "0.1"}
    assert told(**sizer, **budget) == ()
    assert told(**sizer, **budget, notional_per_level="none") == ()  # the budget sizes them
