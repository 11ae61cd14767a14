"""``grinder journal``: what a session saw and said, row by row."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from grinder_adapters.journal import JournalReader, Row
from grinder_app.cli import run
from grinder_app.live.journal_tail import Wanted, following
from grinder_app.live.journal_times import parse_time, seq_at
from grinder_app.live.journal_words import line_of
from grinder_core.errors import ConfigError
from tests.support.live_story import BEGAN_MS, LiveStory, a_story

Capsys = pytest.CaptureFixture[str]
SAID = {"exec", "head", "operator"}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes from 22:13:20 on, over midnight of nobody."""
    folder = tmp_path_factory.mktemp("state") / "sim"
    a_story(folder, count=400, step_ms=300)
    return folder


def rows_of(folder: Path) -> list[Row]:
    with JournalReader(folder) as reader:
        return list(reader.rows())


def tail(state: Path, *options: str, code: int = 0) -> list[str]:
    assert run(["journal", "tail", "--state-dir", str(state.parent), *options]) == code
    return list(options)


def shown(state: Path, capsys: Capsys, *options: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    tail(state, "--json", *options)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def of(row: Row) -> tuple[int, int | None, str, str]:
    return row.seq, None if row.line < 0 else row.line, row.stream, row.kind


def as_shown(found: list[dict[str, Any]]) -> list[tuple[int, int | None, str, str]]:
    return [(f["seq"], f["line"], f["stream"], f["kind"]) for f in found]


# -- which rows ------------------------------------------------------------------------------------


def test_the_newest_of_what_was_said_come_first_to_mind(state: Path, capsys: Capsys) -> None:
    said = [of(row) for row in rows_of(state) if row.stream in SAID]
    assert as_shown(shown(state, capsys)) == said[-20:]
    assert as_shown(shown(state, capsys, "-n", "3")) == said[-3:]
    assert as_shown(shown(state, capsys, "-n", "100000")) == said
    assert shown(state, capsys, "-n", "0") == []


@pytest.mark.parametrize("stream", ["event", "market", "intents", "state"])
def test_a_stream_is_shown_alone(state: Path, stream: str, capsys: Capsys) -> None:
    expected = [of(row) for row in rows_of(state) if row.stream == stream]
    found = shown(state, capsys, "-n", "100000", "--stream", stream)
    assert as_shown(found) == expected


def test_all_is_all(state: Path, capsys: Capsys) -> None:
    found = shown(state, capsys, "-n", "100000", "--stream", "all")
    assert as_shown(found) == [of(row) for row in rows_of(state)]


def test_kinds_and_symbols_choose(state: Path, capsys: Capsys) -> None:
    options = ("-n", "100000", "--stream", "all", "--kind", "ACTION", "--kind", "SNAPSHOT")
    found = shown(state, capsys, *options, "--symbol", "AAAUSDT")
    kinds = Counter(f["kind"] for f in found)
    expected = Counter(
        row.kind
        for row in rows_of(state)
        if '"symbol":"AAAUSDT"' in row.body and (row.kind == "ACTION" or '"SNAPSHOT"' in row.body)
    )
    assert kinds == expected
    assert kinds["ACTION"] > 0 < kinds["MARKET"]


def at(ts_ms: int) -> str:
    return f"{datetime.fromtimestamp(ts_ms // 1_000, UTC):%H:%M:%S}.{ts_ms % 1_000:03d}"


@pytest.mark.parametrize("stream", ["all", "market", "exec"])
def test_a_span_of_time_holds_exactly_its_rows(state: Path, stream: str, capsys: Capsys) -> None:
    rows = [row for row in rows_of(state) if stream in {"all", row.stream}]
    for since, until in ((20_000, 41_500), (0, 30), (45_123, 45_123)):
        start, end = BEGAN_MS + since, BEGAN_MS + until
        options = ("--stream", stream, "--since", at(start), "--until", at(end))
        expected = [of(row) for row in rows if start <= row.ts_ms <= end]
        assert as_shown(shown(state, capsys, *options)) == expected
        assert as_shown(shown(state, capsys, *options, "-n", "2")) == expected[-2:]


def test_the_minute_named_last_is_included(state: Path, capsys: Capsys) -> None:
    found = shown(state, capsys, "--since", "22:14", "--until", "22:14", "--stream", "all")
    minute = BEGAN_MS + 40_000
    assert found
    assert {f["ts_ms"] // 60_000 for f in found} == {minute // 60_000}


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("22:14", BEGAN_MS + 40_000, BEGAN_MS + 40_000),
        ("22:13:20", BEGAN_MS, BEGAN_MS),
        ("23:00", BEGAN_MS + 2_800_000 - 86_400_000, BEGAN_MS + 2_800_000),
        ("22:13", BEGAN_MS - 20_000, BEGAN_MS - 20_000 + 86_400_000),
        ("2023-11-01T00:00", 1_698_796_800_000, 1_698_796_800_000),
    ],
)
def test_a_time_of_day_is_the_nearest_one(text: str, before: int, after: int) -> None:
    named = parse_time(text, "--since")
    assert named.before(BEGAN_MS + 120_000) == before
    assert named.after(BEGAN_MS) == after


@pytest.mark.parametrize("text", ["", "3:12", "24:00", "12:60", "noon", "2023-13-01T00:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="must be a time"):
        parse_time(text, "--since")


def test_the_first_row_of_a_time_is_found_by_halving(state: Path) -> None:
    with JournalReader(state) as reader:
        rows = list(reader.rows(expand=False))
        for ts_ms in range(rows[0].ts_ms - 5, rows[-1].ts_ms + 10, 977):
            expected = next((r.seq for r in rows if r.ts_ms >= ts_ms), rows[-1].seq + 1)
            assert seq_at(reader, ts_ms) == expected


# -- as they come ----------------------------------------------------------------------------------


def test_following_shows_each_new_row_once(tmp_path: Path) -> None:
    folder = tmp_path / "sim"
    found: list[int] = []
    with LiveStory(folder) as story:
        story.begin()
        asyncio.run(story.journal.sync())
        with JournalReader(folder) as reader:
            start = reader.last_seq()

            waits: list[float] = []

            def sleep(seconds: float) -> None:
                waits.append(seconds)
                story.market(40)
                story.loop.note_digest()  # what comes last is of those that are shown
                asyncio.run(story.journal.sync())

            for row in following(reader, Wanted(), start, sleep):
                found.append(row.seq)
                if len(waits) == 3 and row.seq == reader.last_seq():
                    break
            expected = [r.seq for r in reader.rows(start + 1) if r.stream in SAID]
    assert found == expected


def test_an_interruption_ends_the_command(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("grinder_app.cli.journal.time.sleep", interrupt)
    tail(state, "--follow", "-n", "2", code=130)
    assert len(capsys.readouterr().out.splitlines()) == 2


# -- in words --------------------------------------------------------------------------------------


def a_row(kind: str, body: dict[str, Any], stream: str = "exec") -> Row:
    return Row(
        seq=1,
        ts_ms=1_763_262_727_114,  # 2025-11-16T03:12:07.114Z
        stream=stream,
        kind=kind,
        body=json.dumps(body),
        prev_hash="",
        hash="",
    )


def an_action(**changes: Any) -> dict[str, Any]:
    return {
        "action": "PLACE",
        "attempts": 0,
        "client_order_id": "grinder_default_1_0loyw3v4i000",
        "detail": "INIT BOOTSTRAP_PENDING",
        "intent": "INCREASE_RISK",
        "level_id": 1,
        "price": "2996.99",
        "qty": "0.008",
        "reason": "FSM_STATE_BLOCKED",
        "route": "",
        "side": "BUY",
        "status": "BLOCKED",
        "symbol": "BTCUSDT",
        **changes,
    }


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            a_row("ACTION", an_action()),
            "BTCUSDT ACTION PLACE BUY 0.008 @ 2996.99 BLOCKED FSM_STATE_BLOCKED INIT"
            " BOOTSTRAP_PENDING",
        ),
        (
            a_row(
                "ACTION",
                an_action(
                    action="CANCEL", side=None, price=None, qty=None, reason="", status="EXECUTED"
                ),
            ),
            "BTCUSDT ACTION CANCEL grinder_default_1_0loyw3v4i000 EXECUTED",
        ),
        (
            a_row(
                "TRANSITION",
                {"scope": "", "from_state": "INIT", "to_state": "READY", "reason": "WARMUP"},
            ),
            "session TRANSITION INIT -> READY WARMUP",
        ),
        (
            a_row("LATCH", {"latch": "kill_switch", "value": "MANUAL"}),
            "session LATCH kill_switch is MANUAL",
        ),
        (
            a_row("LATCH", {"latch": "kill_switch", "value": ""}),
            "session LATCH kill_switch is clear",
        ),
        (
            a_row("HEALTH", {"name": "FEED_CONNECTED", "symbol": "", "value": 0}, "event"),
            "session HEALTH FEED_CONNECTED = 0",
        ),
        (
            a_row("CONTROL", {"command": "PAUSE", "actor": "me", "symbol": ""}, "event"),
            "session CONTROL command=PAUSE actor=me",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Row) else "",
)
def test_a_row_is_told_in_words(row: Row, words: str) -> None:
    assert line_of(row) == f"03:12:07.114 {words}"


def test_every_row_of_a_session_has_words(state: Path) -> None:
    for row in rows_of(state):
        line = line_of(row)
        assert line.startswith(f"{at(row.ts_ms)} ")
        assert "\n" not in line
        assert len(line) < 2_000 or row.kind == "CONFIG"


# -- export and verify -----------------------------------------------------------------------------


def test_an_export_holds_every_row(state: Path, tmp_path: Path, capsys: Capsys) -> None:
    to = tmp_path / "all.jsonl"
    options = ["--state-dir", str(state.parent), "--to", str(to)]
    assert run(["journal", "export", "--json", *options]) == 0
    facts = json.loads(capsys.readouterr().out)
    rows = rows_of(state)
    lines = to.read_text().splitlines()
    assert facts["rows"] == len(lines) == len(rows)
    assert [json.loads(line)["stream"] for line in lines] == [row.stream for row in rows]
    assert run(["journal", "export", *options[:2], "--to", str(tmp_path / "x.jsonl")]) == 0
    assert "Exported" in capsys.readouterr().out


def test_an_export_of_one_stream_as_a_table(state: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    to = tmp_path / "exec.parquet"
    options = ["--state-dir", str(state.parent), "--to", str(to), "--stream", "exec"]
    assert run(["journal", "export", *options]) == 0
    table = parquet.read_table(to).to_pylist()
    assert [row["body"] for row in table] == [r.body for r in rows_of(state) if r.stream == "exec"]


def test_mistakes_of_the_caller_are_told(state: Path, tmp_path: Path, capsys: Capsys) -> None:
    options = ["--state-dir", str(state.parent)]
    assert run(["journal", "export", *options, "--to", str(tmp_path / "x.csv")]) == 2
    tail(state, "-n", "-1", code=2)
    tail(state, "--follow", "--until", "22:14", code=2)
    tail(state, "--since", "soon", code=2)
    assert run(["journal", "tail", "--state-dir", str(tmp_path / "nowhere")]) == 2
    capsys.readouterr()


def test_verify_names_the_chain(state: Path, capsys: Capsys) -> None:
    assert run(["journal", "verify", "--json", "--state-dir", str(state.parent)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["is_sound"]
    assert facts["last_hash"] == rows_of(state)[-1].hash
