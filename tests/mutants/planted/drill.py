"""Mistakes that leave an operator in the dark, or with orders that nobody knows of."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

DRILL = ("tests/drill/test_operator_drill.py",)
SESSION = ("tests/drill/test_operator_session.py",)
_ALERTS = "grinder_app/live/alerting.py"
_SWITCH = "grinder_app/live/dead_man.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "an_alert_kind_is_dropped",
        "grinder_app/live/alert_words.py",
        "    _R.CLOCK_SKEW: _K.CLOCK_SKEW,\n",
        "    _R.CLOCK_SKEW: _K.DEGRADED,\n",
        DRILL,
    ),
    Mutant(
        "the_end_of_an_incident_is_not_told",
        _ALERTS,
        "            if incident.is_told:\n                yield self._res",
        "            if incident.is_told and condition.symbol:\n                yield self._res",
        DRILL,
    ),
    Mutant(
        "a_cancel_that_never_passes_is_not_told",
        _ALERTS,
        "                if now - since_ms > STUCK_AFTER_MS:\n",
        "                if now - since_ms > 10 * STUCK_AFTER_MS:\n",
        DRILL,
    ),
    Mutant(
        "who_ordered_a_pause_is_not_told",
        _ALERTS,
        "            self._ordered_by[payload.command] = _who(payload)\n",
        "            self._ordered_by[payload.command] = SOMEBODY\n",
        DRILL,
    ),
    Mutant(
        "a_why_not_is_swallowed",
        "grinder_core/live/why_not.py",
        "    if machine.permits(symbol, RiskIntent.INCREASE_RISK, now):\n        return None\n",
        "    if machine.permits(symbol, RiskIntent.INCREASE_RISK, now) or not machine.inputs"
        ".user_stream_ok:\n        return None\n",
        DRILL,
    ),
    Mutant(
        "orders_of_unknown_outcome_look_as_if_they_rested",
        "grinder_core/live/standing.py",
        "        order.client_order_id in unknown or order.state is OrderState.UNKNOWN for order",
        "        order.state is OrderState.UNKNOWN and bool(unknown) for order",
        DRILL,
    ),
    Mutant(
        "a_countdown_over_orders_of_others_is_not_withdrawn",
        _SWITCH,
        "            await self._port.arm_countdown(symbol, 0)\n        except ConnectorClosed",
        "            await self._port.arm_countdown(symbol, 10**6)\n        except ConnectorClosed",
        DRILL,
    ),
    Mutant(
        "a_countdown_is_not_taken_up_again",
        _SWITCH,
        "if self._due_ms[s] <= now and s not in shared]\n",
        "if self._due_ms[s] <= now and s not in shared and self._until_ms[s]]\n",
        DRILL,
    ),
    Mutant(
        "fills_of_a_lost_stream_are_not_asked_for",
        "grinder_adapters/binance/order_desk.py",
        "                        self.inquiries.look_soon(item.generation)\n",
        "                        if item.generation < 2:\n"
        "                            self.inquiries.look_soon(item.generation)\n",
        DRILL,
    ),
    Mutant(
        "a_position_taken_over_is_shown_as_it_was",
        "grinder_core/engine/adopting.py",
        "    s.pnl_cache = None  # a process",
        "    # a process",
        DRILL,
    ),
    Mutant(
        "a_resume_forgets_what_was_ordered",
        "grinder_core/live/commanding.py",
        "        hot.ordered = None\n        hot.orchestrator.set_global(operator_resume=True)\n",
        "        hot.orchestrator.set_global(operator_resume=True)\n",
        SESSION,
    ),
    Mutant(
        "a_reset_resumes_as_well",
        "grinder_core/live/commanding.py",
        "    if command is Command.RESUME:\n",
        "    if command in {Command.RESUME, Command.RESET_KILL_SWITCH}:\n",
        SESSION,
    ),
    Mutant(
        "a_command_waits_for_its_turn",
        "grinder_app/live/session.py",
        "        self.loop.put_first(control)\n",
        "        self.loop.put(control)\n",
        SESSION,
    ),
    Mutant(
        "a_command_is_not_noted",
        "grinder_app/live/session.py",
        "            self.trail.command(control)\n",
        "            self.trail.close()\n",
        SESSION,
    ),
    Mutant(
        "a_kill_ends_with_its_process",
        "grinder_core/live/core.py",
        "        hot.is_stopping, hot.imposed = False, None\n",
        "        hot.is_stopping, hot.imposed = False, None\n"
        "        self.engine.hot.kill.reset()\n",
        SESSION,
    ),
)
