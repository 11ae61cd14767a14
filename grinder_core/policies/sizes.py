"""How large the levels of a grid are: what a policy asks without knowing who answers."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import Protocol

from attrs import Factory, field, frozen

from grinder_core.numbers import notional_to_qty
from grinder_core.policies.settings import PolicySettings


class Sizes(Protocol):
    """Gives the size schedule of a grid.

    Two sizes with equal keys must give equal schedules: shapes are kept by the key.
    """

    @property
    def key(self) -> Hashable:
        """What the schedule depends on besides the number of levels; cheap to hash."""

    def __call__(self, n_levels: int) -> tuple[Decimal, ...]:
        """Return ``n_levels >= 1`` base quantities, innermost level first."""


@frozen
class UniformSizes:
    """The same base quantity at every level (CORE-22's legacy size)."""

    size: Decimal
    key: tuple[str, Decimal] = field(
        default=Factory(lambda self: ("uniform", self.size), takes_self=True),
        init=False,
        repr=False,
        eq=False,
    )

    def __call__(self, n_levels: int) -> tuple[Decimal, ...]:
        """Return that many times the size."""
        return (self.size,) * n_levels


def sizes_of(settings: PolicySettings, reference_price: Decimal) -> UniformSizes:
    """Return the configured sizes: ``notional_per_level`` at a price, else ``size_per_level``.

    Args:
        reference_price: Quote currency: the grid's anchor, or the mid before there is one. It
            should not follow the mid, or sizes change at every quote.

    Raises:
        ContractError: The price is needed and is not ``> 0``.

    Source:
        CORE-03, CORE-21, CORE-22.

    Example:
        >>> settings = PolicySettings(notional_per_level=Decimal(500))
        >>> sizes_of(settings, Decimal(50000)).size
        Decimal('0.01000000')
    """
    notional = settings.notional_per_level
    if notional is None:
        return UniformSizes(settings.size_per_level)
    return UniformSizes(notional_to_qty(notional, reference_price))
