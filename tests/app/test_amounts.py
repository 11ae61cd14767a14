"""Every option that takes a decimal number says what one is, instead of falling over."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import get_args

import pytest
from cyclopts.argument import Argument

from grinder_app.cli import app, run
from grinder_app.reference.cli import arguments_of, commands
from grinder_app.runner.amounts import read_amount


def amounts() -> Iterator[tuple[tuple[str, ...], Argument]]:
    """Options of all commands whose values are decimal numbers, or lists of them."""
    for path, command in commands(app, ()):
        for argument in arguments_of(command):
            if argument.hint is Decimal or Decimal in get_args(argument.hint):
                yield path, argument


AMOUNTS = list(amounts())


def test_there_are_such_options() -> None:
    assert ("venue", "serve") in [path for path, _ in AMOUNTS]


@pytest.mark.parametrize(("path", "argument"), AMOUNTS, ids=lambda part: str(part)[:40])
@pytest.mark.parametrize("text", ["abc", "", "NaN", "Infinity", "1e3", "+1", "1,5", "0x1"])
def test_what_is_no_number_is_refused_in_words(
    path: tuple[str, ...], argument: Argument, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert argument.parameter.converter is read_amount
    assert run([*path, f"{argument.names[0]}={text}"]) == 2
    said = " ".join(capsys.readouterr().err.replace("|", " ").split())
    words = " ".join(word for word in said.split() if word not in {"\u2502"})
    assert argument.names[0] in words
    assert f"'{text}'" in words
    assert "must be a decimal number like 1.5" in words


def test_what_is_a_number_out_of_range_is_refused_in_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["venue", "serve", "--port=0", "--duration=0.1", "--deposit=-1"]) == 2
    assert "must be > 0" in capsys.readouterr().err
