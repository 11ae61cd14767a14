"""LIVE-25: every accepted event once and in order, no secret, and what happens when it fails."""

from __future__ import annotations

import errno
import json
import os
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grinder_adapters.audit.files import AuditFile, audit_files
from grinder_adapters.audit.log import AuditLog
from grinder_adapters.audit.records import (
    AuditAction,
    AuditEvent,
    AuditEventType,
    AuditMode,
    RunIds,
)
from grinder_adapters.audit.settings import AuditConfig
from grinder_adapters.binance.signing import Secret
from grinder_adapters.redact import Redactor
from grinder_core.errors import ArtifactError, ConfigError, ContractError

D = Decimal
printable = st.characters(min_codepoint=33, max_codepoint=126)
SECRET = "hunter2-hunter2"


def an_event(number: int = 1, **changes: Any) -> AuditEvent:
    values: dict[str, Any] = {
        "ts_ms": number,
        "event_type": AuditEventType.RECONCILE_RUN,
        "run_id": f"1_{number}",
    }
    return AuditEvent(**{**values, **changes})


def a_log(
    folder: Path, warnings: list[str] | None = None, secrets: tuple[str, ...] = (), **config: Any
) -> AuditLog:
    said = [] if warnings is None else warnings
    return AuditLog(
        AuditConfig(**{f"audit_{n}": v for n, v in {"enabled": True, **config}.items()}),
        folder / "audit" / "log.jsonl",
        Redactor(Secret(secret) for secret in secrets),
        said.append,
    )


def path_of(folder: Path) -> Path:
    return folder / "audit" / "log.jsonl"


def lines(folder: Path) -> list[dict[str, Any]]:
    """All events of the log, the oldest first."""
    texts = [each.read_text("ascii") for each in audit_files(path_of(folder))]
    assert all(text.endswith("\n") or not text for text in texts)
    return [json.loads(line) for text in texts for line in text.splitlines()]


def numbers(folder: Path) -> list[int]:
    return [line["ts_ms"] for line in lines(folder)]


# -- properties --------------------------------------------------------------------------------


class FullDisk:
    """A disk that takes so many bytes more, and then none."""

    def __init__(self) -> None:
        self.room: int | None = None
        self._write = os.write

    def write(self, handle: int, data: Any) -> int:
        if self.room is None:
            return self._write(handle, data)
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = self._write(handle, bytes(data)[: self.room])
        self.room -= done
        return done


acts = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 60)),
        st.tuples(st.sampled_from(("flush", "restart", "crash")), st.just(0)),
        st.tuples(st.just("full"), st.integers(0, 400)),
        st.tuples(st.just("room"), st.just(0)),
    ),
    max_size=25,
)


@given(acts, st.integers(1, 5), st.integers(1, 700), st.integers(1, 4))
@settings(max_examples=200)
def test_the_files_hold_every_accepted_event_once_and_in_order(
    acts: list[tuple[str, int]], events_max: int, bytes_max: int, flush_every: int
) -> None:
    """I-25.2: whatever the limits, restarts, crashes and full disks.

    What was accepted but waits to be written together with others may be lost, and is counted; a
    crash takes it along and leaves part of a line.
    """
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder, disk = Path(name), FullDisk()
        patch.setattr(os, "write", disk.write)
        config = {
            "max_events_per_file": events_max, "max_bytes": bytes_max, "flush_every": flush_every,
        }  # fmt: skip
        log = a_log(folder, **config)
        number, written, waiting, is_torn = 0, list[int](), list[int](), False
        for act, size in acts:
            errors = log.errors
            if act == "write":
                number += 1
                waiting.append(number)
                log.write(an_event(number, details={"x": "y" * size}))
            elif act == "flush":
                log.flush()
            elif act == "restart":
                log.close()
            elif act == "crash":
                waiting, is_torn = [], True
                log._pending = []
                log.close()
                if path_of(folder).exists():
                    with path_of(folder).open("ab") as file:
                        file.write(b'{"action":"unfinis')
                log = a_log(folder, **config)
                continue
            else:
                disk.room = None if act == "room" else size
            due = len(waiting) >= flush_every or act in {"flush", "restart"}
            if log.errors > errors:
                lost = log.errors - errors
                written += waiting[: len(waiting) - lost]
                waiting = []
            elif due and act not in {"full", "room"}:
                written += waiting
                waiting = []
            is_torn = is_torn and log._file is None
            if path_of(folder).parent.exists() and not is_torn:
                assert numbers(folder) == written
            if act == "restart":
                log = a_log(folder, **config)
        disk.room = None
        log.write(an_event(number + 1))  # also cuts off what a crash left
        log.close()
        assert numbers(folder) == [*written, *waiting, number + 1]
        for each in audit_files(path_of(folder)):
            data = each.read_bytes()
            assert data.count(b"\n") <= events_max
            assert len(data) <= bytes_max or data.count(b"\n") == 1


details = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just(D("1.50")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.lists(st.text(printable, min_size=8, max_size=16), min_size=1, max_size=3, unique=True),
    st.booleans(),
    st.data(),
)
@settings(max_examples=200)
def test_no_secret_of_the_process_is_in_any_byte(
    secrets: list[str], redact: bool, data: st.DataObject
) -> None:
    """I-25.1, also for secrets that look like the log's own words, and with ``redact`` off."""
    own_words = ("event_type", '","run_id":"', "RECONCILE_RUN", "[REDACTED]qty", '":"","x"')
    if data.draw(st.booleans()):
        secrets.append(data.draw(st.sampled_from(own_words)))
    secrets = [secret for secret in secrets if secret not in "[REDACTED]"]
    hidden = st.lists(st.sampled_from([*secrets, *(s[3:] for s in secrets), "qty"]), max_size=3)
    texts = hidden.map("".join) | st.text(max_size=4)
    with TemporaryDirectory() as name:
        folder, warnings = Path(name), list[str]()
        log = a_log(folder, warnings, tuple(secrets), redact=redact)
        for number in range(3):
            log.write(
                an_event(
                    number,
                    status=data.draw(texts),
                    block_reason=data.draw(texts),
                    symbols=(data.draw(texts),),
                    mismatch_counts={data.draw(texts): 1},
                    details={data.draw(texts): data.draw(texts), "more": data.draw(details)},
                )
            )
        log.close()
        assert log.written + log.errors == 3
        assert len(warnings) == log.errors
        whole = b"".join(each.read_bytes() for each in audit_files(path_of(folder)))
        for secret in secrets:
            assert secret.encode() not in whole
            assert json.dumps(secret)[1:-1].encode() not in whole
            assert not any(secret in said.removeprefix("1 audit events") for said in warnings)


@given(
    st.lists(st.tuples(st.integers(0, 50), details), max_size=8),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 600),
)
@settings(max_examples=50)
def test_the_same_events_give_the_same_bytes_however_they_are_flushed(
    told: list[tuple[int, Any]], one: int, other: int, bytes_max: int
) -> None:
    """I-25.3; in the same files, also where a process begins anew in the middle."""
    events = [an_event(number, details={"b": detail, "a": 1}) for number, detail in told]
    turned = [an_event(number, details={"a": 1, "b": detail}) for number, detail in told]
    seen = []
    with TemporaryDirectory() as name:
        for flush_every, given_events in ((one, events), (other, turned)):
            folder = Path(name) / f"{len(seen)}"
            for part in (given_events[:3], given_events[3:]):
                with a_log(
                    folder, flush_every=flush_every, max_bytes=bytes_max, max_events_per_file=3
                ) as log:
                    for event in part:
                        log.write(event)
            files = audit_files(path_of(folder))
            seen.append([(each.name, each.read_bytes()) for each in files])
    assert seen[0] == seen[1]


# -- examples ----------------------------------------------------------------------------------


def test_a_line_is_canonical_json_with_the_published_fields(tmp_path: Path) -> None:
    event = AuditEvent(
        ts_ms=1735689600000,
        event_type=AuditEventType.REMEDIATE_ATTEMPT,
        run_id="1735689600000_3",
        mode=AuditMode.LIVE,
        action=AuditAction.CANCEL_ALL,
        status="BLOCKED",
        block_reason="not_armed",
        symbols=tuple(f"S{number:02d}" for number in range(12, 0, -1)),
        mismatch_counts={"ORDER_EXISTS_UNEXPECTED": 2},
        details={"price": D("1.50"), "api_key": "abc"},
    )
    with a_log(tmp_path) as log:
        assert log.write(event)
        assert path_of(tmp_path).read_text() == (
            '{"action":"cancel_all","block_reason":"not_armed","details":{"api_key":"[REDACTED]",'
            '"price":"1.5"},"event_type":"REMEDIATE_ATTEMPT","mismatch_counts":'
            '{"ORDER_EXISTS_UNEXPECTED":2},"mode":"live","run_id":"1735689600000_3",'
            '"schema_version":1,"status":"BLOCKED","symbols":["S01","S02","S03","S04","S05","S06",'
            '"S07","S08","S09","S10"],"ts_ms":1735689600000}\n'
        )


def test_a_secret_across_the_logs_own_words_costs_the_event(tmp_path: Path) -> None:
    warnings: list[str] = []
    with a_log(tmp_path, warnings, ('","run_id":"',)) as log:
        assert not log.write(an_event())
    assert numbers(tmp_path) == []
    assert len(warnings) == log.errors == 1


def test_with_redaction_off_secrets_are_still_hidden_and_names_tell_nothing(tmp_path: Path) -> None:
    details = {"token": "shown", "x": [f"a{SECRET}b"], SECRET: 1}
    with a_log(tmp_path, secrets=(SECRET,), redact=False) as log:
        assert log.write(an_event(details=details))
    assert [line["details"] for line in lines(tmp_path)] == [
        {"token": "shown", "x": ["a[REDACTED]b"], "[REDACTED]": 1}
    ]


def test_a_log_that_is_off_writes_nothing(tmp_path: Path) -> None:
    with a_log(tmp_path, enabled=False) as log:
        assert not log.write(an_event())
    assert list(tmp_path.iterdir()) == []


def test_the_defaults_are_the_published_ones() -> None:
    config = AuditConfig()
    assert (config.audit_enabled, config.audit_path) == (False, "audit/reconcile.jsonl")
    assert (config.audit_max_bytes, config.audit_max_events_per_file) == (100_000_000, 100_000)
    assert (config.audit_flush_every, config.audit_fsync) == (1, False)
    assert (config.audit_redact, config.audit_fail_open) == (True, True)


def test_numbers_go_on_after_the_highest_and_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    folder.mkdir()
    kept = {"log.jsonl.000041": b"old\n", "log.jsonl.000044.gz": b"zip", "log.jsonl.9": b"other",
            "other.jsonl.000099": b"other"}  # fmt: skip
    for name, data in kept.items():
        (folder / name).write_bytes(data)
    with a_log(tmp_path, max_events_per_file=1) as log:
        for number in range(3):
            log.write(an_event(number))
    assert {name: (folder / name).read_bytes() for name in kept} == kept
    assert [each.name for each in audit_files(folder / "log.jsonl")] == [
        "log.jsonl.000041", "log.jsonl.000044.gz", "log.jsonl.000045", "log.jsonl.000046",
        "log.jsonl",
    ]  # fmt: skip


def test_a_seventh_digit_sorts_after_the_sixth(tmp_path: Path) -> None:
    path_of(tmp_path).parent.mkdir()
    path_of(tmp_path).with_name("log.jsonl.999999").write_bytes(b"")
    with a_log(tmp_path, max_events_per_file=1) as log:
        log.write(an_event(1))
        log.write(an_event(2))
        log.write(an_event(3))
    assert [each.name for each in audit_files(path_of(tmp_path))] == [
        "log.jsonl.999999", "log.jsonl.1000000", "log.jsonl.1000001", "log.jsonl",
    ]  # fmt: skip


@pytest.mark.parametrize("end", [b"{", b'{"a":1}', b"\x00" * 3_000_000])
def test_an_unfinished_last_line_is_cut_off(tmp_path: Path, end: bytes) -> None:
    with a_log(tmp_path) as log:
        log.write(an_event(1))
    with path_of(tmp_path).open("ab") as file:
        file.write(end)
    with a_log(tmp_path, max_events_per_file=2) as log:
        log.write(an_event(2))
        log.write(an_event(3))
    assert numbers(tmp_path) == [1, 2, 3]
    assert len(audit_files(path_of(tmp_path))) == 2


def test_a_file_without_a_whole_line_begins_anew(tmp_path: Path) -> None:
    path_of(tmp_path).parent.mkdir()
    path_of(tmp_path).write_bytes(b'{"ts_ms"')
    with a_log(tmp_path) as log:
        log.write(an_event(7))
    assert numbers(tmp_path) == [7]


def test_two_processes_do_not_write_one_log(tmp_path: Path) -> None:
    warnings: list[str] = []
    with a_log(tmp_path) as first:
        first.write(an_event(1))
        second = a_log(tmp_path, warnings)
        assert not second.write(an_event(2))
        assert second.errors == len(warnings) == 1
        first.write(an_event(3))
    assert numbers(tmp_path) == [1, 3]


def test_a_file_moved_between_opening_and_locking_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a\n")
    real = os.open

    def moved(name: Any, *rest: Any) -> int:
        handle = real(name, *rest)
        os.rename(path, tmp_path / "log.000001")
        path.write_bytes(b"")
        return handle

    monkeypatch.setattr(os, "open", moved)
    with pytest.raises(BlockingIOError, match="put aside"):
        AuditFile(path)
    assert (tmp_path / "log.000001").read_bytes() == b"a\n"


# -- failures ----------------------------------------------------------------------------------


def refuse(*_: Any) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_failing_write_is_warned_of_counted_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    log = a_log(tmp_path, warnings)
    log.write(an_event(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        assert not log.write(an_event(2))
    assert log.write(an_event(3))
    log.close()
    assert numbers(tmp_path) == [1, 3]
    assert (log.written, log.errors) == (2, 1)
    assert warnings == [
        f"1 audit events could not be written to {path_of(tmp_path)}: No space left on device"
    ]


@pytest.mark.parametrize("call", ["write", "fsync", "open", "rename"])
def test_a_log_that_must_not_fail_blocks_the_action(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    warnings: list[str] = []
    log = a_log(tmp_path, warnings, fail_open=False, fsync=True, max_events_per_file=1)
    if call != "open":
        log.write(an_event(1))
    before = numbers(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(ArtifactError, match="cannot be written: No space left"):
            log.write(an_event(2))
    assert (log.errors, len(warnings)) == (1, 1)
    assert numbers(tmp_path) == before  # what was not accepted is not there
    log.write(an_event(3))
    log.close()
    assert numbers(tmp_path) == [*before, 3]


def test_a_blocking_log_does_not_let_events_wait() -> None:
    with pytest.raises(
        ConfigError, match="audit_flush_every = 2: must be 1 where audit_fail_open is false"
    ):
        AuditConfig(audit_fail_open=False, audit_flush_every=2)


@pytest.mark.parametrize("fail_open", [True, False])
def test_an_event_without_a_json_form_is_lost_alone_and_not_quoted(
    tmp_path: Path, fail_open: bool
) -> None:
    warnings: list[str] = []
    log = a_log(tmp_path, warnings, (SECRET,), fail_open=fail_open)
    event = an_event(1, details={"x": {1, f"{SECRET}" * 9}})
    if fail_open:
        assert not log.write(event)
    else:
        with pytest.raises(ArtifactError, match="has no canonical JSON form"):
            log.write(event)
    log.write(an_event(2))
    log.close()
    assert numbers(tmp_path) == [2]
    assert log.errors == 1
    assert "hunter2" not in warnings[0]


def test_fsync_reaches_the_disk_after_each_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with a_log(tmp_path, fsync=True, flush_every=2) as log:
        for number in range(4):
            log.write(an_event(number))
    assert len(synced) == 2
    with a_log(tmp_path) as log:
        log.write(an_event(5))
    assert len(synced) == 2


# -- records and paths -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [{"ts_ms": -1}, {"run_id": "x"}, {"run_id": "1_2_3"}, {"mismatch_counts": {"A": -1}},
     {"mismatch_counts": {"A": True}}],
)  # fmt: skip
def test_an_impossible_event_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        an_event(**changes)


@given(st.lists(st.integers(0, 5)))
def test_no_two_runs_have_one_name_though_the_clock_stands_or_steps_back(clock: list[int]) -> None:
    ids = RunIds()
    names = [ids.next_id(now) for now in clock]
    assert len(set(names)) == len(names)
    for name in names:
        an_event(run_id=name)


@pytest.mark.parametrize("path", ["", " ", "~/audit.jsonl", "a\0b"])
def test_a_path_that_means_no_file_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="audit_path"):
        AuditConfig(audit_path=path)


def test_a_log_that_was_never_written_has_no_files(tmp_path: Path) -> None:
    assert audit_files(tmp_path / "none" / "log.jsonl") == []
