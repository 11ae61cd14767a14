"""The unit of the page about keeping a session running: what it starts, and when again."""

from __future__ import annotations

import re
import shlex
from configparser import ConfigParser
from pathlib import Path

import pytest

from grinder_app import cli
from grinder_app.cli import Exit
from grinder_app.cli.control_giving import STOP_WAIT_S


@pytest.fixture
def unit(root: Path) -> ConfigParser:
    page = (root / "docs/how-to/keep-it-running.md").read_text("ascii")
    (text,) = re.findall(r"```text\n(.*?)```", page, re.S)
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read_string(text)
    return parser


def test_it_starts_a_command_that_there_is(unit: ConfigParser) -> None:
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert Path(program).name == "grinder"
    command, bound, _ = cli.app.parse_args(words, exit_on_error=False, print_error=False)
    assert command.__name__ == "run"
    assert words[:3] == ["live", "run", "--armed"]
    assert bound.arguments


def test_it_starts_again_only_where_that_can_help(unit: ConfigParser) -> None:
    never = {Exit(int(code)) for code in unit["Service"]["RestartPreventExitStatus"].split()}
    assert unit["Service"]["Restart"] == "on-failure"
    assert never == {Exit.FAILED, Exit.USAGE, Exit.CORRUPT}


def test_it_waits_for_a_stop_in_order(unit: ConfigParser) -> None:
    assert int(unit["Service"]["TimeoutStopSec"]) > STOP_WAIT_S
