"""Mistakes in the process of a live session that lose or double an order, or forget a latch."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

CORE = ("tests/core/live/test_live_core.py",)
RESTART = ("tests/core/live/test_live_restart.py",)
LOOP = ("tests/app/test_live_loop.py",)
WORLD = ("tests/simulation/test_live_world.py",)
START = ("tests/app/test_start_under_faults.py",)

_CORE = "grinder_core/live/core.py"
_PASSING = "grinder_core/live/passing.py"
_PERMITTING = "grinder_core/live/permitting.py"
_STREAKS = "grinder_core/risk/loss_streak.py"
_LOOP = "grinder_app/live/loop.py"
_SESSION = "grinder_app/live/session.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "cancels_of_an_earlier_process_are_forgotten",
        _CORE,
        "        self._passing.defer_cancels()\n",
        "",
        RESTART,
    ),
    Mutant(
        "a_cancel_that_may_not_leave_fills_the_journal",
        _PASSING,
        "            if name not in self._hot.deferred:\n",
        "            if name:\n",
        RESTART,
    ),
    Mutant(
        "a_deferred_cancel_is_repeated_for_ever",
        _PASSING,
        "        self._hot.deferred.pop(name, None)\n",
        "",
        RESTART,
    ),
    Mutant(
        "gates_judge_by_the_kill_switch_of_an_earlier_order",
        _PERMITTING,
        "            or known.kill_switch_active is not is_killed\n",
        "",
        CORE,
    ),
    Mutant(
        "gates_judge_by_the_leadership_of_an_earlier_order",
        _PERMITTING,
        "            or known.is_leader is not is_leader\n",
        "",
        CORE,
    ),
    Mutant(
        "the_price_band_stays_where_the_first_mark_was",
        _PASSING,
        "if known is None or known.mark_price != mark:",
        "if known is None:",
        CORE,
    ),
    Mutant(
        "what_was_queued_leaves_after_a_stop",
        _PERMITTING,
        "        if self._hot.is_stopping:\n            return STOPPING\n",
        "",
        RESTART,
    ),
    Mutant(
        "a_fill_that_is_told_late_ends_the_session",
        _STREAKS,
        "ts = max(fill.ts, self.tracker.last_ts(symbol))",
        "ts = fill.ts",
        ("tests/core/test_loss_streak.py",),
    ),
    Mutant(
        "a_session_whose_fold_failed_is_taken_for_alive",
        _LOOP,
        "        if self.failure is not None:  # whoever",
        "        if self.failure is KeyError:  # whoever",
        LOOP,
    ),
    Mutant(
        "what_fails_after_the_orders_left_is_swallowed",
        _LOOP,
        "                self.failure = self.failure or error\n                raise\n",
        "                raise\n",
        LOOP,
    ),
    Mutant(
        "nobody_hears_of_a_latch",
        _LOOP,
        "                if step.has_latched:",
        "                if step.has_latched and not step.records:",
        LOOP,
    ),
    Mutant(
        "a_latch_waits_for_the_next_commit",
        _SESSION,
        'lambda: self._tasks.start(self._make_durable(), "journal: a latch"),',
        "lambda: None,",
        WORLD,
    ),
    Mutant(
        "the_state_is_read_before_the_lock_is_held",
        _SESSION,
        "        self.journal = self._open_journal(config)\n",
        "        world.restore(base.folder, self._policy)\n"
        "        self.journal = self._open_journal(config)\n",
        WORLD,
    ),
    # -- the start
    Mutant(
        "a_ban_ends_a_start",
        "grinder_app/live/foundation.py",
        "_HELD: Final = (CircuitOpenError, RateLimitError)",
        "_HELD: Final = (CircuitOpenError,)",
        START,
    ),
    Mutant(
        "a_ban_is_an_error_like_any_other",
        "grinder_adapters/binance/error_map.py",
        "        if self.kind is FailureKind.BANNED:\n",
        "        if self.kind is FailureKind.HALT:\n",
        START,
    ),
    Mutant(
        "leverage_that_perhaps_was_not_set_ends_a_start",
        "grinder_adapters/binance/account_port.py",
        "if isinstance(why, ConnectorOutcomeUnknownError | ConnectorTimeoutError):",
        "if isinstance(why, ConnectorTimeoutError):",
        START,
    ),
    Mutant(
        "waiting_for_a_ban_costs_patience",
        "grinder_app/live/foundation.py",
        "wait_ms = HELD_WAIT_MS if isinstance(error, _HELD) else next(waits, 0)",
        "wait_ms = next(waits, 0)",
        START,
    ),
)
