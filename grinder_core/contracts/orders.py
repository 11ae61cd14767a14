"""Orders, fills and what the diff says about them (CORE-02)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import field, frozen

from grinder_core.contracts.checks import (
    check_decimal,
    check_int,
    check_positive_qty,
    check_price,
    check_qty,
    check_symbol,
    check_ts,
)
from grinder_core.contracts.enums import (
    ActionType,
    ExecutionEventType,
    IntentSource,
    Liquidity,
    OrderState,
    Side,
)
from grinder_core.errors import ContractError

Detail = str | int


@frozen(kw_only=True)
class OrderIntent:
    """An order we would like to rest.

    Attributes:
        level_id: 1 is nearest the anchor; 0 means no grid level.
        reduce_only: The venue may only shrink the position with it.
    """

    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    level_id: int = 0
    reduce_only: bool = False
    source: IntentSource = IntentSource.GRID
    reason: str = ""

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        check_price("price", self.price)
        check_positive_qty("qty", self.qty)
        check_int("level_id", self.level_id)


@frozen(kw_only=True)
class OrderRecord:
    """One order of ours as far as we know it.

    Attributes:
        client_order_id: Ours, deterministic, never reused.
        order_id: The venue's; empty until it answered.
        placed_tick, eligible_tick: Count of the symbol's snapshots at placement and from when on
            it may fill; 0 where the venue does not say.
    """

    client_order_id: str
    order_id: str
    symbol: str
    side: Side
    level_id: int
    price: Decimal
    qty: Decimal
    filled_qty: Decimal = Decimal(0)
    state: OrderState = OrderState.PENDING
    placed_tick: int = 0
    eligible_tick: int = 0
    placed_ts: int = 0
    reduce_only: bool = False
    source: IntentSource = IntentSource.GRID

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        check_price("price", self.price)
        check_positive_qty("qty", self.qty)
        check_qty("filled_qty", self.filled_qty)
        if self.filled_qty > self.qty:
            raise ContractError(
                f"must be <= qty {self.qty}", field="filled_qty", value=self.filled_qty
            )


@frozen(kw_only=True)
class Fill:
    """One execution of ours. ``fee`` is quote currency, paid is positive."""

    fill_id: str
    order_id: str
    ts: int
    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    fee: Decimal
    liquidity: Liquidity
    level_id: int

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_symbol(self.symbol)
        check_price("price", self.price)
        check_positive_qty("qty", self.qty)
        check_decimal("fee", self.fee)


@frozen(kw_only=True)
class OrderUpdate:
    """What the venue says about one order; with an execution where ``last_qty`` is not 0.

    Attributes:
        filled_qty: Cumulative, only grows.
        fee: Of this execution, quote currency; paid is positive.
        fee_asset, fee_qty: What was paid where that was no quote currency, and how much of it;
            ``fee`` is then its value at the fill. Empty and 0 otherwise.
        trade_id: The venue's id of this execution, rising per symbol; 0 without one.
        reason: The venue's own words for a refusal or an expiry.
    """

    ts: int
    symbol: str
    client_order_id: str
    order_id: str
    side: Side
    state: OrderState
    filled_qty: Decimal = Decimal(0)
    last_price: Decimal = Decimal(0)
    last_qty: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    fee_asset: str = ""
    fee_qty: Decimal = Decimal(0)
    liquidity: Liquidity = Liquidity.MAKER
    trade_id: int = 0
    reason: str = ""

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_symbol(self.symbol)
        check_qty("filled_qty", self.filled_qty)
        check_qty("last_qty", self.last_qty)
        check_decimal("fee", self.fee)
        check_decimal("fee_qty", self.fee_qty)
        if bool(self.fee_asset) is not bool(self.fee_qty):
            raise ContractError(
                "must be given where fee_qty is, and only there",
                field="fee_asset",
                value=self.fee_asset,
            )
        if self.last_qty:
            check_price("last_price", self.last_price)
            check_int("trade_id", self.trade_id, ge=1)


@frozen(kw_only=True)
class OrderAdopted:
    """An order of ours that rests at the venue and that we have no record of (LIVE-38).

    Attributes:
        level_id: As its client id says.
    """

    ts: int
    symbol: str
    client_order_id: str
    order_id: str
    side: Side
    level_id: int
    price: Decimal
    qty: Decimal
    filled_qty: Decimal = Decimal(0)
    reduce_only: bool = False

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_symbol(self.symbol)
        check_int("level_id", self.level_id)
        check_price("price", self.price)
        check_positive_qty("qty", self.qty)
        check_qty("filled_qty", self.filled_qty)


@frozen(kw_only=True)
class ExecutionAction:
    """One decision of the diff (CORE-32). Price and quantity are ``None`` for a NOOP."""

    action: ActionType
    symbol: str
    order_id: str | None = None
    side: Side | None = None
    level_id: int = 0
    price: Decimal | None = None
    qty: Decimal | None = None
    reason: str = ""

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)
        if self.action is not ActionType.NOOP and (self.side is None or self.price is None):
            raise ContractError("must name side and price", field="action", value=self.action.value)


@frozen(kw_only=True)
class ExecutionEvent:
    """What happened to orders in a turn; ``details`` are integers and decimal strings."""

    type: ExecutionEventType
    ts: int
    symbol: str
    details: Mapping[str, Detail | tuple[str, ...]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_symbol(self.symbol)
