"""The key pair out of the keyring of this user, through the library ``keyring``.

Entries are found by the name of the service, which ``GRINDER_KEYRING`` gives, and by the names of
the variables that they stand for. What a keyring hands out is never shown, and never kept.
"""

from __future__ import annotations

from typing import Final

from grinder_core.errors import ConfigError

KEYRING: Final = "GRINDER_KEYRING"


def read_entries(service: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the entries of a service, in the order of their names.

    Raises:
        ConfigError: The library is not installed, there is no keyring, it is locked, or it lacks
            an entry; all that it lacks are named.
    """
    try:
        import keyring
        from keyring.errors import KeyringError
    except ModuleNotFoundError:
        raise ConfigError(
            "needs the library keyring, which is not installed",
            field=KEYRING,
            value=service,
            remedy="pip install 'grinder[keyring]', or use files: BINANCE_API_KEY_FILE",
        ) from None
    try:
        found = {name: keyring.get_password(service, name) for name in names}
    except KeyringError as error:
        raise ConfigError(
            f"cannot be asked: {type(error).__name__}",
            field=KEYRING,
            value=service,
            remedy="unlock the keyring of this user, or use files: BINANCE_API_KEY_FILE",
        ) from None
    missing = [name for name in names if not found[name]]
    if missing:
        raise ConfigError(
            f"has no entry {' and no '.join(missing)}",
            field=KEYRING,
            value=service,
            remedy="; ".join(f"keyring set {service} {name}" for name in missing),
        )
    return tuple(text for text in found.values() if text is not None)
