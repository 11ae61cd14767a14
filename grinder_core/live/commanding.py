"""An operator's commands: which are carried out, and what each changes at once (LIVE-14, LIVE-41).

A numbered command is carried out once. The number is part of the state, so that a restart, a copied
file or a replay of the journal cannot repeat an old ``RESUME``.
"""

from __future__ import annotations

from grinder_core.contracts.control import ENVIRONMENT, Command, Control
from grinder_core.contracts.enums import Override, RiskIntent, severest
from grinder_core.engine.state import HotState
from grinder_core.live.state import LiveHot


def why_refused(control: Control, engine: HotState, hot: LiveHot, now: int) -> str:
    """Say why a command changes nothing; empty: it is carried out."""
    done = hot.commands_done
    if 0 < control.number <= done:
        return f"number {control.number} after {done}: replayed or out of order"
    if control.command is not Command.FLATTEN:
        return ""
    symbol, s = control.symbol, engine.symbols.get(control.symbol)
    if symbol not in hot.orchestrator.symbols:
        return f"{symbol} is not traded here"
    if s is None or not s.tick:
        return f"no quote of {symbol} was seen yet"
    if not hot.orchestrator.permits(symbol, RiskIntent.REDUCE_RISK, now):
        return f"in INIT no order may leave, none of {symbol} either"
    return ""


def take_command(hot: LiveHot, control: Control) -> None:
    """Change what is not the engine's; the most severe override holds."""
    command = control.command
    if command is Command.RESUME:
        hot.ordered = None
        hot.orchestrator.set_global(operator_resume=True)
    elif command is Command.STOP:
        hot.is_stopping = True
    elif command in {Command.PAUSE, Command.EMERGENCY}:
        override = Override(command.value)
        hot.ordered = severest(hot.ordered, override)
        if control.actor == ENVIRONMENT and not control.number:
            hot.imposed = severest(hot.imposed, override)
