"""Cycles (CORE-39): after a fill, take the profit on the other side and replenish further out.

Both are mirror images of one rule: a SELL must lie above the fill and a BUY below it, once its
price is rounded, or the intent is dropped. Nothing grows: every size is the fill's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from grinder_core.contracts.checks import PRICE_LIMIT
from grinder_core.contracts.decisions import CycleIntent
from grinder_core.contracts.enums import CycleType, RiskIntent, Side
from grinder_core.contracts.orders import Detail, Fill
from grinder_core.numbers import ONE, canonical, dec_down, exact
from grinder_core.policies.settings import PolicySettings

CYCLE_INTENT_DROPPED: Final = "CYCLE_INTENT_DROPPED"


@frozen(kw_only=True)
class DroppedIntent:
    """An intent that rounding, or a price no venue has, left without sense.

    Attributes:
        intent: As it would have been; quote price, base quantity.
        rule: Which rule it breaks, in words.
    """

    intent: CycleIntent
    rule: str
    reason: str = CYCLE_INTENT_DROPPED

    @property
    def details(self) -> Mapping[str, Detail]:
        """What an execution event says about it."""
        intent = self.intent
        return {
            "reason": self.reason,
            "rule": self.rule,
            "intent_id": intent.intent_id,
            "type": intent.type.value,
            "side": intent.side.value,
            "price": canonical(intent.price),
            "qty": canonical(intent.qty),
            "source_fill_id": intent.source_fill_id,
        }


@frozen(kw_only=True)
class CycleResult:
    """What one fill leads to: take-profit before replenishment in both lists."""

    intents: tuple[CycleIntent, ...]
    dropped: tuple[DroppedIntent, ...] = ()


def cycle_intents(fill: Fill, settings: PolicySettings, *, adds_allowed: bool) -> CycleResult:
    """Propose a take-profit and, where adding risk is allowed, a replenishment.

    Args:
        adds_allowed: False while the controller pauses, the kill switch is active or a DRAWDOWN
            state holds; then only the take-profit, which reduces risk, is proposed.

    Returns:
        The intents, each dropped on its own where it breaks a rule.

    Example:
        >>> from decimal import Decimal
        >>> from grinder_core.contracts.enums import Liquidity
        >>> fill = Fill(
        ...     fill_id="fill_00000001", order_id="PAPER_00000001", ts=0, symbol="AAAUSDT",
        ...     side=Side.BUY, price=Decimal(100), qty=Decimal("0.5"), fee=Decimal(0),
        ...     liquidity=Liquidity.MAKER, level_id=1)
        >>> cycle_intents(fill, PolicySettings(), adds_allowed=False).intents[0].intent_id
        'cycle_TP_fill_00000001_SELL_100.1'
    """
    proposed = [_intent(fill, settings, CycleType.TP)]
    if adds_allowed:
        proposed.append(_intent(fill, settings, CycleType.REPLENISH))
    judged = [(intent, _broken_rule(intent, fill)) for intent in proposed]
    return CycleResult(
        intents=tuple(intent for intent, rule in judged if not rule),
        dropped=tuple(DroppedIntent(intent=intent, rule=rule) for intent, rule in judged if rule),
    )


def _intent(fill: Fill, settings: PolicySettings, kind: CycleType) -> CycleIntent:
    takes_profit = kind is CycleType.TP
    side = fill.side.opposite if takes_profit else fill.side
    with exact():
        distance = settings.cycle_step_pct
        factor = ONE - distance if side is Side.BUY else ONE + distance
        price = dec_down(fill.price * factor, settings.price_precision)
    return CycleIntent(
        intent_id=f"cycle_{kind}_{fill.fill_id}_{side}_{canonical(price)}",
        type=kind,
        symbol=fill.symbol,
        side=side,
        price=price,
        qty=dec_down(fill.qty, settings.quantity_precision),
        source_fill_id=fill.fill_id,
        risk_intent=RiskIntent.REDUCE_RISK if takes_profit else RiskIntent.INCREASE_RISK,
    )


def _broken_rule(intent: CycleIntent, fill: Fill) -> str:
    """Return the first rule that an intent breaks, or nothing."""
    if intent.qty <= 0:
        return "quantity must be > 0"
    if not 0 < intent.price < PRICE_LIMIT:
        return "price must be > 0 and < 10^9"
    beyond = intent.price < fill.price if intent.side is Side.BUY else intent.price > fill.price
    return "" if beyond else f"price must be beyond the fill's {canonical(fill.price)}"
