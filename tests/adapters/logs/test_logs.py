"""Structured logs: what a line holds, and that nobody ever waits for one."""

from __future__ import annotations

import json
import os
import pty
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.binance.signing import Secret
from grinder_adapters.logs.file import LogFile
from grinder_adapters.logs.lines import iso
from grinder_adapters.logs.settings import LogFormat, LogLevel, LogSettings
from grinder_adapters.logs.setup import Log, on_one_terminal
from grinder_adapters.logs.sink import Descriptor, LogSink
from grinder_adapters.redact import Redactor
from grinder_core.codec import canonical_json
from grinder_core.errors import ConfigError

NOW = 1_700_000_000_123
SECRET = "a-secret-of-the-process-0123456789"
PATIENCE_S = 30  # for a thread that has nothing to wait for


class Target:
    """A place for lines: keeps them, stalls or fails as told."""

    def __init__(self) -> None:
        self.data = b""
        self.errors: list[OSError | int] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.is_reached, self.has_failed = threading.Event(), threading.Event()
        self.is_closed = False

    def write(self, data: bytes) -> int:
        self.is_reached.set()
        self.may_go.wait(PATIENCE_S)
        error = self.errors.pop(0) if self.errors else len(data)
        if isinstance(error, OSError):
            self.has_failed.set()
            raise error
        self.data += bytes(data[:error])
        return min(error, len(data))

    def close(self) -> None:
        self.is_closed = True

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.data.splitlines() if line]

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]


def a_sink(target: Target, queue_max: int = 1_000) -> LogSink:
    return LogSink(target, lambda record: canonical_json(dict(record)), lambda: "t", queue_max)


def a_log(target: Target, *, is_terminal: bool = False, **values: Any) -> Log:
    given_settings = LogSettings(**{f"log_{name}": value for name, value in values.items()})
    redactor = Redactor([Secret(SECRET)])
    return Log(given_settings, redactor, lambda: NOW, target, is_terminal=is_terminal)


# -- lines -----------------------------------------------------------------------------------------


def test_a_line_is_canonical_and_holds_time_level_room_event_and_fields() -> None:
    target = Target()
    log = a_log(target)
    log.named("live.state").warning("transition", to_state="PAUSE", n=1.5, error=OSError("full"))
    assert log.close()
    line = {
        "ts": "2023-11-14T22:13:20.123Z",
        "level": "warning",
        "logger": "live.state",
        "event": "transition",
        "to_state": "PAUSE",
        "n": "1.5",
        "error": "OSError: full",
    }
    assert target.data.decode() == canonical_json(line) + "\n"
    assert target.is_closed


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (LogLevel.DEBUG, ["debug", "info", "warning", "error"]),
        (LogLevel.INFO, ["info", "warning", "error"]),
        (LogLevel.WARNING, ["warning", "error"]),
        (LogLevel.ERROR, ["error"]),
    ],
)
def test_lines_below_the_level_are_left_out(level: LogLevel, told: list[str]) -> None:
    target = Target()
    log = a_log(target, level=level)
    for name in ("debug", "info", "warning", "error"):
        getattr(log.named("x"), name)("said")
    log.close()
    assert [line["level"] for line in target.lines] == told


@pytest.mark.parametrize(
    ("form", "is_terminal", "is_json"),
    [
        (LogFormat.AUTO, False, True),
        (LogFormat.AUTO, True, False),
        (LogFormat.JSON, True, True),
        (LogFormat.TEXT, False, False),
    ],
)
def test_the_format_follows_setting_and_terminal(
    form: LogFormat, is_terminal: bool, is_json: bool
) -> None:
    target = Target()
    log = a_log(target, is_terminal=is_terminal, format=form)
    log.named("room").info("two\nlines", text=f"a\nb {SECRET}")
    log.close()
    assert len(target.data.splitlines()) == 1
    assert target.data.startswith(b"{") is is_json
    assert SECRET.encode() not in target.data
    assert (b"\x1b[" in target.data) is (is_terminal and not is_json)


@pytest.mark.parametrize(
    ("form", "is_shared", "leaves_out"),
    [
        (LogFormat.AUTO, True, True),
        (LogFormat.AUTO, False, False),
        (LogFormat.TEXT, True, False),
        (LogFormat.JSON, True, False),
    ],
)
def test_only_what_is_read_along_leaves_out_what_was_told(
    form: LogFormat, is_shared: bool, leaves_out: bool
) -> None:
    given = LogSettings(log_format=form)
    log = Log(given, Redactor(), lambda: NOW, Target(), is_terminal=True, is_shared=is_shared)
    assert log.leaves_out_told is leaves_out
    assert log.close()


def test_two_descriptors_share_a_terminal_or_do_not(tmp_path: Path) -> None:
    (first, one), (second, two) = pty.openpty(), pty.openpty()
    with (tmp_path / "file").open("w") as file:
        assert on_one_terminal(one, one)
        assert not on_one_terminal(one, two)
        assert not on_one_terminal(one, file.fileno())
        assert not on_one_terminal(file.fileno(), file.fileno())
    for number in (first, one, second, two):
        os.close(number)
    assert not on_one_terminal(one, one)


words = st.sampled_from([SECRET, f"x{SECRET}y", "plain", "a@b.example", "AKIA" + "Q" * 16])


@given(words, words, st.sampled_from(["field", "api_key", "order_id", SECRET]))
@settings(max_examples=30)
def test_no_secret_is_in_any_byte_of_a_log(event: str, text: str, key: str) -> None:
    for form in (LogFormat.JSON, LogFormat.TEXT):
        target = Target()
        log = a_log(target, format=form)
        log.named("room").info(event, **{key: {"deep": [text]}})
        log.close()
        for hidden in (SECRET, "a@b.example", "AKIAQ"):
            assert hidden.encode() not in target.data


@given(st.integers(0, 253_402_300_799_999))
def test_times_are_iso_in_utc_with_milliseconds(ms: int) -> None:
    since = datetime.fromisoformat(iso(ms)) - datetime.fromtimestamp(0, UTC)
    assert since == timedelta(milliseconds=ms)


# -- the sink --------------------------------------------------------------------------------------


def test_a_target_that_stalls_holds_nobody_and_what_was_dropped_is_told_later() -> None:
    target = Target()
    target.may_go.clear()
    sink = a_sink(target, queue_max=10)
    sink.put({"event": "first"})
    assert target.is_reached.wait(PATIENCE_S)
    for number in range(25):  # returns although nothing is written
        sink.put({"event": f"{number}"})
    assert (sink.stats.dropped, sink.stats.written, sink.stats.pending) == (15, 0, 11)
    target.may_go.set()
    assert sink.close(PATIENCE_S)
    assert target.events == ["first", *map(str, range(10)), "log_lines_dropped"]
    assert target.lines[-1]["count"] == 15
    stats = sink.stats
    assert (stats.written, stats.dropped, stats.failed, stats.pending) == (11, 15, 0, 0)


def test_a_target_that_never_returns_does_not_hold_the_end() -> None:
    target = Target()
    target.may_go.clear()
    sink = a_sink(target)
    sink.put({"event": "first"})
    assert target.is_reached.wait(PATIENCE_S)
    assert not sink.close(0)
    assert sink.stats.pending == 1
    target.may_go.set()


def test_a_pipe_that_nobody_reads_holds_nobody() -> None:
    reading, writing = os.pipe()
    sink = LogSink(Descriptor(writing), lambda record: "x" * 100_000, lambda: "t", 20)
    for _ in range(100):
        sink.put({})
    assert not sink.close(0)
    assert sink.stats.dropped >= 100 - 20 - 20
    os.close(reading)  # lets the thread go


def test_a_disk_that_is_full_costs_lines_which_are_counted_and_told_once_it_has_room() -> None:
    target = Target()
    target.errors = [OSError(28, "No space left on device")]
    sink = a_sink(target)
    sink.put({"event": "lost"})
    assert target.has_failed.wait(PATIENCE_S)
    sink.put({"event": "kept"})
    assert sink.close(PATIENCE_S)
    assert (sink.stats.failed, sink.stats.last_error) == (1, "No space left on device")
    assert target.events == ["kept", "log_lines_lost"]
    assert target.lines[-1]["count"] == 1


def test_a_line_that_was_cut_short_does_not_spoil_the_next() -> None:
    target = Target()
    target.errors = [5, OSError(28, "No space left on device")]
    sink = a_sink(target)
    sink.put({"event": "cut"})
    assert target.has_failed.wait(PATIENCE_S)
    sink.put({"event": "whole"})
    assert sink.close(PATIENCE_S)
    parts = target.data.split(b"\n")
    assert parts[0] == b'{"eve'
    assert json.loads(parts[1])["event"] == "whole"


def test_a_target_that_takes_a_little_at_a_time_gets_it_all() -> None:
    target = Target()
    target.errors = [1, 2, 3]
    sink = a_sink(target)
    sink.put({"event": "one"})
    assert sink.close(PATIENCE_S)
    assert target.events == ["one"]


def test_a_record_without_a_form_is_told_and_ends_nothing() -> None:
    target = Target()
    sink = a_sink(target)
    sink.put({"event": object()})
    sink.put({"event": "fine"})
    assert sink.close(PATIENCE_S)
    assert target.events == ["line_without_a_form: ContractError", "fine"]


@given(st.integers(1, 30), st.integers(0, 200))
@settings(max_examples=30, deadline=None)
def test_every_record_is_written_dropped_or_lost(queue_max: int, count: int) -> None:
    target = Target()
    sink = a_sink(target, queue_max)
    for number in range(count):
        sink.put({"event": str(number)})
    assert sink.close(PATIENCE_S)
    stats = sink.stats
    assert stats.written + stats.dropped + stats.failed == count
    told = sum(line["count"] for line in target.lines if "count" in line)
    assert told == stats.dropped
    numbers = [int(event) for event in target.events if event.isdigit()]
    assert numbers == sorted(numbers)
    assert len(numbers) == stats.written


# -- opening ---------------------------------------------------------------------------------------


def test_a_file_is_appended_to_and_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "grinder.log"
    for event in ("one", "two"):
        log = Log.open(LogSettings(log_file=str(path)), Redactor(), lambda: NOW)
        log.named("x").info(event)
        assert log.close()
        assert not log.leaves_out_told
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == ["one", "two"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["missing/grinder.log", ".", "pipe"])
def test_what_cannot_be_appended_to_is_refused_at_the_start(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")  # nobody reads it
    with pytest.raises(ConfigError, match=r"log\.log_file"):
        Log.open(LogSettings(log_file=str(tmp_path / name)), Redactor(), lambda: NOW)


def test_lines_go_on_in_a_new_file_once_the_old_one_was_moved_away(tmp_path: Path) -> None:
    path, moved = tmp_path / "a.log", tmp_path / "a.log.1"
    file = LogFile(str(path))
    file.write(b"one\nhalf")
    path.rename(moved)
    file.write(b" a line\n")  # no line is in two files
    file.write(b"two\n")
    assert (moved.read_bytes(), path.read_bytes()) == (b"one\nhalf a line\n", b"two\n")
    assert path.stat().st_mode & 0o777 == 0o600
    path.rename(tmp_path / "a.log.2")
    path.write_bytes(b"of somebody else\n")
    file.write(b"three\n")
    assert path.read_bytes() == b"of somebody else\nthree\n"
    file.close()


def test_a_folder_that_went_away_costs_lines_until_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    file = LogFile(str(folder / "a.log"))
    folder.rename(tmp_path / "old")
    with pytest.raises(FileNotFoundError):
        file.write(b"lost\n")
    folder.mkdir()
    file.write(b"told\n")
    assert (folder / "a.log").read_bytes() == b"told\n"
    file.close()


def test_a_pipe_is_written_whatever_has_its_name(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = LogFile(str(path))
    path.unlink()
    file.write(b"a line\n")
    assert os.read(reading, 100) == b"a line\n"
    assert not path.exists()
    file.close()
    os.close(reading)


def test_the_defaults_are_the_published_ones() -> None:
    assert LogSettings() == LogSettings(
        log_level=LogLevel.INFO, log_format=LogFormat.AUTO, log_file=""
    )
