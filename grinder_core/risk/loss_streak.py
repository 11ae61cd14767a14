"""Losing streaks: pause after a run of losing round trips on one symbol (CORE-30, LIVE-17).

The guard only says that it tripped. Whoever owns the session then imposes the override PAUSE, and
imposes it again while a guard is tripped; resuming is a human decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from attrs import Factory, define, field, frozen

from grinder_core.contracts.checks import (
    check_decimal,
    check_int,
    check_positive_qty,
    check_price,
    check_symbol,
    check_ts,
)
from grinder_core.contracts.enums import RoundtripOutcome, Side
from grinder_core.contracts.orders import Fill
from grinder_core.errors import ContractError
from grinder_core.risk.roundtrips import Roundtrip, RoundtripTracker
from grinder_core.risk.settings import RiskSettings


@define
class LossStreak:
    """The run of losses of one symbol.

    Attributes:
        count: Losses since the last other outcome or reset.
        tripped: Set when ``count`` reaches the threshold; cleared by another outcome or a reset.
        last_row_id, last_ts_ms: The last round trip that counted, for people; never logic.
    """

    count: int = 0
    tripped: bool = False
    last_row_id: str = ""
    last_ts_ms: int = 0

    def __attrs_post_init__(self) -> None:
        check_int("count", self.count)
        check_ts("last_ts_ms", self.last_ts_ms)

    def update(self, outcome: str, row_id: str, ts_ms: int, *, threshold: int) -> bool:
        """Fold one outcome; return True exactly when it trips. An unknown outcome does nothing.

        Args:
            outcome: A value of ``RoundtripOutcome``.
            threshold: Length of the run that trips, ``>= 1``.
        """
        if outcome == RoundtripOutcome.LOSS:
            self.count += 1
            trips = self.count >= threshold and not self.tripped
            self.tripped = self.tripped or trips
        elif outcome in {RoundtripOutcome.WIN, RoundtripOutcome.BREAKEVEN}:
            self.reset()
            trips = False
        else:
            return False
        self.last_row_id, self.last_ts_ms = row_id, ts_ms
        return trips

    def reset(self) -> None:
        """Forget the run and release the guard."""
        self.count, self.tripped = 0, False


@frozen(kw_only=True)
class VenueTrade:
    """One execution of ours as the venue's list of trades tells it.

    Attributes:
        trade_id: The venue's, rising per symbol.
        fee: Quote currency, paid is positive.
        ts: Unix milliseconds, never going back with rising ids.
    """

    trade_id: int
    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    fee: Decimal
    ts: int

    def __attrs_post_init__(self) -> None:
        check_int("trade_id", self.trade_id, ge=1)
        check_symbol(self.symbol)
        check_price("price", self.price)
        check_positive_qty("qty", self.qty)
        check_decimal("fee", self.fee)
        check_ts("ts", self.ts)


@frozen(kw_only=True)
class TradesRead:
    """What a batch of trades came to.

    Attributes:
        closed: Round trips that it closed, in order.
        trips: How often it tripped the symbol's guard.
    """

    closed: tuple[Roundtrip, ...] = ()
    trips: int = 0


@define
class LossStreaks:
    """All symbols' round trips and guards of one session.

    Feed it either fills (``on_fill``, where the engine's own events are the truth) or the venue's
    trades (``on_trades``, where a service reads them after a cursor); never both. While disabled
    nothing moves, cursors included, so that enabling it later reads what it missed.

    Attributes:
        guards: By symbol, since its first closed round trip.
        last_trade_ids: By symbol, the venue's id of the last trade that is in.
        trips_total: Only grows.
    """

    enabled: bool
    threshold: int
    tracker: RoundtripTracker = field(factory=RoundtripTracker)
    guards: dict[str, LossStreak] = Factory(dict)
    last_trade_ids: dict[str, int] = Factory(dict)
    trips_total: int = 0

    @classmethod
    def of(cls, settings: RiskSettings) -> LossStreaks:
        """Return the guards of a session without trades."""
        return cls(enabled=settings.consec_loss_enabled, threshold=settings.consec_loss_threshold)

    @property
    def any_tripped(self) -> bool:
        return self.enabled and any(guard.tripped for guard in self.guards.values())

    @property
    def max_count(self) -> int:
        return max((guard.count for guard in self.guards.values()), default=0)

    def on_fill(self, fill: Fill) -> bool:
        """Fold one fill of the engine; return True exactly when it trips the symbol's guard.

        Fills of two orders may be told in either order, one of them late: it counts as if it had
        happened with the newest before it.
        """
        if not self.enabled:
            return False
        symbol = fill.symbol
        ts = max(fill.ts, self.tracker.last_ts(symbol))
        row = self.tracker.on_fill(symbol, fill.side, fill.price, fill.qty, fill.fee, ts)
        return row is not None and self._judge(row)

    def on_trades(self, symbol: str, trades: Iterable[VenueTrade]) -> TradesRead:
        """Fold a batch of one symbol's trades; those at or below its cursor are known already.

        A batch may come in any order and hold repeats; of two with one id the first given counts.

        Raises:
            ContractError: A trade is another symbol's: nothing has changed then. Or a trade's
                time goes back: those before it are in, and so is their cursor.
        """
        if not self.enabled:
            return TradesRead()
        batch = sorted(trades, key=lambda trade: trade.trade_id)
        for trade in batch:
            if trade.symbol != symbol:
                raise ContractError(f"must be {symbol}", field="symbol", value=trade.symbol)
        closed: list[Roundtrip] = []
        before = self.trips_total
        for t in batch:
            if t.trade_id <= self.last_trade_ids.get(symbol, 0):
                continue
            row = self.tracker.on_fill(symbol, t.side, t.price, t.qty, t.fee, t.ts)
            self.last_trade_ids[symbol] = t.trade_id
            if row is not None:
                closed.append(row)
                self._judge(row)
        return TradesRead(closed=tuple(closed), trips=self.trips_total - before)

    def carry(self, before: LossStreaks) -> None:
        """Go on from the streaks of another configuration, under these settings."""
        self.tracker, self.guards = before.tracker, before.guards
        self.last_trade_ids, self.trips_total = before.last_trade_ids, before.trips_total

    def reset(self, symbol: str | None = None) -> None:
        """Release one symbol's guard, or all; trackers, cursors and the count of trips stay."""
        for name, guard in self.guards.items():
            if symbol is None or name == symbol:
                guard.reset()

    def _judge(self, row: Roundtrip) -> bool:
        guard = self.guards.setdefault(row.symbol, LossStreak())
        tripped = guard.update(row.outcome, row.row_id, row.exit_ts, threshold=self.threshold)
        self.trips_total += tripped
        return tripped
