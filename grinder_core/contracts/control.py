"""Everything that is not a market and still enters as an event (design rule: no hidden input)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from grinder_core.contracts.checks import (
    check_decimal,
    check_int,
    check_line,
    check_symbol,
    check_ts,
)
from grinder_core.contracts.decisions import SymbolScoreV1
from grinder_core.contracts.enums import KillReason
from grinder_core.errors import ContractError

ENVIRONMENT: Final = "environment"
"""Who commands what a variable of the process imposes; nobody can resume from that."""
TEXT_MAX: Final = 500


class Command(StrEnum):
    """What an operator may ask of a session."""

    KILL = "KILL"
    RESET_KILL_SWITCH = "RESET_KILL_SWITCH"
    RESET_DRAWDOWN_GUARD = "RESET_DRAWDOWN_GUARD"
    RESET_LOSS_STREAKS = "RESET_LOSS_STREAKS"
    PAUSE = "PAUSE"
    EMERGENCY = "EMERGENCY"
    RESUME = "RESUME"
    FLATTEN = "FLATTEN"
    STOP = "STOP"


MAY_ADD_RISK: Final = frozenset(
    {
        Command.RESUME,
        Command.RESET_KILL_SWITCH,
        Command.RESET_DRAWDOWN_GUARD,
        Command.RESET_LOSS_STREAKS,
    }
)
"""Commands that must not happen unnoted; the others stop something and always may."""


@frozen(kw_only=True)
class TurnEnd:
    """Closes a turn that had effects: the venue's immediate answers have all been folded."""


@frozen(kw_only=True)
class Timer:
    """Time passed; rules on wall time run at the first one due."""


@frozen(kw_only=True)
class Control:
    """A command of the operator.

    Attributes:
        reason: Of a ``KILL``.
        symbol: Of a ``FLATTEN``; other commands are for the whole session.
        number: Of the operator's channel, where each is carried out once; 0: not from there.
        text: The operator's own words for it.
    """

    command: Command
    actor: str
    reason: KillReason = KillReason.MANUAL
    symbol: str = ""
    number: int = 0
    text: str = ""

    def __attrs_post_init__(self) -> None:
        check_int("number", self.number)
        check_line("text", self.text, longest=TEXT_MAX)
        if self.command is Command.FLATTEN:
            check_symbol(self.symbol)
        elif self.symbol:
            raise ContractError(
                f"{self.command} is for the whole session", field="symbol", value=self.symbol
            )


@frozen(kw_only=True)
class Selection:
    """Result of a separate selection pass (CORE-09); recorded, so that replay needs no pass.

    Attributes:
        symbols: The selected ones, best first.
        scores: Every symbol's score; basis points in v0.
        lookahead: The pass saw events that come after this one.
        scores_v1: How each score of Top-K v1 came about, by symbol.
    """

    symbols: tuple[str, ...]
    k: int
    scores: Mapping[str, int]
    lookahead: bool
    scores_v1: tuple[SymbolScoreV1, ...] = ()

    def __attrs_post_init__(self) -> None:
        check_int("k", self.k, ge=1)
        for symbol in (*self.symbols, *self.scores):
            check_symbol(symbol)
        for symbol, score in self.scores.items():
            check_int(f"scores.{symbol}", score, ge=-(10**18))


@frozen(kw_only=True)
class Health:
    """One health input of the process, such as a feed's age; the unit is in its name.

    Attributes:
        symbol: Whose it is; empty: of the whole process.
    """

    name: str
    value: int
    symbol: str = ""

    def __attrs_post_init__(self) -> None:
        if type(self.value) is not int:
            raise ContractError("must be an integer", field="value", value=self.value)
        if self.symbol:
            check_symbol(self.symbol)


@frozen(kw_only=True)
class Model:
    """Output of a model that ran outside the core, in basis points or as scaled integers."""

    model: str
    symbol: str
    outputs: Mapping[str, int]


@frozen(kw_only=True)
class Leadership:
    """Whether this process may write."""

    is_leader: bool


@frozen(kw_only=True)
class Restarted:
    """The process continues from a checkpoint; connections and books start anew."""

    reason: str = ""


@frozen(kw_only=True)
class WriteResult:
    """The answer, or the lack of one, to a write to the venue.

    Attributes:
        op: What was to be done, such as ``place``.
        outcome: ``ACCEPTED``, or why not (``BlockReason``).
        detail: The venue's code, or what refused it before it was sent.
        attempts: Requests that left.
    """

    client_order_id: str
    outcome: str
    detail: str = ""
    op: str = ""
    attempts: int = 0

    def __attrs_post_init__(self) -> None:
        check_int("attempts", self.attempts)


@frozen(kw_only=True)
class PositionUpdate:
    """The venue's own view of a position.

    Attributes:
        is_adopted: Whether it is ours from now on, whatever we believed (LIVE-38).
    """

    ts: int
    symbol: str
    qty: Decimal
    entry_price: Decimal
    is_adopted: bool = False

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_symbol(self.symbol)
        check_decimal("qty", self.qty)
        check_decimal("entry_price", self.entry_price)


@frozen(kw_only=True)
class AccountUpdate:
    """The venue's own view of balances, quote currency by asset.

    Attributes:
        start: Equity that the session starts with, quote currency; ``None``: it has started.
        transfer: What came in (positive) or went out without a trade, quote currency: every
            baseline moves with it.
    """

    ts: int
    balances: Mapping[str, Decimal] = field(factory=dict)
    start: Decimal | None = None
    transfer: Decimal = Decimal(0)

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_decimal("transfer", self.transfer)
        if self.start is not None:
            check_decimal("start", self.start)
            if self.start <= 0:
                raise ContractError("must be > 0", field="start", value=self.start)
        for asset, balance in self.balances.items():
            check_decimal(f"balances.{asset}", balance)


@frozen(kw_only=True)
class FundingPaid:
    """What one funding settlement cost our position.

    Attributes:
        rate: Of the settlement; longs pay a positive rate to shorts.
        qty: Signed position it was charged on, base asset.
        mark_price: Price the notional was taken at.
        amount: ``qty * mark_price * rate``, quote currency; paid is positive, received negative.
    """

    ts: int
    symbol: str
    rate: Decimal
    qty: Decimal
    mark_price: Decimal
    amount: Decimal

    def __attrs_post_init__(self) -> None:
        check_ts("ts", self.ts)
        check_symbol(self.symbol)
        for name in ("rate", "qty", "mark_price", "amount"):
            check_decimal(name, getattr(self, name))
