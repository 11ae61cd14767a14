"""Drawdown guard v1 (CORE-28): after a loss, no new risk until somebody resets it.

Two limits: the portfolio's loss since its start as a share of it, and per symbol a loss in quote
currency. One breach stops new risk on all symbols; exits and cancels always pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from attrs import Factory, define, field, frozen

from grinder_core.contracts.enums import GuardReason, GuardState, RiskIntent
from grinder_core.errors import ContractError
from grinder_core.numbers import ONE, ZERO, exact
from grinder_core.risk.settings import RiskSettings

_BREACHES: Final = (GuardReason.DD_PORTFOLIO_BREACH, GuardReason.DD_SYMBOL_BREACH)


@frozen(kw_only=True)
class GuardReset:
    """What a reset did.

    Attributes:
        reset: Whether the guard was released by it.
        reason: Why the guard was in the state before.
    """

    reset: bool
    state_before: GuardState
    state_after: GuardState
    reason: GuardReason


def breach(
    equity_start: Decimal,
    equity_current: Decimal,
    portfolio_dd_limit: Decimal,
    symbol_losses: Mapping[str, Decimal],
    symbol_dd_budgets: Mapping[str, Decimal],
) -> tuple[GuardReason, str] | None:
    """Return the first limit that these losses reach, and its symbol (CORE-28).

    Args:
        equity_start: Equity the loss is counted from, quote currency, ``> 0``.
        portfolio_dd_limit: Share of ``equity_start``; reaching it exactly is a breach.
        symbol_losses: Quote currency, ``>= 0``; symbols without a budget are ignored.
        symbol_dd_budgets: Quote currency; reaching one exactly is a breach.

    Returns:
        ``(DD_PORTFOLIO_BREACH, "")`` before ``(DD_SYMBOL_BREACH, symbol)`` of the first symbol by
        name; ``None`` where no limit is reached.

    Raises:
        ContractError: ``equity_start`` is not positive, or a loss is negative.

    Example:
        >>> start, budgets = Decimal(100_000), {"BTCUSDT": Decimal(1000)}
        >>> breach(start, start, Decimal("0.2"), {"BTCUSDT": Decimal(1000)}, budgets)[1]
        'BTCUSDT'
    """
    _check_start(equity_start)
    for symbol in sorted(symbol_losses):
        if symbol_losses[symbol] < 0:
            name = f"symbol_losses.{symbol}"
            raise ContractError("must be >= 0", field=name, value=symbol_losses[symbol])
    budgets = _by_symbol(symbol_dd_budgets)
    with exact():
        return _breach(equity_start, equity_current, portfolio_dd_limit, symbol_losses, budgets)


def _breach(
    start: Decimal,
    equity: Decimal,
    limit: Decimal,
    losses: Mapping[str, Decimal],
    budgets: dict[str, Decimal],
) -> tuple[GuardReason, str] | None:
    if start - equity >= limit * start:
        return GuardReason.DD_PORTFOLIO_BREACH, ""
    for symbol, budget in budgets.items():
        if losses.get(symbol, ZERO) >= budget:
            return GuardReason.DD_SYMBOL_BREACH, symbol
    return None


def _check_start(equity: Decimal) -> None:
    if equity <= 0:
        raise ContractError("must be > 0", field="equity_start", value=equity)


def _by_symbol(budgets: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return dict(sorted(budgets.items()))


@define
class DrawdownGuard:
    """Latched by the first breach, released only by an explicit reset.

    Attributes:
        portfolio_dd_limit: Share of ``equity_start``, in (0, 1].
        symbol_dd_budgets: Loss in quote currency, ``> 0``, in order of their symbols.
        equity_start: Equity that the portfolio's loss is counted from: the initial capital, after
            a reset the equity at it.
        reason: The breach that latched; later ones do not replace it. ``None`` in NORMAL.
        breached_symbol: Whose budget it was; empty for the portfolio's limit.
        ts: When it latched, Unix milliseconds; 0 in NORMAL.
        base_pnl: Profit and loss of each symbol with a budget that its loss is counted from.
    """

    portfolio_dd_limit: Decimal
    symbol_dd_budgets: dict[str, Decimal] = field(converter=_by_symbol)
    equity_start: Decimal
    reason: GuardReason | None = None
    breached_symbol: str = ""
    ts: int = 0
    base_pnl: dict[str, Decimal] = Factory(dict)

    def __attrs_post_init__(self) -> None:
        _check_start(self.equity_start)
        if not 0 < self.portfolio_dd_limit <= ONE:
            limit = self.portfolio_dd_limit
            raise ContractError("must be > 0 and <= 1", field="portfolio_dd_limit", value=limit)
        for symbol, budget in self.symbol_dd_budgets.items():
            if budget <= 0:
                raise ContractError(
                    "must be > 0", field=f"symbol_dd_budgets.{symbol}", value=budget
                )
        if self.reason is not None and self.reason not in _BREACHES:
            raise ContractError(
                f"must be one of {', '.join(_BREACHES)}", field="reason", value=self.reason.value
            )

    @classmethod
    def of(cls, settings: RiskSettings) -> DrawdownGuard:
        """Return the guard of a session that has not begun."""
        return cls(
            portfolio_dd_limit=settings.portfolio_dd_limit,
            symbol_dd_budgets=settings.symbol_dd_budgets,
            equity_start=settings.initial_capital,
        )

    @property
    def state(self) -> GuardState:
        return GuardState.NORMAL if self.reason is None else GuardState.DRAWDOWN

    def update(self, equity: Decimal, symbol_pnls: Mapping[str, Decimal], now: int) -> bool:
        """Fold one equity sample; return True exactly when it entered DRAWDOWN. Inside ``exact()``.

        Args:
            equity: Of the whole session, quote currency.
            symbol_pnls: Realised plus unrealised profit per symbol; one that is absent has not
                traded.
            now: Unix milliseconds.
        """
        if self.reason is not None:
            return False
        losses = {
            symbol: self.base_pnl.get(symbol, ZERO) - symbol_pnls.get(symbol, ZERO)
            for symbol in self.symbol_dd_budgets
        }  # a gain is a negative loss: below every budget
        found = _breach(
            self.equity_start, equity, self.portfolio_dd_limit, losses, self.symbol_dd_budgets
        )
        if found is None:
            return False
        self.reason, self.breached_symbol = found
        self.ts = now
        return True

    def shift(self, amount: Decimal) -> None:
        """Move the start with a transfer; what would leave no start changes nothing."""
        if self.equity_start + amount > 0:
            self.equity_start += amount

    def allow(self, intent: RiskIntent) -> tuple[bool, GuardReason]:
        """Say whether an order of this intent may go out, on any symbol, and why."""
        if intent is RiskIntent.CANCEL:
            return True, GuardReason.CANCEL_ALWAYS_ALLOWED
        if self.reason is None:
            return True, GuardReason.NORMAL_STATE
        if intent is RiskIntent.REDUCE_RISK:
            return True, GuardReason.REDUCE_RISK_ALLOWED
        return False, self.reason

    def reset(self, equity: Decimal, symbol_pnls: Mapping[str, Decimal]) -> GuardReset:
        """Release the guard and count losses from here on.

        In NORMAL nothing happens: a baseline that moved with every call would let losses creep.
        Without equity (``<= 0``) there is nothing to lose a share of, and the guard stays in
        DRAWDOWN.

        Args:
            equity, symbol_pnls: As of the last sample.
        """
        before, reason = self.state, self.reason or GuardReason.NORMAL_STATE
        released = before is GuardState.DRAWDOWN and equity > 0
        if released:
            self.equity_start = equity
            self.base_pnl = {s: symbol_pnls.get(s, ZERO) for s in self.symbol_dd_budgets}
            self.reason, self.breached_symbol, self.ts = None, "", 0
        return GuardReset(
            reset=released, state_before=before, state_after=self.state, reason=reason
        )
