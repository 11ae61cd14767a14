"""CORE-17: depth features, against a reading of the spec in fractions."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from fractions import Fraction
from math import floor, trunc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.codec import from_dict, to_dict
from grinder_core.contracts.features import L2FeatureSnapshot
from grinder_core.contracts.market import Level
from grinder_core.errors import ContractError
from grinder_core.indicators.depth_features import depth_features
from grinder_core.numbers import exact
from tests.support.strategies import hostile_contexts, prices, qtys

D = Decimal
Side = tuple[Level, ...]
ASKS = ((D("100.00"), D("0.5")), (D("100.10"), D(1)), (D("100.50"), D(2)))
BIDS = ((D("99.9"), D(4)), (D("99.8"), D(1)), (D("99.7"), D(1)))


ONE = D(1)


def measured(bids: Side, asks: Side, qty_ref: Decimal = ONE, top_n: int = 20) -> L2FeatureSnapshot:
    return depth_features("AAAUSDT", 7, bids, asks, top_n=top_n, qty_ref=qty_ref)


small_qtys = st.integers(0, 6).map(lambda n: D(n) / 2)


@st.composite
def books(draw: st.DrawFn) -> tuple[Side, Side]:
    """Sound books: close levels, huge gaps, extreme prices, empty sides, zero quantities."""
    near = st.integers(1, 60).map(lambda n: D(n) / 8)
    found = sorted(draw(st.lists(near | prices(), unique=True, max_size=12)))
    split = draw(st.integers(0, len(found)))
    levels = [(price, draw(small_qtys | qtys())) for price in found]
    return tuple(reversed(levels[:split])), tuple(levels[split:])


refs = st.integers(1, 30).map(lambda n: D(n) / 4) | qtys(low=1)


def expected(bids: Side, asks: Side, qty_ref: Decimal, top_n: int) -> dict[str, int]:
    """The spec's formulas over fractions, side by side with nothing shared."""
    named: dict[str, int] = {}
    sums = {}
    for order, book, levels in (("sell", "bid", bids), ("buy", "ask", asks)):
        real = [(Fraction(p), Fraction(q)) for p, q in levels if q][:top_n]
        want = Fraction(qty_ref)
        held = sums[book] = sum((q for _, q in real), Fraction(0))
        if held < want:
            impact, lacks = 10_000, 1
        else:
            best, rest, cost = real[0][0], want, Fraction(0)
            for price, qty in real:
                take = min(rest, qty)
                cost, rest = cost + price * take, rest - take
            worse = cost - best * want if order == "buy" else best * want - cost
            impact, lacks = min(10_000, floor(10_000 * worse / (best * want))), 0
        named[f"impact_{order}_topN_bps"] = impact
        named[f"impact_{order}_topN_insufficient_depth"] = lacks
        score = distance = 0
        if real:
            largest = max(q for _, q in real)
            at = next(p for p, q in real if q == largest)
            score = trunc(1000 * len(real) * largest / held)
            distance = trunc(10_000 * abs(at - real[0][0]) / real[0][0])
        named[f"wall_{book}_score_x1000"] = score
        named[f"wall_{book}_distance_bps"] = distance
    total = sums["bid"] + sums["ask"]
    named["depth_imbalance_bps"] = (
        trunc(10_000 * (sums["bid"] - sums["ask"]) / total) if total else 0
    )
    return named


def test_worked_example_core_17_a() -> None:
    found = measured(BIDS, ASKS, D(2))
    assert found.impact_buy_topN_bps == 17
    assert found.impact_buy_topN_insufficient_depth == 0
    short = measured(BIDS, ASKS, D(4))
    assert short.impact_buy_topN_bps == 10_000
    assert short.impact_buy_topN_insufficient_depth == 1


def test_worked_example_core_17_b() -> None:
    found = measured(BIDS, ASKS, D("5.5"))
    assert found.impact_sell_topN_bps == 3
    assert found.wall_bid_score_x1000 == 2000
    assert found.wall_ask_score_x1000 == 1714
    assert found.depth_imbalance_bps == 2631


@given(books(), refs, st.integers(1, 14))
def test_equals_the_spec_in_fractions(
    book: tuple[Side, Side], qty_ref: Decimal, top_n: int
) -> None:
    found = measured(*book, qty_ref, top_n)
    named = expected(*book, qty_ref, top_n)
    assert {name: getattr(found, name) for name in named} == named
    assert (found.ts_ms, found.symbol, found.top_n) == (7, "AAAUSDT", top_n)
    assert found.qty_ref == qty_ref
    assert from_dict(L2FeatureSnapshot, to_dict(found)) == found


@given(books(), refs, refs, st.integers(1, 14))
def test_impact_is_bounded_and_does_not_fall_with_the_quantity(
    book: tuple[Side, Side], one: Decimal, other: Decimal, top_n: int
) -> None:
    small, large = sorted((one, other))
    less, more = measured(*book, small, top_n), measured(*book, large, top_n)
    for name in ("impact_buy_topN_bps", "impact_sell_topN_bps"):
        assert 0 <= getattr(less, name) <= getattr(more, name) <= 10_000


@given(books(), refs, refs, st.integers(1, 14))
def test_quantity_added_at_the_best_price_never_raises_the_impact(
    book: tuple[Side, Side], qty_ref: Decimal, added: Decimal, top_n: int
) -> None:
    bids, asks = (tuple(level for level in side if level[1]) for side in book)
    with exact():
        deeper = [
            ((side[0][0], side[0][1] + added), *side[1:]) if side else () for side in (bids, asks)
        ]
    before, after = measured(bids, asks, qty_ref, top_n), measured(*deeper, qty_ref, top_n)
    assert after.impact_buy_topN_bps <= before.impact_buy_topN_bps
    assert after.impact_sell_topN_bps <= before.impact_sell_topN_bps


@given(books(), refs, st.integers(1, 14), st.integers(1, 10**6), st.integers(1, 10**6))
def test_the_units_of_price_and_quantity_do_not_matter(
    book: tuple[Side, Side], qty_ref: Decimal, top_n: int, tick: int, lot: int
) -> None:
    """So scaled integers give the same figures."""
    with localcontext(Context(prec=80)):
        scaled = [tuple((p * tick, q * lot) for p, q in side) for side in book]
        other = measured(*scaled, qty_ref * lot, top_n)
    found = measured(*book, qty_ref, top_n)
    assert {**to_dict(found), "qty_ref": ""} == {**to_dict(other), "qty_ref": ""}


@given(books(), refs, hostile_contexts())
def test_the_callers_context_does_not_matter(
    book: tuple[Side, Side], qty_ref: Decimal, context: Context
) -> None:
    calm = measured(*book, qty_ref)
    with localcontext(context):
        assert measured(*book, qty_ref) == calm


def test_the_first_of_equally_large_levels_is_the_wall() -> None:
    bids = ((D(100), D(1)), (D(99), D(3)), (D(98), D(3)))
    assert measured(bids, ()).wall_bid_distance_bps == 100


def test_an_empty_book_lacks_everything() -> None:
    found = measured((), ((D(1), D(0)),))
    assert found.impact_buy_topN_insufficient_depth == 1
    assert found.impact_sell_topN_insufficient_depth == 1
    assert found.impact_buy_topN_bps == found.impact_sell_topN_bps == 10_000
    assert found.wall_ask_score_x1000 == found.depth_imbalance_bps == 0


def test_a_side_that_holds_exactly_the_quantity_has_enough() -> None:
    assert measured(BIDS, ASKS, D("3.5")).impact_buy_topN_insufficient_depth == 0
    assert measured(BIDS, ASKS, D("3.50000001")).impact_buy_topN_insufficient_depth == 1


@pytest.mark.parametrize(
    ("bids", "asks", "field"),
    [
        (((D(9), D(1)), (D(9), D(1))), (), "bids"),
        (((D(8), D(1)), (D(9), D(1))), (), "bids"),
        ((), ((D(9), D(1)), (D(9), D(1))), "asks"),
        ((), ((D(9), D(1)), (D(8), D(1))), "asks"),
        (((D(9), D(1)),), ((D(9), D(1)),), "asks"),  # locked
        (((D(9), D(1)),), ((D(8), D(1)),), "asks"),  # crossed
        (((D(9), D(1)), (D(8), D(1)), (D(8), D(1))), (), "bids"),  # beyond top_n
    ],
)
def test_an_unsound_book_is_refused(bids: Side, asks: Side, field: str) -> None:
    with pytest.raises(ContractError) as refused:
        measured(bids, asks, top_n=1)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        (((D(9), D(0)), (D(8), D(1))), ((D(9), D(1)),)),
        (((D(8), D(1)), (D(9), D(0))), ((D(9), D(1)),)),
        (((D(8), D(1)),), ((D(8), D(0)), (D(9), D(1)))),
    ],
)
def test_zero_quantities_are_dropped_before_the_book_is_judged(bids: Side, asks: Side) -> None:
    plain = measured(((D(8), D(1)),), ((D(9), D(1)),))
    assert measured(bids, asks) == plain


@pytest.mark.parametrize("top_n", [0, -1, True, D(1)])
def test_top_n_must_be_a_positive_integer(top_n: int) -> None:
    with pytest.raises(ContractError, match="top_n"):
        measured(BIDS, ASKS, top_n=top_n)


@pytest.mark.parametrize("qty_ref", [D(0), D(-1), D("NaN"), D("Infinity"), 1])
def test_the_quantity_must_be_positive(qty_ref: Decimal) -> None:
    with pytest.raises(ContractError, match="qty_ref"):
        measured(BIDS, ASKS, qty_ref)
