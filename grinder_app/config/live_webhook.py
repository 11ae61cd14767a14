"""Where alerts go: an address and a secret, from the environment alone.

The address counts as a secret: with most chat services whoever knows it can post.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from attrs import frozen

from grinder_adapters.binance.signing import REDACTED, Secret
from grinder_adapters.redact import LENGTH_MIN
from grinder_adapters.webhook.settings import WebhookFormat
from grinder_app.config.live_keys import read_secret
from grinder_app.config.live_variables import WEBHOOK_SECRET, WEBHOOK_URL
from grinder_core.errors import ConfigError

SECRET_MIN: Final = 16


@frozen(kw_only=True)
class WebhookKeys:
    """Where to post and what to sign with; neither shows itself.

    Attributes:
        secret: ``None``: posts are not signed, which only chat services may ask for.
    """

    url: Secret
    secret: Secret | None

    @property
    def host(self) -> str:
        """Scheme and host, which may be shown."""
        parts = urlsplit(self.url.reveal())
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All that must be redacted; an address without a path holds nothing to hide."""
        hidden = self.url.reveal().removeprefix(self.host)
        of_url = (Secret(hidden),) if len(hidden) >= LENGTH_MIN else ()
        return (*of_url, *(() if self.secret is None else (self.secret,)))


def read_webhook(environ: Mapping[str, str]) -> WebhookKeys | None:
    """Return address and secret; ``None`` without both. An empty variable counts as unset.

    Raises:
        ConfigError: The secret comes without an address or is short, or the address is no
            ``https://`` one and not of this machine; never shows what it read.
    """
    url, secret = read_secret(WEBHOOK_URL, environ), read_secret(WEBHOOK_SECRET, environ)
    if url is None:
        if secret is not None:
            raise ConfigError(
                f"is given without {WEBHOOK_URL}",
                field=WEBHOOK_SECRET,
                value=REDACTED,
                remedy=f"set {WEBHOOK_URL} too, or neither",
            )
        return None
    _check_url(url.reveal())
    if secret is not None and len(secret.reveal()) < SECRET_MIN:
        raise ConfigError(
            f"must have at least {SECRET_MIN} characters",
            field=WEBHOOK_SECRET,
            value=REDACTED,
            remedy="draw a longer one, such as: openssl rand -hex 32",
        )
    return WebhookKeys(url=url, secret=secret)


def check_signed(keys: WebhookKeys | None, form: WebhookFormat) -> None:
    """Insist on a signature where the receiver can check one.

    Raises:
        ConfigError: The secret is missing.
    """
    if keys is not None and keys.secret is None and form is WebhookFormat.GENERIC:
        raise ConfigError(
            "is missing: posts of the generic format are signed",
            field=WEBHOOK_SECRET,
            value="",
            remedy=f"set {WEBHOOK_SECRET}, or webhook.webhook_format = slack for a chat service",
        )


def _check_url(url: str) -> None:
    parts = _split(url)
    if parts is None or not parts.hostname or parts.scheme not in ("http", "https"):
        rule, remedy = "must be an address like https://host/path", "give the whole address"
    elif parts.username is not None or parts.fragment:
        rule, remedy = "must hold no user name and no fragment", "put secrets into the path"
    elif parts.scheme == "http" and not _is_here(parts.hostname):
        rule, remedy = "must be encrypted unless it is on this machine", "use https"
    else:
        return
    raise ConfigError(rule, field=WEBHOOK_URL, value=REDACTED, remedy=remedy)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if parts.port is None or parts.port > 0 else None
    except ValueError:
        return None


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
