"""What the venue trades, and its filters on the price and quantity of an order.

Source: ``exchangeInfo`` of the venue. Called inside ``exact()``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from attrs import Factory, field, frozen

from grinder_core.contracts.checks import check_symbol
from grinder_core.contracts.enums import BUY, Side
from grinder_core.contracts.limits import LeverageBracket
from grinder_core.errors import ContractError
from grinder_core.numbers import ZERO, canonical
from grinder_core.venue.exchange.refusals import Refused, refuse
from grinder_core.venue.exchange.vocabulary import SymbolStatus

NO_BRACKETS: Final = (
    LeverageBracket(
        notional_floor=ZERO,
        notional_cap=Decimal(10) ** 12,
        maint_margin_ratio=Decimal("0.004"),
        cum=ZERO,
        max_leverage=125,
    ),
)


@frozen(kw_only=True)
class Instrument:
    """One perpetual and its filters. A bound of 0 is switched off, as at the venue.

    Attributes:
        tick, min_price, max_price: PRICE_FILTER, quote currency.
        step, min_qty, max_qty: LOT_SIZE, base asset; ``market_*``: MARKET_LOT_SIZE.
        max_orders: Open orders of an account on this symbol.
        min_notional: Quote currency; reduce-only orders are exempt.
        multiplier_up, multiplier_down: PERCENT_PRICE, bounds of a limit relative to the mark.
        price_precision, qty_precision: Digits after the point that a request may carry;
            ``price_unit`` and ``qty_unit`` are one of the last of them.
        brackets: Leverage brackets, rising.
        liquidation_fee: Share of the notional.
        trigger_protect: Farthest the last print may be from the mark for an order with price
            protection to trigger, as a share of the mark.
    """

    symbol: str
    base_asset: str
    quote_asset: str = "USDT"
    status: SymbolStatus = SymbolStatus.TRADING
    tick: Decimal
    min_price: Decimal = ZERO
    max_price: Decimal = ZERO
    step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    market_step: Decimal
    market_min_qty: Decimal
    market_max_qty: Decimal
    max_orders: int = 200
    min_notional: Decimal = ZERO
    multiplier_up: Decimal = Decimal("1.05")
    multiplier_down: Decimal = Decimal("0.95")
    price_precision: int = 8
    qty_precision: int = 8
    brackets: Sequence[LeverageBracket] = NO_BRACKETS
    liquidation_fee: Decimal = Decimal("0.0125")
    market_take_bound: Decimal = Decimal("0.05")
    trigger_protect: Decimal = Decimal("0.05")
    onboard_ms: int = field(default=1_569_398_400_000)
    price_unit: Decimal = field(
        default=Factory(lambda self: _unit(self.price_precision), takes_self=True),
        init=False,
        eq=False,
        repr=False,
    )
    qty_unit: Decimal = field(
        default=Factory(lambda self: _unit(self.qty_precision), takes_self=True),
        init=False,
        eq=False,
        repr=False,
    )

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        for name in ("tick", "step", "market_step"):
            value = getattr(self, name)
            if value <= 0:
                raise ContractError("must be > 0", field=f"{self.symbol}.{name}", value=value)

    @property
    def max_leverage(self) -> int:
        """The highest leverage of any position."""
        return self.brackets[0].max_leverage

    def cap_at(self, leverage: int) -> Decimal:
        """The largest position notional that the venue allows at a leverage, quote currency."""
        cap = ZERO
        for bracket in self.brackets:
            if bracket.max_leverage >= leverage and bracket.notional_cap > cap:
                cap = bracket.notional_cap
        return cap

    # -- filters -------------------------------------------------------------------------------

    def check_price(self, price: Decimal) -> Refused | None:
        """PRICE_FILTER, and no more digits than the venue takes."""
        if price <= ZERO:
            return refuse(-4001)
        if price % self.price_unit:
            return refuse(-1111)
        if self.max_price and price > self.max_price:
            return refuse(-4002)
        if price < self.min_price:
            return refuse(-4013)
        if (price - self.min_price) % self.tick:
            return refuse(-4014)
        return None

    def check_band(self, side: Side, price: Decimal, mark: Decimal | None) -> Refused | None:
        """PERCENT_PRICE; nothing is judged before the symbol has a mark."""
        if mark is None:
            return None
        if side is BUY:
            bound = mark * self.multiplier_up
            return refuse(-4016, canonical(bound)) if bound and price > bound else None
        bound = mark * self.multiplier_down
        return refuse(-4024, canonical(bound)) if price < bound else None

    def check_qty(self, qty: Decimal, *, at_market: bool) -> Refused | None:
        """LOT_SIZE or MARKET_LOT_SIZE, and no more digits than the venue takes."""
        if qty <= ZERO:
            return refuse(-4003)
        if qty % self.qty_unit:
            return refuse(-1111)
        if at_market:
            step, low, high = self.market_step, self.market_min_qty, self.market_max_qty
        else:
            step, low, high = self.step, self.min_qty, self.max_qty
        if qty < low:
            return refuse(-4004)
        if high and qty > high:
            return refuse(-4005)
        if (qty - low) % step:
            return refuse(-4023)
        return None

    def check_notional(self, price: Decimal | None, qty: Decimal) -> Refused | None:
        """MIN_NOTIONAL; ``price`` is the limit, or the mark where an order has none."""
        if price is not None and price * qty < self.min_notional:
            return refuse(-4164, canonical(self.min_notional))
        return None


def _unit(digits: int) -> Decimal:
    """One of the last of so many digits after the point."""
    return Decimal((0, (1,), -digits))
