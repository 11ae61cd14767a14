"""Recovery with the venue: steps 5 to 8 of LIVE-38, until everything agrees.

The private stream is open and what the process before this one left is being asked for. Here the
rest is compared: open orders, positions, trades, money. What others hold on our symbols refuses an
armed start; what differs after a crash keeps the session in INIT, and is asked for again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from grinder_adapters.binance.account_port import AccountPort
from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.network import Sleep
from grinder_adapters.binance.order_desk import OrderDesk
from grinder_app.config.live_plan import GuardsMissingError
from grinder_app.live.differing import position_lines
from grinder_app.live.money import MoneyWatch
from grinder_app.live.reconciling import RETRY_MS, Reconciliation
from grinder_core.contracts.control import AccountUpdate
from grinder_core.contracts.event import Payload
from grinder_core.errors import ConnectorClosedError, ConnectorError
from grinder_core.live.core import LiveCore

ROUNDS: Final = 3  # of one attempt: what was adopted is compared again at once


class ClearUp:
    """Clears up one account.

    Args:
        venue_class: For the refusal's words.
        put: Takes the equity to start with.
        tell: Takes lines for people.
        now_ms: Our time, Unix milliseconds.
    """

    def __init__(
        self,
        core: LiveCore,
        account: AccountPort,
        desk: OrderDesk,
        reconciliation: Reconciliation,
        money: MoneyWatch,
        venue_class: VenueClass,
        put: Callable[[Payload], None],
        tell: Callable[[str, str], None],
        sleep: Sleep,
        now_ms: Callable[[], int],
    ) -> None:
        self._core, self._account, self._desk = core, account, desk
        self._reconciliation, self._money = reconciliation, money
        self._venue_class = venue_class
        self._put, self._tell, self._sleep, self._now_ms = put, tell, sleep, now_ms

    async def run(self) -> None:
        """Return once everything agrees.

        Raises:
            GuardsMissingError: Orders that are not ours, or at the first start positions.
            ConnectorClosedError: Nobody can be asked any more.
        """
        while True:
            try:
                if await self._is_clean():
                    return
            except ConnectorClosedError:
                raise
            except ConnectorError as error:
                self._tell("recovery", f"the venue cannot be asked: {error}")
            await self._sleep(RETRY_MS / 1_000)

    async def _is_clean(self) -> bool:
        reconciliation, hot = self._reconciliation, self._core.hot
        for _ in range(ROUNDS):
            await self._desk.settle()
            if hot.has_started:
                await reconciliation.fetch_trades()
            await reconciliation.snapshot()
            self._refuse(reconciliation.foreign().lines())
            if not await reconciliation.adopt():
                break
        if hot.has_started:
            await self._money.look()
        else:
            self._refuse(position_lines(reconciliation.held()))
            await self._start_equity()
        await reconciliation.ask_all()
        reconciliation.compare()
        unclear = reconciliation.unclear()
        reconciliation.tell_verdicts(unclear)
        return not unclear

    async def _start_equity(self) -> None:
        """Begin with what the account holds (design, gap 4)."""
        begun_ms = self._now_ms()
        answer = await self._account.account()
        wallet = answer.wallet_balance
        self._put(AccountUpdate(ts=begun_ms, start=wallet))
        self._desk.inquiries.since_ms = begun_ms
        self._tell("account", f"equity starts at {wallet}")

    def _refuse(self, lines: list[str]) -> None:
        if lines:
            raise GuardsMissingError(tuple(lines), self._venue_class)
