"""Hot state of one symbol inside the engine."""

from __future__ import annotations

from decimal import Decimal

from attrs import Factory, define, field

from grinder_core.contracts.market import MarketStats
from grinder_core.contracts.orders import ExecutionAction, ExecutionEvent, Fill
from grinder_core.contracts.outputs import PnlSnapshot
from grinder_core.contracts.plan import GridPlan
from grinder_core.engine.config import EngineConfig
from grinder_core.gates.toxicity import ToxicityGate
from grinder_core.indicators.features import FeatureFold
from grinder_core.ledger import SymbolLedger
from grinder_core.numbers import HALF, ZERO
from grinder_core.orders.actions import noop
from grinder_core.orders.grid_book import GridBook
from grinder_core.orders.levels import DEFAULT_TICK


@define
class SymbolState:
    """Everything the engine knows about one symbol.

    Attributes:
        tick: Snapshots seen.
        mid, spread_bps: Of the last snapshot.
        unrealized: At ``mid``, quote currency.
        held: ``abs(position)*mid``.
        exposure: ``held`` plus open orders, as last added to the session's total.
        fills, events: Since the symbol's last output.
        noop: The actions of a turn that changes nothing.
        calm_epoch, calm_plan: Session epoch and plan of the last turn that changed nothing.
        plan_cache: Last plan with the mid and anchor it was made for.
        pnl_cache: Last profit shown. Caches are never part of the state.
    """

    symbol: str
    ledger: SymbolLedger
    grid: GridBook
    toxicity: ToxicityGate
    features: FeatureFold | None
    tick: int = 0
    ts: int = 0
    bid: Decimal = ZERO
    ask: Decimal = ZERO
    mid: Decimal = ZERO
    spread_bps: int = 0
    unrealized: Decimal = ZERO
    held: Decimal = ZERO
    last_trade_id: int = 0
    stats: MarketStats | None = None
    exposure: Decimal = ZERO
    fills: list[Fill] = Factory(list)
    events: list[ExecutionEvent] = Factory(list)
    plan_cache: tuple[Decimal, Decimal | None, GridPlan] | None = field(
        default=None, init=False, eq=False
    )
    pnl_cache: PnlSnapshot | None = field(default=None, init=False, eq=False)
    calm_epoch: int = field(default=-1, init=False, eq=False)
    calm_plan: GridPlan | None = field(default=None, init=False, eq=False)
    noop: tuple[ExecutionAction, ...] = field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        self.noop = (noop(self.symbol),)

    @classmethod
    def of(cls, symbol: str, config: EngineConfig) -> SymbolState:
        """Return a symbol that was never seen."""
        return cls(
            symbol=symbol,
            ledger=SymbolLedger(symbol),
            grid=GridBook(
                symbol,
                rearm=config.orders.rearm,
                tick_size=config.orders.tick_sizes.get(symbol, DEFAULT_TICK),
            ),
            toxicity=ToxicityGate.of(config.gates),
            features=(
                FeatureFold.of(config.indicators)
                if config.indicators.feature_engine_enabled
                else None
            ),
        )

    def move(self, bid: Decimal, ask: Decimal) -> None:
        """Take in a new top of book. Inside ``exact()``; revalue afterwards."""
        self.bid, self.ask = bid, ask
        total = bid + ask
        self.mid = total * HALF
        self.spread_bps = int((ask - bid) * 20_000 // total)

    def revalue(self) -> Decimal:
        """Value the position at the mid; return by how much unrealised profit changed."""
        qty = self.ledger.qty
        if not qty:
            change, self.unrealized, self.held = -self.unrealized, ZERO, ZERO
            return change
        value = qty * self.mid
        before = self.unrealized
        self.unrealized = value - self.ledger.cost_basis
        self.held = abs(value)
        return self.unrealized - before
