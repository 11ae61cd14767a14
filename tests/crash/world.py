"""One exchange, one state folder, and a session that is killed there again and again.

Between the drains lives end at drawn points or instants, under faults. A drain is a life in calm
weather that clears everything up and stops in order; then the judge compares.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
from attrs import Factory, define, field

from grinder_adapters.local_venue.assembly import START_PRICES
from grinder_core.contracts.control import Command
from tests.crash.child import Life, live, policy_of
from tests.crash.clock import FastClock
from tests.crash.exchange import ExchangeSpec, serve
from tests.crash.judge import judge
from tests.crash.latches import LatchBook
from tests.crash.points import POINTS, RANDOM, USUAL
from tests.crash.statement import Statement

SPEED: Final = 8
LIFE_S: Final = 2.5
RECOVERY_S: Final = 15.0
DRAIN_S: Final = 90.0
CALM_S: Final = 0.4
POLL_S: Final = 0.02
_PORT: Final = "sim"
_RANDOM_PCT: Final = 20
_ORDER_PCT: Final = 12
_RESET_PCT: Final = 70
_STOP_PCT: Final = 8
_ONCE: Final = ("restore", "take up", "end")


@define
class Found:
    """What a world came to.

    Attributes:
        counts: Of what happened.
        points: Kills by point.
        wrong: What must not be.
        drawn: Of each life, where it was to end.
    """

    counts: Counter[str] = Factory(Counter)
    points: Counter[str] = Factory(Counter)
    wrong: list[str] = Factory(list)
    drawn: list[str] = Factory(list)


@define
class CrashWorld:
    """A world of a name, such as ``7:3``: the name is all that is drawn from.

    Attributes:
        kills: How many lives are cut short.
        drain_every: Kills between two drains.
        points: Where lives end, one after the other and from the front again; one that was not
            reached is tried once more, at its first arrival.
        keeps: Leave the state folder behind where something is wrong.
    """

    name: str
    kills: int
    drain_every: int = 4
    points: Sequence[str] = POINTS
    keeps: bool = True
    found: Found = Factory(Found)
    latches: LatchBook = Factory(LatchBook)
    dice: Random = field(init=False)
    folder: Path = field(init=False)
    lives: int = 0
    _context: Any = field(init=False)
    _pipe: Connection = field(init=False)
    _clock: FastClock = field(init=False)
    _symbols: tuple[str, ...] = ()
    _address: str = ""
    _turn: int = 0
    _again: str = ""

    def __attrs_post_init__(self) -> None:
        self.dice = Random(self.name)
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(["tests.crash.child", "tests.crash.exchange"])

    @property
    def seed(self) -> int:
        """Number of this world, for market, faults and strategy."""
        return Random(f"{self.name} seed").randrange(1, 10**6)

    def play(self) -> Found:
        """Live through it."""
        self.folder = Path(tempfile.mkdtemp(prefix="crash-"))
        self._clock = FastClock.of(SPEED)
        names = sorted(START_PRICES)
        self._symbols = tuple(sorted(self.dice.sample(names, self.dice.choice((2, 2, 3)))))
        self._pipe, theirs = self._context.Pipe()
        spec = ExchangeSpec(seed=self.seed, symbols=self._symbols, clock=self._clock)
        exchange = self._context.Process(target=serve, args=(spec, theirs), daemon=True)
        exchange.start()
        try:
            self._address = self._pipe.recv()
            self._live_on()
            self.found.counts["requests"] += self._ask("stop").requests
        except Exception as error:  # noqa: BLE001 - whatever it is, a world may not do it
            self.found.wrong.append("".join(traceback.format_exception(error)))
        finally:
            exchange.join(2)
            exchange.kill()
            if not (self.keeps and self.found.wrong):
                shutil.rmtree(self.folder, ignore_errors=True)
        return self.found

    def _live_on(self) -> None:
        killed = 0
        self._ask("rough")
        while killed < self.kills and not self.found.wrong:
            killed += self._cut_short()
            if killed and (killed % self.drain_every == 0 or killed == self.kills):
                self._drain()
                self._ask("rough")
            if self.lives > 4 * self.kills + 20:
                self.found.wrong.append("lives end before they can be killed")

    def _ask(self, what: str) -> Statement:
        self._pipe.send(what)
        told: Statement = self._pipe.recv()
        return told

    # -- a life that is cut short --------------------------------------------------------------

    def _cut_short(self) -> int:
        """Let one live until it is killed; return 0 if it ended before."""
        dice = self.dice
        point, nth = RANDOM, 0
        recovers, limit_s = dice.random() < 0.6, dice.uniform(0.02, 2.0)
        if dice.randrange(100) >= _RANDOM_PCT:
            point, nth = self._next_point()
            recovers, limit_s = True, LIFE_S
        stops = dice.randrange(100) < (100 if point.startswith("end") else _STOP_PCT)
        life = self._life(
            point=point,
            nth=nth,
            commands=self._commands(),
            command_after_s=dice.uniform(0.1, 1.5),
            checkpoint_ms=dice.choice((500, 2_000, 5_000, 60_000)),
            stop_after_s=dice.uniform(0.6, 2.0) if stops else 0,
        )
        self.found.drawn.append(f"{life.number}: {point} {nth or round(limit_s, 3)}")
        process = self._start(life)
        if recovers:
            self._join_ready(life, process, RECOVERY_S)
        process.join(limit_s)
        process.kill()
        process.join()
        is_killed = self._note(life, process)
        if nth > 1 and not self.found.points[point]:
            self._again = point
        return is_killed

    @staticmethod
    def _join_ready(life: Life, process: BaseProcess, limit_s: float) -> None:
        """Wait until the recovery is done, the process has ended, or patience has."""
        limit = time.monotonic() + limit_s
        while process.is_alive() and time.monotonic() < limit:
            if any(line.get("word") == "ready" for line in read_report(life.report)):
                return
            process.join(POLL_S)

    def _next_point(self) -> tuple[str, int]:
        if self._again:
            point, self._again = self._again, ""
            return point, 1
        point = self.points[self._turn % len(self.points)]
        self._turn += 1
        usual = USUAL[point.partition(":")[0]]
        if usual > 1:
            return point, 1 + int(self.dice.expovariate(1 / usual))
        return point, 1 if point.startswith(_ONCE) else self.dice.choice((1, 1, 2, 4))

    def _note(self, life: Life, process: BaseProcess) -> int:
        said = read_report(life.report)
        self.latches.read(said, life.number)
        self._unlatch()
        counts = self.found.counts
        for line in said:
            if line["kind"] == "failed":
                self.found.wrong.append(f"life {life.number} failed: {line['text']}")
            elif line["kind"] == "refused":
                counts["lives that ended at a venue that did not answer"] += 1
            elif line["kind"] == "ended" and life.stop_file is None:
                counts["lives that ended in order before they could be killed"] += 1
            elif line["kind"] == "restored":
                counts["recoveries"] += 1
                counts["events replayed in recoveries"] += line["replayed"]
            elif line["kind"] == "told" and line["word"] == "ready":
                counts["lives that got to trade"] += 1
            elif line["kind"] == "asked":
                counts[f"commands {line['command']}"] += 1
        if process.exitcode == 0:
            return 0
        if process.exitcode != -9:
            self.found.wrong.append(f"life {life.number} ended with code {process.exitcode}")
            return 0
        killed = [line for line in said if line["kind"] == "killed"]
        self.found.points[killed[0]["point"] if killed else RANDOM] += 1
        counts["kills"] += 1
        return 1

    def _unlatch(self) -> None:
        self.found.wrong += self.latches.wrong
        self.latches.wrong = []

    def _commands(self) -> tuple[Command, ...]:
        dice, resets = self.dice, self.latches.resets()
        order = dice.choice((Command.KILL, Command.PAUSE, Command.EMERGENCY))
        if resets and dice.randrange(100) < _RESET_PCT:
            return tuple(resets)
        return (order,) if not resets and dice.randrange(100) < _ORDER_PCT else ()

    # -- a life that clears up -----------------------------------------------------------------

    def _drain(self) -> None:
        self._ask("calm")
        life = self._life(stop_file=self.folder / f"stop-{self.lives}")
        process = self._start(life)
        try:
            self._wait(life, process)
        finally:
            process.kill()
            process.join()
        self._note(life, process)
        if self.found.wrong:
            return
        told = self._ask("calm")
        policy = policy_of(life.world_seed)
        began = time.monotonic()
        wrong = judge(self.folder / "state" / _PORT, policy, told)
        self.found.wrong += [f"after life {life.number}: {what}" for what in wrong]
        counts = self.found.counts
        counts["drains"] += 1
        counts["ms of judging"] += round(1_000 * (time.monotonic() - began))
        counts["orders"], counts["fills"] = len(told.orders), len(told.fills)

    def _wait(self, life: Life, process: BaseProcess) -> None:
        """Wait for the end of the recovery, stop the market, then the session."""
        assert life.stop_file is not None
        self._join_ready(life, process, DRAIN_S)
        time.sleep(CALM_S)
        self._ask("still")  # else what rests after the session's end could fill unseen
        life.stop_file.touch()
        process.join(DRAIN_S)
        said = read_report(life.report)
        if process.exitcode != 0 or not any(line["kind"] == "ended" for line in said):
            last = [str(line)[:400] for line in said[-6:]]
            self.found.wrong.append(f"drain {life.number} did not end in order: {last}")

    # -- lives ---------------------------------------------------------------------------------

    def _life(self, **more: Any) -> Life:
        self.lives += 1
        return Life(
            number=self.lives,
            world_seed=self.seed,
            folder=self.folder / "state",
            report=self.folder / f"life-{self.lives:04}.jsonl",
            rest_url=self._address,
            symbols=self._symbols,
            clock=self._clock,
            **more,
        )

    def _start(self, life: Life) -> BaseProcess:
        process: BaseProcess = self._context.Process(target=live, args=(life,), daemon=True)
        process.start()
        return process


def read_report(path: Path) -> list[dict[str, Any]]:
    """Return what a life has said so far; nothing: it was killed before its first word."""
    if not path.exists():
        return []
    whole = path.read_bytes().rpartition(b"\n")[0]
    return [orjson.loads(line) for line in whole.splitlines()]
