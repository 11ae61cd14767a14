"""How far one fault of a plan has come: what it has seen, and whom it strikes next (LIVE-40)."""

from __future__ import annotations

from attrs import Factory, define

from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match
from grinder_core.draws import draw_below
from grinder_core.numbers import BPS


@define
class FaultState:
    """What one fault has done. Times called ``elapsed_ms`` count from the plan's start.

    Attributes:
        seen: How many fitted its match.
        fired: How often it struck.
        drawn: How often it drew a delay.
        until: It strikes whatever fits until this time, ms.
        along: Of a stream, until when, or for how many frames more, they go the same way.
    """

    seen: int = 0
    fired: int = 0
    drawn: int = 0
    until: int = 0
    along: dict[str, int] = Factory(dict)

    def fires(self, match: Match, elapsed_ms: int, seed: int) -> bool:
        """Count one that fits, and say whether the fault strikes it."""
        if not match.is_within(elapsed_ms):
            return False
        self.seen += 1
        if (match.at_most and self.fired >= match.at_most) or not match.takes(self.seen):
            return False
        if draw_below(seed, self.seen, BPS) >= match.probability_bps:
            return False
        self.fired += 1
        return True

    def delay(self, fault: Fault, seed: int) -> int:
        """Draw how late something is, ms."""
        self.drawn += 1
        return fault.delay_ms + draw_below(seed, self.drawn, fault.jitter_ms + 1)

    def next_time(self, match: Match) -> int | None:
        """Return when a timed fault is next to be decided; ``None`` for never."""
        elapsed_ms = match.from_ms + self.seen * match.every_ms
        is_over = self.seen and not match.every_ms
        is_spent = match.at_most and self.fired >= match.at_most
        if is_over or is_spent or not match.is_within(elapsed_ms):
            return None
        return elapsed_ms

    def take_along(self, fault: Fault, stream: str, elapsed_ms: int) -> None:
        """Let the next frames of a stream go the way of one that was struck."""
        if fault.kind is FaultKind.SILENCE:
            self.along[stream] = elapsed_ms + fault.lasts_ms
        elif fault.kind is FaultKind.SEQUENCE_GAP:
            self.along[stream] = fault.count - 1

    def goes_along(self, fault: Fault, stream: str, elapsed_ms: int) -> bool:
        """Whether a frame goes the way of an earlier one of its stream; counts it if so."""
        left = self.along.get(stream, 0)
        if fault.kind is FaultKind.SILENCE:
            return elapsed_ms < left
        if not left or not fault.match.is_within(elapsed_ms):
            return False
        self.along[stream] = left - 1
        return True
