"""One client's account: wallets, positions, settings, and what happened to the money.

Cross positions share one wallet; an isolated one carries its own. All amounts are the settlement
asset. Methods run inside ``exact()``; nothing is rounded but what the ledger rounds, and what moves
between the two wallets, which changes no sum.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from functools import cache
from typing import Final

from attrs import Factory, define, field, frozen

from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.enums import BUY, Side
from grinder_core.ledger import SymbolLedger
from grinder_core.numbers import ZERO, dec_down, dec_up
from grinder_core.venue.exchange.vocabulary import (
    BOTH,
    ISOLATED,
    AccountReason,
    IncomeType,
    MarginType,
    PositionSide,
)

MARGIN_DIGITS: Final = 8
HISTORY: Final = 2_000
MONEY_HISTORY: Final = 50_000  # what a session is settled with


@frozen
class Income:
    """One change of the wallet; paid is negative, as at the venue."""

    ts: int
    kind: IncomeType
    symbol: str
    amount: Decimal
    tran_id: int
    trade_id: int = 0
    asset: str = ""  # empty: the settlement asset


@frozen(kw_only=True)
class VenueTrade:
    """One execution of the account.

    Attributes:
        fee: Paid where positive, in units of ``fee_asset``; empty: the settlement asset.
    """

    trade_id: int
    order_number: int
    symbol: str
    side: Side
    position_side: PositionSide
    price: Decimal
    qty: Decimal
    fee: Decimal
    realized: Decimal
    is_maker: bool
    ts: int
    fee_asset: str = ""


@frozen
class Amendment:
    """One change of a resting order."""

    number: int
    order_number: int
    ts: int
    old_price: Decimal
    new_price: Decimal
    old_qty: Decimal
    new_qty: Decimal
    count: int
    modify_id: int | None


@define
class FeeWallet:
    """What an account holds of an asset out of which its fees are paid, while it lasts.

    Attributes:
        price: Of one unit, settlement asset.
        balance, paid: In units of the asset.
    """

    asset: str
    price: Decimal
    balance: Decimal
    paid: Decimal = ZERO

    def pay(self, fee: Decimal) -> Decimal:
        """Pay a fee, given in the settlement asset; return what left, 0: it does not suffice."""
        units = dec_up(fee, MARGIN_DIGITS, self.price)
        if fee <= 0 or units > self.balance:
            return ZERO
        self.balance -= units
        self.paid += units
        return units


@frozen
class Terms:
    """What an account has set for one symbol."""

    leverage: int = 20
    margin_type: MarginType = MarginType.CROSSED


DEFAULT_TERMS: Final = Terms()


@define
class Position:
    """One position: the only one of a symbol, or one side of it in hedge mode.

    Attributes:
        bids, asks: Notional of its open orders that may grow it, quote currency.
        isolated_wallet: Margin set aside; 0 for a cross position.
        updated_at: Venue's clock, Unix milliseconds; 0: never touched.
    """

    symbol: str
    side: PositionSide
    bids: Decimal = ZERO
    asks: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    updated_at: int = 0
    ledger: SymbolLedger = Factory(lambda self: SymbolLedger(self.symbol), takes_self=True)
    _margin: tuple[Decimal, int, Decimal] = field(default=(ZERO, 1, ZERO), init=False, eq=False)

    @property
    def is_idle(self) -> bool:
        """Whether it needs no margin at all."""
        return not (self.ledger.qty or self.bids or self.asks)

    def add_open(self, side: Side, notional: Decimal) -> None:
        """Take an open order's notional in, or out where negative."""
        if side is BUY:
            self.bids += notional
        else:
            self.asks += notional

    def exposure(self, mark: Decimal, side: Side = BUY, more: Decimal = ZERO) -> Decimal:
        """The larger notional that it may come to if one side's orders all fill.

        Args:
            more: Notional that one side's orders would have on top.

        Source: the venue's rule for the initial margin of open orders.
        """
        bids, asks = self.bids, self.asks
        if side is BUY:
            bids += more
        else:
            asks += more
        if not self.ledger.qty:
            return max(abs(bids), abs(asks))
        worth = self.ledger.qty * mark
        return max(abs(worth + bids), abs(worth - asks), abs(worth))

    def margin_of(self, exposure: Decimal, leverage: int) -> Decimal:
        """Initial margin of an exposure, rounded up; the last answer is kept."""
        kept = self._margin
        if kept[0] == exposure and kept[1] == leverage:
            return kept[2]
        margin = dec_up(exposure, MARGIN_DIGITS, leverage)
        self._margin = (exposure, leverage, margin)
        return margin


@frozen(kw_only=True)
class PositionView:
    """A position as it stood. ``realized`` is all profit so far, before fees."""

    symbol: str
    side: PositionSide
    qty: Decimal
    entry_price: Decimal
    realized: Decimal
    unrealized: Decimal
    margin_type: MarginType
    isolated_wallet: Decimal


@frozen
class AccountPush:
    """One ACCOUNT_UPDATE.

    Attributes:
        change: Of the wallet other than by profit and fee.
        payment: The funding settlement that changed it.
        fee_asset, fee_balance: Of the wallet of fees; empty and 0 where there is none.
    """

    account: str
    ts: int
    reason: AccountReason
    wallet: Decimal
    cross_wallet: Decimal
    change: Decimal
    positions: tuple[PositionView, ...] = ()
    symbol: str = ""
    payment: FundingPaid | None = None
    fee_asset: str = ""
    fee_balance: Decimal = ZERO


@define
class TradingAccount:
    """Wallets, positions and settings of one client.

    Invariant: ``wallet == deposited + insured + realised profit - fees - funding``, exactly; a fee
    that another asset paid is none of those.

    Attributes:
        fee_wallet: Pays the fees in another asset; ``None``: the wallet does.
        cross_wallet: Shared by all cross positions.
        is_hedged: Long and short positions of a symbol are apart.
        positions: By ``key_of``; created when first needed, never dropped.
        open_counts: Open orders by symbol.
        trades, income: The newest ``MONEY_HISTORY`` of each.
        amendments: The newest ``HISTORY``.
    """

    name: str
    cross_wallet: Decimal = ZERO
    deposited: Decimal = ZERO
    is_hedged: bool = False
    is_multi_assets: bool = False
    fees_paid: Decimal = ZERO
    fee_wallet: FeeWallet | None = None
    funding_paid: Decimal = ZERO
    insured: Decimal = ZERO
    last_tran_id: int = 0
    positions: dict[str, Position] = Factory(dict)
    terms: dict[str, Terms] = Factory(dict)
    open_counts: dict[str, int] = Factory(dict)
    trades: deque[VenueTrade] = Factory(lambda: deque(maxlen=MONEY_HISTORY))
    income: deque[Income] = Factory(lambda: deque(maxlen=MONEY_HISTORY))
    amendments: deque[Amendment] = Factory(lambda: deque(maxlen=HISTORY))

    def __attrs_post_init__(self) -> None:
        # what was stored and loaded has forgotten its bound
        self.trades = deque(self.trades, MONEY_HISTORY)
        self.income = deque(self.income, MONEY_HISTORY)
        self.amendments = deque(self.amendments, HISTORY)

    @property
    def wallet(self) -> Decimal:
        """Cross wallet and all isolated ones."""
        return self.cross_wallet + sum((p.isolated_wallet for p in self.positions.values()), ZERO)

    def position(self, symbol: str, side: PositionSide) -> Position:
        """Return a position to book on, flat where there was none."""
        key = key_of(symbol, side)
        found = self.positions.get(key)
        if found is None:
            found = self.positions[key] = Position(symbol, side)
        return found

    def look(self, symbol: str, side: PositionSide) -> Position:
        """Return a position to look at: where there is none, a flat one that is not kept."""
        return self.positions.get(key_of(symbol, side)) or Position(symbol, side)

    def sides(self, symbol: str) -> tuple[Position, ...]:
        """The positions of a symbol that were ever touched."""
        positions = self.positions
        if not positions:
            return ()
        return tuple([positions[key] for key in _keys_of(symbol) if key in positions])

    def terms_of(self, symbol: str) -> Terms:
        """Return the account's settings of a symbol."""
        return self.terms.get(symbol, DEFAULT_TERMS)

    def is_isolated(self, symbol: str) -> bool:
        """Whether a symbol's positions carry their own margin."""
        return self.terms_of(symbol).margin_type is ISOLATED

    def deposit(self, amount: Decimal, ts: int) -> None:
        """Put money in, or take it out where negative."""
        self.cross_wallet += amount
        self.deposited += amount
        self.note(ts, IncomeType.TRANSFER, "", amount)

    def note(
        self,
        ts: int,
        kind: IncomeType,
        symbol: str,
        amount: Decimal,
        trade: int = 0,
        asset: str = "",
    ) -> None:
        """Write one line of the income list."""
        self.last_tran_id += 1
        self.income.append(Income(ts, kind, symbol, amount, self.last_tran_id, trade, asset))

    def book_fill(
        self, position: Position, side: Side, price: Decimal, qty: Decimal, fee: Decimal
    ) -> Decimal:
        """Book one execution; return the profit that it realised, before the fee."""
        ledger = position.ledger
        before, realized = ledger.qty, ledger.realized_pnl
        ledger.apply(side, price, qty, fee)
        profit = ledger.realized_pnl - realized
        self.cross_wallet += profit - fee
        self.fees_paid += fee
        if self.is_isolated(position.symbol):
            self._move_margin(position, before, side, price, qty)
        return profit

    def insure(self, amount: Decimal, ts: int, symbol: str) -> None:
        """Let the insurance fund pay what an isolated position lost beyond its margin."""
        self.cross_wallet += amount
        self.insured += amount
        self.note(ts, IncomeType.INSURANCE_CLEAR, symbol, amount)

    def pay_funding(self, position: Position, amount: Decimal) -> None:
        """Book one settlement on the wallet that the position stands on; paid is positive."""
        if self.is_isolated(position.symbol):
            position.isolated_wallet -= amount
        else:
            self.cross_wallet -= amount
        self.funding_paid += amount

    def transfer(self, position: Position, amount: Decimal) -> None:
        """Move margin from the cross wallet into an isolated position, or back."""
        self.cross_wallet -= amount
        position.isolated_wallet += amount

    def _move_margin(
        self, position: Position, before: Decimal, side: Side, price: Decimal, qty: Decimal
    ) -> None:
        """Set margin aside for what was opened; release it for what was closed."""
        opposite = bool(before) and (before > 0) is (side is Side.SELL)
        closed = min(qty, abs(before)) if opposite else ZERO
        if closed:
            wallet = position.isolated_wallet
            whole = closed == abs(before)
            freed = wallet if whole else dec_down(wallet * closed, MARGIN_DIGITS, abs(before))
            self.transfer(position, -freed)
        opened = qty - closed
        if opened:
            leverage = self.terms_of(position.symbol).leverage
            self.transfer(position, dec_up(opened * price, MARGIN_DIGITS, leverage))


def key_of(symbol: str, side: PositionSide) -> str:
    """Name of a position in ``TradingAccount.positions``."""
    return symbol if side is BOTH else f"{symbol}|{side.value}"


@cache
def _keys_of(symbol: str) -> tuple[str, ...]:
    """Names of all positions that a symbol may have; asked for with every quote."""
    return tuple(key_of(symbol, side) for side in PositionSide)
