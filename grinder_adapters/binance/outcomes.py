"""What became of a write: accepted, refused, or nobody knows (LIVE-09, LIVE-13, LIVE-39)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from attrs import evolve, frozen

from grinder_adapters.binance.error_map import Reaction
from grinder_adapters.binance.rest_records import OrderAnswer
from grinder_adapters.binance.user_events import FuturesOrderEvent
from grinder_core.contracts.enums import OrderState
from grinder_core.resilience.idempotency import Write
from grinder_core.resilience.unknown import OrderView

Stored = dict[str, str | int]


@frozen(kw_only=True)
class Seen:
    """An order as an answer or an event showed it.

    Attributes:
        view: State, price, whole quantity, and when the venue last changed it.
        order_id: The venue's.
        executed_qty: So far, base asset.
    """

    view: OrderView
    order_id: str
    executed_qty: Decimal

    @classmethod
    def of(cls, order: OrderAnswer | FuturesOrderEvent) -> Seen:
        """Take what an answer or an event says."""
        updated_ms = order.update_ts if isinstance(order, OrderAnswer) else order.transaction_ts
        view = OrderView(
            state=order.status, price=order.price, qty=order.qty, updated_ms=updated_ms
        )
        return cls(view=view, order_id=order.order_id, executed_qty=order.executed_qty)

    def is_newer_than(self, other: Seen) -> bool:
        """Whether this tells more: later, or final, or more executed in the same millisecond."""
        return self._rank() >= other._rank()

    def _rank(self) -> tuple[int, bool, Decimal]:
        return self.view.updated_ms, self.view.state.is_final, self.executed_qty


@frozen(kw_only=True)
class Accepted:
    """The write took effect.

    Attributes:
        order: As last seen.
        attempts: Requests that it took; 0 if an earlier call had the answer (``is_cached``).
    """

    client_order_id: str
    order: Seen
    attempts: int
    is_cached: bool = False

    @property
    def is_final(self) -> bool:
        """Whether the order will not change any more: ``final``, else ``ack`` (LIVE-39)."""
        return self.order.view.state.is_final


class RefusalReason(StrEnum):
    """Why a write has no effect (LIVE-12, row "execute")."""

    CIRCUIT_OPEN = "CIRCUIT_OPEN"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
    NON_RETRYABLE_ERROR = "NON_RETRYABLE_ERROR"


@frozen(kw_only=True)
class Refused:
    """The write surely had no effect.

    Attributes:
        code: The venue's, as text, or the ``code`` of our own error.
        reaction: What to do about it.
        detail: In words.
        is_order: Whether it was tried, so that its order counts as ended and the generation of
            its level grows; what was refused before sending is no order (LIVE-04).
    """

    client_order_id: str
    reason: RefusalReason
    code: str
    reaction: Reaction
    detail: str
    is_order: bool
    attempts: int


@frozen(kw_only=True)
class Unknown:
    """Whether the write took effect could not be found out; reconciliation must."""

    client_order_id: str
    op: Write
    attempts: int


Outcome = Accepted | Refused | Unknown


def to_stored(seen: Seen) -> Stored:
    """Write an answer as the idempotency store keeps it."""
    return {
        "order_id": seen.order_id,
        "state": seen.view.state.value,
        "price": str(seen.view.price),
        "qty": str(seen.view.qty),
        "executed_qty": str(seen.executed_qty),
        "updated_ms": seen.view.updated_ms,
    }


def from_stored(result: Stored) -> Seen:
    """Read it back."""
    view = OrderView(
        state=OrderState(str(result["state"])),
        price=Decimal(result["price"]),
        qty=Decimal(result["qty"]),
        updated_ms=int(result["updated_ms"]),
    )
    return Seen(
        view=view,
        order_id=str(result["order_id"]),
        executed_qty=Decimal(result["executed_qty"]),
    )


def cached(client_order_id: str, result: Stored) -> Accepted:
    """Return the answer that an earlier call got."""
    return Accepted(
        client_order_id=client_order_id, order=from_stored(result), attempts=0, is_cached=True
    )


def after(outcome: Outcome, earlier: int) -> Outcome:
    """Return the outcome of the last attempt with those before it added."""
    attempts = outcome.attempts + earlier
    if isinstance(outcome, Refused):
        return evolve(outcome, attempts=attempts, is_order=outcome.is_order or earlier > 0)
    return evolve(outcome, attempts=attempts)
