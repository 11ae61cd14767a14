"""What time it is at the venue (LIVE-09): our clock plus a measured offset.

An answer with the venue's time was written at some moment of its round trip; half of the trip is
the best guess and also the largest error. Of several samples the one with the shortest trip wins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from attrs import frozen

from grinder_adapters.clock import Clock
from grinder_core.errors import ConnectorError, ConnectorTransientError, ContractError
from grinder_core.settings import setting

Sleep = Callable[[float], Awaitable[None]]


class SteadyClock:
    """A clock that stands still where the one behind it is set back.

    Breakers, budgets and waits are told a time that never goes back.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._last_ms = clock, 0

    def now_ms(self) -> int:
        """Return Unix milliseconds, UTC; never less than before."""
        self._last_ms = max(self._last_ms, self._clock.now_ms())
        return self._last_ms


@frozen(kw_only=True)
class ClockSettings:
    """How the venue's time is measured."""

    clock_samples: int = setting(3, "Samples of one measurement.", ge=1, spec="LIVE-09")
    clock_resync_ms: int = setting(
        1_800_000, "Time between measurements.", ge=1_000, spec="LIVE-09"
    )
    clock_skew_max_ms: int = setting(
        1_000,
        "Largest error of our idea of the venue's time that proofs of absence allow for.",
        ge=0,
        spec="LIVE-04, LIVE-14",
    )


@frozen(kw_only=True)
class ClockReading:
    """One measurement, ms.

    Attributes:
        offset_ms: Venue minus local.
        error_ms: How wrong it may be: half of the round trip, rounded up.
        taken_ms: When, local time.
    """

    offset_ms: int
    error_ms: int
    taken_ms: int


class VenueClock:
    """The venue's time.

    Args:
        clock: Ours.
        ask: Returns the venue's time in ms, raising ``ConnectorError`` where it cannot.
        settings: See there.

    Attributes:
        reading: The last measurement; ``None`` before the first.
        last_error: Why the last one failed; ``None`` if it did not.
    """

    def __init__(
        self, clock: Clock, ask: Callable[[], Awaitable[int]], settings: ClockSettings
    ) -> None:
        self._clock, self._ask, self.settings = clock, ask, settings
        self._one_at_a_time = asyncio.Lock()
        self.reading: ClockReading | None = None
        self.last_error: ConnectorError | None = None

    def now_ms(self) -> int:
        """Return the venue's time.

        Raises:
            ContractError: It was never measured.
        """
        return self._clock.now_ms() + self._measured().offset_ms

    @property
    def skew_ms(self) -> int:
        """Venue minus local; 0 before the first measurement."""
        return 0 if self.reading is None else self.reading.offset_ms

    async def sync(self) -> None:
        """Measure; who asks while a measurement is under way shares its outcome.

        Raises:
            ConnectorError: No sample came back; the last measurement stays.
        """
        before = self.reading
        async with self._one_at_a_time:
            if self.reading is not before:
                return
            samples: list[ClockReading] = []
            errors: list[ConnectorError] = []
            for _ in range(self.settings.clock_samples):
                try:
                    samples.append(await self._sample())
                except ConnectorError as error:
                    errors.append(error)
            if not samples:
                self.last_error = errors[-1]
                raise self.last_error
            self.reading = min(samples, key=lambda sample: sample.error_ms)
            self.last_error = None

    async def try_sync(self) -> bool:
        """Measure; return whether it succeeded, else ``last_error`` says why not."""
        try:
            await self.sync()
        except ConnectorError:
            return False
        return True

    async def keep(self, sleep: Sleep) -> None:
        """Measure now and at every interval, until cancelled; a failure waits for the next."""
        while True:
            await self.try_sync()
            await sleep(self.settings.clock_resync_ms / 1000)

    async def _sample(self) -> ClockReading:
        sent = self._clock.now_ms()
        venue_ms = await self._ask()
        received = self._clock.now_ms()
        if received < sent:
            raise ConnectorTransientError("the local clock went back during a measurement")
        trip = received - sent
        return ClockReading(
            offset_ms=venue_ms - (sent + trip // 2), error_ms=(trip + 1) // 2, taken_ms=received
        )

    def _measured(self) -> ClockReading:
        if self.reading is None:
            raise ContractError(
                "is not known yet", field="venue time", value=None, remedy="sync the clock first"
            )
        return self.reading
