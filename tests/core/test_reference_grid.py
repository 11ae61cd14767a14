"""The benchmark's defined work: the engine against an independent implementation of its rules."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest

from grinder_core.contracts.enums import FillMode, Rearm
from grinder_core.contracts.event import Event
from grinder_core.engine.config import EngineConfig
from grinder_core.session.result import run
from tests.core.reference_grid import Reference
from tests.support.factories import a_snapshot

D = Decimal
TICK = D("0.1")
CONFIG = EngineConfig.flat(
    spacing_bps=10,
    levels=5,
    size_per_level=D("0.01"),
    recenter_bps=10,
    rearm=Rearm.NEVER,
    tick_sizes={"BTCUSDT": TICK},
    fill_mode=FillMode.QUOTE,
    fill_after_ticks=1,
    maker_fee_bps_x100=200,
    taker_fee_bps_x100=200,
    max_notional_per_symbol=D(50_000),
    max_notional_total=D(100_000),
    max_orders_per_minute=10**6,
    cooldown_ms=0,
    initial_capital=D(10**6),
)


def tape(seed: int, count: int) -> Iterator[Event]:
    """Quotes shaped as the page's: half move the price, one in a thousand jumps."""
    draw = random.Random(seed)
    x, ts, bid, ask = 0.0, 1_700_000_000_000, 499_999, 500_001
    for seq in range(count):
        moved = draw.random() < 0.5
        step = draw.gauss(0.0, 6.0) if moved else 0.0
        if draw.random() < 2e-3:
            step += draw.gauss(0.0, 160.0)
        x += step - 2e-5 * x
        if step or not seq:
            spread = min(1 + int(draw.expovariate(0.43)), 10)
            bid = int((500_000.0 + 10.0 * x - spread / 2) // 1)
            ask = bid + spread
        ts += 1 + int(draw.expovariate(1 / 49.0))
        snapshot = a_snapshot(
            ts=ts,
            symbol="BTCUSDT",
            bid_price=bid * TICK,
            ask_price=ask * TICK,
            bid_qty=D(draw.randint(10, 10_000)) / 1000,
            ask_qty=D(draw.randint(10, 10_000)) / 1000,
        )
        yield Event(ts, snapshot, seq)


@pytest.mark.parametrize("seed", [20240601, 7, 99])
def test_fills_position_fees_and_equity_are_exactly_those_of_the_rules(seed: int) -> None:
    events = list(tape(seed, 6_000))
    reference, curve = Reference(), []
    for event in events:
        reference.on_quote(event.payload.bid_price, event.payload.ask_price)  # type: ignore[union-attr]
        curve.append(reference.equity)
    result = run(events, CONFIG, keep_outputs=True)
    assert result.errors == ()
    assert result.outputs is not None
    fills = [(f.side.value, f.price) for o in result.outputs for f in o.fills]
    assert len(fills) > 40
    assert fills == reference.fills
    position = result.final_positions["BTCUSDT"]
    assert position.qty == reference.position
    assert Fraction(result.fees_paid) == Fraction(reference.fees)
    assert abs(result.total_realized_pnl - reference.realized) < D("1e-6")
    assert [o.equity - D(10**6) for o in result.outputs] == curve
    assert result.stats.events_gated == 0


def test_the_tape_tests_what_it_should() -> None:
    """Recentres, jumps over several levels and both sides occur, or the test proves little."""
    events = list(tape(20240601, 6_000))
    outputs = run(events, CONFIG, keep_outputs=True).outputs
    assert outputs is not None
    resets = sum(e.type.value == "GRID_RESET" for o in outputs for e in o.events)
    assert resets > 20
    assert max(len(o.fills) for o in outputs) >= 2
    assert {f.side.value for o in outputs for f in o.fills} == {"BUY", "SELL"}
    mids = [o.pnl_snapshot.mark_price for o in outputs]
    unmoved = sum(a == b for a, b in pairwise(mids))
    assert 0.3 < unmoved / len(mids) < 0.7
