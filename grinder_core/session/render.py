"""The canonical text of outputs, fast: equal to ``canonical_json(output.digest_view())``.

Between two quotes almost nothing of an output changes but the centre, the mark and the open
profit. The renderer keeps the text of all that stayed and writes only those.
"""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal

from attrs import define, field

from grinder_core.codec import canonical_json, to_dict
from grinder_core.contracts.orders import ExecutionAction
from grinder_core.contracts.outputs import PaperOutput, PnlSnapshot
from grinder_core.contracts.plan import GridPlan
from grinder_core.contracts.verdicts import GATES_PASS, PREFILTER_PASS, GatingResult
from grinder_core.numbers import canonical

_GATES_PASS = canonical_json(to_dict(GATES_PASS))
_PREFILTER_PASS = canonical_json(to_dict(PREFILTER_PASS))
_CENTER = '{"center_price":"'
TAILS_MAX = 512  # texts of plans kept; more only costs writing them again


@define
class Renderer:
    """Renders the outputs of one session. Called inside ``exact()``."""

    _plans: dict[str, tuple[GridPlan, str]] = field(factory=dict, init=False)
    # found by what tells a session's shapes apart, as hashing a whole one costs more than the rest
    _plan_tails: dict[Hashable, tuple[GridPlan, str]] = field(factory=dict, init=False)
    _pnls: dict[str, tuple[PnlSnapshot, str]] = field(factory=dict, init=False)
    _noops: dict[str, tuple[tuple[ExecutionAction, ...], str]] = field(factory=dict, init=False)
    _gatings: dict[str, tuple[GatingResult, str]] = field(factory=dict, init=False)
    _held: dict[str, tuple[Decimal, Decimal, str, str]] = field(factory=dict, init=False)

    def line(self, out: PaperOutput) -> bytes:
        """Return the canonical JSON of the paper digest view."""
        gating = out.gating_result
        if gating is GATES_PASS:
            gating_text, stopped = _GATES_PASS, "false"
        elif gating is None:
            gating_text, stopped = "null", "false"
        else:
            gating_text = self._gating(out.symbol, gating)
            stopped = "false" if gating.allowed else "true"
        events = canonical_json([to_dict(e) for e in out.events]) if out.events else "[]"
        fills = canonical_json([to_dict(f) for f in out.fills]) if out.fills else "[]"
        verdict = out.prefilter_result
        passed = verdict is PREFILTER_PASS
        return (
            f'{{"actions":{self._actions(out)},"blocked_by_gating":{stopped},"events":{events},'
            f'"fills":{fills},"gating_result":{gating_text},"plan":{self._plan(out)},'
            f'"pnl_snapshot":{self._pnl(out.pnl_snapshot)},"prefilter_result":'
            f"{_PREFILTER_PASS if passed else canonical_json(to_dict(verdict))},"
            f'"symbol":"{out.symbol}","ts":{out.ts}}}'
        ).encode("ascii")

    def replay_line(self, out: PaperOutput) -> bytes:
        """Return the canonical JSON of the replay digest view."""
        return canonical_json(out.replay_view()).encode("ascii")

    def _gating(self, symbol: str, gating: GatingResult) -> str:
        """A gate that blocks mostly blocks quote after quote, with the same words."""
        known = self._gatings.get(symbol)
        if known is not None and known[0] == gating:
            return known[1]
        text = canonical_json(to_dict(gating))
        self._gatings[symbol] = (gating, text)
        return text

    def _actions(self, out: PaperOutput) -> str:
        actions = out.actions
        if not actions:
            return "[]"
        known = self._noops.get(out.symbol)
        if known is not None and known[0] is actions:
            return known[1]
        text = canonical_json([to_dict(action) for action in actions])
        if len(actions) == 1:
            self._noops[out.symbol] = (actions, text)
        return text

    def _plan(self, out: PaperOutput) -> str:
        plan = out.plan
        if plan is None:
            return "null"
        same = self._plans.get(out.symbol)
        if same is not None and same[0] is plan:
            return same[1]
        text = self._plan_text(out.symbol, plan)
        self._plans[out.symbol] = (plan, text)
        return text

    def _plan_text(self, symbol: str, plan: GridPlan) -> str:
        center = canonical(plan.center_price)
        shape = plan.shape
        key = (symbol, shape.spacing_bps, shape.level_count, shape.width_up_bps, shape.regime)
        known = self._plan_tails.get(key)
        if known is not None:
            like, tail = known
            if (
                like.shape is shape
                and like.reset_action is plan.reset_action
                and like.reason_codes == plan.reason_codes
            ):
                return f"{_CENTER}{center}{tail}"
        text = canonical_json(to_dict(plan))
        if len(self._plan_tails) >= TAILS_MAX:
            self._plan_tails.clear()
        self._plan_tails[key] = (plan, text[len(_CENTER) + len(center) :])
        return text

    def _pnl(self, pnl: PnlSnapshot) -> str:
        same = self._pnls.get(pnl.symbol)
        if same is not None and same[0] is pnl:
            return same[1]
        text = self._pnl_text(pnl)
        self._pnls[pnl.symbol] = (pnl, text)
        return text

    def _pnl_text(self, pnl: PnlSnapshot) -> str:
        known = self._held.get(pnl.symbol)
        if known is None or known[0] is not pnl.qty or known[1] is not pnl.realized_pnl:
            head = f'{{"avg_entry_price":"{canonical(pnl.avg_entry_price)}","mark_price":"'
            middle = (
                f'","qty":"{canonical(pnl.qty)}","realized_pnl":"{canonical(pnl.realized_pnl)}",'
                f'"symbol":"{pnl.symbol}","total_pnl":"'
            )
            known = self._held[pnl.symbol] = (pnl.qty, pnl.realized_pnl, head, middle)
        total = canonical(pnl.realized_pnl + pnl.unrealized_pnl)
        return (
            f"{known[2]}{canonical(pnl.mark_price)}{known[3]}{total}"
            f'","unrealized_pnl":"{canonical(pnl.unrealized_pnl)}"}}'
        )
