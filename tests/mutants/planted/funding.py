"""Ways to pay the wrong funding, or to keep quiet about what the data lacks."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ROWS = "grinder_adapters/feeds/funding_rows.py"
FILES = "grinder_adapters/feeds/funding.py"
GAPS = "grinder_adapters/feeds/funding_gaps.py"
FUNDED = "grinder_adapters/feeds/funded.py"
WATCH = "grinder_app/runner/perpetual.py"
IMPLIED = "grinder_app/runner/funding.py"
INPUTS = "grinder_app/runner/inputs.py"
SUMMARY = "grinder_app/runner/summary.py"
COLLECT = "grinder_core/session/collect.py"
LINES = "grinder_app/report/assumptions.py"
READER_TESTS = ("tests/adapters/feeds/test_funding.py",)
GAP_TESTS = ("tests/adapters/feeds/test_funding_gaps.py",)
STREAM_TESTS = ("tests/adapters/feeds/test_funded.py",)
LINE_TESTS = ("tests/app/test_assumptions.py",)


def _sessions(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/app/test_funding_sessions.py::{name}" for name in names)


TWIN = _sessions("test_a_session_pays_what_a_plain_twin_computes")

MUTANTS: tuple[Mutant, ...] = (
    # -- what is paid
    Mutant(
        "longs_receive_a_positive_rate",
        "grinder_core/venue/funding.py",
        "amount=qty * mark * rate",
        "amount=-qty * mark * rate",
        TWIN,
    ),
    Mutant(
        "funding_of_a_long_only",
        "grinder_core/venue/funding.py",
        "amount=qty * mark * rate",
        "amount=abs(qty) * mark * rate",
        TWIN,
    ),
    Mutant(
        "every_settlement_is_of_the_first_symbol",
        ROWS,
        'cells[names["symbol"]] if self.names_symbol else symbol,',
        'symbol or "BTCUSDT",',
        TWIN,
    ),
    Mutant(
        "settlements_of_symbols_that_have_not_appeared",
        FUNDED,
        "if coming.symbol in seen:",
        "if coming.symbol in seen or seen:",
        STREAM_TESTS,
    ),
    Mutant(
        "a_settlement_after_the_quotes_of_its_time",
        FUNDED,
        "due <= each.ts_ms:",
        "due < each.ts_ms:",
        STREAM_TESTS,
    ),
    Mutant(
        "numbers_of_events_twice",
        FUNDED,
        "                    shift += 1\n",
        "",
        STREAM_TESTS,
    ),
    Mutant(
        "paid_by_the_data_and_by_the_file",
        FUNDED,
        "if type(payload) is Funding:",
        "if type(payload) is Funding and not seen:",
        STREAM_TESTS,
    ),
    Mutant(
        "a_chosen_source_is_overruled",
        IMPLIED,
        "    if origin == DEFAULT:",
        "    if origin:",
        _sessions("test_files_that_would_do_nothing_are_refused"),
    ),
    Mutant(
        "a_file_that_does_nothing_is_taken",
        IMPLIED,
        "if chosen is not FundingSource.DATA:",
        "if chosen is FundingSource.NONE:",
        _sessions("test_files_that_would_do_nothing_are_refused"),
    ),
    Mutant(
        "a_repetition_without_funding",
        INPUTS,
        'funding=tuple(Path(path) for path in kept["funding"]),',
        "funding=(),",
        _sessions("test_a_run_with_funding_can_be_repeated_and_its_file_may_move"),
    ),
    # -- reading
    Mutant(
        "a_rate_through_a_float",
        ROWS,
        "rate = decimal_cell(name, self.rate)",
        "rate = decimal_cell(name, str(float(self.rate)))",
        READER_TESTS,
    ),
    Mutant(
        "a_json_number_for_a_rate",
        ROWS,
        '("fundingRate", str, "a decimal number as text"),',
        '("fundingRate", float, "a decimal number as text"),',
        READER_TESTS,
    ),
    Mutant(
        "times_may_go_back",
        FILES,
        "    if row.ts < last:",
        "    if row.ts < 0:",
        READER_TESTS,
    ),
    Mutant(
        "the_same_settlement_twice",
        FILES,
        "if row.ts - last < APART_MS_MIN:",
        "if row.ts == last:",
        READER_TESTS,
    ),
    Mutant(
        "hours_taken_for_milliseconds",
        ROWS,
        'interval = HOUR_MS * int_cell(names["interval"]',
        'interval = int_cell(names["interval"]',
        READER_TESTS,
    ),
    # -- holes
    Mutant(
        "any_late_settlement_is_a_hole",
        GAPS,
        "if 2 * (end - begin) > 3 * usual",
        "if 2 * (end - begin) > 2 * usual",
        GAP_TESTS,
    ),
    Mutant(
        "one_and_a_half_is_a_hole",
        GAPS,
        "if 2 * (end - begin) > 3 * usual",
        "if 2 * (end - begin) >= 3 * usual",
        GAP_TESTS,
    ),
    Mutant(
        "one_median_over_both_sides",
        GAPS,
        "_usual(before, after)",
        "_usual(before + after)",
        GAP_TESTS,
    ),
    Mutant(
        "what_the_venue_states_is_ignored",
        GAPS,
        "stated or _usual(before, after)",
        "_usual(before, after)",
        GAP_TESTS,
    ),
    Mutant(
        "rarer_than_any_venue_is_usual",
        GAPS,
        "return min(max(medians, default=USUAL_MS_MAX), USUAL_MS_MAX)",
        "return max(medians, default=USUAL_MS_MAX)",
        GAP_TESTS,
    ),
    Mutant(
        "the_end_of_the_list_goes_unnoticed",
        GAPS,
        "    if end_ms > last.ts:",
        "    if end_ms > last.ts and False:",
        GAP_TESTS,
    ),
    Mutant(
        "holes_of_other_times_are_told",
        GAPS,
        "if b.ts <= begin_ms or a.ts >= end_ms:",
        "if b.ts <= begin_ms and a.ts >= end_ms:",
        GAP_TESTS,
    ),
    # -- what is said
    Mutant(
        "silence_about_symbols_without_funding",
        WATCH,
        "without = [symbol for symbol in traded if not known.get(symbol)]",
        "without = [symbol for symbol in traded if not known]",
        _sessions("test_symbols_without_any_settlement_are_named"),
    ),
    Mutant(
        "symbols_that_never_traded_are_missed",
        WATCH,
        "for symbol, costs in result.costs.items() if costs.fills]",
        "for symbol, costs in result.costs.items()]",
        _sessions("test_what_nobody_asked_for_is_not_missed"),
    ),
    Mutant(
        "only_what_the_session_saw_is_known",
        WATCH,
        "return {**self._settled, **given}",
        "return {**given, **self._settled} if self._settled else {}",
        _sessions("test_settlements_around_a_session_prove_that_none_is_missing"),
    ),
    Mutant(
        "one_mark_price_does_for_all",
        WATCH,
        "without = [symbol for symbol in traded if symbol not in self._marked]",
        "without = [symbol for symbol in traded if not self._marked]",
        _sessions("test_a_mark_price_that_never_came_is_told"),
    ),
    Mutant(
        "profit_by_symbol_before_funding",
        SUMMARY,
        "money(realized + unrealized - costs.fees_paid - costs.funding_paid)",
        "money(realized + unrealized - costs.fees_paid)",
        _sessions("test_the_tables_show_it_by_symbol"),
    ),
    Mutant(
        "samples_forget_what_was_paid_before",
        COLLECT,
        "self._funding += funding_paid",
        "self._funding += funding_paid * 0",
        _sessions("test_samples_of_equity_add_up"),
    ),
    Mutant(
        "a_negative_constant_rate_told_as_positive",
        LINES,
        '("longs", "shorts") if rate >= 0 else',
        '("longs", "shorts") if rate >= -1 else',
        LINE_TESTS,
    ),
)
