"""What the core needs from outside, as protocols: the app injects the implementations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.effects import Effect
from grinder_core.contracts.event import Payload
from grinder_core.contracts.fill_features import FillFeatures
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import OrderUpdate
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


class Venue(Protocol):
    """Who answers the engine's effects. Methods run inside ``exact()``.

    ``now`` is the driver's clock, ``ts`` the venue's, Unix milliseconds.
    """

    @property
    def listens(self) -> frozenset[type]:
        """Payload types besides snapshots that ``on_market`` needs."""

    def on_snapshot(self, snapshot: Snapshot, now: int) -> Sequence[OrderUpdate | FundingPaid]:
        """Phase A: the market moved; resting orders may fill."""

    def on_market(
        self, payload: Payload, now: int, *, update_id: int | None = None
    ) -> Sequence[OrderUpdate | FundingPaid]:
        """Take what else the market says."""

    def submit(self, effect: Effect, now: int, ts: int) -> Sequence[OrderUpdate | FundingPaid]:
        """Take one order, cancel or flatten."""

    def end_of_turn(self, symbol: str, now: int, ts: int) -> Sequence[OrderUpdate | FundingPaid]:
        """Phase B: what was placed in this turn may fill at once."""


class OutputSink(Protocol):
    """Takes each output of a session in order, as the object and as its canonical digest line."""

    def __call__(self, output: PaperOutput, line: bytes) -> None: ...


class FillModel(Protocol):
    """How likely an entry is to end as a gain; a pure function of its features (ML-16)."""

    def predict_bps(self, features: FillFeatures) -> int:
        """Return the probability in basis points, 0 to 10000."""
