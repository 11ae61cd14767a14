"""What an account needs as margin, what it has left, and when a position can no longer be held.

Source: the venue's FAQ on margin and liquidation. Initial margin is the larger notional that a
position may come to if one side's orders all fill, over the leverage; maintenance margin goes by
the notional at mark and the symbol's brackets. Called inside ``exact()``; divisions round up, that
is, against the account.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from attrs import frozen

from grinder_core.numbers import ZERO, dec_half_even, dec_up
from grinder_core.venue.exchange.account import MARGIN_DIGITS, Position, TradingAccount
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.margin import bracket_of, maintenance_margin

PRICE_DIGITS = 8
Mark = Callable[[str], Decimal | None]


@frozen(kw_only=True)
class Needs:
    """Margin of one position, quote currency.

    Attributes:
        unrealized: Profit at mark that is not in the wallet.
        position: Initial margin of what is held.
        orders: What open orders need beyond that.
        maintenance: What must stay, or the position is liquidated.
    """

    unrealized: Decimal
    position: Decimal
    orders: Decimal
    maintenance: Decimal


def needs_of(position: Position, mark: Decimal, leverage: int, instrument: Instrument) -> Needs:
    """Return what one position needs at a mark."""
    ledger = position.ledger
    worth = ledger.qty * mark
    held = dec_up(abs(worth), MARGIN_DIGITS, leverage)
    most = dec_up(position.exposure(mark), MARGIN_DIGITS, leverage)
    keep = maintenance_margin(instrument.brackets, abs(worth)) if worth else ZERO
    return Needs(
        unrealized=worth - ledger.cost_basis,
        position=held,
        orders=most - held,
        maintenance=keep,
    )


def available(account: TradingAccount, mark: Mark, without: Position | None = None) -> Decimal:
    """What is free for new margin: cross wallet and profit, less all initial margin.

    Args:
        without: A position whose initial margin is left out.
    """
    free = account.cross_wallet
    for position in account.positions.values():
        if position.is_idle or (position is without and not position.ledger.qty):
            continue
        price = mark(position.symbol)
        if price is None:
            continue  # orders of a symbol without a price wait for the first one
        leverage = account.terms_of(position.symbol).leverage
        ledger = position.ledger
        worth = ledger.qty * price
        if account.is_isolated(position.symbol):
            # what is held has a wallet of its own
            free += dec_up(abs(worth), MARGIN_DIGITS, leverage)
        else:
            free += worth - ledger.cost_basis
        if position is not without:
            free -= position.margin_of(position.exposure(price), leverage)
    return free


def cross_balance(
    account: TradingAccount, mark: Mark, instruments: Callable[[str], Instrument]
) -> tuple[Decimal, Decimal]:
    """Return margin balance and maintenance margin of all cross positions together."""
    balance, keep = account.cross_wallet, ZERO
    for position in account.positions.values():
        if not position.ledger.qty or account.is_isolated(position.symbol):
            continue
        price = mark(position.symbol)
        if price is not None:
            worth = position.ledger.qty * price
            balance += worth - position.ledger.cost_basis
            keep += maintenance_margin(instruments(position.symbol).brackets, abs(worth))
    return balance, keep


def is_lost(position: Position, mark: Decimal, instrument: Instrument) -> bool:
    """Whether an isolated position's own margin no longer suffices."""
    worth = position.ledger.qty * mark
    balance = position.isolated_wallet + worth - position.ledger.cost_basis
    return balance <= maintenance_margin(instrument.brackets, abs(worth))


def liquidation_price(
    qty: Decimal, cost_basis: Decimal, wallet: Decimal, instrument: Instrument
) -> Decimal:
    """The mark at which a position alone on ``wallet`` is liquidated; 0 where there is none.

    Args:
        qty: Signed, base asset.
        cost_basis: ``qty`` times entry price, quote currency.
        wallet: Isolated wallet; or, on cross, the wallet with the profit and less the maintenance
            margin of all other positions.

    Source:
        The venue's FAQ: ``(WB - TMM + UPNL + cum - s*Q*EP) / (Q*MMR - s*Q)``. The bracket is the
        one that holds at the answer, found from the lowest one on.
    """
    if not qty:
        return ZERO
    for bracket in instrument.brackets:
        slope = abs(qty) * bracket.maint_margin_ratio - qty
        price = dec_half_even(wallet + bracket.cum - cost_basis, PRICE_DIGITS, slope)
        if price <= 0:
            continue
        if bracket_of(instrument.brackets, abs(qty) * price) is bracket:
            return price
    return ZERO
