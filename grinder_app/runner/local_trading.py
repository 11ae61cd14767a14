"""The local exchange with one client of it in one process, and sockets on loopback between them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from attrs import frozen

from grinder_adapters.binance import endpoints
from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.endpoints import Request
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.permission import own_simulator
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_listen_key
from grinder_adapters.binance.rest_records import TradeAnswer
from grinder_adapters.binance.signing import Secret, Signer
from grinder_adapters.binance.spec import IdentityCodec
from grinder_adapters.binance.waiting import Sleep
from grinder_adapters.binance.write_call import WriteCall
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_adapters.binance.writes import Writer
from grinder_adapters.clock import Clock
from grinder_adapters.local_venue.assembly import LOCAL_KEY, VenueOptions, assemble
from grinder_adapters.local_venue.server import VenueServer
from grinder_adapters.local_venue.venue import LocalVenue
from grinder_adapters.transport import HttpTransport
from grinder_adapters.write_archive import SqliteArchive
from grinder_app.runner.agreement import Row, VenueStatement
from grinder_core.contracts.enums import Liquidity, RiskIntent
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError, ConnectorError
from grinder_core.resilience.archived import ArchivedStore
from grinder_core.resilience.budget import BudgetWindow
from grinder_core.resilience.idempotency import Entry, IdempotencySettings
from grinder_core.venue.exchange.account import HISTORY
from grinder_core.venue.exchange.instrument import Instrument


class Unwitnessed:
    """Paper on this machine keeps no journal, and nothing stops a write that the engine wants."""

    async def record(self, entry: Entry, call: WriteCall) -> None:
        """Keep nothing."""

    def refusal(self, risk: RiskIntent, symbol: str) -> str:
        """Stop nothing."""
        return ""


@frozen(kw_only=True)
class LocalExchange:
    """An exchange that listens."""

    venue: LocalVenue
    address: str

    @property
    def streams(self) -> str:
        """Address of its streams."""
        return self.address.replace("http", "ws", 1)


@frozen(kw_only=True)
class LocalTrading:
    """A client of it that may write."""

    client: RestClient
    port: ExecutionPort
    account: AccountPort

    async def listen_key(self) -> Secret:
        """Return the key of the private stream."""
        return await self.client.read(Request(endpoints.MAKE_LISTEN_KEY), read_listen_key)

    async def statement(self, instruments: Sequence[Instrument]) -> VenueStatement:
        """Ask the exchange what it holds on record for the account.

        Raises:
            ConnectorError: It does not answer.
        """
        account = self.account
        fills = {
            instrument.symbol: [_row(trade) for trade in await account.trades(instrument.symbol, 0)]
            for instrument in instruments
        }
        positions = {p.symbol: p.position_amt for p in await account.positions() if p.position_amt}
        return VenueStatement(
            fills={symbol: rows for symbol, rows in fills.items() if rows},
            positions=positions,
            wallet=(await account.account()).wallet_balance,
            is_whole=sum(map(len, fills.values())) < HISTORY,
        )


async def open_exchange(
    config: EngineConfig,
    instruments: Sequence[Instrument],
    clock: Clock,
    stack: AsyncExitStack,
) -> LocalExchange:
    """Start an exchange that fills as the settings say.

    Raises:
        ConnectorError: This machine allows no sockets on loopback.
    """
    options = VenueOptions(
        instruments=instruments,
        deposit=config.risk.initial_capital,
        fills=config.venue,
        derives=False,
    )
    venue = assemble(options)
    server = VenueServer(venue, clock)
    try:
        address = await server.start()
    except ConfigError as error:
        raise ConnectorError(
            f"this machine allows no socket on loopback: it {error.rule}",
            remedy="use --venue exchange, which decides the same in process",
        ) from error
    stack.push_async_callback(server.close)
    return LocalExchange(venue=venue, address=address)


async def open_trading(
    exchange: LocalExchange,
    config: EngineConfig,
    transport: HttpTransport,
    clock: Clock,
    sleep: Sleep,
    stack: AsyncExitStack,
) -> LocalTrading:
    """Connect a client to it.

    Raises:
        ConnectorError: It does not answer.
    """
    guard = WriteGuard(transport, exchange.address)
    signer = Signer(Secret(LOCAL_KEY.key), Secret(LOCAL_KEY.secret))
    client = RestClient(guard, clock, sleep, signer=signer)
    stack.push_async_callback(client.close)
    await client.venue_clock.sync()
    for window in BudgetWindow:  # nobody has asked this exchange for anything yet
        client.budget.observe(window, 0, client.now())
    guard.arm(own_simulator())
    archive = SqliteArchive()
    stack.callback(archive.close)
    store = ArchivedStore(IdempotencySettings(), archive=archive)
    writer = Writer(client, store, Unwitnessed())
    port = ExecutionPort(client, writer, IdentityCodec(frozenset({config.orders.strategy_id})))
    return LocalTrading(client=client, port=port, account=AccountPort(client))


def _row(trade: TradeAnswer) -> Row:
    """A trade as the files of a run keep it."""
    liquidity = Liquidity.MAKER if trade.is_maker else Liquidity.TAKER
    side = trade.side.value
    return (trade.ts, side, trade.price, trade.qty, trade.fee, liquidity.value, trade.order_id)
