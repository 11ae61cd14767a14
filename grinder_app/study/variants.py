"""The configurations that the study compares, and the settings all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

from attrs import Factory, frozen

from grinder_app.study.datasets import Dataset
from grinder_core.contracts.enums import FillMode
from grinder_core.engine.config import EngineConfig
from grinder_core.numbers import notional_to_qty

CAPITAL: Final = 10_000
LEVEL_NOTIONAL: Final = 100
QTY_REF_NOTIONAL: Final = 10_000
FUNDING_RATE: Final = "0.0001"

COMMON: Final[Mapping[str, object]] = {
    "initial_capital": str(CAPITAL),
    "notional_per_level": str(LEVEL_NOTIONAL),
    "maker_fee_bps_x100": 200,
    "taker_fee_bps_x100": 500,
    "feature_engine_enabled": True,
    # a grid may hold what its capital can pay, so that nothing is levered
    "max_notional_per_symbol": str(CAPITAL),
    "max_notional_total": str(CAPITAL),
    # policies are compared, so the account's brake is out of reach
    "daily_loss_limit": str(CAPITAL),
    "funding_rate": FUNDING_RATE,
}


class Where(StrEnum):
    """Which data a variant is run on, in words."""

    EVERYWHERE = "everywhere"
    NOT_MINUTES = "recorded quotes and bars longer than a minute"
    RECORDED = "recorded quotes"
    DEPTH = "recorded quotes with depth"


_BELONGS: Final[Mapping[Where, Callable[[Dataset], bool]]] = {
    Where.EVERYWHERE: lambda dataset: True,
    Where.NOT_MINUTES: lambda dataset: not dataset.family.startswith("klines-1m-"),
    Where.RECORDED: lambda dataset: not dataset.is_klines,
    Where.DEPTH: lambda dataset: dataset.has_depth,
}


@frozen(kw_only=True)
class Variant:
    """One configuration.

    Attributes:
        settings: What differs from the specification's defaults, besides ``COMMON``.
        where: The data it is run on.
        is_candidate: Not one of the questions asked, but an answer that is tried.
    """

    name: str
    about: str
    settings: Mapping[str, object] = Factory(dict)
    where: Where = Where.EVERYWHERE
    is_candidate: bool = False

    @property
    def needs_depth(self) -> bool:
        """Whether it reads the book."""
        return self.where is Where.DEPTH

    def runs_on(self, dataset: Dataset) -> bool:
        """Whether it is run on a dataset."""
        return _BELONGS[self.where](dataset)


_V0: Final = {"controller_enabled": True}
_V1: Final = {"controller_enabled": True, "controller_version": 1}
_ADAPTIVE: Final = {"adaptive_policy_enabled": True}
_COARSE: Final = {**_ADAPTIVE, "alpha_x100": 100, "adaptive_step_min_bps": 20}
_GATED: Final = {**_ADAPTIVE, "l2_gating_enabled": True}

STATIC: Final = "static"
ADAPTIVE: Final = "adaptive"

VARIANTS: Final = (
    Variant(name=STATIC, about="the static grid as specified: 5 levels of 10 bps, never recentred"),
    Variant(
        name="static-recentred",
        about="the same, with a hard recentre once the mid left its width of 50 bps",
        settings={"recenter_bps": 50},
    ),
    Variant(
        name="static-wide",
        about="a control: as many levels and as wide as the adaptive grid may be, 20 of 25 bps",
        settings={"levels": 20, "spacing_bps": 25},
    ),
    Variant(name="static-v0", about="static with controller v0", settings=_V0),
    Variant(name="static-v1", about="static with controller v1", settings=_V1),
    Variant(name=ADAPTIVE, about="the adaptive grid as specified", settings=_ADAPTIVE),
    Variant(
        name="adaptive-v0",
        about="adaptive with controller v0, which can only pause it when the spread is wide",
        settings={**_ADAPTIVE, **_V0},
        where=Where.NOT_MINUTES,  # it cannot differ where spreads are made up and never wide
    ),
    Variant(name="adaptive-v1", about="adaptive with controller v1", settings={**_ADAPTIVE, **_V1}),
    Variant(
        name="adaptive-gated",
        about="adaptive with depth gating",
        settings=_GATED,
        where=Where.DEPTH,
    ),
    Variant(
        name="adaptive-v1-gated",
        about="adaptive with controller v1, depth gating and the execution depth guard",
        settings={**_GATED, **_V1, "l2_execution_guard_enabled": True},
        where=Where.DEPTH,
    ),
    Variant(
        name="adaptive-thin",
        about="adaptive, a book below 0.1 base units thin, as specified, whatever a unit is worth",
        settings={**_ADAPTIVE, "thin_l1_qty": "0.1"},
        where=Where.RECORDED,
    ),
    Variant(
        name="coarse",
        about="a candidate: adaptive with steps of a whole true range, at least 20 bps",
        settings=_COARSE,
        is_candidate=True,
    ),
    Variant(
        name="coarse-v1",
        about="a candidate: the same with controller v1, its drawdown mode out of reach",
        settings={**_COARSE, **_V1, "dd_enter_bps": 10_000},
        is_candidate=True,
        where=Where.NOT_MINUTES,
    ),
)


def config_of(dataset: Dataset, variant: Variant, fill_mode: FillMode) -> EngineConfig:
    """Return the whole configuration of one session."""
    depth: dict[str, object] = {}
    if variant.needs_depth:
        reference = notional_to_qty(Decimal(QTY_REF_NOTIONAL), dataset.first_price)
        depth["qty_ref"] = {dataset.symbol: reference}
    return EngineConfig.from_flat(
        {
            **COMMON,
            "fill_mode": fill_mode.value,
            "bar_interval_ms": dataset.bar_interval_ms,
            "tick_sizes": {dataset.symbol: dataset.price_step},
            "thin_l1_qty": thin_l1_qty(dataset),
            "funding_source": funding_source(dataset),
            **variant.settings,
            **depth,
        }
    )


def funding_source(dataset: Dataset) -> str:
    """Return where a session's funding comes from, as the setting spells it."""
    if not dataset.is_perpetual:
        return "none"
    return "data" if dataset.funding else "constant"


def thin_l1_qty(dataset: Dataset) -> Decimal:
    """Return below which best quantity a book is thin: one of our orders.

    The specification's 0.1 base units is a fortune in one symbol and nothing in another. Bars do
    not tell what was displayed, so on them no book is thin.
    """
    if dataset.is_klines:
        return Decimal(0)
    return notional_to_qty(Decimal(LEVEL_NOTIONAL), dataset.first_price)
