"""The secrets of a live run: from variables, from files that only we can read, or a keyring."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from functools import partial
from typing import Final

from attrs import field, frozen

from grinder_adapters.binance.permission import Credentials
from grinder_adapters.binance.signing import REDACTED, Secret, Signer
from grinder_adapters.local_venue.assembly import LOCAL_KEY
from grinder_app.config.live_keyring import KEYRING, read_entries
from grinder_app.config.live_variables import (
    ADMIN_TOKEN,
    ADMIN_TOKEN_SECONDARY,
    API_KEY,
    API_SECRET,
    FROM_FILE,
)
from grinder_core.errors import ConfigError

SECRET_BYTES_MAX: Final = 4_096
TOKEN_MIN: Final = 16
PAIR: Final = (API_KEY, API_SECRET)
_FOR_OTHERS: Final = 0o077


@frozen(kw_only=True)
class KeyPair:
    """An account's key and what requests are signed with; neither shows itself.

    Attributes:
        origin: Where they came from, in words.
    """

    key: Secret
    secret: Secret
    kind: Credentials
    origin: str = field(default="", eq=False)

    def signer(self) -> Signer:
        """Return what signs requests with it."""
        return Signer(self.key, self.secret)


def local_pair() -> KeyPair:
    """Return the pair that opens the local exchange and nothing else."""
    return KeyPair(
        key=Secret(LOCAL_KEY.key),
        secret=Secret(LOCAL_KEY.secret),
        kind=Credentials.LOCAL,
        origin="the local exchange's own pair, no secret",
    )


def read_pair(environ: Mapping[str, str]) -> KeyPair | None:
    """Return the venue's pair; ``None`` without one. An empty variable counts as unset.

    Raises:
        ConfigError: One of the two is missing, given twice, malformed, in a file that cannot be
            read or that others may read, or not in the keyring; never shows what it read.
    """
    if service := environ.get(KEYRING, "").strip():
        return _of_keyring(service, environ)
    key, secret = read_secret(API_KEY, environ), read_secret(API_SECRET, environ)
    if key is None and secret is None:
        return None
    if key is None or secret is None:
        given, missing = (API_SECRET, API_KEY) if key is None else (API_KEY, API_SECRET)
        raise ConfigError(
            f"is given without {missing}",
            field=given,
            value=REDACTED,
            remedy=f"set {missing} too, or neither",
        )
    origin = " and ".join(dict.fromkeys(_origin(name, environ) for name in PAIR))
    return KeyPair(key=key, secret=secret, kind=Credentials.VENUE, origin=origin)


def _of_keyring(service: str, environ: Mapping[str, str]) -> KeyPair:
    for name in (*PAIR, *(f"{name}{FROM_FILE}" for name in PAIR)):
        if environ.get(name, ""):
            raise ConfigError(
                f"is given together with {KEYRING}",
                field=name,
                value=REDACTED,
                remedy="set only one of them",
            )
    key, secret = map(partial(_secret, KEYRING), read_entries(service, PAIR))
    origin = f"keyring, service {service}"
    return KeyPair(key=key, secret=secret, kind=Credentials.VENUE, origin=origin)


def _origin(name: str, environ: Mapping[str, str]) -> str:
    path = environ.get(f"{name}{FROM_FILE}", "")
    return f"file {path}, for us alone" if path else f"variable {name}"


def read_admin_tokens(environ: Mapping[str, str]) -> tuple[Secret, ...]:
    """Return what opens the admin endpoint, the primary one first; none: it is shut.

    Raises:
        ConfigError: One is too short, given twice, alone though the second, or in a file that
            cannot be read or that others may read; never shows what it read.
    """
    primary, secondary = _token(ADMIN_TOKEN, environ), _token(ADMIN_TOKEN_SECONDARY, environ)
    if primary is None and secondary is not None:
        raise ConfigError(
            f"is given without {ADMIN_TOKEN}",
            field=ADMIN_TOKEN_SECONDARY,
            value=REDACTED,
            remedy=f"set {ADMIN_TOKEN} too, or neither",
        )
    return tuple(token for token in (primary, secondary) if token is not None)


def _token(name: str, environ: Mapping[str, str]) -> Secret | None:
    token = read_secret(name, environ)
    if token is not None and len(token.reveal()) < TOKEN_MIN:
        raise ConfigError(
            f"must have at least {TOKEN_MIN} characters",
            field=name,
            value=REDACTED,
            remedy="make one with: openssl rand -hex 32",
        )
    return token


def read_secret(name: str, environ: Mapping[str, str]) -> Secret | None:
    """Return a secret out of a variable, or out of the file that ``NAME_FILE`` names.

    Raises:
        ConfigError: It is given twice, malformed, or in a file that cannot be read or that others
            may read; never shows what it read.
    """
    direct, path = environ.get(name, ""), environ.get(f"{name}{FROM_FILE}", "")
    if direct and path:
        raise ConfigError(
            f"is given together with {name}{FROM_FILE}",
            field=name,
            value=REDACTED,
            remedy="set only one of them",
        )
    if path:
        return _secret(f"{name}{FROM_FILE}", _content(f"{name}{FROM_FILE}", path))
    return _secret(name, direct) if direct else None


def _secret(name: str, text: str) -> Secret:
    try:
        return Secret(text)
    except ConfigError as error:
        raise ConfigError(error.rule, field=name, value=REDACTED, remedy=error.remedy) from None


def _content(name: str, path: str) -> str:
    """Read a file that belongs to one person, without the end of its one line."""
    try:
        # O_NONBLOCK: a pipe without a writer must not hold the start
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(number, "rb") as file:
            facts = os.fstat(number)
            if not stat.S_ISREG(facts.st_mode):
                raise ConfigError("must be a regular file", field=name, value=path)
            if facts.st_mode & _FOR_OTHERS:
                raise ConfigError(
                    f"may be read by others: its mode is {stat.S_IMODE(facts.st_mode):04o}",
                    field=name,
                    value=path,
                    remedy=f"chmod 600 {path}",
                )
            body = file.read(SECRET_BYTES_MAX + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"cannot be read: {getattr(error, 'strerror', None) or error}", field=name, value=path
        ) from None
    if len(body) > SECRET_BYTES_MAX:
        raise ConfigError(f"must be at most {SECRET_BYTES_MAX} bytes", field=name, value=path)
    return body.decode("latin-1").removesuffix("\n").removesuffix("\r")
