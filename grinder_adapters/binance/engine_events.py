"""What the venue says to us, as the engine's events. Pure (LIVE-19).

Orders become ``OrderUpdate``, one for each ORDER_TRADE_UPDATE; a funding fee becomes
``FundingPaid``. TRADE_LITE brings no fee and no status, so the engine waits for the full event.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from grinder_adapters.binance.fee_values import split_fee
from grinder_adapters.binance.user_events import AccountEvent, FuturesOrderEvent
from grinder_core.contracts.control import FundingPaid, PositionUpdate
from grinder_core.contracts.enums import Liquidity, OrderState
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.numbers import ZERO

EXPIRIES: Final = {
    "1": "self trade",
    "2": "ioc rest",
    "3": "ioc self trade",
    "4": "reduce only",
    "5": "liquidated",
    "6": "good till",
    "7": "delisted",
    "8": "expired after trigger",
    "9": "market rest",
    "10": "fok",
    "11": "post only",
}


def update_of(event: FuturesOrderEvent) -> OrderUpdate:
    """What the engine learns of one order; a fee in another asset is not valued yet."""
    fee, fee_asset, fee_qty = split_fee(event.symbol, event.fee, event.fee_asset)
    return OrderUpdate(
        ts=event.ts,
        symbol=event.symbol,
        client_order_id=event.client_order_id,
        order_id=event.order_id,
        side=event.side,
        state=event.status,
        filled_qty=event.executed_qty,
        last_price=event.last_price,
        last_qty=event.last_qty,
        fee=fee,
        fee_asset=fee_asset,
        fee_qty=fee_qty,
        liquidity=Liquidity.TAKER if event.last_qty and not event.is_maker else Liquidity.MAKER,
        trade_id=event.trade_id,
        reason=reason_of(event),
    )


def funding_of(
    event: AccountEvent, qty: Decimal, rate: Decimal, mark: Decimal
) -> FundingPaid | None:
    """What a settlement cost; ``None`` for other changes of the account.

    Args:
        qty: Signed position of the symbol when it was charged.
        rate, mark: Of the settlement, as the market streams last said them.
    """
    if event.reason != "FUNDING_FEE" or not event.symbol:
        return None
    change = sum((balance.change for balance in event.balances), ZERO)
    return FundingPaid(
        ts=event.ts,
        symbol=event.symbol,
        rate=rate,
        qty=qty,
        mark_price=mark,
        amount=-change,
    )


def positions_of(event: AccountEvent) -> list[PositionUpdate]:
    """The venue's own view of the positions that changed."""
    return [
        PositionUpdate(
            ts=event.ts,
            symbol=position.symbol,
            qty=position.position_amt,
            entry_price=position.entry_price,
        )
        for position in event.positions
    ]


def reason_of(event: FuturesOrderEvent) -> str:
    """Words for the venue's reason of an expiry; empty for anything else."""
    if event.status is not OrderState.EXPIRED:
        return ""
    return EXPIRIES.get(event.expiry_reason, "")
