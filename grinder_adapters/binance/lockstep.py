"""The client's side of lockstep: market and user events of one turn, in one order.

See ``local_venue.lockstep`` for the wire; only the local exchange offers it. The clock here is the
venue's, moved by each turn, so that signatures, windows and budgets see one time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from attrs import Factory, define

from grinder_adapters.binance.market_frames import MarketFrames
from grinder_adapters.binance.subscriptions import Answer
from grinder_adapters.binance.user_events import UserEvent
from grinder_adapters.binance.user_frames import read_user_frame
from grinder_adapters.feeds import construct
from grinder_adapters.feeds.interned import read_levels
from grinder_adapters.transport import HttpAnswer, HttpTransport, WebSocket
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import DepthDiff
from grinder_core.errors import ConnectorError

COUNT_HEADER = "x-grinder-user-events"


@define
class TurnClock:
    """The time of the present turn."""

    now: int = 0

    def now_ms(self) -> int:
        """Return Unix milliseconds."""
        return self.now


@define
class Turn:
    """What the venue said in one turn.

    Attributes:
        number: Place of the market event in the venue's source.
        news: User events, in order.
        market: Market events, in order.
    """

    number: int
    now: int
    news: list[UserEvent] = Factory(list)
    market: list[Event] = Factory(list)


@define(eq=False)
class LockstepSocket:
    """Reads turns from one connection.

    Attributes:
        seen: User events so far; answers to requests say how many there have been.
    """

    socket: WebSocket
    frames: MarketFrames
    listen_key: str
    clock: TurnClock
    seen: int = 0

    async def next_turn(self) -> Turn | None:
        """Return the next turn; ``None``: the market is over.

        Raises:
            ConnectorError: The connection ended, or said something that belongs to no turn.
        """
        news: list[UserEvent] = []
        market: list[tuple[bytes, str]] = []
        book: Mapping[str, Any] | None = None
        while True:
            raw = await self.socket.receive()
            frame = orjson.loads(raw)
            stream = frame.get("stream")
            if stream == self.listen_key:
                self.seen += 1
                _add(news, frame["data"])
            elif stream is not None:
                market.append((raw, stream))
            elif "book" in frame:
                book = frame
            elif "turn" in frame:
                return self._turn(frame, news, market, book)
            elif frame.get("end"):
                return None

    async def news_until(self, count: int) -> list[UserEvent]:
        """Return the user events up to the ``count``-th one.

        Raises:
            ConnectorError: A market frame came in between, which lockstep rules out.
        """
        news: list[UserEvent] = []
        while self.seen < count:
            frame = orjson.loads(await self.socket.receive())
            if frame.get("stream") != self.listen_key:
                raise ConnectorError("a market frame came within a turn", field="frame")
            self.seen += 1
            _add(news, frame["data"])
        return news

    async def acknowledge(self, turn: Turn) -> None:
        """Say that everything of a turn is done."""
        await self.socket.send(f'{{"ack":{turn.number}}}')

    def _turn(
        self,
        marker: Mapping[str, int],
        news: list[UserEvent],
        frames: list[tuple[bytes, str]],
        book: Mapping[str, Any] | None,
    ) -> Turn:
        self.clock.now = marker["now"]
        turn = Turn(marker["turn"], marker["now"], news)
        for raw, stream in frames:
            for item in self.frames.read(raw, turn.now, turn.number, stream):
                # a whole book comes as it is: the change that it made is not news
                if isinstance(item, Event) and not (book and isinstance(item.payload, DepthDiff)):
                    turn.market.append(item)
        if book is not None:
            turn.market.append(_book_of(book, turn))
        return turn


def _book_of(frame: Mapping[str, Any], turn: Turn) -> Event:
    bids, asks = read_levels(frame["bids"]), read_levels(frame["asks"])
    book = construct.l2_snapshot(frame["ts"], frame["book"], bids, asks)
    return construct.event(turn.now, book, turn.number, turn.now, frame["update_id"])


def _add(news: list[UserEvent], data: object) -> None:
    event = read_user_frame(orjson.dumps(data))
    if not isinstance(event, Answer):
        news.append(event)


@define(eq=False)
class CountingTransport:
    """Notes how many user events the venue had told when it answered.

    Attributes:
        user_events: As the last answer said.
    """

    inner: HttpTransport
    user_events: int = 0

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        """Send one request and return its answer."""
        answer = await self.inner.request(method, url, headers, body, timeout_ms)
        self.user_events = int(answer.headers.get(COUNT_HEADER, self.user_events))
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self.inner.close()
