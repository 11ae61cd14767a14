"""The plan of what goes wrong, as a state machine over requests, frames and time (LIVE-40).

Everything it decides is a function of its faults, its seed and what it was asked in which order,
so a failing run can be repeated exactly. Each fault draws from a sequence of its own: one more
fault in a plan does not change when the others strike.

Of a request's answers the first fault that strikes decides; latency and skew add up. Of a frame
the first fault that strikes decides. A fault that comes too late to decide is not asked and does
not count. What was injected is recorded: all of it in numbers, the newest in detail.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from attrs import Factory, define, evolve, field

from grinder_adapters.local_venue.fault_answers import answer_of
from grinder_adapters.local_venue.fault_effects import (
    FrameAction,
    FrameFate,
    Injection,
    RequestFault,
    Twist,
    VenueFault,
)
from grinder_adapters.local_venue.fault_kinds import Family, Fault, FaultKind
from grinder_adapters.local_venue.fault_requests import RequestInfo
from grinder_adapters.local_venue.fault_state import FaultState
from grinder_core.draws import stream_seed

RECORDED: Final = 10_000


_PASS: Final = FrameFate()
_ACTIONS: Final = {
    FaultKind.FRAME_LOST: FrameAction.DROP,
    FaultKind.FRAME_LATE: FrameAction.DELAY,
    FaultKind.FRAME_TWICE: FrameAction.DUPLICATE,
    FaultKind.FRAME_REORDERED: FrameAction.HOLD,
    FaultKind.SEQUENCE_GAP: FrameAction.DROP,
    FaultKind.SILENCE: FrameAction.DROP,
    FaultKind.STREAM_CUT: FrameAction.DISCONNECT,
}


@define
class FaultPlan:
    """Faults and what they have done so far. Times are ms of the venue's true clock.

    Attributes:
        seed: Of all draws.
        started_at: From where the times of matches count.
        held: Streams whose last frame is held back.
        injected: The newest records.
        counts: How often each kind was injected.
    """

    faults: tuple[Fault, ...]
    seed: int = 0
    started_at: int = 0
    states: list[FaultState] = Factory(list)
    held: dict[str, bool] = Factory(dict)
    injected: deque[Injection] = Factory(deque)
    counts: dict[str, int] = Factory(dict)
    _by_family: dict[Family, list[int]] = field(init=False, eq=False, repr=False)
    _seeds: list[tuple[int, int]] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self.states = self.states or [FaultState() for _ in self.faults]
        self._by_family = {
            family: [n for n, fault in enumerate(self.faults) if fault.kind.family is family]
            for family in Family
        }
        self._seeds = [
            (stream_seed(self.seed, f"fault:{n}"), stream_seed(self.seed, f"delay:{n}"))
            for n in range(len(self.faults))
        ]

    # -- requests ------------------------------------------------------------------------------

    def on_request(self, info: RequestInfo, now: int) -> RequestFault | None:
        """Return what happens to a request that arrives; ``None`` for nothing."""
        happens = RequestFault()
        decided = False
        for index, fault in self._of(Family.REQUEST):
            is_final = fault.kind.rule.is_final
            if (is_final and decided) or not self._strikes(index, fault, info, now):
                continue
            decided = decided or is_final
            happens = self._with(happens, index, fault, info.remote, now)
            self._record(index, now, f"{info.method} {info.path} {info.symbol}".rstrip())
        return happens if happens.kinds else None

    def _strikes(self, index: int, fault: Fault, info: RequestInfo, now: int) -> bool:
        kind, state = fault.kind, self.states[index]
        if now < state.until and kind is FaultKind.BANNED_418:
            return True
        if kind.rule.op not in {None, info.op}:
            return False
        if kind is FaultKind.OVERLOADED_503 and info.reduces:
            return False
        if not fault.match.fits_request(info.op, info.path, info.symbol, info.side):
            return False
        if now < state.until:
            return True
        if not self._fires(index, fault, now):
            return False
        state.until = now + fault.lasts_ms
        return True

    def _with(
        self, happens: RequestFault, index: int, fault: Fault, remote: str, now: int
    ) -> RequestFault:
        kind = fault.kind
        happens = evolve(happens, kinds=(*happens.kinds, kind))
        if kind is FaultKind.LATENCY:
            return evolve(happens, latency_ms=happens.latency_ms + self._delay(index, fault))
        if kind is FaultKind.SLOW_ANSWER:
            delay_ms = happens.answer_delay_ms + self._delay(index, fault)
            return evolve(happens, answer_delay_ms=delay_ms)
        if kind is FaultKind.CLOCK_SKEW:
            return evolve(happens, skew_ms=happens.skew_ms + fault.skew_ms)
        if kind is FaultKind.AMEND_CANCELS:
            return evolve(happens, twist=Twist.AMEND_CANCELS)
        if kind is FaultKind.FILL_BEFORE_CANCEL:
            return evolve(happens, twist=Twist.FILL_FIRST, share_bps=fault.share_bps)
        return evolve(
            happens,
            executes=fault.executed or kind is FaultKind.DROP_AFTER,
            answers=kind not in {FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER},
            instead=answer_of(fault, remote, self.states[index].until, now),
        )

    # -- frames --------------------------------------------------------------------------------

    def on_frame(self, stream: str, event: str, now: int, symbol: str = "") -> FrameFate:
        """Return what happens to a frame that is about to be sent.

        Args:
            stream: Its name, ``USER_STREAM`` for user events.
            event: Its type, ``e`` of the payload.
            symbol: Of a user event; else the stream's name says it.
        """
        if not self._by_family[Family.FRAME]:
            return _PASS
        symbol = symbol or (stream.partition("@")[0].upper() if "@" in stream else "")
        was_held = self.held.pop(stream, False)
        for index, fault in self._of(Family.FRAME):
            kind = fault.kind
            if was_held and kind is FaultKind.FRAME_REORDERED:
                continue  # else a whole stream could be held back for good
            state, elapsed_ms = self.states[index], now - self.started_at
            if not state.goes_along(fault, stream, elapsed_ms):
                fits = fault.match.fits_frame(stream, event, symbol)
                if not fits or not self._fires(index, fault, now):
                    continue
                state.take_along(fault, stream, elapsed_ms)
            action = _ACTIONS[kind]
            if action is FrameAction.HOLD:
                self.held[stream] = True
            self._record(index, now, f"{stream} {event}")
            delay_ms = self._delay(index, fault) if action is FrameAction.DELAY else 0
            return FrameFate(action=action, delay_ms=delay_ms, kind=kind)
        return _PASS

    # -- time ----------------------------------------------------------------------------------

    def due(self, now: int) -> list[VenueFault]:
        """Return what happens at the exchange by now, the oldest first, each with its time."""
        found = []
        for index, fault in self._of(Family.TIMED):
            while (at_ms := self._next_of(index, fault)) is not None and at_ms <= now:
                if self._fires(index, fault, at_ms):
                    found.append((at_ms, index, VenueFault(at_ms=at_ms, fault=fault)))
        found.sort(key=lambda entry: entry[:2])
        for at_ms, index, happens in found:
            self._record(index, at_ms, happens.fault.match.symbol)
        return [happens for _, _, happens in found]

    def next_at(self) -> int | None:
        """Return when ``due`` has something to decide next; ``None`` for never."""
        times = [self._next_of(index, fault) for index, fault in self._of(Family.TIMED)]
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    def _next_of(self, index: int, fault: Fault) -> int | None:
        elapsed_ms = self.states[index].next_time(fault.match)
        return None if elapsed_ms is None else self.started_at + elapsed_ms

    # -- inside --------------------------------------------------------------------------------

    def _of(self, family: Family) -> Iterator[tuple[int, Fault]]:
        for index in self._by_family[family]:
            yield index, self.faults[index]

    def _fires(self, index: int, fault: Fault, now: int) -> bool:
        return self.states[index].fires(fault.match, now - self.started_at, self._seeds[index][0])

    def _delay(self, index: int, fault: Fault) -> int:
        return self.states[index].delay(fault, self._seeds[index][1])

    def _record(self, index: int, at_ms: int, subject: str) -> None:
        kind = self.faults[index].kind
        self.counts[kind.value] = self.counts.get(kind, 0) + 1
        if len(self.injected) == RECORDED:
            self.injected.popleft()
        self.injected.append(Injection(at_ms=at_ms, fault=index, kind=kind, subject=subject))
