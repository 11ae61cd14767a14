"""CORE-31, LIVE-17: the state's two files, through damage and through a crash at every moment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from structlog.testing import CapturingLogger

from grinder_adapters.loss_state import LossStateFile
from grinder_core.errors import ArtifactError, ContractError, InputError
from grinder_core.risk.loss_state import PersistedServiceState, encode_loss_state
from grinder_core.risk.loss_streak import LossStreak
from grinder_core.risk.roundtrips import OpenRoundtrip, RoundtripTracker

D = Decimal
OLD = PersistedServiceState(
    guards={"AAAUSDT": LossStreak(1, False, "r", 5)},
    last_trade_ids={"AAAUSDT": 500},
    trips_total=0,
    updated_ts_ms=9,
    tracker=RoundtripTracker({"AAAUSDT|long": OpenRoundtrip(1, D(1), D("100.5"), D(0))}),
)
NEW = evolve(OLD, last_trade_ids={"AAAUSDT": 501}, tracker=RoundtripTracker(), updated_ts_ms=10)


class Crash(BaseException):
    """The process is gone; nothing may catch this."""


def a_file(folder: Path) -> tuple[LossStateFile, CapturingLogger]:
    log = CapturingLogger()
    return LossStateFile(path=folder / "losses.json", log=log), log


def said(log: CapturingLogger) -> list[str]:
    return [call.args[0] for call in log.calls]


def write_raw(folder: Path, text: str) -> None:
    data = text.encode("utf-8")
    (folder / "losses.json").write_bytes(data)
    (folder / "losses.json.sha256").write_text(hashlib.sha256(data).hexdigest())


def test_a_state_comes_back_with_its_digest_beside_it(tmp_path: Path) -> None:
    file, log = a_file(tmp_path)
    assert file.load() is None
    file.save(OLD)
    assert file.load() == OLD
    file.save(NEW)
    assert a_file(tmp_path)[0].load() == NEW
    data = (tmp_path / "losses.json").read_bytes()
    assert data == f"{encode_loss_state(NEW)}\n".encode()
    sidecar = (tmp_path / "losses.json.sha256").read_text()
    assert sidecar == f"{hashlib.sha256(data).hexdigest()}\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["losses.json", "losses.json.sha256"]
    assert said(log) == []


# -- crashes -----------------------------------------------------------------------------------


def crash_at(
    monkeypatch: pytest.MonkeyPatch, number: int, *, after: bool
) -> Callable[[Any, Any], None]:
    """Let the process die before or after it renames for the nth time."""
    real, count = os.replace, 0

    def replace(source: Any, target: Any) -> None:
        nonlocal count
        count += 1
        if count == number and not after:
            raise Crash
        real(source, target)
        if count == number:
            raise Crash

    monkeypatch.setattr(os, "replace", replace)
    return replace


@pytest.mark.parametrize("first", [True, False], ids=["first_write", "second_write"])
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_crash_at_any_moment_leaves_the_old_state_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, after: bool, first: bool
) -> None:
    file, log = a_file(tmp_path)
    if not first:
        file.save(OLD)
    with monkeypatch.context() as patch:
        crash_at(patch, number, after=after)
        with pytest.raises(Crash):
            file.save(NEW)
    is_new = number > 2 or (number == 2 and after)
    expected = NEW if is_new else None if first else OLD
    assert file.load() == expected
    interrupted = is_new and not (number == 3 and after)
    assert said(log) == ["CONSEC_LOSS_STATE_WRITE_COMPLETED"] * interrupted
    assert file.load() == expected
    file.save(NEW)
    assert file.load() == NEW
    assert len(said(log)) == interrupted
    assert sorted(p.name for p in tmp_path.iterdir()) == ["losses.json", "losses.json.sha256"]


def test_there_are_three_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, _ = a_file(tmp_path)
    crash_at(monkeypatch, 4, after=False)
    file.save(OLD)
    assert file.load() == OLD


@pytest.mark.parametrize("number", [1, 2])
def test_a_crash_while_keeping_aside_does_not_bring_damage_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    file, log = a_file(tmp_path)
    file.save(OLD)
    (tmp_path / "losses.json").write_bytes(b"damaged")
    with monkeypatch.context() as patch:
        crash_at(patch, number, after=False)
        with pytest.raises(Crash):
            file.load()
    assert file.load() is None
    assert said(log) == ["CONSEC_LOSS_STATE_DIGEST_MISMATCH"]
    assert b"damaged" in [p.read_bytes() for p in tmp_path.glob("losses.json.corrupt-?")]


# -- damage ------------------------------------------------------------------------------------


def test_a_changed_byte_is_kept_aside_and_the_start_is_fresh(tmp_path: Path) -> None:
    file, log = a_file(tmp_path)
    for number, damage in enumerate((b"x", b"", None), 1):
        file.save(OLD)
        if damage is None:
            (tmp_path / "losses.json.sha256").unlink()
        else:
            (tmp_path / "losses.json").write_bytes(damage)
        assert file.load() is None
        kept = tmp_path / f"losses.json.corrupt-{number}"
        assert kept.is_file()
        assert damage is None or kept.read_bytes() == damage
        assert log.calls[-1].kwargs["kept"] == str(kept)
        assert not (tmp_path / "losses.json").exists()
    assert said(log) == ["CONSEC_LOSS_STATE_DIGEST_MISMATCH"] * 3
    file.save(evolve(OLD, last_trade_ids={}))  # nothing is stored that it could fall behind
    assert len(list(tmp_path.glob("*.corrupt-?"))) == 3


@pytest.mark.parametrize("text", ["", "[]", "{", "\N{SNOWMAN}", '{"version":"other"}',
                                  encode_loss_state(OLD).replace("500", '"500"')])  # fmt: skip
def test_an_unreadable_envelope_is_kept_aside_whatever_its_digest(
    tmp_path: Path, text: str
) -> None:
    file, log = a_file(tmp_path)
    write_raw(tmp_path, text)
    assert file.load() is None
    assert said(log) == ["CONSEC_LOSS_STATE_UNREADABLE"]
    assert (tmp_path / "losses.json.corrupt-1").read_text("utf-8") == text
    assert (tmp_path / "losses.json.corrupt-1.sha256").is_file()
    assert file.load() is None
    assert len(log.calls) == 1


def test_damage_is_kept_aside_before_a_write_too(tmp_path: Path) -> None:
    file, log = a_file(tmp_path)
    file.save(NEW)
    (tmp_path / "losses.json").write_bytes(b"x")
    file.save(OLD)
    assert file.load() == OLD
    assert (tmp_path / "losses.json.corrupt-1").read_bytes() == b"x"
    assert said(log) == ["CONSEC_LOSS_STATE_DIGEST_MISMATCH"]


def test_what_cannot_be_kept_aside_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, _ = a_file(tmp_path)
    file.save(OLD)
    (tmp_path / "losses.json").write_bytes(b"x")

    def refuse(source: Any, target: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ArtifactError, match=r"losses\.json: is damaged and cannot be kept aside"):
        file.load()


def test_data_that_cannot_be_read_is_kept_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, log = a_file(tmp_path)
    file.save(OLD)

    def refuse(path: Path) -> bytes:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        assert file.load() is None
    assert said(log) == ["CONSEC_LOSS_STATE_UNREADABLE"]
    assert (tmp_path / "losses.json.corrupt-1").is_file()


def test_data_that_is_gone_while_its_digest_is_not_is_said(tmp_path: Path) -> None:
    file, log = a_file(tmp_path)
    file.save(OLD)
    (tmp_path / "losses.json").unlink()
    assert file.load() is None
    assert said(log) == ["CONSEC_LOSS_STATE_MISSING"]


# -- trackers and cursors ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (encode_loss_state(evolve(OLD, tracker=None)).replace("v2", "v1"),
         "CONSEC_LOSS_TRACKER_NOT_IN_STATE"),
        (encode_loss_state(OLD).replace('"100.5"', "100.5"),
         "CONSEC_LOSS_TRACKER_RESTORE_FAILED"),
    ],
)  # fmt: skip
def test_a_state_without_its_tracker_is_loaded_and_logged(
    tmp_path: Path, text: str, key: str
) -> None:
    file, log = a_file(tmp_path)
    write_raw(tmp_path, text)
    assert file.load() == evolve(OLD, tracker=None)
    assert said(log) == [key]
    file.save(OLD)  # the next write has one again
    assert file.load() == OLD
    assert said(log) == [key]


@pytest.mark.parametrize("cursors", [{"AAAUSDT": 499}, {}, {"BBBUSDT": 900}])
def test_a_write_that_lowers_a_cursor_leaves_everything_as_it_was(
    tmp_path: Path, cursors: dict[str, int]
) -> None:
    file, _ = a_file(tmp_path)
    file.save(OLD)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ContractError, match=r"last_trade_ids\.AAAUSDT"):
        a_file(tmp_path)[0].save(evolve(OLD, last_trade_ids=cursors))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_wrong_place_is_the_users_mistake(tmp_path: Path) -> None:
    for call in (lambda f: f.load(), lambda f: f.save(OLD)):
        with pytest.raises(InputError, match="is a directory"):
            call(LossStateFile(path=tmp_path))
    with pytest.raises(InputError, match="its folder does not exist"):
        LossStateFile(path=tmp_path / "none" / "losses.json").save(OLD)
    assert list(tmp_path.iterdir()) == []
