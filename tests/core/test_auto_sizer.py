"""CORE-25: level sizes out of a risk budget."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.enums import SizingMode
from grinder_core.errors import ContractError
from grinder_core.numbers import fractional_digits
from grinder_core.sizing.auto_sizer import SizeSchedule, size_levels

D = Decimal
EXAMPLE: dict[str, Any] = {
    "equity": D(10_000),
    "dd_budget": D("0.20"),
    "adverse_move": D("0.25"),
    "price": D(50_000),
}


@pytest.mark.parametrize(
    ("changes", "quantities", "loss", "utilization"),
    [
        ({"n_levels": 5}, ["0.032"] * 5, "2000", "1"),
        ({"n_levels": 7}, ["0.02285714"] * 7, "1999.99975", "0.9999"),
        ({"n_levels": 7, "qty_precision": 3}, ["0.022"] * 7, "1925", "0.9625"),
        (
            {"n_levels": 4, "mode": SizingMode.PYRAMID},
            ["0.016", "0.032", "0.048", "0.064"],
            "2000",
            "1",
        ),
        (
            {"n_levels": 4, "mode": SizingMode.INVERSE_PYRAMID},
            ["0.064", "0.048", "0.032", "0.016"],
            "2000",
            "1",
        ),
    ],
)
def test_worked_example_core_25(
    changes: dict[str, Any], quantities: list[str], loss: str, utilization: str
) -> None:
    assert size_levels(**EXAMPLE, **changes) == SizeSchedule(
        qty_per_level=tuple(map(D, quantities)),
        worst_case_loss=D(loss),
        max_loss_usd=D(2000),
        risk_utilization=D(utilization),
    )


def test_a_level_below_the_least_size_is_left_out_and_one_at_it_stays() -> None:
    pyramid = {**EXAMPLE, "n_levels": 4, "mode": SizingMode.PYRAMID}
    schedule = size_levels(**pyramid, min_qty=D("0.032"))
    assert schedule.qty_per_level == (D(0), D("0.032"), D("0.048"), D("0.064"))
    assert schedule.worst_case_loss == D(1800)
    assert schedule.risk_utilization == D("0.9")
    assert size_levels(**EXAMPLE, n_levels=200_000).qty_per_level == (D(0),) * 200_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("equity", D(0)), ("equity", D(-1)), ("equity", D("Infinity")), ("equity", 10_000),
        ("dd_budget", D(0)), ("dd_budget", D("1.00000001")), ("dd_budget", D("NaN")),
        ("adverse_move", D(0)), ("adverse_move", D("1.1")), ("adverse_move", 0.25),
        ("price", D(0)), ("price", D(-5)),
        ("n_levels", 0), ("n_levels", True), ("n_levels", D(3)),
        ("qty_precision", -1), ("qty_precision", 9), ("qty_precision", D(2)),
        ("min_qty", D("-0.1")), ("min_qty", D("NaN")), ("mode", "UNIFORM"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ContractError) as caught:
        size_levels(**{**EXAMPLE, "n_levels": 5, field: value})
    assert caught.value.field == field


def positive(most: int, places: int = 8) -> st.SearchStrategy[Decimal]:
    return st.decimals(D(1).scaleb(-places), most, places=places)


INPUTS = st.fixed_dictionaries(
    {
        "equity": positive(10**9, 2),
        "dd_budget": positive(1),
        "adverse_move": positive(1),
        "price": positive(10**8),
        "n_levels": st.integers(1, 30),
        "mode": st.sampled_from(SizingMode),
        "qty_precision": st.integers(0, 8),
        "min_qty": st.decimals(0, 10, places=4),
    }
)


@given(INPUTS)
def test_the_worst_case_stays_inside_the_budget_by_less_than_one_digit_a_level(
    inputs: dict[str, Any],
) -> None:
    """The twin works on fractions: no level has room for one more unit of its last digit."""
    schedule = size_levels(**inputs)
    n, mode = inputs["n_levels"], inputs["mode"]
    weight = {
        SizingMode.UNIFORM: lambda i: 1,
        SizingMode.PYRAMID: lambda i: i,
        SizingMode.INVERSE_PYRAMID: lambda i: n - i + 1,
    }[mode]
    total = sum(weight(i) for i in range(1, n + 1))
    budget = Fraction(inputs["equity"]) * Fraction(inputs["dd_budget"])
    per_unit = Fraction(inputs["price"]) * Fraction(inputs["adverse_move"])
    digit = Fraction(1, 10 ** inputs["qty_precision"])
    assert len(schedule.qty_per_level) == n
    for i, qty in enumerate(schedule.qty_per_level, 1):
        exact = budget * weight(i) / (per_unit * total)
        if qty == 0:
            assert exact - exact % digit < Fraction(inputs["min_qty"]) or exact < digit
        else:
            assert 0 <= exact - Fraction(qty) < digit
            assert qty >= inputs["min_qty"]
            assert fractional_digits(qty) <= inputs["qty_precision"]
    loss = sum(map(Fraction, schedule.qty_per_level)) * per_unit
    assert Fraction(schedule.worst_case_loss) == loss <= budget == Fraction(schedule.max_loss_usd)
    assert 0 <= loss / budget - Fraction(schedule.risk_utilization) < Fraction(1, 10_000)


@given(INPUTS)
def test_levels_are_equal_growing_or_shrinking(inputs: dict[str, Any]) -> None:
    by_mode = {mode: size_levels(**{**inputs, "mode": mode}).qty_per_level for mode in SizingMode}
    assert len(set(by_mode[SizingMode.UNIFORM])) == 1
    pyramid = by_mode[SizingMode.PYRAMID]
    assert list(pyramid) == sorted(pyramid)
    assert by_mode[SizingMode.INVERSE_PYRAMID] == pyramid[::-1]


@given(
    INPUTS,
    st.sampled_from(["equity", "dd_budget", "price", "adverse_move"]),
    st.decimals("0.01", 1, places=4),
)
def test_more_budget_sizes_no_level_down_and_more_danger_none_up(
    inputs: dict[str, Any], name: str, shrink: Decimal
) -> None:
    less = {**inputs, name: max(inputs[name] * shrink, D("1E-12"))}
    larger, smaller = inputs, less
    if name in {"price", "adverse_move"}:
        larger, smaller = less, inputs
    pairs = zip(
        size_levels(**larger).qty_per_level, size_levels(**smaller).qty_per_level, strict=True
    )
    assert all(more >= fewer for more, fewer in pairs)
