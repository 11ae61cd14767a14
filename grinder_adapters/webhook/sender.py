"""Posts alerts in the background: a dead or slow receiver delays nobody (README gap 12).

Taking an alert only puts it into the outbox; one task posts them, one after the other. Redirects
are not followed: the body is for the address that was configured. What cannot be delivered is
counted and told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from grinder_adapters.binance.network import Sleep
from grinder_adapters.binance.signing import Secret
from grinder_adapters.redact import Redactor
from grinder_adapters.transport import HttpAnswer, HttpTransport
from grinder_adapters.webhook.message import body_of, headers_of
from grinder_adapters.webhook.outbox import Outbox, Parcel
from grinder_adapters.webhook.records import Alert
from grinder_adapters.webhook.settings import WebhookSettings
from grinder_core.errors import (
    ConnectorNonRetryableError,
    ConnectorTimeoutError,
    ConnectorTransientError,
)

_AGAIN: Final = frozenset({408, 425, 429})


@frozen(kw_only=True)
class WebhookStats:
    """How the webhook does, for status pages; counts are of alerts.

    Attributes:
        too_mild: Not posted because of their severity.
        merged: Told of in a summary, among those delivered, pending or failed.
        last_error: Why the last post failed; empty once one succeeded.
        last_delivery_ms: When one succeeded last; 0: never.
    """

    delivered: int
    pending: int
    failed: int
    merged: int
    too_mild: int
    last_error: str
    last_delivery_ms: int


@frozen(kw_only=True)
class Receiver:
    """Where alerts go.

    Attributes:
        url: The whole address.
        secret: What posts are signed with, if anything.
    """

    url: Secret
    secret: Secret | None


class WebhookSender:
    """Posts the alerts of one process.

    Args:
        receiver: Where to.
        settings: How.
        transport: Sends; it must not follow redirects. Closed with the sender.
        redactor: Knows the secrets of the process.
        session: What tells sessions apart.
        now_ms: Our time, Unix milliseconds.
        sleep: Waits.
        tell_lost: Takes how many alerts were given up, and why.
    """

    def __init__(
        self,
        receiver: Receiver,
        settings: WebhookSettings,
        transport: HttpTransport,
        redactor: Redactor,
        session: Mapping[str, str],
        now_ms: Callable[[], int],
        sleep: Sleep,
        tell_lost: Callable[[int, str], None],
    ) -> None:
        self._receiver, self._settings, self._transport = receiver, settings, transport
        self._redactor, self._session = redactor, session
        self._now_ms, self._sleep, self._tell_lost = now_ms, sleep, tell_lost
        self._outbox = Outbox(settings)
        self._retries = settings.retries
        self._news, self._idle = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False
        self._last_error, self._last_delivery_ms = "", 0

    def start(self) -> None:
        """Begin to post; inside a running event loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="webhook")

    def put(self, alert: Alert) -> None:
        """Take an alert; returns at once whatever the receiver does."""
        self._outbox.put(alert, self._now_ms())
        if self._is_closed:
            self._tell_lost(self._outbox.give_up_all(), "the webhook is closed")
        self._news.set()

    @property
    def stats(self) -> WebhookStats:
        """How it does."""
        counts = self._outbox.stats
        return WebhookStats(
            delivered=counts.delivered,
            pending=counts.pending,
            failed=counts.failed,
            merged=counts.merged,
            too_mild=counts.too_mild,
            last_error=self._last_error,
            last_delivery_ms=self._last_delivery_ms,
        )

    async def post_now(self, alert: Alert) -> None:
        """Post one alert once, past the queue, for a check.

        Raises:
            ConnectorError: It was not taken.
        """
        await self._post(alert)

    async def close(self) -> None:
        """Post what waits, for a moment; what is left then is given up and told."""
        waits = self._settings.webhook_drain_ms
        if self._task is not None:
            if self._outbox.stats.pending:
                self._idle.clear()
                drained = asyncio.ensure_future(self._idle.wait())
                await _first(drained, asyncio.ensure_future(self._sleep(waits / 1_000)))
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._is_closed = True
        left = self._outbox.give_up_all()
        if left:
            self._tell_lost(left, f"not delivered within {waits} ms of the end")
        await self._transport.close()

    # -- inside --------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            parcel = self._outbox.take(self._now_ms())
            if parcel is not None:
                await self._try(parcel)
                continue
            if not self._outbox.stats.pending:
                self._idle.set()
            self._news.clear()
            wait_ms = self._outbox.wait_ms(self._now_ms())
            news = asyncio.ensure_future(self._news.wait())
            if wait_ms is None:
                await _first(news)
            else:
                waiting = self._sleep(max(wait_ms, 1) / 1_000)
                await _first(news, asyncio.ensure_future(waiting))

    async def _try(self, parcel: Parcel) -> None:
        try:
            await self._post(parcel.alert)
        except Exception as error:  # noqa: BLE001 - nothing may end the one who tells of errors
            self._last_error = self._redactor.text(str(error), at_exit=True)
            decision = self._retries.decide(error, parcel.attempt)
            if decision.retry:
                self._outbox.put_back(decision.delay_ms, self._now_ms())
            else:
                self._outbox.given_up()
                self._tell_lost(parcel.stands_for, self._last_error)
        else:
            self._outbox.delivered()
            self._last_error, self._last_delivery_ms = "", self._now_ms()

    async def _post(self, alert: Alert) -> None:
        form = self._settings.webhook_format
        identity, body = body_of(alert, form, self._redactor, self._session)
        headers = headers_of(body, identity, self._receiver.secret, self._now_ms())
        timeout_ms = self._settings.webhook_timeout_ms
        asking = asyncio.ensure_future(
            self._transport.request("POST", self._receiver.url.reveal(), headers, body, timeout_ms)
        )
        # a transport that forgets its own limit must not hold what comes after
        limit = asyncio.ensure_future(self._sleep(timeout_ms / 1_000))
        await _first(asking, limit)
        if not asking.done() or asking.cancelled():
            raise ConnectorTimeoutError("webhook", timeout_ms)
        _judge(asking.result(), self._settings.webhook_max_delay_ms)


def _judge(answer: HttpAnswer, wait_max_ms: int) -> None:
    """Insist that a post was taken.

    Args:
        wait_max_ms: Longest wait that the receiver may ask for.

    Raises:
        ConnectorTransientError: It may be taken later.
        ConnectorNonRetryableError: It never will be.
    """
    status = answer.status
    if 200 <= status < 300:
        return
    if status >= 500 or status in _AGAIN:
        after = answer.headers.get("retry-after", "")
        seconds = int(after) if after.isascii() and after.isdecimal() and len(after) < 6 else None
        raise ConnectorTransientError(
            f"the webhook answered {status}",
            retry_after_ms=None if seconds is None else min(seconds * 1_000, wait_max_ms),
        )
    if 300 <= status < 400:
        raise ConnectorNonRetryableError(
            f"the webhook answered {status}: redirects are not followed",
            remedy="set the address that it redirects to",
        )
    raise ConnectorNonRetryableError(
        f"the webhook answered {status}", remedy="check its address and its secret"
    )


async def _first(*waiting: asyncio.Future[Any]) -> None:
    """Return when one of them is done; the others are cancelled."""
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            if not one.done():
                one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
