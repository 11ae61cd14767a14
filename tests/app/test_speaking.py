"""What a live run says on its standard output never holds it up."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from grinder_adapters.logs.sink import QUEUE_MAX, Descriptor
from grinder_app.cli.speaking import Speaker, Stream

PATIENCE_S = 120  # for a process that has nothing to wait for


class Held:
    """A place for lines that never returns from a write, until it may."""

    def __init__(self) -> None:
        self.data = b""
        self.may_go = threading.Event()

    def write(self, data: bytes) -> int:
        self.may_go.wait(PATIENCE_S)
        self.data += bytes(data)
        return len(data)

    def close(self) -> None:
        return


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe that takes nothing more, and that nobody reads."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4_096)
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 512)
    except BlockingIOError:
        pass
    os.set_blocking(writing, True)
    yield reading, writing
    os.close(reading)


@pytest.mark.parametrize("as_json", [True, False])
def test_lines_and_results_come_in_their_order(as_json: bool) -> None:
    stream = StringIO()
    speaker = Speaker(Stream(stream), as_json=as_json)
    for number in range(500):
        speaker.say("state", f"line {number}")
    speaker.show("the result\n")
    assert speaker.close()
    lines = stream.getvalue().splitlines()
    assert lines[-1] == "the result"
    told = [json.loads(line) for line in lines[:-1]] if as_json else []
    assert [one["text"] for one in told] == [f"line {n}" for n in range(500)] * as_json
    assert as_json or lines[:-1] == [f"state      line {n}" for n in range(500)]


def test_nobody_waits_for_a_pipe_that_nobody_reads(full_pipe: tuple[int, int]) -> None:
    speaker = Speaker(Descriptor(full_pipe[1]), as_json=False)
    for number in range(QUEUE_MAX * 2):
        speaker.say("state", f"line {number}")
    assert not speaker.close(0.05)


def test_what_was_left_out_is_said_once_there_is_room() -> None:
    held = Held()
    speaker = Speaker(held, as_json=False)
    for number in range(QUEUE_MAX * 2):
        speaker.say("state", f"line {number}")
    held.may_go.set()
    assert speaker.close(PATIENCE_S)
    lines = held.data.decode().splitlines()
    said = [line for line in lines if line.startswith("output")]
    assert said
    lost = sum(int(line.split()[1]) for line in said)
    assert lost + len(lines) - len(said) == QUEUE_MAX * 2
    numbers = [int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("state")]
    assert numbers == sorted(numbers)


def test_a_session_ends_in_order_while_nobody_reads_its_output(
    full_pipe: tuple[int, int], tmp_path: Path
) -> None:
    words = ("live", "run", "--symbols", "ETHUSDT", "--duration", "1", "--no-http")
    script = "from grinder_app.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", script, *words, "--state-dir", str(tmp_path)],
        stdout=full_pipe[1],
        stderr=subprocess.PIPE,
        timeout=PATIENCE_S,
        check=False,
        cwd=tmp_path,
    )
    os.close(full_pipe[1])
    assert ended.returncode == 0, ended.stderr
    events = [json.loads(line)["event"] for line in ended.stderr.splitlines()]
    assert "ready" in events  # what nobody read is in the log all the same
