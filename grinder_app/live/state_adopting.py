"""Taking over what the venue holds, where no order of ours explains it (LIVE-38).

It asks and never writes to the venue. What differs is shown first, with a token; only who repeats
the token has seen it. Then the journal says that positions and balance are ours from now on, and
the next start goes on from there. Executions of our own orders are no difference: the next start
finds them by itself, so as long as there are some that are not booked nothing is taken over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

from attrs import frozen

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.rest_records import AccountAnswer, PositionAnswer, TradeAnswer
from grinder_adapters.journal import Journal, JournalReader
from grinder_app.config.live_plan import GuardsMissingError, LivePlan
from grinder_app.live.connecting import open_client
from grinder_app.live.loop import LiveLoop
from grinder_app.live.ports import Nobody
from grinder_app.live.reconciling import unfinished
from grinder_app.live.recovering import Restored, checkpoint_text
from grinder_app.live.scribe import EVENT_STREAM, Scribe, read_payload
from grinder_app.live.state_audit import note_done
from grinder_app.live.surroundings import Surroundings
from grinder_core.codec import digest16, to_dict
from grinder_core.contracts.control import AccountUpdate, PositionUpdate, Restarted
from grinder_core.contracts.event import KIND_NAMES
from grinder_core.contracts.orders import OrderRecord, OrderUpdate
from grinder_core.errors import ConfigError, GrinderError
from grinder_core.live.core import LiveCore
from grinder_core.numbers import ZERO, exact

ADOPTED_KIND: Final = "ADOPTED"
_MONEY: Final = tuple(KIND_NAMES[kind] for kind in (AccountUpdate, OrderUpdate))


class UnbookedFillsError(GrinderError):
    """Orders of ours were executed, and the session has not booked it yet."""

    code = "E_UNBOOKED_FILLS"


class Books(Protocol):
    """What is asked of a venue."""

    async def positions(self) -> tuple[PositionAnswer, ...]:
        """Return what is held."""

    async def account(self) -> AccountAnswer:
        """Return the balances."""

    async def trades(self, symbol: str, from_id: int) -> tuple[TradeAnswer, ...]:
        """Return executions of ours."""


@frozen(kw_only=True)
class Difference:
    """One symbol on which the session and the venue disagree; base asset, quote currency."""

    symbol: str
    believed: Decimal
    held: Decimal
    entry_price: Decimal


@frozen(kw_only=True)
class Differences:
    """What would be taken over.

    Attributes:
        cash, wallet: What the session counts with and what the account holds, quote currency.
        fees_elsewhere: Fees that another asset paid: the session counts them, the wallet does not.
        has_started: Equity began with the account's balance.
        others: Symbols that are held and not traded by the session: left alone.
    """

    positions: tuple[Difference, ...]
    cash: Decimal
    wallet: Decimal
    fees_elsewhere: Decimal
    has_started: bool
    others: Mapping[str, Decimal]

    @property
    def is_any(self) -> bool:
        """Whether there is something to take over; a first start takes the balance by itself."""
        return bool(self.positions) or (self.has_started and self.expected != self.wallet)

    @property
    def expected(self) -> Decimal:
        """What the wallet would be if nothing differed, quote currency."""
        with exact():
            return self.cash + self.fees_elsewhere

    @property
    def token(self) -> str:
        """Stands for exactly this; whoever names it has seen it."""
        positions = [to_dict(one) for one in self.positions]
        return digest16({"cash": self.cash, "positions": positions, "wallet": self.wallet})

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**to_dict(self), "token": self.token if self.is_any else ""}


def session_of(restored: Restored, folder: Path) -> LiveCore:
    """Return the session of a state.

    Raises:
        ConfigError: No process has begun one.
    """
    if restored.core is None:
        raise ConfigError(
            "holds no session yet",
            field="state folder",
            value=str(folder),
            remedy="begin one with grinder live run; it says what it finds, and changes nothing",
        )
    return restored.core


def fees_elsewhere(reader: JournalReader) -> Decimal:
    """Return what other assets paid in fees since the newest start, quote currency.

    Raises:
        ArtifactError: The journal is damaged.
    """
    paid: dict[tuple[str, int], Decimal] = {}
    for row in reader.rows(expand=False):
        if row.stream != EVENT_STREAM or row.kind not in _MONEY:
            continue
        payload = read_payload(row.kind, row.body)
        if isinstance(payload, AccountUpdate) and payload.start is not None:
            paid.clear()
        elif isinstance(payload, OrderUpdate) and payload.fee_asset:
            paid[payload.symbol, payload.trade_id] = payload.fee  # some are told twice
    with exact():
        return sum(paid.values(), ZERO)


async def find_differences(
    core: LiveCore, books: Books, fees_elsewhere: Decimal = ZERO
) -> Differences:
    """Hold a session against its venue.

    Args:
        fees_elsewhere: As the function of that name says of its journal.

    Raises:
        UnbookedFillsError: Orders of ours were executed and it is not booked.
        ConnectorError: The venue cannot be asked.
    """
    answers = await books.positions()
    held: dict[str, PositionAnswer] = {p.symbol: p for p in answers}
    await _refuse_unbooked(core, books)  # after the positions: what is in them is among these
    account = await books.account()
    hot = core.engine.hot
    whitelist = core.config.whitelist
    positions = []
    for symbol in whitelist:
        s = hot.symbols.get(symbol)
        believed = ZERO if s is None else s.ledger.qty
        found = held.get(symbol)
        now = ZERO if found is None else found.position_amt
        if now != believed:
            price = ZERO if found is None or not now else found.entry_price
            positions.append(
                Difference(symbol=symbol, believed=believed, held=now, entry_price=price)
            )
    return Differences(
        positions=tuple(positions),
        cash=hot.cash,
        wallet=account.wallet_balance,
        fees_elsewhere=fees_elsewhere,
        has_started=core.hot.has_started,
        others={
            p.symbol: p.position_amt
            for p in answers
            if p.position_amt and p.symbol not in whitelist
        },
    )


def adopt(journal: Journal, core: LiveCore, policy: str, found: Differences, now_ms: int) -> None:
    """Write into a journal that what the venue holds is the session's from now on.

    Args:
        journal: Of the session's state; nobody else writes it.
        core: The session as of the journal's last row.
        policy: Name of the user's own; empty: the built-in ones.
    """
    note_done(journal, ADOPTED_KIND, now_ms, found.to_dict())
    loop = LiveLoop(core, Scribe(journal), lambda: now_ms)
    loop.port = Nobody()  # a session that was just taken up is in INIT: nothing may leave
    loop.put(Restarted(reason="adopt-exchange"))
    loop.put(AccountUpdate(ts=now_ms, start=found.wallet))
    for one in found.positions:
        loop.put(
            PositionUpdate(
                ts=now_ms,
                symbol=one.symbol,
                qty=one.held,
                entry_price=one.entry_price,
                is_adopted=True,
            )
        )
    loop.note_digest()
    seq = journal.mark()
    journal.checkpoint(seq, loop.now, checkpoint_text(core, policy))


@asynccontextmanager
async def books_of(plan: LivePlan, world: Surroundings) -> AsyncIterator[AccountPort]:
    """Connect to a plan's venue, for reading only: its write guard is never armed.

    Raises:
        ConfigError: There is no venue to ask, or it holds long and short positions apart.
        ConnectorError: It cannot be asked.
    """
    if plan.urls is None:
        raise ConfigError(
            "an exchange of a live process ends with that process: there is nothing to take over",
            field="live.rest_url",
            remedy="name the venue with --rest-url or in the settings",
        )
    if plan.keys is None:
        raise GuardsMissingError(
            ("BINANCE_API_KEY and BINANCE_API_SECRET: the account is asked",), plan.venue_class
        )
    async with AsyncExitStack() as stack:
        client = open_client(world, plan.urls.rest, plan.keys, plan.live, stack)
        await client.venue_clock.sync()
        account = AccountPort(client)
        await account.require_one_way()
        yield account


async def _refuse_unbooked(core: LiveCore, books: Books) -> None:
    orders = unfinished(core.engine.hot, core.hot.waiting)
    missed: list[str] = []
    for symbol, ours in sorted(_by_symbol(orders).items()):
        from_id = core.hot.trade_cursors.get(symbol, 0) + 1
        known = {o.order_id: o for o in ours if o.order_id}
        has_unknown = any(not o.order_id for o in ours)
        for trade in await books.trades(symbol, from_id):
            order = known.get(trade.order_id)
            if order is not None:
                booked = core.hot.fill_ids.get(order.client_order_id, ())
                if trade.trade_id not in booked:
                    missed.append(f"{symbol} trade {trade.trade_id}")
            elif has_unknown and trade.ts >= min(o.placed_ts for o in ours if not o.order_id):
                missed.append(f"{symbol} trade {trade.trade_id}, perhaps")
    if missed:
        raise UnbookedFillsError(
            f"{len(missed)} executions of own orders are not booked yet ({', '.join(missed[:3])})",
            remedy="let grinder live run find them first; it trades nothing before all agrees, "
            "then stop it and ask again",
        )


def _by_symbol(orders: Iterable[OrderRecord]) -> dict[str, list[OrderRecord]]:
    found: dict[str, list[OrderRecord]] = {}
    for order in orders:
        found.setdefault(order.symbol, []).append(order)
    return found
