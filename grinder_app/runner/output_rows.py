"""What one quote's output says, cut down to what two runs of one market can be held against."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from attrs import frozen

from grinder_adapters.feeds.lines import read_lines

FILL: Final = "FILL"
REFUSED: Final = "REFUSED"
PLACED: Final = "ORDER_PLACED"
REPLACED: Final = "ORDER_REPLACED"
CANCELLED: Final = "ORDER_CANCELLED"
_TOLD: Final = (PLACED, REPLACED, CANCELLED)


class News(NamedTuple):
    """One thing that the venue said, without ids, which differ between runs.

    Attributes:
        kind: ``FILL``, ``REFUSED`` or the type of an execution event.
        detail: The venue's reason of a refusal; else empty.
    """

    kind: str
    side: str
    level_id: int
    price: str
    qty: str
    detail: str = ""

    @property
    def order(self) -> tuple[str, int, str]:
        """Side, level and price: the order as the grid knows it."""
        return self.side, self.level_id, self.price

    @property
    def order_text(self) -> str:
        """The order as an action's text names it."""
        return f"{self.side} level {self.level_id} {self.qty} at {self.price}"

    def __str__(self) -> str:
        """Words for people."""
        what = f"{self.kind.removeprefix('ORDER_').lower()} {self.order_text}"
        return f"{what} ({self.detail})" if self.detail else what


@frozen
class OutputRow:
    """One output.

    Attributes:
        index: Its place in the file.
        mark: What identifies the quote beside its time.
        reason: Why its plan was blocked; ``PASS`` mostly.
        actions: What was decided, ids left out.
        plan: Of what plan.
        position: Quantity, average entry price and realised profit after it.
        news: What the venue had said since the symbol's last output.
    """

    index: int
    ts: int
    symbol: str
    mark: str
    reason: str
    actions: tuple[str, ...]
    plan: str
    position: tuple[str, str, str]
    news: tuple[News, ...]

    @property
    def decision(self) -> tuple[str, tuple[str, ...], str]:
        """All that was decided."""
        return self.reason, self.actions, self.plan


def read_rows(path: Path) -> dict[str, list[OutputRow]]:
    """Read a file of outputs, by symbol, in order.

    Raises:
        FixtureError: A line cannot be read.
    """
    rows: dict[str, list[OutputRow]] = {}
    shared: dict[str, str] = {}
    for index, line in enumerate(read_lines(path)):
        row = _row(index, json.loads(line), shared)
        rows.setdefault(row.symbol, []).append(row)
    return rows


def _row(index: int, line: Mapping[str, Any], shared: dict[str, str]) -> OutputRow:
    pnl, gating = line["pnl_snapshot"], line["gating_result"]
    plan = json.dumps(line["plan"], sort_keys=True)
    verdict = line["prefilter_result"] if gating is None else gating
    return OutputRow(
        index=index,
        ts=line["ts"],
        symbol=shared.setdefault(line["symbol"], line["symbol"]),
        mark=pnl["mark_price"],
        reason=shared.setdefault(verdict["reason"], verdict["reason"]),
        actions=tuple(_action(action) for action in line["actions"] if action["action"] != "NOOP"),
        plan=shared.setdefault(plan, plan),  # plans repeat; one text each
        position=(pnl["qty"], pnl["avg_entry_price"], pnl["realized_pnl"]),
        news=tuple(_news(line)),
    )


def _action(action: Mapping[str, Any]) -> str:
    where = f"{action['side']} level {action['level_id']}"
    return f"{action['action']} {where} {action['qty']} at {action['price']}"


def _news(line: Mapping[str, Any]) -> list[News]:
    found = []
    for event in line["events"]:
        details = event["details"]
        refused = "venue_reason" in details
        if event["type"] in _TOLD or refused:
            found.append(
                News(
                    REFUSED if refused else event["type"],
                    details["side"],
                    details["level_id"],
                    details["price"],
                    details["qty"],
                    details.get("venue_reason", ""),
                )
            )
    fills = line["fills"]
    return found + [News(FILL, f["side"], f["level_id"], f["price"], f["qty"]) for f in fills]
