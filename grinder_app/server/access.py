"""Who may call the admin endpoint, from where, and how often (MM-52).

A browser is a program that strangers write for: a page from anywhere may send requests to loopback.
So a request must name us in its Host (a stranger's name may resolve to loopback) and, where it says
an Origin, that must be our own. The token is a header that no page can set without asking us first.
"""

from __future__ import annotations

import hmac
import re
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import Factory, define, field, frozen

from grinder_adapters.binance.signing import Secret

TOKEN_HEADER: Final = "x-admin-token"
LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
CALLS_MAX: Final = 60
WINDOW_MS: Final = 60_000
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::([0-9]{1,5}))?")

Headers = Mapping[str, Sequence[str]]
"""All values of each header, by its name in lower case."""


@frozen(kw_only=True)
class AdminTokens:
    """What opens the endpoint; both do, so that one can be changed while the other is in use."""

    primary: Secret
    secondary: Secret | None = None

    def actor_of(self, given: str) -> str:
        """Return whose token it is; empty: nobody's. Takes the same time whatever is equal."""
        found = ""
        raw = given.encode("utf-8", "surrogateescape")
        for name, token in (("secondary", self.secondary), ("primary", self.primary)):
            known = b"" if token is None else token.reveal().encode("ascii")
            is_equal = hmac.compare_digest(raw, known)
            if is_equal and known:
                found = f"admin token {name}"
        return found


@frozen(kw_only=True)
class Doors:
    """By which names the endpoint is called.

    Attributes:
        port: That it listens at.
        is_loopback: Names of loopback are ours.
        remote_names: Others that are, at whatever port.
    """

    port: int
    is_loopback: bool
    remote_names: frozenset[str] = frozenset()

    def takes(self, headers: Headers) -> bool:
        """Whether a request is for us, and from no page of somebody else's."""
        hosts = headers.get("host", ())
        if len(hosts) != 1 or not self._is_ours(hosts[0].lower()):
            return False
        origins = headers.get("origin", ())
        ours = {f"{scheme}://{hosts[0].lower()}" for scheme in ("http", "https")}
        return all(origin.lower() in ours for origin in origins)

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name, port = found.groups()
        if name in self.remote_names:
            return True
        return self.is_loopback and name in LOOPBACK_NAMES and port == str(self.port)


@define
class CallLimit:
    """A sliding window of calls for each key.

    Attributes:
        calls: Times of the newest calls, Unix milliseconds, by key.
    """

    calls_max: int = CALLS_MAX
    window_ms: int = WINDOW_MS
    calls: dict[tuple[str, str], deque[int]] = field(factory=dict)

    def admit(self, key: tuple[str, str], now_ms: int) -> bool:
        """Count a call and return True, or refuse it and count nothing."""
        times = self.calls.setdefault(key, deque())
        while times and times[0] <= now_ms - self.window_ms:
            times.popleft()
        if len(times) >= self.calls_max:
            return False
        times.append(now_ms)
        return True


@frozen
class AdminRequest:
    """One request without its body.

    Attributes:
        path: Without the query.
    """

    method: str
    path: str
    headers: Headers = Factory(dict)
