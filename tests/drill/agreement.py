"""Do session and exchange agree? And does the journal say it all again?

Nothing that the session says of itself counts: orders, fills, positions and money are the
exchange's, client ids are those of its request log.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from grinder_app.live.recovering import Replayer, checkpoint_text, replay
from grinder_core.live.core import LiveCore
from grinder_core.numbers import ZERO, exact
from tests.drill.desk import BOTH, ORDER, OURS, Desk
from tests.support.memory_session import ACCOUNT


def agreement(desk: Desk) -> list[str]:
    """Return everything on which session and exchange disagree; nothing: all is well.

    Nothing may be under way. Orders, fills, positions and money are the exchange's.
    """
    numbers, wrong = _own_numbers(desk)
    account = desk.venue.exchange.floor.account(ACCOUNT)
    trades = [trade for trade in account.trades if trade.order_number in numbers]
    for symbol in BOTH:
        wrong += _orders(desk, symbol, numbers)
        wrong += _books(desk, symbol, [trade for trade in trades if trade.symbol == symbol])
    if desk.core.engine.hot.stats.total_fills != len(trades):
        booked = desk.core.engine.hot.stats.total_fills
        wrong.append(f"{booked} fills, at the exchange {len(trades)}")
    wrong += _fills(desk, {(trade.symbol, trade.trade_id) for trade in trades})
    if desk.believed() != desk.wallet():
        wrong.append(f"cash {desk.believed()}, at the exchange {desk.wallet()}")
    return wrong


def _own_numbers(desk: Desk) -> tuple[set[int], list[str]]:
    """Return the numbers of our orders, and client ids that stand for more than one."""
    by_name: dict[str, set[int]] = {}
    assert not desk.venue.log.dropped, "the request log no longer holds everything"
    for record in desk.venue.log.of(ORDER, "POST"):
        name = record.parameters.get("newClientOrderId", "")
        if name.startswith(OURS):
            by_name.setdefault(name, set()).update(record.order_ids)
    doubled = [f"{name}: orders {sorted(n)}" for name, n in by_name.items() if len(n) > 1]
    return {number for found in by_name.values() for number in found}, doubled


def _orders(desk: Desk, symbol: str, numbers: set[int]) -> list[str]:
    there = {
        order.client_order_id: (order.price, order.qty, order.filled, order.reduce_only)
        for order in desk.open_orders(symbol).values()
    }
    foreign = [n for n, order in desk.open_orders(symbol).items() if order.number not in numbers]
    s = desk.core.engine.hot.symbols[symbol]
    here = {
        name: (order.price, order.qty, order.filled_qty, order.reduce_only)
        for book in (s.grid.live, s.grid.leaving)
        for name, order in book.items()
    }
    return [
        *(f"{symbol} {name}: rests at the exchange, nobody here sent it" for name in foreign),
        *(f"{symbol} {name}: only at the exchange" for name in sorted(there.keys() - here)),
        *(f"{symbol} {name}: only in the session" for name in sorted(here.keys() - there)),
        *(
            f"{symbol} {name}: {here[name]}, at the exchange {there[name]}"
            for name in sorted(there.keys() & here)
            if there[name] != here[name]
        ),
    ]


def _books(desk: Desk, symbol: str, trades: list[Any]) -> list[str]:
    ledger = desk.core.engine.hot.symbols[symbol].ledger
    account = desk.venue.exchange.floor.account(ACCOUNT)
    with exact():
        held = sum((side.ledger.qty for side in account.sides(symbol)), ZERO)
        fees = sum((trade.fee for trade in trades), ZERO)
    pairs: list[tuple[str, object, object]] = [
        ("position", ledger.qty, held),
        ("fees", ledger.fees_paid, fees),
        ("fills", ledger.fill_count, len(trades)),
    ]
    return [
        f"{symbol}: {what} {here}, at the exchange {there}"
        for what, here, there in pairs
        if here != there
    ]


def _fills(desk: Desk, made: set[tuple[str, int]]) -> list[str]:
    """Each trade stands once in the journal, and no other."""
    told = Counter(
        (row["symbol"], row["trade_id"])
        for row in desk.rows("event")
        if row.get("trade_id") and row.get("client_order_id", "").startswith(OURS)
    )
    return [
        *(f"trade {trade} told {count} times" for trade, count in told.items() if count > 1),
        *(f"trade {trade} not told" for trade in sorted(made - told.keys())),
        *(f"trade {trade} told, and not made" for trade in sorted(told.keys() - made)),
    ]


def replayed(desk: Desk, core: LiveCore) -> list[str]:
    """Fold the whole journal again; return in what it differs from the session."""
    replayer = Replayer()
    replay(replayer, desk.disk.rows())
    again = replayer.core
    assert again is not None
    assert replayer.compared
    found = []
    if again.digest != core.digest:
        found.append(f"digest {again.digest}, the session said {core.digest}")
    if checkpoint_text(again, "") != checkpoint_text(core, ""):
        found.append("the replayed state is another one")
    return found
