"""LIVE-25, LIVE-34 and LIVE-21 in the live session: what is noted, and which orders are ours."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from grinder_adapters.audit.settings import AuditConfig
from grinder_adapters.binance.signing import Secret
from grinder_adapters.journal import Journal, JournalHead, JournalReader
from grinder_adapters.redact import Redactor
from grinder_app.cli import run
from grinder_app.config.live_plan import GuardsMissingError
from grinder_app.live.auditing import AuditTrail
from grinder_app.live.evidence import FsmEvidence
from grinder_core.codec import canonical_json, sha256_hex
from grinder_core.contracts.control import MAY_ADD_RISK, Command, Control, Timer
from grinder_core.contracts.enums import KillReason, Side
from grinder_core.contracts.event import Event
from grinder_core.contracts.live import OperatingState, StateReason
from grinder_core.engine.orchestrator_machine import Transition
from grinder_core.errors import ArtifactError
from grinder_core.live.records import Record, RecordKind
from grinder_core.reconcile.records import ExpectedPosition, Mismatch, MismatchType
from tests.support.memory_session import STRATEGY, SYMBOL, MemoryLive, live

SECRET = "a-secret-of-the-venue-0123456789"
NOW = 1_700_000_000_000
CONFIRMED_MS = 75_000
LEGACY = f"grinder_{SYMBOL}_1_1699999990000_1"


class Rows:
    """A journal that only keeps what is appended."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, dict[str, Any]]] = []

    def append(self, stream: str, kind: str, ts_ms: int, body: str) -> int:
        self.rows.append((stream, kind, json.loads(body)))
        return len(self.rows)


def a_trail(path: Path, rows: Rows, warnings: list[str] | None = None, **config: Any) -> AuditTrail:
    said = [] if warnings is None else warnings
    return AuditTrail(
        AuditConfig(**config),
        path,
        Redactor([Secret(SECRET)]),
        rows,  # type: ignore[arg-type]
        lambda kind, text: said.append(text),
        lambda: NOW,
        is_writing=True,
    )


def a_mismatch(symbol: str = SYMBOL) -> Mismatch:
    return Mismatch(
        type=MismatchType.POSITION_NONZERO_UNEXPECTED,
        symbol=symbol,
        client_order_id="",
        expected=ExpectedPosition(symbol=symbol, expected_position_amt=Decimal(0), ts_updated=1),
        observed=None,
        ts_detected=NOW,
        action_plan=f"do not show {SECRET}",
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# -- the trail -----------------------------------------------------------------------------------


@pytest.mark.parametrize("enabled", [True, False])
def test_runs_with_findings_are_noted_and_the_first_clean_one_after_them(
    tmp_path: Path, enabled: bool
) -> None:
    rows, path = Rows(), tmp_path / "audit.jsonl"
    trail = a_trail(path, rows, audit_enabled=enabled)
    for found in ((), (a_mismatch(),), (a_mismatch(),), (), ()):
        assert trail.reconcile_run(found)
    trail.close()
    kinds = [(stream, kind, body["status"]) for stream, kind, body in rows.rows]
    run = ("audit", "RECONCILE_RUN")
    assert kinds == [(*run, "MISMATCH"), (*run, "MISMATCH"), (*run, "CLEAN")]
    first = rows.rows[0][2]
    assert first["mismatch_counts"] == {"POSITION_NONZERO_UNEXPECTED": 1}
    assert (first["mode"], first["symbols"], first["ts_ms"]) == ("live", [SYMBOL], NOW)
    assert len({body["run_id"] for _, _, body in rows.rows}) == 3
    assert path.exists() is enabled
    if enabled:
        assert lines(path) == [body for _, _, body in rows.rows]


def test_no_secret_of_the_plan_is_in_journal_or_file(tmp_path: Path) -> None:
    rows, path = Rows(), tmp_path / "audit.jsonl"
    trail = a_trail(path, rows, audit_enabled=True)
    trail.reconcile_run((a_mismatch(),))
    trail.start_refused((f"BINANCE_API_SECRET={SECRET}",))
    trail.close()
    assert SECRET not in path.read_text()
    assert SECRET not in canonical_json([body for _, _, body in rows.rows])
    assert len(lines(path)) == 2


def test_every_command_is_noted_with_who_gave_it(tmp_path: Path) -> None:
    rows = Rows()
    trail = a_trail(tmp_path / "a.jsonl", rows)
    for command in Command:
        symbol = SYMBOL if command is Command.FLATTEN else ""
        trail.command(Control(command=command, actor="an operator", symbol=symbol))
    assert [kind for _, kind, _ in rows.rows] == ["CONTROL"] * len(Command)
    told = [body["details"] for _, _, body in rows.rows]
    assert [one["command"] for one in told] == [command.value for command in Command]
    assert {one["actor"] for one in told} == {"an operator"}


@pytest.mark.parametrize("command", list(Command))
def test_a_command_that_may_add_risk_needs_its_note_and_no_other_waits_for_it(
    tmp_path: Path, command: Command
) -> None:
    (tmp_path / "audit.jsonl").mkdir()  # so that nothing can be written
    warnings: list[str] = []
    trail = a_trail(
        tmp_path / "audit.jsonl", Rows(), warnings, audit_enabled=True, audit_fail_open=False
    )
    symbol = SYMBOL if command is Command.FLATTEN else ""
    control = Control(command=command, actor="x", reason=KillReason.MANUAL, symbol=symbol)
    stops = {Command.KILL, Command.PAUSE, Command.EMERGENCY, Command.FLATTEN, Command.STOP}
    assert (command in MAY_ADD_RISK) is (command not in stops)
    if command in stops:
        trail.command(control)
    else:
        with pytest.raises(ArtifactError, match="audit log cannot be written"):
            trail.command(control)
    assert len(warnings) == 1


@pytest.mark.parametrize("fail_open", [True, False])
def test_a_finding_that_cannot_be_noted_holds_new_risk_only_where_it_must_be(
    tmp_path: Path, fail_open: bool
) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    trail = a_trail(tmp_path / "audit.jsonl", Rows(), audit_enabled=True, audit_fail_open=fail_open)
    assert trail.reconcile_run((a_mismatch(),)) is fail_open
    (tmp_path / "audit.jsonl").rmdir()
    assert trail.reconcile_run((a_mismatch(),))
    assert len(lines(tmp_path / "audit.jsonl")) == 1


async def refused(world: MemoryLive) -> str:
    """The words with which a start is refused."""
    world.start()
    with pytest.raises(GuardsMissingError) as caught:
        await world.pass_ms(30_000)
    world.running = None
    return str(caught.value)


# -- the session ---------------------------------------------------------------------------------


def test_the_session_notes_findings_commands_and_refusals_in_its_state_folder(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started()
        session.command(Control(command=Command.PAUSE, actor="an operator"))
        world.trade(Side.BUY, "0.02")
        await world.pass_ms(CONFIRMED_MS)
        world.trade(Side.SELL, "0.02")
        await world.pass_ms(CONFIRMED_MS)
        await world.end()
        world.rest("web_by_hand")
        assert "web_by_hand" in await refused(world)
        written = lines(tmp_path / "sim" / "own" / "trail.jsonl")
        assert written == world.rows("audit")
        kinds = [(one["event_type"], one["status"]) for one in written]
        assert kinds[0] == ("CONTROL", None)
        assert ("RECONCILE_RUN", "MISMATCH") in kinds
        assert kinds[-3:] == [("RECONCILE_RUN", "CLEAN"), ("CONTROL", None), ("CONTROL", "REFUSED")]
        details = [one["details"] for one in written if one["event_type"] == "CONTROL"]
        assert [one["command"] for one in details] == ["PAUSE", "STOP", "START"]
        assert "web_by_hand" in details[-1]["missing"][0]

    settings = {"audit.audit_enabled": "true", "audit.audit_path": "own/trail.jsonl"}
    live(tmp_path, scene, settings)


def test_where_evidence_must_be_written_and_cannot_new_risk_is_held_everywhere(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        (tmp_path / "sim" / "audit" / "reconcile.jsonl").mkdir(parents=True)
        world.rest("web_by_hand")
        await world.pass_ms(CONFIRMED_MS)
        assert not world.is_unreconciled  # foreign orders are no finding
        world.trade(Side.BUY, "0.02")
        await world.pass_ms(CONFIRMED_MS)
        assert world.is_unreconciled
        world.trade(Side.SELL, "0.02")
        await world.pass_ms(CONFIRMED_MS)
        assert world.is_unreconciled  # all agrees, and what did not is not noted
        assert world.lines("audit")
        (tmp_path / "sim" / "audit" / "reconcile.jsonl").rmdir()
        await world.pass_ms(CONFIRMED_MS)
        assert not world.is_unreconciled

    live(tmp_path, scene, {"audit.audit_enabled": "true", "audit.audit_fail_open": "false"})


def test_a_start_without_its_guards_is_noted_beside_and_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("GRINDER_", "BINANCE_", "ALLOW_")) or name == "ARMED":
            monkeypatch.delenv(name)
    folder = tmp_path / "state" / "futures"
    head = JournalHead(engine_version="1", config_hash="", contract_version=1, ts_ms=NOW)
    arguments = [
        *("live", "run", "--armed", "--mode", "live_trade", "--exchange-port", "futures"),
        *("--symbols", SYMBOL, "--rest-url", "https://demo-fapi.binance.com"),
        *("--state-dir", str(tmp_path / "state"), "--set", "audit.audit_enabled=true"),
    ]
    assert run(arguments) == 1
    assert not (folder / "state.db").exists()  # nothing ran, so that nothing is begun
    Journal.open(folder, head).close()
    assert run(arguments) == 1
    missing = "ALLOW_TESTNET_TRADE"
    assert missing in capsys.readouterr().err
    written = lines(folder / "audit" / "reconcile.jsonl")
    assert [one["status"] for one in written] == ["REFUSED", "REFUSED"]
    assert any(missing in guard for guard in written[1]["details"]["missing"])
    with JournalReader(folder) as reader:
        rows = [json.loads(row.body) for row in reader.rows() if row.stream == "audit"]
    assert rows == written[1:]


@pytest.mark.parametrize("is_permitted", [True, False])
def test_ids_of_the_oldest_form_are_ours_only_where_that_is_permitted(
    tmp_path: Path, is_permitted: bool
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        await world.kill()
        world.rest(LEGACY)
        if is_permitted:
            await world.started(20_000)
            assert LEGACY not in world.open_orders()  # adopted, and its level is taken
        else:
            assert LEGACY in await refused(world)

    live(tmp_path, scene, {"live.allow_legacy_order_id": str(is_permitted).lower()})
    assert STRATEGY not in LEGACY


# -- evidence of the operating state -------------------------------------------------------------


def a_step() -> tuple[Event, list[Record]]:
    change = Transition(
        ts_ms=NOW,
        scope=SYMBOL,
        from_state=OperatingState.ACTIVE,
        to_state=OperatingState.DEGRADED,
        reason=StateReason.FEED_STALE,
    )
    body = {
        "kind": "TRANSITION", "ts_ms": change.ts_ms, "scope": change.scope,
        "from_state": change.from_state.value, "to_state": change.to_state.value,
        "reason": change.reason.value,
    }  # fmt: skip
    said = Record(RecordKind.TRANSITION, NOW, canonical_json(body).encode())
    other = evolve(said, kind=RecordKind.ACTION, line=b"{}")
    return Event(NOW, Timer(), 42), [other, said]


def test_each_change_of_state_has_a_file_whose_digest_proves_it(tmp_path: Path) -> None:
    FsmEvidence(tmp_path, "abc", lambda kind, text: None).stepped(*a_step())
    (path,) = (tmp_path / "fsm").iterdir()
    assert path.name == f"{NOW}_000000000042_{SYMBOL}_DEGRADED.json"
    found = json.loads(path.read_text())
    digest = found.pop("sha256")
    assert digest == sha256_hex(canonical_json(found).encode())
    assert found == {
        "format": "fsm_evidence_v1",
        "config_hash": "abc",
        "event": {"seq": 42, "ts_ms": NOW, "kind": "TIMER"},
        "transition": {
            "ts_ms": NOW, "scope": SYMBOL, "from_state": "ACTIVE", "to_state": "DEGRADED",
            "reason": "FEED_STALE",
        },
    }  # fmt: skip


def test_evidence_that_cannot_be_written_is_warned_of_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "art").write_text("a file where a folder should be")

    async def scene(world: MemoryLive) -> None:
        await world.started()
        await world.pass_ms(5_000)
        assert world.open_orders()
        assert world.lines("evidence")

    live(tmp_path, scene, {"live.fsm_evidence_enabled": "true"})


@pytest.mark.parametrize("enabled", [True, False])
def test_a_session_leaves_one_file_for_each_of_its_transitions(
    tmp_path: Path, enabled: bool
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        await world.end()
        changes = [row for row in world.rows("exec") if row.get("kind") == "TRANSITION"]
        assert changes
        folder = tmp_path / "art" / "fsm"
        found = [json.loads(path.read_text())["transition"] for path in sorted(folder.glob("*"))]
        expected = [{k: v for k, v in row.items() if k != "kind"} for row in changes]
        key = canonical_json
        assert sorted(found, key=key) == (sorted(expected, key=key) if enabled else [])

    live(tmp_path, scene, {"live.fsm_evidence_enabled": str(enabled).lower()})
