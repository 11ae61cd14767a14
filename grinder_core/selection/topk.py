"""Top-K selection by recent volatility (CORE-09)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from attrs import Factory, define

from grinder_core.contracts.control import Selection
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.indicators.returns import ReturnWindow
from grinder_core.selection.settings import SelectionSettings


@define
class TopKScores:
    """Rolling scores of all symbols; independent of how symbols interleave."""

    window_size: int
    windows: dict[str, ReturnWindow] = Factory(dict)
    events_seen: int = 0

    def push(self, symbol: str, mid: Decimal) -> None:
        """Fold one mid of one symbol."""
        window = self.windows.get(symbol)
        if window is None:
            window = self.windows[symbol] = ReturnWindow(self.window_size)
        window.push(mid)
        self.events_seen += 1

    def select(self, k: int, *, lookahead: bool) -> Selection:
        """Take the ``k`` highest scores; equal scores in byte order of the symbol."""
        scores = {
            symbol: window.sum_abs_returns_bps for symbol, window in sorted(self.windows.items())
        }
        return Selection(symbols=rank(scores)[:k], k=k, scores=scores, lookahead=lookahead)


def rank(scores: Mapping[str, int]) -> tuple[str, ...]:
    """Symbols by score, descending; ties ascending by symbol.

    Example:
        >>> rank({"C": 59, "B": 59, "A": 349})
        ('A', 'B', 'C')
    """
    return tuple(sorted(scores, key=lambda symbol: (-scores[symbol], symbol)))


def select_two_pass(events: Iterable[Event], settings: SelectionSettings) -> Selection:
    """Score all snapshots of a stream and select once: looks ahead, and says so."""
    scores = TopKScores(settings.topk_window_size)
    for event in events:
        if isinstance(event.payload, Snapshot):
            scores.push(event.payload.symbol, event.payload.mid_price)
    return scores.select(settings.topk_k, lookahead=True)
