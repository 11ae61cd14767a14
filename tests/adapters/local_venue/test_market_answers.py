"""Answers of the public endpoints: form, parameters, limits, refusals, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue.board import MarketBoard
from grinder_adapters.local_venue.candles import INTERVALS
from grinder_adapters.local_venue.http import Problem
from grinder_adapters.local_venue.market_answers import MARKET_ROUTES
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Funding, MarketStats
from tests.adapters.local_venue.market_cases import (
    SYMBOL,
    T0,
    D,
    a_board,
    ask,
    ask_with,
    book,
    diff,
    mark,
    missing_keys,
    published,
    quote,
    trade,
)

HOUR = 3_600_000
KLINES = ("klines", "markPriceKlines", "premiumIndexKlines", "indexPriceKlines", "continuousKlines")


def a_market(*events: Event) -> MarketBoard:
    """BTCUSDT after some events."""
    board = a_board()
    for event in events:
        board.on_event(event)
    return board


def a_full_market() -> MarketBoard:
    """Everything that can be known of BTCUSDT."""
    stats = MarketStats(ts=T0, symbol=SYMBOL, vol_24h_usd=D(9000), oi_usd=D(500))
    settled = [Funding(ts=T0 + n * 4 * HOUR, symbol=SYMBOL, rate=D("0.0001")) for n in (0, 1)]
    return a_market(
        book(10, ((D(100), D(1)),), ((D(101), D(1)),)),
        quote(update_id=12),
        trade(1, "100", "2", maker=True),
        mark("100", funding_rate=D("0.0002"), next_funding_ts=T0 + 9 * HOUR, index_price=D(99)),
        *(Event(T0, funding) for funding in settled),
        Event(T0, stats),
    )


def parameters_of(endpoint: str) -> dict[str, object]:
    """What an endpoint must be given."""
    if endpoint in {"continuousKlines", "indexPriceKlines"}:
        given: dict[str, object] = {"pair": SYMBOL, "interval": "1m"}
        return given | ({"contractType": "PERPETUAL"} if endpoint == "continuousKlines" else {})
    return {"symbol": SYMBOL} | ({"interval": "1m"} if endpoint in KLINES else {})


# -- form ------------------------------------------------------------------------------------------


def test_every_endpoint_of_the_reference_is_there() -> None:
    v1 = [
        *("ping", "time", "exchangeInfo", "depth", "trades", "historicalTrades", "aggTrades"),
        *("ticker/24hr", "ticker/price", "ticker/bookTicker", "premiumIndex", "fundingRate"),
        *("fundingInfo", "openInterest", *KLINES),
    ]
    paths = {f"/fapi/v1/{name}" for name in v1} | {"/fapi/v2/ticker/price"}
    assert set(MARKET_ROUTES) == {("GET", path) for path in paths}


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("example", "endpoint"),
    [
        ("GetAggregatedTradeHistory", "aggTrades"),
        ("GetBookPrice", "ticker/bookTicker"),
        ("GetFundingInfo", "fundingInfo"),
        ("GetFundingRates", "fundingRate"),
        ("GetKlines", "klines"),
        ("GetMarkPrice", "premiumIndex"),
        ("GetOrderBook", "depth"),
        ("GetRecentTrades", "trades"),
        ("GetServerTime", "time"),
        ("GetTicker", "ticker/24hr"),
    ],
)
def test_every_key_of_a_published_answer_is_in_ours(
    recordings: Path, example: str, endpoint: str
) -> None:
    shape = published(recordings, "fapi_rest_examples.jsonl")[example]
    assert shape["path"] == f"/fapi/v1/{endpoint}"
    ours = ask(a_full_market(), f"v1/{endpoint}", T0 + HOUR, **parameters_of(endpoint))
    assert missing_keys(ours, shape["response"]) == []


@pytest.mark.parametrize(
    ("endpoint", "keys"),
    [
        ("v1/trades", "id price qty quoteQty time isBuyerMaker"),
        ("v1/historicalTrades", "id price qty quoteQty time isBuyerMaker"),
        ("v1/aggTrades", "a p q nq f l T m"),
        ("v1/fundingRate", "symbol fundingRate fundingTime markPrice rateType"),
        ("v1/ticker/price", "symbol price time"),
        ("v2/ticker/price", "symbol price time"),
        ("v1/openInterest", "symbol openInterest time"),
        (
            "v1/premiumIndex",
            "symbol markPrice indexPrice estimatedSettlePrice lastFundingRate interestRate"
            " nextFundingTime time",
        ),
        ("v1/depth", "lastUpdateId E T bids asks"),
    ],
)
def test_answers_have_the_fields_of_the_reference(endpoint: str, keys: str) -> None:
    ours = ask(a_full_market(), endpoint, T0 + HOUR, symbol=SYMBOL)
    assert set(ours[0] if isinstance(ours, list) else ours) == set(keys.split())


def test_ping_and_time() -> None:
    assert ask(a_board(), "v1/ping") == {}
    assert ask(a_board(), "v1/time", T0 + 7) == {"serverTime": T0 + 7}


def test_exchange_info_lists_what_the_board_lists() -> None:
    body = ask(a_board(), "v1/exchangeInfo", T0)
    assert [entry["symbol"] for entry in body["symbols"]] == [
        "BTCUSDT",
        "ETHUSDT",
        "DOGEUSDT",
        "XRPUSDT",
    ]
    assert body["serverTime"] == T0


# -- refusals --------------------------------------------------------------------------------------

_NEEDS_SYMBOL = ("depth", "trades", "historicalTrades", "aggTrades", "openInterest", *KLINES[:3])
_MAY_NAME_SYMBOL = ("ticker/24hr", "ticker/price", "ticker/bookTicker", "premiumIndex")


@pytest.mark.parametrize("endpoint", _NEEDS_SYMBOL)
def test_a_missing_symbol_is_refused(endpoint: str) -> None:
    given = {k: v for k, v in parameters_of(endpoint).items() if k != "symbol"}
    assert ask(a_board(), f"v1/{endpoint}", T0, **given) == -1102


@pytest.mark.parametrize("endpoint", [*_NEEDS_SYMBOL, *_MAY_NAME_SYMBOL, "fundingRate"])
def test_an_unknown_symbol_is_refused(endpoint: str) -> None:
    given = parameters_of(endpoint) | {"symbol": "NOUSDT"}
    assert ask(a_board(), f"v1/{endpoint}", T0, **given) == -1121


@pytest.mark.parametrize("endpoint", KLINES)
def test_klines_need_one_of_the_venue_s_intervals(endpoint: str) -> None:
    given = parameters_of(endpoint)
    del given["interval"]
    assert ask(a_board(), f"v1/{endpoint}", T0, **given) == -1102
    for interval in ("1s", "2m", "1H", "60"):
        assert ask(a_board(), f"v1/{endpoint}", T0, **given, interval=interval) == -1120
    for interval in INTERVALS:
        assert ask(a_board(), f"v1/{endpoint}", T0, **given, interval=interval) == []


@pytest.mark.parametrize(
    ("endpoint", "most"),
    [
        *((endpoint, 1500) for endpoint in KLINES),
        ("trades", 1000),
        ("historicalTrades", 500),
        ("aggTrades", 1000),
        ("fundingRate", 1000),
    ],
)
def test_limits_lie_between_one_and_the_venue_s_most(endpoint: str, most: int) -> None:
    given = parameters_of(endpoint)
    codes = {}
    for limit in (0, 1, most, most + 1, -1, "x", "1.5", "1e2"):
        answer = ask(a_board(), f"v1/{endpoint}", T0, **given, limit=limit)
        codes[limit] = answer if isinstance(answer, int) else "taken"
    assert codes == {
        0: -1130,
        1: "taken",
        most: "taken",
        most + 1: -1130,
        -1: -1130,
        "x": -1102,
        "1.5": -1102,
        "1e2": -1102,
    }


@given(limit=st.integers(-2, 1100))
def test_depth_takes_only_the_venue_s_limits(limit: int) -> None:
    answer = MARKET_ROUTES["GET", "/fapi/v1/depth"](
        a_board(), {"symbol": SYMBOL, "limit": str(limit)}, T0
    )
    if limit in {5, 10, 20, 50, 100, 500, 1000}:
        assert isinstance(answer, bytes)
    elif limit < 0:
        assert answer == Problem(400, -1130, "Data sent for parameter 'limit' is not valid.")
    else:
        assert answer == Problem(400, -4021, f"'{limit}' is not valid depth limit.")


@pytest.mark.parametrize("endpoint", ["aggTrades", "fundingRate", *KLINES])
def test_a_window_that_ends_before_it_starts_is_refused(endpoint: str) -> None:
    given = parameters_of(endpoint)
    assert ask(a_board(), f"v1/{endpoint}", T0, **given, startTime=5, endTime=4) == -1023
    assert ask(a_board(), f"v1/{endpoint}", T0, **given, startTime=5, endTime=5) == []
    assert ask(a_board(), f"v1/{endpoint}", T0, **given, startTime="now") == -1102


def test_agg_trades_take_ids_or_times_and_less_than_an_hour() -> None:
    def code(**given: object) -> Any:
        return ask(a_board(), "v1/aggTrades", T0, symbol=SYMBOL, **given)

    assert code(fromId=1, startTime=1) == -1128
    assert code(fromId=1, endTime=1) == -1128
    assert code(startTime=1, endTime=1 + HOUR) == -1127
    assert code(startTime=1, endTime=HOUR) == []
    assert code(startTime=1) == []
    assert code(fromId=1) == []


def test_klines_of_a_pair_need_a_pair_and_a_contract_type() -> None:
    board = a_board()
    assert ask(board, "v1/indexPriceKlines", T0, interval="1m") == -1102
    assert ask(board, "v1/indexPriceKlines", T0, pair="NOUSDT", interval="1m") == -4144
    assert ask(board, "v1/continuousKlines", T0, pair=SYMBOL, interval="1m") == -1102
    given = {"pair": SYMBOL, "interval": "1m", "contractType": "NEXT_QUARTER"}
    assert ask_with(board, "v1/continuousKlines", given) == -1130


# -- what they say ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "rows"), [(5, 5), (10, 10), (1000, 30), (None, 30)])
def test_depth_is_the_top_of_the_book_at_the_id_of_its_last_change(
    limit: int | None, rows: int
) -> None:
    bids = tuple((D(100 - n), D(1)) for n in range(30))
    asks = tuple((D(101 + n), D("0.50")) for n in range(30))
    board = a_market(book(10, bids, asks), diff(11, 17, 10, ((D(100), D("2.5")),), (), T0 + 5))
    given = {} if limit is None else {"limit": limit}
    body = ask(board, "v1/depth", T0 + 9, symbol=SYMBOL, **given)
    assert (body["lastUpdateId"], body["T"], body["E"]) == (17, T0 + 5, T0 + 9)
    assert body["bids"][:2] == [["100", "2.5"], ["99", "1"]]
    assert body["asks"][-1] == [str(100 + rows), "0.5"]
    assert (len(body["bids"]), len(body["asks"])) == (rows, rows)


def thousand_prints() -> MarketBoard:
    """Prints 1 to 1200, one a second; the last 1000 are kept."""
    return a_market(*(trade(n, str(100 + n % 7), "2", T0 + n * 1000) for n in range(1, 1201)))


def test_recent_trades_are_the_newest_in_order() -> None:
    board, now = thousand_prints(), T0 + 1_200_000
    rows = ask(board, "v1/trades", now, symbol=SYMBOL, limit=3)
    assert [row["id"] for row in rows] == [1198, 1199, 1200]
    assert rows[-1] == {
        "id": 1200,
        "price": "103",
        "qty": "2",
        "quoteQty": "206",
        "time": now,
        "isBuyerMaker": False,
    }
    assert len(ask(board, "v1/trades", now, symbol=SYMBOL)) == 500


def test_historical_trades_start_at_an_id() -> None:
    board, now = thousand_prints(), T0 + 1_200_000

    def ids(at: int = now, **given: object) -> list[int]:
        return [row["id"] for row in ask(board, "v1/historicalTrades", at, symbol=SYMBOL, **given)]

    assert ids(fromId=500, limit=2) == [500, 501]
    assert ids(fromId=0, limit=1) == [201]
    assert ids() == list(range(1101, 1201))
    assert ids(T0 + 30 * 24 * HOUR + 1_199_000, fromId=0) == [1199, 1200]


def test_aggregate_trades_start_at_an_id_or_a_time() -> None:
    board, now = thousand_prints(), T0 + 1_200_000

    def ids(at: int = now, **given: object) -> list[int]:
        return [row["a"] for row in ask(board, "v1/aggTrades", at, symbol=SYMBOL, **given)]

    assert ids(fromId=500, limit=2) == [500, 501]
    assert ids(startTime=T0 + 600_000, endTime=T0 + 602_000) == [600, 601, 602]
    assert ids(startTime=T0 + 600_000, limit=1) == [600]
    assert ids(endTime=T0 + 602_000, limit=2) == [601, 602]
    assert ids() == list(range(701, 1201))
    assert ids(T0 + 48 * HOUR + 1_199_000, fromId=0) == [1199, 1200]


def test_klines_end_with_the_open_one() -> None:
    board = a_market(
        trade(1, "100", "2", T0),
        trade(2, "105", "1", T0 + 30_000, maker=True),
        trade(3, "99", "1", T0 + 150_000),
    )
    rows = ask(board, "v1/klines", T0 + 190_000, symbol=SYMBOL, interval="1m")
    taker = ["2", "200"]
    assert rows == [
        [T0, "100", "105", "100", "105", "3", T0 + 59_999, "305", 2, *taker, "0"],
        [T0 + 60_000, *["105"] * 4, "0", T0 + 119_999, "0", 0, "0", "0", "0"],
        [T0 + 120_000, *["99"] * 4, "1", T0 + 179_999, "99", 1, "1", "99", "0"],
        [T0 + 180_000, *["99"] * 4, "0", T0 + 239_999, "0", 0, "0", "0", "0"],
    ]
    given = {"symbol": SYMBOL, "interval": "1m"}
    assert ask(board, "v1/klines", T0 + 190_000, **given, limit=1) == rows[-1:]
    later = ask(board, "v1/klines", T0 + 190_000, **given, startTime=T0 + 1, limit=2)
    assert later == rows[1:3]
    earlier = ask(board, "v1/klines", T0 + 190_000, **given, endTime=T0 + 120_000, limit=2)
    assert earlier == rows[1:3]
    pair = {"pair": SYMBOL, "interval": "1m", "contractType": "PERPETUAL"}
    assert ask_with(board, "v1/continuousKlines", pair, T0 + 190_000) == rows


def test_klines_of_mark_index_and_premium() -> None:
    board = a_market(mark("103", index_price=D(100)), mark("101", T0 + 1000, index_price=D(100)))
    for endpoint, prices in (
        ("markPriceKlines", ["103", "103", "101", "101"]),
        ("indexPriceKlines", ["100", "100", "100", "100"]),
        ("premiumIndexKlines", ["0.03", "0.03", "0.01", "0.01"]),
    ):
        rows = ask(board, f"v1/{endpoint}", T0, **parameters_of(endpoint))
        assert [row[1:5] for row in rows] == [prices]


def test_the_day_s_ticker() -> None:
    board = a_market(trade(4, "80", "1", T0), trade(5, "100", "3", T0 + 60_000))
    assert ask(board, "v1/ticker/24hr", T0 + 61_000, symbol=SYMBOL) == {
        "symbol": SYMBOL,
        "priceChange": "20",
        "priceChangePercent": "25",
        "weightedAvgPrice": "95",
        "lastPrice": "100",
        "lastQty": "3",
        "openPrice": "80",
        "highPrice": "100",
        "lowPrice": "80",
        "volume": "4",
        "quoteVolume": "380",
        "openTime": T0,
        "closeTime": T0 + 61_000,
        "firstId": 4,
        "lastId": 5,
        "count": 2,
    }


@pytest.mark.parametrize("endpoint", _MAY_NAME_SYMBOL)
def test_without_a_symbol_all_are_told(endpoint: str) -> None:
    rows = ask(a_full_market(), f"v1/{endpoint}")
    assert [row["symbol"] for row in rows] == ["BTCUSDT", "ETHUSDT", "DOGEUSDT", "XRPUSDT"]
    assert rows[0] == ask(a_full_market(), f"v1/{endpoint}", T0, symbol=SYMBOL)


def test_a_market_without_events_is_told_in_zeros() -> None:
    board = a_board()
    assert ask(board, "v1/ticker/price", T0, symbol=SYMBOL)["price"] == "0"
    assert ask(board, "v1/ticker/24hr", T0, symbol=SYMBOL)["lastPrice"] == "0"
    assert ask(board, "v1/ticker/bookTicker", T0, symbol=SYMBOL)["bidPrice"] == "0"
    assert ask(board, "v1/premiumIndex", T0, symbol=SYMBOL)["markPrice"] == "0"
    assert ask(board, "v1/openInterest", T0, symbol=SYMBOL)["openInterest"] == "0"
    assert ask(board, "v1/depth", T0, symbol=SYMBOL)["bids"] == []
    assert ask(board, "v1/trades", T0, symbol=SYMBOL) == []


def test_quote_mark_funding_and_open_interest() -> None:
    board = a_full_market()
    ticker = ask(board, "v1/ticker/bookTicker", T0, symbol=SYMBOL)
    assert ticker == {
        "lastUpdateId": 12,
        "symbol": SYMBOL,
        "bidPrice": "100",
        "bidQty": "1",
        "askPrice": "101",
        "askQty": "2",
        "time": T0,
    }
    assert ask(board, "v1/premiumIndex", T0 + 5, symbol=SYMBOL) == {
        "symbol": SYMBOL,
        "markPrice": "100",
        "indexPrice": "99",
        "estimatedSettlePrice": "100",
        "lastFundingRate": "0.0002",
        "interestRate": "0.0001",
        "nextFundingTime": T0 + 9 * HOUR,
        "time": T0 + 5,
    }
    assert ask(board, "v1/openInterest", T0, symbol=SYMBOL)["openInterest"] == "5"
    assert ask(board, "v1/ticker/24hr", T0, symbol=SYMBOL)["quoteVolume"] == "9000"


def test_the_funding_history_ascends_and_is_cut_at_its_limit() -> None:
    board = a_board()
    for hours in range(0, 8 * 250, 8):
        for symbol in ("ETHUSDT", SYMBOL):
            event = Funding(ts=T0 + hours * HOUR, symbol=symbol, rate=D("0.0001"))
            board.on_event(Event(T0, event))

    def times(**given: object) -> list[int]:
        rows = ask(board, "v1/fundingRate", T0, **given)
        return [(row["fundingTime"] - T0) // HOUR for row in rows]

    assert times(symbol=SYMBOL) == list(range(8 * 50, 8 * 250, 8))  # the newest 200
    assert times(symbol=SYMBOL, startTime=T0) == list(range(0, 800, 8))  # 100 from there
    assert times(symbol=SYMBOL, endTime=T0 + 16 * HOUR) == [0, 8, 16]
    assert times(symbol=SYMBOL, limit=1) == [8 * 249]
    assert times(limit=4) == [8 * 248, 8 * 248, 8 * 249, 8 * 249]


def test_only_symbols_with_another_interval_are_in_funding_info() -> None:
    board = a_market(
        *(
            Event(T0, Funding(ts=T0 + n * hours * HOUR, symbol=symbol, rate=D(0)))
            for symbol, hours in ((SYMBOL, 8), ("ETHUSDT", 4))
            for n in (0, 1)
        )
    )
    rows = ask(board, "v1/fundingInfo")
    assert [(row["symbol"], row["fundingIntervalHours"]) for row in rows] == [("ETHUSDT", 4)]
