"""What the venue holds against what the session believes: asking, and the verdict (LIVE-20).

The comparison itself is ``grinder_core/reconcile``; here are its questions to the venue. It shows
and tells; it never acts on anything that is not ours.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

from attrs import Factory, define

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.order_desk import OrderDesk
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_app.live.account_watch import AccountWatch
from grinder_app.live.auditing import AuditTrail
from grinder_app.live.differing import foreign_lines, mismatch_lines, stray_lines
from grinder_core.contracts.control import Health
from grinder_core.contracts.event import Payload
from grinder_core.contracts.live import HealthName
from grinder_core.contracts.orders import OrderAdopted, OrderRecord
from grinder_core.engine.state import HotState
from grinder_core.errors import ConnectorClosedError, ConnectorError
from grinder_core.numbers import ZERO, exact
from grinder_core.orders.identity import LEVEL_ID_MAX, parse_client_order_id
from grinder_core.reconcile.records import Lookup, LookupKind, Mismatch, ObservedOrder

RETRY_MS: Final = 10_000
LOOKUPS_MAX: Final = 8  # questions of one look: the rest has its turn at the next


@define
class Foreign:
    """What is at the venue and not ours, or not where it should be: shown, never touched.

    Attributes:
        orders: Client ids of others' orders on what is traded, by symbol.
        strays: Client ids of our own orders on anything else, by symbol.
    """

    orders: dict[str, list[str]] = Factory(lambda: defaultdict(list))
    strays: dict[str, list[str]] = Factory(lambda: defaultdict(list))

    def lines(self) -> list[str]:
        """Return it for people, with the ways out."""
        return [*foreign_lines(self.orders), *stray_lines(self.strays)]


class Reconciliation:
    """Keeps one account compared.

    Args:
        watch: Both sides.
        symbols: What is traded.
        hot: The engine's state, for reading only.
        put: Takes adopted orders and what is known of health.
        tell_health: Takes the verdict of a symbol, told where it changed.
        trail: Takes evidence.
        tell: Takes lines for people.
        interval_ms: Longest time between two comparisons.
        now_ms: Our time; never goes back.

    Attributes:
        lines: What differs, for people.
        runs, runs_with_mismatch, rounds_failed: Comparisons, and snapshots that could not be had.
        mismatches: Found so far, by type; one that stays counts once.
    """

    def __init__(
        self,
        watch: AccountWatch,
        symbols: Sequence[str],
        hot: Callable[[], HotState],
        port: ExecutionPort,
        account: AccountPort,
        desk: OrderDesk,
        put: Callable[[Payload], None],
        tell_health: Callable[[HealthName, int, str], None],
        trail: AuditTrail,
        tell: Callable[[str, str], None],
        interval_ms: int,
        now_ms: Callable[[], int],
    ) -> None:
        self._watch, self._room = watch, watch.room
        self._symbols, self._hot = symbols, hot
        self._port, self._account, self._desk = port, account, desk
        self._put, self._tell_health = put, tell_health
        self._trail, self._tell = trail, tell
        self._interval_ms, self._now_ms = interval_ms, now_ms
        self._compared_ms = self._retry_ms = 0
        self._is_evident = True
        self.lines: tuple[str, ...] = ()
        self.runs = self.runs_with_mismatch = self.rounds_failed = 0
        self.mismatches: Counter[str] = Counter()

    # -- while it trades -----------------------------------------------------------------------

    async def look(self) -> bool:
        """Ask what is due, compare, and tell; return whether there was a new snapshot.

        Raises:
            ConnectorClosedError: Nobody can be asked any more.
        """
        has_snapshot = False
        if self._room.is_snapshot_due(self._now_ms()) and self._now_ms() >= self._retry_ms:
            try:
                has_snapshot = await self.snapshot()
            except ConnectorClosedError:
                raise
            except ConnectorError as error:
                self._room.round_failed()
                self.rounds_failed += 1
                self._retry_ms = self._now_ms() + RETRY_MS
                self._tell("reconcile", f"the venue cannot be asked: {error}")
        is_news = await self.ask_all() or has_snapshot
        if is_news or self._now_ms() - self._compared_ms >= self._interval_ms:
            found = self.compare()
            await self._take_back(found)
        self.tell_verdicts()
        return has_snapshot

    async def snapshot(self) -> bool:
        """Ask for all open orders and positions of the account, and merge them.

        Raises:
            ConnectorError: The venue cannot be asked.
        """
        asked_ms = self._now_ms()
        orders = await self._port.open_orders()
        positions = await self._account.positions()
        for answer in orders:
            self._desk.merge(answer)
        if not self._watch.snapshot(asked_ms, orders, positions):
            return False
        self._put_health(HealthName.SNAPSHOT_TAKEN, 1)
        return True

    async def ask_all(self) -> bool:
        """Ask what is unclear for long enough; return whether an answer was merged."""
        lookups = self._room.lookups(self._now_ms(), self._desk.is_busy)
        has_answer = False
        for lookup in lookups[:LOOKUPS_MAX]:
            asked_ms = self._now_ms()
            self._room.asked(lookup, asked_ms)
            try:
                is_merged = await self._ask(lookup, asked_ms)
            except ConnectorClosedError:
                raise
            except ConnectorError:
                continue  # it is asked again
            if is_merged:
                self._room.answered(lookup, asked_ms)
                has_answer = True
        return has_answer

    def compare(self) -> tuple[Mismatch, ...]:
        """Compare both sides; note and tell what was found."""
        now = self._compared_ms = self._now_ms()
        known = self._room.state.detected
        found = self._room.run(now, self._is_ours)
        self.runs += 1
        self.runs_with_mismatch += bool(found)
        self.mismatches.update(one.type.value for one in found if one.key not in known)
        self._is_evident = self._trail.reconcile_run(found)
        lines = (*mismatch_lines(found), *self.foreign().lines())
        if lines != self.lines:
            for line in lines:
                self._tell("reconcile", line)
            if not lines:
                self._tell("reconcile", "all agrees again")
        self.lines = lines
        return found

    def tell_verdicts(self, unclear: Iterable[str] = ()) -> None:
        """Tell of each symbol whether it is reconciled.

        What was found and could not be noted as it must be holds new risk everywhere.

        Args:
            unclear: Symbols that are not, whatever the last comparison says.
        """
        now = self._now_ms()
        for symbol in self._symbols:
            is_bad = not self._is_evident or symbol in unclear
            is_bad = is_bad or self._room.is_unreconciled(symbol, now)
            self._tell_health(HealthName.UNRECONCILED, int(is_bad), symbol)

    @property
    def snapshot_age_ms(self) -> int | None:
        """How long ago the newest snapshot was asked for; ``None`` before the first."""
        return self._room.snapshot_age_ms(self._now_ms())

    # -- at the start --------------------------------------------------------------------------

    def foreign(self) -> Foreign:
        """Return what is at the venue and not ours, or not where it should be."""
        found = Foreign()
        traded = set(self._symbols)
        for order in self._room.foreign(self._is_ours):
            if order.symbol in traded:
                found.orders[order.symbol].append(order.client_order_id)
        for order in self._room.state.observed.open.values():
            if order.symbol not in traded and self._is_ours(order.client_order_id):
                found.strays[order.symbol].append(order.client_order_id)
        return found

    def held(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Return positions that differ, by symbol: the venue's and ours, base asset."""
        state = self._room.state
        pairs = {
            symbol: (state.observed.position_amt(symbol), state.expected.position_amt(symbol))
            for symbol in self._symbols
        }
        return {symbol: pair for symbol, pair in pairs.items() if pair[0] != pair[1]}

    def unclear(self) -> set[str]:
        """Return the symbols on which anything differs, however short a time."""
        state, covers = self._room.state, self._room.settings.covers
        found = {one.symbol for one in state.differences.orders.values()}
        found |= {
            one.symbol for one in state.differences.positions.values() if one.agreed_ms is None
        }
        found |= {order.symbol for order in self._unrecorded()}
        unknown = state.expected.unknown_since
        return {symbol for symbol in found if covers(symbol)} | {
            state.expected.orders[name].symbol for name in unknown
        }

    async def fetch_trades(self) -> None:
        """Have all trades told that nothing told before.

        Raises:
            ConnectorError: The venue cannot be asked.
        """
        for symbol in self._symbols:
            await self._desk.inquiries.fetch_trades(symbol)

    async def adopt(self) -> int:
        """Take in our orders without a record; return how many.

        Raises:
            ConnectorError: The venue cannot be asked.
        """
        adopted = 0
        for order in self._unrecorded():
            adopted += await self._adopt(order)
        return adopted

    # -- inside --------------------------------------------------------------------------------

    def _is_ours(self, client_order_id: str) -> bool:
        return self._port.codec.is_ours(client_order_id)

    def _put_health(self, name: HealthName, value: int) -> None:
        self._put(Health(name=name.value, value=value))

    async def _ask(self, lookup: Lookup, asked_ms: int) -> bool:
        """Ask one question; return whether its whole answer is merged."""
        desk, symbol, name = self._desk, lookup.symbol, lookup.client_order_id
        if lookup.kind is LookupKind.TRADES:
            await desk.inquiries.fetch_trades(symbol)
            return symbol not in desk.news.holes() and not desk.news.awaits_first_sight(symbol)
        answer = await self._port.query(symbol, name)
        if answer is None:
            if name not in desk.news.orders:
                return True
            # its absence proves something only after a while, which the desk waits for
            desk.doubt(name)
            return False
        desk.merge(answer)
        self._watch.answered(answer, asked_ms)
        known = desk.news.orders.get(name)
        return known is None or not known.lacks_fills

    def _unrecorded(self) -> list[ObservedOrder]:
        """Our open orders that the session never heard of."""
        state = self._room.state
        return [
            order
            for order in state.observed.open.values()
            if order.symbol in self._symbols
            and order.client_order_id not in state.expected.orders
            and not self._desk.news.has_ended(order.client_order_id)
            and self._is_ours(order.client_order_id)
        ]

    async def _take_back(self, found: Iterable[Mismatch]) -> None:
        """Take in orders that were held for gone and are there after all: we sent them."""
        for mismatch in found:
            state = self._room.state
            order = state.expected.orders.get(mismatch.client_order_id)
            shown = state.observed.order(mismatch.symbol, mismatch.client_order_id)
            if order is None or shown is None or shown.status.is_final:
                continue
            if order.expected_status.is_final and order.is_inferred:
                try:
                    await self._adopt(shown)
                except ConnectorClosedError:
                    raise
                except ConnectorError:
                    continue  # at the next comparison

    async def _adopt(self, shown: ObservedOrder) -> bool:
        """Take in one order; what it executed and nothing told comes after it, as fills."""
        symbol, name = shown.symbol, shown.client_order_id
        untold = await self._untold(symbol, shown.order_id)
        asked_ms = self._now_ms()
        answer = await self._port.query(symbol, name)
        if answer is None or await self._untold(symbol, shown.order_id) != untold:
            return False  # it changes just now: at the next look
        self._watch.answered(answer, asked_ms)
        s = self._hot().symbols.get(symbol)
        if answer.status.is_final or (s is not None and s.grid.get(name) is not None):
            return False
        if self._desk.news.has_ended(name):
            return False  # the answer was older than that
        parsed = parse_client_order_id(name)
        with exact():
            told = max(answer.executed_qty - untold, ZERO)
        self._put(
            OrderAdopted(
                ts=answer.update_ts,
                symbol=symbol,
                client_order_id=name,
                order_id=answer.order_id,
                side=answer.side,
                level_id=0 if parsed is None else min(parsed.level_id, LEVEL_ID_MAX),
                price=answer.price,
                qty=answer.qty,
                filled_qty=told,
                reduce_only=answer.reduce_only,
            )
        )
        self._take_up(symbol, name)
        self._desk.merge(answer)
        return True

    def _take_up(self, symbol: str, name: str) -> None:
        """Have desk and watch follow an order that the session has taken in."""
        s = self._hot().symbols[symbol]
        record = s.grid.get(name)
        if record is None:
            return
        if name in self._room.state.expected.orders:
            self._room.order_became(name, record.state, self._now_ms())
        else:
            self._watch.take_up([record])
        self._desk.take_up([record], {name})

    async def _untold(self, symbol: str, order_id: str) -> Decimal:
        """Return how much an order executed in trades that nothing told."""
        fold = self._desk.fold
        trades = await self._account.trades(symbol, fold.cursors.get(symbol, 0) + 1)
        with exact():
            return sum(
                (
                    trade.qty
                    for trade in trades
                    if trade.order_id == order_id and fold.is_new_fill(symbol, trade.trade_id)
                ),
                ZERO,
            )


def unfinished(hot: HotState, waiting: Iterable[str]) -> list[OrderRecord]:
    """Return the orders that are not over for the session.

    Args:
        waiting: Those that never left.
    """
    held = set(waiting)
    return [
        order
        for s in hot.symbols.values()
        for book in (s.grid.live, s.grid.leaving)
        for name, order in book.items()
        if name not in held
    ]
