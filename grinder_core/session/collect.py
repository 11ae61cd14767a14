"""What people look at after a run, gathered from its outputs in bounded memory.

Equity and prices are sampled once an interval, which doubles whenever the samples outgrow their
room (``samples``); refusals are counted in the same way; grid levels are kept as the time each
order rested, up to a number. Fills alone grow with the session: a long one hands them on as they
come and keeps none. Nothing here is read by a decision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from attrs import Factory, define, field

from grinder_core.contracts.orders import Fill
from grinder_core.contracts.outputs import PaperOutput, PnlSnapshot
from grinder_core.errors import ConfigError
from grinder_core.numbers import ZERO, canonical, exact
from grinder_core.session.levels import LevelLog
from grinder_core.session.samples import Columns, Counts, Keep, Samples
from grinder_core.session.steering import SteeringLog

EQUITY_COLUMNS = ("equity", "high_water_mark", "realized", "unrealized", "fees", "funding")
TRADE_COLUMNS = (
    *("fill_id", "ts", "symbol", "side", "price", "qty", "fee", "liquidity"),
    *("level_id", "order_id"),
)


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
        interval_ms: One sample of equity and prices in each interval of event time, as long as
            there is room for them.
        max_equity: Samples of equity kept at most.
        max_prices: Samples of each symbol's price kept at most.
        max_blocks: Numbers of refusals, by reason and interval, kept at most.
        max_levels: Grid level segments kept at most; later ones are counted in ``levels_left_out``.
        max_changes: Changes of a controller kept at most; later ones are counted in
            ``steering.left_out``, and its modes are counted on.
        keep_trades: Keep every fill, which grows with the session; else only ``on_trade`` sees
            them.
        on_trade: Called with each fill as it comes.
    """

    interval_ms: int = 60_000
    max_equity: int = 20_000
    max_prices: int = 5_000
    max_blocks: int = 20_000
    max_levels: int = 50_000
    max_changes: int = 2_000
    keep_trades: bool = True
    on_trade: Callable[[Fill], None] | None = None
    trades: list[Fill] = Factory(list)
    fill_count: int = 0
    symbols: dict[str, PnlSnapshot] = Factory(dict)
    ms_in_market: int = 0
    ms_seen: int = 0
    first_ts: int = -1
    last_ts: int = -1
    regimes: dict[tuple[str, str], RegimeShare] = Factory(dict)
    steering: SteeringLog = field(init=False)
    _equity: Samples = field(init=False)
    _prices: dict[str, Samples] = Factory(dict)
    _blocks: Counts = field(init=False)
    _levels: LevelLog = field(init=False)
    _regime: dict[str, tuple[str, int, Decimal]] = Factory(dict)
    _fees: dict[str, Decimal] = Factory(dict)
    _funding: Decimal = ZERO
    _equity_due: int = -1
    _price_due: dict[str, int] = Factory(dict)
    _in_market: dict[str, None] = Factory(dict)
    _last: PaperOutput | None = None

    def __attrs_post_init__(self) -> None:
        self._equity = Samples(EQUITY_COLUMNS, self.interval_ms, self.max_equity, Keep.LAST)
        self._blocks = Counts(self.interval_ms, self.max_blocks)
        self._levels = LevelLog(self.max_levels)
        self.steering = SteeringLog(self.max_changes)

    @property
    def equity(self) -> Columns:
        """The last sample of each ``equity_interval_ms``; ``ts`` is the session's time."""
        return self._equity.columns

    @property
    def equity_interval_ms(self) -> int:
        """The interval that equity was sampled in: ``interval_ms`` or a doubling of it."""
        return self._equity.interval_ms

    @property
    def prices(self) -> dict[str, Columns]:
        """The first mid of each ``price_interval_ms``, by symbol."""
        return {symbol: samples.columns for symbol, samples in self._prices.items()}

    @property
    def price_interval_ms(self) -> int:
        """The interval that all prices were sampled in: ``interval_ms`` or a doubling of it."""
        return max((s.interval_ms for s in self._prices.values()), default=self.interval_ms)

    @property
    def blocks(self) -> dict[str, dict[int, int]]:
        """By reason: start of each ``block_interval_ms`` -> refusals in it."""
        return self._blocks.by_name

    @property
    def block_interval_ms(self) -> int:
        """The interval that refusals were counted in: ``interval_ms`` or a doubling of it."""
        return self._blocks.interval_ms

    @property
    def levels(self) -> Columns:
        """When each grid level rested: ``symbol, side, level_id, price, from, to``."""
        return self._levels.columns

    @property
    def levels_left_out(self) -> int:
        """Level segments beyond ``max_levels``."""
        return self._levels.left_out

    @property
    def rows_kept(self) -> int:
        """How many rows of anything are in memory."""
        return (
            len(self.trades)
            + len(self._equity)
            + sum(map(len, self._prices.values()))
            + len(self._blocks)
            + len(self._levels)
            + len(self._levels.resting)
            + len(self.steering.changes)
        )

    def carry(self, pnl: PnlSnapshot, fees_paid: Decimal, funding_paid: Decimal) -> None:
        """Take over what a symbol brought before this part of a continued session.

        Args:
            funding_paid: As far as outputs have told it.
        """
        self.symbols[pnl.symbol] = pnl
        self._fees[pnl.symbol] = fees_paid
        with exact():
            self._funding += funding_paid
        if pnl.qty:
            self._in_market[pnl.symbol] = None

    def __call__(self, out: PaperOutput) -> None:
        """Fold one output."""
        ts, symbol = out.ts, out.symbol
        now = max(ts, self.last_ts)  # symbols keep their own venue time
        if now >= self._equity_due:
            if self._last is not None:
                self._sample(self._last)
            self._equity_due = _next(now, self._equity.interval_ms)
        if self.first_ts < 0:
            self.first_ts = ts
        else:
            self.ms_seen += now - self.last_ts
            if self._in_market:
                self.ms_in_market += now - self.last_ts
        self.last_ts = now
        if ts >= self._price_due.get(symbol, -1):
            self._price(symbol, ts, out.pnl_snapshot.mark_price)
        self.symbols[symbol] = out.pnl_snapshot
        self._last = out
        if out.blocked_by_gating and out.gating_result is not None:
            self._blocks.add(out.gating_result.reason.value, now)
        elif not out.prefilter_result.allowed:
            self._blocks.add(out.prefilter_result.reason.value, now)
        if out.fills:
            self._fills(out.pnl_snapshot, out.fills)
        if out.funding:
            with exact():
                self._funding += sum((payment.amount for payment in out.funding), ZERO)
        seen = out.seen
        if seen.regime is not None:
            self._regime_of(out, seen.regime.regime.value)
        if seen.controller is not None:
            self.steering.add(ts, symbol, seen.controller)
        for event in out.events:
            self._levels.on_event(event)

    def rest(self, pnl: PnlSnapshot, fills: Sequence[Fill]) -> None:
        """Take fills that came after a symbol's last quote, which no output tells any more."""
        self.symbols[pnl.symbol] = pnl
        self._fills(pnl, fills)

    def finish(self) -> None:
        """Take the last sample and close the levels that still rest."""
        if self._last is not None:
            self._sample(self._last)
            self._last = None
        self._levels.close_all(self.last_ts)
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

    def trade_columns(self) -> Columns:
        """Return fills as plain columns of numbers and text.

        Raises:
            ConfigError: They were not kept.
        """
        if not self.keep_trades:
            raise ConfigError(
                "were handed on and not kept",
                field="trades",
                remedy="read them from the run's folder, or run with keep_trades=True",
            )
        return {name: [plain(getattr(t, name)) for t in self.trades] for name in TRADE_COLUMNS}

    def _sample(self, out: PaperOutput) -> None:
        with exact():
            realized = sum((p.realized_pnl for p in self.symbols.values()), ZERO)
            unrealized = sum((p.unrealized_pnl for p in self.symbols.values()), ZERO)
            fees = sum(self._fees.values(), ZERO)
        money = (out.equity, out.high_water_mark, realized, unrealized, fees, self._funding)
        self._equity.add(self.last_ts, *money)

    def _price(self, symbol: str, ts: int, mid: Decimal) -> None:
        samples = self._prices.get(symbol)
        if samples is None:
            interval = self.price_interval_ms
            samples = Samples(("mid",), interval, self.max_prices, Keep.FIRST)
            self._prices[symbol] = samples
        before = samples.interval_ms
        samples.add(ts, mid)
        self._price_due[symbol] = _next(ts, samples.interval_ms)
        if samples.interval_ms != before:
            for each in self._prices.values():
                while each.interval_ms < samples.interval_ms:
                    each.double()

    def _fills(self, pnl: PnlSnapshot, fills: Sequence[Fill]) -> None:
        symbol = pnl.symbol
        self.fill_count += len(fills)
        if self.keep_trades:
            self.trades.extend(fills)
        with exact():
            paid = sum((fill.fee for fill in fills), ZERO)
            self._fees[symbol] = self._fees.get(symbol, ZERO) + paid
        if pnl.qty:
            self._in_market[symbol] = None
        else:
            self._in_market.pop(symbol, None)
        for fill in fills:
            if self.on_trade is not None:
                self.on_trade(fill)
            self._levels.close(fill.order_id, fill.ts)

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
        return ZERO if pnl is None else pnl.total_pnl - self._fees.get(symbol, ZERO)


def plain(value: Any) -> Any:
    """Return the text of an enum's member, and any other value as it is."""
    return getattr(value, "value", value)


def _next(ts: int, interval_ms: int) -> int:
    """Return when the interval after that of ``ts`` begins."""
    return (ts // interval_ms + 1) * interval_ms
