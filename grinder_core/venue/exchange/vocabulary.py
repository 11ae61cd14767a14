"""The words of a USDT-M exchange. Values are those of the venue's own protocol."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class OrderType(StrEnum):
    """What an order does when it arrives."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    STOP = "STOP"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"
    LIQUIDATION = "LIQUIDATION"

    @property
    def is_conditional(self) -> bool:
        """Whether it waits for a trigger, at an endpoint of its own."""
        return self in _CONDITIONAL

    @property
    def has_price(self) -> bool:
        """Whether it carries a limit."""
        return self in {OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT}


_CONDITIONAL: Final = frozenset(
    kind for kind in OrderType if kind.value.startswith(("STOP", "TAKE_PROFIT", "TRAILING"))
)


class TimeInForce(StrEnum):
    """How long an order lives; GTX is post-only, GTD ends at a given time."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"
    GTD = "GTD"


class SelfTrade(StrEnum):
    """Which of two crossing orders of one account expires."""

    NONE = "NONE"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"


class PriceMatch(StrEnum):
    """A limit taken from the book: the best price, or the 5th, 10th or 20th, of a side."""

    NONE = "NONE"
    OPPONENT = "OPPONENT"
    OPPONENT_5 = "OPPONENT_5"
    OPPONENT_10 = "OPPONENT_10"
    OPPONENT_20 = "OPPONENT_20"
    QUEUE = "QUEUE"
    QUEUE_5 = "QUEUE_5"
    QUEUE_10 = "QUEUE_10"
    QUEUE_20 = "QUEUE_20"

    @property
    def depth(self) -> int:
        """Which price of the side, counted from 1."""
        _, _, depth = self.value.partition("_")
        return int(depth) if depth else 1


class PositionSide(StrEnum):
    """BOTH in one-way mode; LONG and SHORT are apart in hedge mode."""

    BOTH = "BOTH"
    LONG = "LONG"
    SHORT = "SHORT"


class MarginType(StrEnum):
    """Whether a position shares the account's margin or has its own."""

    CROSSED = "CROSSED"
    ISOLATED = "ISOLATED"


class OrderStatus(StrEnum):
    """State of an order as the venue names it."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"

    @property
    def is_open(self) -> bool:
        """Whether it can still fill."""
        return self is NEW or self is PARTIALLY_FILLED


class Execution(StrEnum):
    """What just happened to an order."""

    NEW = "NEW"
    TRADE = "TRADE"
    AMENDMENT = "AMENDMENT"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    CALCULATED = "CALCULATED"


class Expiry(StrEnum):
    """Why an order expired (``er`` of the user stream, a number sent as text)."""

    NONE = "0"
    SELF_TRADE = "1"
    IOC_REST = "2"
    IOC_SELF_TRADE = "3"
    REDUCE_ONLY = "4"
    LIQUIDATED = "5"
    GOOD_TILL = "6"
    MARKET_REST = "9"


class AccountReason(StrEnum):
    """Why balances or positions moved (``m`` of ACCOUNT_UPDATE)."""

    ORDER = "ORDER"
    FUNDING_FEE = "FUNDING_FEE"
    DEPOSIT = "DEPOSIT"
    WITHDRAW = "WITHDRAW"
    MARGIN_TRANSFER = "MARGIN_TRANSFER"
    MARGIN_TYPE_CHANGE = "MARGIN_TYPE_CHANGE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"


class IncomeType(StrEnum):
    """What changed the wallet (income list)."""

    TRANSFER = "TRANSFER"
    REALIZED_PNL = "REALIZED_PNL"
    COMMISSION = "COMMISSION"
    FUNDING_FEE = "FUNDING_FEE"
    SPECIAL_FUNDING_FEE = "SPECIAL_FUNDING_FEE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"


class SymbolStatus(StrEnum):
    """Whether a symbol trades."""

    PENDING_TRADING = "PENDING_TRADING"
    TRADING = "TRADING"
    PRE_SETTLE = "PRE_SETTLE"
    SETTLING = "SETTLING"
    CLOSE = "CLOSE"


# read for every order: a module's name is read faster than a member of an enum
LIMIT: Final = OrderType.LIMIT
MARKET: Final = OrderType.MARKET
GTC: Final = TimeInForce.GTC
IOC: Final = TimeInForce.IOC
FOK: Final = TimeInForce.FOK
GTX: Final = TimeInForce.GTX
GTD: Final = TimeInForce.GTD
UNGUARDED: Final = SelfTrade.NONE
UNMATCHED: Final = PriceMatch.NONE
BOTH: Final = PositionSide.BOTH
ISOLATED: Final = MarginType.ISOLATED
TRADING: Final = SymbolStatus.TRADING
NEW: Final = OrderStatus.NEW
PARTIALLY_FILLED: Final = OrderStatus.PARTIALLY_FILLED
CANCELED: Final = OrderStatus.CANCELED
