"""A strategy that trades as much as it can: close to the market, and never content for long."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from attrs import frozen

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.enums import GridMode, ResetAction
from grinder_core.contracts.plan import GridPlan, paused

_UNITS = {"BTCUSDT": Decimal("0.1"), "ETHUSDT": Decimal(2), "DOGEUSDT": Decimal(20_000)}
_OTHER = Decimal(1_000)
_TIMES = (Decimal(1), Decimal(2), Decimal("0.5"), Decimal("0.0123456789"))
_RESETS = (*(ResetAction.NONE,) * 12, ResetAction.SOFT, ResetAction.HARD)


@frozen
class Restless:
    """Changes its mind every few seconds of market time; a function of what it is shown.

    Attributes:
        seed: Of its moods.
    """

    seed: int
    name: str = "restless"

    def plan(self, context: PolicyContext) -> GridPlan:
        """Return what it wants now."""
        quote = context.snapshot
        mood = Random(f"{self.seed} {quote.symbol} {context.ts // 6_000}")
        now = Random(f"{self.seed} {quote.symbol} {context.ts} {context.open_order_count}")
        if mood.random() < 0.04:
            mode = mood.choice((GridMode.PAUSE, GridMode.EMERGENCY))
            return paused(quote.mid_price, ("MOOD",), mode)
        up, down = mood.randint(1, 4), mood.randint(1, 4)
        unit = _UNITS.get(quote.symbol, _OTHER)
        return GridPlan.flat(
            center_price=quote.mid_price,
            spacing_bps=mood.choice((1, 1, 2, 4, 12)),
            levels_up=up,
            levels_down=down,
            size_schedule=tuple(unit * mood.choice(_TIMES) for _ in range(max(up, down))),
            skew_bps=mood.choice((0, 0, 0, 2, -2)),
            reset_action=now.choice(_RESETS),
            reason_codes=("MOOD",),
            reduce_only=mood.random() < 0.15,
        )
