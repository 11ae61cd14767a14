"""Each kind of market event: which rule its fields follow, and a line that is one."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen

from grinder_app.reference.line_rules import (
    AMOUNT,
    BANDS,
    COUNT,
    COUNT_OR_NULL,
    DECIMAL_OR_NULL,
    FRACTION,
    LEVELS,
    PRICE,
    PRICE_OR_0,
    PRICE_OR_NULL,
    QTY,
    QTY_ABOVE_0,
    SYMBOL,
    TRUTH,
    TS,
    TS_OR_NULL,
    Rule,
)

ENVELOPE: Final[dict[str, tuple[Rule, str]]] = {
    "ts_recv_ms": (
        COUNT_OR_NULL,
        "When our side received it, milliseconds. Where it is given it is the event's time for "
        "every global rule, else `ts` is.",
    ),
    "update_id": (COUNT_OR_NULL, "The venue's book update id."),
}


@frozen(kw_only=True)
class LineKind:
    """One kind of line.

    Attributes:
        rules: By field, in the contract's order, besides ``ts`` and ``symbol``.
        example: A whole line.
        together: What several fields must keep together, in words.
        breaks: Changes to the example that break it.
    """

    rules: dict[str, Rule]
    example: dict[str, Any]
    together: str = ""
    breaks: tuple[dict[str, Any], ...] = field(default=())

    def all_rules(self) -> dict[str, Rule]:
        """Return the rule of every field of the payload."""
        return {"ts": TS, "symbol": SYMBOL, **self.rules}


_STEM: Final = {"ts": 1700000000000, "symbol": "BTCUSDT"}

LINE_KINDS: Final[dict[str, LineKind]] = {
    "SNAPSHOT": LineKind(
        rules={
            "bid_price": PRICE,
            "ask_price": PRICE,
            "bid_qty": QTY,
            "ask_qty": QTY,
            "last_price": PRICE_OR_0,
            "last_qty": QTY,
        },
        example={
            "type": "SNAPSHOT",
            **_STEM,
            "ts_recv_ms": 1700000000012,
            "bid_price": "50000.1",
            "ask_price": "50000.2",
            "bid_qty": "1.5",
            "ask_qty": "0.75",
            "last_price": "50000.2",
            "last_qty": "0.003",
        },
        together="`ask_price` is at least `bid_price`; equal is a locked book and legal.",
        breaks=({"bid_price": "50000.3"},),
    ),
    "L2_SNAPSHOT": LineKind(
        rules={"bids": LEVELS, "asks": LEVELS},
        example={
            "type": "L2_SNAPSHOT",
            **_STEM,
            "bids": [["50000.1", "1.5"], ["50000", "4"]],
            "asks": [["50000.2", "0.75"]],
            "update_id": 4107,
        },
    ),
    "DEPTH_DIFF": LineKind(
        rules={
            "first_update_id": COUNT,
            "last_update_id": COUNT,
            "prev_update_id": COUNT_OR_NULL,
            "bids": LEVELS,
            "asks": LEVELS,
        },
        example={
            "type": "DEPTH_DIFF",
            **_STEM,
            "first_update_id": 4108,
            "last_update_id": 4111,
            "prev_update_id": 4107,
            "bids": [["50000.1", "0"]],
            "asks": [["50000.2", "0.5"]],
        },
        together="`last_update_id` is at least `first_update_id`.",
        breaks=({"first_update_id": 4112},),
    ),
    "DEPTH_BANDS": LineKind(
        rules={"bands": BANDS},
        example={
            "type": "DEPTH_BANDS",
            **_STEM,
            "bands": [[-100, "812.5", "40421875"], [100, "790.1", "39702525"]],
        },
    ),
    "TRADE": LineKind(
        rules={
            "trade_id": COUNT,
            "price": PRICE,
            "qty": QTY_ABOVE_0,
            "is_buyer_maker": TRUTH,
        },
        example={
            "type": "TRADE",
            **_STEM,
            "trade_id": 991,
            "price": "50000.2",
            "qty": "0.003",
            "is_buyer_maker": False,
        },
    ),
    "MARK_PRICE": LineKind(
        rules={
            "mark_price": PRICE,
            "index_price": PRICE_OR_NULL,
            "funding_rate": DECIMAL_OR_NULL,
            "next_funding_ts": TS_OR_NULL,
        },
        example={
            "type": "MARK_PRICE",
            **_STEM,
            "mark_price": "50000.15",
            "index_price": "50001",
            "funding_rate": "0.0001",
            "next_funding_ts": 1700006400000,
        },
    ),
    "FUNDING": LineKind(
        rules={"rate": FRACTION},
        example={"type": "FUNDING", **_STEM, "rate": "0.0001"},
    ),
    "MARKET_STATS": LineKind(
        rules={"vol_24h_usd": AMOUNT, "oi_usd": AMOUNT},
        example={
            "type": "MARKET_STATS",
            **_STEM,
            "vol_24h_usd": "12000000000",
            "oi_usd": "4000000000",
        },
    ),
}
