"""Raw combined-stream WebSocket captures as one stream of events.

Receive time orders everything: it is the envelope's time, also where the recorder's clock was
wrong, because arrival order is the truth. Files of one symbol on consecutive dates continue each
other.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from grinder_adapters.feeds import construct
from grinder_adapters.feeds.frames import SNAPSHOT_STREAM, Frame, is_capture_line, read_frames
from grinder_adapters.feeds.jsonl import as_fixture_error
from grinder_adapters.feeds.lines import check_readable, read_lines
from grinder_adapters.feeds.market_fold import FoldOptions, Found, MarketFold, Quotes
from grinder_adapters.feeds.problems import Problems
from grinder_adapters.feeds.source import Clock
from grinder_core.contracts.checks import SYMBOL
from grinder_core.contracts.event import Event
from grinder_core.errors import ConfigError, FixtureError, InputError

Route = Callable[[int, Any, Found], None]


class CaptureSource:
    """Events of one or more captures, merged by receive time (see ``frames`` for the formats).

    Args:
        paths: Captures; at equal times the order given decides.
        problems: What to do about defects; also counts what is left out, once for every pass.
        symbols: Take only these; ``None`` takes all.
        quotes: Make SNAPSHOTs of ``bookTicker``, of the top of the bridged book, or of both in
            order of their update ids.
        depth: Whether to read depth at all.

    Raises:
        ConfigError: A path is given twice, quotes from the book without depth, or (at the end of
            a pass) a symbol asked for does not occur.
        FixtureError: A file cannot be read; while iterating: malformed content, with file, line,
            field, value and rule, when problems stop.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        problems: Problems,
        *,
        symbols: frozenset[str] | None = None,
        quotes: Quotes = Quotes.BOTH,
        depth: bool = True,
    ) -> None:
        if not depth and quotes is Quotes.BOOK:
            raise ConfigError(
                "needs depth", field="quotes", value=quotes.value, remedy="leave --no-depth out"
            )
        seen: set[Path] = set()
        for path in paths:
            check_readable(path)
            if path.resolve() in seen:
                raise ConfigError("is given twice", field="source", value=str(path))
            seen.add(path.resolve())
        self._paths = tuple(paths)
        self._problems = problems
        self._symbols = symbols
        self._options = FoldOptions(quotes=quotes, depth=depth)

    @property
    def name(self) -> str:
        """The files, in the order given."""
        return ", ".join(map(str, self._paths))

    def __iter__(self) -> Iterator[Event]:
        clock, problems = Clock(), self._problems
        routes = _Routes(self._symbols, self._options, clock, problems)
        found: Found = []
        seq, frames, now = 0, 0, 0
        for received, path, line, stream, data in self._frames():
            frames += 1
            if received > now:
                now = clock.envelope(received)
            try:
                routes[stream](now, data, found)
            except ConfigError as error:
                raise error.at(f"{path}:{line}") from None
            except InputError as error:
                problems.skip(as_fixture_error(error, f"{path}:{line}"))
            if found:
                for payload, update_id in found:
                    yield construct.event(now, payload, seq, now, update_id)
                    seq += 1
                found.clear()
        routes.finish()
        if not frames and not problems.count:
            raise FixtureError("holds no frames", where=self.name)

    def _frames(self) -> Iterator[Frame]:
        depth = self._options.depth
        streams = [read_frames(path, self._problems, depth=depth) for path in self._paths]
        return streams[0] if len(streams) == 1 else heapq.merge(*streams, key=itemgetter(0))


def looks_like_capture(path: Path) -> bool:
    """Whether one of a file's first lines has the form of a capture."""
    return any(is_capture_line(raw) for raw in islice(read_lines(path), 3))


class _Routes(dict[str, Route]):
    """Stream name -> what to do with its frames, decided at the stream's first frame."""

    def __init__(
        self,
        symbols: frozenset[str] | None,
        options: FoldOptions,
        clock: Clock,
        problems: Problems,
    ) -> None:
        super().__init__()
        self._symbols = symbols
        self._options = options
        self._clock = clock
        self._problems = problems
        self._folds: dict[str, MarketFold] = {}
        self._met: dict[str, None] = {}
        self._first: dict[tuple[str, str], str] = {}

    def __missing__(self, stream: str) -> Route:
        route = self._route(stream)
        self[stream] = route
        return route

    def finish(self) -> None:
        """Settle the counts of a pass that read everything."""
        for fold in self._folds.values():
            fold.finish()
        for symbol in sorted(self._symbols or ()):
            if symbol not in self._folds:
                raise ConfigError(
                    f"does not occur; the source holds {', '.join(self._met)}",
                    field="symbols",
                    value=symbol,
                )

    def _route(self, stream: str) -> Route:
        name, _, kind = stream.partition("@")
        kind = kind.partition("@")[0]
        if name.startswith("!"):
            return self._all_market(name[1:])
        symbol = name.upper()
        if not SYMBOL.fullmatch(symbol):
            return self._left_out("frames of symbols outside [A-Z0-9_]{2,40}")
        self._met[symbol] = None
        if self._symbols is not None and symbol not in self._symbols:
            return self._left_out("frames of symbols not asked for")
        fold = self._folds.get(symbol)
        if fold is None:
            fold = MarketFold(symbol, self._options, self._clock, self._problems)
            self._folds[symbol] = fold
        return self._of_symbol(fold, stream, kind)

    def _of_symbol(self, fold: MarketFold, stream: str, kind: str) -> Route:
        if kind == "bookTicker":
            if self._options.quotes is Quotes.BOOK:
                return self._left_out("bookTicker frames (not asked for)")
            return fold.on_quote
        if kind == "markPrice":
            return fold.on_mark_price
        if kind in {"depth", SNAPSHOT_STREAM}:
            if not self._options.depth:
                return self._left_out("depth frames (not asked for)")
            if kind == SNAPSHOT_STREAM:
                return fold.on_snapshot
            return self._only(fold.symbol, "depth", stream) or fold.on_depth
        if kind in {"trade", "aggTrade"}:
            # both tell the same prints; taking both would double every volume
            take = fold.on_trade if kind == "trade" else fold.on_agg_trade
            return self._only(fold.symbol, "trade", stream) or take
        return self._left_out(f"{kind} frames")

    def _only(self, symbol: str, group: str, stream: str) -> Route | None:
        first = self._first.setdefault((symbol, group), stream)
        if first == stream:
            return None
        return self._left_out(f"{stream.partition('@')[2]} frames beside {first}")

    def _all_market(self, kind: str) -> Route:
        kind = kind.partition("@")[0]

        def take(received: int, data: Any, found: Found) -> None:
            for item in data if isinstance(data, list) else [data]:
                if not isinstance(item, dict) or not isinstance(item.get("s"), str):
                    raise FixtureError("must hold the symbol", field="data", value=item)
                self[f"{item['s'].lower()}@{kind}"](received, item, found)

        return take

    def _left_out(self, reason: str) -> Route:
        def count(received: int, data: Any, found: Found) -> None:
            self._problems.count_out(reason)

        return count
