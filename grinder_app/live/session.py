"""A live session from its start to its end (LIVE-13, LIVE-38).

Opening goes from the inside out: state, then the venue's rules, then the market, then the account.
Nothing that adds risk passes before the last of them is clear; closing goes the other way round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import frozen

from grinder_adapters.binance.account_port import AccountPort, listen_key_calls
from grinder_adapters.binance.connector_state import State
from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.market_stats import ask_market_stats
from grinder_adapters.binance.order_desk import OrderDesk
from grinder_adapters.binance.order_inquiries import DeskSettings
from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_adapters.binance.permission import PortKind
from grinder_adapters.binance.tasks import Tasks
from grinder_adapters.binance.user_events import UserEvent
from grinder_adapters.binance.user_stream import UserStream, UserStreamSettings
from grinder_adapters.journal import JournalHead
from grinder_app.config.live_plan import GuardsMissingError, LivePlan
from grinder_app.live.account_watch import AccountWatch
from grinder_app.live.auditing import AuditTrail
from grinder_app.live.clearing_up import ClearUp
from grinder_app.live.connecting import (
    VenueRules,
    load_rules,
    open_client,
    open_feed,
    open_port,
    prepare_account,
    with_rules,
)
from grinder_app.live.evidence import FsmEvidence
from grinder_app.live.health import HealthWatch
from grinder_app.live.loop import LiveLoop
from grinder_app.live.money import MoneyWatch
from grinder_app.live.ports import DeskPort, PaperPort
from grinder_app.live.reconciling import Reconciliation, unfinished
from grinder_app.live.recovering import Restored, checkpoint_text
from grinder_app.live.scribe import Configured, JournalPort, Scribe
from grinder_app.live.surroundings import Surroundings
from grinder_app.live.witness import JournalWitness
from grinder_app.runner.doctor_findings import Verdict
from grinder_app.runner.doctor_venue import Reach, examine_rights
from grinder_core.contracts.control import (
    Command,
    Control,
    FundingPaid,
    Health,
    Leadership,
    Restarted,
    Timer,
)
from grinder_core.contracts.event import Event, Payload
from grinder_core.contracts.live import HealthName
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.errors import (
    CircuitOpenError,
    ConnectorError,
    ConnectorNonRetryableError,
    ConnectorTimeoutError,
    ConnectorTransientError,
    StateWriteError,
)
from grinder_core.live.config import CONTRACT_VERSION, LiveConfig
from grinder_core.live.core import LiveCore, Step
from grinder_core.ports import Policy
from grinder_core.resilience.archived import ArchivedStore
from grinder_core.resilience.budget import BudgetWindow
from grinder_core.resilience.idempotency import IdempotencySettings
from grinder_core.venue.sim import RestingVenue, SimVenue

TIMER_MS: Final = 250
CHECKPOINT_MS: Final = 60_000
YIELD_EVENTS: Final = 32
CLOSE_MS: Final = 5_000
STOP_TIMEOUT_MS: Final = 20_000
RETRY_MS: Final = 10_000
STATS_MS: Final = 60_000
LOOK_MS: Final = 1_000
OPENING_WAITS_MS: Final = (2_000, 5_000, 10_000, 20_000, 30_000)
T = TypeVar("T")
WRITES_FILE: Final = "writes.db"


@frozen(kw_only=True)
class LiveEnd:
    """How a live session ended.

    Attributes:
        events, outputs, fills: Of the whole session, earlier processes included.
        digest: The chain over all that it said.
        replayed: Events folded at the start, from the journal.
        foreign: What is at the venue and not ours.
        conflated: Market events that gave way to newer ones.
        unknown_outcomes: Writes whose outcome had to be asked for.
    """

    events: int
    outputs: int
    fills: int
    digest: str
    replayed: int
    foreign: tuple[str, ...]
    conflated: int
    unknown_outcomes: int


class LiveSession:
    """One process of a live session.

    Args:
        plan: What to do.
        world: What it is built on.
        rest_url, ws_url: Of the venue, whether it is of this process or out there.
        tell: Takes lines for people, each with a word for its kind.
        version: Of the program, for the journal's head.
    """

    def __init__(
        self,
        plan: LivePlan,
        world: Surroundings,
        rest_url: str,
        ws_url: str,
        tell: Callable[[str, str], None],
        *,
        version: str,
        policy: Policy | None = None,
        policy_name: str = "",
        shown: dict[str, Any] | None = None,
        on_step: Callable[[Event, Step], None] = lambda event, step: None,
    ) -> None:
        self.plan, self.world = plan, world
        self._rest_url, self._ws_url, self._tell = rest_url, ws_url, tell
        self._version, self._policy, self._policy_name = version, policy, policy_name
        self._shown, self._on_step = shown or {}, on_step
        self._stack = AsyncExitStack()
        self._stop = asyncio.Event()
        self._tasks = Tasks()
        self.desk: OrderDesk | None = None
        self.port: ExecutionPort | None = None
        self._watch: AccountWatch | None = None
        self._evidence: FsmEvidence | None = None
        self._reconciliation: Reconciliation | None = None
        self.trail: AuditTrail | None = None
        self._checkpoint_due = 0

    # -- the whole -----------------------------------------------------------------------------

    async def run(self, duration_s: float = 0) -> LiveEnd:
        """Trade until the time is over, a signal comes, or something ends it.

        Raises:
            ConfigError: The account or the symbols do not allow it.
            GuardsMissingError: It is armed, and what only the venue can say is missing.
            ArtifactError: The state is damaged.
            ConnectorError: The venue cannot be reached at the start.
            Exception: What ended the session; own orders that add risk were cancelled.
        """
        async with self._stack:
            with self._noting_refusals():
                await self._open()
            try:
                with self._noting_refusals():
                    await self._live(duration_s)
            except Exception:
                await self._bail_out()
                raise
            return await self._end()

    def command(self, control: Control) -> None:
        """Carry out an operator's command, once it is noted.

        Raises:
            ArtifactError: It cannot be noted as it must be, and would let new risk in.
        """
        if self.trail is not None:
            self.trail.command(control)
        self.loop.put(control)

    @contextmanager
    def _noting_refusals(self) -> Iterator[None]:
        try:
            yield
        except GuardsMissingError as error:
            self._note_refused(error.missing)
            raise

    def _note_refused(self, missing: tuple[str, ...]) -> None:
        if self.trail is not None:
            self.trail.start_refused(missing)

    def stop(self) -> None:
        """End it in order."""
        self._stop.set()

    @property
    def folder(self) -> Path:
        """Where its state lies: one folder for each port, so that none can harm another's."""
        return self.plan.state_dir / self.plan.exchange_port.value

    # -- opening -------------------------------------------------------------------------------

    async def _open(self) -> None:
        plan, world = self.plan, self.world
        self.client = client = open_client(world, self._rest_url, plan.keys, plan.live, self._stack)
        await self._patiently(client.venue_clock.sync)
        if plan.venue_class is VenueClass.SIM:
            for window in BudgetWindow:  # elsewhere orders sent before us count for a minute
                client.budget.observe(window, 0, client.now())
        rules = await self._patiently(lambda: load_rules(client, plan.symbols))
        config = self._config(rules)
        self.journal = journal = self._open_journal(config)
        # with the lock: a process that still ends could write more after it was read
        restored = world.restore(self.folder, self._policy)
        self.restored = restored
        core = LiveCore(config, self._policy)
        if restored.core is not None:
            core = restored.core.under(config, self._policy)
        self.core = core
        scribe = Scribe(journal)
        scribe.configured(Configured(config, self._policy_name), self._shown, self._now())
        self.trail = trail = AuditTrail.of(plan, self.folder, journal, self._tell, self._now)
        self._stack.callback(trail.close)
        if plan.live.fsm_evidence_enabled:
            artifacts = Path(plan.app.artifact_dir)
            self._evidence = FsmEvidence(artifacts, config.config_hash, self._tell)
        self.loop = LiveLoop(
            core,
            scribe,
            self._now,
            self._stepped,
            asyncio.get_running_loop().call_soon,
            lambda: self._tasks.start(self._make_durable(), "journal: a latch"),
        )
        self.loop.put(Restarted(reason="start" if restored.core is None else "recovery"))
        self.loop.put(Leadership(is_leader=True))
        for symbol in plan.symbols:
            known = symbol in rules.limits
            self.loop.put(_health(HealthName.CONSTRAINTS_LOADED, int(known), symbol))
        override = plan.operator_override
        if override is not None:
            self.loop.put(Control(command=Command(override.value), actor="environment"))
        self._told_of_start(restored)
        if plan.will_write:
            await self._open_account()
        else:
            self._open_paper()
        self.feed = await self._patiently(
            lambda: open_feed(
                world,
                client,
                self._ws_url,
                plan.symbols,
                self._stack,
                reads_depth=config.engine.uses_depth,
            )
        )
        self.health = HealthWatch(
            self.feed, journal, client, getattr(self, "stream", None), self.loop.put
        )
        self.health.look()

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what the venue may refuse for the moment; a start does not give up at once.

        Raises:
            ConnectorError: It will not do, or not for a minute.
        """
        for wait_ms in OPENING_WAITS_MS:
            try:
                return await work()
            except (ConnectorTransientError, ConnectorTimeoutError, CircuitOpenError) as error:
                self._tell("start", f"{error}; tried again in {wait_ms // 1_000} s")
            await self.world.sleep(wait_ms / 1_000)
            if self._stop.is_set():
                break
        return await work()

    def _config(self, rules: VenueRules) -> LiveConfig:
        plan = self.plan
        limits = rules.info.rate_limits
        engine = with_rules(plan.engine, rules, plan.symbols)
        if plan.will_write and engine.venue.funding_source.value != "none":
            engine = engine.with_values({"funding_source": "none"})  # the venue says it itself
        return LiveConfig(
            engine=engine,
            armed=plan.armed,
            mode=plan.mode,
            is_writing=plan.has_writing_port,
            whitelist=plan.symbols,
            orchestrator=plan.orchestrator,
            router=plan.router,
            fill_gate=plan.fill_gate,
            limits={
                symbol: rules.limits[symbol] for symbol in plan.symbols if symbol in rules.limits
            },
            expected_max_orders=plan.reconcile.expected_max_orders,
            orders_10s=limits.get(BudgetWindow.ORDERS_10S, 300),
            orders_1m=limits.get(BudgetWindow.ORDERS_1M, 1_200),
        )

    def _open_journal(self, config: LiveConfig) -> JournalPort:
        head = JournalHead(
            engine_version=self._version,
            config_hash=config.config_hash,
            contract_version=CONTRACT_VERSION,
            ts_ms=self._now(),
        )
        journal = self.world.open_journal(self.folder, head)
        self._stack.callback(journal.close)
        self._stack.push_async_callback(self._tasks.close, CLOSE_MS)
        return journal

    async def _make_durable(self) -> None:
        """Get on disk what is latched; until that succeeds, health says that it cannot be."""
        try:
            await self.journal.sync()
        except StateWriteError as error:
            self._tell("journal", str(error))

    def _told_of_start(self, restored: Restored) -> None:
        if restored.core is None:
            self._tell("state", f"a new session in {self.folder}")
            return
        hot = restored.core.engine.hot
        orders = sum(len(s.grid.live) + len(s.grid.leaving) for s in hot.symbols.values())
        self._tell(
            "state",
            f"recovered from {self.folder}: {restored.replayed} events replayed, "
            f"{orders} orders to clear up",
        )
        for name, value in sorted(restored.core.hot.latches.items()):
            self._tell("latch", f"{name} is {value}, as it was left")

    def _open_paper(self) -> None:
        """Nobody out there is written to: paper, shadow, or all blocked by the envelope."""
        config = self.core.config.engine
        kind = SimVenue if self.plan.exchange_port is PortKind.PAPER else RestingVenue
        venue = kind(config.venue, config.risk.initial_capital)
        self.loop.port = PaperPort(venue, self.loop.put)

    async def _open_account(self) -> None:
        """Open the account: permission, private stream, desk."""
        plan, client, core = self.plan, self.client, self.core
        await self._check_key()
        account = AccountPort(client)
        archive = self.world.open_archive(self.folder / WRITES_FILE)
        self._stack.callback(archive.close)
        store = ArchivedStore(IdempotencySettings(), archive=archive)
        witness = JournalWitness(self.journal, core.refusal, self._now)
        strategy = core.config.engine.orders.strategy_id
        try:
            port = open_port(client, plan.permission, store, witness, plan.live, strategy)
        except ConnectorNonRetryableError as error:
            self._note_refused((str(error),))
            raise
        self.port = port
        leverage = plan.live.target_leverage
        await self._patiently(lambda: prepare_account(account, plan.symbols, leverage))
        network = self.world.network(self._stack)
        self.stream = stream = UserStream(
            network, self._ws_url, listen_key_calls(account), UserStreamSettings()
        )
        self._stack.push_async_callback(stream.close)
        absent_ms = plan.live.recv_window_ms + client.venue_clock.settings.clock_skew_max_ms + 1
        self.desk = desk = OrderDesk(
            port,
            account,
            stream,
            network,
            self._learned,
            DeskSettings(absent_after_ms=absent_ms),
            tell_write=self.loop.put,
            trades_told=self._trades_told,
            heard=self._heard,
        )
        self._stack.push_async_callback(desk.close)
        self.account = account
        self._money = MoneyWatch(account, core, plan.symbols, self.loop.put, self._now)
        self._watch = watch = AccountWatch(
            plan.reconcile, plan.symbols, lambda: core.engine.hot, self._loop_now
        )
        self.loop.port = DeskPort(desk, watch.expect)
        self._take_up(watch)

    async def _check_key(self) -> None:
        """Refuse a key that can move money out, where the venue says what a key may do.

        Raises:
            GuardsMissingError: It can, or the venue does not say.
        """
        plan, world = self.plan, self.world
        if plan.venue_class is not VenueClass.MAINNET or plan.urls is None:
            return
        reach = Reach(transport=world.transport, clock=world.clock, sleep=world.sleep)
        found = await examine_rights(plan, plan.urls, reach, self._stack)
        if found.verdict is Verdict.FAIL:
            missing = f"{found.name}: {found.found}; {found.remedy}"
            raise GuardsMissingError((missing,), plan.venue_class)
        if found.verdict is Verdict.WARN:
            self._tell("warning", f"{found.name}: {found.found}; {found.remedy}")

    def _take_up(self, watch: AccountWatch) -> None:
        """Tell desk, stream and watch what the process before this one knew."""
        assert self.desk is not None
        hot = self.core.hot
        for symbol, cursor in hot.trade_cursors.items():
            self.stream.fold.move_cursor(symbol, cursor)
        orders = unfinished(self.core.engine.hot, hot.waiting)
        for order in orders:
            for trade_id in hot.fill_ids.get(order.client_order_id, ()):
                self.desk.take_up_fill(order.symbol, trade_id)
        self.desk.inquiries.since_ms = hot.started_ms or self._now()
        watch.take_up(orders)
        self.desk.take_up(orders, self.journal.open_intents())

    def _learned(self, update: OrderUpdate | FundingPaid) -> None:
        """Take what the desk has to tell."""
        if isinstance(update, FundingPaid):
            self._money.settled(update)
        else:
            self.loop.put(update)

    def _heard(self, event: UserEvent) -> None:
        """Take what the private stream says, once the session was told what it means."""
        assert self._watch is not None
        self._watch.heard(event)
        self._money.heard(event)

    def _stepped(self, event: Event, step: Step) -> None:
        """Look at a step that is over."""
        if self._watch is not None:
            self._watch.stepped(event)
        if self._evidence is not None:
            self._evidence.stepped(event, step.records)
        self._on_step(event, step)

    def _trades_told(self, symbol: str, trade_id: int) -> None:
        self.loop.put(_health(HealthName.TRADES_TOLD, trade_id, symbol))

    # -- living --------------------------------------------------------------------------------

    async def _live(self, duration_s: float) -> None:
        self._checkpoint_due = self._now() + CHECKPOINT_MS
        work: list[Coroutine[Any, Any, None]] = [
            self._pump(),
            self._tick(),
            self._bootstrap(),
            self._poll_stats(),
        ]
        tasks = [asyncio.create_task(one) for one in work]
        stopping = asyncio.create_task(self._until_stopped(duration_s))
        try:
            watched: set[asyncio.Task[None]] = {stopping, *tasks}
            while not stopping.done():
                done, watched = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()  # raises what it failed with
        finally:
            for task in (stopping, *tasks):
                task.cancel()
            await asyncio.gather(stopping, *tasks, return_exceptions=True)

    async def _until_stopped(self, duration_s: float) -> None:
        if not duration_s:
            await self._stop.wait()
            return
        waiting = asyncio.create_task(self._stop.wait())
        sleeping = asyncio.ensure_future(self.world.sleep(duration_s))
        try:
            await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()

    async def _pump(self) -> None:
        """Fold the market, and let everything else have its turn in between."""
        count = 0
        while True:
            try:
                async for event in self.feed.iter_events():
                    self.loop.put(event)
                    count += 1
                    if not count % YIELD_EVENTS:
                        await asyncio.sleep(0)
                return
            except ConnectorError as error:
                self._tell("feed", f"lost: {error}")
            await self._connect_feed()

    async def _poll_stats(self) -> None:
        """Ask for turnover and open interest of each symbol, again and again.

        Not at a local exchange: its markets are young, and their turnover says nothing.
        """
        while self.plan.venue_class is not VenueClass.SIM:
            for symbol in self.plan.symbols:
                try:
                    stats = await ask_market_stats(self.client, symbol)
                except ConnectorError as error:
                    self._tell("market", f"turnover of {symbol} is not known: {error}")
                else:
                    self.loop.put(Event(self._now(), stats))
            await self.world.sleep(STATS_MS / 1_000)

    async def _connect_feed(self) -> None:
        while self.feed.state is not State.CONNECTED:
            await self.world.sleep(RETRY_MS / 1_000)
            try:
                await self.feed.connect()
            except ConnectorError as error:
                self._tell("feed", f"still lost: {error}")

    async def _tick(self) -> None:
        """Let time pass for the session, look after health, take checkpoints."""
        while True:
            await self.world.sleep(TIMER_MS / 1_000)
            if self.desk is not None:
                self.desk.check()
            self.health.look()
            self.loop.put(Timer())
            if self._now() >= self._checkpoint_due:
                self._checkpoint_due = self._now() + CHECKPOINT_MS
                self.checkpoint()

    def checkpoint(self) -> None:
        """Write the whole state down, so that a recovery need not go back further."""
        self.loop.note_digest()
        seq = self.journal.mark()
        text = checkpoint_text(self.core, self._policy_name)
        self.journal.checkpoint(seq, self._now(), text)

    # -- clearing up with the venue (LIVE-38, steps 4 to 8) --------------------------------------

    async def _bootstrap(self) -> None:
        if self.desk is not None:
            self.desk.start()
            self._reconciliation = reconciliation = self._compared(self.desk)
            await self._cleared_up(self.desk, reconciliation).run()
        self.health.look()  # else what recovery has just made good would count as lost
        self.loop.put(_health(HealthName.BOOTSTRAP_OK, 1))
        self._tell("ready", f"recovery is done; {', '.join(self.plan.symbols)}")
        if self._reconciliation is not None:
            await self._keep_comparing(self._reconciliation)

    def _compared(self, desk: OrderDesk) -> Reconciliation:
        assert self.port is not None
        assert self._watch is not None
        assert self.trail is not None
        return Reconciliation(
            self._watch,
            self.plan.symbols,
            lambda: self.core.engine.hot,
            self.port,
            self.account,
            desk,
            self.loop.put,
            self.health.tell,
            self.trail,
            self._tell,
            self.plan.live.reconcile_interval_ms,
            self._loop_now,
        )

    def _cleared_up(self, desk: OrderDesk, reconciliation: Reconciliation) -> ClearUp:
        return ClearUp(
            self.core,
            self.account,
            desk,
            reconciliation,
            self._money,
            self.plan.venue_class,
            self.loop.put,
            self._tell,
            self.world.sleep,
            self._now,
        )

    async def _keep_comparing(self, reconciliation: Reconciliation) -> None:
        while True:
            await self.world.sleep(LOOK_MS / 1_000)
            if await reconciliation.look():
                try:
                    await self._money.look()
                except ConnectorError as error:
                    self._tell("account", f"the list of income cannot be read: {error}")

    # -- the end -------------------------------------------------------------------------------

    async def _end(self) -> LiveEnd:
        """Stop new risk, take the entries out, write everything down."""
        self.command(Control(command=Command.STOP, actor="process"))
        if self.desk is not None:
            try:
                async with asyncio.timeout(STOP_TIMEOUT_MS / 1_000):
                    await self.desk.settle()
                    self.loop.put(Timer())
                    await self.desk.settle()
            except (TimeoutError, ConnectorError) as error:
                self._tell("stop", f"not everything is known: {error or 'time is over'}")
            self._tell_of_entries()
        self.checkpoint()
        try:
            await self.journal.sync()
        except StateWriteError as error:
            self._tell("stop", str(error))
        stats = self.core.engine.hot.stats
        return LiveEnd(
            events=self.core.hot.events,
            outputs=self.core.hot.outputs,
            fills=stats.total_fills,
            digest=self.core.digest,
            replayed=self.restored.replayed,
            foreign=() if self._reconciliation is None else self._reconciliation.lines,
            conflated=self.feed.stats.conflated,
            unknown_outcomes=0 if self.desk is None else self.desk.unknown_outcomes,
        )

    def _tell_of_entries(self) -> None:
        """Say what stays behind: before recovery is done, say, not even a cancel may leave."""
        orders = unfinished(self.core.engine.hot, self.core.hot.waiting)
        names = sorted(order.client_order_id for order in orders if not order.reduce_only)
        if names:
            some = ", ".join(names[:3])
            self._tell("stop", f"{len(names)} orders that add risk may still rest: {some}")

    async def _bail_out(self) -> None:
        """Something ended the session: leave no order behind that adds risk."""
        if self.port is None:
            return
        for symbol in self.plan.symbols:
            try:
                async with asyncio.timeout(STOP_TIMEOUT_MS / 1_000):
                    await self.port.cancel_own(symbol, keep_reduce_only=True)
            except (TimeoutError, ConnectorError) as error:
                self._tell("stop", f"orders on {symbol} may be left: {error or 'time is over'}")

    def _now(self) -> int:
        return self.world.clock.now_ms()

    def _loop_now(self) -> int:
        return max(self._now(), self.loop.now)


def _health(name: HealthName, value: int, symbol: str = "") -> Payload:
    return Health(name=name.value, value=value, symbol=symbol)
