"""I-20.1: a venue and an engine that agree give no mismatch, whenever which message arrives."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from attrs import evolve, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_core.contracts.enums import OrderState
from grinder_core.reconcile.reconciler import Reconciler
from grinder_core.reconcile.records import (
    Lookup,
    LookupKind,
    ObservedOrder,
    ObservedSource,
    VenueSnapshot,
)
from grinder_core.reconcile.settings import ReconcileSettings
from tests.support.reconciling import a_position, an_expected, an_observed, is_ours, nobody_asks

D = Decimal
S = OrderState
GRACE = 5000
SYMBOLS = ("AAAUSDT", "BBBUSDT")
SETTINGS = ReconcileSettings()


@frozen
class Happened:
    """Something at the venue: what became of an order, and the position after it."""

    at: int
    order: ObservedOrder
    position: Decimal


@frozen
class World:
    """What the venue went through, and what of it arrives when.

    Attributes:
        placed: By client id, symbol and when the order was expected.
        arrivals: Time and what to do then; sorted.
        end: When everything has arrived.
    """

    history: tuple[Happened, ...]
    placed: dict[str, tuple[str, int]]
    arrivals: list[tuple[int, Callable[[Reconciler, int], object]]] = field(factory=list)
    end: int = 0

    def order(self, name: str, at: int) -> ObservedOrder | None:
        """The venue's idea of an order at a time."""
        shown = [h.order for h in self.history if h.order.client_order_id == name and h.at <= at]
        return shown[-1] if shown else None

    def position(self, symbol: str, at: int) -> tuple[Decimal, int]:
        """The venue's idea of a position, and since when it is that."""
        shown = [h for h in self.history if h.order.symbol == symbol and h.at <= at]
        return (shown[-1].position, shown[-1].at) if shown else (D(0), 0)

    def snapshot(self, asked: int, lag: int) -> VenueSnapshot:
        """What REST answers that shows the state of a while ago."""
        at = asked - lag
        orders = [self.order(name, at) for name in self.placed]
        rows = [(symbol, *self.position(symbol, at)) for symbol in SYMBOLS]
        return VenueSnapshot(
            requested_ms=asked,
            orders=tuple(o for o in orders if o is not None and not o.status.is_final),
            positions=tuple(
                a_position(amt, symbol, ts_updated=ts) for symbol, amt, ts in rows if amt
            ),
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Orders that open, fill in parts and end, and messages that take up to the grace period."""
    delays = st.sampled_from((0, 0, 1, 30, 900, GRACE - 1))
    now, history = 1_000_000, list[Happened]()
    placed: dict[str, tuple[str, int]] = {}
    positions = dict.fromkeys(SYMBOLS, D(0))
    live: dict[str, ObservedOrder] = {}
    for number in range(draw(st.integers(1, 10))):
        now += draw(st.sampled_from((1, 40, 7000)))
        what = draw(st.sampled_from(("place", "fill", "fill", "end")))
        if what == "place" or not live:
            name, symbol = f"grinder_{number}", draw(st.sampled_from(SYMBOLS))
            placed[name] = (symbol, now)
            now += 1
            order = an_observed(name, symbol=symbol, ts_updated=now)
        else:
            order = live[draw(st.sampled_from(sorted(live)))]
            if what == "fill":
                done = order.executed_qty + 1
                status = S.FILLED if done == order.orig_qty else S.PARTIALLY_FILLED
                positions[order.symbol] += 1
                order = evolve(order, executed_qty=done, status=status, ts_updated=now)
            else:
                order = evolve(order, status=S.CANCELLED, ts_updated=now)
        live[order.client_order_id] = order
        if order.status.is_final:
            del live[order.client_order_id]
        history.append(Happened(now, order, positions[order.symbol]))
    world = World(tuple(history), placed)
    arrivals = world.arrivals
    for name, (_, at) in placed.items():
        arrivals.append((at, _placing(world, name)))
    told: dict[str, int] = {}  # the engine is told of one order, or position, in its order
    for each in history:
        for key, tell in ((each.order.client_order_id, _told), (each.order.symbol, _booked)):
            told[key] = max(told.get(key, 0), each.at + draw(delays))
            arrivals.append((told[key], tell(each)))
        for show in (_shown, _position_shown):
            for _ in range(draw(st.integers(1, 2))):  # sockets that overlap bring things twice
                arrivals.append((each.at + draw(delays), show(each)))
    for asked in draw(st.lists(st.integers(1_000_000, now + 20_000), max_size=4)):
        snapshot = world.snapshot(asked, draw(st.sampled_from((0, 100, 3000))))
        arrivals.append((asked + draw(delays), _answered(snapshot)))
    arrivals.sort(key=lambda arrival: arrival[0])
    return evolve(world, end=max(at for at, _ in arrivals))


def _placing(world: World, name: str) -> Callable[[Reconciler, int], object]:
    symbol, at = world.placed[name]
    order = an_expected(name, symbol=symbol, ts_created=at)
    return lambda subject, now: subject.expect_order(order, now)


def _told(each: Happened) -> Callable[[Reconciler, int], object]:
    name, status = each.order.client_order_id, each.order.status
    return lambda subject, now: subject.order_became(name, status, now)


def _booked(each: Happened) -> Callable[[Reconciler, int], object]:
    return lambda subject, now: subject.expect_position(each.order.symbol, each.position, now)


def _shown(each: Happened) -> Callable[[Reconciler, int], object]:
    return lambda subject, now: subject.saw_order(evolve(each.order, ts_seen=now), now)


def _position_shown(each: Happened) -> Callable[[Reconciler, int], object]:
    def show(subject: Reconciler, now: int) -> None:
        row = a_position(each.position, each.order.symbol, ts_updated=each.at, ts_seen=now)
        subject.saw_position(row, now)

    return show


def _answered(snapshot: VenueSnapshot) -> Callable[[Reconciler, int], object]:
    return lambda subject, now: subject.saw_snapshot(snapshot, now)


def answer(subject: Reconciler, world: World, lookup: Lookup, now: int) -> None:
    """Ask and merge what the venue says at that moment."""
    subject.asked(lookup, now)
    order = world.order(lookup.client_order_id, now)
    if lookup.kind is LookupKind.ORDER and order is not None:
        shown = evolve(order, ts_seen=now, source=ObservedSource.REST)
        subject.saw_order(shown, now)
    subject.answered(lookup, now)


@given(worlds())
@settings(max_examples=250)
def test_both_sides_agree_in_the_end_and_no_order_is_reported_on_the_way(world: World) -> None:
    subject = Reconciler(SETTINGS)
    for now, arrive in world.arrivals:
        arrive(subject, now)
        for lookup in subject.lookups(now, nobody_asks):
            answer(subject, world, lookup, now)
        assert [each for each in subject.run(now, is_ours) if not each.type.is_position] == []
    # a snapshot that lags may have taken away what the next one brings back
    later = world.end + GRACE
    subject.saw_snapshot(world.snapshot(later, 3000), later)
    for now in (later, later + 60_000):
        assert subject.run(now, is_ours) == ()
        assert subject.lookups(now, nobody_asks) == ()
    assert not any(subject.is_unreconciled(symbol, later) for symbol in SYMBOLS)
    for name, (symbol, _) in world.placed.items():
        truth = world.order(name, world.end)
        shown = subject.state.observed.order(symbol, name)
        assert truth is not None
        assert shown is None or shown.status is truth.status
        assert subject.state.expected.orders[name].expected_status is truth.status


@given(worlds(), st.data())
@settings(max_examples=150)
def test_a_wrong_belief_about_one_order_is_found_and_named(
    world: World, data: st.DataObject
) -> None:
    """The engine holds an order for open that ended, or the other way round."""
    name = data.draw(st.sampled_from(sorted(world.placed)))
    symbol, _ = world.placed[name]
    truth = world.order(name, world.end)
    assert truth is not None
    subject = Reconciler(SETTINGS)
    for now, arrive in world.arrivals:
        arrive(subject, now)
    order = subject.state.expected.orders[name]
    wrong = S.CANCELLED if not truth.status.is_final else S.OPEN
    orders = subject.state.expected.orders
    orders[name] = evolve(order, expected_status=wrong)
    subject.state.expected.active += 1 if wrong is S.OPEN else -1
    now = world.end
    for _ in range(3):
        now += 60_000
        subject.saw_snapshot(world.snapshot(now, 0), now)
        for lookup in subject.lookups(now, nobody_asks):
            answer(subject, world, lookup, now)
        found = subject.run(now, is_ours)
    assert [(each.symbol, each.client_order_id) for each in found] == [(symbol, name)]
