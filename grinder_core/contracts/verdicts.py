"""Verdicts of gates: values, never exceptions (CORE-08, CORE-11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from grinder_core.contracts.enums import GateName, GateReason, PrefilterReason


@frozen(kw_only=True)
class PrefilterResult:
    """Whether a symbol may be looked at at all."""

    allowed: bool
    reason: PrefilterReason


@frozen(kw_only=True)
class GatingResult:
    """Whether a plan may be executed.

    Attributes:
        gate: The gate that blocked; ``None`` when all passed.
        details: Measured value and limit, as integers and decimal strings; empty on allow.
    """

    allowed: bool
    gate: GateName | None
    reason: GateReason
    details: Mapping[str, int | str] = field(factory=dict)


PREFILTER_PASS: Final = PrefilterResult(allowed=True, reason=PrefilterReason.PASS)
NOT_IN_TOPK: Final = PrefilterResult(allowed=False, reason=PrefilterReason.NOT_IN_TOPK)
GATES_PASS: Final = GatingResult(allowed=True, gate=None, reason=GateReason.PASS)


def blocked(gate: GateName, reason: GateReason, **details: int | str) -> GatingResult:
    """Return a refusal with what was measured and what the limit was."""
    return GatingResult(allowed=False, gate=gate, reason=reason, details=details)
