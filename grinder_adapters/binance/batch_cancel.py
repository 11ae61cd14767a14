"""Cancelling many orders at once: ten in one request, the doubtful ones singly after (README 26).

One request for ten orders costs what one costs, so that a whole grid is gone before the market
moves on. The answer proves the end of some orders; all others, and those of a batch that failed
as a whole, go through the full protocol one by one. A cancel may be repeated, so the batch is not
claimed in the idempotency store, and nothing is lost by asking twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from grinder_adapters.binance.endpoints import Endpoint, Request
from grinder_adapters.binance.outcomes import Accepted, Outcome, Seen
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_answers import read_batch
from grinder_adapters.binance.rest_records import OrderAnswer
from grinder_adapters.binance.rest_results import Failed
from grinder_adapters.binance.write_call import WriteCall
from grinder_adapters.binance.writes import Writer
from grinder_core.contracts.enums import RiskIntent
from grinder_core.errors import ConnectorNonRetryableError


class BatchCanceller:
    """Cancels orders of one symbol.

    Args:
        client, writer: Send batches, and single cancels.
        endpoint: Takes batches; ``None``: the product has none, and each is cancelled singly.
        batch_max: Orders in one request.
    """

    def __init__(
        self, client: RestClient, writer: Writer, endpoint: Endpoint | None, batch_max: int
    ) -> None:
        self._client, self._writer = client, writer
        self._endpoint, self._batch_max = endpoint, batch_max

    async def cancel(self, symbol: str, calls: Sequence[WriteCall]) -> list[Outcome]:
        """Cancel orders; outcomes in the order of the calls."""
        gone: dict[str, Seen] = {}
        if (endpoint := self._endpoint) is not None:
            for start in range(0, len(calls), self._batch_max):
                gone |= await self._sweep(endpoint, symbol, calls[start : start + self._batch_max])
        outcomes: list[Outcome] = []
        for call in calls:
            name = call.intent.client_order_id
            if name in gone:
                outcomes.append(Accepted(client_order_id=name, order=gone[name], attempts=1))
            else:
                outcomes.append(await self._writer.perform(call))
        return outcomes

    async def _sweep(
        self, endpoint: Endpoint, symbol: str, calls: Sequence[WriteCall]
    ) -> dict[str, Seen]:
        """Send one batch; return the orders that its answer proves to be final."""
        names = [call.intent.client_order_id for call in calls]
        listed = orjson.dumps(names).decode()
        request = Request(endpoint, {"symbol": symbol, "origClientOrderIdList": listed})
        try:
            answer = await self._client.send(
                request,
                self._client.admit(request),
                read_batch,
                check=lambda: self._writer.permit(RiskIntent.CANCEL, symbol),
            )
        except ConnectorNonRetryableError:  # the single cancels will say why
            return {}
        if isinstance(answer, Failed):
            return {}
        return {
            order.client_order_id: Seen.of(order)
            for order in answer
            if isinstance(order, OrderAnswer)
            and order.status.is_final
            and (order.symbol, order.client_order_id) in {(symbol, name) for name in names}
        }
