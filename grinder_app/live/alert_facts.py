"""The facts that causes name, read from a live session; nothing here changes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from grinder_adapters.webhook.records import OrderCounts
from grinder_core.contracts.enums import OrderState
from grinder_core.contracts.orders import OrderRecord
from grinder_core.live.core import LiveCore
from grinder_core.live.state import LiveHot
from grinder_core.numbers import ZERO, canonical, dec_half_even, exact

UNKNOWN_AFTER_MS = 10_000
STUCK_AFTER_MS = 10_000
MIB = 1 << 20


def facts_of(core: LiveCore, symbol: str, now: int, mismatches: Sequence[str]) -> dict[str, object]:
    """Return every fact that a cause may name.

    Args:
        symbol: Whose; empty: of the whole session.
        mismatches: What differs at the venue, in lines.
    """
    with exact():
        return {
            **_money(core),
            **_times(core, symbol, now),
            **_unknown(core.hot, core, symbol, now),
            "mismatch_count": len(mismatches) or "some",
        }


def unknown_symbols(core: LiveCore, now: int) -> set[str]:
    """Return the symbols with an order whose outcome is unknown for too long."""
    return {
        _symbol_of(core, name)
        for name, since in core.hot.unknown_since.items()
        if now - since > UNKNOWN_AFTER_MS
    }


def count_orders(core: LiveCore, symbol: str, cancelled: int = 0) -> OrderCounts:
    """Count own orders of a symbol, or of all of them, as the session knows them.

    Args:
        cancelled: Those that are over, which only the caller knows.
    """
    cancelling = kept = still_open = unknown = 0
    for order, is_leaving in _orders(core, symbol):
        name = order.client_order_id
        if name in core.hot.unknown_since or order.state is OrderState.UNKNOWN:
            unknown += 1
        elif is_leaving:
            cancelling += 1
        elif order.reduce_only:
            kept += 1
        else:
            still_open += 1
    return OrderCounts(
        cancelling=cancelling,
        cancelled=cancelled,
        kept_reduce_only=kept,
        still_open=still_open,
        unknown=unknown,
    )


def _orders(core: LiveCore, symbol: str) -> Iterable[tuple[OrderRecord, bool]]:
    """Yield orders that may be at the venue, each with whether its cancel was asked for."""
    held = core.hot.waiting  # these never left
    for name, s in core.engine.hot.symbols.items():
        if symbol in ("", name):
            for is_leaving, book in ((False, s.grid.live), (True, s.grid.leaving)):
                for order in book.values():
                    if order.client_order_id not in held:
                        yield order, is_leaving


def _symbol_of(core: LiveCore, client_order_id: str) -> str:
    for symbol, s in core.engine.hot.symbols.items():
        if s.grid.get(client_order_id) is not None:
            return symbol
    return ""


def _money(core: LiveCore) -> dict[str, object]:
    hot = core.engine.hot
    account, guard, streaks = hot.account, hot.guard, hot.streaks
    reason = hot.kill.reason
    start = ZERO if guard is None else guard.equity_start
    limit = ZERO if guard is None else guard.portfolio_dd_limit
    by_symbol = "" if guard is None or not guard.breached_symbol else f" of {guard.breached_symbol}"
    return {
        "kill_reason": "none" if reason is None else reason.value,
        "equity": _shown(account.equity),
        "peak": _shown(account.high_water_mark),
        "drawdown_pct": _percent(account.high_water_mark - account.equity, account.high_water_mark),
        "drawdown_max_pct": canonical(account.max_drawdown_pct),
        "guard_reason": "none" if guard is None or guard.reason is None else guard.reason.value,
        "guard_symbol": by_symbol,
        "guard_start": _shown(start),
        "guard_loss_pct": _percent(start - account.equity, start),
        "guard_limit_pct": _shown(limit * 100),
        "daily_loss": _shown(account.day_start_equity - account.equity),
        "daily_loss_max": canonical(account.daily_loss_limit),
        "loss_count": 0 if streaks is None else streaks.max_count,
        "loss_max": 0 if streaks is None else streaks.threshold,
    }


def _times(core: LiveCore, symbol: str, now: int) -> dict[str, object]:
    machine = core.hot.orchestrator
    settings, inputs = machine.settings, machine.inputs
    watch = machine.symbols.get(symbol)
    return {
        "skew_ms": inputs.clock_skew_ms,
        "skew_max_ms": settings.clock_skew_max_ms,
        "snapshot_age_ms": inputs.snapshot_age_ms,
        "snapshot_max_ms": settings.snapshot_stale_ms,
        "gap_ms": 0 if watch is None else watch.inputs.feed_gap_ms,
        "gap_max_ms": settings.of_symbol(symbol).feed_stale_ms,
        "circuit": inputs.place_circuit.value,
        "init_s": _seconds(settings.init_timeout_ms),
        "pause_cooldown_s": _seconds(settings.pause_cooldown_ms),
        "degraded_cooldown_s": _seconds(settings.degraded_cooldown_ms),
        "degraded_cancel_s": _seconds(settings.degraded_cancel_after_ms),
        "throttle_s": _seconds(settings.throttle_interval_ms),
    }


def _unknown(hot: LiveHot, core: LiveCore, symbol: str, now: int) -> Mapping[str, object]:
    ages = [
        now - since
        for name, since in hot.unknown_since.items()
        if symbol in ("", _symbol_of(core, name))
    ]
    return {
        "unknown_count": len(ages),
        "unknown_s": _seconds(max(ages, default=0) // 1_000 * 1_000),
        "unknown_max_s": _seconds(UNKNOWN_AFTER_MS),
    }


def stuck_facts(ages_ms: Sequence[int]) -> dict[str, object]:
    """Return what a cause may say of cancels that do not come to an end.

    Args:
        ages_ms: How long ago each was asked for.
    """
    return {
        "stuck_count": len(ages_ms),
        "stuck_s": _seconds(max(ages_ms, default=0) // 1_000 * 1_000),
        "stuck_max_s": _seconds(STUCK_AFTER_MS),
    }


def cancels_under_way(core: LiveCore) -> dict[str, str]:
    """Return the symbols of the orders whose cancel was asked for, by client id."""
    return {
        order.client_order_id: order.symbol for order, is_leaving in _orders(core, "") if is_leaving
    }


def _seconds(ms: int) -> str:
    return canonical(Decimal(ms) / 1_000)


def _shown(amount: Decimal) -> str:
    return canonical(dec_half_even(amount, 2))


def _percent(part: Decimal, whole: Decimal) -> str:
    return canonical(dec_half_even(part * 100, 2, whole)) if whole > 0 else "100"
