"""What REST answers say, as records (reference 5 to 7). Times are Unix ms.

Symbols are the venue's own, also those outside the product's grammar: account-wide answers list
every symbol there is.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from grinder_core.contracts.enums import OrderState, Side
from grinder_core.contracts.market import L2Snapshot


@frozen(kw_only=True)
class OrderAnswer:
    """One order as an answer shows it; to a place it may be no more than received.

    Attributes:
        status: UNKNOWN where the venue names a state that is not known here.
        price: 0 of a market order.
        executed_qty: So far.
        avg_price: Of the executions; ``None`` in the answers to a write and on spot, which lack it.
        update_ts: When the venue last changed it, ms.
        created_ts: When it was made; only in answers to queries.
    """

    symbol: str
    order_id: str
    client_order_id: str
    side: Side
    order_type: str
    time_in_force: str
    status: OrderState
    price: Decimal
    qty: Decimal
    executed_qty: Decimal
    avg_price: Decimal | None
    reduce_only: bool
    position_side: str
    update_ts: int
    created_ts: int | None


@frozen(kw_only=True)
class ErrorBody:
    """The venue's refusal: its code, negative, and its words."""

    code: int
    msg: str


@frozen(kw_only=True)
class PositionAnswer:
    """One position.

    Attributes:
        position_amt: Signed, base asset.
        liquidation_price: 0 where there is none.
        leverage, margin_type: Only version 2 says them.
    """

    symbol: str
    position_side: str
    position_amt: Decimal
    entry_price: Decimal
    mark_price: Decimal
    unrealized_pnl: Decimal
    liquidation_price: Decimal
    notional: Decimal
    leverage: int | None
    margin_type: str | None
    update_ts: int


@frozen(kw_only=True)
class BalanceAnswer:
    """One asset of the wallet, in units of it."""

    asset: str
    wallet_balance: Decimal
    cross_wallet_balance: Decimal
    available_balance: Decimal
    update_ts: int


@frozen(kw_only=True)
class AccountAnswer:
    """The account as a whole, in the currency the venue values it in."""

    wallet_balance: Decimal
    unrealized_pnl: Decimal
    margin_balance: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    available_balance: Decimal
    assets: tuple[BalanceAnswer, ...]


@frozen(kw_only=True)
class TradeAnswer:
    """One execution of ours; ``trade_id`` is unique per symbol, a paid fee is positive."""

    ts: int
    symbol: str
    trade_id: int
    order_id: str
    side: Side
    position_side: str
    price: Decimal
    qty: Decimal
    fee: Decimal
    fee_asset: str
    realized_pnl: Decimal
    is_maker: bool


@frozen(kw_only=True)
class IncomeAnswer:
    """One change of the wallet.

    Attributes:
        kind: The venue's word, such as FUNDING_FEE, TRANSFER, COMMISSION.
        symbol: Empty where it is of none.
        amount: In units of the asset; what came in is positive.
        tran_id: Unique among those of one kind.
        trade_id: Of the execution that it belongs to; 0: of none, or the venue does not say.
    """

    ts: int
    kind: str
    symbol: str
    asset: str
    amount: Decimal
    tran_id: int
    trade_id: int = 0


@frozen(kw_only=True)
class DepthAnswer:
    """A book and the update id it was taken at."""

    book: L2Snapshot
    last_update_id: int
