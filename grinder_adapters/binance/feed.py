"""The live feed of USDT-M markets: streams, router and books as one stream of events (LIVE-01, 18).

It reads and cannot trade: nothing here, nor in what it imports, knows of orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from attrs import Factory, frozen

from grinder_adapters.binance.book_sync import BookNotice, BookSettings
from grinder_adapters.binance.books import Books, FetchDepth
from grinder_adapters.binance.connector_state import ConnectorState, State
from grinder_adapters.binance.event_queue import EventQueue, QueueSettings
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.router import MarketRouter
from grinder_adapters.binance.streams import Frame, MarketStreams, StreamSettings
from grinder_adapters.binance.tasks import Tasks
from grinder_adapters.feeds import construct
from grinder_adapters.feeds.source import Clock as TimeKeeper
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff, Snapshot
from grinder_core.errors import ConfigError

DIFFS = ("depth", "depth@100ms", "depth@500ms")


@frozen(kw_only=True)
class FeedSettings:
    """The feed as a whole."""

    streams: StreamSettings = Factory(StreamSettings)
    queue: QueueSettings = Factory(QueueSettings)
    books: BookSettings = Factory(BookSettings)


class Cursor(NamedTuple):
    """Where a symbol's quotes stand: event time and the venue's update id."""

    ts: int
    update_id: int


@frozen(kw_only=True)
class FeedStats:
    """Counts since the start.

    Attributes:
        ticks: Quotes given out.
        events: Events given out.
        frames: Frames read.
        drops: Frames dropped, by reason.
        trade_gaps: Jumps of a trade's id.
        conflated: Events that gave way to newer ones.
        trades_refused: Trades for which there was no room.
        errors: Refusals that came without a request of ours.
        book_losses: Books given up.
        book_fetches, book_fetches_failed: Snapshots of books over REST.
        latency_ms: Of the newest quote; for display only.
    """

    ticks: int
    events: int
    frames: int
    drops: Mapping[str, int]
    trade_gaps: int
    conflated: int
    trades_refused: int
    errors: int
    book_losses: int
    book_fetches: int
    book_fetches_failed: int
    latency_ms: int


class BinanceFeed:
    """Data connector of USDT-M futures.

    Args:
        kinds: Streams of every symbol, such as ``bookTicker``, ``depth@100ms``, ``aggTrade``.
        base_url: Of the venue's streams, such as ``wss://fstream.binance.com``.
        fetch_depth: Asks REST for a symbol's book; used where a stream of changes is among the
            kinds.
        on_notice: Told of every book that was given up.
        on_loss: Called when a connection is lost: events may be missing from then on.

    Attributes:
        streams: The connections, with their metrics.
        last_seen: Where each symbol's quotes stand; kept over reconnects.

    Raises:
        ConfigError: A kind is unknown, or whole books come beside their changes.
    """

    def __init__(
        self,
        network: Network,
        kinds: Sequence[str],
        base_url: str,
        fetch_depth: FetchDepth,
        settings: FeedSettings,
        on_notice: Callable[[BookNotice], None] = lambda notice: None,
        on_loss: Callable[[], None] = lambda: None,
    ) -> None:
        self._keeps_books = any(kind in DIFFS for kind in kinds)
        whole = [kind for kind in kinds if kind.startswith("depth") and kind not in DIFFS]
        if self._keeps_books and whole:
            raise ConfigError(
                "must not stand beside a stream of changes",
                field="kinds",
                value=whole[0],
                remedy="choose one source of books",
            )
        self._settings = settings
        self._state = ConnectorState()
        self._failure: BaseException | None = None
        self._tasks = Tasks()
        self._router = MarketRouter()
        self._queue = EventQueue(settings.queue)
        self._time = TimeKeeper()
        self._woken = asyncio.Event()
        self._events = self._ticks = 0
        self._on_loss = on_loss
        self._lost = frozenset[int]()
        self._books = Books(
            network, fetch_depth, self._emit, settings.books, on_notice, self._failed
        )
        self.streams = MarketStreams(
            network, kinds, base_url, settings.streams, self._follow, self._take
        )
        self._at_once: Callable[[Event], None] | None = None
        self._has_taken = self._is_taking = False
        self.last_seen: dict[str, Cursor] = {}

    @property
    def state(self) -> State:
        """Where it stands; connected while every shard is."""
        return self._state.now

    @property
    def error(self) -> Exception | None:
        """Why it is not connected; ``None`` if it is."""
        return self._state.error

    @property
    def last_seen_ts(self) -> int:
        """Event time of the newest quote given out, 0 before the first."""
        return max((cursor.ts for cursor in self.last_seen.values()), default=0)

    @property
    def queued(self) -> int:
        """Events that wait to be given out."""
        return len(self._queue)

    @property
    def stats(self) -> FeedStats:
        """Counts since the start."""
        router, queue, books = self._router, self._queue, self._books
        return FeedStats(
            ticks=self._ticks,
            events=self._events,
            frames=router.frames,
            drops=router.drops,
            trade_gaps=router.trade_gaps,
            conflated=queue.conflated,
            trades_refused=queue.trades_refused,
            errors=router.errors,
            book_losses=books.losses,
            book_fetches=books.fetches,
            book_fetches_failed=books.fetches_failed,
            latency_ms=router.latency_ms,
        )

    def book_is_synced(self, symbol: str) -> bool:
        """Whether a symbol's book is known."""
        return self._books.is_synced(symbol)

    def trades_missing(self, symbol: str, now: int) -> bool:
        """Whether trades of a symbol were refused lately."""
        return self._queue.trades_missing(symbol, now)

    def subscribe(self, symbols: Iterable[str]) -> None:
        """Want more symbols.

        Raises:
            ConnectorClosedError: The feed was closed.
            ContractError: One is no symbol.
        """
        self._state.check_open("subscribe")
        new = sorted(set(symbols))
        self.streams.add(new)
        for symbol in new:
            self._router.add(symbol)
        self._books.add(new)

    def unsubscribe(self, symbols: Iterable[str]) -> None:
        """Want some symbols no more.

        Raises:
            ConnectorClosedError: The feed was closed.
        """
        self._state.check_open("unsubscribe")
        gone = sorted(set(symbols))
        self.streams.remove(gone)
        for symbol in gone:
            self._router.remove(symbol)
        self._books.remove(gone)

    async def connect(self) -> None:
        """Connect every shard; does nothing when connected.

        Raises:
            ConnectorClosedError: The feed was closed.
            ConnectorError: It is under way already, or failed.
        """
        self._state.check_idle("connect")
        if self._state.now is State.CONNECTED:
            return
        self._state.to(State.CONNECTING)
        self._failure = None
        if not self._tasks.names:
            self._tasks.start(self._pump(), "feed", self._failed)
        self.streams.open()
        await self._state.until_settled("connect")

    async def reconnect(self) -> None:
        """Connect every shard anew; what was seen stays seen. When disconnected, connect.

        Raises:
            ConnectorClosedError: The feed was closed.
            ConnectorError: It is under way already, or failed.
        """
        self._state.check_idle("reconnect")
        if self._state.now is State.DISCONNECTED:
            await self.connect()
            return
        self.streams.reconnect()
        await self._state.until_settled("reconnect")

    async def iter_events(
        self, at_once: Callable[[Event], None] | None = None
    ) -> AsyncIterator[Event]:
        """Yield events, numbered from 0 over all iterations, until the close; for one reader.

        Args:
            at_once: Takes the events of a frame as it is read, without a turn of the event loop
                in between, where no event waits before them. Of what comes in one turn only the
                first frame goes that way: a burst waits in the queue and is merged there, and
                everything else has its turn. What it raises ends the iteration.

        Raises:
            ConnectorClosedError: The feed was closed before.
            Exception: What the feed was given up for, after all that it had received.
        """
        self._state.check_open("iter_events")
        self._at_once = at_once
        try:
            while True:
                event = self._queue.pop()
                if event is not None:
                    yield self._given_out(event)
                elif self._failure is not None:
                    raise self._failure
                elif self._state.now is State.CLOSED:
                    return
                else:
                    self._woken.clear()
                    await self._woken.wait()
        finally:
            self._at_once = None

    def waiting(self, most: int) -> list[Event]:
        """Return up to so many events that can be had without waiting; of the same numbering."""
        events: list[Event] = []
        while len(events) < most and (event := self._queue.pop()) is not None:
            events.append(self._given_out(event))
        return events

    async def close(self) -> None:
        """Close it for good; idempotent."""
        if self._state.now is State.CLOSED:
            return
        self._state.to(State.CLOSED)
        timeout_ms = self._settings.streams.connection.link.close_timeout_ms
        await asyncio.gather(
            self.streams.close(), self._books.close(timeout_ms), self._tasks.close(timeout_ms)
        )
        self._woken.set()

    def _follow(self) -> None:
        """Take the state of the shards as a whole."""
        self._note_losses()
        states, state = list(self.streams.states.values()), self._state
        if state.now in (State.CLOSED, State.DISCONNECTED):
            return
        lost = State.RECONNECTING in states or State.DISCONNECTED in states
        if state.now is State.CONNECTED and lost:
            state.to(State.RECONNECTING, self.streams.error)
        if State.DISCONNECTED in states:
            state.to(State.DISCONNECTED, self.streams.error)
        elif state.now is not State.CONNECTED and all(one is State.CONNECTED for one in states):
            state.to(State.CONNECTED)

    def _note_losses(self) -> None:
        states = self.streams.states
        lost = frozenset(n for n, state in states.items() if state is State.RECONNECTING)
        if not lost <= self._lost:
            self._on_loss()
        self._lost = lost

    def _failed(self, error: BaseException) -> None:
        self._failure = error
        self._woken.set()

    async def _pump(self) -> None:
        async for frame in self.streams.frames():
            self._read(frame)

    def _read(self, frame: Frame) -> None:
        for event in self._router.read(frame.raw, frame.received_ms):
            self._route(event)

    def _take(self, frame: Frame) -> bool:
        """Read a frame at once, if a reader wants that and it is the first of this turn."""
        if self._at_once is None or self._has_taken or self._queue or self._failure is not None:
            return False
        self._has_taken = self._is_taking = True
        asyncio.get_running_loop().call_soon(self._next_turn)
        try:
            self._read(frame)
        except Exception as error:  # noqa: BLE001 - the reader's, not the connection's
            self._failed(error)
        finally:
            self._is_taking = False
        return True

    def _next_turn(self) -> None:
        self._has_taken = False

    def _route(self, event: Event) -> None:
        payload = event.payload
        if self._keeps_books and isinstance(payload, DepthDiff):
            self._emit(self._books.on_diff(event, payload.symbol))
            return
        self._emit((event,))
        if self._keeps_books and isinstance(payload, Snapshot):
            self._emit(self._books.on_quote(event, payload.symbol))

    def _emit(self, events: Sequence[Event]) -> None:
        for event in events:
            now = self._time.envelope(event.ts_ms)
            if now != event.ts_ms:  # it waited for a snapshot that came later
                event = construct.event(  # noqa: PLW2901
                    now, event.payload, 0, event.ts_recv_ms, event.update_id
                )
            if self._is_taking and self._at_once is not None and not self._queue:
                self._at_once(self._given_out(event))
            else:
                self._queue.push(event)
                self._woken.set()

    def _given_out(self, event: Event) -> Event:
        payload = event.payload
        if isinstance(payload, Snapshot) and event.update_id is not None:
            self.last_seen[payload.symbol] = Cursor(payload.ts, event.update_id)
            self._ticks += 1
        seq, self._events = self._events, self._events + 1
        return construct.event(event.ts_ms, payload, seq, event.ts_recv_ms, event.update_id)
