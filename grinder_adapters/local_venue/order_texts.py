"""Orders, trades and conditional orders as the venue writes them (REST answers)."""

from __future__ import annotations

from typing import Any, Final

from grinder_adapters.feeds.interned import TEXTS
from grinder_core.contracts.enums import Side
from grinder_core.numbers import canonical, exact
from grinder_core.venue.exchange.account import VenueTrade
from grinder_core.venue.exchange.conditional_order import ConditionalOrder
from grinder_core.venue.exchange.order import VenueOrder

QUOTE: Final = "USDT"
_NO_BUNDLE: Final = {  # take-profit and stop-loss of one order, which cannot be placed here
    "tpTriggerPrice": "0",
    "tpPrice": "0",
    "slTriggerPrice": "0",
    "slPrice": "0",
    "tpOrderType": "",
}


def order_answer(order: VenueOrder) -> dict[str, Any]:
    """Answer to a place, amend or cancel."""
    return {
        "orderId": order.number,
        "symbol": order.symbol,
        "status": order.status.value,
        "clientOrderId": order.client_order_id,
        "price": TEXTS[order.price],
        "origQty": TEXTS[order.qty],
        "executedQty": TEXTS[order.filled],
        "cumQty": TEXTS[order.filled],
        "timeInForce": order.tif.value,
        "type": order.type.value,
        "reduceOnly": order.sent_reduce_only,
        "closePosition": order.close_position,
        "side": order.side.value,
        "positionSide": order.position_side.value,
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.type.value,
        "priceMatch": order.price_match.value,
        "selfTradePreventionMode": order.self_trade.value,
        "goodTillDate": order.good_till,
        "updateTime": order.updated_at,
        **({} if order.modify_id is None else {"modifyId": order.modify_id}),
    }


def order_query(order: VenueOrder) -> dict[str, Any]:
    """An order in the answer to a query."""
    return {
        **order_answer(order),
        "avgPrice": TEXTS[order.average_price],
        "cumQuote": TEXTS[order.cum_quote],
        "time": order.placed_at,
    }


def trade_row(trade: VenueTrade) -> dict[str, Any]:
    """One row of the account's trades."""
    with exact():
        quote = trade.price * trade.qty
    return {
        "buyer": trade.side is Side.BUY,
        "commission": canonical(trade.fee),
        "commissionAsset": trade.fee_asset or QUOTE,
        "id": trade.trade_id,
        "maker": trade.is_maker,
        "orderId": trade.order_number,
        "price": canonical(trade.price),
        "qty": canonical(trade.qty),
        "quoteQty": canonical(quote),
        "baseQty": "0",
        "marginAsset": QUOTE,
        "realizedPnl": canonical(trade.realized),
        "side": trade.side.value,
        "positionSide": trade.position_side.value,
        "symbol": trade.symbol,
        "pair": trade.symbol,
        "time": trade.ts,
    }


def conditional_answer(order: ConditionalOrder) -> dict[str, Any]:
    """Answer to a placed or cancelled conditional order."""
    return {
        "algoId": order.number,
        "clientAlgoId": order.client_id,
        "algoType": "CONDITIONAL",
        "orderType": order.type.value,
        "symbol": order.symbol,
        "side": order.side.value,
        "positionSide": order.position_side.value,
        "timeInForce": order.tif.value,
        "quantity": canonical(order.qty),
        "algoStatus": order.status.value,
        "triggerPrice": canonical(order.trigger_price),
        "price": canonical(order.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": "NONE",
        "workingType": order.working_price.value,
        "priceMatch": "NONE",
        "closePosition": order.close_position,
        "priceProtect": order.price_protect,
        "reduceOnly": order.reduce_only,
        "activatePrice": canonical(order.activate_price),
        "callbackRate": canonical_percent(order.callback_bps),
        "createTime": order.created_at,
        "updateTime": order.updated_at,
        "triggerTime": order.triggered_at,
        "goodTillDate": order.good_till,
    }


def conditional_query(order: ConditionalOrder, made: VenueOrder | None) -> dict[str, Any]:
    """A conditional order in the answer to a query.

    Args:
        made: The order that it became, where that can still be asked for.
    """
    return {
        **conditional_answer(order),
        "actualOrderId": str(order.order_number) if order.order_number else "",
        "actualPrice": "0" if made is None else canonical(made.average_price),
        "actualQty": "0" if made is None else canonical(made.filled),
        "actualType": "" if made is None else made.type.value,
        **_NO_BUNDLE,
    }


def canonical_percent(bps: int) -> str:
    """Basis points as percent, with at most two digits.

    Example:
        >>> canonical_percent(150), canonical_percent(5)
        ('1.5', '0.05')
    """
    whole, rest = divmod(bps, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
