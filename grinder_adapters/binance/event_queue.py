"""Events that wait for the engine, in bounded memory (SCR-02, LIVE-18).

As long as there is room everything is kept in order. When there is none, only the newest state of
a market counts: a quote, a mark or a book takes the place of those of its symbol that still wait,
and changes of a book that follow each other become one change. No update of a book is lost that
way, only the steps between. Trades are no state, so they are kept up to a number of their own;
beyond it the newest is refused and its symbol's trades count as missing for a while.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from decimal import Decimal

from attrs import define, field, frozen

from grinder_adapters.feeds import construct
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import (
    DepthDiff,
    L2Snapshot,
    Level,
    MarkPrice,
    Snapshot,
    Trade,
)
from grinder_core.settings import setting


@frozen(kw_only=True)
class QueueSettings:
    """How much may wait."""

    queue_events: int = setting(
        10_000, "Events that wait before market states are merged.", ge=0, spec="LIVE-18"
    )
    queue_trades: int = setting(
        50_000, "Trades that wait before one is refused.", ge=1, spec="SCR-02"
    )
    trades_missing_ms: int = setting(
        60_000, "How long trades count as missing after one was refused.", ge=1, spec="SCR-02"
    )


_Key = tuple[str, str]
_State = Snapshot | MarkPrice | L2Snapshot | DepthDiff


@define(eq=False)
class EventQueue:
    """Events between the router and the reader.

    Attributes:
        conflated: Events that gave way to a newer one of their kind and symbol, or were merged.
        trades_refused: Trades for which there was no room.
    """

    settings: QueueSettings
    conflated: int = 0
    trades_refused: int = 0
    _events: OrderedDict[int, Event] = field(factory=OrderedDict)
    _waiting: dict[_Key, deque[int]] = field(factory=dict)  # places of mergeable events, rising
    _trades: int = 0
    _next_place: int = 0
    _overflow_ms: dict[str, int] = field(factory=dict)

    def __len__(self) -> int:
        return len(self._events)

    def trades_missing(self, symbol: str, now: int) -> bool:
        """Whether a trade of this symbol was refused lately."""
        last = self._overflow_ms.get(symbol)
        return last is not None and now - last < self.settings.trades_missing_ms

    def push(self, event: Event) -> None:
        """Take one event, or refuse a trade."""
        payload = event.payload
        if isinstance(payload, Trade):
            if self._trades >= self.settings.queue_trades:
                self.trades_refused += 1
                self._overflow_ms[payload.symbol] = event.ts_ms
                return
            self._trades += 1
        elif isinstance(payload, _State):
            if len(self._events) >= self.settings.queue_events:
                event = self._merged(event, payload)
            self._waiting.setdefault(_key(payload), deque()).append(self._next_place)
        self._events[self._next_place] = event
        self._next_place += 1

    def pop(self) -> Event | None:
        """Return the oldest event; ``None`` if nothing waits."""
        if not self._events:
            return None
        _, event = self._events.popitem(last=False)
        payload = event.payload
        if isinstance(payload, Trade):
            self._trades -= 1
        elif isinstance(payload, _State):
            self._waiting[_key(payload)].popleft()
        return event

    def _merged(self, event: Event, payload: _State) -> Event:
        """Take out what an event makes needless; return it with what it must take over."""
        places = self._waiting.get(_key(payload))
        if not places:
            return event
        if not isinstance(payload, DepthDiff):
            self.conflated += len(places)
            while places:
                del self._events[places.pop()]
            return event
        while places:
            before = self._events[places[-1]].payload
            if not isinstance(before, DepthDiff) or before.last_update_id != payload.prev_update_id:
                break
            del self._events[places.pop()]
            self.conflated += 1
            payload = joined(before, payload)
        return construct.event(
            event.ts_ms, payload, event.seq, event.ts_recv_ms, payload.last_update_id
        )


def _key(payload: _State) -> _Key:
    """Whose newest state counts: snapshots and changes of a book are one sequence."""
    is_book = isinstance(payload, L2Snapshot | DepthDiff)
    return "BOOK" if is_book else type(payload).__name__, payload.symbol


def joined(one: DepthDiff, other: DepthDiff) -> DepthDiff:
    """Two changes that follow each other as one: of each level the later quantity holds."""
    return construct.depth_diff(
        other.ts,
        one.symbol,
        one.first_update_id,
        other.last_update_id,
        one.prev_update_id,
        _later(one.bids, other.bids),
        _later(one.asks, other.asks),
    )


def _later(one: tuple[Level, ...], other: tuple[Level, ...]) -> tuple[Level, ...]:
    levels: dict[Decimal, Decimal] = dict(one)
    levels.update(other)
    return tuple(levels.items())
