"""Mistakes of the smoke harnesses that could cost money, leave something, or prove nothing."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SMOKE, COMMAND = ("tests/app/test_smoke.py",), ("tests/app/test_smoke_command.py",)
KEYRING = ("tests/app/test_live_keyring.py",)
SYMBOLS = ("tests/app/test_exchange_info_command.py",)
ONE_WAY = ("tests/app/test_one_way_to_the_venue.py",)

_DESK = "grinder_app/smoke/desk.py"
_TRADING = "grinder_app/smoke/trading.py"
_REQUEST = "grinder_app/smoke/request.py"
_STEPS = "grinder_app/smoke/steps.py"
_REPORT = "grinder_app/smoke/report.py"
_LOOP = "grinder_app/smoke/reconcile_loop.py"
_FUTURES = "grinder_app/smoke/futures.py"
_OFFLINE = "grinder_app/smoke/no_orders.py"
_RUN = "grinder_app/smoke/run.py"
_KEYS = "grinder_app/config/live_keys.py"
_RING = "grinder_app/config/live_keyring.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a_smoke_order_passes_no_envelope",
        "grinder_app/smoke/envelope.py",
        "        if verdict.reason is not None:\n",
        "        if verdict.reason is not None and not verdict.reason:\n",
        SMOKE,
    ),
    Mutant(
        "a_real_smoke_run_needs_no_word",
        _REQUEST,
        "if request.word is not None and request.confirm is not request.word:",
        "if request.word is None and request.confirm is not request.word:",
        COMMAND,
    ),
    Mutant(
        "any_word_will_do",
        _REQUEST,
        "request.confirm is not request.word:",
        "request.confirm is None:",
        COMMAND,
    ),
    Mutant(
        "a_dry_run_takes_the_venues_keys",
        _REQUEST,
        "        return environ\n    return {}",
        "        return environ\n    return environ",
        COMMAND,
    ),
    Mutant(
        "missing_guards_of_a_smoke_run_are_only_listed",
        _REQUEST,
        "    if missing := missing_guards(request, plan):\n",
        "    if (missing := missing_guards(request, plan)) and len(missing) > 1:\n",
        COMMAND,
    ),
    Mutant(
        "the_higher_of_two_caps_holds",
        _REQUEST,
        "else min(own, cap)",
        "else max(own, cap)",
        COMMAND,
    ),
    Mutant(
        "a_cap_can_be_as_large_as_one_likes",
        _REQUEST,
        "if not 0 < self.max_notional <= self.cap:",
        "if not 0 < self.max_notional:",
        COMMAND,
    ),
    Mutant(
        "an_address_of_any_class_will_do",
        _REQUEST,
        "    if kind is not request.where.venue_class:\n",
        "    if kind is not request.where.venue_class and request.where is SmokeVenue.DRY:\n",
        COMMAND,
    ),
    Mutant(
        "an_order_above_the_cap_is_left_to_the_port",
        _TRADING,
        "if cap is not None and ticket.notional > cap:",
        "if cap is not None and ticket.notional > cap * 10:",
        SMOKE,
    ),
    Mutant(
        "a_held_symbol_is_taken_for_free",
        _TRADING,
        "        position = await self.position()\n        if position:\n",
        "        position = await self.position()\n        if position < 0:\n",
        SMOKE,
    ),
    Mutant(
        "orders_of_others_are_taken_for_our_own",
        _TRADING,
        "if not desk.is_own(o.client_order_id)]",
        "if desk.is_own(o.client_order_id)]",
        SMOKE,
    ),
    Mutant(
        "what_others_hold_is_closed_too",
        _TRADING,
        "            qty = min(abs(position), abs(net))\n",
        "            qty = abs(position)\n            net = position\n",
        SMOKE,
    ),
    Mutant(
        "what_filled_meanwhile_is_kept",
        _TRADING,
        "            if not qty or (position > 0) is not (net > 0):\n",
        "            if not qty or (position > 0) is (net > 0):\n",
        SMOKE,
    ),
    Mutant(
        "a_position_is_not_asked_for_at_the_end",
        _TRADING,
        "        if position and self.is_clear:\n",
        "        if position and not self.is_clear:\n",
        SMOKE,
    ),
    Mutant(
        "nobody_says_what_may_be_left",
        _TRADING,
        "        self.left = self._suspected()  # should the question fail\n",
        "",
        SMOKE,
    ),
    Mutant(
        "an_order_that_nobody_saw_is_taken_for_none",
        _DESK,
        "asked_ms > own.sent_ms + self._absent_after_ms:",
        "asked_ms >= own.sent_ms:",
        SMOKE,
    ),
    Mutant(
        "an_order_that_rests_is_not_taken_back",
        _DESK,
        "if not self.orders[name].state.is_final:\n                await self._take_back(name)",
        "if self.orders[name].state.is_final:\n                await self._take_back(name)",
        SMOKE,
    ),
    Mutant(
        "steps_go_on_after_one_that_failed",
        _STEPS,
        "goes_on = goes_on and ended.verdict is StepVerdict.PASS",
        "goes_on = goes_on or ended.verdict is StepVerdict.PASS",
        SMOKE,
    ),
    Mutant(
        "cleaning_up_is_skipped_after_a_failure",
        _STEPS,
        "if goes_on or step.always:",
        "if goes_on:",
        SMOKE,
    ),
    Mutant(
        "an_interruption_ends_the_cleaning_too",
        _STEPS,
        "            task.uncancel()  # what is left must be cleaned up\n",
        "            raise\n",
        SMOKE,
    ),
    Mutant(
        "what_is_left_is_no_failure",
        _REPORT,
        "return not self.left and all(",
        "return all(",
        COMMAND,
    ),
    Mutant(
        "a_skipped_step_has_passed",
        _REPORT,
        "all(s.verdict is StepVerdict.PASS for s in self.steps)",
        "all(s.verdict is not StepVerdict.FAIL for s in self.steps)",
        COMMAND,
    ),
    Mutant(
        "the_kill_switch_is_never_tripped",
        _FUTURES,
        "        trading.envelope.kill()\n",
        "",
        SMOKE,
    ),
    Mutant(
        "an_empty_network_proves_enough",
        _OFFLINE,
        "        if not counting.effects:\n",
        "        if counting.effects < 0:\n",
        COMMAND,
    ),
    Mutant(
        "a_dry_run_may_leak",
        _RUN,
        "            if watch.attempts:\n",
        "            if len(watch.attempts) > 9:\n",
        COMMAND,
    ),
    Mutant(
        "anything_that_differs_is_what_was_injected",
        _LOOP,
        "            if found:\n                raise StepError",
        "            if len(found) > 1:\n                raise StepError",
        SMOKE,
    ),
    Mutant(
        "a_keyring_and_a_variable_go_together",
        _KEYS,
        '        if environ.get(name, ""):\n            raise ConfigError(\n'
        '                f"is given together with {KEYRING}",',
        '        if environ.get(name, "") == KEYRING:\n            raise ConfigError(\n'
        '                f"is given together with {KEYRING}",',
        KEYRING,
    ),
    Mutant(
        "a_locked_keyring_tells_its_words",
        _RING,
        "cannot be asked: {type(error).__name__}",
        "cannot be asked: {error}",
        KEYRING,
    ),
    Mutant(
        "a_lot_may_be_worth_more_than_the_limit",
        "grinder_core/orders/constraints.py",
        "max(ceil_div(limits.min_qty, step), ceil_div(limits.min_notional, price * step), 1)",
        "max(ceil_div(limits.min_notional, price * step), 1)",
        SYMBOLS,
    ),
    Mutant(
        "symbols_that_do_not_trade_are_listed",
        "grinder_adapters/exchange_info/least_orders.py",
        'if row.get("status") == TRADING and',
        'if row.get("status") and',
        SYMBOLS,
    ),
)
