"""``grinder live``: the live session, and a live market through the engine's eyes."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve
from cyclopts import App

from grinder_adapters.binance.permission import PortKind
from grinder_adapters.clock import SystemClock
from grinder_app.cli import output
from grinder_app.cli.speaking import Speaker
from grinder_app.config.effective import effective_config
from grinder_app.config.live_environment import refuse_absent
from grinder_app.config.live_plan import GuardsMissingError, LiveFlags, draft_live, plan_live
from grinder_app.runner.fault_choice import fault_plan
from grinder_app.runner.live_feed import STREAMS, LiveFeedUpdate, watch
from grinder_app.runner.market_options import MarketOptions
from grinder_app.runner.options import ConfigOptions, Flag, PolicyOptions
from grinder_core.codec import canonical_json, to_dict
from grinder_core.contracts.live import SafeMode
from grinder_core.errors import ConfigError
from grinder_core.numbers import canonical

if TYPE_CHECKING:
    from grinder_app.live.session import LiveEnd

app = App(name="live", help="Run a live session, see how it stands; watch a live market.")
app.command("grinder_app.cli.live_status:status", name="status")


@app.command
def run(
    *,
    settings: ConfigOptions = ConfigOptions(),  # noqa: B008 - frozen
    policy: PolicyOptions = PolicyOptions(),  # noqa: B008 - frozen
    armed: Flag = False,
    mode: SafeMode | None = None,
    exchange_port: PortKind | None = None,
    symbols: str = "",
    rest_url: str | None = None,
    ws_url: str | None = None,
    state_dir: Path | None = None,
    http_port: int | None = None,
    no_http: Flag = False,
    fixture: Path | None = None,
    duration: float = 0,
    faults: str = "calm",
    seed: int = 0,
    json: Flag = False,
) -> int:
    """Run a live session until interrupted; by default it reads only, at an exchange of its own.

    Orders leave only if the run is armed, of mode live_trade, on a writing port, and every guard of
    its venue is given; whatever is missing is listed. Everything that happens goes into the journal
    under the state folder, and a run that was interrupted anyhow goes on from it. The first Ctrl-C
    ends it in order: entries are cancelled, exits stay.

    Parameters
    ----------
    armed
        Let orders leave, if nothing else stands against it; ARMED=false wins.
    mode
        What the run may do.
    exchange_port
        Who answers to orders.
    symbols
        Symbols to trade, separated by commas, instead of the setting live.symbol_whitelist.
    rest_url
        Address of the venue, instead of the setting; without one, an exchange of this process.
    ws_url
        Address of its streams; without one, that which belongs to the venue.
    state_dir
        Folder of the durable state, instead of the setting app.state_dir.
    http_port
        Port of health, readiness and metrics, instead of the setting live.http_port; 0: a free one.
    no_http
        Listen nowhere.
    fixture
        Fold this recorded case instead of a market, offline: nothing is sent or kept.
    duration
        Stop after so many seconds; 0: when interrupted.
    faults
        What goes wrong at an exchange of this process: a named plan, or a file of one.
    seed
        Root of the market of an exchange of this process.
    json
        Print JSON lines.
    """
    from grinder_app.live.command import LiveRequest, run_live

    loaded = settings.load()
    given = tuple(dict.fromkeys(part for part in symbols.split(",") if part))
    flags = LiveFlags(
        armed=armed,
        mode=mode,
        exchange_port=exchange_port,
        symbols=given or None,
        rest_url=rest_url,
        ws_url=ws_url,
        http_port=http_port,
        no_http=no_http,
    )
    if not 0 <= duration < inf:
        raise ConfigError("must be >= 0", field="--duration", value=duration)
    if state_dir is not None:
        loaded = evolve(loaded, app=evolve(loaded.app, state_dir=str(state_dir)))
    try:
        plan = plan_live(flags, loaded, os.environ)
    except GuardsMissingError as error:
        from grinder_app.live.auditing import note_refused_start

        draft = draft_live(flags, loaded, os.environ)
        folder = draft.state_dir / draft.exchange_port.value
        now = SystemClock().now_ms()
        with Speaker.open(as_json=json) as speaker:
            note_refused_start(draft, folder, error.missing, version("grinder"), now, speaker.say)
        raise
    if fixture is not None:
        from grinder_app.live.fixture_run import FixtureRun

        spec = policy.spec()
        end = FixtureRun(plan, fixture, None if spec is None else spec.load()).run()
        sys.stdout.write(_end_text(end, json=json))
        return 0
    request = LiveRequest(
        plan=plan,
        policy=policy.spec(),
        duration_s=duration,
        faults=fault_plan(faults),
        seed=seed,
        shown=effective_config(plan, os.environ),
    )
    with Speaker.open(as_json=json) as speaker:
        end = asyncio.run(run_live(request, speaker.say))
        speaker.show(_end_text(end, json=json))
    return 0


def _end_text(end: LiveEnd, *, json: bool) -> str:
    if json:
        return canonical_json({"end": to_dict(end)}) + "\n"
    return output.facts_text("Live session", to_dict(end))


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
