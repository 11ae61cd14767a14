"""Conditional orders as they are asked for, checked (reference 6.4).

One waits at an endpoint of its own until a price reaches its trigger; then it becomes a normal
order. It watches the mark price unless told otherwise: a single odd print shall not close a
position.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from attrs import frozen

from grinder_adapters.binance.order_requests import TimeInForce
from grinder_core.contracts.checks import check_int, check_positive_qty, check_price, check_symbol
from grinder_core.contracts.enums import Side
from grinder_core.errors import ContractError
from grinder_core.numbers import ZERO


class ConditionalType(StrEnum):
    """What waits: a stop or a take-profit, at the market or at a limit, or a trailing stop."""

    STOP = "STOP"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"


class WorkingPrice(StrEnum):
    """Which price a trigger is compared with."""

    MARK_PRICE = "MARK_PRICE"
    CONTRACT_PRICE = "CONTRACT_PRICE"


_LIMITED: Final = frozenset({ConditionalType.STOP, ConditionalType.TAKE_PROFIT})
_CLOSING: Final = frozenset({ConditionalType.STOP_MARKET, ConditionalType.TAKE_PROFIT_MARKET})
CALLBACK_STEP_BPS: Final = 10
CALLBACK_MAX_BPS: Final = 2_000


@frozen(kw_only=True)
class ConditionalRequest:
    """A conditional order.

    Attributes:
        client_algo_id: Ours; such ids are apart from those of normal orders.
        qty: Base asset; ``None`` of a stop or take-profit at the market that closes whatever is
            held when it triggers.
        trigger_price: ``None`` of a trailing stop, which moves its own.
        price: Of a stop or take-profit at a limit; ``None`` of all others.
        activate_price: From which price on a trailing stop follows; ``None``: from now on.
        callback_bps: How far the price must turn back from its best, 10 to 2000 in steps of 10;
            of a trailing stop only.
        reduce_only: It may only shrink the position.
        level_id: 0 outside a plan.
        generation: Earlier conditional orders of this symbol, side and level (LIVE-04).
        time_in_force: Of the limit order that it becomes.
    """

    client_algo_id: str
    symbol: str
    side: Side
    order_type: ConditionalType
    qty: Decimal | None
    trigger_price: Decimal | None = None
    price: Decimal | None = None
    activate_price: Decimal | None = None
    callback_bps: int | None = None
    working_price: WorkingPrice = WorkingPrice.MARK_PRICE
    reduce_only: bool = False
    level_id: int = 0
    generation: int
    time_in_force: TimeInForce = TimeInForce.GTC

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        check_int("level_id", self.level_id)
        check_int("generation", self.generation)
        self._check_qty()
        trails = self.order_type is ConditionalType.TRAILING_STOP_MARKET
        self._check_price("trigger_price", self.trigger_price, is_needed=not trails)
        self._check_price("price", self.price, is_needed=self.order_type in _LIMITED)
        if self.activate_price is not None:
            self._check_price("activate_price", self.activate_price, is_needed=trails)
        self._check_callback(trails)
        if self.time_in_force is TimeInForce.GTX:
            raise ContractError(
                "must not be post-only: what triggers may have to take",
                field="time_in_force",
                value=self.time_in_force,
            )

    @property
    def only_reduces(self) -> bool:
        """Whether it can only shrink a position."""
        return self.reduce_only or self.qty is None

    @property
    def asked_qty(self) -> Decimal:
        """Base asset; 0 where it closes whatever is held."""
        return ZERO if self.qty is None else self.qty

    @property
    def asked_price(self) -> Decimal | None:
        """The highest price that was asked for, to value it at; ``None`` of a trailing stop.

        At the market it may fill beyond its trigger, as every market order may.
        """
        asked = [price for price in (self.trigger_price, self.price) if price is not None]
        return max(asked, default=None)

    def condition(self) -> dict[str, object]:
        """Return what tells it from other orders of its price and quantity, by name."""
        return {
            "type": self.order_type,
            "trigger_price": self.trigger_price,
            "activate_price": self.activate_price,
            "callback_bps": self.callback_bps,
            "working_price": self.working_price,
        }

    def _check_qty(self) -> None:
        if self.qty is not None:
            check_positive_qty("qty", self.qty)
        elif self.order_type not in _CLOSING:
            raise self._wrong("is needed", "qty", None)
        elif self.reduce_only:
            raise self._wrong("is said by closing the whole position", "reduce_only", True)

    def _check_price(self, field: str, price: Decimal | None, *, is_needed: bool) -> None:
        if (price is not None) is not is_needed:
            raise self._wrong("is needed" if is_needed else "has no place", field, price)
        if price is not None:
            check_price(field, price)

    def _check_callback(self, trails: bool) -> None:
        callback = self.callback_bps
        if (callback is not None) is not trails:
            raise self._wrong("is needed" if trails else "has no place", "callback_bps", callback)
        if callback is not None:
            check_int("callback_bps", callback, ge=CALLBACK_STEP_BPS)
            if callback > CALLBACK_MAX_BPS or callback % CALLBACK_STEP_BPS:
                rule = f"must be <= {CALLBACK_MAX_BPS}, in steps of {CALLBACK_STEP_BPS}"
                raise ContractError(rule, field="callback_bps", value=callback)

    def _wrong(self, rule: str, field: str, value: object) -> ContractError:
        return ContractError(f"{rule} in a {self.order_type.value}", field=field, value=value)
