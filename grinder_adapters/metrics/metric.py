"""What a metric is, as data (LIVE-30, Appendix B)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, StrEnum
from itertools import product
from typing import Final

from attrs import field, frozen

from grinder_core.errors import ContractError

FORBIDDEN_LABELS: Final = frozenset(
    {
        *("symbol", "order_id", "client_order_id", "client_id", "idempotency_key", "key"),
        *("ts", "ts_ms", "timestamp", "run_id", "trade_id", "price", "strategy", "listen_key"),
        *("url", "message"),
    }
)
"""Labels whose values have no end, or must not leave the process."""

LATENCY_BUCKETS_MS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


class Kind(StrEnum):
    """How a scraper reads it."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


Labels = tuple[str, ...]


@frozen(kw_only=True)
class Metric:
    """One metric.

    Attributes:
        labels: Names of its labels.
        series: Every combination of label values there is, in the labels' order; each is written
            out from the start.
        meaning: What it says, without a full stop.
        is_required: Whether every scrape must hold it (R of Appendix B).
        is_one_hot: Whether exactly one of its series is 1.
        spec: Where it comes from.
        old_names: What the same thing was called elsewhere.
        is_idle: Its feature is not there yet: it reads 0.
    """

    name: str
    kind: Kind
    meaning: str
    labels: Labels = ()
    series: tuple[Labels, ...] = field(default=((),))
    is_required: bool = False
    is_one_hot: bool = False
    spec: str = "LIVE-30"
    old_names: tuple[str, ...] = ()
    is_idle: bool = False

    def __attrs_post_init__(self) -> None:
        for label in self.labels:
            if label in FORBIDDEN_LABELS:
                raise ContractError("is a forbidden label", field=self.name, value=label)
        if self.kind is Kind.COUNTER and not self.name.endswith("_total"):
            raise ContractError("is a counter and must end in _total", field=self.name)
        for values in self.series:
            if len(values) != len(self.labels):
                raise ContractError(
                    f"must have {len(self.labels)} label values", field=self.name, value=values
                )
        if len(set(self.series)) != len(self.series):
            raise ContractError("has a series twice", field=self.name)


def every(*values: Iterable[str] | type[Enum]) -> tuple[Labels, ...]:
    """Return every combination of label values; an enumeration stands for its values."""
    return tuple(product(*(_texts(one) for one in values)))


def _texts(values: Iterable[str] | type[Enum]) -> list[str]:
    if isinstance(values, type):
        return [str(member.value) for member in values]
    return list(values)
