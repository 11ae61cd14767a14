"""Settling finds every discrepancy that was planted, names that entry, and never another."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from grinder_core.analysis.balance import settle
from grinder_core.analysis.settlement import (
    EntryKind,
    Finding,
    Ledger,
    Record,
    Statement,
    Verdict,
)
from grinder_core.contracts.enums import Side
from grinder_core.numbers import ZERO, exact
from tests.support.histories import HOUR_MS, History, histories

D = Decimal
T = TypeVar("T")


def without(entries: Sequence[T], one: T) -> tuple[T, ...]:
    return tuple(each for each in entries if each is not one)


def changed(entries: Sequence[T], one: T, other: T) -> tuple[T, ...]:
    return tuple(other if each is one else each for each in entries)


def the_one(ledger: Ledger, statement: Statement) -> Finding:
    found = settle(ledger, statement)
    assert not found.is_settled
    assert len(found.open_findings) == 1, found.open_findings
    return found.open_findings[0]


@given(story=histories(min_size=0))
def test_records_that_agree_settle_to_the_last_digit(story: History) -> None:
    ledger, statement = story.closed()
    found = settle(ledger, statement)
    assert found.findings == ()
    assert (found.unlisted, found.unexplained, found.rounding) == (ZERO, ZERO, ZERO)
    assert found.equity_here == found.equity_there
    assert all(term.difference == 0 for term in found.terms)
    assert found.is_settled


@given(story=histories(), data=st.data())
def test_a_dropped_entry_is_named(story: History, data: st.DataObject) -> None:
    ledger, statement = story.closed()
    place = data.draw(st.sampled_from(["fills", "funding", "transfers", "trades", "income"]))
    side: Any = statement if place in {"trades", "income"} else ledger
    entries = getattr(side, place)
    assume(entries)
    lost = data.draw(st.sampled_from(entries))
    side = evolve(side, **{place: without(entries, lost)})
    one = the_one(*((ledger, side) if side.__class__ is Statement else (side, statement)))
    missing_here = place in {"fills", "funding", "transfers"}
    assert one.verdict is (Verdict.MISSING_HERE if missing_here else Verdict.MISSING_THERE)
    assert one.where is {"trades": Record.TRADES, "income": Record.INCOME}.get(place, Record.LEDGER)
    assert one.ts == (lost.fill.ts if place == "fills" else lost.ts)
    if place in {"fills", "trades"}:
        assert (one.symbol, one.number) == (lost.fill.symbol, lost.trade_id)
    elif place == "income" and lost.trade_id:
        assert (one.symbol, one.number) == (lost.symbol, lost.trade_id)


@given(story=histories(), data=st.data())
def test_an_entry_booked_twice_is_named(story: History, data: st.DataObject) -> None:
    ledger, statement = story.closed()
    place = data.draw(st.sampled_from(["fills", "funding", "transfers", "trades", "income"]))
    side: Any = statement if place in {"trades", "income"} else ledger
    entries = getattr(side, place)
    assume(entries)
    again = data.draw(st.sampled_from(entries))
    other = evolve(again, tran_id=1) if place == "income" else again
    side = evolve(side, **{place: (*entries, other)})
    if place == "income":  # what is listed twice was paid twice
        with exact():
            side = evolve(side, wallet=side.wallet + again.amount)
    one = the_one(*((ledger, side) if side.__class__ is Statement else (side, statement)))
    assert one.verdict is Verdict.TWICE
    assert one.where is {"trades": Record.TRADES, "income": Record.INCOME}.get(place, Record.LEDGER)
    assert one.ts == (again.fill.ts if place == "fills" else again.ts)


@given(story=histories(), data=st.data())
def test_an_altered_amount_is_named_with_both_values(story: History, data: st.DataObject) -> None:
    ledger, statement = story.closed()
    place = data.draw(st.sampled_from(["fills", "funding", "transfers", "trades", "income"]))
    side: Any = statement if place in {"trades", "income"} else ledger
    entries = getattr(side, place)
    assume(entries)
    old = data.draw(st.sampled_from(entries))
    off = data.draw(st.sampled_from([D("0.00001"), D("1"), D("-0.00001")]))
    kind = EntryKind.FILL
    with exact():
        if place in {"fills", "trades"}:
            what = data.draw(st.sampled_from(["price", "fee"]))
            value = getattr(old.fill, what) + off
            new: Any = evolve(old, fill=evolve(old.fill, **{what: value}))
            kind = EntryKind.FEE if what == "fee" else kind
        else:
            assume(old.amount + off)
            new = evolve(old, amount=old.amount + off)
            kind = {
                "REALIZED_PNL": EntryKind.REALIZED,
                "COMMISSION": EntryKind.FEE,
                "FUNDING_FEE": EntryKind.FUNDING,
            }.get(getattr(old, "kind", ""), EntryKind.TRANSFER)
            kind = EntryKind.FUNDING if place == "funding" else kind
    side = evolve(side, **{place: changed(entries, old, new)})
    one = the_one(*((ledger, side) if side.__class__ is Statement else (side, statement)))
    assert (one.verdict, one.kind) == (Verdict.DIFFERENT, kind)
    assert one.ts == (old.fill.ts if place == "fills" else old.ts)
    assert len(set(one.values.values())) == 2
    if kind is EntryKind.FEE or (kind is EntryKind.REALIZED and place == "income"):
        expected = {"fills": Record.LEDGER, "trades": Record.TRADES}.get(place, Record.INCOME)
        assert one.where is expected


@given(story=histories(), data=st.data())
def test_a_profit_that_the_trades_state_wrongly_is_named(
    story: History, data: st.DataObject
) -> None:
    ledger, statement = story.closed()
    assume(statement.trades)
    old = data.draw(st.sampled_from(statement.trades))
    with exact():
        new = evolve(old, realized=old.realized + 1)
    one = the_one(ledger, evolve(statement, trades=changed(statement.trades, old, new)))
    found = (one.kind, one.where, one.number)
    assert found == (EntryKind.REALIZED, Record.TRADES, old.trade_id)


def a_history() -> History:
    story = History()
    story.trade("AAAUSDT", Side.BUY, D(100), D(3), D("0.06"))
    story.trade("AAAUSDT", Side.SELL, D(101), D(1), D("0.02"))
    story.move("FUNDING_FEE", "AAAUSDT", D("-0.5"))
    return story


def test_what_the_list_does_not_show_yet_is_pending() -> None:
    story = a_history()
    story.trade("AAAUSDT", Side.SELL, D(102), D(1), D("0.02"))
    ledger, statement = story.closed()
    at = story.now
    late = evolve(
        statement, income=tuple(r for r in statement.income if r.ts < at), listed_ms=at - 1
    )
    found = settle(ledger, late)
    assert {(f.kind, f.verdict) for f in found.findings} == {
        (EntryKind.FEE, Verdict.PENDING),
        (EntryKind.REALIZED, Verdict.PENDING),
    }
    assert found.is_settled
    assert found.unlisted == 0
    assert next(t for t in found.terms if t.name == "not listed yet").there == D("1.98")
    # a moment later the list should have it
    assert not settle(ledger, evolve(late, listed_ms=at)).is_settled


def test_what_is_newer_than_the_journal_is_pending() -> None:
    story = a_history()
    before, _ = story.closed()
    story.trade("AAAUSDT", Side.SELL, D(102), D(1), D("0.02"))
    _, statement = story.closed()
    ends = evolve(before, end_ms=story.now - 1, told_ms=story.now - 1)
    found = settle(ends, statement)
    assert [f.verdict for f in found.findings] == [Verdict.PENDING]
    assert found.is_settled
    assert not settle(evolve(ends, end_ms=story.now), statement).is_settled


def test_money_that_is_in_no_list_is_not_settled() -> None:
    ledger, statement = a_history().closed()
    found = settle(ledger, evolve(statement, wallet=statement.wallet - D("0.00000001")))
    assert not found.is_settled
    assert found.unlisted == D("-0.00000001")
    assert next(t for t in found.terms if t.name == "in no list").there == D("-0.00000001")


def test_the_venues_rounding_is_told_and_is_no_difference() -> None:
    story = a_history()
    ledger, statement = story.closed()
    sold = statement.trades[1]
    with exact():
        off = D("0.00000001")
        trades = (statement.trades[0], evolve(sold, realized=sold.realized - off))
        income = tuple(
            evolve(r, amount=r.amount - off) if r.kind == "REALIZED_PNL" else r
            for r in statement.income
        )
        rounded = evolve(statement, trades=trades, income=income, wallet=statement.wallet - off)
    found = settle(ledger, rounded)
    assert found.findings == ()
    assert found.rounding == -off
    assert found.is_settled


def test_fees_of_another_asset_stand_apart() -> None:
    ledger, statement = a_history().closed()
    paid = statement.trades[0]
    with exact():
        trade = evolve(paid, fill=evolve(paid.fill, fee=D("0.0001")), fee_asset="BNB")
        income = tuple(
            evolve(r, amount=D("-0.0001"), asset="BNB") if r.amount == D("-0.06") else r
            for r in statement.income
        )
        there = evolve(
            statement,
            trades=(trade, *statement.trades[1:]),
            income=income,
            wallet=statement.wallet + D("0.06"),
        )
    found = settle(ledger, there)
    assert found.is_settled
    assert found.fees_elsewhere == D("0.06")
    assert found.assets["BNB", "COMMISSION"] == D("-0.0001")


@pytest.mark.parametrize("booked", ["0.0001", "0.0002"])
def test_what_another_asset_paid_is_held_against_the_venues(booked: str) -> None:
    ledger, statement = a_history().closed()
    with exact():
        first = evolve(ledger.fills[0], fee_asset="BNB", fee_qty=D(booked))
        paid = statement.trades[0]
        trade = evolve(paid, fill=evolve(paid.fill, fee=D("0.0001")), fee_asset="BNB")
        income = tuple(
            evolve(r, amount=D("-0.0001"), asset="BNB") if r.amount == D("-0.06") else r
            for r in statement.income
        )
        there = evolve(
            statement,
            trades=(trade, *statement.trades[1:]),
            income=income,
            wallet=statement.wallet + D("0.06"),
        )
    found = settle(evolve(ledger, fills=(first, *ledger.fills[1:])), there)
    (apart,) = found.elsewhere
    assert (apart.asset, apart.fills, apart.value) == ("BNB", 1, D("0.06"))
    assert (apart.here, apart.there) == (D(booked), D("0.0001"))
    if booked == "0.0001":
        assert found.is_settled
        return
    (one,) = found.open_findings
    assert (one.kind, one.verdict, one.where) == (
        EntryKind.FEE,
        Verdict.DIFFERENT,
        Record.LEDGER,
    )
    assert one.values == {"ledger": "0.0002 BNB", "trades": "0.0001 BNB", "income": "0.0001 BNB"}


def test_a_fee_taken_over_without_its_asset_is_named() -> None:
    """Spec gap 4.4: what was paid in another asset is valued, never added up as it stands."""
    story = a_history()
    ledger, statement = story.closed()
    trade = evolve(statement.trades[0], fee_asset="BNB")
    income = tuple(
        evolve(r, asset="BNB") if r.amount == D("-0.06") else r for r in statement.income
    )
    with exact():
        wallet = statement.wallet + D("0.06")
    trades = (trade, *statement.trades[1:])
    one = the_one(ledger, evolve(statement, trades=trades, income=income, wallet=wallet))
    found = (one.kind, one.verdict, one.where)
    assert found == (EntryKind.FEE, Verdict.DIFFERENT, Record.LEDGER)
    assert one.values == {"ledger": "0.06 USDT", "trades": "0.06 BNB", "income": "0.06 BNB"}


@pytest.mark.parametrize("kind", ["FUNDING_FEE", "COMMISSION", "REALIZED_PNL"])
def test_other_symbols_are_nobodys_entries_but_their_money_is_told(kind: str) -> None:
    story = a_history()
    story.trades.clear()
    ledger, statement = a_history().closed()
    row = evolve(
        statement.income[0], symbol="CCCUSDT", kind=kind, amount=D(7), tran_id=5, trade_id=9
    )
    with exact():
        there = evolve(statement, income=(*statement.income, row), wallet=statement.wallet + D(7))
    found = settle(ledger, there)
    assert found.findings == ()
    assert found.others == D(7)
    assert found.is_settled


def test_what_came_before_the_session_is_none_of_its() -> None:
    ledger, statement = a_history().closed()
    old = evolve(statement.income[0], ts=ledger.begin_ms, tran_id=5, trade_id=1)
    assert settle(ledger, evolve(statement, income=(old, *statement.income))).is_settled


def test_rows_without_a_trade_id_find_their_execution() -> None:
    ledger, statement = a_history().closed()
    bare = tuple(evolve(row, trade_id=0) for row in statement.income)
    assert settle(ledger, evolve(statement, income=bare)).findings == ()
    fee = next(r for r in bare if r.kind == "COMMISSION")
    other = changed(bare, fee, evolve(fee, ts=fee.ts + HOUR_MS))
    found = settle(ledger, evolve(statement, income=other)).open_findings
    assert {f.verdict for f in found} == {Verdict.MISSING_HERE, Verdict.MISSING_THERE}
