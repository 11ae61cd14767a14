"""The committed fixtures are what the generator makes; digests change only on demand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grinder_adapters.feeds.fixture import discover, load_fixture
from grinder_adapters.synthetic import fixtures
from grinder_adapters.synthetic.fixtures import NAMES, digests, generate, main, write
from grinder_core.errors import ConfigError

COMMITTED = Path(__file__).resolve().parents[2] / "fixtures"


@pytest.mark.parametrize("name", NAMES)
def test_making_a_fixture_again_gives_the_committed_bytes(name: str) -> None:
    files, folder = generate(name), COMMITTED / name
    assert files.events == (folder / "events.jsonl").read_bytes()
    fixture = load_fixture(folder)
    locked = (fixture.expected_replay_digest, fixture.expected_paper_digest)
    assert files.config(locked) == (folder / "config.json").read_bytes()


def test_every_committed_fixture_has_a_generator() -> None:
    assert [path.name for path in discover(COMMITTED)] == sorted(NAMES)
    assert len(NAMES) == 11, "CORE-07 names eleven"


@pytest.mark.parametrize("name", NAMES)
def test_the_locked_digests_are_those_of_now(name: str) -> None:
    """A difference is a changed trading decision: accept it with a changelog entry."""
    fixture = load_fixture(COMMITTED / name)
    assert digests(name) == (fixture.expected_replay_digest, fixture.expected_paper_digest)


@pytest.mark.parametrize("name", NAMES)
def test_fixtures_stay_small(name: str) -> None:
    assert len(generate(name).events) < 400_000


@pytest.fixture
def two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the fixtures stand for all: what is tested is what happens to their files."""
    monkeypatch.setattr(fixtures, "NAMES", ("sample_day", "sample_day_toxic"))


@pytest.mark.usefixtures("two_names")
def test_writing_never_changes_a_locked_digest(tmp_path: Path) -> None:
    write(tmp_path, accept=("sample_day", "sample_day_toxic"))
    config = tmp_path / "sample_day" / "config.json"
    data = json.loads(config.read_text())
    data["expected_paper_digest"] = "0123456789abcdef"
    config.write_text(json.dumps(data))
    assert main(["--write", str(tmp_path)]) == 1
    assert load_fixture(config.parent).expected_paper_digest == "0123456789abcdef"


@pytest.mark.usefixtures("two_names")
def test_accepting_locks_one_fixture_and_leaves_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--write", str(tmp_path), "--accept", "sample_day"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 2 * 2
    assert [line.endswith("locked") for line in told[:2]] == [True, True]
    assert load_fixture(tmp_path / "sample_day").expected_replay_digest == digests("sample_day")[0]
    assert load_fixture(tmp_path / "sample_day_toxic").expected_paper_digest is None


def test_an_unknown_name_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sample_night"):
        write(tmp_path, accept=["sample_night"])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match="sample_night"):
        generate("sample_night")
