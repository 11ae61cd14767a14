"""What a venue allows on one symbol: lot rules (CORE-33) and leverage brackets."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from grinder_core.contracts.checks import check_decimal, is_number
from grinder_core.errors import ContractError
from grinder_core.settings import register_record


@register_record
@frozen(kw_only=True)
class SymbolConstraints:
    """Lot rules of one symbol.

    Attributes:
        step_size: Quantities are multiples of it, base asset; ``> 0``.
        min_qty: Smallest quantity of an order, base asset.
        tick_size: Price increment, quote currency; ``None`` where unknown.
        min_notional: Smallest ``price * quantity`` of an order that adds risk, quote currency;
            0 where the venue has no such rule.
    """

    step_size: Decimal
    min_qty: Decimal
    tick_size: Decimal | None = None
    min_notional: Decimal = Decimal(0)

    def __attrs_post_init__(self) -> None:
        _check_positive("step_size", self.step_size)
        _check_amount("min_qty", self.min_qty)
        _check_amount("min_notional", self.min_notional)
        if self.tick_size is not None:
            _check_positive("tick_size", self.tick_size)


@register_record
@frozen(kw_only=True)
class LeverageBracket:
    """One step of a symbol's maintenance margin schedule, as the venue publishes it.

    Attributes:
        notional_floor, notional_cap: Position notional it holds for, quote currency:
            ``floor < notional <= cap``.
        maint_margin_ratio: Share of the notional that must stay as margin, in ``[0, 1)``.
        cum: Amount taken off, so that the schedule has no jumps: margin is
            ``notional * maint_margin_ratio - cum``.
        max_leverage: Highest leverage the venue grants here.
    """

    notional_floor: Decimal
    notional_cap: Decimal
    maint_margin_ratio: Decimal
    cum: Decimal
    max_leverage: int

    def __attrs_post_init__(self) -> None:
        for name in ("notional_floor", "cum"):
            _check_amount(name, getattr(self, name))
        if not is_number(self.notional_cap) or self.notional_cap <= self.notional_floor:
            raise ContractError(
                f"must be a decimal > notional_floor {self.notional_floor}",
                field="notional_cap",
                value=self.notional_cap,
            )
        if not is_number(self.maint_margin_ratio) or not 0 <= self.maint_margin_ratio < 1:
            raise ContractError(
                "must be a fraction in [0, 1)",
                field="maint_margin_ratio",
                value=self.maint_margin_ratio,
            )
        if type(self.max_leverage) is not int or self.max_leverage < 1:
            raise ContractError(
                "must be an integer >= 1", field="max_leverage", value=self.max_leverage
            )


def _check_positive(name: str, value: Decimal) -> None:
    if not is_number(value) or value <= 0:
        raise ContractError("must be a decimal > 0", field=name, value=value)


def _check_amount(name: str, value: Decimal) -> None:
    check_decimal(name, value)
    if value < 0:
        raise ContractError("must be >= 0", field=name, value=value)
