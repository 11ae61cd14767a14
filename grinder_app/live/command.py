"""``live run``: a plan with its venue around it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Any

from attrs import frozen

from grinder_adapters.binance.permission import PortKind
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_app.config.live_plan import LivePlan
from grinder_app.live.announcer import Announcer
from grinder_app.live.embedded import embedded_exchange
from grinder_app.live.interpreter import quiet
from grinder_app.live.observing import observed
from grinder_app.live.session import READY, LiveEnd, LiveSession
from grinder_app.live.status import StatusBoard
from grinder_app.live.surroundings import Surroundings
from grinder_app.runner.policy import PolicySpec
from grinder_core.errors import ConfigError


@frozen(kw_only=True)
class LiveRequest:
    """What to run.

    Attributes:
        duration_s: 0: until a signal comes.
        faults, seed: Of an exchange of this process.
        shown: The effective configuration, for the journal.
    """

    plan: LivePlan
    policy: PolicySpec | None = None
    duration_s: float = 0
    faults: FaultPlan
    seed: int = 0
    shown: dict[str, Any]


async def run_live(
    request: LiveRequest,
    tell: Callable[[str, str], None],
    world: Surroundings | None = None,
) -> LiveEnd:
    """Run a live session to its end; the first signal ends it in order.

    Raises:
        Exception: As ``LiveSession.run``.
    """
    plan, spec = request.plan, request.policy
    if plan.exchange_port is PortKind.SPOT:
        raise ConfigError(
            "has an execution port only: no session trades it yet",
            field="exchange_port",
            value=plan.exchange_port.value,
            remedy="choose futures or sim",
        )
    world = world or Surroundings()
    async with Announcer.open(plan, world, tell) as announcer, AsyncExitStack() as stack:
        tell = announcer.tell
        for name, origin in sorted(plan.origins.items()):
            if origin.startswith(("flag", "environment", "profile", "live")):
                tell("setting", f"{name} from {origin}")
        for warning in plan.warnings:
            tell("warning", warning)
        if plan.urls is None:
            exchange = await stack.enter_async_context(
                embedded_exchange(
                    plan.symbols, plan.engine.risk.initial_capital, request.seed, request.faults
                )
            )
            rest, ws = exchange.rest, exchange.ws
        else:
            rest, ws = plan.urls.rest, plan.urls.stream
        tell("venue", f"{plan.venue_class.value} at {rest}")
        tell("mode", f"{plan.mode.value}, port {plan.exchange_port.value}, armed {plan.armed}")
        undisturbed = await stack.enter_async_context(quiet())

        def told(kind: str, text: str) -> None:
            if kind == READY:
                undisturbed.ready()
            tell(kind, text)

        session = LiveSession(
            plan,
            world,
            rest,
            ws,
            told,
            version=version("grinder"),
            policy=None if spec is None else spec.load(),
            policy_name="" if spec is None else spec.target,
            shown=request.shown,
        )
        announcer.watch(session)
        board = StatusBoard(
            session,
            version("grinder"),
            {"alerts": announcer.still_open, "webhook": announcer.facts},
        )
        documents = {"/status": board.document_or_opening}
        await stack.enter_async_context(observed(session, tell, documents))
        _end_on_signals(session, stack)
        async with board.kept() as told_end:
            end = await session.run(request.duration_s)
            told_end("in order")
            return end


def _end_on_signals(session: LiveSession, stack: AsyncExitStack) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, session.stop)
        stack.callback(loop.remove_signal_handler, number)
