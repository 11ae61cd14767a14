"""Which stream sits on which connection (SCR-01).

All streams of a symbol of one class share a connection, called a shard. A symbol goes to the first
shard with room, so that holes left by others are filled before a new shard is opened; an empty
one stays for a while, since symbols come back. Where a stream sits depends only on the sequence
of calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from attrs import Factory, define, frozen

from grinder_core.contracts.checks import check_symbol
from grinder_core.errors import ConfigError
from grinder_core.settings import setting


class StreamClass(StrEnum):
    """Categories of the venue's endpoints; a connection serves one (reference 2)."""

    PUBLIC = "public"
    MARKET = "market"


_KINDS: Final = (
    (
        StreamClass.PUBLIC,
        re.compile(r"bookTicker|depth(5|10|20)?(@100ms|@500ms)?|rpiDepth@500ms"),
    ),
    (
        StreamClass.MARKET,
        re.compile(r"aggTrade|markPrice(@1s)?|kline_[0-9]+[mhdwM]|(mini)?[tT]icker|forceOrder"),
    ),
)


@frozen(kw_only=True)
class PlacementSettings:
    """How full a connection may be."""

    max_streams: int = setting(
        160, "Streams of one connection, at most 80 % of the cap.", ge=1, spec="SCR-01"
    )
    venue_stream_cap: int = setting(
        200, "Streams that the venue, by experience, serves well.", ge=1, spec="SCR-01"
    )
    empty_close_ms: int = setting(
        60_000, "How long a connection without streams is kept.", ge=0, spec="SCR-01"
    )

    def __attrs_post_init__(self) -> None:
        most = self.venue_stream_cap * 8 // 10
        if self.max_streams > most:
            raise ConfigError(
                f"must be <= {most}, 80 % of venue_stream_cap",
                field="max_streams",
                value=self.max_streams,
                remedy="lower it, or raise venue_stream_cap if the venue allows it",
            )


@define(eq=False)
class Shard:
    """One connection's symbols, in the order they came.

    Attributes:
        kinds: Streams that each of its symbols has here.
        empty_since_ms: Since when it has none; ``None`` while it has.
    """

    number: int
    stream_class: StreamClass
    kinds: tuple[str, ...]
    symbols: dict[str, None] = Factory(dict)
    empty_since_ms: int | None = None

    @property
    def streams(self) -> list[str]:
        """Names on the wire."""
        return [stream_name(symbol, kind) for symbol in self.symbols for kind in self.kinds]


def stream_name(symbol: str, kind: str) -> str:
    """Name of a symbol's stream on the wire."""
    return f"{symbol.lower()}@{kind}"


def stream_class(kind: str) -> StreamClass:
    """Return the class of a stream kind, such as ``depth20@500ms``.

    Raises:
        ConfigError: There is no such kind.
    """
    for found, pattern in _KINDS:
        if pattern.fullmatch(kind):
            return found
    raise ConfigError(
        "is no stream kind",
        field="kinds",
        value=kind,
        remedy="use kinds like bookTicker, depth@100ms, aggTrade, markPrice@1s",
    )


class Placement:
    """Symbols on shards.

    Args:
        kinds: Streams wanted of every symbol; one named twice counts once.

    Attributes:
        shards: The open ones by number, oldest first; a number is not used twice.

    Raises:
        ConfigError: A kind is none, or a symbol's streams do not fit into one shard.
    """

    def __init__(self, kinds: Iterable[str], settings: PlacementSettings) -> None:
        self._settings = settings
        self._kinds: dict[StreamClass, tuple[str, ...]] = {}
        for kind in dict.fromkeys(kinds):
            found = stream_class(kind)
            self._kinds[found] = (*self._kinds.get(found, ()), kind)
        for found, names in self._kinds.items():
            if len(names) > settings.max_streams:
                raise ConfigError(
                    f"must be >= {len(names)}, a symbol's {found} streams",
                    field="max_streams",
                    value=settings.max_streams,
                )
        self.shards: dict[int, Shard] = {}
        self._shards_made = 0
        self._symbols: dict[str, None] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """Those placed, in the order they came."""
        return tuple(self._symbols)

    def add(self, symbols: Iterable[str]) -> None:
        """Place symbols, in alphabetical order; one that is placed stays where it is.

        Raises:
            ContractError: One is no symbol; then none is placed.
        """
        new = sorted(set(symbols) - self._symbols.keys())
        for symbol in new:
            check_symbol(symbol)
        for symbol in new:
            self._symbols[symbol] = None
            for found, kinds in self._kinds.items():
                shard = self._with_room(found, kinds)
                shard.symbols[symbol] = None
                shard.empty_since_ms = None

    def remove(self, symbols: Iterable[str], now: int) -> None:
        """Take symbols away; one that is not placed is ignored."""
        for symbol in symbols:
            self._symbols.pop(symbol, None)
            for shard in self.shards.values():
                if symbol in shard.symbols:
                    del shard.symbols[symbol]
                    shard.empty_since_ms = None if shard.symbols else now

    def close_empty(self, now: int) -> Sequence[int]:
        """Close the shards that have been empty for long enough; return their numbers."""
        closed = [
            shard.number
            for shard in self.shards.values()
            if shard.empty_since_ms is not None
            and now - shard.empty_since_ms >= self._settings.empty_close_ms
        ]
        for number in closed:
            del self.shards[number]
        return closed

    def _with_room(self, found: StreamClass, kinds: tuple[str, ...]) -> Shard:
        places = self._settings.max_streams // len(kinds)
        for shard in self.shards.values():
            if shard.stream_class is found and len(shard.symbols) < places:
                return shard
        made = Shard(self._shards_made, found, kinds)
        self.shards[made.number] = made
        self._shards_made += 1
        return made
