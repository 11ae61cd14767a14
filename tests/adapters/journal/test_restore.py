"""Ways out of damage: a copy, files moved aside, a copy put in place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from grinder_adapters.journal import Journal, JournalReader, backup, restore, set_aside, survey
from grinder_core.errors import ArtifactError, InputError, StateLockedError
from tests.adapters.journal.journal_cases import (
    T0,
    a_head,
    everything_of,
    rows_of,
    write_a_small_store,
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    write_a_small_store(tmp_path / "live", tmp_path / "state")
    return tmp_path / "state"


def test_a_copy_can_be_made_beside_the_writer(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "state", a_head())
    seen = backup(tmp_path / "state", tmp_path / "copy.db")
    assert (seen.is_sound, seen.rows) == (True, 1)
    journal.close()
    with pytest.raises(InputError, match="exists"):
        backup(tmp_path / "state", tmp_path / "copy.db")
    assert rows_of(tmp_path / "copy.db") == rows_of(tmp_path / "state")


def test_a_copy_takes_the_place_of_a_damaged_state(state: Path, tmp_path: Path) -> None:
    good = everything_of(state)
    copy = tmp_path / "copy.db"
    backup(state, copy)
    broken = (state / "state.db-wal").read_bytes()[:5_000]
    (state / "state.db-wal").write_bytes(broken)
    with pytest.raises(ArtifactError):
        Journal.open(state, a_head())
    seen, aside = restore(state, copy, T0)
    assert (seen.is_sound, seen.last_seq) == (True, good[0][-1].seq)
    assert everything_of(state) == good
    assert survey(state).problems == []
    # what was there is moved, not deleted
    assert aside is not None
    assert (aside / "state.db-wal").read_bytes() == broken
    assert {path.name for path in aside.iterdir()} >= {"state.db", "state.db-wal", "HEAD"}
    Journal.open(state, a_head(T0 + 10**7)).close()
    assert rows_of(state)[: len(good[1])] == good[1]


def test_an_older_copy_takes_the_place_of_a_longer_journal(state: Path, tmp_path: Path) -> None:
    backup(state, tmp_path / "copy.db")
    older = rows_of(state)
    Journal.open(state, a_head(T0 + 10**7)).close()
    restore(state, tmp_path / "copy.db", T0)
    assert rows_of(state) == older
    with JournalReader(state) as reader:
        assert reader.head().seq == older[-1].seq


def test_a_damaged_copy_is_refused_and_changes_nothing(state: Path, tmp_path: Path) -> None:
    good = everything_of(state)
    backup(state, tmp_path / "copy.db")
    data = bytearray((tmp_path / "copy.db").read_bytes())
    where = data.index(b'{"qty":"1"}')
    data[where + 8] ^= 1
    (tmp_path / "copy.db").write_bytes(data)
    for source in (tmp_path / "copy.db", tmp_path / "missing.db"):
        with pytest.raises(ArtifactError):
            restore(state, source, T0)
    assert everything_of(state) == good
    assert not list(state.glob("aside*"))


def test_a_state_that_is_written_is_left_alone(state: Path, tmp_path: Path) -> None:
    backup(state, tmp_path / "copy.db")
    journal = Journal.open(state, a_head(T0 + 10**7))
    with pytest.raises(StateLockedError):
        restore(state, tmp_path / "copy.db", T0)
    with pytest.raises(StateLockedError):
        set_aside(state, T0)
    journal.close()


class Stopped(BaseException):
    """The process ends here."""


def stopping_after(moves: int) -> Callable[[Path, Path], None]:
    """Return ``os.replace`` of a process that ends after so many files are moved."""
    replace, left = os.replace, [moves]

    def move(source: Path, target: Path) -> None:
        if not left[0]:
            raise Stopped
        left[0] -= 1
        replace(source, target)

    return move


def test_a_restore_that_is_cut_anywhere_leaves_a_state_that_is_refused(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(state, tmp_path / "copy.db")
    (state / "state.db-wal").write_bytes(b"")
    cuts = 0
    while True:
        work = Path(shutil.copytree(state, tmp_path / f"cut_{cuts}"))
        with monkeypatch.context() as patch:
            patch.setattr("os.replace", stopping_after(cuts))
            try:
                restore(work, tmp_path / "copy.db", T0)
                break
            except Stopped:
                cuts += 1
        with pytest.raises(ArtifactError):
            Journal.open(work, a_head(T0 + 10**7))
        restore(work, tmp_path / "copy.db", T0)
        assert survey(work).problems == []
    assert cuts >= 4  # log, database, HEAD, copy
    assert survey(work).problems == []


def test_a_state_set_aside_begins_anew_and_is_kept(state: Path) -> None:
    good = everything_of(state)
    for number in (1, 2):
        aside = set_aside(state, T0)
        assert aside == state / f"aside_{number:03d}"
        if number == 1:
            assert everything_of(aside) == good
        Journal.open(state, a_head()).close()
        assert len(rows_of(state)) == 1


def test_nothing_to_set_aside_is_nothing(tmp_path: Path) -> None:
    assert set_aside(tmp_path, T0) is None


def test_a_state_folder_can_be_the_source(state: Path, tmp_path: Path) -> None:
    good = everything_of(state)
    other = tmp_path / "other"
    restore(other, state, T0)
    assert everything_of(other) == good
    # a folder's HEAD vouches for it as everywhere
    shutil.rmtree(other)
    (state / "state.db-wal").unlink()
    with pytest.raises(ArtifactError):
        restore(other, state, T0)
