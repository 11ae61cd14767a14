"""The dead-man switch of a session: who dies leaves nothing at the venue (README, gap 1).

Each symbol has a countdown at the venue that cancels all its orders, renewed while the session
lives. The first renewal is the last act of recovery: no new risk passes before it stands. Where a
renewal fails new risk stops at once, long before the countdown runs out. Where orders of others
appear the countdown is taken away, for it would hit them too, and new risk stops as well.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Final

from grinder_adapters.binance.orders_port import ExecutionPort
from grinder_app.config.live_settings import LiveSettings
from grinder_app.live.foundation import Foundation
from grinder_core.contracts.live import HealthName
from grinder_core.errors import ConfigError, ConnectorClosedError, ConnectorError

RETRY_MS: Final = 2_000
LOOK_MS: Final = 1_000
RENEWAL_WEIGHT: Final = 10  # reference, section 6.1
BUDGET_PCT: Final = 25  # of the venue's request weight
OK, FAILED, WITHDRAWN = "ok", "error", "withdrawn"


class DeadMan:
    """Keeps the countdowns of one account running.

    Args:
        base: What the process stands on.
        port: Asks the venue.
        tell_health: Takes of each symbol whether it is protected, told where it changed.
        foreign: Returns the symbols that hold orders of others.

    Attributes:
        symbols: Those it protects.
        renewals: How often which answer came.
    """

    def __init__(
        self,
        base: Foundation,
        port: ExecutionPort,
        tell_health: Callable[[HealthName, int, str], None],
        foreign: Callable[[], Collection[str]],
    ) -> None:
        settings = base.plan.live
        self._base, self._port, self._settings = base, port, settings
        self._tell_health, self._foreign = tell_health, foreign
        self.symbols = protected(settings, base.plan.symbols)
        self.renewals: Counter[str] = Counter()
        self._due_ms: dict[str, int] = {}
        self._until_ms: dict[str, int] = {}
        self._told: dict[str, str] = {}

    def until_ms(self, symbol: str) -> int:
        """Return when the venue may cancel a symbol's orders unless it is renewed; 0: never."""
        return self._until_ms.get(symbol, 0)

    def why_not(self, symbol: str) -> str:
        """Return why a symbol's countdown is not kept running; empty: it is."""
        return self._told.get(symbol, "")

    async def arm(self) -> None:
        """Start every countdown; what cannot be started holds new risk on its symbol."""
        for symbol in self._base.plan.symbols:
            if symbol not in self.symbols:
                self._tell_health(HealthName.DEAD_MAN_OK, 1, symbol)
        await self._renew(self.symbols)
        now, period = self._base.now_ms(), self._settings.dead_man_renew_ms
        for n, symbol in enumerate(self.symbols, 1):  # later ones not all at one moment
            if self._due_ms[symbol] >= now + RETRY_MS:
                self._due_ms[symbol] = now + period * n // len(self.symbols)

    async def run(self) -> None:
        """Renew what is due, again and again."""
        while True:
            await self._base.world.sleep(LOOK_MS / 1_000)
            now = self._base.now_ms()
            shared = self._foreign()
            for symbol in self.symbols:
                if symbol in shared and self._until_ms.get(symbol):
                    await self._withdraw(symbol)
            due = [s for s in self.symbols if self._due_ms[s] <= now and s not in shared]
            await self._renew(due)

    async def release(self, keep: Collection[str]) -> None:
        """End in order: take the countdowns away, but not where orders may rest that add risk.

        Args:
            keep: Symbols where such orders may rest: the venue shall cancel them.
        """
        for symbol in self.symbols:
            if symbol in keep or not self._until_ms.get(symbol):
                continue
            try:
                await self._port.arm_countdown(symbol, 0)
            except ConnectorError as error:
                self._tell(symbol, f"its countdown runs on, and cancels all orders on it: {error}")
            else:
                self._until_ms[symbol] = 0

    # -- inside --------------------------------------------------------------------------------

    async def _renew(self, symbols: Sequence[str]) -> None:
        await asyncio.gather(*(self._renew_one(symbol) for symbol in symbols))

    async def _renew_one(self, symbol: str) -> None:
        window, began = self._settings.dead_man_window_ms, self._base.now_ms()
        if not self._until_ms.get(symbol):  # without an answer it may run all the same
            self._until_ms[symbol] = began + window
        try:
            await self._port.arm_countdown(symbol, window)
        except ConnectorClosedError:
            raise
        except ConnectorError as error:
            self.renewals[FAILED] += 1
            self._due_ms[symbol] = self._base.now_ms() + RETRY_MS
            self._tell(symbol, f"its countdown cannot be renewed: {error}")
            self._tell_health(HealthName.DEAD_MAN_OK, 0, symbol)
            return
        self.renewals[OK] += 1
        self._due_ms[symbol] = began + self._settings.dead_man_renew_ms
        self._until_ms[symbol] = began + window
        self._tell(symbol, "")
        self._tell_health(HealthName.DEAD_MAN_OK, 1, symbol)

    async def _withdraw(self, symbol: str) -> None:
        """Stop a countdown that would hit orders of others; new risk stops before."""
        self._tell(symbol, "orders of others are there, which its countdown would cancel: stopped")
        self._tell_health(HealthName.DEAD_MAN_OK, 0, symbol)
        try:
            await self._port.arm_countdown(symbol, 0)
        except ConnectorClosedError:
            raise
        except ConnectorError:
            self.renewals[FAILED] += 1
            return  # at the next look
        self.renewals[WITHDRAWN] += 1
        self._until_ms[symbol] = 0

    def _tell(self, symbol: str, text: str) -> None:
        """Tell what changed of one symbol, once."""
        if self._told.get(symbol, "") != text:
            self._base.tell("dead man", f"{symbol}: {text or 'its countdown runs again'}")
        self._told[symbol] = text


def protected(settings: LiveSettings, symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the symbols that the switch is on for."""
    off = settings.dead_man_off_symbols or ()
    return tuple(symbol for symbol in symbols if symbol not in off)


def check_budget(settings: LiveSettings, traded: Sequence[str], weight_1m: int) -> None:
    """Refuse renewals that would leave too little for everything else.

    Args:
        weight_1m: Request weight that the venue allows in a minute.

    Raises:
        ConfigError: They would.
    """
    symbols = len(protected(settings, traded))
    wanted = -(-symbols * RENEWAL_WEIGHT * 60_000 // settings.dead_man_renew_ms)
    allowed = weight_1m * BUDGET_PCT // 100
    if wanted > allowed:
        raise ConfigError(
            f"renews {symbols} countdowns with {wanted} request weight a minute, of which "
            f"{allowed} may go there",
            field="dead_man_renew_ms",
            value=settings.dead_man_renew_ms,
            remedy="make window and interval longer, or trade fewer symbols in one session",
        )
