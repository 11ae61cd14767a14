"""CORE-01: every operator against exact rationals, whatever digits or context it is given."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, getcontext, localcontext
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.errors import ContractError
from grinder_core.numbers import (
    abs_ret_bps,
    bps,
    canonical,
    ceil_div,
    dec_down,
    dec_half_even,
    dec_up,
    exact,
    floor_div,
    fractional_digits,
    half_even_div,
    isqrt,
    notional_to_qty,
    parse_decimal,
    trunc_div,
)
from tests.support.strategies import hostile_contexts, prices, scaled

D = Decimal

money = scaled(-(10**30), 10**30, 17)
divisors = st.one_of(scaled(1, 10**25, 17), st.integers(1, 10**12).map(Decimal))
signed_divisors = st.builds(lambda d, sign: d * sign, divisors, st.sampled_from((1, -1)))


def trunc(x: Fraction) -> int:
    return int(x)


def half_even(x: Fraction) -> int:
    return round(x)


INTEGER_OPERATORS: dict[str, tuple[Callable[..., int], Callable[[Fraction], int]]] = {
    "trunc": (trunc_div, trunc),
    "floor": (floor_div, math.floor),
    "ceil": (ceil_div, math.ceil),
    "half_even": (half_even_div, half_even),
}


def away(x: Fraction) -> int:
    return math.ceil(x) if x > 0 else math.floor(x)


DECIMAL_OPERATORS: dict[str, tuple[Callable[..., Decimal], Callable[[Fraction], int]]] = {
    "down": (dec_down, trunc),
    "up": (dec_up, away),
    "half_even": (dec_half_even, half_even),
}


@pytest.mark.parametrize("name", INTEGER_OPERATORS)
@given(a=money, b=signed_divisors)
def test_integer_operators_round_the_exact_quotient(name: str, a: Decimal, b: Decimal) -> None:
    operator, twin = INTEGER_OPERATORS[name]
    assert operator(a, b) == twin(Fraction(a) / Fraction(b))


@pytest.mark.parametrize("name", DECIMAL_OPERATORS)
@given(x=money, over=signed_divisors, places=st.integers(0, 18))
def test_decimal_operators_round_the_exact_quotient(
    name: str, x: Decimal, over: Decimal, places: int
) -> None:
    operator, twin = DECIMAL_OPERATORS[name]
    result = operator(x, places, over)
    assert Fraction(result) * 10**places == twin(Fraction(x) / Fraction(over) * 10**places)
    assert fractional_digits(result) <= places


@pytest.mark.parametrize("numerator", [D(5), D(15), D(25), D(-5), D(-15), D("0.5"), D("-2.5")])
def test_ties_go_to_the_even_neighbour(numerator: Decimal) -> None:
    assert half_even_div(numerator, 10) == round(Fraction(numerator) / 10)
    assert dec_half_even(numerator, 1, 100) == D(round(Fraction(numerator) / 10)) / 10


@given(a=money, b=divisors)
def test_trunc_is_odd_and_ceil_mirrors_floor(a: Decimal, b: Decimal) -> None:
    with exact():
        minus = -a
    assert trunc_div(minus, b) == -trunc_div(a, b)
    assert ceil_div(minus, b) == -floor_div(a, b)


@given(a=money, b=divisors, zeros=st.integers(1, 12))
def test_operators_depend_on_the_value_not_on_the_digits_supplied(
    a: Decimal, b: Decimal, zeros: int
) -> None:
    padded = D(f"{a:f}" + ("" if "." in f"{a:f}" else ".") + "0" * zeros)
    for operator, _ in INTEGER_OPERATORS.values():
        assert operator(padded, b) == operator(a, b)
    for rounder, _ in DECIMAL_OPERATORS.values():
        assert canonical(rounder(padded, 8, b)) == canonical(rounder(a, 8, b))


def test_worked_example_core_01() -> None:
    assert abs_ret_bps([D(100), D(101), D("100.5")]) == 149
    assert abs_ret_bps([D(50000), D("50000.4")] * 5) == 0
    assert trunc_div(-10000, 3) == -3333
    assert floor_div(-10000, 3) == -3334


def test_worked_example_core_03() -> None:
    assert notional_to_qty(D(500), D(50000)) == D("0.01")
    assert notional_to_qty(D(500), D("43210.5")) == D("0.01157126")
    assert notional_to_qty(D(500), D("43210.5"), 3) == D("0.011")


def slow_abs_ret_bps(values: list[Decimal]) -> int:
    terms = [
        math.floor(abs(Fraction(b) - Fraction(a)) * 10**18 / Fraction(a))
        for a, b in pairwise(values)
    ]
    return sum(terms) // 10**14


@given(st.lists(prices(), max_size=12))
def test_abs_ret_bps_equals_the_sum_over_exact_rationals(values: list[Decimal]) -> None:
    assert abs_ret_bps(values) == slow_abs_ret_bps(values)


@given(st.lists(scaled(1, 10**12), max_size=8), st.sampled_from((D(2), D(7), D("0.001"), D(1000))))
def test_abs_ret_bps_does_not_depend_on_the_scale_of_prices(
    values: list[Decimal], factor: Decimal
) -> None:
    with exact():
        scaled_values = [value * factor for value in values]
    assert abs_ret_bps(scaled_values) == abs_ret_bps(values)


def test_truncating_each_return_would_erase_sub_basis_point_ticks() -> None:
    prices_up = [D(100) + D("0.005") * i for i in range(21)]  # each step is half a basis point
    assert abs_ret_bps(prices_up) == 9  # the exact sum is 9.99


@given(a=money, b=divisors)
def test_bps_is_the_truncated_ratio(a: Decimal, b: Decimal) -> None:
    assert bps(a, b) == trunc(10_000 * Fraction(a) / Fraction(b))


@given(st.integers(0, 10**40))
def test_isqrt_is_the_floor_of_the_root(k: int) -> None:
    root = isqrt(k)
    assert root * root <= k < (root + 1) * (root + 1)


@pytest.mark.parametrize("over", [D(0), D("-0"), D("0.000")])
def test_a_division_by_zero_is_refused(over: Decimal) -> None:
    for operator, _ in INTEGER_OPERATORS.values():
        with pytest.raises(ContractError):
            operator(D(1), over)
    for rounder, _ in DECIMAL_OPERATORS.values():
        with pytest.raises(ContractError):
            rounder(D(1), 8, over)
    with pytest.raises(ContractError):
        bps(D(1), over)


def test_a_negative_root_is_refused() -> None:
    with pytest.raises(ContractError, match="k = -1"):
        isqrt(-1)


@given(scaled(0, 10**20), prices(), st.integers(0, 8))
def test_a_notional_never_buys_more_than_it_is_worth(
    notional: Decimal, price: Decimal, precision: int
) -> None:
    qty = notional_to_qty(notional, price, precision)
    assert Fraction(qty) * Fraction(price) <= Fraction(notional)
    unit = Fraction(1, 10**precision)
    assert (Fraction(qty) + unit) * Fraction(price) > Fraction(notional)


@given(scaled(0, 10**18), scaled(0, 10**18), prices())
def test_a_larger_notional_never_buys_less(one: Decimal, two: Decimal, price: Decimal) -> None:
    low, high = sorted((one, two))
    assert notional_to_qty(low, price) <= notional_to_qty(high, price)


@pytest.mark.parametrize(("notional", "price"), [("1", "0"), ("1", "-1"), ("-1", "1")])
def test_notional_to_qty_refuses_what_makes_no_sense(notional: str, price: str) -> None:
    with pytest.raises(ContractError):
        notional_to_qty(D(notional), D(price))


@given(money)
def test_printing_then_parsing_loses_nothing_and_settles(x: Decimal) -> None:
    text = canonical(x)
    assert parse_decimal(text) == x
    assert canonical(parse_decimal(text)) == text


@given(money, st.integers(0, 20))
def test_equal_values_print_equally(x: Decimal, zeros: int) -> None:
    with exact():
        padded = x.quantize(D(1).scaleb(-17 - zeros))
    assert canonical(padded) == canonical(x)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40))
def test_a_printed_number_is_plain(x: Decimal) -> None:
    text = canonical(x)
    assert not set(text) - set("-0123456789.")
    assert "." not in text or not text.endswith(("0", "."))
    assert text == "0" or not text.lstrip("-").startswith("00")
    assert text != "-0"


@pytest.mark.parametrize(
    ("number", "text"),
    [("1.50", "1.5"), ("1E+3", "1000"), ("-0.0", "0"), ("0E+9", "0"), ("1E-9", "0.000000001")],
)
def test_canonical_text(number: str, text: str) -> None:
    assert canonical(D(number)) == text


@pytest.mark.parametrize("number", ["NaN", "-NaN", "sNaN", "Infinity", "-Infinity", "NaN12"])
def test_what_is_no_number_has_no_canonical_text(number: str) -> None:
    with pytest.raises(ContractError):
        canonical(D(number))


@pytest.mark.parametrize(
    "given_value",
    ["", " 1", "1 ", "+1", "1e3", "1E3", ".5", "5.", "1.2.3", "NaN", "Infinity", "0x1", "1_000",
     "--1", "1\n", "\u0661", "1,5", 1, 1.5, None, True, D(1), b"1"],
)  # fmt: skip
def test_only_plain_decimal_strings_are_read(given_value: object) -> None:
    with pytest.raises(ContractError, match="price"):
        parse_decimal(given_value, "price")


@given(a=money, b=divisors, context=hostile_contexts())
def test_no_operator_minds_the_callers_context(a: Decimal, b: Decimal, context: object) -> None:
    expected = [f(a, b) for f, _ in INTEGER_OPERATORS.values()]
    expected_decimals = [canonical(f(a, 8, b)) for f, _ in DECIMAL_OPERATORS.values()]
    with localcontext(context):  # type: ignore[arg-type]
        assert [f(a, b) for f, _ in INTEGER_OPERATORS.values()] == expected
        assert [canonical(f(a, 8, b)) for f, _ in DECIMAL_OPERATORS.values()] == expected_decimals


def test_the_exact_context_leaves_no_trace() -> None:
    before = repr(getcontext())
    with exact():
        _ = D(1) + D(2)
    assert repr(getcontext()) == before
