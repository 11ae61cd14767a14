"""The archive of finished writes: a dictionary that outlives the process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.write_archive import CACHE_KIB, KeyFilter, SqliteArchive
from grinder_core.errors import ArtifactError
from grinder_core.resilience.idempotency import Entry, Status, Write

DAY = 86_400_000
RESULTS = st.dictionaries(
    st.text(max_size=5), st.text(max_size=5) | st.integers(-(2**63), 2**63), max_size=3
)


def an_entry(key: str = "v:place:0", expires_at: int = DAY, **changes: object) -> Entry:
    values: dict[str, object] = {
        "op_name": Write.PLACE, "request_fingerprint": "ab", "created_at": 5, "result": {"a": "1"},
    }  # fmt: skip
    return Entry(key=key, status=Status.DONE, expires_at=expires_at, **values | changes)  # type: ignore[arg-type]


@pytest.fixture
def archive() -> Iterator[SqliteArchive]:
    with closing(SqliteArchive()) as made:
        yield made


ENTRIES = st.builds(
    an_entry,
    key=st.sampled_from(["a", "b", "c"]),
    expires_at=st.integers(0, 20),
    op_name=st.sampled_from(Write),
    request_fingerprint=st.text(max_size=5),
    created_at=st.integers(0, 2**62),
    result=RESULTS,
)


@given(st.lists(ENTRIES | st.integers(0, 25), max_size=20))
def test_it_is_a_dictionary_whose_expired_entries_can_be_dropped(
    steps: list[Entry | int],
) -> None:
    with closing(SqliteArchive()) as archive:
        plain: dict[str, Entry] = {}
        for step in steps:
            if isinstance(step, Entry):
                archive.keep(step)
                plain[step.key] = step
            else:
                expired = [k for k, e in plain.items() if (e.expires_at or 0) <= step]
                assert archive.purge(step) == len(expired)
                for key in expired:
                    del plain[key]
            assert {key: archive.find(key) for key in "abc"} == {k: plain.get(k) for k in "abc"}
            assert len(archive) == len(plain)


def test_entries_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "writes.db"
    with closing(SqliteArchive(path)) as archive:
        archive.keep(an_entry())
    with closing(SqliteArchive(path)) as archive:
        assert archive.find("v:place:0") == an_entry()


@given(st.sets(st.text(max_size=4), max_size=40), st.sets(st.text(max_size=4), max_size=40))
def test_a_filter_misses_no_key_and_passes_few_others(known: set[str], others: set[str]) -> None:
    keys = KeyFilter()
    for key in known:
        keys.add(key)
    assert all(key in keys for key in known)
    assert sum(key in keys for key in others - known) <= 1


def test_what_was_never_put_away_costs_no_lookup(archive: SqliteArchive) -> None:
    asked: list[str] = []
    archive._db.set_trace_callback(asked.append)
    assert archive.find("v:place:1") is None
    assert not asked


def test_two_private_archives_share_nothing(archive: SqliteArchive) -> None:
    archive.keep(an_entry())
    with closing(SqliteArchive()) as other:
        assert other.find("v:place:0") is None


def test_memory_is_bounded_by_the_pages_it_may_hold(archive: SqliteArchive) -> None:
    (pages,) = archive._db.execute("PRAGMA cache_size").fetchone()
    assert pages == -CACHE_KIB


@pytest.mark.parametrize("content", ["another version", "no database", "another database"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "writes.db"
    if content == "no database":
        path.write_bytes(b"x" * 5_000)
    else:
        with closing(sqlite3.connect(path)) as made:
            made.execute("CREATE TABLE other (x)")
            made.execute(f"PRAGMA user_version = {2 if content == 'another version' else 0}")
    with pytest.raises(ArtifactError):
        SqliteArchive(path)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="missing"):
        SqliteArchive(tmp_path / "missing" / "writes.db")


def test_an_archive_that_was_closed_fails_as_a_damaged_one_does() -> None:
    archive = SqliteArchive()
    archive.keep(an_entry("a"))
    archive.close()
    for call in (lambda: archive.find("a"), lambda: archive.purge(0)):
        with pytest.raises(ArtifactError, match="the archive fails"):
            call()
    with pytest.raises(ArtifactError):
        archive.keep(an_entry())
