"""Who may send a request: API key, signature and time (reference 3).

A signed request ends in ``signature``, the hexadecimal HMAC-SHA256 of all that was sent before it:
the query, then the body, with nothing between. The check works on the bytes as they came, so it
does not depend on how they are decoded. It is written apart from the client's own signer
(``binance/signing.py``), so that a mistake there cannot cancel itself out here.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Final, Self

from attrs import field, frozen

from grinder_adapters.local_venue import parameters
from grinder_adapters.local_venue.http import Problem, Request
from grinder_core.errors import ConfigError

KEY_HEADER: Final = "x-mbx-apikey"
RECV_WINDOW: Final = "5000"
RECV_WINDOW_MS_MAX: Final = 60_000
AHEAD_MS: Final = 1_000

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MARK: Final = re.compile(rb"(?:^|&)signature=")

_BAD_KEY: Final = Problem(401, -2014, "API-key format invalid.")
_NO_PERMISSION: Final = Problem(401, -2015, "Invalid API-key, IP, or permissions for action.")
_BAD_SIGNATURE: Final = Problem(400, -1022, "Signature for this request is not valid.")
_BAD_WINDOW: Final = Problem(400, -1131, "recvWindow must be less than 60000")
_LATE: Final = Problem(400, -1021, "Timestamp for this request is outside of the recvWindow.")
_EARLY: Final = Problem(
    400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."
)


class Security(StrEnum):
    """What a request must carry: nothing, a key, or a key and a signature."""

    NONE = "NONE"
    MARKET_DATA = "MARKET_DATA"
    USER_STREAM = "USER_STREAM"
    TRADE = "TRADE"
    USER_DATA = "USER_DATA"

    @property
    def is_signed(self) -> bool:
        """Whether a signature is needed."""
        return self in {Security.TRADE, Security.USER_DATA}


@frozen(kw_only=True)
class ApiKey:
    """One key pair and what it opens.

    Attributes:
        key: Goes into the header; letters, digits, ``_`` and ``-``.
        secret: Signed with; never shown.
        account: The account it belongs to.
        can_trade: Without it every TRADE request is refused.
        can_withdraw: Only told to who asks; nothing can be withdrawn here.
    """

    key: str
    secret: str = field(repr=False)
    account: str
    can_trade: bool = True
    can_withdraw: bool = False

    def __attrs_post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            rule = "must be 1 to 128 letters, digits, '_' or '-'"
            raise ConfigError(rule, field="key", value=self.key)
        if not self.secret:
            raise ConfigError("must not be empty", field=f"secret of {self.key}")


@frozen
class KeyRing:
    """The keys that the exchange knows, by key."""

    keys: Mapping[str, ApiKey]

    @classmethod
    def of(cls, keys: Iterable[ApiKey]) -> Self:
        """Gather keys.

        Raises:
            ConfigError: A key occurs twice.
        """
        ring: dict[str, ApiKey] = {}
        for key in keys:
            if key.key in ring:
                raise ConfigError("occurs twice", field="key", value=key.key)
            ring[key.key] = key
        return cls(ring)

    def admit(
        self, request: Request, given: Mapping[str, str], security: Security, now: int
    ) -> ApiKey | Problem | None:
        """Return whose request it is, ``None`` where nobody needs to know, or the refusal.

        Args:
            given: The request's parameters, decoded.
            security: What its endpoint demands.
            now: The venue's clock, ms.
        """
        if security is Security.NONE:
            return None
        named = request.headers.get(KEY_HEADER, "")
        if not _KEY.fullmatch(named):
            return _BAD_KEY
        key = self.keys.get(named)
        if key is None or (security is Security.TRADE and not key.can_trade):
            return _NO_PERMISSION
        return (_check_signed(request, given, key, now) or key) if security.is_signed else key


def signature_of(secret: str, payload: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of what is sent.

    Example:
        >>> signature_of("secret", b"symbol=BTCUSDT")[:16]
        'd312dbdcf67849b6'
    """
    return hmac.new(secret.encode(), payload, sha256).hexdigest()


def _check_signed(
    request: Request, given: Mapping[str, str], key: ApiKey, now: int
) -> Problem | None:
    timestamp = parameters.integer(given, "timestamp")
    if isinstance(timestamp, Problem):
        return timestamp
    window = parameters.integer({"recvWindow": RECV_WINDOW, **given}, "recvWindow", low=0)
    if isinstance(window, Problem):
        return window
    if "signature" not in given:
        return parameters.problem(-1102, "signature")
    if window > RECV_WINDOW_MS_MAX:
        return _BAD_WINDOW
    if timestamp >= now + AHEAD_MS:
        return _EARLY
    if now - timestamp > window:
        return _LATE
    payload, signature = _split(request)
    expected = signature_of(key.secret, payload).encode()
    # case does not matter, says the venue; comparing takes the same time whatever is equal
    return None if hmac.compare_digest(signature.lower(), expected) else _BAD_SIGNATURE


def _split(request: Request) -> tuple[bytes, bytes]:
    """Cut off the signature, which ends the query, or the body where the query has none.

    One that does not end it takes what follows along and fits nothing.
    """
    query = request.query.encode("utf-8", "surrogateescape")
    if mark := _MARK.search(query):
        return query[: mark.start()] + request.body, query[mark.end() :]
    if mark := _MARK.search(request.body):
        return query + request.body[: mark.start()], request.body[mark.end() :]
    return query + request.body, b""  # its name was sent in escapes
