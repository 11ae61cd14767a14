"""The exchange of a crash world: a process of its own, which survives every kill of the session.

It is what ``grinder venue serve`` runs, with a wild market and a clock that is in a hurry. It keeps
books of its own: every order that it ever took and every trade of the account, for the judge.
"""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection
from typing import Any

from attrs import Factory, define, evolve, frozen

from grinder_adapters.local_venue.assembly import (
    LOCAL_KEY,
    START_PRICES,
    VenueOptions,
    assemble,
)
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, RequestOp
from grinder_adapters.local_venue.fault_plans import sample
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.limits import LimitSettings
from grinder_adapters.local_venue.market_feed import MarketFeed
from grinder_adapters.local_venue.markets.generator import (
    GeneratedMarket,
    GeneratedSymbol,
    GeneratorSettings,
)
from grinder_adapters.local_venue.markets.pacing import Pacer
from grinder_adapters.local_venue.server import VenueServer
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_core.numbers import ZERO, exact
from grinder_core.venue.exchange.settings import ExchangeSettings
from tests.crash.clock import FastClock, is_wanted
from tests.crash.statement import Statement, VenueFill, VenueOrderRow

DEPOSIT = 10**8
POLL_S = 0.02
WILD_BPS = 60
EVENTS_PER_S = 20
LATE_BPS = 600

# a restart asks for much; a session that has to wait for its budget would crash in no new place
ROOMY = LimitSettings(
    weight_per_minute=10**7,
    orders_per_10s=10**6,
    orders_per_minute=10**6,
    funding_per_5m=10**6,
    statistics_per_5m=10**6,
)
# what happens, probability in basis points, and how
_FAULTS: tuple[tuple[FaultKind, int, dict[str, Any]], ...] = (
    (FaultKind.LATENCY, 1_000, {"delay_ms": 5, "jitter_ms": 40}),
    (FaultKind.SLOW_ANSWER, 1_000, {"delay_ms": 5, "jitter_ms": 60}),
    (FaultKind.DROP_BEFORE, 100, {}),
    (FaultKind.DROP_AFTER, 200, {}),
    (FaultKind.UNKNOWN_503, 100, {"executed": True}),
    (FaultKind.UNKNOWN_503, 100, {"executed": False}),
    (FaultKind.UNAVAILABLE_503, 50, {}),
    (FaultKind.OVERLOADED_503, 50, {}),
    (FaultKind.NOT_FOUND_2013, 150, {}),
    (FaultKind.FILL_BEFORE_CANCEL, 300, {"share_bps": 5_000}),
    (FaultKind.FRAME_LATE, 200, {"delay_ms": 100, "jitter_ms": 1_500}),
    (FaultKind.FRAME_TWICE, 200, {}),
    (FaultKind.FRAME_REORDERED, 200, {}),
    (FaultKind.FRAME_LOST, 30, {}),
    (FaultKind.SEQUENCE_GAP, 5, {"count": 3}),
    (FaultKind.STREAM_CUT, 3, {}),
)


@frozen(kw_only=True)
class ExchangeSpec:
    """What one world trades at."""

    seed: int
    symbols: tuple[str, ...]
    clock: FastClock


@define
class Books:
    """All that ever happened: the exchange itself forgets old trades."""

    venue: LocalVenue
    fills: dict[tuple[str, int], VenueFill] = Factory(dict)

    def look(self) -> None:
        """Take in the trades that are new."""
        for trade in reversed(self.venue.exchange.floor.accounts[LOCAL_KEY.account].trades):
            if (trade.symbol, trade.trade_id) in self.fills:
                return
            self.fills[trade.symbol, trade.trade_id] = VenueFill(
                symbol=trade.symbol,
                trade_id=trade.trade_id,
                number=trade.order_number,
                signed_qty=trade.qty * trade.side.sign,
                fee=trade.fee,
            )

    def statement(self) -> Statement:
        """Say what the account holds, and how it came to that."""
        self.look()
        floor = self.venue.exchange.floor
        account = floor.accounts[LOCAL_KEY.account]
        orders = [
            VenueOrderRow(
                client_order_id=order.client_order_id,
                number=order.number,
                symbol=order.symbol,
                side=order.side.value,
                filled=order.filled,
                is_closed=order.number in floor.closed,
            )
            for order in (*floor.closed.values(), *floor.orders.values())
        ]
        with exact():
            positions: dict[str, Any] = {}
            for position in account.positions.values():
                held = positions.get(position.symbol, ZERO)
                positions[position.symbol] = held + position.ledger.qty
            profit = account.wallet - account.deposited - account.insured
            costs = sum((p.ledger.cost_basis for p in account.positions.values()), ZERO)
        return Statement(
            orders=orders,
            fills=list(self.fills.values()),
            positions=positions,
            cash_flow=profit - costs,
            faults=dict(self.venue.plan.counts),
            requests=self.venue.log.total,
        )


def rough(seed: int, symbols: tuple[str, ...], started_at: int) -> FaultPlan:
    """Return what goes wrong while lives are cut short: nothing that is not ours to survive."""
    faults: list[Fault] = []
    for kind, bps, how in _FAULTS:
        fault = evolve(sample(kind), **how)
        faults.append(evolve(fault, match=evolve(fault.match, probability_bps=bps)))
    # arrives about when its receive window ends: the next life may already look for it
    late = evolve(sample(FaultKind.LATENCY), delay_ms=300, jitter_ms=900)
    match = evolve(late.match, op=RequestOp.PLACE, probability_bps=LATE_BPS)
    faults.append(evolve(late, match=match))
    for symbol in symbols:
        fault = sample(FaultKind.PARTIAL_FILL, symbol)
        faults.append(evolve(fault, match=evolve(fault.match, from_ms=500, every_ms=2_000)))
    return FaultPlan(tuple(faults), seed=seed, started_at=started_at)


def serve(spec: ExchangeSpec, pipe: Connection) -> None:
    """Run until told to stop; the body of the process."""
    asyncio.run(_serve(spec, pipe))


async def _serve(spec: ExchangeSpec, pipe: Connection) -> None:
    clock = spec.clock
    venue = assemble(
        VenueOptions(
            deposit=_money(),
            seed=spec.seed,
            limits=ROOMY,
            rules=ExchangeSettings(history=10**6),
        )
    )
    server = VenueServer(venue, clock)
    address = await server.start()
    symbols = {
        symbol: GeneratedSymbol(
            start_price=START_PRICES[symbol], volatility_bps=WILD_BPS, events_per_s=EVENTS_PER_S
        )
        for symbol in spec.symbols
    }
    settings = GeneratorSettings(seed=spec.seed, start_ms=clock.now_ms(), symbols=symbols)
    market = GeneratedMarket(settings, LOCAL_SYMBOLS)
    pacer = Pacer()
    feed = MarketFeed(venue, server.clock, pacer, sleep=clock.sleep)
    feeding = asyncio.create_task(feed.run(market))
    books, keep = Books(venue), True
    pipe.send(address)
    plans = 0
    while keep and is_wanted():
        await asyncio.sleep(POLL_S)
        books.look()
        if feeding.done():
            feeding.result()
        while pipe.poll():
            asked = pipe.recv()
            if asked == "rough":
                plans += 1
                seed = spec.seed * 1_000 + plans
                venue.set_plan(rough(seed, spec.symbols, server.clock.now_ms()))
                pacer.resume(server.clock.now_ms())
            elif asked == "calm":
                venue.set_plan(FaultPlan(()))
            elif asked == "still":
                pacer.pause(server.clock.now_ms())
            keep = asked != "stop"
            pipe.send(books.statement())
    feeding.cancel()
    await asyncio.gather(feeding, return_exceptions=True)
    await server.close()


def _money() -> Any:
    with exact():
        return ZERO + DEPOSIT
