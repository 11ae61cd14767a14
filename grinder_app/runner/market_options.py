"""Which live market a command reads, as its options and as a plan."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from attrs import frozen
from cyclopts import Parameter

from grinder_adapters.binance.hosts import VenueUrls
from grinder_core.errors import ConfigError

KINDS: Final = {
    "quotes": "bookTicker",
    "trades": "aggTrade",
    "depth": "depth@100ms",
    "marks": "markPrice@1s",
}


class LiveVenue(StrEnum):
    """A venue by name."""

    LOCAL = "local"
    BINANCE = "binance"


URLS: Final = {
    LiveVenue.LOCAL: ("http://localhost:8790", "ws://localhost:8790"),
    LiveVenue.BINANCE: ("https://fapi.binance.com", "wss://fstream.binance.com"),
}


@Parameter(name="*")
@frozen(kw_only=True)
class MarketOptions:
    """Whose market.

    Parameters
    ----------
    symbols
        Symbols that the venue lists, separated by commas.
    venue
        local, the local exchange where it listens by default, or binance, the public hosts of
        Binance USDT-M futures.
    url
        Another address for requests.
    ws_url
        Another address for streams; by default that for requests, as ws or wss.
    duration
        Stop after so many seconds; 0: when interrupted.
    """

    symbols: str
    venue: LiveVenue = LiveVenue.LOCAL
    url: str | None = None
    ws_url: str | None = None
    duration: float = 0

    def plan(self, streams: Sequence[str]) -> MarketPlan:
        """Return what to read.

        Raises:
            ConfigError: No symbol or stream is named, a stream is unknown, or an address is none.
        """
        for stream in streams:
            if stream not in KINDS:
                raise ConfigError(f"must be of {', '.join(KINDS)}", field="--streams", value=stream)
        symbols = split(self.symbols)
        for option, given in (("--symbols", symbols), ("--streams", streams)):
            if not given:
                raise ConfigError("must name at least one", field=option)
        return MarketPlan(
            urls=self._urls(), symbols=symbols, streams=tuple(streams), duration_s=self.duration
        )

    def _urls(self) -> VenueUrls:
        rest, stream = URLS[self.venue]
        if self.url is not None:
            rest, stream = self.url, self.url.replace("http", "ws", 1)
        return VenueUrls(rest, self.ws_url or stream)


@frozen(kw_only=True)
class MarketPlan:
    """What to read.

    Attributes:
        streams: Names of ``KINDS``.
        duration_s: 0: until a signal comes.
    """

    urls: VenueUrls
    symbols: tuple[str, ...]
    streams: tuple[str, ...]
    duration_s: float = 0


def split(text: str) -> tuple[str, ...]:
    """Return the parts of a text with commas, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
