"""What we expect at the venue and what the venue shows, as records (LIVE-20).

Symbols are the venue's own, also those outside the product's grammar: an account shows whatever
anybody trades on it. Quantities are base asset, prices quote currency, times Unix ms. ``ts_seen``
and other times without further words are by our clock, ``ts_updated`` of an observation is the
venue's transaction time.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from grinder_core.contracts.checks import check_decimal, check_ts
from grinder_core.contracts.effects import Flatten, PlaceOrder
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.errors import ContractError

LIMIT: Final = "LIMIT"
MARKET: Final = "MARKET"


class ObservedSource(StrEnum):
    """How the venue told it."""

    STREAM = "stream"
    REST = "rest"


@frozen(kw_only=True)
class ExpectedOrder:
    """An order of ours as we believe it is.

    Attributes:
        order_type: The venue's word, ``LIMIT`` or ``MARKET``.
        price: Of a market order 0.
        orig_qty: Whole quantity, not what rests.
        ts_status: Since when the status is what it is.
        is_inferred: Whether the status follows from an absence at the venue only; it yields to
            anything that the venue reports.
    """

    client_order_id: str
    symbol: str
    side: Side
    order_type: str
    price: Decimal
    orig_qty: Decimal
    ts_created: int
    expected_status: OrderState = OrderState.PENDING
    ts_status: int = field()
    is_inferred: bool = False

    @ts_status.default
    def _since_created(self) -> int:
        return self.ts_created

    def __attrs_post_init__(self) -> None:
        _check_named(self.client_order_id, self.symbol)
        check_decimal("price", self.price)
        check_decimal("orig_qty", self.orig_qty)
        check_ts("ts_created", self.ts_created)
        check_ts("ts_status", self.ts_status)

    @classmethod
    def of(cls, effect: PlaceOrder | Flatten, now: int) -> ExpectedOrder:
        """Return what the engine expects of an order that it wants, before it is sent."""
        is_limit = isinstance(effect, PlaceOrder)
        order = effect.intent if isinstance(effect, PlaceOrder) else effect
        return cls(
            client_order_id=effect.client_order_id,
            symbol=order.symbol,
            side=order.side,
            order_type=LIMIT if is_limit else MARKET,
            price=order.price if is_limit else Decimal(0),
            orig_qty=order.qty,
            ts_created=now,
        )


@frozen(kw_only=True)
class ExpectedPosition:
    """A position as our ledger has it; ``expected_position_amt`` is signed, long positive."""

    symbol: str
    expected_position_amt: Decimal
    ts_updated: int

    def __attrs_post_init__(self) -> None:
        check_decimal("expected_position_amt", self.expected_position_amt)
        check_ts("ts_updated", self.ts_updated)


@frozen(kw_only=True)
class ObservedOrder:
    """An order as the venue showed it, ours or anybody's.

    Attributes:
        order_id: The venue's, unique per symbol.
        executed_qty, avg_price: Of all executions so far; 0 without one.
        status: UNKNOWN where the venue names a state that is not known here.
        ts_seen: When it was received; of an answer, when it was asked for.
    """

    client_order_id: str
    symbol: str
    order_id: str
    side: Side
    order_type: str
    price: Decimal
    orig_qty: Decimal
    executed_qty: Decimal
    avg_price: Decimal
    status: OrderState
    ts_updated: int
    ts_seen: int
    source: ObservedSource

    def __attrs_post_init__(self) -> None:
        for name in ("price", "orig_qty", "executed_qty", "avg_price"):
            check_decimal(name, getattr(self, name))
        check_ts("ts_updated", self.ts_updated)
        check_ts("ts_seen", self.ts_seen)

    @property
    def key(self) -> str:
        """Tells open orders apart: client ids are unique among those of one symbol."""
        return order_key(self.symbol, self.client_order_id)


@frozen(kw_only=True)
class ObservedPosition:
    """A position as the venue showed it.

    Attributes:
        position_amt: Signed, long positive; 0: none.
        ts_updated: 0 where the venue does not say.
        ts_seen: When it was received; of an answer, when it was asked for.
    """

    symbol: str
    position_amt: Decimal
    entry_price: Decimal
    unrealized_pnl: Decimal
    ts_updated: int
    ts_seen: int
    source: ObservedSource

    def __attrs_post_init__(self) -> None:
        for name in ("position_amt", "entry_price", "unrealized_pnl"):
            check_decimal(name, getattr(self, name))
        check_ts("ts_updated", self.ts_updated)
        check_ts("ts_seen", self.ts_seen)


@frozen(kw_only=True)
class VenueSnapshot:
    """All open orders and all positions of the account, as REST answered.

    Attributes:
        requested_ms: When the first of the requests was sent.
        positions: What is not among them is flat.
    """

    requested_ms: int
    orders: tuple[ObservedOrder, ...]
    positions: tuple[ObservedPosition, ...]

    def __attrs_post_init__(self) -> None:
        check_ts("requested_ms", self.requested_ms)


class MismatchType(StrEnum):
    """How the venue differs from what we expect; values are metric labels."""

    ORDER_MISSING_ON_EXCHANGE = "ORDER_MISSING_ON_EXCHANGE"
    ORDER_EXISTS_UNEXPECTED = "ORDER_EXISTS_UNEXPECTED"
    ORDER_STATUS_DIVERGENCE = "ORDER_STATUS_DIVERGENCE"
    POSITION_NONZERO_UNEXPECTED = "POSITION_NONZERO_UNEXPECTED"
    POSITION_SIZE_DIVERGENCE = "POSITION_SIZE_DIVERGENCE"

    @property
    def is_position(self) -> bool:
        """Whether it concerns a position rather than an order."""
        return self in _POSITIONS


_POSITIONS: Final = frozenset(
    {MismatchType.POSITION_NONZERO_UNEXPECTED, MismatchType.POSITION_SIZE_DIVERGENCE}
)


@frozen(kw_only=True)
class Mismatch:
    """A difference that stayed after everybody was asked.

    Attributes:
        client_order_id: Empty for a position.
        expected, observed: ``None`` where that side has nothing.
        ts_detected: When it was first reported.
        action_plan: For people; nothing acts on it.
    """

    type: MismatchType
    symbol: str
    client_order_id: str
    expected: ExpectedOrder | ExpectedPosition | None
    observed: ObservedOrder | ObservedPosition | None
    ts_detected: int
    action_plan: str

    @property
    def key(self) -> str:
        """The same mismatch has the same key in every run."""
        return f"{self.type}|{self.symbol}|{self.client_order_id}"


class LookupKind(StrEnum):
    """What to ask the venue for."""

    ORDER = "order"  # one order by its client id
    TRADES = "trades"  # the trades of a symbol since the cursor


@frozen(kw_only=True)
class Lookup:
    """One question to the venue; its answer is merged as an event like any other.

    Attributes:
        client_order_id: Empty for trades.
    """

    kind: LookupKind
    symbol: str
    client_order_id: str = ""


def order_key(symbol: str, client_order_id: str) -> str:
    """Return the key of an order among all open ones of an account."""
    return f"{symbol}|{client_order_id}"


def _check_named(client_order_id: str, symbol: str) -> None:
    for name, text in (("client_order_id", client_order_id), ("symbol", symbol)):
        if not text:
            raise ContractError("must not be empty", field=name, value=text)
