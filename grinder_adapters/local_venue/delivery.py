"""From a frame to the connections that get it, by way of the faults that befall frames."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

from attrs import Factory, define, field

from grinder_adapters.local_venue.fault_effects import FrameAction
from grinder_adapters.local_venue.fault_kinds import USER_STREAM
from grinder_adapters.local_venue.faults import FaultPlan
from grinder_adapters.local_venue.hub import Hub
from grinder_adapters.local_venue.session import Category

_EVENTS: Final = {  # where it is not the name of the stream
    "markPrice": "markPriceUpdate",
    "miniTicker": "24hrMiniTicker",
    "ticker": "24hrTicker",
}


@define(order=True)
class _Late:
    """A frame that is sent later."""

    due: int
    number: int
    category: Category = field(order=False)
    stream: str = field(order=False)
    event: str = field(order=False)
    data: bytes = field(order=False)


@define
class Delivery:
    """Sends frames in order, but for what the plan does to them.

    Attributes:
        held: Frames that wait for the next one of their stream.
        late: Frames that wait for their time.
    """

    hub: Hub
    plan: FaultPlan
    held: dict[str, _Late] = Factory(dict)
    late: list[_Late] = Factory(list)
    count: int = 0

    def market(self, category: Category, stream: str, data: bytes, now: int) -> None:
        """Send a frame of a market stream."""
        if not self.plan.faults:
            self.hub.publish(category, stream, data)
            return
        self._meet(_Late(now, 0, category, stream, "", data), stream, now, "")

    def user(self, listen_key: str, event: str, symbol: str, data: bytes, now: int) -> None:
        """Send a user event."""
        if not self.plan.faults:
            self.hub.push(listen_key, event, data)
            return
        frame = _Late(now, 0, Category.PRIVATE, listen_key, event, data)
        self._meet(frame, USER_STREAM, now, symbol)

    def tick(self, now: int) -> None:
        """Send what is late by now."""
        while self.late and self.late[0].due <= now:
            self._send(heappop(self.late))

    def _meet(self, frame: _Late, name: str, now: int, symbol: str) -> None:
        event = frame.event or _event_of(frame.stream)
        fate = self.plan.on_frame(name, event, now, symbol)
        if fate.action is FrameAction.HOLD:
            self.held[frame.stream] = frame
            return
        if fate.action is FrameAction.DELAY:
            self.count += 1
            frame.due, frame.number = now + fate.delay_ms, self.count
            heappush(self.late, frame)
        elif fate.action is FrameAction.DISCONNECT:
            for session in list(self.hub.by_stream.get(frame.stream, {}).values()):
                session.close(1006, "cut by a fault")
        elif fate.action is not FrameAction.DROP:
            self._send(frame)
            if fate.action is FrameAction.DUPLICATE:
                self._send(frame)
        held = self.held.pop(frame.stream, None)
        if held is not None:
            self._send(held)

    def _send(self, frame: _Late) -> None:
        if frame.category is Category.PRIVATE:
            self.hub.push(frame.stream, frame.event, frame.data)
        else:
            self.hub.publish(frame.category, frame.stream, frame.data)


def _event_of(stream: str) -> str:
    """The event type of a market stream's frames, by its name.

    Example:
        >>> _event_of("btcusdt@depth@100ms"), _event_of("!ticker@arr")
        ('depthUpdate', '24hrTicker')
    """
    symbol, _, name = stream.partition("@")
    kind = symbol[1:] if symbol.startswith("!") else name.partition("@")[0].partition("_")[0]
    if kind.startswith("depth"):
        return "depthUpdate"
    return _EVENTS.get(kind, kind)
