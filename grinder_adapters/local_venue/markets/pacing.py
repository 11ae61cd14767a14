"""When the next event of a source is due on the wall clock (LIVE-40).

The first event is due at once; the others keep their distance to it, divided by the speed. The
plan never bends to delays: what is late is due at once, and the source catches up. Order is the
source's. Times are integer milliseconds; a due time is rounded up, so no event comes early, and
each is counted from the same two instants, so roundings never add up.
"""

from __future__ import annotations

from typing import Final

from attrs import define

from grinder_core.errors import ContractError

REAL_TIME_X100: Final = 100
UNPACED: Final = 0  # as fast as possible


@define
class Pacer:
    """Plan of one source.

    Attributes:
        speed_x100: Market time that passes in a time of the wall, hundredths; 0: no waiting.
        origin_ts_ms, origin_ms: Market time and wall time that belong together; ``None`` before
            the first event.
        last_ts_ms: Of the newest event asked for.
        is_paused: Whether nothing is due.
    """

    speed_x100: int = REAL_TIME_X100
    origin_ts_ms: int | None = None
    origin_ms: int = 0
    last_ts_ms: int = 0
    is_paused: bool = False

    def __attrs_post_init__(self) -> None:
        _check_speed(self.speed_x100)

    def wait_ms(self, ts_ms: int, now: int) -> int | None:
        """How long to wait until an event is due.

        Args:
            ts_ms: Its time; may be asked again, and never goes back from one event to the next.
            now: Wall time.

        Returns:
            0 where it is due or late; ``None`` while paused.

        Raises:
            ContractError: ``ts_ms`` goes back.
        """
        if ts_ms < self.last_ts_ms:
            raise ContractError(
                f"must not go back from {self.last_ts_ms}", field="ts_ms", value=ts_ms
            )
        self.last_ts_ms = ts_ms
        if self.origin_ts_ms is None:
            self.origin_ts_ms, self.origin_ms = ts_ms, now
        if self.is_paused:
            return None
        if self.speed_x100 == UNPACED:
            return 0
        ahead_ms = ts_ms - self.origin_ts_ms
        due = self.origin_ms - -ahead_ms * REAL_TIME_X100 // self.speed_x100
        return max(due - now, 0)

    def pause(self, now: int) -> None:
        """Let market time stand still; a second pause changes nothing."""
        if not self.is_paused:
            self._settle(now)
            self.is_paused = True

    def resume(self, now: int) -> None:
        """Let market time go on where it stood; what was late then is due at once."""
        if self.is_paused:
            self.is_paused = False
            self.origin_ms = now

    def set_speed(self, speed_x100: int, now: int) -> None:
        """Go on at another speed.

        Raises:
            ContractError: The speed is negative.
        """
        _check_speed(speed_x100)
        if not self.is_paused:
            self._settle(now)
        self.speed_x100 = speed_x100

    def _settle(self, now: int) -> None:
        """Count from here on from the market time that is reached now."""
        if self.origin_ts_ms is None:
            return
        if self.speed_x100 == UNPACED:
            reached = self.last_ts_ms
        else:
            passed = max(now - self.origin_ms, 0)
            reached = self.origin_ts_ms + passed * self.speed_x100 // REAL_TIME_X100
        self.origin_ts_ms, self.origin_ms = reached, now


def _check_speed(speed_x100: int) -> None:
    if speed_x100 < 0:
        raise ContractError("must be >= 0", field="speed_x100", value=speed_x100)
