"""Margin, leverage and liquidation, against the venue's formulas in rationals (reference 7)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from functools import partial
from math import ceil
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grinder_core.contracts.enums import Side
from grinder_core.numbers import exact
from grinder_core.venue.exchange import reading
from grinder_core.venue.exchange.account import Position
from grinder_core.venue.exchange.liquidation import AUTOCLOSE
from grinder_core.venue.exchange.margin import liquidation_price, needs_of
from grinder_core.venue.exchange.settings import ExchangeSettings
from grinder_core.venue.exchange.vocabulary import (
    AccountReason,
    Expiry,
    IncomeType,
    MarginType,
    OrderStatus,
    OrderType,
    PositionSide,
)
from tests.core.exchange.scene import (
    AAA,
    BBB,
    BUY,
    ME,
    SELL,
    YOU,
    D,
    Number,
    Scene,
    a_bracket,
    an_instrument,
    ended,
)

BOTH, LONG, SHORT = PositionSide
CROSSED, ISOLATED = MarginType
UNIT = Fraction(1, 10**8)

# cum_n = floor_n * (ratio_n - ratio_(n-1)) + cum_(n-1): 1000 * 0.01, 5000 * 0.03 + 10
BRACKETS = (
    a_bracket(0, 1000, "0.01", 0, 50),
    a_bracket(1000, 5000, "0.02", 10, 20),
    a_bracket(5000, 10**9, "0.05", 160, 10),
)


def up8(value: Fraction) -> Fraction:
    return ceil(value / UNIT) * UNIT


def maintenance(notional: Fraction) -> Fraction:
    """The schedule above, piece by piece, without its sums."""
    pieces = ((1000, Fraction(1, 100)), (4000, Fraction(2, 100)), (10**9, Fraction(5, 100)))
    total = Fraction(0)
    for size, ratio in pieces:
        part = min(notional, Fraction(size))
        total, notional = total + part * ratio, notional - part
    return total


def bracketed(symbol: str = AAA, **changes: Any) -> Any:
    return an_instrument(symbol, brackets=BRACKETS, liquidation_fee=D("0.02"), **changes)


def a_scene(deposit: Number = 1000, **options: Any) -> Scene:
    """Locked quotes of 100 on both symbols, with the brackets above."""
    scene = Scene(
        bracketed(AAA),
        bracketed(BBB),
        deposits={ME: deposit, YOU: 10**6},
        is_quoted=False,
        **options,
    )
    for symbol in (AAA, BBB):
        scene.quote(100, 100, symbol, bid_qty=10**6, ask_qty=10**6)
        scene.mark(100, symbol)
    return scene


def set_terms(scene: Scene, leverage: int, kind: MarginType = CROSSED, symbol: str = AAA) -> None:
    assert scene.exchange.set_leverage(ME, symbol, leverage, scene.now) is None
    if kind is ISOLATED:
        assert scene.exchange.set_margin_type(ME, symbol, kind, scene.now) is None


def report(scene: Scene, symbol: str = AAA, side: PositionSide = BOTH) -> reading.PositionReport:
    reports = reading.positions_of(scene.floor, ME, symbol)
    return next(r for r in reports if r.position.side is side)


# -- the liquidation price


@pytest.mark.parametrize(
    ("wallet", "cum", "qty", "entry", "ratio", "price"),
    [
        # the FAQ's account: 1535443.01 behind two longs; alone, then with the other's margin
        # and profit taken off
        ("1535443.01", "135365", "3683.979", "1456.84", "0.1", "1114.78"),
        ("1535443.01", "16300", "109.488", "32481.98", "0.025", "18778.73"),
        ("1407887.62856", "135365", "3683.979", "1456.84", "0.1", "1153.26"),
        ("730737.612", "16300", "109.488", "32481.98", "0.025", "26316.89"),
    ],
)
def test_the_worked_examples_of_the_faq(
    wallet: str, cum: str, qty: str, entry: str, ratio: str, price: str
) -> None:
    rules = an_instrument(brackets=(a_bracket(0, 10**9, ratio, cum, 20),))
    with exact():
        found = liquidation_price(D(qty), D(qty) * D(entry), D(wallet), rules)
    assert round(found, 2) == D(price)


quantities = st.one_of(st.integers(1, 60).map(D), st.integers(1, 20_000).map(lambda n: D(n) / 100))


@settings(max_examples=150)
@given(
    st.sampled_from(Side),
    quantities,
    st.integers(1, 10),
    st.sampled_from(MarginType),
    st.integers(0, 4000),
    st.integers(-40, 40),
)
def test_at_its_liquidation_price_a_position_is_liquidated_and_a_tick_before_it_is_not(
    side: Side, qty: Decimal, leverage: int, kind: MarginType, spare: int, other: int
) -> None:
    """``(WB - TMM + UPNL + cum - s*Q*EP) / (Q*MMR - s*Q)``, found here as a root."""
    scene = a_scene(qty * 101 / leverage + spare + abs(other) * 101)
    set_terms(scene, leverage, kind)
    if other:
        set_terms(scene, 1, CROSSED, BBB)
        scene.place(BUY if other > 0 else SELL, abs(other), symbol=BBB)
        scene.mark(90, BBB)
    scene.place(side, qty)
    found = report(scene).liquidation
    account = scene.account()
    behind = Fraction(account.cross_wallet)
    if kind is ISOLATED:
        behind = Fraction(account.position(AAA, BOTH).isolated_wallet)
    else:
        behind += Fraction(other) * (90 - 100) - maintenance(abs(Fraction(other)) * 90)
    signed = Fraction(qty) * side.sign

    def spare_at(mark: Fraction) -> Fraction:
        return behind + signed * (mark - 100) - maintenance(abs(signed) * mark)

    if not found:
        assert side is BUY
        assert spare_at(Fraction(0)) >= -UNIT
        return
    # its digits are 8; a mark moves the balance by no more than qty times that
    assert abs(spare_at(Fraction(found))) <= 2 * UNIT * abs(signed)
    tick = D("0.01")
    towards = ROUND_FLOOR if side is BUY else ROUND_CEILING
    reached = (found / tick).to_integral_value(towards) * tick
    before = reached + side.sign * tick
    assume(spare_at(Fraction(reached)) <= 0 < spare_at(Fraction(before)) and reached > 0)
    scene.mark(before)
    assert scene.held() == signed
    scene.mark(reached)
    assert scene.held() == 0


def test_exactly_at_the_maintenance_margin_a_position_is_lost() -> None:
    """10 at 100 with 100 set aside: at ``p`` 100 + 10p - 1000 = 0.1p, that is 900/9.9."""
    scene = a_scene(2000)
    set_terms(scene, 10, ISOLATED)
    scene.place(BUY, 10)
    scene.exchange.move_margin(ME, AAA, BOTH, D(10), scene.now)  # 110: 890/9.9 = 89.8989...
    scene.exchange.move_margin(ME, AAA, BOTH, D("-1"), scene.now)  # 109: 891/9.9 = 90
    assert report(scene).liquidation == 90
    scene.mark("90.00000001")
    assert scene.held() == 10
    scene.mark(90)
    assert scene.held() == 0


def test_a_cross_account_exactly_at_its_maintenance_margin_is_liquidated() -> None:
    scene = a_scene("109.5")  # 0.5 goes as fee
    set_terms(scene, 10)
    scene.place(BUY, 10)
    assert report(scene).liquidation == 90
    scene.mark("90.00000001")
    assert scene.held() == 10
    scene.mark(90)
    assert scene.held() == 0


def test_liquidation_can_be_switched_off() -> None:
    scene = a_scene("109.5", rules=ExchangeSettings(liquidation_enabled=False))
    set_terms(scene, 10)
    scene.place(BUY, 10)
    scene.mark(1)
    assert scene.held() == 10


def test_a_flat_position_has_no_liquidation_price_nor_entry() -> None:
    flat = report(a_scene())
    assert (flat.liquidation, flat.entry, flat.break_even, flat.notional) == (0, 0, 0, 0)


# -- what a liquidation does


def test_a_cross_liquidation_ends_all_cross_orders_and_closes_all_cross_positions() -> None:
    scene = a_scene("211.5")
    for symbol in (AAA, BBB):
        set_terms(scene, 10, CROSSED, symbol)
        scene.place(BUY, 10, symbol=symbol)  # 0.5 of fee each
    resting = [scene.place(BUY, "0.1", 50), scene.place(BUY, "0.1", 50, symbol=BBB)]
    theirs = scene.place(BUY, 1, 50, name=YOU)
    scene.place(BUY, 10, name=YOU)
    scene.pushes()
    scene.mark("81.3")  # 210.5 - 187 = 23.5; 8.13 + 10 of 1000
    assert scene.held()
    scene.mark(80)  # 210.5 - 200 = 10.5; 8 + 10
    assert (scene.held(), scene.held(BBB)) == (0, 0)
    assert {ended(order) for order in resting} == {(OrderStatus.EXPIRED, Expiry.LIQUIDATED)}
    assert theirs.status is OrderStatus.NEW
    assert scene.held(name=YOU) == 10
    closing = [
        p for p in scene.order_news() if p.order.type is OrderType.LIQUIDATION and p.last_qty
    ]
    told = [(p.order.symbol, p.last_price, p.last_qty, p.fee, p.realized) for p in closing]
    assert told == [(AAA, 80, 10, 16, -200), (BBB, 100, 10, 20, 0)]
    assert all(p.order.client_order_id.startswith(AUTOCLOSE) for p in closing)
    # the loss and both fees are beyond the wallet: it stays visible
    assert scene.account().wallet == D("210.5") - 200 - 36


def test_a_cross_liquidation_leaves_isolated_positions_alone() -> None:
    scene = a_scene(300)
    set_terms(scene, 10)
    set_terms(scene, 10, ISOLATED, BBB)
    scene.place(BUY, 10, symbol=BBB)
    scene.place(BUY, 10)
    resting = scene.place(BUY, "0.1", 50, symbol=BBB)
    scene.mark(70)
    assert (scene.held(), scene.held(BBB)) == (0, 10)
    assert resting.status is OrderStatus.NEW
    assert scene.account().position(BBB, BOTH).isolated_wallet == 100


def test_an_isolated_liquidation_leaves_everything_else_alone() -> None:
    scene = a_scene(1000)
    set_terms(scene, 10, ISOLATED)
    scene.place(BUY, 10)
    scene.place(BUY, 10, symbol=BBB)
    gone, stays = scene.place(BUY, 1, 50), scene.place(BUY, 1, 50, symbol=BBB)
    scene.mark(90)
    assert (scene.held(), scene.held(BBB)) == (0, 10)
    assert ended(gone) == (OrderStatus.EXPIRED, Expiry.LIQUIDATED)
    assert stays.status is OrderStatus.NEW


@settings(max_examples=60)
@given(st.sampled_from(Side), st.integers(1, 20), st.integers(1, 10), st.integers(1, 300))
def test_an_isolated_position_never_costs_more_than_its_margin(
    side: Side, qty: int, leverage: int, mark: int
) -> None:
    scene = a_scene(5000)
    set_terms(scene, leverage, ISOLATED)
    scene.place(side, qty)
    account = scene.account()
    cross, margin = account.cross_wallet, account.position(AAA, BOTH).isolated_wallet
    assert (
        margin
        == D(up8(Fraction(qty * 100, leverage)).numerator)
        / up8(Fraction(qty * 100, leverage)).denominator
    )
    scene.pushes()
    scene.mark(mark)
    balance = margin + qty * side.sign * (mark - 100)
    if Fraction(balance) > maintenance(Fraction(qty * mark)):
        assert account.cross_wallet == cross
        return
    fee = Decimal(qty * mark) * D("0.02")
    assert account.position(AAA, BOTH).isolated_wallet == 0
    assert account.cross_wallet == cross + max(balance - fee, D(0))
    assert account.insured == max(fee - balance, D(0))
    noted = [line.amount for line in account.income if line.kind is IncomeType.INSURANCE_CLEAR]
    assert noted == ([account.insured] if account.insured else [])
    last = scene.account_news()[-1]
    assert last.wallet == account.wallet
    if account.insured:
        assert (last.reason, last.change) == (AccountReason.INSURANCE_CLEAR, account.insured)


def test_in_hedge_mode_an_isolated_side_falls_alone() -> None:
    scene = a_scene(10_000)
    scene.exchange.set_position_mode(ME, hedged=True, now=scene.now)
    set_terms(scene, 10, ISOLATED)
    scene.place(BUY, 10, position_side=LONG)
    scene.place(SELL, 10, position_side=SHORT)
    opening = [
        scene.place(BUY, 1, 50, position_side=LONG), scene.place(SELL, 1, 150, position_side=SHORT)
    ]  # fmt: skip
    scene.mark(90)
    assert (scene.held(side=LONG), scene.held(side=SHORT)) == (0, -10)
    assert ended(opening[0]) == (OrderStatus.EXPIRED, Expiry.LIQUIDATED)
    assert opening[1].status is OrderStatus.NEW
    assert scene.account().position(AAA, LONG).isolated_wallet == 0
    assert scene.account().position(AAA, SHORT).isolated_wallet == 100


trades = st.lists(
    st.tuples(st.sampled_from((AAA, BBB)), st.sampled_from((LONG, SHORT)), st.integers(1, 30)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=100)
@given(
    trades,
    st.booleans(),
    st.lists(st.tuples(st.sampled_from((AAA, BBB)), st.integers(40, 180)), max_size=8),
    st.integers(100, 3000),
)
def test_a_cross_account_falls_exactly_when_its_balance_is_at_or_below_what_must_stay(
    wanted: list[tuple[str, PositionSide, int]],
    hedged: bool,
    moves: list[tuple[str, int]],
    deposit: int,
) -> None:
    scene = a_scene(deposit)
    if hedged:
        scene.exchange.set_position_mode(ME, hedged=True, now=scene.now)
    for symbol in (AAA, BBB):
        set_terms(scene, 10, CROSSED, symbol)
    for symbol, side, qty in wanted:
        changes = {"position_side": side} if hedged else {}
        scene.send(BUY if side is LONG else SELL, qty, symbol=symbol, **changes)
    account = scene.account()
    held = {
        (p.symbol, p.side): Fraction(p.ledger.qty)
        for p in account.positions.values()
        if p.ledger.qty
    }
    wallet, marks = Fraction(account.wallet), {AAA: Fraction(100), BBB: Fraction(100)}
    for symbol, mark in moves:
        marks[symbol] = Fraction(mark)
        scene.mark(mark, symbol)
        touched = any(name == symbol for name, _ in held)
        profits = [q * (marks[s] - 100) for (s, _), q in held.items()]
        balance = wallet + sum(profits, Fraction(0))
        keep = sum((maintenance(abs(q) * marks[s]) for (s, _), q in held.items()), Fraction(0))
        if touched and balance <= keep:
            assert not any(p.ledger.qty for p in account.positions.values())
            return
        assert account.wallet == D(wallet.numerator) / wallet.denominator
        for (name, side), amount in held.items():
            assert scene.held(name, side) == amount


# -- what is needed and what is left


@settings(max_examples=100)
@given(
    st.integers(-8000, 8000),
    st.integers(0, 8000),
    st.integers(0, 8000),
    st.integers(1, 50),
    st.integers(1, 20_000),
)
def test_margin_goes_by_the_larger_side_that_orders_may_lead_to(
    hundredths: int, bids: int, asks: int, leverage: int, cents: int
) -> None:
    position, mark = Position(AAA, BOTH, bids=D(bids), asks=D(asks)), D(cents) / 100
    if hundredths:
        side = BUY if hundredths > 0 else SELL
        position.ledger.apply(side, D(100), D(abs(hundredths)) / 100)
    with exact():
        needs = needs_of(position, mark, leverage, bracketed())
    worth = Fraction(hundredths, 100) * Fraction(mark)
    if_bought, if_sold = abs(worth + bids), abs(worth - asks)
    most = up8(max(if_bought, if_sold, abs(worth)) / leverage)
    assert needs.position == D(up8(abs(worth) / leverage) * 10**8 // 1).scaleb(-8)
    assert Fraction(needs.position + needs.orders) == most
    assert Fraction(needs.maintenance) == maintenance(abs(worth))
    assert Fraction(needs.unrealized) == worth - Fraction(hundredths)


actions = st.lists(
    st.tuples(
        st.sampled_from((AAA, BBB)),
        st.sampled_from(Side),
        st.integers(1, 20),
        st.sampled_from((0, 0, 90, 95, 105, 110)),
        st.booleans(),
    ),
    max_size=10,
)


@settings(max_examples=100)
@given(
    actions,
    st.tuples(st.integers(1, 10), st.integers(1, 10)),
    st.tuples(st.sampled_from(MarginType), st.sampled_from(MarginType)),
    st.tuples(st.integers(95, 105), st.integers(95, 105)),
    st.booleans(),
)
def test_what_is_available_is_the_cross_balance_less_all_initial_margin(
    script: Sequence[tuple[str, Side, int, int, bool]],
    leverages: tuple[int, int],
    kinds: tuple[MarginType, MarginType],
    marked: tuple[int, int],
    hedged: bool,
) -> None:
    scene = a_scene(2500)
    if hedged:
        scene.exchange.set_position_mode(ME, hedged=True, now=scene.now)
    terms = dict(zip((AAA, BBB), zip(leverages, kinds, strict=True), strict=True))
    for symbol, (leverage, kind) in terms.items():
        set_terms(scene, leverage, kind, symbol)
    for symbol, side, qty, price, closes in script:
        changes: dict[str, Any] = {"reduce_only": closes}
        if hedged:
            long = (side is BUY) is not closes
            changes = {"position_side": LONG if long else SHORT}
        scene.send(side, qty, price, symbol=symbol, **changes)
    marks = dict(zip((AAA, BBB), marked, strict=True))
    for symbol, mark in marks.items():
        scene.mark(mark, symbol)
    account = scene.account()
    free = total = Fraction(account.cross_wallet)
    for symbol, (leverage, kind) in terms.items():
        for side_of in (LONG, SHORT) if hedged else (BOTH,):
            position = account.look(symbol, side_of)
            worth = Fraction(position.ledger.qty) * marks[symbol]
            opening = [
                (o.side, Fraction(o.price) * Fraction(o.qty - o.filled))
                for o in scene.floor.orders.values()
                if o.account == ME
                and (o.symbol, o.position_side) == (symbol, side_of)
                and not o.reduce_only
            ]
            bids = sum((n for s, n in opening if s is BUY), Fraction(0))
            asks = sum((n for s, n in opening if s is SELL), Fraction(0))
            most = up8(max(abs(worth + bids), abs(worth - asks), abs(worth)) / leverage)
            profit = worth - Fraction(position.ledger.cost_basis)
            total += profit + Fraction(position.isolated_wallet)
            if kind is ISOLATED:
                free -= most - up8(abs(worth) / leverage)
            else:
                free += profit - most
    balance = reading.balance_of(scene.floor, ME)
    assert Fraction(balance.available) == max(free, Fraction(0))
    assert Fraction(balance.margin_balance) == total
    assert balance.wallet == account.wallet
    margins = balance.position_margin + balance.order_margin
    if ISOLATED not in kinds:
        cross = Fraction(balance.cross_wallet + balance.cross_unrealized)
        assert free == cross - Fraction(margins)


# -- what an account may set


def test_leverage_is_within_the_brackets() -> None:
    scene = a_scene()
    for leverage in (0, -1, 51):
        assert (
            scene.code(partial(scene.exchange.set_leverage, ME, AAA, leverage, scene.now)) == -4028
        )
    assert scene.code(partial(scene.exchange.set_leverage, ME, "CCCUSDT", 1, scene.now)) == -1121
    for leverage in (1, 50):
        set_terms(scene, leverage)
        assert report(scene).terms.leverage == leverage


def test_leverage_does_not_rise_above_the_cap_of_what_is_held_and_ordered() -> None:
    scene = a_scene(10_000)
    set_terms(scene, 10)
    scene.place(BUY, 20)
    scene.place(BUY, 10, 100)  # taken at once: 3000 held
    raise_to = partial(scene.exchange.set_leverage, ME, AAA, now=scene.now)
    assert scene.code(partial(raise_to, 21)) == -2027
    assert raise_to(20) is None
    assert report(scene).max_notional == 5000


def test_leverage_does_not_fall_below_what_the_account_can_carry() -> None:
    scene = a_scene(1000)
    set_terms(scene, 10)
    scene.place(BUY, 20, 90)
    lower_to = partial(scene.exchange.set_leverage, ME, AAA, now=scene.now)
    assert scene.code(partial(lower_to, 1)) == -2028
    assert lower_to(2) is None
    assert scene.account().terms_of(AAA).leverage == 2


def test_a_leverage_that_is_refused_is_not_noted() -> None:
    scene = a_scene(100)
    scene.place(BUY, 15, 90)  # at the default of 20
    assert scene.code(partial(scene.exchange.set_leverage, ME, AAA, 10, scene.now)) == -2028


def test_an_isolated_position_keeps_its_leverage_from_falling() -> None:
    scene = a_scene(5000)
    set_terms(scene, 10, ISOLATED)
    scene.place(BUY, 1)
    change_to = partial(scene.exchange.set_leverage, ME, AAA, now=scene.now)
    assert scene.code(partial(change_to, 9)) == -4161
    assert change_to(10) is None
    assert change_to(11) is None
    scene.place(SELL, 1)
    assert change_to(9) is None


def test_without_a_price_any_leverage_of_the_brackets_is_taken() -> None:
    scene = Scene(bracketed(), is_quoted=False)
    scene.place(BUY, 100, 100)
    assert scene.exchange.set_leverage(ME, AAA, 50, scene.now) is None


def test_orders_of_a_symbol_without_a_price_wait_for_the_first_one_to_need_margin() -> None:
    scene = Scene(bracketed(AAA), bracketed(BBB), deposits={ME: 1000}, is_quoted=False)
    scene.quote(100, 100, bid_qty=10**6, ask_qty=10**6)
    scene.place(BUY, 100, 100, symbol=BBB)
    assert reading.balance_of(scene.floor, ME).available == 1000
    scene.quote(100, 101, BBB)
    assert reading.balance_of(scene.floor, ME).available == 500


def test_the_margin_type_changes_only_with_nothing_open() -> None:
    scene = a_scene()
    change = partial(scene.exchange.set_margin_type, ME, AAA, now=scene.now)
    assert (
        scene.code(partial(scene.exchange.set_margin_type, ME, "CCCUSDT", ISOLATED, 0 + scene.now))
        == -1121
    )
    assert scene.code(partial(change, CROSSED)) == -4046
    order = scene.place(BUY, 1, 90)
    assert scene.code(partial(change, ISOLATED)) == -4047
    scene.cancel(order.number)
    scene.place(BUY, 1)
    assert scene.code(partial(change, ISOLATED)) == -4048
    scene.place(SELL, 1)
    assert change(ISOLATED) is None
    assert scene.code(partial(change, ISOLATED)) == -4046
    set_terms(scene, 7)
    assert change(CROSSED) is None
    assert scene.account().terms_of(AAA).leverage == 7


# -- margin of an isolated position


def isolated(qty: int = 10, deposit: int = 1000) -> Scene:
    """Long at 100 with a tenth of its worth set aside."""
    scene = a_scene(deposit)
    set_terms(scene, 10, ISOLATED)
    scene.place(BUY, qty)
    scene.pushes()
    return scene


def test_margin_moves_between_the_wallets() -> None:
    scene = isolated()
    account = scene.account()
    before = account.wallet
    move = partial(scene.exchange.move_margin, ME, AAA, BOTH, now=scene.now)
    assert move(amount=D(50)) is None
    position = account.position(AAA, BOTH)
    assert (position.isolated_wallet, account.wallet) == (150, before)
    (push,) = scene.account_news()
    assert (push.reason, push.change) == (AccountReason.MARGIN_TRANSFER, -50)
    assert push.positions[0].isolated_wallet == 150
    assert move(amount=D(-50)) is None
    assert (position.isolated_wallet, account.wallet) == (100, before)


def test_margin_that_is_not_free_cannot_be_moved() -> None:
    scene = isolated()
    move = partial(scene.exchange.move_margin, ME, AAA, BOTH, now=scene.now)
    free = reading.balance_of(scene.floor, ME).available
    assert free == D("899.5")
    assert scene.code(partial(move, amount=free + D("0.01"))) == -4050
    assert scene.code(partial(move, amount=D("-0.01"))) == -4051
    assert move(amount=free) is None
    assert scene.code(partial(move, amount=-free - D("0.01"))) == -4051
    scene.mark(95)  # 50 of loss; a tenth of 950 must stay beside it
    assert scene.code(partial(move, amount=-free + D("44.99"))) == -4051
    assert move(amount=-free + 45) is None
    scene.mark(120)  # a profit on paper cannot be taken out
    assert scene.code(partial(move, amount=D(-26))) == -4051
    assert move(amount=D(-25)) is None


def test_no_margin_is_taken_out_that_keeps_the_position_alive() -> None:
    """Short 9.9 at leverage 50, six times up: 118.8 is the initial margin, 137 must stay."""
    scene = a_scene(10_000)
    set_terms(scene, 50, ISOLATED)
    scene.place(SELL, "9.9")
    move = partial(scene.exchange.move_margin, ME, AAA, BOTH, now=scene.now)
    assert move(amount=D("5080.2")) is None  # 5100 with what was set aside
    scene.mark(600)  # 150 are left
    assert scene.code(partial(move, amount=D(-13))) == -4051
    assert move(amount=D("-12.99")) is None
    assert scene.held() == D("-9.9")


def test_only_an_isolated_position_has_margin_to_move() -> None:
    scene = isolated()
    move = scene.exchange.move_margin
    assert scene.code(lambda: move(ME, "CCCUSDT", BOTH, D(1), scene.now)) == -1121
    assert scene.code(lambda: move(ME, AAA, LONG, D(1), scene.now)) == -4054
    assert scene.code(lambda: move(ME, BBB, BOTH, D(1), scene.now)) == -4054
    scene.place(BUY, 1, symbol=BBB)
    assert scene.code(lambda: move(ME, BBB, BOTH, D(1), scene.now)) == -4054


def test_margin_is_set_aside_with_what_opens_and_freed_with_what_closes() -> None:
    scene = isolated(deposit=10_000)
    position = scene.account().position(AAA, BOTH)
    scene.place(BUY, 5)
    assert position.isolated_wallet == 150
    scene.place(SELL, 5)
    assert position.isolated_wallet == 100
    scene.exchange.move_margin(ME, AAA, BOTH, D(20), scene.now)
    scene.place(SELL, 4)
    assert position.isolated_wallet == 72  # six tenths of 120
    scene.place(SELL, 9)
    assert (position.ledger.qty, position.isolated_wallet) == (-3, 30)
    scene.place(BUY, 3)
    assert (position.ledger.qty, position.isolated_wallet) == (0, 0)


# -- asking


def test_a_report_says_everything_about_a_position() -> None:
    scene = a_scene(5000)
    set_terms(scene, 5)
    scene.place(BUY, 20)
    scene.place(BUY, 5, 90)
    scene.mark(110)
    told = report(scene)
    assert (told.mark, told.entry, told.notional, told.max_notional) == (110, 100, 2200, 10**9)
    assert told.break_even == D("100.05")  # 1 of fee on 20
    assert (told.needs.position, told.needs.orders) == (440, 90)
    assert (told.needs.unrealized, told.needs.maintenance) == (200, 34)
    # (4999 + 10 - 2000) / (20*0.02 - 20) < 0: no mark can
    assert told.liquidation == 0
    balance = reading.balance_of(scene.floor, ME)
    assert (balance.unrealized, balance.maintenance, balance.available) == (200, 34, 4669)


def test_positions_are_those_of_the_mode() -> None:
    scene = a_scene()
    listed = reading.positions_of(scene.floor, ME)
    assert [(r.position.symbol, r.position.side) for r in listed] == [(AAA, BOTH), (BBB, BOTH)]
    scene.exchange.set_position_mode(ME, hedged=True, now=scene.now)
    listed = reading.positions_of(scene.floor, ME, AAA)
    assert [r.position.side for r in listed] == [LONG, SHORT]


def test_orders_trades_and_income_can_be_asked_for() -> None:
    scene = a_scene()
    done = scene.place(BUY, 1)
    rests = scene.place(BUY, 1, 90)
    scene.quote(100, 100, BBB)
    other = scene.place(SELL, 1, 100, symbol=BBB)
    assert reading.orders_of(scene.floor, ME) == [done, rests, other]
    assert reading.orders_of(scene.floor, ME, AAA) == [done, rests]
    assert not reading.orders_of(scene.floor, YOU)
    (trade,) = reading.trades_of(scene.floor, ME, AAA)
    assert (trade.order_number, trade.price, trade.qty, trade.is_maker) == (1, 100, 1, False)
    kinds = [line.kind for line in reading.income_of(scene.floor, ME)]
    assert kinds == [IncomeType.TRANSFER, IncomeType.COMMISSION, IncomeType.COMMISSION]
