"""LIVE-36: one loud parser; any text gives a value or a ConfigError that names it."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.env import (
    nearest,
    parse_bool,
    parse_csv,
    parse_decimal,
    parse_enum,
    parse_int,
)
from grinder_core.errors import ConfigError


class Mode(StrEnum):
    READ_ONLY = "read_only"
    PAPER = "PAPER"


@pytest.mark.parametrize("text", ["1", "true", "YES", " on ", "True"])
def test_truthy(text: str) -> None:
    assert parse_bool("FLAG", text) is True


@pytest.mark.parametrize("text", ["0", "false", "NO", " off ", "", "  "])
def test_falsey(text: str) -> None:
    assert parse_bool("FLAG", text, default=True) is False


def test_an_empty_value_cannot_disarm_a_protection() -> None:
    assert parse_bool("RECONCILE_DRY_RUN", "", default=True, protective=True) is True
    assert parse_bool("RECONCILE_DRY_RUN", "0", default=True, protective=True) is False


def test_unset_gives_the_default() -> None:
    assert parse_bool("X", None, default=True) is True
    assert parse_int("X", None, default=7) == 7
    assert parse_decimal("X", None, default=Decimal("1.5")) == Decimal("1.5")
    assert parse_csv("X", None, default=("a",)) == ("a",)
    assert parse_enum("X", None, Mode, default=Mode.PAPER) is Mode.PAPER


def test_values() -> None:
    assert parse_int("X", " -12 ") == -12
    assert parse_decimal("X", "0.10") == Decimal("0.10")
    assert parse_csv("X", " b, a,,b , ") == ("b", "a")
    assert parse_enum("X", "Read_Only", Mode, default=Mode.PAPER) is Mode.READ_ONLY
    assert parse_enum("X", "paper", Mode, default=Mode.READ_ONLY) is Mode.PAPER


@pytest.mark.parametrize(
    ("read", "accepted"),
    [
        (lambda text, **k: parse_bool("NAME", text, **k), "1, true, yes, on or 0, false, no, off"),
        (lambda text, **k: parse_int("NAME", text, ge=1, le=9, **k), "integer >= 1 and <= 9"),
        (lambda text, **k: parse_decimal("NAME", text, **k), "decimal"),
        (lambda text, **k: parse_csv("NAME", text, item=re.compile("[A-Z]+"), **k), "[A-Z]+"),
        (lambda text, **k: parse_enum("NAME", text, Mode, default=Mode.PAPER, **k), "read_only"),
    ],
)
def test_invalid_names_variable_value_and_what_is_accepted(
    read: Callable[..., Any], accepted: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read("n0pe")
    assert "NAME = 'n0pe'" in str(caught.value)
    assert accepted in str(caught.value)
    told: list[str] = []
    assert read("n0pe", strict=False, warn=told.append) == read(None)
    assert len(told) == 1
    assert "NAME = 'n0pe'" in told[0]


@pytest.mark.parametrize("text", ["0", "10", "-1", "1.0", "1e3", "+5", "0x1", "", "\u0661"])
def test_integers_outside_their_bounds_or_grammar(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_int("NAME", text, ge=1, le=9)


@given(st.text() | st.from_regex(r"-?[0-9.]{0,40}", fullmatch=True))
def test_strict_parsing_of_any_text_is_a_value_or_a_config_error(text: str) -> None:
    readers: list[tuple[Callable[[], object], type]] = [
        (lambda: parse_bool("X", text), bool),
        (lambda: parse_int("X", text), int),
        (lambda: parse_decimal("X", text), Decimal),
        (lambda: parse_csv("X", text), tuple),
        (lambda: parse_enum("X", text, Mode, default=Mode.PAPER), Mode),
    ]
    for read, kind in readers:
        refused: ConfigError | None = None
        try:
            value = read()
        except ConfigError as error:
            refused = error
        assert isinstance(value, kind) if refused is None else refused.field == "X"


@given(st.lists(st.text(st.characters(exclude_characters=",")), max_size=8))
def test_a_list_keeps_order_and_drops_empties_and_repeats(parts: list[str]) -> None:
    items = parse_csv("X", ",".join(parts))
    assert len(set(items)) == len(items)
    assert all(item == item.strip() != "" for item in items)
    stripped = [part.strip() for part in parts if part.strip()]
    assert sorted(items, key=stripped.index) == list(items)
    assert set(items) == set(stripped)


def test_the_nearest_name() -> None:
    known = ["GRINDER_STATE_DIR", "GRINDER_DATA_DIR"]
    assert nearest("GRINDER_STATEDIR", known) == "GRINDER_STATE_DIR"
    assert nearest("HOME", known) == ""
