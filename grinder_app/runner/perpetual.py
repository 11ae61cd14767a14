"""Did the data have what holding a perpetual costs? Watched while a session reads it.

A session that should pay funding, or value positions at the venue's mark, needs events that many
files lack. Nothing stands in for them: what is missing is named once the session has ended, for
the symbols that traded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import define, field

from grinder_adapters.feeds.funded import Funded
from grinder_adapters.feeds.funding import Settlement
from grinder_adapters.feeds.funding_gaps import FundingGap, funding_gaps
from grinder_adapters.feeds.source import EventSource
from grinder_app.report.wording import duration, nearest_second, some, utc
from grinder_core.contracts.enums import FundingSource, MarkSource
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Funding, MarkPrice, Snapshot
from grinder_core.session.result import PaperResult
from grinder_core.venue.settings import VenueSettings

GAPS_SHOWN: Final = 3
SYMBOLS_SHOWN: Final = 20


@define
class PerpetualWatch:
    """Passes a session's events on and remembers what its positions could be charged by.

    A source of which nothing is asked is passed on as it is, so that watching costs nothing.
    """

    source: EventSource
    settings: VenueSettings
    _begin: dict[str, int] = field(factory=dict, init=False)
    _settled: dict[str, list[Settlement]] = field(factory=dict, init=False)
    _marked: dict[str, None] = field(factory=dict, init=False)
    _end: int = field(default=0, init=False)

    @property
    def name(self) -> str:
        """What the events were read from."""
        return self.source.name

    @property
    def _pays(self) -> bool:
        return self.settings.funding_source is FundingSource.DATA

    @property
    def _marks(self) -> bool:
        return self.settings.mark_source is MarkSource.MARK_PRICE

    def __iter__(self) -> Iterator[Event]:
        return self._watched() if self._pays or self._marks else iter(self.source)

    def _watched(self) -> Iterator[Event]:
        begin = self._begin = {}
        settled = self._settled = {}
        marked = self._marked = {}  # every pass begins anew
        for event in self.source:
            payload = event.payload
            self._end = event.ts_ms
            if type(payload) is Snapshot:
                if payload.symbol not in begin:
                    begin[payload.symbol] = event.ts_ms
            elif type(payload) is Funding:
                settled.setdefault(payload.symbol, []).append(Settlement(payload))
            elif type(payload) is MarkPrice:
                marked[payload.symbol] = None
            yield event

    def warnings(self, result: PaperResult) -> list[str]:
        """Return what the data lacked for the symbols that traded."""
        traded = [symbol for symbol, costs in result.costs.items() if costs.fills]
        found: list[str] = []
        if self._pays:
            found += self._about_funding(traded)
        if self._marks:
            without = [symbol for symbol in traded if symbol not in self._marked]
            if without:
                found.append(
                    "No mark price in the data: positions are valued at the mid, although "
                    f"mark_source is mark_price, in {some(without, SYMBOLS_SHOWN)}."
                )
        return found

    def _about_funding(self, traded: Sequence[str]) -> Iterator[str]:
        known = self._known()
        without = [symbol for symbol in traded if not known.get(symbol)]
        if without:
            yield (
                "No funding in the data; positions paid none, although funding_source is data, "
                f"in {some(without, SYMBOLS_SHOWN)}."
            )
        for symbol in traded:
            gaps = funding_gaps(known.get(symbol, ()), self._begin[symbol], self._end)
            if gaps:
                yield _gap_text(symbol, gaps)

    def _known(self) -> Mapping[str, Sequence[Settlement]]:
        """Return all settlements there are: a funding file tells more than what the session saw."""
        given = self.source.funding.by_symbol if isinstance(self.source, Funded) else {}
        return {**self._settled, **given}


def _gap_text(symbol: str, gaps: Sequence[FundingGap]) -> str:
    spans = [
        f"{utc(gap.begin_ms)} to {utc(gap.end_ms)} UTC "
        f"({duration(nearest_second(gap.end_ms - gap.begin_ms))}, "
        f"usual {duration(nearest_second(gap.usual_ms))})"
        for gap in gaps
    ]
    count = "a funding gap" if len(gaps) == 1 else f"{len(gaps)} funding gaps"
    return f"{symbol} has {count}, for which nothing was paid: {some(spans, GAPS_SHOWN)}."
