"""What the venue answered: to our writes, and about our orders (LIVE-13).

An action ends with the answer to its write. A replacement waits for the end of the order before it,
then passes everything once more (LIVE-15).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve

from grinder_core.contracts.control import WriteResult
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import ActionStatus, BlockReason, WriteOutcome
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.engine.engine import Engine, Output
from grinder_core.live.passing import Passing
from grinder_core.live.records import RecordKind, Saying
from grinder_core.live.state import LiveHot


class Answers:
    """Folds answers; ``say`` takes records."""

    def __init__(
        self, engine: Engine, hot: LiveHot, passing: Passing, say: Callable[[Saying], None]
    ) -> None:
        self._engine, self._hot, self._passing, self._say = engine, hot, passing, say

    def on_write(self, result: WriteResult, now: int) -> None:
        """Take how a write ended."""
        name = result.client_order_id
        if result.outcome == BlockReason.OUTCOME_UNKNOWN:
            self._hot.unknown_since.setdefault(name, now)
        action = self._hot.open_actions.pop(f"{result.op}:{name}", None)
        if action is None:
            return  # the process before this one wanted it
        if result.outcome == WriteOutcome.ACCEPTED:
            status, reason = ActionStatus.EXECUTED, ""
        elif result.outcome == BlockReason.OUTCOME_UNKNOWN:
            status, reason = ActionStatus.UNKNOWN, result.outcome
        else:
            status, reason = ActionStatus.FAILED, result.outcome
        ended = evolve(
            action, status=status, reason=reason, detail=result.detail, attempts=result.attempts
        )
        self._say(Saying(RecordKind.ACTION, now, ended))

    def on_update(self, update: OrderUpdate, event: Event) -> Sequence[Output]:
        """Take what the venue says of an order; return what the engine makes of it."""
        hot, name = self._hot, update.client_order_id
        outputs = list(self._engine.fold(event))
        hot.unknown_since.pop(name, None)
        if update.state.is_final:
            hot.fill_ids.pop(name, None)
            hot.deferred.pop(name, None)
            outputs += self._passing.go_on(name, update.filled_qty, event.ts_ms)
        elif update.last_qty:
            hot.fill_ids.setdefault(name, []).append(update.trade_id)
        return outputs

    def abandon(self, now: int) -> None:
        """End what the process before this one left open: nobody will answer it any more."""
        for _, action in sorted(self._hot.open_actions.items()):  # a loaded state is sorted
            ended = evolve(
                action,
                status=ActionStatus.UNKNOWN,
                reason=BlockReason.OUTCOME_UNKNOWN.value,
                detail="the process ended before the answer",
            )
            self._say(Saying(RecordKind.ACTION, now, ended))
        self._hot.open_actions.clear()
