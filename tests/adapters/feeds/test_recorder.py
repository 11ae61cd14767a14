"""The recorder: killed at any instant it keeps what was flushed, once, and says what is missing."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from grinder_adapters.feeds.hour_files import SEGMENTS
from grinder_adapters.feeds.recorder import RECONNECT, Recorder, RecorderSettings
from grinder_adapters.feeds.stream_gaps import Gap, GapFile
from grinder_app.runner.data import open_data
from grinder_core.contracts.control import TurnEnd
from grinder_core.contracts.event import Event, MarketPayload
from grinder_core.contracts.market import DepthDiff, MarkPrice, Snapshot, Trade
from grinder_core.errors import ArtifactError, ConfigError, ContractError, InputError

ROOT = Path(__file__).resolve().parents[3]
START = 1_735_689_600_000  # 2025-01-01T00:00Z
HOUR = 3_600_000
KINDS = {"quotes": Snapshot, "trades": Trade, "depth": DepthDiff, "marks": MarkPrice}


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_after(steps: int) -> Iterator[None]:
    """Let so many steps that change the disk happen; all later ones do not."""
    left = steps

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def step(*values: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return act(*values, **options)

        return step

    with (
        patch.object(os, "replace", counted(os.replace)),
        patch.object(os, "fsync", counted(os.fsync)),
        patch.object(Path, "unlink", counted(Path.unlink)),
    ):
        yield


def an_event(number: int, ts: int, stream: str = "quotes", symbol: str = "AAAUSDT") -> Event:
    """An event that no other is equal to."""
    price = Decimal(number + 1)
    payload: MarketPayload
    if stream == "quotes":
        sides: dict[str, Any] = {"bid_qty": price, "ask_qty": price, "last_qty": Decimal(0)}
        payload = Snapshot(
            ts=ts, symbol=symbol, bid_price=price, ask_price=price + 1, last_price=price, **sides
        )
    elif stream == "trades":
        payload = Trade(
            ts=ts, symbol=symbol, trade_id=number, price=price, qty=price, is_buyer_maker=True
        )
    elif stream == "depth":
        changed = ((price, Decimal(1)),)
        payload = DepthDiff(
            ts=ts, symbol=symbol, first_update_id=number, last_update_id=number, bids=changed
        )
    else:
        payload = MarkPrice(ts=ts, symbol=symbol, mark_price=price)
    return Event(ts, payload, number, ts, number)


@st.composite
def markets(draw: st.DrawFn) -> list[Event]:
    """Events of two symbols, bursts and silences of hours."""
    ts, events = START + HOUR - 8_000, []
    for number in range(draw(st.integers(1, 40))):
        ts += draw(st.sampled_from((0, 1, 700, 700, 2_500, 5_000, 61_000, HOUR // 2, HOUR)))
        stream, symbol = draw(st.sampled_from(list(KINDS))), draw(st.sampled_from("AB"))
        events.append(an_event(number, ts, stream, f"{symbol * 3}USDT"))
    return events


def recorded(folder: Path) -> list[Event]:
    """What a reader of the folder's files gets."""
    files = sorted(folder.glob("*.parquet"))
    return list(open_data(files)) if files else []


def feed(recorder: Recorder, events: Sequence[Event]) -> None:
    for event in events:
        recorder.add(event)
        if recorder.needs_flush:
            recorder.flush()


def killed_run(
    folder: Path, events: Sequence[Event], steps: int, *, closes: bool
) -> set[int | None]:
    """Record until the kill; return the update ids that a finished flush had promised to keep."""
    promised: set[int | None] = set()
    recorder = None
    with killed_after(steps):
        try:
            recorder = Recorder(folder)
            for index, event in enumerate(events):
                recorder.add(event)
                if recorder.needs_flush:
                    recorder.flush()
                    promised = {one.update_id for one in events[: index + 1]}
            if closes:
                recorder.close()
                promised = {one.update_id for one in events}
        except Killed:
            pass
    if recorder is not None:
        recorder._files.release()  # as the end of a process does
    return promised


def expected_gaps(runs: Sequence[Sequence[Event]]) -> list[tuple[str, str, int, int]]:
    """The gaps between runs of which everything is known to be recorded."""
    gaps, last, hours = [], dict[tuple[str, str], tuple[int, int]](), set[int]()
    names = {kind: name for name, kind in KINDS.items()}
    for number, run in enumerate(runs):
        lately = sorted(hours)[-2:]
        for event in run:
            payload: Any = event.payload
            key = payload.symbol, names[type(payload)]
            if key in last:
                ts, ran = last[key]
                if ran != number and ts // HOUR in lately and ts < event.ts_ms:
                    gaps.append((*key, ts, event.ts_ms))
            last[key] = event.ts_ms, number
            hours.add(event.ts_ms // HOUR)
    return gaps


@settings(max_examples=50)
@given(
    events=markets(),
    cuts=st.lists(st.integers(0, 40), min_size=1, max_size=3),
    kills=st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=3, max_size=3),
)
def test_after_kills_at_any_instant_each_run_left_a_prefix_and_nothing_twice(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[Event],
    cuts: list[int],
    kills: list[tuple[int, bool]],
) -> None:
    folder = tmp_path_factory.mktemp("recording")
    bounds = [0, *sorted(min(cut, len(events)) for cut in cuts)]
    runs = [events[a:b] for a, b in zip(bounds, [*bounds[1:], len(events)], strict=True)]
    promised = set()
    for run, (steps, closes) in zip(runs[:-1], kills, strict=False):
        promised |= killed_run(folder, run, steps, closes=closes)
    recorder = Recorder(folder)
    feed(recorder, runs[-1])
    recorder.close()

    kept = recorded(folder)
    ids = [event.update_id or 0 for event in kept]
    assert ids == sorted(set(ids))
    assert promised | {event.update_id for event in runs[-1]} <= set(ids)
    survivors = []
    for run in runs:
        left = [event for event in run if event.update_id in set(ids)]
        assert left == list(run[: len(left)])
        survivors.append(left)
    expected = [event for run in survivors for event in run]
    assert [(e.ts_ms, e.payload, e.ts_recv_ms) for e in kept] == [
        (e.ts_ms, e.payload, e.ts_recv_ms) for e in expected
    ]
    found = [(g.symbol, g.stream, g.from_ms, g.to_ms) for g in GapFile(folder).read()]
    assert found == expected_gaps(survivors)
    assert not list((folder / SEGMENTS).iterdir())
    assert not list(folder.glob(".*"))
    assert {path.stem for path in folder.glob("*.parquet")} == {
        f"2025-01-{1 + hour // 24:02}T{hour % 24:02}"
        for hour in {(event.ts_ms - START) // HOUR for event in expected}
    }


def test_a_process_that_is_really_killed_keeps_what_it_flushed(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from grinder_adapters.feeds.recorder import Recorder
from tests.adapters.feeds.test_recorder import START, an_event
recorder = Recorder(Path({str(tmp_path)!r}))
recorder.add(an_event(0, START))
recorder.flush()
recorder.add(an_event(1, START + 1))
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    recorder = Recorder(tmp_path)
    feed(recorder, [an_event(2, START + 2)])
    recorder.close()
    assert [event.update_id for event in recorded(tmp_path)] == [0, 2]


@given(markets(), st.integers(1, 70_000))
@settings(max_examples=30)
def test_what_waits_is_never_older_than_a_flush_interval(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], flush_ms: int
) -> None:
    folder = tmp_path_factory.mktemp("recording")
    recorder = Recorder(folder, RecorderSettings(flush_ms=flush_ms))
    for number, event in enumerate(events, 1):
        recorder.add(event)
        if recorder.needs_flush:
            recorder.flush()
        waiting = events[recorder.events : number]
        assert not waiting or event.ts_ms - waiting[0].ts_ms < flush_ms
    recorder.close()
    assert recorder.events == len(recorded(folder)) == len(events)


def test_memory_is_bounded_by_a_flush_that_is_due(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, RecorderSettings(events_max=3))
    for number in range(2):
        recorder.add(an_event(number, START))
        assert not recorder.needs_flush
    recorder.add(an_event(2, START))
    assert recorder.needs_flush
    recorder.close()


def test_an_hour_that_is_over_becomes_a_file_at_once(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    feed(recorder, [an_event(n, START + n * 1_000) for n in range(20)])
    assert not list(tmp_path.glob("*.parquet"))
    assert len(list((tmp_path / SEGMENTS).iterdir())) == 3
    recorder.add(an_event(20, START + HOUR))
    recorder.flush()
    assert [path.name for path in tmp_path.glob("*.parquet")] == ["2025-01-01T00.parquet"]
    assert len(recorded(tmp_path)) == 20
    recorder.close()
    assert len(recorded(tmp_path)) == 21


def test_many_small_segments_make_few_row_groups(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    feed(recorder, [an_event(n, START + n * 5_000) for n in range(60)])
    recorder.close()
    assert parquet.read_metadata(tmp_path / "2025-01-01T00.parquet").num_row_groups == 1


def test_a_file_of_an_hour_grows_when_recording_goes_on_in_it(tmp_path: Path) -> None:
    for number in range(3):
        recorder = Recorder(tmp_path)
        feed(recorder, [an_event(2 * number + n, START + 2 * number + n) for n in range(2)])
        recorder.close()
    assert [event.update_id for event in recorded(tmp_path)] == list(range(6))
    assert len(GapFile(tmp_path).read()) == 2


def test_what_was_flushed_after_a_clean_close_in_the_same_hour_survives_a_kill(
    tmp_path: Path,
) -> None:
    first = Recorder(tmp_path)
    feed(first, [an_event(0, START)])
    first.close()
    killed = Recorder(tmp_path)
    killed.add(an_event(1, START + 1))
    killed.flush()
    killed._files.release()
    Recorder(tmp_path).close()
    assert [event.update_id for event in recorded(tmp_path)] == [0, 1]


def test_a_clock_that_went_back_over_a_restart_is_held(tmp_path: Path) -> None:
    first = Recorder(tmp_path)
    feed(first, [an_event(0, START + HOUR)])
    first.close()
    again = Recorder(tmp_path)
    event = again.add(an_event(1, START))
    again.close()
    assert (event.ts_ms, event.ts_recv_ms) == (START + HOUR, START + HOUR)
    assert [path.name for path in tmp_path.glob("*.parquet")] == ["2025-01-01T01.parquet"]
    assert recorded(tmp_path)[1].payload == event.payload
    assert GapFile(tmp_path).read() == []  # no time is missing, as far as anybody knows


def test_an_event_that_waited_is_received_when_its_envelope_says(tmp_path: Path) -> None:
    waited = an_event(0, START)
    recorder = Recorder(tmp_path)
    given_back = recorder.add(Event(START + 7, waited.payload, 0, START, 5))
    recorder.close()
    assert recorded(tmp_path) == [given_back]
    assert (given_back.ts_ms, given_back.ts_recv_ms) == (START + 7, START + 7)


def test_a_lost_connection_is_a_gap_of_every_stream(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    feed(recorder, [an_event(0, START), an_event(1, START + 10, "trades")])
    recorder.interrupted(RECONNECT)
    recorder.interrupted(RECONNECT)
    feed(
        recorder, [an_event(2, START + 900), an_event(3, START + 950), an_event(4, START, "depth")]
    )
    recorder.close()
    lines = [json.loads(line) for line in (tmp_path / "gaps.jsonl").read_text().splitlines()]
    assert lines == [
        {
            "symbol": "AAAUSDT",
            "stream": "quotes",
            "from_ms": START,
            "to_ms": START + 900,
            "reason": "reconnect",
        }
    ]
    assert recorder.gaps == 1


def test_two_recorders_do_not_share_a_folder(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "new" / "folder")
    with pytest.raises(ConfigError, match="another process records there"):
        Recorder(tmp_path / "new" / "folder")
    recorder.close()
    Recorder(tmp_path / "new" / "folder").close()


def test_a_full_disk_stops_it_and_keeps_what_is_there(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.add(an_event(0, START))
    recorder.flush()
    recorder.add(an_event(1, START + 1))
    full = OSError(errno.ENOSPC, "No space left on device")
    with patch.object(os, "fsync", side_effect=full), pytest.raises(InputError, match="No space"):
        recorder.flush()
    for act in (recorder.flush, lambda: recorder.add(an_event(2, START + 2))):
        with pytest.raises(InputError, match="No space"):
            act()
    recorder.close()  # lets go, and writes nothing more
    again = Recorder(tmp_path)
    feed(again, [an_event(3, START + 3)])
    again.close()
    assert [event.update_id for event in recorded(tmp_path)] == [0, 3]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        Recorder(tmp_path / "file")


def test_what_is_no_market_event_is_refused(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    with pytest.raises(ContractError, match="is no market event"):
        recorder.add(Event(START, TurnEnd()))
    recorder.close()


def test_a_missing_segment_is_told_instead_of_bridged(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    feed(recorder, [an_event(n, START + n * 5_000) for n in range(6)])
    recorder._files.release()
    sorted((tmp_path / SEGMENTS).iterdir())[1].unlink()
    with pytest.raises(ArtifactError, match="begins with event 4 of its hour, and 2 are there"):
        Recorder(tmp_path)


def test_a_damaged_segment_is_told(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    feed(recorder, [an_event(n, START + n * 5_000) for n in range(2)])
    recorder._files.release()
    next((tmp_path / SEGMENTS).iterdir()).write_bytes(b"PAR1")
    with pytest.raises(ArtifactError, match="is damaged"):
        Recorder(tmp_path)


def test_a_torn_last_line_of_the_gaps_is_cut(tmp_path: Path) -> None:
    gap = Gap(symbol="AAAUSDT", stream="quotes", from_ms=1, to_ms=2, reason="restart")
    GapFile(tmp_path).append([gap])
    with (tmp_path / "gaps.jsonl").open("a") as file:
        file.write('{"symbol":"AAA')
    Recorder(tmp_path).close()  # 2 is later than anything recorded: that gap goes on
    assert (tmp_path / "gaps.jsonl").read_bytes() == b""
    (tmp_path / "gaps.jsonl").write_text("{}\n")
    with pytest.raises(ArtifactError, match=r"gaps\.jsonl:1: is no gap"):
        Recorder(tmp_path)
