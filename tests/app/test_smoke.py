"""Smoke harnesses at the exchange in memory: they pass, they clean up, they touch nobody else."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match, RequestOp
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_app.smoke.report import SmokeReport
from grinder_app.smoke.request import SmokeVenue
from grinder_app.smoke.steps import INTERRUPTED, StepVerdict
from tests.support.smoke_scene import HARNESSES, SYMBOL, SmokeScene
from tests.support.virtual_time import run

STEPS = {
    "futures": ["place far from the market, post-only", "seen open", "amend", "cancel", "gone"],
    "kill-switch": [
        "place far from the market, post-only",
        "seen open",
        "kill switch: PLACE blocked",
        "kill switch: CANCEL allowed",
        "gone",
    ],
    "position": [
        "least order within the cap",
        "open a micro position",
        "position seen",
        "flatten, reduce-only",
        "position gone",
    ],
}
WRITES = {
    "futures": ["POST /fapi/v1/order", "PUT /fapi/v1/order", "DELETE /fapi/v1/order"],
    "kill-switch": ["POST /fapi/v1/order", "DELETE /fapi/v1/order"],
    "position": ["POST /fapi/v1/order", "POST /fapi/v1/order"],
}


def failed(report: SmokeReport) -> list[str]:
    return [step.name for step in report.steps if step.verdict is StepVerdict.FAIL]


def leaves_nothing(scene: SmokeScene) -> bool:
    return not scene.resting() and not scene.held()


# -- all is well ---------------------------------------------------------------------------------


@pytest.mark.parametrize("harness", HARNESSES)
def test_a_harness_passes_and_leaves_nothing(harness: str) -> None:
    scene = SmokeScene()
    report = run(scene.run(harness), scene.clock)
    assert report.has_passed, report.to_dict()
    assert [s.name for s in report.steps][9:-2] == STEPS[harness]
    assert scene.orders_sent() == WRITES[harness]
    assert leaves_nothing(scene)
    assert scene.told == list(report.steps)


@pytest.mark.parametrize("harness", HARNESSES)
def test_every_order_is_written_down_before_it_leaves(harness: str) -> None:
    scene = SmokeScene()
    noted: list[int] = []

    def hook(number: int, method: str, path: str) -> None:
        if method == "POST" and path == "/fapi/v1/order":
            noted.append(sum(row.opens for row in scene.disk.written))

    run(scene.run(harness, hook=hook), scene.clock)
    assert noted == list(range(1, len(noted) + 1))


def test_orders_are_post_only_far_and_small() -> None:
    scene = SmokeScene()
    run(scene.run(), scene.clock)
    sent = [r for r in scene.venue.log if r.is_write and r.path == "/fapi/v1/order"]
    placed = sent[0].parameters
    assert placed["timeInForce"] == "GTX"
    assert Decimal(placed["price"]) <= Decimal("2.2000") * Decimal("0.95")
    assert Decimal(placed["price"]) * Decimal(placed["quantity"]) <= 50
    assert placed["newClientOrderId"].startswith("grinder_smoke_1_")


def test_the_exit_of_a_position_only_reduces() -> None:
    scene = SmokeScene()
    run(scene.run("position"), scene.clock)
    sent = [r for r in scene.venue.log if r.is_write and r.path == "/fapi/v1/order"]
    entry, leave = (record.parameters for record in sent)
    assert entry["timeInForce"] == "IOC"
    assert Decimal(entry["price"]) * Decimal(entry["quantity"]) <= 20
    assert (leave["side"], leave["type"], leave["reduceOnly"]) == ("SELL", "MARKET", "true")


def test_the_loop_detects_what_was_injected_and_writes_nothing() -> None:
    scene = SmokeScene()
    report = run(scene.run("reconcile-loop"), scene.clock)
    assert report.has_passed, report.to_dict()
    found = {step.name: step.found for step in report.steps}
    assert found["mismatch injected and detected"].startswith("ORDER_MISSING_ON_EXCHANGE")
    assert report.facts["writes"] == "0"
    assert int(report.facts["runs"]) >= 4
    assert not [r for r in scene.venue.log if r.is_write]


def test_the_loop_names_what_it_did_not_inject() -> None:
    scene = SmokeScene()
    trades = [0]

    def hook(number: int, method: str, path: str) -> None:
        if number == 12:
            trades[0] += 1
            scene.place("web", None)

    report = run(scene.run("reconcile-loop", hook=hook, duration_ms=20_000), scene.clock)
    assert trades == [1]
    assert failed(report) == ["runs, nothing differs"]
    assert "the venue holds 5" in report.steps[2].found


@pytest.mark.parametrize("harness", HARNESSES)
def test_the_demo_is_reached_by_the_same_way_once_the_budget_is_free(harness: str) -> None:
    scene = SmokeScene()
    began_ms = scene.clock.now_ms()
    report = run(scene.run(harness, where=SmokeVenue.TESTNET), scene.clock)
    assert report.has_passed, report.to_dict()
    assert report.steps[0].found.startswith("testnet at https://demo-fapi.binance.com")
    assert report.steps[8].found == "free after 60 s"
    assert scene.clock.now_ms() - began_ms >= 60_000
    assert leaves_nothing(scene)


def test_on_mainnet_a_key_whose_rights_are_not_told_sends_nothing() -> None:
    scene = SmokeScene()
    report = run(scene.run(where=SmokeVenue.MAINNET), scene.clock)
    assert failed(report) == ["key rights"]
    assert not [record for record in scene.venue.log if record.is_write]


# -- others --------------------------------------------------------------------------------------


@pytest.mark.parametrize("harness", HARNESSES)
def test_a_symbol_with_orders_of_others_is_refused_and_they_stay(harness: str) -> None:
    scene = SmokeScene()
    scene.place("web_1", "2.0000")
    report = run(scene.run(harness), scene.clock)
    assert failed(report) == ["symbol is free"]
    assert "web_1" in next(s.found for s in report.steps if s.name == "symbol is free")
    assert scene.orders_sent() == []
    assert scene.resting() == ["web_1"]
    assert report.left == ()


@pytest.mark.parametrize("harness", HARNESSES)
def test_a_position_of_others_is_refused_and_stays(harness: str) -> None:
    scene = SmokeScene()
    scene.place("web_1", None)
    report = run(scene.run(harness), scene.clock)
    assert failed(report) == ["symbol is free"]
    assert scene.orders_sent() == []
    assert scene.held() == 5


def test_an_order_of_others_that_comes_meanwhile_is_left_alone() -> None:
    scene = SmokeScene()

    def hook(number: int, method: str, path: str) -> None:
        if method == "POST" and path == "/fapi/v1/order":
            scene.place("web_1", "2.0000")

    report = run(scene.run(hook=hook), scene.clock)
    assert report.has_passed
    assert scene.resting() == ["web_1"]


def test_a_position_of_others_that_comes_meanwhile_is_left_alone_and_told() -> None:
    scene = SmokeScene()

    def hook(number: int, method: str, path: str) -> None:
        if method == "DELETE":
            scene.place("web_1", None)

    report = run(scene.run(hook=hook), scene.clock)
    assert failed(report) == ["verify: nothing open, flat"]
    assert scene.held() == 5
    assert "5 of XRPUSDT is held" in report.left[0]
    assert not report.has_passed


def test_what_an_earlier_run_left_is_taken_back() -> None:
    scene = SmokeScene()
    scene.place("grinder_smoke_1_000000001000", "2.0000")
    scene.place("grinder_other_1_000000001000", "2.0000")
    report = run(scene.run(), scene.clock)
    assert failed(report) == ["symbol is free", "verify: nothing open, flat"]
    assert len(report.left) == 1
    assert "grinder_smoke_1_000000001000" in report.left[0]
    scene.venue.exchange.cancel(
        "main", SYMBOL, 0, "grinder_other_1_000000001000", now=scene.clock.now_ms()
    )
    report = run(scene.run(), scene.clock)
    assert report.has_passed, report.to_dict()
    assert "took back grinder_smoke_1_000000001000" in report.steps[7].found
    assert leaves_nothing(scene)


def test_a_least_order_above_the_cap_is_refused_before_anything_is_sent() -> None:
    scene = SmokeScene()
    report = run(scene.run("position", symbol="BTCUSDT"), scene.clock)
    assert failed(report) == ["least order within the cap"]
    assert "min_order_notional of BTCUSDT" in report.steps[9].found
    assert scene.orders_sent() == []


def test_a_thin_book_gives_less_and_all_of_it_goes_back() -> None:
    scene = SmokeScene()
    scene.sizes = {"bid_qty": Decimal(1), "ask_qty": Decimal(1)}
    scene.quote()
    report = run(scene.run("position"), scene.clock)
    assert report.has_passed, report.to_dict()
    assert report.steps[11].found == "1 is held"
    assert leaves_nothing(scene)


# -- interruption --------------------------------------------------------------------------------


def interrupted_at(harness: str, number: int, *, late: bool) -> tuple[SmokeScene, SmokeReport]:
    scene = SmokeScene()

    def hook(count: int, method: str, path: str) -> None:
        if count == number:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

    return scene, run(scene.run(harness, hook=hook, late=late), scene.clock)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("harness", HARNESSES)
def test_interrupted_at_any_request_it_cleans_up(harness: str, late: bool) -> None:
    scene, whole = interrupted_at(harness, 0, late=late)
    for number in range(1, int(whole.facts["requests"]) + 1):
        scene, report = interrupted_at(harness, number, late=late)
        assert report.is_interrupted, number
        assert leaves_nothing(scene), number
        assert not report.has_passed
        assert [s.found for s in report.steps].count(INTERRUPTED) == 1


@pytest.mark.parametrize("harness", HARNESSES)
def test_who_interrupts_the_cleaning_too_is_told_what_may_be_left(harness: str) -> None:
    scene = SmokeScene()
    has_placed = [False]

    def hook(count: int, method: str, path: str) -> None:
        if has_placed[0]:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        has_placed[0] |= method == "POST" and path == "/fapi/v1/order"

    report = run(scene.run(harness, hook=hook), scene.clock)
    assert [s.found for s in report.steps].count(INTERRUPTED) == 3
    assert len(report.left) == 1
    assert ("may rest" in report.left[0]) is (harness != "position")
    assert ("may be held" in report.left[0]) is (harness == "position")


@pytest.mark.parametrize("stray_ms", [1, 500, 2_500, 4_900])
@pytest.mark.parametrize("harness", HARNESSES)
def test_an_order_that_arrives_after_the_interruption_is_taken_back(
    harness: str, stray_ms: int
) -> None:
    scene = SmokeScene()
    report = run(scene.run(harness, stray_ms=stray_ms), scene.clock)
    assert report.is_interrupted
    assert scene.orders_sent()[0] == "POST /fapi/v1/order", "it did arrive"
    assert leaves_nothing(scene), report.to_dict()
    assert report.left == ()


# -- faults --------------------------------------------------------------------------------------

DONE_OR_NOT = {FaultKind.SERVER_ERROR, FaultKind.UNKNOWN_503, FaultKind.TIMEOUT_1007}
KINDS = (
    *(FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.SERVER_ERROR, FaultKind.UNKNOWN_503),
    *(FaultKind.UNAVAILABLE_503, FaultKind.INTERNAL_503, FaultKind.OVERLOADED_503),
    *(FaultKind.TIMEOUT_1007, FaultKind.TIMESTAMP_1021, FaultKind.NOT_FOUND_2013),
    *(FaultKind.LATENCY, FaultKind.SLOW_ANSWER),
)
OPS = (RequestOp.PLACE, RequestOp.AMEND, RequestOp.CANCEL, RequestOp.QUERY, RequestOp.ACCOUNT)


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    kind = draw(st.sampled_from(KINDS))
    more: dict[str, object] = {}
    if kind in DONE_OR_NOT:
        more["executed"] = draw(st.booleans())
    if kind in {FaultKind.LATENCY, FaultKind.SLOW_ANSWER}:
        more["delay_ms"] = draw(st.sampled_from([100, 3_000, 20_000]))
    op = RequestOp.QUERY if kind is FaultKind.NOT_FOUND_2013 else draw(st.sampled_from(OPS))
    match = Match(op=op, nth=draw(st.integers(0, 2)), at_most=draw(st.integers(1, 3)))
    return Fault(kind=kind, match=match, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("harness", HARNESSES)
@given(planned=st.lists(faults(), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_under_faults_it_passes_or_names_a_step_and_leaves_nothing(
    harness: str, planned: list[Fault]
) -> None:
    scene = SmokeScene()
    report = run(scene.run(harness, planned), scene.clock)
    assert report.has_passed or failed(report), report.to_dict()
    assert leaves_nothing(scene), report.to_dict()
    assert report.left == ()


def test_a_venue_that_is_gone_is_told_of_and_so_is_what_may_be_left() -> None:
    scene = SmokeScene()
    ops = (RequestOp.QUERY, RequestOp.CANCEL, RequestOp.AMEND)
    gone = [Fault(kind=FaultKind.DROP_BEFORE, match=Match(op=op)) for op in ops]

    def hook(number: int, method: str, path: str) -> None:
        if method == "POST" and path == "/fapi/v1/order":
            scene.venue.set_plan(FaultPlan(tuple(gone), started_at=scene.clock.now_ms()))

    report = run(scene.run(hook=hook), scene.clock)
    assert failed(report)[-2:] == ["clean up", "verify: nothing open, flat"]
    assert len(scene.resting()) == 1
    assert scene.resting()[0] in report.left[0]
    again = run(scene.run("futures"), scene.clock)
    assert again.has_passed, again.to_dict()
    assert leaves_nothing(scene)


@pytest.mark.parametrize("share_bps", [1, 5_000, 10_000])
def test_what_fills_before_the_cancel_is_given_back(share_bps: int) -> None:
    scene = SmokeScene()
    fill = Fault(kind=FaultKind.FILL_BEFORE_CANCEL, match=Match(at_most=1), share_bps=share_bps)
    report = run(scene.run("futures", [fill]), scene.clock)
    assert not report.has_passed
    assert leaves_nothing(scene), report.to_dict()
    assert report.left == ()
