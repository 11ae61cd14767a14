"""Ways to misread the venue, to sign something else, or to leak what must stay secret."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SIGNING = "grinder_adapters/binance/signing.py"
ERRORS = "grinder_adapters/binance/error_map.py"
MARKET = "grinder_adapters/binance/market_frames.py"
USER = "grinder_adapters/binance/user_frames.py"
REST = "grinder_adapters/binance/rest_answers.py"
FIELDS = "grinder_adapters/binance/fields.py"
SIGNING_TESTS = ("tests/adapters/binance/test_signing.py",)
ERROR_TESTS = ("tests/adapters/binance/test_error_map.py",)
MARKET_TESTS = ("tests/adapters/binance/test_market_frames.py",)
USER_TESTS = ("tests/adapters/binance/test_user_frames.py",)
REST_TESTS = ("tests/adapters/binance/test_rest_answers.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- signing
    Mutant(
        "a_signature_remembers_the_one_before",
        SIGNING,
        "inner = self._inner.copy()",
        "inner = self._inner",
        SIGNING_TESTS,
    ),
    Mutant(
        "a_long_secret_is_not_hashed_first",
        SIGNING,
        "if len(block) > _BLOCK:",
        "if len(block) > 2 * _BLOCK:",
        SIGNING_TESTS,
    ),
    Mutant(
        "a_slash_is_sent_as_it_is",
        SIGNING,
        'quote(value, safe="")',
        "quote(value)",
        SIGNING_TESTS,
    ),
    Mutant(
        "a_small_number_is_sent_with_an_exponent",
        SIGNING,
        ' or "E-" in joined',
        "",
        SIGNING_TESTS,
    ),
    Mutant(
        "a_secret_can_be_pickled",
        SIGNING,
        "def __reduce_ex__(self, protocol: object) -> NoReturn:",
        "def _unused(self, protocol: object) -> NoReturn:",
        SIGNING_TESTS,
    ),
    # -- what a failure means
    Mutant(
        "a_write_that_timed_out_at_the_venue_counts_as_refused",
        ERRORS,
        "if status >= 500 or status == 408:",
        "if status >= 500:",
        ERROR_TESTS,
    ),
    Mutant(
        "every_503_proves_that_nothing_happened",
        ERRORS,
        "if status == 503 and msg.startswith(_FAILED):",
        "if status == 503:",
        ERROR_TESTS,
    ),
    Mutant(
        "a_page_without_a_code_refuses_a_write",
        ERRORS,
        "(is_read or (code is not None and code < 0))",
        "(is_read or code is None or code < 0)",
        ERROR_TESTS,
    ),
    Mutant(
        "too_many_orders_stops_a_cancel",
        ERRORS,
        "return _NO_ORDERS if code == _TOO_MANY_ORDERS else _NO_REQUESTS",
        "return _NO_REQUESTS",
        ERROR_TESTS,
    ),
    Mutant(
        "an_unknown_order_counts_as_cancelled",
        ERRORS,
        "Operation.CANCEL: {-2011: _LOOK, -2013: _LOOK}",
        "Operation.CANCEL: {-2011: _SO_ALREADY, -2013: _LOOK}",
        ERROR_TESTS,
    ),
    Mutant(
        "a_range_of_codes_loses_its_last",
        ERRORS,
        "range(first, last - 1, -1)",
        "range(first, last, -1)",
        ERROR_TESTS,
    ),
    # -- market frames
    Mutant(
        "a_locked_quote_is_dropped",
        MARKET,
        "if bid > ask:",
        "if bid >= ask:",
        MARKET_TESTS,
    ),
    Mutant(
        "a_locked_book_is_taken",
        MARKET,
        "bids[0][0] >= asks[0][0]",
        "bids[0][0] > asks[0][0]",
        MARKET_TESTS,
    ),
    Mutant(
        "a_repeated_quote_is_taken_again",
        MARKET,
        "if update_id <= seen.quote_id:",
        "if update_id < seen.quote_id:",
        MARKET_TESTS,
    ),
    Mutant(
        "whole_books_and_changes_share_a_cursor",
        MARKET,
        "seen.partial_id = update_id",
        "seen.partial_id = seen.diff_id = update_id",
        MARKET_TESTS,
    ),
    Mutant(
        "contracts_of_the_other_market_are_taken",
        MARKET,
        "_USD_M) != _USD_M",
        "_USD_M) not in (_USD_M, 2)",
        MARKET_TESTS,
    ),
    Mutant(
        "every_print_is_a_gap",
        MARKET,
        "self.trade_gaps += trade_id > newest + 1",
        "self.trade_gaps += trade_id > newest",
        MARKET_TESTS,
    ),
    Mutant(
        "a_nested_value_breaks_the_reader",
        MARKET,
        "AttributeError, RecursionError)",
        "AttributeError)",
        MARKET_TESTS,
    ),
    # -- private frames and answers
    Mutant(
        "the_filled_quantity_is_that_of_the_last_fill",
        USER,
        'executed_qty=number(order, "z")',
        'executed_qty=number(order, "l")',
        USER_TESTS,
    ),
    Mutant(
        "a_fill_without_a_fee_is_lost",
        USER,
        'number(order, "n") if has(order, "n") else ZERO',
        'number(order, "n")',
        USER_TESTS,
    ),
    Mutant(
        "an_order_expired_in_a_match_is_still_unknown",
        FIELDS,
        '    "EXPIRED_IN_MATCH": OrderState.EXPIRED,\n',
        "",
        (*USER_TESTS, *REST_TESTS),
    ),
    Mutant(
        "a_refusal_in_a_batch_hides_the_rest",
        REST,
        '_error(row) if "code" in row else _order(row)',
        "_order(row)",
        REST_TESTS,
    ),
    Mutant(
        "an_error_does_not_say_which_row",
        REST,
        'f"{where}[{place}]"',
        "where",
        REST_TESTS,
    ),
    Mutant(
        "a_crossed_book_is_taken_from_an_answer",
        REST,
        "if (fault := book_fault(bids, asks)) is not None:",
        "if (fault := book_fault(bids, ())) is not None:",
        REST_TESTS,
    ),
)
