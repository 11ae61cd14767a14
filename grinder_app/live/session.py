"""A live session from its start to its end (LIVE-13, LIVE-38).

Opening goes from the inside out: state, then the venue's rules, then the market, then the account.
Nothing that adds risk passes before the last of them is clear; closing goes the other way round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.binance.tasks import Tasks
from grinder_adapters.control import ControlFile
from grinder_adapters.journal import JournalHead
from grinder_app.config.live_plan import GuardsMissingError, LivePlan
from grinder_app.live.auditing import AuditTrail
from grinder_app.live.connecting import load_rules, open_client
from grinder_app.live.control_channel import ControlChannel
from grinder_app.live.evidence import FsmEvidence
from grinder_app.live.farewell import Farewell, summary
from grinder_app.live.foundation import Foundation
from grinder_app.live.health import HealthWatch
from grinder_app.live.loop import LiveLoop
from grinder_app.live.market_side import MarketSide
from grinder_app.live.opening import live_config, open_admin, paper_port, tell_of_start
from grinder_app.live.recovering import Restored, checkpoint_text
from grinder_app.live.scribe import Configured, JournalPort, Scribe
from grinder_app.live.surroundings import Surroundings
from grinder_app.live.trading_account import TradingAccount
from grinder_core.contracts.control import (
    ENVIRONMENT,
    Command,
    Control,
    Health,
    Leadership,
    Restarted,
    Timer,
)
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import HealthName
from grinder_core.errors import StateWriteError
from grinder_core.live.config import CONTRACT_VERSION, LiveConfig
from grinder_core.live.core import LiveCore, Step
from grinder_core.ports import Policy
from grinder_core.resilience.budget import BudgetWindow

TIMER_MS: Final = 250
CHECKPOINT_MS: Final = 60_000
CLOSE_MS: Final = 5_000
READY: Final = "ready"


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
        orders: What became of those that were open at the end, in words.
    """

    events: int
    outputs: int
    fills: int
    digest: str
    replayed: int
    foreign: tuple[str, ...]
    conflated: int
    unknown_outcomes: int
    orders: str


class LiveSession:
    """One process of a live session.

    Args:
        plan: What to do.
        world: What it is built on.
        rest_url, ws_url: Of the venue, whether it is of this process or out there.
        tell: Takes lines for people, each with a word for its kind.
        version: Of the program, for the journal's head.

    Attributes:
        base: What its parts stand on.
        account: What it trades for; ``None``: nobody out there is written to.
        control: What an operator commands it by.
        is_open: Whether all its parts are there.
        rules_ms: When the venue's rules were asked for, by our clock.
        watchers: Told of each step, once it is over; they must not fail and not wait.
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
        self._stop = asyncio.Event()
        self.base = Foundation(
            plan=plan,
            world=world,
            rest_url=rest_url,
            ws_url=ws_url,
            tell=tell,
            stack=AsyncExitStack(),
            is_stopping=self._stop.is_set,
        )
        self.plan, self.world, self._tell = plan, world, tell
        self._version, self._policy, self._policy_name = version, policy, policy_name
        self._shown, self.watchers = shown or {}, [on_step]
        self._tasks = Tasks()
        self.account: TradingAccount | None = None
        self._evidence: FsmEvidence | None = None
        self.trail: AuditTrail | None = None
        self._checkpoint_due = self.rules_ms = 0
        self.is_open = False

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
        async with self.base.stack:
            with self._noting_refusals():
                await self._open()
            try:
                with self._noting_refusals():
                    await self._live(duration_s)
            except Exception:
                if self.account is not None:
                    await self.account.bail_out()
                raise
            return await self._end()

    def command(self, control: Control) -> None:
        """Carry out an operator's command before all that waits, once it is noted.

        Raises:
            ArtifactError: It cannot be noted as it must be, and would let new risk in.
        """
        if self.trail is not None:
            self.trail.command(control)
        self.loop.put_first(control)

    @contextmanager
    def _noting_refusals(self) -> Iterator[None]:
        try:
            yield
        except GuardsMissingError as error:
            if self.trail is not None:
                self.trail.start_refused(error.missing)
            raise

    def stop(self) -> None:
        """End it in order."""
        self._stop.set()

    # -- opening -------------------------------------------------------------------------------

    async def _open(self) -> None:
        base, plan, world = self.base, self.plan, self.world
        self.client = client = open_client(world, base.rest_url, plan.keys, plan.live, base.stack)
        await base.patiently(client.venue_clock.sync)
        if plan.venue_class is VenueClass.SIM:
            for window in BudgetWindow:  # elsewhere orders sent before us count for a minute
                client.budget.observe(window, 0, client.now())
        rules = await base.patiently(lambda: load_rules(client, plan.symbols))
        self.rules_ms = base.now_ms()
        config = live_config(plan, rules)
        self.journal = self._open_journal(config)
        # with the lock: a process that still ends could write more after it was read
        self.restored = world.restore(base.folder, self._policy)
        self._begin(config, self.restored)
        for symbol in plan.symbols:
            known = int(symbol in rules.limits)
            name = HealthName.CONSTRAINTS_LOADED.value
            self.loop.put(Health(name=name, value=known, symbol=symbol))
        if plan.admin_secrets:
            assert self.trail is not None
            await open_admin(base, self.control.file, self.trail)
        override = plan.operator_override
        if override is not None:
            self.loop.put(Control(command=Command(override.value), actor=ENVIRONMENT))
        tell_of_start(base, self.restored)
        if plan.will_write:
            assert self.trail is not None
            account = TradingAccount(base, client, self.loop, self.journal, self.trail)
            await account.open()
            self.account = account
            account.take_up()
        else:
            self.loop.port = paper_port(plan, config, self.loop.put)
        put, reads_depth = self.loop.put, config.engine.uses_depth
        self.market = await MarketSide.open(base, client, put, reads_depth=reads_depth)
        stream = None if self.account is None else self.account.stream
        self.health = HealthWatch(self.market.feed, self.journal, client, stream, put)
        self.health.look()
        self.is_open = True

    def _open_journal(self, config: LiveConfig) -> JournalPort:
        head = JournalHead(
            engine_version=self._version,
            config_hash=config.config_hash,
            contract_version=CONTRACT_VERSION,
            ts_ms=self.base.now_ms(),
        )
        journal = self.world.open_journal(self.base.folder, head)
        self.base.stack.callback(journal.close)
        self.base.stack.push_async_callback(self._tasks.close, CLOSE_MS)
        return journal

    def _begin(self, config: LiveConfig, restored: Restored) -> None:
        """Take the fold up where the journal ends, under the configuration of this process."""
        base, plan, journal = self.base, self.plan, self.journal
        core = LiveCore(config, self._policy)
        if restored.core is not None:
            core = restored.core.under(config, self._policy)
        self.core = core
        scribe = Scribe(journal)
        scribe.configured(Configured(config, self._policy_name), self._shown, base.now_ms())
        self.trail = AuditTrail.of(plan, base.folder, journal, self._tell, base.now_ms)
        base.stack.callback(self.trail.close)
        if plan.live.fsm_evidence_enabled:
            artifacts = Path(plan.app.artifact_dir)
            self._evidence = FsmEvidence(artifacts, config.config_hash, self._tell)
        self.control = ControlChannel(
            ControlFile(base.folder),
            core,
            journal,
            self.command,
            self.trail.carried_out,
            self.stop,
            self._tasks.start,
            self._tell,
            base.now_ms,
        )
        self.loop = LiveLoop(
            core,
            scribe,
            base.now_ms,
            self._stepped,
            asyncio.get_running_loop().call_soon,
            lambda: self._tasks.start(self._make_durable(), "journal: a latch"),
        )
        self.loop.put(Restarted(reason="start" if restored.core is None else "recovery"))
        self.loop.put(Leadership(is_leader=True))
        self.loop.look = self.control.look

    async def _make_durable(self) -> None:
        """Get on disk what is latched; until that succeeds, health says that it cannot be."""
        try:
            await self.journal.sync()
        except StateWriteError as error:
            self._tell("journal", str(error))

    def _stepped(self, event: Event, step: Step) -> None:
        """Look at a step that is over."""
        self.control.stepped(event, step)
        if self.account is not None:
            self.account.stepped(event)
        if self._evidence is not None:
            self._evidence.stepped(event, step.records)
        for watcher in self.watchers:
            watcher(event, step)

    # -- living --------------------------------------------------------------------------------

    async def _live(self, duration_s: float) -> None:
        self._checkpoint_due = self.base.now_ms() + CHECKPOINT_MS
        work: list[Coroutine[Any, Any, None]] = [
            self.market.pump(),
            self._tick(),
            self._bootstrap(),
            self.market.poll_stats(),
            self.client.venue_clock.keep(self.world.sleep),
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

    async def _tick(self) -> None:
        """Let time pass for the session, look after health, take checkpoints."""
        while True:
            await self.world.sleep(TIMER_MS / 1_000)
            if self.account is not None:
                self.account.desk.check()
            self.health.look()
            self.loop.put(Timer())
            if self.base.now_ms() >= self._checkpoint_due:
                self._checkpoint_due = self.base.now_ms() + CHECKPOINT_MS
                self.checkpoint()

    async def _bootstrap(self) -> None:
        if self.account is not None:
            await self.account.clear_up(self.health.tell)
        self.health.look()  # else what recovery has just made good would count as lost
        self.loop.put(Health(name=HealthName.BOOTSTRAP_OK.value, value=1))
        self._tell(READY, f"recovery is done; {', '.join(self.plan.symbols)}")
        if self.account is not None:
            await self.account.keep_up()

    def checkpoint(self) -> None:
        """Write the whole state down, so that a recovery need not go back further."""
        self.loop.note_digest()
        seq = self.journal.mark()
        text = checkpoint_text(self.core, self._policy_name)
        self.journal.checkpoint(seq, self.base.now_ms(), text)

    # -- the end -------------------------------------------------------------------------------

    async def _end(self) -> LiveEnd:
        """Stop new risk, take the entries out, write everything down."""
        farewell = Farewell(self.core)
        self.watchers.append(farewell.stepped)
        self.command(Control(command=Command.STOP, actor="process"))
        account = self.account
        if account is not None:
            await account.settle()
        self.loop.tell()
        orders = farewell.orders()
        for parted in orders:
            self._tell("stop", parted.line())
        self.checkpoint()
        try:
            await self.journal.sync()
        except StateWriteError as error:
            self._tell("stop", str(error))
        await self.control.close()
        compared = None if account is None else account.reconciliation
        return LiveEnd(
            events=self.core.hot.events,
            outputs=self.core.hot.outputs,
            fills=self.core.engine.hot.stats.total_fills,
            digest=self.core.digest,
            replayed=self.restored.replayed,
            foreign=() if compared is None else compared.lines,
            conflated=self.market.feed.stats.conflated,
            unknown_outcomes=0 if account is None else account.desk.unknown_outcomes,
            orders=summary(orders) or "none were open",
        )
