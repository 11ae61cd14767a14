"""Requests and answers as values, so that the exchange works with and without sockets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson
from attrs import Factory, frozen

IDENTITY: Final = {"X-Grinder-Venue": "local"}
"""What every answer carries, so that nothing else on loopback is taken for the exchange."""


@frozen
class Request:
    """One HTTP request.

    Attributes:
        query: As sent, without the question mark.
        headers: Names in lower case.
        remote: Address of the sender; limits count by it.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = Factory(dict)
    body: bytes = b""
    remote: str = "127.0.0.1"


@frozen
class Response:
    """One HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str] = Factory(dict)


@frozen
class Problem:
    """A refused request, in the venue's form."""

    status: int
    code: int
    message: str

    @property
    def body(self) -> bytes:
        """``{"code":..,"msg":..}``."""
        return orjson.dumps({"code": self.code, "msg": self.message})
