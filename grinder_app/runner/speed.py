"""How fast a market is played, as people write it."""

from __future__ import annotations

from collections.abc import Sequence

from grinder_core.errors import ConfigError, ContractError
from grinder_core.numbers import ZERO, parse_decimal


def parse_speed(text: str, field: str, words: Sequence[str]) -> int:
    """Return market time in a time of the wall, hundredths.

    Args:
        words: What may be given instead, for the message.

    Raises:
        ConfigError: It is no such number.
    """
    try:
        value = parse_decimal(text) * 100
    except ContractError:
        value = ZERO
    if value < 1 or value % 1:
        others = ", or ".join(["", *words])
        raise ConfigError(
            f"must be a number >= 0.01 with at most 2 digits after the point{others}",
            field=field,
            value=text,
        )
    return int(value)
