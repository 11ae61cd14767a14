"""LIVE-20 and LIVE-38 in the live session: what differs at the venue, and money that moves there.

The session, its journal, adapter and exchange are real; time and wires are not.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from grinder_adapters.binance.rest_records import IncomeAnswer
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match, RequestOp
from grinder_app.config import load_settings
from grinder_app.config.live_plan import GuardsMissingError, LiveFlags, draft_live
from grinder_app.live.money import APART_MS, calm_before, untold
from grinder_core.contracts.control import AccountUpdate, FundingPaid, Health, PositionUpdate
from grinder_core.contracts.enums import OrderState, Side
from grinder_core.contracts.live import HealthName
from grinder_core.contracts.orders import OrderAdopted, OrderUpdate
from grinder_core.errors import ConfigError
from grinder_core.live.state import Movement
from grinder_core.numbers import exact
from grinder_core.orders.identity import OrderIds
from grinder_core.venue.exchange import liquidation, market
from grinder_core.venue.exchange.vocabulary import IncomeType
from tests.support.memory_session import (
    ACCOUNT,
    DEPOSIT,
    STRATEGY,
    SYMBOL,
    MemoryLive,
    live,
)

FOREIGN = "web_by_hand"
USER = "user"
LISTED_MS = 130_000  # a round, and the time that the venue's list may be behind
CONFIRMED_MS = 75_000  # the next snapshot, and the question about what it shows


def own_id(world: MemoryLive, seq: int = 0) -> str:
    """A client id that a session of this strategy might have made an hour ago."""
    ids = OrderIds(STRATEGY, ts_ms=world.clock.now_ms() - 3_600_000 + seq)
    return ids.next_id(1, world.clock.now_ms() - 3_600_000 + seq)


def lost(event: str) -> Fault:
    """The private stream loses all of one kind."""
    return Fault(kind=FaultKind.FRAME_LOST, match=Match(stream=USER, event=event))


def transfers(world: MemoryLive) -> list[Decimal]:
    return [update.transfer for update in world.payloads(AccountUpdate) if update.transfer]


def verdicts(world: MemoryLive) -> list[int]:
    return [
        health.value for health in world.payloads(Health) if health.name == HealthName.UNRECONCILED
    ]


# -- the start -----------------------------------------------------------------------------------


async def refused(world: MemoryLive) -> str:
    """The words with which a start is refused."""
    session = world.start()
    with pytest.raises(GuardsMissingError) as caught:
        await world.pass_ms(30_000)
    assert not session.core.hot.has_started or session.core.hot.lives > 1
    world.running = None
    return str(caught.value)


def test_an_armed_start_on_a_symbol_with_foreign_orders_is_refused(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        world.rest(FOREIGN)
        text = await refused(world)
        assert f"{SYMBOL}: 1 orders that are not ours ({FOREIGN}): cancel them" in text
        assert list(world.open_orders()) == [FOREIGN]
        world.cancel(FOREIGN)
        await world.started()

    live(tmp_path, scene)


def test_foreign_orders_elsewhere_concern_nobody(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        world.rest(FOREIGN, symbol="ETHUSDT", qty="0.1")
        world.trade(Side.BUY, "0.1", symbol="ETHUSDT")
        await world.started()
        await world.pass_ms(CONFIRMED_MS)
        assert not world.is_unreconciled

    live(tmp_path, scene)


def test_orders_of_ours_on_a_symbol_that_is_not_traded_refuse_a_start(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        name = own_id(world)
        world.rest(name, symbol="ETHUSDT", qty="0.1")
        text = await refused(world)
        assert f"ETHUSDT: 1 orders of ours ({name}) on a symbol that is not traded" in text

    live(tmp_path, scene)


def test_a_first_start_on_a_position_is_refused_with_the_ways_out(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        world.trade(Side.BUY, "0.02")
        text = await refused(world)
        assert f"{SYMBOL}: the venue holds 0.02, and we believe 0: close the difference" in text
        assert "grinder state adopt-exchange" in text
        assert world.open_orders() == {}

    live(tmp_path, scene)


def test_foreign_orders_refuse_a_later_start_as_well(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        await world.kill()
        world.rest(FOREIGN)
        assert FOREIGN in await refused(world)

    live(tmp_path, scene)


def test_a_position_that_differs_after_a_crash_keeps_init_until_it_is_closed(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        await world.kill()
        world.trade(Side.BUY, "0.02")
        world.heard.clear()
        world.start()
        await world.pass_ms(60_000)
        assert not world.is_ready
        assert world.is_unreconciled
        (line,) = set(world.lines("reconcile"))
        assert "the venue holds 0.02, and we believe 0" in line
        assert not any(update.state is OrderState.OPEN for update in world.payloads(OrderUpdate))
        world.trade(Side.SELL, "0.02")
        await world.pass_ms(25_000)
        assert world.is_ready
        assert not world.is_unreconciled
        assert world.lines("reconcile")[-1] == "all agrees again"

    live(tmp_path, scene)


def test_what_executed_while_nobody_listened_is_booked_and_then_all_agrees(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        bought = next(n for n, o in world.open_orders().items() if o.side is Side.BUY)
        await world.kill()
        world.fill(bought, 10_000)
        session = await world.started(10_000)
        held = world.venue.exchange.floor.account(ACCOUNT)
        position = next(iter(held.sides(SYMBOL)))
        assert session.core.engine.hot.symbols[SYMBOL].ledger.qty == position.ledger.qty > 0
        assert not world.is_unreconciled
        await world.pass_ms(LISTED_MS)
        assert world.believed() == world.wallet()  # the list's profit and fees are the fills'

    live(tmp_path, scene)


def test_an_order_of_ours_without_a_record_is_taken_in_with_what_it_executed(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        await world.kill()
        name = own_id(world)
        world.rest(name)
        world.fill(name, 5_000)
        session = await world.started(15_000)
        (adopted,) = world.payloads(OrderAdopted)
        assert (adopted.client_order_id, adopted.qty) == (name, Decimal("0.01"))
        fills = [u for u in world.payloads(OrderUpdate) if u.client_order_id == name and u.last_qty]
        assert [fill.last_qty for fill in fills] == [Decimal("0.005")]
        assert session.core.engine.hot.symbols[SYMBOL].ledger.qty == Decimal("0.005")
        assert name not in world.open_orders()  # its level is taken, so that the diff cancels it
        assert not world.is_unreconciled

    live(tmp_path, scene)


def test_the_symbols_compared_are_those_traded_and_no_others(tmp_path: Path) -> None:
    def plan(**flags: str) -> tuple[str, ...] | None:
        loaded = load_settings(None, environment={}, flags=flags)
        drafted = draft_live(LiveFlags(symbols=("BTCUSDT", "ETHUSDT")), loaded, {})
        return drafted.reconcile.symbol_filter

    assert plan() == ("BTCUSDT", "ETHUSDT")
    assert plan(symbol_filter="ETHUSDT") == ("ETHUSDT",)
    with pytest.raises(ConfigError, match=r"reconcile\.symbol_filter = 'DOGEUSDT'"):
        plan(symbol_filter="DOGEUSDT")


# -- while it trades -----------------------------------------------------------------------------


def test_a_position_that_somebody_else_took_stops_new_risk_until_it_is_gone(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        world.trade(Side.BUY, "0.02")
        await world.pass_ms(2_000)
        assert not world.is_unreconciled  # a fill of ours might be on its way
        await world.pass_ms(CONFIRMED_MS)
        assert world.is_unreconciled
        assert any("the venue holds 0.02" in line for line in world.lines("reconcile"))
        world.trade(Side.SELL, "0.02")
        await world.pass_ms(CONFIRMED_MS)
        assert not world.is_unreconciled
        found = [row["status"] for row in world.rows("audit") if row["status"]]
        assert found[0] == "MISMATCH"
        assert found[-1] == "CLEAN"
        assert found.count("CLEAN") == 1

    live(tmp_path, scene)


def test_an_order_under_an_id_of_ours_that_nobody_here_sent_stops_new_risk(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        name = own_id(world)
        world.rest(name)
        await world.pass_ms(CONFIRMED_MS)
        assert world.is_unreconciled
        assert name in world.open_orders()  # it is shown, not touched
        assert world.payloads(OrderAdopted) == []
        world.cancel(name)
        await world.pass_ms(CONFIRMED_MS)
        assert not world.is_unreconciled

    live(tmp_path, scene)


def test_foreign_orders_while_it_trades_are_told_and_left_alone(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        world.rest(FOREIGN)
        await world.pass_ms(CONFIRMED_MS)
        assert any(FOREIGN in line for line in world.lines("reconcile"))
        assert FOREIGN in world.open_orders()
        assert not world.is_unreconciled
        ended = await world.end()
        assert any(FOREIGN in line for line in ended.foreign)
        assert FOREIGN in world.open_orders()

    live(tmp_path, scene)


def test_a_stream_that_loses_all_orders_leads_to_questions_and_to_no_mismatch(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        await world.pass_ms(CONFIRMED_MS)
        bought = next(n for n, o in world.open_orders().items() if o.side is Side.BUY)
        world.fill(bought, 10_000)
        await world.pass_ms(2 * CONFIRMED_MS)
        assert not world.is_unreconciled
        assert 1 not in verdicts(world)
        assert world.believed() == world.wallet()

    live(tmp_path, scene, faults=[lost("ORDER_TRADE_UPDATE")])


def test_three_rounds_that_cannot_be_made_stop_new_risk_until_one_can(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        down = Match(op=RequestOp.ACCOUNT, path="*positionRisk")
        world.suffer(Fault(kind=FaultKind.SERVER_ERROR, match=down))
        await world.pass_ms(60_000)
        assert not world.is_unreconciled
        await world.pass_ms(120_000)
        assert world.is_unreconciled
        world.suffer()
        await world.pass_ms(30_000)
        assert not world.is_unreconciled

    live(tmp_path, scene)


def test_each_merged_snapshot_is_told(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        await world.pass_ms(5 * 60_000)
        names = [health.name for health in world.payloads(Health)]
        assert 5 <= names.count(HealthName.SNAPSHOT_TAKEN) <= 7

    live(tmp_path, scene)


# -- money ---------------------------------------------------------------------------------------


def test_a_withdrawal_moves_the_baselines_and_trips_no_guard(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started()
        world.deposit(-60_000)
        await world.pass_ms(2_000)
        assert transfers(world) == [Decimal(-60_000)]
        hot = session.core.engine.hot
        assert world.believed() == world.wallet() == DEPOSIT - 60_000
        assert not hot.kill.active
        assert hot.guard is not None
        assert hot.guard.reason is None
        assert hot.account.high_water_mark == DEPOSIT - 60_000
        await world.pass_ms(LISTED_MS)
        assert transfers(world) == [Decimal(-60_000)]  # the list tells it too
        assert session.core.hot.moved == []  # nothing is left to be compared with it
        assert session.core.hot.income_ms > session.core.hot.started_ms

    live(tmp_path, scene, engine={"dd_guard_v1_enabled": True, "max_drawdown_pct": Decimal(5)})


def test_a_deposit_that_the_stream_lost_is_found_in_the_list_once(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        world.deposit(700)
        world.deposit(700)
        await world.pass_ms(2_000)
        assert transfers(world) == []
        world.suffer()
        await world.pass_ms(2 * LISTED_MS)
        assert transfers(world) == [Decimal(700), Decimal(700)]
        assert world.believed() == world.wallet()

    live(tmp_path, scene, faults=[lost("ACCOUNT_UPDATE")])


@pytest.mark.parametrize("is_killed", [True, False])
def test_what_was_deposited_while_no_process_ran_is_booked_once(
    tmp_path: Path, is_killed: bool
) -> None:
    async def scene(world: MemoryLive) -> None:
        await world.started()
        world.deposit(100)
        await world.pass_ms(2_000)
        await (world.kill() if is_killed else world.end())
        world.deposit(250)
        await world.pass_ms(LISTED_MS)
        await world.started()
        assert sorted(transfers(world)) == [Decimal(100), Decimal(250)]
        assert world.believed() == world.wallet()
        await (world.kill() if is_killed else world.end())
        await world.started()
        await world.pass_ms(LISTED_MS)
        assert sorted(transfers(world)) == [Decimal(100), Decimal(250)]

    live(tmp_path, scene)


@pytest.mark.parametrize("is_down", [True, False])
def test_funding_that_nobody_heard_of_is_booked_once(tmp_path: Path, is_down: bool) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started()
        bought = next(n for n, o in world.open_orders().items() if o.side is Side.BUY)
        world.fill(bought, 10_000)
        await world.pass_ms(2_000)
        if is_down:
            await world.kill()
        floor = world.venue.exchange.floor
        with exact():
            floor.now = world.clock.now_ms()
            market.settle(floor, SYMBOL, Decimal("0.01"))
        paid = -floor.account(ACCOUNT).income[-1].amount
        assert paid > 0
        if not is_down:
            world.suffer(lost("ACCOUNT_UPDATE"))
            world.venue.push(world.clock.now_ms())
            world.suffer()
        await world.pass_ms(LISTED_MS)
        if is_down:
            world.venue.push(world.clock.now_ms())
            session = await world.started()
        assert [payment.amount for payment in world.payloads(FundingPaid)] == [paid]
        assert session.core.engine.hot.symbols[SYMBOL].ledger.funding_paid == paid
        assert world.believed() == world.wallet()

    live(tmp_path, scene)


def test_funding_off_the_schedule_is_funding(tmp_path: Path) -> None:
    """The venue has a word of its own for it in its list (reference 7)."""

    async def scene(world: MemoryLive) -> None:
        session = await world.started()
        bought = next(n for n, o in world.open_orders().items() if o.side is Side.BUY)
        world.fill(bought, 10_000)
        await world.pass_ms(2_000)
        account = world.venue.exchange.floor.account(ACCOUNT)
        with exact():
            account.cross_wallet -= Decimal(3)
            account.funding_paid += Decimal(3)
            now = world.clock.now_ms()
            account.note(now, IncomeType.SPECIAL_FUNDING_FEE, SYMBOL, Decimal(-3))
        await world.pass_ms(LISTED_MS)
        assert [payment.amount for payment in world.payloads(FundingPaid)] == [Decimal(3)]
        assert transfers(world) == []
        assert session.core.engine.hot.symbols[SYMBOL].ledger.funding_paid == Decimal(3)
        assert world.believed() == world.wallet()

    live(tmp_path, scene)


def test_a_liquidation_that_the_stream_lost_is_found_and_stops_the_session(
    tmp_path: Path,
) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started()
        bought = next(n for n, o in world.open_orders().items() if o.side is Side.BUY)
        world.fill(bought, 10_000)
        await world.pass_ms(2_000)
        assert not session.core.engine.hot.kill.active
        floor = world.venue.exchange.floor
        account = floor.account(ACCOUNT)
        with exact():
            floor.now = world.clock.now_ms()
            liquidation._close(floor, account, next(iter(account.sides(SYMBOL))))
        world.suffer(lost("ORDER_TRADE_UPDATE"))
        world.venue.push(world.clock.now_ms())
        world.suffer()
        await world.pass_ms(2 * CONFIRMED_MS)
        assert session.core.engine.hot.kill.active
        assert session.core.engine.hot.symbols[SYMBOL].ledger.qty == 0
        assert world.believed() == world.wallet()
        assert not world.is_unreconciled

    live(tmp_path, scene)


def test_a_position_taken_over_is_what_is_expected(tmp_path: Path) -> None:
    async def scene(world: MemoryLive) -> None:
        session = await world.started()
        world.trade(Side.BUY, "0.02")
        price = world.venue.exchange.floor.books[SYMBOL].last
        assert price is not None
        now = world.clock.now_ms()
        session.loop.put(
            PositionUpdate(ts=now, symbol=SYMBOL, qty=Decimal("0.02"),
                           entry_price=price.ask_price, is_adopted=True)
        )  # fmt: skip
        await world.pass_ms(CONFIRMED_MS)
        assert not world.is_unreconciled

    live(tmp_path, scene)


# -- the list of income by itself ----------------------------------------------------------------


@given(st.lists(st.integers(0, 200_000), max_size=12), st.integers(0, 200_000))
def test_the_list_is_read_up_to_a_time_from_which_everything_is_far(
    times: list[int], until: int
) -> None:
    cursor = calm_before(times, until)
    assert cursor <= until
    assert all(abs(ts - cursor) > APART_MS for ts in times)
    if all(abs(ts - until) > APART_MS for ts in times):
        assert cursor == until


def a_row(ts: int, amount: int, kind: str = "TRANSFER", symbol: str = "") -> IncomeAnswer:
    return IncomeAnswer(
        ts=ts, kind=kind, symbol=symbol, asset="USDT", amount=Decimal(amount), tran_id=ts
    )


movements = st.lists(
    st.tuples(st.integers(0, 60_000), st.sampled_from([1, 2]), st.booleans(), st.integers(-40, 40)),
    max_size=12,
)


@given(movements)
def test_each_movement_is_told_once_whether_or_not_the_stream_told_it(
    happened: list[tuple[int, int, bool, int]],
) -> None:
    """Times are far apart or equal, as they are where the same amount moves twice."""
    spread = [(ts // 20_000 * 20_000, amount, heard, late) for ts, amount, heard, late in happened]
    rows = [a_row(ts, amount) for ts, amount, _, _ in sorted(spread)]
    told = [
        Movement(ts=max(ts + late, 0), symbol="", amount=Decimal(amount))
        for ts, amount, heard, late in spread
        if heard
    ]
    new = untold(rows, told)
    assert len(new) == sum(not heard for _, _, heard, _ in spread)
    assert sum(row.amount for row in new) == sum(
        amount for _, amount, heard, _ in spread if not heard
    )


@pytest.mark.parametrize("kind", ["FUNDING_FEE", "SPECIAL_FUNDING_FEE", "INSURANCE_CLEAR"])
def test_a_movement_stands_for_a_row_of_its_own_kind_amount_and_time(kind: str) -> None:
    row = a_row(100_000, 5, kind, SYMBOL)
    same = Movement(ts=100_010, symbol=SYMBOL, amount=Decimal(5))
    assert untold([row], [same]) == []
    for other in (
        evolve(same, symbol=""),
        evolve(same, amount=Decimal(-5)),
        evolve(same, ts=100_000 + APART_MS + 1),
    ):
        assert untold([row], [other]) == [row]
