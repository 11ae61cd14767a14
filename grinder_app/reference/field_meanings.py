"""What the fields of published records mean, where their own docstrings leave it to the name.

A field is looked up in its class's ``Attributes:`` section, then in its property's docstring,
then in ``FIELDS``, then in ``COMMON``. A test finds entries that are missing, stale or shadowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from grinder_app.reference.docstrings import entries, first_paragraph
from grinder_core.contracts.account import Position
from grinder_core.contracts.decisions import ControllerDecision, CycleIntent, RegimeDecision
from grinder_core.contracts.event import Event
from grinder_core.contracts.features import FeatureSnapshot, L2FeatureSnapshot
from grinder_core.contracts.market import DepthBands, DepthDiff, L2Snapshot, MarketStats, MarkPrice
from grinder_core.contracts.market import Funding as FundingEvent
from grinder_core.contracts.market import Trade as TradeEvent
from grinder_core.contracts.orders import ExecutionAction, ExecutionEvent, Fill
from grinder_core.contracts.outputs import PaperOutput, PnlSnapshot
from grinder_core.contracts.plan import GridPlan, GridShape
from grinder_core.contracts.verdicts import GatingResult, PrefilterResult
from grinder_core.engine.stats import EngineStats
from grinder_core.session.checkpoint import Checkpoint
from grinder_core.session.result import PaperResult, RunError, SymbolCosts

COMMON: Final[dict[str, str]] = {
    "ts": "The venue's event time, Unix milliseconds UTC.",
    "symbol": "The symbol.",
    "side": "BUY or SELL.",
    "price": "Quote currency per base.",
    "qty": "Base asset.",
    "order_id": "The venue's id.",
    "level_id": "Grid level, 1 is nearest the anchor; 0 is no level.",
}

FIELDS: Final[dict[type[Any], dict[str, str]]] = {
    L2Snapshot: {
        "bids": "Pairs of price and quantity, best first.",
        "asks": "Pairs of price and quantity, best first.",
    },
    DepthDiff: {
        "bids": "Changed pairs of price and absolute quantity; 0 removes the level.",
        "asks": "Changed pairs of price and absolute quantity; 0 removes the level.",
    },
    TradeEvent: {},
    MarkPrice: {
        "mark_price": "The venue's mark price, quote currency.",
        "index_price": "The venue's index price, quote currency.",
        "funding_rate": "Fraction of notional the next settlement will cost longs.",
        "next_funding_ts": "Time of the next settlement, Unix milliseconds UTC.",
    },
    FundingEvent: {"rate": "Fraction of notional that longs pay shorts; negative: receive."},
    MarketStats: {
        "vol_24h_usd": "Turnover of the last 24 h, quote currency.",
        "oi_usd": "Open interest, quote currency.",
    },
    DepthBands: {},
    Event: {},
    PaperOutput: {
        "prefilter_result": "Whether the symbol may be looked at at all.",
        "actions": "What the diff decided, in order: cancels, replaces, places.",
        "events": "What happened to orders since the symbol's last output, this turn's included.",
        "pnl_snapshot": "The symbol's position and profit after this turn.",
        "seq": "Position of the event in the stream, from 0.",
        "kill_switch_triggered": "The kill switch is latched after this turn.",
        "features": "What was measured; null unless `feature_engine_enabled`.",
    },
    PrefilterResult: {
        "allowed": "The symbol passed.",
        "reason": "`PASS`, or the first rule it failed.",
    },
    GatingResult: {
        "allowed": "Every gate let the plan through.",
        "reason": "`PASS`, or why the gate blocked.",
    },
    GridShape: {
        "mode": "Which sides are quoted.",
        "regime": "Market state the plan was made for.",
        "width_bps": "The wider of the two sides, basis points.",
    },
    GridPlan: {"reset_action": "How the plan moves the anchor the live grid hangs on."},
    ExecutionAction: {
        "action": "What to do.",
        "order_id": "The venue's id of the order it is about; null for PLACE and NOOP.",
        "side": "BUY or SELL; null for NOOP.",
        "price": "Limit, quote currency per base; null for NOOP.",
        "qty": "Base asset; null for NOOP.",
        "reason": "Why: a value of [ExecReason](reasons.md#execreason).",
    },
    ExecutionEvent: {
        "type": "What happened.",
        "details": "See the table below.",
    },
    Fill: {
        "fill_id": "`fill_` and a count of the session's fills, eight digits.",
        "fee": "Quote currency, paid is positive.",
        "liquidity": "Whether it rested or crossed.",
    },
    PnlSnapshot: {
        "qty": "Signed position, base asset, long positive.",
        "avg_entry_price": "Average entry, quote currency per base; 0 when flat.",
        "realized_pnl": "Of closed quantity, before fees, quote currency.",
        "unrealized_pnl": "Of the open position at the mark, quote currency.",
        "mark_price": "The mid it is valued at, quote currency per base.",
    },
    Position: {
        "qty": "Signed, base asset, long positive.",
        "avg_entry_price": "Average entry, quote currency per base; 0 when flat.",
        "realized_pnl": "Of closed quantity, before fees, quote currency.",
        "unrealized_pnl": "Of the open position at the last mid, quote currency.",
    },
    FeatureSnapshot: {
        "mid_price": "Mean of best bid and best ask, quote currency per base.",
        "spread_bps": "Gap of best bid and best ask relative to the mid, basis points.",
        "sum_abs_returns_bps": "Sum of absolute returns over the horizon, basis points.",
        "warmup_bars": "Closed bars so far.",
        "is_warmed_up": "Enough bars closed for volatility.",
    },
    L2FeatureSnapshot: {
        "top_n": "Levels a side that are looked at.",
        "impact_sell_topN_bps": "The same of selling against the best bid.",
        "impact_buy_topN_insufficient_depth": "1 where the asks hold less than `qty_ref`.",
        "impact_sell_topN_insufficient_depth": "1 where the bids hold less than `qty_ref`.",
        "wall_ask_score_x1000": "The same of the asks.",
        "wall_ask_distance_bps": "The same of the asks.",
    },
    RegimeDecision: {
        "regime": "The first row of CORE-18 that holds.",
        "reason": "Which row it was.",
    },
    ControllerDecision: {
        "version": "0 or 1.",
        "mode": "What the controller does to the plan.",
        "reason": "Why.",
    },
    CycleIntent: {
        "intent_id": "`cycle_`, type, fill, side and price.",
        "type": "Take-profit or replenishment.",
        "source_fill_id": "The fill it answers.",
        "risk_intent": "What its type does to the position.",
    },
    SymbolCosts: {
        "fills": "Executions.",
        "turnover": "Sum of price times quantity, quote currency.",
        "fees_paid": "Quote currency, paid is positive.",
        "funding_paid": "Quote currency, paid is positive, received negative.",
    },
    RunError: {
        "event_index": "Which event of the stream, from 0.",
        "step": "Kind of the event that was being worked on; `READ` while reading the stream.",
        "error": "`CODE: text` of the exception.",
    },
    Checkpoint: {
        "version": "Of the checkpoint's form.",
        "driver": "`paper` or `replay`.",
        "output_count": "Outputs so far.",
        "engine": "The engine's whole state.",
        "venue": "The simulated venue's whole state, as text.",
    },
    EngineStats: {
        "events_processed": "Snapshots.",
        "events_gated": "Outputs blocked by gating.",
        "orders_placed": "Accepted orders of PLACE and REPLACE actions.",
        "orders_replaced": "Of these, those of REPLACE actions.",
        "orders_cancelled": "Confirmed cancels.",
        "orders_blocked": "Planned levels of snapshots that gating blocked.",
        "orders_filled": "Orders filled completely.",
        "orders_refused": "Orders the venue rejected or let expire.",
        "total_fills": "Executions.",
        "duplicate_fills": "Executions that were reported again and ignored.",
        "foreign_updates": "Updates of orders that are not ours.",
        "funding_payments": "Settlements that our positions paid or received.",
        "liquidations": "Positions that the venue closed.",
        "blocked_by_dd_guard_v1": "Snapshots whose plan the drawdown guard refused.",
        "noops": "Diffs with nothing to do.",
        "skipped": "Levels skipped, by reason.",
    },
    PaperResult: {
        "schema_version": "`v1`.",
        "fixture_path": "Name of what was run; a fixture's is relative to the fixtures root.",
        "events_processed": "Snapshots.",
        "events_gated": "Outputs blocked by gating.",
        "orders_placed": "Accepted orders of PLACE and REPLACE actions.",
        "orders_blocked": "Planned levels of snapshots that gating blocked.",
        "orders_filled": "Orders filled completely.",
        "total_fills": "Executions.",
        "final_positions": "By symbol, sorted, of symbols with fills.",
        "total_realized_pnl": "Sum over symbols, before fees, quote currency.",
        "total_unrealized_pnl": "Sum over symbols at the last mids, quote currency.",
        "fees_paid": "Quote currency, paid is positive.",
        "turnover": "Sum of price times quantity of all fills, quote currency.",
        "equity": "Capital plus profit less fees, quote currency.",
        "regimes": (
            "By symbol and market state: `outputs`, `ms`, `fills` and `net_pnl` before funding; "
            "only where the feature engine is on."
        ),
        "max_drawdown": "Largest fall of equity from its peak, quote currency.",
        "kill_switch": "`triggered`, `reason`, `ts` and `trips` by reason.",
        "errors": "What ended the run early; empty after a whole run.",
        "events_ignored": "Events that changed nothing, by kind.",
        "config_hash": "16 characters over the canonical JSON of all effective settings.",
        "topk_selected_symbols": "Selected symbols, best first; only after a selection.",
        "topk_k": "How many were asked for; only after a selection.",
        "topk_scores": "Score of every symbol, basis points; only after a selection.",
        "topk_lookahead": (
            "The selection saw events that come later: the result is no forecast; only after a "
            "selection."
        ),
    },
}

# what the details of a refusal and of an event hold, by the value that names it
GATE_DETAILS: Final[dict[str, dict[str, str]]] = {
    "FSM_STATE_BLOCKED": {"state": "The operating state and its reason."},
    "KILL_SWITCH_ACTIVE": {"trip_reason": "Why it tripped.", "trip_ts": "When, milliseconds."},
    "SPREAD_SPIKE": {
        "spread_bps": "Measured, basis points.",
        "threshold_bps": "`max_spread_bps`.",
    },
    "PRICE_IMPACT_HIGH": {
        "price_impact_bps": "Measured, basis points.",
        "threshold_bps": "`max_price_impact_bps`.",
    },
    "RATE_LIMIT_EXCEEDED": {
        "orders_last_minute": "Measured.",
        "limit": "`max_orders_per_minute`.",
    },
    "COOLDOWN_ACTIVE": {
        "elapsed_ms": "Since the symbol's last order, milliseconds.",
        "cooldown_ms": "`cooldown_ms`.",
    },
    "NOTIONAL_LIMIT": {
        "scope": "`symbol` or `total`.",
        "notional": "Measured, quote currency.",
        "limit": "`max_notional_per_symbol` or `max_notional_total`.",
    },
    "DAILY_LOSS_LIMIT": {"limit": "`daily_loss_limit`, quote currency."},
}

_ORDER: Final = {
    "order_id": "The venue's id.",
    "side": "BUY or SELL.",
    "level_id": "Grid level.",
    "price": "Limit, quote currency per base.",
    "qty": "Base asset.",
}
EVENT_DETAILS: Final[dict[str, dict[str, str]]] = {
    "ORDER_PLACED": _ORDER,
    "ORDER_CANCELLED": _ORDER,
    "ORDER_REPLACED": {**_ORDER, "replaces": "The venue's id of the order it takes over from."},
    "ORDER_SKIPPED (by the diff)": {
        "reason": "A value of [ExecReason](reasons.md#execreason).",
        "level_id": "Grid level.",
        "side": "BUY or SELL.",
        "original_qty": "Only for EXEC_QTY_BELOW_MIN_QTY: planned, base asset.",
        "rounded_qty": "Only for EXEC_QTY_BELOW_MIN_QTY: after rounding, base asset.",
    },
    "ORDER_SKIPPED (by a cycle)": {
        "reason": "Why it is not placed: of ExecReason, GateReason or PlanReason.",
        "intent_id": "Which proposal.",
        "side": "BUY or SELL.",
        "price": "Limit, quote currency per base.",
        "qty": "Base asset.",
    },
    "ORDER_SKIPPED (by the venue)": {
        **_ORDER,
        "reason": "`EXEC_REFUSED_BY_VENUE`.",
        "venue_reason": "The venue's own words.",
    },
    "GRID_RESET": {
        "action": "SOFT or HARD.",
        "center_price": "Where the grid hangs now, quote currency per base.",
        "reason_codes": "The plan's, a list of text.",
    },
}


def meaning(kind: type[Any], name: str) -> str:
    """Return what a field means, and its unit.

    Raises:
        KeyError: It is documented nowhere.
    """
    for source in (entries(kind), _properties(kind), FIELDS.get(kind, {}), COMMON):
        if name in source:
            return source[name]
    raise KeyError(f"{kind.__name__}.{name} is documented neither in its class nor in FIELDS")


def json_meaning(kind: type[Any], name: str) -> str:
    """Return the same for a reader who sees JSON, where there is no ``None``."""
    return in_json(meaning(kind, name))


def in_json(text: str) -> str:
    """Return a docstring's words for a reader who sees JSON."""
    return text.replace("`None`", "null")


def _properties(kind: type[Any]) -> Mapping[str, str]:
    return {
        name: text
        for name, member in vars(kind).items()
        if isinstance(member, property) and (text := first_paragraph(member))
    }
