"""The exchange: requests and market events in, answers and news out (LIVE-40).

Deterministic: the same calls with the same times give the same answers, ids and news. Money is
conserved to the last digit: of every account, ``wallet == deposited + insured + realised profit -
fees - funding``. Time is the caller's: each call carries ``now``, the venue's clock in Unix
milliseconds, which never goes back; what is due by then happens first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from attrs import define

from grinder_core.contracts.event import Event
from grinder_core.errors import ContractError
from grinder_core.numbers import BPS, exact, trunc_div
from grinder_core.venue.exchange import amending, conditional, ending, entry, market, terms
from grinder_core.venue.exchange.account import TradingAccount
from grinder_core.venue.exchange.conditional_order import ConditionalOrder
from grinder_core.venue.exchange.floor import Floor, Push
from grinder_core.venue.exchange.instrument import Instrument
from grinder_core.venue.exchange.order import VenueOrder
from grinder_core.venue.exchange.refusals import Refused
from grinder_core.venue.exchange.requests import Amend, NewOrder
from grinder_core.venue.exchange.settings import FAITHFUL, ExchangeSettings
from grinder_core.venue.exchange.vocabulary import MarginType, PositionSide
from grinder_core.venue.settings import VenueSettings

FIRST_NUMBER: Final = 4_000_000_000  # ids as long as the venue's; a small one names no order


@define
class Exchange:
    """Accounts that trade against one recorded or generated market.

    Nobody here moves that market, and accounts do not trade with each other.

    Example:
        >>> from grinder_core.venue.exchange.instrument import Instrument
        >>> one = Decimal(1)
        >>> rules = Instrument(symbol="AAAUSDT", base_asset="AAA", tick=one, step=one,
        ...     min_qty=one, max_qty=one * 100, market_step=one, market_min_qty=one,
        ...     market_max_qty=one * 100)
        >>> venue = Exchange.of([rules], {"me": Decimal(1000)})
        >>> venue.cancel("me", "AAAUSDT", 7, now=1)
        Refused(code=-2011, message='Unknown order sent.')
    """

    floor: Floor

    @classmethod
    def of(
        cls,
        instruments: Iterable[Instrument],
        deposits: Mapping[str, Decimal],
        fills: VenueSettings = FAITHFUL,
        rules: ExchangeSettings | None = None,
        first_number: int = 0,
    ) -> Exchange:
        """Open an exchange.

        Args:
            deposits: First deposit of each account, settlement asset.
            first_number: Ids of orders begin after it.
        """
        floor = Floor(fills=fills, rules=rules or ExchangeSettings(), last_number=first_number)
        for instrument in instruments:
            floor.list_symbol(instrument)
        for name, amount in deposits.items():
            floor.accounts[name] = TradingAccount(name)
            with exact():
                floor.accounts[name].deposit(amount, 0)
        return cls(floor)

    # -- the market ----------------------------------------------------------------------------

    def on_event(self, event: Event, now: int) -> None:
        """Take one market event."""
        with exact():
            self._at(now)
            market.move(self.floor, event)

    def advance(self, now: int) -> None:
        """Let time pass: countdowns run out, good-till-date orders end."""
        with exact():
            self._at(now)

    def list_symbol(self, instrument: Instrument, now: int) -> None:
        """List a symbol, or change its rules or its status under way."""
        with exact():
            self._at(now)
            self.floor.list_symbol(instrument)

    def drain(self) -> list[Push]:
        """Take what was not told yet, in the order it happened."""
        outbox = self.floor.outbox
        self.floor.outbox = []
        return outbox

    # -- orders --------------------------------------------------------------------------------

    def place(self, account: str, request: NewOrder, now: int) -> VenueOrder | Refused:
        """Place an order."""
        with exact():
            self._at(now)
            return entry.place(self.floor, account, request)

    def check(self, account: str, request: NewOrder, now: int) -> VenueOrder | Refused:
        """Say whether an order would be taken; nothing changes."""
        with exact():
            self._at(now)
            return entry.check(self.floor, account, request)

    def amend(self, account: str, request: Amend, now: int) -> VenueOrder | Refused:
        """Change price and quantity of a resting order."""
        with exact():
            self._at(now)
            return amending.amend(self.floor, account, request)

    def cancel(
        self, account: str, symbol: str, number: int = 0, client_order_id: str = "", *, now: int
    ) -> VenueOrder | Refused:
        """Cancel one order, by id or client id."""
        with exact():
            self._at(now)
            return ending.cancel(self.floor, account, symbol, number, client_order_id)

    def cancel_all(self, account: str, symbol: str, now: int) -> Refused | None:
        """Cancel all orders of a symbol."""
        with exact():
            self._at(now)
            return ending.cancel_all(self.floor, account, symbol)

    def set_countdown(
        self, account: str, symbol: str, countdown_ms: int, now: int
    ) -> Refused | None:
        """Start, restart or (0) stop the countdown that cancels all orders of a symbol."""
        with exact():
            self._at(now)
            return ending.set_countdown(self.floor, account, symbol, countdown_ms)

    def force_fill(self, account: str, symbol: str, number: int, share_bps: int, now: int) -> None:
        """Fill a share of a resting order at its price, whatever the market does.

        For fault injection; at least a step fills, at most what is open.
        """
        with exact():
            self._at(now)
            floor = self.floor
            order = floor.find(account, symbol, number, "")
            if order is None or order.order_id not in floor.books[symbol].orders:
                return
            step = floor.instruments[symbol].step
            steps = trunc_div(order.remaining * share_bps, step * BPS)
            qty = min(max(steps * step, step), order.remaining)
            if order.reduce_only:
                book = floor.books[symbol]
                qty = min(qty, floor.clearing.reducible(book, order))
            if qty:
                floor.execute(order, order.price, qty, takes=False)

    # -- conditional orders --------------------------------------------------------------------

    def place_conditional(self, order: ConditionalOrder, now: int) -> ConditionalOrder | Refused:
        """Let an order wait for its trigger."""
        with exact():
            self._at(now)
            return conditional.place(self.floor, order)

    def cancel_conditional(
        self, account: str, number: int = 0, client_id: str = "", *, now: int
    ) -> ConditionalOrder | Refused:
        """Cancel one that waits."""
        with exact():
            self._at(now)
            return conditional.cancel(self.floor, account, number, client_id)

    def cancel_all_conditional(self, account: str, symbol: str, now: int) -> Refused | None:
        """Cancel all that wait on a symbol."""
        with exact():
            self._at(now)
            return conditional.cancel_all(self.floor, account, symbol)

    # -- the account ---------------------------------------------------------------------------

    def set_leverage(self, account: str, symbol: str, leverage: int, now: int) -> Refused | None:
        """Set a symbol's leverage."""
        with exact():
            self._at(now)
            return terms.set_leverage(self.floor, account, symbol, leverage)

    def set_margin_type(
        self, account: str, symbol: str, kind: MarginType, now: int
    ) -> Refused | None:
        """Set cross or isolated margin."""
        with exact():
            self._at(now)
            return terms.set_margin_type(self.floor, account, symbol, kind)

    def set_position_mode(self, account: str, *, hedged: bool, now: int) -> Refused | None:
        """Set one-way or hedge mode."""
        with exact():
            self._at(now)
            return terms.set_position_mode(self.floor, account, hedged=hedged)

    def move_margin(
        self, account: str, symbol: str, side: PositionSide, amount: Decimal, now: int
    ) -> Refused | None:
        """Add margin to an isolated position; take some out where negative."""
        with exact():
            self._at(now)
            return terms.move_margin(self.floor, account, symbol, side, amount)

    def deposit(self, account: str, amount: Decimal, now: int) -> None:
        """Put money in; take it out where negative."""
        with exact():
            self._at(now)
            terms.deposit(self.floor, self.floor.account(account), amount)

    # -- inside --------------------------------------------------------------------------------

    def _at(self, now: int) -> None:
        floor = self.floor
        if now < floor.now:
            raise ContractError(f"must not go back from {floor.now}", field="now", value=now)
        floor.now = now
        if now >= floor.deadline:
            ending.run_out(floor)
