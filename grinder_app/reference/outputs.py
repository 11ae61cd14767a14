"""The reference of what comes out: outputs, results, and the files of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from attrs import fields

from grinder_adapters.runs.tables import TABLES, TRADES, Table
from grinder_app.reference.docstrings import first_paragraph
from grinder_app.reference.field_meanings import EVENT_DETAILS, GATE_DETAILS, in_json, json_meaning
from grinder_app.reference.json_types import hints_of, json_type
from grinder_app.reference.markdown import anchor, code, fenced, page, section, table
from grinder_app.reference.reasons import link_to
from grinder_app.reference.run_files import (
    COLLECTED_KEYS,
    COLUMN_MEANINGS,
    MANIFEST_KEYS,
    RUN_TREE,
    SEAL_KEYS,
    STATUSES,
    TABLE_MEANINGS,
)
from grinder_app.reference.sample import sample_output, sample_run
from grinder_core.codec import canonical_json
from grinder_core.contracts.account import Position
from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.decisions import ControllerDecision, CycleIntent, RegimeDecision
from grinder_core.contracts.features import FeatureSnapshot, L2FeatureSnapshot
from grinder_core.contracts.orders import ExecutionAction, ExecutionEvent, Fill
from grinder_core.contracts.outputs import PaperOutput, PnlSnapshot
from grinder_core.contracts.plan import GridPlan, GridShape
from grinder_core.contracts.verdicts import GatingResult, PrefilterResult
from grinder_core.engine.stats import EngineStats
from grinder_core.session.checkpoint import Checkpoint
from grinder_core.session.result import PaperResult, RunError, SymbolCosts

_COLUMNS: Final = ("key", "type", "meaning")
# published without a class of its own, or under another type than the attribute's
_RESULT_TYPES: Final = {
    "errors": f"list of [RunError](#{anchor('RunError')})",
    "final_positions": f"object of [Position](#{anchor('Position')})",
    "stats": f"[EngineStats](#{anchor('EngineStats')})",
    "kill_switch": "object",
    "topk_selected_symbols": "list of text",
    "costs": f"object of [SymbolCosts](#{anchor('SymbolCosts')})",
    "regimes": "list of object",
    "topk_k": "integer",
    "topk_scores": "object of integer",
    "topk_lookahead": "true or false",
}


def outputs_markdown() -> str:
    """Return the page of outputs, results and run folders."""
    return page(
        "Outputs",
        "Decimals are written as text without exponent, plus sign or superfluous zero; times are "
        "Unix milliseconds UTC; money is quote currency, quantities base asset. Keys may be "
        "added within schema `v1`; removing or renaming one makes a new version.",
        _paper_output(),
        _replay_output(),
        *(_contract(kind) for kind in (PrefilterResult, GatingResult)),
        _details("Details of a refusal", "reason", GATE_DETAILS),
        _plan(),
        *(_contract(kind) for kind in (ExecutionAction, ExecutionEvent)),
        _details("Details of an execution event", "type", EVENT_DETAILS),
        _contract(Fill),
        _contract(PnlSnapshot, extra=("total_pnl",)),
        _contract(FeatureSnapshot),
        _contract(L2FeatureSnapshot),
        _contract(RegimeDecision),
        _contract(ControllerDecision),
        _contract(CycleIntent),
        _contract(FundingPaid),
        _result(),
        *(_contract(kind) for kind in (Position, SymbolCosts, RunError, EngineStats)),
        *_run_folder(),
        _checkpoint(),
    )


def _paper_output() -> str:
    digest_view = sample_run().outputs[0].digest_view()  # type: ignore[index]
    hints = hints_of(PaperOutput)
    rows = [
        (
            code(key),
            json_type(hints[key], _link),
            "yes" if key in digest_view else "",
            json_meaning(PaperOutput, key),
        )
        for key in sample_output()
    ]
    return section(
        "PaperOutput",
        "The whole answer to one SNAPSHOT (CORE-42). Keys marked as digest are the digest's view "
        "and what a line of `outputs.jsonl` holds; the others never change a digest.",
        table(("key", "type", "digest", "meaning"), rows),
        "A line of `outputs.jsonl`:",
        fenced(canonical_json(digest_view), "json"),
    )


def _replay_output() -> str:
    outputs = sample_run().outputs
    assert outputs is not None
    keys = ", ".join(code(key) for key in outputs[0].replay_view())
    return section(
        "ReplayOutput",
        f"What `grinder replay` writes and digests (CORE-05): {keys} of PaperOutput.",
    )


def _contract(kind: type[Any], *, extra: Iterable[str] = ()) -> str:
    names = [*(field.name for field in fields(kind)), *extra]
    return section(
        kind.__name__, in_json(first_paragraph(kind)), table(_COLUMNS, _rows(kind, names))
    )


def _rows(kind: type[Any], names: Iterable[str]) -> list[tuple[str, str, str]]:
    hints = hints_of(kind)
    return [(code(name), json_type(hints[name], _link), json_meaning(kind, name)) for name in names]


def _plan() -> str:
    hints = hints_of(GridShape) | hints_of(GridPlan)
    own = {field.name for field in fields(GridPlan)}
    rows = [
        (
            code(key),
            json_type(hints[key], _link),
            json_meaning(GridPlan if key in own else GridShape, key),
        )
        for key in sample_output()["plan"]
    ]
    return section(
        GridPlan.__name__,
        f"{first_paragraph(GridPlan)} Published flat, shape and centre in one object (CORE-03).",
        table(_COLUMNS, rows),
    )


def _details(title: str, named_by: str, details: Mapping[str, Mapping[str, str]]) -> str:
    rows = [
        (code(value) if index == 0 else "", code(key), text)
        for value, keys in details.items()
        for index, (key, text) in enumerate(keys.items())
    ]
    return section(title, table((named_by, "key", "meaning"), rows), level=3)


def _result() -> str:
    hints = hints_of(PaperResult)
    rows = [
        (
            code(key),
            _RESULT_TYPES.get(key) or json_type(_hint_of_result(key, hints), _link),
            json_meaning(PaperResult, key),
        )
        for key in sample_run().to_dict()
    ]
    return section(PaperResult.__name__, first_paragraph(PaperResult), table(_COLUMNS, rows))


def _hint_of_result(key: str, hints: Mapping[str, Any]) -> Any:
    return hints[key] if key in hints else hints_of(EngineStats)[key]


def _run_folder() -> Iterable[str]:
    rows = _key_rows(MANIFEST_KEYS)
    statuses = table(("status", "meaning"), [(code(s), text) for s, text in STATUSES.items()])
    yield section(
        "Run folder",
        "Every run gets a folder below the artifact folder. Files appear whole or not at all.",
        fenced(RUN_TREE, "text"),
    )
    yield section("run.json", table(("key", "meaning"), rows), statuses, level=3)
    yield section(
        "result.json",
        "PaperResult, and under `collected` how much of the session the tables cover:",
        table(("key", "meaning"), _key_rows(COLLECTED_KEYS)),
        level=3,
    )
    yield from (_table_file(each) for each in TABLES)
    yield section(
        "files.json",
        "One entry for each other file of the session, written last:",
        table(("key", "meaning"), _key_rows(SEAL_KEYS)),
        level=3,
    )


def _table_file(file: Table) -> str:
    rows = [
        (
            code(name),
            "decimal" if kind is Decimal else "integer" if kind is int else "text",
            _column(file, name),
        )
        for name, kind in file.columns.items()
    ]
    about = TABLE_MEANINGS[file.file]
    return section(file.file, about, table(("column", "type", "meaning"), rows), level=3)


def _column(file: Table, name: str) -> str:
    if file is TRADES:
        return json_meaning(Fill, name)
    return COLUMN_MEANINGS[file.file][name]


def _checkpoint() -> str:
    return section(
        "Checkpoint file",
        f"{first_paragraph(Checkpoint)} One line of canonical JSON and its SHA-256; a file that "
        "was changed or cut is refused with `E_ARTIFACT`.",
        table(
            ("key", "meaning"),
            [(code(f.name), json_meaning(Checkpoint, f.name)) for f in fields(Checkpoint)],
        ),
    )


def _key_rows(meanings: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(code(key), text) for key, text in meanings.items()]


def _link(kind: type[Any]) -> str:
    if issubclass(kind, Enum):
        return link_to(kind)
    return f"[{kind.__name__}](#{anchor(kind.__name__)})"
