"""The instants at which a life may be cut short, put around the product from outside.

Nothing in the product knows of them: in the child process, and only there, the functions named in
the table are wrapped, and each arrival before or after one is counted. At the chosen one the
process kills itself with SIGKILL, so nothing runs after it: no ``finally``, no flush, no close.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from random import Random
from typing import Any, Final

from attrs import Factory, define

from grinder_adapters.aiohttp_transport import AiohttpTransport
from grinder_adapters.binance.order_desk import OrderDesk
from grinder_adapters.binance.order_inquiries import OrderInquiries
from grinder_adapters.journal.journal import Journal
from grinder_adapters.journal.store import Store
from grinder_adapters.transport import HttpAnswer
from grinder_adapters.write_archive import SqliteArchive
from grinder_app.live.loop import LiveLoop
from grinder_app.live.ports import DeskPort
from grinder_app.live.reconciling import Reconciliation
from grinder_app.live.recovering import Restored, restore
from grinder_app.live.session import LiveSession
from grinder_core.contracts.event import MARKET_KINDS, Event
from grinder_core.live.core import LiveCore
from grinder_core.ports import Policy

BEFORE: Final = "before"
AFTER: Final = "after"
UNDER_WAY: Final = "under way"
RANDOM: Final = "random instant"
_MARKET: Final = tuple(MARKET_KINDS.values())
_WRITES: Final = frozenset({"POST", "PUT", "DELETE"})


def _step(args: tuple[Any, ...]) -> str:
    event: Event = args[1]
    return "market step" if isinstance(event.payload, _MARKET) else "step"


def _put(args: tuple[Any, ...]) -> str:
    return "market put" if isinstance(args[1], Event) else "put"


# what is wrapped, what it is called, and about how many arrivals a life of a second or two has
_AROUND: Final[tuple[tuple[object, str, str | Callable[[tuple[Any, ...]], str]], ...]] = (
    (Journal, "append", "row"),
    (Journal, "append_market", "market row"),
    (Journal, "intent", "intent"),
    (Journal, "intent_done", "intent done"),
    (Journal, "checkpoint", "checkpoint row"),
    (Journal, "sync", "sync"),
    (Store, "commit", "commit"),
    (Store, "write_head", "head"),
    (SqliteArchive, "keep", "archive"),
    (LiveCore, "step", _step),
    (LiveLoop, "put", _put),
    (DeskPort, "perform", "effect"),
    (OrderDesk, "_place", "place"),
    (OrderDesk, "_cancel", "cancel"),
    (OrderDesk, "_hear", "user event"),
    (OrderDesk, "take_up", "take up"),
    (OrderDesk, "settle", "settle"),
    (OrderInquiries, "_ask", "inquiry"),
    (OrderInquiries, "_compare", "comparison"),
    (OrderInquiries, "fetch_trades", "trades"),
    (Reconciliation, "snapshot", "account snapshot"),
    (Reconciliation, "compare", "verdict"),
    (LiveSession, "checkpoint", "checkpoint"),
    (LiveSession, "_end", "end"),
)
USUAL: Final[Mapping[str, int]] = {
    "row": 40,
    "market row": 60,
    "intent": 3,
    "intent done": 3,
    "checkpoint row": 2,
    "sync": 4,
    "commit": 8,
    "head": 6,
    "archive": 4,
    "market step": 60,
    "step": 20,
    "replay": 30,
    "market put": 60,
    "put": 20,
    "effect": 4,
    "place": 4,
    "cancel": 3,
    "user event": 5,
    "take up": 1,
    "settle": 1,
    "inquiry": 2,
    "comparison": 1,
    "trades": 2,
    "account snapshot": 1,
    "verdict": 1,
    "checkpoint": 2,
    "end": 1,
    "restore": 1,
    "write": 4,
    "read": 12,
}
POINTS: Final = (
    *(f"{name}: {moment}" for name in USUAL for moment in (BEFORE, AFTER)),
    f"write: {UNDER_WAY}",
    f"read: {UNDER_WAY}",
)


@define
class Trigger:
    """Kills this process at the ``nth`` arrival at a point.

    Args:
        told: Notes that it is about to.
    """

    point: str
    nth: int
    told: Callable[[str, int], None]
    seen: Counter[str] = Factory(Counter)
    is_restoring: bool = False

    def is_due(self, point: str) -> bool:
        """Count an arrival; return whether it is the one."""
        self.seen[point] += 1
        return point == self.point and self.seen[point] == self.nth

    def reach(self, point: str) -> None:
        """Count an arrival, and end here if it is the one."""
        if self.is_due(point):
            self.end()

    def end(self) -> None:
        """End this process as a power cut would, but for the disk's own cache."""
        self.told(self.point, self.nth)
        os.kill(os.getpid(), signal.SIGKILL)


def arm(trigger: Trigger, dice: Random) -> None:
    """Put the points around the product, in this process."""
    for owner, name, called in _AROUND:
        setattr(owner, name, _around(getattr(owner, name), called, trigger))
    _around_requests(trigger, dice)


def restore_with(trigger: Trigger, folder: Path, policy: Policy | None) -> Restored:
    """Read a session back, with points before, after and at each event of the replay."""
    trigger.reach(f"restore: {BEFORE}")
    trigger.is_restoring = True
    restored = restore(folder, policy)
    trigger.is_restoring = False
    trigger.reach(f"restore: {AFTER}")
    return restored


def _around(
    function: Callable[..., Any], called: str | Callable[[tuple[Any, ...]], str], trigger: Trigger
) -> Callable[..., Any]:
    def name_of(args: tuple[Any, ...]) -> str:
        if not callable(called):
            return called
        found = called(args)
        return "replay" if trigger.is_restoring and found.endswith("step") else found

    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def waited(*args: Any, **more: Any) -> Any:
            name = name_of(args)
            trigger.reach(f"{name}: {BEFORE}")
            found = await function(*args, **more)
            trigger.reach(f"{name}: {AFTER}")
            return found

        return waited

    @wraps(function)
    def done(*args: Any, **more: Any) -> Any:
        name = name_of(args)
        trigger.reach(f"{name}: {BEFORE}")
        found = function(*args, **more)
        trigger.reach(f"{name}: {AFTER}")
        return found

    return done


def _around_requests(trigger: Trigger, dice: Random) -> None:
    inner = AiohttpTransport.request

    async def request(
        self: AiohttpTransport,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_ms: int,
    ) -> HttpAnswer:
        name = "write" if method in _WRITES and "/order" in url else "read"
        trigger.reach(f"{name}: {BEFORE}")
        sent = asyncio.ensure_future(inner(self, method, url, headers, body, timeout_ms))
        if trigger.is_due(f"{name}: {UNDER_WAY}"):
            await asyncio.wait({sent}, timeout=dice.uniform(0.0005, 0.006))
            if sent.done():  # the exchange was quicker: the next one
                trigger.nth += 1
            else:
                trigger.end()
        try:
            answer = await sent
        except asyncio.CancelledError:
            sent.cancel()
            raise
        trigger.reach(f"{name}: {AFTER}")
        return answer

    AiohttpTransport.request = request  # type: ignore[method-assign]
