"""The engine's whole state, and its frozen, serialisable form (design section 4)."""

from __future__ import annotations

from decimal import Decimal

from attrs import Factory, define, field, frozen

from grinder_core.codec import canonical_json, dump_state, load_state, parse_json, sha256_hex
from grinder_core.contracts.control import Selection
from grinder_core.contracts.decisions import Seen
from grinder_core.contracts.enums import Override, SelectionSource, Side
from grinder_core.contracts.orders import ExecutionAction
from grinder_core.contracts.plan import GridPlan
from grinder_core.contracts.verdicts import GatingResult, PrefilterResult
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.stats import EngineStats
from grinder_core.engine.symbol import SymbolState
from grinder_core.errors import ArtifactError
from grinder_core.gates.rate_limiter import RateLimiter
from grinder_core.numbers import ZERO
from grinder_core.orders.identity import OrderIds
from grinder_core.risk.drawdown_guard import DrawdownGuard
from grinder_core.risk.equity import EquityTracker
from grinder_core.risk.kill_switch import KillSwitch
from grinder_core.risk.loss_streak import LossStreaks
from grinder_core.selection.topk import TopKScores

STATE_VERSION = 3


@define
class OpenTurn:
    """A snapshot's decision whose effects the venue has not answered yet."""

    symbol: str
    seq: int
    prefilter_result: PrefilterResult
    gating_result: GatingResult | None
    plan: GridPlan | None
    actions: list[ExecutionAction]
    seen: Seen


@define
class HotState:
    """Everything that the next step depends on, but the configuration.

    Attributes:
        now, seq: Of the last event.
        cash: Initial capital plus realised profit less fees.
        unrealized, exposure: Sums over all symbols.
        is_revalued: The value of a position changed since equity was last sampled.
        guard: Drawdown guard v1, where it is on.
        streaks: Consecutive losses, where they are watched.
        override: What an operator, or a guard on an operator's behalf, imposed.
        selection: ``None`` until made; then the only symbols that trade.
        prefix_scores: Top-K v0, while the first events only feed the selection.
        prefix_seen: Snapshots that did.
        carried: Actions decided outside a turn, shown with the next output.
        epoch: Rises with everything but quotes that change nothing; a cache, not state.
        replaced: New order's client id -> replaced order's venue id, until it is answered.
        generations: Orders that each level had, by symbol, side and level (LIVE-04).
        halted: Symbols on which the operating state lets no new risk in, and why (LIVE-14).
    """

    account: EquityTracker
    rate: RateLimiter
    ids: OrderIds
    cash: Decimal
    now: int = 0
    seq: int = 0
    fill_seq: int = 0
    unrealized: Decimal = ZERO
    exposure: Decimal = ZERO
    is_revalued: bool = True
    kill: KillSwitch = field(factory=KillSwitch)
    guard: DrawdownGuard | None = None
    streaks: LossStreaks | None = None
    override: Override | None = None
    selection: Selection | None = None
    prefix_scores: TopKScores | None = None
    prefix_seen: int = 0
    turn: OpenTurn | None = None
    carried: list[ExecutionAction] = Factory(list)
    replaced: dict[str, str] = Factory(dict)
    generations: dict[str, int] = Factory(dict)
    halted: dict[str, str] = Factory(dict)
    stats: EngineStats = field(factory=EngineStats)
    symbols: dict[str, SymbolState] = Factory(dict)
    epoch: int = field(default=0, init=False, eq=False)

    @classmethod
    def of(cls, config: EngineConfig) -> HotState:
        """Return the state before the first event."""
        capital = config.risk.initial_capital
        source, prefix = config.selection.selection_source, config.selection.topk_prefix_events
        return cls(
            account=EquityTracker(
                max_drawdown_pct=config.risk.max_drawdown_pct,
                daily_loss_limit=config.gates.daily_loss_limit,
                equity=capital,
                high_water_mark=capital,
            ),
            rate=RateLimiter.of(config.gates),
            ids=OrderIds(config.orders.strategy_id),
            cash=capital,
            guard=DrawdownGuard.of(config.risk) if config.risk.dd_guard_v1_enabled else None,
            streaks=LossStreaks.of(config.risk) if config.risk.consec_loss_enabled else None,
            prefix_scores=(
                TopKScores(config.selection.topk_window_size)
                if source is SelectionSource.TOPK_V0 and prefix
                else None
            ),
        )

    def next_generation(self, symbol: str, side: Side, level_id: int) -> int:
        """Count one more order of a level."""
        key = f"{symbol}:{side.value}:{level_id}"
        self.generations[key] = generation = self.generations.get(key, 0) + 1
        return generation

    def revalue(self, s: SymbolState) -> None:
        """Value a symbol's position anew, after a fill or a move. Inside ``exact()``."""
        self.epoch += 1
        self.is_revalued = True
        self.unrealized += s.revalue()
        self.re_expose(s)

    def re_expose(self, s: SymbolState) -> None:
        """Take a symbol's position and open orders anew into the sum of all."""
        exposure: Decimal = s.held + s.grid.open_notional
        self.exposure += exposure - s.exposure
        s.exposure = exposure


@frozen
class EngineState:
    """A frozen dump of an engine; two engines loaded from it never affect each other.

    Attributes:
        config_hash: Of the configuration it ran under; loading under another is refused.
        text: Canonical JSON of the hot state.
    """

    version: int
    config_hash: str
    text: str

    @property
    def sha256(self) -> str:
        return sha256_hex(self.text.encode("ascii"))


def freeze(hot: HotState, config: EngineConfig) -> EngineState:
    """Dump hot state."""
    hot.rate.settle(hot.now)  # calm turns skip the limiter; equal states shall give equal dumps
    return EngineState(STATE_VERSION, config.config_hash, canonical_json(dump_state(hot)))


def thaw(state: EngineState, config: EngineConfig) -> HotState:
    """Load hot state from a dump.

    Raises:
        ArtifactError: Another version or configuration, or not a dump.
    """
    if state.version != STATE_VERSION:
        raise ArtifactError(f"must be {STATE_VERSION}", field="state version", value=state.version)
    if state.config_hash != config.config_hash:
        raise ArtifactError(
            f"was written under configuration {state.config_hash}, not {config.config_hash}",
            field="checkpoint",
            remedy="continue with the configuration it was written under",
        )
    return load_state(HotState, parse_json(state.text, "engine state"))
