"""How many order operations a second the exchange core does, and whether history slows it down.

    python -m benchmarks.exchange [--orders 100000]

Places and cancels post-only orders around a moving quote, with 100 orders resting all the time.
Rates are operations (a place or a cancel) a second of processor time, so that others on the machine
take little of it, for the first and the last tenth of the run; their ratio says what closed orders
cost. Requests are made beforehand: they are the client's.
"""

from __future__ import annotations

import argparse
import json
import time
from decimal import Decimal

from grinder_core.contracts.enums import Side
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.venue.exchange.exchange import Exchange
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.order import VenueOrder
from grinder_core.venue.exchange.requests import NewOrder
from grinder_core.venue.exchange.vocabulary import OrderType, TimeInForce

SYMBOL = "BTCUSDT"
TICK, STEP = Decimal("0.1"), Decimal("0.001")
RESTING = 100
PARTS = 10


def opened() -> Exchange:
    """Return an exchange with one symbol, one rich account and a quote."""
    instrument = Instrument(
        symbol=SYMBOL,
        base_asset="BTC",
        tick=TICK,
        step=STEP,
        min_qty=STEP,
        max_qty=Decimal(1000),
        market_step=STEP,
        market_min_qty=STEP,
        market_max_qty=Decimal(120),
        min_notional=Decimal(50),
        price_precision=2,
        qty_precision=3,
    )
    exchange = Exchange.of([instrument], {"me": Decimal(10**7)})
    quote(exchange, 0, 1)
    return exchange


def quote(exchange: Exchange, offset: int, now: int) -> None:
    """Move the market."""
    bid = Decimal(90_000) + offset * TICK
    snapshot = Snapshot(
        ts=now,
        symbol=SYMBOL,
        bid_price=bid,
        ask_price=bid + TICK,
        bid_qty=Decimal(5),
        ask_qty=Decimal(5),
        last_price=Decimal(0),
        last_qty=Decimal(0),
    )
    exchange.on_event(Event(now, snapshot), now)


def request(number: int) -> NewOrder:
    """Ask for one order that rests."""
    side = Side.BUY if number % 2 else Side.SELL
    away = Decimal(number % 97 + 50)
    return NewOrder(
        symbol=SYMBOL,
        side=side,
        type=OrderType.LIMIT,
        qty=Decimal("0.010"),
        price=Decimal(90_000) - away if side is Side.BUY else Decimal(90_000) + away,
        tif=TimeInForce.GTX,
        client_order_id=f"bench_{number}",
    )


def place(exchange: Exchange, order: NewOrder, now: int) -> VenueOrder:
    """Place one order."""
    answer = exchange.place("me", order, now)
    if not isinstance(answer, VenueOrder):
        raise SystemExit(f"refused: {answer}")
    return answer


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000)
    orders = parser.parse_args().orders
    exchange = opened()
    resting = [place(exchange, request(number), 1) for number in range(RESTING)]
    rates = []
    part = orders // PARTS
    for tenth in range(PARTS):
        first = 2 + tenth * part
        wanted = [request(RESTING + first + number) for number in range(part)]
        start = time.process_time()
        for number, order in enumerate(wanted):
            now = first + number
            oldest = resting.pop(0)
            exchange.cancel("me", SYMBOL, oldest.number, now=now)
            resting.append(place(exchange, order, now))
            exchange.drain()
            if number % 100 == 0:
                quote(exchange, number % 300 // 100, now)
        rates.append(2 * part / (time.process_time() - start))
    print(
        json.dumps(
            {
                "operations": 2 * orders,
                "per_second": round(sum(rates) / len(rates)),
                "first_tenth": round(rates[0]),
                "last_tenth": round(rates[-1]),
                "last_over_first": round(rates[-1] / rates[0], 3),
            }
        )
    )


if __name__ == "__main__":
    main()
