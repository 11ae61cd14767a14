"""News for the user stream, as the venue writes them."""

from __future__ import annotations

from typing import Any

import orjson

from grinder_adapters.feeds.interned import TEXTS
from grinder_adapters.local_venue.market_texts import Liquidation
from grinder_adapters.local_venue.order_texts import QUOTE, canonical_percent
from grinder_core.contracts.enums import Side
from grinder_core.numbers import ZERO, canonical, exact
from grinder_core.venue.exchange.account import AccountPush
from grinder_core.venue.exchange.conditional_order import ConditionalPush
from grinder_core.venue.exchange.floor import Floor, Push
from grinder_core.venue.exchange.order import OrderPush, VenueOrder
from grinder_core.venue.exchange.vocabulary import Execution, MarginType

Frame = tuple[str, bytes]  # event type, body


def account_of(push: Push) -> str:
    """Whose news it is."""
    return push.account if isinstance(push, AccountPush) else push.order.account


def symbol_of(push: Push) -> str:
    """Which symbol it is about; empty for none."""
    if isinstance(push, AccountPush):
        return push.symbol or (push.positions[0].symbol if push.positions else "")
    return push.order.symbol


def liquidation_of(push: Push) -> Liquidation | None:
    """What everybody is told of a fill that closed a position by force."""
    if not isinstance(push, OrderPush) or push.execution is not Execution.CALCULATED:
        return None
    order = push.order
    return Liquidation(
        symbol=order.symbol,
        side=order.side,
        qty=push.qty,
        price=push.last_price,
        average_price=push.average_price,
        ts=push.ts,
    )


def frame_count(push: Push) -> int:
    """How many frames a piece of news has."""
    return 2 if isinstance(push, OrderPush) and push.execution is Execution.TRADE else 1


def frames_of(push: Push, floor: Floor) -> list[Frame]:
    """The frames of one piece of news, in the order they are sent."""
    if isinstance(push, OrderPush):
        full = ("ORDER_TRADE_UPDATE", orjson.dumps(_order(push)))
        if push.execution is Execution.TRADE:
            return [("TRADE_LITE", orjson.dumps(_lite(push))), full]
        return [full]
    if isinstance(push, AccountPush):
        return [("ACCOUNT_UPDATE", orjson.dumps(_account(push)))]
    made = floor.find(push.order.account, push.order.symbol, push.order_number, "")
    return [("ALGO_UPDATE", orjson.dumps(_conditional(push, made)))]


def config_frame(symbol: str, leverage: int, now: int) -> Frame:
    """ACCOUNT_CONFIG_UPDATE of a changed leverage."""
    body = {"e": "ACCOUNT_CONFIG_UPDATE", "E": now, "T": now, "ac": {"s": symbol, "l": leverage}}
    return "ACCOUNT_CONFIG_UPDATE", orjson.dumps(body)


def expired_frame(listen_key: str, now: int) -> Frame:
    """The last frame of a stream whose key ran out."""
    body = {"e": "listenKeyExpired", "E": now, "listenKey": listen_key}
    return "listenKeyExpired", orjson.dumps(body)


def _order(push: OrderPush) -> dict[str, Any]:
    order = push.order
    with exact():
        rest = push.price * (push.qty - push.filled) if push.status.is_open else ZERO
    bids, asks = (rest, ZERO) if order.side is Side.BUY else (ZERO, rest)
    body: dict[str, Any] = {
        "s": order.symbol,
        "c": order.client_order_id,
        "S": order.side.value,
        "o": order.type.value,
        "f": order.tif.value,
        "q": TEXTS[push.qty],
        "p": TEXTS[push.price],
        "ap": TEXTS[push.average_price],
        "sp": "0",
        "x": push.execution.value,
        "X": push.status.value,
        "i": order.number,
        "l": TEXTS[push.last_qty],
        "z": TEXTS[push.filled],
        "L": TEXTS[push.last_price],
        "T": push.ts,
        "t": push.trade_id,
        "b": TEXTS[bids],
        "a": TEXTS[asks],
        "m": push.is_maker,
        "R": order.sent_reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": order.type.value,
        "ps": order.position_side.value,
        "cp": order.close_position,
        "rp": TEXTS[push.realized],
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": order.self_trade.value,
        "pm": order.price_match.value,
        "gtd": order.good_till,
        "er": str(int(push.expiry)),
    }
    if push.fee:
        body["N"], body["n"] = push.fee_asset or QUOTE, TEXTS[push.fee]
    if push.modify_id is not None:
        body["M"] = push.modify_id
    return {"e": "ORDER_TRADE_UPDATE", "E": push.ts, "T": push.ts, "o": body}


def _lite(push: OrderPush) -> dict[str, Any]:
    order = push.order
    return {
        "e": "TRADE_LITE",
        "E": push.ts,
        "T": push.ts,
        "s": order.symbol,
        "q": TEXTS[push.qty],
        "p": TEXTS[push.price],
        "m": push.is_maker,
        "c": order.client_order_id,
        "S": order.side.value,
        "L": TEXTS[push.last_price],
        "l": TEXTS[push.last_qty],
        "t": push.trade_id,
        "i": order.number,
    }


def _account(push: AccountPush) -> dict[str, Any]:
    body: dict[str, Any] = {
        "m": push.reason.value,
        "B": [
            {
                "a": QUOTE,
                "wb": canonical(push.wallet),
                "cw": canonical(push.cross_wallet),
                "bc": canonical(push.change),
            }
        ],
        "P": [
            {
                "s": position.symbol,
                "pa": canonical(position.qty),
                "ep": canonical(position.entry_price),
                "bep": canonical(position.entry_price),
                "cr": canonical(position.realized),
                "up": canonical(position.unrealized),
                "mt": "cross" if position.margin_type is MarginType.CROSSED else "isolated",
                "iw": canonical(position.isolated_wallet),
                "ps": position.side.value,
            }
            for position in push.positions
        ],
    }
    if push.fee_asset:
        balance = canonical(push.fee_balance)
        body["B"].append({"a": push.fee_asset, "wb": balance, "cw": balance, "bc": "0"})
    if push.symbol:
        body["S"] = push.symbol
    return {"e": "ACCOUNT_UPDATE", "E": push.ts, "T": push.ts, "a": body}


def _conditional(push: ConditionalPush, made: VenueOrder | None) -> dict[str, Any]:
    order = push.order
    body: dict[str, Any] = {
        "caid": order.client_id,
        "aid": order.number,
        "at": "CONDITIONAL",
        "o": order.type.value,
        "s": order.symbol,
        "S": order.side.value,
        "ps": order.position_side.value,
        "f": order.tif.value,
        "q": canonical(order.qty),
        "X": push.status.value,
        "ai": str(push.order_number) if push.order_number else "",
        "ap": "0" if made is None else canonical(made.average_price),
        "aq": "0" if made is None else canonical(made.filled),
        "act": "0" if made is None else made.type.value,
        "tp": canonical(order.trigger_price),
        "p": canonical(order.price),
        "V": "NONE",
        "wt": order.working_price.value,
        "pm": "NONE",
        "cp": order.close_position,
        "pP": order.price_protect,
        "R": order.reduce_only,
        "tt": order.triggered_at,
        "gtd": order.good_till,
    }
    if order.activate_price:
        body["AP"] = canonical(order.activate_price)
    if order.callback_bps:
        body["cr"] = canonical_percent(order.callback_bps)
    if push.reason:
        body["rm"] = push.reason
    return {"e": "ALGO_UPDATE", "E": push.ts, "T": push.ts, "o": body}
