"""Waiting for a time or for news, whichever comes first, on an injected ``sleep``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Sleep = Callable[[float], Awaitable[None]]


async def pause(sleep: Sleep, milliseconds: int, news: asyncio.Event) -> None:
    """Wait that long, or until the event is set."""

    async def slept() -> None:
        await sleep(max(0, milliseconds) / 1000)

    tasks: list[asyncio.Task[object]] = [
        asyncio.create_task(slept()),
        asyncio.create_task(news.wait()),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()  # a ``sleep`` that failed
