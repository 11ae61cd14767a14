"""CORE-33: lot rules of the venue, and the venue's least notional."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.enums import ExecReason
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import exact
from grinder_core.orders.constraints import Lot, constrain, floor_to_step, least_order
from grinder_core.orders.settings import OrderSettings

D = Decimal
TOO_SMALL, TOO_CHEAP = ExecReason.EXEC_QTY_BELOW_MIN_QTY, ExecReason.EXEC_NOTIONAL_BELOW_MIN


def limits(step: str, least: str = "0", notional: str = "0") -> SymbolConstraints:
    return SymbolConstraints(step_size=D(step), min_qty=D(least), min_notional=D(notional))


def lot(
    qty: str, rules: SymbolConstraints | None, price: str = "100", *, reduce_only: bool = False
) -> Lot:
    with exact():
        return constrain(D(qty), D(price), rules, reduce_only=reduce_only)


@pytest.mark.parametrize(
    ("qty", "rules", "rounded", "refusal"),
    [
        ("0.0345", limits("0.001", "0.001"), "0.034", None),
        ("0.0009", limits("0.001", "0.001"), "0", TOO_SMALL),
        ("7.77", limits("0.25"), "7.75", None),
        ("0.3", limits("0.1"), "0.3", None),
    ],
)
def test_worked_example_core_33(
    qty: str, rules: SymbolConstraints, rounded: str, refusal: ExecReason | None
) -> None:
    assert lot(qty, rules) == Lot(D(rounded), refusal)


@pytest.mark.parametrize(
    ("qty", "rules", "rounded", "refusal"),
    [
        ("0.123456789", None, "0.12345678", None),
        ("0.000000009", None, "0", TOO_SMALL),
        ("0", None, "0", TOO_SMALL),
        ("0", limits("0.001"), "0", TOO_SMALL),
        ("0.00999", limits("0.001", "0.01"), "0.009", TOO_SMALL),
        ("0.4", limits("0.25", "0.3"), "0.25", TOO_SMALL),
        ("0.01", limits("0.001", "0.01"), "0.01", None),
    ],
)
def test_what_is_too_small_is_judged_after_rounding(
    qty: str, rules: SymbolConstraints | None, rounded: str, refusal: ExecReason | None
) -> None:
    assert lot(qty, rules) == Lot(D(rounded), refusal)


def test_the_least_notional_is_judged_after_rounding_and_spares_exits() -> None:
    rules = limits("0.1", "0.1", "50")
    assert lot("0.59", rules, "100") == Lot(D("0.5"), None)  # exactly 50
    assert lot("0.59", rules, "99.99") == Lot(D("0.5"), TOO_CHEAP)  # 58.99 before rounding
    assert lot("0.59", rules, "99.99", reduce_only=True) == Lot(D("0.5"), None)
    assert lot("0.09", rules, "99.99", reduce_only=True) == Lot(D(0), TOO_SMALL)


def test_a_step_of_0_is_refused() -> None:
    with pytest.raises(ContractError):
        floor_to_step(D(1), D(0))


QUANTITIES = st.decimals(0, 10**6, places=12)
STEPS = st.decimals("0.00000001", 1000, places=8)


@given(QUANTITIES, STEPS)
def test_floor_to_step_is_the_nearest_multiple_below(qty: Decimal, step: Decimal) -> None:
    with exact():
        rounded = floor_to_step(qty, step)
        assert 0 <= qty - rounded < step
        assert rounded % step == 0
        assert floor_to_step(rounded, step) == rounded


@given(
    QUANTITIES,
    st.decimals("0.00000001", 10**6, places=8),
    st.none()
    | st.builds(
        SymbolConstraints,
        step_size=STEPS,
        min_qty=st.decimals(0, 10, places=8),
        min_notional=st.decimals(0, 1000, places=2),
    ),
    st.booleans(),
)
def test_nothing_below_a_least_passes_and_nothing_above_both_is_refused(
    qty: Decimal, price: Decimal, rules: SymbolConstraints | None, reduce_only: bool
) -> None:
    with exact():
        result = constrain(qty, price, rules, reduce_only=reduce_only)
        assert 0 <= result.qty <= qty
        assert result.qty == round(result.qty, 8)
        least, notional = (D(0), D(0)) if rules is None else (rules.min_qty, rules.min_notional)
        is_enough = result.qty > 0 and result.qty >= least
        is_dear = reduce_only or result.qty * price >= notional
        assert (result.refusal is None) == (is_enough and is_dear)
        assert (result.refusal is TOO_SMALL) == (not is_enough)
        again = constrain(result.qty, price, rules, reduce_only=reduce_only)
        assert again == result


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"step_size": D("1E-9")}, "symbol_constraints.BTCUSDT.step_size"),
        ({"tick_size": D("1E-9")}, "symbol_constraints.BTCUSDT.tick_size"),
    ],
)
def test_rules_finer_than_an_order_are_no_setting(changes: dict[str, Any], field: str) -> None:
    values: dict[str, Any] = {"step_size": D("0.001"), "min_qty": D(0), **changes}
    with pytest.raises(ConfigError) as caught:
        OrderSettings(symbol_constraints={"BTCUSDT": SymbolConstraints(**values)})
    assert caught.value.field == field


@given(
    step=st.integers(1, 10**6),
    least=st.integers(0, 10**7),
    notional=st.integers(0, 10**6),
    price=st.integers(1, 10**9),
)
def test_the_least_order_is_taken_and_one_step_less_is_not(
    step: int, least: int, notional: int, price: int
) -> None:
    with exact():
        limits = SymbolConstraints(
            step_size=Decimal(step).scaleb(-4),
            min_qty=Decimal(least).scaleb(-4),
            min_notional=Decimal(notional).scaleb(-2),
        )
        at = Decimal(price).scaleb(-4)
        qty = least_order(limits, at)
        assert constrain(qty, at, limits, reduce_only=False) == Lot(qty, None)
        fewer = qty - limits.step_size
        assert constrain(fewer, at, limits, reduce_only=False).refusal is not None
