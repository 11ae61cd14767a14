"""When garbage is collected while a session trades: not between a quote and its order.

The collector looks through what is alive whenever enough was made, which can hold up an order for
milliseconds. What a session holds once it is ready (modules, settings, rules) stays alive anyhow,
so it is frozen out of that. Young garbage is collected every second and all of it every ten
minutes, in a task of its own. Memory hardly needs it: what a step makes goes by reference counts.
Nothing of this decides anything.

How long a thread may keep the interpreter (``sys.setswitchinterval``) is left as it is: run in turn
with 0.2 ms instead of its 5 ms, no tail was seen to become shorter.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

YOUNG_EVERY_S: Final = 1.0
ALL_EVERY_S: Final = 600.0
MANY_OBJECTS: Final = 200_000  # made and still alive within a second: then it may not wait


class Quiet:
    """Keeps the collector away from the path of an order, once a session is ready."""

    def __init__(self) -> None:
        self._is_ready = asyncio.Event()

    def ready(self) -> None:
        """What is alive now stays so: freeze it."""
        self._is_ready.set()

    async def collect(self) -> None:
        """Collect from time to time, until cancelled."""
        await self._is_ready.wait()
        gc.collect()
        gc.freeze()
        loop = asyncio.get_running_loop()
        all_due = loop.time() + ALL_EVERY_S
        while True:
            await asyncio.sleep(YOUNG_EVERY_S)
            if loop.time() < all_due:
                gc.collect(1)
                continue
            gc.collect()
            all_due = loop.time() + ALL_EVERY_S


@asynccontextmanager
async def quiet() -> AsyncIterator[Quiet]:
    """Have garbage collected so meanwhile; afterwards as before."""
    threshold = gc.get_threshold()
    gc.set_threshold(MANY_OBJECTS, *threshold[1:])
    made = Quiet()
    task = asyncio.create_task(made.collect(), name="live: garbage")
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        gc.unfreeze()
        gc.set_threshold(*threshold)
