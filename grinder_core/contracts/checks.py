"""Value rules shared by the contracts (CORE-01, CORE-02). Each raises ContractError."""

from __future__ import annotations

import re
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from grinder_core.errors import ContractError

PRICE_LIMIT: Final = Decimal(10**9)
QTY_LIMIT: Final = Decimal(10**11)
SYMBOL: Final = re.compile(r"[A-Z0-9_]{2,40}")
# no control, no line end, nothing that reorders or hides text, no half of a character; written out,
# because what a Python takes for printable depends on its version
_UNSHOWN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb]"
)

_UNIT: Final = Decimal("1E-8")
_ZERO: Final = Decimal(0)
# a remainder of more digits than this is rounded, but never to 0
_remainder: Final = Context(prec=200, traps=[InvalidOperation]).remainder


@lru_cache(maxsize=4_096)  # the same few hundred are checked in every contract
def _is_symbol(value: str) -> bool:
    return SYMBOL.fullmatch(value) is not None


def is_number(value: object) -> bool:
    """Whether a value is a decimal that can be compared: not NaN, not infinite."""
    return isinstance(value, Decimal) and value.is_finite()


def check_price(field: str, value: Decimal) -> None:
    """A price: ``0 < p < 10^9``, at most 8 fractional digits."""
    if not is_number(value) or not _ZERO < value < PRICE_LIMIT:
        raise _refused("must be a decimal with 0 < price < 10^9", field, value)
    if _remainder(value, _UNIT):
        raise _refused("must have at most 8 fractional digits", field, value)


def check_qty(field: str, value: Decimal) -> None:
    """A quantity: ``0 <= q < 10^11``, at most 8 fractional digits."""
    if not is_number(value) or not _ZERO <= value < QTY_LIMIT:
        raise _refused("must be a decimal with 0 <= quantity < 10^11", field, value)
    if _remainder(value, _UNIT):
        raise _refused("must have at most 8 fractional digits", field, value)


def check_positive_qty(field: str, value: Decimal) -> None:
    """A quantity of an order or fill: as above and not 0."""
    check_qty(field, value)
    if not value:
        raise _refused("must be > 0", field, value)


def check_decimal(field: str, value: Decimal) -> None:
    """Any amount: a decimal that is not NaN and not infinite."""
    if not is_number(value):
        raise _refused("must be a finite decimal", field, value)


def check_ts(field: str, value: int) -> None:
    """Milliseconds since the Unix epoch: an integer ``>= 0``."""
    if type(value) is not int or value < 0:
        raise _refused("must be an integer >= 0, in milliseconds since 1970", field, value)


def check_symbol(value: str) -> None:
    """A symbol of the product's grammar ``[A-Z0-9_]{2,40}``."""
    if not isinstance(value, str) or not _is_symbol(value):
        raise _refused("must match [A-Z0-9_]{2,40}", "symbol", value)


def check_line(field: str, value: str, *, longest: int) -> None:
    """Words of a person: one line of text that shows what it is."""
    if not isinstance(value, str) or len(value) > longest or _UNSHOWN.search(value):
        raise _refused(f"must be one printable line of at most {longest} characters", field, value)


def as_line(text: str, *, longest: int) -> str:
    """Return what ``check_line`` takes, out of any text: what it refuses becomes ``?``."""
    return _UNSHOWN.sub("?", text)[:longest]


def check_int(field: str, value: int, *, ge: int = 0) -> None:
    """An integer (not a boolean) with a lower bound."""
    if type(value) is not int or value < ge:
        raise _refused(f"must be an integer >= {ge}", field, value)


def _refused(rule: str, field: str, value: Any) -> ContractError:
    return ContractError(rule, field=field, value=value)
