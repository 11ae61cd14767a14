"""Secrets that cannot leak by accident, and signed requests (LIVE-09, reference 3).

A request is ``name=value&...&timestamp=...&signature=...``; the signature is the hexadecimal
HMAC-SHA256 of all that stands before it, so what is signed is exactly what is sent. Orders are
signed in a hurry: the two keyed halves of the HMAC are computed once and copied, and values are
joined as they are when one pattern says that none of them needs encoding.

Numbers come as canonical text (``feeds.interned.TEXTS``): the venue reads ``1E+3`` as an error.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NoReturn
from urllib.parse import quote

from grinder_core.errors import ConfigError, ContractError

REDACTED: Final = "[REDACTED]"
KEY_HEADER: Final = "X-MBX-APIKEY"

_BLOCK: Final = 64  # bytes, of SHA-256
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_unreserved: Final = re.compile(r"[A-Za-z0-9._~-]*").fullmatch
# as Decimal and float write it, always with a sign
_exponent: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[Ee][+-][0-9]+").fullmatch


class Secret:
    """Text that shows itself only to who asks by name.

    ``repr``, ``str`` and formatting give ``[REDACTED]``; copying, pickling and JSON refuse.
    Comparing takes the same time whatever is equal.

    Raises:
        ConfigError: The text is empty or not printable ASCII, such as a key read with its
            line end; the error does not show it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ConfigError(
                "must be printable ASCII without spaces, and not empty",
                field="secret",
                value=REDACTED,
                remedy="check the file or variable it is read from",
            )
        self._text = text

    def reveal(self) -> str:
        """Return the text, to be sent or to sign with, never to be kept."""
        return self._text

    def __repr__(self) -> str:
        return REDACTED

    __str__ = __repr__

    def __format__(self, form: str) -> str:
        return format(REDACTED, form)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text, other._text)

    __hash__ = None  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise ContractError("must not be copied or written", field="secret", value=REDACTED)


class Signer:
    """Signs requests with one key pair; see the module's text.

    Args:
        key: The API key; it goes into a header.
        secret: What is signed with.
    """

    __slots__ = ("_inner", "_key", "_outer")

    def __init__(self, key: Secret, secret: Secret) -> None:
        self._key = key
        block = secret.reveal().encode()
        if len(block) > _BLOCK:
            block = sha256(block).digest()
        block = block.ljust(_BLOCK, b"\0")
        self._inner = sha256(block.translate(_INNER))
        self._outer = sha256(block.translate(_OUTER))

    @property
    def headers(self) -> dict[str, str]:
        """The header that names the key; it holds the key, so it is not for logs."""
        return {KEY_HEADER: self._key.reveal()}

    def sign(self, query: str | bytes) -> str:
        """Return the hexadecimal HMAC-SHA256 of a query."""
        inner = self._inner.copy()
        inner.update(query.encode() if isinstance(query, str) else query)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()

    def signed_query(self, parameters: Mapping[str, str], timestamp: int) -> bytes:
        """Return the bytes to send as query or form body.

        Args:
            parameters: In the order they are sent; names are the venue's own.
            timestamp: The venue's time, ms.

        Raises:
            ContractError: A value is a number with an exponent.
        """
        joined = "".join(parameters.values())
        if not _unreserved(joined) or "E-" in joined or "e-" in joined:
            parameters = {name: _encoded(name, value) for name, value in parameters.items()}
        pairs = "".join([f"{name}={value}&" for name, value in parameters.items()])
        query = f"{pairs}timestamp={timestamp}".encode()
        return b"%b&signature=%b" % (query, self.sign(query).encode())


def _encoded(name: str, value: str) -> str:
    if _exponent(value):
        raise ContractError("must be a plain decimal like '1000'", field=name, value=value)
    return quote(value, safe="")
