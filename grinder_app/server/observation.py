"""The listener that shows a running process: read-only, on this machine unless told otherwise.

It runs on the process's own event loop, between steps; what it costs there is bounded by few
connections (``bounded.py``) and one exposition a second (``scrapes.py``). Decision 0026 says why it
has no thread of its own.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import Final

from aiohttp import web

from grinder_app.server.bodies import Answer
from grinder_app.server.bounded import Bound
from grinder_core.errors import ConfigError

BACKLOG: Final = 16
CLOSE_S: Final = 0.5

Make = Callable[[], Answer | Awaitable[Answer]]


def observation_app(routes: Mapping[str, Make]) -> web.Application:
    """Return an application that answers GET on some paths: 404 elsewhere, 405 to other methods.

    Args:
        routes: What makes the answer of each path.
    """
    app = web.Application()
    for path, make in routes.items():
        app.router.add_route("GET", path, _handler(make))
    return app


def _handler(make: Make) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(_request: web.Request) -> web.Response:
        made = make()
        answer = await made if isawaitable(made) else made
        headers = {"Content-Type": answer.content_type, "Cache-Control": "no-store"}
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    return handle


class ObservationServer:
    """Serves such an application until it is closed.

    Args:
        host, port: Where it listens; 0 takes a free port.
        bound: Its connections.
    """

    def __init__(
        self, app: web.Application, host: str, port: int, bound: Bound | None = None
    ) -> None:
        self._host, self._port = host, port
        self.bound = Bound() if bound is None else bound
        self._runner = web.AppRunner(
            app, access_log=None, lingering_time=0, shutdown_timeout=CLOSE_S, handle_signals=False
        )
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen; return the address.

        Raises:
            ConfigError: The port is taken, or the host is none of this machine.
        """
        await self._runner.setup()
        make = self._runner.server
        assert make is not None
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: self.bound.watched(make), self._host, self._port, backlog=BACKLOG
            )
        except OSError as error:
            await self._runner.cleanup()
            raise self._refused(error) from error
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def close(self) -> None:
        """Stop at once, whatever clients still wait for."""
        if self._server is None:
            return
        self._server.close()
        self.bound.drop_all()
        await self._runner.cleanup()
        self._server = None

    def _refused(self, error: OSError) -> ConfigError:
        if error.errno == errno.EADDRINUSE:
            return ConfigError(
                "is in use by another process",
                field="live.http_port",
                value=self._port,
                remedy="choose another with --http-port, 0 for any that is free, or switch the "
                "listener off with --no-http",
            )
        return ConfigError(
            f"cannot be listened on: {error.strerror or error}",
            field="live.http_host",
            value=f"{self._host}:{self._port}",
            remedy="name an address of this machine, and a port that this user may take",
        )
