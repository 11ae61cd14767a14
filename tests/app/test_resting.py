"""Which orders rest in two runs, told by their news."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from grinder_app.runner.output_rows import CANCELLED, FILL, PLACED, REFUSED, REPLACED, News
from grinder_app.runner.resting import Resting

D = Decimal
ORDER = ("BUY", 1, "100")


def news(kind: str, qty: str = "2", level: int = 1, price: str = "100") -> News:
    return News(kind, "BUY", level, price, qty)


def a_resting(a: tuple[News, ...] = (), b: tuple[News, ...] = ()) -> Resting[str]:
    found: Resting[str] = Resting()
    found.take("A", a)
    found.take("B", b)
    return found


def test_an_order_rests_until_it_is_filled_whole() -> None:
    found = a_resting((news(PLACED), news(FILL, "0.5")))
    assert found.open["A"] == {ORDER: D("1.5")}
    found.take("A", (news(FILL, "1.5"),))
    assert found.open["A"] == {}


def test_an_order_that_is_over_does_not_rest() -> None:
    for kind in (CANCELLED, REFUSED):
        assert a_resting((news(PLACED), news(kind))).is_same


def test_a_level_holds_one_order() -> None:
    found = a_resting((news(PLACED), news(PLACED, level=2), news(REPLACED, "3", price="99")))
    assert found.open["A"] == {("BUY", 2, "100"): D(2), ("BUY", 1, "99"): D(3)}


def test_only_an_order_that_differs_is_blamed() -> None:
    found = a_resting((news(PLACED), news(PLACED, level=2)), (news(PLACED),))
    found.blame(ORDER, "late")
    assert found.why() is None  # it rests in both, and nobody said why the other does not
    found.take("B", (news(FILL, "1"),))
    assert found.why() == "late"
    found.blame(("BUY", 2, "100"), "refused")
    found.take("A", (news(FILL, "1"),))
    assert found.why() == "refused"


@given(st.lists(st.sampled_from([PLACED, FILL, CANCELLED, REPLACED]), max_size=30))
def test_runs_that_are_told_the_same_rest_the_same(kinds: list[str]) -> None:
    told = tuple(news(kind, "1", number % 3, str(number)) for number, kind in enumerate(kinds))
    found = a_resting(told, told)
    assert found.is_same
    assert found.why() is None
    assert all(qty > 0 for qty in found.open["A"].values())


def test_old_orders_are_forgotten() -> None:
    found: Resting[str] = Resting()
    for number in range(1_000):
        found.blame(("BUY", 1, str(number)), "late")
        found.take("A", (news(PLACED, price=str(number)), news(CANCELLED, price=str(number))))
    assert len(found.whys) < 100
