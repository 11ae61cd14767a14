"""Which symbols may trade: the selection, and making it from the first events (CORE-09, 10)."""

from __future__ import annotations

from collections.abc import Iterator

from grinder_core.contracts.control import Selection
from grinder_core.contracts.enums import SelectionSource
from grinder_core.contracts.verdicts import NOT_IN_TOPK
from grinder_core.engine.state import HotState
from grinder_core.engine.stats import bump
from grinder_core.engine.symbol import SymbolState
from grinder_core.errors import ConfigError
from grinder_core.selection.settings import SelectionSettings
from grinder_core.selection.topk_v1 import SelectionCandidate, select_v1


def is_prefix(hot: HotState, settings: SelectionSettings) -> bool:
    """Whether this snapshot still only feeds the selection and the trackers."""
    return hot.selection is None and hot.prefix_seen < settings.topk_prefix_events


def feed_prefix(hot: HotState, s: SymbolState) -> None:
    """Take one snapshot of the prefix into the selection."""
    hot.prefix_seen += 1
    if hot.prefix_scores is not None:
        hot.prefix_scores.push(s.symbol, s.mid)


def is_selected(hot: HotState, settings: SelectionSettings, s: SymbolState) -> bool:
    """Whether the selection lets a symbol trade; makes it when its prefix is over.

    Raises:
        ConfigError: The settings ask for a selection and none was made.
    """
    if hot.selection is None:
        hot.selection = _select(hot, settings)
    return s.symbol in hot.selection.symbols


def refuse(hot: HotState) -> None:
    """Count one snapshot of a symbol that does not trade."""
    bump(hot.stats.prefiltered, NOT_IN_TOPK.reason.value)


def _select(hot: HotState, settings: SelectionSettings) -> Selection:
    if not settings.topk_prefix_events:
        raise ConfigError(
            "needs a SELECTION event before the first snapshot",
            field="selection_source",
            value=settings.selection_source.value,
            remedy="make a selection pass over the data, or set topk_prefix_events",
        )
    if settings.selection_source is SelectionSource.TOPK_V1:
        return select_v1(_candidates(hot), settings, lookahead=False)
    assert hot.prefix_scores is not None
    return hot.prefix_scores.select(settings.topk_k, lookahead=False)


def _candidates(hot: HotState) -> Iterator[SelectionCandidate]:
    for _, s in sorted(hot.symbols.items()):
        features = s.last_features
        if features is None:
            continue  # known from its statistics only: it has shown no price yet
        # the quote that ends the prefix has moved its symbol already and is no part of it
        toxic = s.toxicity.check(features.mid_price, features.spread_bps)
        yield SelectionCandidate.of(features, toxicity_blocked=toxic is not None)
