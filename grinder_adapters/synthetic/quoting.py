"""Turning price paths into quotes of a market, and markets into one stream of events."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Final

from attrs import frozen

from grinder_core.contracts.event import Event
from grinder_core.contracts.market import L2Snapshot, Snapshot
from grinder_core.draws import draw
from grinder_core.errors import ContractError
from grinder_core.numbers import exact, fractional_digits

_FIELD_BITS: Final = 16
_FIELD: Final = (1 << _FIELD_BITS) - 1


@frozen(kw_only=True)
class Market:
    """One made-up market.

    Attributes:
        tick_size: Price increment, quote currency.
        step_size: Quantity increment, base asset.
        depth_steps: Usual quantity at the best price, in increments; quotes show up to twice it.
    """

    symbol: str
    tick_size: Decimal
    step_size: Decimal
    depth_steps: int

    def ticks(self, price: str) -> int:
        """Return a price in ticks.

        Raises:
            ContractError: The price is no multiple of the tick.
        """
        with exact():
            ticks, rest = divmod(Decimal(price), self.tick_size)
        if rest:
            raise ContractError(
                f"must be a multiple of the tick {self.tick_size}", field="price", value=price
            )
        return int(ticks)

    def quotes(
        self, seed: int, times: Sequence[int], mids: Sequence[int], spreads: Sequence[int]
    ) -> Iterator[Snapshot]:
        """Yield one quote a step; quantities and the last trade are drawn.

        Args:
            mids: Ticks; with an odd spread the true mid lies half a tick above.
            spreads: Ticks.
        """
        price, qty = Grid(self.tick_size), Grid(self.step_size)
        reach = 2 * self.depth_steps
        rows = zip(times, mids, spreads, strict=True)
        for step, (ts, mid, spread) in enumerate(rows):
            bid = mid - spread // 2
            ask = bid + spread
            word = draw(seed, step)
            sizes = [
                1 + ((word >> shift & _FIELD) * reach >> _FIELD_BITS)
                for shift in (0, _FIELD_BITS, 2 * _FIELD_BITS)
            ]
            yield Snapshot(
                ts=ts,
                symbol=self.symbol,
                bid_price=price.of(bid),
                ask_price=price.of(ask),
                bid_qty=qty.of(sizes[0]),
                ask_qty=qty.of(sizes[1]),
                last_price=price.of(bid if word >> 63 else ask),
                last_qty=qty.of(1 + sizes[2] // 8),
            )


class Grid:
    """Multiples of an increment, exact whatever the caller's decimal context."""

    __slots__ = ("_exponent", "_units")

    def __init__(self, increment: Decimal) -> None:
        places = fractional_digits(increment)
        self._units = int(increment.scaleb(places))
        self._exponent = f"E-{places}"

    def of(self, count: int) -> Decimal:
        return Decimal(f"{count * self._units}{self._exponent}")


def interleave(streams: Sequence[Iterable[Snapshot | L2Snapshot]]) -> Iterator[Event]:
    """Merge markets by time, equal times in the order of the streams, and number the events."""
    merged = heapq.merge(*streams, key=attrgetter("ts"))
    for seq, payload in enumerate(merged):
        yield Event(payload.ts, payload, seq)
