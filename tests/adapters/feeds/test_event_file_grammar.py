"""The line grammar: the fast reader against the definition, writing against canonical JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grinder_adapters.feeds.grammar import read_line, read_line_fast, write_line
from grinder_core.codec import canonical_json
from grinder_core.contracts.control import Timer
from grinder_core.contracts.event import Event, market_event, market_line
from grinder_core.contracts.market import (
    DepthDiff,
    Funding,
    L2Snapshot,
    MarkPrice,
    Snapshot,
    Trade,
)
from grinder_core.errors import ContractError, FixtureError, InputError

symbols = st.sampled_from(["BTCUSDT", "ETHUSDT", "A_1"])
times = st.integers(0, 2**41)
ids = st.integers(0, 2**63 - 1)
prices = st.decimals("0.00000001", "999999999", places=8)
qtys = st.decimals(0, "99999999999", places=8)
levels = st.lists(st.tuples(prices, qtys), max_size=4).map(tuple)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    bid, ask = sorted([draw(prices), draw(prices)])
    return Snapshot(
        ts=draw(times),
        symbol=draw(symbols),
        bid_price=bid,
        ask_price=ask,
        bid_qty=draw(qtys),
        ask_qty=draw(qtys),
        last_price=draw(st.one_of(st.just(Decimal(0)), prices)),
        last_qty=draw(qtys),
    )


@st.composite
def diffs(draw: st.DrawFn) -> DepthDiff:
    first, last = sorted([draw(ids), draw(ids)])
    return DepthDiff(
        ts=draw(times),
        symbol=draw(symbols),
        first_update_id=first,
        last_update_id=last,
        prev_update_id=draw(st.none() | ids),
        bids=draw(levels),
        asks=draw(levels),
    )


payloads = st.one_of(
    snapshots(),
    diffs(),
    st.builds(L2Snapshot, ts=times, symbol=symbols, bids=levels, asks=levels),
    st.builds(
        Trade,
        ts=times,
        symbol=symbols,
        trade_id=ids,
        price=prices,
        qty=qtys.filter(bool),
        is_buyer_maker=st.booleans(),
    ),
    st.builds(
        MarkPrice,
        ts=times,
        symbol=symbols,
        mark_price=prices,
        index_price=st.none() | prices,
        funding_rate=st.none() | st.sampled_from([Decimal("-0.0001"), Decimal(0), Decimal("0.75")]),
        next_funding_ts=st.none() | times,
    ),
    st.builds(Funding, ts=times, symbol=symbols, rate=st.just(Decimal("-0.0001"))),
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    payload = draw(payloads)
    received = draw(st.none() | times)
    now = payload.ts if received is None else received
    return Event(now, payload, 0, received, draw(st.none() | ids))


@given(events())
def test_a_written_line_is_canonical_and_reads_back_equal(event: Event) -> None:
    line = write_line(event)
    assert line == canonical_json(market_line(event)) + "\n"
    assert read_line(line.encode(), 0) == event
    fast = read_line_fast(line.encode(), 0)
    assert fast == event or (fast is None and event.kind == "FUNDING")


def outcome(read: Any, raw: bytes) -> Any:
    """The event, or ``None`` for refused; ``read_line`` says ``ignored`` for unknown types."""
    try:
        return read(raw, 3)
    except InputError:
        return "refused"


def by_contract(raw: bytes, seq: int) -> Event:
    """The contract's own reader, behind a JSON parser that knows nothing of ours."""
    keys: list[list[str]] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        keys.append([key for key, _ in items])
        return dict(items)

    data = json.loads(raw, object_pairs_hook=pairs)
    if any(len(set(names)) != len(names) for names in keys):
        raise FixtureError("stands twice", field="key")
    if data["update_id"] is not None and (
        type(data["update_id"]) is not int or data["update_id"] < 0
    ):
        raise FixtureError("must be a count", field="update_id")
    return market_event(data, seq)


odd_text = st.sampled_from(
    [
        "0",
        "-1",
        "1.50",
        "1e3",
        "NaN",
        "+1",
        " 1",
        "1.",
        ".5",
        "0.000000001",
        "1000000000",
        "",
        "\u0663",
    ]
)
odd_values = st.one_of(
    odd_text,
    st.sampled_from([None, True, False, 1, 1.5, -1, 2**70, [], {}, ["1", "2"], ["12"]]),
    st.just([["1", "2", "3"]]),
    st.just(["12"]),
    st.just([["1", 2]]),
    st.just({"1": "2"}),
)


@st.composite
def damaged_lines(draw: st.DrawFn) -> bytes:
    line = market_line(draw(events()))
    line.setdefault("update_id", None)
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([*sorted(line), "extra"]))
        if name == "type":
            continue
        if draw(st.booleans()):
            line[name] = draw(odd_values)
        elif name != "update_id":
            line.pop(name, None)
    text = json.dumps(line, ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):  # a key twice, also with a space before the colon
        name = draw(st.sampled_from(sorted(line)))
        text = text[:-1] + f', "{name}" : {json.dumps(line[name])}}}'
    return text.encode()


@given(damaged_lines())
@example(b'{"type":"SNAPSHOT","update_id":null}')
def test_the_fast_reader_accepts_nothing_that_the_definition_refuses(raw: bytes) -> None:
    fast = read_line_fast(raw, 3)
    slow = outcome(read_line, raw)
    assert fast is None or fast == slow


@given(damaged_lines())
def test_reading_accepts_exactly_what_the_contract_accepts(raw: bytes) -> None:
    try:
        wanted: Any = by_contract(raw, 3)
    except (ValueError, AttributeError):
        # a message about a union of contracts fails to find the union's name
        wanted = "refused"
    assert outcome(read_line, raw) == wanted


QUOTE = {
    "type": "SNAPSHOT",
    "ts": 5,
    "symbol": "BTCUSDT",
    "bid_price": "1",
    "ask_price": "2",
    "bid_qty": "1",
    "ask_qty": "1",
    "last_price": "0",
    "last_qty": "0",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bid_price": 1}, "Snapshot.bid_price = 1: must be a decimal string"),
        ({"bid_price": "NaN"}, "Snapshot.bid_price = 'NaN'"),
        ({"bid_price": "-1"}, "Snapshot.bid_price"),
        ({"bid_price": "3"}, "crossed"),
        ({"ts": 5.0}, "Snapshot.ts = 5.0"),
        ({"ts": True}, "Snapshot.ts = True"),
        ({"symbol": "btcusdt"}, "must match"),
        ({"ts_recv_ms": "5"}, "ts_recv_ms = '5'"),
        ({"update_id": "7"}, "update_id = '7'"),
        ({"type": 5}, "type = 5: must be text"),
    ],
)
def test_a_refusal_names_field_value_and_rule(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as refused:
        read_line(json.dumps(QUOTE | change).encode(), 0)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"5", b"\xff", b'{"type":"SNAPSHOT"', b'{"ts":NaN,"type":"X"}', b"[" * 9999],
)
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    assert read_line_fast(raw, 0) is None
    with pytest.raises(FixtureError):
        read_line(raw, 0)


def test_an_unknown_type_is_ignored_and_a_missing_one_is_not() -> None:
    assert read_line(b'{"type":"BOOK_TICKER","ts":"x"}', 0) is None
    with pytest.raises(FixtureError, match=r"type: is missing"):
        read_line(b'{"ts":1}', 0)


def test_an_event_whose_time_would_be_lost_is_not_written() -> None:
    payload = read_line(json.dumps(QUOTE).encode(), 0).payload
    with pytest.raises(ContractError, match=r"ts_ms = 9"):
        write_line(Event(9, payload))
    assert '"ts_recv_ms":9' in write_line(Event(9, payload, 0, 9))


def test_only_market_events_are_written() -> None:
    with pytest.raises(ContractError, match="no market event"):
        write_line(Event(5, Timer()))
