"""What a live process tells its core of itself, whenever it changes (live.md section 0)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from grinder_adapters.binance.connector_state import State
from grinder_adapters.binance.feed import BinanceFeed
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.user_stream import UserStream
from grinder_app.live.scribe import JournalPort
from grinder_core.contracts.control import Health
from grinder_core.contracts.live import HealthName
from grinder_core.resilience.breaker_settings import CircuitState, Operation
from grinder_core.resilience.budget import RequestClass
from grinder_core.resilience.weights import ORDER_COST

Facts = dict[tuple[HealthName, str], int]
_CIRCUITS = {CircuitState.CLOSED: 0, CircuitState.OPEN: 1, CircuitState.HALF_OPEN: 2}
SKEW_STEP_MS = 50


class HealthWatch:
    """Looks at the parts of a process, and says what changed.

    Args:
        feed, journal: Always there.
        client: ``None`` where nothing is asked of a venue.
        stream: The private stream; ``None`` where there is no account.
        put: Takes what changed.
    """

    def __init__(
        self,
        feed: BinanceFeed | None,
        journal: JournalPort,
        client: RestClient | None,
        stream: UserStream | None,
        put: Callable[[Health], None],
    ) -> None:
        self._feed, self._journal, self._client, self._stream = feed, journal, client, stream
        self._put = put
        self._told: Facts = {}

    def look(self) -> None:
        """Tell what changed since the last look."""
        for (name, symbol), value in self._facts():
            self.tell(name, value, symbol)

    def tell(self, name: HealthName, value: int, symbol: str = "") -> None:
        """Tell one fact, unless it was told already."""
        if self._told.get((name, symbol)) != value:
            self._told[name, symbol] = value
            self._put(Health(name=name.value, value=value, symbol=symbol))

    def _facts(self) -> Iterable[tuple[tuple[HealthName, str], int]]:
        connected = self._feed is None or self._feed.state is State.CONNECTED
        yield (HealthName.FEED_CONNECTED, ""), int(connected)
        yield (HealthName.PERSIST_OK, ""), int(self._journal.is_writable)
        ok = self._stream is None or self._stream.user_stream_ok
        yield (HealthName.USER_STREAM_OK, ""), int(ok)
        client = self._client
        if client is None:
            return
        now = client.now()
        circuit = client.breaker.state(Operation.PLACE, now)
        yield (HealthName.PLACE_CIRCUIT, ""), _CIRCUITS[circuit]
        yield (HealthName.RATE_LIMIT_BAN, ""), int(client.budget.is_stopped(now))
        room = client.budget.headroom(RequestClass.NEW_RISK, ORDER_COST, now)
        is_low = client.budget.rate_budget_low(now) or not room
        yield (HealthName.RATE_BUDGET_LOW, ""), int(is_low)
        # small moves of the clock are noise; each would be an event
        skew = client.venue_clock.skew_ms
        yield (HealthName.CLOCK_SKEW_MS, ""), skew // SKEW_STEP_MS * SKEW_STEP_MS
