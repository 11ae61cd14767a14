"""Orders that rest in two runs of one market, and why those differ that rest in one only."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Generic, TypeVar

from attrs import Factory, define

from grinder_app.runner.output_rows import CANCELLED, FILL, PLACED, REFUSED, REPLACED, News

Order = tuple[str, int, str]  # side, level, price
Why = TypeVar("Why")
SIDES: Final = ("A", "B")


@define
class Resting(Generic[Why]):
    """What rests of one symbol.

    Attributes:
        open: By run and order: the quantity that is left.
        whys: Of orders whose news differed: what made them differ.
    """

    open: dict[str, dict[Order, Decimal]] = Factory(lambda: {who: {} for who in SIDES})
    whys: dict[Order, Why] = Factory(dict)

    @property
    def is_same(self) -> bool:
        """Whether the same orders rest in both."""
        return self.open["A"] == self.open["B"]

    def blame(self, order: Order, why: Why) -> None:
        """Note why the two runs differ by an order."""
        self.whys[order] = why

    def why(self) -> Why | None:
        """Return why some order rests in one run only; ``None``: none does, or nobody said."""
        a, b = self.open["A"], self.open["B"]
        for order in (*a, *b) if a != b else ():
            if order in self.whys and a.get(order) != b.get(order):
                return self.whys[order]
        return None

    def take(self, who: str, told: Iterable[News]) -> None:
        """Fold what the venue told one run."""
        here = self.open[who]
        for news in told:
            order = news.order
            if news.kind == FILL:
                left = here.get(order, Decimal(0)) - Decimal(news.qty)
                if left > 0:
                    here[order] = left
                else:
                    here.pop(order, None)
            elif news.kind in {CANCELLED, REFUSED}:
                here.pop(order, None)
            elif news.kind in {PLACED, REPLACED}:
                if news.kind == REPLACED:  # a level has one order
                    for gone in [one for one in here if one[:2] == order[:2]]:
                        del here[gone]
                here[order] = Decimal(news.qty)
        self._forget()

    def _forget(self) -> None:
        if len(self.whys) > 4 * (len(self.open["A"]) + len(self.open["B"])) + 64:
            rest = self.open["A"].keys() | self.open["B"].keys()
            self.whys = {order: why for order, why in self.whys.items() if order in rest}
