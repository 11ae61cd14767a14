"""The core is pure: what needs no import to have an effect is found by reading its code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "grinder_core"
FILES = sorted(CORE.rglob("*.py"))

CALLS = {
    "open", "print", "input", "eval", "exec", "compile", "__import__", "float", "breakpoint",
    "globals", "id", "hash", "exit", "quit",
}  # fmt: skip
# set and get of the caller's context; only numbers.py may make contexts, localcontext restores
CONTEXT = {"setcontext", "getcontext", "DefaultContext", "BasicContext", "ExtendedContext"}
DECIMAL_METHODS_THAT_ROUND = {"quantize", "sqrt", "exp", "ln", "log10", "normalize", "fma"}
MODULES = {
    "asyncio", "concurrent", "datetime", "http", "importlib", "io", "locale", "logging",
    "multiprocessing", "os", "pathlib", "pickle", "random", "secrets", "select", "shutil",
    "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time",
    "urllib", "uuid", "warnings", "zoneinfo",
}  # fmt: skip
ALLOWED_IMPORTS = {
    "__future__", "attrs", "bisect", "cattrs", "collections", "contextlib",
    "decimal", "difflib", "enum",
    "functools", "grinder_core", "hashlib", "itertools", "json", "math", "re", "types", "typing",
}  # fmt: skip


def findings(source: str, *, makes_contexts: bool = False) -> Iterator[str]:
    """Everything in a module that a pure module has no use for."""
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Call):
            name = _called(node.func)
            if name in CALLS:
                yield f"{line}: {name}("
            if isinstance(node.func, ast.Attribute) and node.func.attr in (
                DECIMAL_METHODS_THAT_ROUND
            ):
                yield f"{line}: .{node.func.attr}( rounds by the caller's context"
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in CONTEXT or (name == "localcontext" and not makes_contexts):
                yield f"{line}: {name}"
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{line}: the float {node.value}"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            left = node.left
            exact = isinstance(left, ast.Name) and left.id == "ONE"  # one over a power of ten
            if not exact:
                yield f"{line}: / may be inexact"
        if isinstance(node, ast.ImportFrom) and CONTEXT & {alias.name for alias in node.names}:
            yield f"{line}: imports the caller's context"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
            )
            for name in names:
                top = name.split(".")[0]
                if top in MODULES or top not in ALLOWED_IMPORTS:
                    yield f"{line}: import {name}"
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield f"{line}: {type(node).__name__.lower()} {', '.join(node.names)}"
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"{line}: a bare except"
        if isinstance(node, ast.For | ast.comprehension) and isinstance(
            node.iter, ast.Set | ast.SetComp
        ):
            yield f"{line}: iterates over a set"


def _called(func: ast.expr) -> str:
    return func.id if isinstance(func, ast.Name) else ""


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(CORE)))
def test_a_module_of_the_core_has_no_effect_but_its_values(path: Path) -> None:
    makes_contexts = path.name == "numbers.py"
    assert list(findings(path.read_text("ascii"), makes_contexts=makes_contexts)) == []


PLANTED = [
    "open('x')",
    "print(1)",
    "x = float('1')",
    "x = 0.5",
    "x = 1e3",
    "eval('1')",
    "exec('1')",
    "__import__('os')",
    "import os",
    "from time import time",
    "from os.path import join",
    "import numpy",
    "from decimal import getcontext",
    "import decimal\ndecimal.getcontext().prec = 3",
    "from decimal import localcontext\nwith localcontext(): pass",
    "x = a / b",
    "x = price.quantize(tick)",
    "def f():\n    global x\n    x = 1",
    "try:\n    f()\nexcept:\n    pass",
    "for x in {1, 2}: f(x)",
    "y = [x for x in {1, 2}]",
    "x = hash(y)",
]


@pytest.mark.parametrize("source", PLANTED)
def test_each_planted_effect_is_found(source: str) -> None:
    assert list(findings(source))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(CORE)))
def test_no_module_keeps_mutable_state_of_its_own(path: Path) -> None:
    """Module-level names are constants: no list, set or deque that a function could fill."""
    for node in ast.parse(path.read_text("ascii")).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(
            node.value, ast.List | ast.Set | ast.ListComp | ast.SetComp
        ):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id == "__all__":
                continue
            raise AssertionError(f"{path.name}:{node.lineno} a mutable module-level collection")


def test_importing_the_core_loads_nothing_heavy() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import grinder_core.session.result, grinder_core.session.checkpoint\n"
        "heavy = {'numpy', 'polars', 'pyarrow', 'aiohttp', 'asyncio', 'socket', 'rich',\n"
        "         'cyclopts', 'structlog', 'orjson', 'prometheus_client', 'sqlite3', 'ssl'}\n"
        "found = sorted(heavy & (set(sys.modules) - before))\n"
        "raise SystemExit(f'loaded {found}' if found else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


DIGEST = """
from tests.support.factories import merged, roomy, walk
from grinder_core.session.result import run
events = merged(walk(1, 300), walk(2, 300, symbol="BBBUSDT"))
result = run(events, roomy(recenter_bps=20, maker_fee_bps_x100=200))
print(result.digest, result.running_digest)
"""


def test_the_digest_does_not_depend_on_hash_seed_locale_zone_or_folder(tmp_path: Path) -> None:
    seen = set()
    for number, extra in enumerate(
        (
            {"PYTHONHASHSEED": "0"},
            {"PYTHONHASHSEED": "1", "LC_ALL": "de_DE.UTF-8", "TZ": "Asia/Kathmandu"},
            {"PYTHONHASHSEED": "4242", "LC_ALL": "tr_TR.UTF-8", "PYTHONOPTIMIZE": "1"},
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", DIGEST],
            cwd=folder,
            env={"PYTHONPATH": str(ROOT), "PATH": "", **extra},
            capture_output=True,
            text=True,
            check=True,
        )
        seen.add(done.stdout)
    assert len(seen) == 1
