"""What people look at after a run, gathered from its outputs in bounded memory.

Equity and prices are sampled once an interval; fills are kept one by one; grid levels as the
time each order rested. Nothing here is read by a decision.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from attrs import Factory, define, field

from grinder_core.codec import to_dict
from grinder_core.contracts.decisions import ControllerDecision
from grinder_core.contracts.enums import ExecutionEventType
from grinder_core.contracts.orders import ExecutionEvent, Fill
from grinder_core.contracts.outputs import PaperOutput, PnlSnapshot
from grinder_core.numbers import ZERO, canonical, exact

Columns = dict[str, list[Any]]


@define
class RegimeShare:
    """What one market state of one symbol brought; profit is before funding."""

    outputs: int = 0
    ms: int = 0
    fills: int = 0
    net_pnl: Decimal = ZERO


@define
class Collector:
    """Call it with each output; read plain columns afterwards.

    Args:
        interval_ms: One sample of equity and prices in each interval of event time.
        max_levels: Grid level segments kept at most; later ones are counted in ``levels_left_out``.
        max_changes: Changes of a controller kept at most; its modes are counted on.
    """

    interval_ms: int = 60_000
    max_levels: int = 50_000
    max_changes: int = 10_000
    trades: list[Fill] = Factory(list)
    equity: Columns = field(init=False)
    prices: dict[str, Columns] = Factory(dict)
    levels: Columns = field(init=False)
    levels_left_out: int = 0
    blocks: dict[str, dict[int, int]] = Factory(dict)
    symbols: dict[str, PnlSnapshot] = Factory(dict)
    ms_in_market: int = 0
    ms_seen: int = 0
    first_ts: int = -1
    last_ts: int = -1
    regimes: dict[tuple[str, str], RegimeShare] = Factory(dict)
    controller: dict[str, dict[str, int]] = Factory(dict)
    controller_changes: list[tuple[int, str, ControllerDecision]] = Factory(list)
    _regime: dict[str, tuple[str, int, Decimal]] = Factory(dict)
    _steered: dict[str, ControllerDecision] = Factory(dict)
    _symbol_fees: dict[str, Decimal] = Factory(dict)
    _bucket: int = -1
    _fees: Decimal = ZERO
    _symbol_bucket: dict[str, int] = Factory(dict)
    _resting: dict[str, tuple[int, dict[str, Any]]] = Factory(dict)
    _in_market: dict[str, None] = Factory(dict)
    _last: PaperOutput | None = None

    def __attrs_post_init__(self) -> None:
        names = ("ts", "equity", "high_water_mark", "realized", "unrealized", "fees")
        self.equity = {name: [] for name in names}
        self.levels = {name: [] for name in ("symbol", "side", "level_id", "price", "from", "to")}

    def __call__(self, out: PaperOutput) -> None:
        """Fold one output."""
        ts, symbol = out.ts, out.symbol
        if self.first_ts < 0:
            self.first_ts = ts
        elif ts > self.last_ts:
            self.ms_seen += ts - self.last_ts
            if self._in_market:
                self.ms_in_market += ts - self.last_ts
        self.last_ts = max(self.last_ts, ts)
        bucket = ts // self.interval_ms
        if bucket != self._bucket:
            if self._last is not None:
                self._sample(self._last)
            self._bucket = bucket
        if self._symbol_bucket.get(symbol) != bucket:
            self._symbol_bucket[symbol] = bucket
            prices = self.prices.setdefault(symbol, {"ts": [], "mid": []})
            prices["ts"].append(ts)
            prices["mid"].append(out.pnl_snapshot.mark_price)
        self.symbols[symbol] = out.pnl_snapshot
        self._last = out
        if out.blocked_by_gating and out.gating_result is not None:
            self._block(out.gating_result.reason.value, bucket)
        elif not out.prefilter_result.allowed:
            self._block(out.prefilter_result.reason.value, bucket)
        if out.fills:
            self._fills(out)
        seen = out.seen
        if seen.regime is not None:
            self._regime_of(out, seen.regime.regime.value)
        if seen.controller is not None:
            self._controller_of(out, seen.controller)
        for event in out.events:
            self._event(event)

    def finish(self) -> None:
        """Take the last sample and close the levels that still rest."""
        if self._last is not None:
            self._sample(self._last)
            self._last = None
        for order_id in list(self._resting):
            self._close_level(order_id, self.last_ts)
        for symbol in list(self._regime):
            self._close_regime(symbol, self.last_ts)

    def regime_rows(self) -> list[dict[str, Any]]:
        """Return what happened in each market state of each symbol (CORE-18), as JSON values."""
        return [
            {
                "symbol": symbol,
                "regime": regime,
                "outputs": share.outputs,
                "ms": share.ms,
                "fills": share.fills,
                "net_pnl": canonical(share.net_pnl),
            }
            for (symbol, regime), share in sorted(self.regimes.items())
        ]

    def controller_dict(self) -> dict[str, Any]:
        """Return how often each controller mode held, and its changes, as JSON values."""
        return {
            "modes": {symbol: dict(modes) for symbol, modes in sorted(self.controller.items())},
            "changes": [
                {"ts": ts, "symbol": symbol, **to_dict(decision)}
                for ts, symbol, decision in self.controller_changes
            ],
        }

    def trade_columns(self) -> Columns:
        """Return fills as plain columns of numbers and text."""
        names = (
            "fill_id",
            "ts",
            "symbol",
            "side",
            "price",
            "qty",
            "fee",
            "liquidity",
            "level_id",
            "order_id",
        )
        return {name: [_plain(getattr(trade, name)) for trade in self.trades] for name in names}

    def _sample(self, out: PaperOutput) -> None:
        with exact():
            realized = sum((p.realized_pnl for p in self.symbols.values()), ZERO)
            unrealized = sum((p.unrealized_pnl for p in self.symbols.values()), ZERO)
        row = (out.ts, out.equity, out.high_water_mark, realized, unrealized, self._fees)
        for name, value in zip(self.equity, row, strict=True):
            self.equity[name].append(value)

    def _block(self, reason: str, bucket: int) -> None:
        counts = self.blocks.setdefault(reason, {})
        start = bucket * self.interval_ms
        counts[start] = counts.get(start, 0) + 1

    def _fills(self, out: PaperOutput) -> None:
        self.trades.extend(out.fills)
        with exact():
            paid = sum((fill.fee for fill in out.fills), ZERO)
            self._fees += paid
            self._symbol_fees[out.symbol] = self._symbol_fees.get(out.symbol, ZERO) + paid
        if out.pnl_snapshot.qty:
            self._in_market[out.symbol] = None
        else:
            self._in_market.pop(out.symbol, None)
        for fill in out.fills:
            self._close_level(fill.order_id, fill.ts)

    def _regime_of(self, out: PaperOutput, regime: str) -> None:
        """Give profit and time to the state that held while they came about."""
        symbol = out.symbol
        known = self._regime.get(symbol)
        if known is not None and out.fills:  # its orders were resting before this quote
            self.regimes[symbol, known[0]].fills += len(out.fills)
        if known is None or known[0] != regime:
            if known is not None:
                self._close_regime(symbol, out.ts)
            self.regimes.setdefault((symbol, regime), RegimeShare())
            self._regime[symbol] = (regime, out.ts, self._net_of(symbol))
        self.regimes[symbol, regime].outputs += 1

    def _close_regime(self, symbol: str, ts: int) -> None:
        regime, since, before = self._regime.pop(symbol)
        share = self.regimes[symbol, regime]
        share.ms += ts - since
        with exact():
            share.net_pnl += self._net_of(symbol) - before

    def _net_of(self, symbol: str) -> Decimal:
        """Profit less fees of a symbol as of its last output, before funding."""
        pnl = self.symbols.get(symbol)
        return ZERO if pnl is None else pnl.total_pnl - self._symbol_fees.get(symbol, ZERO)

    def _controller_of(self, out: PaperOutput, decision: ControllerDecision) -> None:
        modes = self.controller.setdefault(out.symbol, {})
        modes[decision.mode.value] = modes.get(decision.mode.value, 0) + 1
        before = self._steered.get(out.symbol)
        if before is decision:
            return
        self._steered[out.symbol] = decision
        changed = before is None or (
            (before.mode, before.spacing_bps) != (decision.mode, decision.spacing_bps)
            or decision.reset_codes
        )
        if changed and len(self.controller_changes) < self.max_changes:
            self.controller_changes.append((out.ts, out.symbol, decision))

    def _event(self, event: ExecutionEvent) -> None:
        order_id = str(event.details.get("order_id", ""))
        if event.type is ExecutionEventType.ORDER_CANCELLED:
            self._close_level(order_id, event.ts)
        elif event.type in {ExecutionEventType.ORDER_PLACED, ExecutionEventType.ORDER_REPLACED}:
            self._resting[order_id] = (event.ts, {"symbol": event.symbol, **event.details})

    def _close_level(self, order_id: str, ts: int) -> None:
        known = self._resting.pop(order_id, None)
        if known is None:
            return
        if len(self.levels["symbol"]) >= self.max_levels:
            self.levels_left_out += 1
            return
        since, details = known
        for name in ("symbol", "side", "level_id"):
            self.levels[name].append(details[name])
        self.levels["price"].append(Decimal(str(details["price"])))
        self.levels["from"].append(since)
        self.levels["to"].append(ts)


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)
