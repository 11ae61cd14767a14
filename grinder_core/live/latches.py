"""What is latched, told whenever it changes: no restart may clear any of it (LIVE-38)."""

from __future__ import annotations

from collections.abc import Callable

from grinder_core.engine.engine import Engine
from grinder_core.live.records import RecordKind, Saying
from grinder_core.live.state import LiveHot


class Latches:
    """Watches the engine's latches and the state machine's one."""

    def __init__(self, engine: Engine, hot: LiveHot, say: Callable[[Saying], None]) -> None:
        self._engine, self._hot, self._say = engine, hot, say
        self._seen: tuple[object, ...] = ()

    def look(self, now: int) -> bool:
        """Tell what changed since the last look; return whether anything did."""
        core, hot = self._engine.hot, self._hot
        streaks = core.streaks
        seen = (
            core.kill.active,
            None if core.guard is None else core.guard.reason,
            core.account.drawdown_tripped,
            core.account.daily_loss_tripped,
            core.override,
            hot.ordered,
            hot.orchestrator.machine.emergency_latched,
            streaks is not None and streaks.any_tripped,
        )
        if seen == self._seen:
            return False
        self._seen = seen
        latches = self._latched()
        if latches == hot.latches:
            return False
        for name in sorted({*latches, *hot.latches}):
            value = latches.get(name, "")
            if value != hot.latches.get(name, ""):
                body = {"latch": name, "value": value}
                self._say(Saying(RecordKind.LATCH, now, body))
        hot.latches = latches
        return True

    def _latched(self) -> dict[str, str]:
        core, hot = self._engine.hot, self._hot
        found = {
            "kill_switch": "" if core.kill.reason is None else core.kill.reason.value,
            "drawdown_guard": (
                "" if core.guard is None or core.guard.reason is None else core.guard.reason.value
            ),
            "drawdown": "tripped" if core.account.drawdown_tripped else "",
            "daily_loss": str(core.account.day) if core.account.daily_loss_tripped else "",
            "override": "" if core.override is None else core.override.value,
            "ordered": "" if hot.ordered is None else hot.ordered.value,
            "emergency": "latched" if hot.orchestrator.machine.emergency_latched else "",
            "loss_streaks": (
                "tripped" if core.streaks is not None and core.streaks.any_tripped else ""
            ),
        }
        return {name: value for name, value in found.items() if value}
