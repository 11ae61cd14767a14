"""What the venue holds against what the session believes (LIVE-20, LIVE-38 steps 5 to 8).

Orders and fills are cleared up by the desk. Here are the rest: orders of ours without a record,
foreign ones, and positions. It shows and tells; it never acts on anything that is not ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

from attrs import frozen

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.order_desk import OrderDesk
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.rest_records import OrderAnswer
from grinder_app.live.health import HealthWatch
from grinder_core.contracts.event import Payload
from grinder_core.contracts.live import HealthName
from grinder_core.contracts.orders import OrderAdopted, OrderRecord
from grinder_core.engine.state import HotState
from grinder_core.numbers import ZERO, canonical
from grinder_core.orders.identity import parse_client_order_id

LEVEL_MAX: Final = 999


@frozen(kw_only=True)
class Foreign:
    """What is on our symbols and not ours: shown, never touched.

    Attributes:
        orders: Client ids of others' orders, by symbol.
        positions: What the venue holds beyond what we believe, base asset, by symbol.
    """

    orders: dict[str, tuple[str, ...]]
    positions: dict[str, tuple[Decimal, Decimal]]

    @property
    def is_any(self) -> bool:
        """Whether there is something."""
        return bool(self.orders or self.positions)

    def lines(self) -> list[str]:
        """Return it for people, with the ways out."""
        told = [
            f"{symbol}: {len(names)} orders that are not ours ({', '.join(names[:3])}): cancel "
            "them, or leave the symbol out"
            for symbol, names in sorted(self.orders.items())
        ]
        told += [
            f"{symbol}: the venue holds {canonical(held)}, and we believe {canonical(believed)}: "
            "close the difference by hand, or take it over with grinder state adopt-exchange"
            for symbol, (held, believed) in sorted(self.positions.items())
        ]
        return told


class Reconciler:
    """Compares one account's symbols.

    Args:
        hot: The engine's state, for reading only.
        put: Takes adopted orders.
        health: Takes verdicts.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        hot: Callable[[], HotState],
        port: ExecutionPort,
        account: AccountPort,
        desk: OrderDesk,
        put: Callable[[Payload], None],
        health: HealthWatch,
    ) -> None:
        self._symbols, self._hot = symbols, hot
        self._port, self._account, self._desk = port, account, desk
        self._put, self._health = put, health
        self._differing: dict[str, tuple[Decimal, Decimal]] = {}

    async def foreign_orders(self) -> dict[str, tuple[str, ...]]:
        """Ask for orders on our symbols that are not ours; adopt those of ours without a record.

        The list may be older than the news of an order's end: one without a record is asked for by
        itself, and adopted only if it still rests then.

        Raises:
            ConnectorError: The venue cannot be asked.
        """
        found: dict[str, list[str]] = {}
        for symbol in self._symbols:
            for order in await self._port.open_orders(symbol):
                name = order.client_order_id
                if not self._port.codec.is_ours(name):
                    found.setdefault(symbol, []).append(name)
                elif self._is_unknown(name):
                    await self._look_up(order.symbol, name)
        return {symbol: tuple(names) for symbol, names in found.items()}

    async def compare_positions(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Ask what is held, tell the verdict of each symbol, and return what differs.

        A position counts as different once two questions in a row say the same of it: a fill may
        be on its way.

        Raises:
            ConnectorError: The venue cannot be asked.
        """
        held = {p.symbol: p.position_amt for p in await self._account.positions()}
        believed = {symbol: s.ledger.qty for symbol, s in self._hot().symbols.items()}
        now: dict[str, tuple[Decimal, Decimal]] = {}
        for symbol in self._symbols:
            pair = held.get(symbol, ZERO), believed.get(symbol, ZERO)
            if pair[0] != pair[1]:
                now[symbol] = pair
        lasting = {
            symbol: pair for symbol, pair in now.items() if self._differing.get(symbol) == pair
        }
        self._differing = now
        for symbol in self._symbols:
            self._health.tell(HealthName.UNRECONCILED, int(symbol in lasting), symbol)
        return lasting

    def _is_unknown(self, name: str) -> bool:
        news = self._desk.news
        return name not in news.orders and not news.has_ended(name)

    async def _look_up(self, symbol: str, name: str) -> None:
        """Adopt an order if it is still open: it may have ended while the answer was on its way."""
        order = await self._port.query(symbol, name)
        if order is not None and not order.status.is_final and self._is_unknown(name):
            self._adopt(order)

    def _adopt(self, order: OrderAnswer) -> None:
        parsed = parse_client_order_id(order.client_order_id)
        level = 0 if parsed is None else min(parsed.level_id, LEVEL_MAX)
        adopted = OrderAdopted(
            ts=order.update_ts,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            order_id=order.order_id,
            side=order.side,
            level_id=level,
            price=order.price,
            qty=order.qty,
            filled_qty=order.executed_qty,
            reduce_only=order.reduce_only,
        )
        self._put(adopted)
        s = self._hot().symbols[order.symbol]
        record = s.grid.get(order.client_order_id)
        if record is not None:
            self._desk.take_up([record], {order.client_order_id})


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
