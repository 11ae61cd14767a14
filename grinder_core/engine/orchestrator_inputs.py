"""What the orchestrator is told: about the session, and about each symbol (LIVE-14).

Everything here comes from recorded events. What must be proven, such as a connection, a lease or a
finished recovery, is false until somebody says otherwise; what must be found, such as a ban or a
mismatch, is absent until then.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

from attrs import Attribute, define, evolve, field, fields, frozen, setters

from grinder_core.contracts.enums import GuardState, Override
from grinder_core.contracts.live import GuardSeverity, Toxicity
from grinder_core.errors import ContractError
from grinder_core.resilience.breaker_settings import CircuitState


def _flag(default: bool) -> Any:
    return field(default=default, validator=_is_flag)


def _number() -> Any:
    return field(default=0, validator=_is_number)


def _choice(default: StrEnum) -> Any:
    return field(default=default, validator=_is_member)


def _is_flag(_: object, attribute: Attribute[Any], value: object) -> None:
    if type(value) is not bool:
        raise ContractError("must be true or false", field=attribute.name, value=value)


def _is_number(_: object, attribute: Attribute[Any], value: object) -> None:
    if type(value) is not int:
        raise ContractError("must be an integer", field=attribute.name, value=value)


def _is_member(_: object, attribute: Attribute[Any], value: object) -> None:
    kind: type[StrEnum] = type(attribute.default)  # type: ignore[assignment]
    if type(value) is not kind:
        names = ", ".join(kind)
        raise ContractError(f"must be one of {names}", field=attribute.name, value=value)


def _is_override(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None and type(value) is not Override:
        names = ", ".join(Override)
        raise ContractError(f"must be none or one of {names}", field=attribute.name, value=value)


@frozen(kw_only=True)
class GlobalInputs:
    """What concerns every symbol.

    Attributes:
        bootstrap_ok: Recovery of this process life and this term as leader has finished.
        operator_override: Imposed by an operator, or by a guard on an operator's behalf.
        operator_resume: One request to leave EMERGENCY; taken back as soon as it was judged.
        drawdown_state: Of the drawdown guard.
        persist_ok: The last durable write succeeded.
        ha_active: This instance holds the lease; always true without high availability.
        place_circuit: Of placing orders.
        rate_limit_ban: The venue's stop after a 429, -1003 or 418 lasts.
        rate_budget_low: More than the soft limit of the venue's budget is used.
        clock_skew_ms: Venue's clock less ours, either sign.
        snapshot_age_ms: Since the last durable checkpoint.
        guard: The most severe verdict of guards over the whole session.
        schedule_open: Inside the trading windows of the session.
        dead_man_ok: The venue's countdown was renewed, or is not in use.
    """

    bootstrap_ok: bool = _flag(False)
    kill_switch_active: bool = _flag(False)
    operator_override: Override | None = field(default=None, validator=_is_override)
    operator_resume: bool = _flag(False)
    drawdown_state: GuardState = _choice(GuardState.NORMAL)
    feed_connected: bool = _flag(False)
    user_stream_ok: bool = _flag(False)
    persist_ok: bool = _flag(False)
    ha_active: bool = _flag(False)
    place_circuit: CircuitState = _choice(CircuitState.CLOSED)
    rate_limit_ban: bool = _flag(False)
    rate_budget_low: bool = _flag(False)
    clock_skew_ms: int = _number()
    snapshot_age_ms: int = _number()
    guard: GuardSeverity = _choice(GuardSeverity.ALLOW)
    schedule_open: bool = _flag(True)
    dead_man_ok: bool = _flag(True)

    @classmethod
    def healthy(cls) -> Self:
        """The constants of a driver that has no such inputs: recovered, connected, leading."""
        return cls(
            bootstrap_ok=True,
            feed_connected=True,
            user_stream_ok=True,
            persist_ok=True,
            ha_active=True,
        )


@define(kw_only=True, on_setattr=setters.NO_OP)
class SymbolInputs:
    """What concerns one symbol.

    Attributes:
        feed_gap_ms: Silence of its market as of the last TIMER; measured, never set from outside.
        state_unreconciled: An unexpected order or a wrong position, or an order whose fate has
            been unknown for more than 10 s.
        guard: The most severe verdict of guards over this symbol.
        schedule_open: Inside the symbol's own trading windows, where it has some.
        is_selected: The selection trades it.
        dead_man_ok: The venue's countdown for it was renewed, or is not in use.
    """

    toxicity: Toxicity = _choice(Toxicity.NONE)
    feed_gap_ms: int = _number()
    state_unreconciled: bool = _flag(False)
    warmed_up: bool = _flag(False)
    constraints_loaded: bool = _flag(False)
    guard: GuardSeverity = _choice(GuardSeverity.ALLOW)
    schedule_open: bool = _flag(True)
    is_selected: bool = _flag(True)
    dead_man_ok: bool = _flag(True)

    @classmethod
    def healthy(cls) -> Self:
        """The constants of a driver that has no such inputs: warm, with constraints."""
        return cls(warmed_up=True, constraints_loaded=True)


Inputs = TypeVar("Inputs", GlobalInputs, SymbolInputs)
_NAMES: Final = {
    kind: frozenset(declared.name for declared in fields(kind))
    for kind in (GlobalInputs, SymbolInputs)
}


def with_changes(inputs: Inputs, changes: Mapping[str, Any]) -> Inputs:
    """Return a copy of these inputs with some of them changed.

    Raises:
        ContractError: An unknown name, or a value of the wrong kind.
    """
    for name in changes:
        if name not in _NAMES[type(inputs)]:
            raise ContractError("is no input of the orchestrator", field=name)
    return evolve(inputs, **changes)
