"""Mistakes in the live session's reconciliation, its money, its audit stream and its evidence."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

_RECONCILING = "grinder_app/live/reconciling.py"
_CLEARING = "grinder_app/live/clearing_up.py"
_WATCH = "grinder_app/live/account_watch.py"
_MONEY = "grinder_app/live/money.py"
_AUDIT = "grinder_app/live/auditing.py"
_EVIDENCE = "grinder_app/live/evidence.py"
_ACCOUNT = "grinder_app/live/trading_account.py"
_INQUIRIES = "grinder_adapters/binance/order_inquiries.py"
_CORE = "grinder_core/live/core.py"
RECONCILING = ("tests/app/test_live_reconciling.py",)
AUDIT = ("tests/app/test_live_audit.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a_start_on_a_symbol_with_foreign_orders_is_allowed",
        _CLEARING,
        "            self._refuse(reconciliation.foreign().lines())\n",
        "",
        RECONCILING,
    ),
    Mutant(
        "a_first_start_takes_a_position_for_none",
        _CLEARING,
        "            self._refuse(position_lines(reconciliation.held()))\n",
        "",
        RECONCILING,
    ),
    Mutant(
        "recovery_is_done_while_something_differs",
        _CLEARING,
        "        return not unclear\n",
        "        return True\n",
        RECONCILING,
    ),
    Mutant(
        "the_verdict_of_a_symbol_is_told_to_nobody",
        _RECONCILING,
        "            self._tell_health(HealthName.UNRECONCILED, int(is_bad), symbol)\n",
        "",
        RECONCILING,
    ),
    Mutant(
        "rounds_that_fail_are_not_counted",
        _RECONCILING,
        "                self._room.round_failed()\n",
        "",
        RECONCILING,
    ),
    Mutant(
        "an_order_taken_in_has_executed_what_comes_as_fills_as_well",
        _RECONCILING,
        "            told = max(answer.executed_qty - untold, ZERO)\n",
        "            told = answer.executed_qty\n",
        RECONCILING,
    ),
    Mutant(
        "a_fill_changes_no_position_that_is_expected",
        _WATCH,
        "            if payload.last_qty:\n"
        "                self._expect_position(payload.symbol, now)\n",
        "",
        RECONCILING,
    ),
    Mutant(
        "an_order_taken_in_on_a_level_that_is_held_is_never_cancelled",
        _CORE,
        "            self.hot.deferred.setdefault(client_order_id, symbol)\n",
        "            pass\n",
        RECONCILING,
    ),
    Mutant(
        "trades_of_an_order_without_a_record_are_nobodys",
        _INQUIRIES,
        "                if may_be_ours or rests_unrecorded:\n",
        "                if may_be_ours:\n",
        RECONCILING,
    ),
    Mutant(
        "a_liquidation_among_the_trades_is_a_trade_like_any_other",
        _INQUIRIES,
        "                if order is not None and is_forced:\n",
        "                if order is not None and not is_forced:\n",
        RECONCILING,
    ),
    Mutant(
        "transfers_that_the_stream_told_are_told_again_out_of_the_list",
        _MONEY,
        "        for row in untold((row for row in rows if row.ts <= cursor), hot.moved):\n",
        "        for row in [row for row in rows if row.ts <= cursor]:\n",
        RECONCILING,
    ),
    Mutant(
        "the_list_of_income_is_read_from_its_beginning_each_time",
        _MONEY,
        "        self._put(Health(name=HealthName.INCOME_TOLD.value, value=cursor))\n",
        "",
        RECONCILING,
    ),
    Mutant(
        "funding_off_the_schedule_is_a_transfer",
        _MONEY,
        '"FUNDING_FEE", "SPECIAL_FUNDING_FEE", "INSURANCE_CLEAR"',
        '"FUNDING_FEE", "INSURANCE_CLEAR"',
        RECONCILING,
    ),
    Mutant(
        "profit_and_fees_of_trades_are_transfers",
        _MONEY,
        "            if row.kind not in OF_TRADES\n            and self._counts",
        "            if self._counts",
        RECONCILING,
    ),
    Mutant(
        "funding_out_of_the_list_is_received_where_it_was_paid",
        _MONEY,
        "                amount=row.amount.copy_negate(),\n",
        "                amount=row.amount,\n",
        RECONCILING,
    ),
    Mutant(
        "transfers_that_the_stream_tells_are_nobodys_business",
        _ACCOUNT,
        "        self.money.heard(event)\n",
        "",
        RECONCILING,
    ),
    Mutant(
        "secrets_stand_in_the_audit_rows_of_the_journal",
        _AUDIT,
        "canonical_json(self._redactor.value(event.fields(), by_name=by_name))",
        "canonical_json(event.fields())",
        AUDIT,
    ),
    Mutant(
        "a_command_that_adds_risk_does_not_wait_for_its_note",
        _AUDIT,
        "            if control.command in MAY_ADD_RISK:\n                raise\n",
        "            return\n",
        AUDIT,
    ),
    Mutant(
        "a_finding_that_was_not_noted_is_forgotten_once_all_agrees",
        _AUDIT,
        "            self._found_some = True  # that all agrees again must be noted as well\n",
        "",
        AUDIT,
    ),
    Mutant(
        "evidence_that_cannot_be_written_ends_the_session",
        _EVIDENCE,
        "                except (GrinderError, OSError) as error:\n",
        "                except ZeroDivisionError as error:\n",
        AUDIT,
    ),
    Mutant(
        "ids_of_the_oldest_form_are_ours_without_a_permission",
        "grinder_app/live/connecting.py",
        "allow_legacy_format=live.allow_legacy_order_id",
        "allow_legacy_format=True",
        AUDIT,
    ),
)
