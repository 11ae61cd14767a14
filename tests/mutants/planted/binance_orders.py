"""Ways to let conditional orders, the dead-man switch and spot do what nobody asked for."""

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
COUNTDOWN = f"{ROOM}/countdown.py"
COUNTDOWN_TESTS = (f"{TESTS}/test_countdown.py",)
SPOT = f"{ROOM}/spot_orders.py"
ADMISSION = f"{ROOM}/order_admission.py"
SPOT_TESTS = (f"{TESTS}/test_spot_port.py",)

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
        "order.symbol, name, order.asked_price, qty, only_reduces=reduces",
        "order.symbol, name, order.asked_price, qty, only_reduces=True",
        ORDER_TESTS,
    ),
    Mutant(
        "news_of_a_normal_order_decides_about_a_conditional_one",
        WRITES,
        "watch, key = Watch(), (intent.scope, intent.client_order_id)",
        'watch, key = Watch(), (intent.scope.split("/")[0], intent.client_order_id)',
        ORDER_TESTS,
    ),
    # -- the dead-man switch
    Mutant(
        "orders_of_others_are_put_under_the_countdown",
        PORT,
        "if foreign := [name for name in names if not self.codec.is_ours(name)]:",
        "if foreign := [name for name in names if not name]:",
        COUNTDOWN_TESTS,
    ),
    Mutant(
        "conditional_orders_of_others_do_not_count",
        PORT,
        "names += [order.client_algo_id for order in await self.conditional_orders(symbol)]",
        "await self.conditional_orders(symbol)",
        COUNTDOWN_TESTS,
    ),
    Mutant(
        "a_countdown_that_ran_out_counts_as_armed",
        COUNTDOWN,
        "return self._client.now() < self._until_ms.get(symbol, 0)",
        "return symbol in self._until_ms",
        COUNTDOWN_TESTS,
    ),
    Mutant(
        "a_disarming_without_an_answer_leaves_it_armed",
        COUNTDOWN,
        "            self._until_ms[symbol] = min(until_ms, self._until_ms[symbol])\n",
        "            self._until_ms[symbol] += 0\n",
        COUNTDOWN_TESTS,
    ),
    Mutant(
        "a_standby_may_disarm",
        COUNTDOWN,
        "check=lambda: self._writer.permit(RiskIntent.CANCEL, symbol),",
        "check=self._client.guard.require,",
        COUNTDOWN_TESTS,
    ),
    # -- spot
    Mutant(
        "a_post_only_order_may_take_on_spot",
        SPOT,
        'kind = {"type": "LIMIT_MAKER"}',
        'kind = {"type": "LIMIT", "timeInForce": "GTC"}',
        SPOT_TESTS,
    ),
    Mutant(
        "a_cancels_own_id_is_taken_for_the_orders",
        SPOT,
        'name = "origClientOrderId" if has(data, "origClientOrderId") else "clientOrderId"',
        'name = "clientOrderId"',
        SPOT_TESTS,
    ),
    Mutant(
        "a_purchase_passes_for_an_exit_on_spot",
        ADMISSION,
        "if side is Side.BUY and not self._spec.capabilities.reduce_only:",
        "if side is not Side.BUY and self._spec.capabilities.reduce_only:",
        SPOT_TESTS,
    ),
    Mutant(
        "a_permission_for_futures_is_one_for_spot",
        ADMISSION,
        "if permission.port not in {self._spec.port, PortKind.SIM}:",
        "if permission.port not in PortKind:",
        SPOT_TESTS,
    ),
    Mutant(
        "who_calls_it_reduce_only_is_exempt_on_spot",
        ADMISSION,
        "        elif not self._spec.capabilities.reduce_only:\n",
        "        elif not self._spec.venue_id:\n",
        SPOT_TESTS,
    ),
)
