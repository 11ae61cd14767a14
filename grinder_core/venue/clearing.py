"""What positions are worth, what funding they pay and what margin they need (LIVE-40)."""

from __future__ import annotations

from decimal import Decimal

from grinder_core.contracts.control import FundingPaid
from grinder_core.contracts.enums import MarkSource
from grinder_core.errors import InvariantError
from grinder_core.venue.account import Account
from grinder_core.venue.funding import payment
from grinder_core.venue.margin import brackets_of, maintenance_margin
from grinder_core.venue.matching import MatchingBook, RestingOrder
from grinder_core.venue.settings import VenueSettings


class Clearing:
    """Values the positions of one account. Methods run inside ``exact()``."""

    __slots__ = ("account", "settings")

    def __init__(self, settings: VenueSettings, account: Account) -> None:
        self.settings = settings
        self.account = account

    def mark(self, book: MatchingBook) -> Decimal:
        """What a position is valued at: the venue's mark where asked for and seen, else the mid.

        Raises:
            InvariantError: The symbol never had a price.
        """
        marked = self.settings.mark_source is MarkSource.MARK_PRICE
        mark = (book.mark_price if marked else None) or book.mid
        if mark is None:
            raise InvariantError(
                "holds a position of a symbol without a price", field="symbol", value=book.symbol
            )
        return mark

    def reducible(self, book: MatchingBook, order: RestingOrder) -> Decimal:
        """How much an order may shrink the position that it acts on by."""
        return book.reducible(order.side)

    def book_fill(
        self, book: MatchingBook, order: RestingOrder, price: Decimal, qty: Decimal, fee: Decimal
    ) -> None:
        """Book one execution on the position that the order acts on, and in the wallet."""
        self.account.book_fill(book.ledger, order.side, price, qty, fee)

    def revalue(self, book: MatchingBook) -> None:
        """Value a position anew, after its size or its mark changed; where margin matters.

        Raises:
            ConfigError: The symbol has no brackets.
        """
        if not self.settings.liquidation_enabled:
            return
        qty = book.position
        if not qty:
            self.account.forget(book.symbol)
            return
        brackets = brackets_of(self.settings.leverage_brackets, book.symbol)
        worth = qty * self.mark(book)
        self.account.value(
            book.symbol, worth - book.ledger.cost_basis, maintenance_margin(brackets, abs(worth))
        )

    def settle(self, book: MatchingBook | None, rate: Decimal, ts: int) -> list[FundingPaid]:
        """One funding settlement of a symbol; nothing where no position is open."""
        if book is None or not book.position:
            return []
        paid = payment(ts, book.symbol, rate, book.position, self.mark(book))
        self.account.pay_funding(paid.amount)
        return [paid]
