"""The emergency latch (CORE-29). While it holds, nothing that adds risk is placed."""

from __future__ import annotations

from attrs import Factory, define

from grinder_core.contracts.enums import KillReason


@define
class KillSwitch:
    """Latched by the first trigger, released only by an explicit reset."""

    active: bool = False
    reason: KillReason | None = None
    ts: int = 0
    trips: dict[str, int] = Factory(dict)

    def trigger(self, reason: KillReason, ts: int) -> bool:
        """Latch; return True only if it was not latched before."""
        if self.active:
            return False
        self.active, self.reason, self.ts = True, reason, ts
        self.trips[reason.value] = self.trips.get(reason.value, 0) + 1
        return True

    def reset(self) -> None:
        """Release the latch; the count of trips stays."""
        self.active, self.reason, self.ts = False, None, 0
