"""LIVE-20: what the two stores keep, forget and believe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.effects import Flatten, PlaceOrder
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.contracts.orders import OrderIntent
from grinder_core.errors import ConfigError, ContractError
from grinder_core.reconcile import observed as observed_module
from grinder_core.reconcile.expected import ExpectedStore
from grinder_core.reconcile.observed import ObservedStore, foreign
from grinder_core.reconcile.records import ExpectedOrder, ObservedOrder, ObservedSource
from grinder_core.reconcile.settings import ReconcileSettings
from tests.support.reconciling import (
    SYMBOL,
    a_position,
    a_snapshot,
    an_expected,
    an_observed,
    is_ours,
)

D = Decimal
S = OrderState
FINAL = {S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED}
SMALL = ReconcileSettings(expected_max_orders=4, expected_ttl_ms=50)


@contextmanager
def limits(open_max: int, ended_max: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observed_module, "OPEN_MAX", open_max)
        patch.setattr(observed_module, "ENDED_MAX", ended_max)
        yield


# -- expected: properties ----------------------------------------------------------------------

moves = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(OrderState), st.booleans(), st.integers(0, 30)),
    max_size=60,
)


@given(moves)
@settings(max_examples=300)
def test_no_active_order_vanishes_and_memory_is_bounded(
    moves: list[tuple[int, OrderState, bool, int]],
) -> None:
    """I-20.3, I-20.4 against a model that knows the last word on each order and forgets nothing."""
    store, now = ExpectedStore(), 0
    told: dict[str, tuple[OrderState, bool]] = {}
    for number, status, is_inferred, passed in moves:
        now += passed
        name = f"grinder_{number}"
        if name not in told:
            store.add(an_expected(name, ts_created=now), SMALL)
            told[name] = (S.PENDING, False)
        else:
            was, was_inferred = told[name]
            over = was in FINAL and (
                not was_inferred or is_inferred or status in {S.PENDING, S.UNKNOWN}
            )
            assert store.set_status(name, status, now, is_inferred=is_inferred) <= (not over)
            if not over and (name in store.orders):
                told[name] = (status, is_inferred)
        store.expire(now, SMALL)
        active = {name for name, (status, _) in told.items() if status not in FINAL}
        kept = {n for n, o in store.orders.items() if o.expected_status not in FINAL}
        assert kept == {n for n in active if n in store.orders}
        assert kept == active
        assert store.active == len(active)
        assert store.is_full(SMALL) is (len(active) >= 4)
        assert len(store.orders) <= max(4, len(active))
        assert sorted(store.ring) == sorted(store.orders)
        assert store.unknown_since.keys() == {n for n in active if told[n][0] is S.UNKNOWN}
        for name in set(told) - set(store.orders):  # forgotten: a fresh life under a fresh id
            del told[name]


# -- expected: examples ------------------------------------------------------------------------


def test_the_oldest_order_that_ended_leaves_first() -> None:
    store = ExpectedStore()
    for number in range(4):
        store.add(an_expected(f"grinder_{number}"), SMALL)
    for name in ("grinder_2", "grinder_1"):
        store.set_status(name, S.CANCELLED, 5)
    assert store.add(an_expected("grinder_4"), SMALL) == ["grinder_1"]
    assert store.add(an_expected("grinder_5"), SMALL) == ["grinder_2"]
    assert store.is_full(SMALL)
    assert store.add(an_expected("grinder_6"), SMALL) == []  # an exit passes
    assert len(store.orders) == 5
    store.set_status("grinder_0", S.FILLED, 6)
    assert store.expire(6, SMALL) == ["grinder_0"]


def test_only_what_ended_expires_and_exactly_at_the_ttl() -> None:
    store = ExpectedStore()
    for name in ("grinder_1", "grinder_2"):
        store.add(an_expected(name), SMALL)
    store.set_status("grinder_1", S.FILLED, 100)
    assert store.expire(149, SMALL) == []
    assert store.expire(150, SMALL) == ["grinder_1"]
    assert store.expire(10**9, SMALL) == []
    assert list(store.orders) == ["grinder_2"]


def test_what_the_venue_reported_as_final_stays() -> None:
    store = ExpectedStore()
    store.add(an_expected(), SMALL)
    assert store.set_status("grinder_1", S.FILLED, 1)
    for status in OrderState:
        assert not store.set_status("grinder_1", status, 2)
    assert store.orders["grinder_1"].expected_status is S.FILLED
    assert store.active == 0


def test_what_was_inferred_yields_to_any_report_but_not_to_another_guess() -> None:
    store = ExpectedStore()
    store.add(an_expected(), SMALL)
    store.set_status("grinder_1", S.REJECTED, 1, is_inferred=True)
    assert not store.set_status("grinder_1", S.CANCELLED, 2, is_inferred=True)
    assert not store.set_status("grinder_1", S.UNKNOWN, 2)
    assert not store.set_status("grinder_1", S.PENDING, 2)
    assert store.active == 0
    assert store.set_status("grinder_1", S.OPEN, 3)
    assert (store.active, store.orders["grinder_1"].ts_status) == (1, 3)


def test_an_id_is_never_expected_twice_and_an_unknown_one_changes_nothing() -> None:
    store = ExpectedStore()
    store.add(an_expected(), SMALL)
    with pytest.raises(ContractError, match=r"client_order_id = 'grinder_1': is expected already"):
        store.add(an_expected(), SMALL)
    assert not store.set_status("other", S.OPEN, 1)
    store.amend("other", D(1), D(1))
    store.amend("grinder_1", D(101), D(3))
    order = store.orders["grinder_1"]
    assert (order.price, order.orig_qty, order.ts_status) == (D(101), D(3), 0)
    assert store.active == len(store.orders) == 1


def test_an_unknown_order_keeps_the_time_since_when() -> None:
    store = ExpectedStore()
    store.add(an_expected(), SMALL)
    store.set_status("grinder_1", S.UNKNOWN, 100)
    assert not store.set_status("grinder_1", S.UNKNOWN, 200)
    assert not store.has_unknown(SYMBOL, 10_100, 10_000)
    assert store.has_unknown(SYMBOL, 10_101, 10_000)
    assert not store.has_unknown("BBBUSDT", 10_101, 10_000)
    store.set_status("grinder_1", S.OPEN, 300)
    assert not store.has_unknown(SYMBOL, 10**9, 10_000)
    store.add(an_expected("grinder_2", expected_status=S.UNKNOWN, ts_created=400), SMALL)
    assert store.has_unknown(SYMBOL, 10_401, 10_000)


def test_an_effect_says_what_to_expect() -> None:
    intent = OrderIntent(symbol=SYMBOL, side=Side.SELL, price=D(101), qty=D(3), level_id=1)
    placed = ExpectedOrder.of(PlaceOrder(client_order_id="grinder_1", intent=intent), 7)
    assert placed == an_expected(
        side=Side.SELL, price=D(101), orig_qty=D(3), ts_created=7, ts_status=7
    )
    flatten = Flatten(
        client_order_id="grinder_1", symbol=SYMBOL, side=Side.SELL, qty=D(3), price=D(101)
    )
    assert ExpectedOrder.of(flatten, 7) == evolve(placed, order_type="MARKET", price=D(0))


@pytest.mark.parametrize(
    "changes",
    [{"client_order_id": ""}, {"symbol": ""}, {"price": D("NaN")}, {"orig_qty": D("Infinity")},
     {"ts_created": -1}],
)  # fmt: skip
def test_an_impossible_expectation_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        an_expected(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"expected_max_orders": 0}, {"expected_ttl_ms": 0}, {"order_grace_period_ms": -1},
     {"snapshot_interval_sec": 0}, {"lookup_interval_ms": 0}, {"symbol_filter": ["AAAUSDT"]}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        ReconcileSettings(**changes)


def test_the_defaults_are_the_published_ones() -> None:
    subject = ReconcileSettings()
    assert (subject.order_grace_period_ms, subject.snapshot_interval_sec) == (5000, 60)
    assert (subject.expected_max_orders, subject.expected_ttl_ms) == (200, 86_400_000)
    assert subject.symbol_filter is None


# -- observed: properties ----------------------------------------------------------------------

events = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from((S.OPEN, S.OPEN, S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.UNKNOWN)),
        st.integers(0, 2),
        st.integers(0, 20),
    ),
    max_size=12,
)


@given(events, st.data())
@settings(max_examples=300)
def test_orders_lead_to_one_state_whatever_the_order_and_repetition_of_events(
    events: list[tuple[int, OrderState, int, int]], data: st.DataObject
) -> None:
    """The last by transaction time gives the state; final stays, executed never falls."""
    # at one transaction time an order has one state, and final ones come last
    seen = {(number, ts): (number, status, ts) for number, status, _, ts in events}
    ended: dict[int, int] = {}
    lives = []
    executed = dict.fromkeys(range(4), 0)
    for number, status, ts in sorted(seen.values(), key=lambda each: each[2]):
        if number in ended:
            continue
        executed[number] += status in {S.PARTIALLY_FILLED, S.FILLED}
        if status in FINAL:
            ended[number] = ts
        lives.append(
            an_observed(
                f"o{number}", status=status, ts_updated=ts, executed_qty=D(executed[number])
            )
        )
    stores = []
    for _ in range(2):
        store = ObservedStore()
        again = data.draw(st.lists(st.sampled_from(lives))) if lives else []
        for order in data.draw(st.permutations([*lives, *again])):
            store.on_order(order)
        stores.append(store)
    for number in range(4):
        mine = [o for o in lives if o.client_order_id == f"o{number}"]
        known = [o for o in mine if o.status is not S.UNKNOWN]
        for store in stores:
            shown = store.order(SYMBOL, f"o{number}")
            assert (shown is None) is (not mine)
            if shown is not None and known and mine[-1].status is not S.UNKNOWN:
                assert shown.status is mine[-1].status
                assert shown.executed_qty == mine[-1].executed_qty
                assert (shown.key in store.open) is (shown.status not in FINAL)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from((S.OPEN, S.FILLED))), max_size=60),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_what_is_observed_takes_bounded_memory(
    events: list[tuple[int, OrderState]], open_max: int, ended_max: int
) -> None:
    with limits(open_max, ended_max):
        store = ObservedStore()
        for now, (number, status) in enumerate(events):
            store.on_order(an_observed(f"o{number}", status=status, ts_updated=now, ts_seen=now))
            assert len(store.open) <= open_max
            assert len(store.ended) <= ended_max
            assert sorted(store.ended_ring) == sorted(store.ended)
            assert not store.open.keys() & store.ended.keys()


# -- observed: examples ------------------------------------------------------------------------


def after(*orders: ObservedOrder) -> ObservedStore:
    store = ObservedStore()
    for order in orders:
        store.on_order(order)
    return store


@pytest.mark.parametrize(("seen", "stays"), [(999, False), (1000, True), (1001, True)])
def test_a_snapshot_drops_what_it_lacks_unless_it_was_updated_since_the_request(
    seen: int, stays: bool
) -> None:
    store = after(an_observed(ts_seen=seen))
    store.on_position(a_position("1.5", ts_seen=seen))
    assert store.on_snapshot(a_snapshot(1000, an_observed("grinder_2")))
    assert (store.order(SYMBOL, "grinder_1") is not None) is stays
    assert store.position_amt(SYMBOL) == (D("1.5") if stays else 0)
    assert store.order(SYMBOL, "grinder_2") is not None
    assert store.snapshot_ms == 1000


def test_an_old_event_heard_again_does_not_hold_an_order_against_a_snapshot() -> None:
    store = after(an_observed(ts_updated=5, ts_seen=10))
    store.on_order(an_observed(ts_updated=5, ts_seen=2000))
    store.on_snapshot(a_snapshot(1000))
    assert not store.open


def test_an_answer_of_today_holds_an_order_though_nothing_changed_about_it() -> None:
    store = after(an_observed(ts_updated=5, ts_seen=10))
    store.on_order(an_observed(ts_updated=5, ts_seen=2000, source=ObservedSource.REST))
    store.on_snapshot(a_snapshot(1000))
    assert len(store.open) == 1


def test_a_snapshot_that_lags_revives_nothing() -> None:
    ended = an_observed(status=S.CANCELLED, ts_updated=50, ts_seen=60)
    store = after(ended)
    store.on_position(a_position("0", ts_updated=50, ts_seen=60))
    store.on_snapshot(a_snapshot(100, an_observed(ts_updated=40), a_position("2", ts_updated=40)))
    assert store.order(SYMBOL, "grinder_1") == ended
    assert store.position_amt(SYMBOL) == 0


@pytest.mark.parametrize("ts", [49, 50, 51])
def test_what_the_venue_called_final_stays_whatever_it_says_then(ts: int) -> None:
    store = after(
        an_observed(status=S.CANCELLED, ts_updated=50), an_observed(ts_updated=ts, ts_seen=99)
    )
    order = store.order(SYMBOL, "grinder_1")
    assert order is not None
    assert order.status is S.CANCELLED
    assert not store.open


def test_of_two_snapshots_the_one_asked_for_last_counts() -> None:
    store = ObservedStore()
    assert store.on_snapshot(a_snapshot(200, an_observed()))
    assert not store.on_snapshot(a_snapshot(100))
    assert not store.on_snapshot(a_snapshot(200))
    assert len(store.open) == 1
    assert store.on_snapshot(a_snapshot(201))
    assert not store.open


def test_the_later_transaction_time_gives_price_and_quantity() -> None:
    store = after(
        an_observed(price=D(101), orig_qty=D(5), ts_updated=7),
        an_observed(price=D(100), executed_qty=D(1), status=S.PARTIALLY_FILLED, ts_updated=6),
    )
    order = store.order(SYMBOL, "grinder_1")
    assert order is not None
    assert (order.price, order.orig_qty, order.executed_qty) == (D(101), D(5), D(1))


def test_a_state_that_nobody_knows_does_not_replace_one_that_is_known() -> None:
    store = after(an_observed(ts_updated=1), an_observed(status=S.UNKNOWN, ts_updated=2))
    assert store.open[f"{SYMBOL}|grinder_1"].status is S.OPEN


def test_an_id_that_somebody_uses_again_is_another_order() -> None:
    store = after(
        an_observed("theirs", status=S.FILLED, order_id="1", ts_updated=1),
        an_observed("theirs", order_id="2", ts_updated=2),
    )
    assert (len(store.open), len(store.ended), len(store.ended_ring)) == (1, 0, 0)
    store.on_order(an_observed("theirs", status=S.FILLED, order_id="1", ts_updated=1))
    assert len(store.open) == 1


def test_positions_follow_the_venues_time_and_a_row_without_one_counts_as_left_out() -> None:
    store = ObservedStore()
    store.on_position(a_position("2", ts_updated=20, ts_seen=21))
    store.on_position(a_position("1", ts_updated=10, ts_seen=22))
    assert store.position_amt(SYMBOL) == 2
    store.on_snapshot(a_snapshot(21, a_position("0")))
    assert store.position_amt(SYMBOL) == 2
    store.on_snapshot(a_snapshot(22, a_position("0")))
    assert store.position_amt(SYMBOL) == 0
    assert store.position_amt("BBBUSDT") == 0


def test_more_open_orders_than_can_be_kept_leave_no_snapshot_to_judge_by() -> None:
    with limits(2, 2):
        store = ObservedStore()
        store.on_snapshot(a_snapshot(5, an_observed("a"), an_observed("b")))
        assert store.snapshot_ms == 5
        store.on_order(an_observed("c", ts_seen=6))
        assert (len(store.open), store.snapshot_ms) == (2, None)
        assert f"{SYMBOL}|c" in store.open
        store.on_snapshot(a_snapshot(7, *(an_observed(name) for name in "abc")))
        assert (len(store.open), store.snapshot_ms) == (2, None)


def test_the_orders_of_others_are_listed_and_only_the_open_ones() -> None:
    store = after(
        an_observed("zed"), an_observed("web_1", symbol="BBBUSDT"), an_observed("web_2"),
        an_observed("grinder_1"), an_observed("web_3", status=S.FILLED),
    )  # fmt: skip
    assert [order.client_order_id for order in foreign(store, is_ours)] == ["web_2", "zed", "web_1"]
