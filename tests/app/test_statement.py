"""What the venue says of an account, read whole: windows, pages, and what moves meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance import account_port
from grinder_adapters.binance.account_port import WINDOW_MS, AccountPort
from grinder_adapters.binance.rest_records import AccountAnswer
from grinder_app.config.live_keys import local_pair
from grinder_app.live.connecting import open_client
from grinder_app.live.statement import read_statement, windows
from grinder_core.contracts.enums import Side
from grinder_core.errors import ConnectorError
from tests.support.memory_session import ACCOUNT, SYMBOL, URL, MemoryLive, live

DAY_MS = 86_400_000


@given(begin=st.integers(0, 10**9), span=st.integers(0, 40 * DAY_MS))
def test_windows_cover_every_moment_once(begin: int, span: int) -> None:
    spans = windows(begin, begin + span)
    assert spans[0][0] == begin
    assert spans[-1][1] == begin + span
    assert all(a <= b < a + WINDOW_MS for a, b in spans)
    assert all(b + 1 == a for (_, b), (a, _) in pairwise(spans))


async def port(world: MemoryLive, stack: AsyncExitStack) -> AccountPort:
    client = open_client(world._world(), URL, local_pair(), world.plan.live, stack)
    await client.venue_clock.sync()
    return AccountPort(client, asyncio.sleep)


def test_a_history_of_many_pages_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_port, "TRADES_MAX", 3)
    monkeypatch.setattr(account_port, "INCOME_MAX", 3)

    async def scene(world: MemoryLive) -> None:
        begin = world.clock.now_ms()
        for number in range(10):
            await asyncio.sleep(1)
            world.trade(Side.BUY if number % 2 == 0 else Side.SELL, "0.01")
        async with AsyncExitStack() as stack:
            account = await port(world, stack)
            assert await account.first_trade(SYMBOL, 0, begin) is None
            asked: list[int] = []
            found = await read_statement(account, [SYMBOL], begin, asked.append)
        there = world.venue.exchange.floor.account(ACCOUNT)
        assert [t.trade_id for t in found.trades] == [t.trade_id for t in there.trades]
        listed = [row for row in there.income if row.ts > begin]
        assert [r.tran_id for r in found.income] == [r.tran_id for r in listed]
        traded = [row for row in found.income if row.kind == "COMMISSION"]
        assert [row.trade_id for row in traded] == [t.trade_id for t in found.trades]
        assert found.wallet == world.wallet()
        assert len(asked) == 2

    live(tmp_path, scene)


class Restless(AccountPort):
    """Something moves the wallet while it is asked for, so many times."""

    def __init__(self, inner: AccountPort, world: MemoryLive, times: int) -> None:
        super().__init__(inner._client, asyncio.sleep)
        self.world, self.times = world, times

    async def account(self) -> AccountAnswer:
        found = await super().account()
        await asyncio.sleep(1)
        if self.times:
            self.times -= 1
            self.world.deposit(7)
        return found


def test_what_moves_meanwhile_is_read_again(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        begin = world.clock.now_ms()
        async with AsyncExitStack() as stack:
            restless = Restless(await port(world, stack), world, 2)
            found = await read_statement(restless, [SYMBOL], begin)
        assert sum((row.amount for row in found.income), Decimal(0)) == 14
        assert found.wallet == world.wallet()

    live(tmp_path, scene)


def test_a_wallet_that_does_not_hold_still_is_an_error(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        async with AsyncExitStack() as stack:
            restless = Restless(await port(world, stack), world, 1_000)
            with pytest.raises(ConnectorError, match="wallet"):
                await read_statement(restless, [SYMBOL], world.clock.now_ms())

    live(tmp_path, scene)
