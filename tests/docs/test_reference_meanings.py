"""What the reference says of values and keys is complete, not stale, and true of real runs."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from attrs import fields

from grinder_adapters.runs import RunStatus
from grinder_adapters.runs.tables import TABLES, TRADES
from grinder_app import cli
from grinder_app.config.catalog import KEYS
from grinder_app.reference.docstrings import entries
from grinder_app.reference.field_meanings import EVENT_DETAILS, FIELDS, GATE_DETAILS
from grinder_app.reference.meanings import ERROR_EXITS, EXITS, REASONS, RESERVED
from grinder_app.reference.run_files import (
    COLLECTED_KEYS,
    COLUMN_MEANINGS,
    MANIFEST_KEYS,
    RUN_TREE,
    SEAL_KEYS,
    STATUSES,
    TABLE_MEANINGS,
)
from grinder_app.reference.sample import sample_run
from grinder_core.contracts import control, enums, live
from grinder_core.contracts.control import Command, Control
from grinder_core.contracts.enums import ExecutionEventType, GateReason
from grinder_core.contracts.event import Event, market_event
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.contracts.outputs import PaperOutput
from grinder_core.contracts.plan import GridPlan
from grinder_core.engine.config import EngineConfig
from grinder_core.engine.engine import Engine
from grinder_core.errors import GrinderError
from grinder_core.session.result import PaperResult, run
from tests.docs.documents import ROOT


def published() -> set[type[StrEnum]]:
    return {
        thing
        for module in (enums, control, live)
        for thing in vars(module).values()
        if isinstance(thing, type)
        and issubclass(thing, StrEnum)
        and thing.__module__ == module.__name__
    }


def test_every_published_value_has_one_meaning_and_nothing_else_has() -> None:
    assert set(REASONS) == published()
    for kind, meanings in REASONS.items():
        assert set(meanings) == {member.value for member in kind}, kind.__name__


@pytest.mark.parametrize("kind", REASONS, ids=lambda kind: kind.__name__)
def test_a_meaning_is_a_sentence_that_names_its_source(kind: type[StrEnum]) -> None:
    for text in REASONS[kind].values():
        assert text.endswith("."), text
        assert re.search(r"\((CORE|LIVE|MM)-\d\d[,)]", text), text


def test_settings_that_a_meaning_names_exist() -> None:
    known = {key.name for key in KEYS.values()} | {"venue_reason", "risk_gate"}
    for meanings in REASONS.values():
        for text in meanings.values():
            for name in re.findall(r"`([a-z_0-9]+)`", text):
                assert name in known, text


@pytest.mark.parametrize("member", RESERVED)
def test_reserved_values_are_used_by_nothing_yet(member: StrEnum) -> None:
    name = f"{type(member).__name__}.{member.name}"
    for path in sorted(ROOT.glob("grinder_*/**/*.py")):
        if path.name != "meanings.py":
            assert not re.search(rf"\b{re.escape(name)}\b", path.read_text()), path
    assert "Reserved" in REASONS[type(member)][member.value]


def test_every_exit_code_has_a_meaning() -> None:
    assert set(EXITS) == set(cli.Exit)


def test_every_error_ends_with_the_exit_code_the_reference_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = [kind for kinds in ERROR_EXITS.values() for kind in kinds]
    assert set(listed) == _below(GrinderError)
    for exit_code, kinds in ERROR_EXITS.items():
        for kind in kinds:
            error = _made(kind)
            monkeypatch.setattr(cli, "app", _raising(error))
            assert cli.run([]) == exit_code, kind.__name__
            assert capsys.readouterr().err == f"{kind.code}: {error}\n"


def _made(kind: type[GrinderError]) -> GrinderError:
    """One error of a kind; some say themselves what the rule is."""
    try:
        return kind("rule")
    except TypeError:
        return kind("rule", 5)  # type: ignore[call-arg, misc]


def _below(kind: type[GrinderError]) -> set[type[GrinderError]]:
    children = {c for c in kind.__subclasses__() if c.__module__ == GrinderError.__module__}
    return children.union(*(_below(child) for child in children))


def _raising(error: Exception) -> Any:
    def app(_: object) -> None:
        raise error

    return app


def test_field_meanings_are_neither_stale_nor_shadowed() -> None:
    for kind, meanings in FIELDS.items():
        names = _published_names(kind)
        documented = entries(kind)
        for name in meanings:
            assert name in names, f"{kind.__name__}.{name} is stale"
            assert name not in documented, f"{kind.__name__}.{name} has a docstring of its own"


def _published_names(kind: type[Any]) -> set[str]:
    names = {field.name for field in fields(kind)}
    outputs = sample_run().outputs
    assert outputs is not None
    samples = {
        PaperOutput: outputs[0].to_dict(),
        PaperResult: sample_run().to_dict(),
        GridPlan: outputs[0].to_dict()["plan"],
    }
    return names | set(samples.get(kind, ())) | {"width_bps"}


# -- details: every refusal and every event that a session can tell --------------------------------

MINUTE = 60_000


def quote(ts: int, mid: float, *, spread: float = 0.02, symbol: str = "AAAUSDT") -> Event:
    line = {
        "type": "SNAPSHOT",
        "ts": ts,
        "symbol": symbol,
        "bid_price": f"{mid - spread / 2:.4f}",
        "ask_price": f"{mid + spread / 2:.4f}",
        "bid_qty": "1",
        "ask_qty": "1",
        "last_price": "0",
        "last_qty": "0",
    }
    return market_event(line)


def calm(count: int = 4) -> list[Event]:
    return [quote(MINUTE * i, 100) for i in range(count)]


KILL = Event(MINUTE * 9, Control(command=Command.KILL, actor="test"))
ONE = {"levels": 1, "size_per_level": "1"}
SCENES: dict[str, tuple[dict[str, Any], list[Event]]] = {
    "KILL_SWITCH_ACTIVE": (ONE, [*calm(), KILL, quote(MINUTE * 10, 100)]),
    "FSM_STATE_BLOCKED": (ONE, [quote(0, 100), quote(MINUTE, 101)]),
    "SPREAD_SPIKE": (ONE, [quote(0, 100, spread=2)]),
    "PRICE_IMPACT_HIGH": (ONE, [quote(0, 100), quote(1_000, 110)]),
    "RATE_LIMIT_EXCEEDED": (
        {**ONE, "max_orders_per_minute": 1},
        [quote(0, 100), quote(1_000, 100)],
    ),
    "COOLDOWN_ACTIVE": (ONE, [quote(0, 100), quote(1, 100)]),
    "NOTIONAL_LIMIT": ({**ONE, "max_notional_per_symbol": "10"}, calm()),
    "DAILY_LOSS_LIMIT": (
        {**ONE, "daily_loss_limit": "1"},
        [quote(0, 100), quote(MINUTE, 99.8), quote(2 * MINUTE, 98)],
    ),
}


@pytest.mark.parametrize("reason", [r.value for r in GateReason])
def test_details_of_refusals_are_those_of_the_reference(reason: str) -> None:
    if reason not in SCENES:
        assert reason not in GATE_DETAILS
        assert reason in {"PASS", *(member.value for member in RESERVED)}
        return
    settings, events = SCENES[reason]
    if reason == GateReason.FSM_STATE_BLOCKED:  # of live sessions only
        engine = Engine(EngineConfig.flat(**settings))
        engine.step(events[0])
        engine.halt("AAAUSDT", "PAUSE OPERATOR_PAUSE")
        out = engine.step(events[1])[-1]  # the first quote's turn is closed before it
        assert isinstance(out, PaperOutput)
        assert out.gating_result is not None
        assert set(out.gating_result.details) == set(GATE_DETAILS[reason])
        return
    result = run(events, EngineConfig.flat(**settings), keep_outputs=True)
    assert not result.errors
    verdict = (result.outputs or ())[-1].gating_result
    assert verdict is not None
    assert verdict.reason == reason
    assert set(verdict.details) == set(GATE_DETAILS[reason])


class Resets:
    """Quotes one level, SOFT after a change of size, HARD at last."""

    name = "resets"

    def plan(self, context: Any) -> GridPlan:
        return GridPlan.flat(
            center_price=context.features["mid_price"],
            spacing_bps=10,
            levels_up=1,
            levels_down=1,
            size_schedule=(Decimal(1 if context.ts < MINUTE else 2),),
            reset_action=enums.ResetAction("SOFT" if context.ts < 3 * MINUTE else "HARD"),
        )


def test_details_of_events_are_those_of_the_reference() -> None:
    result = run(calm(5), policy=Resets(), keep_outputs=True)
    whole = {"AAAUSDT": {"step_size": "1", "min_qty": "1"}}
    tiny = EngineConfig.flat(
        levels=1, size_per_level="0.5", constraints_enabled=True, symbol_constraints=whole
    )
    skips = run(calm(1), tiny, keep_outputs=True)
    falling = [quote(0, 100), quote(MINUTE, 99.8), quote(2 * MINUTE, 99.8)]
    cycles = run(falling, _cycling(), keep_outputs=True)
    told = [e for r in (result, skips, cycles) for out in r.outputs or () for e in out.events]
    told += _refused_by_the_venue()
    found: dict[str, set[str]] = {}
    for event in told:
        name = event.type.value
        if event.type is ExecutionEventType.ORDER_SKIPPED:
            by_venue = event.details["reason"] == "EXEC_REFUSED_BY_VENUE"
            by_cycle = "intent_id" in event.details
            name += (
                " (by the venue)" if by_venue else " (by a cycle)" if by_cycle else " (by the diff)"
            )
        found.setdefault(name, set()).update(event.details)
    assert found == {name: set(keys) for name, keys in EVENT_DETAILS.items()}


def _cycling() -> EngineConfig:
    """There is room for the grid, and none for a replenishment beside a position."""
    return EngineConfig.flat(
        levels=1,
        size_per_level="1",
        max_notional_per_symbol="250",
        cycle_enabled=True,
        cycle_execution_enabled=True,
    )


def _refused_by_the_venue() -> list[Any]:
    engine = Engine(EngineConfig.flat(**ONE))
    effects = [e for e in engine.step(quote(0, 100)) if not isinstance(e, PaperOutput)]
    for effect in effects:
        update = OrderUpdate(
            ts=0,
            symbol=effect.intent.symbol,
            client_order_id=effect.client_order_id,
            order_id="1",
            side=effect.intent.side,
            state=enums.OrderState.REJECTED,
            reason="no",
        )
        engine.step(Event(0, update))
    outputs = engine.step(Event(0, control.TurnEnd()))
    return [event for output in outputs for event in output.events]


# -- run folders -----------------------------------------------------------------------------------


def test_tables_and_statuses_are_documented() -> None:
    assert set(STATUSES) == {status.value for status in RunStatus}
    assert set(TABLE_MEANINGS) == {each.file for each in TABLES}
    for each in TABLES:
        assert each.file in RUN_TREE
        if each is not TRADES:
            assert list(COLUMN_MEANINGS[each.file]) == list(each.columns)


@pytest.mark.usefixtures("capsys")
def test_a_run_folder_holds_what_the_reference_says(empty_folder: Path) -> None:
    lines = [json.dumps(_line(i)) for i in range(50)]
    (empty_folder / "quotes.jsonl").write_text("\n".join(lines) + "\n")
    (empty_folder / "mine.py").write_text(
        "from grinder_core import paused\n"
        "class Idle:\n"
        "    name = 'idle'\n"
        "    def plan(self, context):\n"
        "        return paused(context.features['mid_price'], ('IDLE',))\n"
    )
    policy = ("--policy", "mine:Idle")
    assert cli.run(["paper", "--data", "quotes.jsonl", *policy]) == 0
    paper = _check_run_folder(empty_folder)
    assert paper == set(MANIFEST_KEYS) - {"error", "totals", "trials"}
    assert cli.run(["runs", "rm", "latest", "--yes"]) == 0
    assert cli.run(["backtest", "quotes.jsonl", "--jobs", "1", *policy]) == 0
    assert _check_run_folder(empty_folder) == paper | {"totals", "trials"}


def _check_run_folder(root: Path) -> set[str]:
    """Check the files of the only run below a folder; return the keys of its manifest."""
    (manifest_file,) = root.rglob("run.json")
    (session,) = (manifest_file.parent / "sessions").iterdir()
    result = json.loads((session / "result.json").read_text())
    assert set(result.pop("collected")) == set(COLLECTED_KEYS)
    assert set(result) <= set(sample_run().to_dict())
    for entry in json.loads((session / "files.json").read_text()).values():
        assert set(entry) == set(SEAL_KEYS)
    named = {line.split()[0] for line in RUN_TREE.splitlines()}
    assert {path.name for path in manifest_file.parent.rglob("*") if path.is_file()} <= named
    return set(json.loads(manifest_file.read_text()))


def _line(index: int) -> dict[str, Any]:
    return {
        "type": "SNAPSHOT",
        "ts": 1_700_000_000_000 + 1_000 * index,
        "symbol": "AAAUSDT",
        "bid_price": "100",
        "ask_price": "100.02",
        "bid_qty": "1",
        "ask_qty": "1",
        "last_price": "0",
        "last_qty": "0",
    }
