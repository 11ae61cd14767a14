"""The account that a live session trades: permission, private stream, desk, and their agreement.

Opened after the state and before the market; what the process before this one left is taken up
here and cleared up with the venue (LIVE-38, steps 4 to 8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from grinder_adapters.binance.account_port import AccountPort, listen_key_calls
from grinder_adapters.binance.fee_values import FeeValues
from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.network import Network
from grinder_adapters.binance.order_desk import OrderDesk
from grinder_adapters.binance.order_inquiries import DeskSettings
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.user_events import UserEvent
from grinder_adapters.binance.user_stream import UserStream, UserStreamSettings
from grinder_app.config.live_plan import GuardsMissingError
from grinder_app.live.account_watch import AccountWatch
from grinder_app.live.auditing import AuditTrail
from grinder_app.live.clearing_up import ClearUp
from grinder_app.live.connecting import open_port, prepare_account
from grinder_app.live.dead_man import DeadMan, check_budget
from grinder_app.live.foundation import Foundation
from grinder_app.live.loop import LiveLoop
from grinder_app.live.money import MoneyWatch
from grinder_app.live.ports import DeskPort
from grinder_app.live.reconciling import Reconciliation, unfinished
from grinder_app.live.scribe import JournalPort
from grinder_app.live.witness import JournalWitness
from grinder_app.report.wording import NO_CURRENCY, quote_currency
from grinder_app.runner.doctor_findings import Verdict
from grinder_app.runner.doctor_venue import Reach, examine_rights
from grinder_core.contracts.control import FundingPaid, Health, Timer
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import HealthName
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.errors import ConnectorError, ConnectorNonRetryableError
from grinder_core.numbers import canonical
from grinder_core.resilience.archived import ArchivedStore
from grinder_core.resilience.budget import BudgetWindow
from grinder_core.resilience.idempotency import IdempotencySettings

WRITES_FILE: Final = "writes.db"
STOP_TIMEOUT_MS: Final = 20_000
LOOK_MS: Final = 1_000


class TradingAccount:
    """One account that orders are sent for.

    Args:
        base: What the process stands on.
        client: Signs and sends.
        loop: The session; its port becomes this account's desk.
        journal: Where intents are written before they leave.
        trail: Takes evidence, and refusals.

    Attributes:
        store: What is known of each write.
        port: The one component that sends orders.
        desk: Performs effects.
        stream: The private stream.
        money: What moves without a trade.
        fees: What fees in other assets are worth.
        reconciliation: What differs; ``None`` before clearing up began.
        dead_man: What takes our orders out when this process dies; likewise.
    """

    def __init__(
        self,
        base: Foundation,
        client: RestClient,
        loop: LiveLoop,
        journal: JournalPort,
        trail: AuditTrail,
    ) -> None:
        self._base, self._client, self._loop = base, client, loop
        self._core, self._journal, self._trail = loop.core, journal, trail
        self.reconciliation: Reconciliation | None = None
        self.dead_man: DeadMan | None = None

    async def open(self) -> None:
        """Open it, as far as nothing has to be asked of it yet.

        Raises:
            GuardsMissingError: The key may do too much.
            ConfigError: The account holds long and short positions apart.
            ConnectorError: The venue cannot be asked, or a guard is missing.
        """
        base, client, core = self._base, self._client, self._core
        plan, world, stack = base.plan, base.world, base.stack
        weight_1m = client.budget.settings.own_limit(BudgetWindow.WEIGHT_1M)
        check_budget(plan.live, plan.symbols, weight_1m)
        await self._check_key()
        self.account = account = AccountPort(client)
        archive = world.open_archive(base.folder / WRITES_FILE)
        stack.callback(archive.close)
        self.store = store = ArchivedStore(IdempotencySettings(), archive=archive)
        witness = JournalWitness(self._journal, core.refusal, base.now_ms)
        strategy = core.config.engine.orders.strategy_id
        try:
            self.port = open_port(client, plan.permission, store, witness, plan.live, strategy)
        except ConnectorNonRetryableError as error:
            self._trail.start_refused((str(error),))
            raise
        leverage = plan.live.target_leverage
        await base.patiently(lambda: prepare_account(account, plan.symbols, leverage))
        network = world.network(stack)
        self.stream = UserStream(
            network, base.ws_url, listen_key_calls(account), UserStreamSettings()
        )
        stack.push_async_callback(self.stream.close)
        self.fees = await self._open_fees(network)
        absent_ms = plan.live.recv_window_ms + client.venue_clock.settings.clock_skew_max_ms + 1
        self.desk = OrderDesk(
            self.port,
            account,
            self.stream,
            network,
            self._learned,
            DeskSettings(absent_after_ms=absent_ms),
            tell_write=self._loop.put,
            trades_told=self._trades_told,
            heard=self._heard,
            fees=self.fees,
        )
        stack.push_async_callback(self.desk.close)
        self.money = MoneyWatch(account, core, plan.symbols, self._loop.put, base.now_ms)
        self._watch = AccountWatch(
            plan.reconcile, plan.symbols, lambda: core.engine.hot, self._loop_now
        )
        self._loop.port = DeskPort(self.desk, self._watch.expect)

    async def _open_fees(self, network: Network) -> FeeValues:
        """Say in which other assets fees may be taken, and learn what those are worth."""
        account, base = self.account, self._base
        quote = quote_currency(base.plan.symbols)
        ask = account.last_price if quote != NO_CURRENCY else None
        fees = FeeValues(quote, network, ask, base.tell)
        held = await base.patiently(account.balances)
        others = [one for one in held if one.asset != quote and one.wallet_balance > 0]
        for one in others:
            words = f"{canonical(one.wallet_balance)} {one.asset}, in which fees may be taken"
            base.tell("account", f"holds {words}; they are booked in {quote}")
        await fees.prepare(one.asset for one in others)
        return fees

    async def _check_key(self) -> None:
        """Refuse a key that can move money out, where the venue says what a key may do.

        Raises:
            GuardsMissingError: It can, or the venue does not say.
        """
        base, plan, world = self._base, self._base.plan, self._base.world
        if plan.venue_class is not VenueClass.MAINNET or plan.urls is None:
            return
        reach = Reach(transport=world.transport, clock=world.clock, sleep=world.sleep)
        found = await examine_rights(plan, plan.urls, reach, base.stack)
        if found.verdict is Verdict.FAIL:
            missing = f"{found.name}: {found.found}; {found.remedy}"
            raise GuardsMissingError((missing,), plan.venue_class)
        if found.verdict is Verdict.WARN:
            base.tell("warning", f"{found.name}: {found.found}; {found.remedy}")

    def take_up(self) -> None:
        """Tell desk, stream and watch what the process before this one knew."""
        hot = self._core.hot
        for symbol, cursor in hot.trade_cursors.items():
            self.stream.fold.move_cursor(symbol, cursor)
        orders = unfinished(self._core.engine.hot, hot.waiting)
        for order in orders:
            for trade_id in hot.fill_ids.get(order.client_order_id, ()):
                self.desk.take_up_fill(order.symbol, trade_id)
        self.desk.inquiries.since_ms = hot.started_ms or self._base.now_ms()
        self._watch.take_up(orders)
        self.desk.take_up(orders, self._journal.open_intents())

    # -- clearing up with the venue, and keeping it so -------------------------------------------

    async def clear_up(self, tell_health: Callable[[HealthName, int, str], None]) -> None:
        """Return once session and venue agree on what the last process left.

        Args:
            tell_health: Takes the verdict of a symbol, told where it changed.

        Raises:
            GuardsMissingError: Somebody else's orders or positions are on our symbols.
            ConnectorClosedError: Nobody can be asked any more.
        """
        base = self._base
        self.desk.start()
        self.reconciliation = reconciliation = Reconciliation(
            self._watch,
            base.plan.symbols,
            lambda: self._core.engine.hot,
            self.port,
            self.account,
            self.desk,
            self._loop.put,
            tell_health,
            self._trail,
            base.tell,
            base.plan.live.reconcile_interval_ms,
            self._loop_now,
        )
        await ClearUp(
            self._core,
            self.account,
            self.desk,
            reconciliation,
            self.money,
            base.plan.venue_class,
            self._loop.put,
            base.tell,
            base.world.sleep,
            base.now_ms,
        ).run()
        self.dead_man = dead_man = DeadMan(
            base, self.port, tell_health, lambda: reconciliation.foreign().orders
        )
        await dead_man.arm()

    async def keep_up(self) -> None:
        """Compare with the venue and renew its countdowns, once it is cleared up."""
        assert self.dead_man is not None
        tasks = [
            asyncio.create_task(self._keep_comparing()),
            asyncio.create_task(self.dead_man.run()),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_comparing(self) -> None:
        assert self.reconciliation is not None
        while True:
            await self._base.world.sleep(LOOK_MS / 1_000)
            if await self.reconciliation.look():
                try:
                    await self.money.look()
                except ConnectorError as error:
                    self._base.tell("account", f"the list of income cannot be read: {error}")

    def stepped(self, event: Event) -> None:
        """Look at a step that is over."""
        self._watch.stepped(event)

    # -- the end -------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Wait until every write has an outcome; take countdowns away where no entry is left."""
        tell = self._base.tell
        try:
            async with asyncio.timeout(STOP_TIMEOUT_MS / 1_000):
                await self.desk.settle()
                self._loop.put(Timer())
                await self.desk.settle()
        except (TimeoutError, ConnectorError) as error:
            tell("stop", f"not everything is known: {error or 'time is over'}")
        if self.dead_man is not None:
            # before recovery is done, say, not even a cancel may leave
            orders = unfinished(self._core.engine.hot, self._core.hot.waiting)
            keep = {order.symbol for order in orders if not order.reduce_only}
            try:
                async with asyncio.timeout(STOP_TIMEOUT_MS / 1_000):
                    await self.dead_man.release(keep)
            except (TimeoutError, ConnectorError) as error:
                tell("stop", f"countdowns may run on: {error or 'time is over'}")

    async def bail_out(self) -> None:
        """Something ended the session: leave no order behind that adds risk."""
        for symbol in self._base.plan.symbols:
            try:
                async with asyncio.timeout(STOP_TIMEOUT_MS / 1_000):
                    await self.port.cancel_own(symbol, keep_reduce_only=True)
            except (TimeoutError, ConnectorError) as error:
                why = error or "time is over"
                self._base.tell("stop", f"orders on {symbol} may be left: {why}")

    # -- what it hears -------------------------------------------------------------------------

    def _learned(self, update: OrderUpdate | FundingPaid) -> None:
        """Take what the desk has to tell."""
        if isinstance(update, FundingPaid):
            self.money.settled(update)
        else:
            self._loop.put(update)

    def _heard(self, event: UserEvent) -> None:
        """Take what the private stream says, once the session was told what it means."""
        self._watch.heard(event)
        self.money.heard(event)

    def _trades_told(self, symbol: str, trade_id: int) -> None:
        name = HealthName.TRADES_TOLD.value
        self._loop.put(Health(name=name, value=trade_id, symbol=symbol))

    def _loop_now(self) -> int:
        return max(self._base.now_ms(), self._loop.now)
