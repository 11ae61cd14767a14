"""LIVE-41: the control file as a file: whole or refused, one number once, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.control import (
    ControlFile,
    ControlState,
    DoneCommand,
    Outcome,
    Standing,
)
from grinder_adapters.control.file import BYTES_MAX
from grinder_core.contracts.control import MAY_ADD_RISK, Command
from grinder_core.errors import ArtifactError, ConfigError, ContractError, StateWriteError

NOW = 1_700_000_000_000
SYMBOL = "BTCUSDT"


def give(file: ControlFile, command: Command = Command.KILL, now_ms: int = NOW) -> int:
    symbol = SYMBOL if command is Command.FLATTEN else ""
    return file.append(command, actor="me@here", now_ms=now_ms, symbol=symbol).number


def a_done(number: int) -> DoneCommand:
    return DoneCommand(
        number=number, ts_ms=NOW, command=Command.KILL, actor="me@here", symbol="",
        outcome=Outcome.APPLIED, state="EMERGENCY", reason="KILL_SWITCH", detail="",
    )  # fmt: skip


def numbers(file: ControlFile) -> list[int]:
    state = file.read()
    assert state is not None
    return [one.number for one in state.commands]


def a_file(folder: Path) -> ControlFile:
    """One with everything in it."""
    file = ControlFile(folder)
    give(file, Command.PAUSE)
    give(file, Command.FLATTEN)
    first = numbers(file)[0]
    file.settle((a_done(first),), first)
    return file


# -- numbers and what stands ---------------------------------------------------------------------


def test_numbers_grow_whatever_the_clock_does_and_a_deleted_file_repeats_none(
    tmp_path: Path,
) -> None:
    file = ControlFile(tmp_path)
    assert file.read() is file.mark() is None
    assert [give(file, now_ms=at) for at in (NOW, NOW, NOW - 50, NOW + 9)] == [
        NOW, NOW + 1, NOW + 2, NOW + 9,
    ]  # fmt: skip
    file.path.unlink()
    assert give(file, now_ms=NOW + 10) == NOW + 10


def test_what_was_carried_out_goes_and_what_was_appended_meanwhile_stays(tmp_path: Path) -> None:
    file = ControlFile(tmp_path)
    first, second = give(file), give(file)
    third = give(file)
    file.settle((a_done(first), a_done(second)), second)
    assert numbers(file) == [third]
    state = file.read()
    assert state is not None
    assert [one.number for one in state.done] == [first, second]
    file.settle((), third + 50)
    assert give(file) == third + 51


def test_the_newest_that_were_carried_out_are_kept(tmp_path: Path) -> None:
    file = ControlFile(tmp_path)
    file.settle(tuple(a_done(number) for number in range(1, 101)), 100)
    state = file.read()
    assert state is not None
    assert [one.number for one in state.done] == list(range(37, 101))


@given(st.lists(st.sampled_from(list(Command)), max_size=12))
def test_the_most_severe_override_stands_until_a_resume(commands: list[Command]) -> None:
    standing, halts = Standing.NONE, set[Command]()
    for command in commands:
        standing = standing.after(command)
        halts = set() if command is Command.RESUME else halts | {command}
        worst = [c for c in (Command.EMERGENCY, Command.PAUSE) if c in halts]
        assert standing.value == (worst[0].value if worst else "NONE")


# -- two writers -----------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from grinder_adapters.control import ControlFile
from grinder_core.contracts.control import Command
file = ControlFile(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    print(file.append(Command.KILL, actor="me", now_ms=1_700_000_000_000).number)
"""


def test_two_writers_give_no_number_twice_and_lose_nothing_beside_a_process_that_takes_out(
    tmp_path: Path,
) -> None:
    count = 25
    arguments = [sys.executable, "-c", WRITER, str(tmp_path), str(count)]
    writers = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    file, taken = ControlFile(tmp_path), list[int]()
    while any(writer.poll() is None for writer in writers) or (file.read() and numbers(file)):
        state = file.read()
        if state is not None and state.commands:
            done = tuple(a_done(one.number) for one in state.commands)
            file.settle(done, done[-1].number)
            taken += [one.number for one in done]
    given = [int(n) for writer in writers for n in writer.communicate()[0].split()]
    assert len(given) == 2 * count
    assert taken == sorted(given) == sorted(set(given))
    assert [path.name for path in tmp_path.iterdir()] != []
    assert not list(tmp_path.glob("*.part"))


def test_a_lock_that_nobody_gives_up_ends_in_an_error_and_changes_nothing(tmp_path: Path) -> None:
    waited: list[float] = []
    blocked = ControlFile(tmp_path, sleep=waited.append)
    with ControlFile(tmp_path)._locked(), pytest.raises(StateWriteError, match="is held by"):
        give(blocked)
    assert sum(waited) == pytest.approx(5)
    assert blocked.read() is None
    assert give(blocked)


# -- what is not read ------------------------------------------------------------------------------


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_refused_and_nothing_else_happens(body: bytes) -> None:
    with pytest.raises(ArtifactError):
        ControlState.from_bytes(body)


def test_a_file_cut_at_any_byte_is_refused(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    body = file.path.read_bytes()
    for length in range(len(body)):
        file.path.write_bytes(body[:length])
        with pytest.raises(ArtifactError):
            file.read()
    file.path.write_bytes(body)
    assert file.read() is not None


@given(data=st.data())
def test_a_file_with_one_changed_byte_is_another_file_or_none(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    body = a_file(tmp_path_factory.mktemp("control")).path.read_bytes()
    place = data.draw(st.integers(0, len(body) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = body[:place] + bytes([byte]) + body[place + 1 :]
    try:
        state = ControlState.from_bytes(changed)
    except ArtifactError:
        return
    assert state.to_bytes() == changed


def edited(change: Callable[[dict[str, object]], object]) -> Callable[[bytes], bytes]:
    def edit(body: bytes) -> bytes:
        data = orjson.loads(body)
        change(data)
        return orjson.dumps(data, option=orjson.OPT_SORT_KEYS) + b"\n"

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        edited(lambda d: d.update(surprise=1)),
        edited(lambda d: d["commands"][0].update(surprise=1)),
        edited(lambda d: d.pop("override")),
        edited(lambda d: d.update(version=2)),
        edited(lambda d: d.update(override="HALT")),
        edited(lambda d: d.update(last=d["last"] - 1)),
        edited(lambda d: d.update(last=True)),
        edited(lambda d: d["commands"].append(d["commands"][0])),
        edited(lambda d: d["commands"][0].update(number=0)),
        edited(lambda d: d["commands"][0].update(number=1.0)),
        edited(lambda d: d["commands"][0].update(number=2**63)),
        edited(lambda d: d["commands"][0].update(symbol="")),
        edited(lambda d: d["commands"][0].update(command="PAUSE")),
        edited(lambda d: d["commands"][0].update(actor=" ")),
        edited(lambda d: d["commands"][0].update(text="two\nlines")),
        edited(lambda d: d["commands"][0].update(text="x" * 501)),
        lambda body: body[:-1] + b" \n",
        lambda body: body + b"\n",
        lambda body: body.replace(b'{"commands"', b'{"last":1,"commands"'),
        lambda body: b"[" * 100_000,
        lambda body: b" " * (BYTES_MAX + 1),
        lambda body: b"",
    ],
)
def test_what_is_not_of_the_form_is_refused_as_a_whole(
    tmp_path: Path, edit: Callable[[bytes], bytes]
) -> None:
    file = a_file(tmp_path)
    file.path.write_bytes(edit(file.path.read_bytes()))
    with pytest.raises(ArtifactError, match=r"control\.json"):
        file.read()


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused_and_one_they_may_read_is_not(
    tmp_path: Path, mode: int
) -> None:
    file = a_file(tmp_path)
    before = file.mark()
    file.path.chmod(mode)
    with pytest.raises(ArtifactError, match="may be written by others"):
        file.read()
    assert file.mark() != before
    file.path.chmod(0o644)
    assert file.read() is not None


def test_what_is_written_is_for_its_owner_alone_whatever_the_mask(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        file = a_file(tmp_path)
    finally:
        os.umask(mask)
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "control.lock").stat().st_mode & 0o777 == 0o600


def test_a_file_of_another_user_is_refused_and_a_folder_of_one_is_not_written(
    tmp_path: Path,
) -> None:
    file = a_file(tmp_path)
    stranger = ControlFile(tmp_path, owner=os.geteuid() + 1)
    with pytest.raises(ArtifactError, match="belongs to user"):
        stranger.read()
    body = file.path.read_bytes()
    with pytest.raises(ConfigError, match="command as the user that runs the session"):
        give(stranger)
    assert file.path.read_bytes() == body


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "loop"])
def test_only_a_regular_file_is_read_and_anything_else_is_moved_aside_by_a_command(
    tmp_path: Path, kind: str
) -> None:
    file, other = ControlFile(tmp_path), tmp_path / "other.json"
    if kind == "link":
        other.write_bytes(ControlState().to_bytes())
        file.path.symlink_to(other)
    elif kind == "loop":
        file.path.symlink_to(file.path)
    elif kind == "pipe":
        os.mkfifo(file.path)
    else:
        file.path.mkdir()
    with pytest.raises(ArtifactError):
        file.read()
    with pytest.raises(ArtifactError):
        file.settle((a_done(1),), 1)
    appended = file.append(Command.KILL, actor="me", now_ms=NOW)
    assert appended.aside is not None
    assert os.path.lexists(appended.aside)
    state = file.read()
    assert state is not None
    assert (state.override, len(state.commands)) == (Standing.PAUSE, 1)
    if kind == "link":
        assert other.read_bytes() == ControlState().to_bytes()


def test_an_unreadable_file_stands_for_pause_until_somebody_resumes(tmp_path: Path) -> None:
    file = ControlFile(tmp_path)
    for command, standing in (
        (Command.KILL, Standing.PAUSE),
        (Command.EMERGENCY, Standing.EMERGENCY),
        (Command.RESUME, Standing.NONE),
    ):
        file.path.write_bytes(b"nonsense")
        aside = file.append(command, actor="me", now_ms=NOW).aside
        state = file.read()
        assert state is not None
        assert aside is not None
        assert (state.override, aside.read_bytes()) == (standing, b"nonsense")
    assert len(list(tmp_path.glob("control.json.*"))) == 3


# -- what is not written ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "symbol", "actor", "text"),
    [
        (Command.FLATTEN, "", "me", ""),
        (Command.FLATTEN, "btc", "me", ""),
        (Command.PAUSE, SYMBOL, "me", ""),
        (Command.PAUSE, "", "", ""),
        (Command.PAUSE, "", "me\n", ""),
        (Command.PAUSE, "", "me", "a\x1bb"),
        (Command.PAUSE, "", "me", "right to left \u202e"),
        (Command.PAUSE, "", "me", "x" * 501),
    ],
)
def test_a_command_that_no_session_takes_is_not_written(
    tmp_path: Path, command: Command, symbol: str, actor: str, text: str
) -> None:
    file = ControlFile(tmp_path)
    with pytest.raises(ContractError):
        file.append(command, actor=actor, now_ms=NOW, symbol=symbol, text=text)
    assert file.read() is None


def test_half_of_the_room_is_kept_for_what_stops_something(tmp_path: Path) -> None:
    file = ControlFile(tmp_path)
    wide = "\U0001f6d1" * 500  # twelve characters each, written in ASCII
    for command, limit in ((Command.RESUME, BYTES_MAX // 2), (Command.KILL, BYTES_MAX)):

        def fill(command: Command = command) -> None:
            for _ in range(400):
                file.append(command, actor="me", now_ms=NOW, text=wide)

        with pytest.raises(ConfigError, match="has no room"):
            fill()
        assert limit - 8_000 < file.path.stat().st_size <= limit
        assert file.read() is not None
    assert Command.RESUME in MAY_ADD_RISK


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StateWriteError, match="cannot be used"):
        give(ControlFile(tmp_path / "nowhere"))
    assert ControlFile(tmp_path / "nowhere").read() is None
