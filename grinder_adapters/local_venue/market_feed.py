"""The market reaches the exchange: each event at its time, on the venue's clock.

A recording is older than today, and clients sign with today's time, so its events are stamped with
the moment they are told; what they say about later times moves along. At full speed the market
waits for the slowest connection instead of filling its memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from attrs import define, evolve

from grinder_adapters.clock import Clock
from grinder_adapters.feeds import construct
from grinder_adapters.local_venue.markets.pacing import UNPACED, Pacer
from grinder_adapters.local_venue.markets.venue_steps import Deposit, VenueStep
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import (
    DepthDiff,
    Funding,
    L2Snapshot,
    MarketStats,
    MarkPrice,
    Snapshot,
    Trade,
)

Sleep = Callable[[float], Awaitable[None]]
TURNS_BETWEEN_PAUSES: Final = 200
WAITING_MAX: Final = 1_000
PAUSED_POLL_S: Final = 0.05
LAG_POLL_S: Final = 0.001


@define(eq=False)
class MarketFeed:
    """Feeds a source to the exchange.

    Attributes:
        restamps: Stamp events with the moment they are told; not where the clock is the market's.
        sleep: Waits, in seconds of the clock.
        count: Events fed so far.
    """

    venue: LocalVenue
    clock: Clock
    pacer: Pacer
    restamps: bool = True
    sleep: Sleep = asyncio.sleep
    count: int = 0

    async def run(self, source: Iterable[Event | VenueStep]) -> None:
        """Feed everything."""
        clock, pacer = self.clock, self.pacer
        for item in source:
            now = clock.now_ms()
            if pacer.wait_ms(item.ts_ms, now) != 0:
                await self._wait(item.ts_ms)
                now = clock.now_ms()
            if isinstance(item, Event):
                self.venue.on_event(restamped(item, now) if self.restamps else item, now)
            else:
                self._apply(item, now)
            self.count += 1
            if self.count % TURNS_BETWEEN_PAUSES == 0:
                await self._breathe()

    async def _wait(self, ts_ms: int) -> None:
        while (wait := self.pacer.wait_ms(ts_ms, self.clock.now_ms())) != 0:
            await self.sleep(PAUSED_POLL_S if wait is None else wait / 1000)

    async def _breathe(self) -> None:
        """Let connections send; at full speed until none lags."""
        await asyncio.sleep(0)
        if self.pacer.speed_x100 == UNPACED:
            sessions = self.venue.hub.sessions
            while any(session.is_behind(WAITING_MAX) for session in sessions.values()):
                await asyncio.sleep(LAG_POLL_S)

    def _apply(self, step: VenueStep, now: int) -> None:
        if isinstance(step, Deposit):
            self.venue.exchange.deposit(step.account, step.amount, now)
            self.venue.push(now)
            return
        instrument = self.venue.exchange.floor.instruments.get(step.symbol)
        if instrument is not None:
            self.venue.change(step.applied_to(instrument), now)


def restamped(event: Event, now: int) -> Event:
    """Return the event as it is told now."""
    payload = event.payload
    if isinstance(payload, Snapshot):
        payload = construct.snapshot(
            now,
            payload.symbol,
            payload.bid_price,
            payload.ask_price,
            payload.bid_qty,
            payload.ask_qty,
            payload.last_price,
            payload.last_qty,
        )
    elif isinstance(payload, DepthDiff):
        payload = construct.depth_diff(
            now,
            payload.symbol,
            payload.first_update_id,
            payload.last_update_id,
            payload.prev_update_id,
            payload.bids,
            payload.asks,
        )
    elif isinstance(payload, Trade):
        payload = construct.trade(
            now,
            payload.symbol,
            payload.trade_id,
            payload.price,
            payload.qty,
            payload.is_buyer_maker,
        )
    elif isinstance(payload, L2Snapshot):
        payload = construct.l2_snapshot(now, payload.symbol, payload.bids, payload.asks)
    elif isinstance(payload, MarkPrice):
        funding = payload.next_funding_ts
        ahead = None if funding is None else now + funding - payload.ts
        payload = evolve(payload, ts=now, next_funding_ts=ahead)
    elif isinstance(payload, Funding | MarketStats):
        payload = evolve(payload, ts=now)
    return construct.event(now, payload, event.seq, now, event.update_id)
