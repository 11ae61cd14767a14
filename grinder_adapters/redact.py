"""The one redactor: what leaves the process as text shows no secret (LIVE-25).

Three things become ``[REDACTED]``, wherever they stand: the value of every configured secret, also
as part of a longer text, URL-encoded or inside JSON; what a telling key leads to, be it a key of an
object, a URL parameter or a header in a text; and what a URL holds as password or listen key.
At exits, where a text leaves the process for good, so does what looks like a secret or names an
order (``redact_patterns.py``); never before hashing, which would destroy what the hash is for.
Redacting twice changes nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring_ascii
from typing import Final
from urllib.parse import quote

from attrs import has

from grinder_adapters.binance.signing import REDACTED, Secret
from grinder_adapters.redact_patterns import by_looks, is_declared_hash, is_order_key
from grinder_core.codec import to_dict
from grinder_core.errors import ConfigError
from grinder_core.numbers import canonical

LENGTH_MIN: Final = 8

_NAMES: Final = (
    r"api[_-]?key|api[_-]?secret|secret|password|token|signature|authorization|listenkey"
)
_tells: Final = re.compile(_NAMES, re.IGNORECASE).search
_NAME: Final = rf"(?:{_NAMES})[A-Za-z0-9_.-]*\\?[\"']?\s*[=:]\s*"
_HEADER: Final = re.compile(r"(authorization\s*[=:]\s*)[^\s\"'\\][^\r\n\"'\\]*", re.IGNORECASE)
_QUOTED: Final = re.compile(rf"({_NAME})(\\?[\"'])(?:.*?)\2", re.IGNORECASE | re.DOTALL)
_PARAMETER: Final = re.compile(rf"({_NAME}\\?[\"']?)[^\s&\"'\\,;]+", re.IGNORECASE)
_URL_PASSWORD: Final = re.compile(r"(://[^/\s:@]*:)[^@/\s]+(?=@)")
_LISTEN_PATH: Final = re.compile(r"(/ws/)[A-Za-z0-9]{32,}")


class Redactor:
    """Redacts texts and JSON values.

    Args:
        secrets: All that are configured in the process. They are kept as they are, never shown.

    Raises:
        ConfigError: A secret is so short that hiding it would hide everything.
    """

    __slots__ = ("_hidden",)

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            text = secret.reveal()
            if len(text) < LENGTH_MIN or text in REDACTED:
                raise ConfigError(
                    f"must have at least {LENGTH_MIN} characters to be told from other text",
                    field="secret",
                    value=REDACTED,
                    remedy="use a longer one",
                )
            forms |= {text, quote(text, safe=""), encode_basestring_ascii(text)[1:-1]}
        # the longest first: one secret may be part of another
        self._hidden = [Secret(form) for form in sorted(forms, key=lambda form: (-len(form), form))]

    def __repr__(self) -> str:
        return f"Redactor({len(self._hidden)} texts)"

    def holds_secret(self, text: str) -> bool:
        """Whether a configured secret stands in a text."""
        return any(form.reveal() in text for form in self._hidden)

    def text(self, text: str, *, by_name: bool = True, at_exit: bool = False) -> str:
        """Return a text without secrets.

        Args:
            text: Any text.
            by_name: Also redact what follows a telling name; else only the configured secrets.
            at_exit: Also redact what looks like a secret, and ids of orders.
        """
        for form in self._hidden:
            text = text.replace(form.reveal(), REDACTED)
        if not by_name:
            return by_looks(text) if at_exit else text
        text = _URL_PASSWORD.sub(rf"\1{REDACTED}", text)
        text = _LISTEN_PATH.sub(rf"\1{REDACTED}", text)
        text = _HEADER.sub(rf"\1{REDACTED}", text)
        text = _QUOTED.sub(rf"\1\2{REDACTED}\2", text)
        text = _PARAMETER.sub(rf"\1{REDACTED}", text)
        return by_looks(text) if at_exit else text

    def value(self, value: object, *, by_name: bool = True, at_exit: bool = False) -> object:
        """Return a JSON value, or a contract as one, without secrets; see ``text``.

        At an exit, hashes under the keys that are declared for them stay.
        """
        if isinstance(value, Secret):
            return REDACTED
        if isinstance(value, Enum):
            value = value.value
        if isinstance(value, str):
            return self.text(value, by_name=by_name, at_exit=at_exit)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return REDACTED if self.holds_secret(str(value)) else value
        if isinstance(value, Decimal) and value.is_finite():
            return REDACTED if self.holds_secret(canonical(value)) else value
        if isinstance(value, list | tuple):
            return [self.value(item, by_name=by_name, at_exit=at_exit) for item in value]
        if has(type(value)):
            value = to_dict(value)
        if isinstance(value, Mapping):
            return self._object(value, by_name, at_exit)
        return value  # has no JSON form; its writer says so

    def _object(
        self, value: Mapping[object, object], by_name: bool, at_exit: bool
    ) -> dict[object, object]:
        redacted: dict[object, object] = {}
        for key, item in sorted(value.items(), key=lambda pair: str(pair[0])):
            name, hides, by_looks_too = key, False, at_exit
            if isinstance(key, str):
                name = self.text(key, by_name=by_name, at_exit=at_exit)
                hides = bool(by_name and _tells(key)) or (
                    at_exit and bool(item) and is_order_key(key)
                )
                by_looks_too = at_exit and not is_declared_hash(key, item)
            while name in redacted:  # two keys that held secrets
                name = f"{name}+"
            shown = self.value(item, by_name=by_name, at_exit=by_looks_too)
            redacted[name] = REDACTED if hides else shown
        return redacted
