"""The rules of the line grammar, with values that keep and that break each.

The contracts hold these rules; this table says them in words. A test tries every value here on
every field that is said to follow the rule.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

Json = Any


@frozen(kw_only=True)
class Rule:
    """One rule for the value of a field.

    Attributes:
        keeps, breaks: JSON values that a reader takes, and that it refuses.
    """

    text: str
    keeps: tuple[Json, ...]
    breaks: tuple[Json, ...]


_NOT_DECIMALS: Final[tuple[Json, ...]] = (
    100.5,
    100,
    "1e3",
    "NaN",
    "Infinity",
    "+1",
    " 1",
    "1.",
    "",
    True,
    [],
)

PRICE: Final = Rule(
    text="decimal string, above 0 and below 10^9, at most 8 fractional digits",
    keeps=("0.00000001", "100.50", "999999999.99999999"),
    breaks=("0", "-1", "1000000000", "0.000000001", None, *_NOT_DECIMALS),
)
PRICE_OR_NULL: Final = Rule(
    text="as a price, or null or left out",
    keeps=(*PRICE.keeps, None),
    breaks=("0", "-1", "1000000000", "0.000000001", *_NOT_DECIMALS),
)
PRICE_OR_0: Final = Rule(
    text="as a price, or 0 for unknown",
    keeps=(*PRICE.keeps, "0"),
    breaks=("-1", "1000000000", "0.000000001", None, *_NOT_DECIMALS),
)
QTY: Final = Rule(
    text="decimal string, 0 or more and below 10^11, at most 8 fractional digits",
    keeps=("0", "0.00000001", "99999999999.99999999"),
    breaks=("-1", "100000000000", "0.000000001", None, *_NOT_DECIMALS),
)
QTY_ABOVE_0: Final = Rule(
    text="as a quantity, and not 0",
    keeps=QTY.keeps[1:],
    breaks=("0", *QTY.breaks),
)
AMOUNT: Final = Rule(
    text="decimal string, 0 or more",
    keeps=("0", "12345678901234567890.123456789"),
    breaks=("-1", None, *_NOT_DECIMALS),
)
FRACTION: Final = Rule(
    text="decimal string, above -1 and below 1",
    keeps=("-0.999", "0", "0.0001"),
    breaks=("1", "-1", "2", None, *_NOT_DECIMALS),
)
DECIMAL_OR_NULL: Final = Rule(
    text="decimal string, or null or left out",
    keeps=("-0.0001", "0", None),
    breaks=_NOT_DECIMALS,
)
TS: Final = Rule(
    text="integer, 0 or more: milliseconds since 1970, UTC",
    keeps=(0, 1_700_000_000_000),
    breaks=(-1, "1000", 1.5, True, None, []),
)
TS_OR_NULL: Final = Rule(
    text="integer, or null or left out",
    keeps=(1_700_000_000_000, None),
    breaks=("1000", 1.5, True, []),
)
COUNT: Final = Rule(text="integer, 0 or more", keeps=(0, 7, 2**63), breaks=TS.breaks)
COUNT_OR_NULL: Final = Rule(
    text="integer, 0 or more, or null or left out",
    keeps=(0, 7, None),
    breaks=(-1, "7", 1.5, True, []),
)
SYMBOL: Final = Rule(
    text="text of 2 to 40 characters: A-Z, 0-9 and _",
    keeps=("BTCUSDT", "1000PEPEUSDT", "BTCUSDT_240927"),
    breaks=("btcusdt", "B", "BTC-USDT", "A" * 41, "", 7, None, []),
)
TRUTH: Final = Rule(text="true or false", keeps=(True, False), breaks=(0, 1, "true", None, []))
LEVELS: Final = Rule(
    text="list of [price, quantity], each by the rule of its kind",
    keeps=([], [["100.5", "0"]], [["100.5", "1"], ["100.4", "2"]]),
    breaks=(
        *([["0", "1"]], [["1", "-1"]], [["1"]], [["1", "1", "1"]], [[1, 1]], ["12"], "12"),
        *({}, None, [{"1": "1"}]),
    ),
)
BANDS: Final = Rule(
    text=(
        "list of at least one [edge in 0.01 %, depth, notional]: edges are integers above -10000, "
        "rising and never 0, the others decimal strings, 0 or more"
    ),
    keeps=([[-100, "5", "500"], [100, "7", "700"]], [[20, "0", "0"]]),
    breaks=(
        *([], None, [[0, "1", "1"]], [[100, "1", "1"], [100, "1", "1"]], [["100", "1", "1"]]),
        *([[-10000, "1", "1"]], [[100, "-1", "1"]], [[100, "1", 1]], [[100, "1"]]),
    ),
)

NAMED: Final[dict[str, Rule]] = {
    "price": PRICE,
    "price or 0": PRICE_OR_0,
    "price or null": PRICE_OR_NULL,
    "quantity": QTY,
    "quantity above 0": QTY_ABOVE_0,
    "amount": AMOUNT,
    "fraction": FRACTION,
    "decimal or null": DECIMAL_OR_NULL,
    "time": TS,
    "time or null": TS_OR_NULL,
    "count": COUNT,
    "count or null": COUNT_OR_NULL,
    "symbol": SYMBOL,
    "truth": TRUTH,
    "levels": LEVELS,
    "bands": BANDS,
}
