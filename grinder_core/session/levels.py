"""When each order of the grid rested, from the events of its life; up to a number of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from attrs import Factory, define, field

from grinder_core.contracts.enums import ExecutionEventType
from grinder_core.contracts.orders import ExecutionEvent
from grinder_core.session.samples import Columns

LEVEL_COLUMNS = ("symbol", "side", "level_id", "price", "from", "to")
_BEGINS = frozenset({ExecutionEventType.ORDER_PLACED, ExecutionEventType.ORDER_REPLACED})


@define
class LevelLog:
    """Level segments in the order in which they ended.

    Attributes:
        max_rows: Segments kept at most; later ones are counted in ``left_out``.
        resting: Orders that rest now, by id: since when, and what was said of them.
    """

    max_rows: int
    left_out: int = 0
    resting: dict[str, tuple[int, dict[str, Any]]] = Factory(dict)
    columns: Columns = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.columns = {name: [] for name in LEVEL_COLUMNS}

    def __len__(self) -> int:
        return len(self.columns["symbol"])

    def on_event(self, event: ExecutionEvent) -> None:
        """Fold what became of an order, other than a fill."""
        order_id = str(event.details.get("order_id", ""))
        if event.type is ExecutionEventType.ORDER_CANCELLED:
            self.close(order_id, event.ts)
        elif event.type in _BEGINS:
            self.resting[order_id] = (event.ts, {"symbol": event.symbol, **event.details})

    def close(self, order_id: str, ts: int) -> None:
        """End the segment of an order; one that never rested has none."""
        known = self.resting.pop(order_id, None)
        if known is None:
            return
        if len(self) >= self.max_rows:
            self.left_out += 1
            return
        since, said = known
        price = Decimal(str(said["price"]))
        row = (said["symbol"], said["side"], said["level_id"], price, since, ts)
        for column, value in zip(self.columns.values(), row, strict=True):
            column.append(value)

    def close_all(self, ts: int) -> None:
        """End the segments of all orders that still rest."""
        for order_id in list(self.resting):
            self.close(order_id, ts)
