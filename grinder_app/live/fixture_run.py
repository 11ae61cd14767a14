"""``live run --fixture``: the live fold over a recorded case, provably offline (LIVE-37).

Everything is as in a live run but the world: time is the fixture's, the venue accepts and never
fills (or fills on paper), nothing is journalled and no socket can leave the machine, whatever port
and acknowledgements are given.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from grinder_adapters.airgap import airgap
from grinder_adapters.binance.permission import PortKind
from grinder_adapters.feeds.fixture import load_fixture
from grinder_adapters.journal.committer import JournalStats
from grinder_app.config.live_plan import LivePlan
from grinder_app.live.loop import LiveLoop
from grinder_app.live.ports import PaperPort
from grinder_app.live.scribe import Scribe
from grinder_app.live.session import LiveEnd
from grinder_core.contracts.control import Health, Leadership, Restarted, Timer
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.live import HealthName
from grinder_core.engine.config import EngineConfig
from grinder_core.live.config import LiveConfig
from grinder_core.live.core import LiveCore
from grinder_core.orders.router_limits import RouterLimits
from grinder_core.ports import Policy
from grinder_core.venue.sim import RestingVenue, SimVenue

TIMER_MS: Final = 250
FINEST: Final = Decimal("0.00000001")
HEALTHY: Final = (
    HealthName.FEED_CONNECTED,
    HealthName.USER_STREAM_OK,
    HealthName.PERSIST_OK,
    HealthName.BOOTSTRAP_OK,
)


class NoJournal:
    """Keeps nothing: a fixture run can be repeated."""

    is_writable = True
    stats = JournalStats(rows=0, bytes=0, failures=0, age_s=0.0)

    def append(self, stream: str, kind: str, ts_ms: int, body: str) -> int:
        """Keep nothing."""
        return 0

    def append_market(self, line: bytes | str, ts_ms: int) -> None:
        """Keep nothing."""

    def intent(self, key: str, ts_ms: int, body: str) -> int:
        """Keep nothing."""
        return 0

    def intent_done(self, key: str, ts_ms: int, body: str = "{}") -> int:
        """Keep nothing."""
        return 0

    def open_intents(self) -> dict[str, str]:
        """Nothing is open."""
        return {}

    def mark(self) -> int:
        """Keep nothing."""
        return 0

    def checkpoint(self, seq: int, ts_ms: int, text: str) -> int:
        """Keep nothing."""
        return 0

    async def sync(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


class FixtureRun:
    """One pass over a fixture.

    Attributes:
        now: The fixture's time, Unix milliseconds.
    """

    def __init__(self, plan: LivePlan, path: Path, policy: Policy | None = None) -> None:
        self._fixture = load_fixture(path)
        self._symbols = tuple(dict.fromkeys(_symbols(self._fixture.events)))
        config = _config(plan, self._fixture.config, self._symbols)
        self.now = self._fixture.events[0].ts_ms if self._fixture.events else 0
        self.core = LiveCore(config, policy)
        self.loop = LiveLoop(self.core, Scribe(NoJournal()), lambda: self.now)
        kind = SimVenue if plan.exchange_port is PortKind.PAPER else RestingVenue
        venue = kind(config.engine.venue, config.engine.risk.initial_capital)
        self.loop.port = PaperPort(venue, self.loop.put)

    def run(self) -> LiveEnd:
        """Fold everything; the guard of the network is around it."""
        with airgap():
            for payload in self._beginning():
                self.loop.put(payload)
            due = self.now + TIMER_MS
            for event in self._fixture.events:
                while due <= event.ts_ms:
                    self.now = due
                    self.loop.put(Timer())
                    due += TIMER_MS
                self.now = event.ts_ms
                self.loop.put(event)
        hot, stats = self.core.hot, self.core.engine.hot.stats
        return LiveEnd(
            events=hot.events,
            outputs=hot.outputs,
            fills=stats.total_fills,
            digest=self.core.digest,
            replayed=0,
            foreign=(),
            conflated=0,
            unknown_outcomes=0,
            orders="none reached a venue",
        )

    def _beginning(self) -> Iterator[Payload]:
        yield Restarted(reason="fixture")
        yield Leadership(is_leader=True)
        for symbol in self._symbols:
            yield Health(name=HealthName.CONSTRAINTS_LOADED.value, value=1, symbol=symbol)
        for name in HEALTHY:
            yield Health(name=name.value, value=1)
        yield Timer()


def _config(plan: LivePlan, engine: EngineConfig, symbols: tuple[str, ...]) -> LiveConfig:
    """Settings of the fixture, permission of the plan; what no fixture says lets pass."""
    return LiveConfig(
        engine=engine,
        armed=plan.armed,
        mode=plan.mode,
        is_writing=False,
        whitelist=symbols,
        orchestrator=plan.orchestrator,
        router=plan.router,
        fill_gate=plan.fill_gate,
        limits={symbol: _limits(engine, symbol) for symbol in symbols},
    )


def _limits(engine: EngineConfig, symbol: str) -> RouterLimits:
    known = engine.orders.symbol_constraints.get(symbol)
    tick = engine.orders.tick_size_of(symbol) or FINEST
    if known is None:
        return RouterLimits(tick_size=tick, step_size=FINEST, min_qty=FINEST)
    return RouterLimits(
        tick_size=tick,
        step_size=known.step_size,
        min_qty=known.min_qty,
        min_notional=known.min_notional,
    )


def _symbols(events: tuple[Event, ...]) -> Iterator[str]:
    for event in events:
        symbol = getattr(event.payload, "symbol", "")
        if symbol:
            yield symbol
