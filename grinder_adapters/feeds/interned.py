"""Text read once: market data repeats the same few thousand prices, quantities and symbols.

A hit costs a dictionary lookup, and being in the cache proves that the rule was checked. Caches
are emptied when full, so memory stays bounded on any input; they are small, so that a busy market
fills them within the hour, and recordings are read no faster with larger ones.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from grinder_core.contracts.checks import (
    check_decimal,
    check_positive_qty,
    check_price,
    check_qty,
    check_symbol,
)
from grinder_core.contracts.market import Level
from grinder_core.numbers import canonical, parse_decimal

ENTRIES_MAX: Final = 1 << 13
_LISTS: Final = {list}


class Decimals(dict[str, Decimal]):
    """Decimal text -> number that satisfies one rule of the contracts."""

    __slots__ = ("_check",)

    def __init__(self, check: Callable[[str, Decimal], None]) -> None:
        super().__init__()
        self._check = check

    def __missing__(self, text: str) -> Decimal:
        """Read and check a text seen for the first time.

        Raises:
            ContractError: It is no decimal string, or breaks the rule.
        """
        number = parse_decimal(text)
        self._check("value", number)
        if len(self) >= ENTRIES_MAX:
            self.clear()
        self[text] = number
        return number


class Symbols(dict[str, str]):
    """Symbol -> the one object that stands for it."""

    __slots__ = ()

    def __missing__(self, text: str) -> str:
        check_symbol(text)
        if len(self) >= ENTRIES_MAX:
            self.clear()
        self[text] = text
        return text


class Texts(dict[Decimal, str]):
    """Number -> canonical text; equal numbers have the same one."""

    __slots__ = ()

    def __missing__(self, number: Decimal) -> str:
        text = canonical(number)
        if len(self) >= ENTRIES_MAX:
            self.clear()
        self[number] = text
        return text


def _check_last_price(field: str, value: Decimal) -> None:
    if value:  # 0 means unknown
        check_price(field, value)


PRICES: Final = Decimals(check_price)
QTYS: Final = Decimals(check_qty)
TRADE_QTYS: Final = Decimals(check_positive_qty)
LAST_PRICES: Final = Decimals(_check_last_price)
RATES: Final = Decimals(check_decimal)
SYMBOLS: Final = Symbols()
TEXTS: Final = Texts()


def read_levels(rows: Any) -> tuple[Level, ...]:
    """Read ``[[price, qty], ...]``.

    Raises:
        ContractError, TypeError, ValueError: Some level is malformed.
    """
    if type(rows) is not list or (rows and set(map(type, rows)) != _LISTS):
        raise TypeError  # two-letter text would unpack like a pair
    return tuple([(PRICES[price], QTYS[qty]) for price, qty in rows])
