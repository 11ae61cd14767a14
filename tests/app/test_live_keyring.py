"""Keys out of a keyring: found by service and name, never shown, and told where they came from."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from grinder_adapters.binance.permission import Credentials
from grinder_app.cli import run
from grinder_app.config.live_environment import read_live_environment
from grinder_app.config.live_variables import BY_NAME, FEATURES, SECRET_FILES
from grinder_core.errors import ConfigError

SERVICE = "grinder-demo"
ENVIRON = {"GRINDER_KEYRING": SERVICE}


class InMemory(KeyringBackend):
    """A keyring of this process."""

    priority = 1.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.is_locked:
            raise KeyringLocked("locked: hidden-detail")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.entries.pop((service, username), None) is None:
            raise PasswordDeleteError(username)


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*BY_NAME, *SECRET_FILES, *FEATURES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> InMemory:
    before, ring = keyring.get_keyring(), InMemory()
    ring.set_password(SERVICE, "BINANCE_API_KEY", "the-key")
    ring.set_password(SERVICE, "BINANCE_API_SECRET", "the-secret")
    monkeypatch.setattr(keyring.core, "_keyring_backend", ring)
    assert keyring.get_keyring() is ring
    assert before is not ring
    return ring


@pytest.mark.usefixtures("ring")
def test_a_pair_comes_from_the_keyring() -> None:
    read = read_live_environment(ENVIRON)
    assert read.keys is not None
    assert (read.keys.key.reveal(), read.keys.secret.reveal()) == ("the-key", "the-secret")
    assert read.keys.kind is Credentials.VENUE
    assert read.keys.origin == f"keyring, service {SERVICE}"
    assert read.keyring == SERVICE


@pytest.mark.usefixtures("ring")
@pytest.mark.parametrize("name", ["BINANCE_API_KEY", "BINANCE_API_SECRET", "BINANCE_API_KEY_FILE"])
def test_a_key_from_two_places_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="given together with GRINDER_KEYRING") as caught:
        read_live_environment({**ENVIRON, name: "hidden-value"})
    assert name in str(caught.value)
    assert "hidden-value" not in str(caught.value)


@pytest.mark.parametrize("names", [("BINANCE_API_KEY",), ("BINANCE_API_KEY", "BINANCE_API_SECRET")])
def test_entries_that_are_missing_are_all_named(ring: InMemory, names: tuple[str, ...]) -> None:
    for name in names:
        ring.delete_password(SERVICE, name)
    with pytest.raises(ConfigError) as caught:
        read_live_environment(ENVIRON)
    for name in names:
        assert f"keyring set {SERVICE} {name}" in str(caught.value)
    assert "the-secret" not in str(caught.value)


def test_a_locked_keyring_is_told_without_its_words(ring: InMemory) -> None:
    ring.is_locked = True
    with pytest.raises(ConfigError, match="unlock the keyring") as caught:
        read_live_environment(ENVIRON)
    assert "hidden-detail" not in str(caught.value)


def test_a_malformed_entry_is_refused_and_not_shown(ring: InMemory) -> None:
    ring.set_password(SERVICE, "BINANCE_API_SECRET", "hidden value")
    with pytest.raises(ConfigError, match="printable ASCII") as caught:
        read_live_environment(ENVIRON)
    assert "hidden value" not in str(caught.value)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match=r"grinder\[keyring\]"):
        read_live_environment(ENVIRON)


def test_without_the_variable_no_keyring_is_asked(ring: InMemory) -> None:
    ring.is_locked = True
    assert read_live_environment({}).keys is None
    assert read_live_environment({"GRINDER_KEYRING": " "}).keys is None


@pytest.mark.usefixtures("ring")
def test_settings_and_report_show_where_keys_come_from_and_never_the_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRINDER_KEYRING", SERVICE)
    assert run(["config", "show", "--json"]) == 0
    shown = capsys.readouterr().out
    assert SERVICE in shown
    assert run(["smoke", "futures", "--venue", "testnet", "--confirm", "TESTNET"]) == 1
    listed = capsys.readouterr().err
    assert "credentials" not in listed
    assert "armed" in listed
    for text in (shown, listed):
        assert "the-key" not in text
        assert "the-secret" not in text


@pytest.mark.parametrize("place", ["keyring", "file", "variable"])
def test_the_doctor_says_where_keys_come_from(
    place: str,
    ring: InMemory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = {"BINANCE_API_KEY": "the-key", "BINANCE_API_SECRET": "the-secret"}
    if place == "keyring":
        monkeypatch.setenv("GRINDER_KEYRING", SERVICE)
    for name, value in values.items():
        if place == "file":
            (tmp_path / name).write_text(value)
            (tmp_path / name).chmod(0o600)
            monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
        elif place == "variable":
            monkeypatch.setenv(name, value)
    away = "127.0.0.2.invalid"
    command = f"doctor --json --symbols XRPUSDT --venue-url https://{away}"
    run([*command.split(), "--venue-ws-url", f"wss://{away}"])
    said = capsys.readouterr().out
    checks = {check["name"]: check["found"] for check in json.loads(said)["checks"]}
    expected = {
        "keyring": f"keyring, service {SERVICE}",
        "file": f"file {tmp_path}/BINANCE_API_KEY, for us alone and "
        f"file {tmp_path}/BINANCE_API_SECRET, for us alone",
        "variable": "variable BINANCE_API_KEY and variable BINANCE_API_SECRET",
    }
    assert checks["keys"] == expected[place]
    assert "the-key" not in said
    assert "the-secret" not in said
