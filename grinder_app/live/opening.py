"""What a live session is opened with: its configuration, its words, and who takes its orders."""

from __future__ import annotations

from grinder_adapters.binance.permission import PortKind
from grinder_adapters.control import ControlFile
from grinder_app.config.live_plan import LivePlan
from grinder_app.live.auditing import AuditTrail
from grinder_app.live.connecting import VenueRules, with_rules
from grinder_app.live.foundation import Foundation
from grinder_app.live.ports import PaperPort, Put
from grinder_app.live.recovering import Restored
from grinder_core.live.config import LiveConfig
from grinder_core.resilience.budget import BudgetWindow
from grinder_core.venue.sim import RestingVenue, SimVenue


def live_config(plan: LivePlan, rules: VenueRules) -> LiveConfig:
    """Return what the session's decisions depend on besides events."""
    limits = rules.info.rate_limits
    engine = with_rules(plan.engine, rules, plan.symbols)
    if plan.will_write and engine.venue.funding_source.value != "none":
        engine = engine.with_values({"funding_source": "none"})  # the venue says it itself
    return LiveConfig(
        engine=engine,
        armed=plan.armed,
        mode=plan.mode,
        is_writing=plan.has_writing_port,
        whitelist=plan.symbols,
        orchestrator=plan.orchestrator,
        router=plan.router,
        fill_gate=plan.fill_gate,
        limits={symbol: rules.limits[symbol] for symbol in plan.symbols if symbol in rules.limits},
        expected_max_orders=plan.reconcile.expected_max_orders,
        orders_10s=limits.get(BudgetWindow.ORDERS_10S, 300),
        orders_1m=limits.get(BudgetWindow.ORDERS_1M, 1_200),
    )


def tell_of_start(base: Foundation, restored: Restored) -> None:
    """Tell people what was found in the state folder."""
    if restored.core is None:
        base.tell("state", f"a new session in {base.folder}")
        return
    hot = restored.core.engine.hot
    orders = sum(len(s.grid.live) + len(s.grid.leaving) for s in hot.symbols.values())
    base.tell(
        "state",
        f"recovered from {base.folder}: {restored.replayed} events replayed, "
        f"{orders} orders to clear up",
    )
    for name, value in sorted(restored.core.hot.latches.items()):
        base.tell("latch", f"{name} is {value}, as it was left")


def paper_port(plan: LivePlan, config: LiveConfig, put: Put) -> PaperPort:
    """Return who answers where nobody out there is written to: paper, shadow, or all blocked."""
    kind = SimVenue if plan.exchange_port is PortKind.PAPER else RestingVenue
    return PaperPort(kind(config.engine.venue, config.engine.risk.initial_capital), put)


async def open_admin(base: Foundation, file: ControlFile, trail: AuditTrail) -> None:
    """Open the admin endpoint.

    Raises:
        ConfigError: Its address cannot be listened at.
    """
    from grinder_app.server.access import AdminTokens
    from grinder_app.server.listening import AdminListener

    settings = base.plan.admin
    primary, *others = base.plan.admin_secrets
    tokens = AdminTokens(primary=primary, secondary=others[0] if others else None)
    listener = AdminListener(settings, tokens, file, trail, base.now_ms)
    await listener.open()
    base.stack.push_async_callback(listener.close)
    base.tell("admin", f"commands are taken at http://{settings.admin_host}:{listener.port}")
