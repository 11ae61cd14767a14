"""A live run is planned before it does anything; what may write is decided here (LIVE-07, I-07)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.permission import Credentials, PortKind
from grinder_app.cli import _code_of
from grinder_app.config import load_settings
from grinder_app.config.catalog import BESIDE_ENGINE
from grinder_app.config.effective import effective_config
from grinder_app.config.live_plan import (
    GuardsMissingError,
    LiveFlags,
    LivePlan,
    draft_live,
    plan_live,
)
from grinder_core.codec import canonical_json
from grinder_core.contracts.enums import Override
from grinder_core.contracts.live import SafeMode
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError, ConnectorNonRetryableError

PHRASE = "I_UNDERSTAND_THIS_PLACES_REAL_ORDERS"
LOCAL = "http://127.0.0.1:8790"
TESTNET = "https://demo-fapi.binance.com"
MAINNET = "https://fapi.binance.com"
PAIR = {"BINANCE_API_KEY": "hidden-key", "BINANCE_API_SECRET": "hidden-secret"}
TRADE = {"GRINDER_MODE": "live_trade", "GRINDER_EXCHANGE_PORT": "futures"}


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def planned(
    environ: dict[str, str] | None = None,
    *,
    file: str = "",
    sets: dict[str, str] | None = None,
    **flags: Any,
) -> LivePlan:
    environ = environ or {}
    path = None
    if file:
        path = Path("own.toml")
        path.write_text(file)
    config = load_settings(path, environment=environ, flags=sets or {})
    return plan_live(LiveFlags(**flags), config, environ)


def writing(url: str, **more: str) -> dict[str, str]:
    """An environment that has every guard for a venue."""
    return {
        **TRADE,
        **PAIR,
        "ARMED": "1",
        "GRINDER_REST_URL": url,
        "GRINDER_SYMBOLS": "XRPUSDT",
        "ALLOW_TESTNET_TRADE": "1",
        "ALLOW_MAINNET_TRADE": "1",
        "GRINDER_REAL_PORT_ACK": PHRASE,
        "GRINDER_LIVE__ALLOW_MAINNET": "1",
        "GRINDER_LIVE__MAX_NOTIONAL_PER_ORDER": "20",
        **more,
    }


# -- the default -----------------------------------------------------------------------------------


def test_a_default_start_reads_an_exchange_of_its_own_and_can_write_nothing() -> None:
    plan = planned()
    assert plan.is_embedded
    assert plan.urls is None
    assert plan.venue_class is VenueClass.SIM
    assert plan.mode is SafeMode.READ_ONLY
    assert plan.exchange_port is PortKind.NOOP
    assert not plan.armed
    assert not plan.will_write
    assert not plan.has_writing_port
    assert plan.symbols == ("XRPUSDT",)
    assert plan.operator_override is None
    assert plan.state_dir == Path("var/state")
    assert plan.permission.credentials is Credentials.LOCAL
    with pytest.raises(ConnectorNonRetryableError):
        plan.permission.require()


def test_everything_planned_says_where_it_comes_from() -> None:
    plan = planned({"GRINDER_MODE": "live_trade"}, symbols=("ETHUSDT",))
    assert plan.origins["live.safe_mode"] == "environment GRINDER_MODE"
    assert plan.origins["live.symbol_whitelist"] == "flag"
    assert plan.origins["live.exchange_port"] == "default"
    assert plan.origins["risk.dd_guard_v1_enabled"] == "live default"


# -- arming ----------------------------------------------------------------------------------------


@given(flag=st.booleans(), variable=st.sampled_from([None, "", " ", "0", "no", "1", "true"]))
def test_a_run_is_armed_by_flag_or_variable_unless_the_variable_says_no(
    flag: bool, variable: str | None
) -> None:
    environ = {} if variable is None else {"ARMED": variable}
    plan = draft_live(LiveFlags(armed=flag), load_settings(None, environment=environ), environ)
    says_yes, says_no = variable in ("1", "true"), variable in ("", " ", "0", "no")
    assert plan.armed is ((flag or says_yes) and not says_no)
    assert plan.permission.armed is plan.armed
    assert any("--armed has no effect" in w for w in plan.warnings) is (flag and says_no)


GUARDS = (
    "live_trade",
    "futures",
    "testnet_ack",
    "mainnet_ack",
    "phrase",
    "allow_mainnet",
    "cap",
    "keys",
)
REQUIRED = {
    # the specification's table, and the remedy's first words for each guard
    LOCAL: {"live_trade": "mode", "futures": "port"},
    TESTNET: {
        "live_trade": "mode",
        "futures": "port",
        "testnet_ack": "acknowledgement",
        "keys": "credentials",
    },
    MAINNET: {
        "live_trade": "mode",
        "futures": "port",
        "mainnet_ack": "acknowledgement",
        "phrase": "second acknowledgement",
        "allow_mainnet": "allow_mainnet",
        "cap": "max_notional_per_order",
        "keys": "credentials",
    },
}
SAID = {
    "live_trade": {"GRINDER_MODE": "live_trade"},
    "futures": {"GRINDER_EXCHANGE_PORT": "futures"},
    "testnet_ack": {"ALLOW_TESTNET_TRADE": "1"},
    "mainnet_ack": {"ALLOW_MAINNET_TRADE": "1"},
    "phrase": {"GRINDER_REAL_PORT_ACK": PHRASE},
    "allow_mainnet": {"GRINDER_LIVE__ALLOW_MAINNET": "true"},
    "cap": {"GRINDER_LIVE__MAX_NOTIONAL_PER_ORDER": "20"},
    "keys": PAIR,
}


@given(url=st.sampled_from(sorted(REQUIRED)), given_=st.sets(st.sampled_from(GUARDS)))
@settings(max_examples=300)
def test_an_armed_start_names_every_missing_guard_at_once_and_only_those(
    url: str, given_: set[str]
) -> None:
    environ = {"ARMED": "1", "GRINDER_REST_URL": url, "GRINDER_SYMBOLS": "BTCUSDT"}
    for guard in given_:
        environ |= SAID[guard]
    expected = {words for guard, words in REQUIRED[url].items() if guard not in given_}
    config = load_settings(None, environment=environ)
    if not expected:
        plan = plan_live(LiveFlags(), config, environ)
        assert plan.will_write
        # lot rules are the runner's to load: the plan alone opens nothing
        assert plan.permission.missing()[0].startswith("constraints:")
        return
    with pytest.raises(GuardsMissingError) as caught:
        plan_live(LiveFlags(), config, environ)
    assert {guard.partition(":")[0] for guard in caught.value.missing} == expected
    assert all(guard in str(caught.value) for guard in caught.value.missing)


def test_missing_guards_end_with_code_1_and_contradictions_with_code_2() -> None:
    with pytest.raises(GuardsMissingError) as missing:
        planned(armed=True)
    assert _code_of(missing.value) == 1
    assert missing.value.code == "E_GUARDS_MISSING"
    assert "GRINDER_MODE=live_trade" in str(missing.value)
    with pytest.raises(ConfigError) as wrong:
        planned({"GRINDER_WS_URL": "wss://fstream.binance.com"})
    assert _code_of(wrong.value) == 2


@pytest.mark.parametrize("url", [LOCAL, TESTNET, MAINNET])
def test_with_every_guard_only_the_runners_are_left(url: str) -> None:
    plan = planned(writing(url))
    assert plan.missing == ()
    assert plan.will_write
    ready = evolve(plan.permission, has_constraints=True, simulator_is_identified=True)
    ready.require()
    kind = Credentials.LOCAL if url == LOCAL else Credentials.VENUE
    assert plan.permission.credentials is kind
    assert plan.permission.max_notional_per_order == Decimal(20)
    assert plan.permission.symbol_whitelist == ("XRPUSDT",)


def test_an_unarmed_start_with_all_else_missing_is_a_rehearsal() -> None:
    plan = planned({"GRINDER_REST_URL": MAINNET, "GRINDER_SYMBOLS": "BTCUSDT"})
    assert not plan.will_write
    assert plan.missing
    assert plan.keys is None
    assert plan.permission.credentials is Credentials.NONE


# -- keys and loopback -----------------------------------------------------------------------------


def test_loopback_gets_the_local_pair_and_never_a_venues() -> None:
    plan = planned({**PAIR, "GRINDER_REST_URL": LOCAL, "GRINDER_SYMBOLS": "BTCUSDT"})
    assert plan.keys is not None
    assert plan.keys.kind is Credentials.LOCAL
    assert plan.keys.key.reveal() == "grinder-local-key"
    assert plan.keys.secret.reveal() == "grinder-local-secret"
    assert any("never a venue's" in warning for warning in plan.warnings)


def test_an_acknowledgement_of_real_money_draws_a_warning_elsewhere() -> None:
    plan = planned({"ALLOW_MAINNET_TRADE": "1"})
    assert any("acknowledge real money" in warning for warning in plan.warnings)


# -- addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "stream"),
    [
        (MAINNET, "wss://fstream.binance.com"),
        (TESTNET, "wss://fstream.binancefuture.com"),
        (LOCAL, "ws://127.0.0.1:8790"),
        ("https://api.binance.com", "wss://stream.binance.com"),
    ],
)
def test_the_streams_of_a_known_venue_are_known(rest: str, stream: str) -> None:
    plan = planned({"GRINDER_REST_URL": rest, "GRINDER_SYMBOLS": "BTCUSDT"})
    assert plan.urls is not None
    assert (plan.urls.rest, plan.urls.stream) == (rest, stream)
    assert not plan.is_embedded


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"GRINDER_WS_URL": "ws://localhost:1"}, ("live.ws_url", "live.rest_url")),
        ({"GRINDER_REST_URL": "https://unknown.example"}, ("live.rest_url", "live.ws_url")),
        (
            {"GRINDER_REST_URL": MAINNET, "GRINDER_WS_URL": "wss://fstream.binancefuture.com"},
            ("GRINDER_WS_URL", "mainnet", "testnet"),
        ),
        (
            {"GRINDER_REST_URL": LOCAL, "GRINDER_WS_URL": "wss://fstream.binance.com"},
            ("GRINDER_WS_URL", "sim", "mainnet"),
        ),
        ({"GRINDER_REST_URL": "ftp://x"}, ("GRINDER_REST_URL", "scheme://host")),
        ({"GRINDER_REST_URL": "http://fapi.binance.com"}, ("GRINDER_REST_URL", "encrypted")),
        ({"GRINDER_REST_URL": f"{MAINNET}/fapi"}, ("GRINDER_REST_URL", "nothing else")),
        ({"GRINDER_REST_URL": "ws://localhost:1"}, ("GRINDER_REST_URL", "http://")),
        (
            {"GRINDER_REST_URL": MAINNET, "GRINDER_EXCHANGE_PORT": "sim"},
            ("GRINDER_EXCHANGE_PORT", "mainnet"),
        ),
        (
            {"GRINDER_REST_URL": MAINNET, "GRINDER_EXCHANGE_PORT": "spot"},
            ("GRINDER_EXCHANGE_PORT", "is for futures"),
        ),
        (
            {"GRINDER_REST_URL": "https://api.binance.com", "GRINDER_EXCHANGE_PORT": "futures"},
            ("GRINDER_EXCHANGE_PORT", "is for spot"),
        ),
        ({"GRINDER_REST_URL": MAINNET, "GRINDER_SYMBOLS": ","}, ("live.symbol_whitelist",)),
        ({"GRINDER_SYMBOLS": "btc"}, ("GRINDER_SYMBOLS", "btc")),
        ({"GRINDER_MODE": "paper", "GRINDER_EXCHANGE_PORT": "futures"}, ("futures", "paper")),
        ({"GRINDER_EXCHANGE_PORT": "paper"}, ("paper", "read_only")),
        ({"GRINDER_HA_ENABLED": "1"}, ("GRINDER_HA_ENABLED", "leader election")),
        ({"BINANCE_API_SECRET": "hidden"}, ("BINANCE_API_SECRET", "BINANCE_API_KEY")),
    ],
)
def test_a_contradiction_is_refused_and_named(
    environ: dict[str, str], names: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as caught:
        planned({"GRINDER_SYMBOLS": "BTCUSDT", **environ})
    for name in names:
        assert name in str(caught.value)
    assert "hidden" not in str(caught.value)


@given(host=st.from_regex(r"[a-z]{1,8}(\.[a-z]{2,8}){1,3}", fullmatch=True))
def test_an_unknown_host_counts_as_real_money(host: str) -> None:
    urls = {"GRINDER_REST_URL": f"https://{host}", "GRINDER_WS_URL": f"wss://{host}"}
    environ = {**urls, "GRINDER_SYMBOLS": "BTCUSDT"}
    plan = plan_live(LiveFlags(), load_settings(None, environment=environ), environ)
    assert plan.venue_class is VenueClass.MAINNET


# -- flags and paper -------------------------------------------------------------------------------


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file() -> None:
    file = '[live]\nsafe_mode = "paper"\nexchange_port = "paper"\nsymbol_whitelist = ["AAAUSDT"]\n'
    assert planned(file=file).mode is SafeMode.PAPER
    environ = {"GRINDER_MODE": "read_only", "GRINDER_EXCHANGE_PORT": "noop"}
    assert planned(environ, file=file).mode is SafeMode.READ_ONLY
    plan = planned(
        environ,
        file=file,
        mode=SafeMode.LIVE_TRADE,
        exchange_port=PortKind.SIM,
        symbols=("BBBUSDT", "BBBUSDT"),
        rest_url=LOCAL,
        ws_url="ws://127.0.0.1:9",
    )
    assert plan.mode is SafeMode.LIVE_TRADE
    assert plan.exchange_port is PortKind.SIM
    assert plan.symbols == ("BBBUSDT",)
    assert plan.urls is not None
    assert plan.urls.stream == "ws://127.0.0.1:9"
    assert plan.live.rest_url == LOCAL


def test_a_flag_and_a_set_that_disagree_are_refused() -> None:
    with pytest.raises(ConfigError, match="is set twice"):
        planned(sets={"safe_mode": "paper"}, mode=SafeMode.READ_ONLY)
    assert planned(sets={"safe_mode": "paper"}, mode=SafeMode.PAPER).mode is SafeMode.PAPER


def test_paper_brings_its_port_and_does_not_ask_for_guards() -> None:
    plan = planned({"GRINDER_MODE": "paper"}, armed=True)
    assert plan.exchange_port is PortKind.PAPER
    assert plan.live.exchange_port is PortKind.PAPER
    assert not plan.will_write
    assert not plan.has_writing_port
    with pytest.raises(ConnectorNonRetryableError):
        plan.permission.require()


def test_an_override_of_the_environment_reaches_the_plan() -> None:
    plan = planned({"GRINDER_OPERATOR_OVERRIDE": "pause"})
    assert plan.operator_override is Override.PAUSE


# -- protections -----------------------------------------------------------------------------------


@pytest.mark.parametrize("port", list(PortKind))
def test_protections_are_on_unless_somebody_turned_them_off(port: PortKind) -> None:
    mode = SafeMode.PAPER if port is PortKind.PAPER else SafeMode.READ_ONLY
    plan = planned(mode=mode, exchange_port=port)
    assert plan.engine.risk.kill_switch_enabled
    assert plan.engine.risk.dd_guard_v1_enabled
    assert plan.engine.orders.constraints_enabled
    assert plan.engine.risk.portfolio_dd_limit == Decimal("0.04")
    assert EngineConfig().risk.portfolio_dd_limit == Decimal("0.20")


@pytest.mark.parametrize("port", list(PortKind))
@pytest.mark.parametrize(
    "name",
    ["risk.kill_switch_enabled", "risk.dd_guard_v1_enabled", "orders.constraints_enabled"],
)
@pytest.mark.parametrize("layer", ["file", "environment", "flag"])
def test_a_protection_turned_off_is_refused_where_orders_are_written(
    port: PortKind, name: str, layer: str
) -> None:
    section, key = name.split(".")
    environ = {f"GRINDER_{section.upper()}__{key.upper()}": "0"} if layer == "environment" else {}
    file = f"[{section}]\n{key} = false\n" if layer == "file" else "[live]\n"
    sets = {name: "false"} if layer == "flag" else {}
    mode = SafeMode.PAPER if port is PortKind.PAPER else SafeMode.READ_ONLY
    if port in (PortKind.SIM, PortKind.FUTURES, PortKind.SPOT):
        with pytest.raises(ConfigError) as caught:
            planned(environ, file=file, sets=sets, mode=mode, exchange_port=port)
        assert caught.value.field == name
        assert layer in str(caught.value)
        return
    plan = planned(environ, file=file, sets=sets, mode=mode, exchange_port=port)
    assert getattr(getattr(plan.engine, section), key) is False


def bps(text: int) -> str:
    return f"{Decimal(text) / 10_000:f}"


@given(
    guard_bps=st.none() | st.integers(1, 10_000),
    kill_pct=st.none() | st.integers(1, 100),
    controller_bps=st.none() | st.integers(1, 10_000),
    version=st.integers(0, 1),
    is_steered=st.booleans(),
)
@settings(max_examples=300)
def test_the_controller_acts_before_the_guard_and_the_guard_before_the_kill_switch(
    guard_bps: int | None,
    kill_pct: int | None,
    controller_bps: int | None,
    version: int,
    is_steered: bool,
) -> None:
    sets = {
        "controller_enabled": str(is_steered),
        "controller_version": str(version),
        # a controller could widen the default grid beyond what a price has
        "levels": "1",
        "dd_exit_bps": "0",
    }
    if guard_bps is not None:
        sets["portfolio_dd_limit"] = bps(guard_bps)
    if kill_pct is not None:
        sets["max_drawdown_pct"] = str(kill_pct)
    if controller_bps is not None:
        sets["dd_enter_bps"] = str(controller_bps)
    guard = 400 if guard_bps is None else guard_bps
    kill = 500 if kill_pct is None else kill_pct * 100
    controller = 300 if controller_bps is None else controller_bps
    steers = is_steered and version == 1
    is_ordered = guard < kill and (not steers or controller < guard)
    config = load_settings(None, environment={}, flags=sets)
    draft = LiveFlags(mode=SafeMode.LIVE_TRADE, exchange_port=PortKind.SIM)
    if is_ordered:
        plan = plan_live(draft, config, {})
        assert plan.engine.risk.portfolio_dd_limit == Decimal(guard) / 10_000
        return
    with pytest.raises(ConfigError) as caught:
        plan_live(draft, config, {})
    wrong = "risk.portfolio_dd_limit" if guard >= kill else "policies.dd_enter_bps"
    assert caught.value.field == wrong
    # what writes nothing is not held to it
    assert plan_live(LiveFlags(), config, {}).engine.risk.kill_switch_enabled


def test_a_daily_loss_limit_that_never_acts_is_refused() -> None:
    sets = {"initial_capital": "500", "max_notional_per_symbol": "100"}
    with pytest.raises(ConfigError, match="never acts") as caught:
        planned(sets=sets, exchange_port=PortKind.SIM)
    assert caught.value.field == "gates.daily_loss_limit"
    sets["daily_loss_limit"] = "499.99"
    assert planned(sets=sets, exchange_port=PortKind.SIM).has_writing_port


# -- the effective configuration -------------------------------------------------------------------


def test_the_effective_configuration_is_plain_json_without_secrets() -> None:
    environ = writing(MAINNET)
    told = effective_config(planned(environ), environ)
    text = canonical_json(told)
    assert json.loads(text) == told
    assert "hidden" not in text
    assert told["run"] == {
        "armed": True,
        "mode": "live_trade",
        "exchange_port": "futures",
        "venue_class": "mainnet",
        "rest_url": MAINNET,
        "ws_url": "wss://fstream.binance.com",
        "symbols": ["XRPUSDT"],
        "credentials": "venue",
        "missing_guards": [],
    }
    assert told["environment"]["BINANCE_API_SECRET"]["value"] == "[REDACTED]"
    assert told["settings"]["risk"]["portfolio_dd_limit"] == "0.04"
    assert told["origins"]["risk.portfolio_dd_limit"] == "live default"
    assert told["settings"]["live"]["allow_mainnet"] is True
    assert len(told["config_hash"]) == len(told["live_hash"]) == 16


def test_the_hash_names_the_engine_as_it_runs_with_protections() -> None:
    plan = planned()
    bare = load_settings(None, environment={}).engine
    assert plan.engine.config_hash != bare.config_hash
    told = effective_config(plan, {})
    assert told["config_hash"] == plan.engine.config_hash
    assert (
        EngineConfig.from_flat(
            {
                name: value
                for section, values in told["settings"].items()
                if section not in BESIDE_ENGINE
                for name, value in values.items()
            }
        )
        == plan.engine
    )
