"""Mistakes that leave orders at the venue without anybody behind them."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

SCENES = ("tests/app/test_dead_man.py",)
_SWITCH = "grinder_app/live/dead_man.py"
_ACCOUNT = "grinder_app/live/trading_account.py"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a_failed_renewal_is_not_told",
        _SWITCH,
        "            self._tell_health(HealthName.DEAD_MAN_OK, 0, symbol)\n            return\n",
        "            return\n",
        SCENES,
    ),
    Mutant(
        "renewals_stop_after_the_first",
        _SWITCH,
        "            await self._renew(due)\n",
        "",
        SCENES,
    ),
    Mutant(
        "recovery_is_done_before_the_countdown_runs",
        _ACCOUNT,
        "        await dead_man.arm()\n",
        "        loop = asyncio.get_running_loop()\n"
        "        loop.call_later(30, asyncio.ensure_future, dead_man.arm())\n",
        SCENES,
    ),
    Mutant(
        "a_stop_takes_every_countdown_away",
        _SWITCH,
        "            if symbol in keep or not self._until_ms.get(symbol):\n",
        "            if not self._until_ms.get(symbol):\n",
        SCENES,
    ),
    Mutant(
        "a_stop_leaves_countdowns_running",
        _SWITCH,
        "                await self._port.arm_countdown(symbol, 0)\n"
        "            except ConnectorError as",
        "                pass\n            except ConnectorError as",
        SCENES,
    ),
    Mutant(
        "the_countdown_hits_orders_of_others",
        _SWITCH,
        "                if symbol in shared and self._until_ms.get(symbol):\n",
        "                if symbol in shared and not self._until_ms:\n",
        SCENES,
    ),
)
