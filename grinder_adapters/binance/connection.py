"""One connection that stays: opened, watched, replaced when it is lost and before it grows old.

After a loss it asks the limiter that all connections share, waits out its backoff and opens a new
socket (SCR-01, 03, 04). Before the venue's cut at 24 h it opens the next socket while the old one
still speaks; what both bring is told apart later by ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from attrs import Factory, frozen

from grinder_adapters.binance.connector_state import ConnectorState, State
from grinder_adapters.binance.link import Deliver, Link, LinkSettings
from grinder_adapters.binance.network import MS, Network
from grinder_adapters.binance.tasks import Tasks
from grinder_core.errors import (
    ConnectorError,
    ConnectorTimeoutError,
    ConnectorTransientError,
)
from grinder_core.resilience.backoff import BackoffSettings, backoff_delay_ms, backoff_draw_limit
from grinder_core.settings import setting

Address = Callable[[], Awaitable[str]]


@frozen(kw_only=True)
class ConnectionSettings:
    """How one connection is kept."""

    connect_timeout_ms: int = setting(5_000, "For opening a socket.", ge=1, spec="LIVE-02")
    attempts_max: int = setting(
        20, "Attempts in a row that fail before it is given up.", ge=1, spec="LIVE-01"
    )
    stable_after_ms: int = setting(
        60_000, "A connection that held so long starts the backoff anew.", ge=1, spec="SCR-01"
    )
    renew_after_ms: int = setting(
        82_800_000, "Age at which it is replaced; the venue cuts at 24 h.", ge=1, spec="LIVE-02"
    )
    backoff: BackoffSettings = Factory(BackoffSettings)
    link: LinkSettings = Factory(LinkSettings)


class Connection:
    """One supervised WebSocket.

    Args:
        name: What the limiter knows it by.
        address: Returns the URL, asked for before every attempt; it may hold a key and is never
            shown. Its errors count as those of the attempt.
        deliver: Gets each frame, see `Link`.
        on_change: Called after each change of its state.
        on_open: Called for each new socket, before anything is read from it.

    Attributes:
        state: Where it stands, and its last error.
        tasks: Its background tasks, and how those ended that the close found alive.
        reconnect_denied: Times the limiter said no.
        sockets_opened: So far.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        network: Network,
        settings: ConnectionSettings,
        deliver: Deliver,
        *,
        on_change: Callable[[], None] = lambda: None,
        on_open: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._address, self._network, self._settings = address, network, settings
        self._deliver, self._on_open = deliver, on_open
        self._streams: tuple[str, ...] = ()
        self._link: Link | None = None
        self._attempt = 0
        self._delayed_before = 0
        self.tasks = Tasks()
        self.state = ConnectorState(on_change)
        self.reconnect_denied = self.sockets_opened = 0

    @property
    def reconnects(self) -> int:
        """Sockets opened after the first."""
        return max(self.sockets_opened - 1, 0)

    @property
    def messages_delayed(self) -> int:
        """Messages that had to wait for the throttle, over all its sockets."""
        return self._delayed_before + (self._link.messages_delayed if self._link else 0)

    @property
    def missing(self) -> tuple[str, ...]:
        """Streams that the venue refused on the present socket."""
        return self._link.missing if self._link else ()

    def want(self, streams: Iterable[str]) -> None:
        """Set the streams that should come, now and after every reconnect."""
        self._streams = tuple(streams)
        if self._link is not None:
            self._link.want(self._streams)

    def open(self) -> None:
        """Begin to connect; does nothing when connected.

        Raises:
            ConnectorError: It is under way already, or closed.
        """
        self.state.check_idle("connect")
        if self.state.now is State.DISCONNECTED:
            self.state.to(State.CONNECTING)
            self.tasks.start(self._supervise(), f"{self.name} supervise")

    def reconnect(self) -> None:
        """Drop the socket and begin to open another; when disconnected, begin to connect.

        Raises:
            ConnectorError: It is under way already, or closed.
        """
        self.state.check_idle("reconnect")
        if self._link is None:
            self.open()
        else:
            reason = ConnectorTransientError("asked to reconnect")
            self.state.to(State.RECONNECTING, reason)
            self._link.drop(reason)

    async def close(self) -> None:
        """Close it for good; idempotent."""
        if self.state.now is not State.CLOSED:
            self.state.to(State.CLOSED)
            await self.tasks.close(self._settings.link.close_timeout_ms)

    async def _supervise(self) -> None:
        try:
            link = await self._open(is_first=True)
            while True:
                self.state.to(State.CONNECTED)
                opened_ms = self._network.now_ms()
                await self._serve(link)
                if self._network.now_ms() - opened_ms >= self._settings.stable_after_ms:
                    self._attempt = 0
                link = await self._open(is_first=False)
        except Exception as error:  # noqa: BLE001 - the task's edge: whoever waits or reads gets it
            self.state.to(State.DISCONNECTED, error)

    async def _open(self, is_first: bool) -> Link:
        """Open a socket, after as many attempts as it takes."""
        failed, retry_after_ms = 0, None
        while True:
            if failed or not is_first:
                await self._take_turn()
                await self._back_off(retry_after_ms)
            try:
                return await self._dial()
            except (ConnectorTransientError, ConnectorTimeoutError) as error:
                failed += 1
                if failed >= self._settings.attempts_max:
                    raise
                retry_after_ms = getattr(error, "retry_after_ms", None)

    async def _take_turn(self) -> None:
        """Wait until the limiter allows an attempt, and note it."""
        network = self._network
        while wait_ms := network.limiter.get_wait_time_ms(self.name, network.now_ms()):
            self.reconnect_denied += 1
            await network.wait_ms(wait_ms)
        network.limiter.record_reconnect(self.name, network.now_ms())

    async def _back_off(self, retry_after_ms: int | None) -> None:
        backoff = self._settings.backoff
        draw = self._network.rng.randrange(backoff_draw_limit(backoff, self._attempt))
        delay_ms = backoff_delay_ms(backoff, self._attempt, draw, retry_after_ms)
        self._attempt += 1
        await self._network.wait_ms(delay_ms)

    async def _dial(self) -> Link:
        url = await self._address()
        timeout_ms = self._settings.connect_timeout_ms
        try:
            async with asyncio.timeout(timeout_ms / MS):
                socket = await self._network.transport.connect(url, timeout_ms)
        except TimeoutError:
            raise ConnectorTimeoutError("connect", timeout_ms) from None
        self.sockets_opened += 1
        self._on_open()
        return Link(
            self.name,
            socket,
            self._network,
            self._settings.link,
            self.tasks,
            self._deliver,
            self._streams,
        )

    async def _serve(self, link: Link) -> None:
        """Keep a socket, and those that replace it in time, until one is lost.

        Raises:
            BaseException: It was lost to a mistake of ours.
        """
        while True:
            self._link = link
            next_link = self.tasks.start(self._renewal(), f"{self.name} renew")
            try:
                await asyncio.wait((link.lost, next_link), return_when=asyncio.FIRST_COMPLETED)
                if not next_link.done():
                    self._note_loss(link.lost.result())
                    return
            except asyncio.CancelledError:
                if next_link.done():  # made, and not yet taken over
                    await next_link.result().close()
                raise
            finally:
                next_link.cancel()
                self._link = None
                self._delayed_before += link.messages_delayed
                await link.close()
            link = next_link.result()
            link.want(self._streams)

    def _note_loss(self, error: BaseException) -> None:
        if self.state.now is State.CONNECTED:  # else we asked for it
            self.state.to(State.RECONNECTING, error if isinstance(error, Exception) else None)
        if not isinstance(error, ConnectorError):
            raise error

    async def _renewal(self) -> Link:
        """Return the socket that replaces the present one when that is old, fully subscribed."""
        await self._network.wait_ms(self._settings.renew_after_ms)
        while True:
            await self._take_turn()
            try:
                link = await self._dial()
            except ConnectorError:  # the old socket still works; the venue's cut would be a loss
                await self._back_off(None)
                continue
            try:
                await asyncio.wait((link.lost, link.settled), return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                await link.close()
                raise
            if link.settled.done():
                return link
            await link.close()
            await self._back_off(None)
