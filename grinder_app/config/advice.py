"""Settings that are legal together and probably not meant together."""

from __future__ import annotations

from collections.abc import Mapping

from grinder_core.engine.config import EngineConfig
from grinder_core.numbers import canonical, exact


def advise(config: EngineConfig, origins: Mapping[str, str]) -> tuple[str, ...]:
    """Return one sentence for each pair of settings that cannot work as written.

    Args:
        origins: Where each dotted setting comes from; ``default`` means nobody chose it.
    """
    found = []
    policies, gates = config.policies, config.gates
    if policies.notional_per_level is None:
        if origins.get("policies.size_per_level") == "default":
            size = canonical(policies.size_per_level)
            found.append(
                f"policies.size_per_level is the default of {size} of the base asset at every "
                "level, whatever it costs; set policies.notional_per_level, or run: grinder init"
            )
        return tuple(found)
    with exact():
        plan = policies.notional_per_level * policies.levels * 2
    for name, limit in (
        ("max_notional_per_symbol", gates.max_notional_per_symbol),
        ("max_notional_total", gates.max_notional_total),
    ):
        if plan > limit:
            found.append(
                f"gates.{name} = {canonical(limit)} is less than one plan of {canonical(plan)} "
                f"({policies.levels} levels x 2 sides x {canonical(policies.notional_per_level)}): "
                "the risk gate blocks every order"
            )
    return tuple(found)
