"""``exchangeInfo`` written and read: round trip, real bodies, and what is wrong in one."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue.exchange_info import LOCAL_SYMBOLS, RateLimit, read, render
from grinder_core.contracts.limits import LeverageBracket
from grinder_core.errors import ContractError
from grinder_core.venue.exchange.instrument import NO_BRACKETS, Instrument
from grinder_core.venue.exchange.vocabulary import SymbolStatus
from tests.adapters.local_venue.market_cases import D, missing_keys, published
from tests.support.strategies import scaled

NOW = 1_767_225_600_000


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    """Instruments of any filters; bounds may be switched off."""
    base = draw(st.from_regex(r"[A-Z0-9]{1,10}", fullmatch=True))
    above, amounts = scaled(1, 10**12), scaled(0, 10**15)
    return Instrument(
        symbol=f"{base}USDT",
        base_asset=base,
        quote_asset=draw(st.sampled_from(("USDT", "USDC"))),
        status=draw(st.sampled_from(SymbolStatus)),
        tick=draw(above),
        min_price=draw(amounts),
        max_price=draw(amounts),
        step=draw(above),
        min_qty=draw(amounts),
        max_qty=draw(amounts),
        market_step=draw(above),
        market_min_qty=draw(amounts),
        market_max_qty=draw(amounts),
        max_orders=draw(st.integers(0, 10_000)),
        min_notional=draw(amounts),
        multiplier_up=draw(amounts),
        multiplier_down=draw(amounts),
        price_precision=draw(st.integers(0, 8)),
        qty_precision=draw(st.integers(0, 8)),
        liquidation_fee=draw(amounts),
        market_take_bound=draw(amounts),
        onboard_ms=draw(st.integers(0, 2**45)),
    )


@given(listed=st.lists(instruments(), max_size=4, unique_by=lambda item: item.symbol))
def test_what_is_written_is_read_back(listed: list[Instrument]) -> None:
    body = json.loads(json.dumps(render(listed, NOW)))
    assert read(body) == (tuple(listed), ())


@given(listed=st.lists(instruments(), max_size=2, unique_by=lambda item: item.symbol))
def test_no_decimal_is_written_with_an_exponent(listed: list[Instrument]) -> None:
    for entry in render(listed, NOW)["symbols"]:
        for item in entry["filters"]:
            for name, value in item.items():
                assert name in {"filterType", "limit"} or "E" not in value


def test_brackets_that_are_given_are_taken() -> None:
    row = LeverageBracket(
        notional_floor=D(0),
        notional_cap=D(5000),
        maint_margin_ratio=D("0.01"),
        cum=D(0),
        max_leverage=50,
    )
    listed = [evolve(LOCAL_SYMBOLS[0], brackets=(row,)), LOCAL_SYMBOLS[1]]
    assert read(render(listed, NOW), {"BTCUSDT": (row,)})[0] == tuple(listed)
    assert read(render(listed, NOW))[0][0].brackets == NO_BRACKETS


def test_the_rate_limits_are_the_venue_s_or_those_given() -> None:
    rows = render((), NOW)["rateLimits"]
    assert [(r["rateLimitType"], r["interval"], r["intervalNum"], r["limit"]) for r in rows] == [
        ("REQUEST_WEIGHT", "MINUTE", 1, 2400),
        ("ORDERS", "MINUTE", 1, 1200),
        ("ORDERS", "SECOND", 10, 300),
    ]
    own = RateLimit(kind="ORDERS", interval="DAY", intervals=2, limit=7)
    assert render((), NOW, [own])["rateLimits"] == [
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 2, "limit": 7}
    ]


# -- built-in symbols ------------------------------------------------------------------------------


def test_the_local_bitcoin_has_the_filters_of_the_reference() -> None:
    entry = render(LOCAL_SYMBOLS, NOW)["symbols"][0]
    assert {item.pop("filterType"): item for item in entry["filters"]} == {
        "PRICE_FILTER": {"minPrice": "556.8", "maxPrice": "4529764", "tickSize": "0.1"},
        "LOT_SIZE": {"minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        "MARKET_LOT_SIZE": {"minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
        "MAX_NUM_ORDERS": {"limit": 200},
        "MIN_NOTIONAL": {"notional": "50"},
        "PERCENT_PRICE": {
            "multiplierUp": "1.05",
            "multiplierDown": "0.95",
            "multiplierDecimal": "4",
        },
    }


def test_the_local_symbols_have_today_s_least_notionals() -> None:
    assert {item.symbol: item.min_notional for item in LOCAL_SYMBOLS} == {
        "BTCUSDT": 50,
        "ETHUSDT": 20,
        "DOGEUSDT": 5,
        "XRPUSDT": 5,
    }


# -- real bodies -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def old_body(recordings: Path) -> Any:
    path = recordings / "rest" / "fapi_exchangeInfo_20210722.json.gz"
    return json.loads(gzip.decompress(path.read_bytes()))


@pytest.fixture(scope="module")
def markets(recordings: Path) -> Any:
    path = recordings / "rest" / "ccxt_binanceusdm_markets_202503.json.gz"
    saved = json.loads(gzip.decompress(path.read_bytes()))
    return {"symbols": [market["info"] for market in saved.values()]}


@pytest.mark.recordings
def test_a_recorded_body_is_read_and_written_the_same(old_body: Any) -> None:
    listed, warnings = read(old_body)
    perpetual = [e for e in old_body["symbols"] if e["contractType"] == "PERPETUAL"]
    assert len(listed) + len(warnings) == len(old_body["symbols"]) == 122
    assert {item.symbol for item in listed} <= {entry["symbol"] for entry in perpetual}
    assert read(render(listed, NOW)) == (listed, ())
    ours = {entry["symbol"]: entry for entry in render(listed, NOW)["symbols"]}
    for entry in perpetual:
        if entry["symbol"] in ours:
            assert_same_filters(ours[entry["symbol"]], entry)
    bitcoin = listed[0]
    assert (bitcoin.tick, bitcoin.min_notional) == (Decimal("0.01"), 5)


@pytest.mark.recordings
def test_saved_markets_with_whole_numbers_as_text_are_read(markets: Any) -> None:
    listed, warnings = read(markets)
    assert (len(listed), len(warnings)) == (449, 5)
    assert all("contractType" in warning for warning in warnings)
    found = {item.symbol: item for item in listed}
    for local in LOCAL_SYMBOLS:
        real = found[local.symbol]
        if local.symbol == "BTCUSDT":  # lowered from 100 since
            real = evolve(real, min_notional=D(50))
        assert (
            evolve(
                real, liquidation_fee=local.liquidation_fee, trigger_protect=local.trigger_protect
            )
            == local
        )
    assert found["BTCUSDT"].liquidation_fee == D("0.0125")


def assert_same_filters(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    own = {item["filterType"]: item for item in ours["filters"]}
    for item in theirs["filters"]:
        if item["filterType"] == "MAX_NUM_ALGO_ORDERS":  # gone since 2025-12-29
            continue
        for name, value in item.items():
            shown = own[item["filterType"]][name]
            if name in {"filterType", "limit"}:
                assert shown == value
            else:
                assert Decimal(shown) == Decimal(value)


@pytest.mark.recordings
def test_every_key_of_the_published_body_is_in_ours(recordings: Path) -> None:
    shape = published(recordings, "fapi_rest_examples.jsonl")["GetExchangeInfo"]["response"]
    ours = render(LOCAL_SYMBOLS, NOW)
    del shape["assets"][0]["autoAssetExchange"]  # a number there, text in recorded bodies
    shape["symbols"][0]["underlyingSubType"] = []
    theirs = {item["filterType"]: item for item in shape["symbols"][0].pop("filters")}
    del theirs["MAX_NUM_ALGO_ORDERS"]
    own = {item["filterType"]: item for item in ours["symbols"][0]["filters"]}
    theirs["PERCENT_PRICE"]["multiplierDecimal"] = "4"  # text in recorded bodies
    assert missing_keys(ours, shape) == []
    assert missing_keys(own, theirs) == []


# -- what is wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [None, [], {}, {"symbols": {}}, "symbols"])
def test_another_document_is_refused(body: object) -> None:
    with pytest.raises(ContractError, match="list of symbols"):
        read(body)


def changed(**fields: object) -> Any:
    """A body of two symbols whose first one has other fields; ``None`` takes one out."""
    body = render(LOCAL_SYMBOLS[:2], NOW)
    for name, value in fields.items():
        if value is None:
            del body["symbols"][0][name]
        else:
            body["symbols"][0][name] = value
    return body


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"contractType": "CURRENT_QUARTER"}, "contractType"),
        ({"contractType": None}, "contractType"),
        ({"status": "DELIVERING"}, "status"),
        ({"status": 1}, "status"),
        ({"filters": None}, "filters"),
        ({"filters": [1]}, "filters"),
        ({"filters": []}, "PRICE_FILTER"),
        ({"filters": [{"filterType": "PRICE_FILTER"}]}, "LOT_SIZE"),
        ({"baseAsset": ""}, "baseAsset"),
        ({"pricePrecision": "two"}, "pricePrecision"),
        ({"quantityPrecision": -1}, "quantityPrecision"),
        ({"onboardDate": 1.5}, "onboardDate"),
        ({"liquidationFee": 0.01}, "liquidationFee"),
        ({"liquidationFee": "-0.01"}, "liquidationFee"),
        ({"symbol": "ETHUSDT"}, "listed twice"),
        ({"symbol": "btc-usdt"}, "symbol"),
        ({"symbol": None}, "is missing"),
    ],
)
def test_a_symbol_with_a_wrong_field_is_skipped_with_a_warning(
    fields: dict[str, object], warning: str
) -> None:
    listed, warnings = read(changed(**fields))
    assert [item.base_asset for item in listed] in (["ETH"], ["BTC"])
    assert len(warnings) == 1
    assert "skipped" in warnings[0]
    assert warning in warnings[0]


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("PRICE_FILTER", "tickSize", "0"),
        ("PRICE_FILTER", "minPrice", 1),
        ("LOT_SIZE", "stepSize", "1e-3"),
        ("MARKET_LOT_SIZE", "stepSize", "0"),
        ("MIN_NOTIONAL", "notional", "-5"),
        ("MAX_NUM_ORDERS", "limit", "many"),
        ("PERCENT_PRICE", "multiplierUp", None),
    ],
)
def test_a_symbol_with_a_wrong_filter_is_skipped_with_a_warning(
    kind: str, key: str, value: object
) -> None:
    body = render(LOCAL_SYMBOLS[:2], NOW)
    item = next(f for f in body["symbols"][0]["filters"] if f["filterType"] == kind)
    item[key] = value
    listed, warnings = read(body)
    assert [entry.symbol for entry in listed] == ["ETHUSDT"]
    assert warnings[0].startswith("BTCUSDT skipped: ")


def test_filters_that_older_bodies_leave_out_fall_back() -> None:
    body = changed()
    entry = body["symbols"][0]
    entry["filters"] = [
        item for item in entry["filters"] if item["filterType"] in {"PRICE_FILTER", "LOT_SIZE"}
    ]
    for name in ("pricePrecision", "onboardDate", "marketTakeBound"):
        del entry[name]
    bitcoin = read(body)[0][0]
    assert (bitcoin.market_step, bitcoin.market_max_qty) == (bitcoin.step, bitcoin.max_qty)
    assert (bitcoin.min_notional, bitcoin.max_orders, bitcoin.price_precision) == (0, 200, 8)
