"""What every client must find at the exchange, stated once; a suite inherits these for its client.

Nothing is taken for right because no error came: what was placed is what is reported, on each
route that can be asked, and fills, fees, positions and the wallet add up exactly. The witness asks
the exchange without any client.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from tests.oracles import facts
from tests.oracles.client import Client
from tests.oracles.exchange import DEPOSIT, OTHER, SYMBOL, Exchange
from tests.oracles.facts import Wanted

D = Decimal
T = TypeVar("T")

BID, ASK = D("89999"), D("90001")  # of the scripted market, which stands still
INSIDE = D("90000.5")
LOW, LOWER = D("88500.1"), D("88000.2")  # nothing fills there
QTY, MORE = D("0.002"), D("0.003")
MAKER_FEE, TAKER_FEE = D("0.0002"), D("0.0005")  # the venue's base tier
SETTLED_S = 25.0

BUY = Wanted(side="BUY", qty=QTY, price=LOW)
BUY_NOW = Wanted(side="BUY", qty=QTY)
SELL_NOW = Wanted(side="SELL", qty=QTY, reduce_only=True)

_numbers = itertools.count(1)


def client_id() -> str:
    """A client order id that nobody has used."""
    return f"oracle-{time.time_ns() // 1000}-{next(_numbers)}"


def eventually(ask: Callable[[], T], *, within_s: float = 10.0) -> T:
    """Ask until the answer is true; the exchange lives in real time."""
    end = time.monotonic() + within_s
    while not (answer := ask()):
        assert time.monotonic() < end, f"not within {within_s} s"
        time.sleep(0.1)
    return answer


def while_still(witness: Callable[[], T], client: Callable[[], T]) -> tuple[T, T]:
    """Ask both, and return what they said while the witness did not change its mind."""
    for _ in range(50):
        before, said = witness(), client()
        if witness() == before:
            return said, before
    raise AssertionError("what was asked for changed all the time")


def id_of(order: facts.Order | facts.Fill) -> str:
    """For sorting and finding."""
    return order.order_id


class MarketFlows:
    """The public answers."""

    def test_the_clock_is_the_venues(self, client: Client, exchange: Exchange) -> None:
        before = exchange.get("v1/time")["serverTime"]
        said = client.server_time()
        assert before <= said <= exchange.get("v1/time")["serverTime"]

    def test_the_rules_of_all_symbols_are_the_venues(
        self, client: Client, exchange: Exchange
    ) -> None:
        rows = exchange.get("v1/exchangeInfo")["symbols"]
        assert client.rules() == {row["symbol"]: facts.rules_of(row) for row in rows}
        assert client.rules()[SYMBOL].tick == D("0.1")

    def test_the_book_is_the_venues(self, client: Client, exchange: Exchange) -> None:
        def asked() -> facts.Book:
            return facts.book_of(exchange.get("v1/depth", symbol=SYMBOL, limit=20))

        said, true = while_still(asked, client.book)
        assert said == true
        assert len(said.bids) == len(said.asks) == 20
        assert (said.bids[0][0], said.asks[0][0]) == (BID, ASK)

    def test_the_best_prices_are_the_venues(self, client: Client, exchange: Exchange) -> None:
        said, true = while_still(
            lambda: facts.quote_of(exchange.get("v1/ticker/bookTicker", symbol=SYMBOL)),
            client.quote,
        )
        assert said == true
        assert (said.bid, said.ask) == (BID, ASK)

    def test_the_last_price_is_that_of_the_last_print(
        self, client: Client, exchange: Exchange
    ) -> None:
        said, true = while_still(
            lambda: facts.dec(exchange.get("v1/aggTrades", symbol=SYMBOL)[-1]["p"]),
            client.last_price,
        )
        assert said == true
        assert said in {BID, ASK}

    def test_the_prints_are_the_venues(self, client: Client, exchange: Exchange) -> None:
        said, true = while_still(
            lambda: [facts.print_of(row) for row in exchange.get("v1/aggTrades", symbol=SYMBOL)],
            client.prints,
        )
        assert said == true
        assert {row.price for row in said} <= {BID, ASK}
        assert all(row.buyer_is_maker is (row.price == BID) for row in said)

    def test_the_last_candle_adds_up_from_the_prints(
        self, client: Client, exchange: Exchange
    ) -> None:
        def asked() -> list[facts.Print]:
            return [facts.print_of(row) for row in exchange.get("v1/aggTrades", symbol=SYMBOL)]

        for _ in range(50):
            before, candles = asked(), client.candles()
            if asked() == before:
                break
        candle = candles[-1]
        within = [row for row in before if row.ts // 60_000 * 60_000 == candle.open_ts]
        assert candle.volume == sum(row.qty for row in within)
        assert candle.close == within[-1].price
        assert candle.high == max(candle.open, *(row.price for row in within))
        assert candle.low == min(candle.open, *(row.price for row in within))

    def test_the_day_adds_up_from_the_prints(self, client: Client, exchange: Exchange) -> None:
        def asked() -> tuple[Decimal, Decimal, Decimal]:
            rows = exchange.get("v1/aggTrades", symbol=SYMBOL, limit=1000)
            prints = [facts.print_of(row) for row in rows]
            volume = sum((row.qty for row in prints), D(0))
            quote_volume = sum((row.qty * row.price for row in prints), D(0))
            return prints[-1].price, volume, quote_volume

        def said() -> tuple[Decimal, Decimal, Decimal]:
            day = client.day()
            return day.last, day.volume, day.quote_volume

        said_now, true = while_still(asked, said)
        assert said_now == true

    def test_the_mark_price_is_the_venues(self, client: Client, exchange: Exchange) -> None:
        said, true = while_still(
            lambda: facts.mark_of(exchange.get("v1/premiumIndex", symbol=SYMBOL)), client.mark
        )
        assert said == true
        assert (said.price, said.rate) == (D(90_000), D("0.0001"))

    def test_the_settlements_are_the_venues(self, client: Client, exchange: Exchange) -> None:
        eventually(lambda: exchange.get("v1/fundingRate", symbol=SYMBOL), within_s=SETTLED_S)

        def asked() -> list[tuple[int, Decimal]]:
            rows = exchange.get("v1/fundingRate", symbol=SYMBOL)
            return [(row["fundingTime"], facts.dec(row["fundingRate"])) for row in rows]

        said, true = while_still(asked, client.settlements)
        assert said == true
        assert {rate for _, rate in said} == {D("0.0001")}


class AccountFlows:
    """What an account has and may set."""

    def test_the_wallet_is_the_deposit_and_what_came_in_since(
        self, client: Client, exchange: Exchange
    ) -> None:
        client.place(BUY_NOW)
        client.place(SELL_NOW)
        said, true = while_still(lambda: witness_wallet(exchange), client.wallet)
        assert said == true
        income, wallet = while_still(lambda: client.wallet().total, lambda: earned(client))
        assert income == wallet
        assert income < D(DEPOSIT)

    def test_an_order_takes_its_margin_from_what_is_available(self, client: Client) -> None:
        client.set_leverage(10)
        before = client.wallet()
        client.place(BUY)
        after = client.wallet()
        assert after.total == before.total
        assert before.available - after.available == LOW * QTY / 10

    def test_the_brackets_are_the_venues(self, client: Client, exchange: Exchange) -> None:
        row = exchange.get("v1/leverageBracket", signed=True, symbol=SYMBOL)
        assert client.brackets() == [facts.bracket_of(step) for step in row["brackets"]]

    def test_the_fees_are_those_of_the_base_tier(self, client: Client) -> None:
        assert client.fees() == (MAKER_FEE, TAKER_FEE)

    def test_a_leverage_that_was_set_is_reported(self, client: Client, exchange: Exchange) -> None:
        for leverage in (7, 20):
            client.set_leverage(leverage)
            assert client.leverage() == leverage
            (row,) = exchange.get("v1/symbolConfig", signed=True, symbol=SYMBOL)
            assert row["leverage"] == leverage

    def test_a_margin_type_that_was_set_is_reported(
        self, client: Client, exchange: Exchange
    ) -> None:
        for kind in ("ISOLATED", "CROSSED"):
            client.set_margin_type(kind)
            assert client.margin_type() == kind
            (row,) = exchange.get("v1/symbolConfig", signed=True, symbol=SYMBOL)
            assert row["marginType"] == kind

    def test_a_position_mode_that_was_set_is_reported(self, client: Client) -> None:
        client.set_hedged(hedged=True)
        assert client.is_hedged()
        client.set_hedged(hedged=False)
        assert not client.is_hedged()

    def test_a_listen_key_stays_the_same_until_it_is_closed(self, client: Client) -> None:
        key = client.new_listen_key()
        assert client.new_listen_key() == key
        client.renew_listen_key(key)
        client.close_listen_key(key)
        gone = client.refusal_of(lambda: client.renew_listen_key(key))
        assert gone == facts.Refusal(error=client.errors[-1125], code=-1125)
        assert client.new_listen_key() != key


class OrderFlows:
    """Orders from the cradle to the grave."""

    def test_a_limit_order_is_reported_as_placed_on_every_route(
        self, client: Client, exchange: Exchange
    ) -> None:
        name = client_id()
        placed = client.place(replace(BUY, client_id=name))
        assert placed == facts.Order(
            order_id=placed.order_id,
            client_id=name,
            side="BUY",
            kind="LIMIT",
            tif="GTC",
            price=LOW,
            qty=QTY,
            filled=D(0),
            status="NEW",
            reduce_only=False,
        )
        row = exchange.get("v1/order", signed=True, symbol=SYMBOL, orderId=placed.order_id)
        assert facts.order_of(row) == placed
        assert client.query(placed.order_id) == placed
        assert client.query_by_client_id(name) == placed
        assert client.open_order(placed.order_id) == placed
        assert client.open_orders() == [placed]
        assert client.all_orders()[-1] == placed

    def test_a_post_only_order_rests(self, client: Client) -> None:
        placed = client.place(replace(BUY, tif="GTX"))
        assert (placed.tif, placed.status, placed.filled) == ("GTX", "NEW", D(0))
        assert client.open_orders() == [placed]

    def test_an_amended_order_keeps_its_id_and_has_its_new_terms(self, client: Client) -> None:
        placed = client.place(replace(BUY, client_id=client_id()))
        amended = client.amend(placed, MORE, LOWER)
        assert amended == replace(placed, qty=MORE, price=LOWER)
        assert client.query(placed.order_id) == amended
        assert client.open_orders() == [amended]

    def test_a_cancelled_order_is_gone_and_remembered(self, client: Client) -> None:
        placed = client.place(BUY)
        cancelled = client.cancel(placed.order_id)
        assert cancelled == replace(placed, status="CANCELED")
        assert client.open_orders() == []
        assert client.query(placed.order_id) == cancelled
        assert client.all_orders()[-1] == cancelled

    def test_cancelling_all_leaves_the_orders_of_other_symbols(self, client: Client) -> None:
        other = client.place(Wanted(side="BUY", qty=D("0.1"), price=D("2900.05")), OTHER)
        placed = [client.place(replace(BUY, price=price)) for price in (LOW, LOWER)]
        client.cancel_all()
        assert client.open_orders() == []
        assert [client.query(order.order_id).status for order in placed] == ["CANCELED"] * 2
        assert client.open_orders(OTHER) == [other]

    def test_a_batch_is_placed_amended_and_cancelled_in_its_order(self, client: Client) -> None:
        wanted = [replace(BUY, price=price, client_id=client_id()) for price in (LOW, LOWER)]
        placed = client.place_batch(wanted)
        assert [(order.price, order.client_id) for order in placed] == [
            (order.price, order.client_id) for order in wanted
        ]
        assert sorted(client.open_orders(), key=id_of) == placed
        if client.amends_batches:
            amended = client.amend_batch(placed, MORE, LOWER)
            assert amended == [replace(order, qty=MORE, price=LOWER) for order in placed]
            assert sorted(client.open_orders(), key=id_of) == amended
            placed = amended
        cancelled = client.cancel_batch([order.order_id for order in placed])
        assert cancelled == [replace(order, status="CANCELED") for order in placed]
        assert client.open_orders() == []

    def test_a_countdown_cancels_when_it_ends(self, client: Client) -> None:
        placed = client.place(BUY)
        assert client.cancel_all_after(120_000) == 120_000
        assert client.open_orders() == [placed]
        assert client.cancel_all_after(300) == 300
        eventually(lambda: not client.open_orders())
        assert client.query(placed.order_id).status == "CANCELED"


class FillFlows:
    """Fills, and what they do to fees, position and wallet."""

    def test_a_market_order_takes_the_best_price_and_pays_the_takers_fee(
        self, client: Client
    ) -> None:
        before = client.wallet().total
        placed = client.place(BUY_NOW)
        assert (placed.kind, placed.status, placed.filled) == ("MARKET", "FILLED", QTY)
        assert replace(client.query(placed.order_id), tif=placed.tif) == placed
        (fill,) = [fill for fill in client.fills() if fill.order_id == placed.order_id]
        assert fill == facts.Fill(
            trade_id=fill.trade_id,
            order_id=placed.order_id,
            side="BUY",
            price=ASK,
            qty=QTY,
            fee=ASK * QTY * TAKER_FEE,
            is_maker=False,
        )
        assert client.position() == facts.Position(
            qty=QTY, entry=ASK, unrealized=(D(90_000) - ASK) * QTY
        )
        (paid,) = of_trade(client, fill.trade_id)
        assert (paid.kind, paid.amount) == ("COMMISSION", -fill.fee)
        left, funding = while_still(
            lambda: settled(client, since=paid.ts), lambda: client.wallet().total
        )
        assert left == before - fill.fee + funding

    def test_a_sale_realises_the_difference_to_the_entry(self, client: Client) -> None:
        client.place(BUY_NOW)
        sold = client.place(SELL_NOW)
        assert (sold.status, sold.filled, sold.reduce_only) == ("FILLED", QTY, True)
        assert client.position() == facts.FLAT
        (fill,) = [fill for fill in client.fills() if fill.order_id == sold.order_id]
        rows = {row.kind: row.amount for row in of_trade(client, fill.trade_id)}
        assert rows == {
            "REALIZED_PNL": (BID - ASK) * QTY,
            "COMMISSION": -BID * QTY * TAKER_FEE,
        }

    def test_an_order_that_was_hit_pays_the_makers_fee_at_its_own_price(
        self, client: Client
    ) -> None:
        placed = client.place(Wanted(side="BUY", qty=QTY, price=INSIDE, tif="GTX"))
        assert placed.status == "NEW"
        eventually(lambda: client.query(placed.order_id).status == "FILLED", within_s=20)
        fills = [fill for fill in client.fills() if fill.order_id == placed.order_id]
        assert sum(fill.qty for fill in fills) == QTY
        assert {fill.price for fill in fills} == {INSIDE}
        assert all(fill.is_maker for fill in fills)
        assert sum(fill.fee for fill in fills) == INSIDE * QTY * MAKER_FEE
        assert client.position().entry == INSIDE

    def test_a_long_position_pays_the_funding_of_its_notional(
        self, client: Client, exchange: Exchange
    ) -> None:
        placed = client.place(BUY_NOW)
        since = next(fill for fill in client.fills() if fill.order_id == placed.order_id)
        (bought,) = of_trade(client, since.trade_id)

        def told_since() -> list[facts.Row]:
            rows = exchange.get("v1/fundingRate", symbol=SYMBOL)
            return [row for row in rows if row["fundingTime"] > bought.ts]

        (told, *_) = eventually(told_since, within_s=SETTLED_S)
        (row,) = [row for row in funding_of(client) if row.ts == told["fundingTime"]]
        assert row.amount == -QTY * facts.dec(told["markPrice"]) * facts.dec(told["fundingRate"])


class RefusalFlows:
    """Refused requests: the client's own exception, and nothing has changed."""

    @pytest.mark.parametrize(
        ("code", "request_of"),
        [
            (-1121, lambda client: client.book("NOSUCH")),
            (-2011, lambda client: client.cancel("1")),
            (-2013, lambda client: client.query("1")),
            (-2019, lambda client: client.place(replace(BUY, qty=D(100)))),
            (-2022, lambda client: client.place(SELL_NOW)),
            (
                -4164,
                lambda client: client.place(
                    Wanted(side="BUY", qty=D("0.005"), price=D(2900)), OTHER
                ),
            ),
            (-5022, lambda client: client.place(replace(BUY, tif="GTX", price=ASK))),
            (-4046, lambda client: client.set_margin_type("CROSSED")),
            (-4059, lambda client: client.set_hedged(hedged=False)),
        ],
    )
    def test_a_refusal_keeps_its_code_and_changes_nothing(
        self, client: Client, code: int, request_of: Callable[[Client], Any]
    ) -> None:
        placed = client.place(replace(BUY, price=LOWER))
        refusal = client.refusal_of(lambda: request_of(client))
        assert refusal == facts.Refusal(error=client.errors[code], code=code)
        assert client.open_orders() == [placed]
        assert client.position() == facts.FLAT

    def test_a_client_id_is_refused_while_its_order_is_open(self, client: Client) -> None:
        wanted = replace(BUY, client_id=client_id())
        placed = client.place(wanted)
        refusal = client.refusal_of(lambda: client.place(wanted))
        assert refusal == facts.Refusal(error=client.errors[-4116], code=-4116)
        assert client.open_orders() == [placed]

    def test_an_amend_without_a_change_is_refused(self, client: Client) -> None:
        placed = client.place(BUY)
        refusal = client.refusal_of(lambda: client.amend(placed, QTY, LOW))
        assert refusal == facts.Refusal(error=client.errors[-5027], code=-5027)
        assert client.query(placed.order_id) == placed

    @pytest.mark.parametrize(
        ("code", "change"), [(-1022, {"secret": "wrong"}), (-2015, {"key": "nobody"})]
    )
    def test_a_wrong_key_pair_opens_nothing(
        self, client: Client, exchange: Exchange, code: int, change: dict[str, str]
    ) -> None:
        stranger = client.stranger(replace(exchange, **change))
        try:
            refusal = stranger.refusal_of(stranger.wallet)
        finally:
            stranger.close()
        assert refusal == facts.Refusal(error=client.errors[code], code=code)


def witness_wallet(exchange: Exchange) -> facts.Wallet:
    """The wallet as nobody's client tells it."""
    return facts.wallet_of(exchange.get("v3/balance", signed=True))


def earned(client: Client) -> Decimal:
    """All that ever came in."""
    return sum((row.amount for row in client.income()), D(0))


def funding_of(client: Client) -> list[facts.Income]:
    """What was paid and received at settlements."""
    return [row for row in client.income() if row.kind == "FUNDING_FEE"]


def settled(client: Client, *, since: int) -> Decimal:
    """Funding since a time, ms."""
    return sum((row.amount for row in funding_of(client) if row.ts >= since), D(0))


def of_trade(client: Client, trade_id: str) -> list[facts.Income]:
    """What one execution brought and cost."""
    return [row for row in client.income() if row.trade_id == trade_id]
