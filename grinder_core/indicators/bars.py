"""Bars of mids (CORE-15): built from snapshots, gaps synthesise nothing."""

from __future__ import annotations

from decimal import Decimal

from attrs import define, frozen

from grinder_core.errors import ContractError


@frozen
class MidBar:
    """One completed bar; ``bar_ts`` is its start, Unix milliseconds."""

    bar_ts: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    tick_count: int


@define
class BarBuilder:
    """The open bar of one symbol. O(1) a snapshot.

    Attributes:
        interval_ms: Length of a bar.
        bar_ts: Start of the open bar; -1 before the first snapshot.
    """

    interval_ms: int
    bar_ts: int = -1
    last_ts: int = -1
    open: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    low: Decimal = Decimal(0)
    close: Decimal = Decimal(0)
    tick_count: int = 0

    def on_mid(self, ts: int, mid: Decimal) -> MidBar | None:
        """Fold one mid; return the bar that it completes.

        Raises:
            ContractError: ``ts`` went back.
        """
        if ts < self.last_ts:
            raise ContractError(f"must not go back from {self.last_ts}", field="ts", value=ts)
        self.last_ts = ts
        bar_ts = ts // self.interval_ms * self.interval_ms
        if bar_ts == self.bar_ts:
            if mid > self.high:
                self.high = mid
            elif mid < self.low:
                self.low = mid
            self.close = mid
            self.tick_count += 1
            return None
        done = None
        if self.tick_count:
            done = MidBar(self.bar_ts, self.open, self.high, self.low, self.close, self.tick_count)
        self.bar_ts, self.tick_count = bar_ts, 1
        self.open = self.high = self.low = self.close = mid
        return done
