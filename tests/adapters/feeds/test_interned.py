"""Texts read once: whatever comes, the answer is that of reading, and memory is bounded."""

from __future__ import annotations

from decimal import Decimal

from grinder_adapters.feeds.interned import ENTRIES_MAX, Decimals, Symbols, Texts
from grinder_core.numbers import canonical


def test_a_day_of_prices_leaves_the_caches_as_small_as_an_hour() -> None:
    numbers, texts, symbols = Decimals(lambda field, value: None), Texts(), Symbols()
    for ticks in range(30_000):
        price = Decimal(ticks).scaleb(-1)
        assert numbers[str(price)] == price
        assert texts[price] == canonical(price)
        assert symbols[f"COIN{ticks}USDT"] == f"COIN{ticks}USDT"
        assert max(len(numbers), len(texts), len(symbols)) <= ENTRIES_MAX <= 10_000


def test_what_is_cached_is_one_object() -> None:
    numbers = Decimals(lambda field, value: None)
    assert numbers["1.50"] is numbers["1.50"]
