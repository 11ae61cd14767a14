"""CORE-38: positions and profit to the last digit; CORE-37: fees."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.enums import Side
from grinder_core.errors import ConfigError, ContractError
from grinder_core.ledger import SymbolLedger
from grinder_core.numbers import exact
from grinder_core.venue.fees import fee
from grinder_core.venue.settings import VenueSettings
from tests.support.factories import SYMBOL
from tests.support.strategies import hostile_contexts, prices, qtys, scaled

D = Decimal
small = scaled(1, 5 * 10**8)
fills = st.lists(
    st.tuples(st.sampled_from(Side), prices() | small, qtys(1) | small, scaled(0, 10**8)),
    max_size=15,
)


class PlainLedger:
    """Average cost over exact rationals; the one rounding is the removed cost's."""

    def __init__(self) -> None:
        self.qty = self.cost = self.realized = self.fees = Fraction(0)

    def apply(self, side: Side, price: Decimal, qty: Decimal, paid: Decimal) -> None:
        delta, p = Fraction(qty) * side.sign, Fraction(price)
        self.fees += Fraction(paid)
        if self.qty * delta < 0:
            closing = min(abs(delta), abs(self.qty))
            if closing == abs(self.qty):
                removed = self.cost
            else:
                units = round(self.cost * closing / abs(self.qty) * 10**16)
                removed = Fraction(units, 10**16)
            signed = closing if self.qty > 0 else -closing
            self.realized += signed * p - removed
            self.qty -= signed
            self.cost -= removed
            delta += signed
        self.qty += delta
        self.cost += delta * p


@given(fills, prices(), hostile_contexts())
def test_the_ledger_equals_its_rational_twin(
    trades: list[tuple[Side, Decimal, Decimal, Decimal]], mark: Decimal, ambient: Any
) -> None:
    ledger, twin = SymbolLedger(SYMBOL), PlainLedger()
    paid = Fraction(0)
    for side, price, qty, cost in trades:
        with localcontext(ambient):
            ledger.apply(side, price, qty, cost)
        twin.apply(side, price, qty, cost)
        paid += side.sign * Fraction(qty) * Fraction(price)
        assert Fraction(ledger.qty) == twin.qty
        assert Fraction(ledger.cost_basis) == twin.cost
        assert Fraction(ledger.realized_pnl) == twin.realized
        assert Fraction(ledger.fees_paid) == twin.fees
        with localcontext(ambient):
            unrealized = ledger.unrealized_pnl(mark)
        # the identity: nothing is created or lost
        total = Fraction(ledger.realized_pnl) + Fraction(unrealized)
        assert total == Fraction(ledger.qty) * Fraction(mark) - paid
        if ledger.qty:
            average = Fraction(ledger.cost_basis) / Fraction(ledger.qty)
            assert Fraction(ledger.avg_entry_price) * 10**8 == round(average * 10**8)
            assert ledger.cost_basis * ledger.qty > 0
        else:
            assert ledger.cost_basis == ledger.avg_entry_price == 0
    assert ledger.fill_count == len(trades)
    turnover = sum(Fraction(price) * Fraction(qty) for _, price, qty, _ in trades)
    assert Fraction(ledger.turnover) == turnover


def test_worked_example_core_38() -> None:
    ledger = SymbolLedger(SYMBOL)
    ledger.apply(Side.BUY, D(100), D(1))
    ledger.apply(Side.BUY, D(101), D(2))
    assert ledger.cost_basis == 302
    assert ledger.avg_entry_price == D("100.66666667")
    ledger.apply(Side.SELL, D(103), D(1))
    assert ledger.realized_pnl == D("2.3333333333333333")
    assert ledger.cost_basis == D("201.3333333333333333")
    ledger.apply(Side.SELL, D(102), D(3))
    assert (ledger.realized_pnl, ledger.qty, ledger.cost_basis) == (5, -1, -102)


def test_a_position_is_shown_at_its_mark() -> None:
    ledger = SymbolLedger(SYMBOL)
    ledger.apply(Side.SELL, D(100), D(2), D("0.04"))
    position = ledger.position(D("99.5"))
    assert (position.qty, position.avg_entry_price) == (-2, 100)
    assert (position.unrealized_pnl, position.realized_pnl) == (1, 0)
    assert ledger.fees_paid == D("0.04")


@pytest.mark.parametrize(("price", "qty"), [("0", "1"), ("-1", "1"), ("1", "0"), ("1", "-1")])
def test_an_impossible_fill_is_refused_and_changes_nothing(price: str, qty: str) -> None:
    ledger = SymbolLedger(SYMBOL)
    with pytest.raises(ContractError):
        ledger.apply(Side.BUY, D(price), D(qty))
    assert ledger == SymbolLedger(SYMBOL)


# -- fees (CORE-37) ----------------------------------------------------------------------------


@given(prices(), qtys(), st.integers(0, 10**6))
def test_a_fee_is_never_rounded_in_our_favour(price: Decimal, qty: Decimal, rate: int) -> None:
    with exact():
        paid = fee(price, qty, rate)
    due = Fraction(price) * Fraction(qty) * rate / 10**6
    assert 0 <= Fraction(paid) - due < Fraction(1, 10**8)
    assert (Fraction(paid) * 10**8).denominator == 1


@pytest.mark.parametrize(
    ("price", "qty", "rate", "expected"),
    [("100.5", "3", 200, "0.0603"), ("0.1234", "7", 500, "0.0004319"), ("1", "1", 0, "0"),
     ("0.00000001", "0.00000001", 1, "0.00000001")],
)  # fmt: skip
def test_the_fee_examples_of_the_page(price: str, qty: str, rate: int, expected: str) -> None:
    with exact():
        assert fee(D(price), D(qty), rate) == D(expected)


@pytest.mark.parametrize(
    "changes",
    [{"fill_after_ticks": -1}, {"maker_fee_bps_x100": -1}, {"taker_fee_bps_x100": 10**6 + 1},
     {"fill_mode": "quote "}, {"fill_mode": "l3"}, {"fill_after_ticks": True}],
)  # fmt: skip
def test_impossible_venue_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        VenueSettings(**changes)
