"""The arrows between packages and rooms point down: held by import-linter, and it bites."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("grinder_core", "grinder_adapters", "grinder_app")
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"

# name, file, the import that is added to it, words of the contract that it breaks
BREACHES = [
    ("core_imports_adapters", "grinder_core/ledger.py", "import grinder_adapters",
     "app -> adapters -> core"),
    ("adapters_import_app", "grinder_adapters/feeds/atomic.py", "import grinder_app",
     "app -> adapters -> core"),
    ("gates_import_policies", "grinder_core/gates/prefilter.py",
     "import grinder_core.policies.static_grid", "rooms of the core"),
    ("indicators_import_engine", "grinder_core/indicators/atr.py",
     "import grinder_core.engine.engine", "rooms of the core"),
    ("venue_imports_orders", "grinder_core/venue/sim.py", "import grinder_core.orders.diff",
     "rooms of the core"),
    ("core_imports_time", "grinder_core/engine/engine.py", "import time",
     "the core has no side effects"),
    ("core_imports_polars", "grinder_core/session/result.py", "import polars",
     "the core has no side effects"),
    ("undeclared_room", "grinder_core/attic/__init__.py", "", "rooms of the core"),
]  # fmt: skip


def contracts() -> dict[str, Any]:
    data: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    linter: dict[str, Any] = data["tool"]["importlinter"]
    return linter


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and their contracts, apart from the working tree."""
    folder = tmp_path_factory.mktemp("packages")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LINT],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_packages_keep_their_contracts(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line", "broken"), [b[1:] for b in BREACHES], ids=[b[0] for b in BREACHES]
)
def test_a_planted_breach_is_found(copy: Path, file: str, line: str, broken: str) -> None:
    path = copy / file
    before = path.read_text("ascii") if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text((before or '"""Planted."""\n') + line + "\n", "ascii")
    try:
        done = lint(copy)
    finally:
        if before is None:
            shutil.rmtree(path.parent)
        else:
            path.write_text(before, "ascii")
    assert done.returncode != 0, done.stdout
    report = done.stdout + done.stderr
    assert broken in report
    assert "BROKEN" in report or "attic" in report


def test_nothing_is_excused() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert "ignore_imports" not in text
    assert "unmatched_ignore_imports_alerting" not in text
    layered = [c for c in contracts()["contracts"] if c["type"] == "layers" and "containers" in c]
    assert layered
    assert all(contract["exhaustive"] is True for contract in layered)
    assert all("exhaustive_ignores" not in contract for contract in layered)
    assert set(contracts()["root_packages"]) == set(PACKAGES)
    assert contracts()["include_external_packages"] is True


def test_every_room_is_declared_once() -> None:
    (rooms,) = [c for c in contracts()["contracts"] if c.get("containers") == ["grinder_core"]]
    declared = [name.strip() for layer in rooms["layers"] for name in layer.split("|")]
    assert len(set(declared)) == len(declared)
    present = {
        path.stem
        for path in (ROOT / "grinder_core").iterdir()
        if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    assert set(declared) == present


def test_the_forbidden_modules_are_what_a_pure_package_may_not_need() -> None:
    (pure,) = [c for c in contracts()["contracts"] if c["type"] == "forbidden"]
    assert pure["source_modules"] == ["grinder_core"]
    least = {"asyncio", "datetime", "logging", "os", "pathlib", "random", "socket", "sys", "time",
             "threading", "subprocess", "uuid"}  # fmt: skip
    assert least <= set(pure["forbidden_modules"])


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_hides_from_the_linter(package: str) -> None:
    """``importlib`` and ``__import__`` with text would pass by import-linter."""
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "__import__", f"{path}:{node.lineno}"
