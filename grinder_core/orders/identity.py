"""Client order ids (LIVE-21, format v2): deterministic, never reused, at most 36 characters.

``grinder_{strategy_id}_{level_id}_{stamp}``; the stamp is nine base-36 digits of ``ts_ms`` and
three of ``seq``. The pair (``ts_ms``, ``seq``) strictly increases even when time stands still.
"""

from __future__ import annotations

from attrs import define, frozen

PREFIX = "grinder_"
SEQ_LIMIT = 36**3
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@frozen
class ParsedOrderId:
    """What a client order id says."""

    strategy_id: str
    level_id: int
    ts_ms: int
    seq: int


@define
class OrderIds:
    """Generator of client order ids; part of the checkpoint."""

    strategy_id: str
    ts_ms: int = 0
    seq: int = -1

    def next_id(self, level_id: int, now: int) -> str:
        """Return a fresh id for an order of ``level_id`` (0: outside a plan)."""
        if now > self.ts_ms:
            self.ts_ms, self.seq = now, 0
        else:
            self.seq += 1
            if self.seq == SEQ_LIMIT:
                self.ts_ms, self.seq = self.ts_ms + 1, 0
        return (
            f"{PREFIX}{self.strategy_id}_{level_id}_{_base36(self.ts_ms, 9)}{_base36(self.seq, 3)}"
        )


def parse_client_order_id(text: str) -> ParsedOrderId | None:
    """Read an id of ours back; ``None`` for anything else, never an exception."""
    if not text.startswith(PREFIX):
        return None
    parts = text[len(PREFIX) :].split("_")
    if len(parts) != 3 or len(parts[2]) != 12 or not parts[0]:
        return None
    level, stamp = parts[1], parts[2]
    plain_level = (
        len(level) <= 3 and level.isascii() and level.isdigit() and str(int(level)) == level
    )
    if not plain_level or any(digit not in _DIGITS for digit in stamp):
        return None
    return ParsedOrderId(parts[0], int(level), int(stamp[:9], 36), int(stamp[9:], 36))


def _base36(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
