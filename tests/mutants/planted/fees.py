"""Mistakes with fees that another asset pays, with amounts, and in speaking to people."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

VALUES = ("tests/adapters/binance/test_fee_values.py",)
SESSION = ("tests/app/test_live_fees.py",)
SETTLE = ("tests/core/analysis/test_settle.py", "tests/app/test_live_fees.py")
SPEAKING = ("tests/app/test_speaking.py",)
LOGS = ("tests/adapters/logs/test_logs.py",)
ANNOUNCED = ("tests/app/test_announcer.py",)
COMMAND = ("tests/app/test_control_command.py",)
AMOUNTS = ("tests/app/test_amounts.py",)

_VALUES = "grinder_adapters/binance/fee_values.py"
_DESK = "grinder_adapters/binance/order_desk.py"
_ACCOUNT = "grinder_app/live/trading_account.py"
_BOOKS = "grinder_app/live/bookkeeping.py"
_EXECUTIONS = "grinder_core/analysis/executions.py"
_BALANCE = "grinder_core/analysis/balance.py"
_CLEARING = "grinder_core/venue/exchange/clearing.py"
_SPEAKING = "grinder_app/cli/speaking.py"
_VIEW = "grinder_app/live/control_view.py"
_LOCK = "grinder_adapters/journal/lock.py"

MUTANTS: tuple[Mutant, ...] = (
    # -- what a fee is worth
    Mutant(
        "a_fee_in_another_asset_is_booked_as_it_stands",
        _VALUES,
        '        return fee, "", ZERO\n',
        '        return fee, "", ZERO\n    return fee, "", ZERO\n',
        VALUES,
    ),
    Mutant(
        "a_fee_without_a_price_costs_nothing",
        _VALUES,
        "fee = dec_half_even(paid, VALUE_DIGITS, BPS)",
        "fee = ZERO",
        VALUES,
    ),
    Mutant(
        "a_taker_pays_the_makers_base_rate",
        _VALUES,
        "Liquidity.TAKER: Decimal(5)",
        "Liquidity.TAKER: Decimal(2)",
        VALUES,
    ),
    Mutant(
        "a_price_is_asked_for_once",
        _VALUES,
        "                for asset in sorted(self._due_ms):\n",
        "                for asset in sorted(self._due_ms.keys() - self.prices.keys()):\n",
        VALUES,
    ),
    Mutant(
        "a_symbol_that_never_traded_makes_fees_free",
        _VALUES,
        "            if price > 0:",
        "            if price >= 0:",
        VALUES,
    ),
    Mutant(
        "an_answer_about_a_price_is_waited_for_without_end",
        _VALUES,
        "asyncio.timeout(ANSWER_MS / 1_000)",
        "asyncio.timeout(None)",
        VALUES,
    ),
    Mutant(
        "the_desk_tells_fees_without_their_value",
        _DESK,
        "self._fees.valued(update) if isinstance(update, OrderUpdate) else update",
        "update",
        SESSION,
    ),
    Mutant(
        "prices_of_fees_are_not_kept_new",
        _DESK,
        '        self._tasks.start(self._fees.run(), "desk: prices of fees", self._failed)\n',
        "",
        SESSION,
    ),
    Mutant(
        "an_account_with_another_asset_begins_without_its_price",
        _ACCOUNT,
        "        await fees.prepare(one.asset for one in others)\n",
        "",
        SESSION,
    ),
    # -- settled apart
    Mutant(
        "what_was_paid_in_another_asset_is_forgotten_by_the_books",
        _BOOKS,
        "                        fee_qty=payload.fee_qty,\n",
        "",
        SETTLE,
    ),
    Mutant(
        "a_fee_in_another_asset_is_not_held_against_the_venues",
        _EXECUTIONS,
        "        said[Record.LEDGER] = one.booked[0].fee_qty, one.booked[0].fee_asset\n",
        "        pass\n",
        SETTLE,
    ),
    Mutant(
        "a_symbols_fees_count_what_another_asset_paid",
        _BALANCE,
        "for fill in in_quote if",
        "for fill in fills if",
        SETTLE,
    ),
    Mutant(
        "the_exchange_takes_a_fee_twice",
        _CLEARING,
        "        charged = ZERO if units else fee\n",
        "        charged = fee\n",
        SESSION,
    ),
    # -- amounts, people, the end
    Mutant(
        "amounts_may_be_no_numbers",
        "grinder_app/cli/venue.py",
        "    deposit: Amount = Decimal(10_000),\n",
        "    deposit: Decimal = Decimal(10_000),\n",
        AMOUNTS,
    ),
    Mutant(
        "who_reads_a_file_lacks_what_was_told_on_a_terminal",
        "grinder_adapters/logs/setup.py",
        "    return same and os.isatty(one) and os.isatty(other)\n",
        "    return same\n",
        LOGS,
    ),
    Mutant(
        "what_was_told_is_logged_on_the_same_terminal",
        "grinder_app/live/announcer.py",
        "        if not self._log.leaves_out_told:\n",
        "        if True:\n",
        ANNOUNCED,
    ),
    Mutant(
        "lost_lines_are_not_spoken_of",
        _SPEAKING,
        '    return "output", f"{record[\'count\']} lines were left out',
        '    return "output", f"some lines were left out',
        SPEAKING,
    ),
    Mutant(
        "stop_does_not_wait_for_the_listener",
        _VIEW,
        "now.holder != writer.holder) and not is_process(pid):",
        "now.holder != writer.holder):",
        COMMAND,
    ),
    Mutant(
        "a_process_that_nobody_has_reaped_still_runs",
        _LOCK,
        'not in {b"Z", b"X"}',
        'not in {b"X"}',
        COMMAND,
    ),
    Mutant(
        "the_state_of_the_next_process_is_waited_for",
        _VIEW,
        "(not now.is_running or now.holder != writer.holder)",
        "not now.is_running",
        COMMAND,
    ),
)
