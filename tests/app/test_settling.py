"""A live session's ledger against its exchange, to the last digit, with things going wrong."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from grinder_adapters.journal import JournalReader
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match
from grinder_app.live.sides import live_side
from grinder_app.report.settle_page import advice
from grinder_core.analysis.balance import Settlement
from grinder_core.analysis.settlement import EntryKind, Record, Verdict
from grinder_core.contracts.enums import Side
from grinder_core.numbers import exact
from grinder_core.venue.exchange import market
from tests.support.memory_session import ACCOUNT, SYMBOL, MemoryLive, live
from tests.support.settled import settled, taken_over

LISTED_MS = 150_000


def ours(world: MemoryLive, side: Side) -> str:
    return next(n for n, o in world.open_orders().items() if o.side is side)


async def traded(world: MemoryLive) -> None:
    """Buy, sell half of it, pay funding, take money out."""
    await world.started()
    world.fill(ours(world, Side.BUY), 10_000)
    await world.pass_ms(2_000)
    world.fill(ours(world, Side.SELL), 5_000)
    await world.pass_ms(2_000)
    floor = world.venue.exchange.floor
    with exact():
        floor.now = world.clock.now_ms()
        market.settle(floor, SYMBOL, Decimal("0.001"))
    world.venue.push(world.clock.now_ms())
    await world.pass_ms(2_000)
    world.deposit(-700)
    await world.pass_ms(2_000)


def is_exact(found: Settlement) -> bool:
    assert found.open_findings == ()
    return found.is_settled and not (found.unlisted or found.unexplained or found.rounding)


def test_a_session_settles_to_the_last_digit(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await traded(world)
        await world.pass_ms(LISTED_MS)
        ledger, statement, found = await settled(world, tmp_path / "journal")
        assert is_exact(found)
        assert found.pending == ()
        assert found.equity_here == found.equity_there
        names = {term.name: (term.here, term.there) for term in found.terms}
        assert names["wallet"] == (world.wallet(), world.wallet())
        assert names["transfers"] == (Decimal(-700), Decimal(-700))
        assert len(ledger.fills) == len(statement.trades) == 2
        assert len(ledger.funding) == 1
        kinds = {row.kind for row in statement.income}
        assert kinds >= {"COMMISSION", "REALIZED_PNL", "FUNDING_FEE", "TRANSFER"}

    live(tmp_path, scene)


def test_a_session_that_goes_on_settles_with_entries_pending(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await traded(world)
        ledger, _, found = await settled(world, tmp_path / "journal")
        assert found.is_settled
        assert ledger.end_ms

    live(tmp_path, scene)


def lost(event: str) -> Fault:
    return Fault(kind=FaultKind.FRAME_LOST, match=Match(stream="user", event=event))


@pytest.mark.parametrize("event", ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"])
@pytest.mark.parametrize("is_killed", [True, False])
def test_a_faulty_session_settles_to_the_last_digit(
    tmp_path: Path, event: str, is_killed: bool
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        world.suffer(lost(event))
        world.fill(ours(world, Side.BUY), 4_000)
        world.deposit(250)
        if is_killed:
            await world.kill()
            world.deposit(30)
        world.suffer()
        await world.pass_ms(LISTED_MS)
        if is_killed:
            await world.started()
        await world.pass_ms(LISTED_MS)
        ledger, statement, found = await settled(world, tmp_path / "journal")
        assert is_exact(found)
        assert len(ledger.fills) == len(statement.trades) == 1
        assert sum(m.amount for m in ledger.transfers) == (280 if is_killed else 250)

    live(tmp_path, scene)


def test_a_trade_that_nobody_told_the_session_is_named(tmp_path: Path) -> None:
    """What a hand at the exchange traded on our symbol is in its books and not in ours."""

    async def scene(world: MemoryLive) -> None:
        await traded(world)
        world.trade(Side.BUY, "0.001")
        await asyncio.sleep(1)
        await world.pass_ms(LISTED_MS)
        _, statement, found = await settled(world, tmp_path / "journal")
        (one,) = found.open_findings
        assert (one.verdict, one.kind, one.where) == (
            Verdict.BY_HAND,
            EntryKind.FILL,
            Record.LEDGER,
        )
        assert one.number == statement.trades[-1].trade_id
        assert one.values["trades"].startswith("BUY 0.001 @ ")
        assert one.owner.startswith("web_")
        assert not found.is_settled
        # it is named to the last digit: nothing else is left of the difference
        assert found.unexplained == 0
        assert found.not_booked == found.equity_there - found.equity_here != 0
        (line,) = advice(found)
        assert one.owner in line
        assert "state adopt-exchange" in line

    live(tmp_path, scene)


@pytest.mark.parametrize("kind", [FaultKind.INJECTED_POSITION, FaultKind.FOREIGN_ORDER])
def test_what_a_fault_trades_is_a_trade_by_hand(tmp_path: Path, kind: FaultKind) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        offset = {"offset_bps": 0} if kind is FaultKind.FOREIGN_ORDER else {}
        match = Match(symbol=SYMBOL, side=Side.BUY, from_ms=1_000)
        world.suffer(Fault(kind=kind, match=match, notional=Decimal(500), **offset))
        await world.pass_ms(3_000)
        for name in world.open_orders():
            if name.startswith("web_foreign_"):
                world.fill(name, 10_000)
        await world.pass_ms(LISTED_MS)
        _, _, found = await settled(world, tmp_path / "journal")
        assert {one.verdict for one in found.open_findings} == {Verdict.BY_HAND}
        assert found.open_findings[0].owner.startswith("web_foreign_")
        assert found.unexplained == 0

    live(tmp_path, scene)


def test_a_position_closed_by_hand_is_named_to_the_last_digit(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await traded(world)
        world.trade(Side.SELL, "0.006")  # the venue lists no position any more, and no mark
        await world.pass_ms(LISTED_MS)
        ledger, statement, found = await settled(world, tmp_path / "journal")
        assert ledger.positions[SYMBOL][0] == Decimal("0.006")
        assert not statement.positions.get(SYMBOL, (0,))[0]
        (one,) = found.open_findings
        assert one.verdict is Verdict.BY_HAND
        assert found.unexplained == 0
        assert found.not_booked != 0

    live(tmp_path, scene)


def test_a_trade_by_hand_that_was_taken_over_is_booked(tmp_path: Path) -> None:
    """After ``state adopt-exchange`` the ledger begins anew, and settles to the last digit."""

    async def scene(world: MemoryLive) -> None:
        await traded(world)
        world.trade(Side.BUY, "0.003")
        await world.pass_ms(LISTED_MS)
        await world.end()
        await taken_over(world)
        await world.started(20_000)
        world.fill(ours(world, Side.SELL), 5_000)
        world.deposit(40)
        await world.pass_ms(LISTED_MS)
        ledger, statement, found = await settled(world, tmp_path / "journal")
        assert found.is_settled
        assert found.findings == ()
        # what was taken over is held at the venue's entry price, which is rounded
        left = found.equity_there - found.equity_here
        assert 0 < abs(left) < Decimal("0.00000001")
        assert len(ledger.fills) == len(statement.trades) == 1
        assert ledger.adopted
        assert sum(m.amount for m in ledger.transfers) == 40
        with JournalReader(tmp_path / "journal") as reader:
            told = live_side(reader, "live", tmp_path / "a.jsonl")
        books = told.side.books
        assert len(books.fills) == 3  # of the whole session
        assert books.stated == books.pnl

    live(tmp_path, scene)


def test_a_row_that_the_exchange_lost_is_named(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await traded(world)
        await world.pass_ms(LISTED_MS)
        rows = world.venue.exchange.floor.account(ACCOUNT).income
        gone = next(row for row in rows if row.kind.value == "COMMISSION")
        rows.remove(gone)
        _, _, found = await settled(world, tmp_path / "journal")
        (one,) = found.open_findings
        assert (one.verdict, one.kind, one.where, one.number) == (
            Verdict.MISSING_THERE,
            EntryKind.FEE,
            Record.INCOME,
            gone.trade_id,
        )
        assert found.unlisted == gone.amount

    live(tmp_path, scene)
