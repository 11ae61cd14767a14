"""What is posted for an alert, and its signature."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from grinder_adapters.binance.signing import Secret
from grinder_adapters.logs.lines import iso
from grinder_adapters.redact import Redactor
from grinder_adapters.webhook.records import Alert, AlertStatus
from grinder_adapters.webhook.settings import WebhookFormat
from grinder_core.codec import canonical_json

VERSION: Final = 1
SIGNATURE_HEADER: Final = "X-Grinder-Signature"
ID_HEADER: Final = "X-Grinder-Id"


def body_of(
    alert: Alert, form: WebhookFormat, redactor: Redactor, session: Mapping[str, str]
) -> tuple[str, bytes]:
    """Return the id of an alert and the bytes to post for it, without secrets.

    Args:
        session: What tells sessions apart: shown with each alert.
    """
    shown_session = redactor.value(dict(session), at_exit=True)
    shown = redactor.value(alert.to_dict(), at_exit=True)
    assert isinstance(shown, dict)
    assert isinstance(shown_session, dict)
    name = canonical_json(shown_session)
    identity = alert.id_in(name)
    if form is WebhookFormat.SLACK:
        return identity, canonical_json({"text": text_of(shown, shown_session)}).encode("ascii")
    body = {
        "version": VERSION,
        "id": identity,
        "incident": alert.incident_id(name),
        "session": shown_session,
        "alert": {**shown, "at": iso(alert.ts_ms)},
    }
    return identity, canonical_json(body).encode("ascii")


def text_of(shown: Mapping[str, Any], session: Mapping[str, str]) -> str:
    """Return an alert, as JSON values, in words for a chat."""
    symbol = f" {shown['symbol']}" if shown["symbol"] else ""
    ended = " RESOLVED" if shown["status"] == AlertStatus.RESOLVED else ""
    head = f"[{shown['severity']}]{ended} {shown['kind']}{symbol}: {shown['cause']}"
    rows = [
        ("detail", shown["detail"]),
        ("orders", shown["orders"]),
        ("next", "; ".join(shown["next"])),
        ("see", shown["runbook"]),
        ("session", ", ".join(f"{name} {value}" for name, value in sorted(session.items()))),
    ]
    return "\n".join([head, *(f"{name}: {value}" for name, value in rows if value)])


def headers_of(body: bytes, identity: str, secret: Secret | None, now_ms: int) -> dict[str, str]:
    """Return the headers of a post; the signature covers time and body."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "grinder",
        ID_HEADER: identity,
    }
    if secret is not None:
        headers[SIGNATURE_HEADER] = signature_of(body, secret, now_ms)
    return headers


def signature_of(body: bytes, secret: Secret, now_ms: int) -> str:
    """Return ``t=<Unix ms>,v1=<hex HMAC-SHA256 over "t.body">``."""
    mac = hmac.new(secret.reveal().encode("ascii"), f"{now_ms}.".encode("ascii") + body, sha256)
    return f"t={now_ms},v1={mac.hexdigest()}"
