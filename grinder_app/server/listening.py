"""The sockets of the admin endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from grinder_adapters.control import ControlFile
from grinder_app.config.admin_settings import AdminSettings
from grinder_app.live.auditing import AuditTrail
from grinder_app.server.access import AdminRequest, AdminTokens, Doors
from grinder_app.server.admin import BODY_MAX, AdminAnswer, AdminDesk, RefusedError
from grinder_core.errors import ConfigError

BODY_TIMEOUT_S: Final = 5.0
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Type": "application/json",
    "Server": "grinder",
    "X-Content-Type-Options": "nosniff",
}


class AdminListener:
    """Listens until it is closed.

    Attributes:
        port: That it listens at, once it does.
    """

    def __init__(
        self,
        settings: AdminSettings,
        tokens: AdminTokens,
        file: ControlFile,
        trail: AuditTrail,
        now_ms: Callable[[], int],
    ) -> None:
        self._settings, self._tokens, self._file = settings, tokens, file
        self._trail, self._now_ms = trail, now_ms
        self._runner: web.ServerRunner | None = None
        self.port = settings.admin_port

    async def open(self) -> None:
        """Begin to listen.

        Raises:
            ConfigError: The address cannot be listened at.
        """
        settings = self._settings
        # no access log: it would show what was asked for, and by whom
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None))
        await self._runner.setup()
        site = web.TCPSite(self._runner, settings.address, settings.admin_port)
        try:
            await site.start()
        except OSError as error:
            await self.close()
            raise ConfigError(
                f"cannot be listened at: {error.strerror}",
                field="admin_host, admin_port",
                value=f"{settings.admin_host}:{settings.admin_port}",
                remedy="give this process another GRINDER_ADMIN_PORT",
            ) from None
        self.port = int(self._runner.addresses[0][1])
        doors = Doors(
            port=self.port,
            is_loopback=settings.is_loopback,
            remote_names=frozenset(settings.remote_names),
        )
        self._desk = AdminDesk(self._file, self._tokens, doors, self._trail, self._now_ms)

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, call: web.BaseRequest) -> web.StreamResponse:
        values: dict[str, list[str]] = {}
        for name, value in call.headers.items():
            values.setdefault(name.lower(), []).append(value)
        request = AdminRequest(call.method, call.path, values)
        actor = ""
        try:
            actor = self._desk.enter(request)
            answer = await self._desk.act(request, actor, await _body(call))
        except RefusedError as refusal:
            answer = self._desk.refused(request, refusal, actor)
        return _response(answer)


async def _body(call: web.BaseRequest) -> bytes:
    """Return the body, or one byte more than may be."""
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while len(found) <= BODY_MAX:
                part = await call.content.read(BODY_MAX + 1 - len(found))
                if not part:
                    break
                found += part
    except TimeoutError:
        raise RefusedError("invalid_json", "the body did not come in time") from None
    return bytes(found)


def _response(answer: AdminAnswer) -> web.Response:
    headers = {**_HEADERS, **answer.headers}
    response = web.Response(status=answer.status, body=answer.body, headers=headers)
    if answer.status != 200:
        response.force_close()  # what is left of its body is not read
    return response
