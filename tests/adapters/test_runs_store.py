"""Runs are found by id, prefix, name, path and age; removal touches one run only."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.clock import SystemClock
from grinder_adapters.runs import RunStore
from grinder_adapters.runs.times import iso_utc, utc_date
from grinder_core.errors import InputError

DAY_MS = 86_400_000
T0 = 1_723_075_200_000


def finished(store: RunStore, start_ms: int, name: str = "") -> Path:
    writer = store.create("paper", start_ms, name=name)
    writer.finish("good")
    return writer.path


def test_runs_of_one_millisecond_get_their_own_numbers(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    names = [finished(store, T0).name for _ in range(3)]
    assert names == [f"run_{T0}_0", f"run_{T0}_1", f"run_{T0}_2"]


def test_runs_are_listed_by_start_across_days(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for start in (T0 + 2 * DAY_MS, T0, T0 + DAY_MS):
        finished(store, start)
    (tmp_path / "2024-08-08" / "notes").mkdir()
    (tmp_path / "elsewhere" / f"run_{T0}_0").mkdir(parents=True)
    assert [run.start_ms for run in store.list()] == [T0, T0 + DAY_MS, T0 + 2 * DAY_MS]
    assert store.find("latest") == tmp_path / "2024-08-10" / f"run_{T0 + 2 * DAY_MS}_0"


def test_a_run_answers_to_id_folder_prefix_name_and_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(tmp_path / "runs")
    path = finished(store, T0, "calm")
    finished(store, T0 + DAY_MS)
    monkeypatch.chdir(path.parent)
    for ref in (f"{T0}_0", f"run_{T0}_0", "17230752", "run_17230752", "calm", str(path)):
        assert store.find(ref).resolve() == path.resolve(), ref


def test_a_run_folder_elsewhere_is_found_by_path_but_never_removed(tmp_path: Path) -> None:
    foreign = finished(RunStore(tmp_path / "other"), T0)
    store = RunStore(tmp_path / "runs")
    finished(store, T0 + 1)
    assert store.find(str(foreign)) == foreign
    with pytest.raises(InputError, match="no such run"):
        store.remove(str(foreign))
    assert foreign.is_dir()


def test_an_ambiguous_prefix_names_its_candidates(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    finished(store, T0)
    finished(store, T0)
    with pytest.raises(InputError, match=f"{T0}_0, {T0}_1"):
        store.find("1723")


def test_a_whole_id_is_that_run_though_others_begin_with_it(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for _ in range(11):
        finished(store, T0)
    assert store.find(f"{T0}_1").name == f"run_{T0}_1"
    assert store.remove(f"run_{T0}_1").id == f"{T0}_1"
    assert len(store.list()) == 10


@pytest.mark.parametrize("ref", ["9", "", "nobody", "latest/..", "run_", "../x"])
def test_what_no_run_answers_to_is_refused(tmp_path: Path, ref: str) -> None:
    store = RunStore(tmp_path)
    finished(store, T0)
    with pytest.raises(InputError, match="no such run"):
        store.find(ref)


def test_an_empty_store_says_how_to_make_a_run(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "absent")
    assert store.list() == []
    with pytest.raises(InputError, match="there are no runs"):
        store.find("latest")


def test_a_name_is_unique_and_cannot_be_taken_for_an_id(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    finished(store, T0, "calm")
    with pytest.raises(InputError, match=f"names run {T0}_0 already"):
        store.create("paper", T0, name="calm")
    for name in ("latest", "run_1", "1723", "a/b", " "):
        with pytest.raises(InputError, match="name"):
            store.create("paper", T0, name=name)
    assert len(store.list()) == 1


def test_removal_takes_one_run_and_the_empty_day(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    first, second = finished(store, T0), finished(store, T0)
    assert store.remove(f"{T0}_0").path == first
    assert not first.exists()
    assert second.exists()
    store.remove(f"{T0}_1")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_manifest_is_unfinished_and_can_be_removed(tmp_path: Path) -> None:
    folder = tmp_path / "2024-08-08" / f"run_{T0}_0"
    folder.mkdir(parents=True)
    store = RunStore(tmp_path)
    assert store.summary("latest").status == "unfinished"
    store.remove("latest")
    assert not folder.exists()


@given(st.integers(0, 253_402_300_799_999))
def test_the_date_is_the_beginning_of_the_instant(ms: int) -> None:
    text = iso_utc(ms)
    assert text.startswith(utc_date(ms) + "T")
    assert text.endswith(f".{ms % 1000:03d}Z")


def test_known_instants() -> None:
    assert iso_utc(951_782_399_999) == "2000-02-28T23:59:59.999Z"
    assert utc_date(951_782_400_000) == "2000-02-29"


def test_the_system_clock_is_past_the_commit_of_this_test() -> None:
    assert SystemClock().now_ms() > 1_700_000_000_000
