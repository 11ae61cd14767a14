"""How a live session stands: state, orders, positions, money, and for each symbol why not.

Read from a running session for people and machines; nothing here changes or decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from attrs import frozen

from grinder_core.contracts.enums import OrderState, Side
from grinder_core.contracts.orders import OrderRecord
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.engine.symbol import SymbolState
from grinder_core.live.core import LiveCore
from grinder_core.live.why_not import Obstacle, before_envelope, waits_for
from grinder_core.numbers import ZERO, exact


@frozen(kw_only=True)
class SymbolStanding:
    """One symbol.

    Attributes:
        why_not: The first gate that keeps new entries from leaving now; ``None``: none does.
        planned: Levels that the last plan wants; ``None`` before the first.
        spent: Levels that filled and stay empty until the grid is reset.
        entries, exits: Our orders that rest or are about to, adding and reducing risk.
        leaving, unknown: Those being cancelled, and those of unknown outcome.
        position: Signed, base asset.
        unrealised, realised, fees, funding: Quote currency; fees and funding paid are positive.
    """

    symbol: str
    state: str
    reason: str
    why_not: Obstacle | None
    bid: Decimal
    ask: Decimal
    planned: int | None
    spent: int
    entries: int
    exits: int
    leaving: int
    unknown: int
    position: Decimal
    entry_price: Decimal
    mark: Decimal
    unrealised: Decimal
    realised: Decimal
    fees: Decimal
    funding: Decimal
    fills: int


@frozen(kw_only=True)
class Standing:
    """A session.

    Attributes:
        waits_for: Why the session's state is not ACTIVE; ``None``: it is.
        override: Of operator or guards; empty: none.
        equity, day_pnl, drawdown: Quote currency; the day is the UTC one.
        exposure: Positions at their mid and open orders, quote currency.
    """

    ts_ms: int
    state: str
    reason: str
    waits_for: Obstacle | None
    override: str
    latches: dict[str, str]
    is_stopping: bool
    equity: Decimal
    day_pnl: Decimal
    high_water_mark: Decimal
    drawdown: Decimal
    exposure: Decimal
    fills: int
    events: int
    lives: int
    waiting: int
    symbols: tuple[SymbolStanding, ...]


def standing_of(core: LiveCore) -> Standing:
    """Return how a session stands as of its last event."""
    hot, live = core.engine.hot, core.hot
    machine, account = live.orchestrator, hot.account
    with exact():
        has_day = account.day >= 0
        return Standing(
            ts_ms=hot.now,
            state=machine.machine.state.value,
            reason=machine.machine.reason.value,
            waits_for=waits_for(machine, "", hot.now),
            override="" if (o := machine.inputs.operator_override) is None else o.value,
            latches=dict(live.latches),
            is_stopping=live.is_stopping,
            equity=account.equity,
            day_pnl=account.equity - account.day_start_equity if has_day else ZERO,
            high_water_mark=account.high_water_mark,
            drawdown=account.high_water_mark - account.equity,
            exposure=hot.exposure,
            fills=hot.stats.total_fills,
            events=live.events,
            lives=live.lives,
            waiting=len(live.waiting),
            symbols=tuple(_symbol(core, symbol) for symbol in core.config.whitelist),
        )


def why_not(core: LiveCore, symbol: str) -> Obstacle | None:
    """Return the first gate that keeps new entries of a symbol from leaving now."""
    hot, live = core.engine.hot, core.hot
    if live.is_stopping:
        return Obstacle("session", "STOPPING")
    out = core.last_outputs.get(symbol)
    found = before_envelope(hot, core.config.engine, live.orchestrator, symbol, out)
    if found is not None:
        return found
    reason, _, detail = core.entry_refusal(symbol).partition(" ")
    return Obstacle("envelope", reason, detail) if reason else None


def _symbol(core: LiveCore, symbol: str) -> SymbolStanding:
    state, reason = core.hot.orchestrator.effective(symbol)
    s = core.engine.hot.symbols.get(symbol)
    out = core.last_outputs.get(symbol)
    if s is None:
        s = SymbolState.of(symbol, core.config.engine)
    resting, leaving = list(s.grid.live.values()), list(s.grid.leaving.values())
    return SymbolStanding(
        symbol=symbol,
        state=state.value,
        reason=reason.value,
        why_not=why_not(core, symbol),
        bid=s.bid,
        ask=s.ask,
        planned=_planned(out),
        spent=sum(len(s.grid.spent(side)) for side in Side),
        entries=sum(not order.reduce_only for order in resting),
        exits=sum(order.reduce_only for order in resting),
        leaving=len(leaving),
        unknown=_unknown(core, resting) + _unknown(core, leaving),
        position=s.ledger.qty,
        entry_price=s.ledger.avg_entry_price,
        mark=s.mark,
        unrealised=s.unrealized,
        realised=s.ledger.realized_pnl,
        fees=s.ledger.fees_paid,
        funding=s.ledger.funding_paid,
        fills=s.ledger.fill_count,
    )


def _planned(out: PaperOutput | None) -> int | None:
    if out is None:
        return None
    return 0 if out.plan is None else out.plan.shape.level_count


def _unknown(core: LiveCore, orders: Iterable[OrderRecord]) -> int:
    unknown = core.hot.unknown_since
    return sum(
        order.client_order_id in unknown or order.state is OrderState.UNKNOWN for order in orders
    )
