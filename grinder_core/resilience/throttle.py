"""Messages that one connection may send (SCR-05).

The venue closes a connection that sends more than 10 messages in a second, and pongs count. Two
conditions hold together: a token bucket evens out bursts, and a count of the last second keeps the
venue's rule. The bucket alone would break it: a full one and its refill fit into one second.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from attrs import Factory, define, frozen

from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import BPS
from grinder_core.settings import setting

SECOND_MS: Final = 1_000
MESSAGE: Final = SECOND_MS * BPS  # tokens of one message: whole numbers at any rate and margin


@frozen(kw_only=True)
class ThrottleSettings:
    """The venue's limit, how much of it is used, and how many messages may go at once."""

    max_messages_per_second: int = setting(
        10, "Messages that the venue takes on one connection.", ge=1, spec="SCR-05"
    )
    safety_margin_bps: int = setting(
        8_000, "Share of the venue's limit that is used.", gt=0, le=BPS, spec="SCR-05"
    )
    burst_allowance: int = setting(5, "Messages that may be sent at once.", ge=1, spec="SCR-05")

    def __attrs_post_init__(self) -> None:
        if self.messages_per_second < 1:
            raise ConfigError(
                f"leaves no message of max_messages_per_second = {self.max_messages_per_second}",
                field="safety_margin_bps",
                value=self.safety_margin_bps,
                remedy="raise one of them",
            )

    @property
    def tokens_per_ms(self) -> int:
        """Tokens that come back with each millisecond."""
        return self.max_messages_per_second * self.safety_margin_bps

    @property
    def capacity(self) -> int:
        """Tokens of a full bucket."""
        return self.burst_allowance * MESSAGE

    @property
    def messages_per_second(self) -> int:
        """Messages in any second."""
        return self.tokens_per_ms // BPS


@define
class MessageThrottle:
    """What one connection sent in the last second, as ``(ts, count)``, and its tokens.

    Times are milliseconds ``>= 0`` of one clock. Every method raises ContractError for a ``now``
    before the last sending, and for a count that could never be sent: below 1, above the burst or
    above what a second takes. Asking changes nothing.

    Attributes:
        tokens: Tokens left after the last sending; the refill since then is computed when asked.
    """

    settings: ThrottleSettings
    tokens: int
    last_ms: int = 0
    sent: deque[tuple[int, int]] = Factory(deque)

    @classmethod
    def of(cls, settings: ThrottleSettings) -> MessageThrottle:
        """Return the throttle of a new connection: a full bucket, nothing sent."""
        return cls(settings, settings.capacity)

    def can_send(self, count: int, now: int) -> bool:
        """Whether that many messages may be sent now."""
        return self.get_wait_time_ms(count, now) == 0

    def consume(self, count: int, now: int) -> None:
        """Note that messages are sent.

        Raises:
            ContractError: They may not be sent now.
        """
        wait = self.get_wait_time_ms(count, now)
        if wait:
            raise ContractError(
                f"may not be sent for another {wait} ms",
                field="count",
                value=count,
                remedy="ask can_send first",
            )
        self.tokens = self._tokens_at(now) - count * MESSAGE
        self.last_ms = now
        while self.sent and self.sent[0][0] <= now - SECOND_MS:
            self.sent.popleft()
        self.sent.append((now, count))

    def get_wait_time_ms(self, count: int, now: int) -> int:
        """Return the time until that many messages may be sent, if no other one is."""
        limits = self.settings
        most = min(limits.burst_allowance, limits.messages_per_second)
        if not 1 <= count <= most:
            raise ContractError(f"must be in [1, {most}]", field="count", value=count)
        if now < self.last_ms:
            raise ContractError(f"must not go back from {self.last_ms}", field="now", value=now)
        missing = max(0, count * MESSAGE - self._tokens_at(now))
        refill_ms = -(-missing // limits.tokens_per_ms)  # rounded up
        return max(refill_ms, self._until_the_second_has_room(count) - now)

    def _tokens_at(self, now: int) -> int:
        limits = self.settings
        return min(limits.capacity, self.tokens + (now - self.last_ms) * limits.tokens_per_ms)

    def _until_the_second_has_room(self, count: int) -> int:
        """Time from which the messages sent in the last second leave room for that many."""
        total = count
        for ts, number in reversed(self.sent):
            total += number
            if total > self.settings.messages_per_second:
                return ts + SECOND_MS
        return 0
