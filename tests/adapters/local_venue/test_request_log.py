"""The request log: complete in numbers, bounded in memory, silent about secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue.request_log import RequestLog, RequestRecord
from grinder_core.errors import ContractError, InputError

ORDER = "/fapi/v1/order"


def add(log: RequestLog, method: str, path: str = ORDER, **changes: Any) -> RequestRecord:
    values: dict[str, Any] = {"ts_ms": 5, "parameters": {}, "status": 200, **changes}
    return log.add(values.pop("ts_ms"), method, path, values.pop("parameters"), **values)


def test_secrets_are_left_out_in_memory_and_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    sent = {"symbol": "A", "signature": "s3cret", "listenKey": "k3y", "apiKey": "4pi"}
    with RequestLog(path=path) as log:
        record = add(log, "POST", parameters=sent, account="alice")
        assert record.parameters == {"symbol": "A"}
    text = path.read_text() + repr(record)
    assert not any(secret in text for secret in ("s3cret", "k3y", "4pi"))


def test_the_file_holds_every_record_and_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    for run in range(2):
        with RequestLog(keep=1, path=path) as log:
            add(log, "POST", ts_ms=run, code=-2019, status=400, fault="latency", weight=3)
            add(log, "DELETE", order_ids=(7,), client_order_ids=("g1",), orders=1)
            assert len(path.read_text().splitlines()) == 2 * run + 2  # written through
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["seq"], row["method"]) for row in rows] == [(0, "POST"), (1, "DELETE")] * 2
    assert rows[2] == {
        "seq": 0, "ts_ms": 1, "method": "POST", "path": ORDER, "parameters": {}, "account": "",
        "status": 400, "code": -2019, "order_ids": [], "client_order_ids": [], "weight": 3,
        "orders": 0, "fault": "latency",
    }  # fmt: skip
    assert rows[3]["client_order_ids"] == ["g1"]


def test_writes_are_what_could_change_orders_or_the_account() -> None:
    log = RequestLog()
    add(log, "GET")
    add(log, "GET", "/fapi/v1/leverage")
    for method in ("POST", "PUT", "DELETE"):
        add(log, method, "/fapi/v1/listenKey")
        add(log, method)
    add(log, "POST", "/fapi/v1/order/test")
    add(log, "POST", "/fapi/v1/leverage")
    assert [record.method for record in log.writes()] == ["POST", "PUT", "DELETE", "POST"]
    assert log.writes_total == 4


def test_questions_find_their_records() -> None:
    log = RequestLog()
    add(log, "POST", client_order_ids=("g1", "g2"))
    add(log, "DELETE", client_order_ids=("g1",), status=400, code=-2011)
    add(log, "GET", "/fapi/v1/depth", fault="drop_after", status=0)
    add(log, "GET", status=399)
    assert [r.seq for r in log.of(ORDER)] == [0, 1, 3]
    assert [r.seq for r in log.of(ORDER, "POST")] == [0]
    assert [r.seq for r in log.about("g1")] == [0, 1]
    assert [r.seq for r in log.refused()] == [1]
    assert [r.seq for r in log.faulted()] == [2]
    assert [r.seq for r in log.where(lambda r: r.method == "GET")] == [2, 3]


@given(st.integers(1, 5), st.lists(st.sampled_from(["GET", "POST"]), max_size=20))
def test_memory_is_bounded_and_what_left_it_is_counted(keep: int, methods: list[str]) -> None:
    log = RequestLog(keep)
    for method in methods:
        add(log, method)
    assert [r.method for r in log] == methods[-keep:]
    assert [r.seq for r in log] == list(range(len(methods)))[-keep:]
    assert (len(log), log.total) == (min(keep, len(methods)), len(methods))
    assert log.dropped == max(0, len(methods) - keep)
    assert log.writes_total == methods.count("POST")


NAMES = st.text(max_size=5)
NUMBERS = st.integers(-(2**31), 2**63)


@given(
    st.dictionaries(NAMES, NAMES, max_size=3),
    st.fixed_dictionaries(
        {
            "account": NAMES,
            "status": NUMBERS,
            "code": NUMBERS,
            "order_ids": st.lists(NUMBERS, max_size=3).map(tuple),
            "client_order_ids": st.lists(NAMES, max_size=3).map(tuple),
            "weight": NUMBERS,
            "orders": NUMBERS,
            "fault": NAMES,
        }
    ),
    NAMES,
)
def test_a_record_is_read_as_it_was_added(
    parameters: dict[str, str], values: dict[str, Any], path: str
) -> None:
    log = RequestLog()
    records = [add(log, "PUT", path, parameters=parameters, ts_ms=n, **values) for n in range(200)]
    assert list(log) == log.newest(1000) == records
    assert log.newest(70) == records[-70:]


def test_the_newest_ten_thousand_stay_in_less_than_a_hundred_bytes_each() -> None:
    log = RequestLog()
    for number in range(20_000):
        name = f"grinder_day_{number % 8}_{1_700_000_000_000 + number:015d}"
        sent = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "newClientOrderId": name}
        add(log, "POST", parameters=sent, order_ids=(number,), client_order_ids=(name,))
    assert (len(log), log.total) == (10_000, 20_000)
    held = sum(map(len, log._kept._blocks)) + len(log._kept._tail)
    assert held < 100 * len(log)


def test_records_do_not_follow_the_callers_mapping() -> None:
    log = RequestLog()
    sent: Mapping[str, str] = {"symbol": "A"}
    record = add(log, "POST", parameters=sent)
    sent["symbol"] = "B"  # type: ignore[index]
    assert record.parameters == {"symbol": "A"}


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="keep"):
        RequestLog(0)
    with pytest.raises(InputError, match="cannot be written"):
        RequestLog(path=tmp_path / "missing" / "requests.jsonl")
