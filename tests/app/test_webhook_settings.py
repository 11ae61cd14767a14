"""Where alerts go comes from the environment alone, and is checked before anything starts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from grinder_adapters.clock import SystemClock
from grinder_adapters.redact import Redactor
from grinder_adapters.transport import HttpAnswer
from grinder_adapters.webhook.records import Severity
from grinder_adapters.webhook.settings import WebhookFormat, WebhookSettings
from grinder_app.config import load_settings
from grinder_app.config.effective import effective_config
from grinder_app.config.live_plan import LiveFlags, LivePlan, draft_live
from grinder_app.config.live_webhook import read_webhook
from grinder_app.runner.doctor_findings import Verdict
from grinder_app.runner.doctor_venue import Reach
from grinder_app.runner.doctor_webhook import examine_webhook
from grinder_core.codec import canonical_json
from grinder_core.errors import ConfigError, ConnectionNotMadeError

URL = "https://hooks.example.org/services/secret-path"
SECRET = "a-secret-of-the-webhook"
GIVEN = {"GRINDER_WEBHOOK_URL": URL, "GRINDER_WEBHOOK_SECRET": SECRET}


def planned(environ: Mapping[str, str], **flags: str) -> LivePlan:
    config = load_settings(None, environment=environ, flags=flags)
    return draft_live(LiveFlags(), config, environ)


@pytest.fixture(autouse=True)
def _empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_an_address_nobody_is_told() -> None:
    plan = planned({"GRINDER_WEBHOOK_URL": "", "GRINDER_WEBHOOK_SECRET": ""})
    assert plan.webhook_keys is None
    assert plan.webhook == WebhookSettings()


def test_address_and_secret_are_taken_and_never_shown() -> None:
    plan = planned(GIVEN)
    assert plan.webhook_keys is not None
    assert plan.webhook_keys.url.reveal() == URL
    assert plan.webhook_keys.host == "https://hooks.example.org"
    shown = canonical_json(effective_config(plan, GIVEN)) + repr(plan)
    assert "secret-path" not in shown
    assert SECRET not in shown
    told = effective_config(plan, GIVEN)["environment"]
    assert told["GRINDER_WEBHOOK_URL"]["value"] == "[REDACTED]"
    assert told["GRINDER_WEBHOOK_SECRET"]["value"] == "[REDACTED]"
    assert told["BINANCE_API_KEY"]["value"] is None
    hidden = Redactor(plan.secrets).text(f"{URL} {SECRET}")
    assert hidden == "https://hooks.example.org[REDACTED] [REDACTED]"


def test_both_may_stand_in_files_that_only_we_can_read(tmp_path: Path) -> None:
    environ = {}
    for name, text in GIVEN.items():
        path = tmp_path / name
        path.write_text(f"{text}\n")
        path.chmod(0o600)
        environ[f"{name}_FILE"] = str(path)
    keys = planned(environ).webhook_keys
    assert keys is not None
    assert (keys.url.reveal(), keys.secret and keys.secret.reveal()) == (URL, SECRET)
    (tmp_path / "GRINDER_WEBHOOK_SECRET").chmod(0o644)
    with pytest.raises(ConfigError, match="may be read by others"):
        planned(environ)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"GRINDER_WEBHOOK_URL": ""}, "given without GRINDER_WEBHOOK_URL"),
        ({"GRINDER_WEBHOOK_SECRET": ""}, "is missing"),
        ({"GRINDER_WEBHOOK_SECRET": "too-short"}, "at least 16 characters"),
        ({"GRINDER_WEBHOOK_URL": "http://hooks.example.org/x"}, "must be encrypted"),
        ({"GRINDER_WEBHOOK_URL": "http://127.0.0.1.example.org/x"}, "must be encrypted"),
        ({"GRINDER_WEBHOOK_URL": "ftp://hooks.example.org/x"}, "like https://"),
        ({"GRINDER_WEBHOOK_URL": "https:///x"}, "like https://"),
        ({"GRINDER_WEBHOOK_URL": "https://h:99999/x"}, "like https://"),
        ({"GRINDER_WEBHOOK_URL": "hooks.example.org"}, "like https://"),
        ({"GRINDER_WEBHOOK_URL": "https://user:password@h/x"}, "no user name"),
        ({"GRINDER_WEBHOOK_MIN_SEVERITY": "loud"}, "must be one of"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_starts(
    changes: dict[str, str], rule: str
) -> None:
    environ = {**GIVEN, **changes}
    with pytest.raises(ConfigError, match=rule) as caught:
        planned(environ)
    assert "secret-path" not in str(caught.value)
    assert "too-short" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost", "[::1]:8080"])
def test_this_machine_needs_no_encryption(host: str) -> None:
    assert read_webhook({**GIVEN, "GRINDER_WEBHOOK_URL": f"http://{host}/x"}) is not None


def test_a_chat_service_needs_no_secret() -> None:
    plan = planned({"GRINDER_WEBHOOK_URL": URL}, **{"webhook.webhook_format": "slack"})
    assert plan.webhook.webhook_format is WebhookFormat.SLACK
    assert plan.webhook_keys is not None
    assert plan.webhook_keys.secret is None


def test_variables_set_their_settings() -> None:
    environ = {"GRINDER_WEBHOOK_MIN_SEVERITY": "critical", "GRINDER_LOG_LEVEL": "ERROR"}
    plan = planned(environ)
    assert plan.webhook.webhook_min_severity is Severity.CRITICAL
    assert plan.log.log_level == "ERROR"
    with pytest.raises(ConfigError, match="DEBUG, INFO, WARNING, ERROR"):
        planned({"GRINDER_LOG_LEVEL": "verbose"})


def test_the_waits_of_retries_must_not_contradict() -> None:
    with pytest.raises(ConfigError, match="webhook_base_delay_ms = 500"):
        WebhookSettings(webhook_base_delay_ms=500, webhook_max_delay_ms=499)


# -- the check-up ----------------------------------------------------------------------------------


class Hook:
    """A receiver that answers one thing."""

    def __init__(self, answer: int | Exception) -> None:
        self.answer, self.bodies, self.is_closed = answer, list[bytes](), False

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_ms: int
    ) -> HttpAnswer:
        assert headers["X-Grinder-Signature"]
        self.bodies.append(body)
        if isinstance(self.answer, Exception):
            raise self.answer
        return HttpAnswer(self.answer, b"")

    async def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    ("answer", "verdict", "found"),
    [
        (200, Verdict.OK, "took a test alert"),
        (401, Verdict.FAIL, "401"),
        (302, Verdict.FAIL, "redirects are not followed"),
        (ConnectionNotMadeError("cannot be reached"), Verdict.FAIL, "cannot be reached"),
    ],
)
def test_the_check_up_posts_one_signed_test_alert_where_asked_to(
    answer: Any, verdict: Verdict, found: str
) -> None:
    hook = Hook(answer)
    reach = Reach(transport=lambda: hook, clock=SystemClock())
    finding = asyncio.run(examine_webhook(planned(GIVEN), reach, posts=True))
    assert finding.verdict is verdict
    assert found in finding.found
    assert "secret-path" not in repr(finding)
    assert bool(finding.remedy) is (verdict is Verdict.FAIL)
    assert b'"kind":"TEST"' in hook.bodies[0]
    assert len(hook.bodies) == 1
    assert hook.is_closed


def test_the_check_up_posts_nothing_unless_asked_to() -> None:
    reach = Reach(transport=lambda: Hook(500))
    quiet = asyncio.run(examine_webhook(planned(GIVEN), reach, posts=False))
    assert quiet.verdict is Verdict.OK
    assert "signed" in quiet.found
    missing = asyncio.run(examine_webhook(planned({}), reach, posts=False))
    assert missing.verdict is Verdict.OK
    asked = asyncio.run(examine_webhook(planned({}), reach, posts=True))
    assert asked.verdict is Verdict.FAIL
    real = {"GRINDER_REST_URL": "https://fapi.binance.com", "GRINDER_SYMBOLS": "XRPUSDT",
            "GRINDER_EXCHANGE_PORT": "futures"}  # fmt: skip
    warned = asyncio.run(examine_webhook(planned(real), reach, posts=False))
    assert warned.verdict is Verdict.WARN
