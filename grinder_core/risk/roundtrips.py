"""Round trips: from the first fill that opens a position to the one that closes it (CORE-30).

Profit here is that of whole trips, after fees. The ledger's realised profit books each exit at
average cost; the two agree once a position is flat.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from attrs import Factory, define, frozen

from grinder_core.codec import sha1_hex
from grinder_core.contracts.checks import check_decimal, check_int, check_symbol, check_ts
from grinder_core.contracts.enums import RoundtripOutcome, Side
from grinder_core.errors import ContractError
from grinder_core.numbers import BPS, ZERO, canonical, dec_half_even, exact, half_even_div

FEE_DIGITS: Final = 16
PRICE_DIGITS: Final = 8


class Direction(StrEnum):
    """Which way a round trip went in."""

    LONG = "long"
    SHORT = "short"


@frozen(kw_only=True)
class Roundtrip:
    """One closed round trip.

    Attributes:
        row_id: Its name: SHA-1 over symbol, direction, times, prices and quantity.
        entry_ts: Of the first entry fill, Unix milliseconds.
        exit_ts: Of the last exit fill.
        qty: Base asset; as much went out as came in.
        entry_price, exit_price: Averages to 8 digits, for display.
        notional: Entry price times quantity, exactly.
        realized_pnl: Quote currency, before fees.
        net_pnl: After entry and exit fees.
        pnl_bps: ``net_pnl`` over ``notional``.
    """

    row_id: str
    symbol: str
    direction: Direction
    entry_ts: int
    exit_ts: int
    qty: Decimal
    entry_price: Decimal
    exit_price: Decimal
    entry_fee: Decimal
    exit_fee: Decimal
    entry_fill_count: int
    exit_fill_count: int
    notional: Decimal
    realized_pnl: Decimal
    net_pnl: Decimal
    pnl_bps: int
    outcome: RoundtripOutcome

    @property
    def fees(self) -> Decimal:
        with exact():
            return self.entry_fee + self.exit_fee


@define
class OpenRoundtrip:
    """Sums over the fills of a round trip that is not closed yet; the shape of CORE-31.

    Attributes:
        entry_cost, exit_value: Sums of price times quantity, exact.
        exit_ts: Of the last exit fill; 0 before the first.
    """

    entry_ts: int
    entry_qty: Decimal
    entry_cost: Decimal
    entry_fee: Decimal
    entry_fill_count: int = 1
    exit_ts: int = 0
    exit_qty: Decimal = ZERO
    exit_value: Decimal = ZERO
    exit_fee: Decimal = ZERO
    exit_fill_count: int = 0

    def __attrs_post_init__(self) -> None:
        check_ts("entry_ts", self.entry_ts)
        check_int("entry_fill_count", self.entry_fill_count, ge=1)
        check_int("exit_fill_count", self.exit_fill_count)
        for name in ("entry_fee", "exit_fee", "exit_value"):
            check_decimal(name, getattr(self, name))
        _check_positive("entry_qty", self.entry_qty)
        _check_positive("entry_cost", self.entry_cost)
        if not 0 <= self.exit_qty < self.entry_qty:
            raise ContractError(
                f"must be >= 0 and < entry_qty {self.entry_qty}",
                field="exit_qty",
                value=self.exit_qty,
            )
        if self.exit_fill_count:
            _check_positive("exit_qty", self.exit_qty)
            _check_positive("exit_value", self.exit_value)
            if type(self.exit_ts) is not int or self.exit_ts < self.entry_ts:
                raise ContractError("must be >= entry_ts", field="exit_ts", value=self.exit_ts)
        elif self.exit_ts or self.exit_qty or self.exit_value or self.exit_fee:
            raise ContractError(
                "must be >= 1 after an exit", field="exit_fill_count", value=self.exit_fill_count
            )

    @property
    def open_qty(self) -> Decimal:
        """What is still to go out. Inside ``exact()``."""
        return self.entry_qty - self.exit_qty

    def enter(self, price: Decimal, qty: Decimal, fee: Decimal) -> None:
        """Add an entry fill. Inside ``exact()``."""
        self.entry_qty += qty
        self.entry_cost += price * qty
        self.entry_fee += fee
        self.entry_fill_count += 1

    def exit(self, price: Decimal, qty: Decimal, fee: Decimal, ts: int) -> None:
        """Add an exit fill of at most ``open_qty``. Inside ``exact()``."""
        self.exit_ts = ts
        self.exit_qty += qty
        self.exit_value += price * qty
        self.exit_fee += fee
        self.exit_fill_count += 1

    def close(self, symbol: str, direction: Direction) -> Roundtrip:
        """Return the row of a round trip whose exits add up to its entries. Inside ``exact()``."""
        gain = self.exit_value - self.entry_cost
        realized = gain if direction is Direction.LONG else -gain
        net = realized - self.entry_fee - self.exit_fee
        entry_price = dec_half_even(self.entry_cost, PRICE_DIGITS, self.entry_qty)
        exit_price = dec_half_even(self.exit_value, PRICE_DIGITS, self.exit_qty)
        numbers = map(canonical, (entry_price, exit_price, self.entry_qty))
        name = "|".join((symbol, direction, str(self.entry_ts), str(self.exit_ts), *numbers))
        return Roundtrip(
            row_id=sha1_hex(name),
            symbol=symbol,
            direction=direction,
            entry_ts=self.entry_ts,
            exit_ts=self.exit_ts,
            qty=self.entry_qty,
            entry_price=entry_price,
            exit_price=exit_price,
            entry_fee=self.entry_fee,
            exit_fee=self.exit_fee,
            entry_fill_count=self.entry_fill_count,
            exit_fill_count=self.exit_fill_count,
            notional=self.entry_cost,
            realized_pnl=realized,
            net_pnl=net,
            pnl_bps=half_even_div(BPS * net, self.entry_cost),
            outcome=_outcome(net),
        )


@define
class RoundtripTracker:
    """Open round trips by ``symbol|direction``; of one symbol at most one is open."""

    positions: dict[str, OpenRoundtrip] = Factory(dict)

    def __attrs_post_init__(self) -> None:
        for key in self.positions:
            symbol, _, direction = key.partition("|")
            check_symbol(symbol)
            if direction not in set(Direction):
                raise ContractError("must be symbol|long or symbol|short", field="key", value=key)
            other = Direction.SHORT if direction == Direction.LONG else Direction.LONG
            if f"{symbol}|{other}" in self.positions:
                raise ContractError(
                    "must not be open in both directions", field="symbol", value=symbol
                )

    def on_fill(
        self, symbol: str, side: Side, price: Decimal, qty: Decimal, fee: Decimal, ts: int
    ) -> Roundtrip | None:
        """Fold one fill; return the round trip that it closes, if it closes one.

        A fill larger than the open position closes it and opens the other direction with the
        rest; the closing part bears its share of the fee, rounded once to 16 digits.

        Args:
            fee: Quote currency, paid is positive.
            ts: Unix milliseconds.

        Raises:
            ContractError: Price or quantity is not positive, the symbol breaks its grammar, or
                time goes back behind the round trip's own; nothing has changed then.
        """
        check_symbol(symbol)
        _check_positive("price", price)
        _check_positive("qty", qty)
        check_decimal("fee", fee)
        check_ts("ts", ts)
        closes, opens = (
            (Direction.SHORT, Direction.LONG)
            if side is Side.BUY
            else (Direction.LONG, Direction.SHORT)
        )
        key = f"{symbol}|{closes}"
        trip = self.positions.get(key)
        with exact():
            if trip is None:
                self._enter(f"{symbol}|{opens}", price, qty, fee, ts)
                return None
            _check_not_before(ts, max(trip.entry_ts, trip.exit_ts))
            part = min(qty, trip.open_qty)
            part_fee = fee if part == qty else dec_half_even(fee * part, FEE_DIGITS, qty)
            trip.exit(price, part, part_fee, ts)
            if trip.open_qty:
                return None
            del self.positions[key]
            if qty > part:
                self._enter(f"{symbol}|{opens}", price, qty - part, fee - part_fee, ts)
            return trip.close(symbol, closes)

    def last_ts(self, symbol: str) -> int:
        """Return the time of the newest fill of a symbol's open round trips; 0 without any."""
        found = (self.positions.get(f"{symbol}|{direction}") for direction in Direction)
        return max((max(trip.entry_ts, trip.exit_ts) for trip in found if trip), default=0)

    def _enter(self, key: str, price: Decimal, qty: Decimal, fee: Decimal, ts: int) -> None:
        trip = self.positions.get(key)
        if trip is None:
            self.positions[key] = OpenRoundtrip(
                entry_ts=ts, entry_qty=qty, entry_cost=price * qty, entry_fee=fee
            )
            return
        _check_not_before(ts, max(trip.entry_ts, trip.exit_ts))
        trip.enter(price, qty, fee)


def _outcome(net: Decimal) -> RoundtripOutcome:
    if net > 0:
        return RoundtripOutcome.WIN
    return RoundtripOutcome.LOSS if net < 0 else RoundtripOutcome.BREAKEVEN


def _check_positive(field: str, value: Decimal) -> None:
    check_decimal(field, value)
    if value <= 0:
        raise ContractError("must be > 0", field=field, value=value)


def _check_not_before(ts: int, last: int) -> None:
    if ts < last:
        raise ContractError(f"must not go back behind {last}", field="ts", value=ts)
