"""Run every registered fixture against its expectation and report (CORE-43).

The report is a value: equal on every machine and from every working directory, so its digest
tells whether two machines agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from grinder_adapters.feeds.fixture import Fixture, discover, load_fixture
from grinder_core.codec import digest16, to_dict
from grinder_core.contracts.outputs import SCHEMA_VERSION
from grinder_core.errors import FixtureError, InputError
from grinder_core.numbers import ZERO
from grinder_core.session.result import run

REPORT_SCHEMA_VERSION: Final = "v1"

Entry = dict[str, Any]


def find_fixtures(root: Path) -> list[Path]:
    """Return the folders of all fixtures under a root, sorted by name.

    Raises:
        FixtureError: The root is no folder, or holds none.
    """
    folders = discover(root)
    if not folders:
        raise FixtureError(
            "holds no fixture (a folder with config.json)", where=str(root), remedy="name --root"
        )
    return folders


def run_report(root: Path, on_fixture: Callable[[], None] | None = None) -> dict[str, Any]:
    """Run all fixtures on paper; one that fails does not stop the rest.

    Args:
        on_fixture: Called after each fixture, for progress.

    Returns:
        Report v1 as JSON values, its own digest included.

    Raises:
        FixtureError: There is no fixture.
    """
    entries = []
    for folder in find_fixtures(root):
        entries.append(_checked_entry(folder, root))
        if on_fixture is not None:
            on_fixture()
    return assemble(entries)


def assemble(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the report over some entries, with its digest."""
    passed = sum(map(passes, entries))
    report = {
        "report_schema_version": REPORT_SCHEMA_VERSION,
        "paper_schema_version": SCHEMA_VERSION,
        "fixtures_run": len(entries),
        "fixtures_passed": passed,
        "fixtures_failed": len(entries) - passed,
        "all_digests_match": all(entry["digest_match"] for entry in entries),
        "results": list(entries),
    }
    return {**report, "report_digest": digest16(report)}


def passes(entry: Mapping[str, Any]) -> bool:
    """Whether a fixture ran without error to its expected digest; none expected is a failure."""
    return bool(entry["digest_match"]) and not entry["errors"]


def paper_entry(fixture: Fixture) -> Entry:
    """Run one loaded fixture on paper and return its entry of the report."""
    result = run(fixture.events, fixture.config, name=fixture.name, collect=False)
    expected = fixture.expected_paper_digest
    entry = {
        **_blank_entry(fixture.name),
        "paper_digest": result.digest,
        "expected_paper_digest": expected,
        "digest_match": result.digest is not None and result.digest == expected,
        "total_fills": result.stats.total_fills,
        "final_positions": {k: to_dict(v) for k, v in result.final_positions.items()},
        "total_realized_pnl": to_dict(result.total_realized_pnl),
        "total_unrealized_pnl": to_dict(result.total_unrealized_pnl),
        "events_processed": result.stats.events_processed,
        "orders_placed": result.stats.orders_placed,
        "orders_blocked": result.stats.orders_blocked,
        "errors": [to_dict(error) for error in result.errors],
    }
    if result.selection is not None:
        entry["topk_selected_symbols"] = list(result.selection.symbols)
        entry["topk_k"] = result.selection.k
        entry["topk_lookahead"] = result.selection.lookahead
    return entry


def _checked_entry(folder: Path, root: Path) -> Entry:
    try:
        fixture = load_fixture(folder, root)
    except InputError as error:
        name = folder.name if folder == root else folder.relative_to(root).as_posix()
        # a report must not depend on where this machine keeps its files
        text = str(error).replace(f"{folder}/", "").replace(str(folder), ".")
        failure = {"event_index": -1, "step": "LOAD", "error": f"{error.code}: {text}"}
        return {**_blank_entry(name), "errors": [failure]}
    return paper_entry(fixture)


def _blank_entry(name: str) -> Entry:
    return {
        "fixture_path": name,
        "schema_version": SCHEMA_VERSION,
        "paper_digest": None,
        "expected_paper_digest": None,
        "digest_match": False,
        "total_fills": 0,
        "final_positions": {},
        "total_realized_pnl": to_dict(ZERO),
        "total_unrealized_pnl": to_dict(ZERO),
        "events_processed": 0,
        "orders_placed": 0,
        "orders_blocked": 0,
        "errors": [],
        "topk_selected_symbols": None,
        "topk_k": None,
        "topk_lookahead": None,
    }
