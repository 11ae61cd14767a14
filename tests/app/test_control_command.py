"""``grinder control``: given by a person, carried out by a session, and told back."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from grinder_adapters.control import ControlFile, Standing
from grinder_app.cli import control_giving as command_line
from grinder_app.cli import run
from grinder_app.live.control_channel import ControlChannel
from grinder_app.live.control_view import wait_until_ended
from grinder_app.live.recovering import restore
from grinder_app.live.state_folder import Writer, writer_of
from grinder_core.contracts.control import Command, Control, Timer
from grinder_core.contracts.enums import Override
from tests.support.live_story import LiveStory, a_story

Capsys = pytest.CaptureFixture[str]


class Commanded:
    """A session on paper with its channel; each wait of the command line lets 250 ms pass in it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder, self.stopped, self.hangs = folder, False, False
        self.told: list[str] = []
        self._coming: list[Coroutine[Any, Any, None]] = []
        self.story = LiveStory(folder, on_step=self._stepped, **options)
        self.file = ControlFile(folder)
        self.channel = ControlChannel(
            self.file, self.story.core, self.story.journal, self.story.loop.put_first,
            lambda done: None, self._stop, self._start,
            lambda kind, text: self.told.append(text), lambda: self.story.now,
        )  # fmt: skip
        self.story.begin()
        self.story.loop.look = self.channel.look
        self.story.market(40)
        asyncio.run(self.story.journal.sync())

    def pass_a_moment(self, _: float = 0) -> None:
        if self.stopped:  # everything is said: only the end of the process is waited for
            if not self.hangs:
                self.story.journal.close()
            return
        self.story.now += 250
        self.story.put(Timer())
        coming, self._coming = self._coming, []
        for work in coming:
            asyncio.run(work)

    def end(self) -> None:
        for work in self._coming:
            work.close()
        self._coming.clear()
        self.story.journal.close()

    def _stepped(self, event: Any, step: Any) -> None:
        if hasattr(self, "channel"):
            self.channel.stepped(event, step)

    def _stop(self) -> None:
        self.stopped = True

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> Awaitable[None]:
        self._coming.append(work)
        return work


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commanded]:
    made = Commanded(tmp_path / "state" / "paper")
    monkeypatch.setattr(command_line.time, "sleep", made.pass_a_moment)
    yield made
    made.end()


@pytest.fixture
def ask(tmp_path: Path, capsys: Capsys) -> Callable[..., tuple[int, dict[str, Any]]]:
    def asked(*words: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = run(["control", *words, "--json", "--state-dir", str(tmp_path / "state")])
        said = capsys.readouterr().out
        return code, json.loads(said) if said else {}

    return asked


Ask = Callable[..., tuple[int, dict[str, Any]]]


def test_what_was_carried_out_is_told_with_the_state_after_it(session: Commanded, ask: Ask) -> None:
    story = [
        (("pause", "--reason", "lunch"), "APPLIED", ("PAUSE", "OPERATOR_PAUSE")),
        (("kill",), "APPLIED", ("EMERGENCY", "KILL_SWITCH")),
        (("resume",), "REFUSED", ("EMERGENCY", "KILL_SWITCH")),
        (("reset", "kill-switch"), "APPLIED", ("EMERGENCY", "AWAIT_RESUME")),
        (("resume",), "APPLIED", ("READY", "HEALTHY")),
        (("flatten", "--symbol", "CCCUSDT"), "REFUSED", ("ACTIVE", "HEALTHY")),
        (("reset", "drawdown-guard"), "APPLIED", ("ACTIVE", "HEALTHY")),
        (("reset", "loss-streaks"), "APPLIED", ("ACTIVE", "HEALTHY")),
        (("emergency",), "APPLIED", ("EMERGENCY", "OPERATOR_EMERGENCY")),
        (("stop",), "APPLIED", ("EMERGENCY", "OPERATOR_EMERGENCY")),
    ]
    for words, outcome, state in story:
        code, told = ask(*words)
        (one,) = told["commands"]
        assert (one["outcome"], (one["state"], one["reason"])) == (outcome, state), words
        assert (code, told["is_running"]) == (int(outcome == "REFUSED"), True)
        assert ("grinder control reset kill-switch" in one["next"]) is (
            (outcome, one["reason"]) == ("REFUSED", "KILL_SWITCH")
        )
        assert "@" in told["actor"]
    assert session.stopped


def test_stop_returns_once_the_next_process_can_start(
    session: Commanded, ask: Ask, capsys: Capsys
) -> None:
    assert writer_of(session.folder).is_running
    code, told = ask("stop")
    assert (code, told["is_running"], told["has_ended"]) == (0, True, True)
    assert not writer_of(session.folder).is_running


def test_a_process_that_does_not_end_is_said_so(
    session: Commanded, ask: Ask, capsys: Capsys, tmp_path: Path
) -> None:
    session.hangs = True
    code, told = ask("stop", "--wait", "0.2")
    (one,) = told["commands"]
    assert (code, one["outcome"], told["has_ended"]) == (1, "APPLIED", False)
    assert run(["control", "stop", "--wait", "0.2", "--state-dir", str(tmp_path / "state")]) == 1


def test_a_state_that_the_next_process_writes_was_let_go(session: Commanded) -> None:
    before = Writer(is_running=True, holder="pid 1 on another host")

    def has_ended(writer: Writer, pid: int) -> bool:
        return wait_until_ended(session.folder, writer, pid, 0, lambda: 0.0, lambda _: None)

    assert has_ended(before, 0)
    assert not has_ended(writer_of(session.folder), 0)
    with subprocess.Popen(["sleep", "60"]) as closing:  # its state is free, its listener is not
        is_over = has_ended(before, closing.pid)
        closing.kill()
        assert not is_over
        os.waitid(os.P_PID, closing.pid, os.WEXITED | os.WNOWAIT)
        assert has_ended(before, closing.pid)  # nobody has reaped it yet
    assert has_ended(before, closing.pid)


def test_everything_is_flattened_symbol_by_symbol(session: Commanded, ask: Ask) -> None:
    code, told = ask("flatten", "--all")
    assert (code, [one["symbol"] for one in told["commands"]]) == (0, ["AAAUSDT", "BBBUSDT"])


def test_a_session_that_does_not_listen_is_said_so_and_the_command_stays(
    session: Commanded, ask: Ask, capsys: Capsys
) -> None:
    session.story.loop.look = lambda: None
    code, told = ask("pause", "--wait", "0.01")
    (one,) = told["commands"]
    assert (code, one["outcome"], one["state"]) == (1, "WAITING", "")
    state = session.file.read()
    assert state is not None
    assert [c.number for c in state.commands] == [one["number"]]


def test_without_a_process_a_command_waits_for_the_next_one_but_for_what_needs_one(
    tmp_path: Path, ask: Ask, capsys: Capsys
) -> None:
    folder = tmp_path / "state" / "paper"
    a_story(folder, 40)
    code, told = ask("pause")
    assert (code, told["is_running"], told["commands"][0]["outcome"]) == (0, False, "WAITING")
    assert run(["control", "kill", "--state-dir", str(folder.parent)]) == 0
    assert "carried out at the next start" in capsys.readouterr().out
    for words in (("stop",), ("flatten", "--all")):
        assert ask(*words) == (1, {})
    state = ControlFile(folder).read()
    assert state is not None
    assert [one.command for one in state.commands] == [Command.PAUSE, Command.KILL]


def test_the_status_says_what_waits_stands_and_was_done(
    session: Commanded, ask: Ask, capsys: Capsys, tmp_path: Path
) -> None:
    ask("pause", "--reason", "lunch")
    session.story.loop.look = lambda: None
    ask("kill", "--wait", "0")
    code, told = ask("status")
    assert (code, told["override"], told["problem"]) == (0, "PAUSE", "")
    assert [one["command"] for one in told["commands"]] == ["KILL"]
    assert [(one["command"], one["outcome"]) for one in told["done"]] == [("PAUSE", "APPLIED")]
    assert told["writer"]["is_running"]
    session.file.path.write_bytes(b"nonsense")
    assert "is no JSON" in ask("status")[1]["problem"]
    assert run(["control", "status", "--state-dir", str(tmp_path / "state")]) == 0
    assert "PAUSE: " in capsys.readouterr().out


def test_a_file_that_cannot_be_read_is_moved_aside_and_that_is_said(
    session: Commanded, ask: Ask, capsys: Capsys, tmp_path: Path
) -> None:
    session.file.path.write_bytes(b"nonsense")
    code = run(["control", "kill", "--state-dir", str(tmp_path / "state")])
    said = capsys.readouterr()
    assert code == 0
    assert "control.json." in said.err
    assert "applied; the session is EMERGENCY KILL_SWITCH" in said.out
    state = session.file.read()
    assert state is not None
    assert state.override is Standing.PAUSE
    assert session.story.core.hot.ordered is Override.PAUSE


@pytest.mark.parametrize(
    "words",
    [
        ("flatten",),
        ("flatten", "--all", "--symbol", "AAAUSDT"),
        ("flatten", "--symbol", "aaa"),
        ("reset", "everything"),
        ("pause", "--wait", "-1"),
        ("pause", "--wait", "nan"),
        ("pause", "--reason", "two\nlines"),
        ("pause", "--reason", "x" * 501),
        ("pause", "--port", "futures"),
    ],
)
def test_what_is_no_command_is_refused_and_nothing_is_written(
    session: Commanded, ask: Ask, words: tuple[str, ...]
) -> None:
    assert ask(*words)[0] == 2
    assert session.file.read() is None


def test_of_several_states_the_running_one_is_meant(
    session: Commanded, ask: Ask, tmp_path: Path
) -> None:
    a_story(tmp_path / "state" / "sim", 10)
    code, told = ask("pause")
    assert (code, Path(told["folder"]).name) == (0, "paper")
    session.end()
    assert ask("pause")[0] == 2


def test_a_journal_with_commands_in_it_is_replayed_to_the_same_digest(
    tmp_path: Path, capsys: Capsys
) -> None:
    folder = tmp_path / "paper"
    session = Commanded(folder)
    file, numbers = session.file, list[int]()
    for command in (Command.PAUSE, Command.RESUME, Command.KILL, Command.RESET_KILL_SWITCH,
                    Command.RESUME, Command.FLATTEN, Command.EMERGENCY):  # fmt: skip
        symbol = "AAAUSDT" if command is Command.FLATTEN else ""
        given = file.append(command, actor="me", now_ms=session.story.now, symbol=symbol)
        numbers.append(given.number)
        session.story.market(30)
        session.pass_a_moment()
    for number in numbers[:2]:  # and old ones, which the fold refuses in the replay as well
        session.story.put(Control(command=Command.RESUME, actor="me", number=number))
    file.path.write_bytes(b"nonsense")
    session.story.market(30)
    session.story.checkpoint()
    core = session.story.core
    session.end()
    assert core.hot.commands_done == numbers[-1]
    restored = restore(folder).core
    assert restored is not None
    assert (restored.digest, restored.hot.commands_done) == (core.digest, numbers[-1])
    assert run(["replay", "--journal", str(folder), "--json"]) == 0
    assert core.digest in capsys.readouterr().out
