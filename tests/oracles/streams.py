"""What clients that hand the venue's frames on must find in its streams; see ``flows``.

Frames and answers meet by id, so a moving market cannot come between them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from tests.oracles import facts
from tests.oracles.client import RawClient, Streaming, Take, until
from tests.oracles.exchange import SYMBOL, Exchange
from tests.oracles.facts import Row
from tests.oracles.flows import (
    ASK,
    BUY,
    BUY_NOW,
    LOWER,
    MORE,
    QTY,
    SELL_NOW,
    TAKER_FEE,
    client_id,
    eventually,
)

D = Decimal
TRIES = 200


class StreamingClient(RawClient, Streaming):
    """A client with both."""


class MarketStreamFlows:
    """The market's streams, on the seeded market."""

    def test_prints_are_those_of_the_rest_answer(
        self, streaming: StreamingClient, seeded: Exchange
    ) -> None:
        with streaming.market_stream("aggTrade") as take:
            told = [facts.print_of(take()) for _ in range(10)]
        ids = [int(row.trade_id) for row in told]
        assert ids == list(range(ids[0], ids[0] + 10))
        assert told == prints(seeded, ids[0], ids[-1])

    def test_changes_turn_an_older_book_into_a_newer_one(self, streaming: StreamingClient) -> None:
        with streaming.market_stream("depth@100ms") as take:
            changes = [take()]
            older = streaming.book()
            while changes[-1]["u"] < older.update_id:
                changes.append(take())

            def kept() -> Row:
                changes.append(take())
                return changes[-1]

            for _ in range(3):
                _, newer = met(kept, streaming)
        assert all(b["pu"] == a["u"] for a, b in itertools.pairwise(changes))
        rebuilt = applied(older, changes)
        assert newer.update_id > older.update_id
        assert (rebuilt.bids[:10], rebuilt.asks[:10]) == (newer.bids[:10], newer.asks[:10])

    def test_a_partial_book_is_the_top_of_the_book_at_its_id(
        self, streaming: StreamingClient
    ) -> None:
        with streaming.market_stream("depth10@100ms") as take:
            frame, book = met(take, streaming)
        assert facts.levels_of(frame["b"]) == book.bids[:10]
        assert facts.levels_of(frame["a"]) == book.asks[:10]

    def test_best_prices_are_those_of_the_book_at_their_id(
        self, streaming: StreamingClient
    ) -> None:
        with streaming.market_stream("bookTicker") as take:
            frame, book = met(take, streaming)
        assert (facts.dec(frame["b"]), facts.dec(frame["B"])) == book.bids[0]
        assert (facts.dec(frame["a"]), facts.dec(frame["A"])) == book.asks[0]

    def test_the_mark_price_is_that_of_the_rest_answer(self, streaming: StreamingClient) -> None:
        with streaming.market_stream("markPrice@1s") as take:
            pairs = [(take(), streaming.mark()) for _ in range(3)]
        told = [
            (facts.dec(frame["p"]), facts.dec(frame["i"]), facts.dec(frame["r"]))
            for frame, _ in pairs
        ]
        assert (mark := [(mark.price, mark.index, mark.rate) for _, mark in pairs])
        # the next second's price may be there between the frame and the question
        assert sum(a == b for a, b in zip(told, mark, strict=True)) >= 2

    def test_a_candle_adds_up_from_its_prints(
        self, streaming: StreamingClient, seeded: Exchange
    ) -> None:
        with streaming.market_stream("kline_1m") as take:
            candle = until(take, lambda frame: frame["k"]["n"] > 5)["k"]
        within = prints(seeded, candle["f"], candle["L"])
        assert [row.ts // 60_000 * 60_000 for row in within] == [candle["t"]] * candle["n"]
        assert facts.dec(candle["v"]) == sum(row.qty for row in within)
        assert facts.dec(candle["q"]) == sum(row.qty * row.price for row in within)
        bought = [row.qty for row in within if not row.buyer_is_maker]
        assert facts.dec(candle["V"]) == sum(bought)
        assert facts.dec(candle["c"]) == within[-1].price

    def test_the_day_adds_up_from_its_prints(
        self, streaming: StreamingClient, seeded: Exchange
    ) -> None:
        with streaming.market_stream("ticker") as take:
            day = until(take, lambda frame: frame["n"] > 5)
        within = prints(seeded, day["F"], day["L"])
        assert len(within) == day["n"]
        assert facts.dec(day["v"]) == sum(row.qty for row in within)
        assert facts.dec(day["q"]) == sum(row.qty * row.price for row in within)
        assert (facts.dec(day["c"]), facts.dec(day["Q"])) == (within[-1].price, within[-1].qty)


class UserStreamFlows:
    """The account's stream, on the scripted market."""

    def test_an_orders_life_is_told_as_it_was_answered(self, client: StreamingClient) -> None:
        with client.user_stream() as take:
            name = client_id()
            placed = client.place(replace(BUY, client_id=name))
            amended = client.amend(placed, MORE, LOWER)
            client.cancel(placed.order_id)
            told = [order_news(take, placed.order_id) for _ in range(3)]
        assert [row["x"] for row in told] == ["NEW", "AMENDMENT", "CANCELED"]
        assert [order_told(row) for row in told] == [
            placed,
            amended,
            replace(amended, status="CANCELED"),
        ]

    def test_a_fill_is_told_with_what_it_costs_and_leaves(self, client: StreamingClient) -> None:
        with client.user_stream() as take:
            placed = client.place(BUY_NOW)
            rows: list[Row] = []
            account: Row | None = None
            while account is None or len(rows) < 2:
                frame = take()
                if frame["e"] == "ORDER_TRADE_UPDATE":
                    rows.append(frame["o"])
                elif frame["e"] == "ACCOUNT_UPDATE" and frame["a"]["m"] == "ORDER":
                    account = frame["a"]
        new, traded = rows
        assert (new["x"], traded["x"], traded["X"]) == ("NEW", "TRADE", "FILLED")
        (fill,) = [fill for fill in client.fills() if fill.order_id == placed.order_id]
        assert fill == facts.Fill(
            trade_id=str(traded["t"]),
            order_id=str(traded["i"]),
            side=traded["S"],
            price=facts.dec(traded["L"]),
            qty=facts.dec(traded["l"]),
            fee=facts.dec(traded["n"]),
            is_maker=traded["m"],
        )
        assert (fill.price, fill.fee) == (ASK, ASK * QTY * TAKER_FEE)
        (position,) = account["P"]
        assert (position["s"], position["ps"]) == (SYMBOL, "BOTH")
        assert (facts.dec(position["pa"]), facts.dec(position["ep"])) == (QTY, ASK)

    def test_the_wallet_that_is_told_is_the_wallet_that_is_answered(
        self, client: StreamingClient
    ) -> None:
        with client.user_stream() as take:
            client.place(BUY_NOW)
            client.place(SELL_NOW)
            told: list[Decimal] = []

            def last_told() -> bool:
                frame = until(take, lambda frame: frame["e"] == "ACCOUNT_UPDATE")
                (balance,) = frame["a"]["B"]
                told.append(facts.dec(balance["wb"]))
                return len(told) >= 2 and told[-1] == client.wallet().total

            eventually(last_told)
        assert told[-1] < told[0]

    def test_a_changed_leverage_is_told(self, client: StreamingClient) -> None:
        with client.user_stream() as take:
            client.set_leverage(9)
            frame = until(take, lambda frame: frame["e"] == "ACCOUNT_CONFIG_UPDATE")
        assert frame["ac"] == {"s": SYMBOL, "l": 9}


def prints(exchange: Exchange, first: int, last: int) -> list[facts.Print]:
    """The market's prints from one id to another, both included."""
    rows = []
    while first <= last:
        limit = min(1000, last - first + 1)
        rows += exchange.get("v1/aggTrades", symbol=SYMBOL, fromId=first, limit=limit)
        first = rows[-1]["a"] + 1
    return [facts.print_of(row) for row in rows]


def applied(book: facts.Book, changes: Iterable[Row]) -> facts.Book:
    """A book after changes, by the venue's rule: quantities are absolute, 0 takes a price out."""
    bids, asks = dict(book.bids), dict(book.asks)
    for change in changes:
        if change["u"] <= book.update_id:
            continue
        for side, rows in ((bids, change["b"]), (asks, change["a"])):
            side.update(facts.levels_of(rows))
    return replace(
        book,
        bids=tuple((p, bids[p]) for p in sorted(bids, reverse=True) if bids[p]),
        asks=tuple((p, asks[p]) for p in sorted(asks) if asks[p]),
    )


def met(take: Take, client: RawClient) -> tuple[Row, facts.Book]:
    """A frame, and the book that was answered while nothing newer had come."""
    for _ in range(TRIES):
        frame, book = take(), client.book()
        if frame["u"] == book.update_id:
            return frame, book
    raise AssertionError("stream and answer never met at one update id")


def order_news(take: Take, order_id: str) -> Row:
    """The next news of one order."""
    frame = until(
        take,
        lambda frame: frame["e"] == "ORDER_TRADE_UPDATE" and str(frame["o"]["i"]) == order_id,
    )
    row: Row = frame["o"]
    return row


def order_told(row: Row) -> facts.Order:
    """An order as the stream tells it."""
    return facts.Order(
        order_id=str(row["i"]),
        client_id=row["c"],
        side=row["S"],
        kind=row["o"],
        tif=row["f"],
        price=facts.dec(row["p"]),
        qty=facts.dec(row["q"]),
        filled=facts.dec(row["z"]),
        status=row["X"],
        reduce_only=row["R"],
    )
