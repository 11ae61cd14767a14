"""Which venue a live run talks to: its two addresses, and whether they fit the port (LIVE-07)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from grinder_adapters.binance.hosts import VenueClass, VenueUrls, venue_class
from grinder_adapters.binance.permission import PortKind
from grinder_adapters.binance.spec import SPOT, USDM
from grinder_app.config.live_settings import LiveSettings
from grinder_core.errors import ConfigError

REST: Final = "live.rest_url"
STREAM: Final = "live.ws_url"
PORT: Final = "live.exchange_port"

_SPECS: Final = {PortKind.FUTURES: USDM, PortKind.SPOT: SPOT}
_KNOWN: Final = {urls.rest: urls for spec in _SPECS.values() for urls in spec.urls.values()}


def urls_of(live: LiveSettings, origins: Mapping[str, str]) -> VenueUrls | None:
    """Return the venue's addresses; ``None``: an exchange of this process.

    Raises:
        ConfigError: One is no address, they are not of one class, the other cannot be told, or
            the port is not for that venue.
    """
    if not live.rest_url:
        if live.ws_url:
            raise ConfigError(
                "needs live.rest_url",
                field=STREAM,
                value=live.ws_url,
                where=origins[STREAM],
                remedy="set both addresses of one venue, or neither",
            )
        return None
    kind = _class_of(REST, live.rest_url, origins)
    stream = live.ws_url or _stream_of(live.rest_url, kind, origins)
    _class_of(STREAM, stream, origins)
    try:
        urls = VenueUrls(live.rest_url, stream)
    except ConfigError as error:
        name, url = (STREAM, stream) if error.field == "stream" else (REST, live.rest_url)
        raise ConfigError(
            error.rule, field=name, value=url, where=origins[name], remedy=error.remedy
        ) from None
    _check_port(live.exchange_port, urls, origins)
    return urls


def _class_of(name: str, url: str, origins: Mapping[str, str]) -> VenueClass:
    try:
        return venue_class(url)
    except ConfigError as error:
        raise ConfigError(
            error.rule, field=name, value=url, where=origins[name], remedy=error.remedy
        ) from None


def _stream_of(rest: str, kind: VenueClass, origins: Mapping[str, str]) -> str:
    """Return the streams' address that belongs to one that is known, or is on this machine."""
    if kind is VenueClass.SIM:
        return rest.replace("http", "ws", 1)
    if rest in _KNOWN:
        return _KNOWN[rest].stream
    raise ConfigError(
        f"is unknown, so {STREAM} must be given too", field=REST, value=rest, where=origins[REST]
    )


def _check_port(port: PortKind, urls: VenueUrls, origins: Mapping[str, str]) -> None:
    if port is PortKind.SIM and urls.venue_class is not VenueClass.SIM:
        raise ConfigError(
            f"is for the local exchange, and {urls.rest} is of class {urls.venue_class.value}",
            field=PORT,
            value=port.value,
            where=origins[PORT],
            remedy="choose futures or spot, or an address on this machine",
        )
    for other, spec in _SPECS.items():
        if (
            port in _SPECS
            and other is not port
            and urls.rest in {u.rest for u in spec.urls.values()}
        ):
            raise ConfigError(
                f"does not fit {urls.rest}, which is for {other.value}",
                field=PORT,
                value=port.value,
                where=origins[PORT],
                remedy=f"choose {other.value}, or another address",
            )
