"""The reference of the line grammar: what a file of events may hold."""

from __future__ import annotations

from typing import Any

from attrs import NOTHING, fields

from grinder_app.reference.docstrings import first_paragraph, own_docstring
from grinder_app.reference.field_meanings import json_meaning
from grinder_app.reference.line_kinds import ENVELOPE, LINE_KINDS, LineKind
from grinder_app.reference.line_rules import NAMED, Rule
from grinder_app.reference.markdown import anchor, code, fenced, page, prose, section, table
from grinder_core.codec import canonical_json
from grinder_core.contracts.event import KINDS, MARKET_KINDS

_GRAMMAR = """\
A file of events is JSON Lines (`.jsonl`), the same compressed (`.jsonl.gz`), or Parquet \
(`.parquet`, written by `grinder data import` and `export`). A line is one JSON object.

* `type` names the kind. Lines of other types are ignored and counted.
* Prices, quantities and amounts are decimal strings: digits with at most one point, in quotes. A \
JSON number is refused, because a float has already lost the exact value.
* Keys that a kind does not have are ignored. A key that stands twice is refused.
* Time never goes back: an event's time is `ts_recv_ms` where it is given, else `ts`. Equal times \
are legal and keep their order.
* A line that breaks a rule ends the command with exit code 2 and a message that names file, \
line, field, value and rule."""


def events_markdown() -> str:
    """Return the page of the line grammar."""
    return page(
        "Events",
        _GRAMMAR,
        *(_kind(name, kind, MARKET_KINDS[name]) for name, kind in LINE_KINDS.items()),
        _envelope(),
        _rules(),
        _other_kinds(),
    )


def _kind(name: str, line: LineKind, contract: type[Any]) -> str:
    required = {field.name: field.default is NOTHING for field in fields(contract)}
    rows = [
        (code(key), _rule_link(rule), "yes" if required[key] else "", json_meaning(contract, key))
        for key, rule in line.all_rules().items()
    ]
    return section(
        name,
        _about(contract),
        table(("field", "rule", "required", "meaning"), rows),
        line.together,
        fenced(canonical_json(line.example), "json"),
    )


def _about(contract: type[Any]) -> str:
    """Return a contract's docstring up to its first section."""
    return prose(own_docstring(contract).split("\nAttributes:", 1)[0])


def _envelope() -> str:
    rows = [(code(key), _rule_link(rule), text) for key, (rule, text) in ENVELOPE.items()]
    return section(
        "Of every kind",
        "Any line may also have:",
        table(("field", "rule", "meaning"), rows),
    )


def _rules() -> str:
    rows = [
        (name, rule.text, _values(rule.keeps), _values(rule.breaks)) for name, rule in NAMED.items()
    ]
    return section("Rules", table(("rule", "in words", "taken, such as", "refused, such as"), rows))


def _values(values: tuple[Any, ...]) -> str:
    return ", ".join(code(_json(value)) for value in values[:6])


def _json(value: Any) -> str:
    return str(value) if isinstance(value, float) else canonical_json(value)


def _rule_link(rule: Rule) -> str:
    name = next(name for name, known in NAMED.items() if known is rule)
    return f"[{name}](#{anchor('Rules')})"


def _other_kinds() -> str:
    rows = [
        (code(name), first_paragraph(kind))
        for name, kind in KINDS.items()
        if name not in MARKET_KINDS
    ]
    return section(
        "Kinds that no file holds",
        "The engine also folds these; drivers and operators make them, data files do not.",
        table(("kind", "meaning"), rows),
    )
