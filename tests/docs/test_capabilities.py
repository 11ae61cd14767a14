"""The table of capabilities is complete, and what it says exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from grinder_app.reference.capabilities import (
    MISSING,
    Evidence,
    capabilities_markdown,
    evidence_of,
    missing_of,
    numbers_in,
)
from grinder_app.reference.capability_list import CAPABILITIES, Capability
from tests.docs.documents import ROOT

EVIDENCE = evidence_of(ROOT / "tests", ROOT)
COMPLETE = range(1, 47)


def test_every_capability_is_listed_once_in_order() -> None:
    assert [each.number for each in CAPABILITIES] == list(range(1, 47))
    assert len({each.title for each in CAPABILITIES}) == 46


@pytest.mark.parametrize("number", COMPLETE)
def test_a_capability_has_code_tests_and_its_worked_example(number: int) -> None:
    capability = CAPABILITIES[number - 1]
    assert missing_of(capability, EVIDENCE.get(number, Evidence())) == []


def test_tests_name_no_capability_that_is_not_there() -> None:
    assert set(EVIDENCE) <= {each.number for each in CAPABILITIES}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("CORE-17: depth", {17}),
        ("CORE-36, 37 (fees): the venue", {36, 37}),
        ("CORE-13 (day), 27, 29: peak", {13, 27, 29}),
        ("CORE-08, 11..14: each gate", {8, 11, 12, 13, 14}),
        ("CORE-01 canonical JSON and CORE-05 digests", {1, 5}),
        ("CORE-03: a plan; CORE-21: the grid", {3, 21}),
        ("CORE-30 (tracker), ML-15 (its 22 properties)", {30}),
        ("CORE-41 and 42", {41, 42}),
        ("CORE-18, 3 examples; 19 of them; CORE-1; core-20", {18}),
        ("nothing", set()),
    ],
)
def test_ids_are_read_as_people_write_them(text: str, numbers: set[int]) -> None:
    assert numbers_in(text) == numbers


def test_evidence_is_what_docstrings_and_names_say(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    (tests / "core").mkdir(parents=True)
    (tests / "core" / "test_one.py").write_text(
        '"""CORE-07: said by the module."""\n'
        'def test_a() -> None:\n    """CORE-08 said by a test."""\n'
        'def helper() -> None:\n    """CORE-09 said by no test."""\n'
        "class TestAll:\n    def test_worked_example_core_10_b(self) -> None: ...\n"
        "def test_worked_example_core_11x() -> None: ...\n"
    )
    (tests / "core" / "factories.py").write_text('"""CORE-12: no test module."""\n')
    found = evidence_of(tests, tmp_path)
    assert {number: each.files for number, each in found.items()} == {
        number: ["tests/core/test_one.py"] for number in (7, 8, 10)
    }
    assert found[10].examples == ["test_worked_example_core_10_b"]


def test_what_is_missing_is_named_and_marked(tmp_path: Path) -> None:
    (tmp_path / "there.py").write_text("")
    capability = Capability(number=1, title="One", code=("there.py", "gone.py"))
    assert missing_of(capability, Evidence(), tmp_path) == ["gone.py", "tests", "worked example"]
    proven = Evidence(files=["tests/test_one.py"], examples=["test_worked_example_core_01"])
    assert missing_of(capability, proven, tmp_path) == ["gone.py"]
    page = capabilities_markdown(tmp_path)
    assert page.count("\n| CORE-") == 46
    assert f"| {MISSING} | {MISSING} | {MISSING} |" in page
    assert "(none in the specification)" in page
