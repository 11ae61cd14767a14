"""What the environment alone may say about a live run: arming, acknowledgements, keys (LIVE-36).

Read once at the start. Variables that set settings are read by ``environment.py``, with all the
other layers; both go by the table in ``live_variables.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from grinder_adapters.binance.permission import REAL_PORT_ACK
from grinder_adapters.binance.signing import REDACTED, Secret
from grinder_adapters.env import parse_bool, parse_enum
from grinder_app.config import live_variables as names
from grinder_app.config.live_keyring import KEYRING
from grinder_app.config.live_keys import KeyPair, read_admin_tokens, read_pair
from grinder_app.config.live_variables import FEATURES, FROM_FILE, Variable
from grinder_app.config.live_webhook import WebhookKeys, read_webhook
from grinder_core.contracts.enums import Override
from grinder_core.errors import ConfigError

PRODUCTION: Final = "prod"
_ENVIRONMENT: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")


@frozen(kw_only=True)
class LiveEnvironment:
    """What was said; the defaults permit nothing.

    Attributes:
        armed: ``None`` where nobody said, which leaves it to the flag; ``False`` wins over it.
        real_port_ack: The second acknowledgement of orders that cost money.
        keys: The venue's pair.
        webhook: Where alerts go.
        keyring: The service of the keyring that it came from, if it did.
        operator_override: What holds new orders from the start.
        name: Of the environment.
        admin_tokens: What opens the admin endpoint, the primary one first.
    """

    armed: bool | None = None
    allow_testnet_trade: bool = False
    allow_mainnet_trade: bool = False
    real_port_ack: str = ""
    keys: KeyPair | None = None
    webhook: WebhookKeys | None = None
    keyring: str = ""
    operator_override: Override | None = None
    name: str = PRODUCTION
    admin_tokens: tuple[Secret, ...] = ()

    def shown(self, variable: Variable) -> object:
        """Return the value in force of a variable that sets no setting, secrets redacted."""
        if variable.is_secret:
            return REDACTED if variable.name in self._secrets_given() else None
        return {
            names.ARMED: bool(self.armed),
            names.ALLOW_TESTNET_TRADE: self.allow_testnet_trade,
            names.ALLOW_MAINNET_TRADE: self.allow_mainnet_trade,
            names.ACKNOWLEDGEMENT: self.real_port_ack or None,
            names.OVERRIDE: self.operator_override and self.operator_override.value,
            names.ENVIRONMENT: self.name,
            KEYRING: self.keyring or None,
        }[variable.name]

    def _secrets_given(self) -> set[str]:
        given = set() if self.keys is None else {names.API_KEY, names.API_SECRET}
        given |= {*(names.ADMIN_TOKEN, names.ADMIN_TOKEN_SECONDARY)[: len(self.admin_tokens)]}
        if self.webhook is not None:
            given.add(names.WEBHOOK_URL)
            if self.webhook.secret is not None:
                given.add(names.WEBHOOK_SECRET)
        return given


def read_live_environment(environ: Mapping[str, str]) -> LiveEnvironment:
    """Read what no setting holds.

    Raises:
        ConfigError: A value is malformed, or a key comes without its secret; names the variable.
    """
    armed = environ.get(names.ARMED)
    return LiveEnvironment(
        armed=None if armed is None else parse_bool(names.ARMED, armed),
        allow_testnet_trade=_flag(names.ALLOW_TESTNET_TRADE, environ),
        allow_mainnet_trade=_flag(names.ALLOW_MAINNET_TRADE, environ),
        real_port_ack=_acknowledgement(environ),
        keys=read_pair(environ),
        webhook=read_webhook(environ),
        keyring=environ.get(KEYRING, "").strip(),
        operator_override=_override(environ),
        name=_environment(environ),
        admin_tokens=read_admin_tokens(environ),
    )


def refuse_absent(environ: Mapping[str, str]) -> None:
    """Insist that no variable is set whose feature is not there; an empty one counts as unset.

    Raises:
        ConfigError: Some are; names them all, without their values, which may hold a password.
    """
    given = [name for name in FEATURES if environ.get(name, "").strip()]
    if given:
        features = ", ".join(dict.fromkeys(FEATURES[name] for name in given))
        raise ConfigError(
            f"this version does not have {features}",
            field=", ".join(given),
            remedy="unset it: nothing would happen that it asks for",
        )


def origin_of(variable: Variable, environ: Mapping[str, str]) -> str:
    """Return where the value of a variable that sets no setting comes from."""
    for name in (variable.name, f"{variable.name}{FROM_FILE}"):
        is_given = name in environ if variable.is_refusal_when_empty else environ.get(name)
        if is_given and (name == variable.name or variable.is_secret):
            return f"environment {name}"
    return "default"


def _flag(name: str, environ: Mapping[str, str]) -> bool:
    return parse_bool(name, environ.get(name))


def _acknowledgement(environ: Mapping[str, str]) -> str:
    text = environ.get(names.ACKNOWLEDGEMENT, "")
    if text not in ("", REAL_PORT_ACK):
        raise ConfigError(
            f"must be exactly {REAL_PORT_ACK}", field=names.ACKNOWLEDGEMENT, value=text
        )
    return text


def _override(environ: Mapping[str, str]) -> Override | None:
    text = environ.get(names.OVERRIDE, "").strip()
    return parse_enum(names.OVERRIDE, text, Override, default=Override.PAUSE) if text else None


def _environment(environ: Mapping[str, str]) -> str:
    text = environ.get(names.ENVIRONMENT, "").strip() or PRODUCTION
    if not _ENVIRONMENT.fullmatch(text):
        raise ConfigError(f"must match {_ENVIRONMENT.pattern}", field=names.ENVIRONMENT, value=text)
    return text
