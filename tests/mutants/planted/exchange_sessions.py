"""Mistakes between a session and the exchange, in process and over sockets."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_IN_PROCESS = "grinder_core/venue/exchange/in_process.py"
_ORDERS = "grinder_core/venue/exchange/orders_of.py"
INSIDE = ("tests/core/exchange/test_in_process.py",)
OUTSIDE = ("tests/app/test_paper_venues.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "the_exchange_keeps_funding_to_itself",
        _IN_PROCESS,
        "events.extend(() if push.payment is None else (push.payment,))",
        "pass",
        INSIDE,
    ),
    Mutant(
        "a_refusal_is_not_told_to_the_engine",
        _IN_PROCESS,
        "return (*self._told(), rejection_of(effect, str(placed.code), floor.now))",
        "return self._told()",
        INSIDE,
    ),
    Mutant(
        "late_cancels_are_not_counted",
        _IN_PROCESS,
        "self.late_cancels += isinstance(answer, Refused)",
        "self.late_cancels += 0",
        INSIDE,
    ),
    Mutant(
        "an_exit_at_the_market_may_open",
        _ORDERS,
        "            client_order_id=effect.client_order_id,\n            reduce_only=True,",
        "            client_order_id=effect.client_order_id,\n            reduce_only=False,",
        INSIDE,
    ),
    Mutant(
        "the_fee_of_a_fill_is_lost_on_the_way",
        "grinder_adapters/binance/engine_events.py",
        "split_fee(event.symbol, event.fee, event.fee_asset)",
        'split_fee(event.symbol, Decimal("0"), "")',
        OUTSIDE,
    ),
    Mutant(
        "news_of_an_order_wait_for_the_next_turn",
        "grinder_adapters/binance/lockstep.py",
        "while self.seen < count:",
        "while self.seen < count - 1:",
        OUTSIDE,
    ),
)
