"""One market that does what a script says, and is still otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, frozen

from grinder_adapters.local_venue.markets.scale import MICRO
from grinder_adapters.local_venue.markets.slots import DIFF_MS, SECOND_MS, Row
from grinder_adapters.local_venue.markets.tape import MarketRow, Tape
from grinder_adapters.local_venue.markets.venue_steps import VenueStep
from grinder_core.contracts.event import MarketPayload
from grinder_core.numbers import BPS

Happening = MarketPayload | VenueStep


@frozen(kw_only=True)
class Print:
    """Somebody takes quantity; ``buys`` says that it is taken from the asks."""

    buys: bool
    lots: int


@frozen(kw_only=True)
class MarketStep:
    """What happens to one market at one time; ``None`` leaves a thing as it is.

    Attributes:
        ts_ms: When.
        move_bps: How far the mid moves, on its value then.
        over_ms: How long that takes.
        spread_ticks: The spread from now on.
        print: What somebody takes.
        gap_ms: For how long nothing is told of the market.
        funding_rate: Rate from now on, hundred-millionths.
        mark_offset_bps: How far above the mid the mark price lies from now on.
    """

    ts_ms: int
    move_bps: int | None = None
    over_ms: int = 0
    spread_ticks: int | None = None
    print: Print | None = None
    gap_ms: int | None = None
    funding_rate: int | None = None
    mark_offset_bps: int | None = None


@frozen
class Move:
    """A mid on its way, in a straight line; prices in millionths of a tick."""

    start: int
    end: int
    start_ms: int = 0
    length_ms: int = 0

    def at(self, now: int) -> int:
        """Where it is."""
        passed = now - self.start_ms
        if passed >= self.length_ms:
            return self.end
        return self.start + (self.end - self.start) * passed // self.length_ms


@define
class ScriptedMarket:
    """One market under way.

    Attributes:
        steps: In order of time.
        move: Where the mid is going, millionths of a tick.
        spread: Ticks.
        rate: Funding rate, hundred-millionths.
        silent_until: Nothing is told before; the end of a slot.
        done: How many steps are behind us.
    """

    tape: Tape
    steps: Sequence[MarketStep]
    move: Move
    spread: int
    rate: int
    funding_ms: int
    next_funding_ts: int
    mark_offset_bps: int = 0
    silent_until: int = 0
    is_open: bool = False
    done: int = 0

    def slot(self, begin_ms: int, end_ms: int, rows: list[Row[Happening]]) -> None:
        """Do what the script says for this slot, then close it."""
        told: list[MarketRow] = []
        if not self.is_open:
            self.is_open = True
            self.tape.open(begin_ms, told)
            told.append(self._mark(begin_ms))
        while self.done < len(self.steps) and self.steps[self.done].ts_ms < end_ms:
            self._act(self.steps[self.done], told)
            self.done += 1
        self._close(end_ms, told)
        rows.extend(told)

    def _act(self, step: MarketStep, told: list[MarketRow]) -> None:
        now = step.ts_ms
        if step.spread_ticks is not None:
            self.spread = step.spread_ticks
        if step.funding_rate is not None:
            self.rate = step.funding_rate
        if step.mark_offset_bps is not None:
            self.mark_offset_bps = step.mark_offset_bps
        if step.move_bps is not None:
            mid = self.move.at(now)
            self.move = Move(mid, mid + mid * step.move_bps // BPS, now, step.over_ms)
        if step.gap_ms is not None:
            end = -(-(now + step.gap_ms) // DIFF_MS) * DIFF_MS
            self.silent_until = max(self.silent_until, end)
        if now < self.silent_until:
            told = []
        self._requote(now, told)
        if step.print is not None:
            self.tape.aggress(now, step.print.lots, told, buys=step.print.buys)

    def _requote(self, now: int, told: list[MarketRow]) -> None:
        bids, asks = self.tape.bids, self.tape.asks
        before = bids.best, asks.best
        self.tape.place(self.move.at(now), self.spread)
        if (bids.best, asks.best) != before:
            told.append(self.tape.quote(now))

    def _close(self, end: int, told: list[MarketRow]) -> None:
        """End the slot; a settlement comes first, and also while nothing else is told."""
        if end == self.next_funding_ts:
            told.append(self.tape.funding(end, self.rate))
            self.next_funding_ts = end + self.funding_ms
        heard = [] if end <= self.silent_until else told
        self._requote(end, heard)
        if self.tape.has_changes or end == self.silent_until:
            self.tape.tell_changes(end, heard)
        if end == self.silent_until:
            self.tape.open(end, told)
        if end % SECOND_MS == 0 and end >= self.silent_until:
            told.append(self._mark(end))

    def _mark(self, now: int) -> MarketRow:
        mid = self.move.at(now)
        mark = (mid + mid * self.mark_offset_bps // BPS) // MICRO
        return self.tape.mark(now, mark, mid // MICRO, self.rate, self.next_funding_ts)
