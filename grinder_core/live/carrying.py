"""The same session under another configuration: what was, stays; what was measured, begins anew.

An operator may change settings between two processes. Money, positions, orders, ids, baselines and
every latch go on as they are. Indicators, windows and anchors depend on settings and start empty.
"""

from __future__ import annotations

from grinder_core.engine.config import EngineConfig
from grinder_core.engine.state import HotState
from grinder_core.engine.symbol import SymbolState
from grinder_core.errors import ConfigError
from grinder_core.numbers import exact
from grinder_core.risk.equity import EquityTracker


def check_exposed(before: HotState, whitelist: tuple[str, ...]) -> None:
    """Insist that no symbol leaves while something of ours is there (README, gap 6).

    Raises:
        ConfigError: One does.
    """
    for symbol, s in sorted(before.symbols.items()):
        if symbol not in whitelist and (s.ledger.qty or s.grid.live or s.grid.leaving):
            raise ConfigError(
                "is not among the symbols any more, and there is a position or an order on it",
                field="symbol_whitelist",
                value=symbol,
                remedy=f"keep {symbol} until it is flat",
            )


def carried_over(before: HotState, config: EngineConfig) -> HotState:
    """Return the hot state of another configuration that goes on from this one."""
    after = HotState.of(config)
    after.cash, after.now, after.seq = before.cash, before.now, before.seq
    after.fill_seq, after.generations = before.fill_seq, before.generations
    after.kill, after.override = before.kill, before.override
    after.stats, after.replaced = before.stats, before.replaced
    after.ids.ts_ms, after.ids.seq = before.ids.ts_ms, before.ids.seq
    _carry_account(before.account, after.account)
    if before.guard is not None and after.guard is not None:
        guard = after.guard
        guard.equity_start, guard.base_pnl = before.guard.equity_start, before.guard.base_pnl
        guard.reason, guard.ts = before.guard.reason, before.guard.ts
        guard.breached_symbol = before.guard.breached_symbol
    elif before.guard is not None:
        after.guard = before.guard  # a latch does not go because somebody left out its setting
    if before.streaks is not None and (after.streaks is None or before.streaks.any_tripped):
        after.streaks = before.streaks
    elif before.streaks is not None and after.streaks is not None:
        after.streaks.carry(before.streaks)
    with exact():
        for symbol, s in sorted(before.symbols.items()):
            after.symbols[symbol] = _carry_symbol(s, config)
            after.revalue(after.symbols[symbol])
    return after


def _carry_account(before: EquityTracker, after: EquityTracker) -> None:
    after.equity, after.high_water_mark = before.equity, before.high_water_mark
    after.max_drawdown, after.drawdown_tripped = before.max_drawdown, before.drawdown_tripped
    after.day, after.day_start_equity = before.day, before.day_start_equity
    after.daily_loss_tripped = before.daily_loss_tripped


def _carry_symbol(before: SymbolState, config: EngineConfig) -> SymbolState:
    after = SymbolState.of(before.symbol, config)
    after.ledger, after.last_trade_id = before.ledger, before.last_trade_id
    after.tick, after.ts = before.tick, before.ts
    after.bid, after.ask, after.mid = before.bid, before.ask, before.mid
    after.mark, after.has_mark, after.spread_bps = before.mark, before.has_mark, before.spread_bps
    after.fills, after.events, after.funding = before.fills, before.events, before.funding
    after.forced_fills, after.stats = before.forced_fills, before.stats
    after.grid.take_over(before.grid)
    return after
