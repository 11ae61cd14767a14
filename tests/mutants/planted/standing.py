"""Mistakes in what an operator is told of a session."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

STATUS = ("tests/app/test_live_status.py",)
_WHY = "grinder_core/live/why_not.py"
_STANDING = "grinder_core/live/standing.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "nobody_says_that_the_session_stops",
        _STANDING,
        "    if live.is_stopping:\n",
        "    if not live.events:\n",
        STATUS,
    ),
    Mutant(
        "a_calm_is_counted_from_the_wrong_end",
        _WHY,
        '        return f"calm for {now - since} ms"',
        '        return f"calm for {settings.cooldown_ms(held.state) - now + since} ms"',
        STATUS,
    ),
    Mutant(
        "what_the_venue_cannot_take_is_not_named",
        _WHY,
        "        or (None if out is None else _filtered(config, out))\n",
        "",
        STATUS,
    ),
    Mutant(
        "the_clock_is_measured_once",
        "grinder_app/live/session.py",
        "            self.client.venue_clock.keep(self.world.sleep),\n",
        "",
        STATUS,
    ),
    Mutant(
        "a_dead_process_passes_for_a_running_one",
        "grinder_app/live/status_reading.py",
        "        is_running=writer.is_running,\n",
        "        is_running=True,\n",
        STATUS,
    ),
)
