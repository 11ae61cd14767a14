"""Run every fixture again and again and compare (CORE-06).

Three passes: plainly; in the same process under a hostile decimal context; in another process
with another hash seed, locale, time zone and working directory. All must agree with each other
and with the locked digests. Nothing is written.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from decimal import ROUND_UP, localcontext
from pathlib import Path
from typing import Any, Final

from attrs import frozen

import grinder_app
from grinder_adapters.feeds.fixture import Fixture, load_fixture
from grinder_app.checks.fixture_report import assemble, find_fixtures, paper_entry
from grinder_core.codec import canonical_json
from grinder_core.errors import GrinderError
from grinder_core.session.result import run
from grinder_core.session.session import Driver

PASSES: Final = ("first run", "second run", "other process")
REPEAT_LIMIT_S: Final = 1_800

Pass = dict[str, Any]  # one pass: ``fixtures`` by name, and ``report_digest``


@frozen(kw_only=True)
class FixtureVerdict:
    """What the passes over one fixture said.

    Attributes:
        replay, paper: Digests of the three passes, in their order.
        problems: What is wrong; empty when all is well.
    """

    name: str
    events: int
    replay: tuple[str | None, ...]
    paper: tuple[str | None, ...]
    expected_replay: str | None
    expected_paper: str | None
    problems: tuple[str, ...]


@frozen(kw_only=True)
class DeterminismReport:
    """Verdicts over all fixtures, and the report digest of each pass."""

    fixtures: tuple[FixtureVerdict, ...]
    report_digests: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """No fixture and no report digest is in doubt."""
        return not self.problems and not any(verdict.problems for verdict in self.fixtures)


def check_determinism(root: Path) -> DeterminismReport:
    """Run the suite.

    Raises:
        InputError: There is no fixture, or one cannot be read.
        GrinderError: The repeat in another process did not finish.
    """
    fixtures = [load_fixture(folder, root) for folder in find_fixtures(root)]
    repeat = _start_repeat(root)
    try:
        first = run_pass(fixtures)
        with localcontext() as hostile:
            hostile.prec, hostile.rounding = 3, ROUND_UP
            second = run_pass(fixtures)
        third = _finish_repeat(repeat)
    finally:
        if repeat.poll() is None:
            repeat.kill()
        repeat.communicate()
    passes = (first, second, third)
    digests = tuple(one["report_digest"] for one in passes)
    return DeterminismReport(
        fixtures=tuple(_judge(fixture, passes) for fixture in fixtures),
        report_digests=digests,
        problems=_differences("backtest report", digests),
    )


def run_pass(fixtures: Sequence[Fixture]) -> Pass:
    """Run every fixture once as a replay and once on paper."""
    entries, by_name = [], {}
    for fixture in fixtures:
        replay = run(fixture.events, fixture.config, driver=Driver.REPLAY, collect=False)
        entry = paper_entry(fixture)
        entries.append(entry)
        by_name[fixture.name] = {
            "replay": replay.digest,
            "paper": entry["paper_digest"],
            "errors": [f"replay: {error.error}" for error in replay.errors]
            + [f"paper: {error['error']}" for error in entry["errors"]],
        }
    return {"fixtures": by_name, "report_digest": assemble(entries)["report_digest"]}


def _judge(fixture: Fixture, passes: Sequence[Pass]) -> FixtureVerdict:
    seen: list[Mapping[str, Any]] = [one["fixtures"].get(fixture.name, {}) for one in passes]
    problems = [text for result in seen[:1] for text in result["errors"]]
    digests: dict[str, tuple[str | None, ...]] = {}
    for what, expected in (
        ("replay", fixture.expected_replay_digest),
        ("paper", fixture.expected_paper_digest),
    ):
        digests[what] = tuple(result.get(what) for result in seen)
        problems += _differences(what, digests[what])
        if expected is None:
            problems.append(f"{what}: config.json expects no digest; lock it first")
        elif digests[what][0] != expected:
            problems.append(f"{what}: {digests[what][0]}, config.json expects {expected}")
    return FixtureVerdict(
        name=fixture.name,
        events=len(fixture.events),
        replay=digests["replay"],
        paper=digests["paper"],
        expected_replay=fixture.expected_replay_digest,
        expected_paper=fixture.expected_paper_digest,
        problems=tuple(problems),
    )


def _differences(what: str, digests: Sequence[str | None]) -> tuple[str, ...]:
    return tuple(
        f"{what}: {name} gave {digest}, {PASSES[0]} {digests[0]}"
        for name, digest in zip(PASSES[1:], digests[1:], strict=True)
        if digest != digests[0]
    )


def _start_repeat(root: Path) -> subprocess.Popen[bytes]:
    here = str(Path(grinder_app.__file__).resolve().parent.parent)
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    environment = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH", "")))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "LC_ALL": "C",
        "TZ": "Pacific/Chatham",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "grinder_app.checks.determinism", str(root.resolve())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(sys.executable).anchor,
        env=environment,
    )


def _finish_repeat(repeat: subprocess.Popen[bytes]) -> Pass:
    try:
        out, complaint = repeat.communicate(timeout=REPEAT_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise GrinderError(
            f"did not finish within {REPEAT_LIMIT_S} s", field="repeat in another process"
        ) from None
    if repeat.returncode:
        last = complaint.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise GrinderError(
            f"ended with exit code {repeat.returncode}: {' '.join(last)}",
            field="repeat in another process",
        )
    result: Pass = json.loads(out)
    return result


def _main(root: Path) -> None:
    """What the other process does: one pass, printed as one line."""
    fixtures = [load_fixture(folder, root) for folder in find_fixtures(root)]
    sys.stdout.write(canonical_json(run_pass(fixtures)) + "\n")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
