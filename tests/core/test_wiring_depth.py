"""CORE-17, 23, 35, 41: which decisions read the kept book, and when."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from grinder_core.contracts.enums import GridMode, ResetAction
from grinder_core.contracts.event import Event
from grinder_core.contracts.limits import SymbolConstraints
from grinder_core.contracts.market import DepthDiff
from grinder_core.engine.config import EngineConfig
from grinder_core.errors import ConfigError
from tests.support.factories import SYMBOL, Wire, a_plan, mid_quote, quote, roomy
from tests.support.wiring import (
    Scripted,
    a_change,
    a_depth,
    adaptive,
    fed,
    kinds,
    resting,
    skips,
    warm_up,
)

D = Decimal
THIN = "1"  # less than qty_ref
QTY_REF = {SYMBOL: D(5)}
BUY_BLOCKED = ("L2_INSUFFICIENT_DEPTH_BUY", "L2_BLOCK_BUY")
SELL_BLOCKED = ("L2_INSUFFICIENT_DEPTH_SELL", "L2_BLOCK_SELL")


def gated(**changes: Any) -> EngineConfig:
    return adaptive(**{"l2_gating_enabled": True, "qty_ref": QTY_REF, **changes})


def guarded(**changes: Any) -> EngineConfig:
    return roomy(**{"levels": 1, "l2_execution_guard_enabled": True, "qty_ref": QTY_REF, **changes})


# -- gating in the policy ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sides", "mode", "codes"),
    [
        ({}, GridMode.BILATERAL, ()),
        ({"asks": THIN}, GridMode.UNI_SHORT, BUY_BLOCKED),  # a BUY consumes the offers
        ({"bids": THIN}, GridMode.UNI_LONG, SELL_BLOCKED),
        ({"asks": None, "bids": THIN}, GridMode.PAUSE, (*BUY_BLOCKED, *SELL_BLOCKED)),
    ],
)
def test_a_thin_side_gets_no_entries(
    sides: dict[str, Any], mode: GridMode, codes: tuple[str, ...]
) -> None:
    wire = Wire(gated())
    fed(wire, *warm_up())
    output = fed(wire, a_depth(3_000, **sides), mid_quote(3_000, "100"))
    assert output.plan is not None
    assert (output.plan.shape.mode, output.plan.reason_codes) == (mode, ("RANGE_DEFAULT", *codes))
    assert output.l2_features is not None
    blocked = {"BUY": mode in {GridMode.UNI_SHORT, GridMode.PAUSE}}
    blocked["SELL"] = mode in {GridMode.UNI_LONG, GridMode.PAUSE}
    assert {side for side, *_ in resting(wire)} == {s for s in blocked if not blocked[s]}
    hard = ResetAction.HARD if mode is GridMode.PAUSE else ResetAction.NONE
    assert output.plan.reset_action is hard


def test_changes_of_the_book_count_and_a_gap_leaves_nothing_to_judge() -> None:
    wire = Wire(gated())
    fed(wire, *warm_up(), a_depth(2_500, update_id=10))
    taken = a_change(2_600, 9, 11, 8, asks=((D("100.01"), D(1)),))
    output = fed(wire, taken, mid_quote(3_000, "100"))
    assert output.plan is not None
    assert output.plan.reason_codes[1:] == BUY_BLOCKED
    refilled = a_change(3_100, 12, 12, 11, asks=((D("100.01"), D(9)),))
    output = fed(wire, refilled, mid_quote(3_200, "100"))
    assert output.plan is not None
    assert output.plan.reason_codes == ("RANGE_DEFAULT",)
    emptied = a_change(3_300, 13, 13, 12, asks=((D("100.01"), D(0)),))
    fed(wire, emptied, mid_quote(3_400, "100"))
    missed = a_change(3_500, 15, 15, 14, asks=((D("100.01"), D(2)),))
    output = fed(wire, missed, mid_quote(3_600, "100"))
    assert output.l2_features is None
    assert output.plan is not None
    assert output.plan.reason_codes == ("RANGE_DEFAULT",)
    depth = wire.engine.hot.symbols[SYMBOL].depth
    assert depth is not None
    assert (depth.gaps, depth.is_synced) == (1, False)
    output = fed(wire, a_depth(3_700, asks=THIN, update_id=20), mid_quote(3_800, "100"))
    assert output.plan is not None
    assert output.plan.reason_codes[1:] == BUY_BLOCKED


def test_age_is_not_judged_by_the_policy() -> None:
    wire = Wire(gated())
    output = fed(wire, a_depth(0, asks=THIN), *warm_up(), mid_quote(90_000, "100"))
    assert output.plan is not None
    assert output.plan.reason_codes[1:] == BUY_BLOCKED


# -- the guard at placement --------------------------------------------------------------------


def test_no_book_and_a_lost_book_let_everything_pass() -> None:
    wire = Wire(guarded())
    assert kinds(fed(wire, mid_quote(0, "100"))) == ["PLACE", "PLACE"]
    wire = Wire(guarded())
    lost = (a_depth(0, asks=THIN, bids=THIN, update_id=1), a_change(0, 5, 6, 4))
    assert kinds(fed(wire, *lost, mid_quote(0, "100"))) == ["PLACE", "PLACE"]


@pytest.mark.parametrize(
    ("sides", "refused"),
    [
        ({"asks": THIN}, [("BUY", 1, "EXEC_L2_INSUFFICIENT_DEPTH_BUY")]),
        ({"bids": THIN}, [("SELL", 1, "EXEC_L2_INSUFFICIENT_DEPTH_SELL")]),
    ],
)
def test_a_refused_side_is_tried_again_at_every_diff(
    sides: dict[str, Any], refused: list[tuple[str, int, str]]
) -> None:
    wire = Wire(guarded())
    output = fed(wire, a_depth(0, **sides), mid_quote(0, "100"))
    assert (kinds(output), skips(output)) == (["PLACE"], refused)
    assert resting(wire)[0][0] != refused[0][0]
    for ts in (10, 20):  # a quote that moves nothing is no reason to stay silent
        output = fed(wire, mid_quote(ts, "100"))
        assert (kinds(output), skips(output)) == (["NOOP"], refused)
    output = fed(wire, a_depth(30), mid_quote(30, "100"))
    assert (kinds(output), skips(output)) == (["PLACE"], [])
    assert wire.engine.hot.stats.skipped == {refused[0][2]: 3}


@pytest.mark.parametrize(
    ("now", "stale"), [(1_500, False), (1_501, True)], ids=["of_age", "too_old"]
)
@pytest.mark.parametrize("book_ts", [0, 900_000])
def test_worked_example_core_35_wiring(now: int, stale: bool, book_ts: int) -> None:
    """Age 1500 passes, 1501 is stale: since it came in, whatever clock the venue dated it by."""
    wire = Wire(guarded())
    output = fed(wire, a_depth(book_ts, now=0), mid_quote(now, "100"))
    reasons = {reason for *_, reason in skips(output)}
    assert reasons == ({"EXEC_L2_STALE"} if stale else set())
    assert len(resting(wire)) == (0 if stale else 2)


def test_a_change_that_the_book_holds_already_makes_it_no_younger() -> None:
    wire = Wire(guarded())
    known = (a_depth(0, update_id=100), a_change(1_400, 90, 95, 89))
    output = fed(wire, *known, mid_quote(1_501, "100"))
    assert {reason for *_, reason in skips(output)} == {"EXEC_L2_STALE"}
    fed(wire, a_change(1_600, 98, 101, 95))
    assert kinds(fed(wire, mid_quote(3_000, "100"))) == ["PLACE", "PLACE"]


def test_of_a_replacement_only_the_cancel_remains() -> None:
    bigger = a_plan(size_schedule=(D(2), D(2)), reset_action=ResetAction.SOFT)
    wire = Wire(guarded(), Scripted(a_plan(), bigger))
    fed(wire, a_depth(0), mid_quote(0, "100"))
    output = fed(wire, a_depth(1, asks=THIN), mid_quote(1, "100"))
    assert [(a.action.value, a.side, a.level_id) for a in output.actions] == [
        ("CANCEL", "BUY", 1), ("CANCEL", "BUY", 2), ("REPLACE", "SELL", 1), ("REPLACE", "SELL", 2)
    ]  # fmt: skip
    assert skips(output) == [("BUY", level, "EXEC_L2_INSUFFICIENT_DEPTH_BUY") for level in (1, 2)]
    assert [(side, qty) for side, _, qty, _ in resting(wire)] == [("SELL", 2), ("SELL", 2)]


def test_exits_are_exempt() -> None:
    exits = a_plan(reduce_only=True, size_schedule=(D("0.5"), D("0.5")))
    wire = Wire(guarded(), Scripted(a_plan(), exits))
    fed(wire, a_depth(0), mid_quote(0, "100"))
    output = fed(wire, a_depth(1, bids=THIN, asks=THIN), mid_quote(1, "99.7"))  # both BUYs fill
    assert skips(output) == []
    assert kinds(output) == ["CANCEL", "CANCEL", "PLACE", "PLACE"]
    assert [(side, qty, flag) for side, _, qty, flag in resting(wire)] == [
        ("SELL", D("0.5"), True)
    ] * 2


def test_a_level_that_book_and_lot_refuse_names_the_book() -> None:
    lots = SymbolConstraints(step_size=D("0.001"), min_qty=D("0.001"))
    config = guarded(
        size_per_level=D("0.0005"), constraints_enabled=True, symbol_constraints={SYMBOL: lots}
    )
    wire = Wire(config)
    output = fed(wire, a_depth(0, asks=THIN), mid_quote(0, "100"))
    assert skips(output) == [
        ("BUY", 1, "EXEC_L2_INSUFFICIENT_DEPTH_BUY"), ("SELL", 1, "EXEC_QTY_BELOW_MIN_QTY")
    ]  # fmt: skip


@pytest.mark.parametrize("asks", ["10", THIN])
def test_replenishments_ask_the_book_and_take_profits_do_not(asks: str) -> None:
    wire = Wire(guarded(cycle_enabled=True, cycle_execution_enabled=True))
    fed(wire, a_depth(0), mid_quote(0, "100"))
    fed(wire, a_depth(1, asks=asks, bids=THIN), mid_quote(1, "99.9"))
    output = fed(wire, mid_quote(2, "99.9"))
    placed = [("SELL", D("99.9999"), 1, True), ("BUY", D("99.8001"), 1, False)]
    assert resting(wire)[1:] == placed[: 1 if asks == THIN else 2]
    refusals = [reason for *_, reason in skips(output)]
    assert refusals == (["EXEC_L2_INSUFFICIENT_DEPTH_BUY"] if asks == THIN else [])


# -- who reads the book at all -----------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [gated(qty_ref={"BBBUSDT": D(1)}), guarded(qty_ref={"BBBUSDT": D(1)})],
    ids=["gating", "guard"],
)
@pytest.mark.parametrize("event", [mid_quote(1, "100"), a_depth(1)], ids=["quote", "book"])
def test_a_symbol_without_a_reference_quantity_stops_at_its_first_event(
    config: EngineConfig, event: Event
) -> None:
    wire = Wire(config)
    fed(wire, mid_quote(0, "100", "BBBUSDT"))
    with pytest.raises(ConfigError, match=rf"qty_ref\.{SYMBOL}"):
        wire.feed(event)


@pytest.mark.parametrize("config", [roomy(), adaptive()], ids=["static", "adaptive"])
def test_nobody_reads_it_and_its_events_are_counted(config: EngineConfig) -> None:
    change = a_change(1, 2, 3, 1)
    crossed = evolve(change.payload, bids=((D(200), D(1)),))
    assert isinstance(crossed, DepthDiff)
    wire = Wire(config)
    output = fed(wire, a_depth(0, asks=THIN), change, Event(1, crossed), quote(2, "99", "101"))
    assert wire.engine.hot.stats.ignored == {"L2_SNAPSHOT": 1, "DEPTH_DIFF": 2}
    assert output.l2_features is None
    assert wire.engine.hot.symbols[SYMBOL].depth is None
