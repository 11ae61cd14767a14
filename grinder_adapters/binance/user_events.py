"""What the private stream can say, as records (LIVE-19, reference 10).

Times are Unix ms. Symbols are the venue's own, also those outside the product's grammar: what
happens to them concerns the account all the same.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from attrs import field, frozen

from grinder_adapters.binance.signing import Secret
from grinder_core.contracts.enums import OrderState, Side


class UserDataEventType(StrEnum):
    """The venue's names of what the private stream says; all else is UNKNOWN."""

    ORDER_TRADE_UPDATE = "ORDER_TRADE_UPDATE"
    ACCOUNT_UPDATE = "ACCOUNT_UPDATE"
    TRADE_LITE = "TRADE_LITE"
    ALGO_UPDATE = "ALGO_UPDATE"
    ACCOUNT_CONFIG_UPDATE = "ACCOUNT_CONFIG_UPDATE"
    LISTEN_KEY_EXPIRED = "listenKeyExpired"
    UNKNOWN = "UNKNOWN"


@frozen(kw_only=True)
class FuturesOrderEvent:
    """One change of one order of the account.

    Attributes:
        ts, transaction_ts: The venue's event time ``E`` and transaction time ``T``, ms.
        execution: NEW, TRADE, AMENDMENT, CANCELED, EXPIRED, CALCULATED.
        price, qty: Of the order; the price of a market order is 0.
        last_price, last_qty: Of this execution, else 0.
        executed_qty, avg_price: Of all executions so far.
        fee: Of this execution; paid is positive.
        fee_asset: Empty where there is no fee.
        trade_id: Unique per symbol; 0 without an execution.
        realized_pnl: Of this execution, without fee.
        expiry_reason: The venue's code ``er``; 0 is none, 4 pushed out by another reduce-only.
        modify_id: Of the amendment, if it was given one.
    """

    event_type: ClassVar = UserDataEventType.ORDER_TRADE_UPDATE

    ts: int
    transaction_ts: int
    symbol: str
    order_id: str
    client_order_id: str
    side: Side
    order_type: str
    time_in_force: str
    execution: str
    status: OrderState
    price: Decimal
    qty: Decimal
    last_price: Decimal
    last_qty: Decimal
    executed_qty: Decimal
    avg_price: Decimal
    fee: Decimal
    fee_asset: str
    trade_id: int
    is_maker: bool
    reduce_only: bool
    position_side: str
    realized_pnl: Decimal
    expiry_reason: str
    modify_id: int | None


@frozen(kw_only=True)
class FuturesPositionEvent:
    """One position after a change; ``position_amt`` is signed, base asset."""

    ts: int
    symbol: str
    position_amt: Decimal
    entry_price: Decimal
    unrealized_pnl: Decimal
    position_side: str


@frozen(kw_only=True)
class Balance:
    """One asset after a change.

    Attributes:
        change: By transfers and the like; profit and fees are left out.
    """

    asset: str
    wallet_balance: Decimal
    cross_wallet_balance: Decimal
    change: Decimal


@frozen(kw_only=True)
class AccountEvent:
    """What changed in the account, and nothing else.

    Attributes:
        reason: The venue's word, such as ORDER, FUNDING_FEE, DEPOSIT.
        symbol: Of a funding fee; empty where the venue does not say.
    """

    event_type: ClassVar = UserDataEventType.ACCOUNT_UPDATE

    ts: int
    transaction_ts: int
    reason: str
    balances: tuple[Balance, ...]
    positions: tuple[FuturesPositionEvent, ...]
    symbol: str


@frozen(kw_only=True)
class TradeLite:
    """A fill, earlier than its order event and without fee or status."""

    event_type: ClassVar = UserDataEventType.TRADE_LITE

    ts: int
    transaction_ts: int
    symbol: str
    order_id: str
    client_order_id: str
    side: Side
    last_price: Decimal
    last_qty: Decimal
    trade_id: int
    is_maker: bool


@frozen(kw_only=True)
class AlgoEvent:
    """One change of a conditional order.

    Attributes:
        status: NEW, TRIGGERING, TRIGGERED, FINISHED, CANCELED, REJECTED or EXPIRED.
        order_id: Of the order it became once triggered; else empty.
        reason: Why it was rejected; else empty.
    """

    event_type: ClassVar = UserDataEventType.ALGO_UPDATE

    ts: int
    transaction_ts: int
    symbol: str
    algo_id: int
    client_algo_id: str
    side: Side
    order_type: str
    status: str
    qty: Decimal
    trigger_price: Decimal
    reduce_only: bool
    order_id: str
    reason: str


@frozen(kw_only=True)
class ConfigEvent:
    """The account's configuration changed; each is ``None`` unless it did.

    Attributes:
        symbol: Of the leverage; else empty.
        multi_assets: Whether assets share margin.
    """

    event_type: ClassVar = UserDataEventType.ACCOUNT_CONFIG_UPDATE

    ts: int
    transaction_ts: int
    symbol: str
    leverage: int | None
    multi_assets: bool | None


@frozen(kw_only=True)
class ListenKeyExpired:
    """The stream will say nothing more: a new key and a new connection are needed."""

    event_type: ClassVar = UserDataEventType.LISTEN_KEY_EXPIRED

    ts: int
    listen_key: Secret


@frozen(kw_only=True)
class UnknownEvent:
    """A frame that is not known or cannot be read.

    Attributes:
        name: The venue's name of the event; empty if the frame tells none.
        fault: What is wrong; empty if it is only unknown.
        raw: The frame; not shown, since it may hold what must not be logged.
    """

    event_type: ClassVar = UserDataEventType.UNKNOWN

    name: str
    fault: str
    raw: bytes = field(repr=False)


UserEvent = (
    FuturesOrderEvent
    | AccountEvent
    | TradeLite
    | AlgoEvent
    | ConfigEvent
    | ListenKeyExpired
    | UnknownEvent
)
