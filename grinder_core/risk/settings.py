"""Settings of the account's guards."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from grinder_core.contracts.enums import LossStreakAction
from grinder_core.settings import setting


@frozen(kw_only=True)
class RiskSettings:
    """When to stop."""

    initial_capital: Decimal = setting(
        Decimal(10_000), "Equity at the start, quote currency.", gt=0, spec="CORE-27"
    )
    max_drawdown_pct: Decimal = setting(
        Decimal(5),
        "Fall from the peak that trips the drawdown guard.",
        gt=0,
        le=100,
        spec="CORE-27",
    )
    kill_switch_enabled: bool = setting(
        False, "Let the drawdown guard trip the kill switch.", spec="CORE-29"
    )
    dd_guard_v1_enabled: bool = setting(
        False, "Refuse new risk after a drawdown until reset; exits pass.", spec="CORE-28"
    )
    portfolio_dd_limit: Decimal = setting(
        Decimal("0.20"),
        "Loss since the start, as a share, that trips it.",
        gt=0,
        le=1,
        spec="CORE-28",
    )
    symbol_dd_budgets: Mapping[str, Decimal] = setting(
        {}, "Loss of one symbol, quote currency, that trips it.", gt=0, spec="CORE-28"
    )
    consec_loss_enabled: bool = setting(
        False,
        "Pause the session after a run of losing round trips on one symbol.",
        spec="CORE-30",
    )
    consec_loss_threshold: int = setting(5, "Length of that run.", ge=1, spec="CORE-30")
    consec_loss_action: LossStreakAction = setting(
        LossStreakAction.PAUSE, "What happens then; only an operator resumes.", spec="CORE-30"
    )
