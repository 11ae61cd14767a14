"""The separate pass of Top-K v1 over a whole stream (CORE-10): it looks ahead, and says so."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define

from grinder_core.contracts.control import Selection
from grinder_core.contracts.event import Event
from grinder_core.contracts.market import Snapshot
from grinder_core.gates.settings import GateSettings
from grinder_core.gates.toxicity import ToxicityGate
from grinder_core.indicators.features import FeatureFold
from grinder_core.indicators.settings import IndicatorSettings
from grinder_core.numbers import HALF, exact
from grinder_core.selection.settings import SelectionSettings
from grinder_core.selection.topk_v1 import SelectionCandidate, select_v1


@define
class _Seen:
    """What the pass keeps of one symbol."""

    features: FeatureFold
    toxicity: ToxicityGate
    last: Snapshot

    def push(self, snapshot: Snapshot) -> None:
        mid = (snapshot.bid_price + snapshot.ask_price) * HALF
        self.toxicity.window.push(snapshot.ts, mid)
        self.features.on_snapshot(snapshot, mid)
        self.last = snapshot

    def candidate(self) -> SelectionCandidate:
        mid, spread_bps = self.last.mid_price, self.last.spread_bps
        return SelectionCandidate.of(
            self.features.read(self.last, mid, spread_bps),
            toxicity_blocked=self.toxicity.check(mid, spread_bps) is not None,
        )


def two_pass_v1(
    events: Iterable[Event],
    indicators: IndicatorSettings,
    gates: GateSettings,
    settings: SelectionSettings,
) -> Selection:
    """Feed all snapshots to features and toxicity, then select once from the last values.

    Memory is bounded by symbols and windows, not by events.

    Raises:
        ContractError: A symbol's time goes back.
    """
    seen: dict[str, _Seen] = {}
    with exact():
        for event in events:
            snapshot = event.payload
            if not isinstance(snapshot, Snapshot):
                continue
            symbol = seen.get(snapshot.symbol)
            if symbol is None:
                symbol = seen[snapshot.symbol] = _Seen(
                    FeatureFold.of(indicators), ToxicityGate.of(gates), snapshot
                )
            symbol.push(snapshot)
        candidates = [symbol.candidate() for symbol in seen.values()]
    return select_v1(candidates, settings, lookahead=True)
