"""The reference of events is true: its examples load, its rules are what the readers enforce."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import NOTHING, fields

from grinder_adapters.feeds.grammar import read_line, read_line_fast
from grinder_app.reference.line_kinds import ENVELOPE, LINE_KINDS
from grinder_app.reference.line_rules import NAMED, Rule
from grinder_core.contracts.event import KINDS, MARKET_KINDS, market_event, market_line
from grinder_core.errors import InputError

# the other side of a pair that must keep an order with the value that is tried
PARTNERS = {
    "bid_price": {"ask_price": "999999999.99999999"},
    "ask_price": {"bid_price": "0.00000001"},
    "first_update_id": {"last_update_id": 2**64},
    "last_update_id": {"first_update_id": 0},
}


def every_field() -> Iterator[tuple[str, str, Rule]]:
    for kind, line in LINE_KINDS.items():
        for name, rule in line.all_rules().items():
            yield kind, name, rule
        for name, (rule, _) in ENVELOPE.items():
            yield kind, name, rule


FIELDS = [pytest.param(*each, id=f"{each[0]}.{each[1]}") for each in every_field()]


def encoded(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode()


def test_every_kind_and_field_is_documented() -> None:
    assert list(LINE_KINDS) == list(MARKET_KINDS)
    for kind, line in LINE_KINDS.items():
        assert list(line.all_rules()) == [field.name for field in fields(MARKET_KINDS[kind])]


@pytest.mark.parametrize("kind", LINE_KINDS)
def test_an_example_is_a_line_of_its_kind(kind: str) -> None:
    example = LINE_KINDS[kind].example
    event = market_event(example)
    assert event.kind == kind
    assert read_line(encoded(example), 0) == event
    assert market_event(market_line(event)) == event


@pytest.mark.parametrize(("kind", "name", "rule"), FIELDS)
def test_a_rule_is_what_the_reader_enforces(kind: str, name: str, rule: Rule) -> None:
    whole = {**LINE_KINDS[kind].example, **PARTNERS.get(name, {})}
    for value in rule.keeps:
        assert read_line(encoded({**whole, name: value}), 0) is not None, value
    for value in rule.breaks:
        line = encoded({**LINE_KINDS[kind].example, name: value})
        with pytest.raises(InputError, match=name):
            read_line(line, 0)
        assert read_line_fast(line, 0) is None, value


@pytest.mark.parametrize("kind", LINE_KINDS)
def test_fields_are_required_where_the_page_says_so(kind: str) -> None:
    for field in fields(MARKET_KINDS[kind]):
        line = {k: v for k, v in LINE_KINDS[kind].example.items() if k != field.name}
        if field.default is NOTHING:
            with pytest.raises(InputError, match=rf"{field.name}.*is missing"):
                read_line(encoded(line), 0)
        else:
            assert read_line(encoded(line), 0) is not None


@pytest.mark.parametrize("kind", [kind for kind, line in LINE_KINDS.items() if line.together])
def test_what_fields_must_keep_together_is_enforced(kind: str) -> None:
    line = LINE_KINDS[kind]
    assert line.breaks
    for change in line.breaks:
        with pytest.raises(InputError):
            read_line(encoded({**line.example, **change}), 0)


def test_every_rule_is_named_and_used() -> None:
    used = {rule.text for _, _, rule in every_field()}
    assert used == {rule.text for rule in NAMED.values()}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in MARKET_KINDS])
def test_kinds_that_no_file_holds_are_ignored_by_the_reader(kind: str) -> None:
    assert read_line(encoded({"type": kind, "ts": 1}), 0) is None


def test_unknown_keys_are_ignored_and_double_keys_refused() -> None:
    example = LINE_KINDS["FUNDING"].example
    assert read_line(encoded({**example, "extra": 1.5}), 0) == market_event(example)
    with pytest.raises(InputError, match="twice"):
        read_line(b'{"ts":1,' + encoded(example)[1:], 0)
