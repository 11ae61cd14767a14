"""Keys of user streams and when they end (reference 7, 10).

A key lives 60 minutes from its last extension. An account has one at a time; asking again gives
the same one and extends it. A key that runs out is reported once, with the time it ended at.
"""

from __future__ import annotations

from typing import Final

from attrs import Factory, define, evolve, frozen

from grinder_adapters.local_venue.http import Problem
from grinder_core.draws import draw_below, stream_seed

LIFE_MS: Final = 3_600_000
NO_SUCH_KEY: Final = Problem(400, -1125, "This listenKey does not exist.")

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_LENGTH: Final = 64


@frozen(kw_only=True)
class ListenKey:
    """One key.

    Attributes:
        expires_at: From this ms on it is dead.
    """

    key: str
    account: str
    expires_at: int


@define
class ListenKeys:
    """The live keys by account, and those whose end was not told yet.

    Times are ms of the venue's clock.

    Attributes:
        seed: Of the keys' letters.
        issued: How many keys there were.
    """

    seed: int
    life_ms: int = LIFE_MS
    live: dict[str, ListenKey] = Factory(dict)
    ended: list[ListenKey] = Factory(list)
    issued: int = 0

    def open(self, account: str, now: int) -> str:
        """Return the account's key, a new one if it has none, and extend it (POST)."""
        self._settle(now)
        held = self.live.get(account)
        return self._extend(account, held.key if held else self._new(account), now)

    def extend(self, account: str, now: int) -> str | Problem:
        """Extend the account's key (PUT); -1125 if it has none."""
        self._settle(now)
        held = self.live.get(account)
        return self._extend(account, held.key, now) if held else NO_SUCH_KEY

    def close(self, account: str, now: int) -> str | Problem:
        """End the account's key and return it (DELETE); -1125 if it has none."""
        self._settle(now)
        held = self.live.pop(account, None)
        return held.key if held else NO_SUCH_KEY

    def expire(self, account: str, now: int) -> None:
        """Let the account's key, if it has one, run out at once."""
        self._settle(now)
        if held := self.live.pop(account, None):
            self.ended.append(ListenKey(key=held.key, account=account, expires_at=now))

    def account_of(self, key: str, now: int) -> str | None:
        """Return whose live key this is."""
        self._settle(now)
        return next((held.account for held in self.live.values() if held.key == key), None)

    def spare(self, elapsed_ms: int) -> None:
        """Let all keys live longer by time in which nobody could extend them (lockstep)."""
        for account, held in self.live.items():
            self.live[account] = evolve(held, expires_at=held.expires_at + elapsed_ms)

    def due(self, now: int) -> list[ListenKey]:
        """Return the keys that ran out since the last time, the oldest end first."""
        self._settle(now)
        ended, self.ended = self.ended, []
        return ended

    def next_at(self) -> int | None:
        """Return when ``due`` has something to tell, if nobody extends a key before."""
        return min((key.expires_at for key in [*self.ended, *self.live.values()]), default=None)

    # -- inside --------------------------------------------------------------------------------

    def _settle(self, now: int) -> None:
        over = [held for held in self.live.values() if held.expires_at <= now]
        for held in sorted(over, key=lambda held: (held.expires_at, held.account)):
            del self.live[held.account]
            self.ended.append(held)

    def _extend(self, account: str, key: str, now: int) -> str:
        expires_at = now + self.life_ms
        self.live[account] = ListenKey(key=key, account=account, expires_at=expires_at)
        return key

    def _new(self, account: str) -> str:
        seed = stream_seed(self.seed, f"listen_key:{account}:{self.issued}")
        self.issued += 1
        return "".join(_LETTERS[draw_below(seed, n, len(_LETTERS))] for n in range(_LENGTH))
