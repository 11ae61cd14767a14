"""The same run under other fill models, as the page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from grinder_app.report.figures import tone
from grinder_app.report.wording import money

MEANINGS: Final = {
    "touch": "filled as soon as the best price on our side touches it: optimistic",
    "crossing": "filled when the mid reaches it",
    "quote": "filled when the opposite best price reaches it",
    "l2": "filled as far as the book reaches it",
    "queue": "filled after what stood before it, or once the market went through: pessimistic",
    "instant": "filled whatever the price",
}


def band_rows(band: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the rows of a manifest's band as text, from optimistic to pessimistic."""
    return [
        {
            "mode": row["fill_mode"],
            "own": "this run" if row["is_own"] else "",
            "meaning": MEANINGS[row["fill_mode"]],
            "net": money(Decimal(row["net_pnl"]), signed=True),
            "tone": tone(float(row["net_pnl"])),
            "fills": f"{row['fills']:,}",
            "fees": money(Decimal(row["fees"])),
            "drawdown": money(Decimal(row["max_drawdown"])),
        }
        for row in band
    ]
