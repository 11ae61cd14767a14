"""The session that ``live_latency`` measures: its policy, its journal, its world, its limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from attrs import evolve

from benchmarks.canned_orders import CannedHttp
from benchmarks.listed_market import LISTED, NAMES, TRADED
from benchmarks.stamps import StampedCannedHttp, StampedHttp, StampedSockets, Stamps
from grinder_adapters.binance.order_desk import OrderDesk
from grinder_adapters.binance.permission import PortKind
from grinder_adapters.clock import SystemClock
from grinder_adapters.journal import Journal
from grinder_adapters.local_venue.assembly import VenueOptions, assemble
from grinder_adapters.local_venue.limits import LimitSettings
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_app.config.live_plan import LiveFlags, plan_live
from grinder_app.config.load import load_settings
from grinder_app.live.session import LiveSession
from grinder_app.live.surroundings import Surroundings
from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import SafeMode
from grinder_core.contracts.market import MarkPrice, Snapshot, Trade
from grinder_core.contracts.plan import GridMode, GridPlan, paused
from grinder_core.live.core import Step

MANY = 1_000_000
PATIENCE = 200


class Toggle:
    """Wants one order of one symbol below the market at one quote, and none at the next."""

    name = "toggle"

    def plan(self, context: PolicyContext) -> GridPlan:
        """Return it."""
        mid = context.snapshot.mid_price
        if context.open_order_count or context.snapshot.symbol != TRADED:
            return paused(mid, ("TOGGLE",), GridMode.PAUSE)
        return GridPlan.flat(
            center_price=mid,
            spacing_bps=50,
            levels_up=0,
            levels_down=1,
            size_schedule=((Decimal(120) / mid).quantize(Decimal("0.001")),),
            reason_codes=("TOGGLE",),
        )


class Timed(Journal):
    """Measures what a commit takes; or does not wait for it, so that all else can be measured."""

    stamps: Stamps
    waits = False

    async def sync(self) -> None:
        """Commit, or not."""
        if not self.waits:
            return
        began = time.perf_counter_ns()
        await super().sync()
        self.stamps.syncs_ns.append(time.perf_counter_ns() - began)


class Progress:
    """Whether a session is done with all that it was given."""

    def __init__(self) -> None:
        self.desk: OrderDesk | None = None
        self._steps = self._sent = self._asked = 0

    def stepped(self, event: Event, step: Step) -> None:
        """Count the market events of a session."""
        self._steps += isinstance(event.payload, Snapshot | Trade | MarkPrice)

    def is_done(self) -> bool:
        """Whether the next frame may come; a frame that led to nothing holds up nobody."""
        self._asked += 1
        is_idle = self.desk is None or not self.desk.is_busy(CannedHttp.newest)
        if not (self._steps >= self._sent and is_idle) and self._asked < PATIENCE:
            return False
        self._sent, self._asked = self._steps + 1, 0
        return True


def exchange() -> LocalVenue:
    """Return an exchange that limits no number of orders."""
    limits = LimitSettings(weight_per_minute=MANY, orders_per_10s=MANY, orders_per_minute=MANY)
    return assemble(VenueOptions(deposit=Decimal(MANY), instruments=LISTED, limits=limits))


def live_session(
    venue: LocalVenue,
    clock: SystemClock,
    folder: Path,
    tell: Callable[[str, str], None],
    progress: Progress,
    *,
    is_canned: bool,
) -> LiveSession:
    """Return a session on all symbols that nothing holds up but its own work."""
    sets = {
        "gates.max_orders_per_minute": str(MANY),
        "gates.cooldown_ms": "0",
        "gates.max_notional_total": str(MANY),
        "risk.initial_capital": str(MANY),
        "risk.max_drawdown_pct": "50",
        "gates.max_spread_bps": "10000",
        "gates.max_price_impact_bps": "10000",
        "app.state_dir": str(folder),
    }
    settings = load_settings(None, environment={}, flags=sets)
    flags = LiveFlags(
        armed=True,
        mode=SafeMode.LIVE_TRADE,
        exchange_port=PortKind.SIM,
        symbols=NAMES,
        rest_url="http://127.0.0.1",
        ws_url="ws://127.0.0.1",
    )
    http = StampedCannedHttp if is_canned else StampedHttp
    world = Surroundings(
        clock=clock,
        transport=lambda: http(venue, clock, asyncio.sleep),
        sockets=lambda _: StampedSockets(venue, clock),
        open_journal=Timed.open,
    )
    plan = plan_live(flags, settings, {})
    plan = evolve(plan, live=evolve(plan.live, target_leverage=1))
    return LiveSession(
        plan,
        world,
        "http://127.0.0.1",
        "ws://127.0.0.1",
        tell,
        version="0",
        policy=Toggle(),
        policy_name="toggle",
        on_step=progress.stepped,
    )
