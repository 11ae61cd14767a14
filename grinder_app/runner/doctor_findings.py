"""What a check-up finds: one line each, with a way to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from attrs import frozen


class Verdict(StrEnum):
    """How bad it is: a live run starts well, may suffer, or must not start."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@frozen(kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        remedy: What to do; empty where nothing is to be done.
    """

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


@frozen
class DoctorReport:
    """All findings, in the order in which they were made."""

    findings: Sequence[Finding]

    def count(self, verdict: Verdict) -> int:
        """Return how many findings have a verdict."""
        return sum(finding.verdict is verdict for finding in self.findings)

    @property
    def has_failed(self) -> bool:
        """Whether a live run must not start like this."""
        return self.count(Verdict.FAIL) > 0


def fine(name: str, found: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(name=name, verdict=Verdict.OK, found=found)


def warned(name: str, found: str, remedy: str) -> Finding:
    """Return one that a live run may suffer from."""
    return Finding(name=name, verdict=Verdict.WARN, found=found, remedy=remedy)


def failed(name: str, found: str, remedy: str) -> Finding:
    """Return one that a live run must not start with."""
    return Finding(name=name, verdict=Verdict.FAIL, found=found, remedy=remedy)
