"""Telling people what one session did: its table, its warnings, and a line per happening."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from grinder_app.cli.output import note, print_facts, print_table
from grinder_app.report.sharpe import NotDefined, Sharpe
from grinder_app.report.sharpe_words import confidence_text, interval_text, meaning, ratio_text
from grinder_app.report.wording import money
from grinder_app.runner.agreement import Agreement
from grinder_app.runner.band import COLUMNS as BAND_COLUMNS
from grinder_app.runner.band import BandRow
from grinder_app.runner.outputs import Changes
from grinder_app.runner.paper import PaperDone
from grinder_app.runner.policy import PolicyTiming
from grinder_app.runner.summary import (
    COSTS_NOTE,
    SYMBOL_COLUMNS,
    SessionFigures,
    blocks_text,
    symbol_rows,
)
from grinder_core.contracts.outputs import PaperOutput


def pace(events: int, seconds: float) -> str:
    """Write how many events took how long."""
    rate = int(events / seconds) if seconds > 0 else 0
    return f"{events:,} events in {seconds:.1f} s ({rate:,} events/s)"


class Narrator:
    """Tells every output in which something happened, a line each, on standard error."""

    def __init__(self) -> None:
        self._changes = Changes()

    def __call__(self, output: PaperOutput, line: bytes) -> None:
        """Tell one output; the canonical line is not needed."""
        if self._changes.keep(output):
            note(_happening(output))


def print_session(title: str, done: PaperDone, agreement: Agreement | None = None) -> None:
    """Print the table of a session, its warnings, its policy and where its files lie."""
    result = done.end.result
    print_table(title, SYMBOL_COLUMNS, symbol_rows(result), note=COSTS_NOTE)
    figures = SessionFigures.of("session", done.end)
    facts = {
        "equity": money(result.equity),
        "max drawdown": money(result.max_drawdown),
        **_sharpe_facts(figures.sharpe),
        "blocked by": blocks_text(figures.blocks),
        "digest": result.digest or "- (continued)",
        "running digest": result.running_digest,
        "run": done.run_id,
        "folder": done.folder,
        "report": done.report or "-",
    }
    if done.end.timing is not None:
        facts["policy"] = policy_text(done.end.timing)
    print_facts("Result", facts)
    print_band(done.band)
    print(meaning(figures.sharpe))
    if agreement is not None:
        print(agreement.line)
    for warning in done.warnings:
        note(f"warning: {warning}")
    note(pace(done.end.events_read, done.session_s))
    if done.report_hint:
        note(f"no report: {done.report_hint}")


def print_band(band: Sequence[BandRow]) -> None:
    """Print the same run under other fill models, where it was made."""
    if band:
        print_table(
            "The same under other fill models, from optimistic to pessimistic",
            BAND_COLUMNS,
            [row.row() for row in band],
        )


def _sharpe_facts(sharpe: Sharpe | NotDefined) -> dict[str, str]:
    if isinstance(sharpe, NotDefined):
        return {"Sharpe": ratio_text(sharpe)}
    return {
        "Sharpe": f"{ratio_text(sharpe)} (95 %: {interval_text(sharpe)})",
        "Sharpe above 0": confidence_text(sharpe.probability),
    }


def policy_text(timing: PolicyTiming) -> str:
    """Write how long a policy took."""
    return (
        f"{timing.policy}: {timing.calls:,} calls, mean {timing.mean_us} us, p99 "
        f"{timing.p99_us} us, slowest {timing.slowest_us} us ({timing.slowest_symbol} at ts "
        f"{timing.slowest_ts})"
    )


def _happening(out: PaperOutput) -> str:
    verdict = out.prefilter_result.reason.value
    if out.prefilter_result.allowed and out.gating_result is not None:
        verdict = out.gating_result.reason.value
    actions = Counter(action.action.value for action in out.actions)
    told = [f"{name} x{count}" for name, count in sorted(actions.items())]
    told += [
        f"filled {fill.side.value} {fill.qty} at {fill.price} (level {fill.level_id})"
        for fill in out.fills
    ]
    return f"{out.ts} {out.symbol} {verdict}: {', '.join(told) or 'nothing to do'}"
