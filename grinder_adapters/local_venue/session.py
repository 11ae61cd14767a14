"""One WebSocket connection to the local exchange: subscriptions, and frames that wait to be sent.

Source: the venue's page on connecting; limits of ``reference`` section 9. Without sockets: what the
client sends comes in as text, what it gets waits in ``outbox``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import orjson
from attrs import Factory, define

STREAMS_MAX: Final = 1024
MESSAGES_PER_SECOND: Final = 10
LIFE_MS: Final = 24 * 3_600_000
PING_EVERY_MS: Final = 180_000
PONG_WITHIN_MS: Final = 600_000
TOO_MANY, GOING_AWAY, BAD_REQUEST = 1008, 1001, 1008


class Category(StrEnum):
    """Which streams a connection serves.

    UNROUTED is the old URL, which serves the public ones. LOCKSTEP is ours alone: one connection
    gets all of them and the user stream in one order, and says when it is done with a turn.
    """

    PUBLIC = "public"
    MARKET = "market"
    PRIVATE = "private"
    UNROUTED = ""
    LOCKSTEP = "lockstep"

    def serves(self, other: Category) -> bool:
        """Whether frames of another category reach a connection of this one."""
        return other in _SERVED[self]


_SERVED: Final = {
    **{category: frozenset({category}) for category in Category},
    Category.UNROUTED: frozenset(Category) - {Category.MARKET},
    Category.LOCKSTEP: frozenset(Category),
}
ROUTED: Final = frozenset(category.value for category in Category if category.value)


@define(eq=False)
class Session:
    """One connection.

    Attributes:
        is_combined: Frames are wrapped as ``{"stream":..,"data":..}``.
        streams: Subscribed names; of a private connection, listen keys.
        events: User events that were asked for; empty: all.
        outbox: Frames to send, oldest first; ``None`` is a ping.
        close_code: Not 0 once the exchange has ended the connection.
        wake: Called when ``outbox`` is no longer empty, when a ping was put into it, or when the
            connection has ended.
        acknowledged: The last turn that a lockstep client is done with.
    """

    number: int
    category: Category
    remote: str
    opened_at: int
    is_combined: bool = False
    streams: dict[str, None] = Factory(dict)
    events: frozenset[str] = frozenset()
    outbox: deque[bytes | None] = Factory(deque)
    close_code: int = 0
    close_reason: str = ""
    last_ping: int = 0
    last_pong: int = 0
    sent: int = 0
    received: deque[int] = Factory(deque)
    wake: Callable[[], None] = lambda: None
    acknowledged: int = -1
    on_ack: Callable[[], None] = lambda: None

    def __attrs_post_init__(self) -> None:
        self.last_ping = self.last_pong = self.opened_at

    def send(self, stream: str, data: bytes) -> None:
        """Queue one stream frame."""
        if self.close_code:
            return
        if self.is_combined:
            data = b'{"stream":"%b","data":%b}' % (stream.encode(), data)
        self.put(data)

    def put(self, frame: bytes) -> None:
        """Queue a frame as it is."""
        outbox = self.outbox
        outbox.append(frame)
        self.sent += 1
        if len(outbox) == 1:  # whoever sends was woken for the first and takes them all
            self.wake()

    def is_behind(self, most: int) -> bool:
        """Whether more than so many frames wait on a connection that lasts."""
        return len(self.outbox) > most and not self.close_code

    def close(self, code: int, reason: str) -> None:
        """End the connection; what is queued is still sent."""
        if not self.close_code:
            self.close_code, self.close_reason = code, reason
            self.wake()

    def receive(self, text: str | bytes, now: int) -> list[str]:
        """Take one message of the client; return the streams that are new."""
        if self.category is not Category.LOCKSTEP and not self.count(now):
            return []
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            self._answer({"error": {"code": 3, "msg": f"Invalid JSON: {error.msg}"}})
            return []
        if not isinstance(message, dict):
            self._fail(message, "a message must be an object")
            return []
        if self.category is Category.LOCKSTEP and isinstance(message.get("ack"), int):
            self.acknowledged = message["ack"]
            self.on_ack()
            return []
        if "method" not in message:
            self._fail(message, "property name must be one of method, params, id")
            return []
        params = message.get("params", [])
        method = message["method"]
        if method == "LIST_SUBSCRIPTIONS":
            self._answer({"result": list(self.streams), "id": message.get("id")})
            return []
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):  # it may be anything
            self._fail(message, f"unknown method {method!r}")
            return []
        if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
            self._fail(message, "params must be a list of stream names")
            return []
        if method == "UNSUBSCRIBE":
            for name in params:
                self.streams.pop(name, None)
            self._answer({"result": None, "id": message.get("id")})
            return []
        return self._subscribe(params, message.get("id"))

    def pong(self, now: int) -> None:
        """Take a pong; it counts as a message."""
        self.last_pong = now
        self.count(now)

    def tick(self, now: int) -> None:
        """Ping, and end a connection that is too old or does not answer; not in lockstep."""
        if self.category is Category.LOCKSTEP:  # its clock leaps from event to event
            return
        if now - self.opened_at >= LIFE_MS:
            self.close(GOING_AWAY, "24 hours are over")
        elif now - self.last_pong >= PONG_WITHIN_MS:
            self.close(GOING_AWAY, "no pong for 10 minutes")
        elif now - self.last_ping >= PING_EVERY_MS:
            self.last_ping = now
            self.outbox.append(None)
            self.wake()

    def _subscribe(self, names: Sequence[str], request_id: Any) -> list[str]:
        new = [name for name in dict.fromkeys(names) if name not in self.streams]
        if len(self.streams) + len(new) > STREAMS_MAX:
            self.close(TOO_MANY, f"more than {STREAMS_MAX} streams")
            return []
        self.streams |= dict.fromkeys(new)
        self._answer({"result": None, "id": request_id})
        return new

    def count(self, now: int) -> bool:
        """Count an incoming message, pings too; more than 10 in a second end the connection."""
        self.received.append(now)
        while self.received[0] <= now - 1000:
            self.received.popleft()
        if len(self.received) > MESSAGES_PER_SECOND:
            self.close(TOO_MANY, "too many messages")
        return not self.close_code

    def _fail(self, message: Any, text: str) -> None:
        request_id = message.get("id") if isinstance(message, dict) else None
        self._answer({"error": {"code": 2, "msg": f"Invalid request: {text}"}, "id": request_id})

    def _answer(self, body: dict[str, Any]) -> None:
        self.put(orjson.dumps(body))


def parse_path(path: str, query: str) -> tuple[Category, bool, list[str], frozenset[str]] | None:
    """Read a WebSocket URL: category, combined or not, streams, user events; ``None``: no such URL.

    Example:
        >>> parse_path("/public/stream", "streams=btcusdt@bookTicker/btcusdt@depth")[2]
        ['btcusdt@bookTicker', 'btcusdt@depth']
    """
    parts = path.strip("/").split("/")
    category = Category.UNROUTED
    if parts and parts[0] in ROUTED:
        category = Category(parts.pop(0))
    if not parts or parts[0] not in {"ws", "stream"}:
        return None
    values = parse_qs(query)
    events = frozenset(name for part in values.get("events", []) for name in part.split("/"))
    names = [unquote(name) for name in parts[1:] if name]
    names += [name for part in values.get("streams", []) for name in part.split("/") if name]
    names += values.get("listenKey", [])
    return category, parts[0] == "stream", names, events
