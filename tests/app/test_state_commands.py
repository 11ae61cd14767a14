"""``grinder state``: what a state holds, how far it is sound, and every way out of damage."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from grinder_adapters.journal import JournalReader, survey
from grinder_app.cli import run
from grinder_app.live.recovering import restore
from grinder_app.live.scribe import Digest
from grinder_core.contracts.control import Command, Control, PositionUpdate
from grinder_core.errors import ArtifactError
from grinder_core.live.core import LiveCore
from tests.support.live_story import LiveStory, a_story, live_config

Capsys = pytest.CaptureFixture[str]
D = Decimal


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LiveCore]:
    """A session with orders, a position, a latch, two checkpoints and a tail behind them."""
    folder = tmp_path_factory.mktemp("made") / "sim"
    with LiveStory(folder, checkpoint_ms=5_000) as story:
        story.begin()
        story.market(250)
        story.put(
            PositionUpdate(
                ts=story.now, symbol="AAAUSDT", qty=D(2), entry_price=D("99.5"), is_adopted=True
            )
        )
        story.put(Control(command=Command.PAUSE, actor="test"))
        story.market(60)
        story.journal.intent("somebody_1", story.now, '{"symbol":"BBBUSDT"}')
    return folder, story.core


@pytest.fixture
def state(made: tuple[Path, LiveCore], tmp_path: Path) -> Path:
    """A copy of it, to be harmed."""
    folder = tmp_path / "state" / "sim"
    shutil.copytree(made[0], folder)
    return folder


def state_command(state: Path, name: str, *options: str) -> int:
    return run(["state", name, "--state-dir", str(state.parent), *options])


def told(state: Path, capsys: Capsys, name: str, *options: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert state_command(state, name, "--json", *options) == code
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def bytes_of(folder: Path) -> dict[str, bytes]:
    """The files that hold something; a reader may leave an empty log beside the database."""
    paths = [folder / name for name in ("state.db", "state.db-wal", "HEAD")]
    return {path.name: path.read_bytes() for path in paths if path.exists() and path.stat().st_size}


def change(state: Path, sql: str) -> None:
    with closing(sqlite3.connect(state / "state.db")) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(sql)


# -- show ------------------------------------------------------------------------------------------


def test_show_says_what_the_session_left(
    made: tuple[Path, LiveCore], state: Path, capsys: Capsys
) -> None:
    core = made[1]
    engine = core.engine.hot
    view = told(state, capsys, "show")
    session = view["session"]
    assert session["digest"] == core.digest
    assert session["events"] == core.hot.events
    assert session["cash"] == str(engine.cash)
    assert D(session["equity"]) == engine.account.equity
    assert D(session["peak"]) == engine.account.high_water_mark
    assert session["latches"] == {"ordered": "PAUSE", "override": "PAUSE"}
    assert (session["state"], session["reason"]) == ("PAUSE", "OPERATOR_PAUSE")
    assert (session["last_id_ts_ms"], session["last_id_seq"]) == (engine.ids.ts_ms, engine.ids.seq)
    by_symbol = {one["symbol"]: one for one in session["symbols"]}
    assert list(by_symbol) == ["AAAUSDT", "BBBUSDT"]
    for symbol, seen in by_symbol.items():
        s = engine.symbols[symbol]
        assert D(seen["qty"]) == s.ledger.qty
        orders = {o["client_order_id"]: o for o in seen["orders"]}
        assert set(orders) == {*s.grid.live, *s.grid.leaving}
    assert D(by_symbol["AAAUSDT"]["qty"]) != 0
    assert view["journal"]["open_intents"] == {"somebody_1": '{"symbol":"BBBUSDT"}'}
    assert len(view["journal"]["checkpoints"]) == 2
    assert view["journal"]["made_by"]["config_hash"] == core.config.config_hash
    assert view["writer"]["is_running"] is False


def test_show_is_for_people_too(state: Path, capsys: Capsys) -> None:
    assert state_command(state, "show") == 0
    said = capsys.readouterr().out
    for words in ("PAUSE OPERATOR_PAUSE", "ordered is PAUSE", "AAAUSDT", "somebody_1"):
        assert words in said


@pytest.mark.parametrize("name", ["show", "verify"])
def test_looking_changes_nothing(state: Path, name: str) -> None:
    before = bytes_of(state)
    assert state_command(state, name) == 0
    assert bytes_of(state) == before


def test_show_works_beside_the_process_that_writes_and_names_it(
    tmp_path: Path, capsys: Capsys
) -> None:
    folder = tmp_path / "sim"
    with LiveStory(folder) as story:
        story.begin()
        story.market(100)
        asyncio.run(story.journal.sync())
        view = told(folder, capsys, "show")
        assert view["session"]["digest"] == story.core.digest
        shown = {
            o["client_order_id"]: (o["side"], D(o["price"]), D(o["qty"]), o["state"])
            for one in view["session"]["symbols"]
            for o in one["orders"]
        }
        assert shown == {
            name: (o.side.value, o.price, o.qty, o.state.value)
            for s in story.core.engine.hot.symbols.values()
            for name, o in s.grid.live.items()
        }
        assert len(shown) == 12
        assert view["writer"]["is_running"] is True
        assert "process" in view["writer"]["holder"]
        story.market(10)  # it was not disturbed
    assert told(folder, capsys, "show")["writer"]["is_running"] is False


def test_the_only_state_is_meant_and_of_several_one_must_be_named(
    state: Path, tmp_path: Path, capsys: Capsys
) -> None:
    a_story(state.parent / "paper", count=10)
    assert state_command(state, "show") == 2
    assert "paper, sim" in capsys.readouterr().err
    assert told(state, capsys, "show", "--port", "paper")["folder"].endswith("paper")
    assert state_command(state, "show", "--port", "futures") == 2
    assert run(["state", "show", "--state-dir", str(tmp_path / "empty")]) == 2
    assert "holds no state" in capsys.readouterr().err


def test_a_session_of_a_users_policy_needs_that_policy(tmp_path: Path, capsys: Capsys) -> None:
    folder = tmp_path / "sim"
    story = a_story(folder, count=5)
    with LiveStory(folder, core=story.core) as later:
        later.journal.checkpoint(
            later.journal.mark(),
            later.now,
            json.dumps(
                {
                    "config": later.config.to_dict(),
                    "policy": "mine:Grid",
                    "state": later.core.state().to_text(),
                },
                sort_keys=True,
            ),
        )
    assert state_command(folder, "show") == 2
    assert "give it with --policy mine:Grid" in capsys.readouterr().err


# -- verify ----------------------------------------------------------------------------------------


def test_a_sound_state_is_called_sound(state: Path, capsys: Capsys) -> None:
    verdict = told(state, capsys, "verify")
    with JournalReader(state) as reader:
        rows = list(reader.rows(expand=False))
    assert verdict["is_sound"]
    assert verdict["rows"] == len(rows)
    assert verdict["last_hash"] == rows[-1].hash
    assert verdict["problems"] == []
    assert verdict["lost"] == 0


DAMAGE: dict[str, Callable[[Path], None]] = {
    "a changed word": lambda s: change(
        s, "UPDATE journal SET body = replace(body, 'PLACE', 'PLACF') WHERE seq = 60"
    ),
    "a changed event": lambda s: change(
        s, "UPDATE journal SET body = replace(body, '1', '2') WHERE seq = 10"
    ),
    "a row that is gone": lambda s: change(s, "DELETE FROM journal WHERE seq = 40"),
    "lines of a block": lambda s: change(
        s,
        "UPDATE journal SET data = x'00' WHERE seq ="
        " (SELECT max(seq) FROM journal WHERE data IS NOT NULL)",
    ),
    "a checkpoint": lambda s: change(s, "UPDATE checkpoints SET data = x'00'"),
    "an index": lambda s: change(s, "DELETE FROM intents"),
    "the tail": lambda s: change(s, "DELETE FROM journal WHERE seq > 200"),
    "the head": lambda s: (s / "HEAD").write_bytes(b"x" * 512) and None,
    "the database": lambda s: (s / "state.db").unlink(),
    "the file": lambda s: (s / "state.db").write_bytes(b"no database") and None,
}


@pytest.fixture(params=sorted(DAMAGE))
def damaged(request: pytest.FixtureRequest, state: Path) -> Path:
    what = request.param
    if what in {"the database", "the file"}:
        for name in ("state.db-wal", "state.db-shm"):
            (state / name).unlink(missing_ok=True)
    DAMAGE[what](state)
    return state


def test_damage_of_any_kind_is_told_with_exit_code_3_and_ways_out(
    damaged: Path, capsys: Capsys
) -> None:
    before = bytes_of(damaged)
    verdict = told(damaged, capsys, "verify", code=3)
    assert not verdict["is_sound"]
    assert verdict["problems"]
    steps = "\n".join(verdict["steps"])
    assert "grinder state restore --state-dir" in steps
    assert "grinder state set-aside --state-dir" in steps
    assert ("grinder state salvage" in steps) == (verdict["salvageable"] is not None)
    assert bytes_of(damaged) == before
    assert state_command(damaged, "verify") == 3
    assert "DAMAGED" in capsys.readouterr().out
    assert run(["journal", "verify", "--state-dir", str(damaged.parent)]) == 3


def test_what_can_be_kept_is_kept_and_the_session_goes_on_from_it(
    damaged: Path, made: tuple[Path, LiveCore], tmp_path: Path, capsys: Capsys
) -> None:
    verdict = told(damaged, capsys, "verify", code=3)
    copy = tmp_path / "kept.db"
    if verdict["salvageable"] is None:
        assert state_command(damaged, "salvage", "--to", str(copy)) == 3
        assert not copy.exists()
        return
    kept = told(damaged, capsys, "salvage", "--to", str(copy))
    first, last = verdict["salvageable"]
    assert (kept["first_seq"], kept["last_seq"]) == (first, last + 1)  # and the row that says so
    with JournalReader(made[0]) as reader:
        rows = [row for row in reader.rows(expand=False) if row.seq <= last]
    with JournalReader(copy) as reader:
        assert list(reader.rows(expand=False))[:-1] == rows
    assert state_command(damaged, "restore", "--from", str(copy)) == 0
    assert told(damaged, capsys, "verify")["is_sound"]
    restored = restore(damaged)
    core = restored.core
    assert core is not None
    with LiveStory(damaged, core.config, core=core, now=core.engine.hot.now + 1) as story:
        story.begin("recovery")
        story.market(20)
        story.checkpoint()
    assert told(damaged, capsys, "verify")["is_sound"]
    assert run(["replay", "--journal", str(damaged)]) == 0


def test_a_live_run_stops_at_damage_and_says_where_to_look(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    change(state, "DELETE FROM journal WHERE seq > 200")
    options = ["--state-dir", str(state.parent), "--exchange-port", "sim", "--duration", "1"]
    options += ["--http-port", "0"]
    assert run(["live", "run", *options]) == 3
    assert "grinder state verify" in capsys.readouterr().err


def test_a_state_that_says_something_else_now_stops_a_start_too(tmp_path: Path) -> None:
    folder = tmp_path / "sim"
    with LiveStory(folder) as story:
        story.begin()
        story.scribe.digest(Digest(story.core.hot.events, "0" * 64), story.now)
    with pytest.raises(ArtifactError, match="grinder state verify"):
        restore(folder)


# -- backup and restore ----------------------------------------------------------------------------


def test_a_backup_put_back_is_the_state_again(
    made: tuple[Path, LiveCore], state: Path, tmp_path: Path, capsys: Capsys
) -> None:
    copy = tmp_path / "copy.db"
    seen = told(state, capsys, "backup", "--to", str(copy))
    assert seen["last_seq"] == survey(state).last_seq
    change(state, "DELETE FROM journal WHERE seq > 100")
    harmed = bytes_of(state)
    facts = told(state, capsys, "restore", "--from", str(copy))
    assert told(state, capsys, "show")["session"]["digest"] == made[1].digest
    assert told(state, capsys, "verify")["is_sound"]
    aside = Path(facts["aside"])
    assert {name: data for name, data in bytes_of(aside).items() if name != "HEAD"} == {
        name: data for name, data in harmed.items() if name != "HEAD"
    }
    with JournalReader(state) as reader:
        last = list(reader.rows())[-1]
    assert (last.stream, last.kind) == ("operator", "RESTORED")
    assert json.loads(last.body)["from"] == str(copy)


def test_a_damaged_copy_changes_nothing(state: Path, tmp_path: Path, capsys: Capsys) -> None:
    copy = tmp_path / "copy.db"
    assert state_command(state, "backup", "--to", str(copy)) == 0
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute("UPDATE journal SET body = '{\"x\":1}' WHERE seq = 50")
    before = bytes_of(state)
    assert state_command(state, "restore", "--from", str(copy)) == 3
    assert bytes_of(state) == before
    assert not list(state.glob("aside_*"))
    assert state_command(state, "restore", "--from", str(tmp_path / "none.db")) == 2


def test_nothing_is_moved_while_a_process_writes(tmp_path: Path, capsys: Capsys) -> None:
    folder, copy = tmp_path / "sim", tmp_path / "copy.db"
    with LiveStory(folder) as story:
        story.begin()
        asyncio.run(story.journal.sync())
        assert state_command(folder, "backup", "--to", str(copy)) == 0
        for options in (
            ("restore", "--from", str(copy)),
            ("set-aside", "--reason", "I want to"),
        ):
            assert state_command(folder, *options) == 2
            assert "is written by process" in capsys.readouterr().err
        assert not list(folder.glob("aside_*"))
        story.market(10)
    assert survey(folder).is_sound


def test_files_are_never_overwritten(state: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.db"
    there.write_text("mine")
    for name in ("backup", "salvage"):
        assert state_command(state, name, "--to", str(there)) == 2
    assert there.read_text() == "mine"


def test_a_state_set_aside_begins_anew_and_says_why(
    state: Path, made: tuple[Path, LiveCore], capsys: Capsys
) -> None:
    assert state_command(state, "set-aside", "--reason", "  ") == 2
    harmed = bytes_of(state)
    facts = told(state, capsys, "set-aside", "--reason", "the disk died")
    assert bytes_of(Path(facts["aside"])) == harmed
    assert told(state, capsys, "show")["session"] is None
    assert told(state, capsys, "verify")["is_sound"]
    assert restore(state).core is None
    with JournalReader(state) as reader:
        last = list(reader.rows())[-1]
    assert (last.kind, json.loads(last.body)["reason"]) == ("SET_ASIDE", "the disk died")
    a_story(state, count=20)  # as the next start does
    assert told(state, capsys, "show")["session"]["lives"] == 1


def test_a_configuration_without_the_symbol_is_no_matter_for_looking(
    tmp_path: Path, capsys: Capsys
) -> None:
    folder = tmp_path / "sim"
    a_story(folder, count=40, config=live_config(("AAAUSDT",)))
    view = told(folder, capsys, "show")
    assert [one["symbol"] for one in view["session"]["symbols"]] == ["AAAUSDT"]


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
