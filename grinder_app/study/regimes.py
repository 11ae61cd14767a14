"""Profit and time by market state (CORE-18), over sessions. Profit is before funding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import define

from grinder_app.study.results import Row

DAY_MS: Final = 86_400_000


@define
class RegimeSum:
    """What a market state brought over some sessions; quote currency."""

    ms: int = 0
    fills: int = 0
    net: float = 0.0

    @property
    def per_day(self) -> float:
        """Net profit for each day spent in it, of one session."""
        return self.net / (self.ms / DAY_MS) if self.ms else 0.0

    @property
    def is_known(self) -> bool:
        """Whether it held for a day in all, so that a figure for each day means something."""
        return self.ms >= DAY_MS


def regime_sums(rows: Sequence[Row]) -> dict[str, RegimeSum]:
    """Add up the states of some sessions, by name."""
    found: dict[str, RegimeSum] = {}
    for row in rows:
        for each in row.regimes:
            total = found.setdefault(each.regime, RegimeSum())
            total.ms += each.ms
            total.fills += each.fills
            total.net += float(each.net_pnl)
    return found
