"""The readme keeps its promises: two commands, and a result in twenty lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from grinder_app import cli
from tests.docs.documents import ROOT, Block, blocks
from tests.docs.reader import Reader, commands_of

README = ROOT / "README.md"


def of_language(language: str) -> list[Block]:
    return [block for block in blocks(README) if block.language == language]


@pytest.mark.usefixtures("empty_folder", "no_network")
def test_twenty_lines_lead_to_a_printed_result(capsys: pytest.CaptureFixture[str]) -> None:
    first = of_language("python")[0]
    lines = [line for line in first.text.splitlines() if line.strip()]
    assert lines[0].startswith("import grinder_core")
    assert len(lines) <= 20
    Reader(cli.run).do(first)
    said = capsys.readouterr().out
    assert "net PnL" in said
    assert "digest" in said


def test_it_begins_with_two_commands() -> None:
    one, two = of_language("sh")[:2]
    sessions = []
    for block in (one, two):
        assert len(block.text.splitlines()) == 1
        assert not block.not_run
        sessions.append(list(commands_of(block))[-1][-2:])
    assert sessions == [["-s", "demo"], ["-s", "tests"]]


def test_the_second_command_is_what_continuous_integration_runs() -> None:
    text = of_language("sh")[1].text
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert text in script.splitlines()


def test_every_page_of_the_documentation_can_be_reached(root: Path) -> None:
    reached, open_pages = set(), [README]
    while open_pages:
        page = open_pages.pop()
        if page in reached or not page.is_file():
            continue
        reached.add(page)
        if page.suffix == ".md":
            open_pages += _linked(page)
    missing = set((root / "docs").rglob("*.md")) - reached
    assert not missing


def _linked(page: Path) -> list[Path]:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    paths = [(page.parent / target).resolve() for target in targets if "://" not in target]
    return [p for path in paths for p in (sorted(path.glob("*.md")) if path.is_dir() else [path])]
