"""CORE-38 (at the venue), LIVE-40: wallet, funding, maintenance margin and liquidation."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.effects import PlaceOrder
from grinder_core.contracts.enums import (
    FillMode,
    FundingSource,
    Liquidity,
    MarkSource,
    OrderState,
    Side,
)
from grinder_core.contracts.limits import LeverageBracket
from grinder_core.contracts.market import Funding, MarkPrice
from grinder_core.contracts.orders import OrderIntent, OrderUpdate
from grinder_core.errors import ConfigError, InvariantError
from grinder_core.numbers import exact
from grinder_core.venue.funding import boundary_after
from grinder_core.venue.margin import bracket_of, maintenance_margin
from grinder_core.venue.settings import VenueSettings
from grinder_core.venue.sim import SimVenue
from tests.support.factories import SYMBOL, a_snapshot

D = Decimal
HOUR = 3_600_000
OTHER = "BBBUSDT"


def schedule(steps: list[tuple[int, int]]) -> tuple[LeverageBracket, ...]:
    """Brackets from widths and ratio increments in tenths of a percent, ``cum`` as published."""
    floor, ratio, cum, out = D(0), D(0), D(0), []
    for width, increment in steps:
        step = D(increment) / 1000
        cum += floor * step
        ratio += step
        out.append(
            LeverageBracket(
                notional_floor=floor, notional_cap=floor + width, maint_margin_ratio=ratio,
                cum=cum, max_leverage=10,
            )
        )  # fmt: skip
        floor += width
    return tuple(out)


schedules = st.lists(
    st.tuples(st.integers(1, 5_000), st.integers(0, 90)), min_size=1, max_size=6
).map(schedule)
BRACKETS = schedule([(500, 10), (1_500, 40), (8_000, 100)])


def quote(venue: SimVenue, now: int, bid: int, ask: int, symbol: str = SYMBOL) -> list[Any]:
    snapshot = a_snapshot(ts=now, symbol=symbol, bid_price=D(bid), ask_price=D(ask))
    with exact():
        return list(venue.on_snapshot(snapshot, now))


def trade(
    venue: SimVenue, now: int, side: Side, qty: int, price: int, symbol: str = SYMBOL
) -> list[Any]:
    """Fill an order at a price, whatever the market (instant fills)."""
    intent = OrderIntent(symbol=symbol, side=side, price=D(price), qty=D(qty))
    name = f"c{venue.last_order_seq + 1}"
    with exact():
        told = list(venue.submit(PlaceOrder(client_order_id=name, intent=intent), now, now))
        return told + list(venue.end_of_turn(symbol, now, now))


def instant(**changes: Any) -> SimVenue:
    values: dict[str, Any] = {"fill_mode": FillMode.INSTANT}
    return SimVenue(VenueSettings(**{**values, **changes}), D(1_000))


# -- funding -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "rate", "amount"), [
    (Side.BUY, "0.0001", "0.0303"), (Side.SELL, "0.0001", "-0.0303"),
    (Side.BUY, "-0.0002", "-0.0606"), (Side.SELL, "-0.0002", "0.0606"),
])  # fmt: skip
def test_longs_pay_a_positive_rate_and_shorts_receive_it(
    side: Side, rate: str, amount: str
) -> None:
    venue = instant(funding_source=FundingSource.DATA)
    quote(venue, 1000, 100, 102)
    trade(venue, 1000, side, 3, 101)
    with exact():
        (paid,) = venue.on_market(Funding(ts=2000, symbol=SYMBOL, rate=D(rate)), 2000)
        assert not venue.on_market(Funding(ts=2000, symbol=OTHER, rate=D(rate)), 2000)
    assert isinstance(paid, FundingPaid)
    assert paid == FundingPaid(
        ts=2000, symbol=SYMBOL, rate=D(rate), qty=side.sign * D(3), mark_price=D(101),
        amount=D(amount),
    )  # fmt: skip
    assert venue.account.wallet == 1_000 - D(amount)
    assert venue.account.funding_paid == D(amount)


def test_funding_is_taken_at_the_venues_mark_where_asked_for() -> None:
    venue = instant(funding_source=FundingSource.DATA, mark_source=MarkSource.MARK_PRICE)
    assert venue.listens == {Funding, MarkPrice}
    quote(venue, 1000, 100, 102)
    trade(venue, 1000, Side.BUY, 1, 101)
    with exact():
        (first,) = venue.on_market(Funding(ts=1, symbol=SYMBOL, rate=D("0.01")), 1000)
        venue.on_market(MarkPrice(ts=1, symbol=SYMBOL, mark_price=D(150)), 1000)
        quote(venue, 1001, 200, 202)
        (second,) = venue.on_market(Funding(ts=2, symbol=SYMBOL, rate=D("0.01")), 1001)
    assert isinstance(first, FundingPaid)
    assert isinstance(second, FundingPaid)
    assert (first.mark_price, second.mark_price) == (D(101), D(150))


def test_a_constant_rate_settles_once_for_each_boundary_at_the_price_before() -> None:
    venue = instant(funding_source=FundingSource.CONSTANT, funding_rate=D("0.001"))
    start = 8 * HOUR
    quote(venue, start, 50, 50, OTHER)
    quote(venue, start, 100, 100)
    trade(venue, start, Side.BUY, 2, 100)
    trade(venue, start, Side.SELL, 1, 50, OTHER)
    assert quote(venue, 2 * start - 1, 100, 100) == []
    paid = quote(venue, 4 * start, 900, 900)
    assert [(p.ts, p.symbol, p.amount) for p in paid] == [
        (n * start, symbol, amount)
        for n in (2, 3, 4)
        for symbol, amount in ((SYMBOL, D("0.2")), (OTHER, D("-0.05")))
    ]
    assert quote(venue, 4 * start, 900, 900) == []


def test_no_position_pays_nothing_and_a_long_gap_costs_nothing() -> None:
    venue = instant(funding_source=FundingSource.CONSTANT)
    quote(venue, 0, 100, 100)
    assert quote(venue, 10**13, 100, 100) == []
    trade(venue, 10**13, Side.BUY, 1, 100)
    (paid,) = quote(venue, boundary_after(10**13, 8 * HOUR), 100, 100)
    assert paid.symbol == SYMBOL


def test_an_order_that_arrives_before_the_boundary_pays_and_one_at_it_does_not() -> None:
    for latency, payments in ((10, 1), (11, 0)):
        venue = instant(funding_source=FundingSource.CONSTANT, order_latency_ms=latency)
        now = 8 * HOUR - 11
        quote(venue, now, 100, 100)
        trade(venue, now, Side.BUY, 1, 100)
        told = quote(venue, 8 * HOUR, 100, 100)
        assert len([u for u in told if isinstance(u, FundingPaid)]) == payments


def test_a_position_without_any_price_cannot_be_valued() -> None:
    venue = instant(funding_source=FundingSource.DATA)
    trade(venue, 0, Side.BUY, 1, 100)
    with exact(), pytest.raises(InvariantError, match=SYMBOL):
        venue.on_market(Funding(ts=1, symbol=SYMBOL, rate=D("0.1")), 1)


# -- maintenance margin ------------------------------------------------------------------------


def test_the_venues_own_figures() -> None:
    """Tiers of a small contract: 1 % to 5,000, 2 % to 50,000 (cum 50), 2.5 % (cum 300)."""
    brackets = schedule([(5_000, 10), (45_000, 10), (550_000, 5)])
    assert [b.cum for b in brackets] == [0, 50, 300]
    with exact():
        margins = [maintenance_margin(brackets, D(n)) for n in (0, 5_000, 10_000, 100_000, 10**6)]
    assert margins == [0, 50, 150, 2_200, 24_700]


@given(schedules, st.integers(0, 10**7), st.integers(0, 10**7))
def test_margin_is_continuous_monotonic_and_never_negative(
    brackets: tuple[LeverageBracket, ...], one: int, two: int
) -> None:
    low, high = sorted((D(one) / 100, D(two) / 100))
    with exact():
        assert 0 <= maintenance_margin(brackets, low) <= maintenance_margin(brackets, high)
        for left, right in pairwise(brackets):
            edge = left.notional_cap
            assert bracket_of(brackets, edge) is left
            assert bracket_of(brackets, edge + D("0.01")) is right
            assert maintenance_margin([left], edge) == maintenance_margin([right], edge)
        assert bracket_of(brackets, brackets[-1].notional_cap * 9) is brackets[-1]


@pytest.mark.recordings
def test_the_published_brackets_are_continuous(recordings: Path) -> None:
    text = gzip.decompress(
        (recordings / "reference/binance_leverage_tiers_202410.json.gz").read_bytes()
    )
    checked = 0
    for tiers in json.loads(text).values():
        brackets = [
            LeverageBracket(
                notional_floor=D(tier["info"]["notionalFloor"]),
                notional_cap=D(tier["info"]["notionalCap"]),
                maint_margin_ratio=D(tier["info"]["maintMarginRatio"]),
                cum=D(tier["info"]["cum"]),
                max_leverage=int(tier["info"]["initialLeverage"]),
            )
            for tier in tiers
        ]
        for left, right in pairwise(brackets):
            edge = left.notional_cap
            with exact():
                jump = maintenance_margin([right], edge) - maintenance_margin([left], edge)
            assert abs(jump) <= D("0.01")  # the venue publishes cum to a few digits
            checked += 1
    assert checked > 1000


# -- liquidation -------------------------------------------------------------------------------


def margined(**changes: Any) -> SimVenue:
    values: dict[str, Any] = {
        "liquidation_enabled": True,
        "leverage_brackets": {SYMBOL: BRACKETS, OTHER: BRACKETS},
    }
    return instant(**{**values, **changes})


@pytest.mark.parametrize(("price", "liquidated"), [(51, False), (50, True), (49, True)])
def test_the_account_is_closed_at_the_maintenance_margin(price: int, liquidated: bool) -> None:
    """Long 10 at 145 with 1,000, margin 10 %: 10p - 450 meets p at 50, and that is enough."""
    venue = instant(liquidation_enabled=True, leverage_brackets={SYMBOL: schedule([(10_000, 100)])})
    quote(venue, 0, 145, 145)
    trade(venue, 0, Side.BUY, 10, 145)
    assert (venue.account.margin_balance, venue.account.maintenance) == (1_000, 145)
    assert bool(quote(venue, 1, price, price)) is liquidated
    assert (
        venue.account.margin_balance == 10 * price - 450 - (D(50 * 10 * price) / 4_000) * liquidated
    )


def test_liquidation_cancels_everything_then_closes_in_order() -> None:
    venue = SimVenue(
        VenueSettings(
            liquidation_enabled=True, liquidation_fee_bps_x100=12_500,
            leverage_brackets={SYMBOL: BRACKETS, OTHER: BRACKETS},
        ),
        D(1_000),
    )  # fmt: skip
    for symbol in (OTHER, SYMBOL):
        quote(venue, 0, 100, 100, symbol)
        trade(venue, 0, Side.BUY, 12, 100, symbol)
        trade(venue, 0, Side.BUY, 1, 1, symbol)
    told = quote(venue, 1, 20, 20)  # 1,000 - 960 is less than 240 * 1 % + 1,200 * 5 % - 20
    assert [(u.symbol, u.state, u.reason) for u in told] == [
        (SYMBOL, OrderState.CANCELLED, "liquidation"),
        (OTHER, OrderState.CANCELLED, "liquidation"),
        (SYMBOL, OrderState.FILLED, ""),
        (OTHER, OrderState.FILLED, ""),
    ]
    for update, price in zip(told[2:], (20, 100), strict=True):
        assert update.client_order_id.startswith("autoclose-")
        assert (update.side, update.liquidity) == (Side.SELL, Liquidity.TAKER)
        assert (update.last_price, update.last_qty) == (price, 12)
        assert update.fee == update.last_price * update.last_qty * D("0.0125")
    assert told[2].client_order_id != told[3].client_order_id
    assert not any(book.position or book.orders for book in venue.books.values())
    assert venue.account.margin_balance == venue.account.wallet == 40 - D("3") - D("15")
    assert quote(venue, 2, 1, 1) == []


def test_a_symbol_without_brackets_is_refused_at_its_first_position() -> None:
    venue = margined(leverage_brackets={OTHER: BRACKETS})
    quote(venue, 0, 100, 100)
    with pytest.raises(ConfigError, match=f"leverage_brackets.{SYMBOL}"):
        trade(venue, 0, Side.BUY, 1, 100)


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("quote"), st.sampled_from((SYMBOL, OTHER)), st.integers(40, 160),
            st.integers(0, 4),
        ),
        st.tuples(st.just("mark"), st.sampled_from((SYMBOL, OTHER)), st.integers(40, 160)),
        st.tuples(
            st.just("order"), st.sampled_from((SYMBOL, OTHER)), st.sampled_from(Side),
            st.integers(1, 12), st.integers(90, 110),
        ),
        st.tuples(st.just("funding"), st.sampled_from((SYMBOL, OTHER)), st.integers(-300, 300)),
    ),
    max_size=25,
)  # fmt: skip


class PlainAccount:
    """Balance and margin from the whole history of payments, from scratch each time."""

    def __init__(self, settings: VenueSettings) -> None:
        self.settings = settings
        self.flows: list[Fraction] = [Fraction(1_000)]
        self.qty = {SYMBOL: Fraction(0), OTHER: Fraction(0)}
        self.mid: dict[str, Fraction] = {}
        self.marked: dict[str, Fraction] = {}

    def take(self, event: Any) -> None:
        if isinstance(event, FundingPaid):
            self.flows.append(-Fraction(event.amount))
        elif event.last_qty:
            signed = event.side.sign * Fraction(event.last_qty)
            self.flows.append(-signed * Fraction(event.last_price) - Fraction(event.fee))
            self.qty[event.symbol] += signed

    def mark(self, symbol: str) -> Fraction:
        if self.settings.mark_source is MarkSource.MARK_PRICE and symbol in self.marked:
            return self.marked[symbol]
        return self.mid[symbol]

    def is_short(self) -> bool:
        held = {s: q * self.mark(s) for s, q in self.qty.items() if q}
        balance = sum(self.flows, Fraction(0)) + sum(held.values(), Fraction(0))
        need = Fraction(0)
        for worth in held.values():
            for bracket in BRACKETS:
                if abs(worth) > bracket.notional_floor:
                    ratio, cum = Fraction(bracket.maint_margin_ratio), Fraction(bracket.cum)
                    margin = abs(worth) * ratio - cum
            need += margin
        return bool(held) and balance <= need


@given(steps, st.sampled_from(MarkSource))
def test_liquidation_equals_a_recomputation_from_scratch(script: Any, source: MarkSource) -> None:
    venue = margined(
        mark_source=source, funding_source=FundingSource.DATA,
        maker_fee_bps_x100=200, taker_fee_bps_x100=500,
    )  # fmt: skip
    twin = PlainAccount(venue.settings)
    for symbol in (SYMBOL, OTHER):
        quote(venue, 0, 100, 100, symbol)
        twin.mid[symbol] = Fraction(100)
    for now, step in enumerate(script, 1):
        kind, symbol = step[:2]
        if kind == "quote":
            twin.mid[symbol] = Fraction(2 * step[2] + step[3], 2)
            told = quote(venue, now, step[2], step[2] + step[3], symbol)
        elif kind == "order":
            told = trade(venue, now, *step[2:], symbol=symbol)
        else:
            if kind == "mark":
                payload: Any = MarkPrice(ts=now, symbol=symbol, mark_price=D(step[2]))
                if MarkPrice in venue.listens:
                    twin.marked[symbol] = Fraction(step[2])
            else:
                payload = Funding(ts=now, symbol=symbol, rate=D(step[2]) / 1000)
            with exact():
                told = list(venue.on_market(payload, now))
        closes = [
            u for u in told
            if isinstance(u, OrderUpdate) and u.client_order_id.startswith("autoclose-")
        ]  # fmt: skip
        for event in told:
            if event not in closes:
                twin.take(event)
        assert bool(closes) is twin.is_short()
        for event in closes:
            twin.take(event)
        if closes:
            assert not any(twin.qty.values())
        held = sum(
            (Fraction(b.position) * twin.mark(s) for s, b in venue.books.items()), Fraction(0)
        )
        ledgers = [book.ledger for book in venue.books.values()]
        open_profit = held - sum((Fraction(x.cost_basis) for x in ledgers), Fraction(0))
        assert Fraction(venue.account.wallet) + open_profit == sum(twin.flows) + held
        assert Fraction(venue.account.unrealized) == open_profit
