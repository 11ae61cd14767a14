"""ccxt and ccxt.pro at the exchange; see ``ccxt_client``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.oracles import facts
from tests.oracles.ccxt_client import Ccxt, CcxtPro, fill_of, order_of, print_of, settings
from tests.oracles.exchange import SYMBOL, Exchange
from tests.oracles.flows import (
    ASK,
    BUY,
    BUY_NOW,
    QTY,
    AccountFlows,
    FillFlows,
    MarketFlows,
    OrderFlows,
    RefusalFlows,
    client_id,
)
from tests.oracles.streams import prints

WAIT_S = 10
TRIES = 200


@pytest.fixture(scope="module", params=[Ccxt, CcxtPro])
def connect(request: pytest.FixtureRequest) -> Any:
    """Both ways to call it."""
    return request.param


class TestMarket(MarketFlows):
    pass


class TestAccount(AccountFlows):
    pass


class TestOrders(OrderFlows):
    pass


class TestFills(FillFlows):
    pass


class TestRefusals(RefusalFlows):
    pass


@pytest.fixture(scope="module")
def watching(seeded: Exchange) -> Iterator[CcxtPro]:
    """ccxt.pro at the market that moves."""
    client = CcxtPro(seeded)
    yield client
    client.close()


@pytest.mark.parametrize("connect", [CcxtPro], scope="module")
class TestUserStream:
    """ccxt.pro's view of the account."""

    def test_an_orders_life_is_told_as_it_was_answered(self, client: CcxtPro) -> None:
        async def lived() -> list[Any]:
            pro, symbol = client.ccxt, client.unified()
            told = asyncio.ensure_future(pro.watch_orders(symbol))
            await connected(client, "private")
            name = client_id()
            placed = await pro.create_order(
                symbol, "limit", "buy", str(QTY), str(BUY.price), {"clientOrderId": name}
            )
            new = [order_of(row) for row in await told]
            told = asyncio.ensure_future(pro.watch_orders(symbol))
            await pro.cancel_order(placed["id"], symbol)
            gone = [order_of(row) for row in await told]
            return [order_of(placed), new, gone]

        placed, new, gone = client.loop.run_until_complete(asyncio.wait_for(lived(), WAIT_S))
        assert new[-1] == placed
        assert gone[-1] == replace(placed, status="CANCELED")

    def test_a_fill_is_told_with_its_fee_the_position_and_the_wallet(self, client: CcxtPro) -> None:
        async def bought() -> list[Any]:
            pro, symbol = client.ccxt, client.unified()
            told = [
                asyncio.ensure_future(watched)
                for watched in (
                    pro.watch_my_trades(symbol),
                    pro.watch_positions([symbol]),
                    pro.watch_balance(),
                )
            ]
            await connected(client, "private")
            await pro.create_order(symbol, "market", "buy", str(BUY_NOW.qty))
            return list(await asyncio.gather(*told))

        trades, positions, balance = client.loop.run_until_complete(
            asyncio.wait_for(bought(), WAIT_S)
        )
        fill = fill_of(trades[-1])
        assert fill in client.fills()
        assert (fill.price, fill.qty, fill.is_maker) == (ASK, QTY, False)
        assert [(row["symbol"], row["side"]) for row in positions] == [(client.unified(), "long")]
        assert (facts.dec(positions[0]["contracts"]), facts.dec(positions[0]["entryPrice"])) == (
            QTY,
            ASK,
        )
        commissions = [row for row in client.income() if row.ts == trades[-1]["timestamp"]]
        assert [row.amount for row in commissions if row.kind == "COMMISSION"] == [-fill.fee]
        assert facts.dec(balance["USDT"]["total"]) > 0


class TestMarketStreams:
    """ccxt.pro's view of the market."""

    def test_prints_are_those_of_the_rest_answer(self, watching: CcxtPro, seeded: Exchange) -> None:
        told: list[facts.Print] = []
        while len(told) < 10:
            # without the name it asks for a stream that the venue does not document
            rows = watch(watching, "watch_trades", params={"name": "aggTrade"})
            told += [print_of(row) for row in rows]
        ids = [int(row.trade_id) for row in told]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        assert told == prints(seeded, ids[0], ids[-1])

    def test_the_book_it_keeps_is_the_book_that_is_answered(self, watching: CcxtPro) -> None:
        for _ in range(TRIES):
            kept = watch(watching, "watch_order_book")
            bids, asks = facts.levels_of(kept["bids"][:10]), facts.levels_of(kept["asks"][:10])
            nonce = kept["nonce"]
            book = watching.book()
            if book.update_id == nonce:
                break
        assert book.update_id == nonce
        assert (bids, asks) == (book.bids[:10], book.asks[:10])

    def test_best_prices_are_those_of_the_book_at_their_id(self, watching: CcxtPro) -> None:
        for _ in range(TRIES):
            (row,) = watch(watching, "watch_bids_asks", several=True).values()
            book = watching.book()
            if book.update_id == row["info"]["u"]:
                break
        assert (facts.dec(row["bid"]), facts.dec(row["bidVolume"])) == book.bids[0]
        assert (facts.dec(row["ask"]), facts.dec(row["askVolume"])) == book.asks[0]

    def test_the_mark_price_is_that_of_the_rest_answer(self, watching: CcxtPro) -> None:
        pairs = []
        for _ in range(3):
            told = watch(watching, "watch_mark_price")
            mark = watching.mark()
            pairs.append((facts.dec(told["markPrice"]) == mark.price, told["indexPrice"]))
        # the next second's price may be there between the frame and the question
        assert sum(same for same, _ in pairs) >= 2

    def test_a_candle_is_that_of_the_rest_answer(self, watching: CcxtPro) -> None:
        for _ in range(TRIES):
            told = facts.candle_of(watch(watching, "watch_ohlcv")[-1])
            if told == watching.candles()[-1]:
                return
        raise AssertionError("stream and answer never met at one candle")

    def test_the_day_ends_with_a_print_of_the_market(
        self, watching: CcxtPro, seeded: Exchange
    ) -> None:
        row = watch(watching, "watch_ticker", params={"name": "ticker"})
        within = prints(seeded, int(row["info"]["F"]), int(row["info"]["L"]))
        assert facts.dec(row["last"]) == within[-1].price
        assert facts.dec(row["baseVolume"]) == sum(found.qty for found in within)
        assert facts.dec(row["quoteVolume"]) == sum(
            (found.qty * found.price for found in within), Decimal(0)
        )


def watch(client: CcxtPro, name: str, *, several: bool = False, **named: Any) -> Any:
    """What comes next in a stream."""
    symbol: Any = [client.unified()] if several else client.unified()
    watched = getattr(client.ccxt, name)(symbol, **named)
    return client.loop.run_until_complete(asyncio.wait_for(watched, WAIT_S))


async def connected(client: CcxtPro, category: str) -> None:
    """Wait until a socket of a category is open."""
    while not any(
        category in url and link.connected.done() for url, link in client.ccxt.clients.items()
    ):
        await asyncio.sleep(0.01)


def test_a_request_of_a_minute_ago_is_refused(exchange: Exchange) -> None:
    late = ccxt.binanceusdm(settings(exchange))
    late.nonce = lambda: late.milliseconds() - 60_000
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        late.fapiPrivateV3GetBalance()


def test_a_symbol_is_a_market_of_the_right_kind(exchange: Exchange) -> None:
    client = Ccxt(exchange)
    market = client.ccxt.market(client.unified(SYMBOL))
    assert (market["type"], market["linear"], market["settle"]) == ("swap", True, "USDT")
    assert (market["active"], market["contractSize"]) == (True, 1)
