"""Ready-made plans of faults: by name, one for each kind, and random ones from a seed (LIVE-40)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import define

from grinder_adapters.local_venue.fault_kinds import Family, Fault, FaultKind, Match, with_match
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_core.contracts.enums import Side
from grinder_core.draws import draw_below, stream_seed
from grinder_core.errors import ConfigError
from grinder_core.numbers import BPS
from grinder_core.venue.exchange.vocabulary import SymbolStatus

SYMBOL: Final = "BTCUSDT"
CALM, ROUGH, HOSTILE = "calm", "rough", "hostile"
PLAN_NAMES: Final = (CALM, ROUGH, HOSTILE, *FaultKind)

_MINUTE_MS: Final = 60_000
_ROUGH: Final = (  # what a bad day brings; probability in basis points
    (FaultKind.LATENCY, 500),
    (FaultKind.SLOW_ANSWER, 300),
    (FaultKind.DROP_BEFORE, 50),
    (FaultKind.DROP_AFTER, 50),
    (FaultKind.UNKNOWN_503, 50),
    (FaultKind.UNAVAILABLE_503, 50),
    (FaultKind.OVERLOADED_503, 100),
    (FaultKind.NOT_FOUND_2013, 100),
    (FaultKind.FRAME_LATE, 50),
    (FaultKind.FRAME_TWICE, 50),
    (FaultKind.SEQUENCE_GAP, 5),
    (FaultKind.STREAM_CUT, 2),
    (FaultKind.PARTIAL_FILL, 5_000),
    (FaultKind.LISTEN_KEY_EXPIRED, 1_000),
)
_HOSTILE_BPS: Final = 300

# what a kind is like where nobody says more
_SAMPLES: Final[dict[FaultKind, dict[str, Any]]] = {
    FaultKind.LATENCY: {"delay_ms": 200, "jitter_ms": 800},
    FaultKind.SLOW_ANSWER: {"delay_ms": 200, "jitter_ms": 800},
    FaultKind.UNKNOWN_503: {"executed": True},
    FaultKind.TIMEOUT_1007: {"executed": True},
    FaultKind.RATE_LIMITED_429: {"retry_after_s": 5, "lasts_ms": 5_000},
    FaultKind.TOO_MANY_ORDERS: {"retry_after_s": 5, "lasts_ms": 5_000},
    FaultKind.BANNED_418: {"lasts_ms": 2 * _MINUTE_MS},
    FaultKind.CLOCK_SKEW: {"skew_ms": -2_500, "lasts_ms": 10_000},
    FaultKind.FILL_BEFORE_CANCEL: {"share_bps": 5_000},
    FaultKind.FRAME_LATE: {"delay_ms": 200, "jitter_ms": 800},
    FaultKind.SEQUENCE_GAP: {"count": 3},
    FaultKind.SILENCE: {"lasts_ms": 20_000},
    FaultKind.PARTIAL_FILL: {"share_bps": 3_000},
    FaultKind.FOREIGN_ORDER: {"notional": Decimal(500), "offset_bps": 50},
    FaultKind.INJECTED_POSITION: {"notional": Decimal(500)},
    FaultKind.FILTER_CHANGE: {"tick_times": Decimal(10)},
    FaultKind.STATUS_CHANGE: {"symbol_status": SymbolStatus.SETTLING},
    FaultKind.DEPOSIT: {"amount": Decimal(100)},
}
_ONCE: Final = frozenset({FaultKind.BANNED_418, FaultKind.FILTER_CHANGE, FaultKind.STATUS_CHANGE})
_SIDED: Final = frozenset({FaultKind.FOREIGN_ORDER, FaultKind.INJECTED_POSITION})


def sample(kind: FaultKind, symbol: str = SYMBOL) -> Fault:
    """Return a usual fault of a kind: one in twenty requests or frames, or one a minute."""
    times: dict[str, Any] = {"probability_bps": BPS // 20}
    if kind.family is Family.TIMED:
        times = {"from_ms": _MINUTE_MS // 2, "every_ms": _MINUTE_MS}
    if "symbol" in kind.rule.needs:
        times["symbol"] = symbol
    if kind in _SIDED:
        times["side"] = Side.BUY
    if kind in _ONCE:
        times["at_most"] = 1
    return Fault(kind=kind, match=Match(**times), **_SAMPLES.get(kind, {}))


def named_faults(name: str, symbol: str = SYMBOL) -> tuple[Fault, ...]:
    """Return the faults of a ready-made plan: ``calm``, ``rough``, ``hostile`` or one kind's name.

    Raises:
        ConfigError: There is no such plan.
    """
    if name == CALM:
        return ()
    if name == ROUGH:
        return tuple(with_match(sample(kind, symbol), probability_bps=bps) for kind, bps in _ROUGH)
    if name == HOSTILE:
        return tuple(_hostile(sample(kind, symbol)) for kind in FaultKind)
    if name in PLAN_NAMES:
        return (sample(FaultKind(name), symbol),)
    raise ConfigError(
        "is not a plan", field="plan", value=name, remedy=f"plans are {', '.join(PLAN_NAMES)}"
    )


def random_plan(
    seed: int,
    duration_ms: int,
    intensity: int,
    symbols: Sequence[str] = (SYMBOL,),
    started_at: int = 0,
) -> FaultPlan:
    """Return a plan drawn from a seed; it is quiet again before its time is over.

    Args:
        seed: Of the plan and of what it draws.
        duration_ms: ``>= 1000``; nothing strikes later, and nothing still lasts.
        intensity: Number of faults, ``>= 0``.
        symbols: Those that faults of one symbol are about; at least one.

    Raises:
        ConfigError: An argument is out of its range.
    """
    for name, value, least in (("duration_ms", duration_ms, 1_000), ("intensity", intensity, 0)):
        if value < least:
            raise ConfigError(f"must be >= {least}", field=name, value=value)
    if not symbols:
        raise ConfigError("must name at least one", field="symbols", value=symbols)
    dice = _Dice(stream_seed(seed, "fault_plan"))
    faults = tuple(_drawn(dice, duration_ms, symbols) for _ in range(intensity))
    return FaultPlan(faults, seed=seed, started_at=started_at)


@define
class _Dice:
    seed: int
    thrown: int = 0

    def below(self, limit: int) -> int:
        self.thrown += 1
        return draw_below(self.seed, self.thrown, limit)

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)


def _hostile(fault: Fault) -> Fault:
    timed = fault.kind.family is Family.TIMED
    return fault if timed else with_match(fault, probability_bps=_HOSTILE_BPS)


def _drawn(dice: _Dice, duration_ms: int, symbols: Sequence[str]) -> Fault:
    kind = list(FaultKind)[dice.below(len(FaultKind))]
    parameters = dict(_SAMPLES.get(kind, {}))
    lasts_ms = 0
    if "lasts_ms" in (*kind.rule.needs, *kind.rule.takes):
        lasts_ms = dice.between(1, duration_ms // 4)
        if "lasts_ms" in kind.rule.needs or dice.below(4) == 0:
            parameters["lasts_ms"] = lasts_ms
        else:
            parameters.pop("lasts_ms", None)
    if "executed" in kind.rule.takes:
        parameters["executed"] = dice.below(2) == 1
    if kind is FaultKind.CLOCK_SKEW:
        parameters["skew_ms"] = dice.between(1, 5_000) * (1 - 2 * dice.below(2))
    if "share_bps" in kind.rule.needs:
        parameters["share_bps"] = dice.between(1, BPS)
    from_ms = dice.below(duration_ms - lasts_ms)
    match: dict[str, Any] = {
        "from_ms": from_ms,
        "until_ms": dice.between(from_ms + 1, duration_ms - lasts_ms),
    }
    if kind.family is Family.TIMED:
        match["every_ms"] = dice.between(500, duration_ms)
    else:
        match |= {"probability_bps": dice.between(20, 3_000), "at_most": dice.between(1, 20)}
    if "symbol" in kind.rule.needs:
        match["symbol"] = symbols[dice.below(len(symbols))]
    if kind in _SIDED:
        match["side"] = list(Side)[dice.below(2)]
    if kind in _ONCE:
        match["at_most"] = 1
    return Fault(kind=kind, match=Match(**match), **parameters)
