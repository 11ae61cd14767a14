"""CORE-34: what the venue's filters mean, and which source of them to use."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.errors import ContractError
from grinder_core.orders.exchange_info import (
    CacheState,
    Outcome,
    choose,
    judge_cache,
    needs_fetch,
    parse_exchange_info,
)

D = Decimal
LOT = {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.002", "maxQty": "1000"}
PRICE = {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "556.8"}
NOTIONAL = {"filterType": "MIN_NOTIONAL", "notional": "100"}
MARKET_LOT = {"filterType": "MARKET_LOT_SIZE", "stepSize": "1", "minQty": "1"}


def listed(*filters: object, symbol: object = "BTCUSDT") -> dict[str, Any]:
    return {"symbols": [{"symbol": symbol, "filters": list(filters)}]}


def test_all_filters_are_read_and_others_are_not() -> None:
    found, warnings = parse_exchange_info(listed(MARKET_LOT, NOTIONAL, PRICE, LOT))
    assert found == {
        "BTCUSDT": SymbolConstraints(
            step_size=D("0.001"), min_qty=D("0.002"), tick_size=D("0.1"), min_notional=D(100)
        )
    }
    assert warnings == ()


def test_a_symbol_without_lots_is_absent_and_one_without_the_rest_is_there() -> None:
    assert parse_exchange_info(listed(PRICE, NOTIONAL, MARKET_LOT)) == ({}, ())
    found, warnings = parse_exchange_info(listed(LOT))
    assert found["BTCUSDT"].tick_size is None
    assert found["BTCUSDT"].min_notional == 0
    assert warnings == ()


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        (listed({**LOT, "stepSize": "0"}), "step_size"),
        (listed({**LOT, "stepSize": "-0.001"}), "step_size"),
        (listed({**LOT, "stepSize": 1}), "stepSize = 1: must be a decimal string"),
        (listed({**LOT, "stepSize": 0.001}), "stepSize = 0.001: must be a decimal string"),
        (listed({**LOT, "stepSize": "1e-3"}), "stepSize = '1e-3'"),
        (listed({**LOT, "stepSize": "0.000000001"}), "at most 8 fractional digits"),
        (listed({**LOT, "minQty": "NaN"}), "minQty"),
        (listed({**LOT, "minQty": None}), "minQty"),
        (listed({"filterType": "LOT_SIZE", "minQty": "1"}), "stepSize"),
        (listed(LOT, {**PRICE, "tickSize": "0"}), "tick_size"),
        (listed(LOT, {**PRICE, "tickSize": "x"}), "tickSize"),
        (listed(LOT, {**NOTIONAL, "notional": "-5"}), "min_notional"),
        (listed(LOT, "no object"), "filters: must be a list of objects"),
        ({"symbols": [{"symbol": "BTCUSDT", "filters": None}]}, "filters"),
        ({"symbols": [*listed(LOT)["symbols"], *listed(LOT)["symbols"]]}, "is listed twice"),
        (listed(LOT, symbol="btcusdt"), "symbol = 'btcusdt': must match"),
    ],
)
def test_an_invalid_value_costs_the_symbol_and_nothing_else(
    entry: dict[str, Any], rule: str
) -> None:
    good = listed(LOT, symbol="ETHUSDT")["symbols"]
    found, warnings = parse_exchange_info({"symbols": [*entry["symbols"], *good]})
    assert list(found) == ["ETHUSDT"]
    assert len(warnings) == 1
    assert warnings[0].lower().startswith("btcusdt skipped: ")
    assert rule in warnings[0]


@pytest.mark.parametrize("entry", [None, 3, {}, {"symbol": 3}, []])
def test_an_entry_without_a_name_is_told_by_its_place(entry: object) -> None:
    assert parse_exchange_info({"symbols": [entry]}) == (
        {},
        ("symbols[0] skipped: it has no name",),
    )


@pytest.mark.parametrize("document", [None, [], "x", {}, {"symbols": {}}, {"code": -1003}])
def test_a_document_of_another_kind_is_refused(document: object) -> None:
    with pytest.raises(ContractError, match="list of symbols"):
        parse_exchange_info(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["1", "0.1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["symbols", "symbol", "filters", "filterType", "stepSize", "minQty"]),
            inner | st.sampled_from(["LOT_SIZE", "BTCUSDT"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_any_list_of_symbols_is_read_or_warned_about(symbols: list[object]) -> None:
    found, warnings = parse_exchange_info({"symbols": symbols})
    assert len(found) + len(warnings) <= len(symbols)
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("age_s", "state"),
    [
        (None, CacheState.MISSING),
        (0, CacheState.FRESH),
        (86_400, CacheState.FRESH),
        (86_401, CacheState.STALE),
        (-1, CacheState.STALE),
    ],
)
def test_worked_example_core_34(age_s: int | None, state: CacheState) -> None:
    assert judge_cache(None if age_s is None else age_s * 1000, 86_400) is state


def test_a_millisecond_beyond_the_age_is_stale() -> None:
    assert judge_cache(86_400_001, 86_400) is CacheState.STALE
    assert judge_cache(-1, 86_400) is CacheState.STALE
    assert judge_cache(0, 0) is CacheState.FRESH


FRESH, STALE, MISSING = CacheState
CACHE, API, OLD, EMPTY = (
    Outcome.CACHE_HIT_FRESH,
    Outcome.CACHE_STALE_API_SUCCESS,
    Outcome.CACHE_STALE_API_FAIL,
    Outcome.NO_CONSTRAINTS,
)


@pytest.mark.parametrize(
    ("cache", "allow_fetch", "force", "asks", "if_given", "if_not"),
    [
        (FRESH, True, False, False, None, CACHE),
        (FRESH, False, False, False, None, CACHE),
        (STALE, True, False, True, API, OLD),
        (STALE, False, False, False, None, OLD),
        (MISSING, True, False, True, API, EMPTY),
        (MISSING, False, False, False, None, EMPTY),
        (FRESH, True, True, True, API, OLD),
        (FRESH, False, True, False, None, CACHE),
        (STALE, False, True, False, None, OLD),
        (MISSING, True, True, True, API, EMPTY),
    ],
)
def test_the_decision_table(
    cache: CacheState,
    allow_fetch: bool,
    force: bool,
    asks: bool,
    if_given: Outcome | None,
    if_not: Outcome,
) -> None:
    assert needs_fetch(cache, allow_fetch=allow_fetch, force_refresh=force) is asks
    assert choose(cache, fetched=False if asks else None) is if_not
    if asks:
        assert choose(cache, fetched=True) is if_given
