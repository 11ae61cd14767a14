"""What the core needs from outside, as protocols: the app injects the implementations."""

from __future__ import annotations

from typing import Protocol

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.contracts.plan import GridPlan


class Policy(Protocol):
    """A strategy: what would you like to rest in the book right now?

    A policy is a pure function of its context: same context, same plan. It knows no limits;
    gates, diff, venue and report treat its plan like any other. It runs under a decimal context
    of 34 digits, half-even, in which floats are refused.

    Raises (the engine, on its behalf):
        PolicyError: It raised, or returned something that is no valid plan.
    """

    name: str

    def plan(self, context: PolicyContext) -> GridPlan:
        """Return the wanted grid for this snapshot."""


class OutputSink(Protocol):
    """Takes each output of a session in order, as the object and as its canonical digest line."""

    def __call__(self, output: PaperOutput, line: bytes) -> None: ...
