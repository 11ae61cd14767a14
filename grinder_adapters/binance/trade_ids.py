"""Ids of trades that were heard of: eight bytes each, for between two merges there may be a day."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class TradeIds:
    """A set of ids below 2^64, rising; one that is the largest so far is added at once."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids = array("Q")

    def __contains__(self, trade_id: int) -> bool:
        at = bisect_left(self._ids, trade_id)
        return at < len(self._ids) and self._ids[at] == trade_id

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, trade_id: int) -> None:
        """Take one in."""
        at = bisect_left(self._ids, trade_id)
        if at == len(self._ids) or self._ids[at] != trade_id:
            self._ids.insert(at, trade_id)

    def drop_to(self, trade_id: int) -> None:
        """Forget all up to that one."""
        del self._ids[: bisect_right(self._ids, trade_id)]
