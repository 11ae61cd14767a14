"""What a smoke harness found: for people, for machines, and as a JUnit file (LIVE-28)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from attrs import frozen

from grinder_adapters.feeds.atomic import atomic_file
from grinder_app.smoke.steps import INTERRUPTED, Done, StepVerdict
from grinder_core.codec import to_dict
from grinder_core.numbers import canonical, dec_down

MS: Final = 1_000


@frozen(kw_only=True)
class SmokeReport:
    """How a harness ended.

    Attributes:
        harness: Its name.
        facts: Where it ran, in which mode, and what it did there.
        left: What is left open at the venue, or may be; each with the way to remove it.
    """

    harness: str
    facts: Mapping[str, str]
    steps: tuple[Done, ...]
    left: tuple[str, ...] = ()

    @property
    def has_passed(self) -> bool:
        """Whether every step passed and nothing is left open."""
        return not self.left and all(s.verdict is StepVerdict.PASS for s in self.steps)

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody stopped it."""
        return any(s.verdict is StepVerdict.FAIL and s.found == INTERRUPTED for s in self.steps)

    @property
    def is_unreachable(self) -> bool:
        """Whether nobody answered at the very start."""
        failed = [s for s in self.steps if s.verdict is StepVerdict.FAIL]
        return bool(failed) and failed[0] is self.steps[0] and failed[0].is_unreachable

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "harness": self.harness,
            "passed": self.has_passed,
            "facts": dict(self.facts),
            "steps": [to_dict(step) for step in self.steps],
            "left": list(self.left),
        }

    def rows(self) -> list[tuple[str, str, int, str, str]]:
        """Return the rows of the table: verdict, step, milliseconds, answer, what was found."""
        return [(s.verdict.value, s.name, s.ms, s.answer, s.found) for s in self.steps]


def junit(report: SmokeReport) -> bytes:
    """Return the report as the XML that build servers read."""
    failed = [s for s in report.steps if s.verdict is StepVerdict.FAIL]
    skipped = [s for s in report.steps if s.verdict is StepVerdict.SKIP]
    suite = ElementTree.Element(
        "testsuite",
        name=f"grinder smoke {report.harness}",
        tests=str(len(report.steps) + bool(report.left)),
        failures=str(len(failed) + bool(report.left)),
        errors="0",
        skipped=str(len(skipped)),
        time=_seconds(sum(s.ms for s in report.steps)),
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in report.facts.items():
        ElementTree.SubElement(properties, "property", name=name, value=value)
    for step in report.steps:
        case = _case(suite, report, step.name, step.ms)
        if step.verdict is StepVerdict.FAIL:
            ElementTree.SubElement(case, "failure", message=step.found).text = step.answer
        elif step.verdict is StepVerdict.SKIP:
            ElementTree.SubElement(case, "skipped", message=step.found)
    if report.left:
        case = _case(suite, report, "left open", 0)
        failure = ElementTree.SubElement(case, "failure", message=report.left[0])
        failure.text = "\n".join(report.left)
    ElementTree.indent(suite)
    body: bytes = ElementTree.tostring(suite, encoding="us-ascii", xml_declaration=True)
    return body + b"\n"


def write_junit(report: SmokeReport, path: Path) -> None:
    """Write that file, whole or not at all."""
    os.makedirs(path.parent, exist_ok=True)
    with atomic_file(path) as file:
        file.write(junit(report))


def _case(
    suite: ElementTree.Element, report: SmokeReport, name: str, ms: int
) -> ElementTree.Element:
    owner = f"grinder.smoke.{report.harness}"
    return ElementTree.SubElement(suite, "testcase", classname=owner, name=name, time=_seconds(ms))


def _seconds(ms: int) -> str:
    return canonical(dec_down(ms, 3, MS))
