"""One guard against reconnect storms, shared by all connections of a process (SCR-04).

When a venue drops everything at once, coming back at once would look like an attack. So there is
a limit over all connections in any window, a pause once it is reached, and a least interval for
each connection.
"""

from __future__ import annotations

from collections import deque

from attrs import Factory, define, frozen

from grinder_core.errors import ContractError
from grinder_core.settings import setting


@frozen(kw_only=True)
class ReconnectSettings:
    """How often connections may be opened again."""

    max_reconnects_per_window: int = setting(
        5, "Attempts of all connections in any window.", ge=1, spec="SCR-04"
    )
    window_ms: int = setting(60_000, "Length of the window.", ge=1, spec="SCR-04")
    cooldown_after_burst_ms: int = setting(
        30_000, "Pause of all connections once the window is full.", ge=0, spec="SCR-04"
    )
    per_shard_min_interval_ms: int = setting(
        5_000, "Least time between two attempts of one connection.", ge=0, spec="SCR-04"
    )


@define
class ReconnectLimiter:
    """Recent attempts as ``(ts, shard)``, oldest first; older ones than any rule looks at are gone.

    A shard is the name of one connection. Times are milliseconds ``>= 0`` of one clock that never
    goes back; every method raises ContractError for a ``now`` before the last attempt. Asking
    changes nothing.
    """

    settings: ReconnectSettings
    attempts: deque[tuple[int, str]] = Factory(deque)
    cooldown_until: int = 0

    def in_cooldown(self, now: int) -> bool:
        """Whether all connections pause because a window was filled."""
        self._check_time(now)
        return now < self.cooldown_until

    def can_reconnect(self, shard: str, now: int) -> bool:
        """Whether this connection may be opened again now."""
        return self.get_wait_time_ms(shard, now) == 0

    def get_wait_time_ms(self, shard: str, now: int) -> int:
        """Return the time until this connection may be opened, if no other attempt is made."""
        self._check_time(now)
        limits = self.settings
        free_at = [now, self.cooldown_until]
        if len(self.attempts) >= limits.max_reconnects_per_window:
            oldest, _ = self.attempts[-limits.max_reconnects_per_window]
            free_at.append(oldest + limits.window_ms)
        free_at += [
            ts + limits.per_shard_min_interval_ms for ts, name in self.attempts if name == shard
        ]
        return max(free_at) - now

    def record_reconnect(self, shard: str, now: int) -> None:
        """Note an attempt; the one that fills the window starts the cooldown.

        Raises:
            ContractError: The attempt is not allowed now.
        """
        wait = self.get_wait_time_ms(shard, now)
        if wait:
            raise ContractError(
                f"may not reconnect for another {wait} ms",
                field="shard",
                value=shard,
                remedy="ask can_reconnect first",
            )
        limits, attempts = self.settings, self.attempts
        seen_ms = max(limits.window_ms, limits.per_shard_min_interval_ms)
        while attempts and attempts[0][0] <= now - seen_ms:
            attempts.popleft()
        attempts.append((now, shard))
        in_window = sum(ts > now - limits.window_ms for ts, _ in attempts)
        if in_window == limits.max_reconnects_per_window:
            self.cooldown_until = now + limits.cooldown_after_burst_ms

    def _check_time(self, now: int) -> None:
        last = self.attempts[-1][0] if self.attempts else 0
        if now < last:
            raise ContractError(f"must not go back from {last}", field="now", value=now)
