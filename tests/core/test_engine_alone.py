"""The engine with no venue at all: it learns of orders and fills from events only."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.control import Command, Control, TurnEnd
from grinder_core.contracts.effects import CancelOrder, PlaceOrder
from grinder_core.contracts.enums import ExecutionEventType, Liquidity, OrderState, Side
from grinder_core.contracts.event import Event
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.contracts.plan import GridPlan
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.engine import Engine, Output
from grinder_core.errors import InvariantError, PolicyError
from grinder_core.session.result import run
from tests.support.factories import SYMBOL, a_plan, mid_quote, play, roomy, walk

D = Decimal


def answer(effect: PlaceOrder, number: int, **changes: Any) -> Event:
    """The venue's word on an order of ours, made by hand."""
    values: dict[str, Any] = {
        "ts": 0,
        "symbol": SYMBOL,
        "client_order_id": effect.client_order_id,
        "order_id": f"V{number}",
        "side": effect.intent.side,
        "state": OrderState.OPEN,
    }
    return Event(0, OrderUpdate(**{**values, **changes}))


def filled(effect: PlaceOrder, number: int, qty: str, total: str, trade_id: int) -> Event:
    done = D(total) == effect.intent.qty
    return answer(
        effect,
        number,
        state=OrderState.FILLED if done else OrderState.PARTIALLY_FILLED,
        filled_qty=D(total),
        last_qty=D(qty),
        last_price=effect.intent.price,
        fee=D("0.01"),
        liquidity=Liquidity.MAKER,
        trade_id=trade_id,
    )


END = Event(0, TurnEnd())


def started(config: EngineConfig | None = None) -> tuple[Engine, list[PlaceOrder]]:
    """An engine that has just sent its first grid around 100."""
    engine = Engine(config or roomy(levels=2))
    effects = engine.step(mid_quote(0, "100"))
    assert all(isinstance(effect, PlaceOrder) for effect in effects)
    return engine, [effect for effect in effects if isinstance(effect, PlaceOrder)]


def output_of(outputs: tuple[Output, ...]) -> PaperOutput:
    (output,) = outputs
    assert isinstance(output, PaperOutput)
    return output


def test_effects_come_first_and_the_output_at_the_end_of_the_turn() -> None:
    engine, placed = started()
    assert [(e.intent.side, e.intent.price) for e in placed] == [
        (Side.BUY, D("99.9")),
        (Side.BUY, D("99.8")),
        (Side.SELL, D("100.1")),
        (Side.SELL, D("100.2")),
    ]
    for number, effect in enumerate(placed):
        assert engine.step(answer(effect, number)) == ()
    output = output_of(engine.step(END))
    told = [(e.type, e.details["order_id"]) for e in output.events]
    assert told == [(ExecutionEventType.ORDER_PLACED, f"V{n}") for n in range(4)]
    assert [a.order_id for a in output.actions] == [None] * 4  # no id was known when deciding


def test_an_end_of_turn_without_a_turn_says_nothing() -> None:
    assert Engine().step(END) == ()


def test_a_snapshot_closes_a_turn_that_nobody_answered() -> None:
    engine, _ = started()
    first, second = engine.step(mid_quote(5, "100"))
    assert isinstance(first, PaperOutput)
    assert isinstance(second, PaperOutput)
    assert (first.ts, second.ts) == (0, 5)
    assert [a.action.value for a in second.actions] == ["NOOP"]  # pending orders count


def test_partial_fills_add_up_and_spend_the_level_once_whole() -> None:
    engine, placed = started()
    for number, effect in enumerate(placed):
        engine.step(answer(effect, number))
    engine.step(END)
    engine.step(filled(placed[0], 0, "0.25", "0.25", 1))
    s = engine.hot.symbols[SYMBOL]
    assert (s.ledger.qty, s.grid.spent_buy) == (D("0.25"), [])
    engine.step(filled(placed[0], 0, "0.75", "1", 2))
    assert (s.ledger.qty, s.grid.spent_buy) == (1, [1])
    output = output_of(engine.step(mid_quote(1, "100")))
    assert [(f.fill_id, f.qty, f.fee) for f in output.fills] == [
        ("fill_00000001", D("0.25"), D("0.01")),
        ("fill_00000002", D("0.75"), D("0.01")),
    ]
    assert output.pnl_snapshot.unrealized_pnl == D("0.1")
    assert output.equity == D("10000.08")


@given(st.data())
def test_the_same_execution_told_again_is_ignored(data: st.DataObject) -> None:
    """Fills are de-duplicated by trade id, also after the order is gone."""
    engine, placed = started()
    twin, _ = started()
    for number, effect in enumerate(placed):
        engine.step(answer(effect, number))
        twin.step(answer(effect, number))
    story = [
        filled(placed[0], 0, "0.5", "0.5", 1),
        filled(placed[2], 2, "1", "1", 2),
        filled(placed[0], 0, "0.5", "1", 3),
    ]
    repeats = 0
    for number, event in enumerate(story):
        engine.step(event)
        twin.step(event)
        for old in data.draw(st.lists(st.sampled_from(story[: number + 1]), max_size=3)):
            assert engine.step(old) == ()
            repeats += 1
    assert engine.hot.stats.duplicate_fills == repeats
    assert engine.hot.stats.total_fills == twin.hot.stats.total_fills == 3
    assert engine.hot.symbols == twin.hot.symbols
    assert (engine.hot.cash, engine.hot.exposure) == (twin.hot.cash, twin.hot.exposure)


def test_orders_that_are_not_ours_are_counted_and_left_alone() -> None:
    engine, placed = started()
    before = engine.hot.symbols[SYMBOL].grid.live.copy()
    foreign = answer(placed[0], 9, client_order_id="somebody", last_qty=D(1), last_price=D(1),
                     filled_qty=D(1), trade_id=1, state=OrderState.FILLED)  # fmt: skip
    assert engine.step(foreign) == ()
    other = answer(placed[0], 9, symbol="BBBUSDT", client_order_id="somebody")
    assert engine.step(other) == ()
    assert engine.hot.stats.foreign_updates == 2
    assert engine.hot.symbols[SYMBOL].grid.live == before
    assert engine.hot.symbols[SYMBOL].ledger.fill_count == 0


def test_a_refused_order_is_told_and_tried_again() -> None:
    engine, placed = started(roomy(levels=1))
    engine.step(answer(placed[0], 0))
    engine.step(answer(placed[1], 1, state=OrderState.REJECTED, reason="-2010"))
    output = output_of(engine.step(END))
    skip = output.events[-1]
    assert skip.type is ExecutionEventType.ORDER_SKIPPED
    assert skip.details["reason"] == "EXEC_REFUSED_BY_VENUE"
    assert skip.details["venue_reason"] == "-2010"
    assert engine.hot.stats.orders_placed == 1
    (again,) = engine.step(mid_quote(1, "100"))
    assert isinstance(again, PlaceOrder)
    assert again.intent == placed[1].intent
    assert again.client_order_id != placed[1].client_order_id


def test_a_fill_may_overtake_the_acknowledgement() -> None:
    engine, placed = started(roomy(levels=1))
    engine.step(filled(placed[0], 0, "1", "1", 1))
    engine.step(answer(placed[1], 1))
    output = output_of(engine.step(END))
    assert [f.order_id for f in output.fills] == ["V0"]
    assert {e.type for e in output.events} == {ExecutionEventType.ORDER_PLACED}
    assert engine.hot.stats.orders_placed == 2


def test_a_fill_may_cross_the_cancel() -> None:
    engine, placed = started(roomy(levels=1))
    for number, effect in enumerate(placed):
        engine.step(answer(effect, number))
    engine.step(END)
    cancels = engine.step(Event(1, Control(command=Command.KILL, actor="test")))
    assert [c.order_id for c in cancels if isinstance(c, CancelOrder)] == ["V0", "V1"]
    fill = filled(placed[0], 0, "1", "1", 1)
    engine.step(Event(1, fill.payload))
    assert engine.hot.symbols[SYMBOL].ledger.qty == 1
    assert engine.hot.symbols[SYMBOL].grid.spent_buy == []  # it belongs to no grid any more


def test_an_impossible_answer_stops_the_engine() -> None:
    engine, placed = started()
    engine.step(filled(placed[0], 0, "0.5", "0.5", 1))
    with pytest.raises(InvariantError):
        engine.step(answer(placed[0], 0, state=OrderState.REJECTED))


def test_no_event_of_a_venue_makes_the_engine_act_by_itself() -> None:
    """Decisions are taken at snapshots; order updates touch ledger and orders only."""
    engine, placed = started()
    for number, effect in enumerate(placed):
        assert engine.step(filled(effect, number, "1", "1", number + 1)) == ()


# -- a user's own policy -----------------------------------------------------------------------


class Policy:
    """Wraps a function; its name is what errors call it."""

    name = "mine"

    def __init__(self, body: Callable[[PolicyContext], Any]) -> None:
        self.body = body

    def plan(self, context: PolicyContext) -> GridPlan:
        plan: GridPlan = self.body(context)
        return plan


def raising(_: PolicyContext) -> Any:
    return 1 / 0


def comparing_with_a_float(context: PolicyContext) -> Any:
    return a_plan() if context.snapshot.mid_price > 100.5 else None  # type: ignore[operator]


NONSENSE: dict[str, Callable[[PolicyContext], Any]] = {
    "raises": raising,
    "floats": comparing_with_a_float,
    "none": lambda _: None,
    "text": lambda _: "BUY",
    "dictionary": lambda _: a_plan().to_dict(),
    "shape": lambda _: a_plan().shape,
    "class": lambda _: GridPlan,
    "negative centre": lambda _: a_plan(center_price=D(-1)),
    "nan": lambda _: a_plan(center_price=D("NaN")),
    "float size": lambda _: a_plan(size_schedule=(1.5, 1.5)),
    "no sizes": lambda _: a_plan(size_schedule=()),
    "keyword": lambda _: GridPlan(nothing=1),  # type: ignore[call-arg]
    "writes": lambda context: setattr(context, "ts", 5),
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=list(NONSENSE))
def test_a_policy_that_fails_or_talks_nonsense_is_named(
    body: Callable[[PolicyContext], Any],
) -> None:
    engine = Engine(roomy(), Policy(body))
    with pytest.raises(PolicyError) as caught:
        engine.step(mid_quote(7, "100"))
    text = str(caught.value)
    assert "policy mine" in text
    assert SYMBOL in text
    assert "ts 7" in text


def test_a_run_with_a_bad_policy_ends_with_its_name_and_no_digest() -> None:
    result = run([mid_quote(0, "100"), mid_quote(1, "100")], roomy(), Policy(raising))
    assert result.digest is None
    assert result.errors[0].event_index == 0
    assert result.errors[0].error.startswith("E_POLICY: ")
    assert "ZeroDivisionError" in result.errors[0].error


def test_a_policy_without_a_name_is_called_by_its_class() -> None:
    class Nameless:
        def plan(self, context: PolicyContext) -> GridPlan:
            raise KeyError("x")

    with pytest.raises(PolicyError, match="policy Nameless"):
        Engine(roomy(), Nameless()).step(mid_quote(0, "100"))  # type: ignore[arg-type]


def test_a_policy_sees_what_it_may_decide_on() -> None:
    seen: list[PolicyContext] = []

    def watch(context: PolicyContext) -> GridPlan:
        seen.append(context)
        return a_plan(center_price=context.snapshot.mid_price)

    play([mid_quote(0, "100"), mid_quote(1, "99.9"), mid_quote(2, "99.95")], roomy(), Policy(watch))
    assert [c.position is None for c in seen] == [True, False, False]
    assert [c.open_order_count for c in seen] == [0, 3, 3]
    assert [c.anchor_price for c in seen] == [None, 100, 100]
    assert [dict(c.features) for c in seen] == [{"mid_price": c.snapshot.mid_price} for c in seen]
    assert seen[1].position is not None
    assert seen[1].position.qty == 1


def test_with_features_on_a_policy_sees_exactly_the_nine() -> None:
    seen: list[PolicyContext] = []

    def watch(context: PolicyContext) -> GridPlan:
        seen.append(context)
        return a_plan()

    play([mid_quote(0, "100")], roomy(feature_engine_enabled=True), Policy(watch))
    assert len(seen[0].features) == 9


def test_a_policy_that_meddles_with_the_decimal_context_changes_nothing() -> None:
    def meddle(context: PolicyContext) -> GridPlan:
        plan = a_plan(center_price=context.snapshot.mid_price)
        decimal.setcontext(decimal.Context(prec=2, rounding=decimal.ROUND_UP))
        decimal.getcontext().prec = 1
        return plan

    def honest(context: PolicyContext) -> GridPlan:
        return a_plan(center_price=context.snapshot.mid_price)

    events = list(walk(4, 200))
    before = decimal.getcontext().prec
    meddled = run(events, roomy(maker_fee_bps_x100=200), Policy(meddle))
    assert decimal.getcontext().prec == before
    assert meddled.errors == ()
    assert meddled.digest == run(events, roomy(maker_fee_bps_x100=200), Policy(honest)).digest


def test_a_policy_computes_with_34_digits() -> None:
    quotients = []

    def divide(context: PolicyContext) -> GridPlan:
        quotients.append(D(1) / D(3))
        return a_plan()

    with decimal.localcontext() as ambient:
        ambient.prec = 3
        play([mid_quote(0, "100")], roomy(), Policy(divide))
    assert quotients == [D("0." + "3" * 34)]
