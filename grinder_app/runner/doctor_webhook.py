"""Check of the webhook: is there one, and does it take a signed test alert?"""

from __future__ import annotations

from typing import Final

from grinder_adapters.binance.hosts import VenueClass
from grinder_adapters.redact import Redactor
from grinder_adapters.webhook.records import AlertKind
from grinder_adapters.webhook.sender import Receiver, WebhookSender
from grinder_app.config.live_plan import LivePlan
from grinder_app.config.live_variables import WEBHOOK_URL
from grinder_app.live.alerting import event_alert
from grinder_app.runner.doctor_findings import Finding, failed, fine, warned
from grinder_app.runner.doctor_venue import Reach
from grinder_core.errors import ConnectorError

NAME: Final = "webhook"


async def examine_webhook(plan: LivePlan, reach: Reach, *, posts: bool) -> Finding:
    """Say whether alerts reach somebody.

    Args:
        posts: Post a test alert; else only say what is configured.
    """
    keys = plan.webhook_keys
    if keys is None:
        remedy = f"set {WEBHOOK_URL}, so that somebody is told when a session trips"
        found = "no address: alerts reach nobody"
        if posts:
            return failed(NAME, found, remedy)
        is_money = plan.venue_class is VenueClass.MAINNET
        return warned(NAME, found, remedy) if is_money else fine(NAME, found)
    how = "not signed" if keys.secret is None else "signed"
    what = f"{keys.host}, {plan.webhook.webhook_format.value}, {how}"
    if not posts:
        return fine(NAME, f"{what}; to post a test alert: grinder doctor --webhook")
    sender = WebhookSender(
        Receiver(url=keys.url, secret=keys.secret),
        plan.webhook,
        reach.transport(),
        Redactor(plan.secrets),
        {"environment": plan.environment.name, "venue": plan.venue_class.value},
        reach.clock.now_ms,
        reach.sleep,
        lambda count, why: None,  # nothing is put into its queue
    )
    try:
        await sender.post_now(event_alert(AlertKind.TEST, reach.clock.now_ms()))
    except ConnectorError as error:
        remedy = error.remedy or "check the address and that its receiver runs"
        return failed(NAME, f"{what}: {error}", remedy)
    finally:
        await sender.close()
    return fine(NAME, f"{what}: took a test alert")
