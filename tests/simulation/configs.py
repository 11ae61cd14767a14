"""Configurations over every switch of the engine, from a seeded source."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any, Final

from grinder_core.contracts.enums import (
    FillMode,
    FundingSource,
    MarkSource,
    Rearm,
    RiskTier,
    SelectionSource,
    SizingMode,
)
from grinder_core.contracts.limits import LeverageBracket, SymbolConstraints
from grinder_core.engine.config import EngineConfig

D = Decimal
SYMBOLS: Final = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
TICKS: Final = {"AAAUSDT": D("0.01"), "BBBUSDT": D("0.5"), "CCCUSDT": D("0.00001")}
FAR: Final = D(10**9)


def a_config(draw: Random) -> EngineConfig:
    """Return a legal configuration; limits are drawn near, so that they are met."""
    values = {
        name: value
        for part in (_grid, _gates, _risk, _orders, _venue, _adaptive, _controllers)
        for name, value in part(draw).items()
    }
    if values["fill_mode"] is FillMode.INSTANT and values.get("cycle_execution_enabled"):
        values["fill_mode"] = FillMode.TOUCH  # instant fills of cycles are refused: they never end
    return EngineConfig.flat(**values)


def _maybe(draw: Random, share: float) -> bool:
    return draw.random() < share


def _grid(draw: Random) -> dict[str, Any]:
    values: dict[str, Any] = {
        "spacing_bps": draw.choice((1, 5, 10, 30)),
        "levels": draw.randint(1, 5),
        "size_per_level": draw.choice((D(1), D("0.5"), D("0.037"), D("2.50000001"))),
        "recenter_bps": draw.choice((0, 0, 15, 60)),
    }
    if _maybe(draw, 0.2):
        values["notional_per_level"] = draw.choice((D(37), D(150)))
    if _maybe(draw, 0.45):
        values |= {
            "cycle_enabled": True,
            "cycle_execution_enabled": _maybe(draw, 0.75),
            "cycle_step_pct": draw.choice((D("0.0005"), D("0.001"), D("0.01"))),
            "price_precision": draw.choice((8, 2)),
            "quantity_precision": draw.choice((8, 3)),
        }
    return values


def _gates(draw: Random) -> dict[str, Any]:
    if _maybe(draw, 0.4):  # open wide, so that what comes after the gates is met
        return {
            "max_orders_per_minute": 10**6,
            "cooldown_ms": 0,
            "max_spread_bps": 5_000,
            "prefilter_spread_max_bps": 5_000,
            "max_price_impact_bps": 9_000,
            "max_notional_per_symbol": FAR,
            "max_notional_total": FAR,
            "daily_loss_limit": FAR,
        }
    values: dict[str, Any] = {
        "max_orders_per_minute": draw.choice((6, 40, 300, 10**6, 10**6)),
        "cooldown_ms": draw.choice((0, 0, 100, 1_000)),
        "max_spread_bps": draw.choice((20, 50, 5_000, 5_000)),
        "prefilter_spread_max_bps": draw.choice((30, 200, 5_000, 5_000)),
        "max_price_impact_bps": draw.choice((20, 100, 500, 9_000, 9_000)),
        "lookback_window_ms": draw.choice((1_000, 5_000)),
        "max_notional_per_symbol": draw.choice((D(900), D(3_000), D(20_000), FAR, FAR)),
        "max_notional_total": draw.choice((D(1_700), D(8_000), D(30_000), FAR, FAR)),
        "daily_loss_limit": draw.choice((D("0.5"), D(40), D(1_000), FAR, FAR)),
        "prefilter_assume_liquid": not _maybe(draw, 0.05),
    }
    if _maybe(draw, 0.05):
        values["prefilter_allow_list"] = SYMBOLS[: draw.randint(1, 3)]
    return values


def _risk(draw: Random) -> dict[str, Any]:
    values: dict[str, Any] = {
        "initial_capital": draw.choice((D(400), D(1_000), D(10_000), D(100_000))),
        "kill_switch_enabled": _maybe(draw, 0.4),
        "max_drawdown_pct": draw.choice((D("0.05"), D("0.5"), D(5), D(100), D(100))),
        "consec_loss_enabled": _maybe(draw, 0.25),
        "consec_loss_threshold": draw.randint(1, 9),
    }
    if _maybe(draw, 0.45):
        values |= {
            "dd_guard_v1_enabled": True,
            "portfolio_dd_limit": draw.choice((D("0.0003"), D("0.002"), D("0.03"), D(1))),
            "symbol_dd_budgets": {
                symbol: draw.choice((D("0.7"), D(25), D(4_000)))
                for symbol in SYMBOLS
                if _maybe(draw, 0.4)
            },
        }
    return values


def _orders(draw: Random) -> dict[str, Any]:
    values: dict[str, Any] = {"rearm": draw.choice(tuple(Rearm))}
    if _maybe(draw, 0.4):
        values["tick_sizes"] = dict(TICKS)
    if _maybe(draw, 0.4):
        values["constraints_enabled"] = True
        values["symbol_constraints"] = {
            symbol: SymbolConstraints(
                step_size=draw.choice((D("0.001"), D("0.01"), D("0.25"))),
                min_qty=draw.choice((D(0), D("0.02"), D("0.5"))),
                tick_size=draw.choice((None, TICKS[symbol])),
                min_notional=draw.choice((D(0), D(0), D(5), D(120))),
            )
            for symbol in SYMBOLS
            if _maybe(draw, 0.8)
        }
    return values


def _venue(draw: Random) -> dict[str, Any]:
    values: dict[str, Any] = {
        "fill_mode": draw.choice(tuple(FillMode)),
        "fill_after_ticks": draw.choice((0, 0, 0, 1, 2)),
        "delay_bps_per_tick": draw.choice((0, 0, 0, 7)),
        "partial_fills_enabled": _maybe(draw, 0.4),
        "participation_bps": draw.choice((10_000, 10_000, 10_000, 3_333, 1)),
        "l2_fill_max_age_ms": draw.choice((0, 1_500, 60_000)),
        "market_slippage_bps": draw.choice((0, 7)),
        "maker_fee_bps_x100": draw.choice((0, 200, 333)),
        "taker_fee_bps_x100": draw.choice((0, 500, 777)),
        "order_latency_ms": draw.choice((0, 0, 5, 60, 1_500)),
        "cancel_latency_ms": draw.choice((0, 0, 5, 60, 1_500)),
        "funding_source": draw.choice(tuple(FundingSource)),
        "funding_rate": draw.choice((D("0.0001"), D("-0.00125"), D("0.00000007"))),
        "funding_interval_ms": draw.choice((60_000, 90_001)),
        "mark_source": draw.choice(tuple(MarkSource)),
    }
    if _maybe(draw, 0.35):
        values |= {
            "initial_capital": draw.choice((D(60), D(400), D(10_000))),
            "liquidation_enabled": True,
            "leverage_brackets": {symbol: _brackets(draw) for symbol in SYMBOLS},
            "liquidation_fee_bps_x100": draw.choice((0, 12_500)),
        }
    return values


def _brackets(draw: Random) -> tuple[LeverageBracket, ...]:
    ratio = draw.choice((D("0.01"), D("0.3"), D("0.9"), D("0.9")))
    cap = draw.choice((D(500), D(5_000)))
    high = min(ratio * 2, D("0.99"))
    return (
        LeverageBracket(
            notional_floor=D(0), notional_cap=cap, maint_margin_ratio=ratio, cum=D(0),
            max_leverage=20,
        ),
        LeverageBracket(
            notional_floor=cap, notional_cap=FAR, maint_margin_ratio=high,
            cum=cap * (high - ratio), max_leverage=5,
        ),
    )  # fmt: skip


def _adaptive(draw: Random) -> dict[str, Any]:
    source = draw.choice((*(SelectionSource.STATIC,) * 7, *SelectionSource))
    values: dict[str, Any] = {
        "selection_source": source,
        "topk_prefix_events": draw.choice((0, 4, 20)),
        "topk_k": draw.randint(1, 2),
        "topk_v1_k": draw.randint(1, 3),
        "warmup_min": draw.choice((0, 2)),
        "thin_l1_min": draw.choice((D(0), D(1))),
    }
    is_adaptive = _maybe(draw, 0.5)
    if is_adaptive or source is SelectionSource.TOPK_V1 or _maybe(draw, 0.2):
        period = draw.randint(1, 4)
        values |= {
            "feature_engine_enabled": True,
            "bar_interval_ms": draw.choice((500, 2_000, 60_000)),
            "period": period,
            "max_bars": draw.choice((period + 1, 1_000)),
            "range_horizon": draw.randint(1, 5),
            "thin_l1_qty": draw.choice((D("0.1"), D(2))),
            "vol_shock_natr_bps": draw.choice((30, 500)),
            "trend_net_return_bps": draw.choice((10, 200)),
        }
    gates_depth = is_adaptive and _maybe(draw, 0.5)
    guards_depth = _maybe(draw, 0.3)
    if gates_depth or guards_depth:
        top = draw.choice((1, 3, 20))
        values |= {
            "qty_ref": {symbol: draw.choice((D("0.5"), D(6), D(90))) for symbol in SYMBOLS},
            "top_n": top,
            "book_levels_max": draw.choice((top, 40)),
            "l2_gating_enabled": gates_depth,
            "l2_impact_threshold_bps": draw.choice((2, 20, 200)),
            "l2_execution_guard_enabled": guards_depth,
            "l2_execution_max_age_ms": draw.choice((0, 500, 60_000)),
            "l2_execution_impact_threshold_bps": draw.choice((2, 50)),
        }
    if is_adaptive:
        values |= {
            "adaptive_policy_enabled": True,
            "alpha_x100": draw.choice((1, 30, 200)),
            "adaptive_step_max_bps": draw.choice((40, 1_000)),
            "k_tail_x100": draw.choice((5, 200)),
            "levels_min": draw.randint(1, 2),
            "levels_max": draw.randint(2, 6),
            **_sizing(draw),
        }
    return values


def _sizing(draw: Random) -> dict[str, Any]:
    if not _maybe(draw, 0.5):
        ratios = (D(0), D("0.5"), D("0.33333333"), D(1))
        return {"dd_budget_ratios": {s: draw.choice(ratios) for s in SYMBOLS if _maybe(draw, 0.4)}}
    values: dict[str, Any] = {
        "auto_sizing_enabled": True,
        "sizing_equity": draw.choice((D(1_000), D(20_000))),
        "adverse_move": draw.choice((D("0.05"), D("0.25"))),
        "sizing_mode": draw.choice(tuple(SizingMode)),
        "qty_precision": draw.choice((8, 3, 0)),
        "min_qty": draw.choice((D(0), D("0.01"))),
    }
    if _maybe(draw, 0.5):
        values["dd_budget"] = draw.choice((D("0.01"), D("0.2")))
        return values
    tiers = {s: draw.choice(tuple(RiskTier)) for s in SYMBOLS[: draw.randint(1, 3)]}
    return values | {
        "dd_allocator_enabled": True,
        "portfolio_dd_budget": draw.choice((D(0), D("0.05"), D("0.2"))),
        "symbol_tiers": tiers,
        "symbol_weights": {s: draw.choice((D(1), D("2.5"))) for s in tiers if _maybe(draw, 0.5)},
    }


def _controllers(draw: Random) -> dict[str, Any]:
    if not _maybe(draw, 0.5):
        return {}
    soft = draw.randint(1, 3)
    dd_exit = draw.choice((0, 5, 40))
    return {
        "controller_enabled": True,
        "controller_version": draw.randint(0, 1),
        "controller_window_size": draw.choice((2, 5)),
        "pause_spread_bps": draw.choice((10, 50)),
        "vol_widen_bps": draw.choice((40, 300)),
        "vol_tighten_bps": draw.choice((5, 50)),
        "vol_span": draw.choice((1, 5, 20)),
        "fast_span": draw.choice((2, 12)),
        "slow_span": draw.choice((5, 48)),
        "k_step_x100": draw.choice((100, 400)),
        "step_deadband_pct": draw.choice((0, 20)),
        "warmup_events": draw.choice((1, 20)),
        "trend_enter_bps": draw.choice((15, 30)),
        "dd_enter_bps": dd_exit + draw.choice((0, 3, 60)),
        "dd_exit_bps": dd_exit,
        "recenter_soft_steps": soft,
        "recenter_hard_steps": soft + draw.randint(1, 5),
        "reset_cooldown_ms": draw.choice((0, 1_000, 30_000)),
    }
