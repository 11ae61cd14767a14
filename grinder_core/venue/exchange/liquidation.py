"""Closing what can no longer be held.

Cross positions fall together, when the account's margin balance is at or below the sum of their
maintenance margins; an isolated one falls alone, by its own. Open orders go first. The venue closes
at the mark and charges its liquidation fee. A loss beyond an isolated position's margin is the
insurance fund's; one beyond the cross wallet stays visible as a negative wallet.
"""

from __future__ import annotations

from typing import Final

from grinder_core.numbers import ZERO
from grinder_core.venue.exchange.account import Position, TradingAccount
from grinder_core.venue.exchange.floor import Floor
from grinder_core.venue.exchange.margin import cross_balance, is_lost
from grinder_core.venue.exchange.order import VenueOrder, side_of_close
from grinder_core.venue.exchange.vocabulary import (
    AccountReason,
    Expiry,
    OrderStatus,
    OrderType,
    TimeInForce,
)

AUTOCLOSE: Final = "autoclose-"
RATE_UNITS: Final = 10**6  # hundredths of a basis point in one


def check_all(floor: Floor, symbol: str) -> None:
    """Liquidate whatever a new mark of one symbol makes impossible to hold."""
    if not floor.rules.liquidation_enabled:
        return
    for account in list(floor.accounts.values()):
        positions = [p for p in account.sides(symbol) if p.ledger.qty]
        if not positions:
            continue
        if account.is_isolated(symbol):
            mark = floor.mark(symbol)
            for position in positions:
                if mark is not None and is_lost(position, mark, floor.instruments[symbol]):
                    _close_isolated(floor, account, position)
        elif _is_short(floor, account):
            _close_cross(floor, account)


def _is_short(floor: Floor, account: TradingAccount) -> bool:
    balance, keep = cross_balance(account, floor.mark, floor.instruments.__getitem__)
    return balance <= keep


def _close_cross(floor: Floor, account: TradingAccount) -> None:
    for order in floor.open_orders(account.name):
        if not account.is_isolated(order.symbol):
            floor.end(order, OrderStatus.EXPIRED, Expiry.LIQUIDATED)
    for position in list(account.positions.values()):
        if position.ledger.qty and not account.is_isolated(position.symbol):
            _close(floor, account, position)


def _close_isolated(floor: Floor, account: TradingAccount, position: Position) -> None:
    for order in floor.open_orders(account.name, position.symbol):
        if order.position_side is position.side:
            floor.end(order, OrderStatus.EXPIRED, Expiry.LIQUIDATED)
    wallet = account.wallet - position.isolated_wallet
    _close(floor, account, position)
    loss = wallet - account.wallet
    if loss > 0:
        account.insure(loss, floor.now, position.symbol)
        floor.tell_account(account.name, AccountReason.INSURANCE_CLEAR, change=loss)


def _close(floor: Floor, account: TradingAccount, position: Position) -> None:
    mark = floor.mark(position.symbol)
    if mark is None:
        return
    qty = position.ledger.qty
    floor.last_number += 1
    number = floor.last_number
    order = VenueOrder(
        client_order_id=f"{AUTOCLOSE}{number}",
        order_id=f"{number:08d}",
        side=side_of_close(qty),
        price=ZERO,
        qty=abs(qty),
        reduce_only=True,
        placed_tick=floor.books[position.symbol].tick,
        eligible_tick=floor.books[position.symbol].tick,
        number=number,
        account=account.name,
        symbol=position.symbol,
        type=OrderType.LIQUIDATION,
        tif=TimeInForce.IOC,
        position_side=position.side,
        placed_at=floor.now,
        updated_at=floor.now,
    )
    floor.accept(order)
    rate = int(floor.instruments[position.symbol].liquidation_fee * RATE_UNITS)
    floor.execute(order, mark, abs(qty), takes=True, rate_bps_x100=rate)
