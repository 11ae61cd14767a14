"""The one redactor: what leaves the process as text shows no secret (LIVE-25).

Three things become ``[REDACTED]``, wherever they stand: the value of every configured secret, also
as part of a longer text, URL-encoded or inside JSON; what a telling key leads to, be it a key of an
object, a URL parameter or a header in a text; and what a URL holds as password or listen key.
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

    def text(self, text: str, *, by_name: bool = True) -> str:
        """Return a text without secrets.

        Args:
            text: Any text.
            by_name: Also redact what follows a telling name; else only the configured secrets.
        """
        for form in self._hidden:
            text = text.replace(form.reveal(), REDACTED)
        if not by_name:
            return text
        text = _URL_PASSWORD.sub(rf"\1{REDACTED}", text)
        text = _LISTEN_PATH.sub(rf"\1{REDACTED}", text)
        text = _HEADER.sub(rf"\1{REDACTED}", text)
        text = _QUOTED.sub(rf"\1\2{REDACTED}\2", text)
        return _PARAMETER.sub(rf"\1{REDACTED}", text)

    def value(self, value: object, *, by_name: bool = True) -> object:
        """Return a JSON value, or a contract as one, without secrets; see ``text``."""
        if isinstance(value, Secret):
            return REDACTED
        if isinstance(value, Enum):
            value = value.value
        if isinstance(value, str):
            return self.text(value, by_name=by_name)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return REDACTED if self.holds_secret(str(value)) else value
        if isinstance(value, Decimal) and value.is_finite():
            return REDACTED if self.holds_secret(canonical(value)) else value
        if isinstance(value, list | tuple):
            return [self.value(item, by_name=by_name) for item in value]
        if has(type(value)):
            value = to_dict(value)
        if isinstance(value, Mapping):
            return self._object(value, by_name)
        return value  # has no JSON form; its writer says so

    def _object(self, value: Mapping[object, object], by_name: bool) -> dict[object, object]:
        redacted: dict[object, object] = {}
        for key, item in sorted(value.items(), key=lambda pair: str(pair[0])):
            name = self.text(key, by_name=by_name) if isinstance(key, str) else key
            while name in redacted:  # two keys that held secrets
                name = f"{name}+"
            hides = by_name and isinstance(key, str) and _tells(key)
            redacted[name] = REDACTED if hides else self.value(item, by_name=by_name)
        return redacted
