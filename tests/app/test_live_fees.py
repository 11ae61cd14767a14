"""Spec gap 4: fees that another asset pays are valued at the fill, and settle to the last digit."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match, RequestOp
from grinder_core.analysis.balance import Settlement
from grinder_core.contracts.enums import Side
from grinder_core.contracts.orders import OrderUpdate
from grinder_core.numbers import exact
from grinder_core.venue.exchange.account import FeeWallet
from tests.support.memory_session import ACCOUNT, MemoryLive, live
from tests.support.settled import settled

D = Decimal
LISTED_MS = 150_000
BNB = FeeWallet("BNB", D(600), D(5))


def fills(world: MemoryLive) -> list[OrderUpdate]:
    return [update for update in world.payloads(OrderUpdate) if update.last_qty]


def buy(world: MemoryLive, share_bps: int = 5_000) -> None:
    name = next(n for n, o in world.open_orders().items() if o.side is Side.BUY)
    world.fill(name, share_bps)


def state_price(world: MemoryLive, price: str) -> None:
    world.venue.board.stated_prices["BNBUSDT"] = D(price)


def wallet_of_fees(world: MemoryLive) -> FeeWallet:
    found = world.venue.exchange.floor.account(ACCOUNT).fee_wallet
    assert found is not None
    return found


def is_exact(found: Settlement) -> bool:
    assert found.open_findings == ()
    return found.is_settled and not (found.unlisted or found.unexplained or found.rounding)


async def check_books(world: MemoryLive, folder: Path, count: int) -> None:
    """Journal, venue and session agree on each fee, in its asset and in its value."""
    await world.pass_ms(LISTED_MS)
    ledger, statement, found = await settled(world, folder)
    assert is_exact(found)
    assert len(ledger.fills) == len(statement.trades) == count
    (one,) = found.elsewhere
    assert (one.asset, one.fills) == ("BNB", count)
    assert one.here == one.there == wallet_of_fees(world).paid > 0
    assert one.value == sum(fill.fee for fill in fills(world)) == found.fees_elsewhere
    assert {row.asset for row in statement.income if row.kind == "COMMISSION"} == {"BNB"}
    names = {term.name: (term.here, term.there) for term in found.terms}
    assert names["fees"] == (0, 0)
    assert names["wallet"] == (world.wallet(), world.wallet())
    with exact():
        assert world.believed() == world.wallet() - one.value


def test_a_fee_is_booked_at_the_price_of_its_time(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        assert any("holds 5 BNB, in which fees may be taken" in t for t in world.lines("account"))
        buy(world)
        await world.pass_ms(2_000)
        state_price(world, "700.5")
        await world.pass_ms(10_000)
        buy(world, 10_000)
        await world.pass_ms(2_000)
        first, second = fills(world)
        with exact():
            assert first.fee == first.fee_qty * 600 > 0
            assert second.fee == second.fee_qty * D("700.5") > 0
        assert {first.fee_asset, second.fee_asset} == {"BNB"}
        await check_books(world, tmp_path / "journal", 2)

    live(tmp_path, scene, fees=BNB)


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_fill_between_two_processes_is_valued_too(tmp_path: Path, is_killed: bool) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        buy(world)
        await world.pass_ms(2_000)
        if is_killed:
            await world.kill()
        else:
            world.suffer(Fault(kind=FaultKind.FRAME_LOST, match=Match(stream="user")))
        buy(world)
        state_price(world, "650")
        await world.pass_ms(20_000)
        world.suffer()
        if is_killed:
            await world.started()
        await world.pass_ms(LISTED_MS)
        assert [fill.fee_asset for fill in fills(world)] == ["BNB", "BNB"]
        with exact():
            last = fills(world)[-1]
            assert last.fee == last.fee_qty * 650
        await check_books(world, tmp_path / "journal", 2)

    live(tmp_path, scene, fees=BNB)


def no_prices() -> Fault:
    return Fault(kind=FaultKind.DROP_BEFORE, match=Match(op=RequestOp.MARKET))


def test_without_a_newer_price_a_fill_comes_at_once_at_the_last_one(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        state_price(world, "900")
        world.suffer(no_prices())
        await world.pass_ms(80_000)
        buy(world)
        await world.pass_ms(1_000)
        (fill,) = fills(world)
        with exact():
            assert fill.fee == fill.fee_qty * 600
        assert any("fees in BNB are booked in USDT at a price of" in t
                   for t in world.lines("warning"))  # fmt: skip
        world.suffer()
        await check_books(world, tmp_path / "journal", 1)

    live(tmp_path, scene, fees=BNB)


def test_without_any_price_a_fill_comes_at_once_at_the_base_rate(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        world.venue.board.stated_prices.clear()
        await world.started()
        buy(world)
        await asyncio.sleep(1)
        (fill,) = fills(world)
        with exact():
            assert fill.fee == fill.last_price * fill.last_qty * 2 / 10_000
        assert fill.fee_qty == wallet_of_fees(world).paid
        assert any("at the base rate" in text for text in world.lines("warning"))
        await check_books(world, tmp_path / "journal", 1)

    live(tmp_path, scene, fees=BNB)


def test_once_the_asset_is_used_up_the_wallet_pays(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        buy(world)
        await world.pass_ms(1_000)
        wallet_of_fees(world).balance = D(0)
        buy(world, 10_000)
        await world.pass_ms(LISTED_MS)
        assert [fill.fee_asset for fill in fills(world)] == ["BNB", ""]
        _, _, found = await settled(world, tmp_path / "journal")
        assert is_exact(found)
        fees = next(term for term in found.terms if term.name == "fees")
        assert fees.here == fees.there == -fills(world)[1].fee
        (symbol,) = found.symbols
        assert symbol.fees_here == symbol.fees_there == fills(world)[1].fee

    live(tmp_path, scene, fees=BNB)


def test_an_account_without_other_assets_asks_for_no_price(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        await world.pass_ms(30_000)
        asked = {record.path for record in world.venue.log.newest(1_000)}
        assert "/fapi/v2/ticker/price" not in asked

    live(tmp_path, scene)
