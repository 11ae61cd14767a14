"""Answers scrapers: written out at most once a second, a few families at a time.

All values are read at one moment, which is quick; writing them out takes longer than a step may
wait, so everything else has its turn in between. Who asks within the second gets the same bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from grinder_adapters.metrics.exposition import CONTENT_TYPE, Exposition, Values
from grinder_app.server.bodies import OK, Answer

FRESH_S: Final = 1.0
FAMILIES_AT_ONCE: Final = 4


class Scrapes:
    """Answers ``/metrics``.

    Args:
        values: Reads all values.
        monotonic: Seconds that never go back.

    Attributes:
        rendered: Times the values were read.
    """

    def __init__(
        self,
        exposition: Exposition,
        values: Callable[[], Values],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exposition, self._values, self._monotonic = exposition, values, monotonic
        self._one_at_a_time = asyncio.Lock()
        self._answer: Answer | None = None
        self._read_s = 0.0
        self.rendered = 0

    async def answer(self) -> Answer:
        """Return the exposition, no older than a second when it was asked for."""
        asked_s = self._monotonic()
        async with self._one_at_a_time:
            if self._answer is None or asked_s - self._read_s >= FRESH_S:
                self._answer = await self._render()
            return self._answer

    async def _render(self) -> Answer:
        self._read_s = self._monotonic()
        self.rendered += 1
        texts = []
        for text in self._exposition.families(self._values()):
            texts.append(text)
            if len(texts) % FAMILIES_AT_ONCE == 0:
                await asyncio.sleep(0)
        return Answer(OK, b"".join(texts), CONTENT_TYPE)
