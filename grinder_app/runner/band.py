"""The same session under other fill models: a range instead of one number.

Nobody knows when a resting order would have been filled. So the session is run again under an
optimistic and under a pessimistic model, on the same data with the same settings, and only the
fills differ from the start on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from grinder_app.report.wording import money
from grinder_app.runner.policy import PolicySpec
from grinder_app.runner.session_loop import TELL_EVERY
from grinder_core.codec import to_dict
from grinder_core.contracts.enums import FillMode
from grinder_core.contracts.event import Event
from grinder_core.engine.config import EngineConfig
from grinder_core.numbers import ZERO, exact
from grinder_core.ports import Venue
from grinder_core.session.result import PaperResult, feed_selection, run_session
from grinder_core.session.session import Session

MODES: Final = (FillMode.TOUCH, FillMode.CROSSING, FillMode.QUEUE)
RANKED: Final = (
    *(FillMode.INSTANT, FillMode.TOUCH, FillMode.CROSSING),
    *(FillMode.QUOTE, FillMode.L2, FillMode.QUEUE),
)
COLUMNS: Final = ("fill model", "net PnL", "fills", "fees", "funding", "max drawdown")


@frozen(kw_only=True)
class BandRow:
    """What one fill model made of a session, or of several; money is quote currency.

    Attributes:
        is_own: The model that the run itself used.
    """

    fill_mode: FillMode
    net_pnl: Decimal
    fills: int
    fees: Decimal
    funding: Decimal
    max_drawdown: Decimal
    is_own: bool

    @classmethod
    def of(cls, mode: FillMode, result: PaperResult, *, is_own: bool) -> BandRow:
        """Read a finished session."""
        return cls(
            fill_mode=mode,
            net_pnl=result.net_pnl,
            fills=result.stats.total_fills,
            fees=result.fees_paid,
            funding=result.funding_paid,
            max_drawdown=result.max_drawdown,
            is_own=is_own,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return to_dict(self)

    def row(self) -> tuple[str, ...]:
        """Return the line of the table, under ``COLUMNS``."""
        return (
            f"{self.fill_mode.value} (this run)" if self.is_own else self.fill_mode.value,
            money(self.net_pnl),
            f"{self.fills:,}",
            money(self.fees),
            money(self.funding),
            money(self.max_drawdown),
        )


def fill_band(
    config: EngineConfig,
    events: Iterable[Event],
    own: PaperResult,
    policy: PolicySpec | None = None,
    *,
    venue: Callable[[EngineConfig], Venue | None] = lambda config: None,
    tell: Callable[[int], None] | None = None,
) -> tuple[BandRow, ...]:
    """Run a stream under every model of the band but the one that ran already.

    Args:
        events: Re-iterable; the stream of the run.
        own: The run's own result.
        venue: Returns who answers; ``None`` for the simulated venue of the settings.
        tell: Called with numbers of further events, for progress.

    Returns:
        One row a model, from optimistic to pessimistic; the run's own model is among them.

    Raises:
        Exception: Whatever ended a session early.
    """
    mine = config.venue.fill_mode
    if tell is not None:
        events = _Told(events, tell)
    rows = []
    for mode in sorted({*MODES, mine}, key=RANKED.index):
        if mode is mine:
            rows.append(BandRow.of(mode, own, is_own=True))
            continue
        other = config.with_values({"fill_mode": mode})
        session = Session(
            other,
            None if policy is None else policy.load(),
            venue=venue(other),
            digest=False,
        )
        feed_selection(session, events)
        result = run_session(session, events)
        if result.failure is not None:
            raise result.failure
        rows.append(BandRow.of(mode, result, is_own=False))
    return tuple(rows)


class _Told:
    """A stream that says how far it was read."""

    def __init__(self, events: Iterable[Event], tell: Callable[[int], None]) -> None:
        self._events, self._tell = events, tell

    def __iter__(self) -> Iterator[Event]:
        count = 0
        for count, event in enumerate(self._events, 1):
            if count % TELL_EVERY == 0:
                self._tell(TELL_EVERY)
            yield event
        self._tell(count % TELL_EVERY)


def add_up(bands: Sequence[Sequence[BandRow]]) -> tuple[BandRow, ...]:
    """Add the bands of several sessions, model by model; drawdowns are the deepest one's."""
    by_mode: dict[FillMode, list[BandRow]] = {}
    for row in (row for band in bands for row in band):
        by_mode.setdefault(row.fill_mode, []).append(row)
    with exact():
        return tuple(
            BandRow(
                fill_mode=mode,
                net_pnl=sum((row.net_pnl for row in rows), ZERO),
                fills=sum(row.fills for row in rows),
                fees=sum((row.fees for row in rows), ZERO),
                funding=sum((row.funding for row in rows), ZERO),
                max_drawdown=max((row.max_drawdown for row in rows), default=ZERO),
                is_own=rows[0].is_own,
            )
            for mode, rows in by_mode.items()
        )
