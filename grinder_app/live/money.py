"""Money that moves without a trade: funding and transfers, each told once (LIVE-19, LIVE-38).

The private stream tells of it as it happens. What it did not tell, because nobody listened or
frames were lost, stands in the venue's list of income a moment later. The list is read up to a
time at which nothing else happened within some seconds, so that small differences between the
times of stream and list never decide on which side of it a movement lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.rest_records import IncomeAnswer
from grinder_adapters.binance.user_events import AccountEvent, UserEvent
from grinder_core.contracts.control import AccountUpdate, FundingPaid, Health
from grinder_core.contracts.event import Payload
from grinder_core.contracts.live import HealthName
from grinder_core.live.core import LiveCore
from grinder_core.live.state import Movement
from grinder_core.numbers import ZERO, exact

LAG_MS: Final = 60_000  # the list may be that much behind
APART_MS: Final = 5_000  # how far the times of stream and list may be apart
TRANSFERS: Final = frozenset(
    {
        *("DEPOSIT", "WITHDRAW", "ADMIN_DEPOSIT", "ADMIN_WITHDRAW", "ASSET_TRANSFER"),
        *("COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW"),
    }
)
# what a position cost by itself; the venue settles off its schedule by a word of its own
FUNDING: Final = frozenset({"FUNDING_FEE", "SPECIAL_FUNDING_FEE", "INSURANCE_CLEAR"})
OF_TRADES: Final = frozenset({"REALIZED_PNL", "COMMISSION"})


class MoneyWatch:
    """Follows the money of one account.

    Args:
        symbols: What is traded.
        put: Takes what the session learns.
        now_ms: Our time, Unix milliseconds.
    """

    def __init__(
        self,
        account: AccountPort,
        core: LiveCore,
        symbols: Sequence[str],
        put: Callable[[Payload], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._account, self._core, self._symbols = account, core, symbols
        self._put, self._now_ms = put, now_ms

    # -- the private stream --------------------------------------------------------------------

    def heard(self, event: UserEvent) -> None:
        """Take an event of the private stream: transfers are told here."""
        if not isinstance(event, AccountEvent) or event.reason not in TRANSFERS:
            return
        with exact():
            moved = sum((each.change for each in event.balances if self._counts(each.asset)), ZERO)
        if moved and self._is_ahead(event.ts):
            self._put(AccountUpdate(ts=event.ts, transfer=moved))

    def settled(self, paid: FundingPaid) -> None:
        """Take a settlement of funding, unless the list has told it already."""
        if self._is_ahead(paid.ts):
            self._put(paid)

    # -- the list ------------------------------------------------------------------------------

    async def look(self) -> None:
        """Tell what the list has and nobody told.

        Raises:
            ConnectorError: The venue cannot be asked.
        """
        hot = self._core.hot
        begin, until = hot.income_ms, self._now_ms() - LAG_MS
        if not begin or until <= begin:
            return
        rows = [
            row
            for row in await self._account.income(begin + 1, until)
            if row.kind not in OF_TRADES
            and self._counts(row.asset)
            and (row.symbol in self._symbols or not row.symbol)
        ]
        times = [row.ts for row in rows] + [one.ts for one in hot.moved]
        cursor = calm_before(times, until)
        if cursor <= begin:
            return
        for row in untold((row for row in rows if row.ts <= cursor), hot.moved):
            self._tell(row)
        self._put(Health(name=HealthName.INCOME_TOLD.value, value=cursor))

    # -- inside --------------------------------------------------------------------------------

    def _is_ahead(self, ts: int) -> bool:
        """Whether the list has not told of that time yet."""
        hot = self._core.hot
        return hot.has_started and ts > hot.income_ms

    def _counts(self, asset: str) -> bool:
        """Whether an asset is what profit and loss of the traded symbols are counted in."""
        return any(symbol.split("_")[0].endswith(asset) for symbol in self._symbols)

    def _tell(self, row: IncomeAnswer) -> None:
        """Book a movement; its rate is not in the list, and its position is what we believe."""
        if row.symbol and row.kind in FUNDING:
            s = self._core.engine.hot.symbols.get(row.symbol)
            paid = FundingPaid(
                ts=row.ts,
                symbol=row.symbol,
                rate=ZERO,
                qty=ZERO if s is None else s.ledger.qty,
                mark_price=self._core.hot.marks.get(row.symbol, ZERO),
                amount=row.amount.copy_negate(),
            )
            self._put(paid)
        else:
            self._put(AccountUpdate(ts=row.ts, transfer=row.amount))


def calm_before(times: Iterable[int], until: int) -> int:
    """Return the latest time, ``until`` at most, from which every one is far enough away."""
    cursor = until
    for ts in sorted(times, reverse=True):
        if abs(ts - cursor) <= APART_MS:
            cursor = ts - APART_MS - 1
    return cursor


def untold(rows: Iterable[IncomeAnswer], told: Iterable[Movement]) -> list[IncomeAnswer]:
    """Return the rows of which nothing was told; each that was told stands for one row."""
    left = list(told)
    new: list[IncomeAnswer] = []
    for row in rows:
        match = _match(row, left)
        if match is None:
            new.append(row)
        else:
            left.remove(match)
    return new


def _match(row: IncomeAnswer, told: Iterable[Movement]) -> Movement | None:
    symbol = row.symbol if row.kind in FUNDING else ""
    amount: Decimal = row.amount
    near = [
        one
        for one in told
        if one.symbol == symbol and one.amount == amount and abs(one.ts - row.ts) <= APART_MS
    ]
    return min(near, key=lambda one: one.ts, default=None)  # the later ones may fit later rows
