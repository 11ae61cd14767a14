"""CORE-34, LIVE-40: files of lot rules and of leverage brackets, as venues and others give them."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from grinder_adapters.exchange_info.brackets import read_brackets
from grinder_adapters.exchange_info.document import read_constraints
from grinder_core.contracts.limits import LeverageBracket, SymbolConstraints
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import FixtureError

D = Decimal


def written(folder: Path, document: object, name: str = "file.json") -> Path:
    path = folder / name
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    values = {
        "bracket": number,
        "initialLeverage": 75,
        "notionalCap": 10_000,
        "notionalFloor": 0,
        "maintMarginRatio": 0.0065,
        "cum": 0,
    }
    return {**values, **changes}


SECOND = row(2, initialLeverage=50, notionalFloor=10_000, notionalCap=9_223_372_036_854_775_807,
             maintMarginRatio=0.01, cum=35.0)  # fmt: skip
SCHEDULE = (
    LeverageBracket(
        notional_floor=D(0),
        notional_cap=D(10_000),
        maint_margin_ratio=D("0.0065"),
        cum=D(0),
        max_leverage=75,
    ),
    LeverageBracket(
        notional_floor=D(10_000),
        notional_cap=D(9_223_372_036_854_775_807),
        maint_margin_ratio=D("0.01"),
        cum=D(35),
        max_leverage=50,
    ),
)


@pytest.mark.parametrize("name", ["b.json", "b.json.gz"])
def test_brackets_of_the_venues_endpoint(tmp_path: Path, name: str) -> None:
    answer = [{"symbol": "ETHUSDT", "notionalCoef": 1.5, "brackets": [SECOND, row()]}]
    assert read_brackets(written(tmp_path, answer, name)) == ({"ETHUSDT": SCHEDULE}, ())


def test_brackets_in_the_unified_form(tmp_path: Path) -> None:
    info = [{key: str(value) for key, value in r.items()} for r in (row(), SECOND)]
    tiers = [{"tier": 1.0, "minNotional": 0.0, "info": i} for i in info]
    names = ("ETH/USDT:USDT", "ETH/USDT:USDT-250328", "1000BONK/USDC:USDC", "ETH/BTC:BTC")
    found, warnings = read_brackets(written(tmp_path, dict.fromkeys(names, tiers)))
    assert list(found) == ["1000BONKUSDC", "ETHBTC", "ETHUSDT", "ETHUSDT_250328"]
    assert set(found.values()) == {SCHEDULE}
    assert warnings == ()


def test_a_json_number_keeps_its_digits(tmp_path: Path) -> None:
    text = json.dumps([{"symbol": "ETHUSDT", "brackets": [row(maintMarginRatio=0.5)]}])
    text = text.replace("0.5", "0.12345678901234567890123")
    ((bracket,),) = read_brackets(written(tmp_path, text.encode()))[0].values()
    assert bracket.maint_margin_ratio == D("0.12345678901234567890123")


@pytest.mark.parametrize(
    ("brackets", "rule"),
    [
        ([], "must be a list of objects"),
        (None, "must be a list of objects"),
        ([row(), 3], "must be a list of objects"),
        ([row(notionalFloor=5)], "notionalFloor of bracket 1 = Decimal('5'): must be 0"),
        ([row(), {**SECOND, "notionalFloor": 10_001}], "must be 10000: brackets follow each"),
        ([row(), row()], "notionalFloor of bracket 2"),
        ([row(notionalCap=0)], "notional_cap"),
        ([row(maintMarginRatio=1)], "maint_margin_ratio"),
        ([row(maintMarginRatio="x")], "maintMarginRatio"),
        ([row(cum=True)], "cum"),
        ([row(cum=None)], "cum"),
        ([row(cum=-1)], "cum"),
        ([row(initialLeverage=2.5)], "initialLeverage"),
        ([row(initialLeverage=0)], "max_leverage"),
    ],
)
def test_a_schedule_that_is_none_costs_its_symbol(
    tmp_path: Path, brackets: object, rule: str
) -> None:
    answer = [
        {"symbol": "BADUSDT", "brackets": brackets},
        {"symbol": "ETHUSDT", "brackets": [row()]},
    ]
    found, warnings = read_brackets(written(tmp_path, answer))
    assert list(found) == ["ETHUSDT"]
    assert len(warnings) == 1
    assert warnings[0].startswith("BADUSDT skipped: ")
    assert rule in warnings[0]


def test_a_symbol_named_twice_or_wrongly_is_skipped(tmp_path: Path) -> None:
    names = ("AUSDT", "AUSDT", "b", "CUSDT")
    answer = [{"symbol": name, "brackets": [row()]} for name in names]
    found, warnings = read_brackets(written(tmp_path, answer))
    assert list(found) == ["CUSDT"]
    assert ["is listed twice" in warnings[0], "must match" in warnings[1]] == [True, True]


@pytest.mark.parametrize("reader", [read_brackets, read_constraints])
@pytest.mark.parametrize(
    ("document", "name"),
    [
        (b"", "a.json"),
        (b"{", "a.json"),
        (b"NaN", "a.json"),
        (b"[" * 50_000, "a.json"),
        (b"\xff", "a.json"),
        ([], "a.json"),
        ({}, "a.json"),
        ([3], "a.json"),
        ({"BTCUSDT": []}, "a.json"),
        ({"symbols": 3}, "a.json"),
        ({"symbols": []}, "a.json"),
        ([{"symbol": "b", "brackets": []}], "a.json"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_its_name(
    tmp_path: Path, reader: Any, document: object, name: str
) -> None:
    path = written(tmp_path, document, name)
    with pytest.raises(FixtureError) as caught:
        reader(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("reader", [read_brackets, read_constraints])
def test_a_file_that_is_not_there_or_no_gzip_is_refused(tmp_path: Path, reader: Any) -> None:
    with pytest.raises(FixtureError, match="cannot be read: No such file"):
        reader(tmp_path / "absent.json")
    with pytest.raises(FixtureError, match="cannot be read: Is a directory"):
        reader(tmp_path)
    (tmp_path / "plain.gz").write_bytes(b"plain")
    with pytest.raises(FixtureError, match="is no gzip file"):
        reader(tmp_path / "plain.gz")
    half = gzip.compress(b"[1,2,3]" * 100)[:-9]
    (tmp_path / "half.gz").write_bytes(half)
    with pytest.raises(FixtureError, match="is no gzip file"):
        reader(tmp_path / "half.gz")


def test_markets_in_the_unified_form(tmp_path: Path) -> None:
    filters = [{"filterType": "LOT_SIZE", "stepSize": "0.10", "minQty": "0.1"}]
    markets = {
        "BTC/USDT:USDT": {"taker": 0.0005, "info": {"symbol": "BTCUSDT", "filters": filters}}
    }
    expected = {"BTCUSDT": SymbolConstraints(step_size=D("0.1"), min_qty=D("0.1"))}
    assert read_constraints(written(tmp_path, markets)) == (expected, ())


@pytest.mark.recordings
def test_the_recorded_rules_are_read_without_a_warning(recordings: Path) -> None:
    old, warnings = read_constraints(recordings / "rest" / "fapi_exchangeInfo_20210722.json.gz")
    assert (len(old), warnings) == (122, ())
    assert old["BTCUSDT"].tick_size == D("0.01")
    assert old["BTCUSDT"].min_notional == 5
    new, warnings = read_constraints(
        recordings / "rest" / "ccxt_binanceusdm_markets_202503.json.gz"
    )
    assert (len(new), warnings) == (454, ())
    assert new["BTCUSDT"] == SymbolConstraints(
        step_size=D("0.001"), min_qty=D("0.001"), tick_size=D("0.1"), min_notional=D(100)
    )
    for constraints in (old, new):
        assert all(c.min_qty % c.step_size == 0 for c in constraints.values())
        EngineConfig().with_values({"symbol_constraints": constraints})


@pytest.mark.recordings
def test_the_recorded_brackets_are_schedules_without_jumps(recordings: Path) -> None:
    path = recordings / "reference" / "binance_leverage_tiers_202410.json.gz"
    found, warnings = read_brackets(path)
    assert (len(found), warnings) == (349, ())
    assert found["BTCUSDT"][2].cum == 950
    for schedule in found.values():
        for below, above in pairwise(schedule):
            at = above.notional_floor
            assert at * below.maint_margin_ratio - below.cum == (
                at * above.maint_margin_ratio - above.cum
            )
    EngineConfig().with_values({"leverage_brackets": found})
