"""Settings of the passive reconciliation (LIVE-20)."""

from __future__ import annotations

from attrs import frozen

from grinder_core.settings import setting


@frozen(kw_only=True)
class ReconcileSettings:
    """When a difference between what we expect and what the venue shows counts."""

    reconcile_enabled: bool = setting(
        True, "Report differences; what is unknown is asked for either way.", spec="LIVE-20"
    )
    order_grace_period_ms: int = setting(
        5_000, "How long a difference may be mere delay.", ge=0, spec="LIVE-20"
    )
    snapshot_interval_sec: int = setting(
        60, "Seconds between snapshots of open orders and positions.", ge=1, spec="LIVE-20"
    )
    expected_max_orders: int = setting(
        200, "Orders remembered; with as many active no order may add risk.", ge=1, spec="LIVE-20"
    )
    expected_ttl_ms: int = setting(
        86_400_000, "How long an order that ended is remembered.", ge=1, spec="LIVE-20"
    )
    symbol_filter: tuple[str, ...] | None = setting(
        None, "Only these symbols are compared, UNKNOWN orders always; none: all.", spec="LIVE-20"
    )
    lookup_interval_ms: int = setting(
        5_000,
        "Shortest time between two questions about one order or position.",
        ge=1,
        spec="LIVE-20",
    )

    @property
    def snapshot_interval_ms(self) -> int:
        return self.snapshot_interval_sec * 1_000

    def covers(self, symbol: str) -> bool:
        """Whether a symbol is compared."""
        return self.symbol_filter is None or symbol in self.symbol_filter
