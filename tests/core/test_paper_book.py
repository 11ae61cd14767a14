"""CORE-40: the paper order book keeps a real port's promises over the simulated exchange."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.codec import dump_state, from_dict, load_state, to_dict
from grinder_core.contracts.enums import FillMode, OrderState, Side
from grinder_core.contracts.market import Snapshot
from grinder_core.errors import ConfigError, ContractError, PaperOrderError
from grinder_core.venue.paper_book import OrderResult, PaperOrderBook
from tests.support.factories import SYMBOL, a_snapshot
from tests.support.strategies import hostile_contexts

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
OPEN, FILLED, CANCELLED = OrderState.OPEN, OrderState.FILLED, OrderState.CANCELLED


def crossing(**changes: Any) -> PaperOrderBook:
    return PaperOrderBook.of(FillMode.CROSSING, **changes)


def place(book: PaperOrderBook, client_id: str = "a", **changes: Any) -> OrderResult:
    """BUY 1 at 99."""
    values: dict[str, Any] = {
        "symbol": SYMBOL,
        "side": BUY,
        "price": D(99),
        "quantity": D(1),
        "now": 1,
    }
    return book.place_order(client_order_id=client_id, **{**values, **changes})


def at(mid: str | Decimal, ts: int = 1, symbol: str = SYMBOL) -> Snapshot:
    return a_snapshot(ts=ts, symbol=symbol, bid_price=D(mid), ask_price=D(mid))


# -- the spec's example


def test_worked_example_core_40() -> None:
    book = crossing()
    assert place(book).order_id == "PAPER_00000001"
    new = book.replace_order("PAPER_00000001", D(98), D(2), now=2)
    assert book.order("PAPER_00000001").state is CANCELLED
    assert (new.order_id, new.state, new.price, new.qty) == ("PAPER_00000002", OPEN, D(98), D(2))
    assert new.replaces == "PAPER_00000001"
    assert book.cancel_order("PAPER_00000001", now=3).state is CANCELLED


# -- cancel and replace


def test_cancelling_again_returns_the_same_result() -> None:
    book = crossing()
    place(book)
    first = book.cancel_order("PAPER_00000001", now=5)
    assert (first.state, first.updated_ts, first.placed_ts) == (CANCELLED, 5, 1)
    assert book.cancel_order("PAPER_00000001", now=9) == first


def test_instant_fills_at_once_so_nothing_can_be_replaced() -> None:
    book = PaperOrderBook.of(FillMode.INSTANT)
    order = place(book)
    assert (order.state, order.filled_qty) == (FILLED, D(1))
    before = dump_state(book)
    with pytest.raises(PaperOrderError, match="FILLED and cannot be replaced"):
        book.replace_order(order.order_id, D(98), D(1), now=2)
    with pytest.raises(PaperOrderError, match="FILLED and cannot be cancelled"):
        book.cancel_order(order.order_id, now=2)
    assert dump_state(book) == before


def test_replacing_twice_does_not_double_the_order() -> None:
    book = crossing()
    place(book)
    book.replace_order("PAPER_00000001", D(98), D(1), now=2)
    with pytest.raises(PaperOrderError, match="CANCELLED and cannot be replaced"):
        book.replace_order("PAPER_00000001", D(98), D(1), now=3)
    assert [order.order_id for order in book.open_orders()] == ["PAPER_00000002"]


def test_a_replace_with_an_id_of_its_own_can_be_repeated() -> None:
    book = crossing()
    place(book)
    first = book.replace_order("PAPER_00000001", D(98), D(1), now=2, client_order_id="b")
    again = book.replace_order("PAPER_00000001", D(98), D(1), now=3, client_order_id="b")
    assert again == first
    with pytest.raises(PaperOrderError, match="already names PAPER_00000002"):
        book.replace_order("PAPER_00000001", D(97), D(1), now=3, client_order_id="b")
    with pytest.raises(PaperOrderError, match="already names PAPER_00000002"):
        book.replace_order("PAPER_00000002", D(98), D(1), now=3, client_order_id="b")
    assert book.order("PAPER_00000002").state is OPEN


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("order", {}),
        ("cancel_order", {"now": 1}),
        ("replace_order", {"new_price": D(1), "new_quantity": D(1), "now": 1}),
    ],
)
def test_an_unknown_order_is_an_error(operation: str, arguments: dict[str, Any]) -> None:
    book = crossing()
    place(book)
    with pytest.raises(PaperOrderError, match="PAPER_00000009"):
        getattr(book, operation)("PAPER_00000009", **arguments)


# -- repeated and bad calls


def test_an_equal_call_returns_the_first_order_as_it_stands() -> None:
    book = crossing()
    first = place(book)
    assert place(book, price=D("99.00"), now=7) == first
    book.on_snapshot(at("98.9"), now=8)
    assert place(book, now=9).state is FILLED
    assert book.last_seq == 1


@pytest.mark.parametrize(
    "changes", [{"symbol": "BBBUSDT"}, {"side": SELL}, {"price": D(98)}, {"quantity": D(2)}]
)
def test_a_reused_id_with_other_content_is_an_error(changes: dict[str, Any]) -> None:
    book = crossing()
    place(book)
    before = dump_state(book)
    with pytest.raises(PaperOrderError, match="already names PAPER_00000001"):
        place(book, **changes)
    assert dump_state(book) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "aaa"},
        {"side": "BUY"},
        {"price": D(0)},
        {"price": D("0.000000001")},
        {"quantity": D(0)},
        {"client_id": ""},
        {"now": -1},
        {"now": True},
    ],
)
def test_bad_values_are_refused_before_anything_changes(changes: dict[str, Any]) -> None:
    book = crossing()
    with pytest.raises(ContractError):
        place(book, **changes)
    assert dump_state(book) == dump_state(crossing())


@pytest.mark.parametrize(("price", "qty"), [(D(0), D(1)), (D(98), D(0)), (D(10**9), D(1))])
def test_a_bad_replacement_leaves_the_old_order(price: Decimal, qty: Decimal) -> None:
    book = crossing()
    place(book)
    with pytest.raises(ContractError):
        book.replace_order("PAPER_00000001", price, qty, now=2)
    assert book.order("PAPER_00000001").state is OPEN


@pytest.mark.parametrize("mode", [FillMode.L2, FillMode.QUEUE])
def test_modes_that_need_more_than_quotes_are_refused(mode: FillMode) -> None:
    with pytest.raises(ConfigError, match="fill_mode"):
        PaperOrderBook.of(mode)
    with pytest.raises(ConfigError, match="fill_after_ticks"):
        PaperOrderBook.of(FillMode.CROSSING, fill_after_ticks=-1)


def test_time_of_a_market_does_not_go_back() -> None:
    book = crossing()
    book.on_snapshot(at(100, ts=5), now=5)
    book.on_snapshot(at(100, ts=4, symbol="BBBUSDT"), now=5)
    with pytest.raises(ContractError, match="back"):
        book.on_snapshot(at(100, ts=4), now=6)


# -- matching


def test_nothing_fills_before_the_first_quote() -> None:
    book = crossing()
    assert place(book, "a", price=D(10**6)).state is OPEN
    assert place(book, "b", side=SELL, price=D("0.01")).state is OPEN


@pytest.mark.parametrize(
    ("side", "mid", "state"),
    [
        (BUY, "99", FILLED),
        (BUY, "99.00000001", OPEN),
        (SELL, "99", FILLED),
        (SELL, "98.99999999", OPEN),
    ],
)
def test_a_marketable_order_fills_at_once_and_a_touch_counts(
    side: Side, mid: str, state: OrderState
) -> None:
    book = crossing()
    assert book.on_snapshot(at(mid), now=1) == ()
    assert place(book, side=side, now=2).state is state
    resting = crossing()
    place(resting, side=side)
    changed = resting.on_snapshot(at(mid), now=4)
    assert [order.state for order in changed] == ([FILLED] if state is FILLED else [])


@pytest.mark.parametrize(
    ("mode", "fills"),
    [
        (FillMode.INSTANT, ["98.5", "99.5", "100", "97"]),
        (FillMode.TOUCH, ["98.5", "99.5", "100"]),
        (FillMode.CROSSING, ["99.5", "100"]),
        (FillMode.QUOTE, ["100"]),
    ],
)
def test_every_mode_that_needs_quotes_only_fills_by_its_own_rule(
    mode: FillMode, fills: list[str]
) -> None:
    book = PaperOrderBook.of(mode)
    book.on_snapshot(a_snapshot(ts=1, bid_price=D(98), ask_price=D(100)), now=1)
    placed = [place(book, p, price=D(p), now=2) for p in ("98.5", "99.5", "100", "97")]
    assert [o.client_order_id for o in placed if o.state is FILLED] == fills


def test_an_order_waits_for_its_ticks() -> None:
    book = crossing(fill_after_ticks=2)
    book.on_snapshot(at(98, ts=1), now=1)
    place(book, now=1)
    assert book.on_snapshot(at(98, ts=2), now=2) == ()
    (filled,) = book.on_snapshot(at(98, ts=3), now=3)
    assert (filled.state, filled.updated_ts) == (FILLED, 3)


def test_another_prefix_and_another_symbol() -> None:
    book = crossing(prefix="SIM")
    assert place(book).order_id == "SIM_00000001"
    assert place(book, "b", symbol="BBBUSDT").order_id == "SIM_00000002"
    book.on_snapshot(at("50", symbol="BBBUSDT"), now=2)
    assert [o.order_id for o in book.open_orders()] == ["SIM_00000001"]
    assert book.open_orders("BBBUSDT") == ()
    result = book.order("SIM_00000002")
    assert from_dict(OrderResult, to_dict(result)) == result


# -- properties: any calls, against a plain model

_PRICES = st.integers(95, 105).map(D)
_IDS = st.integers(1, 6).map(lambda n: f"PAPER_{n:08d}")
_CALLS = st.one_of(
    st.tuples(
        st.just("place"),
        st.sampled_from((SYMBOL, "BBBUSDT")),
        st.sampled_from(Side),
        _PRICES,
        st.sampled_from("abcdef"),
    ),
    st.tuples(st.just("cancel"), _IDS),
    st.tuples(st.just("replace"), _IDS, _PRICES, st.sampled_from(("", "", "r", "s"))),
    st.tuples(st.just("quote"), st.sampled_from((SYMBOL, "BBBUSDT")), _PRICES),
)
Call = tuple[Any, ...]


def perform(book: PaperOrderBook, call: Call, now: int) -> object:
    """Make one call; an error is its own answer."""
    try:
        match call:
            case ("place", symbol, side, price, client_id):
                return book.place_order(symbol, side, price, D(1), client_id, now=now)
            case ("cancel", order_id):
                return book.cancel_order(order_id, now=now)
            case ("replace", order_id, price, client_id):
                return book.replace_order(order_id, price, D(1), now=now, client_order_id=client_id)
            case (_, symbol, price):
                return book.on_snapshot(at(price, ts=now, symbol=symbol), now=now)
    except PaperOrderError as error:
        return str(error)
    raise AssertionError(call)


class Model:
    """Orders as plain tuples and a mid a symbol: crossing fills without delay, read again."""

    def __init__(self) -> None:
        self.orders: dict[str, tuple[str, Side, Decimal]] = {}
        self.states: dict[str, OrderState] = {}
        self.mids: dict[str, Decimal] = {}

    def learn(self, call: Call, book: PaperOrderBook) -> None:
        if call[0] == "quote":
            self.mids[call[1]] = call[2]
        for order_id in list(book.orders)[len(self.orders) :]:
            new = book.orders[order_id]
            self.orders[order_id] = (new.symbol, new.side, new.price)
            self.states[order_id] = OPEN
            if call[0] == "replace":
                self.states[call[1]] = CANCELLED
        if call[0] == "cancel" and self.states.get(call[1]) is OPEN:
            self.states[call[1]] = CANCELLED
        for order_id, (symbol, side, price) in self.orders.items():
            mid = self.mids.get(symbol)
            if self.states[order_id] is OPEN and mid is not None:
                reached = mid <= price if side is BUY else mid >= price
                self.states[order_id] = FILLED if reached else OPEN


@settings(max_examples=80)
@given(st.lists(_CALLS, max_size=25))
def test_any_calls_keep_the_promises(calls: list[Call]) -> None:
    book, model = crossing(), Model()
    for now, call in enumerate(calls):
        finished = {k: o for k, o in book.orders.items() if o.state.is_final}
        live, seq = len(book.open_orders()), book.last_seq
        answer = perform(book, call, now)
        model.learn(call, book)
        assert {k: o.state for k, o in book.orders.items()} == model.states
        # terminal states never change, nor anything else about such an order
        assert all(book.orders[k] == order for k, order in finished.items())
        assert list(book.orders) == [f"PAPER_{n:08d}" for n in range(1, book.last_seq + 1)]
        assert seq <= book.last_seq <= seq + 1
        if call[0] == "replace" and book.last_seq > seq:
            assert isinstance(answer, OrderResult)
            assert book.orders[call[1]].state is CANCELLED
            assert len(book.open_orders()) == live - (answer.state is FILLED)
        if isinstance(answer, str):
            assert book.last_seq == seq


@settings(max_examples=40)
@given(st.lists(_CALLS, max_size=20), st.integers(0, 20), hostile_contexts())
def test_equal_calls_give_equal_books_also_through_a_dump(
    calls: list[Call], cut: int, ambient: Context
) -> None:
    straight, halved = crossing(), crossing()
    answers = [perform(straight, call, now) for now, call in enumerate(calls)]
    for now, call in enumerate(calls):
        if now == cut:
            halved = load_state(PaperOrderBook, dump_state(halved))
        with localcontext(ambient):
            assert perform(halved, call, now) == answers[now]
    assert halved == straight


@settings(max_examples=40)
@given(st.lists(_CALLS, max_size=20))
def test_instant_leaves_nothing_open(calls: list[Call]) -> None:
    book = PaperOrderBook.of()
    for now, call in enumerate(calls):
        perform(book, call, now)
        assert book.open_orders() == ()
        assert all(order.filled_qty == order.qty for order in book.orders.values())
