"""How long things took, counted in the buckets of a histogram as they happen."""

from __future__ import annotations

from typing import Final

from attrs import Factory, define, frozen

from grinder_adapters.metrics.metric import LATENCY_BUCKETS_MS

_LONGEST_MS: Final = LATENCY_BUCKETS_MS[-1]
# a look-up instead of a search: this is done for every event
_BUCKET_OF: Final = tuple(
    next(n for n, bound in enumerate(LATENCY_BUCKETS_MS) if ms <= bound)
    for ms in range(_LONGEST_MS + 1)
)


@frozen
class Histogram:
    """Counts of a histogram.

    Attributes:
        counts: By bucket, each without those below; the last is of what is above all bounds.
        sum_ms: Of everything.
    """

    counts: tuple[int, ...]
    sum_ms: int


NO_LATENCIES: Final = Histogram((0,) * (len(LATENCY_BUCKETS_MS) + 1), 0)


@define(eq=False)
class Latencies:
    """Counts one kind of duration."""

    counts: list[int] = Factory(lambda: [0] * (len(LATENCY_BUCKETS_MS) + 1))
    sum_ms: int = 0

    def note(self, ms: int) -> None:
        """Count a duration; one that a clock that went back made negative counts as none."""
        if ms <= 0:
            self.counts[0] += 1
            return
        self.counts[_BUCKET_OF[ms] if ms <= _LONGEST_MS else -1] += 1
        self.sum_ms += ms

    def histogram(self) -> Histogram:
        """Return the counts so far."""
        return Histogram(tuple(self.counts), self.sum_ms)
