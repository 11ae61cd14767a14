"""Events that wait for one another: from measured work to latency and queue depth (CORE-44).

A machine that works on one event at a time answers late when events come faster than it works.
Arrival times come from the data and work times from a measurement, so the answer is exact and
needs no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from attrs import frozen

from grinder_core.errors import ContractError


@frozen(kw_only=True)
class Waiting:
    """What a single queue, first come first served, made of a stream.

    Attributes:
        latencies: Arrival to end of work, one an event, in the unit of the input.
        depth_max: Most events that were there at once, the one in work included.
    """

    latencies: tuple[int, ...]
    depth_max: int


def wait_in_line(arrivals: Sequence[int], work: Sequence[int]) -> Waiting:
    """Work through a stream in order of arrival.

    Args:
        arrivals: When each event came; never goes back.
        work: How long each one takes, ``>= 0``, in the same unit.

    Raises:
        ContractError: The two differ in length, an arrival goes back or work is negative.

    Example:
        >>> wait_in_line([0, 0, 10], [4, 3, 1])
        Waiting(latencies=(4, 7, 1), depth_max=2)
    """
    if len(arrivals) != len(work):
        raise ContractError(
            f"must be one for each of {len(arrivals)} arrivals", field="work", value=len(work)
        )
    latencies: list[int] = []
    unfinished: deque[int] = deque()
    end = depth_max = previous = 0
    for arrival, duration in zip(arrivals, work, strict=True):
        if arrival < previous:
            raise ContractError(f"must not go back from {previous}", field="arrival", value=arrival)
        if duration < 0:
            raise ContractError("must be >= 0", field="work", value=duration)
        previous = arrival
        while unfinished and unfinished[0] <= arrival:
            unfinished.popleft()
        end = max(arrival, end) + duration
        unfinished.append(end)
        latencies.append(end - arrival)
        depth_max = max(depth_max, len(unfinished))
    return Waiting(latencies=tuple(latencies), depth_max=depth_max)
