"""What an account may set: leverage, margin type, position mode, margin of a position."""

from __future__ import annotations

from decimal import Decimal

from attrs import evolve

from grinder_core.numbers import ZERO, dec_up
from grinder_core.venue.exchange.account import MARGIN_DIGITS, TradingAccount
from grinder_core.venue.exchange.floor import Floor
from grinder_core.venue.exchange.margin import available, is_lost
from grinder_core.venue.exchange.refusals import Refused, refuse
from grinder_core.venue.exchange.vocabulary import AccountReason, MarginType, PositionSide


def set_leverage(floor: Floor, name: str, symbol: str, leverage: int) -> Refused | None:
    """Set a symbol's leverage; what is held and ordered must fit under it."""
    instrument = floor.instruments.get(symbol)
    if instrument is None:
        return refuse(-1121)
    if not 1 <= leverage <= instrument.max_leverage:
        return refuse(-4028, leverage)
    account = floor.account(name)
    before = account.terms_of(symbol)
    held = any(position.ledger.qty for position in account.sides(symbol))
    if held and account.is_isolated(symbol) and leverage < before.leverage:
        return refuse(-4161)
    mark = floor.mark(symbol)
    if mark is not None:
        cap = instrument.cap_at(leverage)
        if any(position.exposure(mark) > cap for position in account.sides(symbol)):
            return refuse(-2027)
    kept = account.terms
    account.terms = {**kept, symbol: evolve(before, leverage=leverage)}
    if leverage < before.leverage and available(account, floor.mark) < 0:
        account.terms = kept
        return refuse(-2028)
    return None


def set_margin_type(floor: Floor, name: str, symbol: str, kind: MarginType) -> Refused | None:
    """Let a symbol's positions share the account's margin, or carry their own."""
    if symbol not in floor.instruments:
        return refuse(-1121)
    account = floor.account(name)
    terms = account.terms_of(symbol)
    if terms.margin_type is kind:
        return refuse(-4046)
    if account.open_counts.get(symbol, 0):
        return refuse(-4047)
    if any(position.ledger.qty for position in account.sides(symbol)):
        return refuse(-4048)
    account.terms[symbol] = evolve(terms, margin_type=kind)
    floor.tell_account(name, AccountReason.MARGIN_TYPE_CHANGE, account.sides(symbol))
    return None


def set_position_mode(floor: Floor, name: str, *, hedged: bool) -> Refused | None:
    """Keep one position a symbol, or a long and a short one apart."""
    account = floor.account(name)
    if account.is_hedged is hedged:
        return refuse(-4059)
    waits = any(order.account == name for order in floor.conditionals.values())
    if waits or any(account.open_counts.values()):
        return refuse(-4067)
    if any(position.ledger.qty for position in account.positions.values()):
        return refuse(-4068)
    account.is_hedged = hedged
    return None


def move_margin(
    floor: Floor, name: str, symbol: str, side: PositionSide, amount: Decimal
) -> Refused | None:
    """Add margin to an isolated position, or take some out where negative."""
    instrument = floor.instruments.get(symbol)
    if instrument is None:
        return refuse(-1121)
    account = floor.account(name)
    position, mark = account.look(symbol, side), floor.mark(symbol)
    if not position.ledger.qty or not account.is_isolated(symbol) or mark is None:
        return refuse(-4054)
    if amount > 0 and amount > available(account, floor.mark):
        return refuse(-4050)
    if amount < 0:
        needed = dec_up(
            abs(position.ledger.qty) * mark, MARGIN_DIGITS, account.terms_of(symbol).leverage
        )
        profit = position.ledger.unrealized_pnl(mark)
        if position.isolated_wallet + amount + min(profit, ZERO) < needed:
            return refuse(-4051)
    account.transfer(position, amount)
    if is_lost(position, mark, instrument):
        account.transfer(position, -amount)
        return refuse(-4051)
    floor.tell_account(name, AccountReason.MARGIN_TRANSFER, (position,), -amount)
    return None


def deposit(floor: Floor, account: TradingAccount, amount: Decimal) -> None:
    """Put money into an account, or take it out where negative."""
    account.deposit(amount, floor.now)
    reason = AccountReason.DEPOSIT if amount > 0 else AccountReason.WITHDRAW
    floor.tell_account(account.name, reason, change=amount)
