"""When the orchestrator loses trust, and how long it takes to find it again (LIVE-14)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import evolve, frozen

from grinder_core.contracts.live import OperatingState
from grinder_core.errors import ConfigError
from grinder_core.settings import setting


@frozen(kw_only=True)
class OrchestratorSettings:
    """Limits of the triggers, cooldowns of the states, and the pace of the throttled one."""

    feed_stale_ms: int = setting(
        5_000, "A symbol whose market was silent for longer is DEGRADED.", ge=1, spec="LIVE-14"
    )
    feed_stale_ms_by_symbol: Mapping[str, Decimal] = setting(
        {}, "Other limits than `feed_stale_ms`, whole milliseconds.", ge=1, spec="LIVE-14"
    )
    snapshot_stale_ms: int = setting(
        120_000, "An older checkpoint makes the session DEGRADED.", ge=1, spec="LIVE-14"
    )
    clock_skew_max_ms: int = setting(
        1_000, "A larger offset to the venue's clock makes it DEGRADED.", ge=0, spec="LIVE-14"
    )
    init_timeout_ms: int = setting(
        60_000, "A recovery that takes this long as leader is reported.", ge=1, spec="LIVE-14"
    )
    pause_cooldown_ms: int = setting(
        30_000, "Calm that ends PAUSE, without interruption.", ge=0, spec="LIVE-14"
    )
    degraded_cooldown_ms: int = setting(
        5_000, "Calm that ends DEGRADED, without interruption.", ge=0, spec="LIVE-14"
    )
    throttled_cooldown_ms: int = setting(
        10_000, "Calm that ends THROTTLED, without interruption.", ge=0, spec="LIVE-14"
    )
    throttle_interval_ms: int = setting(
        10_000,
        "In THROTTLED, least time between two new risks of one symbol.",
        ge=1,
        spec="LIVE-14",
    )
    degraded_cancel_after_ms: int = setting(
        15_000,
        "DEGRADED or worse for this long cancels the entries that still rest.",
        ge=0,
        spec="LIVE-14",
    )

    def __attrs_post_init__(self) -> None:
        for symbol, limit in self.feed_stale_ms_by_symbol.items():
            if limit != int(limit):
                name = f"feed_stale_ms_by_symbol.{symbol}"
                raise ConfigError("must be whole milliseconds", field=name, value=limit)

    def cooldown_ms(self, state: OperatingState) -> int:
        """How long triggers must have been weaker than a state before it is left; 0: at once."""
        if state is OperatingState.PAUSE:
            return self.pause_cooldown_ms
        if state is OperatingState.DEGRADED:
            return self.degraded_cooldown_ms
        return self.throttled_cooldown_ms if state is OperatingState.THROTTLED else 0

    def of_symbol(self, symbol: str) -> OrchestratorSettings:
        """Return these settings as they hold for one symbol."""
        limit = self.feed_stale_ms_by_symbol.get(symbol)
        return self if limit is None else evolve(self, feed_stale_ms=int(limit))
