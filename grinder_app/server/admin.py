"""The admin endpoint: commands over HTTP, by way of the control file (LIVE-41, MM-52).

It appends the same record to the same file as ``grinder control`` does, so that there is one order
of commands and one place that carries them out. What a request is answered is decided here without
sockets; ``listening.py`` has those.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from attrs import Factory, frozen

from grinder_adapters.control import ControlFile
from grinder_app.live.auditing import AuditTrail
from grinder_app.live.control_view import view_file
from grinder_app.live.control_words import command_of
from grinder_app.server.access import (
    TOKEN_HEADER,
    AdminRequest,
    AdminTokens,
    CallLimit,
    Doors,
)
from grinder_core.codec import canonical_json
from grinder_core.contracts.control import Command
from grinder_core.errors import GrinderError, InputError

CONTROL_PATH: Final = "/admin/control"
BODY_MAX: Final = 16_384
NEVER_LIMITED: Final = frozenset({Command.PAUSE, Command.EMERGENCY, Command.KILL, Command.FLATTEN})
_FIELDS: Final = {"command", "symbol", "target", "reason"}
_STATUS: Final = {
    "foreign_host": 403,
    "not_found": 404,
    "unauthorized": 401,
    "method_not_allowed": 405,
    "too_large": 413,
    "rate_limited": 429,
    "invalid_json": 400,
    "invalid_payload": 400,
    "unavailable": 503,
}
NOBODY: Final = "-"


@frozen
class AdminAnswer:
    """One answer; its body is canonical JSON."""

    status: int
    body: bytes
    headers: dict[str, str] = Factory(dict)


class RefusedError(Exception):
    """A request that is not carried out.

    Attributes:
        error: The published name of what is wrong.
        detail: The same for people; nothing of the request stands in it.
    """

    def __init__(self, error: str, detail: str = "") -> None:
        super().__init__(error)
        self.error, self.detail = error, detail


@frozen(kw_only=True)
class _Order:
    command: Command
    symbol: str
    text: str


class AdminDesk:
    """Answers requests.

    Args:
        file: Takes commands.
        tokens: What opens it.
        doors: By which names it is called.
        trail: Takes one record of each request that commands or is refused.
        now_ms: Our time, Unix milliseconds.
    """

    def __init__(
        self,
        file: ControlFile,
        tokens: AdminTokens,
        doors: Doors,
        trail: AuditTrail,
        now_ms: Callable[[], int],
    ) -> None:
        self._file, self._tokens, self._doors = file, tokens, doors
        self._trail, self._now_ms = trail, now_ms
        self._limit, self._notes = CallLimit(), CallLimit()

    def enter(self, request: AdminRequest) -> str:
        """Return who calls, before anything of the body is read.

        Raises:
            RefusedError: It is not let in.
        """
        if not self._doors.takes(request.headers):
            raise RefusedError("foreign_host", "Host or Origin is not this endpoint's")
        if request.path != CONTROL_PATH:
            raise RefusedError("not_found", f"there is {CONTROL_PATH} only")
        given = request.headers.get(TOKEN_HEADER, ())
        actor = self._tokens.actor_of(given[0]) if len(given) == 1 else ""
        if not actor:
            raise RefusedError("unauthorized", f"the header {TOKEN_HEADER} must hold a token")
        if request.method not in {"GET", "POST"}:
            raise RefusedError("method_not_allowed", "there are GET and POST")
        return actor

    async def act(self, request: AdminRequest, actor: str, body: bytes) -> AdminAnswer:
        """Do what somebody who was let in asks for.

        Args:
            body: At most one byte more than ``BODY_MAX``.

        Raises:
            RefusedError: Nothing was done.
        """
        if request.method == "GET":
            self._admit(actor, request)
            view = await asyncio.to_thread(view_file, self._file)
            return _answer(200, view)
        if len(body) > BODY_MAX:
            raise RefusedError("too_large", f"a body has at most {BODY_MAX} bytes")
        try:
            order = _read(body)
        except RefusedError:
            self._admit(actor, request)
            raise
        if order.command not in NEVER_LIMITED:
            self._admit(actor, request)
        try:
            given = await asyncio.to_thread(
                self._file.append,
                order.command,
                actor=actor,
                now_ms=self._now_ms(),
                symbol=order.symbol,
                text=order.text,
            )
        except InputError as error:
            raise RefusedError("invalid_payload", f"{error.field}: {error.rule}") from None
        except GrinderError as error:
            raise RefusedError("unavailable", error.rule) from None
        self._trail.admin_call(CONTROL_PATH, actor, order.command, given.number)
        return _answer(200, {"number": given.number})

    def refused(self, request: AdminRequest, refusal: RefusedError, actor: str) -> AdminAnswer:
        """Return what a refused request is answered; no more than 60 a minute are noted."""
        if self._notes.admit((refusal.error, ""), self._now_ms()):
            path = request.path if request.path == CONTROL_PATH else NOBODY
            self._trail.admin_refused(path, actor or NOBODY, refusal.error)
        headers = {"Allow": "GET, POST"} if refusal.error == "method_not_allowed" else {}
        if refusal.error == "rate_limited":
            headers["Retry-After"] = "60"
        told = {"detail": refusal.detail, "error": refusal.error}
        return _answer(_STATUS[refusal.error], told, headers)

    def _admit(self, actor: str, request: AdminRequest) -> None:
        key = actor, f"{request.method} {request.path}"
        if not self._limit.admit(key, self._now_ms()):
            raise RefusedError("rate_limited", "at most 60 calls in 60 s")


def _read(body: bytes) -> _Order:
    try:
        data = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise RefusedError("invalid_json", "the body is no JSON, or says a key twice") from None
    if not isinstance(data, dict) or not data.keys() <= _FIELDS or "command" not in data:
        names = ", ".join(sorted(_FIELDS))
        raise RefusedError("invalid_payload", f"the body is an object of some of {names}")
    if not all(isinstance(value, str) for value in data.values()):
        raise RefusedError("invalid_payload", "every value is text")
    try:
        command = command_of(data["command"], data.get("target", ""))
    except InputError as error:
        raise RefusedError("invalid_payload", f"{error.field}: {error.rule}") from None
    return _Order(command=command, symbol=data.get("symbol", ""), text=data.get("reason", ""))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _answer(status: int, body: object, headers: dict[str, str] | None = None) -> AdminAnswer:
    return AdminAnswer(status, canonical_json(body).encode("ascii") + b"\n", headers or {})
