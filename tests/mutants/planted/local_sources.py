"""Mistakes in what the local exchange trades on: generator, scripts, recordings, pacing."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ROOM = "grinder_adapters/local_venue/markets"
GENERATOR = ("tests/adapters/local_venue/test_generator.py",)
SCENARIO = ("tests/adapters/local_venue/test_scenario.py",)
RECORDING = ("tests/adapters/local_venue/test_recording_source.py",)
PACING = ("tests/adapters/local_venue/test_pacing.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- the made-up market
    Mutant(
        "the_old_best_price_stays_in_the_book",
        f"{ROOM}/ladder.py",
        "            if old % gap:\n                self._drop(old)\n",
        "",
        GENERATOR,
    ),
    Mutant(
        "what_left_the_book_is_not_told",
        f"{ROOM}/ladder.py",
        "        if self.levels.pop(key, 0):\n            self.changed[key] = None",
        "        self.levels.pop(key, 0)",
        GENERATOR,
    ),
    Mutant(
        "a_rest_too_small_for_an_order",
        f"{ROOM}/ladder.py",
        "if have - lots >= self.least:",
        "if have - lots >= 1:",
        GENERATOR,
    ),
    Mutant(
        "a_change_names_itself_as_the_one_before",
        f"{ROOM}/tape.py",
        "        self._told_id = last_id\n",
        "        self._told_id = last_id + 1\n",
        GENERATOR,
    ),
    Mutant(
        "a_book_is_told_once_and_never_again",
        f"{ROOM}/tape.py",
        "half = self.bids.reach // 2",
        "half = self.bids.reach * 1_000",
        GENERATOR,
    ),
    Mutant(
        "a_buyer_who_is_told_as_a_seller",
        f"{ROOM}/tape.py",
        "self.last_price, self.last_qty, not buys",
        "self.last_price, self.last_qty, buys",
        GENERATOR,
    ),
    Mutant(
        "the_price_leaves_its_range",
        f"{ROOM}/tape.py",
        "bid = min(max(bid, low), high - 1)",
        "bid = max(bid, low)",
        SCENARIO,
    ),
    Mutant(
        "the_settlement_is_at_the_rate_of_the_next_one",
        f"{ROOM}/generator.py",
        "rows.append(self.tape.funding(end, self.rate))\n            self._settled(end)\n",
        "self._settled(end)\n            rows.append(self.tape.funding(end, self.rate))\n",
        GENERATOR,
    ),
    Mutant(
        "all_symbols_walk_the_same_way",
        f"{ROOM}/generator.py",
        'f"generator/{symbol}/{stream}"',
        'f"generator/{len(settings.symbols)}/{stream}"',
        GENERATOR,
    ),
    Mutant(
        "a_trend_that_runs_away",
        f"{ROOM}/regimes.py",
        "return -1 if away > 0 else 1",
        "return 1 if away > 0 else -1",
        GENERATOR,
    ),
    Mutant(
        "the_end_belongs_to_the_stream",
        f"{ROOM}/slots.py",
        "row[0] >= end_ms:",
        "row[0] > end_ms:",
        GENERATOR,
    ),
    # -- scripts
    Mutant(
        "a_jump_that_starts_where_the_last_move_would_have_ended",
        f"{ROOM}/scripted.py",
        "            mid = self.move.at(now)\n            self.move",
        "            mid = self.move.end\n            self.move",
        SCENARIO,
    ),
    Mutant(
        "a_gap_of_which_no_change_is_lost",
        f"{ROOM}/scripted.py",
        "heard = [] if end <= self.silent_until else told",
        "heard = [] if end < self.silent_until else told",
        SCENARIO,
    ),
    Mutant(
        "a_settlement_is_lost_in_a_gap",
        f"{ROOM}/scripted.py",
        "        if end == self.next_funding_ts:\n            told",
        "        if end == self.next_funding_ts and end > self.silent_until:\n            told",
        SCENARIO,
    ),
    Mutant(
        "steps_in_any_order",
        f"{ROOM}/scenario_steps.py",
        "if at < self.now:",
        "if at < self.start_ms:",
        SCENARIO,
    ),
    Mutant(
        "a_rule_that_makes_no_sense_is_found_when_it_is_applied",
        f"{ROOM}/scenario_steps.py",
        "rules = changed.applied_to(rules)",
        "rules = rules",
        SCENARIO,
    ),
    # -- recordings
    Mutant(
        "prints_of_a_loop_repeat_their_ids",
        f"{ROOM}/recording.py",
        'changes["trade_id"] = payload.trade_id + self.trade_ids',
        'changes["trade_id"] = payload.trade_id',
        RECORDING,
    ),
    Mutant(
        "the_third_pass_comes_at_the_time_of_the_second",
        f"{ROOM}/recording.py",
        "time_ms=self.time_ms + done.last_ms",
        "time_ms=done.last_ms",
        RECORDING,
    ),
    Mutant(
        "a_symbol_that_does_not_occur_is_nobodys_business",
        f"{ROOM}/recording.py",
        "if missing := sorted(self.symbols - seen):",
        "if missing := sorted(self.symbols - seen if not seen else ()):",
        RECORDING,
    ),
    # -- pacing
    Mutant(
        "events_that_come_early",
        f"{ROOM}/pacing.py",
        "self.origin_ms - -ahead_ms * REAL_TIME_X100 // self.speed_x100",
        "self.origin_ms + ahead_ms * REAL_TIME_X100 // self.speed_x100",
        PACING,
    ),
    Mutant(
        "market_time_that_runs_through_a_pause",
        f"{ROOM}/pacing.py",
        "            self.is_paused = False\n            self.origin_ms = now\n",
        "            self.is_paused = False\n",
        PACING,
    ),
    Mutant(
        "a_new_speed_rewrites_the_past",
        f"{ROOM}/pacing.py",
        "        if not self.is_paused:\n            self._settle(now)\n        self.speed",
        "        self.speed",
        PACING,
    ),
)
