"""The one queue into journal and fold: what fails ends it, what latches gets on disk (LIVE-38)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from attrs import evolve

from grinder_adapters.journal import JournalHead
from grinder_app.live.loop import LiveLoop
from grinder_app.live.ports import Nobody
from grinder_app.live.scribe import Scribe
from grinder_core.contracts.control import Command, Control, Health, Restarted, Timer
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ContractError
from grinder_core.live.config import LiveConfig
from grinder_core.live.core import LiveCore
from tests.support.memory_journal import MemoryDisk
from tests.support.virtual_time import VirtualClock

HEAD = JournalHead(engine_version="1", config_hash="0", contract_version=1, ts_ms=1)
KILL = Control(command=Command.KILL, actor="test")
UNKNOWN = Health(name="nobody knows it", value=1)
Later = Callable[[Callable[[], None]], object]


class Case:
    """A loop on a journal in memory; notes what the journal ended with when a latch was told."""

    def __init__(self, later: Later = lambda work: work()) -> None:
        clock = VirtualClock()
        self.disk = MemoryDisk(clock, Random(0))
        self.journal = self.disk.open(Path("unused"), HEAD)
        self.latched: list[str] = []
        self.loop = LiveLoop(
            LiveCore(LiveConfig(engine=EngineConfig(), whitelist=("BTCUSDT",))),
            Scribe(self.journal),
            clock.now_ms,
            later=later,
            latched=lambda: self.latched.append(self.disk.written[-1].kind),
        )


def test_a_latch_is_told_once_it_is_written_and_nothing_else_is() -> None:
    case = Case()
    case.loop.put(Restarted())
    case.loop.put(Timer())
    assert not case.latched
    case.loop.put(KILL)
    assert case.latched == ["LATCH"]
    case.loop.put(KILL)
    case.loop.put(Timer())
    assert case.latched == ["LATCH"]
    case.loop.put(Control(command=Command.RESET_KILL_SWITCH, actor="test"))
    assert case.latched == ["LATCH", "LATCH"]


def test_after_a_fold_that_failed_nobody_takes_the_session_for_alive() -> None:
    case = Case()
    case.loop.put(Restarted())
    with pytest.raises(ContractError, match="no health input"):
        case.loop.put(UNKNOWN)
    events = case.loop.core.hot.events
    for _ in range(2):
        with pytest.raises(ContractError, match="no health input"):
            case.loop.put(Timer())
    assert case.loop.core.hot.events == events


def test_what_cannot_be_written_down_later_ends_the_session() -> None:
    def broken(*_: object) -> None:
        raise OSError("full")

    case = Case()
    case.loop.put(Restarted())
    case.loop.scribe.records = broken  # type: ignore[method-assign]
    with pytest.raises(OSError, match="full"):
        case.loop.put(KILL)
    with pytest.raises(OSError, match="full"):
        case.loop.put(Timer())


def test_so_does_what_is_written_down_after_the_orders_left() -> None:
    def broken(*_: object) -> None:
        raise OSError("full")

    waiting: list[Callable[[], None]] = []
    case = Case(waiting.append)
    case.loop.put(Restarted())
    core, port = case.loop.core, _Takes()
    case.loop.port, step = port, core.step
    core.step = lambda event: evolve(step(event), effects=("an order",))  # type: ignore[method-assign,arg-type]
    case.loop.put(KILL)
    assert port.taken == ["an order"]
    case.loop.scribe.records = broken  # type: ignore[method-assign]
    with pytest.raises(OSError, match="full"):
        waiting[-1]()
    with pytest.raises(OSError, match="full"):
        case.loop.put(Timer())


class _Takes(Nobody):
    """A port that takes everything."""

    def __init__(self) -> None:
        self.taken: list[object] = []

    def perform(self, effect: object, now: int) -> None:
        self.taken.append(effect)
