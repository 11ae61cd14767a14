"""Ways to let conditional orders do what nobody asked for."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ROOM = "grinder_adapters/binance"
REQUESTS = f"{ROOM}/conditional_requests.py"
CALLS = f"{ROOM}/write_calls.py"
PORT = f"{ROOM}/orders_port.py"
WRITES = f"{ROOM}/writes.py"
TESTS = "tests/adapters/binance"
REQUEST_TESTS = (f"{TESTS}/test_conditional_requests.py",)
ORDER_TESTS = (f"{TESTS}/test_conditional_orders.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- conditional orders
    Mutant(
        "a_closing_stop_waits_behind_new_risk",
        REQUESTS,
        "return self.reduce_only or self.qty is None",
        "return self.reduce_only",
        REQUEST_TESTS,
    ),
    Mutant(
        "a_stop_of_another_trigger_is_the_same_order",
        REQUESTS,
        '            "trigger_price": self.trigger_price,\n',
        "",
        ORDER_TESTS,
    ),
    Mutant(
        "an_answer_about_another_conditional_order_is_believed",
        CALLS,
        "if (order.symbol, order.client_algo_id) != (symbol, client_algo_id):",
        "if order.client_algo_id != client_algo_id:",
        ORDER_TESTS,
    ),
    Mutant(
        "what_waits_is_not_counted",
        PORT,
        "is_counted = self.limits.take(permission, order.client_algo_id)",
        "is_counted = False",
        ORDER_TESTS,
    ),
    Mutant(
        "news_of_a_normal_order_decides_about_a_conditional_one",
        WRITES,
        "watch, key = Watch(), (intent.scope, intent.client_order_id)",
        'watch, key = Watch(), (intent.scope.split("/")[0], intent.client_order_id)',
        ORDER_TESTS,
    ),
)
