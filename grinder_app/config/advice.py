"""Settings that are legal together and probably not meant together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from grinder_core.engine.config import EngineConfig
from grinder_core.numbers import canonical, exact


def advise(config: EngineConfig, origins: Mapping[str, str]) -> tuple[str, ...]:
    """Return one sentence for each pair of settings that cannot work as written.

    Args:
        origins: Where each dotted setting comes from; ``default`` means nobody chose it.
    """
    return (*_about_lots(config), *_about_sizing(config), *_about_plans(config, origins))


def _about_lots(config: EngineConfig) -> Iterator[str]:
    if config.orders.constraints_enabled and not config.orders.symbol_constraints:
        yield (
            "orders.constraints_enabled has no rules to apply; set orders.symbol_constraints, or "
            "app.constraints_file to what grinder exchange-info fetch writes"
        )


def _about_sizing(config: EngineConfig) -> Iterator[str]:
    missing = _missing_for_sizes(config)
    if config.sizing.auto_sizing_enabled and missing:
        yield (
            f"sizing.auto_sizing_enabled does nothing without {' and '.join(missing)}: "
            "levels keep the size of the policy"
        )


def _missing_for_sizes(config: EngineConfig) -> list[str]:
    """Settings without which there are no sizes from a budget (CORE-25)."""
    sizing = config.sizing
    needed = {"sizing_equity": sizing.sizing_equity, "adverse_move": sizing.adverse_move}
    if not sizing.dd_allocator_enabled:
        needed["dd_budget"] = sizing.dd_budget
    return [f"sizing.{name}" for name, value in needed.items() if value is None]


def _about_plans(config: EngineConfig, origins: Mapping[str, str]) -> Iterator[str]:
    if config.sizing.auto_sizing_enabled and not _missing_for_sizes(config):
        return  # the budget sizes the levels
    policies, gates = config.policies, config.gates
    if policies.notional_per_level is None:
        if origins.get("policies.size_per_level") == "default":
            size = canonical(policies.size_per_level)
            yield (
                f"policies.size_per_level is the default of {size} of the base asset at every "
                "level, whatever it costs; set policies.notional_per_level, or run: grinder init"
            )
        return
    # an adaptive grid has no fewer levels than that, so what blocks them blocks all
    levels = policies.levels_min if policies.adaptive_policy_enabled else policies.levels
    with exact():
        plan = policies.notional_per_level * levels * 2
    for name, limit in (
        ("max_notional_per_symbol", gates.max_notional_per_symbol),
        ("max_notional_total", gates.max_notional_total),
    ):
        if plan > limit:
            yield (
                f"gates.{name} = {canonical(limit)} is less than one plan of {canonical(plan)} "
                f"({levels} levels x 2 sides x {canonical(policies.notional_per_level)}): "
                "the risk gate blocks every order"
            )
