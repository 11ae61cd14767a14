"""Clears up what is unclear about orders: asks until it is known (LIVE-04, LIVE-19, LIVE-20).

An order of unknown outcome is asked for by its id; it is gone once it was absent twice after the
time in which it could still be executed, is not among the open orders, and its trades were looked
up. Executed quantity that nothing told is looked up in the list of trades. After each new
connection of the private stream, and from time to time beside it, the open orders are compared with
what is believed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from attrs import define, frozen

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.fee_values import split_fee
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.order_news import OrderNews, forced_close_of
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.outcomes import Seen
from grinder_adapters.binance.rest_records import OrderAnswer, TradeAnswer
from grinder_adapters.binance.trade_ids import TradeIds
from grinder_adapters.binance.user_stream import UserStream
from grinder_core.contracts.effects import CancelOrder
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.errors import ConnectorClosedError, ConnectorError
from grinder_core.settings import setting

Say = Callable[[Iterable[OrderUpdate]], None]
PriceFees = Callable[[Iterable[str]], Awaitable[None]]
STRANGERS_MAX: Final = 1_000
FORCED: Final = "autoclose-"  # client ids of orders by which the venue closes a position


async def no_prices(assets: Iterable[str]) -> None:
    """Learn nothing: who is told of the trades values their fees without a price."""


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


class OrderInquiries:
    """What must be asked for, and the asking.

    Args:
        news: The orders that are not over.
        say: Takes what the engine learns.
        cancel: Has a cancel sent again.
        is_busy: Whether a request about an order is under way.
        trades_told: Called with a symbol and the trade id up to which all are told.
        price_fees: Learns what the assets are worth in which fees were paid; it may fail.

    Attributes:
        merges: Comparisons with the venue's open orders that were completed.
        since_ms: Trades before it are none of this session.
    """

    def __init__(
        self,
        port: ExecutionPort,
        account: AccountPort,
        stream: UserStream,
        network: Network,
        settings: DeskSettings,
        news: OrderNews,
        say: Say,
        cancel: Callable[[CancelOrder], None],
        is_busy: Callable[[str], bool],
        trades_told: Callable[[str, int], None] = lambda symbol, trade_id: None,
        price_fees: PriceFees = no_prices,
    ) -> None:
        self._trades_told, self._price_fees = trades_told, price_fees
        self._port, self._account, self._stream = port, account, stream
        self._network, self._settings = network, settings
        self.news, self._say, self._cancel, self._is_busy = news, say, cancel, is_busy
        self._doubts: dict[str, Doubt] = {}
        self._holes: dict[str, int] = {}
        self._snapshot_ms = network.now_ms()
        self._gap: int | None = None
        self._told: dict[str, TradeIds] = {}  # above the cursor
        self._strangers: dict[tuple[str, str], OrderAnswer] = {}
        self.merges = self.since_ms = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is unclear."""
        return not self._doubts and not self.news.holes() and self._gap is None

    def doubt(self, name: str, absent_ms: int) -> Doubt:
        """Ask for an order from now on.

        Args:
            absent_ms: From when on its absence counts.
        """
        due_ms = self._network.now_ms() + self._settings.doubt_ms
        doubt = self._doubts.setdefault(name, Doubt(due_ms, absent_ms))
        doubt.due_ms = due_ms
        return doubt

    def look_soon(self, gap: int | None = None) -> None:
        """Compare everything at the next look; ``gap``: generation of a new connection."""
        self._snapshot_ms = 0
        self._gap = self._gap if gap is None else gap

    def heard(self, symbol: str, trade_id: int) -> None:
        """Note a trade that the engine was told of, now or by a process before this one."""
        if trade_id > self._stream.fold.cursors.get(symbol, 0):
            self._told.setdefault(symbol, TradeIds()).add(trade_id)

    async def run(self) -> None:
        """Look at what is unclear, again and again."""
        while True:
            await self._network.wait_ms(self._settings.check_ms)
            now = self._network.now_ms()
            for name in [name for name in self._doubts if name not in self.news.orders]:
                del self._doubts[name]
            due = [name for name, doubt in self._doubts.items() if doubt.due_ms <= now]
            for name in due:  # one may end while another is asked for
                if name in self.news.orders and not self._is_busy(name):
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
            await self.fetch_trades(order.symbol)  # what it executed comes before its end
            self._doubts.pop(name, None)
            self._say(self.news.on_absent(name, self._network.now_ms()))
            return
        self._say(self.news.on_seen(name, Seen.of(answer), self._network.now_ms()))
        if answer.status.is_final or not doubt.cancels:
            self._doubts.pop(name, None)
        elif name in self.news.orders:
            self._cancel(
                CancelOrder(client_order_id=name, order_id=answer.order_id, symbol=order.symbol)
            )

    async def _among_open(self, symbol: str, name: str) -> OrderAnswer | None:
        """Return an order that a query did not find, if it is among the open ones all the same."""
        found = await self._port.open_orders(symbol)
        return next((answer for answer in found if answer.client_order_id == name), None)

    async def _fill_holes(self, now: int) -> None:
        """Ask for trades that are missing for a while: mostly they are on their way."""
        holes = self.news.holes()
        self._holes = {symbol: self._holes.get(symbol, now) for symbol in sorted(holes)}
        for symbol, since in list(self._holes.items()):
            if since + self._settings.doubt_ms <= now:
                self._holes[symbol] = now
                await self._try(self.fetch_trades(symbol))

    async def fetch_trades(self, symbol: str) -> None:
        """Tell the trades of a symbol that nothing told before.

        Raises:
            ConnectorError: The venue cannot be asked.
        """
        fold, news = self._stream.fold, self.news
        from_id = fold.cursors.get(symbol, 0) + 1
        trades = await self._account.trades(symbol, from_id)
        strangers = await self._strangers_of(trades)
        await self._price_fees(
            {t.fee_asset for t in trades if split_fee(symbol, t.fee, t.fee_asset)[1]}
        )
        cursor, new, is_whole = from_id - 1, [], True
        told = self._told.setdefault(symbol, TradeIds())
        closed: list[OrderUpdate] = []
        may_be_ours = news.awaits_first_sight(symbol)
        for trade in trades:
            order = strangers.get(trade.order_id)
            is_forced = order is not None and order.client_order_id.startswith(FORCED)
            if not is_forced and not news.is_known(symbol, trade.order_id):
                rests_unrecorded = order is not None and not order.status.is_final
                if may_be_ours or rests_unrecorded:
                    is_whole = False  # whose it is will be seen, and it is asked for again
                    continue
            if fold.book_fill(symbol, trade.trade_id):
                told.add(trade.trade_id)
                if order is not None and is_forced:
                    closed.append(forced_close_of(order, trade))
                else:
                    new.append(trade)
            elif trade.trade_id not in told:
                is_whole = False  # the stream brought it, and it still waits to be told
            if is_whole:
                cursor = trade.trade_id
        before = fold.cursors.get(symbol, 0)
        fold.move_cursor(symbol, cursor)
        told.drop_to(cursor)
        self._say([*news.on_trades(new), *closed])
        if cursor > before:
            self._trades_told(symbol, cursor)

    async def _strangers_of(self, trades: Iterable[TradeAnswer]) -> dict[str, OrderAnswer]:
        """Return the orders of new trades that are not known here and may concern us, by their ids.

        A liquidation that the private stream did not tell shows only here, and an order of ours
        without a record may execute before it is taken in. A trade does not say what order it is
        of, so the order is asked for.
        """
        found: dict[str, OrderAnswer] = {}
        for trade in trades:
            symbol, order_id = trade.symbol, trade.order_id
            if trade.ts < self.since_ms or self.news.is_known(symbol, order_id):
                continue
            if not self._stream.fold.is_new_fill(symbol, trade.trade_id):
                continue
            order = self._strangers.get((symbol, order_id))
            if order is None:
                order = await self._port.find(symbol, order_id)
                if order is None:
                    continue
                if order.status.is_final:
                    self._strangers[symbol, order_id] = order
                if len(self._strangers) > STRANGERS_MAX:
                    del self._strangers[next(iter(self._strangers))]
            name = order.client_order_id
            if name.startswith(FORCED) or self._port.codec.is_ours(name):
                found[order_id] = order
        return found

    async def _compare(self) -> None:
        """Hold the venue's open orders against what is believed, and ask for what differs."""
        now, gap = self._network.now_ms(), self._gap
        believed = {
            name: order.symbol
            for name, order in self.news.orders.items()
            if order.was_seen and not self._is_busy(name)
        }
        for symbol in sorted({order.symbol for order in self.news.orders.values()}):
            for answer in await self._port.open_orders(symbol):
                name = answer.client_order_id
                believed.pop(name, None)
                self._say(self.news.on_seen(name, Seen.of(answer), self._network.now_ms()))
        for name in believed:
            if name in self.news.orders:
                self.doubt(name, now).due_ms = now
        for symbol in sorted({order.symbol for order in self.news.orders.values()}):
            await self.fetch_trades(symbol)
        if gap is not None:
            self._stream.merged(gap, {})
            self._gap = None if self._gap == gap else self._gap
        self._snapshot_ms = now
        self.merges += 1
