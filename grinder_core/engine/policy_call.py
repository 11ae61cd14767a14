"""Calling a user's policy: the engine trusts nothing that comes back (design section 1)."""

from __future__ import annotations

from grinder_core.contracts.account import PolicyContext
from grinder_core.contracts.plan import GridPlan
from grinder_core.errors import PolicyError
from grinder_core.numbers import rounded
from grinder_core.ports import Policy


def call_policy(policy: Policy, context: PolicyContext) -> GridPlan:
    """Ask a user's policy for its plan.

    Raises:
        PolicyError: It raised, or returned something that is no plan; names policy, symbol, time.
    """
    try:
        with rounded():
            plan = policy.plan(context)
    except Exception as error:
        raise _blame(policy, context, f"raised {type(error).__name__}: {error}") from error
    if not isinstance(plan, GridPlan):
        raise _blame(policy, context, f"returned {type(plan).__name__}, which is no GridPlan")
    return plan


def _blame(policy: Policy, context: PolicyContext, what: str) -> PolicyError:
    name = getattr(policy, "name", type(policy).__name__)
    return PolicyError(
        what,
        field=f"policy {name}",
        where=f"{context.snapshot.symbol} at ts {context.ts}",
        remedy="return a GridPlan for every context; paused() returns one without levels",
    )
