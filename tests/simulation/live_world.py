"""Live session, adapter and exchange in one process, under virtual time and everything at once.

The session is the real one: recovery, journal, fold, envelope, desk, reconciliation. Around it are
random faults, an operator who cannot make up his mind, a disk that fails for a while, and crashes
after which a new process goes on with what is left. `LiveWatch` judges every moment; when all is
calm at last, what the session believes must be what the exchange holds, and its journal must say
the same again.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from contextvars import copy_context
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
from attrs import Factory, define, evolve

from grinder_adapters.binance.permission import PortKind
from grinder_adapters.local_venue.assembly import (
    LOCAL_KEY,
    START_PRICES,
    VenueOptions,
    assemble,
)
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.fault_plans import random_plan
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.markets.generator import (
    GeneratedMarket,
    GeneratedSymbol,
    GeneratorSettings,
)
from grinder_adapters.local_venue.memory import MemoryHttp, MemorySockets
from grinder_app.config import load_settings
from grinder_app.config.live_plan import GuardsMissingError, LiveFlags, LivePlan, plan_live
from grinder_app.live.recovering import Replayer, checkpoint_text, core_of, replay
from grinder_app.live.scribe import read_rows
from grinder_app.live.session import LiveSession
from grinder_app.live.surroundings import Surroundings
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.enums import Side
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import SafeMode
from grinder_core.errors import ConnectorError, StateWriteError
from grinder_core.live.core import LiveCore, Step
from grinder_core.live.records import RecordKind
from grinder_core.numbers import ZERO, exact
from grinder_core.venue.exchange.requests import NewOrder
from grinder_core.venue.exchange.settings import ExchangeSettings
from grinder_core.venue.exchange.vocabulary import OrderType, SymbolStatus
from tests.simulation.live_process import PROCESS, Plug, Process, Wire, watch_tasks
from tests.simulation.live_watch import LiveWatch, LogTap
from tests.simulation.whims import Whims
from tests.support.memory_journal import SYNC_MS, MemoryDisk
from tests.support.virtual_time import VirtualClock, run

CAPITAL: Final = 10**6
TICK_MS: Final = 100
SETTLE_MS: Final = 60_000
READY_MS: Final = 600_000
ALL_SYMBOLS: Final = ("BTCUSDT", "ETHUSDT", "DOGEUSDT", "XRPUSDT")
URL: Final = "http://127.0.0.1"
DESIRES: Final = (
    *(Command.RESUME,) * 6,
    *(Command.RESET_KILL_SWITCH,) * 4,
    *(Command.RESET_DRAWDOWN_GUARD,) * 4,
    *(Command.RESET_LOSS_STREAKS,) * 3,
    *(Command.PAUSE,) * 3,
    *(Command.FLATTEN,) * 3,
    Command.EMERGENCY,
    Command.KILL,
)
CLEARING: Final = (
    Command.RESET_KILL_SWITCH,
    Command.RESET_DRAWDOWN_GUARD,
    Command.RESET_LOSS_STREAKS,
    Command.RESUME,
)
HALTS: Final = (Command.KILL, Command.PAUSE, Command.EMERGENCY)


@define
class LiveFindings:
    """What a world did, and what was wrong.

    Attributes:
        events: That the session folded, over all its processes.
    """

    events: int = 0
    counts: Counter[str] = Factory(Counter)
    wrong: list[str] = Factory(list)


class WatchedSession(LiveSession):
    """A session that says when it takes its orders out because something ended it."""

    is_bailing = False

    async def _bail_out(self) -> None:
        self.is_bailing = True
        await super()._bail_out()


class LiveWorld:
    """One session at one exchange, and everything that can come in its way.

    Args:
        duration_ms: How long there is trouble; calm and the end come on top.
        intensity: Number of random faults; 0: neither faults nor crashes nor trouble of the disk.
        symbols: How many are traded.
        events_per_s: Of each symbol's market.
        settle_ms: How long each part of the calm end lasts.
    """

    def __init__(
        self,
        seed: int,
        duration_ms: int,
        intensity: int,
        *,
        symbols: int = 2,
        events_per_s: int = 30,
        settle_ms: int = SETTLE_MS,
    ) -> None:
        self.settle_ms = settle_ms
        self.seed, self.duration_ms, self.intensity = seed, duration_ms, intensity
        self.clock = VirtualClock()
        self.dice = Random(f"live {seed}")
        self.symbols = ALL_SYMBOLS[:symbols]
        start = self.clock.now_ms()
        self.venue = assemble(
            VenueOptions(
                deposit=Decimal(CAPITAL), seed=seed, rules=ExchangeSettings(history=100_000)
            )
        )
        self.venue.set_plan(random_plan(seed, duration_ms, intensity, self.symbols, start))
        self.disk = MemoryDisk(self.clock, Random(f"disk {seed}"))
        self.watch = LiveWatch(self.venue, self.disk, self.symbols)
        self.venue.log = self.venue.gateway.log = tap = LogTap()
        tap.watch = self.watch
        volatility = self.dice.choice((5, 40, 100))
        self.market = GeneratedMarket(
            GeneratorSettings(
                seed=seed,
                start_ms=start,
                duration_ms=2**40,
                symbols={
                    symbol: GeneratedSymbol(
                        start_price=START_PRICES[symbol],
                        volatility_bps=volatility,
                        events_per_s=events_per_s,
                    )
                    for symbol in self.symbols
                },
            ),
            LOCAL_SYMBOLS,
        )
        self.way_ms = self.dice.choice((0, 20, 150))
        self.crashes_often = intensity > 0 and self.dice.random() < 0.4
        self.moments_left = 0
        self.watch.at_moment = self._at_moment
        self.policy = Whims(seed) if seed % 3 else None
        self.plan = self._plan()
        self.findings = LiveFindings(counts=self.watch.counts, wrong=self.watch.wrong)
        self.process: Process | None = None
        self.session: LiveSession | None = None
        self.main: asyncio.Task[Any] | None = None
        self.lives = 0
        self.outside = copy_context()
        self.dying: list[asyncio.Task[None]] = []
        self.is_calm = self.market_stands = self.is_ending = False
        self.told_last = ""
        self.ordered: list[tuple[int, Command]] = []
        self.latched: tuple[int, dict[str, str]] = (0, {})
        self.ordered_before: dict[str, str] = {}
        self.end: object = None

    def play(self) -> LiveFindings:
        """Live through it."""
        run(self._life(), self.clock)
        self.findings.events = self.watch.events
        return self.findings

    def _plan(self) -> LivePlan:
        flags = LiveFlags(
            armed=True,
            mode=SafeMode.LIVE_TRADE,
            exchange_port=PortKind.SIM,
            symbols=self.symbols,
        )
        plan = plan_live(flags, load_settings(None, environment={}), {})
        dice = self.dice
        notional = Decimal(dice.choice((20_000, 300_000)))
        engine = plan.engine.with_values(
            {
                "initial_capital": Decimal(CAPITAL),
                "strategy_id": "sim",
                "max_notional_per_symbol": notional * 2,
                "max_notional_total": notional * 3,
                "daily_loss_limit": Decimal(dice.choice((3_000, 500_000))),
                "max_orders_per_minute": 600,
                "cooldown_ms": 0,
                "levels": 3,
                "notional_per_level": notional / 10,
                "consec_loss_enabled": dice.random() < 0.5,
                "consec_loss_threshold": 3,
            }
        )
        return evolve(plan, engine=engine)

    # -- the life ----------------------------------------------------------------------------------

    async def _life(self) -> None:
        watch_tasks(asyncio.get_running_loop())
        tasks = [asyncio.create_task(self._move_market())]
        trouble = [asyncio.create_task(self._operate())]
        if self.intensity:
            trouble.append(asyncio.create_task(self._crash_at_random()))
            self._plan_disk_trouble()
        keeping = asyncio.create_task(self._keep_alive())
        tasks.append(keeping)
        await asyncio.sleep(self.duration_ms / 1000)
        for task in trouble:
            task.cancel()
        await asyncio.gather(*trouble, return_exceptions=True)
        self.findings.counts["faults"] = sum(self.venue.plan.counts.values())
        self.venue.set_plan(FaultPlan(()))
        self.disk.broken.clear()
        self.is_calm = True
        await self._come_to_rest()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self.dying, return_exceptions=True)

    async def _come_to_rest(self) -> None:
        """All is calm: halt, look, go on, look, end, and compare."""
        watch = self.watch
        if not await self._is_ready():
            watch.say(f"is not ready after {READY_MS} ms of calm")
            return
        halt = self.dice.choice(HALTS)
        self._order(halt)
        await asyncio.sleep(self.settle_ms / 1000)
        self._judge_halt(halt)
        for command in CLEARING:
            self._order(command)
        await asyncio.sleep(self.settle_ms / 1000)
        self._judge_going_on()
        self.market_stands = True
        await asyncio.sleep(2)
        await self._judge_end()

    async def _is_ready(self) -> bool:
        for _ in range(READY_MS // 1_000):
            await asyncio.sleep(1)
            self._clean_up()
            session = self.session
            if session is not None and self._is_up():
                machine = session.core.hot.orchestrator
                if machine.inputs.bootstrap_ok and not self._has_unreconciled():
                    return True
        return False

    def _has_unreconciled(self) -> bool:
        assert self.session is not None
        machine = self.session.core.hot.orchestrator
        return any(watch.inputs.state_unreconciled for watch in machine.symbols.values())

    async def _move_market(self) -> None:
        due = self.clock.now_ms()
        for event in self.market:
            while due <= event.ts_ms:
                await asyncio.sleep(max(due - self.clock.now_ms(), 0) / 1000)
                self.venue.tick(self.clock.now_ms())
                due += TICK_MS
            await asyncio.sleep(max(event.ts_ms - self.clock.now_ms(), 0) / 1000)
            if not self.market_stands:
                self.venue.on_event(event, self.clock.now_ms())

    # -- processes ---------------------------------------------------------------------------------

    async def _keep_alive(self) -> None:
        """Start the session, and start it again whenever it has ended."""
        while self.end is None:
            await self._live()
            if self.end is None:
                await asyncio.sleep(self.dice.choice((50, 1_000, 5_000, 20_000)) / 1000)
                self._clean_up()

    async def _live(self) -> None:
        self.lives += 1
        process = self.process = Process()
        surroundings = self._surroundings(process)
        session = WatchedSession(
            self.plan,
            surroundings,
            URL,
            URL.replace("http", "ws", 1),
            lambda kind, text: self._told(kind),
            version="sim",
            policy=self.policy,
            policy_name="" if self.policy is None else "whims",
            on_step=lambda event, step: self._stepped(process, session, event, step),
        )
        self.session = self.watch.session = session
        self.findings.counts["lives"] += 1
        self.main = main = process.start(session.run())
        await asyncio.wait({main})
        if process.is_dead:
            main.cancelled() or main.exception()  # nobody asks a dead process
            return
        opened = hasattr(session, "health")
        try:
            ended = main.result()
            self._judge_order(session)
            if self.is_ending:
                self.end = ended
        except GuardsMissingError:
            self.findings.counts["refused starts"] += 1
            if not opened:
                raise
        except (ConnectorError, StateWriteError) as error:
            self.findings.counts[f"ended with {error.code}"] += 1
            if opened and not self._is_expected(error):
                self._say_failed(error)
        except Exception as error:  # noqa: BLE001 - a session that breaks is a finding
            self._say_failed(error)
        if self.end is None:
            await self._kill(process)

    def _is_expected(self, error: Exception) -> bool:
        return isinstance(error, StateWriteError)  # at the close, on a disk out of order

    def _say_failed(self, error: BaseException) -> None:
        where = "".join(traceback.format_exception(error)[-6:])
        self.watch.say(f"the session ended with {error!r}\n{where}")

    def _surroundings(self, process: Process) -> Surroundings:
        venue, clock, watch = self.venue, self.clock, self.watch
        wire = Wire(
            process,
            MemoryHttp(venue, clock, asyncio.sleep),
            watch.leaves,
            Random(f"wire {self.seed} {self.lives}"),
            self.way_ms,
        )
        return Surroundings(
            clock=clock,
            transport=lambda: wire,
            sockets=lambda _: Plug(process, MemorySockets(venue, clock)),
            open_journal=self.disk.open,
            restore=self._restore,
            open_archive=self.disk.open_archive,
            rng=Random(f"rng {self.seed} {self.lives}"),
        )

    def _told(self, kind: str) -> None:
        self.findings.counts[f"told {kind}"] += 1
        self.told_last = kind

    def _judge_order(self, session: LiveSession) -> None:
        """A session that ended in order left no entry, unless it said that it cannot know."""
        self.findings.counts["ends in order"] += 1
        if self.told_last == "stop":
            self.findings.counts["ends in doubt"] += 1
            return
        entries = self._entries()
        if entries:
            self.watch.say(f"ended in order, and entries rest: {entries[:3]}")

    def _stepped(self, process: Process, session: LiveSession, event: Event, step: Step) -> None:
        if not process.is_dead:
            self.watch.stepped(session, event, step)

    async def _crash_at_random(self) -> None:
        while True:
            waits = (500, 3_000, 8_000) if self.crashes_often else (3_000, 10_000, 30_000, 60_000)
            await asyncio.sleep(self.dice.choice(waits) / 1000)
            kind = self.dice.random()
            if kind < 0.2 and self._is_up():
                assert self.session is not None
                self.session.stop()  # the crash after this one may hit its end
            elif kind < 0.6:
                await self._crash()
            else:
                self.moments_left = self.dice.randint(1, 12)

    async def _crash(self) -> None:
        process = self.process
        if process is not None and not process.is_dead and not self._has_unwritten_exits():
            self.findings.counts["crashes"] += 1
            await self._kill(process)

    def _at_moment(self) -> None:
        """Something is about to leave, has just arrived, or was just decided."""
        if not self.moments_left or self.is_calm:
            return
        self.moments_left -= 1
        process = self.process
        if self.moments_left or process is None or process.is_dead or self._has_unwritten_exits():
            return
        self.findings.counts["crashes"] += 1
        self.findings.counts["crashes at a moment"] += 1
        self._drop(process)
        dying = asyncio.get_running_loop().create_task(process.die(), context=self.outside)
        self.dying.append(dying)

    def _has_unwritten_exits(self) -> bool:
        """Whether an exit went out while nothing could be written: nobody can know of it after."""
        return self.disk.is_broken(self.clock.now_ms() - 1_500) or self.disk.is_broken()

    async def _kill(self, process: Process) -> None:
        self._drop(process)
        await process.die()

    def _drop(self, process: Process) -> None:
        """Let a process be no more, in this instant."""
        process.is_dead = True
        self.ordered_before.update(self._wanted_latches())
        self.ordered.clear()
        self.disk.crash()
        self.session = self.watch.session = None

    # -- recovery ----------------------------------------------------------------------------------

    def _restore(self, folder: Path, policy: Any) -> Any:
        restored = self.disk.restore(folder, policy)
        core = restored.core
        if core is not None:
            self.findings.counts["recoveries"] += 1
            self.findings.counts["replayed"] += restored.replayed
            self._judge_recovery(core, policy)
        return restored

    def _judge_recovery(self, core: LiveCore, policy: Any) -> None:
        """I-38.2 and I-38.3: the older generation leads to the same, and every latch is there."""
        text = checkpoint_text(core, "")
        if len(self.disk.checkpoints) > 1 and self.dice.random() < 0.5:
            older = self.disk.checkpoints[-2]
            replayer = Replayer(core=core_of(older.text, policy), policy=policy)
            replay(replayer, self.disk.rows(older.seq + 1))
            assert replayer.core is not None
            self.findings.counts["older checkpoints"] += 1
            if checkpoint_text(replayer.core, "") != text:
                self.watch.say("the older checkpoint leads to another state")
        self._judge_latches(core)
        for name, value in self.ordered_before.items():
            self.findings.counts["latches over crashes"] += 1
            if name not in core.hot.latches:
                self.watch.say(f"the operator latched {name} {value}, and a crash took it")
        self.ordered_before = {}

    def _judge_latches(self, core: LiveCore) -> None:
        begin, latched = self.latched
        rows = self.disk.written
        self.latched = len(rows), dict(core.hot.latches)
        complete = len(rows)
        while complete and rows[complete - 1].stream not in {"event", "market"}:
            complete -= 1
        for row in rows[begin : max(complete - 1, 0)]:
            if row.kind == "LATCH":
                told = orjson.loads(row.body)
                latched[told["latch"]] = told["value"]
        kept = core.hot.latches
        for name, value in latched.items():
            later = any(
                row.kind == "LATCH" and orjson.loads(row.body)["latch"] == name
                for row in rows[complete:]
            )
            if value and not kept.get(name) and not later and rows[complete - 1].kind != "CONTROL":
                self.watch.say(f"the latch {name} was {value} and is not any more")

    # -- trouble -----------------------------------------------------------------------------------

    def _plan_disk_trouble(self) -> None:
        now, dice = self.clock.now_ms(), self.dice
        for _ in range(dice.choice((0, 1, 2))):
            begin = now + dice.randrange(self.duration_ms)
            self.disk.broken.append((begin, begin + dice.choice((200, 3_000, 20_000))))

    async def _operate(self) -> None:
        dice = self.dice
        while True:
            await asyncio.sleep(dice.choice((500, 3_000, 10_000, 25_000)) / 1000)
            if dice.random() < 0.2:
                self._take_checkpoint()
            self._order(dice.choice(DESIRES))
            if dice.random() < 0.3:
                self._clean_up()

    def _order(self, command: Command) -> None:
        """Put a command into the session, if there is one."""
        process, session = self.process, self.session
        if process is None or session is None or not self._is_up():
            return
        symbol = ""
        if command is Command.FLATTEN:
            symbol = self.dice.choice(self.symbols)
            s = session.core.engine.hot.symbols.get(symbol)
            if s is None or not s.tick:
                return
        self.findings.counts["commands"] += 1
        self.findings.counts[f"command {command.value}"] += 1
        control = Control(command=command, actor="sim", symbol=symbol)
        self.ordered.append((self.clock.now_ms(), command))
        token = PROCESS.set(process)
        try:
            session.loop.put(control)
        finally:
            PROCESS.reset(token)

    def _take_checkpoint(self) -> None:
        """Let the session take a checkpoint now, so that there are more than one a minute."""
        if self._is_up():
            assert self.session is not None
            self.session.checkpoint()
            self.findings.counts["checkpoints"] += 1

    def _is_up(self) -> bool:
        process, session, main = self.process, self.session, self.main
        is_alive = process is not None and not process.is_dead
        is_open = session is not None and hasattr(session, "health")
        return is_alive and is_open and main is not None and not main.done()

    def _wanted_latches(self) -> dict[str, str]:
        """Return what the operator latched so long ago that it must be on disk."""
        now, wanted, held = self.clock.now_ms(), dict[str, str](), Command.PAUSE
        for at_ms, command in self.ordered:
            is_durable = at_ms + SYNC_MS < now and not any(
                begin - SYNC_MS <= at_ms < end for begin, end in self.disk.broken
            )
            if command is Command.KILL:
                wanted["kill_switch"] = "MANUAL" if is_durable else ""
            elif command in {Command.PAUSE, Command.EMERGENCY}:
                held = Command.EMERGENCY if Command.EMERGENCY in {held, command} else held
                wanted["ordered"] = held.value if is_durable else ""
            elif command is Command.RESET_KILL_SWITCH:
                wanted["kill_switch"] = ""
            elif command is Command.RESUME:
                wanted["ordered"], held = "", Command.PAUSE
        return {name: value for name, value in wanted.items() if value}

    def _clean_up(self) -> None:
        """Let the account's owner take away by hand what is not ours."""
        venue, now = self.venue, self.clock.now_ms()
        floor = venue.exchange.floor
        for symbol in self.symbols:
            instrument = floor.instruments[symbol]
            if instrument.status is not SymbolStatus.TRADING:
                venue.change(evolve(instrument, status=SymbolStatus.TRADING), now)
            for order in floor.open_orders(LOCAL_KEY.account, symbol):
                if order.number not in self.watch.own:
                    venue.exchange.cancel(LOCAL_KEY.account, symbol, order.number, now=now)
            surplus = self._surplus(symbol)
            if surplus and floor.books[symbol].last is not None:
                self.findings.counts["closed by hand"] += 1
                with exact():  # far above the least notional, and back again
                    extra = 300 * instrument.min_qty
                side = Side.SELL if surplus > 0 else Side.BUY
                self._trade_by_hand(symbol, side, abs(surplus) + extra)
                self._trade_by_hand(symbol, side.opposite, extra)
        venue.push(now)

    def _trade_by_hand(self, symbol: str, side: Side, qty: Decimal) -> None:
        now = self.clock.now_ms()
        request = NewOrder(
            symbol=symbol,
            side=side,
            type=OrderType.MARKET,
            qty=qty,
            client_order_id=f"web_hand_{now}_{symbol}_{side.value}",
        )
        self.venue.exchange.place(LOCAL_KEY.account, request, now)

    def _surplus(self, symbol: str) -> Decimal:
        """Return what the account holds beyond what our orders traded."""
        account = self.venue.exchange.floor.accounts[LOCAL_KEY.account]
        with exact():
            held = sum(
                (p.ledger.qty for p in account.positions.values() if p.symbol == symbol), ZERO
            )
            ours = sum(
                (
                    trade.side.sign * trade.qty
                    for trade in account.trades
                    if trade.symbol == symbol and trade.order_number in self.watch.own
                ),
                ZERO,
            )
            return held - ours

    # -- the end -----------------------------------------------------------------------------------

    def _judge_halt(self, halt: Command) -> None:
        """PAUSE, EMERGENCY and the kill switch leave no entry behind."""
        entries = self._entries()
        if entries:
            self.watch.say(f"entries rest {self.settle_ms} ms after {halt}: {entries[:3]}")

    def _entries(self) -> list[str]:
        return [
            order.client_order_id
            for order in self.venue.exchange.floor.orders.values()
            if order.number in self.watch.own and not order.reduce_only
        ]

    def _judge_going_on(self) -> None:
        assert self.session is not None
        core = self.session.core
        state = core.hot.orchestrator.machine.state.value
        self.findings.counts[f"at the end {state}"] += 1
        known = {"daily_loss", "loss_streaks", "override", "kill_switch", "drawdown_guard"}
        if state in {"INIT", "EMERGENCY"} and not known & core.hot.latches.keys():
            self.watch.say(f"is in {state} with {core.hot.latches} after all was reset")

    async def _judge_end(self) -> None:
        session = self.session
        assert session is not None
        self.is_ending = True
        session.stop()
        for _ in range(200):
            if self.end is not None:
                break
            await asyncio.sleep(1)
        else:
            self.watch.say("does not end")
            return
        self._judge_account(session.core)
        self._judge_replay(session.core)
        self.findings.counts["rows lost"] = self.disk.lost

    def _judge_account(self, core: LiveCore) -> None:
        """Hold what the session believes against what the exchange holds."""
        watch, hot, floor = self.watch, core.engine.hot, self.venue.exchange.floor
        account = floor.accounts[LOCAL_KEY.account]
        trades = [trade for trade in account.trades if trade.order_number in watch.own]
        self.findings.counts["fills"] = len(trades)
        self.findings.counts["orders"] = len(watch.own)
        if len(trades) != hot.stats.total_fills:
            watch.say(f"{hot.stats.total_fills} fills, at the venue {len(trades)}")
        for symbol in self.symbols:
            held = {
                order.client_order_id: order.filled
                for order in floor.orders.values()
                if order.symbol == symbol and order.number in watch.own
            }
            s = hot.symbols.get(symbol)
            if s is None:
                if held:
                    watch.say(f"{symbol} was never seen, and {len(held)} orders rest")
                continue
            believed = {
                n: o.filled_qty for book in (s.grid.live, s.grid.leaving) for n, o in book.items()
            }
            if held != believed:
                watch.say(
                    f"orders on {symbol} differ: venue only {sorted(held.keys() - believed)}, "
                    f"session only {sorted(believed.keys() - held)}"
                )
            with exact():
                mine = [trade for trade in trades if trade.symbol == symbol]
                qty = sum((trade.side.sign * trade.qty for trade in mine), ZERO)
                fees = sum((trade.fee for trade in mine), ZERO)
            if qty != s.ledger.qty:
                watch.say(f"position of {symbol} {s.ledger.qty}, at the venue {qty}")
            if fees != s.ledger.fees_paid:
                watch.say(f"fees on {symbol} {s.ledger.fees_paid}, at the venue {fees}")

    def _judge_replay(self, core: LiveCore) -> None:
        """The journal says it all again, and each action in it has one end (I-13.1, I-38.3)."""
        watch = self.watch
        replayer = Replayer(policy=self.policy)
        actions: dict[str, list[str]] = {}
        planned: set[str] = set()
        for item in read_rows(self.disk.rows(), 0):
            if isinstance(item, Event) and replayer.core is not None:
                step = replayer.core.step(item)
                replayer.replayed += 1
                for record in step.records:
                    if record.kind is RecordKind.ACTION:
                        self._note_action(orjson.loads(record.line), actions, planned)
            else:
                replayer.feed(item)
        again = replayer.core
        assert again is not None
        self.findings.counts["digests compared"] = replayer.compared
        if checkpoint_text(again, "") != checkpoint_text(core, "") or again.digest != core.digest:
            watch.say("the journal leads to another state")
        for key, statuses in actions.items():
            if statuses and statuses[-1] == "PLANNED":
                watch.say(f"{key} never ended: {statuses}")
        for name in watch.numbers:
            if name not in planned:
                watch.say(f"{name} is at the exchange, and the journal planned it nowhere")

    def _note_action(
        self, action: dict[str, Any], actions: dict[str, list[str]], planned: set[str]
    ) -> None:
        name, status = action["client_order_id"], action["status"]
        is_cancel = action["action"] == "CANCEL"
        statuses = actions.setdefault(f"{'cancel' if is_cancel else 'place'}:{name}", [])
        if bool(action["reason"]) is (status in {"EXECUTED", "PLANNED"}):
            self.watch.say(f"{action['action']} {name} is {status} with {action['reason']!r}")
        is_first = not statuses
        waits = statuses == ["PLANNED"] and not is_cancel  # a replacement, and then its place
        if status == "PLANNED":
            if not is_cancel:
                planned.add(name)
            is_right = is_first or waits or (is_cancel and statuses[-1] != "PLANNED")
        elif status in {"EXECUTED", "FAILED", "UNKNOWN"}:
            is_right = statuses[-1:] == ["PLANNED"]
        else:
            is_right = is_first or is_cancel or statuses[-1] == "PLANNED"
        if not is_right:
            self.watch.say(f"{action['action']} {name} is {status} after {statuses}")
        statuses.append(status)
