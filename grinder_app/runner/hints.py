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
    return detail.partition(" ")[0] in OWN_REFUSALS
