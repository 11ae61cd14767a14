"""A live session on a listener: ``/healthz``, ``/readyz``, ``/metrics``, and what a caller adds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from grinder_adapters.metrics.catalog import CATALOG
from grinder_adapters.metrics.exposition import Exposition
from grinder_app.live.gathering import Gatherer
from grinder_app.live.session import LiveSession
from grinder_app.server.bodies import document, healthz, readyz
from grinder_app.server.observation import Make, ObservationServer, observation_app
from grinder_app.server.scrapes import Scrapes

PATHS: Final = ("/healthz", "/readyz", "/metrics")


def session_routes(
    session: LiveSession, documents: Mapping[str, Callable[[], Any]] | None = None
) -> dict[str, Make]:
    """Return what a session answers, by path; it counts from now on.

    Args:
        session: Before it runs.
        documents: Further paths, each with what returns its JSON value.
    """
    gatherer = Gatherer(session)
    scrapes = Scrapes(Exposition(CATALOG), gatherer.values)
    return {
        "/healthz": lambda: healthz(gatherer.uptime_s),
        "/readyz": lambda: readyz(gatherer.readiness()),
        "/metrics": scrapes.answer,
        **{path: _documents(make) for path, make in (documents or {}).items()},
    }


def _documents(make: Callable[[], Any]) -> Make:
    return lambda: document(make())


@asynccontextmanager
async def observed(
    session: LiveSession,
    tell: Callable[[str, str], None],
    documents: Mapping[str, Callable[[], Any]] | None = None,
) -> AsyncIterator[str]:
    """Show a session while it runs, where its settings say; yield the address, empty for none.

    Raises:
        ConfigError: The port is taken.
    """
    live = session.plan.live
    if not live.http_enabled:
        yield ""
        return
    routes = session_routes(session, documents)
    server = ObservationServer(observation_app(routes), live.http_host, live.http_port)
    address = await server.start()
    tell("http", f"{address}: {', '.join(routes)}")
    try:
        yield address
    finally:
        await server.close()
