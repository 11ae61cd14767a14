"""How fast market frames become events.

    python -m benchmarks.frames [--frames N]

Made-up frames of one symbol in the venue's form, wrapped as on a combined connection. Rates are
frames or levels a second, also as a ratio to parsing the same bytes with orjson alone in the
same run; the best of several rounds counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import orjson

from grinder_adapters.binance.market_frames import MarketFrames
from grinder_core.draws import draw

ROUNDS = 5
LEVELS = 20  # of a side, in a frame of depth
START_MS = 1_700_000_000_000
SYMBOL = "BTCUSDT"


def wrapped(stream: str, data: str) -> bytes:
    """Wrap a payload as a combined connection does."""
    return f'{{"stream":"btcusdt@{stream}","data":{{{data},"ps":"BTCUSDT","st":1}}}}'.encode()


def quotes(count: int) -> list[bytes]:
    """Quotes of a walking top of book."""
    frames, mid = [], 600_000
    for i in range(count):
        number = draw(11, i)
        mid += number % 7 - 3
        bid_qty, ask_qty = number % 9000 + 1, number // 9000 % 9000 + 1
        data = (
            f'"e":"bookTicker","u":{i + 1},"E":{START_MS + i},"T":{START_MS + i},"s":"BTCUSDT",'
            f'"b":"{mid / 10:.2f}","B":"{bid_qty / 1000:.3f}",'
            f'"a":"{(mid + 1) / 10:.2f}","A":"{ask_qty / 1000:.3f}"'
        )
        frames.append(wrapped("bookTicker", data))
    return frames


def trades(count: int) -> list[bytes]:
    """Prints without a gap."""
    frames = []
    for i in range(count):
        number = draw(12, i)
        data = (
            f'"e":"aggTrade","E":{START_MS + i},"s":"BTCUSDT","a":{i + 1},'
            f'"p":"{(600_000 + number % 200) / 10:.2f}","q":"{(number % 9000 + 1) / 1000:.3f}",'
            f'"f":{i},"l":{i},"T":{START_MS + i},"m":{"true" if number % 2 else "false"}'
        )
        frames.append(wrapped("aggTrade", data))
    return frames


def diffs(count: int) -> list[bytes]:
    """Changes of ``LEVELS`` levels a side near the touch."""
    frames = []
    for i in range(count):
        draws = [draw(5, i * 2 * LEVELS + j) for j in range(2 * LEVELS)]
        sides = [
            ",".join(
                f'["{(600_000 + x % 500) / 10:.2f}","{x // 500 % 5000 / 1000:.3f}"]' for x in d
            )
            for d in (draws[:LEVELS], draws[LEVELS:])
        ]
        data = (
            f'"e":"depthUpdate","E":{START_MS + i},"T":{START_MS + i},"s":"BTCUSDT",'
            f'"U":{10 * i + 1},"u":{10 * i + 10},"pu":{10 * i},"b":[{sides[0]}],"a":[{sides[1]}]'
        )
        frames.append(wrapped("depth@100ms", data))
    return frames


def least(action: Callable[[], None]) -> float:
    """Return seconds of an action, in the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - began)
    return best


def measure(name: str, frames: Sequence[bytes], items: int, what: str) -> None:
    """Read the frames and print how fast that was."""

    def parse() -> None:
        for frame in frames:
            orjson.loads(frame)

    def read() -> None:
        reader = MarketFrames([SYMBOL])
        for number, frame in enumerate(frames):
            reader.read(frame, START_MS + number, number)
        if any(reader.drops.values()):
            raise AssertionError(f"{name}: made-up frames were dropped: {reader.drops}")

    parsing, reading = least(parse), least(read)
    rate = items / reading
    print(f"{name:12} {rate:12,.0f} {what}/s  {parsing / reading:.2f} of orjson alone")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=50_000)
    count = parser.parse_args().frames
    measure("bookTicker", quotes(count), count, "frames")
    measure("aggTrade", trades(count), count, "frames")
    few = count // 10
    measure("depth", diffs(few), few * 2 * LEVELS, "levels")


if __name__ == "__main__":
    main()
