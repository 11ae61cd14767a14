"""What the environment says about a live run, and that no text in it goes unnoticed (LIVE-36)."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance.permission import Credentials
from grinder_app.cli import run
from grinder_app.config import load_settings
from grinder_app.config.catalog import KEYS
from grinder_app.config.effective import variables_in_force
from grinder_app.config.live_environment import (
    LiveEnvironment,
    read_live_environment,
    refuse_absent,
)
from grinder_app.config.live_variables import BY_NAME, FEATURES, SECRET_FILES, VARIABLES
from grinder_core.contracts.enums import Override
from grinder_core.errors import ConfigError, ContractError

PHRASE = "I_UNDERSTAND_THIS_PLACES_REAL_ORDERS"

# Appendix A of the specification, name by name
READ = re.findall(
    r"\S+",
    """
ARMED ALLOW_TESTNET_TRADE ALLOW_MAINNET_TRADE GRINDER_REAL_PORT_ACK BINANCE_API_KEY
BINANCE_API_SECRET GRINDER_MODE GRINDER_EXCHANGE_PORT GRINDER_REST_URL GRINDER_WS_URL
GRINDER_SYMBOLS GRINDER_OPERATOR_OVERRIDE GRINDER_STATE_DIR GRINDER_CONFIG
GRINDER_ENV RECONCILE_INTERVAL_MS ALLOW_LEGACY_ORDER_ID GRINDER_AUDIT_ENABLED GRINDER_AUDIT_PATH
GRINDER_ARTIFACT_DIR GRINDER_ARTIFACTS_DIR GRINDER_FSM_EVIDENCE GRINDER_CONSEC_LOSS_ENABLED
GRINDER_CONSEC_LOSS_THRESHOLD GRINDER_FILL_MODEL_ENFORCE
GRINDER_FILL_PROB_MIN_BPS GRINDER_FILL_PROB_CB_WINDOW_SECONDS
GRINDER_FILL_PROB_CB_MAX_BLOCK_RATE_PCT GRINDER_LOG_LEVEL GRINDER_HTTP_HOST GRINDER_HTTP_PORT
""",
)
NOT_THERE = re.findall(
    r"\S+",
    """
GRINDER_REDIS_URL GRINDER_HA_ENABLED GRINDER_HA_LOCK_TTL_MS
GRINDER_HA_RENEW_INTERVAL_MS RECONCILE_ENABLED RECONCILE_ACTION RECONCILE_DRY_RUN
RECONCILE_ALLOW_ACTIVE RECONCILE_DETECT_ONLY RECONCILE_REQUIRE_ACTIVE_ROLE REMEDIATION_MODE
REMEDIATION_STRATEGY_ALLOWLIST REMEDIATION_SYMBOL_ALLOWLIST MAX_CALLS_PER_DAY MAX_CALLS_PER_RUN
MAX_NOTIONAL_PER_DAY MAX_NOTIONAL_PER_RUN FLATTEN_MAX_NOTIONAL_PER_CALL BUDGET_STATE_PATH
GRINDER_ARTIFACT_RETENTION_DAYS GRINDER_ACCOUNT_EVIDENCE GRINDER_CONSEC_LOSS_EVIDENCE
GRINDER_FILL_MODEL_ENABLED GRINDER_FILL_MODEL_DIR GRINDER_FILL_PROB_EVIDENCE
GRINDER_FILL_PROB_EVAL_DIR GRINDER_FILL_PROB_AUTO_THRESHOLD GRINDER_FILL_PROB_EVAL_MAX_AGE_HOURS
ML_KILL_SWITCH GRINDER_CONSEC_LOSS_STATE_PATH
""",
)


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*BY_NAME, *SECRET_FILES, *FEATURES):
        monkeypatch.delenv(name, raising=False)


def key_file(folder: Path, text: str, mode: int = 0o600, name: str = "key") -> str:
    path = folder / name
    path.write_text(text)
    path.chmod(mode)
    return str(path)


# -- the table ---------------------------------------------------------------------------------


def test_every_variable_of_the_appendix_is_read_or_known_to_be_absent() -> None:
    assert set(READ) <= set(BY_NAME)
    assert set(NOT_THERE) <= set(FEATURES)
    assert not set(BY_NAME) & set(FEATURES)
    assert {name for name in BY_NAME if name not in READ} == {
        "GRINDER_DATA_DIR",
        "GRINDER_CACHE_DIR",
        "GRINDER_ADMIN_HOST",
        "GRINDER_ADMIN_PORT",
        "GRINDER_ADMIN_TOKEN",
        "GRINDER_ADMIN_TOKEN_SECONDARY",
        "GRINDER_LOG_FORMAT",
        "GRINDER_LOG_FILE",
        "GRINDER_WEBHOOK_URL",
        "GRINDER_WEBHOOK_SECRET",
        "GRINDER_WEBHOOK_MIN_SEVERITY",
        "GRINDER_KEYRING",
    }
    assert {name for name in FEATURES if name not in NOT_THERE} == {"GRINDER_FREEZE_UTC_ISO"}
    assert len(VARIABLES) == len(BY_NAME)


def test_a_variable_sets_a_setting_that_exists_or_says_all_by_itself() -> None:
    for variable in VARIABLES:
        if variable.setting:
            assert variable.setting in KEYS
            assert (variable.kind, variable.default, variable.meaning) == ("", "", "")
        else:
            assert variable.kind
            assert variable.default
            assert variable.meaning.endswith(".")


@pytest.mark.parametrize(
    ("name", "text", "dotted", "value"),
    [
        ("GRINDER_MODE", "LIVE_TRADE", "live.safe_mode", "live_trade"),
        ("GRINDER_EXCHANGE_PORT", "sim", "live.exchange_port", "sim"),
        ("GRINDER_REST_URL", "https://x.example", "live.rest_url", "https://x.example"),
        ("GRINDER_WS_URL", "wss://x.example", "live.ws_url", "wss://x.example"),
        ("GRINDER_SYMBOLS", " BTCUSDT,,ETHUSDT ", "live.symbol_whitelist", ("BTCUSDT", "ETHUSDT")),
        ("GRINDER_STATE_DIR", "/s", "app.state_dir", "/s"),
        ("ALLOW_LEGACY_ORDER_ID", "yes", "live.allow_legacy_order_id", True),
        ("GRINDER_AUDIT_ENABLED", "on", "audit.audit_enabled", True),
        ("GRINDER_AUDIT_PATH", "a.jsonl", "audit.audit_path", "a.jsonl"),
        ("GRINDER_ARTIFACT_DIR", "/a", "app.artifact_dir", "/a"),
        ("GRINDER_FSM_EVIDENCE", "1", "live.fsm_evidence_enabled", True),
        ("GRINDER_CONSEC_LOSS_ENABLED", "1", "risk.consec_loss_enabled", True),
        ("GRINDER_CONSEC_LOSS_THRESHOLD", "3", "risk.consec_loss_threshold", 3),
        ("RECONCILE_INTERVAL_MS", "1000", "live.reconcile_interval_ms", 1000),
        ("GRINDER_FILL_MODEL_ENFORCE", "1", "fill_gate.fill_model_enforce", True),
        ("GRINDER_FILL_PROB_MIN_BPS", "10000", "fill_gate.fill_prob_min_bps", 10000),
        ("GRINDER_FILL_PROB_CB_WINDOW_SECONDS", "1", "fill_gate.fill_prob_cb_window_seconds", 1),
        (
            "GRINDER_FILL_PROB_CB_MAX_BLOCK_RATE_PCT",
            "0",
            "fill_gate.fill_prob_cb_max_block_rate_pct",
            0,
        ),
    ],
)
def test_a_variable_sets_its_setting(name: str, text: str, dotted: str, value: object) -> None:
    settings = load_settings(None, environment={name: text})
    assert settings.value(dotted) == value
    assert settings.origins[dotted] == f"environment {name}"
    assert not [warning for warning in settings.warnings if name in warning]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GRINDER_MODE", "live"),
        ("GRINDER_EXCHANGE_PORT", "binance"),
        ("GRINDER_SYMBOLS", "btcusdt"),
        ("RECONCILE_INTERVAL_MS", "999"),
        ("GRINDER_CONSEC_LOSS_THRESHOLD", "0"),
        ("GRINDER_FILL_PROB_MIN_BPS", "10001"),
        ("GRINDER_FILL_PROB_CB_WINDOW_SECONDS", "0"),
        ("GRINDER_FILL_PROB_CB_MAX_BLOCK_RATE_PCT", "101"),
        ("ALLOW_LEGACY_ORDER_ID", "maybe"),
        ("ARMED", "y"),
        ("ALLOW_TESTNET_TRADE", "2"),
        ("ALLOW_MAINNET_TRADE", "ja"),
        ("GRINDER_REAL_PORT_ACK", "yes"),
        ("GRINDER_REAL_PORT_ACK", f" {PHRASE}"),
        ("GRINDER_OPERATOR_OVERRIDE", "RESUME"),
        ("GRINDER_ENV", "a b"),
        ("BINANCE_API_KEY", "two words"),
    ],
)
def test_a_malformed_value_ends_with_code_2_and_names_its_variable(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, text)
    assert run(["config", "show", "--json"]) == 2
    said = capsys.readouterr()
    assert name in said.err
    assert said.out == ""


TEXTS = (
    st.text(max_size=30)
    | st.sampled_from(["1", "0", "true", "", " ", "no", "PAUSE", "none", "-1", "1e9", "~", "\0"])
    | st.integers(-5, 200_000).map(str)
)


@given(name=st.sampled_from(sorted({*READ, *SECRET_FILES})), text=TEXTS)
@settings(max_examples=300)
def test_any_text_of_any_variable_gives_a_value_or_an_error_that_names_it(
    name: str, text: str
) -> None:
    environ = {name: text}
    said = ""
    try:
        found = load_settings(None, environment=environ)
        read = read_live_environment(environ)
        json.dumps([v.value for v in variables_in_force(found, None, read, environ)])
    except ConfigError as error:
        said = str(error)
    assert not said or name in said


@given(name=st.sampled_from(NOT_THERE), text=TEXTS)
def test_a_variable_of_an_absent_feature_is_refused_unless_it_is_empty(
    name: str, text: str
) -> None:
    if not text.strip():
        refuse_absent({name: text})
        return
    with pytest.raises(ConfigError, match="does not have") as caught:
        refuse_absent({name: text})
    assert name in str(caught.value)


# -- what the environment alone says ------------------------------------------------------------


def test_an_empty_environment_permits_nothing() -> None:
    assert read_live_environment({}) == LiveEnvironment()
    empty = LiveEnvironment()
    assert (empty.armed, empty.keys, empty.operator_override) == (None, None, None)
    assert not empty.allow_testnet_trade
    assert not empty.allow_mainnet_trade
    assert empty.real_port_ack == ""
    assert empty.name == "prod"


@pytest.mark.parametrize(
    ("text", "armed"), [("1", True), ("YES", True), ("0", False), ("", False), (" ", False)]
)
def test_armed_that_is_set_but_empty_says_no(text: str, armed: bool) -> None:
    assert read_live_environment({"ARMED": text}).armed is armed


def test_acknowledgements_and_override_are_read() -> None:
    read = read_live_environment(
        {
            "ALLOW_TESTNET_TRADE": "1",
            "ALLOW_MAINNET_TRADE": "on",
            "GRINDER_REAL_PORT_ACK": PHRASE,
            "GRINDER_OPERATOR_OVERRIDE": " emergency ",
            "GRINDER_ENV": "dev",
        }
    )
    assert read.allow_testnet_trade
    assert read.allow_mainnet_trade
    assert read.real_port_ack == PHRASE
    assert read.operator_override is Override.EMERGENCY
    assert read.name == "dev"


def test_several_absent_features_are_named_at_once_and_no_value_is_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        refuse_absent({"GRINDER_REDIS_URL": "redis://:pass@h", "MAX_CALLS_PER_DAY": "7"})
    said = str(caught.value)
    assert "GRINDER_REDIS_URL" in said
    assert "MAX_CALLS_PER_DAY" in said
    assert "leader election" in said
    assert "pass" not in said


def test_commands_below_live_refuse_absent_features_and_others_do_not_mind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRINDER_HA_ENABLED", "false")
    assert run(["live", "feed", "--symbols", "BTCUSDT"]) == 2
    assert "leader election" in capsys.readouterr().err
    assert run(["config", "show", "--json"]) == 0
    assert "GRINDER_HA_ENABLED" not in capsys.readouterr().err


# -- keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize("given_", ["BINANCE_API_KEY", "BINANCE_API_SECRET"])
def test_one_key_without_the_other_is_refused(given_: str) -> None:
    with pytest.raises(ConfigError, match="is given without BINANCE_API_") as caught:
        read_live_environment({given_: "hidden-value"})
    assert "hidden-value" not in str(caught.value)


def test_a_pair_comes_from_variables_or_from_files(tmp_path: Path) -> None:
    direct = read_live_environment({"BINANCE_API_KEY": "k", "BINANCE_API_SECRET": "s"}).keys
    mixed = read_live_environment(
        {"BINANCE_API_KEY": "k", "BINANCE_API_SECRET_FILE": key_file(tmp_path, "s\n", 0o400)}
    ).keys
    assert direct is not None
    assert direct == mixed
    assert (direct.key.reveal(), direct.secret.reveal()) == ("k", "s")
    assert direct.kind is Credentials.VENUE


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    both = {"BINANCE_API_KEY": "k", "BINANCE_API_KEY_FILE": key_file(tmp_path, "k")}
    with pytest.raises(ConfigError, match="given together with BINANCE_API_KEY_FILE"):
        read_live_environment(both)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    name = "BINANCE_API_KEY_FILE"
    with pytest.raises(ConfigError, match=f"{mode:04o}") as caught:
        read_live_environment({name: key_file(tmp_path, "hidden", mode)})
    assert name in str(caught.value)
    assert "chmod 600" in str(caught.value)


@pytest.mark.parametrize(
    ("what", "rule"),
    [
        ("missing", "cannot be read"),
        ("folder", "cannot be read: Is a directory"),
        ("pipe", "regular file"),
        ("empty", "not empty"),
        ("lines", "printable"),
        ("binary", "printable"),
        ("long", "at most"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, what: str, rule: str) -> None:
    path = tmp_path / "it"
    if what == "folder":
        path.mkdir(mode=0o700)
    elif what == "pipe":
        os.mkfifo(path, 0o600)
    elif what != "missing":
        texts = {"empty": b"\n", "lines": b"hidden\nhidden\n", "binary": b"\xff\xfe"}
        path.write_bytes(texts.get(what, b"x" * 5_000))
        path.chmod(0o600)
    with pytest.raises(ConfigError, match=rule) as caught:
        read_live_environment({"BINANCE_API_SECRET_FILE": str(path)})
    assert "BINANCE_API_SECRET_FILE" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_nothing_that_shows_the_environment_shows_a_secret() -> None:
    pair = {"BINANCE_API_KEY": "hidden-key", "BINANCE_API_SECRET": "hidden-secret"}
    read = read_live_environment(pair)
    shown = [
        repr(read),
        str(read.keys),
        f"{read.keys}",
        repr(list(variables_in_force(load_settings(None, environment={}), None, read, pair))),
    ]
    assert not [text for text in shown if "hidden" in text]
    assert all("[REDACTED]" in text for text in shown)
    for attempt in (copy.deepcopy, pickle.dumps):
        with pytest.raises(ContractError):
            attempt(read)


# -- config show -------------------------------------------------------------------------------


def test_show_prints_every_variable_with_value_and_origin_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    secret = key_file(tmp_path, "hidden-secret\n")
    monkeypatch.setenv("BINANCE_API_KEY", "hidden-key")
    monkeypatch.setenv("BINANCE_API_SECRET_FILE", secret)
    monkeypatch.setenv("ARMED", "")
    monkeypatch.setenv("GRINDER_MODE", "paper")
    monkeypatch.setenv("GRINDER_SYMBOLS", "BTCUSDT,ETHUSDT")
    (tmp_path / "grinder.toml").write_text('[live]\nmax_notional_per_order = "50"\n')
    assert run(["config", "show", "--json"]) == 0
    text = capsys.readouterr().out
    assert "hidden" not in text
    told = json.loads(text)
    rows = told["environment"]
    assert set(rows) == set(BY_NAME)
    assert rows["BINANCE_API_KEY"] == {
        "value": "[REDACTED]",
        "origin": "environment BINANCE_API_KEY",
    }
    assert rows["BINANCE_API_SECRET"]["origin"] == "environment BINANCE_API_SECRET_FILE"
    assert rows["ARMED"] == {"value": False, "origin": "environment ARMED"}
    assert rows["GRINDER_MODE"] == {"value": "paper", "origin": "environment GRINDER_MODE"}
    assert rows["GRINDER_CONFIG"]["value"] == "grinder.toml"
    assert rows["ALLOW_MAINNET_TRADE"] == {"value": False, "origin": "default"}
    assert told["settings"]["live"]["max_notional_per_order"] == "50"
    assert told["origins"]["live.max_notional_per_order"] == "file grinder.toml:2"
    assert run(["config", "show"]) == 0
    table = capsys.readouterr().out
    assert "hidden" not in table
    assert "[REDACTED]" in table
    for name in BY_NAME:
        assert f" {name} " in table


def test_brackets_in_a_value_are_shown_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRINDER_STATE_DIR", "/srv/[red]state")
    assert run(["config", "show"]) == 0
    assert "/srv/[red]state" in capsys.readouterr().out


def test_an_address_with_a_password_is_refused_without_showing_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRINDER_REST_URL", "https://me:hidden@host")
    assert run(["config", "show"]) == 2
    said = capsys.readouterr()
    assert "GRINDER_REST_URL" in said.err
    assert "hidden" not in said.err + said.out


# -- which layer wins where permission is at stake -----------------------------------------------


LAYERS = ("file", "profile", "environment", "flag")


@given(
    name=st.sampled_from(["allow_mainnet", "allow_legacy_order_id"]),
    said=st.dictionaries(st.sampled_from(LAYERS), st.booleans()),
)
def test_once_a_layer_says_no_nothing_permits_it(
    tmp_path_factory: pytest.TempPathFactory, name: str, said: dict[str, bool]
) -> None:
    def line(layer: str) -> str:
        return f"{name} = {str(said[layer]).lower()}" if layer in said else ""

    path = tmp_path_factory.mktemp("c") / "grinder.toml"
    path.write_text(f"[live]\n{line('file')}\n[profiles.p.live]\n{line('profile')}\n")
    variable = f"GRINDER_LIVE__{name.upper()}"
    found = load_settings(
        path,
        profile="p",
        environment={variable: str(said["environment"])} if "environment" in said else {},
        flags={name: str(said["flag"])} if "flag" in said else {},
    )
    assert found.value(f"live.{name}") is (bool(said) and all(said.values()))
    decisive = [layer for layer in LAYERS if layer in said and said[layer] is all(said.values())]
    origin = found.origins[f"live.{name}"]
    assert origin.split(" ")[0] == (decisive[-1] if said else "default")


def test_other_settings_of_the_section_go_by_the_usual_order(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[live]\nmax_notional_per_order = "10"\nfsm_evidence_enabled = false\n')
    found = load_settings(path, environment={"GRINDER_FSM_EVIDENCE": "1"})
    assert found.live.fsm_evidence_enabled is True
    assert found.live.max_notional_per_order == Decimal(10)


def test_the_section_changes_its_own_hash_and_not_the_engines(tmp_path: Path) -> None:
    plain = load_settings(None, environment={})
    other = load_settings(None, environment={"GRINDER_LIVE__TARGET_LEVERAGE": "2"})
    assert other.engine.config_hash == plain.engine.config_hash
    assert other.live.live_hash != plain.live.live_hash
