"""Hot state of one symbol inside the engine."""

from __future__ import annotations

from decimal import Decimal

from attrs import Factory, define, field

from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.enums import Rearm
from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.contracts.market import MarketStats
from grinder_core.contracts.orders import ExecutionAction, ExecutionEvent, Fill
from grinder_core.contracts.outputs import PnlSnapshot
from grinder_core.contracts.plan import GridPlan
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError
from grinder_core.gates.toxicity import ToxicityGate
from grinder_core.indicators.features import FeatureFold
from grinder_core.indicators.maintained_book import MaintainedBook
from grinder_core.ledger import SymbolLedger
from grinder_core.numbers import HALF, ZERO
from grinder_core.orders.actions import noop
from grinder_core.orders.grid_book import GridBook
from grinder_core.orders.levels import DEFAULT_TICK
from grinder_core.policies.controller_v0 import ControllerV0
from grinder_core.policies.controller_v1 import ControllerV1
from grinder_core.policies.sizes import Sizes


@define
class SymbolState:
    """Everything the engine knows about one symbol.

    Attributes:
        tick: Snapshots seen.
        mid, spread_bps: Of the last snapshot.
        mark: What the position is valued at: the mid, or the venue's mark price.
        unrealized: At ``mark``, quote currency.
        held: ``abs(position)*mid``.
        exposure: ``held`` plus open orders, as last added to the session's total.
        depth: The kept book, where a decision reads it.
        depth_seen_ms: ``now`` of the last event that the book took in.
        last_features: Of the last snapshot, where the feature engine is on (CORE-16).
        forced_fills: Ids of those fills that an operator or the venue forced.
        fills, events, funding: Since the symbol's last output.
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
    controller_v0: ControllerV0 | None = None
    controller_v1: ControllerV1 | None = None
    depth: MaintainedBook | None = None
    depth_seen_ms: int = 0
    tick: int = 0
    ts: int = 0
    bid: Decimal = ZERO
    ask: Decimal = ZERO
    mid: Decimal = ZERO
    mark: Decimal = ZERO
    has_mark: bool = False
    spread_bps: int = 0
    unrealized: Decimal = ZERO
    held: Decimal = ZERO
    last_trade_id: int = 0
    stats: MarketStats | None = None
    exposure: Decimal = ZERO
    last_features: FeatureSnapshot | None = None
    fills: list[Fill] = Factory(list)
    events: list[ExecutionEvent] = Factory(list)
    funding: list[FundingPaid] = Factory(list)
    forced_fills: list[str] = Factory(list)
    plan_cache: tuple[Decimal, Decimal | None, GridPlan] | None = field(
        default=None, init=False, eq=False
    )
    pnl_cache: PnlSnapshot | None = field(default=None, init=False, eq=False)
    calm_epoch: int = field(default=-1, init=False, eq=False)
    calm_plan: GridPlan | None = field(default=None, init=False, eq=False)
    sizes_cache: tuple[Decimal, Sizes] | None = field(default=None, init=False, eq=False)
    noop: tuple[ExecutionAction, ...] = field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        self.noop = (noop(self.symbol),)

    @classmethod
    def of(cls, symbol: str, config: EngineConfig) -> SymbolState:
        """Return a symbol that was never seen.

        Raises:
            ConfigError: A decision reads its book and nobody said how much to measure it by.
        """
        policies, indicators = config.policies, config.indicators
        if config.uses_depth and symbol not in indicators.qty_ref:
            raise ConfigError(
                "has no reference quantity, and a depth feature is on",
                field=f"qty_ref.{symbol}",
                remedy=f"set qty_ref.{symbol}, in base asset",
            )
        version = policies.controller_version if policies.controller_enabled else None
        return cls(
            symbol=symbol,
            ledger=SymbolLedger(symbol),
            grid=GridBook(
                symbol,
                # a cycle replenishes what it filled; a level put back as well would double it
                rearm=Rearm.NEVER if policies.cycle_execution_enabled else config.orders.rearm,
                tick_size=config.orders.tick_size_of(symbol) or DEFAULT_TICK,
            ),
            toxicity=ToxicityGate.of(config.gates),
            features=FeatureFold.of(indicators) if indicators.feature_engine_enabled else None,
            controller_v0=ControllerV0.of(policies) if version == 0 else None,
            controller_v1=ControllerV1.of(policies) if version == 1 else None,
            depth=MaintainedBook(symbol, indicators.book_levels_max) if config.uses_depth else None,
        )

    def move(self, bid: Decimal, ask: Decimal) -> None:
        """Take in a new top of book. Inside ``exact()``; revalue afterwards."""
        self.bid, self.ask = bid, ask
        total = bid + ask
        self.mid = total * HALF
        self.spread_bps = int((ask - bid) * 20_000 // total)
        if not self.has_mark:
            self.mark = self.mid

    def revalue(self) -> Decimal:
        """Value the position at its mark; return by how much unrealised profit changed."""
        qty = self.ledger.qty
        if not qty:
            change, self.unrealized, self.held = -self.unrealized, ZERO, ZERO
            return change
        before = self.unrealized
        value = qty * self.mark
        self.unrealized = value - self.ledger.cost_basis
        self.held = abs(value if self.mark is self.mid else qty * self.mid)
        return self.unrealized - before
