"""Ten minutes of a faulty live session, to the last digit: settled, replayed, compared.

The short form of ``python -m tests.crash.endurance``: in memory, under virtual time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve, frozen

from grinder_adapters.journal import JournalReader
from grinder_adapters.local_venue.fault_kinds import Fault, FaultKind, Match
from grinder_app.live.retelling import Parting, Reteller
from grinder_app.live.sides import backtest_side, live_side
from grinder_app.runner.causes import Cause
from grinder_app.runner.sides import Side, SideComparison, compare_sides
from grinder_core.analysis.balance import Settlement
from grinder_core.analysis.bridge import StepKind
from grinder_core.analysis.settlement import Ledger, Record, Statement, Verdict
from grinder_core.numbers import ZERO, canonical, exact
from grinder_core.venue.exchange import market
from tests.crash.exchange import rough
from tests.support.memory_session import PRICES, MemoryLive, live
from tests.support.settled import settled

SYMBOLS = tuple(PRICES)
MINUTE_MS = 60_000
MINUTES = 10
ENGINE: dict[str, Any] = {
    "levels": 3,
    "spacing_bps": 4,
    "recenter_bps": 6,
    "notional_per_level": Decimal(300),
    "max_notional_total": Decimal(20_000),
    "max_orders_per_minute": 900,
    "max_price_impact_bps": 2_000,
}
TRANSFERS = (Fault(kind=FaultKind.DEPOSIT, match=Match(from_ms=70_000, every_ms=70_000),
                   amount=Decimal("-12.3456789")),)  # fmt: skip


@frozen(kw_only=True)
class Played:
    """What was found of the session."""

    at_once: Settlement
    ledger: Ledger
    statement: Statement
    found: Settlement
    parting: Parting | None
    compared: SideComparison
    without_fees: Side


def pay_funding(world: MemoryLive) -> None:
    floor, now = world.venue.exchange.floor, world.clock.now_ms()
    with exact():
        floor.now = max(floor.now, now)
        for symbol in SYMBOLS:
            market.settle(floor, symbol, Decimal("0.0003"))
    world.venue.push(now)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("explained")

    async def scene(world: MemoryLive) -> dict[str, Any]:
        await world.started()
        plan = rough(7, SYMBOLS, world.clock.now_ms())
        world.suffer(*plan.faults, *TRANSFERS)
        for _ in range(MINUTES):
            await world.pass_ms(MINUTE_MS)
            pay_funding(world)
        world.suffer()
        await world.pass_ms(5_000)
        _, _, at_once = await settled(world, folder / "at_once")
        await world.pass_ms(3 * MINUTE_MS)
        pay_funding(world)  # the session ends before the list tells it of that
        world.suffer(Fault(kind=FaultKind.FRAME_LOST, match=Match(stream="user")))
        world.deposit(77)
        await world.pass_ms(2_000)
        await world.end()
        await world.pass_ms(3 * MINUTE_MS)
        ledger, statement, found = await settled(world, folder / "journal")
        return {"at_once": at_once, "ledger": ledger, "statement": statement, "found": found}

    told = live(folder / "state", scene, engine=ENGINE, symbols=SYMBOLS, walk_bps=3)
    with JournalReader(folder / "journal") as reader:
        parting = Reteller().run(reader).parting
        side = live_side(reader, "live", folder / "a.jsonl")
        compared = compare_sides(side.side, backtest_side(reader, side, folder / "b.jsonl"))
        config = side.config.with_values({"maker_fee_bps_x100": 0, "taker_fee_bps_x100": 0})
        free = backtest_side(reader, evolve(side, config=config), folder / "c.jsonl")
    return Played(parting=parting, compared=compared, without_fees=free, **told)


def test_it_settles_to_the_last_digit(played: Played) -> None:
    found = played.found
    assert found.is_settled
    assert found.open_findings == ()
    assert found.unlisted == found.unexplained == 0
    assert len(played.ledger.fills) == len(played.statement.trades) > 500
    assert len(played.ledger.funding) > MINUTES
    assert len(played.ledger.transfers) >= 8


def test_money_that_moved_when_nobody_listened_any_more_is_pending_with_its_amount(
    played: Played,
) -> None:
    found = played.found
    assert {one.where for one in found.pending} == {Record.LEDGER}
    assert found.not_booked == found.equity_there - found.equity_here - found.rounding
    assert found.not_booked >= 70  # the deposit of 77, and perhaps funding


def test_it_settles_at_once_too_where_the_newest_entries_may_be_pending(played: Played) -> None:
    found = played.at_once
    assert found.is_settled
    assert {one.verdict for one in found.findings} <= {Verdict.PENDING}
    assert found.unexplained == 0


def test_profit_that_was_booked_in_another_order_is_named(played: Played) -> None:
    """Frames that come late or twice reorder fills; the average price then makes other profit."""
    found = played.found
    terms = {term.name: term for term in found.terms}
    assert terms["realised"].difference == found.reordered + found.rounding
    assert terms["fees"].difference == 0
    assert found.reordered != 0


def test_it_is_its_replay(played: Played) -> None:
    assert played.parting is None


def test_every_difference_from_its_backtest_has_a_cause(played: Played) -> None:
    found = played.compared
    assert found.unexplained == 0, found.evidence(Cause.UNEXPLAINED)
    causes = {cause for cause, number in found.by_cause.items() if number}
    assert causes >= {Cause.LATENCY, Cause.FILL_MODEL, Cause.ROUTING, Cause.VENUE_ANSWER}
    assert Cause.COSTS in causes
    assert all(found.evidence(cause) for cause in causes)


def test_what_filled_while_it_stopped_is_said_to_have(played: Played) -> None:
    last = played.compared.a.output_events[-1]
    late = [
        one
        for one in played.compared.pieces
        if one.piece.b is None and one.event_a is not None and one.event_a > last
    ]
    assert all(one.cause is Cause.PROTECTION for one in late)
    assert all("was stopped" in one.evidence for one in late)


def test_the_bridge_to_its_backtest_is_whole(played: Played) -> None:
    found = played.compared
    assert found.bridge.gap == 0
    assert StepKind.NOT_LISTED not in found.bridge.by_kind()
    assert found.bridge.by_kind()[StepKind.FUNDING] != ZERO
    assert found.bridge.end == found.a.books.pnl


def test_a_fill_of_an_order_that_rested_in_both_is_the_fill_model(played: Played) -> None:
    forced = [one for one in played.compared.pieces if one.cause is Cause.FILL_MODEL]
    assert forced
    assert any("rested in both" in one.evidence for one in forced)


def test_a_backtest_that_pays_no_fees_says_so(played: Played) -> None:
    """Else whoever compares profits takes the venue's fees for a loss of the live session."""
    paid = played.compared.a.books.fees
    assert played.without_fees.books.fees == 0 < paid
    assert f"the session paid {canonical(paid)}" in played.without_fees.remark
    assert "no fees" not in played.compared.b.remark
