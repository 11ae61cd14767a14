"""Asking the venue what became of a write, until the answer is proven (LIVE-04).

The machine in ``grinder_core.resilience.unknown`` decides; this asks, waits and listens for it.
"""

from __future__ import annotations

from grinder_adapters.binance.error_map import Reaction
from grinder_adapters.binance.rest import RestClient
from grinder_adapters.binance.rest_results import Failed
from grinder_adapters.binance.waiting import pause
from grinder_adapters.binance.write_call import Watch, WriteCall
from grinder_core.errors import ConnectorClosedError, ConnectorNonRetryableError
from grinder_core.resilience.unknown import Next, OutcomeInquiry


async def find_out(
    client: RestClient, call: WriteCall, watch: Watch, inquiry: OutcomeInquiry
) -> Next:
    """Return the verdict: ADOPT, NOT_EXECUTED or UNKNOWN; ``watch.best`` holds what was seen."""
    watch.inquiry = inquiry
    if watch.best is not None:
        inquiry.on_event(watch.best.view)
    try:
        while True:
            watch.news.clear()
            now = client.now()
            step = inquiry.step(now)
            if step.next is Next.QUERY:
                inquiry.on_sent(now, client.venue_clock.now_ms())
                await _query(client, call, watch, inquiry)
            elif step.next is Next.WAIT:
                until_ms = now if step.until_ms is None else step.until_ms
                await pause(client.sleep, until_ms - now, watch.news)
            else:
                return step.next
    except ConnectorClosedError:  # nobody can be asked any more
        return Next.UNKNOWN
    finally:
        watch.inquiry = None


async def _query(
    client: RestClient, call: WriteCall, watch: Watch, inquiry: OutcomeInquiry
) -> None:
    try:
        answer = await client.look(call.query, call.find)
    except ConnectorNonRetryableError:  # breaker or budget: the question was not asked
        inquiry.on_failure(client.venue_clock.now_ms())
        return
    if not isinstance(answer, Failed):
        watch.see(answer)
        inquiry.on_answer(answer.view)
    elif answer.failure.reaction is Reaction.ABSENT:
        inquiry.on_answer(None)
    else:
        inquiry.on_failure(client.venue_clock.now_ms())
