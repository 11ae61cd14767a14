"""A market made beforehand: frames in a list, and whoever plays them into a session's sockets.

The frames are those of the local exchange for a generated market of ten symbols, so that nothing
but the session works while they are played. Only the venue's time in them is written anew, which
is done before a frame is handed over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from attrs import evolve

from grinder_adapters.local_venue.assembly import VenueOptions, assemble
from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS
from grinder_adapters.local_venue.hub import Hub
from grinder_adapters.local_venue.market_feed import restamped
from grinder_adapters.local_venue.market_frames import MarketFrames
from grinder_adapters.local_venue.markets.generator import (
    GeneratedMarket,
    GeneratedSymbol,
    GeneratorSettings,
)
from grinder_app.live.connecting import STREAMS
from grinder_core.venue.exchange.instrument import Instrument

SYMBOLS = 10
EVENTS_PER_S = 60  # of each symbol: a busy hour
TRADED = "COIN5USDT"
LISTED: tuple[Instrument, ...] = tuple(
    evolve(LOCAL_SYMBOLS[1], symbol=f"COIN{n}USDT") for n in range(SYMBOLS)
)
NAMES: tuple[str, ...] = tuple(instrument.symbol for instrument in LISTED)


class Listed(NamedTuple):
    """One frame: when it is due, milliseconds from the first, its stream and its text."""

    due_ms: int
    stream: str
    text: bytes

    @property
    def is_traded_quote(self) -> bool:
        """Whether it is a quote of the symbol that orders are sent for."""
        return self.stream.endswith("@bookTicker") and self.stream.startswith(TRADED.lower())


def generated(start_ms: int, duration_ms: int) -> GeneratedMarket:
    """Return the market of all symbols."""
    symbol = GeneratedSymbol(start_price=Decimal(3_000), events_per_s=EVENTS_PER_S)
    settings = GeneratorSettings(
        seed=1,
        start_ms=start_ms,
        duration_ms=duration_ms,
        symbols=dict.fromkeys(NAMES, symbol),
    )
    return GeneratedMarket(settings, LISTED)


def listed(written_ms: int, duration_ms: int) -> list[Listed]:
    """Return the frames of a market, the venue's time in each being ``written_ms``."""
    board = assemble(VenueOptions(instruments=LISTED)).board
    wanted = {f"{name.lower()}@{kind}" for name in NAMES for kind in STREAMS}
    streams = MarketFrames(board, wanted)
    found: list[Listed] = []
    for event in generated(written_ms, duration_ms):
        for frame in streams.on_event(restamped(event, written_ms), written_ms):
            text = b'{"stream":"%b","data":%b}' % (frame.stream.encode(), frame.data)
            found.append(Listed(event.ts_ms - written_ms, frame.stream, text))
    return found


async def play(
    frames: Sequence[Listed],
    written_ms: int,
    hub: Hub,
    is_done: Callable[[], bool] | None = None,
) -> None:
    """Hand frames over to the sockets that get their streams.

    Args:
        is_done: With it a frame comes as soon as everything before is done; without, when due.
    """
    written, began = b"%d" % written_ms, time.monotonic()
    for frame in frames:
        if is_done is None:
            ahead_s = frame.due_ms / 1_000 - (time.monotonic() - began)
            if ahead_s > 0:
                await asyncio.sleep(ahead_s)
        else:
            while not is_done():
                await asyncio.sleep(0)
        text = frame.text.replace(written, b"%d" % (time.time_ns() // 1_000_000))
        for session in hub.by_stream.get(frame.stream, {}).values():
            session.put(text)
