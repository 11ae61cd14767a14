"""The account and the venue's clock (LIVE-39: ``AccountPort``, ``ClockPort``; LIVE-10)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, TypeVar

from attrs import frozen

from grinder_adapters.binance import endpoints
from grinder_adapters.binance.endpoints import Request
from grinder_adapters.binance.fields import Fields, flag, number, text, whole
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import (
    read_account,
    read_balances,
    read_income,
    read_listen_key,
    read_order,
    read_positions,
    read_record,
    read_records,
    read_server_time,
    read_trades,
)
from grinder_adapters.binance.rest_records import (
    AccountAnswer,
    BalanceAnswer,
    IncomeAnswer,
    PositionAnswer,
    TradeAnswer,
)
from grinder_adapters.binance.rest_results import Failed
from grinder_adapters.binance.signing import Secret
from grinder_adapters.binance.user_stream import ListenKeyCalls
from grinder_adapters.binance.waiting import Sleep
from grinder_core.contracts.checks import check_int, check_symbol
from grinder_core.errors import (
    ConfigError,
    ConnectorError,
    ConnectorNonRetryableError,
    ConnectorOutcomeUnknownError,
    ConnectorTimeoutError,
    ConnectorTransientError,
    RateLimitError,
)

TRADES_MAX: Final = 1_000
INCOME_MAX: Final = 1_000
BUDGET_WAIT_S: Final = 10.0
BUDGET_WAITS: Final = 12  # two windows of the budget
WINDOW_MS: Final = 7 * 86_400_000  # of one question about a time

T = TypeVar("T")


@frozen(kw_only=True)
class SymbolConfig:
    """How the account trades one symbol; ``max_notional`` at this leverage, quote currency."""

    symbol: str
    margin_type: str
    leverage: int
    max_notional: Decimal


class AccountPort:
    """What the account holds and how it is set up.

    All reads raise ``ConnectorError`` where the venue cannot be asked.

    Args:
        sleep: Waits while the request budget refuses a read, for who reads a long history;
            ``None``: such a refusal is raised.
    """

    def __init__(self, client: RestClient, sleep: Sleep | None = None) -> None:
        self._client, self._sleep = client, sleep

    async def positions(self) -> tuple[PositionAnswer, ...]:
        """Return the positions of symbols with a position or orders."""
        return await self._read(Request(endpoints.POSITIONS), read_positions)

    async def balances(self) -> tuple[BalanceAnswer, ...]:
        """Return the wallet."""
        return await self._read(Request(endpoints.BALANCES), read_balances)

    async def account(self) -> AccountAnswer:
        """Return the account as a whole."""
        return await self._read(Request(endpoints.ACCOUNT), read_account)

    async def trades(self, symbol: str, from_id: int) -> tuple[TradeAnswer, ...]:
        """Return all trades of ours with ids from ``from_id`` on, ascending, page by page."""
        check_symbol(symbol)
        check_int("from_id", from_id)
        found: dict[int, TradeAnswer] = {}
        while True:
            parameters = {"symbol": symbol, "fromId": str(from_id), "limit": str(TRADES_MAX)}
            page = await self._read(Request(endpoints.TRADES, parameters), read_trades)
            new = {trade.trade_id: trade for trade in page if trade.trade_id >= from_id}
            found |= new
            if len(page) < TRADES_MAX or not new:
                return tuple(found[trade_id] for trade_id in sorted(found))
            from_id = max(new) + 1

    async def owner(self, symbol: str, order_id: str) -> str | None:
        """Return the client id of an order; ``None``: the venue does not know it any more."""
        check_symbol(symbol)
        request = Request(endpoints.QUERY, {"symbol": symbol, "orderId": order_id})
        found = await self._client.find(request, read_order)
        return None if found is None else found.client_order_id

    async def first_trade(self, symbol: str, from_ms: int, until_ms: int) -> int | None:
        """Return the id of our first trade from one time until another; ``None``: there is none."""
        check_symbol(symbol)
        check_int("from_ms", from_ms)
        check_int("until_ms", until_ms, ge=from_ms)
        while from_ms <= until_ms:
            end_ms = min(from_ms + WINDOW_MS - 1, until_ms)
            parameters = {
                "symbol": symbol,
                "startTime": str(from_ms),
                "endTime": str(end_ms),
                "limit": str(TRADES_MAX),
            }
            page = await self._read(Request(endpoints.TRADES, parameters), read_trades)
            if page:
                return min(trade.trade_id for trade in page)
            from_ms = end_ms + 1
        return None

    async def income(self, from_ms: int, until_ms: int) -> tuple[IncomeAnswer, ...]:
        """Return what changed the wallet from one time until another, both included, ascending."""
        check_int("from_ms", from_ms)
        check_int("until_ms", until_ms, ge=from_ms)
        found: dict[tuple[str, int, str], IncomeAnswer] = {}
        while True:
            parameters = {
                "startTime": str(from_ms),
                "endTime": str(until_ms),
                "limit": str(INCOME_MAX),
            }
            page = await self._read(Request(endpoints.INCOME, parameters), read_income)
            new = {(row.kind, row.tran_id, row.symbol): row for row in page}
            is_new = not found.keys() >= new.keys()
            found |= new
            if len(page) < INCOME_MAX or from_ms >= until_ms:
                return tuple(sorted(found.values(), key=lambda row: (row.ts, row.tran_id)))
            latest = max(row.ts for row in page)
            from_ms = min(latest if is_new else latest + 1, until_ms)  # one ms may span two pages

    async def server_time(self) -> int:
        """Return the venue's time, ms, as it answers; ``RestClient.venue_clock`` measures it."""
        return await self._client.read(Request(endpoints.TIME), read_server_time)

    async def last_price(self, symbol: str) -> Decimal:
        """Return the price at which a symbol traded last; asked once, in the background.

        Raises:
            ConnectorNonRetryableError: The venue has no such symbol, or nothing may be sent now.
            ConnectorError: The venue cannot be asked.
        """
        check_symbol(symbol)
        answer = await self._client.look(
            Request(endpoints.LAST_PRICE, {"symbol": symbol}),
            lambda body: read_record(body, "ticker", lambda data: number(data, "price")),
        )
        if isinstance(answer, Failed):
            raise answer.error
        return answer

    async def is_hedge_mode(self) -> bool:
        """Whether the account holds long and short positions of one symbol apart."""
        return await self._client.read(
            Request(endpoints.POSITION_MODE),
            lambda body: read_record(
                body, "positionSide", lambda data: flag(data, "dualSidePosition")
            ),
        )

    async def require_one_way(self) -> None:
        """Insist on the position mode in which we write.

        Raises:
            ConfigError: The account is in hedge mode.
        """
        if await self.is_hedge_mode():
            raise ConfigError(
                "must be one-way",
                field="position mode",
                value="hedge",
                remedy="close all positions and switch the account's position mode",
            )

    async def symbol_config(self, symbol: str) -> SymbolConfig:
        """Return margin type and leverage of a symbol."""
        check_symbol(symbol)
        configs = await self._client.read(
            Request(endpoints.SYMBOL_CONFIG, {"symbol": symbol}), read_symbol_configs
        )
        if symbol not in configs:
            raise ConnectorError("is not in the answer", field="symbol", value=symbol)
        return configs[symbol]

    async def set_leverage(self, symbol: str, leverage: int) -> SymbolConfig:
        """Set the leverage of a symbol, read it again and return what holds.

        The second reading decides, also where the answer to the first was lost.

        Raises:
            ConnectorTransientError: It did not take effect, for a reason that passes, or not yet;
                to ask again does no harm.
            ConnectorNonRetryableError: Not permitted, refused, or it is not what was asked for.
        """
        check_symbol(symbol)
        check_int("leverage", leverage, ge=1)
        if (config := await self.symbol_config(symbol)).leverage == leverage:
            return config
        client = self._client
        parameters = {"symbol": symbol, "leverage": str(leverage)}
        request = Request(endpoints.SET_LEVERAGE, parameters)
        client.guard.require()
        answer = await client.send(request, client.admit(request), lambda body: body)
        config = await self.symbol_config(symbol)
        if config.leverage == leverage:
            return config
        why = answer.error if isinstance(answer, Failed) else None
        if isinstance(why, ConnectorTransientError):
            raise why
        rule = f"the venue holds {config.leverage}" + (f": {why}" if why else "")
        if isinstance(why, ConnectorOutcomeUnknownError | ConnectorTimeoutError):
            raise ConnectorTransientError(f"leverage of {symbol} = {leverage}: {rule}")
        raise ConnectorNonRetryableError(rule, field=f"leverage of {symbol}", value=leverage)

    async def _read(self, request: Request, read: Callable[[bytes], T]) -> T:
        """Ask; wait for the budget where somebody said how."""
        for _ in range(0 if self._sleep is None else BUDGET_WAITS):
            try:
                return await self._client.read(request, read)
            except RateLimitError:
                assert self._sleep is not None
                await self._sleep(BUDGET_WAIT_S)
        return await self._client.read(request, read)

    # -- the session of the user stream --------------------------------------------------------

    async def make_listen_key(self) -> Secret:
        """Return the key of the user stream; a live one is extended."""
        return await self._client.read(Request(endpoints.MAKE_LISTEN_KEY), read_listen_key)

    async def keep_listen_key(self) -> None:
        """Extend the key's life.

        Raises:
            ConnectorNonRetryableError: It does not exist any more: make a new one.
        """
        await self._client.read(Request(endpoints.KEEP_LISTEN_KEY), lambda body: body)

    async def close_listen_key(self) -> None:
        """End the key's life."""
        await self._client.read(Request(endpoints.CLOSE_LISTEN_KEY), lambda body: body)


def listen_key_calls(account: AccountPort) -> ListenKeyCalls:
    """Return what a private stream of this account asks for its key."""

    async def keep(_key: Secret) -> None:
        await account.keep_listen_key()

    async def close(_key: Secret) -> None:
        await account.close_listen_key()

    return ListenKeyCalls(create=account.make_listen_key, keep_alive=keep, close=close)


def read_symbol_configs(body: bytes) -> dict[str, SymbolConfig]:
    """Read ``symbolConfig``, by symbol.

    Raises:
        ConnectorError: It is something else.
    """

    def config(data: Fields) -> SymbolConfig:
        return SymbolConfig(
            symbol=text(data, "symbol"),
            margin_type=text(data, "marginType"),
            leverage=whole(data, "leverage"),
            max_notional=number(data, "maxNotionalValue"),
        )

    return {c.symbol: c for c in read_records(body, "symbolConfig", config)}
