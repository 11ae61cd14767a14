"""``smoke position``: a micro position is opened and given back, reduce-only (LIVE-28, LIVE-35)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from grinder_adapters.binance.order_requests import TimeInForce
from grinder_app.smoke.patience import soon
from grinder_app.smoke.sizes import SLIPPAGE_BPS, above, ticket
from grinder_app.smoke.steps import Step, StepError
from grinder_app.smoke.trading import Trading
from grinder_core.numbers import ZERO, canonical

CAP: Final = Decimal(20)


class Position:
    """The harness."""

    def __init__(self, trading: Trading) -> None:
        self._trading, self._held = trading, ZERO

    def steps(self) -> list[Step]:
        """Return what it does."""
        trading = self._trading
        return [
            *trading.opening(),
            Step(name="least order within the cap", work=self._size),
            Step(name="open a micro position", work=self._open),
            Step(name="position seen", work=self._seen),
            Step(name="flatten, reduce-only", work=self._flatten),
            Step(name="position gone", work=self._gone),
            *trading.closing(),
        ]

    async def _size(self) -> str:
        trading = self._trading
        quote = await trading.quote()
        price = above(quote, trading.tick, SLIPPAGE_BPS)
        # the venue may hold the least notional against the bid or the mark, which are lower
        self._wanted = ticket(price, trading.rules, quote.bid_price)
        trading.check_cap(self._wanted)
        return (
            f"{canonical(self._wanted.qty)} for at most {canonical(self._wanted.price)}, "
            f"{canonical(self._wanted.notional)} USDT"
        )

    async def _open(self) -> str:
        trading, wanted = self._trading, self._wanted
        name, own = await trading.armed.place(wanted.price, wanted.qty, TimeInForce.IOC)

        async def is_over() -> bool:
            return (await trading.armed.look_patiently(name)).state.is_final

        if not await soon(is_over, trading.sleep) or not own.executed_qty:
            raise StepError(f"nothing was bought: {trading.told(own)}")
        return trading.told(own)

    async def _seen(self) -> str:
        trading = self._trading
        bought = trading.armed.net_qty

        async def is_so() -> bool:
            self._held = await trading.position()
            return self._held == bought

        if not await soon(is_so, trading.sleep):
            raise StepError(f"bought {canonical(bought)}, and {canonical(self._held)} is held")
        return f"{canonical(self._held)} is held"

    async def _flatten(self) -> str:
        trading = self._trading
        await trading.quote()
        name, own = await trading.armed.close(self._held, self._held)

        async def is_over() -> bool:
            return (await trading.armed.look_patiently(name)).state.is_final

        if not await soon(is_over, trading.sleep) or own.executed_qty != self._held:
            raise StepError(f"wanted {canonical(self._held)}: {trading.told(own)}")
        return trading.told(own)

    async def _gone(self) -> str:
        trading = self._trading

        async def is_so() -> bool:
            self._held = await trading.position()
            return not self._held

        if not await soon(is_so, trading.sleep):
            raise StepError(f"{canonical(self._held)} is still held")
        return "flat"
