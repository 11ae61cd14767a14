"""Everything a maintainer runs: ``nox -s tests``, ``nox -s lint types``, ``nox -l`` for more."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv|venv"
nox.options.download_python = "never"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["tests", "lint", "types", "determinism", "docs"]

SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
ON_NEWEST = (
    "tests/core",
    "tests/fixtures",
    *(f"tests/adapters/{name}" for name in ("journal", "local_venue")),
    *(f"tests/app/test_{name}.py" for name in ("paper", "live_zero_writes")),
)
BETWEEN = ("tests/core/live", "tests/core/test_numbers.py", "tests/fixtures")
ORACLES = ("ccxt", "python-binance", "futures-connector", "sdk")
CODE = ("grinder_core", "grinder_adapters", "grinder_app", "benchmarks", "tests", "noxfile.py")


def _found() -> list[str]:
    """Return the supported Python versions of this machine, oldest first."""
    return [version for version in SUPPORTED if _reachable(version)]


def _reachable(version: str) -> bool:
    name = f"python{version}"
    if (path := shutil.which(name)) and _runs(path):
        return True
    for folder in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin")):
        if _runs(str(folder / name)):
            # a version manager's shim stands before it in the path and refuses to run
            os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
            return True
    return False


def _runs(path: str) -> bool:
    return subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0


PYTHONS = _found()
FIRST = PYTHONS[0] if PYTHONS else SUPPORTED[0]


@nox.session(python=FIRST)
def demo(session: nox.Session) -> None:
    """Run the demo paper session: a table here, a report in its run folder."""
    session.install("-q", "-e", ".[data,report]")
    session.run("grinder", "demo", *session.posargs)


@nox.session(python=PYTHONS or FIRST)
def tests(session: nox.Session) -> None:
    """Run all tests on every Python found.

    On the oldest all of them. On the newest the core, the fixtures, the journal, the exchange
    and what of the application drives them all; between the two only the live core and
    the fixtures; on both without the browser and, where a test does not say how many, with a tenth
    of the examples of each property.
    """
    session.install("-q", "-e", ".[dev]")
    further = session.python != FIRST
    between = further and session.python != PYTHONS[-1]
    session.run(
        "pytest",
        "-q",
        *("-n", "3", "--dist", "worksteal"),  # many tests wait for a clock or a socket
        "--durations=20",  # the whole has to stay within twenty minutes
        *(("-m", "not browser") if further else ()),
        *((BETWEEN if between else ON_NEWEST) if further else ()),
        *session.posargs,
        env={"GRINDER_TEST_PROFILE": "further" if further else "grinder"},
    )


@nox.session(python=FIRST)
def lint(session: nox.Session) -> None:
    """Check style, formatting and the import contracts."""
    session.install("-q", "-e", ".[dev]")
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)
    session.run("lint-imports")
    session.run("grinder", "check", "unicode")


@nox.session(python=FIRST)
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.install("-q", "-e", ".[dev]")
    session.run("mypy")


@nox.session(python=PYTHONS or FIRST)
def determinism(session: nox.Session) -> None:
    """Replay every fixture in every way that must not matter, on every Python found."""
    session.install("-q", "-e", ".")
    session.run("grinder", "check", "determinism")
    session.run("grinder", "check", "fixtures")


@nox.session(python=FIRST)
def mutants(session: nox.Session) -> None:
    """Break the code in known ways; the tests must notice every one."""
    session.install("-q", "-e", ".[dev]")
    session.run("python", "-m", "tests.mutants.run", *session.posargs)


@nox.session(python=FIRST)
def oracles(session: nox.Session) -> None:
    """Let other people's clients trade at the local exchange; an argument names one of them.

    Each has an environment of its own, since two of them own the same module and one pins what
    grinder uses; the exchange runs in this session's.
    """
    session.install("-q", "-e", ".")
    grinder, suites = f"{session.bin}/grinder", Path("tests/oracles")

    def trade(client: str) -> None:
        folder = Path(session.create_tmp()) / client
        python = str(folder / "bin" / "python")
        requirements = str(suites / f"requirements-{client}.txt")
        session.run("uv", "venv", "-q", "--allow-existing", "-p", session.python, str(folder))
        session.run("uv", "pip", "sync", "-q", "--python", python, requirements)
        session.run(
            *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *map(str, sorted(suites.glob(f"test_{client.replace('-', '_')}*.py"))),
            env={"GRINDER_ORACLE_GRINDER": grinder},
            external=True,
        )

    with ThreadPoolExecutor(2) as pool:  # they mostly wait for the market
        list(pool.map(trade, session.posargs or ORACLES))


@nox.session(python=FIRST)
def docs(session: nox.Session) -> None:
    """Check that the documentation tells the truth; arguments say which tests do."""
    session.install("-q", "-e", ".[dev]")
    session.run("grinder", "check", "docs")
    examples = ("--doctest-modules", "grinder_core")
    session.run("pytest", "-q", *(session.posargs or ("tests/docs", *examples)))


@nox.session(python=FIRST)
def bench(session: nox.Session) -> None:
    """Measure speed as ratios within one run."""
    session.install("-q", "-e", ".[dev]")
    session.run("python", "-m", "benchmarks.grid_work", "--rounds", "3")
    session.run("python", "-m", "benchmarks.adaptive_work", "--rounds", "3")
    session.run("python", "-m", "benchmarks.startup")
    session.run("python", "-m", "benchmarks.imports")
