"""CORE-41: the published settings, their defaults, and how they are refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.enums import FillMode, Rearm, SelectionSource
from grinder_core.engine.config import EngineConfig, read_value, section_of, settings_of
from grinder_core.errors import ConfigError, ContractError

D = Decimal

DEFAULTS: dict[str, Any] = {
    "initial_capital": D(10_000),
    "max_drawdown_pct": D(5),
    "kill_switch_enabled": False,
    "fill_mode": FillMode.CROSSING,
    "fill_after_ticks": 0,
    "maker_fee_bps_x100": 0,
    "taker_fee_bps_x100": 0,
    "topk_k": 3,
    "topk_window_size": 10,
    "topk_prefix_events": 0,
    "selection_source": SelectionSource.STATIC,
    "feature_engine_enabled": False,
    "bar_interval_ms": 60_000,
    "period": 14,
    "max_bars": 1_000,
    "range_horizon": 14,
    "spacing_bps": 10,
    "levels": 5,
    "size_per_level": D(100),
    "recenter_bps": 0,
    "rearm": Rearm.OPPOSITE,
    "max_orders_per_minute": 120,
    "cooldown_ms": 100,
    "max_notional_per_symbol": D(5_000),
    "max_notional_total": D(20_000),
    "daily_loss_limit": D(500),
    "max_spread_bps": 50,
    "max_price_impact_bps": 500,
    "lookback_window_ms": 5_000,
    "prefilter_spread_max_bps": 200,
    "prefilter_vol_24h_min_usd": D(10_000_000),
    "prefilter_oi_min_usd": D(5_000_000),
    "prefilter_assume_liquid": True,
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_defaults_are_those_of_the_pages(name: str) -> None:
    assert getattr(getattr(EngineConfig(), section_of(name)), name) == DEFAULTS[name]


def test_names_are_unique_and_every_setting_is_explained() -> None:
    declared = [(name.name, name.metadata) for _, name in settings_of()]
    names = [name for name, _ in declared]
    assert len(set(names)) == len(names)
    assert all(metadata["doc"].endswith((".", "zero.")) for _, metadata in declared)


@pytest.mark.parametrize("name", ["lvels", "LEVELS", "", "levels ", "policies.levels"])
def test_an_unknown_setting_is_refused_with_the_nearest_names(name: str) -> None:
    with pytest.raises(ConfigError, match="is not a setting") as caught:
        EngineConfig.from_flat({name: 1})
    if name == "lvels":
        assert "levels" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("levels", "5"), ("levels", 5.0), ("levels", True), ("levels", None), ("levels", 0),
        ("size_per_level", 1.5), ("size_per_level", "1e3"), ("size_per_level", "NaN"),
        ("size_per_level", "0"), ("size_per_level", None), ("size_per_level", True),
        ("kill_switch_enabled", 1), ("kill_switch_enabled", "true"),
        ("fill_mode", "Crossing"), ("fill_mode", 1), ("rearm", "always"), ("rearm", None),
        ("tick_sizes", []), ("tick_sizes", {"AAAUSDT": 0.1}), ("tick_sizes", {"AAAUSDT": "0"}),
        ("prefilter_allow_list", "AAAUSDT"), ("prefilter_allow_list", [1]),
        ("max_drawdown_pct", "101"), ("topk_k", 0), ("topk_window_size", 1),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_or_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        EngineConfig.from_flat({name: value})
    assert name in str(caught.value)


def test_a_symbol_that_is_none_is_refused() -> None:
    with pytest.raises((ConfigError, ContractError)):
        EngineConfig.from_flat({"tick_sizes": {"aaa": "0.1"}})


@pytest.mark.parametrize(
    ("name", "value", "typed"),
    [
        ("size_per_level", "0.50", D("0.5")),
        ("size_per_level", 3, D(3)),
        ("fill_mode", "quote", FillMode.QUOTE),
        ("prefilter_allow_list", ["AAAUSDT"], ("AAAUSDT",)),
        ("prefilter_allow_list", None, None),
        ("tick_sizes", {"AAAUSDT": "0.1"}, {"AAAUSDT": D("0.1")}),
        ("notional_per_level", None, None),
    ],
)
def test_json_values_become_typed_settings(name: str, value: object, typed: object) -> None:
    assert read_value(name, value) == typed
    config = EngineConfig.from_flat({name: value})
    assert getattr(getattr(config, section_of(name)), name) == typed


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "levels": st.integers(1, 20),
            "spacing_bps": st.integers(1, 400),
            "cooldown_ms": st.integers(0, 10**6),
            "size_per_level": st.integers(1, 10**9).map(Decimal),
            "fill_mode": st.sampled_from(FillMode),
            "tick_sizes": st.just({"AAAUSDT": D("0.1")}),
        },
    )
)
def test_the_order_of_settings_does_not_matter_and_each_changes_the_hash(
    values: dict[str, Any],
) -> None:
    config = EngineConfig.flat(**values)
    assert EngineConfig.flat(**dict(reversed(values.items()))) == config
    assert EngineConfig.flat(**values).config_hash == config.config_hash
    changed = config.with_values({"levels": config.policies.levels + 1})
    assert changed.config_hash != config.config_hash
    assert len(config.config_hash) == 16


def test_digits_of_a_setting_do_not_change_the_hash() -> None:
    one = EngineConfig.from_flat({"size_per_level": "1.50"})
    two = EngineConfig.from_flat({"size_per_level": "1.5"})
    assert one.config_hash == two.config_hash


ADAPTIVE = {"feature_engine_enabled": True, "adaptive_policy_enabled": True}
CYCLES = {"cycle_enabled": True, "cycle_execution_enabled": True}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"adaptive_policy_enabled": True}, "adaptive_policy_enabled.*feature_engine_enabled"),
        ({"l2_gating_enabled": True}, "l2_gating_enabled.*adaptive_policy_enabled"),
        ({**ADAPTIVE, "l2_gating_enabled": True}, "l2_gating_enabled.*qty_ref"),
        ({"l2_execution_guard_enabled": True}, "l2_execution_guard_enabled.*qty_ref"),
        ({"auto_sizing_enabled": True}, "auto_sizing_enabled.*adaptive_policy_enabled"),
        (
            {
                **ADAPTIVE,
                "auto_sizing_enabled": True,
                "sizing_equity": "1000",
                "dd_budget": "0.1",
                "adverse_move": "0.1",
                "dd_budget_ratios": {"AAAUSDT": "0.5"},
            },
            "dd_budget_ratios.AAAUSDT.*twice",
        ),
        ({"cycle_execution_enabled": True}, "cycle_execution_enabled.*cycle_enabled"),
        ({**CYCLES, "fill_mode": "instant"}, "cycle_execution_enabled.*without end"),
    ],
)
def test_a_feature_without_what_it_needs_is_refused_by_name(
    settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        EngineConfig.from_flat(settings)


@pytest.mark.parametrize("fill_mode", [mode for mode in FillMode if mode is not FillMode.INSTANT])
def test_cycles_are_executed_under_every_other_fill_model(fill_mode: FillMode) -> None:
    config = EngineConfig.from_flat({**CYCLES, "fill_mode": fill_mode.value})
    assert config.policies.cycle_execution_enabled
