"""What goes wrong at the local exchange, as people name it."""

from __future__ import annotations

from pathlib import Path

from grinder_adapters.local_venue.fault_file import read_fault_file
from grinder_adapters.local_venue.fault_plans import PLAN_NAMES, named_faults
from grinder_adapters.local_venue.faults import FaultPlan


def fault_plan(name: str) -> FaultPlan:
    """Return a named plan, or the plan of a fault file.

    Raises:
        ConfigError: It is neither a name nor a sound file.
    """
    if name in PLAN_NAMES:
        return FaultPlan(named_faults(name))
    file = read_fault_file(Path(name))
    return FaultPlan(file.faults, file.seed)
