"""Capabilities of the core specification: which code is each, and which tests prove it.

Titles and files are listed here; tests are found by what they say of themselves: the docstring of
a test module or test function names the id (``CORE-17``, ``CORE-08, 11..14``), and a worked example
of the specification is a test named ``test_worked_example_core_17...``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeGuard

from attrs import Factory, define

from grinder_app.reference.capability_list import CAPABILITIES, Capability
from grinder_app.reference.markdown import code, page, section, table

ROOT: Final = Path(__file__).resolve().parents[2]
MISSING: Final = "missing"

_IDS: Final = re.compile(r"CORE-\d\d(?:(?: \([^)]*\))?(?:\.\.|, | and )(?:CORE-)?\d\d\b)*")
_PART: Final = re.compile(r"(?P<joint>\.\.)?(?:CORE-)?(?P<number>\d\d)\b")
_ASIDE: Final = re.compile(r" \([^)]*\)")
_EXAMPLE: Final = re.compile(r"test_worked_example_core_(\d\d)(?:_\w+)?")


@define
class Evidence:
    """What tests say they prove of one capability; paths below the root, in byte order."""

    files: list[str] = Factory(list)
    examples: list[str] = Factory(list)


def capabilities_markdown(root: Path = ROOT) -> str:
    """Return the page of all capabilities; what does not exist is marked as missing."""
    evidence = evidence_of(root / "tests", root)
    rows = [_row(each, evidence.get(each.number, Evidence()), root) for each in CAPABILITIES]
    return page(
        "Capabilities",
        "What the core does, by the ids of its specification, with the code that does it and the "
        "tests that prove it. A test file is listed when it, or a test in it, says that it is "
        "about the id; worked examples are those of the specification, with its numbers.",
        section("Core", table(("id", "capability", "code", "tests", "worked examples"), rows)),
    )


def evidence_of(tests: Path, root: Path) -> dict[int, Evidence]:
    """Return what the tests below a folder say they prove, by the number of the capability."""
    found: dict[int, Evidence] = {}
    for path in sorted(tests.rglob("test_*.py")):
        name = path.relative_to(root).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tests_of = [node for node in ast.walk(tree) if _is_test(node)]
        examples = list(_examples(tests_of))
        for number in sorted({*_named([tree, *tests_of]), *(n for n, _ in examples)}):
            found.setdefault(number, Evidence()).files.append(name)
        for number, example in examples:
            found[number].examples.append(example)
    return found


def numbers_in(text: str) -> set[int]:
    """Return the numbers of all capabilities that a text names.

    Example:
        >>> sorted(numbers_in("CORE-08, 11..14: each gate; CORE-27 (day), 29 and 31"))
        [8, 11, 12, 13, 14, 27, 29, 31]
    """
    found: set[int] = set()
    for match in _IDS.finditer(text):
        before = 0
        for part in _PART.finditer(_ASIDE.sub("", match[0])):
            number = int(part["number"])
            found.update(range(before, number + 1) if part["joint"] else (number,))
            before = number
    return found


def missing_of(capability: Capability, evidence: Evidence, root: Path = ROOT) -> list[str]:
    """Return what a capability lacks: files of code, tests, or its worked example."""
    lacks = [path for path in capability.code if not (root / path).is_file()]
    if not evidence.files:
        lacks.append("tests")
    if capability.has_example and not evidence.examples:
        lacks.append("worked example")
    return lacks


def _row(capability: Capability, evidence: Evidence, root: Path) -> tuple[str, ...]:
    lacks = set(missing_of(capability, evidence, root))
    paths = [MISSING if path in lacks else code(path) for path in capability.code]
    tests = [MISSING] if "tests" in lacks else [code(path) for path in evidence.files]
    examples = [code(name.removeprefix("test_")) for name in sorted(evidence.examples)]
    if "worked example" in lacks:
        examples = [MISSING]
    elif not capability.has_example:
        examples = ["(none in the specification)"]
    cells = ("<br>".join(each) for each in (paths, tests, examples))
    return (capability.id, capability.title, *cells)


def _is_test(node: ast.AST) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test_")


def _named(said: Sequence[ast.Module | ast.FunctionDef]) -> set[int]:
    """Return what the docstrings of a test module and of its tests name."""
    return numbers_in("\n".join(ast.get_docstring(node) or "" for node in said))


def _examples(tests: Sequence[ast.FunctionDef]) -> Iterator[tuple[int, str]]:
    for test in tests:
        if match := _EXAMPLE.fullmatch(test.name):
            yield int(match[1]), test.name
