"""Parameters of a request: from query and form body to checked values (reference 3, 6.2).

Parameters may stand in the query, or in a form body of POST, PUT and DELETE; the query wins. What
the venue would not take comes back as a ``Problem``. The readers here fix the form of a value;
whether it makes sense is the endpoint's to judge.

Source: the venue's error code page; where a malformed number is -1102 on one endpoint and -1100 on
another, it is -1102 here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, TypeVar
from urllib.parse import unquote_plus

from grinder_adapters.local_venue.http import Problem, Request

E = TypeVar("E", bound=str)

FORM: Final = "application/x-www-form-urlencoded"
DIGITS_MAX: Final = 30

_BAD_REQUEST: Final = 400
_TEXTS: Final[Mapping[int, str]] = {
    -1100: "Illegal characters found in parameter '{}'.",
    -1101: "Duplicate values for parameter '{}' detected.",
    -1102: "Mandatory parameter '{}' was not sent, was empty/null, or malformed.",
    -1103: "An unknown parameter was sent.",
    -1104: "Not all sent parameters were read; read '{}' parameter(s) but was sent '{}'.",
    -1105: "Parameter '{}' was empty.",
    -1106: "Parameter '{}' sent when not required.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1120: "Invalid interval.",
    -1130: "Data sent for parameter '{}' is not valid.",
}
_CODE_OF_CHOICE: Final = {"timeInForce": -1115, "type": -1116, "side": -1117, "interval": -1120}

_ENCODED: Final = re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2})*")  # printable ASCII and escapes
_PLAIN: Final = re.compile(r"[!-$&-*,-~]*")  # the same without escapes and pluses
_DECIMAL: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")


def parse(request: Request) -> dict[str, str] | Problem:
    """Return the parameters of a request by name, decoded.

    A body counts if its content type is that of a form, and never on GET. Refused: a name twice in
    one place (-1101), an empty value (-1105), no name (-1103), and what is malformed, no UTF-8 or
    cannot be printed (-1100).
    """
    in_body: dict[str, str] | Problem = {}
    if request.method != "GET" and request.headers.get("content-type", "").startswith(FORM):
        in_body = _pairs(request.body.decode("latin-1"))  # what is not ASCII is refused there
    in_query = _pairs(request.query)
    if isinstance(in_query, Problem):
        return in_query
    return in_body if isinstance(in_body, Problem) else in_body | in_query


def text(given: Mapping[str, str], name: str) -> str | Problem:
    """Read any text; -1102 where it was not sent."""
    return given[name] if given.get(name) else problem(-1102, name)


def decimal(given: Mapping[str, str], name: str) -> Decimal | Problem:
    """Read a plain decimal; -1102 for an exponent or a plus sign, -1111 above 30 digits."""
    value = given.get(name, "")
    if not _DECIMAL.fullmatch(value):
        return problem(-1102, name)
    if sum(map(str.isdigit, value)) > DIGITS_MAX:
        return problem(-1111)
    return Decimal(value)


def integer(
    given: Mapping[str, str], name: str, low: int = -(10**18), high: int = 10**18
) -> int | Problem:
    """Read a whole number; -1102 if it is none, -1130 outside ``[low, high]``."""
    value = given.get(name, "")
    if not _INTEGER.fullmatch(value):
        return problem(-1102, name)
    return int(value) if low <= int(value) <= high else problem(-1130, name)


def flag(given: Mapping[str, str], name: str) -> bool | Problem:
    """Read ``true`` or ``false`` in any case; -1102 for anything else."""
    value = given.get(name, "").lower()
    return value == "true" if value in {"true", "false"} else problem(-1102, name)


def choice(given: Mapping[str, str], name: str, among: Iterable[E]) -> E | Problem:
    """Read one of some words; for others the venue's code of that name, or -1130."""
    value = given.get(name, "")
    if not value:
        return problem(-1102, name)
    unknown = problem(_CODE_OF_CHOICE.get(name, -1130), name)
    return next((word for word in among if word == value), unknown)


def unwanted(given: Mapping[str, str], *names: str) -> Problem | None:
    """Refuse parameters that another one rules out (-1106)."""
    return next((problem(-1106, name) for name in names if name in given), None)


def unknown(given: Mapping[str, str], known: Iterable[str]) -> Problem | None:
    """Refuse parameters that an endpoint does not know (-1104)."""
    read = len(given.keys() & set(known))
    return problem(-1104, read, len(given)) if read < len(given) else None


def problem(code: int, *details: object) -> Problem:
    """Return the venue's refusal of a parameter; ``details`` fill its text."""
    return Problem(_BAD_REQUEST, code, _TEXTS[code].format(*details))


def _pairs(encoded: str) -> dict[str, str] | Problem:
    given: dict[str, str] = {}
    is_plain = _PLAIN.fullmatch(encoded) is not None  # nearly all are, and need no decoding
    for pair in filter(None, encoded.split("&")):
        encoded_name, _, encoded_value = pair.partition("=")
        name: str | None = encoded_name
        value: str | None = encoded_value
        if not is_plain:
            name, value = _decoded(encoded_name), _decoded(encoded_value)
        if name is None or value is None:
            return problem(-1100, encoded_name.encode("ascii", "backslashreplace").decode())
        if not name:
            return problem(-1103)
        if name in given:
            return problem(-1101, name)
        if not value:
            return problem(-1105, name)
        given[name] = value
    return given


def _decoded(encoded: str) -> str | None:
    if not _ENCODED.fullmatch(encoded):
        return None
    try:
        decoded = unquote_plus(encoded, errors="strict")
    except UnicodeDecodeError:
        return None
    return decoded if decoded.isprintable() else None
