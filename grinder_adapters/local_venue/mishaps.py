"""What happens at the exchange by a fault rather than by a request.

Each is done the way the venue would: a foreign order is placed by the account's owner elsewhere, a
position is bought at the market, so that money is conserved and the account is told.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import evolve

from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind
from grinder_core.contracts.enums import Side
from grinder_core.numbers import BPS, ceil_div, exact, floor_div
from grinder_core.venue.exchange.exchange import Exchange
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.requests import NewOrder
from grinder_core.venue.exchange.vocabulary import OrderType, PositionSide

FOREIGN: Final = "web_foreign_"


def happen(exchange: Exchange, fault: Fault, now: int) -> Instrument | None:
    """Let it happen to every account; return the symbol's new rules where they changed."""
    symbol = fault.match.symbol
    instrument = exchange.floor.instruments.get(symbol)
    if fault.kind is FaultKind.DEPOSIT:
        for account in exchange.floor.accounts:
            exchange.deposit(account, fault.amount, now)
        return None
    if instrument is None:
        return None
    if fault.kind is FaultKind.FILTER_CHANGE:
        changed = _scaled(instrument, fault)
        exchange.list_symbol(changed, now)
        return changed
    if fault.kind is FaultKind.STATUS_CHANGE and fault.symbol_status is not None:
        changed = evolve(instrument, status=fault.symbol_status)
        exchange.list_symbol(changed, now)
        return changed
    for account in exchange.floor.accounts:
        if fault.kind is FaultKind.PARTIAL_FILL:
            _fill_some(exchange, account, symbol, fault, now)
        else:
            _trade(exchange, account, instrument, fault, now)
    return None


def _scaled(instrument: Instrument, fault: Fault) -> Instrument:
    with exact():
        tick = instrument.tick * fault.tick_times
        return evolve(
            instrument,
            tick=tick,
            min_price=tick * ceil_div(instrument.min_price, tick),  # prices count from it
            step=instrument.step * fault.step_times,
            market_step=instrument.market_step * fault.step_times,
            min_qty=instrument.min_qty * fault.step_times,
            market_min_qty=instrument.market_min_qty * fault.step_times,
        )


def _fill_some(exchange: Exchange, account: str, symbol: str, fault: Fault, now: int) -> None:
    """Let the oldest open order of a side fill in part."""
    wanted = fault.match.side
    for order in exchange.floor.open_orders(account, symbol):
        if wanted in {None, order.side}:
            exchange.force_fill(account, symbol, order.number, fault.share_bps, now)
            return


def _trade(
    exchange: Exchange, account: str, instrument: Instrument, fault: Fault, now: int
) -> None:
    """Place an order that our side never asked for: resting, or at the market."""
    last = exchange.floor.books[instrument.symbol].last
    side = fault.match.side
    if last is None or side is None:
        return
    rests = fault.kind is FaultKind.FOREIGN_ORDER
    with exact():
        best = last.bid_price if side is Side.BUY else last.ask_price
        price = _on_tick(instrument, best, side, fault.offset_bps if rests else 0)
        qty = instrument.step * floor_div(fault.notional, price * instrument.step)
    opens = PositionSide.LONG if side is Side.BUY else PositionSide.SHORT
    request = NewOrder(
        symbol=instrument.symbol,
        side=side,
        type=OrderType.LIMIT if rests else OrderType.MARKET,
        qty=qty,
        price=price if rests else Decimal(0),
        position_side=opens if exchange.floor.account(account).is_hedged else None,
        client_order_id=f"{FOREIGN}{now}_{exchange.floor.last_number}",
    )
    exchange.place(account, request, now)


def _on_tick(instrument: Instrument, best: Decimal, side: Side, offset_bps: int) -> Decimal:
    factor = BPS - offset_bps if side is Side.BUY else BPS + offset_bps
    ticks = floor_div(best * factor, instrument.tick * BPS)
    return instrument.tick * max(ticks, 1)
