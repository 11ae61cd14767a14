"""What fees in other assets are worth: the venue's own price at the fill (spec gap 4).

A fill is never held up to learn a price. Of each asset that the account holds beside the quote
currency a price is asked for every few seconds, in the background, so that the newest one is at
hand when a fill comes. Where asking fails, the newest that is known is used; where none was ever
known, the venue's base rate, which no account pays more than. The value goes into the event, with
what was paid beside it, so that a replay books the same and a settlement can tell them apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Final

from attrs import evolve, frozen

from grinder_adapters.binance.network import Network
from grinder_core.contracts.enums import Liquidity
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.errors import (
    CircuitOpenError,
    ConnectorClosedError,
    ConnectorError,
    ConnectorNonRetryableError,
    GovernorDroppedError,
    GovernorTimeoutError,
    InputError,
    RateLimitError,
)
from grinder_core.numbers import BPS, ZERO, canonical, dec_half_even, exact

REFRESH_MS: Final = 5_000  # how old a price gets while asking succeeds
OLD_MS: Final = 60_000  # from then on a price is worth a warning
UNLISTED_MS: Final = 600_000  # until the venue is asked again for a price that it does not have
ANSWER_MS: Final = 2_000  # how long one answer is waited for
VALUE_DIGITS: Final = 8
BASE_RATE_BPS: Final = {Liquidity.MAKER: Decimal(2), Liquidity.TAKER: Decimal(5)}

# nothing was sent this time
_PASSING: Final = (CircuitOpenError, GovernorDroppedError, GovernorTimeoutError, RateLimitError)

AskPrice = Callable[[str], Awaitable[Decimal]]
Tell = Callable[[str, str], None]


@frozen
class KnownPrice:
    """A price of one unit of an asset, quote currency, and when it was asked for."""

    price: Decimal
    ts_ms: int


class FeeValues:
    """Values fees of one account.

    Args:
        quote: Currency that the session counts in.
        network: Clock, and waiting.
        ask: Asks the venue for the price of a symbol; without it, the base rate holds.
        tell: Takes lines for people.

    Attributes:
        prices: By asset, the newest that is known.
        failures: Questions that failed.
    """

    def __init__(
        self,
        quote: str,
        network: Network,
        ask: AskPrice | None = None,
        tell: Tell = lambda kind, text: None,
    ) -> None:
        self._quote, self._network, self._ask, self._tell = quote, network, ask, tell
        self._due_ms: dict[str, int] = {}
        self._said: set[tuple[str, str]] = set()
        self.prices: dict[str, KnownPrice] = {}
        self.failures = 0

    def valued(self, update: OrderUpdate) -> OrderUpdate:
        """Return a fill with its fee in quote currency; others as they are."""
        asset = update.fee_asset
        if not asset:
            return update
        self._due_ms.setdefault(asset, 0)
        known, now = self.prices.get(asset), self._network.now_ms()
        with exact():
            if known is not None:
                fee = dec_half_even(update.fee_qty * known.price, VALUE_DIGITS)
            elif update.fee_qty > 0:
                rate = BASE_RATE_BPS[update.liquidity]
                paid = update.last_price * update.last_qty * rate
                fee = dec_half_even(paid, VALUE_DIGITS, BPS)
            else:  # a rebate of unknown worth is not counted on
                fee = ZERO
        if known is None:
            words = f"the base rate, {canonical(fee)}, for the venue told no price"
            self._say("warning", asset, words)
        elif known.ts_ms + OLD_MS < now:
            words = f"a price of {(now - known.ts_ms) // 1_000} s ago, for the venue told no newer"
            self._say("warning", asset, words)
        else:
            self._said.discard(("warning", asset))
            self._say("account", asset, f"the venue's price, now {canonical(known.price)}")
        return evolve(update, fee=fee)

    async def prepare(self, assets: Iterable[str]) -> None:
        """Learn the newest price of assets, and keep it new from now on; it may fail."""
        now = self._network.now_ms()
        for asset in sorted(set(assets) - {"", self._quote}):
            known = self.prices.get(asset)
            self._due_ms.setdefault(asset, 0)
            if known is None or known.ts_ms + REFRESH_MS <= now:
                await self._learn(asset)

    async def run(self) -> None:
        """Keep the prices new, until nobody can be asked any more."""
        while True:
            await self._network.wait_ms(REFRESH_MS)
            try:
                for asset in sorted(self._due_ms):
                    await self._learn(asset)
            except ConnectorClosedError:
                return

    async def _learn(self, asset: str) -> None:
        now = self._network.now_ms()
        if self._ask is None or now < self._due_ms[asset]:
            return
        try:
            async with asyncio.timeout(ANSWER_MS / 1_000):
                price = await self._ask(asset + self._quote)
        except ConnectorClosedError:
            raise
        except (*_PASSING, TimeoutError):
            self.failures += 1
        except (ConnectorNonRetryableError, InputError):  # there is no such symbol
            self.failures += 1
            self._due_ms[asset] = now + UNLISTED_MS
        except ConnectorError:
            self.failures += 1
        else:
            if price > 0:  # a symbol that never traded shows 0
                self.prices[asset] = KnownPrice(price, now)

    def _say(self, kind: str, asset: str, how: str) -> None:
        """Say once, and again after it had changed, how fees in an asset are booked."""
        if (kind, asset) not in self._said:
            self._said.add((kind, asset))
            self._tell(kind, f"fees in {asset} are booked in {self._quote} at {how}")


def split_fee(symbol: str, fee: Decimal, asset: str) -> tuple[Decimal, str, Decimal]:
    """Return a fee as an event holds it before it is valued: in quote currency, or apart.

    Example:
        >>> split_fee("BTCUSDT", Decimal("0.04"), "USDT")
        (Decimal('0.04'), '', Decimal('0'))
        >>> split_fee("BTCUSDT", Decimal("0.0001"), "BNB")
        (Decimal('0'), 'BNB', Decimal('0.0001'))
    """
    if not fee or not asset or symbol.split("_", maxsplit=1)[0].endswith(asset):
        return fee, "", ZERO
    return ZERO, asset, fee
