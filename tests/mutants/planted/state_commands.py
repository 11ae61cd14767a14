"""Mistakes in the commands about durable state: showing, mending, taking over, saying it again."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ADOPT, STATE = ("tests/app/test_adopt_exchange.py",), ("tests/app/test_state_commands.py",)
REPLAY, JOURNAL = ("tests/app/test_replay_journal.py",), ("tests/app/test_journal_commands.py",)

_ADOPTING = "grinder_app/live/state_adopting.py"
_RETELLING = "grinder_app/live/retelling.py"
_SALVAGE = "grinder_adapters/journal/salvage.py"

MUTANTS: tuple[Mutant, ...] = (
    # -- taking over
    Mutant(
        "executions_of_own_orders_are_taken_over_and_booked_again",
        _ADOPTING,
        "    await _refuse_unbooked(core, books)",
        "    await books.account()",
        ADOPT,
    ),
    Mutant(
        "any_token_confirms",
        "grinder_app/cli/state.py",
        "            if not found.is_any or confirm != found.token:",
        "            if not found.is_any:",
        ADOPT,
    ),
    Mutant(
        "fees_that_another_asset_paid_are_a_difference",
        _ADOPTING,
        "            return self.cash + self.fees_elsewhere",
        "            return self.cash",
        ADOPT,
    ),
    Mutant(
        "fees_before_a_new_start_are_counted_again",
        _ADOPTING,
        "            paid.clear()\n",
        "            continue\n",
        ADOPT,
    ),
    Mutant(
        "a_token_does_not_stand_for_the_balance",
        _ADOPTING,
        '"positions": positions, "wallet": self.wallet})',
        '"positions": positions})',
        ADOPT,
    ),
    Mutant(
        "a_position_that_is_gone_at_the_venue_is_kept",
        _ADOPTING,
        "    for symbol in whitelist:\n        s = ",
        "    for symbol in (x for x in whitelist if x in held):\n        s = ",
        ADOPT,
    ),
    Mutant(
        "the_balance_is_not_taken_over",
        _ADOPTING,
        "AccountUpdate(ts=now_ms, start=found.wallet)",
        "AccountUpdate(ts=now_ms, start=found.cash)",
        ADOPT,
    ),
    Mutant(
        "a_session_is_not_stopped_before_it_takes_over",
        _ADOPTING,
        '    loop.put(Restarted(reason="adopt-exchange"))\n',
        "",
        ADOPT,
    ),
    Mutant(
        "nobody_notes_what_was_taken_over",
        _ADOPTING,
        "    note_done(journal, ADOPTED_KIND, now_ms, found.to_dict())\n",
        "",
        ADOPT,
    ),
    # -- ways out of damage
    Mutant(
        "what_is_kept_goes_on_behind_the_damage",
        _SALVAGE,
        "            stored.check_data()\n            yield stored",
        "            yield stored",
        STATE,
    ),
    Mutant(
        "a_salvaged_index_is_empty",
        _SALVAGE,
        'f"INSERT INTO {table.value} VALUES (?, ?)", entries.items())',
        'f"INSERT INTO {table.value} VALUES (?, ?)", ())',
        STATE,
    ),
    Mutant(
        "a_damaged_checkpoint_is_kept",
        _SALVAGE,
        "    return [values for values in found if (values[1], values[2]) in sound]",
        "    return found",
        STATE,
    ),
    Mutant(
        "damage_ends_with_exit_code_0",
        "grinder_app/cli/state.py",
        "    return 0 if verdict.is_sound else CORRUPT",
        "    return 0",
        STATE,
    ),
    Mutant(
        "a_restore_is_not_noted",
        "grinder_app/cli/state.py",
        '    audit(folder, "RESTORED", version("grinder"), now, facts)\n',
        "",
        STATE,
    ),
    # -- saying it again
    Mutant(
        "a_word_that_the_journal_lacks_is_forgiven",
        _RETELLING,
        "        if self._unsaid:\n            made",
        "        if self._unsaid and self._unsaid.clear():\n            made",
        REPLAY,
    ),
    Mutant(
        "times_are_not_compared",
        _RETELLING,
        "        if (made.kind.value, made.ts_ms, made.line) != (kind, ts_ms, body.encode",
        "        if (made.kind.value, ts_ms, made.line) != (kind, ts_ms, body.encode",
        REPLAY,
    ),
    Mutant(
        "digests_are_counted_and_not_compared",
        _RETELLING,
        "        if (core.hot.events, core.digest) != (told.events, told.chain):",
        "        if core.hot.events != told.events:",
        REPLAY,
    ),
    Mutant(
        "an_explanation_goes_on_past_its_time",
        "grinder_app/live/explaining.py",
        "        return event.ts_ms >= self.end_ms",
        "        return False",
        REPLAY,
    ),
    Mutant(
        "a_span_loses_its_first_block",
        "grinder_app/live/journal_times.py",
        "        if time_of(reader, middle) < ts_ms:",
        "        if time_of(reader, middle) <= ts_ms:",
        JOURNAL,
    ),
    Mutant(
        "following_shows_rows_twice",
        "grinder_app/live/journal_tail.py",
        "            after = last\n",
        "            after = last - 1\n",
        JOURNAL,
    ),
    # -- the fold
    Mutant(
        "a_refusal_keeps_the_words_of_the_one_before",
        "grinder_core/session/render.py",
        "        if known is not None and known[0] == gating:",
        "        if known is not None:",
        ("tests/core/test_outputs.py", "tests/app/test_paper.py"),
    ),
)
