"""What a fault does to a request, to a frame or at a time, and the record of it (LIVE-40)."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind
from grinder_adapters.local_venue.http import Response


class Twist(StrEnum):
    """What the exchange does besides, or instead of, what a request asks."""

    AMEND_CANCELS = "amend_cancels"  # the order to be amended is cancelled
    FILL_FIRST = "fill_first"  # the order to be cancelled fills before, by ``share_bps``


@frozen(kw_only=True)
class RequestFault:
    """What happens to one request.

    Attributes:
        kinds: What struck, in the plan's order.
        latency_ms: How long it takes to arrive.
        answer_delay_ms: How long its answer takes.
        skew_ms: Added to the clock that judges it and that it is told.
        executes: Whether it is done.
        answers: Whether anything is answered; if not, the connection breaks.
        instead: What is answered in place of the exchange.
        share_bps: Of the order's open quantity.
    """

    kinds: tuple[FaultKind, ...] = ()
    latency_ms: int = 0
    answer_delay_ms: int = 0
    skew_ms: int = 0
    executes: bool = True
    answers: bool = True
    instead: Response | None = None
    twist: Twist | None = None
    share_bps: int = 0

    @property
    def name(self) -> str:
        """The kinds as one word, for the request log."""
        return "+".join(self.kinds)


class FrameAction(StrEnum):
    """What happens to one frame."""

    PASS = "pass"
    DROP = "drop"
    DELAY = "delay"  # later frames of its stream may overtake it
    DUPLICATE = "duplicate"
    HOLD = "hold"  # until the next frame of its stream was sent
    DISCONNECT = "disconnect"  # unsent, and the connection ends


@frozen(kw_only=True)
class FrameFate:
    """What happens to one frame, and how late it is."""

    action: FrameAction = FrameAction.PASS
    delay_ms: int = 0
    kind: FaultKind | None = None


@frozen(kw_only=True)
class VenueFault:
    """Something that happens at the exchange, at its time; the fault's parameters say what."""

    at_ms: int
    fault: Fault


@frozen(kw_only=True)
class Injection:
    """One record of what was injected.

    Attributes:
        fault: Place in the plan, from 0.
        subject: The request, frame or symbol.
    """

    at_ms: int
    fault: int
    kind: FaultKind
    subject: str
