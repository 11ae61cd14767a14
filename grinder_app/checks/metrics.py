"""Scrapes to be checked: of a session that has just begun, or of one that runs (LIVE-30)."""

from __future__ import annotations

from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from grinder_adapters.metrics.catalog import CATALOG
from grinder_adapters.metrics.exposition import Exposition
from grinder_app.config.live_plan import LiveFlags, plan_live
from grinder_app.config.load import load_settings
from grinder_core.errors import ConfigError, ConnectorError

TIMEOUT_S: Final = 5
TEXT_MAX: Final = 16 << 20


def fresh_scrape() -> str:
    """Return what a session shows before anything happened; none is begun."""
    from grinder_app.live.gathering import Gatherer
    from grinder_app.live.session import LiveSession
    from grinder_app.live.surroundings import Surroundings

    plan = plan_live(LiveFlags(), load_settings(None, environment={}), {})
    session = LiveSession(plan, Surroundings(), "", "", lambda kind, text: None, version="")
    return Exposition(CATALOG).text(Gatherer(session).values()).decode()


def scrape_of(url: str) -> str:
    """Ask a running session.

    Raises:
        ConfigError: It is no address.
        ConnectorError: Nobody answers there, or not with metrics.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ConfigError(
            "must be an address", field="--url", value=url, remedy="such as http://127.0.0.1:9090"
        )
    address = f"{url.rstrip('/').removesuffix('/metrics')}/metrics"
    try:
        with urlopen(address, timeout=TIMEOUT_S) as answer:
            return str(answer.read(TEXT_MAX).decode("utf-8", "replace"))
    except HTTPError as error:
        raise ConnectorError(f"answers {error.code}", field=address) from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ConnectorError(
            f"cannot be asked: {reason}", field=address, remedy="is a session running there?"
        ) from error
