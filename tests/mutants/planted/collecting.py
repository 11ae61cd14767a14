"""Ways to break what is kept of a session for people to look at."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_SAMPLES = "grinder_core/session/samples.py"
_COLLECT = "grinder_core/session/collect.py"
_WRITER = "grinder_adapters/runs/writer.py"
_WALK = "grinder_app/report/closed_trades.py"

_TESTS = ("tests/core/test_collect.py",)
_RUN_TESTS = ("tests/adapters/test_runs_roundtrip.py",)
_WALK_TESTS = ("tests/app/test_statistics.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "samples_grow_by_one_more",
        _SAMPLES,
        "while len(times) > self.max_rows:",
        "while len(times) > self.max_rows + 1:",
        _TESTS,
    ),
    Mutant(
        "thinned_equity_shows_the_first_of_an_interval",
        _SAMPLES,
        "if self.keep is Keep.LAST or interval not in by_interval:",
        "if interval not in by_interval:",
        _TESTS,
    ),
    Mutant(
        "doubled_counts_replace_each_other",
        _SAMPLES,
        "wide[into] = wide.get(into, 0) + count",
        "wide[into] = count",
        _TESTS,
    ),
    Mutant(
        "prices_of_one_symbol_keep_their_own_interval",
        _COLLECT,
        "while each.interval_ms < samples.interval_ms:",
        "while each.interval_ms > samples.interval_ms:",
        _TESTS,
    ),
    Mutant(
        "handed_on_trades_are_kept_as_well",
        _COLLECT,
        "        if self.keep_trades:\n",
        "        if self.on_trade or self.keep_trades:\n",
        _TESTS,
    ),
    Mutant(
        "a_continued_session_forgets_the_fees_before",
        _COLLECT,
        "self._fees[pnl.symbol] = fees_paid",
        "self._fees[pnl.symbol] = ZERO",
        _TESTS,
    ),
    Mutant(
        "equity_time_goes_back_with_a_late_symbol",
        _COLLECT,
        "now = max(ts, self.last_ts)",
        "now = ts",
        _TESTS,
    ),
    Mutant(
        "a_session_is_sealed_without_some_trades",
        _WRITER,
        "(self._trades.count or kept != seen)",
        "not self._trades.count",
        _RUN_TESTS,
    ),
    Mutant(
        "time_after_the_last_fill_is_out_of_the_market",
        _WALK,
        "held = self.held_ms + (end - last if self.now else 0)",
        "held = self.held_ms",
        _WALK_TESTS,
    ),
)
