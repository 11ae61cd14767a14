"""Gate 7: refuse entries that are unlikely to gain, without ever failing closed (LIVE-16, ML-18).

Whatever goes wrong here, no model, a model that raises or answers nonsense, features that cannot
be made, lets the entry pass and says so: this gate judges a chance of profit, not safety.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import define, evolve, field, frozen

from grinder_core.contracts.enums import Side
from grinder_core.contracts.fill_features import FillFeatures
from grinder_core.contracts.live import FillProbVerdict
from grinder_core.gates.fill_breaker import FillBreaker, FillBreakerTrip
from grinder_core.gates.fill_settings import FillGateSettings
from grinder_core.numbers import BPS
from grinder_core.ports import FillModel


@frozen(kw_only=True)
class FillProbResult:
    """What the gate said of one entry, with what evidence of it needs.

    Attributes:
        prob_bps: Probability of a gain, 0 to 10000; ``None`` where no model was asked or it failed.
        features: What the model saw.
        bypassed: The breaker let it pass.
        trip: The breaker tripped on this decision, which stands.
        failure: What went wrong; empty: nothing. To be warned about.
    """

    verdict: FillProbVerdict
    prob_bps: int | None
    threshold_bps: int
    enforce: bool
    features: FillFeatures | None = None
    bypassed: bool = False
    trip: FillBreakerTrip | None = None
    failure: str = ""


def check_fill_prob(
    model: FillModel | None, features: FillFeatures, threshold_bps: int, enforce: bool
) -> FillProbResult:
    """Judge one entry (ML-18).

    Args:
        model: ``None``: everything passes.
        features: Of the entry.
        threshold_bps: Least probability that passes, 0 to 10000.
        enforce: Whether the answer may be ``BLOCK``; else it is ``SHADOW``.

    Returns:
        ``BLOCK`` only while enforcing, with a model whose probability is below the threshold.
    """
    passes = FillProbResult(
        verdict=FillProbVerdict.ALLOW,
        prob_bps=None,
        threshold_bps=threshold_bps,
        enforce=enforce,
        features=features,
    )
    if model is None:
        return passes
    try:
        prob = model.predict_bps(features)
    except Exception as error:  # noqa: BLE001  # a foreign model may raise anything
        return evolve(passes, failure=f"the model raised {type(error).__name__}: {error}")
    if type(prob) is not int or not 0 <= prob <= BPS:
        return evolve(passes, failure=f"the model answered {prob!r}, not 0 to {BPS} basis points")
    if not enforce:
        verdict = FillProbVerdict.SHADOW
    elif prob >= threshold_bps:
        verdict = FillProbVerdict.ALLOW
    else:
        verdict = FillProbVerdict.BLOCK
    return evolve(passes, verdict=verdict, prob_bps=prob)


@define
class FillGate:
    """The gate of one session: its settings, its model, and the breaker, which alone is state."""

    settings: FillGateSettings
    model: FillModel | None
    breaker: FillBreaker
    _passes: FillProbResult = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._passes = FillProbResult(
            verdict=FillProbVerdict.ALLOW,
            prob_bps=None,
            threshold_bps=self.settings.fill_prob_min_bps,
            enforce=self.settings.fill_model_enforce,
        )

    @classmethod
    def of(cls, settings: FillGateSettings, model: FillModel | None) -> FillGate:
        """Return the gate of a session that begins."""
        return cls(settings, model, FillBreaker.of(settings))

    def check(self, side: Side, price: Decimal | None, qty: Decimal, now: int) -> FillProbResult:
        """Judge one entry at ``now``, Unix milliseconds, and count the decision.

        Args:
            side: Of the order that would open or grow a position.
            price, qty: Quote price and base quantity.
        """
        threshold, enforce = self.settings.fill_prob_min_bps, self.settings.fill_model_enforce
        passes = self._passes
        if self.model is None:
            return passes
        if enforce and self.breaker.bypasses(now):
            return evolve(passes, bypassed=True)
        if price is None:
            return evolve(passes, failure="no features: a MARKET order has no price")
        try:
            features = FillFeatures.of_entry(side, price, qty)
        except Exception as error:  # noqa: BLE001  # fail open, whatever an order may hold
            return evolve(passes, failure=f"no features, {type(error).__name__}: {error}")
        result = check_fill_prob(self.model, features, threshold, enforce)
        if not enforce or result.prob_bps is None:
            return result
        blocked = result.verdict is FillProbVerdict.BLOCK
        trip = self.breaker.record(now, blocked=blocked)
        return result if trip is None else evolve(result, trip=trip)
