"""The books of all symbols, and the snapshots they ask for over REST.

Each symbol's book decides when a snapshot would help (`BookSync`); here the asking is paced: few
at once over all symbols, since each costs 20 of the venue's weight, and one symbol not twice in a
short time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from grinder_adapters.binance.book_sync import BookNotice, BookSettings, BookSync
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.rest_records import DepthAnswer
from grinder_adapters.binance.tasks import Tasks
from grinder_core.contracts.event import Event
from grinder_core.errors import ConnectorError

FetchDepth = Callable[[str], Awaitable[DepthAnswer]]


class Books:
    """Local order books.

    Args:
        fetch: Asks the venue for a symbol's book, 1000 levels deep.
        emit: Gets what comes of a snapshot.
        on_notice: Told of every book that was given up.
        on_failure: Gets a mistake of ours.

    Attributes:
        fetches, fetches_failed: Snapshots asked for, and those that did not come.
        losses: Books given up.
    """

    def __init__(
        self,
        network: Network,
        fetch: FetchDepth,
        emit: Callable[[Sequence[Event]], None],
        settings: BookSettings,
        on_notice: Callable[[BookNotice], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._network, self._fetch, self._emit, self._settings = network, fetch, emit, settings
        self._on_notice, self._on_failure = on_notice, on_failure
        self._books: dict[str, BookSync] = {}
        self._fetching: set[str] = set()
        self._turns = asyncio.Semaphore(settings.snapshots_at_once)
        self._tasks = Tasks()
        self.fetches = self.fetches_failed = self.losses = 0

    def add(self, symbols: Iterable[str]) -> None:
        """Keep further books."""
        for symbol in symbols:
            self._books.setdefault(symbol, BookSync(symbol, self._settings))

    def remove(self, symbols: Iterable[str]) -> None:
        """Forget some."""
        for symbol in symbols:
            self._books.pop(symbol, None)

    def is_synced(self, symbol: str) -> bool:
        """Whether a symbol's book is known."""
        return symbol in self._books and self._books[symbol].is_synced

    def on_diff(self, event: Event, symbol: str) -> list[Event]:
        """Take a change; return what the consumer learns."""
        book = self._books[symbol]
        events = book.on_diff(event)
        self._follow(book)
        return events

    def on_quote(self, event: Event, symbol: str) -> list[Event]:
        """Take a quote to compare the book with; return what the consumer learns."""
        book = self._books[symbol]
        events = book.on_quote(event)
        self._follow(book)
        return events

    async def close(self, timeout_ms: int) -> None:
        """Ask for nothing more."""
        await self._tasks.close(timeout_ms)

    def _follow(self, book: BookSync) -> None:
        for notice in book.notices:
            self.losses += 1
            self._on_notice(notice)
        book.notices.clear()
        if self._needs_snapshot(book) and book.symbol not in self._fetching:
            self._fetching.add(book.symbol)
            self._tasks.start(self._sync(book), f"{book.symbol} snapshot", self._on_failure)

    def _needs_snapshot(self, book: BookSync) -> bool:
        return book.wants_snapshot and self._books.get(book.symbol) is book

    async def _sync(self, book: BookSync) -> None:
        network = self._network
        try:
            while self._needs_snapshot(book):
                wait_ms = book.next_fetch_ms - network.now_ms()
                if wait_ms > 0:
                    await network.wait_ms(wait_ms)
                    continue
                async with self._turns:
                    book.on_fetch(network.now_ms())
                    self.fetches += 1
                    try:
                        answer = await self._fetch(book.symbol)
                    except ConnectorError:  # asked for again after a longer wait
                        self.fetches_failed += 1
                        continue
                if self._books.get(book.symbol) is book:  # it was not removed meanwhile
                    self._emit(book.on_snapshot(answer, network.now_ms()))
        finally:
            self._fetching.discard(book.symbol)
        self._follow(book)
