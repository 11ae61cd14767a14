"""Position, and what a policy gets to see (CORE-02)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from grinder_core.contracts.checks import check_symbol, check_ts
from grinder_core.contracts.market import Snapshot
from grinder_core.contracts.orders import OrderIntent
from grinder_core.contracts.plan import GridPlan

Feature = Decimal | int | bool


@frozen(kw_only=True)
class Position:
    """One symbol's position. ``qty`` is signed, long positive; money is quote currency."""

    symbol: str
    qty: Decimal
    avg_entry_price: Decimal
    realized_pnl: Decimal
    unrealized_pnl: Decimal

    def __attrs_post_init__(self) -> None:
        check_symbol(self.symbol)


@frozen(kw_only=True)
class PolicyContext:
    """Everything a policy may decide on.

    Attributes:
        ts: The snapshot's event time.
        position: ``None`` until the symbol has traded.
        features: ``mid_price`` always; CORE-16's nine when the feature engine is on.
        open_order_count: Live orders of this symbol.
        anchor_price: Centre the live grid hangs on (CORE-32); ``None`` before the first plan and
            after a pause.
    """

    ts: int
    snapshot: Snapshot
    position: Position | None
    features: Mapping[str, Feature]
    open_order_count: int
    anchor_price: Decimal | None = None

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)


@frozen(kw_only=True)
class Decision:
    """What was wanted for one symbol and whether it was allowed.

    Attributes:
        intents: Orders the diff placed for it.
        reason: ``PASS``, or the reason of whatever blocked first.
    """

    ts: int
    symbol: str
    policy: str
    plan: GridPlan | None
    intents: tuple[OrderIntent, ...]
    allowed: bool
    reason: str
