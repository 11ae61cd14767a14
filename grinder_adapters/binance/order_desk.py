"""Does what the engine wants at the venue, while the market goes on, and tells what becomes of it.

Each effect is a request under way beside others; what the venue says comes back as the engine's
events through ``tell``, whenever it comes (design: the engine learns of orders only through
events). Nothing is assumed: what is unclear is asked for until it is known
(``order_inquiries.py``), and a cancel is repeated until its order is over.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Final

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.effect_queue import EffectQueue
from grinder_adapters.binance.effect_requests import limit_order, market_order
from grinder_adapters.binance.fee_values import FeeValues
from grinder_adapters.binance.funding_news import FundingNews
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.order_inquiries import DeskSettings, OrderInquiries
from grinder_adapters.binance.order_news import OrderNews
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.outcomes import Accepted, Outcome, Refused, Seen, Unknown
from grinder_adapters.binance.rest_records import OrderAnswer
from grinder_adapters.binance.tasks import Tasks
from grinder_adapters.binance.user_events import (
    AccountEvent,
    AlgoEvent,
    FuturesOrderEvent,
    UserEvent,
)
from grinder_adapters.binance.user_fold import UserFold
from grinder_adapters.binance.user_stream import Gap, UserStream
from grinder_core.contracts.control import FundingPaid, WriteResult
from grinder_core.contracts.effects import CancelOrder, Effect, Flatten
from grinder_core.contracts.enums import OrderState
from grinder_core.contracts.live import BlockReason, WriteOutcome
from grinder_core.contracts.orders import OrderRecord, OrderUpdate
from grinder_core.errors import (
    ConnectorClosedError,
    ConnectorError,
    ConnectorTimeoutError,
    InputError,
)

Tell = Callable[[OrderUpdate | FundingPaid], None]
TellWrite = Callable[[WriteResult], None]
WITHDRAWN: Final = "withdrawn before it was sent"
NEVER_SENT: Final = "the process ended before it was sent"
POLL_MS: Final = 100


class OrderDesk:
    """Between the engine's effects and the venue.

    Args:
        tell: Called with what the engine learns, in order.
        tell_write: Called once for each effect, with how its write ended.
        trades_told: Called with a symbol and the trade id up to which all are told.
        heard: Called with each event of the private stream, once the engine was told of it.
        fees: Values fees in other assets; without it, by the venue's base rate.

    Attributes:
        news: The orders that are not over.
        inquiries: What is asked for until it is known.
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
        *,
        tell_write: TellWrite = lambda result: None,
        trades_told: Callable[[str, int], None] = lambda symbol, trade_id: None,
        heard: Callable[[UserEvent], None] = lambda event: None,
        fees: FeeValues | None = None,
    ) -> None:
        self._heard = heard
        self._tell_write = tell_write
        self._awaited: set[tuple[str, str]] = set()
        self._port, self._account, self._stream = port, account, stream
        self._network, self._tell = network, tell
        self._settings = settings or DeskSettings()
        self._fees = fees or FeeValues("quote currency", network)
        self._queue = EffectQueue()
        self._tasks = Tasks()
        self._failure: BaseException | None = None
        self._running, self._is_starting = 0, False
        self.news, self.funding = OrderNews(), FundingNews()
        self.inquiries = OrderInquiries(
            port,
            account,
            stream,
            network,
            self._settings,
            self.news,
            self._say,
            self._send,
            self._queue.is_busy,
            trades_told,
            self._fees.prepare,
        )
        self.unknown_outcomes = self.streams_lost = 0

    # -- the engine's side ---------------------------------------------------------------------

    def perform(self, effect: Effect) -> None:
        """Have an effect done, as soon as it is its turn."""
        self._awaited.add((_op(effect), effect.client_order_id))
        if not isinstance(effect, CancelOrder):
            self.news.sent(effect)
        self._send(effect)

    def take_up(self, orders: Iterable[OrderRecord], sent: Container[str]) -> None:
        """Take over the orders of a process before this one; to be called before ``start``.

        It only asks: what is to be cancelled comes anew, once recovery lets it pass.

        Args:
            orders: That the engine does not know to be over.
            sent: Client ids of all that may have left.
        """
        now = self._network.now_ms()
        for order in orders:
            self.news.take_up(order)
            if order.client_order_id not in sent and order.state is OrderState.PENDING:
                self._say(self.news.on_refused(order.client_order_id, NEVER_SENT, now))
            elif order.state in {OrderState.PENDING, OrderState.UNKNOWN}:
                absent_ms = now + self._settings.absent_after_ms
                self.inquiries.doubt(order.client_order_id, absent_ms).due_ms = now
        self.inquiries.look_soon()

    def take_up_fill(self, symbol: str, trade_id: int) -> None:
        """Note a fill that a process before this one told; to be called before ``start``."""
        self._stream.fold.book_fill(symbol, trade_id)
        self.inquiries.heard(symbol, trade_id)

    def merge(self, answer: OrderAnswer) -> None:
        """Take what an answer that somebody else asked for shows of an order."""
        now = self._network.now_ms()
        self._say(self.news.on_seen(answer.client_order_id, Seen.of(answer), now))

    def doubt(self, client_order_id: str) -> None:
        """Ask for an order until it is known, or known to be gone."""
        absent_ms = self._network.now_ms() + self._settings.absent_after_ms
        self.inquiries.doubt(client_order_id, absent_ms)

    @property
    def fold(self) -> UserFold:
        """What the private stream told so far."""
        return self._stream.fold

    def is_busy(self, client_order_id: str) -> bool:
        """Whether a request about an order is under way."""
        return self._queue.is_busy(client_order_id)

    def start(self) -> None:
        """Begin to follow the private stream, and to clear up."""
        self._tasks.start(self._follow(), "desk: private stream", self._failed)
        self._tasks.start(self.inquiries.run(), "desk: inquiries", self._failed)
        self._tasks.start(self._fees.run(), "desk: prices of fees", self._failed)

    async def settle(self) -> None:
        """Wait until the venue has been asked for everything that is not known for certain.

        Raises:
            ConnectorTimeoutError: That takes too long.
            Exception: What the desk failed with.
        """
        limit_ms = self._network.now_ms() + self._settings.settle_timeout_ms
        inquiries, done = self.inquiries, -1
        while not (self._is_idle and inquiries.merges > done >= 0):
            self.check()
            if self._network.now_ms() > limit_ms:
                raise ConnectorTimeoutError("settle", self._settings.settle_timeout_ms)
            if self._is_idle and done < 0:
                done = inquiries.merges
                inquiries.look_soon()  # once at everything after the last
            await self._network.wait_ms(POLL_MS)
        self.check()

    async def close(self, timeout_ms: int = 5_000) -> None:
        """Stop; requests under way are cancelled, and their orders stay as they are."""
        await self._tasks.close(timeout_ms)

    # -- requests ------------------------------------------------------------------------------

    @property
    def _is_idle(self) -> bool:
        return not self._queue and not self._running and self.inquiries.is_done

    def _send(self, effect: Effect) -> None:
        needless = self._queue.put(effect)
        if needless is not None:
            name, now = needless.client_order_id, self._network.now_ms()
            self._wrote("place", name, BlockReason.WITHDRAWN, WITHDRAWN, 0)
            self._wrote("cancel", name, WriteOutcome.ACCEPTED, WITHDRAWN, 0)
            self._say(self.news.on_refused(name, WITHDRAWN, now))
        self._work_off()

    def _ended(self, op: str, name: str, outcome: Outcome) -> None:
        """Tell how a write ended."""
        if isinstance(outcome, Accepted):
            self._wrote(op, name, WriteOutcome.ACCEPTED, "", outcome.attempts)
        elif isinstance(outcome, Unknown):
            self._wrote(op, name, BlockReason.OUTCOME_UNKNOWN, "", outcome.attempts)
        else:
            self._wrote(op, name, outcome.reason, outcome.code, outcome.attempts)

    def _wrote(self, op: str, name: str, outcome: str, detail: str, attempts: int) -> None:
        if (op, name) in self._awaited:  # a repetition of our own is nobody's action
            self._awaited.remove((op, name))
            self._tell_write(
                WriteResult(
                    client_order_id=name,
                    outcome=str(outcome),
                    detail=detail,
                    op=op,
                    attempts=attempts,
                )
            )

    def _work_off(self) -> None:
        if self._is_starting:  # what ended at once leaves the next to whoever started it
            return
        self._is_starting = True
        try:
            while self._running < self._settings.requests_max:
                effect = self._queue.take()
                if effect is None:
                    return
                self._running += 1
                work = self._perform(effect)
                self._tasks.start(work, "desk: request", self._failed, is_urgent=True)
        finally:
            self._is_starting = False

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
                outcome = await self._port.place_market(market_order(effect))
            else:
                assert not isinstance(effect, CancelOrder)
                outcome = await self._port.place(limit_order(effect))
        except ConnectorClosedError:
            raise
        except (ConnectorError, InputError) as error:  # nothing was sent
            self._wrote("place", name, BlockReason.NON_RETRYABLE_ERROR, str(error), 0)
            self._say(self.news.on_refused(name, error.code, self._network.now_ms()))
            return
        now = self._network.now_ms()
        self._ended("place", name, outcome)
        if isinstance(outcome, Accepted):
            self._say(self.news.on_seen(name, outcome.order, now))
        elif isinstance(outcome, Refused):
            self._say(self.news.on_refused(name, outcome.code, now))
        else:
            self.unknown_outcomes += 1
            self.inquiries.doubt(name, now + self._settings.absent_after_ms)

    async def _cancel(self, effect: CancelOrder) -> None:
        name = effect.client_order_id
        known = self.news.orders.get(name)
        if known is None:  # over in the meantime
            self._wrote("cancel", name, WriteOutcome.ACCEPTED, "", 0)
            return
        outcome: Outcome | None = None
        try:
            outcome = await self._port.cancel(effect.symbol, name, known.order_id or None)
        except ConnectorClosedError:
            raise
        except ConnectorError as error:
            self._wrote("cancel", name, BlockReason.NON_RETRYABLE_ERROR, str(error), 0)
        if outcome is not None:
            self._ended("cancel", name, outcome)
        if isinstance(outcome, Accepted):
            self._say(self.news.on_seen(name, outcome.order, self._network.now_ms()))
        if name in self.news.orders and not known.state.is_final:
            self.inquiries.doubt(name, self._network.now_ms()).cancels = True

    # -- the private stream --------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            try:
                await self._stream.connect()
                async for item in self._stream.events():
                    if isinstance(item, Gap):
                        self.inquiries.look_soon(item.generation)
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
            if event.trade_id:
                self.inquiries.heard(event.symbol, event.trade_id)
        elif isinstance(event, AlgoEvent):
            self._port.on_conditional_event(event)
        elif isinstance(event, AccountEvent):
            self._say(self.funding.on_event(event))
        self._heard(event)

    def _say(self, updates: Iterable[OrderUpdate | FundingPaid]) -> None:
        for update in updates:
            self._tell(self._fees.valued(update) if isinstance(update, OrderUpdate) else update)

    # -- failing -------------------------------------------------------------------------------

    def _failed(self, error: BaseException) -> None:
        self._failure = self._failure or error

    def check(self) -> None:
        """Raise what the desk failed with, if it did."""
        if self._failure is not None:
            raise self._failure


def _op(effect: Effect) -> str:
    return "cancel" if isinstance(effect, CancelOrder) else "place"
