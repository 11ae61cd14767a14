"""From the profit of one side to the profit of another, step by step, exactly.

Profit is what fills are worth at the last price: ``sum(s * qty * (mark - price)) - fees -
funding``, which equals realised plus unrealised less costs (CORE-38). Every step is a difference of
two such sums, so that the steps add up without a remainder, whatever the fills are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum

from attrs import Factory, frozen

from grinder_core.analysis.pieces import Piece
from grinder_core.contracts.enums import Side
from grinder_core.contracts.orders import Fill
from grinder_core.errors import ContractError
from grinder_core.numbers import ZERO, exact


class StepKind(StrEnum):
    """What a step of a bridge is made of; published, append only."""

    ONLY_THERE = "fills only there"
    ONLY_HERE = "fills only here"
    PRICE = "price difference"
    FEES = "fees"
    FUNDING = "funding"
    OPEN_MARK = "open position mark"
    ADOPTED = "adopted positions"
    NOT_LISTED = "not in the list of fills"


@frozen(kw_only=True)
class Adoption:
    """A position that changed without a fill: the venue's word was taken for it.

    Attributes:
        qty: By how much, signed, base asset.
        cost: By how much its cost basis changed, quote currency.
    """

    ts: int
    symbol: str
    qty: Decimal
    cost: Decimal


@frozen(kw_only=True)
class Books:
    """What one side dealt, and what it is worth in the end.

    Attributes:
        marks: Last price of each symbol with fills or an adopted position.
        funding: Paid is positive, quote currency.
        stated: Profit after costs as the side itself says it.
    """

    fills: tuple[Fill, ...]
    marks: Mapping[str, Decimal]
    funding: Decimal
    stated: Decimal
    adopted: tuple[Adoption, ...] = ()

    @property
    def fees(self) -> Decimal:
        """Paid is positive, quote currency."""
        with exact():
            return sum((fill.fee for fill in self.fills), ZERO)

    def mark(self, symbol: str) -> Decimal:
        """Return a symbol's last price.

        Raises:
            ContractError: Nobody said it.
        """
        try:
            return self.marks[symbol]
        except KeyError:
            raise ContractError("has no last price", field="symbol", value=symbol) from None

    @property
    def pnl(self) -> Decimal:
        """Profit after costs, as the fills make it."""
        with exact():
            gross = sum((worth(f, f.qty, self.mark(f.symbol)) for f in self.fills), ZERO)
            return gross + self._adopted() - self.fees - self.funding

    def position(self, symbol: str) -> Decimal:
        """Return what the fills of a symbol add up to, signed."""
        with exact():
            return sum((signed(f, f.qty) for f in self.fills if f.symbol == symbol), ZERO)

    def _adopted(self) -> Decimal:
        return sum((a.qty * self.mark(a.symbol) - a.cost for a in self.adopted), ZERO)

    @property
    def adopted_pnl(self) -> Decimal:
        """What adopted positions are worth at the last price."""
        with exact():
            return self._adopted()


@frozen(kw_only=True)
class BridgeStep:
    """One step.

    Attributes:
        cause: Why; empty where the kind says it all.
        count: Fills, or pieces of them.
        amount: Quote currency; what makes this side better is positive.
    """

    kind: StepKind
    amount: Decimal
    cause: str = ""
    count: int = 0


@frozen(kw_only=True)
class Bridge:
    """From there to here: ``start + sum(steps) == end``, exactly.

    Attributes:
        start: Profit there, as it was stated.
        end: Profit here.
    """

    start: Decimal
    end: Decimal
    steps: tuple[BridgeStep, ...] = Factory(tuple)

    @property
    def gap(self) -> Decimal:
        """What the steps leave over: 0."""
        with exact():
            return self.end - self.start - sum((step.amount for step in self.steps), ZERO)

    def by_kind(self) -> dict[StepKind, Decimal]:
        """Return the sum of each kind, in the order of the steps."""
        sums: dict[StepKind, Decimal] = {}
        with exact():
            for step in self.steps:
                sums[step.kind] = sums.get(step.kind, ZERO) + step.amount
        return sums


def bridge(
    here: Books, there: Books, pieces: Iterable[Piece], cause_of: Callable[[Piece], str]
) -> Bridge:
    """Bridge two sides; ``a`` of the pieces is here, ``b`` there.

    Args:
        cause_of: Why a piece is of one side only, or of two prices.

    Raises:
        ContractError: A symbol has no last price.
    """
    sums: dict[tuple[StepKind, str], tuple[int, Decimal]] = {}
    with exact():
        for piece in pieces:
            kind, amount = _step_of(piece, here, there)
            if kind is None:
                continue
            key = kind, cause_of(piece)
            count, before = sums.get(key, (0, ZERO))
            sums[key] = count + 1, before + amount
        steps = [
            BridgeStep(kind=kind, cause=cause, count=count, amount=amount)
            for (kind, cause), (count, amount) in sorted(sums.items(), key=_order)
        ]
        steps.append(BridgeStep(kind=StepKind.FEES, amount=there.fees - here.fees))
        steps.append(BridgeStep(kind=StepKind.FUNDING, amount=there.funding - here.funding))
        symbols = sorted({fill.symbol for fill in here.fills})
        moved = sum(
            (here.position(s) * (here.mark(s) - _mark(s, there, here)) for s in symbols), ZERO
        )
        steps.append(BridgeStep(kind=StepKind.OPEN_MARK, amount=moved))
        adopted = here.adopted_pnl - there.adopted_pnl
        if here.adopted or there.adopted:
            count = len(here.adopted) + len(there.adopted)
            steps.append(BridgeStep(kind=StepKind.ADOPTED, count=count, amount=adopted))
        unlisted = (here.stated - here.pnl) - (there.stated - there.pnl)
        if unlisted:
            steps.append(BridgeStep(kind=StepKind.NOT_LISTED, amount=unlisted))
    return Bridge(start=there.stated, end=here.stated, steps=tuple(steps))


def signed(fill: Fill, qty: Decimal) -> Decimal:
    """Return a quantity of a fill, negative where it sold."""
    return qty if fill.side is Side.BUY else -qty


def worth(fill: Fill, qty: Decimal, mark: Decimal) -> Decimal:
    """Return what a quantity of a fill earned until a price, quote currency."""
    return signed(fill, qty) * (mark - fill.price)


def _step_of(piece: Piece, here: Books, there: Books) -> tuple[StepKind | None, Decimal]:
    mark = _mark(piece.fill.symbol, there, here)
    if piece.b is None:
        return StepKind.ONLY_HERE, worth(piece.fill, piece.qty, mark)
    if piece.a is None:
        return StepKind.ONLY_THERE, -worth(piece.b, piece.qty, mark)
    if piece.a.price == piece.b.price:
        return None, ZERO
    return StepKind.PRICE, signed(piece.a, piece.qty) * (piece.b.price - piece.a.price)


def _mark(symbol: str, there: Books, here: Books) -> Decimal:
    """The price there, at which both are valued; what was never traded there has that of here."""
    found = there.marks.get(symbol)
    return here.mark(symbol) if found is None else found


def _order(item: tuple[tuple[StepKind, str], object]) -> tuple[int, str]:
    (kind, cause), _ = item
    return tuple(StepKind).index(kind), cause
