"""Memory of a session does not depend on how many days it runs.

    python -m benchmarks.memory [--days 2 8] [--report] [--json]

Each length runs in a process of its own: sixteen made-up symbols, a quote a minute each, adaptive
grid with controller, sizes, guards, fees and funding, recorded into a temporary folder as
``grinder paper`` does. Printed is the peak resident size of each process, and how the longest
compares with the shortest. With ``--report`` the HTML report of each run is written by a further
process, whose peak is shown too.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

from attrs import frozen

from grinder_adapters.runs import RunStore, load_run
from grinder_app.report.page import write_report
from grinder_app.runner.outputs import OutputsKept
from grinder_app.runner.recording import record_session
from grinder_app.runner.session_loop import SessionJob
from grinder_core.contracts.enums import FillMode, FundingSource
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.engine.config import EngineConfig

START_MS, MINUTE_MS, DAY_MS = 1_700_006_400_000, 60_000, 86_400_000
SYMBOLS = tuple(f"COIN{index:02d}USDT" for index in range(16))
TENTH, ONE, ZERO = Decimal("0.1"), Decimal(1), Decimal(0)
LOTS = {"step_size": "0.0001", "min_qty": "0.0001", "tick_size": "0.1"}
CONFIG = EngineConfig.flat(
    feature_engine_enabled=True,
    adaptive_policy_enabled=True,
    controller_enabled=True,
    controller_version=1,
    auto_sizing_enabled=True,
    sizing_equity="100000",
    dd_budget="0.05",
    adverse_move="0.10",
    kill_switch_enabled=True,
    dd_guard_v1_enabled=True,
    symbol_dd_budgets=dict.fromkeys(SYMBOLS, "90000"),
    consec_loss_enabled=True,
    consec_loss_threshold=1000,
    constraints_enabled=True,
    symbol_constraints=dict.fromkeys(SYMBOLS, LOTS),
    max_drawdown_pct=50,
    daily_loss_limit=Decimal(1_000_000),
    max_orders_per_minute=10_000,
    initial_capital=Decimal(100_000),
    fill_mode=FillMode.QUOTE,
    fill_after_ticks=1,
    maker_fee_bps_x100=200,
    taker_fee_bps_x100=500,
    funding_source=FundingSource.CONSTANT,
    max_notional_per_symbol=Decimal(500_000),
    max_notional_total=Decimal(9_000_000),
)


@frozen
class MadeUp:
    """Mean-reverting prices of all symbols, a quote a minute each; nothing is held in memory."""

    days: int
    name: str = "made up"

    def __iter__(self) -> Iterator[Event]:
        draw, levels, seq = random.Random(7), [0.0] * len(SYMBOLS), 0
        for ts in range(START_MS, START_MS + self.days * DAY_MS, MINUTE_MS):
            for index, symbol in enumerate(SYMBOLS):
                levels[index] += draw.gauss(0.0, 0.0012) - 0.05 * levels[index]
                bid = int(100_000 * (1.0 + levels[index]))
                snapshot = Snapshot(
                    ts=ts,
                    symbol=symbol,
                    bid_price=bid * TENTH,
                    ask_price=(bid + 2) * TENTH,
                    bid_qty=ONE,
                    ask_qty=ONE,
                    last_price=ZERO,
                    last_qty=ZERO,
                )
                yield Event(ts, snapshot, seq)
                seq += 1


def run_days(days: int, root: Path) -> dict[str, Any]:
    """Record a session of so many days below a folder; return what it did and took."""
    began = perf_counter()
    with RunStore(root).create("paper", START_MS) as run:
        run.manifest(command=["benchmarks.memory"], config=CONFIG.to_dict())
        job = SessionJob(config=CONFIG, name="made up")
        end = record_session(job, MadeUp(days), run.session("session"), OutputsKept.NONE)
    if end.result.failure is not None:
        raise end.result.failure
    collected = end.result.collected
    assert collected is not None
    return {
        "days": days,
        "quotes": end.events_read,
        "fills": end.result.stats.total_fills,
        "rows_kept": collected.rows_kept,
        "equity_interval_ms": collected.equity_interval_ms,
        "price_interval_ms": collected.price_interval_ms,
        "seconds": round(perf_counter() - began, 1),
        "rss_mb": _peak_mb(),
        "run": str(run.path),
    }


def report_run(folder: Path) -> dict[str, Any]:
    """Write the report of a run; return its size and what it took."""
    began = perf_counter()
    size = write_report(load_run(folder), folder / "report.html")
    return {
        "report_bytes": size,
        "report_seconds": round(perf_counter() - began, 1),
        "report_rss_mb": _peak_mb(),
    }


def _peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def _alone(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(days: int, *, report: bool) -> dict[str, Any]:
    """Run one length, and its report, in processes of their own."""
    with tempfile.TemporaryDirectory() as root:
        result = _alone("--one", str(days), "--root", root)
        run = result.pop("run")
        return result | (_alone("--report-of", run) if report else {})


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--days", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--report", action="store_true", help="write the report of each run too")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--report-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(run_days(options.one, options.root)))
        return
    if options.report_of is not None:
        print(json.dumps(report_run(options.report_of)))
        return
    results = [measure(days, report=options.report) for days in options.days]
    ratio = round(results[-1]["rss_mb"] / results[0]["rss_mb"], 2)
    if options.json:
        print(json.dumps({"lengths": results, "ratio": ratio}))
        return
    for result in results:
        print("  ".join(f"{name} {value:,}" for name, value in result.items()))
    print(f"peak of the last over the first: {ratio}")


if __name__ == "__main__":
    main()
