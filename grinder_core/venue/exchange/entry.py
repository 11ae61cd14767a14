"""Order entry: everything the venue checks before it takes an order, and what happens on arrival.

The checks run in the venue's order: parameters, symbol, filters, book, position, margin. The first
that fails answers; nothing has changed then.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from grinder_core.contracts.enums import Side
from grinder_core.numbers import ZERO
from grinder_core.venue.exchange.account import Position, TradingAccount
from grinder_core.venue.exchange.clearing import reducible
from grinder_core.venue.exchange.floor import Floor
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.margin import available
from grinder_core.venue.exchange.order import VenueOrder, name_of
from grinder_core.venue.exchange.refusals import Refused, refuse
from grinder_core.venue.exchange.requests import NewOrder
from grinder_core.venue.exchange.taking import best_offer, crosses, offers, slipped, take
from grinder_core.venue.exchange.vocabulary import (
    Expiry,
    OrderStatus,
    OrderType,
    PositionSide,
    PriceMatch,
    SelfTrade,
    SymbolStatus,
    TimeInForce,
)
from grinder_core.venue.matching import MatchingBook

CLIENT_ID: Final = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
GOOD_TILL_MIN_MS: Final = 600_000
GOOD_TILL_MAX: Final = 253_402_300_799_000
FAR: Final = Decimal(10) ** 18


def place(floor: Floor, name: str, request: NewOrder) -> VenueOrder | Refused:
    """Take an order or refuse it; what it fills at once is in the outbox after it."""
    checked = check(floor, name, request)
    if isinstance(checked, Refused):
        return checked
    floor.last_number = checked.number
    arrive(floor, checked)
    return checked


def check(floor: Floor, name: str, request: NewOrder) -> VenueOrder | Refused:
    """Return the order that would be taken, or the venue's refusal; changes nothing."""
    account = floor.account(name)
    instrument = floor.instruments.get(request.symbol)
    if instrument is None:
        return refuse(-1121)
    book = floor.books[request.symbol]
    refused = _check_parameters(floor, account, instrument, request)
    if refused is not None:
        return refused
    price = request.price
    if request.price_match is not PriceMatch.NONE:
        matched = price_of_match(book, request.side, request.price_match)
        if matched is None:
            return refuse(-5041)
        price = matched
    at_market = request.type is OrderType.MARKET
    refused = (
        instrument.check_qty(request.qty, at_market=at_market)
        or _check_price(floor, instrument, book, request.side, price, at_market=at_market)
        or _check_name(floor, book, account, request.client_order_id)
    )
    if refused is not None:
        return refused
    order = _made(floor, account, book, request, price)
    return (
        _check_book(floor, book, order) or _check_risk(floor, account, instrument, order) or order
    )


def arrive(floor: Floor, order: VenueOrder) -> None:
    """Let an accepted order meet the book: take, rest or expire."""
    book = floor.books[order.symbol]
    floor.accept(order)
    meet(floor, book, order)


def meet(floor: Floor, book: MatchingBook, order: VenueOrder) -> None:
    """Take what is offered within the limit; let the rest rest, or end it."""
    at_market = order.type is not OrderType.LIMIT
    limit = order.price if not at_market else (FAR if order.side is Side.BUY else ZERO)
    if order.tif is not TimeInForce.GTX and not self_trades(floor, book, order):
        wanted = order.remaining
        if order.reduce_only:
            wanted = min(wanted, floor.clearing.reducible(book, order))
        for price, qty in offers(book, floor.fills, order.side, limit, wanted, floor.now):
            take(book, order.side, price, qty)
            paid = slipped(order.side, price, floor.fills, at_market=at_market)
            floor.execute(order, paid, qty, takes=True)
    if not order.status.is_open:
        return
    if at_market:
        floor.end(order, OrderStatus.EXPIRED, Expiry.MARKET_REST)
    elif order.tif in {TimeInForce.IOC, TimeInForce.FOK}:
        floor.end(order, OrderStatus.EXPIRED, Expiry.IOC_REST)
    else:
        order.placed_tick = book.tick
        order.eligible_tick = book.eligible_tick(order.price, floor.fills)
        book.add(order, floor.fills.fill_mode)
        if order.reduce_only:
            floor.trim(order.account, floor.clearing.position_of(order))


def self_trades(floor: Floor, book: MatchingBook, order: VenueOrder) -> bool:
    """End what self-trade prevention ends; return whether the arriving order is among it."""
    if order.self_trade is SelfTrade.NONE:
        return False
    bid, ask = book.best_resting()
    best = ask if order.side is Side.BUY else bid
    if best is None or not _crosses(order, best):
        return False
    others = [
        other
        for other in floor.open_orders(order.account, order.symbol)
        if other.side is not order.side and _crosses(order, other.price)
    ]
    if not others:
        return False
    if order.self_trade is not SelfTrade.EXPIRE_TAKER:
        for other in others:
            floor.end(other, OrderStatus.EXPIRED_IN_MATCH, Expiry.SELF_TRADE)
    if order.self_trade is SelfTrade.EXPIRE_MAKER:
        return False
    is_ioc = order.tif is TimeInForce.IOC
    reason = Expiry.IOC_SELF_TRADE if is_ioc else Expiry.SELF_TRADE
    floor.end(order, OrderStatus.EXPIRED_IN_MATCH, reason)
    return True


def price_of_match(book: MatchingBook, side: Side, match: PriceMatch) -> Decimal | None:
    """The price that a price match stands for now; ``None`` where the book does not show it."""
    wants_bids = (side is Side.SELL) is match.value.startswith("OPPONENT")
    if match.depth == 1:
        return best_offer(book, Side.SELL if wants_bids else Side.BUY)
    if book.depth is None or not book.depth.is_synced:
        return None
    bids, asks = book.depth.top(match.depth)
    levels = bids if wants_bids else asks
    return levels[match.depth - 1][0] if len(levels) >= match.depth else None


# -- checks ------------------------------------------------------------------------------------


def _check_parameters(
    floor: Floor, account: TradingAccount, instrument: Instrument, request: NewOrder
) -> Refused | None:
    if request.type.is_conditional:
        return refuse(-4120)
    if request.type is not OrderType.LIMIT and request.type is not OrderType.MARKET:
        return refuse(-1116)
    matches = request.price_match is not PriceMatch.NONE
    if request.type is OrderType.MARKET and (request.price or matches):
        return refuse(-5038) if matches else refuse(-1106, "price")
    if matches and request.price:
        return refuse(-1106, "price")
    refused = check_good_till(floor, request.tif, request.good_till)
    if refused is not None:
        return refused
    if instrument.status is not SymbolStatus.TRADING:
        return refuse(-4140)
    return _check_side(account, request)


def check_good_till(floor: Floor, tif: TimeInForce, good_till: int) -> Refused | None:
    """GTD alone ends at a time: a whole second, far enough ahead."""
    if tif is not TimeInForce.GTD:
        return refuse(-1106, "goodTillDate") if good_till else None
    is_ahead = floor.now + GOOD_TILL_MIN_MS < good_till < GOOD_TILL_MAX
    return None if is_ahead and not good_till % 1000 else refuse(-5040)


def _check_side(account: TradingAccount, request: NewOrder) -> Refused | None:
    side = request.position_side
    if not account.is_hedged:
        return None if side is None or side is PositionSide.BOTH else refuse(-4061)
    if side is None or side is PositionSide.BOTH:
        return refuse(-4061)
    return None if request.reduce_only is None else refuse(-1106, "reduceonly")


def _check_price(
    floor: Floor,
    instrument: Instrument,
    book: MatchingBook,
    side: Side,
    price: Decimal,
    *,
    at_market: bool,
) -> Refused | None:
    mark = floor.mark(instrument.symbol)
    if not at_market:
        return instrument.check_price(price) or instrument.check_band(side, price, mark)
    offer = best_offer(book, side)
    if offer is None or instrument.check_band(side, offer, mark) is not None:
        return refuse(-4131)
    return None


def _check_name(
    floor: Floor, book: MatchingBook, account: TradingAccount, name: str
) -> Refused | None:
    name = name or _own_name(floor)
    if CLIENT_ID.fullmatch(name) is None:
        return refuse(-4015)
    return refuse(-4116) if name_of(account.name, name) in book.by_client_id else None


def _check_book(floor: Floor, book: MatchingBook, order: VenueOrder) -> Refused | None:
    if order.tif is TimeInForce.GTX and crosses(book, order.side, order.price):
        return refuse(-5022)
    if order.tif is TimeInForce.FOK:
        got = offers(book, floor.fills, order.side, order.price, order.qty, floor.now)
        if sum((qty for _, qty in got), ZERO) < order.qty:
            return refuse(-5021)
    return None


def _check_risk(
    floor: Floor, account: TradingAccount, instrument: Instrument, order: VenueOrder
) -> Refused | None:
    open_count = account.open_counts.get(order.symbol, 0)
    if order.type is OrderType.LIMIT and open_count >= instrument.max_orders:
        return refuse(-2025)
    position = account.look(order.symbol, order.position_side)
    if order.reduce_only:
        return _check_reduction(floor, position, order)
    price = order.price or best_offer(floor.books[order.symbol], order.side) or ZERO
    at = price if order.type is OrderType.LIMIT else floor.mark(order.symbol)
    return instrument.check_notional(at, order.qty) or check_margin(
        floor, account, instrument, position, order.side, price * order.qty
    )


def _check_reduction(floor: Floor, position: Position, order: VenueOrder) -> Refused | None:
    """An order that only closes needs something to close that no better order closes already."""
    room = reducible(position, order.side)
    if not room:
        return refuse(-2022)
    if order.type is OrderType.MARKET:
        return None
    better = [
        other.remaining
        for other in floor.open_orders(order.account, order.symbol)
        if other.reduce_only
        and other.position_side is position.side
        and other.side is order.side
        and other.side.sign * other.price >= order.side.sign * order.price
    ]
    return refuse(-2022) if sum(better, ZERO) >= room else None


def check_margin(
    floor: Floor,
    account: TradingAccount,
    instrument: Instrument,
    position: Position,
    side: Side,
    notional: Decimal,
) -> Refused | None:
    """Whether the account can carry that much more open notional on one side of a position."""
    mark = floor.mark(position.symbol)
    if mark is None:
        return None
    before = position.exposure(mark)
    position.add_open(side, notional)
    after = position.exposure(mark)
    position.add_open(side, -notional)
    if after <= before:
        return None
    leverage = account.terms_of(position.symbol).leverage
    if after > instrument.cap_at(leverage):
        return refuse(-2027)
    free = available(account, floor.mark, without=position)
    return refuse(-2019) if free < position.margin_of(after, leverage) else None


# -- making ------------------------------------------------------------------------------------


def _made(
    floor: Floor, account: TradingAccount, book: MatchingBook, request: NewOrder, price: Decimal
) -> VenueOrder:
    number = floor.last_number + 1
    side = request.position_side or PositionSide.BOTH
    closes = side is not PositionSide.BOTH and (
        (side is PositionSide.LONG) is (request.side is Side.SELL)
    )
    return VenueOrder(
        client_order_id=request.client_order_id or _own_name(floor),
        order_id=f"{number:08d}",
        side=request.side,
        price=price,
        qty=request.qty,
        reduce_only=bool(request.reduce_only) or closes,
        placed_tick=book.tick,
        eligible_tick=book.tick,
        placed_ts=floor.now,
        number=number,
        account=account.name,
        symbol=request.symbol,
        type=request.type,
        tif=request.tif if request.type is OrderType.LIMIT else TimeInForce.GTC,
        position_side=side,
        sent_reduce_only=bool(request.reduce_only),
        self_trade=request.self_trade,
        price_match=request.price_match,
        good_till=request.good_till,
        placed_at=floor.now,
        updated_at=floor.now,
    )


def _own_name(floor: Floor) -> str:
    """The client id of the next order where the client gives none."""
    return f"web_{floor.last_number + 1:012d}"


def _crosses(order: VenueOrder, price: Decimal) -> bool:
    if order.type is OrderType.MARKET:
        return True
    return order.price >= price if order.side is Side.BUY else order.price <= price
