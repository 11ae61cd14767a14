"""Hypothesis strategies for the values of the core: whole input spaces, not nice examples."""

from __future__ import annotations

from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_UP,
    Clamped,
    Context,
    Decimal,
    Inexact,
    InvalidOperation,
    Rounded,
    Subnormal,
    Underflow,
)
from typing import Any

from hypothesis import strategies as st

from grinder_core.contracts.enums import GridMode, ResetAction
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.plan import GridPlan

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")


@st.composite
def scaled(draw: st.DrawFn, low: int, high: int, places: int = 8, extra_zeros: int = 3) -> Decimal:
    """Decimals from ``low`` to ``high`` units of ``10^-places``, with needless zeros sometimes."""
    value = Decimal(draw(st.integers(low, high))).scaleb(-places)
    zeros = draw(st.integers(0, extra_zeros))
    return Decimal(f"{value:f}" + ("0" * zeros if "." in f"{value:f}" else ""))


def prices() -> st.SearchStrategy[Decimal]:
    """Every legal price: 10^-8 to just below 10^9."""
    return st.one_of(scaled(1, 10**17 - 1), scaled(1, 10**6), scaled(10**10, 10**13))


def plain_prices() -> st.SearchStrategy[Decimal]:
    """Prices that leave room for a grid around them."""
    return scaled(10**4, 10**15)


def qtys(low: int = 0) -> st.SearchStrategy[Decimal]:
    """Every legal quantity."""
    return st.one_of(scaled(low, 10**19 - 1), scaled(low, 10**10))


@st.composite
def snapshots(draw: st.DrawFn, symbols: tuple[str, ...] = SYMBOLS) -> Snapshot:
    """Every legal snapshot."""
    bid, ask = sorted((draw(prices()), draw(prices())))
    return Snapshot(
        ts=draw(st.integers(0, 2**53)),
        symbol=draw(st.sampled_from(symbols)),
        bid_price=bid,
        ask_price=ask,
        bid_qty=draw(qtys()),
        ask_qty=draw(qtys()),
        last_price=draw(st.one_of(st.just(Decimal(0)), prices())),
        last_qty=draw(qtys()),
    )


_MODES = (
    *(GridMode.BILATERAL,) * 5,
    GridMode.UNI_LONG,
    GridMode.UNI_SHORT,
    GridMode.PAUSE,
    GridMode.EMERGENCY,
)
_SIZES = st.sampled_from((Decimal(1), Decimal(1), Decimal(2), Decimal("0.5"))) | st.one_of(
    scaled(0, 10**10), scaled(0, 10**10, 16)
)


@st.composite
def plans(draw: st.DrawFn, **fixed: Any) -> GridPlan:
    """Plans of every mode, reset and shape; sizes may be 0 or round to 0."""
    mode = fixed.get("mode") or draw(st.sampled_from(_MODES))
    halted = mode in {GridMode.PAUSE, GridMode.EMERGENCY}
    levels = st.sampled_from((3, 2, 1, 5, 4, 0))
    up = 0 if halted or mode is GridMode.UNI_LONG else draw(levels)
    down = 0 if halted or mode is GridMode.UNI_SHORT else draw(levels)
    deepest = max(up, down)
    values: dict[str, Any] = {
        "mode": mode,
        "center_price": fixed.get("center_price") or draw(plain_prices()),
        "spacing_bps": draw(st.sampled_from((10, 1, 5, 50))),
        "levels_up": up,
        "levels_down": down,
        "size_schedule": tuple(draw(st.lists(_SIZES, min_size=deepest, max_size=deepest))),
        "skew_bps": draw(st.sampled_from((0, 0, 0, 5, -5, 100))),
        "reset_action": draw(st.sampled_from(ResetAction)),
        "reason_codes": tuple(draw(st.lists(st.sampled_from("ABC"), unique=True))),
        "reduce_only": draw(st.sampled_from((False, False, False, True))),
    }
    return GridPlan.flat(**{**values, **fixed})


@st.composite
def quotes(
    draw: st.DrawFn,
    *,
    symbols: tuple[str, ...] = SYMBOLS[:1],
    min_size: int = 1,
    max_size: int = 30,
    start: int = 10_000,
    move: int = 40,
) -> list[Event]:
    """A short stream of quotes: repeated, jumping, locked and wide ones, equal times."""
    ts, events = 0, []
    bids = dict.fromkeys(symbols, start)
    spreads = dict.fromkeys(symbols, 2)
    for seq in range(draw(st.integers(min_size, max_size))):
        symbol = draw(st.sampled_from(symbols))
        ts += draw(st.sampled_from((0, 1, 50, 100, 1_000, 5_000, 61_000)))
        if draw(st.integers(0, 2)):
            step = draw(st.integers(-move, move)) // draw(st.sampled_from((1, 4, 10)))
            step *= draw(st.sampled_from((1, 1, 1, 1, 10)))
            bids[symbol] = max(200, bids[symbol] + step)
            spreads[symbol] = draw(st.sampled_from((0, 1, 2, 2, 3, 10, 80)))
        bid = Decimal(bids[symbol]).scaleb(-2)
        ask = Decimal(bids[symbol] + spreads[symbol]).scaleb(-2)
        snapshot = Snapshot(
            ts=ts,
            symbol=symbol,
            bid_price=bid,
            ask_price=ask,
            bid_qty=Decimal(draw(st.integers(0, 20))),
            ask_qty=Decimal(draw(st.integers(0, 20))),
            last_price=Decimal(0),
            last_qty=Decimal(0),
        )
        events.append(Event(ts, snapshot, seq))
    return events


def hostile_contexts() -> st.SearchStrategy[Context]:
    """Ambient decimal contexts of callers who have other ideas."""
    traps = [InvalidOperation, Inexact, Rounded, Subnormal, Underflow, Clamped]
    return st.builds(
        Context,
        prec=st.sampled_from((1, 3, 6, 28)),
        rounding=st.sampled_from((ROUND_UP, ROUND_DOWN, ROUND_FLOOR, ROUND_CEILING)),
        Emin=st.sampled_from((-2, -999_999)),
        Emax=st.sampled_from((2, 999_999)),
        capitals=st.sampled_from((0, 1)),
        clamp=st.sampled_from((0, 1)),
        traps=st.lists(st.sampled_from(traps), unique=True),
    )
