"""How a controller steered: how often each of its modes held, and its changes up to a number."""

from __future__ import annotations

from typing import Any

from attrs import Factory, define

from grinder_core.codec import to_dict
from grinder_core.contracts.decisions import ControllerDecision


@define
class SteeringLog:
    """What the controllers of all symbols decided (CORE-19, CORE-20).

    Attributes:
        max_changes: Changes kept at most; later ones are counted in ``left_out``.
        modes: By symbol: mode -> outputs on which it held.
        changes: ``(ts, symbol, decision)`` whenever mode, spacing or a reset came anew.
    """

    max_changes: int
    modes: dict[str, dict[str, int]] = Factory(dict)
    changes: list[tuple[int, str, ControllerDecision]] = Factory(list)
    left_out: int = 0
    _last: dict[str, ControllerDecision] = Factory(dict)

    def add(self, ts: int, symbol: str, decision: ControllerDecision) -> None:
        """Fold the decision of one output."""
        modes = self.modes.setdefault(symbol, {})
        modes[decision.mode.value] = modes.get(decision.mode.value, 0) + 1
        before = self._last.get(symbol)
        if before is decision:
            return
        self._last[symbol] = decision
        same = before is not None and (
            (before.mode, before.spacing_bps) == (decision.mode, decision.spacing_bps)
            and not decision.reset_codes
        )
        if same:
            return
        if len(self.changes) < self.max_changes:
            self.changes.append((ts, symbol, decision))
        else:
            self.left_out += 1

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "modes": {symbol: dict(modes) for symbol, modes in sorted(self.modes.items())},
            "changes": [
                {"ts": ts, "symbol": symbol, **to_dict(decision)}
                for ts, symbol, decision in self.changes
            ],
            "changes_left_out": self.left_out,
        }
