"""Everything public of the core says what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, shown

MODULES = sorted((ROOT / "grinder_core").rglob("*.py"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
FREE = {"property", "overload"}


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Yield what is public and has no docstring; private things hide what is inside them."""
    if not ast.get_docstring(tree):
        yield "the module"
    yield from _inside(tree, "")


def _inside(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for child in node.body:
        if not isinstance(child, (ast.ClassDef, *FUNCTIONS)) or child.name.startswith("_"):
            continue
        name = f"{prefix}{child.name}"
        marks = {ast.unparse(each) for each in child.decorator_list}
        if not ast.get_docstring(child) and not marks & FREE:
            yield f"{name} (line {child.lineno})"
        if isinstance(child, ast.ClassDef):
            yield from _inside(child, f"{name}.")


@pytest.mark.parametrize("module", MODULES, ids=shown)
def test_what_is_public_has_a_docstring(module: Path) -> None:
    missing = list(undocumented(ast.parse(module.read_text(encoding="utf-8"))))
    assert missing == []


def test_what_is_missing_is_found() -> None:
    source = '''
class Open:
    """Says something."""
    def said(self):
        """Says something."""
    def silent(self): ...
    @property
    def short(self): ...
    def __len__(self): ...
class _Closed:
    def silent(self): ...
def silent(): ...
'''
    found = list(undocumented(ast.parse(source)))
    assert found == ["the module", "Open.silent (line 6)", "silent (line 12)"]
