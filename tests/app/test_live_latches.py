"""Latches go to the disk at once; everything else may wait for its second (LIVE-38)."""

from __future__ import annotations

import pytest
from attrs import Factory, define

from grinder_app.live.fixture_run import NoJournal
from grinder_app.live.loop import LiveLoop
from grinder_app.live.scribe import Scribe
from grinder_core.contracts.control import Command, Control, Leadership, Restarted, Timer
from grinder_core.live.core import LiveCore
from tests.support.live_core import T0, a_config


@define
class Noting(NoJournal):
    """Notes the kinds of the rows, with everything else that happens between them."""

    seen: list[str] = Factory(list)

    def append(self, stream: str, kind: str, ts_ms: int, body: str) -> int:
        self.seen.append(kind)
        return len(self.seen)


def a_loop(journal: Noting) -> LiveLoop:
    loop = LiveLoop(
        LiveCore(a_config()),
        Scribe(journal),
        lambda: T0,
        latched=lambda: journal.seen.append("to the disk"),
    )
    loop.put(Restarted())
    loop.put(Leadership(is_leader=True))
    loop.put(Timer())
    assert "to the disk" not in journal.seen
    return loop


@pytest.mark.parametrize(
    ("sets", "clears"),
    [
        (Command.KILL, Command.RESET_KILL_SWITCH),
        (Command.PAUSE, Command.RESUME),
        (Command.EMERGENCY, Command.RESUME),
    ],
)
def test_a_latch_is_forced_to_the_disk_behind_the_event_that_set_or_cleared_it(
    sets: Command, clears: Command
) -> None:
    journal = Noting()
    loop = a_loop(journal)
    for command in (sets, clears):
        journal.seen.clear()
        loop.put(Control(command=command, actor="test"))
        assert journal.seen.count("to the disk") == 1
        assert journal.seen.index("CONTROL") < journal.seen.index("to the disk")


def test_what_is_latched_already_is_not_forced_again() -> None:
    journal = Noting()
    loop = a_loop(journal)
    loop.put(Control(command=Command.KILL, actor="test"))
    journal.seen.clear()
    loop.put(Timer())
    loop.put(Control(command=Command.KILL, actor="test"))
    assert "to the disk" not in journal.seen
