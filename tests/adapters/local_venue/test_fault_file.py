"""Fault files: what is written reads back, and errors say where and what."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.local_venue import fault_file
from grinder_adapters.local_venue.fault_file import parse_faults, read_fault_file, render_faults
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match, RequestOp
from grinder_adapters.local_venue.fault_plans import PLAN_NAMES, named_faults, random_plan
from grinder_core.contracts.enums import Side
from grinder_core.errors import ConfigError
from grinder_core.venue.exchange.vocabulary import SymbolStatus

TEXT = """
seed = 7
[[fault]]
kind = "drop_after"
op = "place"
side = "BUY"
nth = 3
[[fault]]
kind = "unknown_503"
executed = true
[[fault]]
kind = "filter_change"
symbol = "BTCUSDT"
from_ms = 60000
tick_times = "0.1"
[[fault]]
kind = "status_change"
symbol = "BTCUSDT"
symbol_status = "SETTLING"
"""
FAULTS = (
    Fault(
        kind=FaultKind.DROP_AFTER,
        match=Match(op=RequestOp.PLACE, side=Side.BUY, nth=3),
    ),
    Fault(kind=FaultKind.UNKNOWN_503, executed=True),
    Fault(
        kind=FaultKind.FILTER_CHANGE,
        match=Match(symbol="BTCUSDT", from_ms=60_000),
        tick_times=Decimal("0.1"),
    ),
    Fault(
        kind=FaultKind.STATUS_CHANGE,
        match=Match(symbol="BTCUSDT"),
        symbol_status=SymbolStatus.SETTLING,
    ),
)


def test_a_file_says_seed_and_faults(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(TEXT)
    read = read_fault_file(path)
    assert (read.seed, read.faults) == (7, FAULTS)
    empty = parse_faults("", "x")
    assert (empty.seed, empty.faults) == (0, ())


def test_the_example_of_the_documentation_is_a_file() -> None:
    example = re.search(r"::\n\n(.*)", fault_file.__doc__ or "", re.DOTALL)
    assert example is not None
    read = parse_faults(example[1], "docs")
    assert [fault.kind for fault in read.faults] == ["drop_after", "frame_late", "filter_change"]
    assert read.seed == 7


@given(st.integers(0, 2**62), st.integers(0, 20))
def test_random_plans_are_read_back_as_they_were_written(seed: int, intensity: int) -> None:
    faults = random_plan(seed, 60_000, intensity).faults
    read = parse_faults(render_faults(seed, faults), "x")
    assert (read.seed, read.faults) == (seed, faults)


def test_named_plans_are_read_back_as_they_were_written() -> None:
    for name in PLAN_NAMES:
        assert parse_faults(render_faults(0, named_faults(name)), "x").faults == named_faults(name)


@given(st.text(max_size=10).filter(str.isprintable))
def test_any_text_survives(text: str) -> None:
    fault = Fault(kind=FaultKind.DROP_BEFORE, match=Match(path=text))
    assert parse_faults(render_faults(0, [fault]), "x").faults == (fault,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1", "f.toml: sed = 1: is unknown"),
        ("seed = -1", "f.toml: seed = -1: must be an integer >= 0"),
        ("seed = true", "f.toml: seed = True: must be an integer >= 0"),
        ("fault = 3", "f.toml: fault: must be a list of tables"),
        ("fault = [3]", "f.toml: fault: must be a list of tables"),
        ("seed = ", "f.toml: is no TOML"),
        ("[[fault]]\nop = 'place'", "f.toml: fault 1: kind: is missing"),
        ("[[fault]]\nkind = 'drop_afer'", "did you mean drop_after?"),
        ("[[fault]]\nkind = 5", "fault 1: kind = 5: must be one of latency"),
        ("[[fault]]\nkind = 'drop_after'\nnht = 1", "nht = 1: is unknown; did you mean nth?"),
        ("[[fault]]\nkind = 'drop_after'\nmatch = 1", "fault 1: match = 1: is unknown"),
        ("[[fault]]\nkind = 'drop_after'\nnth = '1'", "nth = '1': must be an integer"),
        ("[[fault]]\nkind = 'drop_after'\nnth = 1.5", "nth = 1.5: must be an integer"),
        ("[[fault]]\nkind = 'drop_after'\nop = 'PLACE'", "op = 'PLACE': must be one of place"),
        ("[[fault]]\nkind = 'drop_after'\nside = 'LONG'", "side = 'LONG': must be one of BUY"),
        ("[[fault]]\nkind = 'unknown_503'\nexecuted = 1", "executed = 1: must be true or false"),
        ("[[fault]]\nkind = 'deposit'\namount = 1.5", "amount = 1.5: must be a decimal string"),
        ("[[fault]]\nkind = 'deposit'\namount = '1e3'", "amount = '1e3': must be a decimal"),
        (
            "[[fault]]\nkind = 'deposit'\namount = '1'\n[[fault]]\nkind = 'latency'",
            "f.toml: fault 2: delay_ms: is needed by latency",
        ),
    ],
)
def test_errors_name_file_entry_field_and_rule(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_faults(text, "f.toml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("f.toml: ")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read"):
        read_fault_file(tmp_path / "missing.toml")
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is no UTF-8"):
        read_fault_file(path)
