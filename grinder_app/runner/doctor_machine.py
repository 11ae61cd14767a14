"""Checks of the machine: Python and its extras, the state folder, its lock and its disk.

What is measured and how it is judged are apart, so that judgements are tested over all values.
All that is written is a file without a name, to time the disk.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import orjson
from attrs import frozen

from grinder_app.runner.doctor_findings import Finding, failed, fine, warned

PYTHON_MIN: Final = (3, 11)
EXTRAS: Final[Mapping[str, tuple[str, ...]]] = {
    "data": ("polars", "pyarrow"),
    "report": ("plotly", "jinja2"),
}
LOCK_FILE: Final = "LOCK"
FREE_FAIL: Final = 256 << 20  # bytes
FREE_WARN: Final = 2 << 30
# a write of new risk waits for one fsync (LIVE-38)
SYNC_WARN_US: Final = 20_000
SYNC_FAIL_US: Final = 200_000
_SAMPLES: Final = 9
_BLOCK: Final = b"\0" * 4_096
_OF_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


def measure_sync_us(folder: Path) -> int:
    """Return the median time of a small write and its fsync, microseconds."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_SAMPLES):
            file.write(_BLOCK)
            file.flush()
            began = time.perf_counter_ns()
            os.fsync(file.fileno())
            times.append(time.perf_counter_ns() - began)
    return sorted(times)[_SAMPLES // 2] // 1_000


@frozen(kw_only=True)
class Machine:
    """How the machine is measured; replaced in tests.

    Attributes:
        free_bytes: Of the disk a folder is on.
        sync_us: Time of one fsync in a folder, microseconds.
        has_library: Whether a library can be imported.
        can_write: Whether this user may make files in a folder.
    """

    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    sync_us: Callable[[Path], int] = measure_sync_us
    has_library: Callable[[str], bool] = lambda name: find_spec(name) is not None
    can_write: Callable[[Path], bool] = lambda folder: os.access(folder, os.W_OK | os.X_OK)


def examine_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Check the interpreter."""
    found = f"{'.'.join(map(str, version))} on {platform.system()} {platform.machine()}"
    if version[:2] < PYTHON_MIN:
        needed = ".".join(map(str, PYTHON_MIN))
        return failed("python", found, f"use Python {needed} or newer")
    return fine("python", found)


def examine_extras(machine: Machine) -> Finding:
    """Check which optional parts are installed."""
    lacking = {
        extra: [name for name in names if not machine.has_library(name)]
        for extra, names in EXTRAS.items()
    }
    missing = [extra for extra, names in lacking.items() if names]
    if missing:
        libraries = ", ".join(name for names in lacking.values() for name in names)
        return warned(
            "extras",
            f"not installed: {libraries}",
            f"pip install 'grinder[{','.join(missing)}]' for data files and reports",
        )
    return fine("extras", ", ".join(EXTRAS))


def examine_state_folder(folder: Path, machine: Machine) -> Iterator[Finding]:
    """Check where durable state lies, or will lie."""
    try:
        place = _existing(folder.absolute())
        facts = place.stat()
        if not stat.S_ISDIR(facts.st_mode):
            yield failed("state folder", f"{place} is no folder", "name another GRINDER_STATE_DIR")
            return
        can_write = machine.can_write(place)
        yield _judge_folder(folder, place, facts, can_write=can_write)
        yield examine_lock(folder)
        yield judge_space(machine.free_bytes(place))
        if can_write:
            yield judge_sync(machine.sync_us(place))
    except OSError as error:
        yield failed("state folder", f"{folder}: {error.strerror}", "check the folder and its disk")


def _judge_folder(folder: Path, place: Path, facts: os.stat_result, *, can_write: bool) -> Finding:
    exists = place == folder.absolute()
    shown = f"{folder}" if exists else f"{folder} does not exist yet; it will be made in {place}"
    if not can_write:
        return failed(
            "state folder",
            f"{shown}: this user cannot write there",
            "give it to this user, or name another GRINDER_STATE_DIR",
        )
    mode = stat.S_IMODE(facts.st_mode)
    if exists and mode & _OF_OTHERS:
        return failed(
            "state folder",
            f"{shown}: other users can write there (mode {mode:04o})",
            f"chmod go-w {folder}",
        )
    return fine("state folder", shown)


def examine_lock(folder: Path) -> Finding:
    """Check whether another process writes the state, without taking its place."""
    path = folder / LOCK_FILE
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return fine("state lock", "free")
    try:
        # shared, and only for this moment: two check-ups do not disturb each other
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return warned(
            "state lock",
            f"held by {_holder(path)}",
            "a second live run there is refused: stop that one, or name another GRINDER_STATE_DIR",
        )
    finally:
        os.close(handle)
    return fine("state lock", "free")


def _holder(path: Path) -> str:
    try:
        said = orjson.loads(path.read_bytes())
        return f"process {said['pid']} on {said['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "a process that has not said who it is"


def judge_space(free_bytes: int) -> Finding:
    """Judge what is left on the disk; a full one stops new risk."""
    found = f"{free_bytes >> 20:,} MiB free"
    if free_bytes < FREE_FAIL:
        return failed("disk space", found, f"free at least {FREE_WARN >> 20:,} MiB")
    if free_bytes < FREE_WARN:
        return warned("disk space", found, f"free at least {FREE_WARN >> 20:,} MiB")
    return fine("disk space", found)


def judge_sync(sync_us: int) -> Finding:
    """Judge how long the disk takes to keep a write."""
    found = f"{sync_us / 1000:.1f} ms to keep one write"
    remedy = "put GRINDER_STATE_DIR on a local disk that is less busy: new orders wait for it"
    if sync_us >= SYNC_FAIL_US:
        return failed("disk latency", found, remedy)
    return (
        warned("disk latency", found, remedy)
        if sync_us >= SYNC_WARN_US
        else fine("disk latency", found)
    )


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder
