"""The soak gate (CORE-44): a verdict over repeated runs of all fixtures.

Digests, errors, dropped events and the fill rate are judged always. Latency, memory and queue
depth say something about the machine too, so they are judged only where it is controlled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from attrs import fields_dict, frozen

from grinder_core.codec import from_dict
from grinder_core.contracts.checks import check_int
from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import ceil_div, dec_down

SCHEMA_VERSION: Final = "v1"
FILL_RATE_DIGITS: Final = 4
NIGHTLY_METRICS: Final = (
    "decision_latency_p99_ms",
    "order_latency_p99_ms",
    "rss_mb_max",
    "event_queue_depth_max",
)
METRICS: Final = (
    "all_digests_stable",
    "errors_total",
    "events_dropped",
    "fill_rate",
    "decision_latency_p50_ms",
    *NIGHTLY_METRICS,
)
_FILE_KEYS: Final = ("schema_version", "modes")

Number = Decimal | int


class SoakMode(StrEnum):
    """Under which load the runs were made, and which thresholds judge them."""

    BASELINE = "baseline"
    OVERLOAD = "overload"


@frozen(kw_only=True)
class FixtureDigests:
    """Digests of one fixture, one a run; ``None`` where a run ended in an error."""

    name: str
    digests: tuple[str | None, ...]

    @property
    def is_stable(self) -> bool:
        """Every run ended well and gave the same digest."""
        return None not in self.digests and len(set(self.digests)) == 1


@frozen(kw_only=True)
class SoakReport:
    """What repeated runs measured; ``None`` is a metric that was not measured.

    Attributes:
        runs: Of each fixture, beside the one for ``fill_rate``.
        fill_rate: Filled over placed orders of a run with ``instant`` fills, four digits.
        decision_latency_p50_ms, decision_latency_p99_ms: From a quote's arrival to its output.
        order_latency_p99_ms: From a quote's arrival to the venue's answer, where it placed.
        rss_mb_max: Peak resident memory of the process, megabytes of 2^20 bytes, rounded up.
        event_queue_depth_max: Most events there at once, the one in work included.
    """

    mode: SoakMode
    runs: int
    fixtures: tuple[FixtureDigests, ...]
    all_digests_stable: bool | None = None
    errors_total: int | None = None
    events_dropped: int | None = None
    fill_rate: Decimal | None = None
    decision_latency_p50_ms: Decimal | None = None
    decision_latency_p99_ms: Decimal | None = None
    order_latency_p99_ms: Decimal | None = None
    rss_mb_max: int | None = None
    event_queue_depth_max: int | None = None
    schema_version: str = SCHEMA_VERSION

    def __attrs_post_init__(self) -> None:
        check_int("runs", self.runs, ge=2)
        if self.schema_version != SCHEMA_VERSION:
            raise ContractError(
                f"must be {SCHEMA_VERSION!r}", field="schema_version", value=self.schema_version
            )
        if not self.fixtures:
            raise ContractError("must name at least one", field="fixtures", value=self.fixtures)
        for fixture in self.fixtures:
            if len(fixture.digests) != self.runs:
                raise ContractError(
                    f"must have a digest for each of {self.runs} runs",
                    field=f"fixtures.{fixture.name}",
                    value=len(fixture.digests),
                )
        for name in METRICS:
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ContractError("must be >= 0", field=name, value=value)


@frozen(kw_only=True)
class Criterion:
    """Inclusive bounds of one metric; an absent bound is none.

    Attributes:
        nightly: Judged only on the controlled nightly machine.
    """

    metric: str
    least: Number | None = None
    most: Number | None = None
    nightly: bool = False

    def holds(self, value: Number) -> bool:
        """Whether a value lies within the bounds."""
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    @property
    def rule(self) -> str:
        """The bounds in words."""
        if self.least is not None and self.least == self.most:
            return f"must be {_shown(self.least)}"
        parts = [f">= {self.least}"] if self.least is not None else []
        parts += [f"<= {self.most}"] if self.most is not None else []
        return f"must be {' and '.join(parts)}"


@frozen(kw_only=True)
class Thresholds:
    """What one mode allows: most of each metric, of the fill rate also least; all inclusive."""

    all_digests_stable: bool
    errors_total: int
    events_dropped: int
    fill_rate_min: Decimal
    fill_rate_max: Decimal
    decision_latency_p99_ms: int
    order_latency_p99_ms: int
    rss_mb_max: int
    event_queue_depth_max: int

    def __attrs_post_init__(self) -> None:
        if not self.all_digests_stable:
            raise ConfigError(
                "must be true: this gate has no way around unstable digests",
                field="all_digests_stable",
                value=self.all_digests_stable,
            )
        if not 0 <= self.fill_rate_min <= self.fill_rate_max:
            raise ConfigError(
                f"must be >= 0 and <= fill_rate_max {self.fill_rate_max}",
                field="fill_rate_min",
                value=self.fill_rate_min,
            )

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The bounds, metric by metric, in the order of the report."""
        return (
            Criterion(metric="all_digests_stable", least=True, most=True),
            Criterion(metric="errors_total", most=self.errors_total),
            Criterion(metric="events_dropped", most=self.events_dropped),
            Criterion(metric="fill_rate", least=self.fill_rate_min, most=self.fill_rate_max),
            *(
                Criterion(metric=name, most=getattr(self, name), nightly=True)
                for name in NIGHTLY_METRICS
            ),
        )


@frozen(kw_only=True)
class Finding:
    """One metric outside its bounds."""

    metric: str
    value: Number
    rule: str

    def __str__(self) -> str:
        return f"{self.metric} = {_shown(self.value)}: {self.rule}"


def judge(report: SoakReport, thresholds: Thresholds, *, nightly: bool) -> tuple[Finding, ...]:
    """Hold a report against its thresholds.

    Args:
        nightly: Judge latency, memory and queue depth too; they never change another verdict.

    Returns:
        What is out of bounds, in the order of the report; empty: the gate is passed.

    Raises:
        ContractError: A metric that must be judged was not measured.
    """
    judged = [item for item in thresholds.criteria if nightly or not item.nightly]
    missing = [item.metric for item in judged if getattr(report, item.metric) is None]
    if missing:
        raise ContractError(
            f"{', '.join(missing)} must be in the report to be judged",
            field="report",
            remedy="measure again with runs that make decisions and place orders",
        )
    return tuple(
        Finding(metric=item.metric, value=value, rule=item.rule)
        for item, value in ((item, measured(report, item.metric)) for item in judged)
        if value is not None and not item.holds(value)
    )


def measured(report: SoakReport, metric: str) -> Number | None:
    """Return one metric; stability counts only if the digests themselves agree with it."""
    value: Number | None = getattr(report, metric)
    if metric == "all_digests_stable" and value:
        return all(fixture.is_stable for fixture in report.fixtures)
    return value


def thresholds_of(data: object, mode: SoakMode) -> Thresholds:
    """Read one mode of a thresholds file.

    Raises:
        ConfigError: Not version v1, a mode missing, a key unknown or missing, or a malformed value.
    """
    modes = _object(data, "thresholds", _FILE_KEYS)
    if modes["schema_version"] != SCHEMA_VERSION:
        raise ConfigError(
            f"must be {SCHEMA_VERSION!r}", field="schema_version", value=modes["schema_version"]
        )
    of_mode = _object(modes["modes"], "modes", tuple(SoakMode))
    read = {}
    for name in SoakMode:
        _object(of_mode[name], f"modes.{name}", tuple(fields_dict(Thresholds)))
        try:
            read[name] = from_dict(Thresholds, of_mode[name])
        except ContractError as error:
            raise ConfigError(
                error.rule, field=error.field.replace("Thresholds", name), value=error.value
            ) from None
    return read[mode]


def fill_rate(filled: int, placed: int) -> Decimal:
    """``dec_down(filled/placed, 4)``: filled orders over placed ones; 1 if none was placed.

    Example:
        >>> fill_rate(46, 104), fill_rate(0, 0)
        (Decimal('0.4423'), Decimal('1'))
    """
    check_int("filled", filled)
    check_int("placed", placed)
    return dec_down(filled, FILL_RATE_DIGITS, placed) if placed else Decimal(1)


def nearest_rank(values: Sequence[int], percent: int) -> int:
    """Percentile by nearest rank: of ``n`` values the ``ceil(percent*n/100)``-th smallest.

    Args:
        values: At least one, in any order.
        percent: 1 to 100.

    Example:
        >>> nearest_rank(range(1, 201), 99)
        198
    """
    check_int("percent", percent, ge=1)
    if percent > 100 or not values:
        raise ContractError("must be <= 100, of at least one value", field="percent", value=percent)
    return sorted(values)[ceil_div(percent * len(values), 100) - 1]


def _object(data: object, name: str, keys: Sequence[str]) -> Mapping[str, Any]:
    """Return an object that has exactly these keys."""
    if not isinstance(data, Mapping):
        raise ConfigError("must be an object", field=name, value=data)
    for key in (*data, *keys):
        if key not in keys or key not in data:
            rule = "is missing" if key in keys else f"is no key of {name}"
            raise ConfigError(rule, field=f"{name}.{key}", remedy=f"the keys are {', '.join(keys)}")
    return data


def _shown(value: Number) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
