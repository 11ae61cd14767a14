"""Settings of the symbol selection."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from grinder_core.contracts.enums import SelectionSource
from grinder_core.settings import setting


@frozen(kw_only=True)
class SelectionSettings:
    """Who decides which symbols trade."""

    selection_source: SelectionSource = setting(
        SelectionSource.STATIC,
        "`static`: every symbol of the data; `topk_v0`: the K most volatile; `topk_v1`: the K that "
        "chop most in a liquid book, which needs `feature_engine_enabled`.",
        spec="CORE-09",
    )
    topk_k: int = setting(3, "How many symbols Top-K selects.", ge=1, spec="CORE-09")
    topk_window_size: int = setting(
        10, "Last mids, in snapshots, that a symbol is scored on.", ge=2, spec="CORE-09"
    )
    topk_prefix_events: int = setting(
        0,
        "0: select in a separate pass over all events, which looks ahead; N: the first N "
        "snapshots only feed the selection.",
        ge=0,
        spec="CORE-09",
    )
    topk_v1_k: int = setting(3, "How many symbols Top-K v1 selects.", ge=1, spec="CORE-10")
    topk_v1_spread_max_bps: int = setting(
        100, "A wider spread excludes a symbol.", ge=0, spec="CORE-10"
    )
    thin_l1_min: Decimal = setting(
        Decimal(1), "A smaller best quantity, base asset, excludes a symbol.", ge=0, spec="CORE-10"
    )
    warmup_min: int = setting(10, "Fewer completed bars exclude a symbol.", ge=0, spec="CORE-10")
    w_range: int = setting(100, "Weight of the range score, hundredths.", ge=0, spec="CORE-10")
    w_liquidity: int = setting(
        50, "Weight of the best quantity's magnitude, hundredths.", ge=0, spec="CORE-10"
    )
    w_toxicity: int = setting(100, "Penalty shown for a toxic symbol.", ge=0, spec="CORE-10")
    w_trend: int = setting(50, "Weight of the net return, hundredths.", ge=0, spec="CORE-10")
    liq_scale: int = setting(10, "Points per digit of the best quantity.", ge=0, spec="CORE-10")
