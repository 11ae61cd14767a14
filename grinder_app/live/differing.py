"""What differs at the venue, in words, with the ways out (LIVE-20, LIVE-38)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from grinder_core.numbers import ZERO, canonical
from grinder_core.reconcile.records import (
    ExpectedOrder,
    ExpectedPosition,
    Mismatch,
    ObservedOrder,
    ObservedPosition,
)

NAMES_MAX: Final = 3


def foreign_lines(orders: Mapping[str, Sequence[str]]) -> list[str]:
    """Say which symbols hold orders of others."""
    return [
        f"{symbol}: {len(names)} orders that are not ours ({_some(names)}): cancel them, or leave "
        "the symbol out"
        for symbol, names in sorted(orders.items())
    ]


def stray_lines(orders: Mapping[str, Sequence[str]]) -> list[str]:
    """Say which symbols that are not traded hold orders of ours."""
    return [
        f"{symbol}: {len(names)} orders of ours ({_some(names)}) on a symbol that is not traded: "
        "cancel them, or trade the symbol"
        for symbol, names in sorted(orders.items())
    ]


def position_line(symbol: str, held: Decimal, believed: Decimal) -> str:
    """Say how a position differs."""
    return (
        f"{symbol}: the venue holds {canonical(held)}, and we believe {canonical(believed)}: "
        "close the difference by hand, or take it over with grinder state adopt-exchange"
    )


def position_lines(held: Mapping[str, tuple[Decimal, Decimal]]) -> list[str]:
    """Say how positions differ, each the venue's and ours."""
    return [position_line(symbol, *pair) for symbol, pair in sorted(held.items())]


def mismatch_lines(found: Iterable[Mismatch]) -> list[str]:
    """Say what was found; equal findings give equal lines."""
    return [_line(mismatch) for mismatch in found]


def _line(mismatch: Mismatch) -> str:
    if mismatch.type.is_position:
        return position_line(
            mismatch.symbol, _amount(mismatch.observed), _amount(mismatch.expected)
        )
    believed, shown = mismatch.expected, mismatch.observed
    ours = believed.expected_status.value if isinstance(believed, ExpectedOrder) else "unknown"
    theirs = shown.status.value if isinstance(shown, ObservedOrder) else "not there"
    return (
        f"{mismatch.symbol}: order {mismatch.client_order_id} is {theirs} at the venue and {ours} "
        f"to us; what would help: {mismatch.action_plan}"
    )


def _amount(side: object) -> Decimal:
    """Return the position of either side; none is flat."""
    if isinstance(side, ObservedPosition):
        return side.position_amt
    return side.expected_position_amt if isinstance(side, ExpectedPosition) else ZERO


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMES_MAX])
