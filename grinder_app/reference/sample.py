"""One small session, run to see which keys published records really have."""

from __future__ import annotations

from functools import cache
from typing import Any

from grinder_core.contracts.event import Event, market_event
from grinder_core.engine.config import EngineConfig
from grinder_core.session.result import PaperResult, run

_BIDS = ("100", "99.8", "100.1", "100.3", "100.3")


@cache
def sample_run() -> PaperResult:
    """Return a session with a selection, features, fills, and every output kept."""
    config = EngineConfig.flat(
        levels=1,
        size_per_level="1",
        feature_engine_enabled=True,
        selection_source="topk_v0",
        maker_fee_bps_x100=200,
    )
    return run([_quote(i, bid) for i, bid in enumerate(_BIDS)], config, keep_outputs=True)


def sample_output() -> dict[str, Any]:
    """Return the first output of the sample session, which has a plan, actions and events."""
    outputs = sample_run().outputs
    assert outputs is not None
    return outputs[0].to_dict()


def _quote(index: int, bid: str) -> Event:
    line = {
        "type": "SNAPSHOT",
        "ts": 1_700_000_000_000 + 1_000 * index,
        "symbol": "AAAUSDT",
        "bid_price": bid,
        "ask_price": f"{bid}4" if "." in bid else f"{bid}.04",
        "bid_qty": "5",
        "ask_qty": "7.5",
        "last_price": "0",
        "last_qty": "0",
    }
    return market_event(line, index)
