"""The capabilities of the core specification: id, title, and the files that are each."""

from __future__ import annotations

from typing import Final

from attrs import frozen


@frozen(kw_only=True)
class Capability:
    """One capability.

    Attributes:
        code: Files that are it, below the top of the repository.
        has_example: The specification works an example with numbers.
    """

    number: int
    title: str
    code: tuple[str, ...]
    has_example: bool = True

    @property
    def id(self) -> str:
        """As the specification writes it: ``CORE-07``."""
        return f"CORE-{self.number:02d}"


def _core(number: int, title: str, *code: str, has_example: bool = True) -> Capability:
    return Capability(number=number, title=title, code=code, has_example=has_example)


CAPABILITIES: Final = (
    _core(
        1,
        "Exact numbers and rounding operators",
        "grinder_core/numbers.py",
        "grinder_core/codec.py",
    ),
    _core(
        2,
        "Domain contracts and serialisation",
        "grinder_core/contracts/market.py",
        "grinder_core/contracts/orders.py",
        "grinder_core/contracts/account.py",
        "grinder_core/contracts/decisions.py",
        "grinder_core/contracts/enums.py",
        "grinder_core/codec.py",
    ),
    _core(
        3,
        "Grid plan and sizing units",
        "grinder_core/contracts/plan.py",
        "grinder_core/numbers.py",
    ),
    _core(
        4,
        "Fixture format and event validation",
        "grinder_adapters/feeds/fixture.py",
        "grinder_adapters/feeds/grammar.py",
    ),
    _core(
        5,
        "Replay engine and digests",
        "grinder_core/session/session.py",
        "grinder_core/session/render.py",
        "grinder_core/codec.py",
        "grinder_app/cli/replay.py",
    ),
    _core(
        6,
        "Determinism suite",
        "grinder_app/checks/determinism.py",
        has_example=False,
    ),
    _core(
        7,
        "Named fixtures",
        "grinder_adapters/synthetic/fixtures.py",
        "grinder_adapters/synthetic/fixture_scenes.py",
        has_example=False,
    ),
    _core(
        8,
        "Prefilter hard gates",
        "grinder_core/gates/prefilter.py",
    ),
    _core(
        9,
        "Top-K selector v0",
        "grinder_core/selection/topk.py",
        "grinder_core/session/selection_pass.py",
    ),
    _core(
        10,
        "Top-K v1, feature based",
        "grinder_core/selection/topk_v1.py",
    ),
    _core(
        11,
        "Gating contract",
        "grinder_core/contracts/verdicts.py",
        "grinder_core/engine/gating.py",
    ),
    _core(
        12,
        "Rate limiter",
        "grinder_core/gates/rate_limiter.py",
    ),
    _core(
        13,
        "Risk gate",
        "grinder_core/gates/risk_gate.py",
        "grinder_core/risk/equity.py",
    ),
    _core(
        14,
        "Toxicity gate",
        "grinder_core/gates/toxicity.py",
        "grinder_core/indicators/extremes.py",
    ),
    _core(
        15,
        "Bars, ATR and NATR",
        "grinder_core/indicators/bars.py",
        "grinder_core/indicators/atr.py",
    ),
    _core(
        16,
        "L1, range and trend features; plumbing",
        "grinder_core/indicators/top_of_book.py",
        "grinder_core/indicators/returns.py",
        "grinder_core/indicators/features.py",
    ),
    _core(
        17,
        "L2 book features",
        "grinder_core/indicators/maintained_book.py",
        "grinder_core/indicators/depth_features.py",
    ),
    _core(
        18,
        "Regime classifier",
        "grinder_core/regime/classifier.py",
    ),
    _core(
        19,
        "Adaptive controller v0",
        "grinder_core/policies/controller_v0.py",
        "grinder_core/policies/controller_effects.py",
    ),
    _core(
        20,
        "Adaptive controller v1",
        "grinder_core/policies/controller_v1.py",
        "grinder_core/policies/controller_effects.py",
    ),
    _core(
        21,
        "Static grid policy",
        "grinder_core/policies/static_grid.py",
    ),
    _core(
        22,
        "Adaptive grid policy",
        "grinder_core/policies/adaptive_grid.py",
        "grinder_core/policies/sizes.py",
    ),
    _core(
        23,
        "L2 gating in the policy",
        "grinder_core/policies/depth_gating.py",
    ),
    _core(
        24,
        "Drawdown budget ratio",
        "grinder_core/policies/budget_ratio.py",
    ),
    _core(
        25,
        "Auto sizer",
        "grinder_core/sizing/auto_sizer.py",
    ),
    _core(
        26,
        "Drawdown allocator",
        "grinder_core/sizing/allocator.py",
    ),
    _core(
        27,
        "Equity and drawdown guard v0",
        "grinder_core/risk/equity.py",
    ),
    _core(
        28,
        "Drawdown guard v1",
        "grinder_core/risk/drawdown_guard.py",
        "grinder_core/risk/exposure.py",
        "grinder_core/engine/guarding.py",
    ),
    _core(
        29,
        "Kill switch",
        "grinder_core/risk/kill_switch.py",
    ),
    _core(
        30,
        "Roundtrip tracker and consecutive-loss guard",
        "grinder_core/risk/roundtrips.py",
        "grinder_core/risk/loss_streak.py",
    ),
    _core(
        31,
        "Consecutive-loss state shape",
        "grinder_core/risk/loss_state.py",
        "grinder_adapters/loss_state.py",
    ),
    _core(
        32,
        "Execution engine: plan to actions",
        "grinder_core/orders/diff.py",
        "grinder_core/orders/levels.py",
        "grinder_core/orders/grid_book.py",
        "grinder_core/orders/identity.py",
    ),
    _core(
        33,
        "Quantity constraints",
        "grinder_core/orders/constraints.py",
    ),
    _core(
        34,
        "Constraint provider semantics",
        "grinder_core/orders/exchange_info.py",
        "grinder_adapters/exchange_info/provider.py",
        "grinder_adapters/exchange_info/cache.py",
    ),
    _core(
        35,
        "Execution L2 guard",
        "grinder_core/gates/depth_guard.py",
    ),
    _core(
        36,
        "Fill models: instant, crossing, tick delay",
        "grinder_core/venue/sim.py",
        "grinder_core/venue/matching.py",
    ),
    _core(
        37,
        "Fill model extensions",
        "grinder_core/venue/fills.py",
        "grinder_core/venue/displayed.py",
        "grinder_core/venue/fees.py",
    ),
    _core(
        38,
        "Ledger and PnL",
        "grinder_core/ledger.py",
    ),
    _core(
        39,
        "Cycle engine",
        "grinder_core/policies/cycles.py",
        "grinder_core/engine/cycling.py",
    ),
    _core(
        40,
        "Paper order book (write path)",
        "grinder_core/venue/paper_book.py",
    ),
    _core(
        41,
        "Paper engine pipeline",
        "grinder_core/engine/engine.py",
        "grinder_core/engine/config.py",
        "grinder_core/session/session.py",
    ),
    _core(
        42,
        "Paper output schema v1",
        "grinder_core/contracts/outputs.py",
        "grinder_core/session/result.py",
    ),
    _core(
        43,
        "Backtest protocol",
        "grinder_app/checks/fixture_report.py",
    ),
    _core(
        44,
        "Soak gate",
        "grinder_core/checks/soak.py",
        "grinder_app/checks/soak.py",
        "grinder_app/cli/soak.py",
    ),
    _core(
        45,
        "Repository check: Unicode policy",
        "grinder_app/checks/unicode_policy.py",
    ),
    _core(
        46,
        "Repository check: documentation truth",
        "grinder_app/checks/documentation.py",
        "grinder_app/checks/claims.py",
        has_example=False,
    ),
)
