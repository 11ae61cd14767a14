"""CORE-31, LIVE-17: the text of the consecutive-loss state, strict in and exact out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.enums import Side
from grinder_core.errors import ContractError
from grinder_core.risk.loss_state import (
    DecodedLossState,
    LossStateNote,
    PersistedServiceState,
    check_cursors,
    decode_loss_state,
    encode_loss_state,
)
from grinder_core.risk.loss_streak import LossStreak, LossStreaks, VenueTrade
from grinder_core.risk.roundtrips import OpenRoundtrip, RoundtripTracker
from grinder_core.risk.settings import RiskSettings
from tests.support.strategies import SYMBOLS, qtys, scaled

D = Decimal
SETTINGS = RiskSettings(consec_loss_enabled=True, consec_loss_threshold=2)
naturals = st.integers(0, 2**53)
money = scaled(1, 10**24, 16)


@st.composite
def trips(draw: st.DrawFn) -> OpenRoundtrip:
    qty, entry_ts = draw(qtys(2)), draw(naturals)
    exits: dict[str, Any] = {}
    if draw(st.booleans()):
        exits = {
            "exit_ts": entry_ts + draw(naturals),
            "exit_qty": D("0.00000001"),
            "exit_value": draw(money),
            "exit_fee": draw(scaled(-(10**9), 10**9, 16)),
            "exit_fill_count": draw(st.integers(1, 9)),
        }
    return OpenRoundtrip(
        entry_ts=entry_ts,
        entry_qty=qty,
        entry_cost=draw(money),
        entry_fee=draw(scaled(-(10**9), 10**9, 16)),
        entry_fill_count=draw(st.integers(1, 9)),
        **exits,
    )


trackers = st.builds(
    RoundtripTracker,
    st.dictionaries(st.sampled_from([f"{s}|{d}" for s, d in zip(SYMBOLS, ("long", "short", "long"),
                                                               strict=True)]), trips()),
)  # fmt: skip
states = st.builds(
    PersistedServiceState,
    guards=st.dictionaries(
        st.sampled_from(SYMBOLS),
        st.builds(LossStreak, naturals, st.booleans(), st.text(max_size=5), naturals),
    ),
    last_trade_ids=st.dictionaries(st.sampled_from(SYMBOLS), naturals),
    trips_total=naturals,
    updated_ts_ms=naturals,
    tracker=st.none() | trackers,
)


def a_state(**changes: Any) -> PersistedServiceState:
    values: dict[str, Any] = {
        "guards": {"AAAUSDT": LossStreak(1, False, "r", 5)},
        "last_trade_ids": {"AAAUSDT": 500},
        "trips_total": 0,
        "updated_ts_ms": 9,
        "tracker": RoundtripTracker({"AAAUSDT|long": OpenRoundtrip(1, D(1), D("100.5"), D(0))}),
        **changes,
    }
    return PersistedServiceState(**values)


def trade(trade_id: int, side: Side, price: str) -> VenueTrade:
    return VenueTrade(
        trade_id=trade_id, symbol="AAAUSDT", side=side, price=D(price), qty=D(1), fee=D("0.1"),
        ts=trade_id,
    )  # fmt: skip


def through_text(streaks: LossStreaks) -> LossStreaks:
    text = encode_loss_state(PersistedServiceState.of(streaks, 7))
    return decode_loss_state(text).state.restore(SETTINGS)


# -- properties --------------------------------------------------------------------------------


@given(states)
def test_what_is_written_is_read_back(state: PersistedServiceState) -> None:
    text = encode_loss_state(state)
    decoded = decode_loss_state(text)
    assert decoded.state == state
    assert (decoded.note is None) is (state.tracker is not None)
    assert encode_loss_state(decoded.state) == text


@given(
    st.lists(st.tuples(st.sampled_from(Side), st.integers(98, 102)), max_size=12),
    st.sets(st.integers(0, 12)),
)
def test_saving_and_restoring_anywhere_gives_the_state_of_one_run(
    moves: list[tuple[Side, int]], cuts: set[int]
) -> None:
    whole, subject = LossStreaks.of(SETTINGS), LossStreaks.of(SETTINGS)
    trades = [trade(n, side, str(price)) for n, (side, price) in enumerate(moves, 1)]
    whole.on_trades("AAAUSDT", trades)
    for index, each in enumerate(trades):
        if index in cuts:
            subject = through_text(subject)
        subject.on_trades("AAAUSDT", [each])
    assert through_text(subject) == subject == whole


LEAVES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, "", "1", "x", "-1", "1e3", [], {}, [1], {"a": 1}, "AAAUSDT|long",
    "9" * 300,
)  # fmt: skip


@given(states, st.data())
def test_whatever_the_text_is_it_is_read_or_refused(
    state: PersistedServiceState, data: st.DataObject
) -> None:
    """One value of the tree replaced, removed or added; nothing but ContractError comes out."""
    tree = json.loads(encode_loss_state(state))
    node = tree
    while True:
        key = data.draw(st.sampled_from([*sorted(node), "new"]))
        child = node.get(key)
        if isinstance(child, dict) and child and data.draw(st.booleans()):
            node = child
            continue
        break
    if data.draw(st.booleans()):
        node[key] = data.draw(st.sampled_from(LEAVES))
    else:
        node.pop(key, None)
    try:
        decoded = decode_loss_state(json.dumps(tree))
    except ContractError:
        return
    kept = decode_loss_state(encode_loss_state(decoded.state)).state
    assert kept == decoded.state


@given(st.text() | st.sampled_from(("[" * 100_000, "null", "[]", "1", '"x"', "{}", "NaN")))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ContractError):
        decode_loss_state(text)


@given(states, states)
def test_a_write_may_lower_no_cursor(
    stored: PersistedServiceState, new: PersistedServiceState
) -> None:
    pairs = [(new.last_trade_ids.get(s, 0), c) for s, c in stored.last_trade_ids.items()]
    if all(now >= cursor for now, cursor in pairs):
        check_cursors(stored, new)
    else:
        with pytest.raises(ContractError, match="last_trade_ids"):
            check_cursors(stored, new)


# -- examples ----------------------------------------------------------------------------------


def test_worked_example_core_31_a() -> None:
    streaks = LossStreaks.of(SETTINGS)
    streaks.on_trades("AAAUSDT", [trade(1, Side.BUY, "100")])
    streaks = through_text(streaks)
    read = streaks.on_trades("AAAUSDT", [trade(2, Side.SELL, "99")])
    assert [row.outcome for row in read.closed] == ["loss"]
    assert streaks.guards["AAAUSDT"].count == 1


@pytest.mark.parametrize("cursor", [499, None])
def test_worked_example_core_31_b(cursor: int | None) -> None:
    new = a_state(last_trade_ids={} if cursor is None else {"AAAUSDT": cursor})
    with pytest.raises(ContractError, match=r"last_trade_ids\.AAAUSDT.*must be >= the stored 500"):
        check_cursors(a_state(), new)
    check_cursors(a_state(), a_state(last_trade_ids={"AAAUSDT": 500, "BBBUSDT": 1}))


def test_the_text_is_the_published_one() -> None:
    assert encode_loss_state(a_state()) == (
        '{"guards":{"AAAUSDT":{"count":1,"last_row_id":"r","last_ts_ms":5,"tripped":false}},'
        '"last_trade_ids":{"AAAUSDT":500},"tracker":{"positions":{"AAAUSDT|long":{"entry_cost":'
        '"100.5","entry_fee":"0","entry_fill_count":1,"entry_qty":"1","entry_ts":1,"exit_fee":"0",'
        '"exit_fill_count":0,"exit_qty":"0","exit_ts":0,"exit_value":"0"}}},"trips_total":0,'
        '"updated_ts_ms":9,"version":"consecutive_loss_state_v2"}'
    )


def test_a_copy_does_not_follow_what_it_was_taken_of() -> None:
    streaks = LossStreaks.of(SETTINGS)
    streaks.on_trades("AAAUSDT", [trade(1, Side.BUY, "100")])
    state = PersistedServiceState.of(streaks, 7)
    before = encode_loss_state(state)
    restored = state.restore(SETTINGS)
    for each in (streaks, restored):
        each.on_trades("AAAUSDT", [trade(2, Side.BUY, "100"), trade(3, Side.SELL, "99")])
    assert encode_loss_state(state) == before


# -- versions and trackers ---------------------------------------------------------------------


def changed(**changes: Any) -> str:
    return json.dumps({**json.loads(encode_loss_state(a_state())), **changes})


def without(text: str, key: str) -> str:
    tree = json.loads(text)
    del tree[key]
    return json.dumps(tree)


@pytest.mark.parametrize(
    "text",
    [without(changed(version="consecutive_loss_state_v1"), "tracker"),
     changed(version="consecutive_loss_state_v1", tracker=None), changed(tracker=None)],
)  # fmt: skip
def test_a_state_without_a_tracker_says_so_and_keeps_the_rest(text: str) -> None:
    decoded = decode_loss_state(text)
    assert decoded == DecodedLossState(
        state=a_state(tracker=None), note=LossStateNote.TRACKER_NOT_IN_STATE
    )
    assert decoded.note == "CONSEC_LOSS_TRACKER_NOT_IN_STATE"
    restored = decoded.state.restore(SETTINGS)
    assert restored.tracker == RoundtripTracker()
    assert restored.last_trade_ids == {"AAAUSDT": 500}


GOOD = json.loads(encode_loss_state(a_state()))["tracker"]["positions"]["AAAUSDT|long"]


@pytest.mark.parametrize(
    "tracker",
    [{}, [], 5, "x", {"positions": None}, {"positions": []}, {"positions": {}, "more": 1},
     {"positions": {"AAAUSDT": GOOD}}, {"positions": {"AAAUSDT|long": None}},
     {"positions": {"AAAUSDT|long": {**GOOD, "entry_qty": 1}}},
     {"positions": {"AAAUSDT|long": {**GOOD, "entry_qty": "0"}}},
     {"positions": {"AAAUSDT|long": {**GOOD, "entry_ts": "1"}}},
     {"positions": {"AAAUSDT|long": {**GOOD, "more": 1}}},
     {"positions": {"AAAUSDT|long": {k: v for k, v in GOOD.items() if k != "exit_fee"}}}],
)  # fmt: skip
def test_a_corrupt_tracker_is_given_up_alone(tracker: Any) -> None:
    decoded = decode_loss_state(changed(tracker=tracker))
    assert decoded.note == "CONSEC_LOSS_TRACKER_RESTORE_FAILED"
    assert decoded.detail
    assert decoded.state == a_state(tracker=None)


def test_a_missing_tracker_in_v2_is_a_corrupt_one() -> None:
    decoded = decode_loss_state(without(changed(), "tracker"))
    assert (decoded.note, decoded.state.tracker) == (LossStateNote.TRACKER_RESTORE_FAILED, None)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"guards": {"AAAUSDT": {"count": "1", "tripped": False, "last_row_id": "",
                                 "last_ts_ms": 0}}}, "count"),
        ({"guards": {"AAAUSDT": {"count": -1, "tripped": False, "last_row_id": "",
                                 "last_ts_ms": 0}}}, "count"),
        ({"guards": {"AAAUSDT": {"count": True, "tripped": False, "last_row_id": "",
                                 "last_ts_ms": 0}}}, "count"),
        ({"guards": {"AAAUSDT": {"count": 1, "tripped": "false", "last_row_id": "",
                                 "last_ts_ms": 0}}}, "tripped"),
        ({"guards": {"AAAUSDT": {"count": 1, "tripped": 0, "last_row_id": "",
                                 "last_ts_ms": 0}}}, "tripped"),
        ({"guards": {"AAAUSDT": {"count": 1, "tripped": False, "last_row_id": None,
                                 "last_ts_ms": 0}}}, "last_row_id"),
        ({"guards": {"AAAUSDT": {"count": 1, "tripped": False, "last_row_id": "",
                                 "last_ts_ms": -1}}}, "last_ts_ms"),
        ({"guards": {"AAAUSDT": {"count": 1, "tripped": False, "last_row_id": ""}}}, "last_ts_ms"),
        ({"guards": {"aaa": {"count": 1, "tripped": False, "last_row_id": "",
                             "last_ts_ms": 0}}}, "symbol"),
        ({"guards": []}, "guards"),
        ({"last_trade_ids": {"AAAUSDT": "500"}}, "last_trade_ids"),
        ({"last_trade_ids": {"AAAUSDT": -1}}, "last_trade_ids"),
        ({"last_trade_ids": {"AAAUSDT": 1.0}}, "last_trade_ids"),
        ({"last_trade_ids": None}, "last_trade_ids"),
        ({"trips_total": -1}, "trips_total"),
        ({"updated_ts_ms": "9"}, "updated_ts_ms"),
        ({"version": "consecutive_loss_state_v3"}, "version"),
        ({"version": None}, "version"),
        ({"version": ["consecutive_loss_state_v2"]}, "version"),
        ({"version": "consecutive_loss_state_v1"}, "tracker"),
        ({"more": 1}, "more"),
    ],
)  # fmt: skip
def test_nothing_is_coerced(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        decode_loss_state(changed(**changes))


@pytest.mark.parametrize("key", ["guards", "last_trade_ids", "trips_total", "updated_ts_ms"])
def test_a_missing_part_is_named(key: str) -> None:
    with pytest.raises(ContractError, match=f"{key}.*is missing"):
        decode_loss_state(without(changed(), key))
