"""``grinder live``: a live market through the engine's eyes, read-only."""

from __future__ import annotations

import asyncio
import os
import sys

from cyclopts import App

from grinder_adapters.clock import SystemClock
from grinder_app.cli import output
from grinder_app.config.live_environment import refuse_absent
from grinder_app.runner.live_feed import STREAMS, LiveFeedUpdate, watch
from grinder_app.runner.market_options import MarketOptions
from grinder_app.runner.options import ConfigOptions, Flag
from grinder_core.codec import to_dict
from grinder_core.numbers import canonical

app = App(name="live", help="Watch a live market; read-only.")


@app.command
def feed(
    *,
    market: MarketOptions,
    settings: ConfigOptions = ConfigOptions(),  # noqa: B008 - frozen
    json: Flag = False,
) -> int:
    """Print the features of every quote until interrupted.

    Reads only, without a key. Bars and features follow the settings, as in a session.

    Parameters
    ----------
    json
        Print one JSON line a quote, and one of counts at the end.
    """
    refuse_absent(os.environ)
    indicators = settings.load().engine.indicators
    tell = _tell_json if json else _tell
    stats = asyncio.run(watch(market.plan(STREAMS), indicators, SystemClock(), tell))
    if json:
        output.print_json({"stats": to_dict(stats)})
    else:
        output.print_facts("Live feed", to_dict(stats))
    return 0


def _tell_json(update: LiveFeedUpdate) -> None:
    output.print_json(to_dict(update))
    sys.stdout.flush()


def _tell(update: LiveFeedUpdate) -> None:
    features = update.features
    state = "warm" if update.is_warmed_up else "warming up"
    words = (
        f"{update.ts} {update.symbol} mid {canonical(features.mid_price)}",
        f"spread {features.spread_bps} bps",
        f"imbalance {features.imbalance_l1_bps} bps",
        f"natr {features.natr_bps} bps",
        f"bars {update.bars_available} ({state}{', new bar' if update.bar_completed else ''})",
        f"latency {update.latency_ms} ms",
    )
    print("  ".join(words), flush=True)
