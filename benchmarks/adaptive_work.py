"""The full adaptive pipeline on the stream of the defined grid work.

    python -m benchmarks.adaptive_work FILE.npy [--json] [--rounds N] [--profile]

FILE is as in ``benchmarks.grid_work``; without one a seeded stream of 200,000 quotes is made.
Everything decides: features, regime, adaptive grid, sizes from a risk budget, every gate, kill
switch, drawdown guard, loss streaks, lot rules, fees and funding; ``--controller`` adds controller
v1. The yardstick is the same plain program as there, which only trades a static grid; measured in
turn, in one run.

The stream's best quantities are drawn evenly from 0.01 to 5, so that a fifth of its quotes would be
THIN_BOOK at the specification's 0.1: the grid would come and go until the rate gate blocks 97 % of
quotes. A book is thin here when it holds less than the stream's least, so that grids are traded;
``--thin 0.1`` measures the other.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import statistics
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.grid_work import engine_run, opened, reference_run, seeded_stream
from grinder_core.contracts.enums import FillMode, FundingSource
from grinder_core.engine.config import EngineConfig

CONFIG = EngineConfig.flat(
    feature_engine_enabled=True,
    adaptive_policy_enabled=True,
    auto_sizing_enabled=True,
    sizing_equity="10000",
    dd_budget="0.05",
    adverse_move="0.10",
    kill_switch_enabled=True,
    dd_guard_v1_enabled=True,
    symbol_dd_budgets={"BTCUSDT": "5000"},
    consec_loss_enabled=True,
    consec_loss_threshold=1000,
    constraints_enabled=True,
    symbol_constraints={
        "BTCUSDT": {"step_size": "0.0001", "min_qty": "0.0001", "tick_size": "0.1"}
    },
    max_drawdown_pct=50,
    fill_mode=FillMode.QUOTE,
    fill_after_ticks=1,
    maker_fee_bps_x100=200,
    taker_fee_bps_x100=500,
    funding_source=FundingSource.CONSTANT,
    max_notional_per_symbol=Decimal(50_000),
    max_notional_total=Decimal(100_000),
    thin_l1_qty=Decimal("0.01"),
)


def measure(data: Any, rounds: int, config: EngineConfig = CONFIG) -> dict[str, Any]:
    """Return results and rates."""
    count = opened(data).shape[1]
    plain, digested, yardstick = [], [], []
    for _ in range(rounds):
        session, loop, _, outputs = engine_run(data, config=config)
        _, reference_loop = reference_run(data)
        with tempfile.TemporaryFile() as file:
            written, digest_loop, _, _ = engine_run(data, file, config)
        plain.append(count / loop)
        digested.append(count / digest_loop)
        yardstick.append(count / reference_loop)
    stats, ledger = session.engine.hot.stats, session.engine.hot.symbols["BTCUSDT"].ledger
    return {
        "quotes": count,
        "outputs": outputs,
        "fills": ledger.fill_count,
        "orders_placed": stats.orders_placed,
        "gates_passed": stats.gates_passed,
        "gate_blocked": dict(stats.gate_blocked),
        "equity": float(session.engine.hot.account.equity),
        "quotes_per_s": round(statistics.median(plain)),
        "quotes_per_s_with_digest": round(statistics.median(digested)),
        "reference_quotes_per_s": round(statistics.median(yardstick)),
        "ratio": round(statistics.median(a / b for a, b in zip(plain, yardstick, strict=True)), 3),
        "ratio_with_digest": round(
            statistics.median(a / b for a, b in zip(digested, yardstick, strict=True)), 3
        ),
        "digest": written.digest,
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main() -> None:
    """Parse arguments, measure or profile, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--profile", action="store_true", help="print where the time goes instead")
    parser.add_argument("--controller", action="store_true", help="with controller v1")
    parser.add_argument(
        "--thin",
        type=Decimal,
        default=CONFIG.regime.thin_l1_qty,
        help="below which best quantity a book is thin, base units",
    )
    options = parser.parse_args()
    config = CONFIG.with_values(
        {
            "thin_l1_qty": options.thin,
            "controller_enabled": options.controller,
            "controller_version": 1 if options.controller else 0,
        }
    )
    data = options.file or seeded_stream(200_000)
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(engine_run, data, config=config)
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
        return
    result = measure(data, options.rounds, config)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
