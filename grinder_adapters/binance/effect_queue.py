"""Effects that wait to be sent: what takes risk out goes first, one at a time for each order. Pure.

A cancel never overtakes the order that it cancels. Where that is not sent yet, neither needs to be.
"""

from __future__ import annotations

from attrs import Factory, define

from grinder_core.contracts.effects import CancelOrder, Effect, PlaceOrder


@define
class EffectQueue:
    """What the engine wants done and is not under way; by client id."""

    _exits: dict[str, Effect] = Factory(dict)
    _entries: dict[str, Effect] = Factory(dict)
    _busy: dict[str, CancelOrder | None] = Factory(dict)

    def __len__(self) -> int:
        """How many wait, those for their own order included."""
        return len(self._exits) + len(self._entries) + sum(map(bool, self._busy.values()))

    def is_busy(self, client_order_id: str) -> bool:
        """Whether a request about an order is under way."""
        return client_order_id in self._busy

    def put(self, effect: Effect) -> Effect | None:
        """Take one; return an order that shall not be sent any more."""
        name = effect.client_order_id
        if not isinstance(effect, CancelOrder):
            adds_risk = isinstance(effect, PlaceOrder) and not effect.intent.reduce_only
            (self._entries if adds_risk else self._exits)[name] = effect
            return None
        for waiting in (self._entries, self._exits):
            if not isinstance(waiting.get(name, effect), CancelOrder):
                return waiting.pop(name)
        if name in self._busy:
            self._busy[name] = effect
        else:
            self._exits[name] = effect
        return None

    def take(self) -> Effect | None:
        """Return what is to be sent next, which makes its order busy; ``None``: nothing waits."""
        for waiting in (self._exits, self._entries):
            for name in waiting:
                self._busy[name] = None
                return waiting.pop(name)
        return None

    def done(self, client_order_id: str) -> None:
        """Take that a request ended; a cancel that waited for it is next."""
        cancel = self._busy.pop(client_order_id)
        if cancel is not None:
            self._exits = {client_order_id: cancel, **self._exits}
