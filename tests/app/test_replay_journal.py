"""``grinder replay --journal``: every word of a live session again, or the first that differs."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.journal import JournalReader, Row
from grinder_app.cli import run
from grinder_app.live.recovering import Replayer, replay, replay_stored
from grinder_app.live.retelling import Reteller
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import HealthName
from grinder_core.live.core import LiveCore, Step
from tests.support.live_story import BEGAN_MS, LiveStory, live_config, rewritten

Capsys = pytest.CaptureFixture[str]


class Told:
    """What a session said while it lived, counted by somebody else than the replay."""

    def __init__(self) -> None:
        self.said: Counter[str] = Counter()
        self.notable: Counter[str] = Counter()
        self.effects = self.events = 0

    def __call__(self, event: Event, step: Step) -> None:
        self.events += 1
        self.effects += len(step.effects)
        self.said.update(record.kind.value for record in step.records)
        self.notable.update(record.kind.value for record in step.records if record.is_notable)


def live(folder: Path, told: Told | None = None, events: int = 500) -> LiveStory:
    """Two processes: one that is paused and goes on, and one that came after it."""
    on_step = told or Told()
    with LiveStory(folder, on_step=on_step) as story:
        story.begin()
        story.market(events)
        story.checkpoint()
        story.put(Control(command=Command.PAUSE, actor="test"))
        story.market(20)
        story.put(Control(command=Command.RESUME, actor="test"))
    with LiveStory(folder, core=story.core, now=story.now + 1_000, on_step=on_step) as story:
        story.begin("recovery")
        story.market(50)
        story.checkpoint()
    return story


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module")
def story(told: Told, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state") / "paper"
    live(folder, told)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "paper"
    live(folder, events=60)
    return folder


def replayed(capsys: Capsys, *options: str, code: int = 0) -> dict[str, Any]:
    assert run(["replay", "--json", *options]) == code
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def rows_of(folder: Path) -> list[Row]:
    with JournalReader(folder) as reader:
        return list(reader.rows())


# -- the same --------------------------------------------------------------------------------------


def test_everything_is_said_again_and_counted(story: Path, told: Told, capsys: Capsys) -> None:
    found = replayed(capsys, "--journal", str(story))
    assert found["is_same"]
    assert found["parting"] is None
    assert found["events"] == told.events
    assert found["effects"] == told.effects > 0
    assert found["said"] == dict(told.said)
    compared = Counter(found["compared"])
    assert compared.pop("DIGEST") == 2
    assert compared == told.notable
    assert compared["ACTION"] > 10
    assert compared["TRANSITION"] > 3
    assert found["warnings"] == []


def test_the_digest_is_that_which_the_session_had(tmp_path: Path, capsys: Capsys) -> None:
    end = live(tmp_path / "sim", events=30)
    assert replayed(capsys, "--journal", str(tmp_path))["digest"] == end.core.digest


def test_a_copy_of_the_database_will_do(story: Path, tmp_path: Path, capsys: Capsys) -> None:
    copy = tmp_path / "copy.db"
    assert run(["state", "backup", "--state-dir", str(story.parent), "--to", str(copy)]) == 0
    capsys.readouterr()
    whole = replayed(capsys, "--journal", str(story))
    assert replayed(capsys, "--journal", str(copy)) == whole


def test_people_are_told_in_words(story: Path, capsys: Capsys) -> None:
    assert run(["replay", "--journal", str(story)]) == 0
    said = capsys.readouterr().out
    assert "everything was said again, word for word" in said
    assert "verdicts" in said


def test_until_stops_behind_the_row_named(story: Path, capsys: Capsys) -> None:
    rows = rows_of(story)
    until = next(row.seq for row in rows[len(rows) // 2 :] if row.stream == "exec")
    found = replayed(capsys, "--journal", str(story), "--until", str(until))
    assert found["last_seq"] == until
    kinds = Counter(row.kind for row in rows if row.stream == "exec" and row.seq <= until)
    assert found["compared"] == dict(kinds)


def test_reading_blocks_at_once_folds_the_same_as_row_by_row(story: Path) -> None:
    one, other = Replayer(), Replayer()
    with JournalReader(story) as reader:
        replay(one, reader.rows())
        replay_stored(other, reader.stored())
    assert isinstance(one.core, LiveCore)
    assert isinstance(other.core, LiveCore)
    assert one.core.state() == other.core.state()
    assert (one.replayed, one.compared) == (other.replayed, other.compared)


def test_words_that_a_killed_process_had_no_time_to_write_are_no_difference(
    small: Path, tmp_path: Path, capsys: Capsys
) -> None:
    rows = rows_of(small)
    second = next(i for i, row in enumerate(rows) if i and row.kind == "JOURNAL_HEAD")
    cut = next(
        i for i in range(second, 0, -1) if rows[i].stream == "exec" and rows[i + 1].stream == "exec"
    )
    last = next(i for i in range(cut, 0, -1) if rows[i].stream != "exec")

    def killed(position: int, row: Row) -> Row | None:
        is_lost = last < position < second
        return None if is_lost or position > second else row

    rewritten(small, tmp_path / "sim", killed)
    found = replayed(capsys, "--journal", str(tmp_path))
    assert found["is_same"]
    assert found["cut"] > 0


# -- not the same ----------------------------------------------------------------------------------


def is_said(row: Row) -> bool:
    return row.stream == "exec" and row.kind != "DIGEST"


@settings(max_examples=25)
@given(st.data())
def test_one_word_left_out_put_in_or_changed_is_found_where_it_is(
    small: Path, data: st.DataObject
) -> None:
    rows = rows_of(small)
    last = max(i for i, row in enumerate(rows) if row.stream == "event")
    said = [i for i, row in enumerate(rows) if is_said(row) and i < last]
    target = data.draw(st.sampled_from(said))
    how = data.draw(st.sampled_from(["left out", "twice", "changed", "later"]))

    def change(position: int, row: Row) -> Row | tuple[Row, ...] | None:
        if position != target:
            return row
        if how == "left out":
            return None
        if how == "twice":
            return row, row
        if how == "later":
            return evolve(row, ts_ms=row.ts_ms + 1)
        body = json.loads(row.body)
        name = sorted(body)[data.draw(st.integers(0, len(body) - 1))]
        body[name] = "otherwise"
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return evolve(row, body=text)

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "sim"
        rewritten(small, place, change)
        with JournalReader(place) as reader:
            found = Reteller().run(reader)
    assert found.parting is not None
    assert abs(found.parting.ts_ms - rows[target].ts_ms) <= 1_000


def test_the_first_difference_is_named_with_both_texts(
    small: Path, tmp_path: Path, capsys: Capsys
) -> None:
    rows = rows_of(small)
    target = next(i for i, row in enumerate(rows) if row.kind == "ACTION")

    def change(position: int, row: Row) -> Row:
        if position != target:
            return row
        return evolve(row, body=row.body.replace('"PLACE"', '"CANCEL"', 1))

    rewritten(small, tmp_path / "sim", change)
    parting = replayed(capsys, "--journal", str(tmp_path), code=1)["parting"]
    assert '"action":"CANCEL"' in parting["told"]
    assert '"action":"PLACE"' in parting["made"]
    assert parting["ts_ms"] == rows[target].ts_ms
    assert run(["replay", "--journal", str(tmp_path)]) == 1
    assert "first difference: row " in capsys.readouterr().out


def test_a_quote_that_was_another_shows_in_what_follows(
    small: Path, tmp_path: Path, capsys: Capsys
) -> None:
    rows = rows_of(small)
    target = next(i for i, row in enumerate(rows) if '"SNAPSHOT"' in row.body)

    def change(position: int, row: Row) -> Row:
        if position != target:
            return row
        quote = json.loads(row.body)
        quote["bid_price"] = "90"
        return evolve(row, body=json.dumps(quote, sort_keys=True, separators=(",", ":")))

    rewritten(small, tmp_path / "sim", change)
    assert replayed(capsys, "--journal", str(tmp_path), code=1)["parting"] is not None


def test_another_digest_is_a_difference(small: Path, tmp_path: Path, capsys: Capsys) -> None:
    def spoiled(position: int, row: Row) -> Row:
        if row.kind != "DIGEST":
            return row
        body = json.loads(row.body)
        body["chain"] = "0" * 64
        return evolve(row, body=json.dumps(body, sort_keys=True, separators=(",", ":")))

    rewritten(small, tmp_path / "sim", spoiled)
    parting = replayed(capsys, "--journal", str(tmp_path), code=1)["parting"]
    assert parting["told"].startswith("0" * 64)


def test_another_program_is_named_first(small: Path, tmp_path: Path, capsys: Capsys) -> None:
    rewritten(small, tmp_path / "sim", lambda _, row: row, version="0.0.9")
    assert run(["replay", "--journal", str(tmp_path)]) == 0
    assert "made by grinder 0.0.9" in capsys.readouterr().err


# -- why -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three minutes from 22:14 on; at 22:15:10 the private stream is lost for some seconds."""
    folder = tmp_path_factory.mktemp("incident") / "sim"
    config = live_config(("AAAUSDT",))
    with LiveStory(folder, config, now=BEGAN_MS + 40_000, step_ms=500) as story:
        story.begin()
        while story.now < BEGAN_MS + 110_000:
            story.market(1)
        story.tell(HealthName.USER_STREAM_OK, 0)
        while story.now < BEGAN_MS + 130_000:
            story.market(1)
        story.tell(HealthName.USER_STREAM_OK, 1)
        while story.now < BEGAN_MS + 220_000:
            story.market(1)
        story.checkpoint()
    return folder


def test_why_did_it_do_that(incident: Path, capsys: Capsys) -> None:
    assert run(["replay", "--journal", str(incident), "--explain", "22:15"]) == 0
    said = capsys.readouterr().out
    assert "from 22:15:00.000 to 22:16:00.000 UTC" in said
    assert "TRANSITION ACTIVE -> DEGRADED USER_STREAM_DOWN" in said
    assert "TRANSITION DEGRADED -> ACTIVE" in said
    assert "AAAUSDT: " in said
    opening, closing = said.index("before ("), said.index("after (")
    assert "session ACTIVE HEALTHY" in said[opening:closing]


def test_a_second_is_enough_and_later_things_are_not_told(incident: Path, capsys: Capsys) -> None:
    found = replayed(capsys, "--journal", str(incident), "--explain", "22:15:12")["explanation"]
    assert found["to_ms"] - found["from_ms"] == 1_000
    assert found["opening"]["state"] == "DEGRADED"
    assert found["opening"]["reason"] == "USER_STREAM_DOWN"
    assert found["opening"]["inputs"]["user_stream_ok"] is False
    assert found["closing"]["ts_ms"] < found["to_ms"]
    assert found["opening"]["ts_ms"] < found["from_ms"]
    assert found["opening"]["symbols"][0]["halted"] == "DEGRADED USER_STREAM_DOWN"
    assert "FSM_STATE_BLOCKED" in found["last_decisions"]["AAAUSDT"]


def test_what_was_seen_then_is_counted(incident: Path, capsys: Capsys) -> None:
    found = replayed(capsys, "--journal", str(incident), "--explain", "22:15")["explanation"]
    start, end = BEGAN_MS + 100_000, BEGAN_MS + 160_000
    quotes = [
        row
        for row in rows_of(incident)
        if row.stream == "market" and start <= row.ts_ms < end and '"SNAPSHOT"' in row.body
    ]
    assert found["from_ms"] == start
    assert found["seen"]["AAAUSDT SNAPSHOT"] == len(quotes)
    assert found["decisions"]["AAAUSDT"] == len(quotes)


@pytest.mark.parametrize("text", ["03:12", "25:00", "soon", "2023-11-15T22:15"])
def test_a_time_that_is_none_or_not_in_the_journal_is_refused(
    incident: Path, text: str, capsys: Capsys
) -> None:
    assert run(["replay", "--journal", str(incident), "--explain", text]) == 2
    assert "--explain" in capsys.readouterr().err


# -- what does not go together ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ["--fixture", "x"],
        ["--out", "x.jsonl"],
        ["--set", "policies.levels=2"],
        ["--verbose"],
        ["--symbols", "AAAUSDT"],
        ["--until", "-1"],
    ],
    ids=lambda options: options[0],
)
def test_options_of_other_replays_are_refused(
    small: Path, options: list[str], capsys: Capsys
) -> None:
    assert run(["replay", "--journal", str(small), *options]) == 2
    assert options[0] in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--until", "3"], ["--explain", "03:12"]])
def test_options_of_a_journal_need_one(option: list[str], capsys: Capsys) -> None:
    assert run(["replay", *option]) == 2
    assert "needs --journal" in capsys.readouterr().err


def test_no_such_journal_is_a_mistake_of_the_caller(tmp_path: Path, capsys: Capsys) -> None:
    assert run(["replay", "--journal", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err
