"""Each fault alone: what the adapter does about it, and that nothing is lost, doubled or orphaned.

In words: ``docs/concepts/when-the-venue-misbehaves.md``.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest
from attrs import frozen

from grinder_adapters.local_venue.fault_kinds import FaultKind
from grinder_adapters.local_venue.fault_plans import named_faults
from tests.docs.documents import ROOT
from tests.simulation.adapter_world import AdapterWorld

SEED, DURATION_MS, CALM_MS = 11, 50_000, 30_000
PAGE: Final = ROOT / "docs" / "concepts" / "when-the-venue-misbehaves.md"

AGAIN: Final = "accepted after several attempts"
UNKNOWN: Final = "failed OUTCOME_UNKNOWN"
BOOKS: Final = "books given up"
TRADES: Final = "trade gaps"
LOST: Final = "market connection lost"
REOPENED: Final = "user stream opened again"


@frozen
class Reaction:
    """Counts that show what was done: some must be there, others must not."""

    there: tuple[str, ...] = ()
    not_there: tuple[str, ...] = ()


WAITS: Final = Reaction((), (AGAIN, "retried transient"))
ASKS_AND_SENDS_AGAIN: Final = Reaction((UNKNOWN, AGAIN))
ASKS_AND_FINDS: Final = Reaction((UNKNOWN,), (AGAIN,))
SENDS_AGAIN: Final = Reaction(("failed TRANSIENT", "retried transient", AGAIN), (UNKNOWN,))
SETS_CLOCK: Final = Reaction(("failed CLOCK", AGAIN), (UNKNOWN,))
GOES_ON: Final = Reaction((), (AGAIN, UNKNOWN, BOOKS, LOST, REOPENED))

REACTIONS: Final = {
    FaultKind.LATENCY: WAITS,
    FaultKind.SLOW_ANSWER: WAITS,
    FaultKind.DROP_BEFORE: ASKS_AND_SENDS_AGAIN,
    FaultKind.DROP_AFTER: ASKS_AND_FINDS,
    FaultKind.SERVER_ERROR: ASKS_AND_SENDS_AGAIN,
    FaultKind.UNKNOWN_503: ASKS_AND_FINDS,
    FaultKind.UNAVAILABLE_503: SENDS_AGAIN,
    FaultKind.INTERNAL_503: SENDS_AGAIN,
    FaultKind.OVERLOADED_503: SENDS_AGAIN,
    FaultKind.TIMEOUT_408: ASKS_AND_SENDS_AGAIN,
    FaultKind.TIMEOUT_1007: ASKS_AND_FINDS,
    FaultKind.RATE_LIMITED_429: Reaction(
        ("failed RATE_LIMITED", "refused E_CIRCUIT_OPEN", "place Accepted")
    ),
    FaultKind.TOO_MANY_ORDERS: Reaction(
        ("failed RATE_LIMITED", "refused E_RATE_LIMIT", "cancel Accepted"),
        ("refused E_CIRCUIT_OPEN",),
    ),
    FaultKind.BANNED_418: Reaction(("failed BANNED", "refused E_CIRCUIT_OPEN"), (AGAIN,)),
    FaultKind.TIMESTAMP_1021: SETS_CLOCK,
    FaultKind.NOT_FOUND_2013: Reaction((), (AGAIN, UNKNOWN)),
    FaultKind.CLOCK_SKEW: SETS_CLOCK,
    FaultKind.AMEND_CANCELS: Reaction(("amend Refused", "failed RESYNC"), (AGAIN,)),
    FaultKind.FILL_BEFORE_CANCEL: GOES_ON,
    FaultKind.FRAME_LOST: Reaction((BOOKS, TRADES), (LOST,)),
    FaultKind.FRAME_LATE: Reaction((BOOKS, "dropped out_of_order"), (LOST,)),
    FaultKind.FRAME_TWICE: Reaction(("dropped duplicate",), (BOOKS, TRADES, LOST)),
    FaultKind.FRAME_REORDERED: Reaction((BOOKS, "dropped out_of_order"), (LOST,)),
    FaultKind.SEQUENCE_GAP: Reaction((BOOKS, TRADES), (LOST,)),
    FaultKind.SILENCE: Reaction((BOOKS, UNKNOWN), (AGAIN,)),
    FaultKind.STREAM_CUT: Reaction((LOST, REOPENED), (AGAIN,)),
    FaultKind.DISCONNECT: Reaction((LOST, REOPENED), (AGAIN,)),
    FaultKind.LISTEN_KEY_EXPIRED: Reaction((REOPENED,), (LOST, AGAIN)),
    FaultKind.PARTIAL_FILL: GOES_ON,
    FaultKind.FOREIGN_ORDER: GOES_ON,
    FaultKind.INJECTED_POSITION: GOES_ON,
    FaultKind.FILTER_CHANGE: GOES_ON,
    FaultKind.STATUS_CHANGE: Reaction(("refused -4140",), (AGAIN, UNKNOWN)),
    FaultKind.DEPOSIT: GOES_ON,
}


def counts_of(kind: FaultKind) -> Counter[str]:
    """Live through most of a minute with one fault; what was wrong fails the test."""
    world = AdapterWorld(
        *(SEED, DURATION_MS), faults=named_faults(kind), watches=True, calm_ms=CALM_MS
    )
    found = world.play()
    assert not found.wrong
    counts = found.counts
    counts[REOPENED] = counts["user stream opened"] - 1
    return counts


@pytest.mark.parametrize("kind", FaultKind)
def test_each_fault_meets_its_reaction_and_harms_no_order(kind: FaultKind) -> None:
    counts = counts_of(kind)
    reaction = REACTIONS[kind]
    assert counts["faults"] > 0
    assert {name: counts[name] for name in reaction.there if not counts[name]} == {}
    assert {name: counts[name] for name in reaction.not_there if counts[name]} == {}
    assert not any(name.endswith(" Unknown") for name in counts)  # each outcome became known


def test_the_page_says_what_is_done_about_each() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [kind.value for kind in FaultKind]
