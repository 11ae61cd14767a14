"""What one connection is subscribed to, and what it must still ask for (SCR-01).

A pure bookkeeper: the connection sends what ``next_request`` gives and reports answers and frames.
A request that is refused, or not answered in time, is sent once more; then its streams are
missing until they are heard of or the connection is made anew. A watched stream that falls silent
while others speak is left and subscribed to again, since a stream can die without a word.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from typing import Final

from attrs import Factory, define, frozen

from grinder_adapters.binance.subscriptions import Answer
from grinder_core.settings import setting

SUBSCRIBE: Final = "SUBSCRIBE"
UNSUBSCRIBE: Final = "UNSUBSCRIBE"


@frozen(kw_only=True)
class SubscriberSettings:
    """Sizes and patience of subscriptions."""

    streams_per_message: int = setting(
        200, "Streams named in one message.", ge=1, le=200, spec="SCR-01"
    )
    answer_timeout_ms: int = setting(
        5_000, "Without an answer for so long, a request counts as refused.", ge=1, spec="LIVE-02"
    )
    silent_stream_ms: int = setting(
        30_000, "Silence after which a book stream is subscribed to again.", ge=1, spec="SCR-01"
    )
    resubscribe_ms: int = setting(
        60_000, "Least time between two such attempts for a stream.", ge=1, spec="SCR-01"
    )


@frozen(kw_only=True)
class Request:
    """One message to the venue about some streams."""

    number: int
    method: str
    streams: tuple[str, ...]
    sent_ms: int
    is_retry: bool

    @property
    def text(self) -> str:
        """The message."""
        message = {"method": self.method, "params": self.streams, "id": self.number}
        return json.dumps(message, separators=(",", ":"))


def is_book_stream(stream: str) -> bool:
    """Whether silence of this stream means trouble: books and quotes change all the time."""
    return stream.partition("@")[2].startswith(("bookTicker", "depth"))


@define(eq=False)
class Subscriber:
    """Subscriptions of one open connection.

    Attributes:
        wanted: Streams that should come.
        asked: Streams subscribed to, or asked for.
        missing: Streams that the venue refused twice.
        heard_ms: When a watched stream was last heard of, or agreed to.
        resubscribed_ms: When a stream was last left and asked for again.
        requests: Unanswered, by number.
    """

    settings: SubscriberSettings
    wanted: dict[str, None] = Factory(dict)
    asked: dict[str, None] = Factory(dict)
    missing: dict[str, None] = Factory(dict)
    heard_ms: dict[str, int] = Factory(dict)
    resubscribed_ms: dict[str, int] = Factory(dict)
    requests: dict[int, Request] = Factory(dict)
    _urgent: deque[tuple[str, tuple[str, ...], bool]] = Factory(deque)
    _requests_made: int = 0

    def want(self, streams: Iterable[str]) -> None:
        """Set the streams that should come; one that was missing and left may be tried again."""
        self.wanted = dict.fromkeys(streams)
        self.missing = {stream: None for stream in self.missing if stream in self.wanted}

    @property
    def has_work(self) -> bool:
        """Whether there is something to ask for."""
        return bool(self._urgent) or bool(self._to_leave()) or bool(self._to_join())

    @property
    def is_settled(self) -> bool:
        """Whether every wish has been answered."""
        return not self.requests and not self.has_work

    def next_request(self, now: int) -> Request | None:
        """Return the next message, which counts as sent now; ``None`` if there is none."""
        most = self.settings.streams_per_message
        if self._urgent:
            method, streams, is_retry = self._urgent.popleft()
        elif leaving := self._to_leave()[:most]:
            method, streams, is_retry = UNSUBSCRIBE, tuple(leaving), False
        elif joining := self._to_join()[:most]:
            method, streams, is_retry = SUBSCRIBE, tuple(joining), False
        else:
            return None
        for stream in streams:
            if method == SUBSCRIBE:
                self.asked[stream] = None
            else:
                self._forget(stream)
        self._requests_made += 1
        request = Request(
            number=self._requests_made,
            method=method,
            streams=streams,
            sent_ms=now,
            is_retry=is_retry,
        )
        self.requests[request.number] = request
        return request

    def on_answer(self, answer: Answer, now: int) -> None:
        """Take the venue's answer; one to no request of ours is ignored."""
        request = self.requests.pop(answer.request_id or 0, None)
        if request is None:
            return
        if answer.error:
            self._refused(request)
        elif request.method == SUBSCRIBE:
            for stream in request.streams:
                if stream in self.asked and is_book_stream(stream):
                    self.heard_ms[stream] = now

    def on_frame(self, stream: str, now: int) -> None:
        """Take note that a stream speaks."""
        if stream in self.heard_ms:
            self.heard_ms[stream] = now
        elif stream in self.missing:
            del self.missing[stream]
            self.asked[stream] = None

    def on_time(self, now: int, message_ms: int) -> None:
        """Act on what did not come.

        Args:
            message_ms: When the connection brought its last message.
        """
        patience = self.settings.answer_timeout_ms
        for request in [r for r in self.requests.values() if now - r.sent_ms >= patience]:
            del self.requests[request.number]
            self._refused(request)
        if now - message_ms >= self.settings.silent_stream_ms:
            return  # not the stream is silent but the connection
        for stream in [s for s in self.heard_ms if self._is_silent(s, now)]:
            self._forget(stream)
            self.resubscribed_ms[stream] = now
            self._urgent.append((UNSUBSCRIBE, (stream,), False))

    def _is_silent(self, stream: str, now: int) -> bool:
        last = self.resubscribed_ms.get(stream)
        return now - self.heard_ms[stream] >= self.settings.silent_stream_ms and (
            last is None or now - last >= self.settings.resubscribe_ms
        )

    def _refused(self, request: Request) -> None:
        # what was left or wanted anew meanwhile has a request of its own
        if request.method == SUBSCRIBE:
            streams = tuple(s for s in request.streams if s in self.asked and s in self.wanted)
        else:
            streams = tuple(s for s in request.streams if s not in self.asked)
        if streams and not request.is_retry:
            self._urgent.append((request.method, streams, True))
        elif request.method == SUBSCRIBE:
            for stream in streams:
                self._forget(stream)
                self.missing[stream] = None

    def _forget(self, stream: str) -> None:
        self.asked.pop(stream, None)
        self.heard_ms.pop(stream, None)

    def _to_leave(self) -> list[str]:
        return [stream for stream in self.asked if stream not in self.wanted]

    def _to_join(self) -> list[str]:
        known = self.asked.keys() | self.missing.keys()
        return [stream for stream in self.wanted if stream not in known]
