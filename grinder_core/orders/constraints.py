"""Lot rules of the venue, applied to a quantity right before it becomes an order (CORE-33).

Called inside ``exact()``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_core.contracts.enums import ExecReason
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.numbers import ceil_div, dec_down, floor_div

QTY_DIGITS: Final = 8  # of the order contract


@frozen
class Lot:
    """A quantity the venue takes, or why there is none.

    Attributes:
        qty: Rounded down, base asset; also where refused, for the record.
        refusal: ``None``: an order of ``qty`` may be sent.
    """

    qty: Decimal
    refusal: ExecReason | None


def floor_to_step(qty: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of ``step`` that is not above ``qty``.

    Args:
        qty: Base quantity, ``>= 0``.
        step: The lot's increment, ``> 0``.

    Raises:
        ContractError: ``step`` is 0.

    Example:
        >>> floor_to_step(Decimal("7.77"), Decimal("0.25"))
        Decimal('7.75')
    """
    return step * floor_div(qty, step)


def least_order(limits: SymbolConstraints, price: Decimal) -> Decimal:
    """Return the least quantity of an order at a price that adds risk, in whole steps.

    Args:
        limits: The symbol's rules.
        price: Quote currency, ``> 0``.

    Source:
        LIVE-35.

    Example:
        >>> limits = SymbolConstraints(
        ...     step_size=Decimal(1), min_qty=Decimal(1), min_notional=Decimal(5)
        ... )
        >>> least_order(limits, Decimal("0.15"))
        Decimal('34')
    """
    step = limits.step_size
    steps = max(ceil_div(limits.min_qty, step), ceil_div(limits.min_notional, price * step), 1)
    return step * steps


def constrain(
    qty: Decimal, price: Decimal, limits: SymbolConstraints | None, *, reduce_only: bool
) -> Lot:
    """Round a quantity down to a lot and judge whether it is large enough.

    Args:
        qty: What is wanted, base asset, ``>= 0``.
        price: The order's limit, quote currency.
        limits: The symbol's rules; ``None``: only the digits of the contract and 0 are judged.
        reduce_only: The order only shrinks a position; the venue exempts it from the least
            notional, never from the least quantity.

    Source:
        CORE-33; the least notional is the venue's ``MIN_NOTIONAL`` (ours).

    Example:
        >>> limits = SymbolConstraints(step_size=Decimal("0.001"), min_qty=Decimal("0.001"))
        >>> constrain(Decimal("0.0345"), Decimal(100), limits, reduce_only=False).qty
        Decimal('0.034')
    """
    rounded = dec_down(qty, QTY_DIGITS)
    if limits is not None:
        rounded = floor_to_step(rounded, limits.step_size)
    if rounded == 0 or (limits is not None and rounded < limits.min_qty):
        return Lot(rounded, ExecReason.EXEC_QTY_BELOW_MIN_QTY)
    if limits is not None and not reduce_only and price * rounded < limits.min_notional:
        return Lot(rounded, ExecReason.EXEC_NOTIONAL_BELOW_MIN)
    return Lot(rounded, None)
