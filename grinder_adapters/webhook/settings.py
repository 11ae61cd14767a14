"""Settings of the webhook; its address and its secret come from the environment alone."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from grinder_adapters.webhook.records import Severity
from grinder_core.errors import ConfigError
from grinder_core.resilience.retry import RetryPolicy
from grinder_core.settings import register_choice, setting


@register_choice
class WebhookFormat(StrEnum):
    """What is posted."""

    GENERIC = "generic"
    SLACK = "slack"


@frozen(kw_only=True)
class WebhookSettings:
    """How alerts reach the operator: what is posted, how often, and how long it is tried."""

    webhook_format: WebhookFormat = setting(
        WebhookFormat.GENERIC,
        "`generic`: every field of the alert; `slack`: one `text`, as chat services take it.",
        spec="README gap 12",
    )
    webhook_min_severity: Severity = setting(
        Severity.INFO, "Milder alerts are not posted.", spec="README gap 12"
    )
    webhook_rate_per_minute: int = setting(
        30,
        "Posts in one minute; alerts above it are merged into one summary.",
        ge=1,
        le=600,
        spec="README gap 12",
    )
    webhook_queue_max: int = setting(
        256,
        "Alerts that wait; beyond it the mildest are merged into a summary.",
        ge=2,
        le=10_000,
        spec="README gap 12",
    )
    webhook_timeout_ms: int = setting(
        5_000, "Longest wait for an answer.", ge=100, le=60_000, spec="README gap 12"
    )
    webhook_attempts_max: int = setting(
        10, "Attempts for one post, the first included.", ge=1, le=100, spec="README gap 12"
    )
    webhook_base_delay_ms: int = setting(
        1_000, "Wait before the first retry; it doubles.", ge=1, spec="README gap 12"
    )
    webhook_max_delay_ms: int = setting(
        60_000, "Longest wait before a retry.", ge=1, spec="README gap 12"
    )
    webhook_drain_ms: int = setting(
        5_000,
        "At the end, how long what waits is still posted.",
        ge=0,
        le=60_000,
        spec="README gap 12",
    )

    def __attrs_post_init__(self) -> None:
        if self.webhook_max_delay_ms < self.webhook_base_delay_ms:
            raise ConfigError(
                f"must be >= webhook_base_delay_ms = {self.webhook_base_delay_ms}",
                field="webhook_max_delay_ms",
                value=self.webhook_max_delay_ms,
            )

    @property
    def retries(self) -> RetryPolicy:
        """How often a post is tried, and with what waits."""
        return RetryPolicy(
            max_attempts=self.webhook_attempts_max,
            base_delay_ms=self.webhook_base_delay_ms,
            max_delay_ms=self.webhook_max_delay_ms,
        )
