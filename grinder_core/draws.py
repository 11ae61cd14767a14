"""Numbers that look random and are a function of ``(seed, n)`` (spec/README, row "Seeds").

Integer arithmetic only, so that every platform draws the same. Nothing that decides about real
money draws; generators, simulated faults and studies do.
"""

from __future__ import annotations

from typing import Final

from grinder_core.codec import canonical_json, sha256_hex
from grinder_core.errors import ContractError

NORMAL_UNIT: Final = 1 << 32  # one standard deviation of ``normal``

_MASK: Final = (1 << 64) - 1
_GAMMA: Final = 0x9E3779B97F4A7C15
_SUM_OF: Final = 12  # the sum of twelve uniform draws has a variance of one


def stream_seed(root: int, name: str) -> int:
    """Return the seed of a named stream of draws: independent streams from one root.

    The first 8 bytes, big-endian, of the SHA-256 of canonical ``[root,"name"]``.

    Example:
        >>> stream_seed(0, "prices") == stream_seed(0, "sizes")
        False
    """
    return int(sha256_hex(canonical_json([root, name]).encode("ascii"))[:16], 16)


def draw(seed: int, n: int) -> int:
    """Return the ``n``-th output, from 0, of SplitMix64: uniform over ``[0, 2^64)``.

    Args:
        seed: Start of the sequence; taken modulo 2^64.
        n: Position in the sequence, ``>= 0``; any order, no state.

    Raises:
        ContractError: ``n`` is negative.

    Source:
        Steele, Lea, Flood (2014), *Fast splittable pseudorandom number generators*.

    Example:
        >>> draw(1234567, 0)
        6457827717110365317
    """
    if n < 0:
        raise ContractError("must be >= 0", field="n", value=n)
    z = (seed + (n + 1) * _GAMMA) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def draw_below(seed: int, n: int, limit: int) -> int:
    """Return the ``n``-th draw scaled to ``[0, limit)``: ``floor(draw*limit/2^64)``.

    Raises:
        ContractError: ``limit`` is outside ``[1, 2^32]``; the scaling favours no value by more
            than one part in 2^32.
    """
    if not 1 <= limit <= 1 << 32:
        raise ContractError("must be in [1, 2^32]", field="limit", value=limit)
    return draw(seed, n) * limit >> 64


def normal(seed: int, n: int) -> int:
    """Return the ``n``-th approximately normal draw: mean 0, standard deviation ``NORMAL_UNIT``.

    Twelve 32-bit draws (the two halves of draws ``6n .. 6n+5``) are added and centred, so the
    value lies within six standard deviations.
    """
    total = 0
    for index in range(6 * n, 6 * n + _SUM_OF // 2):
        word = draw(seed, index)
        total += (word >> 32) + (word & 0xFFFFFFFF)
    return total - _SUM_OF // 2 * (NORMAL_UNIT - 1)
