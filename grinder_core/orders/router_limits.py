"""What the venue takes on one symbol, as the router must know it (LIVE-15, LIVE-35).

More than ``SymbolConstraints`` holds, which are settings of a run and part of its digest: the
largest quantities and the price band come from the venue alone, and the band moves with the mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Self

from attrs import evolve, frozen

from grinder_core.contracts.checks import is_number
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import ContractError
from grinder_core.numbers import ZERO, ceil_div, floor_div, parse_decimal
from grinder_core.orders.exchange_info import parse_exchange_info

_REQUIRED: Final = ("tick_size", "step_size")
_OPTIONAL: Final = ("max_qty", "market_max_qty", "multiplier_up", "multiplier_down", "mark_price")


@frozen(kw_only=True)
class RouterLimits:
    """Rules for the orders of one symbol; ``None`` is no rule.

    Attributes:
        tick_size, step_size: Increments of prices and quantities.
        min_qty, min_notional: Least quantity, base asset; least ``price * qty`` of an order that
            is not reduce-only, quote currency.
        max_qty, market_max_qty: Largest quantity of a limit order and of one at the market.
        multiplier_up, multiplier_down: A BUY may be at most ``mark_price * multiplier_up``, a
            SELL at least ``mark_price * multiplier_down``.
        mark_price: The venue's newest; without it the band is not judged.
    """

    tick_size: Decimal
    step_size: Decimal
    min_qty: Decimal
    min_notional: Decimal = ZERO
    max_qty: Decimal | None = None
    market_max_qty: Decimal | None = None
    multiplier_up: Decimal | None = None
    multiplier_down: Decimal | None = None
    mark_price: Decimal | None = None

    def __attrs_post_init__(self) -> None:
        for name in (*_REQUIRED, *_OPTIONAL):
            value = getattr(self, name)
            is_absent = value is None and name in _OPTIONAL
            if not is_absent and not (is_number(value) and value > 0):
                raise ContractError("must be a decimal > 0", field=name, value=value)
        for name in ("min_qty", "min_notional"):
            value = getattr(self, name)
            if not is_number(value) or value < 0:
                raise ContractError("must be a decimal >= 0", field=name, value=value)
        least = max(1, ceil_div(self.min_qty, self.step_size))
        for name in ("max_qty", "market_max_qty"):
            most = getattr(self, name)
            # in whole steps, or an exit that is cut to it would be too small
            if most is not None and floor_div(most, self.step_size) < least:
                raise ContractError(
                    f"must hold {least} steps of {self.step_size}, for min_qty {self.min_qty}",
                    field=name,
                    value=most,
                )

    @classmethod
    def of(
        cls,
        constraints: SymbolConstraints,
        tick_size: Decimal | None = None,
        *,
        max_qty: Decimal | None = None,
        market_max_qty: Decimal | None = None,
        multiplier_up: Decimal | None = None,
        multiplier_down: Decimal | None = None,
    ) -> Self | None:
        """Add to the lot rules what they lack.

        Args:
            tick_size: Instead of the one in the constraints, if any.

        Returns:
            ``None`` where nobody knows the tick: then the router has no constraints.
        """
        tick = constraints.tick_size if tick_size is None else tick_size
        if tick is None:
            return None
        return cls(
            tick_size=tick,
            step_size=constraints.step_size,
            min_qty=constraints.min_qty,
            min_notional=constraints.min_notional,
            max_qty=max_qty,
            market_max_qty=market_max_qty,
            multiplier_up=multiplier_up,
            multiplier_down=multiplier_down,
        )

    def at_mark(self, mark_price: Decimal) -> Self:
        """Return the rules with the price band around another mark price."""
        return evolve(self, mark_price=mark_price)


def parse_router_limits(document: object) -> tuple[dict[str, RouterLimits], tuple[str, ...]]:
    """Read the rules of every symbol of an ``exchangeInfo`` body.

    As ``parse_exchange_info``: a symbol without lot rules or tick is left out, one with an
    invalid value with a warning. No mark price is set yet.

    Raises:
        ContractError: It is no ``exchangeInfo``.
    """
    known, warnings = parse_exchange_info(document)
    found: dict[str, RouterLimits] = {}
    more: list[str] = []
    entries = document["symbols"] if isinstance(document, Mapping) else ()
    for entry in entries:
        name = entry.get("symbol") if isinstance(entry, Mapping) else None
        if name not in known:
            continue  # parse_exchange_info said why
        try:
            limits = _limits_of(known[name], entry["filters"])
        except ContractError as error:
            more.append(f"{name} skipped: {error}")
        else:
            if limits is not None:
                found[name] = limits
    return dict(sorted(found.items())), (*warnings, *more)


def _limits_of(
    constraints: SymbolConstraints, filters: list[Mapping[str, Any]]
) -> RouterLimits | None:
    by_type = {str(item.get("filterType")): item for item in reversed(filters)}  # the first counts

    def bound(kind: str, key: str) -> Decimal | None:
        item = by_type.get(kind)
        return None if item is None else parse_decimal(item.get(key), key)

    return RouterLimits.of(
        constraints,
        max_qty=bound("LOT_SIZE", "maxQty"),
        market_max_qty=bound("MARKET_LOT_SIZE", "maxQty"),
        multiplier_up=bound("PERCENT_PRICE", "multiplierUp"),
        multiplier_down=bound("PERCENT_PRICE", "multiplierDown"),
    )
