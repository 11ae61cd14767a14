"""How a made-up price behaves: calm, trending or volatile for a while, now and then a wide spread.

The price is a walk of normal steps, one a slot. A regime scales them; a trend adds a drift and
leads home once the price has left the neighbourhood of its start, so that an endless market stays
in range. All arithmetic is on integers: a seed means the same everywhere.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from attrs import define, frozen

from grinder_adapters.local_venue.markets.scale import MICRO
from grinder_adapters.local_venue.markets.slots import DIFF_MS, MINUTE_MS, SECOND_MS
from grinder_core.draws import NORMAL_UNIT, draw, normal
from grinder_core.numbers import BPS, isqrt

SPIKE_BPS: Final = 40  # width of a spread spike
SPIKE_TICKS_MIN: Final = 8

_SLOTS_A_MINUTE: Final = MINUTE_MS // DIFF_MS
_ROOT_UNIT: Final = 10**6
_ROOT: Final = isqrt(_ROOT_UNIT**2 // _SLOTS_A_MINUTE)  # a slot's share of a minute's deviation
_REGIME_S_MIN: Final = 20
_REGIME_S_SPAN: Final = 100
_HOME_PERCENT: Final = 10
_SPIKE_ONE_IN: Final = 1 << 11  # slots
_SPIKE_SLOTS_MAX: Final = 32


class Regime(StrEnum):
    """What the market is like."""

    CALM = "CALM"
    TRENDING = "TRENDING"
    VOLATILE = "VOLATILE"


SCALES: Final = {Regime.CALM: 1, Regime.TRENDING: 1, Regime.VOLATILE: 4}
DRIFT_SCALE: Final = 2  # volatilities a minute
_LOTTERY: Final = (Regime.CALM, Regime.CALM, Regime.TRENDING, Regime.VOLATILE)


@frozen(kw_only=True)
class Touch:
    """Where the market is heading at the end of a slot.

    Attributes:
        mid: Millionths of a tick.
        spread: Ticks.
    """

    mid: int
    spread: int


@define
class PricePath:
    """The fair price of one market.

    Attributes:
        seeds: Of steps, spreads and regimes.
        mid, start, low, high: Millionths of a tick; the price stays within ``low`` and ``high``.
        volatility_bps: Standard deviation of a calm minute.
        direction: Of a trend, 1 or -1; 0 in other regimes.
        until_ms: When the regime ends.
        spiking: Slots for which the spread stays wide.
    """

    seeds: tuple[int, int, int]
    start: int
    low: int
    high: int
    volatility_bps: int
    mid: int
    regime: Regime = Regime.CALM
    direction: int = 0
    until_ms: int = 0
    spiking: int = 0
    slots: int = 0
    regimes: int = 0

    def advance(self, now: int) -> Touch:
        """Go on by one slot, which begins at ``now``."""
        if now >= self.until_ms:
            self._change(now)
        of_steps, of_spreads, _ = self.seeds
        deviation = normal(of_steps, self.slots) * _ROOT * SCALES[self.regime] // NORMAL_UNIT
        drift = self.direction * DRIFT_SCALE * _ROOT_UNIT // _SLOTS_A_MINUTE
        moved = self.mid * self.volatility_bps * (deviation + drift) // (BPS * _ROOT_UNIT)
        self.mid = min(max(self.mid + moved, self.low), self.high)
        word = draw(of_spreads, self.slots)
        self.slots += 1
        return Touch(mid=self.mid, spread=self._spread(word))

    def _change(self, now: int) -> None:
        word = draw(self.seeds[2], self.regimes)
        self.regimes += 1
        self.regime = _LOTTERY[word >> 62]
        self.direction = 0
        if self.regime is Regime.TRENDING:
            self.direction = self._home() or (1 if word & 1 else -1)
        self.until_ms = now + (_REGIME_S_MIN + (word >> 1) % _REGIME_S_SPAN) * SECOND_MS

    def _home(self) -> int:
        """Where the start is, 1 above or -1 below, when it is far away; else 0."""
        away = (self.mid - self.start) * 100
        if abs(away) <= self.start * _HOME_PERCENT:
            return 0
        return -1 if away > 0 else 1

    def _spread(self, word: int) -> int:
        if self.spiking:
            self.spiking -= 1
        elif word % _SPIKE_ONE_IN == 0:
            self.spiking = 1 + (word >> 59) % _SPIKE_SLOTS_MAX
        if self.spiking:
            return max(SPIKE_TICKS_MIN, self.mid * SPIKE_BPS // (BPS * MICRO))
        return 1 + ((word >> 32) % 4 if word >> 60 == 0 else 0)
