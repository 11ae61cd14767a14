"""Cheap hard limits before anything else (CORE-08). Stateless; the first failure names itself."""

from __future__ import annotations

from grinder_core.contracts.enums import PrefilterReason
from grinder_core.contracts.market import MarketStats
from grinder_core.contracts.verdicts import PREFILTER_PASS, PrefilterResult
from grinder_core.gates.settings import GateSettings


def prefilter(
    settings: GateSettings, symbol: str, spread_bps: int, stats: MarketStats | None
) -> PrefilterResult:
    """Judge one symbol at one snapshot.

    Args:
        stats: 24 h turnover and open interest; ``None`` where unknown, which blocks unless
            ``prefilter_assume_liquid``.
    """
    allow_list = settings.prefilter_allow_list
    if allow_list is not None and symbol not in allow_list:
        return _refused(PrefilterReason.SYMBOL_NOT_ALLOWED)
    if spread_bps > settings.prefilter_spread_max_bps:
        return _refused(PrefilterReason.SPREAD_TOO_HIGH)
    if stats is None:
        if settings.prefilter_assume_liquid:
            return PREFILTER_PASS
        return _refused(PrefilterReason.VOLUME_24H_TOO_LOW)
    if stats.vol_24h_usd < settings.prefilter_vol_24h_min_usd:
        return _refused(PrefilterReason.VOLUME_24H_TOO_LOW)
    if stats.oi_usd < settings.prefilter_oi_min_usd:
        return _refused(PrefilterReason.OPEN_INTEREST_TOO_LOW)
    return PREFILTER_PASS


def _refused(reason: PrefilterReason) -> PrefilterResult:
    return PrefilterResult(allowed=False, reason=reason)
