"""CORE-36, 37, 38, LIVE-40: what holds for the venue under any settings and any events.

Money is conserved to the last digit, no order fills beyond itself, answers follow each other as
an order's life allows, and a venue that was stored and loaded goes on as if nothing happened.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.codec import canonical_json, dump_state, load_state
from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.effects import CancelOrder, Effect, Flatten, PlaceOrder
from grinder_core.contracts.enums import FillMode, FundingSource, MarkSource, OrderState, Side
from grinder_core.contracts.limits import LeverageBracket
from grinder_core.contracts.market import DepthDiff, Funding, L2Snapshot, MarkPrice, Trade
from grinder_core.contracts.orders import OrderIntent, OrderUpdate
from grinder_core.numbers import exact
from grinder_core.venue.settings import VenueSettings
from grinder_core.venue.sim import SimVenue
from tests.support.factories import a_snapshot

D = Decimal
NAMES = ("AAAUSDT", "BBBUSDT")
BRACKET = LeverageBracket(
    notional_floor=D(0), notional_cap=D(10**6), maint_margin_ratio=D("0.05"), cum=D(0),
    max_leverage=10,
)  # fmt: skip

symbols, prices, eighths = st.sampled_from(NAMES), st.integers(950, 1050), st.integers(1, 40)
levels = st.dictionaries(st.integers(1, 30), eighths, max_size=3)
steps = st.lists(
    st.tuples(
        st.integers(0, 90_000),
        st.one_of(
            st.tuples(
                st.just("turn"), symbols, prices, st.integers(0, 4), eighths, eighths,
                st.lists(
                    st.one_of(
                        st.tuples(
                            st.just("place"), st.sampled_from(Side), prices, eighths,
                            st.booleans(),
                        ),
                        st.tuples(st.just("cancel"), st.integers(1, 12)),
                        st.tuples(st.just("flatten"), st.sampled_from(Side), eighths),
                    ),
                    max_size=4,
                ),
            ),
            st.tuples(st.just("trade"), symbols, prices, eighths, st.booleans()),
            st.tuples(st.just("book"), symbols, prices, levels, levels),
            st.tuples(st.just("diff"), symbols, prices, st.integers(0, 9), st.booleans()),
            st.tuples(st.just("mark"), symbols, prices),
            st.tuples(st.just("funding"), symbols, st.integers(-100, 100)),
        ),
    ),
    max_size=20,
)  # fmt: skip
any_settings = st.builds(
    VenueSettings,
    fill_mode=st.sampled_from(FillMode),
    fill_after_ticks=st.sampled_from((0, 0, 1, 2)),
    delay_bps_per_tick=st.sampled_from((0, 0, 40)),
    partial_fills_enabled=st.booleans(),
    participation_bps=st.sampled_from((10_000, 3_333)),
    l2_fill_max_age_ms=st.sampled_from((1_500, 10**9)),
    market_slippage_bps=st.sampled_from((0, 7)),
    maker_fee_bps_x100=st.sampled_from((0, 200)),
    taker_fee_bps_x100=st.sampled_from((0, 333)),
    order_latency_ms=st.sampled_from((0, 0, 50, 100_000)),
    cancel_latency_ms=st.sampled_from((0, 0, 70, 100_000)),
    funding_source=st.sampled_from(FundingSource),
    funding_rate=st.sampled_from((D("0.0001"), D("-0.003"))),
    funding_interval_ms=st.sampled_from((60_000, 3_600_000)),
    mark_source=st.sampled_from(MarkSource),
    liquidation_enabled=st.booleans(),
    leverage_brackets=st.just(dict.fromkeys(NAMES, (BRACKET,))),
)
capitals = st.sampled_from((D(10), D(100), D(10_000)))


def cents(value: int) -> Decimal:
    return D(value) / 100


class Player:
    """Feeds one script to a venue; what it tells depends on the script alone."""

    def __init__(self, venue: SimVenue) -> None:
        self.venue, self.now, self.number, self.update_id = venue, 1_000_000, 0, 0
        self.sent: dict[str, Effect] = {}

    def play(self, step: Any) -> list[Any]:
        gap, (kind, symbol, *rest) = step
        self.now += gap
        with exact():
            if kind == "turn":
                return self.turn(symbol, *rest)
            payload, update_id = self.payload(kind, symbol, *rest), self.update_id
            return list(self.venue.on_market(payload, self.now, update_id=update_id))

    def payload(self, kind: str, symbol: str, *rest: Any) -> Any:
        ts = self.now
        if kind == "trade":
            return Trade(
                ts=ts, symbol=symbol, trade_id=1, price=cents(rest[0]), qty=D(rest[1]) / 8,
                is_buyer_maker=rest[2],
            )  # fmt: skip
        if kind == "book":
            mid, bids, asks = rest
            return L2Snapshot(
                ts=ts,
                symbol=symbol,
                bids=tuple((cents(mid - k), D(q) / 8) for k, q in sorted(bids.items())),
                asks=tuple((cents(mid + k), D(q) / 8) for k, q in sorted(asks.items())),
            )
        if kind == "diff":
            self.update_id += 1
            change = ((cents(rest[0]), D(rest[1]) / 8),)
            return DepthDiff(
                ts=ts, symbol=symbol, first_update_id=self.update_id,
                last_update_id=self.update_id, prev_update_id=self.update_id - 1,
                bids=change if rest[2] else (), asks=() if rest[2] else change,
            )  # fmt: skip
        if kind == "mark":
            return MarkPrice(ts=ts, symbol=symbol, mark_price=cents(rest[0]))
        return Funding(ts=ts, symbol=symbol, rate=D(rest[0]) / 1000)

    def turn(
        self, symbol: str, bid: int, spread: int, bid_qty: int, ask_qty: int, effects: list[Any]
    ) -> list[Any]:
        venue, now = self.venue, self.now
        snapshot = a_snapshot(
            ts=now, symbol=symbol, bid_price=cents(bid), ask_price=cents(bid + spread),
            bid_qty=D(bid_qty) / 8, ask_qty=D(ask_qty) / 8,
        )  # fmt: skip
        told = list(venue.on_snapshot(snapshot, now))
        for kind, *rest in effects:
            told += venue.submit(self.effect(symbol, kind, *rest), now, now)
        return [*told, *venue.end_of_turn(symbol, now, now)]

    def effect(self, symbol: str, kind: str, *rest: Any) -> Effect:
        if kind == "cancel":
            return CancelOrder(client_order_id=f"c{rest[0]}", order_id="", symbol=symbol)
        self.number += 1
        name = f"c{self.number}"
        if kind == "flatten":
            side, qty = rest
            effect: Effect = Flatten(
                client_order_id=name, symbol=symbol, side=side, qty=D(qty) / 8, price=D(10)
            )
        else:
            side, price, qty, reduce_only = rest
            effect = PlaceOrder(
                client_order_id=name,
                intent=OrderIntent(
                    symbol=symbol, side=side, price=cents(price), qty=D(qty) / 8,
                    reduce_only=reduce_only,
                ),
            )  # fmt: skip
        self.sent[name] = effect
        return effect


def copy_of(venue: SimVenue) -> SimVenue:
    """Store and load, as a checkpoint does."""
    again = load_state(SimVenue, json.loads(canonical_json(dump_state(venue))))
    for book in again.books.values():
        book.orders = dict(sorted(book.orders.items()))
    return again


@settings(max_examples=60)
@given(steps, any_settings, capitals)
def test_a_venue_stored_and_loaded_goes_on_the_same(
    script: Any, venue_settings: VenueSettings, capital: Decimal
) -> None:
    whole, halves = (Player(SimVenue(venue_settings, capital)) for _ in range(2))
    for step in script:
        halves.venue = copy_of(halves.venue)
        assert halves.venue == whole.venue
        assert halves.play(step) == whole.play(step)


@given(steps, any_settings, capitals)
def test_money_is_conserved_to_the_last_digit(
    script: Any, venue_settings: VenueSettings, capital: Decimal
) -> None:
    player = Player(SimVenue(venue_settings, capital))
    venue, cash = player.venue, capital
    held = dict.fromkeys(NAMES, D(0))
    for step in script:
        for event in player.play(step):
            with exact():
                if isinstance(event, FundingPaid):
                    assert event.amount == event.qty * event.mark_price * event.rate
                    assert event.qty == held[event.symbol] != 0
                    cash -= event.amount
                elif event.last_qty:
                    signed = event.side.sign * event.last_qty
                    held[event.symbol] += signed
                    cash -= signed * event.last_price + event.fee
        with exact():
            cost = sum((book.ledger.cost_basis for book in venue.books.values()), D(0))
            assert venue.account.wallet == cash + cost
            assert all(venue.books[s].position == held[s] for s in venue.books)
            if not any(held.values()):
                assert venue.account.wallet == cash
                assert venue.account.margin_balance == cash


@given(steps, any_settings, capitals)
def test_an_order_lives_once_and_never_fills_beyond_itself(
    script: Any, venue_settings: VenueSettings, capital: Decimal
) -> None:
    player = Player(SimVenue(venue_settings, capital))
    states: dict[str, OrderState] = {}
    filled: dict[str, Decimal] = {}
    last_trade = dict.fromkeys(NAMES, 0)
    for step in script:
        positions = {s: b.position for s, b in player.venue.books.items()}
        for event in player.play(step):
            if not isinstance(event, OrderUpdate):
                continue
            name, before = event.client_order_id, states.get(event.client_order_id)
            assert before is None or not before.is_final
            assert (event.state is OrderState.OPEN) <= (before is None)
            states[name] = event.state
            filled[name] = filled.get(name, D(0)) + event.last_qty
            assert event.filled_qty == filled[name]
            assert event.fee >= 0
            if event.last_qty:
                assert event.trade_id == last_trade[event.symbol] + 1
                last_trade[event.symbol] = event.trade_id
            position = positions.get(event.symbol, D(0))
            after = position + event.side.sign * event.last_qty
            positions[event.symbol] = after
            effect = player.sent.get(name)
            if isinstance(effect, PlaceOrder):
                intent = effect.intent
                assert before is not None or event.state is OrderState.OPEN
                assert filled[name] <= intent.qty
                if event.last_qty:
                    assert event.side.sign * (intent.price - event.last_price) >= 0
                if intent.reduce_only and event.last_qty:
                    assert abs(after) < abs(position)
                    assert after * position >= 0
            else:
                assert event.state in {OrderState.FILLED, OrderState.EXPIRED}
                assert after * position >= 0
                assert effect is not None or name.startswith("autoclose-")
    resting = {
        order.client_order_id for book in player.venue.books.values()
        for order in book.orders.values()
    }  # fmt: skip
    assert resting == {name for name, state in states.items() if not state.is_final}
