"""Break the code in known ways; the tests must notice every one.

``python -m tests.mutants.run [--jobs N] [--per-folder N] [NAME ...]`` copies packages and tests to
a temporary folder, checks that the tests named by the mutants pass there, applies one mutant after
the other and expects those tests to fail. Exit 0: all killed; 1: one survived; 2: a mutant no
longer applies, its tests do not run, or the code fails them unmutated.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from compileall import compile_dir
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from py_compile import PycInvalidationMode
from queue import SimpleQueue

from attrs import frozen

from tests.mutants.mutant import Mutant
from tests.mutants.mutants import MUTANTS

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("grinder_core", "grinder_adapters", "grinder_app", "tests", "fixtures")
PYTEST_FAILED = 1  # other codes mean that the tests did not run
TIMEOUT_S = 180
KILLED, SURVIVED, BROKEN = "killed", "SURVIVED", "BROKEN"


@frozen
class Verdict:
    """What became of one mutant."""

    mutant: Mutant
    outcome: str
    seconds: float
    detail: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants that the command line names, or all; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants to run; default: all")
    parser.add_argument(
        "--per-folder", type=int, default=0, metavar="N", help="only N of each folder; 0: all"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="copies at once")
    options = parser.parse_args(arguments)
    known = {mutant.name: mutant for mutant in MUTANTS}
    unknown = sorted(set(options.names) - set(known))
    if unknown or options.jobs < 1 or options.per_folder < 0:
        print(f"unknown mutants {unknown} or jobs < 1; known: {', '.join(known)}", file=sys.stderr)
        return 2
    chosen = [known[name] for name in options.names] or list(MUTANTS)
    if options.per_folder:
        chosen = spread(chosen, options.per_folder)
        print(
            f"{len(chosen)} of {len(MUTANTS)} planted mutants, {options.per_folder} of each folder"
        )
    with tempfile.TemporaryDirectory(prefix="grinder-mutants-") as folder:
        copies = [_copy(Path(folder) / f"copy{n}") for n in range(min(options.jobs, len(chosen)))]
        stale = [mutant for mutant in chosen if len(mutant.files(copies[0])) != 1]
        for mutant in stale:
            count = len(mutant.files(copies[0]))
            print(f"{mutant.name}: its old text occurs {count} times in {mutant.place}")
        if stale or not _passes(copies[0], chosen):
            return 2
        verdicts = _run(chosen, copies)
    return report(verdicts)


def spread(mutants: Sequence[Mutant], per_folder: int) -> list[Mutant]:
    """Return up to that many mutants of each folder, evenly over the table."""
    by_folder: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        by_folder.setdefault(mutant.place.rpartition("/")[0], []).append(mutant)
    return [
        planted[index * len(planted) // count]
        for planted in by_folder.values()
        for count in [min(per_folder, len(planted))]
        for index in range(count)
    ]


def report(verdicts: Sequence[Verdict]) -> int:
    """Print the table and return the exit code."""
    for v in verdicts:
        print(f"{v.outcome:9} {v.seconds:6.1f} s  {v.mutant.name}  {v.detail}".rstrip())
    counts = {name: sum(v.outcome == name for v in verdicts) for name in (SURVIVED, BROKEN)}
    print(f"{len(verdicts)} mutants, {counts[SURVIVED]} survived, {counts[BROKEN]} did not run")
    if counts[BROKEN]:
        return 2
    return 1 if counts[SURVIVED] else 0


def _copy(folder: Path) -> Path:
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    # byte code that is checked against the source's hash: only the mutated file is compiled anew
    compile_dir(folder, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    return folder


def _passes(copy: Path, chosen: Sequence[Mutant]) -> bool:
    tests = sorted({test for mutant in chosen for test in mutant.tests})
    started = time.monotonic()
    done = _pytest(copy, tests, "-n", "2")
    seconds = time.monotonic() - started
    if done.returncode:
        print(f"the tests fail without a mutant:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
        return False
    print(f"{seconds:16.1f} s  without a mutant all named tests pass")
    return True


def _run(chosen: Sequence[Mutant], copies: Sequence[Path]) -> list[Verdict]:
    free: SimpleQueue[Path] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def work(mutant: Mutant) -> Verdict:
        copy = free.get()
        try:
            return _judge(mutant, copy)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(work, chosen))


def _judge(mutant: Mutant, copy: Path) -> Verdict:
    (path,) = mutant.files(copy)
    sound = path.read_text("utf-8")
    path.write_text(sound.replace(mutant.old, mutant.new), "utf-8")
    started = time.monotonic()
    try:
        code = _pytest(copy, mutant.tests).returncode
    except subprocess.TimeoutExpired:
        return Verdict(mutant, KILLED, TIMEOUT_S, "hangs")
    finally:
        path.write_text(sound, "utf-8")
    seconds = time.monotonic() - started
    if code == 0:
        return Verdict(mutant, SURVIVED, seconds, " ".join(mutant.tests))
    if code != PYTEST_FAILED:
        return Verdict(mutant, BROKEN, seconds, f"pytest ended with {code}")
    return Verdict(mutant, KILLED, seconds)


def _pytest(copy: Path, tests: Sequence[str], *more: str) -> subprocess.CompletedProcess[str]:
    """Run tests in a copy. Its byte code is never rewritten: a mutant must leave no trace."""
    plugins = ("-p", "no:cacheprovider", "-p", "tests.mutants.no_shrinking")
    command = [sys.executable, "-m", "pytest", "-x", "-q", *plugins, *more, *tests]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy)}
    return subprocess.run(
        command,
        cwd=copy,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S * (1 + len(more)),
    )


if __name__ == "__main__":
    raise SystemExit(main())
