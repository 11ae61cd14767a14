"""Every page can be followed from top to bottom, and every command it mentions exists."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from cyclopts import CycloptsError, MissingArgumentError

from grinder_app import cli
from tests.docs.documents import documents, inline_code, shown
from tests.docs.reader import Reader


@pytest.mark.usefixtures("empty_folder", "no_network")
@pytest.mark.parametrize("page", documents(), ids=shown)
def test_a_page_can_be_followed(page: Path) -> None:
    Reader(cli.run).follow(page)


@pytest.mark.parametrize("page", documents(), ids=shown)
def test_commands_mentioned_in_passing_exist(page: Path) -> None:
    for line, text in inline_code(page):
        if text.startswith("grinder ") and "..." not in text:
            _check_command(f"{shown(page)}:{line}", shlex.split(text)[1:])


def _check_command(place: str, words: list[str]) -> None:
    try:
        cli.app.parse_args(words, exit_on_error=False, print_error=False)
    except MissingArgumentError:
        return  # a command named without its arguments
    except CycloptsError as error:
        pytest.fail(f"{place}: grinder {shlex.join(words)}: {error}")
