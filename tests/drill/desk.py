"""An operator's desk around a live session in memory: what he types, what he reads, who tells him.

Commands go through the real control file, the status page is the file that the session writes, and
alerts arrive at a receiver of webhooks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
from attrs import evolve, frozen

from grinder_adapters.binance.hosts import VenueUrls
from grinder_adapters.binance.signing import Secret
from grinder_adapters.control import ControlFile
from grinder_adapters.journal import JournalHead
from grinder_adapters.local_venue.memory import MemoryHttp, MemorySockets
from grinder_adapters.logs.settings import LogSettings
from grinder_adapters.logs.setup import Log
from grinder_adapters.redact import Redactor
from grinder_adapters.transport import HttpAnswer, WebSocket
from grinder_adapters.webhook.message import SIGNATURE_HEADER, signature_of
from grinder_app.config.live_webhook import WebhookKeys
from grinder_app.live.announcer import Announcer
from grinder_app.live.session import LiveEnd, LiveSession
from grinder_app.live.state_adopting import adopt, books_of, find_differences
from grinder_app.live.status import STATUS_FILE, StatusBoard
from grinder_app.live.surroundings import Surroundings
from grinder_core.contracts.control import Command
from grinder_core.contracts.event import Event
from grinder_core.errors import ConnectionNotMadeError
from grinder_core.live.config import CONTRACT_VERSION
from grinder_core.live.core import LiveCore, Step
from tests.adapters.local_venue.market_cases import quote
from tests.simulation.live_process import Plug, Process, Wire, watch_tasks
from tests.support.memory_journal import MemoryRow
from tests.support.memory_session import ACCOUNT, PRICES, QUOTE_MS, URL, MemoryLive, mark
from tests.support.virtual_time import run

BTC: Final = "BTCUSDT"
ETH: Final = "ETHUSDT"
BOTH: Final = (BTC, ETH)
ORDER: Final = "/fapi/v1/order"
PRIVATE: Final = "/private"
OURS: Final = "grinder_"
HOOK: Final = "https://hooks.example.org/drill"
SECRET: Final = "a-secret-of-the-drill-0123456789"
OPERATOR: Final = "ada@desk"
WHOLE: Final = 10_000  # basis points
GIB: Final = 1 << 30

# words of `grinder control` as alerts print them
WORDS: Final[Mapping[str, Command]] = {
    "pause": Command.PAUSE,
    "emergency": Command.EMERGENCY,
    "resume": Command.RESUME,
    "kill": Command.KILL,
    "reset kill-switch": Command.RESET_KILL_SWITCH,
    "reset drawdown-guard": Command.RESET_DRAWDOWN_GUARD,
    "reset loss-streaks": Command.RESET_LOSS_STREAKS,
}


class Receiver:
    """Takes the posts of every process; one that is dead posts nothing any more."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []

    def way_of(self, process: Process) -> _Way:
        """Return the way of one process to here."""
        return _Way(self, process)


class _Way:
    def __init__(self, receiver: Receiver, process: Process) -> None:
        self._receiver, self._process = receiver, process

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        """Take a post whose signature is right."""
        assert (method, url) == ("POST", HOOK)
        told = headers[SIGNATURE_HEADER]
        at_ms = int(told.partition(",")[0].removeprefix("t="))
        assert told == signature_of(body, Secret(SECRET), at_ms)
        if not self._process.is_dead:
            self._receiver.alerts.append(json.loads(body)["alert"])
        return HttpAnswer(200, b"")

    async def close(self) -> None:
        """Nothing is held open."""


class _Line(Plug):
    """A way to the exchange's streams; while a scene says so, none to those of the market."""

    def __init__(self, desk: Desk, process: Process, inner: MemorySockets) -> None:
        super().__init__(process, inner)
        self._desk = desk

    async def connect(self, url: str, timeout_ms: int) -> WebSocket:
        """Open one."""
        if self._desk.is_market_away and PRIVATE not in url:
            raise ConnectionNotMadeError("refused", where=URL)
        return await super().connect(url, timeout_ms)


class _NoLines:
    """A place for log lines that nobody reads."""

    def write(self, data: bytes) -> int:
        return len(data)

    def close(self) -> None:
        return


@frozen
class Left:
    """A request that left, and how many events the session had folded by then."""

    events: int
    ts_ms: int
    method: str
    path: str
    parameters: str


class Desk(MemoryLive):
    """One session after the other, with everything that an operator has.

    Attributes:
        file: The control file of the session's folder.
        receiver: Where alerts arrive.
        prices: Of the market; a scene may move them.
        is_market_away: Whether no stream of the market can be opened.
        free_bytes: Room where the state lies.
        left: Requests in the order in which they left.
        folded: Events that the running process folded, newest last, with their times.
    """

    def __init__(
        self, folder: Path, settings: dict[str, str] | None = None,
        engine: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(folder, settings or {}, engine or {}, BOTH)
        keys = WebhookKeys(url=Secret(HOOK), secret=Secret(SECRET))
        urls = VenueUrls(rest=URL, stream=URL.replace("http", "ws", 1))
        environment = evolve(self.plan.environment, webhook=keys)
        self.plan = evolve(self.plan, environment=environment, urls=urls)
        self.folder = self.plan.state_dir / self.plan.exchange_port.value
        self.folder.mkdir(parents=True)
        self.file = ControlFile(self.folder)
        self.receiver = Receiver()
        self.prices = {symbol: Decimal(price) for symbol, price in PRICES.items()}
        self.is_market_away = False
        self.free_bytes = 100 * GIB
        self.left: list[Left] = []
        self.folded: list[Event] = []
        self.process = Process()
        self.lives = 0
        self.outside = copy_context()

    # -- processes ---------------------------------------------------------------------------------

    def start(self) -> LiveSession:
        """Begin a process, put together as ``grinder live run`` does."""
        self.lives += 1
        process = self.process = Process()
        world = self._surroundings(process)
        log = Log(
            LogSettings(), Redactor(self.plan.secrets), self.clock.now_ms, _NoLines(),
            is_terminal=False,
        )  # fmt: skip
        tell = lambda kind, text: self.told.append((kind, text))  # noqa: E731
        announcer = Announcer(self.plan, world, tell, log)
        urls = self.plan.urls
        assert urls is not None
        session = self.session = LiveSession(
            self.plan, world, urls.rest, urls.stream, announcer.tell, version="drill",
            on_step=self._stepped,
        )  # fmt: skip
        announcer.watch(session)
        board = StatusBoard(
            session, "drill", {"alerts": announcer.still_open, "webhook": announcer.facts}
        )
        self.running = process.start(self._run(announcer, board, session))
        return session

    async def _run(self, announcer: Announcer, board: StatusBoard, session: LiveSession) -> LiveEnd:
        async with announcer, board.kept() as told_end:
            end = await session.run()
            told_end("in order")
            return end

    async def kill(self) -> None:
        """End the process without a word; what was not yet on disk is gone."""
        if self.running is None or self.running.done():
            self.running = self.session = None
            return
        page = (self.folder / STATUS_FILE).read_bytes()
        self.process.is_dead = True
        self.disk.crash()
        await self.process.die()
        (self.folder / STATUS_FILE).write_bytes(page)  # as it was: the dead write nothing
        self.session = self.running = None

    def _surroundings(self, process: Process) -> Surroundings:
        http = MemoryHttp(self.venue, self.clock, asyncio.sleep)
        wire = Wire(process, http, self._leaves, Random(7), 0)
        return evolve(
            self._world(),
            transport=lambda: wire,
            sockets=lambda _: _Line(self, process, MemorySockets(self.venue, self.clock)),
            webhook=lambda: self.receiver.way_of(process),
            free_bytes=lambda folder: self.free_bytes,
        )

    def _stepped(self, event: Event, step: Step) -> None:
        if not self.process.is_dead:
            self.heard.append(event.payload)
            self.folded.append(event)

    def _leaves(self, method: str, path: str, parameters: str) -> None:
        events = 0
        if self.session is not None and hasattr(self.session, "core"):
            events = self.session.core.hot.events
        self.left.append(Left(events, self.clock.now_ms(), method, path, parameters))

    @property
    def placements(self) -> list[Left]:
        """Orders that left for the exchange."""
        return [one for one in self.left if (one.method, one.path) == ("POST", ORDER)]

    @staticmethod
    def body(row: MemoryRow) -> dict[str, Any]:
        """The body of a row of the journal."""
        body: dict[str, Any] = orjson.loads(row.body)
        return body

    @property
    def core(self) -> LiveCore:
        """The session's fold."""
        assert self.session is not None
        return self.session.core

    # -- what the operator does --------------------------------------------------------------------

    def command(self, command: Command, symbol: str = "") -> int:
        """Type ``grinder control``; return the command's number."""
        now = self.clock.now_ms()
        given = self.file.append(command, actor=OPERATOR, now_ms=now, symbol=symbol, text="drill")
        return given.number

    def follow(self, alert: Mapping[str, Any]) -> list[Command]:
        """Type those of an alert's commands that command something, in their order."""
        typed = []
        for line in alert["next"]:
            words = line.partition(" --")[0].removeprefix("grinder control ")
            if words in WORDS:
                self.command(WORDS[words])
                typed.append(WORDS[words])
        return typed

    async def adopt(self) -> None:
        """Type ``grinder state adopt-exchange --confirm`` while no process runs."""
        assert self.running is None
        now = self.clock.now_ms()
        head = JournalHead(
            engine_version="drill",
            config_hash="",
            contract_version=CONTRACT_VERSION,
            ts_ms=now,
        )
        journal = self.disk.open(self.folder, head)
        try:
            core = self.disk.restore(self.folder).core
            assert core is not None
            async with books_of(self.plan, self._surroundings(Process())) as books:
                found = await find_differences(core, books)
            assert found.is_any
            adopt(journal, core, "", found, self.clock.now_ms())  # type: ignore[arg-type]
        finally:
            journal.close()

    # -- what the operator reads -------------------------------------------------------------------

    def page(self) -> dict[str, Any]:
        """The status page, as it stands in its file."""
        page: dict[str, Any] = orjson.loads((self.folder / STATUS_FILE).read_bytes())
        return page

    def state(self) -> tuple[str, str]:
        """State and reason of the session, from the page."""
        standing = self.page()["standing"]
        return standing["state"], standing["reason"]

    def row(self, symbol: str) -> dict[str, Any]:
        """What the page says of a symbol."""
        (found,) = [one for one in self.page()["standing"]["symbols"] if one["symbol"] == symbol]
        return dict(found)

    def why_not(self, symbol: str) -> tuple[str, ...]:
        """Gate, reason, value and limit of what holds a symbol, from the page; empty: nothing."""
        found = self.row(symbol)["why_not"]
        return (
            () if found is None else tuple(found[n] for n in ("gate", "reason", "value", "limit"))
        )

    def told_of(self, kind: str, since: int = 0, symbol: str = "") -> list[dict[str, Any]]:
        """Alerts of one kind, from a number on."""
        return [
            alert for alert in self.receiver.alerts[since:]
            if alert["kind"] == kind and symbol in ("", alert["symbol"])
        ]  # fmt: skip

    # -- the market --------------------------------------------------------------------------------

    async def move_market(self) -> None:
        """Quote the prices of the moment, over and over, and let time pass at the exchange."""
        while True:
            now = self.clock.now_ms()
            self.venue.tick(now)
            for symbol, price in self.prices.items():
                self.venue.on_event(mark(now, symbol, str(price)), now)
                ask = str(price + Decimal("0.1"))
                self.venue.on_event(quote(now, str(price), ask, symbol=symbol), now)
            await asyncio.sleep(QUOTE_MS / 1000)

    def filled(self, symbol: str, side: str) -> str:
        """Let the one entry of a side execute; return its client id."""
        (name,) = [
            n for n, o in self.open_orders(symbol).items()
            if o.side.value == side and not o.reduce_only
        ]  # fmt: skip
        now = self.clock.now_ms()
        number = self.open_orders(symbol)[name].number
        self.venue.exchange.force_fill(ACCOUNT, symbol, number, WHOLE, now)
        self.venue.push(now)
        return name

    def is_protected(self, symbol: str) -> bool:
        """Whether the exchange counts down for a symbol."""
        return f"{ACCOUNT}|{symbol}" in self.venue.exchange.floor.timers


def play(
    folder: Path,
    scene: Callable[[Desk], Awaitable[None]],
    settings: dict[str, str] | None = None,
    engine: dict[str, Any] | None = None,
) -> Desk:
    """Play a scene at a desk whose market has begun; return the desk."""
    desk = Desk(folder, settings, engine)

    async def whole() -> None:
        watch_tasks(asyncio.get_running_loop())
        market = asyncio.create_task(desk.move_market())
        await asyncio.sleep(1)
        try:
            await scene(desk)
        finally:
            await desk.kill()
            market.cancel()

    run(whole(), desk.clock)
    return desk
