"""Scenes and quotes: what each scene promises, for any seed and under any decimal context."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.synthetic.quoting import Market, interleave
from grinder_adapters.synthetic.scenes import (
    clamped,
    flat,
    jumped,
    mean_reverting,
    regular_times,
    slide,
    spread_shock,
    uneven_times,
    usual_spreads,
)
from grinder_core.errors import ContractError

SEEDS = st.integers(min_value=0, max_value=2**64 - 1)
MARKET = Market(
    symbol="AAAUSDT", tick_size=Decimal("0.05"), step_size=Decimal("0.001"), depth_steps=500
)


def test_a_slide_ends_where_it_should_in_even_steps() -> None:
    assert slide(100, 110, 5) == [102, 104, 106, 108, 110]
    assert slide(10, 0, 4)[-1] == 0


@given(SEEDS)
def test_a_pulled_walk_stays_nearer_than_a_free_one(seed: int) -> None:
    free = mean_reverting(seed, 10_000, 400, sd_milliticks=5_000, pull_ppm=0)
    held = mean_reverting(seed, 10_000, 400, sd_milliticks=5_000, pull_ppm=200_000)
    assert len(free) == len(held) == 400
    assert max(abs(price - 10_000) for price in held) < 60
    assert free == mean_reverting(seed, 10_000, 400, sd_milliticks=5_000, pull_ppm=0)


def test_a_wandering_anchor_takes_the_walk_along() -> None:
    path = mean_reverting(
        1, 100_000, 3_000, sd_milliticks=1_000, pull_ppm=200_000, drift_milliticks=20_000
    )
    assert max(path) - min(path) > 500


def test_a_walk_into_zero_is_refused() -> None:
    with pytest.raises(ContractError, match="stay above 0"):
        mean_reverting(1, 5, 200, sd_milliticks=9_000, pull_ppm=0)


def test_a_jump_moves_prices_by_its_share() -> None:
    assert jumped([10_000, 20_000], 600) == [10_600, 21_200]
    assert jumped([10_000], -600) == [9_400]


def test_clamping_holds_both_ends() -> None:
    assert clamped([1, 5, 9], 3, 7) == [3, 5, 7]


@given(SEEDS)
def test_usual_spreads_widen_now_and_then(seed: int) -> None:
    spreads = usual_spreads(seed, 800, 2)
    assert set(spreads) <= {2, 3, 4, 5}
    assert 10 <= sum(spread > 2 for spread in spreads) <= 110


def test_a_spread_shock_lies_where_it_was_put() -> None:
    assert spread_shock([1] * 6, 2, 3, 9) == [1, 1, 9, 9, 9, 1]


@given(SEEDS)
def test_uneven_times_rise_and_keep_to_their_intervals(seed: int) -> None:
    times = uneven_times(seed, 1_000, 50, 100)
    assert times == sorted(times)
    assert [(t - 1_000) // 100 for t in times] == list(range(50))


@given(SEEDS, st.integers(min_value=1, max_value=9))
def test_quotes_lie_on_the_tick_and_keep_their_spread(seed: int, spread: int) -> None:
    mids = mean_reverting(seed, 2_000, 40, sd_milliticks=3_000, pull_ppm=10_000)
    times = regular_times(0, 40, 10)
    for quote in MARKET.quotes(seed, times, mids, flat(spread, 40)):
        assert quote.bid_price % MARKET.tick_size == 0
        assert quote.ask_price - quote.bid_price == spread * MARKET.tick_size
        assert 0 < quote.bid_qty <= 2 * MARKET.depth_steps * MARKET.step_size
        assert quote.bid_qty % MARKET.step_size == 0
        assert quote.last_price in {quote.bid_price, quote.ask_price}


def test_an_even_spread_has_its_mid_on_the_path() -> None:
    quotes = MARKET.quotes(0, [0, 1], [100, 101], [2, 4])
    assert [q.mid_price for q in quotes] == [Decimal("5.00"), Decimal("5.05")]


def test_the_callers_decimal_context_changes_nothing() -> None:
    def make() -> list[object]:
        mids = mean_reverting(4, MARKET.ticks("98765.45"), 30, sd_milliticks=900, pull_ppm=0)
        return list(MARKET.quotes(4, regular_times(0, 30, 1), mids, flat(1, 30)))

    plain = make()
    with localcontext() as context:
        context.prec, context.rounding = 2, ROUND_UP
        assert make() == plain


def test_a_price_off_the_tick_is_refused() -> None:
    with pytest.raises(ContractError, match="multiple of the tick"):
        MARKET.ticks("1.01")


def test_markets_merge_by_time_with_equal_times_in_the_given_order() -> None:
    other = Market(symbol="BB", tick_size=Decimal(1), step_size=Decimal(1), depth_steps=5)
    events = list(
        interleave(
            [
                MARKET.quotes(0, [10, 20, 30], [100] * 3, [1] * 3),
                other.quotes(0, [5, 20], [100] * 2, [1] * 2),
            ]
        )
    )
    assert [event.seq for event in events] == [0, 1, 2, 3, 4]
    told = [(event.ts_ms, event.payload.symbol) for event in events]  # type: ignore[union-attr]
    assert told == [(5, "BB"), (10, "AAAUSDT"), (20, "AAAUSDT"), (20, "BB"), (30, "AAAUSDT")]
