"""Who must know of a write before it leaves, and may still stop it (LIVE-13, LIVE-38).

An order's intent is on disk before its request leaves, so that a process that comes after this one
knows what to ask for. Everything that was written before comes with it. A cancel does not wait: to
repeat it is harmless. Where nothing can be written, new risk stops and exits still go.
"""

from __future__ import annotations

from collections.abc import Callable

from grinder_adapters.binance.write_call import WriteCall
from grinder_app.live.scribe import JournalPort
from grinder_core.codec import canonical_json
from grinder_core.contracts.enums import RiskIntent
from grinder_core.errors import ConnectorNonRetryableError, StateWriteError
from grinder_core.resilience.idempotency import Entry


class JournalWitness:
    """Keeps intents in the journal, and asks the session right before a write leaves.

    Args:
        journal: Where intents go.
        refusal: Says why a write must not leave now; empty: it may.
        now_ms: Our time, Unix milliseconds.

    Attributes:
        unwritten_exits: Writes that reduced risk and went out without their intent on disk.
    """

    def __init__(
        self,
        journal: JournalPort,
        refusal: Callable[[RiskIntent, str], str],
        now_ms: Callable[[], int],
    ) -> None:
        self._journal, self._refusal, self._now_ms = journal, refusal, now_ms
        self.unwritten_exits = 0

    async def record(self, entry: Entry, call: WriteCall) -> None:
        """Write an intent down.

        Raises:
            ConnectorNonRetryableError: It cannot be written, and the write would add risk.
        """
        if call.is_cancel:
            return
        body = canonical_json({"key": entry.key, "symbol": call.symbol, "risk": call.risk.value})
        try:
            self._journal.intent(call.intent.client_order_id, self._now_ms(), body)
            await self._journal.sync()
        except StateWriteError as error:
            if call.risk is RiskIntent.INCREASE_RISK:
                raise ConnectorNonRetryableError(
                    f"the intent cannot be written down: {error}",
                    remedy="make room on the disk or mend it",
                ) from error
            self.unwritten_exits += 1

    def refusal(self, risk: RiskIntent, symbol: str) -> str:
        """Say why a write must not leave now; empty: it may."""
        return self._refusal(risk, symbol)
