"""Garbage while a session trades: frozen once it is ready, and all as before afterwards."""

from __future__ import annotations

import asyncio
import gc
import weakref

from grinder_app.live.interpreter import MANY_OBJECTS, YOUNG_EVERY_S, quiet
from tests.support.virtual_time import VirtualClock, run


class Knot:
    """Something that only the collector can free."""

    def __init__(self) -> None:
        self.me = self


def test_what_is_alive_is_frozen_once_the_session_is_ready() -> None:
    async def scene() -> None:
        before = gc.get_threshold()
        async with quiet() as undisturbed:
            assert gc.get_threshold()[0] == MANY_OBJECTS
            await asyncio.sleep(YOUNG_EVERY_S * 3)
            assert not gc.get_freeze_count()
            undisturbed.ready()
            await asyncio.sleep(0.1)
            assert gc.get_freeze_count()
        assert not gc.get_freeze_count()
        assert gc.get_threshold() == before

    run(scene(), VirtualClock())


def test_young_garbage_goes_within_two_seconds() -> None:
    async def scene() -> None:
        async with quiet() as undisturbed:
            undisturbed.ready()
            await asyncio.sleep(0.1)
            knot = weakref.ref(Knot())
            assert knot() is not None
            await asyncio.sleep(YOUNG_EVERY_S * 2)
            assert knot() is None

    run(scene(), VirtualClock())


def test_an_end_by_force_leaves_nothing_frozen() -> None:
    async def scene() -> None:
        before = gc.get_threshold()
        try:
            async with quiet() as undisturbed:
                undisturbed.ready()
                await asyncio.sleep(0.1)
                raise RuntimeError("ended")
        except RuntimeError:
            pass
        assert gc.get_threshold() == before
        assert not gc.get_freeze_count()

    run(scene(), VirtualClock())
