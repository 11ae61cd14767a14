"""MM-52: who may command over HTTP, from where and how often; one record in the one file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grinder_adapters.audit.settings import AuditConfig
from grinder_adapters.binance.signing import Secret
from grinder_adapters.control import ControlFile
from grinder_adapters.redact import Redactor
from grinder_app.config import load_settings
from grinder_app.config.admin_settings import AdminSettings
from grinder_app.config.live_environment import read_live_environment
from grinder_app.config.live_plan import LiveFlags, plan_live
from grinder_app.live.auditing import AuditTrail
from grinder_app.live.control_words import RESETS, WORDS
from grinder_app.server.access import AdminRequest, AdminTokens, CallLimit, Doors
from grinder_app.server.admin import (
    BODY_MAX,
    CONTROL_PATH,
    NEVER_LIMITED,
    AdminAnswer,
    AdminDesk,
    RefusedError,
)
from grinder_app.server.listening import AdminListener
from grinder_core.contracts.control import MAY_ADD_RISK, Command
from grinder_core.errors import ConfigError

PRIMARY, SECONDARY = "primary-token-0123456789", "secondary-token-0123456789"
NOW = 1_700_000_000_000
PORT = 9190
HOST = f"127.0.0.1:{PORT}"


class Rows:
    """A journal that only keeps what is appended."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def append(self, stream: str, kind: str, ts_ms: int, body: str) -> int:
        self.rows.append(json.loads(body))
        return len(self.rows)


class Scene:
    """A desk with its file, its journal and a clock."""

    def __init__(self, folder: Path, doors: Doors | None = None) -> None:
        self.now = NOW
        self.journal = Rows()
        self.file = ControlFile(folder)
        self.trail = AuditTrail(
            AuditConfig(), folder / "audit.jsonl", Redactor([Secret(PRIMARY), Secret(SECONDARY)]),
            self.journal, lambda kind, text: None, lambda: self.now, is_writing=True,  # type: ignore[arg-type]
        )  # fmt: skip
        self.tokens = AdminTokens(primary=Secret(PRIMARY), secondary=Secret(SECONDARY))
        doors = doors or Doors(port=PORT, is_loopback=True)
        self.desk = AdminDesk(self.file, self.tokens, doors, self.trail, lambda: self.now)

    def call(
        self,
        body: object = None,
        *,
        method: str = "POST",
        path: str = CONTROL_PATH,
        token: str | None = PRIMARY,
        **headers: Sequence[str],
    ) -> AdminAnswer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given: dict[str, Sequence[str]] = {"host": [HOST], **headers}
        if token is not None:
            given.setdefault("x-admin-token", [token])
        request, actor = AdminRequest(method, path, given), ""
        try:
            actor = self.desk.enter(request)
            return asyncio.run(self.desk.act(request, actor, raw))
        except RefusedError as refusal:
            return self.desk.refused(request, refusal, actor)

    def commands(self) -> list[Command]:
        state = self.file.read()
        return [] if state is None else [one.command for one in state.commands]


def told(answer: AdminAnswer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


def refusal(answer: AdminAnswer) -> tuple[int, str]:
    return answer.status, told(answer)["error"]


# -- what is carried out -------------------------------------------------------------------------

ASKED = [
    *({"command": word} for word in WORDS if word != "flatten"),
    {"command": "flatten", "symbol": "BTCUSDT"},
    *({"command": "reset", "target": target.value} for target in RESETS),
]


@pytest.mark.parametrize("body", ASKED, ids=str)
def test_a_command_becomes_the_one_record_in_the_one_file(
    tmp_path: Path, body: dict[str, str]
) -> None:
    scene = Scene(tmp_path)
    answer = scene.call({**body, "reason": "because"})
    assert answer.status == 200
    state = scene.file.read()
    assert state is not None
    (one,) = state.commands
    assert told(answer) == {"number": one.number}
    assert (one.actor, one.text) == ("admin token primary", "because")
    assert one.symbol == body.get("symbol", "")
    (row,) = scene.journal.rows
    assert (row["event_type"], row["status"]) == ("CONTROL", "ACCEPTED")
    assert row["details"] == {
        "actor": "admin token primary", "command": one.command.value,
        "endpoint": CONTROL_PATH, "number": one.number,
    }  # fmt: skip


def test_every_command_can_be_given() -> None:
    assert {*WORDS.values(), *RESETS.values()} == set(Command)


def test_the_second_token_is_as_good_and_names_itself(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert scene.call({"command": "pause"}, token=SECONDARY).status == 200
    assert scene.journal.rows[0]["details"]["actor"] == "admin token secondary"


def test_the_state_of_the_channel_is_told_and_not_noted(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.call({"command": "pause"})
    answer = told(scene.call(b"", method="GET"))
    assert (answer["override"], len(answer["commands"]), answer["problem"]) == ("PAUSE", 1, "")
    assert len(scene.journal.rows) == 1
    scene.file.path.write_bytes(b"nonsense")
    assert "is no JSON" in told(scene.call(b"", method="GET"))["problem"]


# -- who -----------------------------------------------------------------------------------------


@given(token=st.one_of(st.none(), st.text(max_size=40), st.just(PRIMARY[:-1])))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_without_a_token_nothing_is_done_or_read(tmp_path: Path, token: str | None) -> None:
    scene = Scene(tmp_path)
    assert refusal(scene.call({"command": "kill"}, token=token)) == (401, "unauthorized")
    assert scene.commands() == []
    (row,) = scene.journal.rows
    assert (row["status"], row["details"]["error"]) == ("REFUSED", "unauthorized")
    assert set(row["details"]) == {"actor", "endpoint", "error"}


def test_two_tokens_are_none_and_one_that_is_not_set_opens_to_nobody(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    both = {"x-admin-token": [PRIMARY, PRIMARY]}
    assert refusal(scene.call({"command": "kill"}, token=None, **both)) == (401, "unauthorized")
    alone = AdminTokens(primary=Secret(PRIMARY))
    assert [alone.actor_of(text) for text in ("", SECONDARY)] == ["", ""]
    assert alone.actor_of(PRIMARY)


# -- from where ----------------------------------------------------------------------------------

OURS = ["127.0.0.1:9190", "localhost:9190", "LOCALHOST:9190", "[::1]:9190"]


@pytest.mark.parametrize("host", OURS)
def test_our_own_names_are_ours_with_our_own_page_or_none(tmp_path: Path, host: str) -> None:
    scene = Scene(tmp_path)
    assert scene.call({"command": "pause"}, host=[host]).status == 200
    origin = f"http://{host.lower()}"
    assert scene.call({"command": "pause"}, host=[host], origin=[origin]).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": []},
        {"host": ["127.0.0.1"]},
        {"host": ["127.0.0.1:9191"]},
        {"host": ["evil.example:9190"]},
        {"host": ["127.0.0.1.evil.example:9190"]},
        {"host": ["evil@127.0.0.1:9190"]},
        {"host": ["127.0.0.1:9190", "127.0.0.1:9190"]},
        {"origin": ["http://evil.example"]},
        {"origin": ["null"]},
        {"origin": ["http://127.0.0.1"]},
        {"origin": ["http://127.0.0.1:9190", "http://evil.example"]},
    ],
    ids=str,
)
def test_a_page_of_somebody_else_commands_nothing_even_with_a_token(
    tmp_path: Path, headers: dict[str, list[str]]
) -> None:
    scene = Scene(tmp_path)
    assert refusal(scene.call({"command": "kill"}, **headers)) == (403, "foreign_host")
    assert scene.commands() == []


@given(host=st.text(max_size=60), origin=st.text(max_size=60))
def test_no_other_text_is_taken_for_us(host: str, origin: str) -> None:
    doors = Doors(port=PORT, is_loopback=True)
    if host.lower() not in {one.lower() for one in OURS}:
        assert not doors.takes({"host": [host]})
    if origin.lower() not in {f"http://{HOST}", f"https://{HOST}"}:
        assert not doors.takes({"host": [HOST], "origin": [origin]})


def test_elsewhere_only_the_names_that_were_given_are_ours(tmp_path: Path) -> None:
    doors = Doors(port=PORT, is_loopback=False, remote_names=frozenset({"desk.example"}))
    scene = Scene(tmp_path, doors)
    assert scene.call({"command": "pause"}, host=["desk.example"]).status == 200
    assert scene.call({"command": "pause"}, host=["desk.example:443"]).status == 200
    assert refusal(scene.call({"command": "pause"})) == (403, "foreign_host")


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "invalid_json"),
        (b"\xff", 400, "invalid_json"),
        (b'{"command":"kill","command":"pause"}', 400, "invalid_json"),
        (b'{"command":NaN}', 400, "invalid_json"),
        (b"[" * BODY_MAX, 400, "invalid_json"),
        (b" " * (BODY_MAX + 1), 413, "too_large"),
        (b"[]", 400, "invalid_payload"),
        (b"{}", 400, "invalid_payload"),
        (b'{"command":1}', 400, "invalid_payload"),
        (b'{"command":"kill","surprise":""}', 400, "invalid_payload"),
        (b'{"command":"halt"}', 400, "invalid_payload"),
        (b'{"command":"reset"}', 400, "invalid_payload"),
        (b'{"command":"reset","target":"all"}', 400, "invalid_payload"),
        (b'{"command":"kill","target":"kill-switch"}', 400, "invalid_payload"),
        (b'{"command":"flatten"}', 400, "invalid_payload"),
        (b'{"command":"flatten","symbol":"btc"}', 400, "invalid_payload"),
        (b'{"command":"kill","symbol":"BTCUSDT"}', 400, "invalid_payload"),
        (b'{"command":"kill","reason":"two\\nlines"}', 400, "invalid_payload"),
        (b'{"command":"kill","reason":"\\ud800"}', 400, "invalid_payload"),
    ],
)  # fmt: skip
def test_what_is_no_command_is_refused_by_name_and_not_shown_in_the_journal(
    tmp_path: Path, body: bytes, status: int, error: str
) -> None:
    scene = Scene(tmp_path)
    assert refusal(scene.call(body)) == (status, error)
    assert scene.commands() == []
    (row,) = scene.journal.rows
    assert row["details"] == {
        "actor": "admin token primary", "endpoint": CONTROL_PATH, "error": error,
    }  # fmt: skip


@given(body=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_end_in_anything_but_an_answer(tmp_path: Path, body: bytes) -> None:
    scene = Scene(tmp_path)
    assert refusal(scene.call(body))[0] == 400
    assert scene.commands() == []


@pytest.mark.parametrize(
    ("path", "method", "status", "error"),
    [
        ("/", "GET", 404, "not_found"),
        ("/admin/control/", "POST", 404, "not_found"),
        (CONTROL_PATH, "DELETE", 405, "method_not_allowed"),
        (CONTROL_PATH, "OPTIONS", 405, "method_not_allowed"),
    ],
)
def test_other_paths_and_methods_are_refused(
    tmp_path: Path, path: str, method: str, status: int, error: str
) -> None:
    answer = Scene(tmp_path).call({"command": "kill"}, path=path, method=method)
    assert refusal(answer) == (status, error)
    assert ("Allow" in answer.headers) is (status == 405)


def test_a_file_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "nowhere")
    assert refusal(scene.call({"command": "kill"})) == (503, "unavailable")


# -- how often -----------------------------------------------------------------------------------


def test_sixty_calls_in_sixty_seconds_for_each_token_and_never_a_limit_on_what_stops(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path)
    resume = {"command": "resume"}
    assert {scene.call(resume).status for _ in range(60)} == {200}
    limited = scene.call(resume)
    assert refusal(limited) == (429, "rate_limited")
    assert limited.headers["Retry-After"] == "60"
    assert refusal(scene.call(b"nonsense")) == (429, "rate_limited")
    assert scene.call(resume, token=SECONDARY).status == 200
    assert scene.call(b"", method="GET").status == 200
    for body in ({"command": "flatten", "symbol": "BTCUSDT"}, *({"command": c} for c in ("pause",
                 "emergency", "kill"))):  # fmt: skip
        assert {scene.call(body).status for _ in range(61)} == {200}
    scene.now += 60_000
    assert scene.call(resume).status == 200
    assert frozenset() == NEVER_LIMITED & MAY_ADD_RISK


@given(st.lists(st.integers(0, 400), max_size=60), st.integers(1, 5), st.integers(1, 500))
def test_no_window_holds_more_calls_than_it_may(
    gaps: list[int], calls_max: int, window_ms: int
) -> None:
    limit, now, admitted = CallLimit(calls_max=calls_max, window_ms=window_ms), NOW, list[int]()
    for gap in gaps:
        now += gap
        within = [at for at in admitted if at > now - window_ms]
        assert limit.admit(("a", "b"), now) is (len(within) < calls_max)
        if len(within) < calls_max:
            admitted.append(now)


def test_a_flood_of_refused_requests_does_not_fill_the_journal(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    for _ in range(200):
        scene.call({"command": "kill"}, token="wrong")
    assert len(scene.journal.rows) == 60
    assert scene.call({"command": "kill"}).status == 200


# -- settings ------------------------------------------------------------------------------------


def test_it_is_shut_without_a_token_and_on_loopback_without_names() -> None:
    plan = plan_live(LiveFlags(), load_settings(None, environment={}), {})
    assert (plan.admin_secrets, plan.admin.address, plan.admin.admin_port) == (
        (), "127.0.0.1", 9190,
    )  # fmt: skip
    with pytest.raises(ConfigError, match="is no address of loopback"):
        AdminSettings(admin_host="0.0.0.0")
    with pytest.raises(ConfigError, match="must be an IP address or localhost"):
        AdminSettings(admin_host="desk.example", admin_remote_names="desk.example")
    with pytest.raises(ConfigError, match="must be a host name"):
        AdminSettings(admin_remote_names="Desk:80")
    environ = {
        "GRINDER_ADMIN_HOST": "0.0.0.0", "GRINDER_ADMIN_TOKEN": PRIMARY,
        "GRINDER_ADMIN__ADMIN_REMOTE_NAMES": "desk.example",
    }  # fmt: skip
    plan = plan_live(LiveFlags(), load_settings(None, environment=environ), environ)
    assert any("clear text" in warning for warning in plan.warnings)
    assert PRIMARY not in repr(plan)


def test_tokens_come_from_variables_or_files_and_never_show(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(SECONDARY + "\n")
    path.chmod(0o600)
    environ = {"GRINDER_ADMIN_TOKEN": PRIMARY, "GRINDER_ADMIN_TOKEN_SECONDARY_FILE": str(path)}
    found = read_live_environment(environ)
    assert [token.reveal() for token in found.admin_tokens] == [PRIMARY, SECONDARY]
    assert PRIMARY not in repr(found)
    for bad in (
        {"GRINDER_ADMIN_TOKEN": "short"},
        {"GRINDER_ADMIN_TOKEN_SECONDARY": SECONDARY},
        {"GRINDER_ADMIN_TOKEN": PRIMARY, "GRINDER_ADMIN_TOKEN_FILE": str(path)},
    ):
        with pytest.raises(ConfigError) as caught:
            read_live_environment(bad)
        assert PRIMARY not in str(caught.value)


# -- over sockets --------------------------------------------------------------------------------


def test_over_sockets_it_answers_the_same(tmp_path: Path) -> None:
    async def scene() -> None:
        desk = Scene(tmp_path)
        listener = AdminListener(
            AdminSettings(admin_port=0), desk.tokens, desk.file, desk.trail, lambda: NOW
        )
        await listener.open()
        url = f"http://127.0.0.1:{listener.port}{CONTROL_PATH}"
        token = {"X-Admin-Token": PRIMARY}
        try:
            async with aiohttp.ClientSession() as client:

                async def status(method: str = "POST", **more: Any) -> tuple[int, Any]:
                    async with client.request(method, url, **more) as answer:
                        assert answer.headers["Cache-Control"] == "no-store"
                        return answer.status, await answer.json()

                assert (await status(json={"command": "kill"}))[0] == 401
                assert (await status(headers=token, data=b"x" * 100_000))[0] == 413
                assert (await status(headers=token, data=b"x"))[0] == 400
                assert (await status("DELETE", headers=token))[0] == 405
                foreign = {**token, "Host": f"evil.example:{listener.port}"}
                assert (await status(headers=foreign, json={"command": "kill"}))[0] == 403
                assert desk.commands() == []
                code, found = await status(headers=token, json={"command": "kill"})
                assert (code, found) == (200, {"number": NOW})
                code, found = await status("GET", headers=token)
                assert [one["command"] for one in found["commands"]] == ["KILL"]
            taken = AdminSettings(admin_port=listener.port)
            other = AdminListener(taken, desk.tokens, desk.file, desk.trail, lambda: NOW)
            with pytest.raises(ConfigError, match="GRINDER_ADMIN_PORT"):
                await other.open()
        finally:
            await listener.close()

    asyncio.run(scene())
