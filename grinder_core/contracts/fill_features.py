"""What the fill model looks at (ML-16): four small integers and names, nothing of the outcome."""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_core.contracts.checks import check_int, is_number
from grinder_core.contracts.enums import Side
from grinder_core.errors import ContractError
from grinder_core.numbers import exact

NOTIONAL_BORDERS: Final = (Decimal(100), Decimal(500), Decimal(1000), Decimal(5000))
HOLDING_BORDERS_MS: Final = (1_000, 10_000, 60_000, 300_000)
DIRECTIONS: Final = ("long", "short")
MOST_FILLS: Final = 3  # more count as so many


@frozen(kw_only=True)
class FillFeatures:
    """One entry, as the fill model sees it (FillModelFeaturesV0).

    Attributes:
        direction: ``long`` or ``short``.
        notional_bucket: 0 to 4; borders at 100, 500, 1000, 5000 in quote currency.
        entry_fill_count: 1 to 3; three and more are one.
        holding_ms_bucket: 0 to 4; borders at 1, 10, 60, 300 seconds.
    """

    direction: str
    notional_bucket: int
    entry_fill_count: int
    holding_ms_bucket: int

    def __attrs_post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise ContractError("must be long or short", field="direction", value=self.direction)
        for name, low, high in (
            ("notional_bucket", 0, len(NOTIONAL_BORDERS)),
            ("entry_fill_count", 1, MOST_FILLS),
            ("holding_ms_bucket", 0, len(HOLDING_BORDERS_MS)),
        ):
            value = getattr(self, name)
            check_int(name, value, ge=low)
            if value > high:
                raise ContractError(f"must be <= {high}", field=name, value=value)

    @classmethod
    def of(
        cls, direction: str, notional: Decimal, *, entry_fill_count: int, holding_ms: int
    ) -> FillFeatures:
        """Sort measures into their buckets; a border belongs to the bucket above it.

        Args:
            direction: ``long`` or ``short``.
            notional: Price times quantity, quote currency, ``>= 0``.
            entry_fill_count: Fills that opened the position, ``>= 1``.
            holding_ms: Time from the first to the last fill, ``>= 0``.

        Raises:
            ContractError: Another direction, or a measure out of range.

        Example:
            >>> seen = FillFeatures.of("long", Decimal(500), entry_fill_count=7, holding_ms=999)
            >>> seen.notional_bucket, seen.entry_fill_count, seen.holding_ms_bucket
            (2, 3, 0)
        """
        if not is_number(notional) or notional < 0:
            raise ContractError("must be a finite decimal >= 0", field="notional", value=notional)
        check_int("holding_ms", holding_ms)
        check_int("entry_fill_count", entry_fill_count, ge=1)
        return cls(
            direction=direction,
            notional_bucket=bisect_right(NOTIONAL_BORDERS, notional),
            entry_fill_count=min(entry_fill_count, MOST_FILLS),
            holding_ms_bucket=bisect_right(HOLDING_BORDERS_MS, holding_ms),
        )

    @classmethod
    def of_entry(cls, side: Side, price: Decimal, qty: Decimal) -> FillFeatures:
        """Return what is known of an order before it fills: one fill, held for no time.

        Args:
            side: BUY opens ``long``, SELL opens ``short``.
            price, qty: Quote price and base quantity.

        Raises:
            ContractError: A price or quantity that is no number ``>= 0``.

        Example:
            >>> FillFeatures.of_entry(Side.BUY, Decimal(250), Decimal(3)).notional_bucket
            2
        """
        for name, value in (("price", price), ("qty", qty)):
            if not is_number(value) or value < 0:
                raise ContractError("must be a finite decimal >= 0", field=name, value=value)
        direction = "long" if side is Side.BUY else "short"
        with exact():
            notional = price * qty
        return cls.of(direction, notional, entry_fill_count=1, holding_ms=0)
