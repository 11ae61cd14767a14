"""A bridge sums exactly, and every unit of base asset stands in exactly one piece."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from grinder_core.analysis.bridge import Adoption, Books, StepKind, bridge, signed
from grinder_core.analysis.pieces import Piece, Tolerance, align_fills
from grinder_core.contracts.enums import Liquidity, Side
from grinder_core.contracts.orders import Fill
from grinder_core.ledger import SymbolLedger
from grinder_core.numbers import ZERO, exact

D = Decimal
SYMBOLS = ("AAAUSDT", "BBBUSDT")
MONEY = st.decimals(D(-50), D(50), places=4)


def a_fill(
    ts: int, side: str, price: str, qty: str, fee: str = "0", symbol: str = "AAAUSDT"
) -> Fill:
    return Fill(
        fill_id=f"fill_{ts:08d}",
        order_id="1",
        ts=ts,
        symbol=symbol,
        side=Side(side),
        price=D(price),
        qty=D(qty),
        fee=D(fee),
        liquidity=Liquidity.MAKER,
        level_id=1,
    )


@st.composite
def fills(draw: st.DrawFn) -> tuple[Fill, ...]:
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 200_000),
                st.sampled_from(["BUY", "SELL"]),
                st.decimals(D("99.9"), D("100.1"), places=2),
                st.decimals(D("0.1"), D(3), places=1),
                st.decimals(D("-0.01"), D("0.05"), places=6),
                st.sampled_from(SYMBOLS),
            ),
            max_size=12,
        )
    )
    return tuple(
        a_fill(ts, side, str(price), str(qty), str(fee), symbol)
        for ts, side, price, qty, fee, symbol in sorted(rows, key=lambda row: row[0])
    )


@st.composite
def books(draw: st.DrawFn) -> Books:
    dealt = draw(fills())
    adopted = draw(st.lists(st.tuples(MONEY, MONEY), max_size=2))
    return Books(
        fills=dealt,
        marks={symbol: draw(st.decimals(D(90), D(110), places=3)) for symbol in SYMBOLS},
        funding=draw(MONEY),
        stated=draw(MONEY),
        adopted=tuple(Adoption(ts=0, symbol="AAAUSDT", qty=q, cost=c) for q, c in adopted),
    )


@given(here=books(), there=books())
def test_a_bridge_sums_exactly(here: Books, there: Books) -> None:
    pieces = align_fills(here.fills, there.fills)
    found = bridge(here, there, pieces, lambda piece: f"cause {piece.fill.ts % 3}")
    assert found.gap == 0
    with exact():
        assert found.start + sum(found.by_kind().values(), ZERO) == found.end
    assert (found.start, found.end) == (there.stated, here.stated)


@given(here=books(), there=books())
def test_what_fills_explain_is_not_left_to_the_rest(here: Books, there: Books) -> None:
    """Where both sides state what their fills make, no step says that fills are not listed."""
    here, there = (
        Books(fills=b.fills, marks=b.marks, funding=b.funding, adopted=b.adopted, stated=b.pnl)
        for b in (here, there)
    )
    found = bridge(here, there, align_fills(here.fills, there.fills), lambda _: "")
    assert StepKind.NOT_LISTED not in found.by_kind()


@given(one=books())
def test_a_side_bridged_to_itself_has_no_step(one: Books) -> None:
    pieces = align_fills(one.fills, one.fills)
    assert all(piece.is_same for piece in pieces)
    assert not any(bridge(one, one, pieces, lambda _: "").by_kind().values())


@given(a=fills(), b=fills())
def test_pieces_hold_every_unit_once(a: tuple[Fill, ...], b: tuple[Fill, ...]) -> None:
    within = Tolerance(ms=5_000, bps=5)
    pieces = align_fills(a, b, within)
    with exact():
        for mine, take in ((a, lambda p: p.a), (b, lambda p: p.b)):
            for fill in mine:
                parts = [p.qty for p in pieces if take(p) is fill]
                assert sum(parts, ZERO) == fill.qty
        for piece in pieces:
            assert piece.qty > 0
            if piece.a is not None and piece.b is not None:
                assert (piece.a.symbol, piece.a.side) == (piece.b.symbol, piece.b.side)
                assert abs(piece.a.ts - piece.b.ts) <= within.ms
                assert within.meets(piece.a, piece.b)


@given(dealt=fills(), marks=st.lists(st.decimals(D(90), D(110), places=3), min_size=2, max_size=2))
def test_profit_is_the_ledgers(dealt: tuple[Fill, ...], marks: list[Decimal]) -> None:
    prices = dict(zip(SYMBOLS, marks, strict=True))
    ledgers = {symbol: SymbolLedger(symbol) for symbol in SYMBOLS}
    for fill in dealt:
        ledgers[fill.symbol].apply(fill.side, fill.price, fill.qty, fill.fee)
    one = Books(fills=dealt, marks=prices, funding=ZERO, stated=ZERO)
    with exact():
        total = sum(
            (
                x.realized_pnl + x.unrealized_pnl(prices[s]) - x.fees_paid
                for s, x in ledgers.items()
            ),
            ZERO,
        )
    assert one.pnl == total


def test_each_step_by_hand() -> None:
    here = Books(
        fills=(a_fill(1_000, "BUY", "100", "2", "0.1"), a_fill(9_000, "SELL", "101", "1", "0.1")),
        marks={"AAAUSDT": D(103)},
        funding=D("0.5"),
        stated=D("3.3"),
    )
    there = Books(
        fills=(a_fill(1_500, "BUY", "99.95", "3"),),
        marks={"AAAUSDT": D(102)},
        funding=ZERO,
        stated=D("6.15"),
    )
    assert here.stated == here.pnl
    assert there.stated == there.pnl
    pieces = align_fills(here.fills, there.fills)
    found = bridge(here, there, pieces, lambda _: "why")
    assert {kind.value: amount for kind, amount in found.by_kind().items()} == {
        "fills only there": D("-2.05"),  # one bought at 99.95, worth 102
        "fills only here": D("-1"),  # one sold at 101, worth 102
        "price difference": D("-0.10"),  # two bought 0.05 dearer
        "fees": D("-0.2"),
        "funding": D("-0.5"),
        "open position mark": D("1"),  # one held, at 103 instead of 102
    }  # fmt: skip
    assert found.end - found.start == D("-2.85")


def test_a_price_farther_off_is_another_fill() -> None:
    near = a_fill(1_000, "BUY", "100", "1")
    far = a_fill(1_000, "BUY", "100.11", "1")
    assert len(align_fills([near], [far], Tolerance(bps=10))) == 2
    assert align_fills([near], [far], Tolerance(bps=11)) == (Piece(a=near, b=far, qty=D(1)),)


def test_signs_are_those_of_positions() -> None:
    assert signed(a_fill(1, "SELL", "1", "2"), D(2)) == D(-2)
