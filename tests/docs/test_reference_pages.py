"""The generated pages are what the code says, in ASCII, and their links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from grinder_app import cli
from grinder_app.reference import PAGES
from grinder_app.reference import __main__ as pages
from grinder_app.reference.cli import arguments_of, commands
from grinder_app.reference.docstrings import own_docstring
from grinder_app.reference.markdown import anchor, table
from tests.docs.documents import ROOT, documents, prose, shown

REFERENCE = ROOT / "docs" / "reference"
LINK = re.compile(r"\]\((?P<path>[^)#\s]*)#(?P<anchor>[^)\s]+)\)")


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_what_the_code_says(name: str) -> None:
    remedy = "python -m grinder_app.reference --write docs/reference"
    written = (REFERENCE / name).read_bytes()
    assert written == PAGES[name]().encode("ascii"), f"stale: run {remedy}"


def test_pages_do_not_depend_on_what_ran_before() -> None:
    # attrs classes change their own type hints once a codec has used them
    command = [sys.executable, "-m", "grinder_app.reference"]
    hostile = {**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Kathmandu"}
    fresh = subprocess.run(command, cwd=ROOT, env=hostile, capture_output=True, check=True).stdout
    assert fresh.decode("ascii") == "\n".join(make() for make in PAGES.values())


def test_stale_missing_and_fresh_pages_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = {name: PAGES[name] for name in ("alerts.md", "events.md", "outputs.md")}
    monkeypatch.setattr(pages, "PAGES", some)
    folder = tmp_path / "reference"
    assert pages.main(["--check", str(folder)]) == 1
    assert pages.main(["--write", str(folder)]) == 0
    assert pages.main(["--check", str(folder)]) == 0
    capsys.readouterr()
    page = folder / "events.md"
    page.write_text(page.read_text().replace("SNAPSHOT", "SNAPSHOTS", 1))
    (folder / "alerts.md").unlink()
    assert pages.main(["--check", str(folder)]) == 1
    said = capsys.readouterr().err
    assert "events.md" in said
    assert "alerts.md" in said
    assert "outputs.md" not in said


@pytest.mark.parametrize("page", documents(), ids=shown)
def test_links_to_headings_lead_to_one(page: Path) -> None:
    for match in LINK.finditer(prose(page)):
        if "://" in match["path"]:
            continue
        target = (page.parent / match["path"]).resolve() if match["path"] else page
        headings = re.findall(r"^#+ (.+)$", prose(target), flags=re.MULTILINE)
        assert match["anchor"] in {anchor(heading) for heading in headings}, match[0]


def test_every_command_and_argument_says_what_it_is_for() -> None:
    found = dict(commands(cli.app, ("grinder",)))
    assert {path[1] for path in found} == set(cli.COMMANDS)
    for path, command in found.items():
        assert own_docstring(command.default_command), path
        for argument in arguments_of(command):
            assert argument.parameter.help, (path, argument.name)


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert table(("a",), [("x|y",)]).splitlines()[-1] == "| x\\|y |"
