"""Top-K v1 (CORE-10): choppy, liquid, calm and trendless symbols first. Integers only.

Gates exclude, scores rank: a symbol that fails a gate is never selected, however high it scores.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from attrs import evolve, frozen

from grinder_core.contracts.checks import check_decimal, check_int, check_symbol
from grinder_core.contracts.control import Selection
from grinder_core.contracts.decisions import SymbolScoreV1
from grinder_core.contracts.enums import SelectionGate
from grinder_core.contracts.features import FeatureSnapshot
from grinder_core.errors import ContractError
from grinder_core.selection.settings import SelectionSettings

PERCENT: Final = 100  # weights are hundredths


@frozen(kw_only=True)
class SelectionCandidate:
    """What the selection knows of one symbol: its last measures.

    Attributes:
        range_score: ``>= 0``, high where price chops without going anywhere.
        spread_bps: Of the last quote.
        thin_l1: Smaller of the two best quantities, base asset.
        net_return_bps: Signed; only its size matters.
        warmup_bars: Completed bars behind the measures.
        toxicity_blocked: The toxicity gate would refuse the last quote.
    """

    symbol: str
    range_score: int
    spread_bps: int
    thin_l1: Decimal
    net_return_bps: int
    warmup_bars: int
    toxicity_blocked: bool

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        for name in ("range_score", "spread_bps", "warmup_bars"):
            check_int(name, getattr(self, name))
        check_decimal("thin_l1", self.thin_l1)
        if self.thin_l1 < 0:
            raise ContractError("must be >= 0", field="thin_l1", value=self.thin_l1)
        if type(self.net_return_bps) is not int:
            raise ContractError(
                "must be an integer", field="net_return_bps", value=self.net_return_bps
            )

    @classmethod
    def of(cls, features: FeatureSnapshot, *, toxicity_blocked: bool) -> SelectionCandidate:
        """Return the candidate that a symbol's last features make."""
        return cls(
            symbol=features.symbol,
            range_score=features.range_score,
            spread_bps=features.spread_bps,
            thin_l1=features.thin_l1,
            net_return_bps=features.net_return_bps,
            warmup_bars=features.warmup_bars,
            toxicity_blocked=toxicity_blocked,
        )


def score(candidate: SelectionCandidate, settings: SelectionSettings) -> SymbolScoreV1:
    """Judge and score one candidate; its rank needs the others and stays open.

    Example:
        >>> choppy = SelectionCandidate(
        ...     symbol="AAAUSDT", range_score=23, spread_bps=5, thin_l1=Decimal(500),
        ...     net_return_bps=5, warmup_bars=15, toxicity_blocked=False)
        >>> score(choppy, SelectionSettings()).score
        31
    """
    magnitude = ilog10(int(candidate.thin_l1) + 1)
    range_component = settings.w_range * candidate.range_score // PERCENT
    liquidity_component = magnitude * settings.liq_scale * settings.w_liquidity // PERCENT
    # reported only: the gate has already excluded the symbol
    toxicity_penalty = settings.w_toxicity * PERCENT if candidate.toxicity_blocked else 0
    trend_penalty = settings.w_trend * abs(candidate.net_return_bps) // PERCENT
    return SymbolScoreV1(
        symbol=candidate.symbol,
        score=range_component + liquidity_component - toxicity_penalty - trend_penalty,
        range_component=range_component,
        liquidity_component=liquidity_component,
        toxicity_penalty=toxicity_penalty,
        trend_penalty=trend_penalty,
        gates_failed=gates_failed(candidate, settings),
        rank=None,
    )


def gates_failed(
    candidate: SelectionCandidate, settings: SelectionSettings
) -> tuple[SelectionGate, ...]:
    """Return every gate that a candidate fails, in the order they are judged."""
    judged = (
        (SelectionGate.TOXICITY_BLOCKED, candidate.toxicity_blocked),
        (SelectionGate.SPREAD_TOO_WIDE, candidate.spread_bps > settings.topk_v1_spread_max_bps),
        (SelectionGate.THIN_BOOK, candidate.thin_l1 < settings.thin_l1_min),
        (SelectionGate.WARMUP_INSUFFICIENT, candidate.warmup_bars < settings.warmup_min),
    )
    return tuple(gate for gate, fails in judged if fails)


def select_v1(
    candidates: Iterable[SelectionCandidate], settings: SelectionSettings, *, lookahead: bool
) -> Selection:
    """Rank all candidates that pass the gates and select the ``topk_v1_k`` best.

    Args:
        candidates: One a symbol, in any order.
        lookahead: Whether they were measured on events that come after the selection.

    Returns:
        ``scores`` and ``scores_v1`` hold every candidate, by symbol; ``rank`` counts on beyond
        the selected ones.

    Raises:
        ContractError: A symbol appears twice.
    """
    scored: dict[str, SymbolScoreV1] = {}
    for candidate in candidates:
        if candidate.symbol in scored:
            raise ContractError(
                "must appear once among the candidates", field="symbol", value=candidate.symbol
            )
        scored[candidate.symbol] = score(candidate, settings)
    passing = [item for item in scored.values() if not item.gates_failed]
    passing.sort(key=lambda item: (-item.score, item.symbol))
    for rank, item in enumerate(passing, 1):
        scored[item.symbol] = evolve(item, rank=rank)
    k = settings.topk_v1_k
    return Selection(
        symbols=tuple(item.symbol for item in passing[:k]),
        k=k,
        scores={symbol: scored[symbol].score for symbol in sorted(scored)},
        lookahead=lookahead,
        scores_v1=tuple(scored[symbol] for symbol in sorted(scored)),
    )


def ilog10(x: int) -> int:
    """Number of decimal digits of an integer ``x >= 1``, minus 1.

    Example:
        >>> [ilog10(x) for x in (1, 9, 10, 501)]
        [0, 0, 1, 2]
    """
    return len(str(x)) - 1
