"""Mistakes in recording a live market and in watching one."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

FEEDS = "grinder_adapters/feeds"
RUNNER = "grinder_app/runner"
RECORDER = ("tests/adapters/feeds/test_recorder.py",)
COMMANDS = ("tests/app/test_record_commands.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- after a kill
    Mutant(
        "segments_that_were_merged_count_again",
        f"{FEEDS}/hour_files.py",
        "                if first < merged:",
        "                if first + 1 < merged:",
        RECORDER,
    ),
    Mutant(
        "an_hour_that_goes_on_counts_from_nothing",
        f"{FEEDS}/hour_files.py",
        "        counts = {hour: _rows(self._hour_path(hour)) for hour in self.hours[-1:]}",
        "        counts: dict[str, int] = {}",
        RECORDER,
    ),
    Mutant(
        "an_hour_is_made_of_its_new_segments_alone",
        f"{FEEDS}/hour_files.py",
        "            _join(self.files_of(hour), file)",
        "            _join(parts, file)",
        RECORDER,
    ),
    Mutant(
        "segments_stay_after_their_merge",
        f"{FEEDS}/hour_files.py",
        "            for part in parts:\n                part.unlink()",
        "            pass",
        RECORDER,
    ),
    Mutant(
        "a_missing_segment_is_bridged",
        f"{FEEDS}/hour_files.py",
        "                if first != expected:",
        "                if first < expected:",
        RECORDER,
    ),
    Mutant(
        "a_failed_recorder_goes_on",
        f"{FEEDS}/recorder.py",
        "            self._error = error\n            raise",
        "            raise",
        RECORDER,
    ),
    # -- order and time
    Mutant(
        "the_open_hour_is_merged_with_every_flush",
        f"{FEEDS}/hour_files.py",
        "            if before is None or hour < before:",
        "            if before is None or hour <= before:",
        RECORDER,
    ),
    Mutant(
        "a_clock_may_go_back_over_a_restart",
        f"{FEEDS}/recorder.py",
        "        self._time.envelope(newest)\n",
        "",
        RECORDER,
    ),
    Mutant(
        "a_flush_is_due_one_millisecond_late",
        f"{FEEDS}/recorder.py",
        "waiting[-1].ts_ms - waiting[0].ts_ms >= settings.flush_ms",
        "waiting[-1].ts_ms - waiting[0].ts_ms > settings.flush_ms",
        RECORDER,
    ),
    # -- gaps
    Mutant(
        "only_the_newest_hour_is_looked_at_for_gaps",
        f"{FEEDS}/recorder.py",
        "_HOURS_LOOKED_AT: Final = 2",
        "_HOURS_LOOKED_AT: Final = 1",
        RECORDER,
    ),
    Mutant(
        "a_gap_outlives_its_lost_end",
        f"{FEEDS}/stream_gaps.py",
        "        ended = [gap for gap in found if gap.to_ms <= last.get",
        "        ended = [gap for gap in found if gap.from_ms <= last.get",
        RECORDER,
    ),
    Mutant(
        "a_gap_of_no_time_is_noted",
        f"{FEEDS}/recorder.py",
        "since[0] < now",
        "since[0] <= now",
        RECORDER,
    ),
    # -- the process around it
    Mutant(
        "a_quiet_market_is_never_flushed",
        f"{RUNNER}/record.py",
        "sleep(self._settings.flush_ms / 1_000)\n            await self.flush()",
        "sleep(self._settings.flush_ms / 1_000)",
        COMMANDS,
    ),
    Mutant(
        "what_came_before_a_loss_ends_its_gap",
        f"{RUNNER}/record.py",
        "self._losses[0] < event.ts_ms",
        "True",
        COMMANDS,
    ),
    Mutant(
        "features_are_read_before_the_quote_is_folded",
        f"{RUNNER}/live_feed.py",
        "            fold.on_snapshot(quote, mid)\n            features ="
        " fold.read(quote, mid, quote.spread_bps)",
        "            features = fold.read(quote, mid, quote.spread_bps)\n"
        "            fold.on_snapshot(quote, mid)",
        COMMANDS,
    ),
)
