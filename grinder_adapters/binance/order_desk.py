"""Does what the engine wants at the venue, while the market goes on, and tells what becomes of it.

Each effect is a request under way beside others; what the venue says comes back as the engine's
events through ``tell``, whenever it comes (design: the engine learns of orders only through
events). Nothing is assumed: an order whose outcome is unknown is asked for until it is known, a
cancel is repeated until its order is over, and executed quantity that nothing told is looked up in
the list of trades. After every new connection of the private stream, and from time to time beside
it, the open orders are compared with what is believed (LIVE-19, LIVE-20: answers first).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from attrs import define, frozen

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.effect_queue import EffectQueue
from grinder_adapters.binance.effect_requests import EffectRequests
from grinder_adapters.binance.funding_news import FundingNews
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.order_news import OrderNews
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.outcomes import Accepted, Refused, Seen
from grinder_adapters.binance.rest_records import OrderAnswer
from grinder_adapters.binance.tasks import Tasks
from grinder_adapters.binance.user_events import (
    AccountEvent,
    AlgoEvent,
    FuturesOrderEvent,
    UserEvent,
)
from grinder_adapters.binance.user_stream import Gap, UserStream
from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.effects import CancelOrder, Effect, Flatten
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.errors import ConnectorClosedError, ConnectorError, ConnectorTimeoutError
from grinder_core.settings import setting

Tell = Callable[[OrderUpdate | FundingPaid], None]
WITHDRAWN: Final = "withdrawn before it was sent"
POLL_MS: Final = 100


@frozen(kw_only=True)
class DeskSettings:
    """How effects are performed, and how patiently what is unclear is cleared up."""

    requests_max: int = setting(16, "Requests under way at a time.", ge=1, spec="LIVE-13")
    check_ms: int = setting(1_000, "Time between looks at what is unclear.", ge=1, spec="LIVE-20")
    doubt_ms: int = setting(
        3_000, "Time between questions about one order, or about trades.", ge=1, spec="LIVE-20"
    )
    absent_after_ms: int = setting(
        10_000,
        "From when on an order that is not there never will be; more than receive window and skew.",
        ge=1,
        spec="LIVE-04",
    )
    snapshot_interval_ms: int = setting(
        60_000, "Time between comparisons of all open orders.", ge=1_000, spec="LIVE-20"
    )
    reconnect_ms: int = setting(
        10_000, "Wait before a private stream that was given up is opened anew.", ge=1
    )
    settle_timeout_ms: int = setting(
        120_000, "How long the end waits for what is under way.", ge=1, spec="LIVE-02"
    )


@define
class Doubt:
    """An order that must be asked for.

    Attributes:
        due_ms: When to ask next.
        absent_ms: From when on its absence counts.
        absences: How often it was not there after that.
        cancels: Whether it shall be over, so that it is cancelled again while it is not.
    """

    due_ms: int
    absent_ms: int
    absences: int = 0
    cancels: bool = False


class OrderDesk:
    """Between the engine's effects and the venue.

    Args:
        tell: Called with what the engine learns, in order.

    Attributes:
        news: The orders that are not over.
        merges: Comparisons with the venue's open orders that were completed.
        unknown_outcomes: Writes whose outcome had to be asked for here.
        streams_lost: Times the private stream was given up and opened anew.
    """

    def __init__(
        self,
        port: ExecutionPort,
        account: AccountPort,
        stream: UserStream,
        network: Network,
        tell: Tell,
        settings: DeskSettings | None = None,
    ) -> None:
        self._port, self._account, self._stream = port, account, stream
        self._network, self._tell = network, tell
        self._settings = settings or DeskSettings()
        self._queue, self._requests = EffectQueue(), EffectRequests()
        self._doubts: dict[str, Doubt] = {}
        self._holes: dict[str, int] = {}
        self._tasks = Tasks()
        self._failure: BaseException | None = None
        self._running = 0
        self._snapshot_ms = network.now_ms()
        self._gap: int | None = None
        self.news, self.funding = OrderNews(), FundingNews()
        self.merges = self.unknown_outcomes = self.streams_lost = 0

    # -- the engine's side ---------------------------------------------------------------------

    def perform(self, effect: Effect) -> None:
        """Have an effect done, as soon as it is its turn."""
        if not isinstance(effect, CancelOrder):
            self.news.sent(effect)
        needless = self._queue.put(effect)
        if needless is not None:
            now = self._network.now_ms()
            self._say(self.news.on_refused(needless.client_order_id, WITHDRAWN, now))
        self._work_off()

    def start(self) -> None:
        """Begin to follow the private stream, and to clear up."""
        self._tasks.start(self._follow(), "desk: private stream", self._failed)
        self._tasks.start(self._look_after(), "desk: checks", self._failed)

    async def settle(self) -> None:
        """Wait until the venue has been asked for everything that is not known for certain.

        Raises:
            ConnectorTimeoutError: That takes too long.
            Exception: What the desk failed with.
        """
        limit_ms = self._network.now_ms() + self._settings.settle_timeout_ms
        done = -1
        while not (self._is_idle and self.merges > done >= 0):
            self.check()
            if self._network.now_ms() > limit_ms:
                raise ConnectorTimeoutError("settle", self._settings.settle_timeout_ms)
            if self._is_idle and done < 0:
                done, self._snapshot_ms = self.merges, 0  # one look at everything after the last
            await self._network.wait_ms(POLL_MS)
        self.check()

    async def close(self, timeout_ms: int = 5_000) -> None:
        """Stop; requests under way are cancelled, and their orders stay as they are."""
        await self._tasks.close(timeout_ms)

    # -- requests ------------------------------------------------------------------------------

    @property
    def _is_idle(self) -> bool:
        waits = self._queue or self._running or self._doubts or self.news.holes()
        return not waits and self._gap is None

    def _work_off(self) -> None:
        while self._running < self._settings.requests_max:
            effect = self._queue.take()
            if effect is None:
                return
            self._running += 1
            self._tasks.start(self._perform(effect), "desk: request", self._failed)

    async def _perform(self, effect: Effect) -> None:
        try:
            if isinstance(effect, CancelOrder):
                await self._cancel(effect)
            else:
                await self._place(effect)
        finally:
            self._running -= 1
            self._queue.done(effect.client_order_id)
            self._work_off()

    async def _place(self, effect: Effect) -> None:
        name = effect.client_order_id
        try:
            if isinstance(effect, Flatten):
                outcome = await self._port.place_market(self._requests.market(effect))
            else:
                assert not isinstance(effect, CancelOrder)
                outcome = await self._port.place(self._requests.limit(effect))
        except ConnectorClosedError:
            raise
        except ConnectorError as error:  # nothing was sent
            self._say(self.news.on_refused(name, error.code, self._network.now_ms()))
            return
        now = self._network.now_ms()
        if isinstance(outcome, Accepted):
            self._say(self.news.on_seen(name, outcome.order, now))
        elif isinstance(outcome, Refused):
            self._say(self.news.on_refused(name, outcome.code, now))
        else:
            self.unknown_outcomes += 1
            self._doubt(name, now + self._settings.absent_after_ms)

    async def _cancel(self, effect: CancelOrder) -> None:
        name = effect.client_order_id
        known = self.news.orders.get(name)
        if known is None:
            return  # over in the meantime
        try:
            outcome = await self._port.cancel(effect.symbol, name, known.order_id or None)
        except ConnectorClosedError:
            raise
        except ConnectorError:
            outcome = None
        if isinstance(outcome, Accepted):
            self._say(self.news.on_seen(name, outcome.order, self._network.now_ms()))
        if name in self.news.orders and not known.state.is_final:
            self._doubt(name, self._network.now_ms()).cancels = True

    def _doubt(self, name: str, absent_ms: int) -> Doubt:
        due_ms = self._network.now_ms() + self._settings.doubt_ms
        doubt = self._doubts.setdefault(name, Doubt(due_ms, absent_ms))
        doubt.due_ms = due_ms
        return doubt

    # -- the private stream --------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            try:
                await self._stream.connect()
                async for item in self._stream.events():
                    if isinstance(item, Gap):
                        self._gap, self._snapshot_ms = item.generation, 0
                    else:
                        self._hear(item.event)
            except ConnectorClosedError:
                return
            except ConnectorError:
                self.streams_lost += 1
            await self._network.wait_ms(self._settings.reconnect_ms)

    def _hear(self, event: UserEvent) -> None:
        if isinstance(event, FuturesOrderEvent):
            self._port.on_order_event(event)
            self._say(self.news.on_event(event))
        elif isinstance(event, AlgoEvent):
            self._port.on_conditional_event(event)
        elif isinstance(event, AccountEvent):
            self._say(self.funding.on_event(event))

    def _say(self, updates: Iterable[OrderUpdate | FundingPaid]) -> None:
        for update in updates:
            self._tell(update)

    # -- clearing up ---------------------------------------------------------------------------

    async def _look_after(self) -> None:
        while True:
            await self._network.wait_ms(self._settings.check_ms)
            now = self._network.now_ms()
            for name in [name for name in self._doubts if name not in self.news.orders]:
                del self._doubts[name]
            due = [name for name, doubt in self._doubts.items() if doubt.due_ms <= now]
            for name in due:
                if not self._queue.is_busy(name):
                    await self._try(self._ask(name, self._doubts[name]))
            await self._fill_holes(now)
            if self._snapshot_ms + self._settings.snapshot_interval_ms <= now:
                await self._try(self._compare())

    async def _try(self, work: Awaitable[None]) -> None:
        """Do what may fail for the moment; it is done again at the next look."""
        try:
            await work
        except ConnectorClosedError:
            raise
        except ConnectorError:
            return

    async def _ask(self, name: str, doubt: Doubt) -> None:
        order = self.news.orders[name]
        asked_ms = self._network.now_ms()
        doubt.due_ms = asked_ms + self._settings.doubt_ms
        answer = await self._port.query(order.symbol, name)
        if answer is None:
            doubt.absences += asked_ms >= doubt.absent_ms
            if doubt.absences <= 1:  # twice, for the venue's reads may lag
                return
            answer = await self._among_open(order.symbol, name)
        if answer is None:
            await self._fetch_trades(order.symbol)  # what it executed comes before its end
            self._doubts.pop(name, None)
            self._say(self.news.on_absent(name, self._network.now_ms()))
            return
        self._say(self.news.on_seen(name, Seen.of(answer), self._network.now_ms()))
        if answer.status.is_final or not doubt.cancels:
            self._doubts.pop(name, None)
        elif name in self.news.orders:
            self._queue.put(
                CancelOrder(client_order_id=name, order_id=answer.order_id, symbol=order.symbol)
            )
            self._work_off()

    async def _among_open(self, symbol: str, name: str) -> OrderAnswer | None:
        """Return an order that a query did not find, if it is among the open ones all the same."""
        found = await self._port.open_orders(symbol)
        return next((answer for answer in found if answer.client_order_id == name), None)

    async def _fill_holes(self, now: int) -> None:
        """Ask for trades that are missing for a while: mostly they are on their way."""
        holes = self.news.holes()
        self._holes = {symbol: self._holes.get(symbol, now) for symbol in holes}
        for symbol, since in list(self._holes.items()):
            if since + self._settings.doubt_ms <= now:
                self._holes[symbol] = now
                await self._try(self._fetch_trades(symbol))

    async def _fetch_trades(self, symbol: str) -> None:
        fold, news = self._stream.fold, self.news
        from_id = fold.cursors.get(symbol, 0) + 1
        trades = await self._account.trades(symbol, from_id)
        cursor, new, is_whole = from_id - 1, [], True
        may_be_ours = news.awaits_first_sight(symbol)
        for trade in trades:
            if may_be_ours and not news.is_known(symbol, trade.order_id):
                is_whole = False  # whose it is will be seen, and it is asked for again
                continue
            if fold.book_fill(symbol, trade.trade_id):
                new.append(trade)
            if is_whole:
                cursor = trade.trade_id
        fold.move_cursor(symbol, cursor)
        self._say(news.on_trades(new))

    async def _compare(self) -> None:
        """Hold the venue's open orders against what is believed, and ask for what differs."""
        now, gap = self._network.now_ms(), self._gap
        believed = {
            name: order.symbol
            for name, order in self.news.orders.items()
            if order.was_seen and not self._queue.is_busy(name)
        }
        for symbol in sorted({order.symbol for order in self.news.orders.values()}):
            for answer in await self._port.open_orders(symbol):
                name = answer.client_order_id
                believed.pop(name, None)
                self._say(self.news.on_seen(name, Seen.of(answer), self._network.now_ms()))
        for name in believed:
            if name in self.news.orders:
                self._doubt(name, now).due_ms = now
        for symbol in sorted({order.symbol for order in self.news.orders.values()}):
            await self._fetch_trades(symbol)
        if gap is not None:
            self._stream.merged(gap, {})
            self._gap = None if self._gap == gap else self._gap
        self._snapshot_ms = now
        self.merges += 1

    # -- failing -------------------------------------------------------------------------------

    def _failed(self, error: BaseException) -> None:
        self._failure = self._failure or error

    def check(self) -> None:
        """Raise what the desk failed with, if it did."""
        if self._failure is not None:
            raise self._failure
