"""Holds what a session believes, after a drain, against what the exchange has on record.

The session is read back from its journal as the next process would do it. Nothing that it says of
itself counts: orders, fills, positions and money are the exchange's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from grinder_adapters.journal import JournalReader
from grinder_adapters.journal.journal import INTENT_KIND, INTENT_STREAM
from grinder_app.live.recovering import Replayer, replay, restore
from grinder_core.live.core import LiveCore
from grinder_core.numbers import ZERO, exact
from grinder_core.orders.identity import parse_client_order_id
from grinder_core.ports import Policy
from tests.crash.statement import Statement


def intents_of(folder: Path) -> dict[str, str]:
    """Return what the journal says was about to be sent: idempotency key by client id.

    Raises:
        AssertionError: One client id stands for two intents.
    """
    found: dict[str, str] = {}
    with JournalReader(folder) as reader:
        for row in reader.rows(expand=False):
            if row.stream == INTENT_STREAM and row.kind == INTENT_KIND:
                name = _name_of(row)
                key = str(orjson.loads(row.body)["key"])
                assert found.setdefault(name, key) == key, f"{name} stands for two intents"
    return found


def _name_of(row: Any) -> str:
    name: str = row.index.key
    return name


def judge(folder: Path, policy: Policy, told: Statement, pending: Decimal = ZERO) -> list[str]:
    """Return everything that is wrong; nothing: all is well.

    Args:
        pending: Funding that the session could not be told of any more.
    """
    core = restore(folder, policy).core
    if core is None:
        return ["the journal holds no session"]
    return [
        *_doubled(intents_of(folder), told),
        *_orders(core, told),
        *_fills(core, told),
        *_money(core, told, pending),
        *_replayed(folder, policy, core),
    ]


def _doubled(intents: dict[str, str], told: Statement) -> Iterable[str]:
    """At most one order for each client id and for each intent, and none without one."""
    names = Counter(order.client_order_id for order in told.orders)
    yield from (f"{name}: {n} orders of one client id" for name, n in names.items() if n > 1)
    keys = Counter(intents[name] for name in names if name in intents)
    yield from (f"{key}: {n} orders of one intent" for key, n in keys.items() if n > 1)
    yield from (f"{name}: an order without an intent" for name in names if name not in intents)
    foreign = [name for name in names if parse_client_order_id(name) is None]
    yield from (f"{name}: not a name of ours" for name in foreign)


def _orders(core: LiveCore, told: Statement) -> Iterable[str]:
    """The same orders are open, and as much of them is filled."""
    there = {o.client_order_id: o.filled for o in told.orders if not o.is_closed}
    here = {
        name: order.filled_qty
        for s in core.engine.hot.symbols.values()
        for book in (s.grid.live, s.grid.leaving)
        for name, order in book.items()
    }
    for name in sorted(there.keys() - here.keys()):
        yield f"{name}: open at the venue, unknown to the session"
    for name in sorted(here.keys() - there.keys()):
        yield f"{name}: open for the session, not at the venue"
    for name in sorted(there.keys() & here.keys()):
        if there[name] != here[name]:
            yield f"{name}: {here[name]} filled, at the venue {there[name]}"


def _fills(core: LiveCore, told: Statement) -> Iterable[str]:
    """No fill is lost, and none was booked twice."""
    with exact():
        for symbol, s in sorted(core.engine.hot.symbols.items()):
            ours = [fill for fill in told.fills if fill.symbol == symbol]
            qty = sum((fill.signed_qty for fill in ours), ZERO)
            fees = sum((fill.fee for fill in ours), ZERO)
            pairs: list[tuple[str, Decimal | int, Decimal | int]] = [
                ("fills", s.ledger.fill_count, len(ours)),
                ("position", s.ledger.qty, qty),
                ("position by its own book", s.ledger.qty, told.positions.get(symbol, ZERO)),
                ("fees", s.ledger.fees_paid, fees),
            ]
            for what, here, there in pairs:
                if here != there:
                    yield f"{symbol}: {what} {here}, at the venue {there}"
    total, of_all = core.engine.hot.stats.total_fills, len(told.fills)
    if total != of_all:
        yield f"{total} fills, at the venue {of_all}"


def _money(core: LiveCore, told: Statement, pending: Decimal) -> Iterable[str]:
    """What trading brought is the same: the order of fills may differ, their sum may not."""
    with exact():
        here = ZERO
        for s in core.engine.hot.symbols.values():
            paid = s.ledger.fees_paid + s.ledger.funding_paid
            here += s.ledger.realized_pnl - s.ledger.cost_basis - paid
        here += pending
    if here != told.cash_flow:
        yield f"cash flow {here}, at the venue {told.cash_flow}"


def _replayed(folder: Path, policy: Policy, core: LiveCore) -> Iterable[str]:
    """From the first row, the journal leads to the same state (I-38.3); every digest agrees."""
    replayer = Replayer(policy=policy)
    with JournalReader(folder) as reader:
        replay(replayer, reader.rows())
    again = replayer.core
    if again is None:
        yield "the journal's first rows hold no session"
    elif again.state().to_text() != core.state().to_text():
        yield (
            f"replayed from the first row: {again.hot.events} events, {again.digest}; from the "
            f"checkpoint: {core.hot.events} events, {core.digest}"
        )
    if not replayer.compared:
        yield "the journal holds no digest to compare"
