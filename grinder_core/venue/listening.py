"""Which market events move the venue under given settings."""

from __future__ import annotations

from grinder_core.contracts.enums import FillMode, FundingSource, MarkSource
from grinder_core.contracts.market import DepthDiff, Funding, L2Snapshot, MarkPrice, Trade
from grinder_core.venue.settings import VenueSettings


def payloads_needed(settings: VenueSettings) -> frozenset[type]:
    """Payload types besides snapshots that change fills, funding or margin."""
    kinds: set[type] = set()
    if settings.fill_mode in {FillMode.L2, FillMode.QUEUE}:
        kinds |= {L2Snapshot, DepthDiff}
    if settings.fill_mode is FillMode.QUEUE:
        kinds.add(Trade)
    if settings.funding_source is FundingSource.DATA:
        kinds.add(Funding)
    values_positions = (
        settings.liquidation_enabled or settings.funding_source is not FundingSource.NONE
    )
    if settings.mark_source is MarkSource.MARK_PRICE and values_positions:
        kinds.add(MarkPrice)
    return frozenset(kinds)
