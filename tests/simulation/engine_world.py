"""The engine itself at the local exchange, free running, under virtual time and random faults.

A session with a policy that wants anything at all trades through desk, adapter and streams. When
the faults are over and the desk has settled, what the engine believes must be what the exchange
holds: orders, fills, positions and money.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from random import Random

from grinder_adapters.binance.network import Network
from grinder_adapters.binance.order_desk import OrderDesk
from grinder_adapters.local_venue.assembly import LOCAL_KEY, START_PRICES
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.markets.generator import (
    GeneratedMarket,
    GeneratedSymbol,
    GeneratorSettings,
)
from grinder_app.runner.free_venue import FreeVenue
from grinder_app.runner.venues import with_rules
from grinder_core.contracts.control import Timer
from grinder_core.contracts.event import Event
from grinder_core.engine.config import EngineConfig
from grinder_core.numbers import ZERO, exact
from grinder_core.resilience.reconnects import ReconnectLimiter, ReconnectSettings
from grinder_core.session.session import Session
from grinder_core.venue.exchange.instrument import Instrument
from tests.simulation.adapter_world import CALM_MS, STRATEGY, SYMBOL, AdapterWorld
from tests.simulation.whims import Whims

CAPITAL = 10**6


def settings(instruments: list[Instrument]) -> EngineConfig:
    """Return roomy limits: the policy shall be able to do nearly all that it wants."""
    wanted = EngineConfig().with_values(
        {
            "initial_capital": Decimal(CAPITAL),
            "strategy_id": STRATEGY,
            "max_notional_per_symbol": Decimal(5_000_000),
            "max_notional_total": Decimal(5_000_000),
            "daily_loss_limit": Decimal(1_000_000),
            "max_orders_per_minute": 600,
            "cooldown_ms": 0,
        }
    )
    return with_rules(wanted, instruments)


class EngineWorld(AdapterWorld):
    """One session at one exchange under one plan of faults; its market is wild, so orders fill."""

    def __init__(
        self, seed: int, duration_ms: int, intensity: int, *, calm_ms: int = CALM_MS
    ) -> None:
        super().__init__(seed, duration_ms, intensity, calm_ms=calm_ms)
        wild = GeneratedSymbol(start_price=START_PRICES[SYMBOL], volatility_bps=100)
        length_ms = duration_ms + 2 * self.calm_ms
        generator = GeneratorSettings(
            seed=seed,
            start_ms=self.clock.now_ms(),
            duration_ms=length_ms,
            symbols={SYMBOL: wild},
        )
        self.market = GeneratedMarket(generator, LOCAL_SYMBOLS)

    async def _life(self) -> None:
        market = await self._open()
        stream = self._stream()
        limiter = ReconnectLimiter(ReconnectSettings())
        network = Network(self.sockets(), self.clock, limiter, Random(self.seed))
        venue = FreeVenue(self._perform)
        self.desk = OrderDesk(self.port, self.account, stream, network, venue.news.append)
        instruments = list(self.venue.exchange.floor.instruments.values())
        self.session = Session(settings(instruments), Whims(self.seed), venue=venue)
        feed = self._feed()
        self.desk.start()
        watching = asyncio.create_task(self._watch(feed))
        await asyncio.sleep(self.duration_ms / 1000)
        self.found.counts["faults"] = sum(self.venue.plan.counts.values())
        self.venue.set_plan(FaultPlan(()))
        await asyncio.sleep(self.calm_ms / 1000)
        watching.cancel()
        await self.desk.settle()
        self.found.events += len(venue.news)
        self.session.feed(Event(max(self.clock.now_ms(), self.session.engine.hot.now), Timer()))
        self._judge()
        await self.desk.close()
        await feed.close()
        await self._leave(stream, watching, market)

    def _perform(self, effect: object) -> None:
        self.desk.perform(effect)  # type: ignore[arg-type]

    def _see(self, event: Event) -> None:
        super()._see(event)
        self.desk.check()
        self.session.feed(event)

    def _judge(self) -> None:
        """Hold what the engine believes against what the exchange holds."""
        wrong, hot = self.found.wrong, self.session.engine.hot
        floor = self.venue.exchange.floor
        account = floor.accounts[LOCAL_KEY.account]
        s = hot.symbols[SYMBOL]
        ours = {
            order.client_order_id: order.filled
            for order in floor.orders.values()
            if self.port.codec.is_ours(order.client_order_id)
        }
        believed = {
            n: o.filled_qty for book in (s.grid.live, s.grid.leaving) for n, o in book.items()
        }
        if ours != believed:
            wrong.append(
                f"orders differ: venue only {sorted(ours.keys() - believed.keys())}, "
                f"engine only {sorted(believed.keys() - ours.keys())}"
            )
        own = self._own_numbers()
        trades = [trade for trade in account.trades if str(trade.order_number) in own]
        if len(trades) != hot.stats.total_fills:
            wrong.append(f"{hot.stats.total_fills} fills, at the venue {len(trades)}")
        with exact():
            held = sum((trade.side.sign * trade.qty for trade in trades), ZERO)
            fees = sum((trade.fee for trade in trades), ZERO)
            paid = s.ledger.fees_paid + s.ledger.funding_paid
            # what was told late closed positions at other averages: the sum of both is the same
            kept = s.ledger.realized_pnl - s.ledger.cost_basis - paid
            known = account.wallet - account.deposited - account.insured
            known -= sum((p.ledger.cost_basis for p in account.positions.values()), ZERO)
        if held != s.ledger.qty:
            wrong.append(f"position {s.ledger.qty}, at the venue {held}")
        if fees != s.ledger.fees_paid:
            wrong.append(f"fees {s.ledger.fees_paid}, at the venue {fees}")
        if len(trades) == len(account.trades) and kept != known:
            wrong.append(f"profit without the position {kept}, at the venue {known}")
        counts = self.found.counts
        counts["orders"] = hot.stats.orders_placed
        counts["fills"] = hot.stats.total_fills
        counts["refused"] = hot.stats.orders_refused
        counts["foreign"] = hot.stats.foreign_updates
        counts["duplicates"] = hot.stats.duplicate_fills
        counts["merges"] = self.desk.inquiries.merges
        counts["unknown"] = self.desk.unknown_outcomes
        self.found.events += hot.stats.orders_placed + hot.stats.total_fills
