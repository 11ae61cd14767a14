"""Settings of the admin endpoint; its tokens never stand in a file of settings (MM-52)."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

from attrs import frozen

from grinder_core.errors import ConfigError
from grinder_core.settings import setting

LOOPBACK: Final = "127.0.0.1"
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@frozen(kw_only=True)
class AdminSettings:
    """Where an operator's commands are taken over HTTP; shut until a token is set."""

    admin_host: str = setting(
        "localhost",
        "Address that is listened at, `localhost` for that of IPv4; there is no TLS.",
        spec="MM-52",
    )
    admin_port: int = setting(
        9190, "Port that is listened at; 0: any that is free.", ge=0, le=65_535, spec="MM-52"
    )
    admin_remote_names: str = setting(
        "",
        "Names and addresses by which other machines reach it, separated by commas. Empty: it "
        "listens on loopback alone.",
        spec="MM-52",
    )

    def __attrs_post_init__(self) -> None:
        for name in self.remote_names:
            if not _NAME.fullmatch(name):
                raise ConfigError(
                    "must be a host name or an IPv4 address in lower case, without port",
                    field="admin_remote_names",
                    value=name,
                )
        if not self.is_loopback and not self.remote_names:
            raise ConfigError(
                "is no address of loopback",
                field="admin_host",
                value=self.admin_host,
                remedy="name in admin_remote_names how others reach it, and put TLS before it",
            )

    @property
    def remote_names(self) -> tuple[str, ...]:
        """By which others reach it."""
        return tuple(name for part in self.admin_remote_names.split(",") if (name := part.strip()))

    @property
    def address(self) -> str:
        """What is listened at; no resolver is asked what ``localhost`` is."""
        return LOOPBACK if self.admin_host == "localhost" else self.admin_host

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it.

        Raises:
            ConfigError: The host is no address.
        """
        try:
            return ip_address(self.address).is_loopback
        except ValueError:
            raise ConfigError(
                "must be an IP address or localhost", field="admin_host", value=self.admin_host
            ) from None
