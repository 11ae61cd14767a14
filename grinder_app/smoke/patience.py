"""Asking again what the venue may refuse for the moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from grinder_adapters.binance.waiting import Sleep
from grinder_core.errors import CircuitOpenError, ConnectorTimeoutError, ConnectorTransientError

WAITS_MS: Final = (500, 1_000, 2_000, 4_000, 8_000, 16_000)
SOON_MS: Final = (0, 200, 400, 800, 1_600, 3_200)
PASSING: Final = (ConnectorTransientError, ConnectorTimeoutError, CircuitOpenError)
T = TypeVar("T")


async def patiently(work: Callable[[], Awaitable[T]], sleep: Sleep) -> T:
    """Do what may fail for a reason that passes, a few times.

    Raises:
        ConnectorError: It fails for another reason, or for half a minute.
    """
    for wait_ms in WAITS_MS:
        try:
            return await work()
        except PASSING:
            await sleep(wait_ms / 1_000)
    return await work()


async def soon(is_so: Callable[[], Awaitable[bool]], sleep: Sleep) -> bool:
    """Look a few times, for the venue's reads may lag; return whether it came to be."""
    for wait_ms in SOON_MS:
        await sleep(wait_ms / 1_000)
        if await is_so():
            return True
    return False
