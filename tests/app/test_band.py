"""The same session under other fill models: a range, in order, that leaves the run alone."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from grinder_app.runner.band import MODES, RANKED, add_up, fill_band
from grinder_core.contracts.enums import FillMode
from grinder_core.engine.config import EngineConfig
from grinder_core.session.result import run
from tests.support.factories import mid_quote, quote

SWING = ("100", "99.95", "99.9", "99.85", "99.95", "100.05", "100.1", "100.15", "100")
EVENTS = [mid_quote(i * 1_000, mid) for i, mid in enumerate(SWING * 4)]


def a_config(mode: FillMode) -> EngineConfig:
    return EngineConfig.flat(
        levels=2, size_per_level="1", spacing_bps=5, fill_mode=mode, maker_fee_bps_x100=200
    )


# depth fills need books, which these quotes lack
@pytest.mark.parametrize("mode", [mode for mode in RANKED if mode is not FillMode.L2])
def test_the_band_holds_the_run_and_every_model_from_optimistic_to_pessimistic(
    mode: FillMode,
) -> None:
    config = a_config(mode)
    own = run(EVENTS, config)
    band = fill_band(config, EVENTS, own)
    assert {row.fill_mode for row in band} == {*MODES, mode}
    assert [RANKED.index(row.fill_mode) for row in band] == sorted(
        RANKED.index(row.fill_mode) for row in band
    )
    (mine,) = (row for row in band if row.is_own)
    assert (mine.fill_mode, mine.net_pnl, mine.fills) == (mode, own.net_pnl, own.stats.total_fills)


def test_every_row_is_what_that_model_gives_by_itself() -> None:
    config = a_config(FillMode.CROSSING)
    for row in fill_band(config, EVENTS, run(EVENTS, config)):
        alone = run(EVENTS, a_config(row.fill_mode))
        assert (row.net_pnl, row.fills, row.fees, row.max_drawdown) == (
            alone.net_pnl,
            alone.stats.total_fills,
            alone.fees_paid,
            alone.max_drawdown,
        )


def test_a_harder_model_fills_later_or_never() -> None:
    """One dip that ends between the levels' touch and their crossing."""
    dip = [
        quote(0, "99.99", "100.01"),
        quote(1_000, "99.95", "99.99"),
        quote(2_000, "100", "100.02"),
    ]
    config = EngineConfig.flat(levels=1, size_per_level="1", spacing_bps=5)
    fills = [row.fills for row in fill_band(config, dip, run(dip, config))]
    assert all(soft >= hard for soft, hard in pairwise(fills))
    assert fills[0] > fills[-1]


def test_progress_counts_every_event_of_every_further_run() -> None:
    told: list[int] = []
    config = a_config(FillMode.CROSSING)
    fill_band(config, EVENTS, run(EVENTS, config), tell=told.append)
    assert sum(told) == 2 * len(EVENTS)


def test_bands_of_sessions_add_up_and_keep_the_deepest_drawdown() -> None:
    config = a_config(FillMode.QUOTE)
    one = fill_band(config, EVENTS, run(EVENTS, config))
    two = fill_band(config, EVENTS[:9], run(EVENTS[:9], config))
    both = add_up([one, two])
    assert [row.fill_mode for row in both] == [row.fill_mode for row in one]
    for row, first, second in zip(both, one, two, strict=True):
        assert row.net_pnl == first.net_pnl + second.net_pnl
        assert row.fills == first.fills + second.fills
        assert row.max_drawdown == max(first.max_drawdown, second.max_drawdown)
    assert add_up([]) == ()
    assert isinstance(both[0].fees, Decimal)
