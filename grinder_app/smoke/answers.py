"""Remembers what was asked and what the venue answered, below the write guard.

The guard lets through what is permitted; what arrives here has left, or would. So the count of
writes is that of requests that could have changed something, whoever sent them.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from grinder_adapters.transport import HttpAnswer, HttpTransport
from grinder_core.errors import ConnectorError


class AnswerLog:
    """A transport that counts.

    Attributes:
        requests, writes: Sent so far; a write is anything but a GET.
    """

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport
        self.requests = self.writes = 0
        self._last = ""

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        """Send one request and return its answer, whatever its status."""
        self.requests += 1
        self.writes += method != "GET"
        try:
            answer = await self._transport.request(method, url, headers, body, timeout_ms)
        except ConnectorError as error:
            self._last = f"none ({error.code})"
            raise
        self._last = f"{answer.status}{_code(answer)}"
        return answer

    async def close(self) -> None:
        """Close what is below."""
        await self._transport.close()

    def take(self) -> str:
        """Return the last answer since this was called last; empty if there was none."""
        last, self._last = self._last, ""
        return last


def _code(answer: HttpAnswer) -> str:
    if answer.status < 400:
        return ""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    code = body.get("code") if isinstance(body, dict) else None
    return f" {code}" if isinstance(code, int) else ""
