"""How fast the local exchange folds market events and renders the frames of its streams.

    python -m benchmarks.local_market [--events N]

Made-up events of one symbol. Rates are events a second, with every stream of that kind wanted and
with none; the best of several rounds counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Container, Sequence
from decimal import Decimal

from benchmarks.frames import START_MS, SYMBOL, diffs, least, quotes, trades
from grinder_adapters.binance import market_frames
from grinder_adapters.local_venue.board import MarketBoard
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.market_frames import MarketFrames
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import L2Snapshot

NAME = SYMBOL.lower()


def read(frames: Sequence[bytes]) -> list[Event]:
    """Turn frames of the venue into events."""
    reader = market_frames.MarketFrames([SYMBOL])
    items = [item for n, frame in enumerate(frames) for item in reader.read(frame, START_MS + n, n)]
    return [item for item in items if isinstance(item, Event)]


def measure(name: str, events: Sequence[Event], wanted: Container[str]) -> None:
    """Fold and render the events and print how fast that was."""

    def run() -> None:
        streams = MarketFrames(MarketBoard(LOCAL_SYMBOLS), wanted)
        for event in events:
            streams.on_event(event, event.ts_ms)

    print(f"{name:32} {len(events) / least(run):12,.0f} events/s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    count = parser.parse_args().events
    levels = ((Decimal("59990"), Decimal(1)),), ((Decimal("60010"), Decimal(1)),)
    book = Event(0, L2Snapshot(ts=0, symbol=SYMBOL, bids=levels[0], asks=levels[1]))
    top, changes, prints = read(quotes(count)), read(diffs(count // 10)), read(trades(count))
    for what, wanted in (("nobody", frozenset[str]()), ("wanted", _Everything())):
        measure(f"quotes, {what}", [book, *top], wanted)
        measure(f"quotes without a book, {what}", top, wanted)
        measure(f"changes of 40 levels, {what}", [book, *changes], wanted)
        measure(f"prints, {what}", prints, wanted)
    measure("quotes, bookTicker", [book, *top], {f"{NAME}@bookTicker"})
    measure("changes of 40 levels, 100 ms", [book, *changes], {f"{NAME}@depth@100ms"})


class _Everything:
    def __contains__(self, stream: object) -> bool:
        return True


if __name__ == "__main__":
    main()
