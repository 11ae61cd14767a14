"""Settings of the fill-probability gate and of its breaker (LIVE-16, ML-18, ML-19)."""

from __future__ import annotations

from attrs import frozen

from grinder_core.numbers import BPS
from grinder_core.settings import setting


@frozen(kw_only=True)
class FillGateSettings:
    """Whether the gate may stop new risk, from which probability, and when it is bypassed."""

    fill_model_enforce: bool = setting(
        False, "Stop entries that the model thinks unlikely to gain.", spec="ML-18, LIVE-16"
    )
    fill_prob_min_bps: int = setting(
        2_500, "Least probability of a gain.", ge=0, le=BPS, spec="ML-18, LIVE-16"
    )
    fill_prob_cb_window_seconds: int = setting(
        300, "Window over which the share of blocks is taken.", ge=1, spec="ML-19, LIVE-16"
    )
    fill_prob_cb_max_block_rate_pct: int = setting(
        50,
        "A larger share of blocks bypasses the gate; 100: never.",
        ge=0,
        le=100,
        spec="ML-19, LIVE-16",
    )
    fill_prob_cb_min_decisions: int = setting(
        20, "Decisions in the window that the share needs.", ge=1, spec="ML-19, LIVE-16"
    )
