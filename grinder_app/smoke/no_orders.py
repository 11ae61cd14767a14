"""``smoke no-orders``: all gates open, a fixture, and not one packet (LIVE-28, LIVE-37).

The run is armed for mainnet, with every acknowledgement that there is and a key pair that nobody
ever issued. A fixture keeps it in this process all the same: what passes every gate ends at a venue
of the fixture. Both are counted, what passed and what was tried on the network.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.permission import REAL_PORT_ACK, PortKind
from grinder_adapters.binance.spec import USDM
from grinder_adapters.feeds.fixture import CONFIG_NAME, EVENT_NAMES, SCHEMA_VERSION
from grinder_adapters.feeds.grammar import write_line
from grinder_adapters.network_watch import NetworkWatch
from grinder_app.config.live_plan import LiveFlags, LivePlan, plan_live
from grinder_app.config.load import load_settings
from grinder_app.live.fixture_run import FixtureRun
from grinder_app.live.ports import LivePort
from grinder_app.smoke.steps import Step, StepError
from grinder_core.contracts.effects import Effect
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.live import SafeMode
from grinder_core.contracts.market import Snapshot
from grinder_core.numbers import ZERO, exact

QUOTES: Final = 120
SECOND_MS: Final = 1_000
SWING: Final = (0, 4, 9, 15, 9, 4, 0, -4, -9, -15, -9, -4)
HALF_SPREAD: Final = Decimal("0.01")
ENVIRONMENT: Final = {
    "ARMED": "1",
    "ALLOW_TESTNET_TRADE": "1",
    "ALLOW_MAINNET_TRADE": "1",
    "GRINDER_REAL_PORT_ACK": REAL_PORT_ACK,
    "BINANCE_API_KEY": "no-such-key",
    "BINANCE_API_SECRET": "no-such-secret",
}


class NoOrders:
    """The harness.

    Args:
        watch: Counts attempts on the network; it watches the whole run.
        fixture: A recorded case; ``None``: one made here.
    """

    def __init__(self, watch: NetworkWatch, fixture: Path | None) -> None:
        self._watch, self._fixture = watch, fixture

    def steps(self) -> Sequence[Step]:
        """Return what it does."""
        return (
            Step(name="all gates open", work=self._open),
            Step(name="fixture folded", work=self._fold),
            Step(name="zero network I/O", work=self._look),
        )

    async def _open(self) -> str:
        with TemporaryDirectory() as folder:
            self._plan = plan = mainnet_plan(Path(folder))
        if plan.missing or not plan.will_write or plan.venue_class is not VenueClass.MAINNET:
            raise StepError(f"a gate is shut: {'; '.join(plan.missing) or 'it would not write'}")
        return f"armed for {plan.permission.venue_class.value}, port {plan.exchange_port.value}"

    async def _fold(self) -> str:
        with TemporaryDirectory() as folder:
            path = self._fixture or write_case(Path(folder))
            run = FixtureRun(self._plan, path)
            run.loop.port = counting = Counting(run.loop.port)
            end = run.run()
        if not counting.effects:
            raise StepError(
                "no action passed every gate, so an empty network proves nothing: take a case "
                "whose quotes are seconds apart"
            )
        return f"{end.events} events, {counting.effects} actions passed, all within this process"

    async def _look(self) -> str:
        if self._watch.attempts:
            raise StepError(f"{len(self._watch.attempts)} attempts: {self._watch.attempts[0]}")
        return "no connection, no look-up, no datagram; 0 orders sent"


class Counting:
    """Counts what reaches the port of a fixture: it has passed every gate.

    Attributes:
        effects: So many.
    """

    def __init__(self, port: LivePort) -> None:
        self._port, self.effects = port, 0

    def perform(self, effect: Effect, now: int) -> None:
        """Hand it on."""
        self.effects += 1
        self._port.perform(effect, now)

    def before(self, event: Event) -> Sequence[Payload]:
        """Hand it on."""
        return self._port.before(event)

    def after(self, event: Event) -> Sequence[Payload]:
        """Hand it on."""
        return self._port.after(event)


def mainnet_plan(folder: Path) -> LivePlan:
    """Return the plan of a run that lacks nothing to send orders for money, but for real keys.

    Args:
        folder: An empty one, for settings that are nobody's.
    """
    file = folder / "grinder.toml"
    file.write_text('[live]\nallow_mainnet = true\nmax_notional_per_order = "50"\n')
    urls = USDM.urls[VenueClass.MAINNET]
    given = LiveFlags(
        armed=True,
        mode=SafeMode.LIVE_TRADE,
        exchange_port=PortKind.FUTURES,
        symbols=("BTCUSDT",),
        rest_url=urls.rest,
        ws_url=urls.stream,
    )
    return plan_live(given, load_settings(file, environment={}), ENVIRONMENT)


def write_case(folder: Path) -> Path:
    """Write a case in which everything passes: a quote a second that swings around 100."""
    lines = [
        write_line(Event(i * SECOND_MS, _quote(i * SECOND_MS, SWING[i % len(SWING)]), i))
        for i in range(QUOTES)
    ]
    settings = {"spacing_bps": 4, "levels": 3, "size_per_level": "1"}
    config = {"schema_version": SCHEMA_VERSION, "description": "a swing", "engine": settings}
    (folder / EVENT_NAMES[0]).write_text("".join(lines), encoding="ascii")
    (folder / CONFIG_NAME).write_text(json.dumps(config), encoding="ascii")
    return folder


def _quote(ts: int, cents: int) -> Snapshot:
    with exact():
        mid = Decimal(100) + Decimal(cents).scaleb(-2)
        bid, ask = mid - HALF_SPREAD, mid + HALF_SPREAD
    return Snapshot(
        ts=ts,
        symbol="DEMOUSDT",
        bid_price=bid,
        ask_price=ask,
        bid_qty=Decimal(5),
        ask_qty=Decimal(5),
        last_price=ZERO,
        last_qty=ZERO,
    )
