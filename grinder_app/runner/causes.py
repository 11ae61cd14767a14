"""Why two runs of one market differ: what a difference is, and all of them added up."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from statistics import median
from typing import Any, Final

from attrs import Factory, define, frozen

from grinder_app.runner.output_rows import News

FINDINGS_MAX: Final = 10_000


class Cause(StrEnum):
    """Why something differs."""

    DATA_ORDER = "data order"
    LATENCY = "latency"
    VENUE_ANSWER = "venue answer"
    FILL_MODEL = "fill model"
    CONFLATION = "conflation"
    PROTECTION = "operator or protection"
    ROUTING = "order routing"
    COSTS = "fees and funding"
    UNEXPLAINED = "unexplained"


class Subject(StrEnum):
    """What differs."""

    QUOTE = "quote"
    NEWS = "order news"
    FILL = "fill"
    DECISION = "decision"
    MONEY = "money"


@frozen(kw_only=True)
class Finding:
    """One difference.

    Attributes:
        ts: Of the quote, the venue's, Unix milliseconds.
        follows: It follows from an earlier difference, whose cause it has.
        lag_ms: How much later B got the same news, where both got it.
        who: The run that alone has it, ``A`` or ``B``; empty: both have it, or neither.
        news: What that run was told.
        output_a, output_b: Number of the output that shows it, from 0; ``None``: none does.
    """

    cause: Cause
    subject: Subject
    ts: int
    symbol: str
    text: str
    follows: bool = False
    lag_ms: int | None = None
    who: str = ""
    news: News | None = None
    output_a: int | None = None
    output_b: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "cause": self.cause.value,
            "subject": self.subject.value,
            "ts": self.ts,
            "symbol": self.symbol,
            "text": self.text,
            "follows": self.follows,
            "lag_ms": self.lag_ms,
            "who": self.who,
            "output_a": self.output_a,
            "output_b": self.output_b,
        }


@define
class Causes:
    """All differences of two runs.

    Attributes:
        counts: By cause and subject.
        firsts: The first of each cause.
        findings: Up to ``FINDINGS_MAX``, in time.
        first: The first of all; ``None``: there is none.
        fills: All fills that one run alone has.
        lags_ms: How much later B got news that both got.
        fills_equal: Fills of one order, price and quantity in both, whenever they were told.
    """

    counts: Counter[tuple[Cause, Subject]] = Factory(Counter)
    firsts: dict[Cause, Finding] = Factory(dict)
    findings: list[Finding] = Factory(list)
    first: Finding | None = None
    fills: list[Finding] = Factory(list)
    lags_ms: list[int] = Factory(list)
    quotes_equal: int = 0
    fills_equal: int = 0
    fills_only_a: int = 0
    fills_only_b: int = 0

    def add(self, finding: Finding) -> None:
        """Take one difference."""
        self.counts[finding.cause, finding.subject] += 1
        self.firsts.setdefault(finding.cause, finding)
        self.first = self.first or finding
        if finding.subject is Subject.FILL and finding.who:
            self.fills.append(finding)
        if finding.lag_ms is not None:
            self.lags_ms.append(finding.lag_ms)
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)

    @property
    def unexplained(self) -> int:
        """Differences without a cause."""
        return sum(n for (cause, _), n in self.counts.items() if cause is Cause.UNEXPLAINED)

    @property
    def lag_words(self) -> str:
        """What the lags were like."""
        if not self.lags_ms:
            return "no news came later in one run than in the other"
        middle, most = median(self.lags_ms), max(self.lags_ms, key=abs)
        return f"B got the same news {middle:,.0f} ms later in the median, {most:,} ms at most"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "counts": [
                {"cause": cause.value, "subject": subject.value, "count": n}
                for (cause, subject), n in sorted(self.counts.items())
            ],
            "firsts": [finding.to_dict() for finding in self.firsts.values()],
            "findings": [finding.to_dict() for finding in self.findings],
            "quotes_equal": self.quotes_equal,
            "fills_equal": self.fills_equal,
            "fills_only_a": self.fills_only_a,
            "fills_only_b": self.fills_only_b,
        }
