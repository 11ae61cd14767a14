"""A strategy of a user that wants anything at all, and is still a function of what it is shown."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.enums import GridMode, ResetAction
from grinder_core.contracts.plan import GridPlan, paused

D = Decimal
RESETS = (*(ResetAction.NONE,) * 8, ResetAction.SOFT, ResetAction.HARD)


class Whims:
    """Changes its mind every few seconds of market time; it keeps nothing between calls."""

    name = "whims"

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def plan(self, context: PolicyContext) -> GridPlan:
        snapshot = context.snapshot
        mood = Random(f"{self.seed} {snapshot.symbol} {context.ts // 4_000}")
        now = Random(f"{self.seed} {snapshot.symbol} {context.ts} {context.open_order_count}")
        center = snapshot.mid_price
        if mood.random() < 0.1:
            return paused(center, ("WHIM",), mood.choice((GridMode.PAUSE, GridMode.EMERGENCY)))
        up, down = mood.randint(0, 4), mood.randint(0, 4)
        deepest = max(up, down)
        sizes = (D(1), D(2), D("0.5"), D("0.0123456789012345"), D("0.000000001"), D(0))
        return GridPlan.flat(
            center_price=center,
            spacing_bps=mood.choice((1, 10, 30)),
            levels_up=up,
            levels_down=down,
            size_schedule=tuple(mood.choice(sizes) for _ in range(deepest)),
            skew_bps=mood.choice((0, 0, 0, 6, -6)),
            reset_action=now.choice(RESETS),
            reason_codes=("WHIM",),
            reduce_only=mood.random() < 0.25,
        )
