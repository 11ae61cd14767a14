"""One hand-made example of every contract: the golden file holds them, round trips start there."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from grinder_core.contracts.account import Decision, PolicyContext, Position
from grinder_core.contracts.control import (
    AccountUpdate,
    Command,
    Control,
    FundingPaid,
    Health,
    Leadership,
    Model,
    PositionUpdate,
    Restarted,
    Selection,
    Timer,
    TurnEnd,
    WriteResult,
)
from grinder_core.contracts.decisions import (
    ControllerDecision,
    CycleIntent,
    RegimeDecision,
    Seen,
    SymbolScoreV1,
)
from grinder_core.contracts.effects import CancelOrder, Flatten, PlaceOrder
from grinder_core.contracts.enums import (
    ActionType,
    ControllerMode,
    CycleType,
    ExecutionEventType,
    GateName,
    GateReason,
    IntentSource,
    KillReason,
    Liquidity,
    OrderState,
    PlanReason,
    PrefilterReason,
    Regime,
    ResetAction,
    RiskIntent,
    SelectionGate,
    Side,
    Trend,
)
from grinder_core.contracts.event import Event
from grinder_core.contracts.features import FeatureSnapshot, L2FeatureSnapshot
from grinder_core.contracts.fill_features import FillFeatures
from grinder_core.contracts.limits import LeverageBracket, SymbolConstraints
from grinder_core.contracts.market import (
    DepthBands,
    DepthDiff,
    Funding,
    L2Snapshot,
    MarketStats,
    MarkPrice,
    Snapshot,
    Trade,
)
from grinder_core.contracts.orders import (
    ExecutionAction,
    ExecutionEvent,
    Fill,
    OrderAdopted,
    OrderIntent,
    OrderRecord,
    OrderUpdate,
)
from grinder_core.contracts.outputs import PaperOutput, PnlSnapshot
from grinder_core.contracts.plan import GridPlan, GridShape
from grinder_core.contracts.verdicts import GatingResult, PrefilterResult

D = Decimal
SYMBOL = "AAAUSDT"

SNAPSHOT = Snapshot(
    ts=1000,
    symbol=SYMBOL,
    bid_price=D("99.9"),
    ask_price=D("100.1"),
    bid_qty=D(5),
    ask_qty=D("7.5"),
    last_price=D(100),
    last_qty=D("0.2"),
)
POSITION = Position(
    symbol=SYMBOL,
    qty=D("-1.5"),
    avg_entry_price=D("100.66666667"),
    realized_pnl=D("2.3333333333333333"),
    unrealized_pnl=D("-0.25"),
)
SHAPE = GridShape(
    spacing_bps=10,
    levels_up=2,
    levels_down=1,
    size_schedule=(D("0.5"), D("0.0123456789012345")),
    skew_bps=-3,
    width_up_bps=20,
    width_down_bps=10,
)
PLAN = GridPlan(
    shape=SHAPE,
    center_price=D("100.000000005"),
    reset_action=ResetAction.SOFT,
    reason_codes=("STATIC_GRID", "RESET_RECENTER_HARD"),
)
INTENT = OrderIntent(
    symbol=SYMBOL,
    side=Side.SELL,
    price=D("100.1"),
    qty=D("0.5"),
    level_id=1,
    reduce_only=True,
    source=IntentSource.FLATTEN,
    reason="GRID_LEVEL",
)
FEATURES = FeatureSnapshot(
    ts=1000,
    symbol=SYMBOL,
    mid_price=D(100),
    spread_bps=20,
    imbalance_l1_bps=-2000,
    thin_l1=D(5),
    natr_bps=294,
    atr=D("3.123456789012"),
    sum_abs_returns_bps=179,
    net_return_bps=-20,
    range_score=8,
    warmup_bars=15,
    is_warmed_up=True,
)
ACTION = ExecutionAction(
    action=ActionType.REPLACE,
    symbol=SYMBOL,
    order_id="PAPER_00000001",
    side=Side.BUY,
    level_id=2,
    price=D("99.8"),
    qty=D(1),
    reason="NOT_CONFORMING",
)
EXECUTION_EVENT = ExecutionEvent(
    type=ExecutionEventType.GRID_RESET,
    ts=1000,
    symbol=SYMBOL,
    details={"action": "SOFT", "level_id": 2, "reason_codes": ("A", "B")},
)
FILL = Fill(
    fill_id="fill_00000001",
    order_id="PAPER_00000001",
    ts=1000,
    symbol=SYMBOL,
    side=Side.BUY,
    price=D("99.9"),
    qty=D("0.5"),
    fee=D("0.00999"),
    liquidity=Liquidity.TAKER,
    level_id=1,
)
GATING = GatingResult(
    allowed=False,
    gate=GateName.RISK_GATE,
    reason=GateReason.NOTIONAL_LIMIT,
    details={"scope": "symbol", "notional": "5100", "limit_bps": 3},
)
PREFILTER = PrefilterResult(allowed=False, reason=PrefilterReason.SPREAD_TOO_HIGH)
PNL = PnlSnapshot(SYMBOL, D("-1.5"), D(100), D("2.5"), D("-0.5"), D("100.5"))

L2_FEATURES = L2FeatureSnapshot(
    ts_ms=990,
    symbol=SYMBOL,
    top_n=20,
    qty_ref=D(2),
    impact_buy_topN_bps=17,
    impact_sell_topN_bps=10_000,
    impact_buy_topN_insufficient_depth=0,
    impact_sell_topN_insufficient_depth=1,
    wall_bid_score_x1000=2000,
    wall_ask_score_x1000=1714,
    wall_bid_distance_bps=0,
    wall_ask_distance_bps=50,
    depth_imbalance_bps=2631,
)
REGIME = RegimeDecision(
    regime=Regime.TREND_DOWN,
    reason=PlanReason.TREND_NET_DOWN,
    confidence=72,
    features_used={"net_return_bps": -290, "range_score": 0, "thin_l1": D("0.5")},
)
CONTROLLER = ControllerDecision(
    version=1,
    mode=ControllerMode.DRAWDOWN,
    reason=PlanReason.DRAWDOWN_ACTIVE,
    spacing_bps=12,
    vol_bps=7,
    reset_action=ResetAction.HARD,
    reset_codes=("RESET_DRAWDOWN_ENTER",),
    trend=Trend.DOWN,
    drawdown=True,
)
CYCLE = CycleIntent(
    intent_id="cycle_TP_fill_00000001_SELL_100.1",
    type=CycleType.TP,
    symbol=SYMBOL,
    side=Side.SELL,
    price=D("100.1"),
    qty=D("0.5"),
    source_fill_id="fill_00000001",
    risk_intent=RiskIntent.REDUCE_RISK,
)
SCORE = SymbolScoreV1(
    symbol=SYMBOL,
    score=-130,
    range_component=0,
    liquidity_component=15,
    toxicity_penalty=0,
    trend_penalty=145,
    gates_failed=(SelectionGate.THIN_BOOK,),
    rank=None,
)
SEEN = Seen(GATING, FEATURES, REGIME, CONTROLLER, L2_FEATURES, True)
FUNDING_PAID = FundingPaid(
    ts=28_800_000,
    symbol=SYMBOL,
    rate=D("-0.0001"),
    qty=D("-1.5"),
    mark_price=D("100.5"),
    amount=D("0.015075"),
)

# Contracts with a ``from_dict``: they come back from what was written.
CONTRACTS: tuple[Any, ...] = (
    SNAPSHOT,
    L2Snapshot(
        ts=1, symbol=SYMBOL, bids=((D("99.9"), D(1)), (D("99.8"), D(0))), asks=((D(100), D("2.5")),)
    ),
    DepthDiff(
        ts=1,
        symbol=SYMBOL,
        first_update_id=10,
        last_update_id=12,
        prev_update_id=9,
        bids=((D("99.9"), D(0)),),
    ),
    DepthBands(ts=1, symbol=SYMBOL, bands=((-100, D(5), D(500)), (100, D("4.5"), D(450)))),
    Trade(ts=1, symbol=SYMBOL, trade_id=7, price=D(100), qty=D("0.1"), is_buyer_maker=True),
    MarkPrice(
        ts=1,
        symbol=SYMBOL,
        mark_price=D(100),
        index_price=D("100.01"),
        funding_rate=D("-0.0001"),
        next_funding_ts=28_800_000,
    ),
    Funding(ts=1, symbol=SYMBOL, rate=D("-0.0001")),
    MarketStats(ts=1, symbol=SYMBOL, vol_24h_usd=D("1000000.5"), oi_usd=D(0)),
    TurnEnd(),
    Timer(),
    Control(
        command=Command.KILL,
        actor="operator",
        reason=KillReason.ERROR,
        number=1_700_000_000_000,
        text="the venue answers nonsense",
    ),
    Selection(
        symbols=("BBB", SYMBOL),
        k=2,
        scores={SYMBOL: 59, "BBB": 349},
        lookahead=True,
        scores_v1=(SCORE,),
    ),
    FUNDING_PAID,
    SymbolConstraints(
        step_size=D("0.001"), min_qty=D("0.001"), tick_size=D("0.1"), min_notional=D(100)
    ),
    LeverageBracket(
        notional_floor=D(50_000),
        notional_cap=D(600_000),
        maint_margin_ratio=D("0.005"),
        cum=D(50),
        max_leverage=100,
    ),
    L2_FEATURES,
    REGIME,
    CONTROLLER,
    CYCLE,
    SCORE,
    SEEN,
    Health(name="feed_age_ms", value=-3, symbol=SYMBOL),
    Model(model="fill", symbol=SYMBOL, outputs={"p_bps": 4200}),
    Leadership(is_leader=True),
    Restarted(reason="checkpoint"),
    WriteResult(
        client_order_id="c1", outcome="TIMEOUT", detail="no answer in 5 s", op="place", attempts=2
    ),
    PositionUpdate(ts=1, symbol=SYMBOL, qty=D("-2.5"), entry_price=D("99.9"), is_adopted=True),
    AccountUpdate(ts=1, balances={"USDT": D("100.25")}, start=D("95.25"), transfer=D("-5")),
    OrderAdopted(
        ts=1,
        symbol=SYMBOL,
        client_order_id="grinder_default_1_000000000001",
        order_id="7",
        side=Side.SELL,
        level_id=1,
        price=D("100.1"),
        qty=D("0.5"),
        filled_qty=D("0.125"),
        reduce_only=True,
    ),
    FillFeatures(direction="short", notional_bucket=4, entry_fill_count=3, holding_ms_bucket=0),
    POSITION,
    PolicyContext(
        ts=1000,
        snapshot=SNAPSHOT,
        position=POSITION,
        features={"mid_price": D(100), "spread_bps": 20, "is_warmed_up": False},
        open_order_count=3,
        anchor_price=D("100.000000005"),
    ),
    Decision(
        ts=1000,
        symbol=SYMBOL,
        policy="static_grid",
        plan=PLAN,
        intents=(INTENT,),
        allowed=False,
        reason="NOTIONAL_LIMIT",
    ),
    INTENT,
    OrderRecord(
        client_order_id="c1",
        order_id="PAPER_00000001",
        symbol=SYMBOL,
        side=Side.BUY,
        level_id=1,
        price=D("99.9"),
        qty=D(2),
        filled_qty=D("0.5"),
        state=OrderState.PARTIALLY_FILLED,
        placed_tick=5,
        eligible_tick=6,
        placed_ts=1000,
        reduce_only=True,
    ),
    FILL,
    OrderUpdate(
        ts=1000,
        symbol=SYMBOL,
        client_order_id="c1",
        order_id="PAPER_00000001",
        side=Side.BUY,
        state=OrderState.PARTIALLY_FILLED,
        filled_qty=D("0.5"),
        last_price=D("99.9"),
        last_qty=D("0.5"),
        fee=D("-0.001"),
        fee_asset="BNB",
        fee_qty=D("-0.000002"),
        liquidity=Liquidity.TAKER,
        trade_id=9,
        reason="",
    ),
    ACTION,
    EXECUTION_EVENT,
    SHAPE,
    PLAN,
    GATING,
    PREFILTER,
    FEATURES,
    PlaceOrder(client_order_id="c1", intent=INTENT, generation=2, replaces="c0", post_only=True),
    CancelOrder(client_order_id="c1", order_id="PAPER_00000001", symbol=SYMBOL),
    Flatten(
        client_order_id="c2",
        symbol=SYMBOL,
        side=Side.BUY,
        qty=D("1.5"),
        price=D("100.1"),
        generation=1,
    ),
    Event(1000, SNAPSHOT, 3, 1001, 42),
    PNL,
)

OUTPUT = PaperOutput(
    1000,
    SYMBOL,
    PREFILTER,
    GATING,
    PLAN,
    (ACTION,),
    (EXECUTION_EVENT,),
    (FILL,),
    PNL,
    7,
    D("9975.01"),
    D(10_500),
    True,
    SEEN,
    (CYCLE,),
    2,
    (FUNDING_PAID,),
)


def named() -> dict[str, Any]:
    """Every contract's example by its class name; the output is written only, never read."""
    return {type(example).__name__: example for example in (*CONTRACTS, OUTPUT)}
