"""CORE-32: level prices, the diff, what is spent, and the bounds within which nothing happens."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from grinder_core.contracts.enums import (
    ActionType,
    ExecReason,
    ExecutionEventType,
    GridMode,
    OrderState,
    Rearm,
    Regime,
    ResetAction,
    Side,
)
from grinder_core.contracts.orders import OrderRecord
from grinder_core.contracts.plan import GridPlan, paused
from grinder_core.errors import ConfigError, InvariantError
from grinder_core.numbers import exact
from grinder_core.orders.diff import Diff, diff
from grinder_core.orders.grid_book import TRANSITIONS, GridBook, Quiet
from grinder_core.orders.identity import OrderIds, parse_client_order_id
from grinder_core.orders.levels import level_price, side_prices
from grinder_core.orders.settings import OrderSettings
from tests.support.factories import SYMBOL, a_book, a_plan, an_order, an_update
from tests.support.strategies import plain_prices, plans, scaled

D = Decimal
FLAT = D(0)
TICKS = st.sampled_from((D("0.00000001"), D("0.01"), D("0.1"), D("0.25"), D(1)))


def decide(book: GridBook, plan: GridPlan, mid: Decimal, position: Decimal = FLAT) -> Diff:
    """The diff, under the core's context as the engine runs it."""
    with exact():
        return diff(book, plan, mid, 1000, position)


def apply(book: GridBook, decided: Diff, plan: GridPlan, start: int = 0) -> int:
    """What engine and venue make of a diff: cancels confirmed, orders accepted. Returns a count."""
    if decided.resets:
        book.reset(decided.anchor)
    book.anchor_price = decided.anchor
    book.cancel(decided.cancels)
    for order in decided.cancels:
        update = an_update(
            client_order_id=order.client_order_id,
            order_id=order.order_id,
            side=order.side,
            state=OrderState.CANCELLED,
        )
        book.fold(update)
    for number, intent in enumerate(decided.intents, start + 1):
        record = OrderRecord(
            client_order_id=f"c{number}",
            order_id="",
            symbol=SYMBOL,
            side=intent.side,
            level_id=intent.level_id,
            price=intent.price,
            qty=intent.qty,
            reduce_only=intent.reduce_only,
        )
        book.place([record])
        accepted = an_update(
            client_order_id=record.client_order_id,
            order_id=f"PAPER_{number:08d}",
            side=intent.side,
        )
        book.fold(accepted)
    return start + len(decided.intents)


@pytest.mark.parametrize(
    "plan", [paused(D(100), ("TEST",), GridMode.PAUSE), a_plan(reset_action=ResetAction.HARD)]
)
def test_orders_on_no_level_leave_in_an_order_that_does_not_depend_on_the_books(
    plan: GridPlan,
) -> None:
    """A book that was loaded lists its orders in its own order."""
    orders = [an_order(client_order_id=f"c{n}", order_id="", level_id=0) for n in range(4)]
    told = []
    for some in (orders, orders[::-1]):
        book = a_book(anchor_price=D(100))
        book.place(some)
        told.append([order.client_order_id for order in decide(book, plan, D(100)).cancels])
    assert told[0] == told[1] == ["c0", "c1", "c2", "c3"]


def fill(book: GridBook, order: OrderRecord) -> None:
    """The venue fills one order completely."""
    book.fold(
        an_update(
            client_order_id=order.client_order_id,
            order_id=order.order_id,
            side=order.side,
            state=OrderState.FILLED,
            filled_qty=order.qty,
            last_price=order.price,
            last_qty=order.qty,
            trade_id=1,
        )
    )


OFFSETS = st.sampled_from((0, 0, 3, -3, 12, -12, 25, -25, 60, -60, 300, -300))


@st.composite
def mids_near(draw: st.DrawFn, centre: Decimal) -> Decimal:
    """A mid within or near the reach of a grid, in steps of half a basis point."""
    offset = draw(OFFSETS) * 2 + draw(st.integers(-2, 2))
    with exact():
        return centre + centre * offset / 20_000


@st.composite
def scenes(draw: st.DrawFn, **fixed: Any) -> tuple[GridBook, GridPlan, Decimal, Decimal]:
    """A book with history (an earlier plan applied, some fills), a plan, a mid, a position."""
    tick = draw(st.sampled_from((D("0.01"), D("0.00000001"), D("0.1"), D(1))))
    centre = draw(scaled(9_000, 11_000, 2) | st.just(D(100)) | scaled(1_000, 10**7, 3))
    book = a_book(rearm=draw(st.sampled_from(Rearm)), tick_size=tick)
    fixed = {"center_price": centre, **fixed}
    plan = draw(plans(**fixed))
    if draw(st.sampled_from((True, True, True, False))):
        same = draw(st.booleans())
        earlier = plan if same else draw(plans(center_price=draw(mids_near(centre))))
        earlier = evolve(earlier, reset_action=ResetAction.NONE)
        apply(book, decide(book, earlier, draw(mids_near(centre)), D(3)), earlier)
        victims = draw(st.permutations(sorted(book.live)))[: draw(st.sampled_from((0, 0, 1, 2)))]
        for client_order_id in victims:
            fill(book, book.live[client_order_id])
    position = draw(st.sampled_from((D(0), D(1), D("-1"), D("2.5"), D(-4), D(9))))
    return book, plan, draw(mids_near(centre)), position


# -- level prices ------------------------------------------------------------------------------


@given(plain_prices(), st.integers(1, 400), st.integers(-50, 50), st.integers(1, 20), TICKS)
def test_a_level_price_is_the_exact_rational_rounded_away_from_the_centre(
    anchor: Decimal, spacing: int, skew: int, level: int, tick: Decimal
) -> None:
    assume(level * spacing + abs(skew) < 10_000)
    sizes = (D(1),) * level
    shape = a_plan(
        spacing_bps=spacing, levels_up=level, levels_down=level, size_schedule=sizes, skew_bps=skew
    ).shape
    skewed = Fraction(anchor) * (10_000 + skew) / 10_000
    down = skewed * (10_000 - level * spacing) / 10_000
    up = skewed * (10_000 + level * spacing) / 10_000
    step = Fraction(tick)
    with exact():
        buy = level_price(anchor, shape, Side.BUY, level, tick)
        sell = level_price(anchor, shape, Side.SELL, level, tick)
    assert Fraction(buy) == math.floor(down / step) * step
    assert Fraction(sell) == math.ceil(up / step) * step
    assert Fraction(buy) <= down
    assert Fraction(sell) >= up


def test_worked_example_core_32_prices() -> None:
    with exact():
        shape = a_plan().shape
        tick = D("0.00001")
        assert side_prices(D("0.53217"), shape, Side.BUY, tick) == [D("0.53163"), D("0.53110")]
        assert side_prices(D("0.53217"), shape, Side.SELL, tick) == [D("0.53271"), D("0.53324")]
        assert level_price(D(100), shape, Side.BUY, 1) == D("99.9")


def test_worked_example_core_32_story() -> None:
    """Anchor 100, mid 99.95 with NONE: NOOP; once filled, not re-placed until a SELL or a reset."""
    book, plan = a_book(tick_size=D("0.01")), a_plan()
    count = apply(book, decide(book, plan, D(100)), plan)
    drifted = evolve(plan, center_price=D("99.95"))
    assert [a.action for a in decide(book, drifted, D("99.95")).actions] == [ActionType.NOOP]
    fill(book, next(o for o in book.live.values() if o.price == D("99.9")))
    assert [a.action for a in decide(book, plan, D(100)).actions] == [ActionType.NOOP]
    fill(book, next(o for o in book.live.values() if o.price == D("100.1")))
    decided = decide(book, plan, D(100))
    assert [(a.action, a.side, a.price) for a in decided.actions] == [
        (ActionType.PLACE, Side.BUY, D("99.9"))
    ]
    reset = evolve(plan, reset_action=ResetAction.SOFT)
    apply(book, decide(book, reset, D(100)), reset, count)
    assert {o.price for o in book.live.values()} == {D("99.9"), D("99.8"), D("100.1"), D("100.2")}


# -- the diff ----------------------------------------------------------------------------------


@given(scenes())
def test_actions_come_in_the_order_of_the_page(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal],
) -> None:
    decided = decide(*scene)
    rank = {ActionType.CANCEL: 0, ActionType.REPLACE: 1, ActionType.PLACE: 2, ActionType.NOOP: 3}
    keys = [(rank[a.action], a.side is Side.SELL, a.level_id) for a in decided.actions]
    assert keys == sorted(keys)
    noops = [a for a in decided.actions if a.action is ActionType.NOOP]
    assert len(noops) == (0 if decided.cancels or decided.intents else 1)
    assert len(decided.actions) == max(
        1,
        sum(a.action is ActionType.CANCEL for a in decided.actions) + len(decided.intents),
    )


@given(scenes())
def test_actions_effects_and_orders_say_the_same(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal],
) -> None:
    book = scene[0]
    decided = decide(*scene)
    leaving = {a.order_id for a in decided.actions
               if a.action in {ActionType.CANCEL, ActionType.REPLACE}}  # fmt: skip
    assert leaving == {o.order_id for o in decided.cancels}
    assert len({o.client_order_id for o in decided.cancels}) == len(decided.cancels)
    assert {o.client_order_id for o in decided.cancels} <= set(book.live)
    coming = [(a.side, a.level_id, a.price, a.qty) for a in decided.actions
              if a.action in {ActionType.REPLACE, ActionType.PLACE}]  # fmt: skip
    assert coming == [(i.side, i.level_id, i.price, i.qty) for i in decided.intents]


@given(scenes())
def test_the_diff_reads_the_book_and_changes_nothing(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal],
) -> None:
    book = scene[0]
    before = repr(book)
    first = decide(*scene)
    assert repr(book) == before
    assert decide(*scene) == first


@given(scenes())
def test_what_is_placed_is_passive_wanted_and_alone_at_its_price(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal],
) -> None:
    _book, plan, mid, _position = scene
    decided = decide(*scene)
    shape = plan.shape
    for intent in decided.intents:
        assert intent.price < mid if intent.side is Side.BUY else intent.price > mid
        levels = shape.levels_down if intent.side is Side.BUY else shape.levels_up
        assert 1 <= intent.level_id <= levels
        planned = shape.size_schedule[intent.level_id - 1]
        assert 0 <= planned - intent.qty < D("0.00000001")
        assert intent.reduce_only is shape.reduce_only
    places = [(i.side, i.price) for i in decided.intents]
    assert len(set(places)) == len(places)


@given(scenes())
def test_applying_leaves_at_most_the_planned_levels(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal],
) -> None:
    book, plan, _mid, _position = scene
    apply(book, decide(*scene), plan, 100)
    assert len(book.live) <= plan.shape.level_count
    levels = [(o.side, o.level_id) for o in book.live.values()]
    assert len(set(levels)) == len(levels)
    assert not book.leaving


@given(scenes())
def test_the_same_plan_again_after_applying_does_nothing(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal],
) -> None:
    book, plan, mid, position = scene
    assume(plan.reset_action is not ResetAction.HARD)
    apply(book, decide(*scene), plan, 100)
    again = decide(book, plan, mid, position)
    assert [a.action for a in again.actions] == [ActionType.NOOP]


@given(scenes(reset_action=ResetAction.HARD))
def test_a_hard_reset_is_cancel_all_and_a_first_plan(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal],
) -> None:
    book, plan, mid, position = scene
    decided = decide(*scene)
    fresh = a_book(tick_size=book.tick_size)
    first = decide(fresh, evolve(plan, reset_action=ResetAction.NONE), mid, position)
    assert {o.client_order_id for o in decided.cancels} == set(book.live)
    assert decided.intents == first.intents
    assert decided.anchor == first.anchor
    assert decided.resets
    assert not [a for a in decided.actions if a.action is ActionType.REPLACE]


@given(scenes(reset_action=ResetAction.NONE))
def test_without_a_reset_the_anchor_stays(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal],
) -> None:
    book, plan, _mid, _position = scene
    assume(plan.shape.mode not in {GridMode.PAUSE, GridMode.EMERGENCY})
    decided = decide(*scene)
    expected = plan.center_price if book.anchor_price is None else book.anchor_price
    assert decided.anchor == expected
    assert not decided.resets
    assert not [a for a in decided.actions if a.action is ActionType.REPLACE]


@given(scenes(reset_action=ResetAction.SOFT))
def test_a_soft_reset_keeps_exactly_what_conforms(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal],
) -> None:
    book, plan, mid, position = scene
    assume(plan.shape.mode not in {GridMode.PAUSE, GridMode.EMERGENCY})
    decided = decide(*scene)
    assert decided.anchor == plan.center_price
    fresh = a_book(tick_size=book.tick_size)
    first = decide(fresh, plan, mid, position)
    wanted = {(i.side, i.level_id): (i.price, i.qty) for i in first.intents}
    leaving = {o.client_order_id for o in decided.cancels}
    for order in book.live.values():
        conforms = wanted.get((order.side, order.level_id)) == (order.price, order.qty)
        assert (order.client_order_id in leaving) is not conforms
    replaced = {(a.side, a.level_id) for a in decided.actions if a.action is ActionType.REPLACE}
    assert replaced <= set(wanted)
    apply(book, decided, plan, 100)
    assert {(o.side, o.level_id) for o in book.live.values()} == set(wanted)


@given(scenes(mode=GridMode.PAUSE), st.sampled_from((GridMode.PAUSE, GridMode.EMERGENCY)))
def test_a_pause_takes_all_but_exits_out_and_forgets_the_anchor(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal], mode: GridMode
) -> None:
    book, plan, mid, position = scene
    plan = evolve(plan, shape=evolve(plan.shape, mode=mode))
    decided = decide(book, plan, mid, position)
    exits = {key for key, order in book.live.items() if order.reduce_only}
    assert {o.client_order_id for o in decided.cancels} == set(book.live) - exits
    assert decided.anchor is None
    assert decided.resets
    assert decided.intents == ()
    apply(book, decided, plan)
    assert (book.anchor_price, book.spent_buy, book.spent_sell) == (None, [], [])


@given(scenes(), st.data())
def test_within_the_quiet_bounds_the_full_diff_does_nothing(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal], data: st.DataObject
) -> None:
    book, plan, mid, position = scene
    decided = decide(*scene)
    apply(book, decided, plan, 100)
    quiet = decided.quiet
    assume(quiet is not None)
    assert quiet is not None
    low, high = quiet
    same = evolve(plan, reset_action=ResetAction.NONE)
    others = [low, high, data.draw(mids_near(plan.center_price)), mid]
    for other in others:
        if (
            other is None
            or (low is not None and other < low)
            or (high is not None and other > high)
        ):
            continue
        centre = data.draw(st.sampled_from((plan.center_price, other)))
        again = decide(book, evolve(same, center_price=centre), other, position)
        assert [a.action for a in again.actions] == [ActionType.NOOP]
        assert again.events == ()
        assert again.anchor == book.anchor_price


@given(scenes(reset_action=ResetAction.NONE))
def test_the_quiet_bounds_hold_the_present_mid(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal],
) -> None:
    decided = decide(*scene)
    if decided.quiet is not None:
        low, high = decided.quiet
        assert low is None or low <= scene[2]
        assert high is None or scene[2] <= high


@given(scenes(reduce_only=True))
def test_a_reduce_only_plan_never_exceeds_the_position(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal],
) -> None:
    book, plan, _mid, position = scene
    apply(book, decide(*scene), plan, 100)
    for side in Side:
        resting = sum((o.qty for o in book.live.values() if o.side is side), D(0))
        reduces = position > 0 if side is Side.SELL else position < 0
        assert resting <= (abs(position) if reduces else 0)


def test_a_reduce_only_plan_keeps_its_outer_exits_after_the_inner_one_filled() -> None:
    exits = {"levels_up": 3, "levels_down": 3, "size_schedule": (D(1),) * 3, "reduce_only": True}
    book, plan = a_book(), a_plan(**exits)
    apply(book, decide(book, plan, D(100), D(3)), plan)
    assert sorted(o.level_id for o in book.live.values()) == [1, 2, 3]
    fill(book, next(o for o in book.live.values() if o.level_id == 1))
    after = decide(book, plan, D(100), D(2))
    assert [a.action for a in after.actions] == [ActionType.NOOP]


def test_a_reduce_only_plan_drops_the_level_that_is_too_large_and_all_beyond() -> None:
    exits = {"levels_up": 3, "size_schedule": (D(1), D(3), D(1)), "reduce_only": True}
    plan = a_plan(**exits)
    decided = decide(a_book(), plan, D(100), D("3.5"))
    assert [(i.side, i.level_id) for i in decided.intents] == [(Side.SELL, 1)]
    assert decide(a_book(), plan, D(100), D(0)).intents == ()


@given(scenes())
def test_every_refused_level_is_told_with_its_reason(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal],
) -> None:
    _book, plan, _mid, _position = scene
    decided = decide(*scene)
    skips = [e for e in decided.events if e.type is ExecutionEventType.ORDER_SKIPPED]
    others = {e.type for e in decided.events} - {ExecutionEventType.ORDER_SKIPPED}
    assert others <= {ExecutionEventType.GRID_RESET}
    placed = {(i.side.value, i.level_id) for i in decided.intents}
    for skip in skips:
        assert (skip.details["side"], skip.details["level_id"]) not in placed
        assert skip.details["reason"] in {
            "EXEC_DUPLICATE_PRICE", "EXEC_PRICE_NON_POSITIVE", "EXEC_QTY_BELOW_MIN_QTY"
        }  # fmt: skip
    resets = [e for e in decided.events if e.type is ExecutionEventType.GRID_RESET]
    assert len(resets) == (plan.reset_action is not ResetAction.NONE)
    for reset in resets:
        assert reset.details["action"] == plan.reset_action.value
        assert reset.details["reason_codes"] == plan.reason_codes


def test_levels_that_round_to_one_price_are_told_once_each() -> None:
    book = a_book(tick_size=D(1))
    plan = a_plan(levels_up=3, levels_down=3, size_schedule=(D(1),) * 3)
    decided = decide(book, plan, D(100))
    assert [(i.side, i.level_id, i.price) for i in decided.intents] == [
        (Side.BUY, 1, 99),
        (Side.SELL, 1, 101),
    ]
    assert [(e.details["side"], e.details["level_id"], e.details["reason"]) for e in
            decided.events] == [
        ("BUY", 2, "EXEC_DUPLICATE_PRICE"), ("BUY", 3, "EXEC_DUPLICATE_PRICE"),
        ("SELL", 2, "EXEC_DUPLICATE_PRICE"), ("SELL", 3, "EXEC_DUPLICATE_PRICE"),
    ]  # fmt: skip


def test_a_price_that_rounds_to_nothing_is_told() -> None:
    decided = decide(a_book(tick_size=D(1)), a_plan(center_price=D("0.5")), D("0.5"))
    reasons = [(e.details["side"], e.details["reason"]) for e in decided.events]
    assert reasons[:2] == [("BUY", "EXEC_PRICE_NON_POSITIVE")] * 2
    assert [i.price for i in decided.intents] == [1]


def test_a_size_that_rounds_to_nothing_is_told_with_both_sizes() -> None:
    tiny = a_plan(size_schedule=(D("0.000000009"), D("0.000000019")))
    decided = decide(a_book(), tiny, D(100))
    skip = decided.events[0]
    assert skip.details["reason"] == ExecReason.EXEC_QTY_BELOW_MIN_QTY.value
    assert (skip.details["original_qty"], skip.details["rounded_qty"]) == ("0.000000009", "0")
    assert {i.qty for i in decided.intents} == {D("0.00000001")}


@given(scenes(), st.sampled_from((3, 28)))
def test_the_diff_is_the_same_whatever_the_callers_precision(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal], precision: int
) -> None:
    expected = decide(*scene)
    with localcontext() as ambient:
        ambient.prec = precision
        assert decide(*scene) == expected


# -- the book of orders ------------------------------------------------------------------------


def test_what_is_open_is_worth_price_times_remaining() -> None:
    book = a_book()
    book.place([an_order(qty=D(2)), an_order(client_order_id="c2", price=D(101), side=Side.SELL)])
    assert book.open_notional == D("300.8")
    book.fold(
        an_update(
            state=OrderState.PARTIALLY_FILLED,
            filled_qty=D("0.5"),
            last_qty=D("0.5"),
            last_price=D("99.9"),
            trade_id=1,
        )
    )
    assert book.open_notional == D("250.85")
    assert book.unplanned_notional == 0
    book.cancel([book.live["c2"]])  # it can fill until the venue says that it is gone
    assert (book.open_notional, book.unplanned_notional) == (D("250.85"), D(101))
    book.fold(an_update(client_order_id="c2", state=OrderState.CANCELLED))
    assert (book.open_notional, book.unplanned_notional) == (D("149.85"), 0)


@pytest.mark.parametrize("rearm", Rearm)
def test_a_fill_spends_its_level_and_rearms_the_innermost_opposite_one(rearm: Rearm) -> None:
    book, plan = a_book(rearm=rearm), a_plan()
    apply(book, decide(book, plan, D(100)), plan)
    buys = [o for o in book.live.values() if o.side is Side.BUY]
    for order in reversed(buys):
        fill(book, order)
    assert book.spent_buy == [1, 2]
    fill(book, next(o for o in book.live.values() if o.side is Side.SELL))
    assert book.spent_sell == [1]
    assert book.spent_buy == ([2] if rearm is Rearm.OPPOSITE else [1, 2])


def test_a_late_fill_of_a_cancelled_order_spends_no_level() -> None:
    book = a_book()
    book.place([an_order()])
    book.cancel([book.live["c1"]])
    fill(book, book.leaving["c1"])
    assert (book.spent_buy, book.live, book.leaving) == ([], {}, {})


def test_what_the_venue_takes_away_frees_its_level() -> None:
    for state in (OrderState.EXPIRED, OrderState.CANCELLED):
        book, plan = a_book(), a_plan()
        apply(book, decide(book, plan, D(100)), plan)
        gone = next(iter(book.live.values()))
        book.fold(
            an_update(
                client_order_id=gone.client_order_id, order_id=gone.order_id, side=gone.side,
                state=state,
            )
        )  # fmt: skip
        placed = decide(book, plan, D(100)).intents
        assert [(i.side, i.level_id) for i in placed] == [(gone.side, gone.level_id)]


@pytest.mark.parametrize("before", TRANSITIONS)
@pytest.mark.parametrize("after", OrderState)
def test_only_moves_of_the_table_are_taken(before: OrderState, after: OrderState) -> None:
    book = a_book()
    book.place([an_order(state=before)])
    update = an_update(state=after, filled_qty=D(1) if after is OrderState.FILLED else D(0))
    if after in TRANSITIONS[before]:
        assert book.fold(update).state is after
        assert ("c1" in book.live) is not after.is_final
    else:
        with pytest.raises(InvariantError):
            book.fold(update)


def test_a_filled_quantity_never_shrinks() -> None:
    book = a_book()
    book.place([an_order(filled_qty=D("0.5"), state=OrderState.PARTIALLY_FILLED)])
    with pytest.raises(InvariantError):
        book.fold(an_update(state=OrderState.PARTIALLY_FILLED, filled_qty=D("0.4")))


# -- identity (LIVE-21) ------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 999)), min_size=1, max_size=40))
def test_ids_are_never_reused_and_read_back(steps: list[tuple[int, int]]) -> None:
    ids, now, seen = OrderIds("default"), 1_700_000_000_000, []
    for gap, level in steps:
        now += gap - 20  # time may stand still or go back; ids only rise
        text = ids.next_id(level, now)
        parsed = parse_client_order_id(text)
        assert parsed is not None
        assert (parsed.strategy_id, parsed.level_id) == ("default", level)
        assert len(text) <= 36
        seen.append((parsed.ts, parsed.seq))
    assert seen == sorted(set(seen))


@given(st.text(max_size=40) | st.from_regex(r"grinder_[a-z_0-9]{0,30}", fullmatch=True))
def test_any_text_is_an_id_of_ours_or_none(text: str) -> None:
    parsed = parse_client_order_id(text)
    if parsed is not None and parsed.symbol is None:
        ids = OrderIds(parsed.strategy_id, parsed.ts, parsed.seq - 1)
        assert ids.next_id(parsed.level_id, parsed.ts) == text


def test_ids_survive_more_orders_in_a_millisecond_than_the_stamp_holds() -> None:
    ids = OrderIds("s", 5, 36**3 - 2)
    texts = [ids.next_id(1, 5) for _ in range(3)]
    parsed = [parse_client_order_id(text) for text in texts]
    assert [(p.ts, p.seq) for p in parsed if p] == [(5, 36**3 - 1), (6, 0), (6, 1)]


@pytest.mark.parametrize(
    "changes",
    [{"strategy_id": ""}, {"strategy_id": "A"}, {"strategy_id": "a_b"}, {"strategy_id": "a" * 12},
     {"rearm": "sometimes"}, {"tick_sizes": {"AAAUSDT": D(0)}}, {"tick_sizes": {"AAAUSDT": 0.1}},
     {"tick_sizes": [("AAAUSDT", D(1))]}, {"tick_sizes": {"AAAUSDT": D("0.000000001")}}],
)  # fmt: skip
def test_impossible_order_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        OrderSettings(**changes)


# -- shapes that lay the same orders -----------------------------------------------------------


@given(scenes(), st.data())
def test_shapes_that_lay_alike_give_the_same_diff(
    scene: tuple[GridBook, GridPlan, Decimal, Decimal], data: st.DataObject
) -> None:
    book, plan, mid, position = scene
    shape = plan.shape
    wider = evolve(
        shape,
        regime=data.draw(st.sampled_from(Regime)),
        width_up_bps=shape.width_up_bps + 7 if shape.levels_up else 0,
        width_down_bps=shape.width_down_bps + 3 if shape.levels_down else 0,
    )
    assert wider.lays_like(shape)
    assert decide(book, evolve(plan, shape=wider), mid, position) == decide(*scene)


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": GridMode.PAUSE, "levels_up": 0, "levels_down": 0, "size_schedule": ()},
        {"spacing_bps": 11},
        {"levels_up": 1},
        {"levels_down": 1},
        {"size_schedule": (D(1), D("1.5"))},
        {"skew_bps": 1},
        {"reduce_only": True},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_shape_that_lays_other_orders_is_never_quiet(changes: dict[str, Any]) -> None:
    book, plan = a_book(), a_plan()
    decided = decide(book, plan, D(100))
    apply(book, decided, plan)
    assert decided.quiet is not None
    book.quiet = Quiet(plan.shape, D(0), *decided.quiet)
    assert book.is_quiet(evolve(plan, shape=evolve(plan.shape)), D(100), D(5))
    other = a_plan(**changes)
    assert not other.shape.lays_like(plan.shape)
    assert not plan.shape.lays_like(other.shape)
    assert not book.is_quiet(other, D(100), D(0))
    halted = evolve(other.shape, mode=GridMode.EMERGENCY) if "mode" in changes else other.shape
    assert halted.lays_like(other.shape) is (halted is other.shape)


def test_an_exit_plan_is_quiet_at_its_own_position_only() -> None:
    book = a_book()
    exits = a_plan(reduce_only=True, size_schedule=(D(1), D(1)))
    decided = decide(book, exits, D(100), D(2))
    assert len(decided.intents) == 2
    apply(book, decided, exits)
    assert decided.quiet is not None
    book.quiet = Quiet(exits.shape, D(2), *decided.quiet)
    assert book.is_quiet(exits, D(100), D("2.00"))
    assert not book.is_quiet(exits, D(100), D(1))
    assert len(decide(book, exits, D(100), D(1)).cancels) == 1


def test_whatever_is_placed_or_taken_out_ends_the_quiet() -> None:
    book, plan = a_book(), a_plan()
    for change in (
        lambda: book.place([an_order(level_id=0)]),
        lambda: book.cancel([book.live["c1"]]),
        lambda: book.reset(D(100)),
    ):
        book.quiet = Quiet(plan.shape, D(0))
        change()
        assert book.quiet is None
