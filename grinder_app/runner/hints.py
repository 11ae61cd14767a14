"""What is known of two sides beside their outputs, where one of them is a live session.

A live session is stopped by its state, its guards and its operator; its venue is not the simulated
one; its feed lets events give way where the process is behind. The outputs alone do not tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import Factory, frozen

from grinder_core.contracts.live import BlockReason, RouteReason

ANSWERS: Final = frozenset(
    {
        BlockReason.RETRIES_EXHAUSTED.value,
        BlockReason.NON_RETRYABLE_ERROR.value,
        BlockReason.OUTCOME_UNKNOWN.value,
        BlockReason.IDEMPOTENCY_CONFLICT.value,
    }
)
OWN_REFUSALS: Final = (
    frozenset(reason.value for reason in (*BlockReason, *RouteReason)) - ANSWERS
) | {"withdrawn"}
WAITS: Final = frozenset({RouteReason.ORDER_IN_FLIGHT.value, RouteReason.CANCEL_IN_FLIGHT.value})
ROUTED: Final = (
    frozenset(reason.value for reason in RouteReason)
    - WAITS
    - {RouteReason.RATE_BUDGET.value, RouteReason.RATE_BUDGET_DERISK.value}
)


@frozen(kw_only=True)
class SideHints:
    """One side.

    Attributes:
        stops: Why it let no new risk in, by number of the output; others were free.
        answers: What became of a write that did not succeed, by number of the output after it.
        conflates: Its feed lets market events give way to newer ones.
    """

    stops: Mapping[int, str] = Factory(dict)
    answers: Mapping[int, str] = Factory(dict)
    conflates: bool = False


@frozen(kw_only=True)
class Hints:
    """Both sides.

    Attributes:
        are_other_venues: Not the same venue matched them: an order that rests in both may fill in
            one.
    """

    a: SideHints = SideHints()
    b: SideHints = SideHints()
    are_other_venues: bool = False

    def of(self, who: str) -> SideHints:
        """Return what is known of A or B."""
        return self.a if who == "A" else self.b


NOTHING: Final = Hints()


def is_own_refusal(detail: str) -> bool:
    """Whether an order was refused by the session itself, and never reached the venue."""
    return _reason(detail) in OWN_REFUSALS


def is_wait(detail: str) -> bool:
    """Whether an order had to wait: the answer to the write before it was still out."""
    return _reason(detail) in WAITS


def is_routed(detail: str) -> bool:
    """Whether the router found that the venue's order does, or that it may not be changed now."""
    return _reason(detail) in ROUTED


def _reason(detail: str) -> str:
    return detail.partition(" ")[0]
