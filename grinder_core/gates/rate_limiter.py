"""Cap on order flow (CORE-12): orders of all symbols in a minute, and a pause per symbol."""

from __future__ import annotations

from collections import deque

from attrs import Factory, define

from grinder_core.contracts.enums import GateName, GateReason
from grinder_core.contracts.verdicts import GatingResult, blocked
from grinder_core.errors import ContractError
from grinder_core.gates.settings import GateSettings

MINUTE_MS = 60_000


@define
class RateLimiter:
    """Order times of the last minute, as ``(ts, count)``; memory is bounded by the limit."""

    max_orders_per_minute: int
    cooldown_ms: int
    sent: deque[tuple[int, int]] = Factory(deque)
    sent_count: int = 0
    last_by_symbol: dict[str, int] = Factory(dict)
    last_ts: int = 0

    @classmethod
    def of(cls, settings: GateSettings) -> RateLimiter:
        """Return a limiter that has seen no order."""
        return cls(settings.max_orders_per_minute, settings.cooldown_ms)

    def check(self, symbol: str, now: int) -> GatingResult | None:
        """Return the refusal, or ``None``; the verdict depends on earlier ``record`` calls only.

        Raises:
            ContractError: ``now`` went back.
        """
        self.settle(now)
        if self.sent_count >= self.max_orders_per_minute:
            return blocked(
                GateName.RATE_LIMITER,
                GateReason.RATE_LIMIT_EXCEEDED,
                orders_last_minute=self.sent_count,
                limit=self.max_orders_per_minute,
            )
        last = self.last_by_symbol.get(symbol)
        if last is not None and now - last < self.cooldown_ms:
            return blocked(
                GateName.RATE_LIMITER,
                GateReason.COOLDOWN_ACTIVE,
                elapsed_ms=now - last,
                cooldown_ms=self.cooldown_ms,
            )
        return None

    def record(self, symbol: str, now: int, count: int) -> None:
        """Note that ``count`` orders were sent; exits are sent without a ``check`` before."""
        self.settle(now)
        if count:
            self.sent.append((now, count))
            self.sent_count += count
            self.last_by_symbol[symbol] = now

    def settle(self, now: int) -> None:
        """Forget what left the minute; verdicts do not depend on how often this is called."""
        if now < self.last_ts:
            raise ContractError(f"must not go back from {self.last_ts}", field="now", value=now)
        self.last_ts = now
        sent = self.sent
        while sent and now - sent[0][0] >= MINUTE_MS:
            self.sent_count -= sent.popleft()[1]
