"""The named fixtures as tests look at them: each played once on paper, with all its outputs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from grinder_adapters.feeds.fixture import Fixture, load_fixture
from grinder_core.contracts.enums import ExecutionEventType, GateReason
from grinder_core.contracts.market import L2Snapshot, Snapshot
from grinder_core.contracts.orders import ExecutionEvent
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.session.result import PaperResult, run

ROOT = Path(__file__).resolve().parents[2] / "fixtures"
Outputs = tuple[PaperOutput, ...]
Case = tuple[Fixture, PaperResult, Outputs]


@cache
def play(name: str) -> Case:
    """Run a fixture on paper and keep its outputs: one a snapshot, in order."""
    fixture = load_fixture(ROOT / name)
    result = run(fixture.events, fixture.config, keep_outputs=True)
    assert result.errors == ()
    assert result.outputs is not None
    quotes = snapshots(fixture)
    assert [(o.ts, o.symbol) for o in result.outputs] == [(s.ts, s.symbol) for s in quotes]
    assert result.stats.events_processed == len(quotes)
    return fixture, result, result.outputs


def snapshots(fixture: Fixture) -> list[Snapshot]:
    """Its quotes in order."""
    return [event.payload for event in fixture.events if isinstance(event.payload, Snapshot)]


def with_books(case: Case) -> Iterator[tuple[PaperOutput, L2Snapshot | None]]:
    """Each output with the newest book of its symbol, as the file has it."""
    fixture, _, outputs = case
    newest: dict[str, L2Snapshot] = {}
    remaining = iter(outputs)
    for event in fixture.events:
        if isinstance(event.payload, L2Snapshot):
            newest[event.payload.symbol] = event.payload
        else:
            out = next(remaining)
            yield out, newest.get(out.symbol)


def of_symbol(outputs: Outputs, symbol: str) -> list[PaperOutput]:
    """The outputs of one symbol in order."""
    return [out for out in outputs if out.symbol == symbol]


def reasons(outputs: Outputs) -> list[GateReason | None]:
    """What the planning gates said."""
    return [None if out.gating_result is None else out.gating_result.reason for out in outputs]


def skips(out: PaperOutput) -> list[ExecutionEvent]:
    """What was left out of one snapshot's orders."""
    return [event for event in out.events if event.type is ExecutionEventType.ORDER_SKIPPED]
