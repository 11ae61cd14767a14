"""Engine, venue and shadow tell the same story, order by order and to the last digit."""

from __future__ import annotations

from fractions import Fraction

from grinder_core.contracts.effects import CancelOrder
from tests.simulation.shadow import Shadow
from tests.support.world import World


def orders_agree(world: World, shadow: Shadow) -> None:
    """No order is lost, doubled or orphaned, with what is under way counted in."""
    ours = shadow.orders
    assert _at_venue(world, shadow) == set(ours), "the venue has other orders than we sent"
    cancels = {
        arrival.effect.client_order_id
        for arrival in world.session.venue.inbox.entries
        if isinstance(arrival.effect, CancelOrder)
    }
    known: set[str] = set()
    for s in world.session.engine.hot.symbols.values():
        for record in (*s.grid.live.values(), *s.grid.leaving.values()):
            key = record.client_order_id
            mine = ours[key]
            assert Fraction(record.filled_qty) == mine.filled
            assert mine.is_leaving == (key in s.grid.leaving)
            assert not mine.is_leaving or key in cancels, "a cancel got lost"
            known.add(key)
        notional = sum((o.open_notional for o in shadow.open(s.symbol)), Fraction(0))
        assert Fraction(s.grid.open_notional) == notional
    assert known == set(ours), "the engine knows other orders than are open"


def _at_venue(world: World, shadow: Shadow) -> set[str]:
    venue = world.session.venue
    found = {
        arrival.effect.client_order_id
        for arrival in venue.inbox.entries
        if not isinstance(arrival.effect, CancelOrder)
    }
    for book in venue.books.values():
        for order in book.orders.values():
            mine = shadow.orders[order.client_order_id]
            resting = (Fraction(order.price), Fraction(order.qty), Fraction(order.filled))
            assert resting == (mine.price, mine.qty, mine.filled)
            assert order.reduce_only == mine.reduce_only
        found |= book.by_client_id.keys()
    return found


def money_agrees(world: World, shadow: Shadow) -> None:
    """Equity, positions, profit, wallet and exposure."""
    hot, venue = world.session.engine.hot, world.session.venue
    assert Fraction(hot.cash) + Fraction(hot.unrealized) == shadow.equity
    assert venue.account.wallet == hot.cash
    exposure = Fraction(0)
    for symbol, s in hot.symbols.items():
        assert Fraction(s.ledger.qty) == shadow.held[symbol]
        book = venue.books.get(symbol)
        assert (0 if book is None else book.position) == s.ledger.qty
        profit = Fraction(s.ledger.realized_pnl) + Fraction(s.unrealized)
        assert profit == shadow.profit(symbol)
        exposure += abs(shadow.held[symbol]) * shadow.markets[symbol].mid
        exposure += sum(o.open_notional for o in shadow.open(symbol))
    assert Fraction(hot.exposure) == exposure
    stats = hot.stats
    assert stats.total_fills == hot.fill_seq == shadow.fills
    assert (stats.foreign_updates, stats.duplicate_fills) == (0, 0)
    assert stats.liquidations == shadow.liquidations
