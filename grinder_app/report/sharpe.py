"""How much a Sharpe ratio is worth: its interval, its probability, and what trying often costs.

Display only: floats are fine here, nothing decides on them. Ratios are per sampling period inside
and annualised where they are shown. All formulas assume independent returns; a strategy whose
returns follow each other (a grid that holds its losses) is less certain than they say.

Sources:
    Lo (2002), The Statistics of Sharpe Ratios, Financial Analysts Journal 58(4).
    Mertens (2002), Comments on the correct variance of estimated Sharpe Ratios (skew, kurtosis).
    Bailey, Lopez de Prado (2012), The Sharpe Ratio Efficient Frontier, Journal of Risk 15(2).
    Bailey, Lopez de Prado (2014), The Deflated Sharpe Ratio, Journal of Portfolio Management 40(5).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist, variance
from typing import Final

from attrs import frozen

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
YEAR_MS: Final = 365 * DAY_MS
PERIODS_MS: Final = {"day": DAY_MS, "hour": HOUR_MS}
SAMPLES_MIN: Final = 10
SAMPLES_A_PERIOD: Final = 4
CONFIDENCE: Final = 0.95

_NORMAL: Final = NormalDist()
_TWO_SIDED: Final = _NORMAL.inv_cdf(0.5 + CONFIDENCE / 2)
_ONE_SIDED: Final = _NORMAL.inv_cdf(CONFIDENCE)
_EULER_GAMMA: Final = 0.577_215_664_901_532_9


@frozen(kw_only=True)
class NotDefined:
    """A figure that the data do not allow, and why, in words."""

    reason: str


@frozen(kw_only=True)
class Sharpe:
    """A Sharpe ratio and what its certainty depends on.

    Attributes:
        ratio: Mean over sample deviation of the returns, a period; risk-free rate 0.
        samples: Number of returns, at least 2.
        skewness, kurtosis: Of the returns, standardised moments; a normal sample has 0 and 3.
        period: What a return spans: ``day`` or ``hour``.
    """

    ratio: float
    samples: int
    skewness: float
    kurtosis: float
    period: str

    @property
    def periods_a_year(self) -> int:
        """How many periods make a year of 365 days."""
        return YEAR_MS // PERIODS_MS[self.period]

    @property
    def value(self) -> float:
        """The ratio, annualised."""
        return self.annual(self.ratio)

    @property
    def standard_error(self) -> float:
        """The standard error of ``value``."""
        return self.annual(math.sqrt(_spread(self) / (self.samples - 1)))

    @property
    def low(self) -> float:
        """Lower end of the two-sided 95 % interval of ``value``."""
        return self.value - _TWO_SIDED * self.standard_error

    @property
    def high(self) -> float:
        """Upper end of the two-sided 95 % interval of ``value``."""
        return self.value + _TWO_SIDED * self.standard_error

    @property
    def probability(self) -> float:
        """The probabilistic Sharpe ratio: confidence that the true Sharpe is above 0, 0 to 1."""
        return probabilistic_sharpe(self, 0.0)

    @property
    def samples_needed(self) -> int | None:
        """The shortest track record, in periods, that shows a Sharpe above 0 with 95 %."""
        return track_record_min(self, 0.0)

    def annual(self, ratio: float) -> float:
        """Annualise a ratio of this period."""
        return ratio * math.sqrt(self.periods_a_year)


@frozen(kw_only=True)
class Deflated:
    """A Sharpe ratio corrected for having been chosen among many.

    Attributes:
        trials: How many were tried.
        deviation: Of the ratios of the trials, a period.
        is_measured: ``deviation`` comes from the trials; else it is what pure chance gives,
            ``1/sqrt(samples - 1)``, because only their number is known.
        benchmark: The best ratio that so many trials without skill are expected to show, a period.
        probability: The deflated Sharpe ratio: confidence that the true one is above 0 although it
            was chosen, 0 to 1.
    """

    trials: int
    deviation: float
    is_measured: bool
    benchmark: float
    probability: float


@frozen(kw_only=True)
class BestTrial:
    """The best of several results; ``index`` is its place among them."""

    index: int
    sharpe: Sharpe
    deflated: Deflated


def sharpe_of(
    ts: Sequence[int], equity: Sequence[float], initial: float, interval_ms: int = 0
) -> Sharpe | NotDefined:
    """Return the Sharpe ratio of equity samples: of daily returns, else of hourly ones.

    Args:
        ts: Times of the samples, milliseconds, never back.
        initial: Equity before the first sample.
        interval_ms: How far apart the samples are; a period with fewer than ``SAMPLES_A_PERIOD``
            of them gives no return, for its ends would be known too roughly.
    """
    for period, period_ms in PERIODS_MS.items():
        if interval_ms * SAMPLES_A_PERIOD > period_ms:
            return NotDefined(
                reason=f"it needs {SAMPLES_MIN} whole {period}s of equity with "
                f"{SAMPLES_A_PERIOD} samples or more in each"
            )
        returns = period_returns(ts, equity, initial, period_ms)
        if returns is None:
            return NotDefined(reason="equity fell to 0 or below, so that a return means nothing")
        if len(returns) >= SAMPLES_MIN:
            return sharpe_of_returns(returns, period)
    return NotDefined(reason=f"it needs {SAMPLES_MIN} whole hours of equity")


def period_returns(
    ts: Sequence[int], equity: Sequence[float], initial: float, period_ms: int
) -> list[float] | None:
    """Return the returns of whole periods counted from the first sample.

    The value at a boundary is the last sample at or before it; the first boundary holds
    ``initial``; an unfinished last period is left out.

    Returns:
        ``None`` when equity is not positive at a boundary, so that a return means nothing.
    """
    if not ts:
        return []
    boundaries = range(ts[0] + period_ms, ts[-1] + 1, period_ms)
    marks = [initial, *(equity[bisect_right(ts, boundary) - 1] for boundary in boundaries)]
    if any(mark <= 0 for mark in marks):
        return None
    return [after / before - 1.0 for before, after in pairwise(marks)]


def sharpe_of_returns(returns: Sequence[float], period: str) -> Sharpe | NotDefined:
    """Return the Sharpe ratio of returns that span one ``period`` each."""
    n = len(returns)
    if n < SAMPLES_MIN:
        return NotDefined(reason=f"it needs {SAMPLES_MIN} returns")
    mean = math.fsum(returns) / n
    deviation = math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (n - 1))
    # equal returns leave rounding noise, not a deviation
    if deviation <= 1e-12 * max(abs(r) for r in returns):
        return NotDefined(reason="the returns never vary")
    # divided before they are raised, so that tiny returns do not vanish
    scaled = [(r - mean) / deviation for r in returns]
    second = math.fsum(z**2 for z in scaled) / n
    return Sharpe(
        ratio=mean / deviation,
        samples=n,
        skewness=math.fsum(z**3 for z in scaled) / n / second**1.5,
        kurtosis=math.fsum(z**4 for z in scaled) / n / second**2,
        period=period,
    )


def probabilistic_sharpe(sharpe: Sharpe, benchmark: float) -> float:
    """Return the confidence, 0 to 1, that the true ratio is above a benchmark.

    Args:
        benchmark: A ratio of the same period, not annualised.

    Source:
        Bailey, Lopez de Prado (2012), eq. 11.
    """
    distance = (sharpe.ratio - benchmark) * math.sqrt(sharpe.samples - 1)
    spread = _spread(sharpe)
    if spread < 1e-12:  # two values only, in the one proportion that leaves nothing to chance
        return 0.5 + math.copysign(0.5, distance) if distance else 0.5
    return _NORMAL.cdf(distance / math.sqrt(spread))


def track_record_min(sharpe: Sharpe, benchmark: float) -> int | None:
    """Return how many periods show, with 95 % confidence, a ratio above a benchmark.

    Returns:
        ``None`` when the ratio is not above it: no length shows that.

    Source:
        Bailey, Lopez de Prado (2012), eq. 13.
    """
    excess = sharpe.ratio - benchmark
    if excess <= 0:
        return None
    return math.ceil(1.0 + _spread(sharpe) * (_ONE_SIDED / excess) ** 2)


def expected_best(trials: int, deviation: float) -> float:
    """Return the best ratio to expect of so many independent trials whose true ratio is 0.

    Args:
        trials: At least 1; one trial is no choice, so 0.
        deviation: Standard deviation of the ratios among the trials, a period.

    Source:
        Bailey, Lopez de Prado (2014), eq. 1.
    """
    if trials < 2:
        return 0.0
    # the upper quantiles by way of the lower ones, which stay exact for any number of trials
    far = -_NORMAL.inv_cdf(1.0 / trials)
    farther = -_NORMAL.inv_cdf(1.0 / (trials * math.e))
    return deviation * ((1.0 - _EULER_GAMMA) * far + _EULER_GAMMA * farther)


def deflate(sharpe: Sharpe, trials: int, deviation: float | None = None) -> Deflated:
    """Correct a Sharpe ratio for the number of trials it was chosen from.

    Args:
        deviation: Of the ratios among the trials, a period; ``None`` where only their number is
            known: then what pure chance gives, ``1/sqrt(samples - 1)``.

    Source:
        Bailey, Lopez de Prado (2014), eq. 2.
    """
    measured = deviation is not None
    spread = deviation if deviation is not None else 1.0 / math.sqrt(sharpe.samples - 1)
    benchmark = expected_best(trials, spread)
    return Deflated(
        trials=trials,
        deviation=spread,
        is_measured=measured,
        benchmark=benchmark,
        probability=probabilistic_sharpe(sharpe, benchmark),
    )


def deflated_sharpe(
    results: Sequence[Sharpe | NotDefined], *, trials: int | None = None
) -> BestTrial | NotDefined:
    """Return the best of several results, deflated for having been chosen among them.

    Args:
        results: One a trial. Those that are not defined count as trials and are never the best.
        trials: How many were tried in all, if more than are here.
    """
    defined = [(index, each) for index, each in enumerate(results) if isinstance(each, Sharpe)]
    if len(defined) < 2:
        return NotDefined(reason="it needs two results with a Sharpe ratio")
    if len({each.period for _, each in defined}) > 1:
        return NotDefined(reason="some results are of daily returns and some of hourly ones")
    index, best = max(defined, key=lambda pair: (pair[1].ratio, -pair[0]))
    deviation = math.sqrt(variance(each.ratio for _, each in defined))
    count = max(len(results), trials or 0)
    return BestTrial(index=index, sharpe=best, deflated=deflate(best, count, deviation))


def best_of(
    sessions: Sequence[Sharpe | NotDefined], trials_each: int | None
) -> BestTrial | NotDefined:
    """Return the best of several sessions, each of which was found among ``trials_each``."""
    return deflated_sharpe(sessions, trials=len(sessions) * (trials_each or 1))


def _spread(sharpe: Sharpe) -> float:
    """Return the variance of the estimated ratio times ``samples - 1`` (Mertens 2002)."""
    ratio = sharpe.ratio
    found = 1.0 - sharpe.skewness * ratio + (sharpe.kurtosis - 1.0) / 4.0 * ratio * ratio
    return max(found, 0.0)  # moments keep it from going below 0, rounding does not
