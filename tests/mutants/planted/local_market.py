"""Known ways to break the market side of the local exchange: ids, klines, paces, answers, rules."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

ROOM: Final = "grinder_adapters/local_venue"
SYMBOL: Final = f"{ROOM}/symbol_board.py"
CANDLES: Final = f"{ROOM}/candles.py"
DAY: Final = f"{ROOM}/day.py"
FRAMES: Final = f"{ROOM}/market_frames.py"
STREAMS: Final = f"{ROOM}/market_streams.py"
ANSWERS: Final = f"{ROOM}/market_answers.py"
INFO: Final = f"{ROOM}/exchange_info.py"
BY_BOARD: Final = ("tests/adapters/local_venue/test_board.py",)
BY_LINES: Final = ("tests/adapters/local_venue/test_packed_lines.py",)
BY_FRAMES: Final = ("tests/adapters/local_venue/test_market_frames.py",)
BY_ANSWERS: Final = ("tests/adapters/local_venue/test_market_answers.py",)
BY_INFO: Final = ("tests/adapters/local_venue/test_exchange_info.py",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a_change_that_the_snapshot_holds_is_applied_again",
        SYMBOL,
        "last_id <= self.source_id",
        "last_id < self.source_id",
        BY_BOARD,
    ),
    Mutant(
        "ids_that_start_again_are_shown_as_they_are",
        SYMBOL,
        "if update_id is not None and update_id > newest:",
        "if update_id is not None:",
        BY_BOARD,
    ),
    Mutant(
        "a_new_book_leaves_the_levels_that_went",
        SYMBOL,
        "return gone + [level",
        "return [level",
        BY_BOARD,
    ),
    Mutant(
        "a_quote_leaves_the_level_that_went",
        SYMBOL,
        "return [*gone, (price, qty)] if qty else gone",
        "return [(price, qty)] if qty else gone",
        BY_BOARD,
    ),
    Mutant(
        "depth_of_one_speed_is_told_only_with_another",
        FRAMES,
        "        for name in streams.depth_names:\n",
        "        for name in streams.depth_names[:1]:\n",
        BY_FRAMES,
    ),
    Mutant(
        "reading_a_kline_adds_the_open_minute_to_it",
        CANDLES,
        "rows.append(copy(self.last))",
        "rows.append(self.last)",
        BY_BOARD,
    ),
    Mutant(
        "a_line_is_forgotten_that_can_still_be_asked_for",
        f"{ROOM}/packed_lines.py",
        "+ self._tail_lines >= self._keep:",
        "+ self._tail_lines >= self._keep - 1:",
        BY_LINES,
    ),
    Mutant(
        "weeks_begin_on_thursday_as_the_epoch_did",
        CANDLES,
        'Interval("1w", 7 * DAY_MS, _MONDAY_MS)',
        'Interval("1w", 7 * DAY_MS)',
        BY_BOARD,
    ),
    Mutant(
        "taker_volume_is_that_of_makers_who_bought",
        CANDLES,
        "if not is_buyer_maker:",
        "if is_buyer_maker:",
        BY_BOARD,
    ),
    Mutant(
        "a_day_is_summed_once_though_its_last_minute_is_open",
        DAY,
        "else -self.candles.version",
        "else minute.open_ms",
        BY_BOARD,
    ),
    Mutant(
        "a_day_has_a_minute_too_many",
        DAY,
        "len(rows) - MINUTES + 1",
        "len(rows) - MINUTES",
        BY_BOARD,
    ),
    Mutant(
        "a_merged_frame_follows_the_change_before_its_last",
        STREAMS,
        "            first.previous_id,",
        "            last.previous_id,",
        BY_FRAMES,
    ),
    Mutant(
        "merged_changes_are_sent_again",
        FRAMES,
        "merged = streams.merged.pop(period, None)",
        "merged = streams.merged.get(period)",
        BY_FRAMES,
    ),
    Mutant(
        "a_kline_never_closes",
        FRAMES,
        "is_closed=candle is not rows[-1]",
        "is_closed=False",
        BY_FRAMES,
    ),
    Mutant(
        "a_mark_of_the_source_is_told_twice",
        FRAMES,
        "and (period > 1000 or made)",
        "",
        BY_FRAMES,
    ),
    Mutant(
        "the_latest_liquidation_is_told_instead_of_the_largest",
        FRAMES,
        "if known is None or order.qty * order.price > known.qty * known.price:",
        "if known is None or order.ts >= known.ts:",
        BY_FRAMES,
    ),
    Mutant(
        "rows_from_a_start_time_are_the_newest",
        ANSWERS,
        "return rows[-limit:] if _FROM.isdisjoint(given) else rows[:limit]",
        "return rows[-limit:]",
        BY_ANSWERS,
    ),
    Mutant(
        "a_market_lot_is_read_as_the_lot",
        INFO,
        'filters.get("MARKET_LOT_SIZE", lot)',
        'filters.get("LOT_SIZE", lot)',
        BY_INFO,
    ),
)
