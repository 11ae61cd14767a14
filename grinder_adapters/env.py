"""The one parser of environment variables (LIVE-36). Nobody else keeps sets of true words.

Every function takes the variable's name, for messages, and its text, ``None`` where unset. An
unset variable gives the default. Text is trimmed. Invalid text is a ``ConfigError`` that names
variable, value and accepted values; with ``strict=False`` the same message goes to ``warn``
and the default is returned.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, TypeVar

from grinder_core.errors import ConfigError
from grinder_core.numbers import parse_decimal as parse_plain_decimal

TRUE_WORDS: Final = ("1", "true", "yes", "on")
FALSE_WORDS: Final = ("0", "false", "no", "off", "")
_INTEGER: Final = re.compile(r"-?[0-9]{1,30}")

Warn = Callable[[str], None]
T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def warn_on_stderr(message: str) -> None:
    """Say one line on standard error."""
    print(f"warning: {message}", file=sys.stderr)


def parse_bool(
    name: str,
    text: str | None,
    *,
    default: bool = False,
    protective: bool = False,
    strict: bool = True,
    warn: Warn = warn_on_stderr,
) -> bool:
    """Read a truth value.

    Args:
        protective: An empty value counts as unset instead of false, so that ``FLAG=`` cannot
            disarm a protection that is on by default.

    Raises:
        ConfigError: Any other word, when ``strict``.

    Example:
        >>> parse_bool("FLAG", " Yes "), parse_bool("FLAG", ""), parse_bool("FLAG", None)
        (True, False, False)
    """
    word = None if text is None else text.strip().lower()
    if word is None or (protective and not word):
        return default
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    accepted = f"{', '.join(TRUE_WORDS)} or {', '.join(w or 'empty' for w in FALSE_WORDS)}"
    return _refuse(name, text, f"must be one of {accepted}", default, strict, warn)


def parse_int(
    name: str,
    text: str | None,
    *,
    default: int = 0,
    ge: int | None = None,
    le: int | None = None,
    strict: bool = True,
    warn: Warn = warn_on_stderr,
) -> int:
    """Read an integer of at most 30 digits within inclusive bounds.

    Raises:
        ConfigError: No integer or out of bounds, when ``strict``.
    """
    if text is None:
        return default
    digits = text.strip()
    bounds = [f">= {ge}"] * (ge is not None) + [f"<= {le}"] * (le is not None)
    rule = f"must be an integer{' ' if bounds else ''}{' and '.join(bounds)}"
    if not _INTEGER.fullmatch(digits):
        return _refuse(name, text, rule, default, strict, warn)
    value = int(digits)
    if (ge is not None and value < ge) or (le is not None and value > le):
        return _refuse(name, text, rule, default, strict, warn)
    return value


def parse_decimal(
    name: str,
    text: str | None,
    *,
    default: Decimal = Decimal(0),
    strict: bool = True,
    warn: Warn = warn_on_stderr,
) -> Decimal:
    """Read a decimal of the form ``-?[0-9]+(.[0-9]+)?``; no exponent, sign ``+`` or NaN.

    Raises:
        ConfigError: Anything else, when ``strict``.
    """
    if text is None:
        return default
    try:
        return parse_plain_decimal(text.strip(), name)
    except ValueError:
        return _refuse(name, text, "must be a decimal like 1.5", default, strict, warn)


def parse_csv(
    name: str,
    text: str | None,
    *,
    default: tuple[str, ...] = (),
    item: re.Pattern[str] | None = None,
    strict: bool = True,
    warn: Warn = warn_on_stderr,
) -> tuple[str, ...]:
    """Read a list separated by commas: trimmed, without empties and repeats, in its order.

    Raises:
        ConfigError: An item that does not match ``item``, when ``strict``.
    """
    if text is None:
        return default
    items = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    bad = [part for part in items if item is not None and not item.fullmatch(part)]
    if bad and item is not None:
        rule = f"each item must match {item.pattern}"
        return _refuse(name, bad[0], rule, default, strict, warn)
    return items


def parse_enum(
    name: str,
    text: str | None,
    kind: type[E],
    *,
    default: E,
    strict: bool = True,
    warn: Warn = warn_on_stderr,
) -> E:
    """Read one member by its value, in any case.

    Raises:
        ConfigError: No member's value, when ``strict``.
    """
    if text is None:
        return default
    word = text.strip().lower()
    for member in kind:
        if member.value.lower() == word:
            return member
    return _refuse(name, text, f"must be one of {', '.join(kind)}", default, strict, warn)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name closest to a misspelt one, or ``""`` when none comes close."""
    return next(iter(get_close_matches(name, sorted(known), n=1, cutoff=0.6)), "")


def _refuse(name: str, text: str | None, rule: str, default: T, strict: bool, warn: Warn) -> T:
    error = ConfigError(rule, field=name, value=text)
    if strict:
        raise error
    warn(f"{error}; using {default}")
    return default
