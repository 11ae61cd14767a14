"""Mistakes in what a session shows: its metrics, and the listener."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_METERING = "grinder_app/live/metering.py"
_GATHERING = "grinder_app/live/gathering.py"
_FIGURES = "grinder_app/live/figures.py"
_RECONCILING = "grinder_app/live/reconciling.py"
_SERVER = "grinder_app/server"
_EXPOSITION = "grinder_adapters/metrics/exposition.py"
_CATALOG = "grinder_adapters/metrics/catalog.py"
LIVE = ("tests/app/test_live_metrics.py",)
SERVER = ("tests/app/test_observation.py",)
TEXT = ("tests/adapters/metrics/test_catalog.py", "tests/adapters/metrics/test_exposition.py")

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a_route_counts_again_at_the_end_of_its_action",
        _METERING,
        " and action.status in {ActionStatus.PLANNED, ActionStatus.SKIPPED}:\n",
        ":\n",
        LIVE,
    ),
    Mutant(
        "a_kill_switch_that_is_cleared_counts_as_a_trip",
        _METERING,
        'what.get("latch") == _KILL_SWITCH and what["value"]:\n',
        'what.get("latch") == _KILL_SWITCH:\n',
        LIVE,
    ),
    Mutant(
        "a_role_that_is_told_again_is_a_change",
        _METERING,
        " and payload.is_leader is not self._is_leader:\n",
        ":\n",
        LIVE,
    ),
    Mutant(
        "counters_go_on_from_what_the_state_held",
        _GATHERING,
        "        base = self._base or Baseline.of(engine)\n",
        "        base = Baseline(allowed={}, blocked={}, loss_trips=0)\n",
        LIVE,
    ),
    Mutant(
        "the_kill_switch_counts_as_judged_by_the_risk_gate",
        _GATHERING,
        "            and not key.endswith(GateReason.KILL_SWITCH_ACTIVE.value)\n",
        "",
        LIVE,
    ),
    Mutant(
        "a_session_that_has_not_begun_is_active",
        _GATHERING,
        "            return UNKNOWN\n",
        "            return ACTIVE\n",
        LIVE,
    ),
    Mutant(
        "a_mismatch_that_stays_counts_with_each_run",
        _RECONCILING,
        " if one.key not in known)\n",
        ")\n",
        LIVE,
    ),
    Mutant(
        "the_code_of_a_limit_is_a_label",
        _FIGURES,
        '        limit_hits["418" if status == "418" else "429"] += count\n',
        "        limit_hits[status] += count\n",
        LIVE,
    ),
    Mutant(
        "a_duplicate_counts_as_dropped",
        _FIGURES,
        '    Drop.OUT_OF_ORDER: "coalesced",',
        '    Drop.DUPLICATE: "coalesced",\n    Drop.OUT_OF_ORDER: "coalesced",',
        LIVE,
    ),
    Mutant(
        "readyz_is_good_before_recovery_is_done",
        _SERVER,
        '        return self.role == "active" and self.state is not OperatingState.INIT\n',
        '        return self.role == "active"\n',
        SERVER,
    ),
    Mutant(
        "readyz_is_good_without_the_lead",
        _SERVER,
        '        return self.role == "active" and self.state is not OperatingState.INIT\n',
        "        return self.state is not OperatingState.INIT\n",
        SERVER,
    ),
    Mutant(
        "any_number_of_connections_is_taken",
        _SERVER,
        "        if len(self._open) >= self._most:\n",
        "        if False:\n",
        SERVER,
    ),
    Mutant(
        "the_newest_connection_has_to_go",
        _SERVER,
        "            self._evict(next(iter(self._open)))\n",
        "            self._evict(next(reversed(self._open)))\n",
        SERVER,
    ),
    Mutant(
        "a_connection_that_speaks_stays_the_quietest",
        _SERVER,
        "            self._open[connection] = transport\n            self._watch(connection)\n",
        "            self._open = {connection: transport, **self._open}\n"
        "            self._watch(connection)\n",
        SERVER,
    ),
    Mutant(
        "closing_waits_for_clients",
        _SERVER,
        "        self.bound.drop_all()\n",
        "",
        SERVER,
    ),
    Mutant(
        "every_scraper_has_its_own_exposition",
        _SERVER,
        "            if self._answer is None or asked_s - self._read_s >= FRESH_S:\n",
        "            if True:\n",
        SERVER,
    ),
    Mutant(
        "an_exposition_is_never_renewed",
        _SERVER,
        " or asked_s - self._read_s >= FRESH_S:\n",
        ":\n",
        SERVER,
    ),
    Mutant(
        "writing_out_holds_everything_up",
        _SERVER,
        "                await asyncio.sleep(0)\n",
        "                pass\n",
        SERVER,
    ),
    Mutant(
        "heads_are_answered",
        _SERVER,
        '        app.router.add_route("GET", path, _handler(make))\n',
        "        app.router.add_get(path, _handler(make))\n",
        SERVER,
    ),
    Mutant(
        "a_family_keeps_its_first_text",
        _EXPOSITION,
        "        if now != self._now:\n",
        "        if False:\n",
        TEXT,
    ),
    Mutant(
        "a_series_that_nobody_declared_is_shown",
        _EXPOSITION,
        "        if len(now) != len(self._empty):\n",
        "        if False:\n",
        TEXT,
    ),
    Mutant(
        "a_missing_metric_is_not_noticed",
        _CATALOG,
        "        if not re.search(pattern, text, re.MULTILINE)\n",
        "        if False\n",
        TEXT,
    ),
)
