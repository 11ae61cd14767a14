"""Tells the outside what happens in a live session: log lines, and alerts over a webhook.

It watches steps once their requests are under way and only hands on: lines to a queue that a
thread empties, alerts to an outbox that a task empties. Nobody who reads can delay a step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from attrs import asdict

from grinder_adapters.logs.setup import Log
from grinder_adapters.redact import Redactor
from grinder_adapters.webhook.records import Alert, AlertKind
from grinder_adapters.webhook.sender import Receiver, WebhookSender, WebhookStats
from grinder_app.config.live_plan import LivePlan
from grinder_app.live.alerting import Alerts, event_alert
from grinder_app.live.session import LiveSession
from grinder_app.live.step_log import StepLog
from grinder_app.live.surroundings import Surroundings
from grinder_core.codec import to_dict
from grinder_core.contracts.event import Event
from grinder_core.live.core import Step

DISK_LOOK_MS: Final = 60_000

Tell = Callable[[str, str], None]


class Announcer:
    """Log and webhook of one process.

    Args:
        plan: Whose session.
        world: Clock, network and disk.
        tell: Takes lines for people, as the command line shows them.
        log: Takes structured lines; closed with the announcer.

    Attributes:
        sender: Posts alerts; ``None`` where no address was given.
    """

    def __init__(self, plan: LivePlan, world: Surroundings, tell: Tell, log: Log) -> None:
        self._plan, self._world, self._tell, self._log = plan, world, tell, log
        self._told, self._steps = log.named("live.told"), StepLog(log)
        self._alerts: Alerts | None = None
        self._session: LiveSession | None = None
        self._disk: asyncio.Task[None] | None = None
        self._failures = 0
        self.sender = self._open_sender()

    @classmethod
    def open(cls, plan: LivePlan, world: Surroundings, tell: Tell) -> Self:
        """Open log and webhook, inside a running event loop.

        Raises:
            ConfigError: The log file cannot be appended to.
        """
        log = Log.open(plan.log, Redactor(plan.secrets), world.clock.now_ms)
        return cls(plan, world, tell, log)

    def tell(self, kind: str, text: str) -> None:
        """Say a line to people, and log it where they would not read it twice."""
        self._tell(kind, text)
        if not self._log.leaves_out_told:
            log = self._told.warning if kind == "warning" else self._told.info
            log(kind, text=text)

    def watch(self, session: LiveSession) -> None:
        """Be told of a session's steps from now on."""
        self._session = session
        session.watchers.append(self._stepped)

    @property
    def stats(self) -> WebhookStats | None:
        """How the webhook does; ``None`` without one."""
        return None if self.sender is None else self.sender.stats

    def still_open(self) -> list[dict[str, Any]]:
        """What was told as open and has not ended, as JSON values."""
        now = self._world.clock.now_ms()
        return [] if self._alerts is None else [to_dict(a) for a in self._alerts.still_open(now)]

    def facts(self) -> dict[str, Any] | None:
        """How the webhook does, as JSON values; ``None`` without one."""
        return None if self.stats is None else to_dict(self.stats)

    async def __aenter__(self) -> Self:
        if self.sender is not None:
            self.sender.start()
        self._disk = asyncio.create_task(self._watch_disk(), name="disk watch")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close(error)

    async def close(self, error: BaseException | None = None) -> None:
        """Tell how the session ended, post what waits for a moment, and close both."""
        if self._disk is not None:
            self._disk.cancel()
            await asyncio.gather(self._disk, return_exceptions=True)
        self._announce(self._ending(error))
        if self.sender is not None:
            await self.sender.close()
            self._log.named("live.webhook").info("webhook_closed", **_shown(self.sender.stats))
        if not self._log.close():
            self._tell("log", f"the log did not take its last lines: {self._log.stats}")

    # -- inside --------------------------------------------------------------------------------

    def _stepped(self, event: Event, step: Step) -> None:
        """Look at a step that is over; a mistake in here must not end the session."""
        try:
            self._steps.stepped(event, step)
            for alert in self._fold().step(event, step):
                self._announce(alert)
        except Exception as error:  # noqa: BLE001 - trading goes on without words, and says so once
            self._failures += 1
            if self._failures == 1:
                self._tell("warning", f"alerts cannot be told: {type(error).__name__}: {error}")
                self._told.error("alerting_failed", error=error)

    def _fold(self) -> Alerts:
        if self._alerts is None:
            assert self._session is not None
            about = f"{self._about()['mode']} on {', '.join(self._plan.symbols)}"
            self._alerts = Alerts(self._session.core, self._mismatches, about, self._unprotected)
        return self._alerts

    def _announce(self, alert: Alert) -> None:
        self._steps.alert(alert)
        if self.sender is not None:
            self.sender.put(alert)

    def _ending(self, error: BaseException | None) -> Alert:
        now = self._world.clock.now_ms()
        words = "" if error is None else f"{type(error).__name__}: {error}"
        if self._alerts is None:  # it never got as far as a step
            kind = AlertKind.SESSION_FAILED if error is not None else AlertKind.SESSION_STOPPED
            return event_alert(kind, now, error=words)
        return self._alerts.stopped(now) if error is None else self._alerts.failed(words, now)

    def _mismatches(self) -> tuple[str, ...]:
        account = None if self._session is None else self._session.account
        compared = None if account is None else account.reconciliation
        return () if compared is None else tuple(compared.lines)

    def _unprotected(self, symbol: str) -> str:
        account = None if self._session is None else self._session.account
        dead_man = None if account is None else account.dead_man
        return "" if dead_man is None else dead_man.why_not(symbol)

    def _about(self) -> dict[str, str]:
        plan = self._plan
        return {
            "environment": plan.environment.name,
            "venue": plan.venue_class.value,
            "port": plan.exchange_port.value,
            "mode": f"{plan.mode.value}{', armed' if plan.armed else ''}",
            "strategy": plan.engine.orders.strategy_id,
            "symbols": ",".join(plan.symbols),
        }

    def _open_sender(self) -> WebhookSender | None:
        plan, world = self._plan, self._world
        keys = plan.webhook_keys
        if keys is None:
            return None
        return WebhookSender(
            Receiver(url=keys.url, secret=keys.secret),
            plan.webhook,
            world.webhook(),
            Redactor(plan.secrets),
            self._about(),
            world.clock.now_ms,
            world.sleep,
            self._lost,
        )

    def _lost(self, count: int, why: str) -> None:
        self._tell("webhook", f"{count} alerts were not delivered: {why}")
        self._log.named("live.webhook").warning("alerts_not_delivered", count=count, why=why)

    async def _watch_disk(self) -> None:
        """Look from time to time how much room is left; a disk that hangs holds nobody else."""
        while True:
            try:
                free = await asyncio.to_thread(self._world.free_bytes, self._plan.state_dir)
            except OSError as error:
                self._told.warning("disk_unknown", error=error)
            else:
                if self._alerts is not None:
                    self._alerts.note_free(free)
            await self._world.sleep(DISK_LOOK_MS / 1_000)


def _shown(stats: WebhookStats) -> dict[str, Any]:
    return asdict(stats)
