"""What a state holds, without changing it, also beside the process that writes it (LIVE-38)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from attrs import frozen

from grinder_adapters.journal import IndexTable, JournalReader
from grinder_adapters.journal.pending import HEAD_KIND, HEAD_STREAM
from grinder_adapters.journal.stored import COLUMNS, read_row
from grinder_app.live.recovering import Restored, restore
from grinder_app.live.state_folder import Writer, writer_of
from grinder_core.engine.symbol import SymbolState
from grinder_core.live.core import LiveCore
from grinder_core.ports import Policy


@frozen(kw_only=True)
class MadeBy:
    """What began to write at a row: version of grinder, of its events and outputs, its settings."""

    seq: int
    ts_ms: int
    engine_version: str
    contract_version: int
    config_hash: str


@frozen(kw_only=True)
class JournalFacts:
    """The extent of a journal.

    Attributes:
        first_seq, last_seq: Its rows; what is older is archived.
        head_seq: Up to where it certainly reaches.
        checkpoints: Last row covered and time of the sound ones, newest first.
        open_intents: Orders asked for whose end is not noted, by client id.
    """

    first_seq: int
    last_seq: int
    first_ts_ms: int
    last_ts_ms: int
    head_seq: int
    checkpoints: tuple[tuple[int, int], ...]
    open_intents: Mapping[str, str]
    made_by: MadeBy | None


@frozen(kw_only=True)
class OrderFacts:
    """One order that is not over, as the session knows it; ``is_leaving``: its cancel is wanted."""

    client_order_id: str
    order_id: str
    side: str
    price: Decimal
    qty: Decimal
    filled_qty: Decimal
    state: str
    level_id: int
    reduce_only: bool
    is_leaving: bool


@frozen(kw_only=True)
class SymbolFacts:
    """One symbol of a session.

    Attributes:
        state, reason: What may be done on it, and why.
        qty: Signed position, base asset; ``avg_entry_price``, ``unrealized``: quote currency.
        trade_cursor: Trades of ours are told up to this id; 0: none were.
    """

    symbol: str
    state: str
    reason: str
    qty: Decimal
    avg_entry_price: Decimal
    mark: Decimal
    unrealized: Decimal
    realized: Decimal
    fees: Decimal
    trade_cursor: int
    orders: tuple[OrderFacts, ...]


@frozen(kw_only=True)
class SessionFacts:
    """A session as of the journal's last row.

    Attributes:
        lives: Processes that took it up.
        digest: The chain over all that it said.
        state, reason: Of the whole session.
        cash, equity, peak: Quote currency.
        has_started: Equity began with the account's balance.
        last_id_ts_ms, last_id_seq: Time and count of the newest client id.
        replayed: Events folded to get here.
    """

    policy: str
    config_hash: str
    events: int
    lives: int
    outputs: int
    fills: int
    digest: str
    state: str
    reason: str
    now_ms: int
    cash: Decimal
    equity: Decimal
    peak: Decimal
    has_started: bool
    latches: Mapping[str, str]
    last_id_ts_ms: int
    last_id_seq: int
    replayed: int
    symbols: tuple[SymbolFacts, ...]


@frozen(kw_only=True)
class StateView:
    """All of it; ``session`` is ``None`` where no process has begun one."""

    folder: str
    writer: Writer
    journal: JournalFacts
    session: SessionFacts | None


def view_state(folder: Path, policy: Policy | None = None) -> StateView:
    """Read a state folder.

    Args:
        policy: The user's own, if the session has one.

    Raises:
        ArtifactError: The state is damaged.
        ConfigError: The session has a policy of the user's own, and none is given.
    """
    with JournalReader(folder) as reader:
        journal = _journal_facts(reader)
    restored = restore(folder, policy)
    return StateView(
        folder=str(folder),
        writer=writer_of(folder),
        journal=journal,
        session=None if restored.core is None else _session_facts(restored, restored.core),
    )


def makers(reader: JournalReader) -> list[MadeBy]:
    """Return what wrote the rows, one for each time that somebody began to write.

    Raises:
        ArtifactError: A row that says so is damaged.
    """
    with reader.failing():
        found = reader.db.execute(
            f"SELECT {COLUMNS} FROM journal WHERE stream = ? AND kind = ? ORDER BY seq",
            (HEAD_STREAM, HEAD_KIND),
        )
        rows = [read_row(values).row for values in found]
        return [_read_made_by(row.seq, row.ts_ms, row.body) for row in rows]


def made_by(reader: JournalReader) -> MadeBy | None:
    """Return what wrote the newest rows; ``None`` if no head is left in the journal.

    Raises:
        ArtifactError: A row that says so is damaged.
    """
    found = makers(reader)
    return found[-1] if found else None


def _read_made_by(seq: int, ts_ms: int, body: str) -> MadeBy:
    fields: dict[str, Any] = orjson.loads(body)
    return MadeBy(
        seq=seq,
        ts_ms=ts_ms,
        engine_version=str(fields["engine_version"]),
        contract_version=int(fields["contract_version"]),
        config_hash=str(fields["config_hash"]),
    )


def _journal_facts(reader: JournalReader) -> JournalFacts:
    head = reader.head()
    first, last = reader.first_seq(), reader.last_seq()
    sound, _ = reader.checkpoints()
    return JournalFacts(
        first_seq=first,
        last_seq=last,
        first_ts_ms=time_of(reader, first),
        last_ts_ms=time_of(reader, last),
        head_seq=head.seq,
        checkpoints=tuple((one.seq, one.ts_ms) for one in sound),
        open_intents=reader.index(IndexTable.INTENTS),
        made_by=made_by(reader),
    )


def time_of(reader: JournalReader, seq: int) -> int:
    """Return the time of a row, Unix milliseconds; 0 if there is none."""
    with reader.failing():
        found = reader.db.execute("SELECT ts_ms FROM journal WHERE seq = ?", (seq,)).fetchone()
    return 0 if found is None else int(found[0])


def _session_facts(restored: Restored, core: LiveCore) -> SessionFacts:
    hot, engine = core.hot, core.engine.hot
    machine = hot.orchestrator.machine
    names = sorted({*engine.symbols, *hot.orchestrator.symbols})
    return SessionFacts(
        policy=restored.policy,
        config_hash=core.config.config_hash,
        events=hot.events,
        lives=hot.lives,
        outputs=hot.outputs,
        fills=engine.stats.total_fills,
        digest=core.digest,
        state=machine.state.value,
        reason=machine.reason.value,
        now_ms=engine.now,
        cash=engine.cash,
        equity=engine.account.equity,
        peak=engine.account.high_water_mark,
        has_started=hot.has_started,
        latches=dict(sorted(hot.latches.items())),
        last_id_ts_ms=engine.ids.ts_ms,
        last_id_seq=max(engine.ids.seq, 0),
        replayed=restored.replayed,
        symbols=tuple(_symbol_facts(core, name) for name in names),
    )


def _symbol_facts(core: LiveCore, symbol: str) -> SymbolFacts:
    hot = core.hot
    state = reason = ""
    if symbol in hot.orchestrator.symbols:
        found = hot.orchestrator.effective(symbol)
        state, reason = found[0].value, found[1].value
    s = core.engine.hot.symbols.get(symbol) or SymbolState.of(symbol, core.config.engine)
    return SymbolFacts(
        symbol=symbol,
        state=state,
        reason=reason,
        qty=s.ledger.qty,
        avg_entry_price=s.ledger.avg_entry_price,
        mark=s.mark,
        unrealized=s.unrealized,
        realized=s.ledger.realized_pnl,
        fees=s.ledger.fees_paid,
        trade_cursor=hot.trade_cursors.get(symbol, 0),
        orders=_orders(s),
    )


def _orders(s: SymbolState) -> tuple[OrderFacts, ...]:
    return tuple(
        OrderFacts(
            client_order_id=order.client_order_id,
            order_id=order.order_id,
            side=order.side.value,
            price=order.price,
            qty=order.qty,
            filled_qty=order.filled_qty,
            state=order.state.value,
            level_id=order.level_id,
            reduce_only=order.reduce_only,
            is_leaving=is_leaving,
        )
        for orders, is_leaving in ((s.grid.live, False), (s.grid.leaving, True))
        for _, order in sorted(orders.items())
    )
