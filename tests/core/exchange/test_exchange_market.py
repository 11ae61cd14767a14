"""The market moves: queues, prints, quotes and depth fill orders; funding is paid (LIVE-40)."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.enums import FillMode, FundingSource, MarkSource
from grinder_core.contracts.market import DepthDiff, MarketStats
from grinder_core.venue.exchange.account import Income
from grinder_core.venue.exchange.settings import FAITHFUL
from grinder_core.venue.exchange.vocabulary import (
    AccountReason,
    Execution,
    Expiry,
    IncomeType,
    MarginType,
    OrderStatus,
    PositionSide,
    SymbolStatus,
    TimeInForce,
)
from grinder_core.venue.settings import VenueSettings
from tests.core.exchange.scene import (
    AAA,
    BBB,
    BUY,
    ME,
    SELL,
    YOU,
    D,
    Scene,
    an_instrument,
    ended,
    fills_of,
    state_of,
)

NEW, PARTLY, FILLED, CANCELED, EXPIRED, IN_MATCH = OrderStatus
BOTH, LONG, SHORT = PositionSide
IOC = TimeInForce.IOC


# -- resting


def test_what_stands_before_in_the_queue_must_trade_first() -> None:
    scene = Scene(is_quoted=False)
    scene.quote(99, 101, bid_qty=5)
    order = scene.place(BUY, 3, 99)
    for price, qty, sold in ((99, 4, True), (99, 9, False), (100, 9, True)):
        scene.prints(price, qty, sold=sold)
        assert order.filled == 0
    scene.prints(99, 3, sold=True)
    assert (order.filled, order.status) == (2, PARTLY)
    scene.prints(99, 7, sold=True)
    assert (order.filled, order.status) == (3, FILLED)
    assert fills_of(scene.news(order)) == [(99, 2), (99, 1)]


def test_two_accounts_stand_in_one_queue_in_the_order_they_came() -> None:
    scene = Scene(is_quoted=False)
    scene.quote(99, 101, bid_qty=0)
    first = scene.place(BUY, 3, 99, name=YOU)
    second = scene.place(BUY, 3, 99)
    scene.prints(99, 4, sold=True)
    assert (first.filled, second.filled) == (3, 1)


def test_a_print_through_the_limit_fills_whole_at_the_limit() -> None:
    scene = Scene()
    order = scene.place(SELL, 50, 110)
    scene.prints(110, 10**6, sold=False)
    assert order.filled == 0  # nobody knows how many stood there
    scene.prints("110.1", "0.01", sold=False)
    assert (order.status, order.average_price) == (FILLED, 110)


def test_a_quote_at_the_limit_fills_as_far_as_it_shows() -> None:
    scene = Scene()
    orders = [scene.place(BUY, 4, 98), scene.place(BUY, 4, 97, name=YOU)]
    scene.quote(95, "97.1", ask_qty=3)
    assert [order.filled for order in orders] == [3, 0]
    scene.quote(95, 97, ask_qty=3)
    assert [order.filled for order in orders] == [4, 2]
    assert [order.average_price for order in orders] == [98, 97]


def test_a_depth_book_moves_a_queue_forward() -> None:
    scene = Scene()
    order = scene.place(BUY, 3, 99)
    assert scene.ahead(order) == 100
    scene.depth({99: 7}, {101: 1})
    assert scene.ahead(order) == 7


def test_other_fill_modes_leave_the_queue_alone() -> None:
    scene = Scene(fills=VenueSettings(fill_mode=FillMode.QUOTE))
    order = scene.place(BUY, 3, 99)
    scene.depth({99: 7}, {101: 1})
    assert scene.ahead(order) is None
    scene.quote(98, 99)
    assert order.status is FILLED


# -- taking


def test_a_taker_walks_the_depth_and_tells_each_price() -> None:
    scene = Scene()
    scene.depth({99: 1}, {101: 2, 102: 3, 104: 5})
    order = scene.place(BUY, 9, 103)
    news = scene.news(order)
    assert fills_of(news) == [(101, 2), (102, 3)]
    assert [push.fee for push in news] == [0, D("0.101"), D("0.153")]
    assert [push.filled for push in news] == [0, 2, 5]
    assert [push.trade_id for push in news] == [0, 1, 2]
    assert order.average_price == D("101.6")
    market = scene.place(BUY, 4)
    assert fills_of(scene.news(market)) == [(104, 4)]
    assert fills_of(scene.news(scene.place(BUY, 4))) == [(104, 1)]


@pytest.mark.parametrize(("age", "fills"), [(1500, [(101, 2), (102, 2)]), (1501, [(101, 4)])])
def test_an_old_depth_book_is_not_walked(age: int, fills: list[tuple[int, int]]) -> None:
    scene = Scene()
    scene.depth({99: 1}, {101: 2, 102: 3})
    scene.wait(age)
    assert fills_of(scene.news(scene.place(BUY, 4))) == fills


def test_a_depth_book_that_lost_its_thread_is_not_walked() -> None:
    scene = Scene()
    scene.depth({99: 1}, {101: 2, 102: 3})
    gap = DepthDiff(
        ts=scene.now, symbol=AAA, first_update_id=50, last_update_id=51, prev_update_id=49
    )
    scene.event(DepthDiff(ts=scene.now, symbol=AAA, first_update_id=1, last_update_id=2))
    scene.event(gap)
    assert fills_of(scene.news(scene.place(BUY, 4))) == [(101, 4)]


def test_what_a_quote_gave_to_a_resting_order_no_taker_gets_from_the_depth() -> None:
    scene = Scene()
    resting = scene.place(BUY, 4, 98)
    scene.quote(95, 97, ask_qty=5)
    scene.depth({95: 1}, {97: 5, 98: 1})
    assert resting.filled == 4
    taker = scene.place(BUY, 4, 98, tif=IOC, name=YOU)
    assert fills_of(scene.news(taker)) == [(97, 1), (98, 1)]


def test_the_next_snapshot_shows_anew() -> None:
    scene = Scene()
    for _ in range(2):
        order = scene.place(BUY, 150, 101, tif=IOC)
        assert (order.filled, ended(order)) == (100, (EXPIRED, Expiry.IOC_REST))
        assert scene.place(BUY, 1, 101, tif=IOC).filled == 0
        scene.quote(99, 101)


shown = st.dictionaries(st.integers(101, 105), st.integers(1, 9), min_size=1, max_size=4)
takers = st.lists(
    st.tuples(st.sampled_from((ME, YOU)), st.integers(1, 9), st.integers(100, 106), st.booleans()),
    max_size=8,
)


@settings(max_examples=100)
@given(shown, st.lists(st.integers(1, 9), max_size=2), takers, st.booleans(), st.booleans())
def test_nothing_displayed_is_taken_twice_in_one_snapshot(
    levels: dict[int, int],
    resting: list[int],
    script: list[tuple[str, int, int, bool]],
    with_depth: bool,
    is_mirrored: bool,
) -> None:
    """On either side; ``resting`` orders are reached by the quote itself."""
    side, sign = (SELL, -1) if is_mirrored else (BUY, 1)
    best = min(levels)

    def at(price: int) -> int:
        return 200 - price if is_mirrored else price

    scene = Scene(is_quoted=False)
    scene.quote(at(150) if is_mirrored else 50, 150 if not is_mirrored else at(50))
    waiting = [scene.place(side, qty, at(110)) for qty in resting]
    scene.pushes()
    low, high = sorted((at(best), at(90)))
    scene.quote(low, high, bid_qty=levels[best], ask_qty=levels[best])
    book = {at(price): qty for price, qty in levels.items()}
    if with_depth:
        scene.depth(*(({at(90): 1}, book) if sign > 0 else (book, {at(90): 1})))
    left = {price: (qty if with_depth or price == best else 0) for price, qty in levels.items()}
    for order in waiting:
        left[best] -= int(order.filled)
    assert left[best] >= 0
    scene.pushes()
    for name, qty, limit, at_market in script:
        order = scene.place(side, qty, 0 if at_market else at(limit), name=name, tif=IOC)
        want, expected = qty, []
        for price in sorted(left):
            part = min(want, left[price]) if at_market or price <= limit else 0
            if part:
                expected.append((at(price), part))
                left[price], want = left[price] - part, want - part
        assert fills_of(scene.news(order)) == expected


def test_only_the_share_that_is_ours_is_taken() -> None:
    half = VenueSettings(
        fill_mode=FillMode.QUEUE, partial_fills_enabled=True, participation_bps=5000
    )
    scene = Scene(fills=half)
    assert scene.place(BUY, 80, 101).filled == 50
    assert scene.place(SELL, 80).filled == 50


# -- fees


def test_makers_and_takers_pay_their_own_fee_never_rounded_in_their_favour() -> None:
    scene = Scene()
    taker = scene.place(BUY, "0.33", 101)
    assert scene.news(taker)[-1].fee == D("0.016665")  # 0.05 %
    maker = scene.place(BUY, "0.33", 98)
    scene.prints(97, 1, sold=True)
    push = scene.news(maker)[-1]
    assert (push.fee, push.is_maker) == (D("0.006468"), True)  # 0.02 %
    assert scene.account().fees_paid == D("0.023133")
    tiny = Scene(an_instrument(tick=D("0.0001"), step=D("0.0001"), min_qty=D("0.0001")))
    order = tiny.place(BUY, "0.0001", "101.0003")
    assert tiny.news(order)[-1].fee == D("0.00000505")
    tiny.place(BUY, "0.0003", "98.0007")
    tiny.prints(97, 1, sold=True)
    assert tiny.order_news()[-1].fee == D("0.00000589")  # 0.000005880042


def test_a_trade_changes_wallet_and_position_and_says_so() -> None:
    scene = Scene(deposits={ME: 1000})
    scene.place(BUY, 2)
    scene.pushes()
    scene.wait(9)
    scene.place(SELL, 1)
    order_push, trade_push, account_push = scene.pushes()
    assert trade_push.realized == -2  # type: ignore[union-attr]
    assert (order_push.ts, account_push.ts) == (scene.now, scene.now)
    assert account_push.reason is AccountReason.ORDER  # type: ignore[union-attr]
    (view,) = account_push.positions  # type: ignore[union-attr]
    assert (view.qty, view.entry_price, view.realized, view.unrealized) == (1, 101, -2, -1)
    fees = D("0.101") + D("0.0495")
    assert account_push.wallet == 1000 - 2 - fees == scene.account().wallet  # type: ignore[union-attr]
    lines = [(line.kind, line.amount, line.trade_id) for line in scene.account().income][1:]
    assert lines == [
        (IncomeType.COMMISSION, D("-0.101"), 1),
        (IncomeType.REALIZED_PNL, -2, 2),
        (IncomeType.COMMISSION, D("-0.0495"), 2),
    ]
    assert [line.tran_id for line in scene.account().income] == [1, 2, 3, 4]


def test_trade_ids_rise_over_all_accounts_of_a_symbol() -> None:
    scene = Scene()
    scene.quote(99, 101, BBB)
    for name, symbol in ((ME, AAA), (YOU, AAA), (ME, BBB), (ME, AAA)):
        scene.place(BUY, 1, name=name, symbol=symbol)
    numbers = [(t.symbol, t.trade_id) for n in (ME, YOU) for t in scene.account(n).trades]
    assert numbers == [(AAA, 1), (BBB, 1), (AAA, 3), (AAA, 2)]


# -- funding


@pytest.mark.parametrize("rate", ["0.001", "-0.001"])
@pytest.mark.parametrize("kind", MarginType)
def test_longs_pay_a_positive_rate_to_shorts_at_the_mark(kind: MarginType, rate: str) -> None:
    scene = Scene(deposits={ME: 1000, YOU: 1000})
    for name in (ME, YOU):
        if kind is MarginType.ISOLATED:
            scene.exchange.set_margin_type(name, AAA, kind, scene.now)
    scene.place(BUY, 3)
    scene.place(SELL, 2, name=YOU)
    scene.mark(101)
    before = {name: scene.account(name).wallet for name in (ME, YOU)}
    cross = {name: scene.account(name).cross_wallet for name in (ME, YOU)}
    scene.pushes()
    scene.wait(5)
    scene.funding(rate)
    news = scene.account_news()
    for name, qty, push in zip((ME, YOU), (3, -2), news, strict=True):
        account = scene.account(name)
        paid = qty * 101 * D(rate)
        assert account.wallet == before[name] - paid
        assert account.funding_paid == paid
        isolated = kind is MarginType.ISOLATED
        assert account.cross_wallet == cross[name] - (0 if isolated else paid)
        assert (push.account, push.reason, push.change) == (name, AccountReason.FUNDING_FEE, -paid)
        assert (push.symbol, push.wallet) == (AAA, account.wallet)
        assert [view.qty for view in push.positions] == ([qty] if isolated else [])
        last: Income = account.income[-1]
        assert (last.kind, last.amount, last.symbol, last.ts) == (
            IncomeType.FUNDING_FEE, -paid, AAA, scene.now,
        )  # fmt: skip


def test_both_sides_of_hedge_mode_settle() -> None:
    scene = Scene()
    scene.exchange.set_position_mode(ME, hedged=True, now=scene.now)
    scene.place(BUY, 3, position_side=LONG)
    scene.place(SELL, 2, position_side=SHORT)
    scene.mark(100)
    scene.funding("0.01")
    amounts = [i.amount for i in scene.account().income if i.kind is IncomeType.FUNDING_FEE]
    assert amounts == [-3, 2]


def test_funding_can_be_the_last_straw() -> None:
    scene = Scene(deposits={ME: 10})
    scene.exchange.set_leverage(ME, AAA, 100, scene.now)
    scene.mark(100)
    scene.place(BUY, 5)
    scene.mark(100)
    assert scene.held() == 5
    scene.funding("0.01")
    assert scene.held() == 0


def test_what_is_flat_unknown_or_not_asked_for_pays_nothing() -> None:
    scene = Scene()
    scene.funding("0.01")
    scene.funding("0.01", "CCCUSDT")
    scene.funding("0.01", BBB)  # no price yet
    off = Scene(fills=VenueSettings(fill_mode=FillMode.QUEUE, partial_fills_enabled=True))
    off.place(BUY, 1)
    off.funding("0.01")
    assert scene.account().funding_paid == off.account().funding_paid == 0
    assert FAITHFUL.funding_source is FundingSource.DATA


# -- everything else


def test_events_of_unlisted_symbols_and_other_kinds_change_nothing() -> None:
    scene = Scene()
    stats = MarketStats(ts=scene.now, symbol=AAA, vol_24h_usd=D(1), oi_usd=D(1))
    for move in (
        partial(scene.quote, 1, 2, "CCCUSDT"),
        partial(scene.depth, {1: 1}, {2: 1}, "CCCUSDT"),
        partial(scene.prints, 1, 1, "CCCUSDT", sold=True),
        partial(scene.mark, 1, "CCCUSDT"),
        partial(scene.event, stats),
    ):
        before = state_of(scene.exchange)
        move()
        assert state_of(scene.exchange) == before


def test_a_mark_values_positions_where_the_settings_say_so() -> None:
    for source, mark in ((MarkSource.MARK_PRICE, 90), (MarkSource.MID, 100)):
        scene = Scene(
            fills=VenueSettings(
                fill_mode=FillMode.QUEUE, partial_fills_enabled=True, mark_source=source
            )
        )
        assert scene.floor.mark(AAA) == 100
        scene.mark(90)
        assert scene.floor.mark(AAA) == mark
        assert scene.floor.mark("CCCUSDT") is None


def test_rules_and_status_change_under_way() -> None:
    scene = Scene()
    order = scene.place(BUY, 1, 90)
    relist = partial(scene.exchange.list_symbol, now=scene.now)
    relist(an_instrument(status=SymbolStatus.SETTLING))
    assert scene.code(partial(scene.send, BUY, 1, 90)) == -4140
    scene.prints(89, 1, sold=True)
    assert order.status is FILLED  # what rests is not forgotten
    relist(an_instrument(tick=D(1)))
    assert scene.code(partial(scene.send, BUY, 1, "90.5")) == -4014
    relist(an_instrument("CCCUSDT"))
    scene.quote(99, 101, "CCCUSDT")
    assert scene.place(BUY, 1, symbol="CCCUSDT").status is FILLED


@pytest.mark.parametrize(("amount", "reason"), [(50, "DEPOSIT"), (-50, "WITHDRAW")])
def test_money_comes_and_goes(amount: int, reason: str) -> None:
    scene = Scene(deposits={ME: 1000})
    scene.exchange.deposit(ME, D(amount), scene.now)
    (push,) = scene.account_news()
    assert (push.reason.value, push.change, push.wallet) == (reason, amount, 1000 + amount)
    account = scene.account()
    assert (account.wallet, account.deposited) == (1000 + amount, 1000 + amount)
    assert account.income[-1].kind is IncomeType.TRANSFER


def test_profit_is_measured_against_the_average_entry() -> None:
    scene = Scene(is_quoted=False)
    for price, qty in ((100, 1), (110, 3)):
        scene.quote(price, price)
        scene.place(BUY, qty)
    scene.quote(120, 120)
    order = scene.place(SELL, 2)
    assert [p.realized for p in scene.news(order) if p.execution is Execution.TRADE] == [D(25)]
    assert scene.account().look(AAA, BOTH).ledger.avg_entry_price == D("107.5")


def test_a_taker_that_emptied_a_deeper_book_finds_nothing_in_the_quote() -> None:
    scene = Scene(is_quoted=False)
    scene.quote(99, 101, ask_qty=3)
    scene.depth({99: 1}, {101: 9})
    assert scene.place(BUY, 8, 101, tif=IOC).filled == 8
    scene.wait(2000)  # the book is too old now, the quote is all there is
    assert scene.place(BUY, 8, 101, tif=IOC).filled == 0


@pytest.mark.parametrize(
    ("share_bps", "filled"), [(0, "0.01"), (3333, "1.66"), (10_000, "5"), (20_000, "5")]
)
def test_a_fill_can_be_forced_in_whole_steps(share_bps: int, filled: str) -> None:
    scene = Scene()
    order = scene.place(BUY, 5, 90)
    scene.pushes()
    scene.exchange.force_fill(ME, AAA, order.number, share_bps, scene.now)
    assert (order.filled, order.average_price, scene.held()) == (D(filled), 90, D(filled))
    assert order.status is (FILLED if filled == "5" else PARTLY)
    assert [push.is_maker for push in scene.news(order)] == [True]


def test_a_forced_fill_never_turns_a_position_nor_wakes_the_dead() -> None:
    scene = Scene()
    scene.place(BUY, 3)
    order = scene.place(SELL, 5, 110, reduce_only=True)
    for _ in range(2):
        scene.exchange.force_fill(ME, AAA, order.number, 10_000, scene.now)
        assert (order.filled, scene.held(), ended(order)[1]) == (3, 0, Expiry.REDUCE_ONLY)
    scene.exchange.force_fill(ME, AAA, 99, 10_000, scene.now)
    assert not scene.held()
