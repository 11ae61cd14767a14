"""CORE-02: frozen, valid from birth, equal by value, the same text both ways."""

from __future__ import annotations

import importlib
import json
import pkgutil
from decimal import Decimal, localcontext
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import grinder_core.contracts
from grinder_core.codec import canonical_json, digest16, from_dict, sha256_hex, to_dict
from grinder_core.contracts.control import AccountUpdate
from grinder_core.contracts.enums import (
    ActionType,
    ControllerMode,
    CycleType,
    ExecReason,
    ExecutionEventType,
    FillMode,
    FundingSource,
    GateName,
    GateReason,
    GridMode,
    GuardReason,
    GuardState,
    IntentSource,
    KillReason,
    Liquidity,
    MarkSource,
    OrderState,
    Override,
    PrefilterReason,
    Rearm,
    Regime,
    ResetAction,
    RiskIntent,
    RiskTier,
    RoundtripOutcome,
    SelectionGate,
    SelectionSource,
    Side,
    SizingMode,
)
from grinder_core.contracts.event import KIND_NAMES, Event, market_event, market_line
from grinder_core.contracts.features import POLICY_FEATURES
from grinder_core.contracts.market import Funding, Snapshot
from grinder_core.contracts.orders import ExecutionAction, OrderIntent, OrderRecord, OrderUpdate
from grinder_core.contracts.plan import GridPlan, GridShape
from grinder_core.errors import ContractError
from grinder_core.numbers import canonical
from tests.support.examples import CONTRACTS, FEATURES, OUTPUT, SNAPSHOT, named
from tests.support.factories import a_snapshot
from tests.support.strategies import hostile_contexts, snapshots

D = Decimal
GOLDEN = json.loads((Path(__file__).parent / "golden" / "contracts.json").read_text("ascii"))
KINDS = [pytest.param(example, id=type(example).__name__) for example in CONTRACTS]


def plain(example: Any) -> dict[str, Any]:
    """The published form."""
    result: dict[str, Any] = example.to_dict() if hasattr(example, "to_dict") else to_dict(example)
    return result


def public_contracts() -> list[type]:
    """Every frozen class that a module of the room defines."""
    names = [
        f"grinder_core.contracts.{m.name}"
        for m in pkgutil.iter_modules(grinder_core.contracts.__path__)
    ]
    return [
        kind
        for name in names
        for kind in vars(importlib.import_module(name)).values()
        if isinstance(kind, type) and attrs.has(kind) and kind.__module__ == name
        if not kind.__name__.startswith("_")
    ]


def test_every_contract_has_an_example_and_a_golden_form() -> None:
    names = {kind.__name__ for kind in public_contracts()}
    assert names == set(named()) == set(GOLDEN)


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_the_serialised_form_is_the_golden_one(name: str) -> None:
    """A changed line is a changed contract: new fixtures, version and documentation follow."""
    assert canonical_json(plain(named()[name])) == canonical_json(GOLDEN[name])


@pytest.mark.parametrize("example", KINDS)
def test_the_golden_form_reads_back_as_the_example(example: Any) -> None:
    read = from_dict(type(example), GOLDEN[type(example).__name__])
    assert read == example
    assert type(read) is type(example)
    assert canonical_json(plain(read)) == canonical_json(plain(example))


@pytest.mark.parametrize("example", KINDS)
def test_unknown_keys_are_ignored(example: Any) -> None:
    data = {**GOLDEN[type(example).__name__], "a_key_of_tomorrow": {"x": [1.5]}}
    assert from_dict(type(example), data) == example


@pytest.mark.parametrize("example", [*KINDS, pytest.param(OUTPUT, id="PaperOutput")])
def test_mutation_fails(example: Any) -> None:
    for field in attrs.fields(type(example)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(example, field.name, None)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(example, field.name)


def required(kind: type) -> list[str]:
    """Published keys without a default."""
    if kind.__name__ == "GridPlan":
        return list(GOLDEN["GridPlan"])
    return [
        field.name for field in attrs.fields(kind) if field.init and field.default is attrs.NOTHING
    ]


REQUIRED = [
    pytest.param(type(example), name, id=f"{type(example).__name__}.{name}")
    for example in CONTRACTS
    for name in required(type(example))
]


@pytest.mark.parametrize(("kind", "name"), REQUIRED)
def test_a_missing_key_is_named(kind: type, name: str) -> None:
    data = {key: value for key, value in GOLDEN[kind.__name__].items() if key != name}
    with pytest.raises(ContractError) as caught:
        from_dict(kind, data)
    assert name in str(caught.value)
    assert "missing" in str(caught.value)


def wrong_values(value: object) -> list[object]:
    """JSON values of another type than a golden one; a number is never a decimal or a flag."""
    if isinstance(value, bool):
        return [1, "true", [], None]
    if isinstance(value, int):
        return [True, 1.0, "1", [1], {}]
    if isinstance(value, str):
        return [1, 1.5, True, ["x"], {"x": 1}]
    if isinstance(value, list):
        return [1, "x", True]
    if isinstance(value, dict):
        return [1, "x", True]
    return []


WRONG = [
    pytest.param(type(example), name, wrong, id=f"{type(example).__name__}.{name}={wrong!r}")
    for example in CONTRACTS
    for name, value in GOLDEN[type(example).__name__].items()
    if name != "total_pnl"  # written for readers, derived when read
    for wrong in wrong_values(value)
]


@pytest.mark.parametrize(("kind", "name", "wrong"), WRONG)
def test_a_wrong_type_is_named(kind: type, name: str, wrong: object) -> None:
    with pytest.raises(ContractError) as caught:
        from_dict(kind, {**GOLDEN[kind.__name__], name: wrong})
    assert name in str(caught.value)


@pytest.mark.parametrize("text", ["1e3", "NaN", " 1", "+1", "Infinity", ".5", ""])
@pytest.mark.parametrize("name", ["bid_price", "ask_price", "bid_qty", "ask_qty", "last_qty"])
def test_a_malformed_decimal_is_named(name: str, text: str) -> None:
    with pytest.raises(ContractError, match=name):
        from_dict(Snapshot, {**GOLDEN["Snapshot"], name: text})


def bad_births(kind: Any) -> list[object]:
    """Values that a field of this type must refuse at birth."""
    if Decimal in (kind, *get_args(kind)) and get_origin(kind) in {None, UnionType}:
        return [1.5, D("NaN"), D("Infinity"), "1"]
    if int in (kind, *get_args(kind)) and get_origin(kind) in {None, UnionType}:
        return [True, 1.0, "1"]
    return []


FROM_OUTSIDE = {*KIND_NAMES, GridShape, GridPlan, OrderIntent}
BORN_WRONG = [
    pytest.param(example, field.name, wrong, id=f"{type(example).__name__}.{field.name}={wrong!r}")
    for example in CONTRACTS
    if type(example) in FROM_OUTSIDE
    for field in attrs.fields(attrs.resolve_types(type(example)))
    if field.init
    for wrong in bad_births(field.type)
]


@pytest.mark.parametrize(("example", "name", "wrong"), BORN_WRONG)
def test_no_float_nan_or_boolean_enters_the_engine(example: Any, name: str, wrong: object) -> None:
    with pytest.raises(ContractError):
        attrs.evolve(example, **{name: wrong})


@given(snapshots())
def test_every_snapshot_survives_the_round_trip(snapshot: Snapshot) -> None:
    back = from_dict(Snapshot, json.loads(canonical_json(snapshot)))
    assert back == snapshot
    assert canonical_json(back) == canonical_json(snapshot)
    assert snapshot.bid_price <= snapshot.mid_price <= snapshot.ask_price


@given(snapshots())
def test_mid_and_spread_are_exact(snapshot: Snapshot) -> None:
    from fractions import Fraction

    bid, ask = Fraction(snapshot.bid_price), Fraction(snapshot.ask_price)
    assert Fraction(snapshot.mid_price) == (bid + ask) / 2
    assert snapshot.spread_bps == int((ask - bid) * 20_000 / (ask + bid))


@given(snapshots(), hostile_contexts())
def test_a_snapshot_does_not_mind_the_callers_context(snapshot: Snapshot, context: Any) -> None:
    text, mid, spread = canonical_json(snapshot), snapshot.mid_price, snapshot.spread_bps
    with localcontext(context):
        again = from_dict(Snapshot, json.loads(text))
        assert canonical_json(again) == text
        assert again == snapshot
        assert canonical(again.mid_price) == canonical(mid)
        assert again.spread_bps == spread


def test_worked_example_core_02() -> None:
    text = canonical_json(SNAPSHOT)
    assert text == (
        '{"ask_price":"100.1","ask_qty":"7.5","bid_price":"99.9","bid_qty":"5","last_price":"100",'
        '"last_qty":"0.2","symbol":"AAAUSDT","ts":1000}'
    )
    assert sha256_hex(text.encode()).startswith("7aaefa0978d5613f")
    assert digest16(SNAPSHOT) == "7aaefa0978d5613f"
    assert SNAPSHOT.mid_price == 100
    assert SNAPSHOT.spread_bps == 20


def test_worked_example_core_01_spread() -> None:
    snapshot = a_snapshot(bid_price=D("0.11998"), ask_price=D("0.12005"))
    assert snapshot.mid_price == D("0.120015")
    assert snapshot.spread_bps == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"bid_price": D(0)},
        {"bid_price": D(-1)},
        {"ask_price": D("99.8")},  # crossed
        {"ask_price": D(10**9)},
        {"bid_price": D("99.123456789")},  # nine digits
        {"bid_price": D("NaN")},
        {"bid_price": D("sNaN")},
        {"ask_price": D("Infinity")},
        {"bid_price": D("99." + "1" * 80)},
        {"bid_price": 99.9},
        {"bid_price": "99.9"},
        {"bid_price": 99},
        {"bid_qty": D(-1)},
        {"bid_qty": D("NaN")},
        {"bid_qty": D(10**11)},
        {"bid_qty": D("0.000000001")},
        {"last_price": D(-1)},
        {"last_price": D("NaN")},
        {"last_qty": D(-1)},
        {"ts": -1},
        {"ts": True},
        {"ts": 1.0},
        {"symbol": "aaausdt"},
        {"symbol": "A"},
        {"symbol": "A" * 41},
        {"symbol": "AAA-USDT"},
        {"symbol": "AAAUSDT\n"},
        {"symbol": ""},
        {"symbol": 5},
    ],
)
def test_an_impossible_snapshot_is_never_born(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        a_snapshot(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"bid_price": D("100.1")},  # a locked book is legal
        {"bid_price": D("99.100000000000")},  # trailing zeros do not count
        {"bid_qty": D(0), "ask_qty": D(0)},
        {"last_price": D(0), "last_qty": D(0)},
        {"bid_price": D("0.00000001")},
        {"ask_price": D("999999999.99999999")},
        {"ask_qty": D("99999999999.99999999")},
        {"symbol": "A" * 40},
        {"symbol": "BTCUSDT_250627"},
        {"ts": 0},
    ],
)
def test_the_edges_of_the_ranges_are_legal(changes: dict[str, Any]) -> None:
    assert attrs.asdict(a_snapshot(**changes)).items() >= changes.items()


def test_other_contracts_check_what_crosses_them() -> None:
    with pytest.raises(ContractError, match="filled_qty"):
        attrs.evolve(named()["OrderRecord"], filled_qty=D(3))
    with pytest.raises(ContractError, match="trade_id"):
        attrs.evolve(named()["OrderUpdate"], trade_id=0)
    with pytest.raises(ContractError, match="last_price"):
        attrs.evolve(named()["OrderUpdate"], last_price=D(0))
    with pytest.raises(ContractError, match="action"):
        ExecutionAction(action=ActionType.PLACE, symbol="AAAUSDT")
    with pytest.raises(ContractError, match="rate"):
        Funding(ts=0, symbol="AAAUSDT", rate=D(1))
    with pytest.raises(ContractError, match="last_update_id"):
        attrs.evolve(named()["DepthDiff"], last_update_id=9)
    with pytest.raises(ContractError, match="bands"):
        attrs.evolve(named()["DepthBands"], bands=())
    with pytest.raises(ContractError, match="pct_x100"):
        attrs.evolve(named()["DepthBands"], bands=((100, D(1), D(1)), (-100, D(1), D(1))))
    with pytest.raises(ContractError, match="qty"):
        attrs.evolve(named()["OrderIntent"], qty=D(0))


def test_an_update_without_execution_needs_no_price() -> None:
    assert OrderUpdate(
        ts=0, symbol="AAAUSDT", client_order_id="c", order_id="", side=Side.BUY,
        state=OrderState.REJECTED, reason="no",
    ).last_qty == 0  # fmt: skip


def test_equal_objects_are_equal_bytes_and_hash_alike() -> None:
    one, two = a_snapshot(bid_price=D("99.90")), a_snapshot(bid_price=D("99.9"))
    assert one == two
    assert hash(one) == hash(two)
    assert canonical_json(one) == canonical_json(two)


def test_features_for_policies_are_exactly_the_nine() -> None:
    expected = {
        "mid_price", "spread_bps", "imbalance_l1_bps", "natr_bps", "thin_l1", "range_score",
        "net_return_bps", "sum_abs_returns_bps", "is_warmed_up",
    }  # fmt: skip
    assert set(FEATURES.to_policy_features()) == expected == set(POLICY_FEATURES)


# -- data lines (CORE-04) ----------------------------------------------------------------------


@given(
    snapshots(),
    st.none() | st.integers(0, 2**53),
    st.none() | st.integers(0, 2**53),
    st.integers(0, 10**9),
)
def test_a_market_line_reads_back(
    snapshot: Snapshot, received: int | None, update_id: int | None, seq: int
) -> None:
    ts_ms = snapshot.ts if received is None else received
    event = Event(ts_ms, snapshot, seq, received, update_id)
    line = json.loads(canonical_json(market_line(event)))
    assert market_event(line, seq) == event


@pytest.mark.parametrize(
    ("change", "named_field"),
    [
        ({"bid_price": 100.5}, "bid_price"),
        ({"bid_price": None}, "bid_price"),
        ({"ts": "1000"}, "ts"),
        ({"type": "BOOK_TICKER"}, "type"),
        ({"type": None}, "type"),
        ({"type": ["SNAPSHOT"]}, "type"),
        ({"ask_price": "99.8"}, "ask_price"),
        ({"ts_recv_ms": "5"}, "ts_ms"),
    ],
)
def test_a_malformed_line_is_refused_and_named(change: dict[str, object], named_field: str) -> None:
    line = {"type": "SNAPSHOT", **GOLDEN["Snapshot"], **change}
    with pytest.raises(ContractError, match=named_field):
        market_event(line)


@pytest.mark.parametrize("data", [None, [], "x", 5, {}])
def test_what_is_no_line_at_all_is_refused(data: Any) -> None:
    with pytest.raises(ContractError):
        market_event(data)
    with pytest.raises(ContractError):
        from_dict(Snapshot, data)


def test_a_quoted_price_loads() -> None:
    line = {"type": "SNAPSHOT", **GOLDEN["Snapshot"], "bid_price": "99.5"}
    assert market_event(line).payload.bid_price == D("99.5")  # type: ignore[union-attr]


@pytest.mark.parametrize("ts_ms", [-1, True, 1.5, "1"])
def test_an_event_needs_a_time(ts_ms: Any) -> None:
    with pytest.raises(ContractError, match="ts_ms"):
        Event(ts_ms, SNAPSHOT)


# -- published vocabularies --------------------------------------------------------------------

VOCABULARIES: dict[type[Enum], str] = {
    Side: "BUY SELL",
    OrderState: "PENDING OPEN PARTIALLY_FILLED FILLED CANCELLED REJECTED EXPIRED UNKNOWN",
    ActionType: "PLACE CANCEL REPLACE NOOP",
    ResetAction: "NONE SOFT HARD",
    GridMode: "BILATERAL UNI_LONG UNI_SHORT PAUSE EMERGENCY",
    Regime: "RANGE TREND_UP TREND_DOWN VOL_SHOCK THIN_BOOK TOXIC PAUSED EMERGENCY",
    IntentSource: "GRID CYCLE FLATTEN",
    Liquidity: "MAKER TAKER",
    ExecutionEventType: "ORDER_PLACED ORDER_CANCELLED ORDER_REPLACED ORDER_SKIPPED GRID_RESET",
    GateName: "rate_limiter risk_gate toxicity_gate",
    GateReason: (
        "RATE_LIMIT_EXCEEDED COOLDOWN_ACTIVE NOTIONAL_LIMIT DAILY_LOSS_LIMIT SPREAD_SPIKE "
        "PRICE_IMPACT_HIGH KILL_SWITCH_ACTIVE DRAWDOWN_LIMIT_EXCEEDED PASS"
    ),
    PrefilterReason: (
        "PASS SYMBOL_NOT_ALLOWED SPREAD_TOO_HIGH VOLUME_24H_TOO_LOW OPEN_INTEREST_TOO_LOW "
        "NOT_IN_TOPK"
    ),
    ExecReason: (
        "GRID_LEVEL NOT_DESIRED NOT_CONFORMING GRID_RESET PLAN_PAUSED KILL_SWITCH NOTHING_TO_DO "
        "EXEC_DUPLICATE_PRICE EXEC_PRICE_NON_POSITIVE EXEC_QTY_BELOW_MIN_QTY EXEC_REFUSED_BY_VENUE "
        "EXEC_NOTIONAL_BELOW_MIN EXEC_L2_STALE EXEC_L2_INSUFFICIENT_DEPTH_BUY "
        "EXEC_L2_INSUFFICIENT_DEPTH_SELL EXEC_L2_IMPACT_BUY_HIGH EXEC_L2_IMPACT_SELL_HIGH "
        "DD_GUARD FLATTEN CYCLE CYCLE_INTENT_DROPPED"
    ),
    KillReason: "DRAWDOWN_LIMIT MANUAL ERROR",
    FillMode: "crossing instant quote touch l2 queue",
    Rearm: "opposite never",
    SelectionSource: "static topk_v0 topk_v1",
    ControllerMode: "BASE WIDEN TIGHTEN PAUSE DRAWDOWN TREND_UP TREND_DOWN",
    GuardState: "NORMAL DRAWDOWN",
    GuardReason: (
        "NORMAL_STATE DD_PORTFOLIO_BREACH DD_SYMBOL_BREACH REDUCE_RISK_ALLOWED "
        "CANCEL_ALWAYS_ALLOWED"
    ),
    RiskIntent: "INCREASE_RISK REDUCE_RISK CANCEL",
    Override: "PAUSE EMERGENCY",
    SelectionGate: "TOXICITY_BLOCKED SPREAD_TOO_WIDE THIN_BOOK WARMUP_INSUFFICIENT",
    RoundtripOutcome: "win loss breakeven",
    CycleType: "TP REPLENISH",
    SizingMode: "UNIFORM PYRAMID INVERSE_PYRAMID",
    RiskTier: "LOW MED HIGH",
    FundingSource: "none data constant",
    MarkSource: "mid mark_price",
}


@pytest.mark.parametrize("kind", VOCABULARIES, ids=lambda kind: kind.__name__)
def test_published_values_are_only_ever_appended(kind: type[Enum]) -> None:
    published = VOCABULARIES[kind].split()
    assert [member.value for member in kind][: len(published)] == published


def test_order_states_end_where_they_must() -> None:
    final = {state.value for state in OrderState if state.is_final}
    assert final == {"FILLED", "CANCELLED", "REJECTED", "EXPIRED"}


def test_sides_mirror() -> None:
    assert Side.BUY.opposite is Side.SELL
    assert Side.SELL.opposite is Side.BUY
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)


def test_defaults_do_not_share_mutable_state() -> None:
    assert AccountUpdate(ts=0).balances is not AccountUpdate(ts=0).balances


def test_an_order_record_starts_unfilled_and_pending() -> None:
    record = OrderRecord(
        client_order_id="c", order_id="", symbol="AAAUSDT", side=Side.BUY, level_id=1,
        price=D(1), qty=D(1),
    )  # fmt: skip
    assert (record.filled_qty, record.state, record.placed_tick) == (0, OrderState.PENDING, 0)
