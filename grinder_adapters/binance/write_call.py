"""One write as the protocol of LIVE-04 takes it, and what is known of its order meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from attrs import Factory, define, frozen

from grinder_adapters.binance.endpoints import Request
from grinder_adapters.binance.outcomes import Seen
from grinder_core.contracts.enums import RiskIntent
from grinder_core.resilience.idempotency import Entry, Write, WriteIntent
from grinder_core.resilience.unknown import OutcomeInquiry


class Witness(Protocol):
    """Who must know of a write before it leaves, and may still stop it."""

    async def record(self, entry: Entry, call: WriteCall) -> None:
        """Make a claim durable (LIVE-38, SYNC); raising stops the write."""

    def refusal(self, risk: RiskIntent, symbol: str) -> str:
        """Return why a write must not go out now, leadership included; empty: it may (LIVE-13)."""


@frozen(kw_only=True)
class WriteCall:
    """One write and how to find out what became of it.

    Attributes:
        request, read: What to send, and the order in a good answer.
        query, find: How to ask for the order by its client id.
        inquire: Begins the search for the outcome of an attempt stamped with that venue time.
    """

    intent: WriteIntent
    risk: RiskIntent
    symbol: str
    request: Request
    read: Callable[[bytes], Seen]
    query: Request
    find: Callable[[bytes], Seen]
    inquire: Callable[[int], OutcomeInquiry]

    @property
    def is_cancel(self) -> bool:
        """Whether a repetition is harmless."""
        return self.intent.op is Write.CANCEL


@define(eq=False)
class Watch:
    """What is known of the order of one call while it runs."""

    best: Seen | None = None
    inquiry: OutcomeInquiry | None = None
    may_have_left: bool = False
    news: asyncio.Event = Factory(asyncio.Event)

    def see(self, seen: Seen) -> None:
        """Take what an answer or event shows."""
        if self.best is None or seen.is_newer_than(self.best):
            self.best = seen
