"""What the files of a run folder hold; compared with a real run by a test."""

from __future__ import annotations

from typing import Final

from grinder_core.session.collect import Collector

_ROOM: Final = Collector()

RUN_TREE: Final = """\
YYYY-MM-DD/run_<start_ms>_<seq>/
    run.json                what ran, on what, and how it ended
    report.html             the report, where one was asked for
    sessions/<name>/
        result.json         PaperResult
        trades.csv          fills; until the session ends trades.csv.part
        equity.csv          samples of equity
        prices.csv          samples of mids
        levels.csv          when each grid level rested
        blocks.csv          why nothing was placed, over time
        outputs.jsonl       one canonical line an output, where they were kept
        files.json          size and SHA-256 of the files above; written last
"""

MANIFEST_KEYS: Final = {
    "schema": "`grinder_run_v1`.",
    "run_id": "`<start_ms>_<seq>`.",
    "kind": "The command: `paper`, `backtest`, ...",
    "name": "For people; finds the run again; may be empty.",
    "start_ms": "When it started, Unix milliseconds UTC.",
    "created_at": "The same as text.",
    "duration_ms": "How long it took; null until it ended.",
    "status": "See below.",
    "version": "Of grinder.",
    "contract_schema": "Of outputs and results: `v1`.",
    "sessions": "Names of the finished sessions.",
    "command": "The arguments as given.",
    "config": "All effective settings, by section.",
    "config_hash": "16 characters over the canonical JSON of the engine's settings.",
    "origins": "Where each setting comes from: default, file, profile, environment or flag.",
    "profile": "Profile of the configuration file; empty without one.",
    "data": "Files or generated data it ran on, with size and SHA-256 where there is a file.",
    "inputs": "What each session read, so that it can be read again; paths are absolute.",
    "outputs": "Which outputs were kept.",
    "policy": "`target` and `arguments` of a user's own policy, else null.",
    "policy_timing": "How long a user's own policy took, by session; outside every digest.",
    "digests": "Digest of each session; null where there is none.",
    "assumptions": "What was assumed of fills, costs, margin and latency, a line each.",
    "warnings": "What to know before believing the result.",
    "trials": "How many settings were tried to find this one, if told; only of a backtest.",
    "band": "The same under other fill models, a row a model; empty where nobody asked.",
    "totals": "Sums over all sessions; only of a backtest.",
    "error": "`CODE: text`, only where the run failed.",
}

STATUSES: Final = {
    "running": "It still works, or crashed.",
    "good": "It ended as it should.",
    "failed": "It ended with an error.",
    "interrupted": "Somebody stopped it.",
}

COLLECTED_KEYS: Final = {
    "interval_ms": "The interval of samples that was asked for, event time.",
    "equity_interval_ms": "That of equity.csv: the same, doubled each time there were more than "
    f"{_ROOM.max_equity:,} rows.",
    "price_interval_ms": "That of prices.csv: the same, doubled each time a symbol had more than "
    f"{_ROOM.max_prices:,} rows.",
    "block_interval_ms": "That of blocks.csv: the same, doubled each time there were more than "
    f"{_ROOM.max_blocks:,} rows.",
    "first_ts": "Time of the first output; -1 without one.",
    "last_ts": "Time of the last output; -1 without one.",
    "ms_seen": "Event time between them.",
    "ms_in_market": "Part of it with an open position.",
    "fills": "Rows of trades.csv; fewer than `total_fills` where it continued a checkpoint.",
    "levels_left_out": f"Level segments beyond the {_ROOM.max_levels:,} kept in levels.csv.",
}

TABLE_MEANINGS: Final = {
    "trades.csv": "One row a fill.",
    "equity.csv": "The last sample of each `equity_interval_ms`; the session's, not a symbol's.",
    "prices.csv": "The first mid of each `price_interval_ms`, by symbol.",
    "levels.csv": "One row an order that rested.",
    "blocks.csv": "Snapshots that prefilter, selection or gates stopped in each "
    "`block_interval_ms`.",
}

COLUMN_MEANINGS: Final = {
    "equity.csv": {
        "ts": "The session's time, Unix milliseconds UTC.",
        "equity": "Capital plus profit less fees and funding, quote currency.",
        "high_water_mark": "Its peak so far, quote currency.",
        "realized": "Realised profit, before fees, quote currency.",
        "unrealized": "Open profit, quote currency.",
        "fees": "Fees so far, quote currency.",
        "funding": "Funding paid so far (negative: received), quote currency.",
    },
    "prices.csv": {
        "symbol": "The symbol.",
        "ts": "The venue's event time, Unix milliseconds UTC.",
        "mid": "Mean of best bid and best ask, quote currency per base.",
    },
    "levels.csv": {
        "symbol": "The symbol.",
        "side": "BUY or SELL.",
        "level_id": "Grid level, 1 is nearest the anchor.",
        "price": "Limit, quote currency per base.",
        "from": "When it began to rest, Unix milliseconds UTC.",
        "to": "When it was filled or cancelled, or the session's last time.",
    },
    "blocks.csv": {
        "reason": "Value of [PrefilterReason](reasons.md#prefilterreason) or "
        "[GateReason](reasons.md#gatereason).",
        "from_ts": "Start of the interval, Unix milliseconds UTC.",
        "count": "Snapshots stopped for that reason in the interval.",
    },
}

SEAL_KEYS: Final = {
    "bytes": "Size of the file.",
    "rows": "Rows or lines in it.",
    "sha256": "SHA-256 of its bytes, 64 hexadecimal characters.",
}
