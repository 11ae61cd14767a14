"""Turnover and open interest are asked for in quote currency (CORE-08)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal

import pytest

from grinder_adapters.binance.market_stats import ask_market_stats
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.write_guard import WriteGuard
from grinder_adapters.transport import HttpAnswer
from grinder_core.contracts.market import MarketStats
from grinder_core.errors import ConnectorError
from grinder_core.resilience.budget import BudgetWindow
from tests.support.virtual_time import START_MS, VirtualClock, run

DAY = b'{"symbol":"BTCUSDT","quoteVolume":"1234.5","lastPrice":"100","volume":"12"}'


class Answers:
    def __init__(self, day: bytes, interest: bytes) -> None:
        self._day, self._interest = day, interest

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        assert method == "GET"
        assert "symbol=BTCUSDT" in url
        return HttpAnswer(200, self._day if "24hr" in url else self._interest, {})

    async def close(self) -> None:
        """Nothing is open."""


def asked(day: bytes, interest: bytes) -> MarketStats:
    clock, found = VirtualClock(), list[MarketStats]()

    async def act() -> None:
        guard = WriteGuard(Answers(day, interest), "https://fapi.binance.com")
        client = RestClient(guard, clock, asyncio.sleep)
        for window in BudgetWindow:
            client.budget.observe(window, 0, client.now())
        found.append(await ask_market_stats(client, "BTCUSDT"))

    run(act(), clock)
    return found[0]


def test_open_interest_is_valued_at_the_last_price() -> None:
    stats = asked(DAY, b'{"symbol":"BTCUSDT","openInterest":"2.5","time":1}')
    assert (stats.vol_24h_usd, stats.oi_usd) == (Decimal("1234.5"), 250)
    assert stats.ts >= START_MS


@pytest.mark.parametrize("interest", [b"{}", b'{"openInterest":2.5}', b"[]", b"no"])
def test_something_else_is_refused(interest: bytes) -> None:
    with pytest.raises(ConnectorError):
        asked(DAY, interest)
