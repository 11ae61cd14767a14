"""The packaged demo data: the same on every pass, and worth a first run."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from grinder_adapters.synthetic.demo import DEMO_MARKETS, DemoEvents, demo_events
from grinder_core.contracts.market import Snapshot
from grinder_core.engine.config import EngineConfig
from grinder_core.session.result import PaperResult, run

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def session() -> PaperResult:
    """A session as the demo runs it: levels in quote currency, fees of 2 and 5 bps."""
    config = EngineConfig.flat(
        spacing_bps=8,
        levels=5,
        notional_per_level=Decimal(200),
        recenter_bps=60,
        maker_fee_bps_x100=200,
        taker_fee_bps_x100=500,
        tick_sizes=demo_events().tick_sizes,
    )
    return run(demo_events(), config)


def test_every_pass_gives_the_same_events() -> None:
    demo = demo_events()
    first = [event for event, _ in zip(demo, range(500), strict=False)]
    assert first == [event for event, _ in zip(demo, range(500), strict=False)]
    other = [event for event, _ in zip(DemoEvents(root=1), range(500), strict=False)]
    assert other != first


def test_it_is_six_hours_of_two_markets_in_order() -> None:
    counts: Counter[str] = Counter()
    first = latest = 0
    for seq, event in enumerate(demo_events()):
        payload = event.payload
        assert isinstance(payload, Snapshot)
        assert event.seq == seq
        assert event.ts_ms >= latest
        first, latest = first or event.ts_ms, event.ts_ms
        counts[payload.symbol] += 1
        tick = demo_events().tick_sizes[payload.symbol]
        assert payload.bid_price % tick == 0
    assert counts == {market.symbol: 20_000 for market in DEMO_MARKETS}
    assert 5 * HOUR_MS < latest - first <= 6 * HOUR_MS


def test_a_first_session_trades_and_mostly_passes_its_gates(session: PaperResult) -> None:
    stats = session.stats
    assert session.errors == ()
    assert 300 <= stats.total_fills <= 900
    assert stats.orders_placed >= 300
    assert stats.events_gated * 100 < stats.events_processed
    assert set(session.final_positions) == {"BTCUSDT", "DOGEUSDT"}
    assert session.fees_paid > 0


def test_its_two_incidents_show_two_gates_at_work(session: PaperResult) -> None:
    blocked = session.stats.gate_blocked
    assert blocked["toxicity_gate:SPREAD_SPIKE"] == 40
    assert 1 <= blocked["toxicity_gate:PRICE_IMPACT_HIGH"] <= 12


def test_the_data_names_itself_as_generated() -> None:
    assert demo_events().name == "demo (generated, seed 0)"
