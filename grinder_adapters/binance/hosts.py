"""How much money an address can cost: the class of a venue by its exact host (LIVE-07, I-07.2).

An address that is not known by name counts as mainnet. Loopback is the simulator; a tunnel could
hide anything behind it, so there only the local key pair is used and the server must say who it
is (``permission.py``, ``write_guard.py``).
"""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from grinder_core.errors import ConfigError


class VenueClass(StrEnum):
    """What a mistake costs there: nothing, play money, money."""

    SIM = "sim"
    TESTNET = "testnet"
    MAINNET = "mainnet"


TESTNET_HOSTS: Final = frozenset(
    {
        "demo-fapi.binance.com",
        "testnet.binancefuture.com",
        "fstream.binancefuture.com",
        "demo-fstream.binance.com",
        "testnet.binance.vision",
        "stream.testnet.binance.vision",
    }
)
_NAME: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.?")
_SCHEMES: Final = {"http": False, "ws": False, "https": True, "wss": True}  # encrypted?


@frozen
class VenueUrls:
    """The two addresses of one venue, without a path.

    Raises:
        ConfigError: One is no such address, they are of different classes, or one is not
            encrypted and leaves the machine.
    """

    rest: str
    stream: str

    def __attrs_post_init__(self) -> None:
        _check_scheme("rest", self.rest, ("http", "https"))
        _check_scheme("stream", self.stream, ("ws", "wss"))
        streams = venue_class(self.stream)
        if streams is not self.venue_class:
            raise ConfigError(
                f"is of class {streams.value}, and {self.rest} is {self.venue_class.value}",
                field="stream",
                value=self.stream,
                remedy="take both addresses of one venue",
            )

    @property
    def venue_class(self) -> VenueClass:
        """The class that they share."""
        return venue_class(self.rest)


def venue_class(url: str) -> VenueClass:
    """Return the class of an address.

    Raises:
        ConfigError: It is no ``scheme://host[:port]``, or it leaves the machine unencrypted.

    Example:
        >>> venue_class("http://127.0.0.1:8080").value, venue_class("https://example.org").value
        ('sim', 'mainnet')
    """
    host = _host(url, _split(url))
    if host == "localhost" or _is_loopback(host):
        return VenueClass.SIM
    if not _SCHEMES[urlsplit(url).scheme]:
        raise ConfigError(
            "must be encrypted unless it is on this machine",
            field="url",
            value=url,
            remedy="use https or wss",
        )
    return VenueClass.TESTNET if host in TESTNET_HOSTS else VenueClass.MAINNET


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        raise _wrong(url) from None
    given = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in _SCHEMES or not port_is_one or "@" in parts.netloc or given != url:
        raise _wrong(url)
    return parts


def _host(url: str, parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not _NAME.fullmatch(host) and ":" not in host:
        raise _wrong(url)
    return host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name


def _check_scheme(field: str, url: str, schemes: tuple[str, str]) -> None:
    if _split(url).scheme not in schemes:
        rule = f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}"
        raise ConfigError(rule, field=field, value=url)


def _wrong(url: str) -> ConfigError:
    return ConfigError(
        "must be scheme://host or scheme://host:port, and nothing else",
        field="url",
        value=url,
    )
