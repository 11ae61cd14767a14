"""Level sizes that keep the worst case of one side inside a risk budget (CORE-25)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_core.contracts.checks import is_number
from grinder_core.contracts.enums import SizingMode
from grinder_core.errors import ContractError
from grinder_core.numbers import ZERO, dec_down, exact

UTILIZATION_DIGITS: Final = 4
QTY_DIGITS_MAX: Final = 8
MIN_QTY: Final = Decimal("0.0001")


@frozen(kw_only=True)
class SizeSchedule:
    """How large each level of a side may be.

    Attributes:
        qty_per_level: Base quantity of level ``i`` at index ``i-1``, innermost first; 0 where the
            level is too small to be an order.
        worst_case_loss: What the whole side, filled at the centre, loses in the adverse move,
            quote currency, exact.
        max_loss_usd: The budget, quote currency, exact; never below ``worst_case_loss``.
        risk_utilization: Their ratio, rounded down to 4 digits.
    """

    qty_per_level: tuple[Decimal, ...]
    worst_case_loss: Decimal
    max_loss_usd: Decimal
    risk_utilization: Decimal


def size_levels(
    *,
    equity: Decimal,
    dd_budget: Decimal,
    adverse_move: Decimal,
    price: Decimal,
    n_levels: int,
    mode: SizingMode = SizingMode.UNIFORM,
    qty_precision: int = QTY_DIGITS_MAX,
    min_qty: Decimal = MIN_QTY,
) -> SizeSchedule:
    """Spread a side's risk budget over its levels, each rounded down once (CORE-25).

    Args:
        equity: Quote currency, ``> 0``; static configuration, not the equity of the moment.
        dd_budget: Share of it that the side may lose, in ``(0, 1]``.
        adverse_move: Move against the filled side, in ``(0, 1]``.
        price: The plan's centre, quote currency, ``> 0``; every level counts as filled there.
        n_levels: Levels of the longer side, ``>= 1``.
        mode: Weights of the levels from the centre outwards.
        qty_precision: Fractional digits of a level, 0 to 8.
        min_qty: A smaller level becomes 0, base asset, ``>= 0``.

    Raises:
        ContractError: An argument out of its range.

    Source:
        CORE-25. Existing inventory is not considered.

    Example:
        >>> schedule = size_levels(equity=Decimal(10000), dd_budget=Decimal("0.20"),
        ...     adverse_move=Decimal("0.25"), price=Decimal(50000), n_levels=5)
        >>> schedule.qty_per_level[0], schedule.risk_utilization
        (Decimal('0.03200000'), Decimal('1.0000'))
    """
    _check_positive("equity", equity)
    _check_share("dd_budget", dd_budget)
    _check_share("adverse_move", adverse_move)
    _check_positive("price", price)
    _check_count("n_levels", n_levels, 1)
    _check_count("qty_precision", qty_precision, 0, QTY_DIGITS_MAX)
    if not is_number(min_qty) or min_qty < 0:
        raise ContractError("must be a decimal >= 0", field="min_qty", value=min_qty)
    if not isinstance(mode, SizingMode):
        modes = ", ".join(SizingMode)
        raise ContractError(f"must be one of {modes}", field="mode", value=mode)
    with exact():
        budget = equity * dd_budget
        loss_per_unit = price * adverse_move
        weights = _weights(mode, n_levels)
        per_weight = loss_per_unit * sum(weights)
        quantities = {
            w: dec_down(budget * w, qty_precision, per_weight) for w in dict.fromkeys(weights)
        }
        levels = tuple(ZERO if quantities[w] < min_qty else quantities[w] for w in weights)
        worst = sum(levels, ZERO) * loss_per_unit
        return SizeSchedule(
            qty_per_level=levels,
            worst_case_loss=worst,
            max_loss_usd=budget,
            risk_utilization=dec_down(worst, UTILIZATION_DIGITS, budget),
        )


def _weights(mode: SizingMode, n_levels: int) -> range | tuple[int, ...]:
    if mode is SizingMode.PYRAMID:
        return range(1, n_levels + 1)
    if mode is SizingMode.INVERSE_PYRAMID:
        return range(n_levels, 0, -1)
    return (1,) * n_levels


def _check_positive(name: str, value: Decimal) -> None:
    if not is_number(value) or value <= 0:
        raise ContractError("must be a decimal > 0", field=name, value=value)


def _check_share(name: str, value: Decimal) -> None:
    if not is_number(value) or not 0 < value <= 1:
        raise ContractError("must be a decimal in (0, 1]", field=name, value=value)


def _check_count(name: str, value: int, least: int, most: int | None = None) -> None:
    if type(value) is not int or value < least or (most is not None and value > most):
        bounds = f">= {least}" if most is None else f"from {least} to {most}"
        raise ContractError(f"must be an integer {bounds}", field=name, value=value)
