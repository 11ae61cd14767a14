"""What looks like a secret whatever it is called, for texts that leave the process (MM-77).

Private-key blocks, cloud key ids, secrets of 40 characters, long hexadecimal and base64-like runs,
e-mail addresses, public IPv4 addresses and order ids. A run counts as base64-like when it looks
drawn, not written: two cases and a digit, or letters and four digits; words, names of enumerations
and paths of plain words stay readable. What comes out matches no pattern again.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from grinder_adapters.binance.signing import REDACTED

RUN_MIN: Final = 20
SECRET_LENGTH: Final = 40
DIGITS_MIN: Final = 4

HASH_KEYS: Final = frozenset(
    {
        *("config_hash", "live_hash", "data_hash", "payload_hash", "params_hash", "train_hash"),
        *("hash", "prev_hash", "sha256", "prev_sha256", "digest"),
    }
)
"""Keys whose values are hashes of grinder's own making: they are never redacted by looks."""

ORDER_ID_KEYS: Final = frozenset(
    {
        *("order_id", "orderid", "client_order_id", "clientorderid", "origclientorderid"),
        *("newclientorderid", "orig_client_order_id", "new_client_order_id"),
    }
)
"""Keys, in lower case, whose values are ids of orders."""

_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_CLOUD_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA|AGPA|AIDA|AIPA|ANPA|ANVA|AROA|ABIA|ACCA)[A-Z0-9]{16}"
    r"|AIza[A-Za-z0-9_-]{35})(?![A-Za-z0-9])"
)
_NAMED_ORDER: Final = re.compile(
    r"((?:(?:orig|new)?_?client_?)?order_?id\\?[\"']?\s*[=:]\s*\\?[\"']?)[.A-Z:/a-z0-9_-]+",
    re.IGNORECASE,
)
_OUR_ORDER: Final = re.compile(
    r"(?<![A-Za-z0-9_])grinder_(?:[a-z0-9-]{1,11}_)?(?:[A-Z0-9_]{2,40}_)?[0-9]{1,3}_"
    r"(?:[0-9a-z]{12}|[0-9]{1,15}_[0-9]{1,15})(?![A-Za-z0-9_])"
)
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_IPV4: Final = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9]|\.[0-9])")
_HEX: Final = re.compile(rf"(?<![A-Za-z0-9])(?:0x)?[0-9a-fA-F]{{{RUN_MIN},}}(?![A-Za-z0-9])")
_HASH: Final = re.compile(r"[0-9a-f]{1,64}")
_RUN: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{RUN_MIN},}}={{0,2}}")


def by_looks(text: str) -> str:
    """Return a text without what looks like a secret.

    Example:
        >>> by_looks("from ann@example.org at 10.0.0.7: STATE_UNRECONCILED_FOR_TOO_LONG")
        'from [REDACTED] at 10.0.0.7: STATE_UNRECONCILED_FOR_TOO_LONG'
    """
    if "-----BEGIN" in text:
        text = _PRIVATE_KEY.sub(REDACTED, text)
    text = _NAMED_ORDER.sub(rf"\1{REDACTED}", text)
    text = _OUR_ORDER.sub(REDACTED, text)
    text = _CLOUD_KEY.sub(REDACTED, text)
    if "@" in text:
        text = _EMAIL.sub(REDACTED, text)
    text = _IPV4.sub(_unless_private, text)
    text = _HEX.sub(REDACTED, text)
    return _RUN.sub(_if_drawn, text)


def is_declared_hash(key: str, value: object) -> bool:
    """Whether a value is a hash, and its key says so."""
    return key in HASH_KEYS and isinstance(value, str) and bool(_HASH.fullmatch(value))


def is_order_key(key: str) -> bool:
    """Whether a key of an object leads to the id of an order."""
    return key.lower() in ORDER_ID_KEYS


def _unless_private(found: re.Match[str]) -> str:
    text = found.group()
    try:
        return REDACTED if IPv4Address(text).is_global else text
    except AddressValueError:  # no address: a part above 255, or a leading zero
        return text


def _if_drawn(found: re.Match[str]) -> str:
    text = found.group()
    digits = sum(char.isdigit() for char in text)
    upper = any(char.isupper() for char in text)
    lower = any(char.islower() for char in text)
    if len(text) == SECRET_LENGTH and upper and lower:
        return REDACTED
    looks_drawn = digits and ((upper and lower) or ((upper or lower) and digits >= DIGITS_MIN))
    return REDACTED if looks_drawn else text
