"""What every part of a live process stands on: its plan, its world, its words to people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, TypeVar

from attrs import frozen

from grinder_app.config.live_plan import LivePlan
from grinder_app.live.surroundings import Surroundings
from grinder_core.errors import (
    CircuitOpenError,
    ConnectorTimeoutError,
    ConnectorTransientError,
    RateLimitError,
)

OPENING_WAITS_MS: Final = (2_000, 5_000, 10_000, 20_000, 30_000)
HELD_WAIT_MS: Final = 15_000
_HELD: Final = (CircuitOpenError, RateLimitError)  # nothing was sent: that costs no patience
T = TypeVar("T")


@frozen(kw_only=True)
class Foundation:
    """What the parts of one process share.

    Attributes:
        plan: What to do.
        world: Clock, network and disk.
        rest_url, ws_url: Of the venue, whether it is of this process or out there.
        tell: Takes lines for people, each with a word for its kind.
        stack: Closes what was opened, the last first.
        is_stopping: Whether somebody asked for the end.
    """

    plan: LivePlan
    world: Surroundings
    rest_url: str
    ws_url: str
    tell: Callable[[str, str], None]
    stack: AsyncExitStack
    is_stopping: Callable[[], bool]

    def now_ms(self) -> int:
        """Our time, Unix milliseconds."""
        return self.world.clock.now_ms()

    @property
    def folder(self) -> Path:
        """Where the state lies: one folder for each port, so that none can harm another's."""
        return self.plan.state_dir / self.plan.exchange_port.value

    async def patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what the venue may refuse for the moment; a start does not give up at once.

        A ban is sat out, however long: the next process would know nothing of it, and ask.

        Raises:
            ConnectorError: It will not do, or not for a minute.
        """
        waits = iter(OPENING_WAITS_MS)
        while not self.is_stopping():
            try:
                return await work()
            except (*_HELD, ConnectorTimeoutError, ConnectorTransientError) as error:
                wait_ms = HELD_WAIT_MS if isinstance(error, _HELD) else next(waits, 0)
                if not wait_ms:
                    raise
                self.tell("start", f"{error}; tried again in {wait_ms // 1_000} s")
            await self.world.sleep(wait_ms / 1_000)
        return await work()
